"""Many strings as two arrays, UTF-8 bytes and offsets: how text travels, is mapped and stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._jit import jit

__all__ = ["StringColumn", "concatenate", "encode"]


@dataclass(frozen=True, slots=True)
class StringColumn:
    """A read-only column of strings.

    Attributes
    ----------
    data : (n_bytes,) uint8
        The strings' UTF-8, one after another.
    offsets : (n + 1,) int64
        String ``i`` is ``data[offsets[i]:offsets[i + 1]]``. ``offsets[0]`` need not be 0, so that a
        slice of rows shares its bytes with the whole.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def from_strings(cls, strings: Iterable[str]) -> StringColumn:
        """Encode ``strings``; a lone surrogate becomes U+FFFD, because UTF-8 has no form for it."""
        return cls.from_bytes([encode(s) for s in strings])

    @classmethod
    def from_bytes(cls, rows: Sequence[bytes]) -> StringColumn:
        """Join rows that are UTF-8 already."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        return cls(np.frombuffer(b"".join(rows), np.uint8), offsets)

    @classmethod
    def from_arrow(cls, array: Any) -> StringColumn:
        """Share the buffers of a pyarrow string array; nulls become empty strings.

        Only an array whose nulls hide bytes is copied.
        """
        wide = array.type in ("large_string", "large_binary")
        if not wide and array.type not in ("string", "binary"):
            array, wide = array.cast("large_string"), True
        _, raw_offsets, raw_data = array.buffers()
        dtype = np.int64 if wide else np.int32
        every = np.frombuffer(raw_offsets, dtype, count=array.offset + len(array) + 1)
        data = np.frombuffer(raw_data, np.uint8) if raw_data is not None else np.zeros(0, np.uint8)
        column = cls(data, every[array.offset :].astype(np.int64))
        if array.null_count and np.diff(column.offsets)[array.is_null().to_numpy(False)].any():
            return cls.from_arrow(array.fill_null(""))
        return column

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> str:
        return self.bytes_at(i).decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def bytes_at(self, i: int) -> bytes:
        """Return row ``i`` as UTF-8."""
        return bytes(self.data[self.offsets[i] : self.offsets[i + 1]])

    def rows(self, start: int, stop: int) -> StringColumn:
        """Return rows ``start:stop``, sharing the bytes."""
        return StringColumn(self.data, self.offsets[start : stop + 1])

    def take(self, rows: NDArray[np.integer]) -> StringColumn:
        """Return the named rows, in that order, in new arrays."""
        return StringColumn(*_take(self.data, self.offsets, rows.astype(np.int64)))

    def compact(self) -> StringColumn:
        """Return the same rows with no bytes around them, as files hold them."""
        if self.offsets[0] == 0 and self.offsets[-1] == len(self.data):
            return self
        return concatenate([self])

    @property
    def n_bytes(self) -> int:
        """Bytes of text between the first and the last row."""
        return int(self.offsets[-1] - self.offsets[0])


def concatenate(columns: Sequence[StringColumn]) -> StringColumn:
    """Return one column holding the rows of all, in order."""
    parts = [c.data[c.offsets[0] : c.offsets[-1]] for c in columns]
    lengths = [np.diff(c.offsets) for c in columns]
    offsets = np.zeros(sum(len(c) for c in columns) + 1, np.int64)
    if columns:
        np.cumsum(np.concatenate(lengths), out=offsets[1:])
    return StringColumn(np.concatenate(parts) if parts else np.zeros(0, np.uint8), offsets)


@jit
def _take(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Copy rows, in the order named."""
    out_offsets = np.zeros(rows.size + 1, np.int64)
    for i in range(rows.size):
        out_offsets[i + 1] = out_offsets[i] + offsets[rows[i] + 1] - offsets[rows[i]]
    out = np.empty(out_offsets[-1], np.uint8)
    for i in range(rows.size):
        out[out_offsets[i] : out_offsets[i + 1]] = data[offsets[rows[i]] : offsets[rows[i] + 1]]
    return out, out_offsets


def encode(string: str) -> bytes:
    """Return ``string`` as UTF-8; a lone surrogate becomes U+FFFD."""
    try:
        return string.encode("utf-8")
    except UnicodeEncodeError:
        return string.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")
