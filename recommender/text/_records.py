"""Words as the scanner notes them: sixteen bytes of key each, a case, and where the rest is.

A word of at most 16 folded bytes is its own key, two 64-bit numbers padded with zeros, so that
comparing keys is comparing words. A longer one has a hash and its length there instead, with a byte
that stands in no UTF-8 to tell it apart, and its bytes in a scratch array.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender._jit import inlined
from recommender.text._vectors import item, leading_zeros, load_word, put, store_word

__all__ = [
    "KEY_BYTES",
    "Records",
    "at_of",
    "case_of",
    "hash_of",
    "is_long",
    "key_bytes",
    "make_records",
    "note_folded",
    "note_key",
]

KEY_BYTES: Final = 16
_SEED: Final = np.uint64(0x9E3779B97F4A7C15)
_LOW_FACTOR: Final = np.uint64(0xD6E8FEB86659FD93)
_HIGH_FACTOR: Final = np.uint64(0xA0761D6478BD642F)
_HALF: Final = np.uint64(32)
_LONG: Final = np.uint64(0xFF << 56)
_CASES: Final = 3
_AT_SHIFT: Final = 2


class Records(NamedTuple):
    """Words of one text, in its order.

    Attributes
    ----------
    lows, highs : (n,) uint64, their keys
    marks : (n,) int64, the case of the occurrence; above, where a long word is in the scratch array
    """

    lows: NDArray[np.uint64]
    highs: NDArray[np.uint64]
    marks: NDArray[np.int64]


def make_records(n: int) -> Records:
    """Return room for so many words."""
    return Records(np.zeros(n, np.uint64), np.zeros(n, np.uint64), np.zeros(n, np.int64))


@inlined
def hash_of(low: Any, high: Any) -> Any:
    """Return the hash of a key; the upper bits are the good ones."""
    mixed = low ^ high * _HIGH_FACTOR
    return (mixed ^ mixed >> _HALF) * _LOW_FACTOR


@inlined
def is_long(high: Any) -> Any:
    """Say whether the upper half of a key is that of a word of more than 16 bytes."""
    return high >= _LONG


@inlined
def key_bytes(low: Any, high: Any) -> Any:
    """Return the length of the word that a key stands for."""
    if is_long(high):
        return np.int64(high & ~_LONG)
    if high == 0:
        return 8 - (leading_zeros(low) >> 3)
    return 16 - (leading_zeros(high) >> 3)


@inlined
def at_of(records: Records, n: Any) -> Any:
    """Return where in the scratch array the long word of record ``n`` is."""
    return item(records.marks, n) >> _AT_SHIFT


@inlined
def case_of(records: Records, n: Any) -> Any:
    """Return the case of the occurrence that record ``n`` is of."""
    return item(records.marks, n) & _CASES


@inlined
def note_key(records: Records, n: Any, low: Any, high: Any, case: Any) -> None:
    """Write record ``n``, of a word that is its own key."""
    put(records.lows, n, low)
    put(records.highs, n, high)
    put(records.marks, n, np.int64(case))


@inlined
def note_folded(
    records: Records, n: Any, scratch: NDArray[np.uint8], at: Any, n_bytes: Any, case: Any
) -> Any:
    """Write record ``n``, of the word ``scratch[at:at + n_bytes]``; return what of it is needed.

    Sixteen bytes past the word are overwritten.
    """
    store_word(scratch, at + n_bytes, np.uint64(0))
    store_word(scratch, at + n_bytes + 8, np.uint64(0))
    low, high = load_word(scratch, at), load_word(scratch, at + 8)
    kept = 0
    if n_bytes > KEY_BYTES:
        low, high, kept = _SEED, _LONG | np.uint64(n_bytes), n_bytes
        for k in range(0, n_bytes, 8):
            low = (low ^ load_word(scratch, at + k)) * _HIGH_FACTOR
            low ^= low >> _HALF
    elif n_bytes <= 8:
        high = np.uint64(0)
    note_key(records, n, low, high, np.int64(case) | np.int64(at) << _AT_SHIFT)
    return kept
