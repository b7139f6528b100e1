"""Word types and their numbers: a hash table that is filled from records, by compiled loops.

A slot is four 64-bit numbers of a flat array: the key (see `_records`), the number of the type, and
where its latest pair is. Type ``i`` is ``blob[ends[i]:ends[i + 1]]``; numbers are given in order of
first sight.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, inlined
from recommender._strings import StringColumn, read_only
from recommender.text._records import (
    AT,
    HASH,
    HIGH,
    KEY_BYTES,
    LOW,
    RECORD,
    hash_of,
    is_long,
    key_bytes,
    note_folded,
)
from recommender.text._vectors import item, leading_zeros, load_word, prefetch, store_word

__all__ = [
    "LATEST",
    "LOOK_AHEAD",
    "TYPE",
    "Lexicon",
    "Words",
    "ask_for",
    "has_room",
    "slot_of",
]

TYPE, LATEST = 2, 3
"""Places in a slot, after the key."""

LOOK_AHEAD: Final = 8
"""Records between the one looked up and the one whose slot is asked for."""

_PORTION: Final = 4096
Bytes = NDArray[np.uint8]
Records = NDArray[np.uint64]


class Words(NamedTuple):
    """The table's arrays: see the module. ``size`` holds the number of types."""

    slots: NDArray[np.uint64]
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
            np.zeros(2 * capacity * RECORD, np.uint64),
            np.zeros(capacity + 1, np.int64),
            np.zeros(16 * capacity, np.uint8),
            np.zeros(1, np.int64),
        )

    def __len__(self) -> int:
        return int(self.words.size[0])

    def column(self, start: int = 0) -> StringColumn:
        """Return the types from number ``start`` on; they stay as they are when more come."""
        ends = self.words.ends[start : len(self) + 1].copy()
        return StringColumn(self.words.blob[: ends[-1]], ends)

    def make_room(self, n_types: int, n_bytes: int) -> None:
        """Let as many types of as many bytes be added, whatever they are."""
        slots, ends, blob, size = self.words
        n = int(size[0])
        missing = int(ends[n]) + n_bytes + KEY_BYTES - len(blob)
        if missing > 0:
            blob = np.concatenate((blob, np.zeros(max(missing, len(blob)), np.uint8)))
        if n + n_types >= len(ends):
            capacity = 1 << int(n + n_types).bit_length()
            ends = np.concatenate((ends, np.zeros(capacity + 1 - len(ends), np.int64)))
            larger = np.zeros(2 * capacity * RECORD, np.uint64)
            _move_slots(larger, slots)
            slots = larger
        self.words = Words(slots, ends, blob, size)

    def find(self, column: StringColumn) -> NDArray[np.int32]:
        """Return the number of each string of ``column``, -1 for those that are not here."""
        numbers = np.empty(len(column), np.int32)
        _find(read_only(column.data), column.offsets, self.words, _room(column), numbers)
        return numbers

    def add(self, column: StringColumn) -> NDArray[np.int32]:
        """Return the number of each string of ``column``, entering those that are new."""
        numbers = np.empty(len(column), np.int32)
        room = _room(column)
        for start in range(0, len(column), _PORTION):
            part = column.rows(start, min(start + _PORTION, len(column)))
            self.make_room(len(part), part.n_bytes + KEY_BYTES * len(part))
            _add(read_only(part.data), part.offsets.copy(), self.words, room, numbers[start:])
        return numbers


