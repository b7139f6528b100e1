"""The quick readers: runs of plain ASCII by the block, and words of one- and two-byte letters.

They read what is common and leave the rest: whenever what they see could be a link, a joined word,
a mark or a character that has to be cleaned, they stop before it, and the exact reader in `_scan`
says what it is.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.text import normalize as nz
from recommender.text._records import KEY_BYTES, note_folded, note_key
from recommender.text._vectors import (
    BLOCK,
    SLACK,
    block_masks,
    inlined,
    leading_zeros,
    load_word,
    store_word,
    trailing_zeros,
)

__all__ = ["letter_table", "read_letters", "read_runs"]

Bytes = NDArray[np.uint8]
Records = NDArray[np.uint64]

_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE: Final = np.uint64(1)
_TOP: Final = np.uint64(1 << 63)
# ASCII letters, digits and the apostrophe are in lower case with this bit set.
_LOWER: Final = np.uint64(0x2020202020202020)
_WWW: Final = np.uint64(0x777777)
_LAST_DIGIT: Final = np.uint64(0x39)

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


# --- runs of ASCII ---


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
    """Return where the run begins that touches the first hard byte, or the end of the block."""
    others = ~runs & _low_bits(trailing_zeros(hard))
    return BLOCK - leading_zeros(others)


@inlined
def _note_long(
    data: Bytes, p: Any, n_bytes: Any, scratch: Bytes, at: Any, records: Records, n: Any, case: Any
) -> Any:
    """Note an ASCII word of more than 16 bytes; return how many bytes of scratch it keeps."""
    for k in range(0, n_bytes, 8):
        store_word(scratch, at + k, load_word(data, p + k) | _LOWER)
    return note_folded(records, n, scratch, at, n_bytes, case)


@inlined
def read_runs(
    data: Bytes, p: Any, end: Any, scratch: Bytes, at: Any, records: Records, n: Any
) -> Any:
    """Read runs of plain ASCII words from byte ``p`` on, where a run may begin.

    Stops at the beginning of a run that may be or hold something else, or before a hard byte.
    Returns where, the end of what is kept in ``scratch`` and the number of records.
    """
    go = True
    while go and p < end and p + SLACK <= len(data):
        letters, upper, digits, apostrophes, hyphens, inner, colons, hard = block_masks(data, p)
        visible = _low_bits(min(end - p, BLOCK))
        letters, digits, hard = letters & visible, digits & visible, hard & visible
        runs = letters | digits | (apostrophes | hyphens | inner) & visible
        words = letters | digits | apostrophes & letters << _ONE & letters >> _ONE
        joints = letters << _ONE & digits >> _ONE | digits << _ONE & letters >> _ONE
        hard |= (colons & (hard >> _ONE | _TOP)) & visible | hyphens & joints
        stop = end - p
        if hard != 0 or stop >= BLOCK:
            stop = _before_run(runs, hard)
            go = hard == 0 and stop > 0
        words &= _low_bits(min(stop, BLOCK))
        starts, ends = words & ~(words << _ONE), ~words & words << _ONE
        while starts != 0:
            first, last = trailing_zeros(starts), trailing_zeros(ends)
            starts &= starts - _ONE
            ends &= ends - _ONE
            length, q, shift = last - first, p + first, np.uint64(first)
            own = _low_bits(length)
            case = _case_of(upper >> shift & own, letters >> shift & own)
            if length > KEY_BYTES:
                at += _note_long(data, q, length, scratch, at, records, n, case)
                n += 1
                continue
            low = (load_word(data, q) | _LOWER) & _low_bits(min(8 * length, 64))
            high = (load_word(data, q + 8) | _LOWER) & _low_bits(8 * length - 64)
            if low == _WWW and runs << _ONE >> shift & _ONE == 0:
                stop, starts, go = first, np.uint64(0), False
                continue
            note_key(records, n, low, high, case)
            n += low > _LAST_DIGIT  # a number of one digit is dropped
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
        return width == 1 and after == 0 or after != 0 and (after ^ before) & _LETTER == 0
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
    n_chars, n_letters, n_upper, n_bits, free = 0, 0, 0, 0, at
    word, first, plain, easy = np.uint64(0), 0, True, True
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
