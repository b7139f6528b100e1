"""Words as the scanner notes them: sixteen bytes of key, a hash, a case, and where the rest is.

A record is four 64-bit numbers, one after another in a flat array. A word of at most 16 folded
bytes is its own key, padded with zeros, so that comparing keys is comparing words. A longer one has
a hash and its length there instead, with a byte that stands in no UTF-8 to tell it apart, and its
bytes in a scratch array.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._jit import inlined
from recommender.text._vectors import leading_zeros, load_word, put, store_word

__all__ = [
    "AT",
    "CASES",
    "HASH",
    "HIGH",
    "KEY_BYTES",
    "LOW",
    "RECORD",
    "hash_of",
    "is_long",
    "key_bytes",
    "note_folded",
    "note_key",
]

KEY_BYTES: Final = 16
LOW, HIGH, HASH, AT = 0, 1, 2, 3
RECORD: Final = 4
"""Numbers in a record."""

CASES: Final = np.uint64(3)
"""The bits of the hash that hold the case of the occurrence instead."""

_SEED: Final = np.uint64(0x9E3779B97F4A7C15)
_LOW_FACTOR: Final = np.uint64(0xD6E8FEB86659FD93)
_HIGH_FACTOR: Final = np.uint64(0xA0761D6478BD642F)
_HALF: Final = np.uint64(32)
_LONG: Final = np.uint64(0xFF << 56)
_TOP_BYTE: Final = np.uint64(56)


@inlined
def hash_of(low: Any, high: Any) -> Any:
    """Return the hash of a key; the upper bits are the good ones."""
    mixed = low ^ high * _HIGH_FACTOR
    return (mixed ^ mixed >> _HALF) * _LOW_FACTOR


@inlined
def is_long(high: Any) -> Any:
    """Say whether the upper half of a key is that of a word of more than 16 bytes."""
    return high >> _TOP_BYTE == np.uint64(0xFF)


@inlined
def key_bytes(low: Any, high: Any) -> Any:
    """Return the length of the word that a key stands for."""
    if is_long(high):
        return np.int64(high & ~_LONG)
    if high == 0:
        return 8 - (leading_zeros(low) >> 3)
    return 16 - (leading_zeros(high) >> 3)


@inlined
def note_key(records: NDArray[np.uint64], n: Any, low: Any, high: Any, case: Any) -> None:
    """Write record ``n``, of a word that is its own key."""
    at = RECORD * n
    put(records, at + LOW, low)
    put(records, at + HIGH, high)
    put(records, at + HASH, hash_of(low, high) & ~CASES | np.uint64(case))


@inlined
def note_folded(
    records: NDArray[np.uint64],
    n: Any,
    scratch: NDArray[np.uint8],
    at: Any,
    n_bytes: Any,
    case: Any,
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
    note_key(records, n, low, high, case)
    put(records, RECORD * n + AT, np.uint64(at))
    return kept
