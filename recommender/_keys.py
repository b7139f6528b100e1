"""Finding a string in a column: sorted 64-bit hashes, and the rows they stand for.

Bytes are compared, not only hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._jit import jit
from recommender._strings import StringColumn
from recommender._utf8 import encode

__all__ = ["KeyTable", "hash_row", "hash_rows"]

_64_BITS = (1 << 64) - 1


@jit
def _hash_rows(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """FNV-1a with a final avalanche (murmur3's fmix64), one hash a row."""
    n = offsets.size - 1
    out = np.empty(n, np.uint64)
    for i in range(n):
        h = np.uint64(14695981039346656037)
        for j in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(data[j])) * np.uint64(1099511628211)
        h ^= h >> np.uint64(33)
        h *= np.uint64(0xFF51AFD7ED558CCD)
        h ^= h >> np.uint64(33)
        out[i] = h
    return out


def hash_rows(column: StringColumn) -> NDArray[np.uint64]:
    """Return the 64-bit hash of each row's bytes, the same on every machine."""
    hashes: NDArray[np.uint64] = _hash_rows(column.data, column.offsets)
    return hashes


def hash_row(row: bytes) -> int:
    """Return what `hash_rows` says of one row, without loading the compiled loop."""
    h = 14695981039346656037
    for byte in row:
        h = (h ^ byte) * 1099511628211 & _64_BITS
    h ^= h >> 33
    h = h * 0xFF51AFD7ED558CCD & _64_BITS
    return h ^ h >> 33


@dataclass(frozen=True, slots=True)
class KeyTable:
    """A look-up from string to row.

    Attributes
    ----------
    column : StringColumn of n rows
    hashes : (n_keys,) uint64, ascending
    rows : (n_keys,) int32
        The row each hash belongs to. Empty rows have no key.
    """

    column: StringColumn
    hashes: NDArray[np.uint64]
    rows: NDArray[np.int32]

    @classmethod
    def build(cls, column: StringColumn) -> KeyTable:
        """Index every non-empty row of ``column``; of equal strings the first row is found."""
        rows = np.flatnonzero(np.diff(column.offsets)).astype(np.int32)
        hashes = hash_rows(column)[rows]
        order = np.argsort(hashes, kind="stable")
        return cls(column, hashes[order], rows[order])

    def find(self, key: str) -> int:
        """Return the first row that holds ``key``, or -1."""
        return next(iter(self.find_all(key)), -1)

    def find_all(self, key: str) -> list[int]:
        """Return every row that holds ``key``, ascending."""
        wanted = encode(key)  # as the column did
        probe = np.uint64(hash_row(wanted))
        place = int(np.searchsorted(self.hashes, probe))
        found = []
        while place < len(self.hashes) and self.hashes[place] == probe:
            row = int(self.rows[place])
            if self.column.bytes_at(row) == wanted:
                found.append(row)
            place += 1
        return found

    def find_many(self, keys: StringColumn) -> NDArray[np.int32]:
        """Return the row of each key, -1 where there is none."""
        found: NDArray[np.int32] = _find_many(
            hash_rows(keys),
            (keys.data, keys.offsets),
            (self.hashes, self.rows),
            (self.column.data, self.column.offsets),
        )
        return found

    def count_many(self, keys: StringColumn) -> NDArray[np.int64]:
        """Return how many rows may hold each key: those of its hash."""
        probes = hash_rows(keys)
        first = np.searchsorted(self.hashes, probes)
        return np.searchsorted(self.hashes, probes, side="right") - first


@jit
def _find_many(probes: Any, keys: Any, table: Any, column: Any) -> Any:
    """Look each key up by its hash and compare its bytes, as ``find`` does."""
    hashes, rows = table
    out = np.full(probes.size, -1, np.int32)
    for i in range(probes.size):
        place = np.searchsorted(hashes, probes[i])
        while place < hashes.size and hashes[place] == probes[i] and out[i] < 0:
            row = rows[place]
            start, stop = column[1][row], column[1][row + 1]
            first, last = keys[1][i], keys[1][i + 1]
            if stop - start == last - first:
                same = True
                for j in range(last - first):
                    same = same and column[0][start + j] == keys[0][first + j]
                if same:
                    out[i] = row
            place += 1
    return out
