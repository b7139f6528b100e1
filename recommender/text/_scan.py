"""The compiled reader: rows of UTF-8 to records of words, by the rules that `tokens` states.

A row is read into records (see `_records`) before any is looked up, so that an address found late
takes back what was read of it. What is common goes through the quick readers of `_plain`; the
reader here is exact, and the only one that knows every rule. ``Any`` stands for an integer here.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, inlined
from recommender.text import normalize as nz
from recommender.text._plain import SCRATCH, read_letters, read_runs
from recommender.text._records import Records, note_folded

__all__ = [
    "CAPITALISED",
    "CASE_BITS",
    "IS_READ",
    "MAX_TOKEN_BYTES",
    "MAX_TOKEN_CHARS",
    "N_DONE",
    "N_OVERLONG",
    "N_RECORDS",
    "N_SCRATCH",
    "STATE",
    "UPPER_CASE",
    "decode",
    "scan_row",
]

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Table = NDArray[np.uint32]
Tables = Any
"""The entries of all characters, and those of the letters that the quick reader knows."""

MAX_TOKEN_CHARS: Final = 64
# The case of one occurrence, in the low bits of a token.
CAPITALISED: Final = 1  # begins with a capital
UPPER_CASE: Final = 2  # two letters or more, all capitals
CASE_BITS: Final = 2

MAX_TOKEN_BYTES: Final = 4 * (MAX_TOKEN_CHARS + 1)
_STRESS: Final = 0x301
_END, _SKIP, _ADD = 0, 1, 2
_WORD, _URL, _MAIL = 0, 1, 2
# Where a word begins, or a separator stands: a new run, amid a run, after "word.", after a word. A
# run is what could be an e-mail address or a host name: letters, digits, marks and the separators
# up to LOCAL.
_FRESH, _INSIDE, _DOTTED, _AFTER_WORD, _IN_PAIRS = 0, 1, 2, 3, 4
# Places in the state of a row; the last two are for who looks the records up.
N_RECORDS, _RUN_START, _PLACE, N_OVERLONG, N_SCRATCH, N_DONE, IS_READ = 0, 1, 2, 3, 4, 5, 6
STATE: Final = 7


@inlined
def decode(data: Bytes, p: Any) -> Any:
    """Return the code point at byte ``p`` of well-formed UTF-8, and where the next begins."""
    first = np.int64(data[p])
    if first < 0x80:
        return first, p + 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | (np.int64(data[p + 1]) & 0x3F), p + 2
    tail = (np.int64(data[p + 1]) & 0x3F) << 6 | (np.int64(data[p + 2]) & 0x3F)
    if first < 0xF0:
        return (first & 0x0F) << 12 | tail, p + 3
    return (first & 0x07) << 18 | tail << 6 | (np.int64(data[p + 3]) & 0x3F), p + 4


@inlined
def _look_up(table: Table, code: Any) -> Any:
    """Return the entry of a code point."""
    if code < nz.TABLE_SIZE:
        return np.int64(table[code])
    by_range = np.int64(table[nz.TABLE_SIZE if code < nz.IDEOGRAPHS_END else nz.TABLE_SIZE + 1])
    return by_range & nz.CLASS_MASK | code << nz.FOLD_SHIFT


@inlined
def _class_at(data: Bytes, p: Any, end: Any, table: Table) -> Any:
    """Return the class of the character at byte ``p``; past the end it is STOP."""
    if p >= end:
        return np.int64(nz.STOP)
    return _look_up(table, decode(data, p)[0]) & nz.CLASS_MASK


@inlined
def _encode(blob: Bytes, at: Any, code: Any) -> Any:
    """Write a code point as UTF-8 at ``blob[at]``; return where the next goes."""
    if code < 0x80:
        blob[at] = code
        return at + 1
    if code < 0x800:
        blob[at] = 0xC0 | code >> 6
        blob[at + 1] = 0x80 | code & 0x3F
        return at + 2
    if code < 0x10000:
        blob[at] = 0xE0 | code >> 12
        at += 1
    else:
        blob[at] = 0xF0 | code >> 18
        blob[at + 1] = 0x80 | (code >> 12) & 0x3F
        at += 2
    blob[at] = 0x80 | (code >> 6) & 0x3F
    blob[at + 1] = 0x80 | code & 0x3F
    return at + 2


@inlined
def _joins(kind: Any, before: Any, after: Any, joined: Any) -> Any:
    """Say whether an apostrophe or a hyphen stands inside a word that goes on from ``before``."""
    if kind == nz.APOSTROPHE:
        return before != nz.DIGIT and after == nz.LETTER
    if kind != nz.HYPHEN or joined:
        return False
    return (after == nz.LETTER) if before == nz.DIGIT else (after == nz.DIGIT)


@inlined
def _action(kind: Any, before: Any, after: Any, joined: Any, is_stress: Any) -> Any:
    """Say whether a character other than letter and digit ends the word, is skipped or added."""
    if kind == nz.MARK:
        if before == nz.DIGIT:
            return _END
        return _SKIP if is_stress else _ADD
    if not _joins(kind, before, after, joined):
        return _END
    return _SKIP if kind == nz.HYPHEN else _ADD


@inlined
def _scan_word(data: Bytes, p: Any, end: Any, table: Table, blob: Bytes, at: Any) -> Any:
    """Fold the word that begins at byte ``p`` into ``blob[at:]``.

    Returns where it stops, its folded bytes and characters, its letters, its capitals, whether the
    first character is a capital, and whether there are only ASCII letters in it. Past 64 characters
    nothing more is written.
    """
    free, n_chars, n_letters = at, 0, 0
    n_upper: Any = 0
    before, joined, plain, cyrillic, first = np.int64(nz.DIGIT), False, True, False, np.int64(0)
    while p < end:
        code, q = decode(data, p)
        entry = _look_up(table, code)
        kind = entry & nz.CLASS_MASK
        if kind != nz.LETTER and kind != nz.DIGIT:
            after = _class_at(data, q, end, table)
            action = _action(kind, before, after, joined, cyrillic and code == _STRESS)
            if action == _END:
                break
            joined = joined or kind == nz.HYPHEN
            if action == _SKIP:
                p = q
                continue
        upper: Any = np.int64((entry & nz.UPPER) != 0)
        if n_chars == 0:
            first = upper
        n_upper += upper
        n_letters += kind == nz.LETTER
        plain = plain and kind == nz.LETTER and code < 0x80
        cyrillic = (entry & nz.CYRILLIC) != 0
        p, before = q, kind
        n_chars += 1
        if n_chars <= MAX_TOKEN_CHARS:
            free = _encode(blob, free, entry >> nz.FOLD_SHIFT)
    return p, free - at, n_chars, n_letters, n_upper, first, plain


@inlined
def _record(
    scratch: Bytes, at: Any, n_bytes: Any, records: Records, state: Numbers, case: Any
) -> None:
    """Note the word ``scratch[at:at + n_bytes]``."""
    state[N_SCRATCH] += note_folded(records, state[N_RECORDS], scratch, at, n_bytes, case)
    state[N_RECORDS] += 1


@compiled
def _skip_url(data: Bytes, p: Any, end: Any, table: Table) -> Any:
    while p < end:
        code, after = decode(data, p)
        kind = _look_up(table, code) & nz.CLASS_MASK
        if kind >= nz.STOP:
            break
        p = after
    return p


@compiled
def _skip_run(data: Bytes, p: Any, end: Any, table: Table) -> Any:
    """Return the end of the run at byte ``p``: of what an e-mail address is made of."""
    before = np.int64(nz.DIGIT)
    while p < end:
        code, after = decode(data, p)
        kind = _look_up(table, code) & nz.CLASS_MASK
        if kind < nz.LETTER or kind > nz.LOCAL:
            break
        if kind == nz.MARK and before != nz.LETTER and before != nz.MARK:
            break
        p, before = after, kind
    return p


@inlined
def _is_scheme(data: Bytes, p: Any, end: Any) -> Any:
    """Say whether "://" stands at byte ``p``."""
    return p + 2 < end and data[p] == 0x3A and data[p + 1] == 0x2F and data[p + 2] == 0x2F


@inlined
def _begins_run(place: Any) -> Any:
    return place in (_FRESH, _IN_PAIRS)


@inlined
def _is_www(blob: Bytes, at: Any, n_bytes: Any) -> Any:
    return n_bytes == 3 and blob[at] == 0x77 and blob[at + 1] == 0x77 and blob[at + 2] == 0x77


@compiled
def _link_at(data: Bytes, p: Any, end: Any, table: Table, place: Any, plain_bytes: Any) -> Any:
    """Say what a word turns out to be by what follows it at byte ``p``.

    ``plain_bytes`` is its length if it is all ASCII letters, else 0. Returns a kind and whether
    the run before the word goes with it.
    """
    kind = _class_at(data, p, end, table)
    if kind == nz.COLON:
        return (_URL, False) if _is_scheme(data, p, end) else (_WORD, False)
    after = _class_at(data, p + 1, end, table)
    if after != nz.LETTER and after != nz.DIGIT:
        return _WORD, False
    if kind == nz.AT:
        return _MAIL, True
    if kind == nz.SLASH and place == _DOTTED and plain_bytes >= 2:
        return _URL, True
    return _WORD, False


@inlined
def _read_word(
    data: Bytes, p: Any, end: Any, tables: Tables, scratch: Bytes, records: Records, state: Numbers
) -> Any:
    """Read one word or the link it belongs to; return where to go on."""
    table, letters = tables
    at, place = state[N_SCRATCH], state[_PLACE]
    easy, q, n_bytes, n_chars, n_letters, n_upper, first, plain = read_letters(
        data, p, end, letters, scratch, at
    )
    if not easy:
        q, n_bytes, n_chars, n_letters, n_upper, first, plain = _scan_word(
            data, p, end, table, scratch, at
        )
    state[_PLACE] = _AFTER_WORD
    if q < end and (data[q] == 0x2E or data[q] == 0x3A or data[q] == 0x2F or data[q] == 0x40):
        if data[q] == 0x2E and _begins_run(place) and _is_www(scratch, at, n_bytes):
            return _skip_url(data, q, end, table)
        link, with_run = _link_at(data, q, end, table, place, n_bytes if plain else 0)
        if with_run:
            state[N_RECORDS] = state[_RUN_START]
        if link != _WORD:
            return (
                _skip_url(data, q, end, table)
                if link == _URL
                else _skip_run(data, q + 1, end, table)
            )
    if n_chars > MAX_TOKEN_CHARS:
        state[N_OVERLONG] += 1
    elif n_letters > 0 or n_chars > 1:
        all_upper = n_letters > 1 and n_upper == n_letters
        case = first | (UPPER_CASE if all_upper else 0)
        _record(scratch, at, n_bytes, records, state, case)
    return q


@inlined
def _read_pair(
    data: Bytes, p: Any, end: Any, table: Table, scratch: Bytes, records: Records, state: Numbers
) -> Any:
    """Read a pair of unspaced characters; a lone one counts only if it is the whole run."""
    at = state[N_SCRATCH]
    code, q = decode(data, p)
    free = _encode(scratch, at, _look_up(table, code) >> nz.FOLD_SHIFT)
    is_pair = _class_at(data, q, end, table) == nz.UNSPACED
    if is_pair:
        folded = _look_up(table, decode(data, q)[0]) >> nz.FOLD_SHIFT
        free = _encode(scratch, free, folded)
    if is_pair or state[_PLACE] != _IN_PAIRS:
        _record(scratch, at, free - at, records, state, 0)
    state[_PLACE] = _IN_PAIRS
    return q


@inlined
def _next_place(kind: Any, place: Any) -> Any:
    """Return the place after a separator; those that addresses are made of stay in the run."""
    if kind == nz.DOT and place == _AFTER_WORD:
        return _DOTTED
    return _INSIDE if nz.APOSTROPHE <= kind <= nz.LOCAL else _FRESH


@inlined
def _pass_separator(data: Bytes, p: Any, end: Any, table: Table) -> Any:
    """Return the end of the separator at byte ``p``, or of the URL whose "://" it begins."""
    return _skip_url(data, p, end, table) if _is_scheme(data, p, end) else decode(data, p)[1]


@inlined
def _read_runs(
    data: Bytes, p: Any, end: Any, scratch: Bytes, records: Records, state: Numbers
) -> Any:
    """Read what the quick reader of ASCII reads; the place after it is a fresh one."""
    p, state[N_SCRATCH], state[N_RECORDS] = read_runs(
        data, p, end, scratch, state[N_SCRATCH], records, state[N_RECORDS]
    )
    return p


@compiled
def scan_row(
    data: Bytes, p: Any, end: Any, tables: Tables, scratch: Bytes, records: Records, state: Numbers
) -> Any:
    """Record the words of one row; False if it has to be cleaned first."""
    table = tables[0]
    state[N_RECORDS], state[N_SCRATCH], state[_PLACE] = 0, SCRATCH, _FRESH
    n_overlong = state[N_OVERLONG]
    while p < end:
        if state[_PLACE] == _FRESH and data[p] > 0x20:
            p = _read_runs(data, p, end, scratch, records, state)
            if p >= end:
                return True
        if _begins_run(state[_PLACE]):
            state[_RUN_START] = state[N_RECORDS]
        kind = _class_at(data, p, end, table)
        if kind == nz.LETTER or kind == nz.DIGIT:
            p = _read_word(data, p, end, tables, scratch, records, state)
        elif kind == nz.UNSPACED:
            p = _read_pair(data, p, end, table, scratch, records, state)
        elif kind == nz.UNKNOWN:
            state[N_RECORDS], state[N_OVERLONG] = 0, n_overlong
            return False
        else:
            p = _pass_separator(data, p, end, table)
            state[_PLACE] = _next_place(kind, state[_PLACE])
    return True