def _room(column: StringColumn) -> tuple[Bytes, Records]:
    """Return room for a string of ``column`` and its record."""
    longest = int(np.diff(column.offsets).max(initial=0))
    return np.zeros(longest + 2 * KEY_BYTES, np.uint8), np.zeros(RECORD, np.uint64)


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
def place_of(slots: Any, h: Any) -> Any:
    """Return where the slot is at which the search for a hash begins."""
    n_slots = np.uint64(len(slots) // RECORD)
    return np.int64(h >> np.uint64(1 + leading_zeros(n_slots))) * RECORD


@inlined
def _next(slots: Any, slot: Any) -> Any:
    return (slot + RECORD) & (len(slots) - 1)


@inlined
def _place_for(words: Words, records: Records, r: Any, scratch: Bytes) -> Any:
    """Return where the slot of the word of record ``r`` is, or the empty one it would have."""
    slots, ends, blob, _ = words
    low, high = item(records, RECORD * r + LOW), item(records, RECORD * r + HIGH)
    slot = place_of(slots, item(records, RECORD * r + HASH))
    while item(slots, slot + LOW) != 0:
        if item(slots, slot + LOW) == low and item(slots, slot + HIGH) == high:
            if not is_long(high):
                return slot
            begin, at = ends[np.int64(slots[slot + TYPE])], np.int64(records[RECORD * r + AT])
            if _same(blob, begin, scratch, at, key_bytes(low, high)):
                return slot
        slot = _next(slots, slot)
    return slot


@inlined
def slot_of(words: Words, records: Records, r: Any, scratch: Bytes) -> Any:
    """Return where the slot of the word of record ``r`` is, which is entered if it is new."""
    slot = _place_for(words, records, r, scratch)
    if item(words.slots, slot + LOW) == 0:
        _enter(words, records, r, scratch, slot)
    return slot


@inlined
def _enter(words: Words, records: Records, r: Any, scratch: Bytes, slot: Any) -> None:
    """Give the word of record ``r`` the next number and an empty slot."""
    slots, ends, blob, size = words
    low, high = item(records, RECORD * r + LOW), item(records, RECORD * r + HIGH)
    n = size[0]
    free, n_bytes = ends[n], key_bytes(low, high)
    if is_long(high):
        at = np.int64(records[RECORD * r + AT])
        for k in range(0, n_bytes, 8):
            store_word(blob, free + k, load_word(scratch, at + k))
    else:
        store_word(blob, free, low)
        store_word(blob, free + 8, high)
    ends[n + 1] = free + n_bytes
    size[0] = n + 1
    slots[slot + LOW], slots[slot + HIGH] = low, high
    slots[slot + TYPE], slots[slot + LATEST] = np.uint64(n), np.uint64(0)


@inlined
def ask_for(words: Words, records: Records, r: Any) -> None:
    """Have the slot where the word of record ``r`` is looked for brought near."""
    prefetch(words.slots, place_of(words.slots, item(records, RECORD * r + HASH)))


@compiled
def _move_slots(slots: NDArray[np.uint64], old: NDArray[np.uint64]) -> None:
    """Enter what is in ``old`` into the empty ``slots``."""
    for i in range(0, len(old), RECORD):
        if old[i + LOW] != 0:
            # The lowest bits of a hash, which a record has its case in, say nothing of the slot.
            slot = place_of(slots, hash_of(old[i + LOW], old[i + HIGH]))
            while slots[slot + LOW] != 0:
                slot = _next(slots, slot)
            for k in range(RECORD):
                slots[slot + k] = old[i + k]


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


@compiled
def _find(
    data: Bytes, offsets: NDArray[np.int64], words: Words, room: Any, numbers: NDArray[np.int32]
) -> None:
    """Look each string up; -1 if it is not there."""
    scratch, records = room
    for i in range(len(offsets) - 1):
        _note(data, offsets, i, scratch, records)
        slot = _place_for(words, records, 0, scratch)
        is_here = words.slots[slot + LOW] != 0
        numbers[i] = np.int32(words.slots[slot + TYPE]) if is_here else -1


@compiled
def _add(
    data: Bytes, offsets: NDArray[np.int64], words: Words, room: Any, numbers: NDArray[np.int32]
) -> None:
    """Look each string up, or enter it."""
    scratch, records = room
    for i in range(len(offsets) - 1):
        _note(data, offsets, i, scratch, records)
        numbers[i] = np.int32(words.slots[slot_of(words, records, 0, scratch) + TYPE])
