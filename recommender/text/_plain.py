"""The quick readers: runs of plain text by the block, and words of one- and two-byte letters.

They read what is common and leave the rest: whenever what they see could be a link, a joined word,
a mark or a character that has to be cleaned, they stop before it, and the exact reader in `_scan`
says what it is.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._jit import inlined
from recommender.text import normalize as nz
from recommender.text._records import KEY_BYTES, Records, note_folded, note_key
from recommender.text._vectors import (
    BLOCK,
    ascii_masks,
    fold_cyrillic,
    leading_zeros,
    load_word,
    punctuation_masks,
    store_word,
    trailing_zeros,
)

__all__ = ["SCRATCH", "letter_table", "read_letters", "read_runs"]

Bytes = NDArray[np.uint8]

SCRATCH: Final = BLOCK + KEY_BYTES
"""Bytes at the beginning of a scratch array that the reader of runs folds blocks into."""

# Of a block as many bytes are judged: what the last of them are is seen in those that follow.
_JUDGED: Final = BLOCK - 3
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE: Final = np.uint64(1)
_TWO: Final = np.uint64(2)
_THREE: Final = np.uint64(3)
# ASCII letters, digits and the apostrophe are in lower case with this bit set.
_LOWER: Final = np.uint64(0x2020202020202020)
_NOTHING: Final = np.uint64(0)
_WWW: Final = np.uint64(0x777777)
_LAST_DIGIT: Final = np.uint64(0x39)
_CURL: Final = np.uint8(0xE2)  # the first byte of a curly apostrophe
# Eight bytes of it are a mask of the first or the last eight of sixteen: see `_note_words`.
_BYTE_MASKS: Final = np.array([0xFF] * KEY_BYTES + [0] * KEY_BYTES, np.uint8)

# The entry of a letter: its folded bytes, how many they are, and what it is.
_FOLDED: Final = np.uint32(0xFFFF)
_BITS_SHIFT, _BITS_MASK = 16, 31  # 8 or 16
_LETTER, _CAPITAL = np.uint32(1 << 24), np.uint32(1 << 25)
_FIRST_LEAD, _LAST_LEAD = 0xC3, 0xD3  # U+00C0 to U+04FF


@cache
def letter_table() -> NDArray[np.uint32]:
    """Return the entries of ASCII letters and digits and of the letters U+00C0 to U+04FF.

    Entry ``c`` is of code point ``c``; 0 is none that the quick reader may read.
    """
    table = nz.character_table(is_clean=False)
    entries = np.zeros(0x500, np.uint32)
    for code in [*range(0x80), *range(0xC0, 0x500)]:
        entry = int(table[code])
        kind, folded = entry & nz.CLASS_MASK, chr(entry >> nz.FOLD_SHIFT).encode()
        if kind in (nz.LETTER, nz.DIGIT) and len(folded) <= 2:
            entries[code] = int.from_bytes(folded, "little") | 8 * len(folded) << _BITS_SHIFT
            entries[code] |= int(_LETTER) if kind == nz.LETTER else 0
            entries[code] |= int(_CAPITAL) if entry & nz.UPPER else 0
    entries.setflags(write=False)
    return entries


# --- runs of ASCII and Cyrillic ---


@inlined
def _low_bits(n: Any) -> Any:
    """Return a mask of the lowest ``n`` bits, 0 to 64."""
    return _ALL >> np.uint64(64 - n) if n > 0 else np.uint64(0)


@inlined
def _case_of(upper: Any, letters: Any) -> Any:
    """Return the case of a word whose capitals and letters these bits are."""
    shouted = upper == letters and letters & (letters - _ONE) != 0
    return (upper & _ONE) | np.uint64(shouted) << _ONE


@inlined
def _before_run(runs: Any, hard: Any) -> Any:
    """Return where the run begins that touches the first hard byte, or what is not judged."""
    others = ~runs & _low_bits(min(trailing_zeros(hard), _JUDGED))
    return BLOCK - leading_zeros(others)


@inlined
def _colon(data: Bytes, p: Any, hard: Any) -> Any:
    """Return the bit of a colon just before the first hard byte: a URL may begin there."""
    before = trailing_zeros(hard) - 1
    is_colon = 0 <= before < BLOCK - 1 and data[p + before] == 0x3A
    return _ONE << np.uint64(before) if is_colon else _NOTHING


@inlined
def _punctuation(masks: Any) -> Any:
    """Return first bytes of what may be Cyrillic letters, and of punctuation that is not ASCII.

    That is curly apostrophes (U+2018, U+2019), and other characters that separate and are common:
    U+2012 to U+2017, U+201A, U+201C to U+2027 (three bytes); U+00A0, U+00AB, U+00BB (two bytes).
    """
    leads, general, page, quotes, others, latin, spaces = masks
    general &= page >> _ONE
    return leads, general & quotes >> _TWO, general & others >> _TWO, latin & spaces >> _ONE


@inlined
def _run_begins(source: Any, first: Any, runs: Any) -> Any:
    """Say whether a run begins at a place where a word does."""
    text, p, _ = source
    if runs << _ONE >> np.uint64(first) & _ONE == 0:
        return True
    # Of the bytes that are counted to runs these stand in none.
    before = text[p + first - 1]
    return before == 0x26 or 0x28 <= before <= 0x2A or before == 0x2C


@inlined
def _note_odd(
    source: Any, n_bytes: Any, scratch: Bytes, at: Any, records: Records, n: Any, case: Any
) -> Any:
    """Note a word that is long or has a curly apostrophe; return the bytes of scratch it keeps."""
    text, p, lower = source
    free, last = at, p + n_bytes
    while p < last:
        is_curl = text[p] == _CURL
        scratch[free] = np.uint8(0x27) if is_curl else text[p] | np.uint8(lower)
        p += 3 if is_curl else 1
        free += 1
    return note_folded(records, n, scratch, at, free - at, case)


@inlined
def _odd_words(starts: Any, ends: Any, masks: Any) -> Any:
    """Return the ends of words that hold a curly apostrophe or no small letter.

    A bit added to the beginning of a word is carried past its end if nothing on the way stops it.
    """
    words, letters, upper, _, curly = masks
    small = letters & ~upper
    return ((words & ~small) + starts | ~((words & ~curly) + starts)) & ends


@inlined
def _note_words(source: Any, masks: Any, scratch: Bytes, at: Any, records: Records, n: Any) -> Any:
    """Note the words of a block.

    ``source`` is an array, where in it the block begins, and the bits that fold it. ``masks`` are
    those of words, letters, capitals (bits at the first bytes of these), runs, and curly
    apostrophes inside words. Returns the end of what is kept in ``scratch``, the number of records,
    and -1, or where "www" begins a run.
    """
    text, p, lower = source
    words, letters, upper, runs, curly = masks
    starts, ends = words & ~(words << _ONE), ~words & words << _ONE
    odd = _odd_words(starts, ends, masks)
    while starts != 0:
        first, last = trailing_zeros(starts), trailing_zeros(ends)
        starts &= starts - _ONE
        ends &= ends - _ONE
        length, shift = last - first, np.uint64(first)
        case = upper >> shift & _ONE
        if length > KEY_BYTES or odd >> np.uint64(last) & _ONE != 0:
            own = _low_bits(length)
            case = _case_of(upper >> shift & own, letters >> shift & own)
            if length > KEY_BYTES or curly >> shift & own != 0:
                word = (text, p + first, lower)
                at += _note_odd(word, length, scratch, at, records, n, case)
                n += 1
                continue
        low = (load_word(text, p + first) | lower) & load_word(_BYTE_MASKS, KEY_BYTES - length)
        high = load_word(text, p + first + 8) | lower
        high &= load_word(_BYTE_MASKS, KEY_BYTES + 8 - length)
        if low == _WWW and _run_begins(source, first, runs):
            return at, n, first
        note_key(records, n, low, high, case)
        n += low > _LAST_DIGIT  # a number of one digit is dropped
    return at, n, -1


@inlined
def read_runs(
    data: Bytes, p: Any, end: Any, scratch: Bytes, at: Any, records: Records, n: Any
) -> Any:
    """Read runs of plain words from byte ``p`` on, where a run may begin.

    Stops at the beginning of a run that may be or hold something else, or before a hard byte.
    Returns where, the end of what is kept in ``scratch`` and the number of records.
    """
    go = True
    while go and p < end and p + BLOCK + KEY_BYTES <= len(data):
        letters, small, digits, apostrophes, hyphens, inner, hard, foreign = ascii_masks(data, p)
        firsts, upper, runs = letters, letters & ~small, letters | inner
        curly, leads = _NOTHING, _NOTHING
        if foreign != 0:
            leads, curly, three, two = _punctuation(punctuation_masks(data, p))
            if leads != 0:
                leads, capitals = fold_cyrillic(data, p, scratch)
                firsts, upper = letters | leads, upper | capitals
                letters |= leads | leads << _ONE
            marks = three | curly
            known = letters | marks | marks << _ONE | marks << _TWO | two | two << _ONE
            runs |= letters | curly | curly << _ONE | curly << _TWO
            hard |= foreign & ~known
        visible = _low_bits(min(end - p, BLOCK))
        letters, digits, runs = letters & visible, digits & visible, runs & visible
        curly &= letters << _ONE & letters >> _THREE
        joints = letters << _ONE & digits >> _ONE | digits << _ONE & letters >> _ONE
        hard = (hard | hyphens & joints) & visible
        words = letters | digits | apostrophes & letters << _ONE & letters >> _ONE
        words |= curly | curly << _ONE | curly << _TWO
        stop = end - p
        if hard != 0 or stop > _JUDGED:
            hard |= _colon(data, p, hard)
            stop = _before_run(runs, hard)
            go = hard & _low_bits(_JUDGED) == 0 and stop > 0
            while stop > 0 and data[p + stop] & 0xC0 == 0x80:
                stop -= 1  # a separator that is cut in two
        words &= _low_bits(stop)
        masks = (words, firsts, upper, runs, curly)
        if leads != 0:
            at, n, www = _note_words((scratch, 0, _NOTHING), masks, scratch, at, records, n)
        else:
            at, n, www = _note_words((data, p, _LOWER), masks, scratch, at, records, n)
        if www >= 0:
            stop, go = www, False
        p += stop
    return p, at, n


# --- words of one- and two-byte letters ---


@inlined
def _letter_at(data: Bytes, p: Any, end: Any, letters: NDArray[np.uint32]) -> Any:
    """Return the entry of the character at byte ``p``, and how many bytes it has; 0 for none."""
    if p >= end:
        return np.uint32(0), 0
    lead = np.int64(data[p])
    if lead < 0x80:
        return letters[lead], 1
    if lead < _FIRST_LEAD or lead > _LAST_LEAD:
        return np.uint32(0), 0
    return letters[(lead & 0x1F) << 6 | np.int64(data[p + 1]) & 0x3F], 2


@inlined
def _apostrophe_at(data: Bytes, p: Any, end: Any) -> Any:
    """Return the length of the usual apostrophes, ' and U+2019, at byte ``p``; 0 for others."""
    if data[p] == 0x27:
        return 1
    is_curly = p + 2 < end and data[p] == 0xE2 and data[p + 1] == 0x80 and data[p + 2] == 0x99
    return 3 if is_curly else 0


