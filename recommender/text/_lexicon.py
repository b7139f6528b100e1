"""Word types and their numbers: a hash table that is filled from records, by compiled loops.

An index leads from the hash of a word to its number, and the keys (see `_records`) stand one after
another by number. Numbers are given in order of first sight, so that the keys of common words lie
close together. Type ``i`` is ``blob[ends[i]:ends[i + 1]]``.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, inlined
from recommender._strings import StringColumn, as_bytes
from recommender.text._records import (
    KEY_BYTES,
    Records,
    at_of,
    hash_of,
    is_long,
    key_bytes,
    make_records,
    note_folded,
)
from recommender.text._vectors import item, leading_zeros, load_word, prefetch, put, store_word

__all__ = [
    "BATCH",
    "LATEST",
    "TYPE",
    "Lexicon",
    "Words",
    "approach",
    "has_room",
    "longer",
    "type_of",
]

TYPE: Final = 4
"""Numbers that the table has of a type: the two of its key, where its latest pair is, none."""

LATEST: Final = 2

BATCH: Final = 64
"""Words whose places are found before any of them is compared, so that none is waited for."""

_PORTION: Final = 4096
Bytes = NDArray[np.uint8]


class Words(NamedTuple):
    """The table's arrays.

    Attributes
    ----------
    places : uint32, a power of two of them, the number of a type and 1 more; 0 = free
    types : uint64, `TYPE` numbers for no word, then for each type: its key, and where its latest
        pair is (see `_reading`)
    ends : int64; blob : uint8; see the module
    size : (1,) int64, the number of types
    """

    places: NDArray[np.uint32]
    types: NDArray[np.uint64]
    ends: NDArray[np.int64]
    blob: NDArray[np.uint8]
    size: NDArray[np.int64]


class Lexicon:
    """Word types of one language, or any other set of strings that grows.

    Attributes
    ----------
    words : Words
        For compiled loops; replaced when the table grows.
    """

    def __init__(self, n_expected: int = 512) -> None:
        capacity = 1 << max(9, (n_expected - 1).bit_length())
        self.words = Words(
            np.zeros(2 * capacity, np.uint32),
            np.zeros(TYPE * (capacity + 1), np.uint64),
            np.zeros(capacity + 1, np.int64),
            np.zeros(8 * capacity, np.uint8),
            np.zeros(1, np.int64),
        )

    def __len__(self) -> int:
        return int(self.words.size[0])

    def set_latest(self, numbers: NDArray[np.integer], latest: np.uint64) -> None:
        """Say where the latest pair of some types is."""
        self.words.types[TYPE * (numbers + 1) + LATEST] = latest

    def column(self, start: int = 0) -> StringColumn:
        """Return the types from number ``start`` on; they stay as they are when more come."""
        ends = self.words.ends[start : len(self) + 1].copy()
        return StringColumn(self.words.blob[: ends[-1]], ends)

    def make_room(self, n_types: int, n_bytes: int) -> None:
        """Let as many types of as many bytes be added, whatever they are."""
        index, types, ends, blob, size = self.words
        n = int(size[0])
        missing = int(ends[n]) + n_bytes + KEY_BYTES - len(blob)
        if missing > 0:
            blob = longer(blob, max(missing, len(blob)))
        if n + n_types >= len(ends):
            capacity = 1 << int(n + n_types).bit_length()
            ends = longer(ends, capacity + 1 - len(ends))
            types = longer(types, TYPE * (capacity + 1) - len(types))
            index = np.zeros(2 * capacity, np.uint32)
            _enter_all(index, types, n)
        self.words = Words(index, types, ends, blob, size)

    def find(self, column: StringColumn) -> NDArray[np.int32]:
        """Return the number of each string of ``column``, -1 for those that are not here."""
        numbers = np.empty(len(column), np.int32)
        _find(as_bytes(column.data), column.offsets, self.words, _room(column), numbers)
        return numbers

    def add(self, column: StringColumn) -> NDArray[np.int32]:
        """Return the number of each string of ``column``, entering those that are new."""
        numbers = np.empty(len(column), np.int32)
        room = _room(column)
        for start in range(0, len(column), _PORTION):
            part = column.rows(start, min(start + _PORTION, len(column)))
            self.make_room(len(part), part.n_bytes + KEY_BYTES * len(part))
            _add(as_bytes(part.data), part.offsets.copy(), self.words, room, numbers[start:])
        return numbers


def longer(array: NDArray[Any], n: int) -> NDArray[Any]:
    """Return a copy with ``n`` zeros, or rows of zeros, more; these take no memory until used."""
    copy = np.zeros((len(array) + n, *array.shape[1:]), array.dtype)
    copy[: len(array)] = array
    return copy


def _room(column: StringColumn) -> tuple[Bytes, Records]:
    """Return room for a string of ``column`` and its record."""
    longest = int(np.diff(column.offsets).max(initial=0))
    return np.zeros(longest + 2 * KEY_BYTES, np.uint8), make_records(1)


@inlined
def has_room(words: Words, n_types: Any, n_bytes: Any) -> Any:
    """Say whether as many types of as many bytes fit in, whatever they are."""
    n = words.size[0]
    return n + n_types < len(words.ends) and words.ends[n] + n_bytes + KEY_BYTES <= len(words.blob)


@inlined
def _same(blob: Bytes, a: Any, scratch: Bytes, b: Any, n: Any) -> Any:
    """Say whether ``n`` bytes, 8 or more, are the same."""
    i = 0
    while i < n - 8 and load_word(blob, a + i) == load_word(scratch, b + i):
        i += 8
    last = n - 8
    return i >= last and load_word(blob, a + last) == load_word(scratch, b + last)


@inlined
def _home(index: Any, low: Any, high: Any) -> Any:
    """Return the place of the index at which the search for a key begins."""
    shift = np.uint64(1 + leading_zeros(np.uint64(len(index))))
    return np.int64(hash_of(low, high) >> shift)


@inlined
def _is_there(words: Words, number: Any, records: Records, r: Any, scratch: Bytes) -> Any:
    """Say whether the type before ``number`` is the word of record ``r``."""
    low, high = item(records.lows, r), item(records.highs, r)
    if (item(words.types, TYPE * number) ^ low) | (
        item(words.types, TYPE * number + 1) ^ high
    ) != 0:
        return False
    if not is_long(high):
        return True
    begin, at = words.ends[number - 1], at_of(records, r)
    return _same(words.blob, begin, scratch, at, key_bytes(low, high))


@inlined
def _search(words: Words, place: Any, records: Records, r: Any, scratch: Bytes) -> Any:
    """Search the word of record ``r`` from a place of the index on.

    Returns what stands there, its number and 1 more, or 0; and where.
    """
    number = np.int64(item(words.places, place))
    while not _is_there(words, number, records, r, scratch):
        if number == 0:
            break
        place = (place + 1) & (len(words.places) - 1)
        number = np.int64(item(words.places, place))
    return number, place


@inlined
def _enter(words: Words, records: Records, r: Any, scratch: Bytes, place: Any) -> Any:
    """Give the word of record ``r`` the next number and a free place; return what stands there."""
    index, types, ends, blob, size = words
    low, high = item(records.lows, r), item(records.highs, r)
    n = size[0]
    free, n_bytes = ends[n], key_bytes(low, high)
    if is_long(high):
        at = at_of(records, r)
        for k in range(0, n_bytes, 8):
            store_word(blob, free + k, load_word(scratch, at + k))
    else:
        store_word(blob, free, low)
        store_word(blob, free + 8, high)
    ends[n + 1] = free + n_bytes
    size[0] = n + 1
    put(types, TYPE * (n + 1), low)
    put(types, TYPE * (n + 1) + 1, high)
    index[place] = n + 1
    return n + 1


@inlined
def approach(words: Words, records: Records, first: Any, last: Any, homes: Any) -> None:
    """Find where the searches for at most `BATCH` records begin, and have all that brought near."""
    for r in range(first, last):  # this loop is made into one of vectors
        place = _home(words.places, item(records.lows, r), item(records.highs, r))
        put(homes, r - first, place)
    for i in range(last - first):
        prefetch(words.places, item(homes, i))
    for i in range(last - first):
        prefetch(words.types, TYPE * np.int64(item(words.places, item(homes, i))))


@inlined
def type_of(words: Words, home: Any, records: Records, r: Any, scratch: Bytes) -> Any:
    """Return the number of the word of record ``r``, and 1 more; it is entered if it is new.

    ``home`` is where `approach` says that the search begins.
    """
    number, place = _search(words, home, records, r, scratch)
    if number == 0:
        number = _enter(words, records, r, scratch, place)
    return number


@compiled
def _enter_all(index: NDArray[np.uint32], types: NDArray[np.uint64], n: Any) -> None:
    """Enter the first ``n`` types into an empty index: common ones first, so at their homes."""
    for number in range(1, n + 1):
        place = _home(index, types[TYPE * number], types[TYPE * number + 1])
        while index[place] != 0:
            place = (place + 1) & (len(index) - 1)
        index[place] = number


@inlined
def _note(data: Bytes, offsets: NDArray[np.int64], i: Any, scratch: Bytes, records: Any) -> None:
    """Note string ``i`` as the only record."""
    begin, n_bytes = offsets[i], offsets[i + 1] - offsets[i]
    if begin + n_bytes + 8 <= len(data):
        for k in range(0, n_bytes, 8):
            store_word(scratch, k, load_word(data, begin + k))
    else:
        for k in range(n_bytes):
            scratch[k] = data[begin + k]
    note_folded(records, 0, scratch, 0, n_bytes, 0)


@inlined
def _search_only(words: Words, records: Records, scratch: Bytes) -> Any:
    """Search the word of the only record, as `_search` does."""
    low, high = records.lows[0], records.highs[0]
    return _search(words, _home(words.places, low, high), records, 0, scratch)


@compiled
def _find(
    data: Bytes, offsets: NDArray[np.int64], words: Words, room: Any, numbers: NDArray[np.int32]
) -> None:
    """Look each string up; -1 if it is not there."""
    scratch, records = room
    for i in range(len(offsets) - 1):
        _note(data, offsets, i, scratch, records)
        numbers[i] = _search_only(words, records, scratch)[0] - 1


@compiled
def _add(
    data: Bytes, offsets: NDArray[np.int64], words: Words, room: Any, numbers: NDArray[np.int32]
) -> None:
    """Look each string up, or enter it."""
    scratch, records = room
    for i in range(len(offsets) - 1):
        _note(data, offsets, i, scratch, records)
        number, place = _search_only(words, records, scratch)
        if number == 0:
            number = _enter(words, records, 0, scratch, place)
        numbers[i] = number - 1
