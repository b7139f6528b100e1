"""Compiled loops under ``passages``: cut UTF-8 into passages, hash, count, blank.

Serial and without Python objects; the public functions above them have checked shapes and dtypes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender._jit import jit

__all__ = ["add_to", "cut", "fill_spaces", "look_up"]


@jit
def _is_blank(byte: int) -> bool:
    return byte == 32 or (9 <= byte <= 13)


@jit
def _is_ascii_mark(byte: int) -> bool:
    """Say whether an ASCII byte is neither letter nor digit."""
    if byte >= 128:
        return False
    lower = byte | 32
    return not (48 <= byte <= 57 or 97 <= lower <= 122)


@jit
def _mark_at(data: NDArray[np.uint8], i: int, end: int) -> int:
    """Return the size of the mark at ``i`` (ASCII, U+0080-U+00BF, U+2000-U+203F); 0 for none."""
    byte = data[i]
    if byte < 128:
        return 1 if _is_ascii_mark(byte) else 0
    if byte == 0xC2 and i + 1 < end:
        return 2
    if byte == 0xE2 and i + 2 < end and data[i + 1] == 0x80:
        return 3
    return 0


@jit
def _mark_before(data: NDArray[np.uint8], start: int, end: int) -> int:
    """Return the bytes of the mark that ends at ``end``, 0 where none does."""
    byte = data[end - 1]
    if byte < 128:
        return 1 if _is_ascii_mark(byte) else 0
    if end - start >= 2 and data[end - 2] == 0xC2:
        return 2
    if end - start >= 3 and data[end - 3] == 0xE2 and data[end - 2] == 0x80:
        return 3
    return 0


@jit
def _sentence_end(data: NDArray[np.uint8], i: int, end: int) -> int:
    """Return where the sentence ends whose end mark is at ``i``; -1 where none ends."""
    byte = data[i]
    if byte == 46 or byte == 33 or byte == 63:
        i += 1
    elif byte == 0xE2 and i + 2 < end and data[i + 1] == 0x80 and data[i + 2] == 0xA6:
        i += 3
    else:
        return -1
    while i < end and not _is_blank(data[i]):
        size = _mark_at(data, i, end)
        if size == 0:
            return -1
        i += size
    return i


@jit
def _trimmed(data: NDArray[np.uint8], start: int, end: int) -> tuple[int, int]:
    """Return the span without the marks and blanks at both ends."""
    while start < end:
        size = _mark_at(data, start, end)
        if size == 0:
            break
        start += size
    while start < end:
        size = _mark_before(data, start, end)
        if size == 0:
            break
        end -= size
    return start, end


@jit
def _hash(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    limits: tuple[int, int],
    out: NDArray[np.uint64],
) -> bool:
    """Write FNV-1a, mixed, of the normalised bytes to ``out[0]``; say if the length fits."""
    start, end = _trimmed(data, start, end)
    value = np.uint64(0xCBF29CE484222325)
    chars = 0
    blank = False
    for i in range(start, end):
        byte = data[i]
        if _is_blank(byte):
            if blank:
                continue
            byte = np.uint8(32)
        elif 65 <= byte <= 90:
            byte = np.uint8(byte | 32)
        blank = byte == 32
        chars += byte & 0xC0 != 0x80
        value = (value ^ np.uint64(byte)) * np.uint64(0x100000001B3)
    value ^= value >> np.uint64(32)
    value *= np.uint64(0xD6E8FEB86659FD93)
    out[0] = value ^ (value >> np.uint64(32))
    return limits[0] <= chars <= limits[1]


@jit
def _put(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    row: int,
    limits: tuple[int, int],
    hashes: NDArray[np.uint64],
    spans: NDArray[np.int64],
) -> int:
    """Write the passage to the front of the arrays if its length fits; return how many."""
    if end - start < limits[0] or not _hash(data, start, end, limits, hashes):
        return 0
    spans[0, 0], spans[1, 0], spans[2, 0] = start, end, row
    return 1


@jit
def cut(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    first: int,
    last: int,
    limits: tuple[int, int],
    hashes: NDArray[np.uint64],
    spans: NDArray[np.int64],
) -> int:
    """Write the passages of rows ``first:last`` in the order of their ends; return how many.

    ``hashes`` (room,) uint64 and ``spans`` (3, room) int64 (start, end, row) are filled from the
    front.
    """
    n = 0
    for row in range(first, last):
        end = offsets[row + 1]
        paragraph = sentence = i = offsets[row]
        n_sentences = 0
        while i <= end:
            while i < end and data[i] > 63 and data[i] != 0xE2:  # letters end nothing
                i += 1
            line_end = i == end or data[i] == 10
            stop = i if line_end else _sentence_end(data, i, end)
            if stop < 0:
                i += 1
                continue
            n_sentences += stop > sentence
            n += _put(data, sentence, stop, row, limits, hashes[n:], spans[:, n:])
            i = sentence = stop + line_end
            if line_end:
                if n_sentences > 1:
                    n += _put(data, paragraph, stop, row, limits, hashes[n:], spans[:, n:])
                paragraph = i
                n_sentences = 0
    return n


@jit
def _slot(value: int, site: int, mask: int) -> int:
    mixed = np.uint64(value) ^ (np.uint64(site) * np.uint64(0x9E3779B97F4A7C15))
    return int((mixed ^ (mixed >> np.uint64(29))) & np.uint64(mask))


@jit
def add_to(table: NDArray[np.uint16], hashes: NDArray[np.uint64], sites: NDArray[np.int64]) -> None:
    """Add one to the counter of each (hash, site); a counter stops at 65,535."""
    mask = len(table) - 1
    for i in range(len(hashes)):
        slot = _slot(hashes[i], sites[i], mask)
        if table[slot] < 65535:
            table[slot] += 1


@jit
def look_up(
    table: NDArray[np.uint16], hashes: NDArray[np.uint64], sites: NDArray[np.int64]
) -> NDArray[np.uint16]:
    """Return the counter of each (hash, site)."""
    mask = len(table) - 1
    seen = np.empty(len(hashes), np.uint16)
    for i in range(len(hashes)):
        seen[i] = table[_slot(hashes[i], sites[i], mask)]
    return seen


@jit
def fill_spaces(
    data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> None:
    """Overwrite each span with spaces."""
    for i in range(len(starts)):
        data[starts[i] : ends[i]] = 32