@inlined
def _ends_word(data: Bytes, p: Any, end: Any, letters: NDArray[np.uint32], before: Any) -> Any:
    """Say whether a word that stops at byte ``p`` ends there for certain."""
    if p >= end:
        return True
    byte = data[p]
    if byte == 0x2D:
        after, width = _letter_at(data, p + 1, end, letters)
        # A hyphen joins a letter and a digit, nothing else.
        return (width == 1 and after == 0) or (after != 0 and (after ^ before) & _LETTER == 0)
    # No letter and no digit, or the reading would not have stopped.
    return byte < 0x80 and byte != 0x27 and byte != 0x60


@inlined
def read_letters(
    data: Bytes, p: Any, end: Any, letters: NDArray[np.uint32], scratch: Bytes, at: Any
) -> Any:
    """Fold the word that begins at byte ``p`` into ``scratch[at:]``, if it is an easy one.

    Returns whether it is, and what `_scan._scan_word` returns. Eight bytes past the word are
    overwritten.
    """
    n_chars, free = 0, at
    n_letters: Any = 0
    n_upper: Any = 0
    n_bits: Any = 0
    first: Any = 0
    word, plain, easy = np.uint64(0), True, True
    before = np.uint32(0)
    while True:
        entry, width = _letter_at(data, p, end, letters)
        if entry == 0:
            if p >= end or before & _LETTER == 0:
                break
            width = _apostrophe_at(data, p, end)
            if width == 0:
                break
            after, n_after = _letter_at(data, p + width, end, letters)
            if after & _LETTER == 0:
                # Past an apostrophe that is no joint the word ends, if nothing odd stands there.
                easy = p + width >= end or (n_after == 1)
                break
            entry = np.uint32(0x27 | 8 << _BITS_SHIFT)
        bits = np.int64(entry >> np.uint32(_BITS_SHIFT)) & _BITS_MASK
        folded = np.uint64(entry & _FOLDED)
        word |= folded << np.uint64(n_bits)
        n_bits += bits
        if n_bits >= 64:
            store_word(scratch, free, word)
            free += 8
            n_bits -= 64
            word = folded >> np.uint64(bits - n_bits)
        capital = np.int64(entry & _CAPITAL != 0)
        first = capital if n_chars == 0 else first
        n_upper += capital
        n_letters += np.int64(entry & _LETTER != 0)
        plain = plain and entry & _LETTER != 0 and width == 1
        before = entry
        n_chars += 1
        p += width
    store_word(scratch, free, word)
    stopped_at_quote = p < end and before & _LETTER != 0 and _apostrophe_at(data, p, end) > 0
    easy = easy and (stopped_at_quote or _ends_word(data, p, end, letters, before))
    return easy, p, free + (n_bits >> 3) - at, n_chars, n_letters, n_upper, first, plain
