"""Many strings as two arrays, UTF-8 bytes and offsets: how text travels, is mapped and stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._jit import jit
from recommender._utf8 import encode, encode_all

__all__ = ["StringColumn", "as_bytes", "concatenate", "sort_rows"]


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
        strings = strings if isinstance(strings, list) else list(strings)
        if sum(map(len, strings)) < _MANY:
            return cls.from_bytes([encode(s) for s in strings])
        return cls(*encode_all(strings))

    @classmethod
    def from_bytes(cls, rows: Sequence[bytes]) -> StringColumn:
        """Join rows that are UTF-8 already."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        return cls(np.frombuffer(b"".join(rows), np.uint8), offsets)

    @classmethod
    def from_lines(cls, lines: Sequence[str]) -> StringColumn:
        """Do as ``from_strings``, faster where no string holds a line break."""
        if not lines:
            return cls.from_bytes([])
        data = np.frombuffer(encode("\n".join(lines)), np.uint8)
        breaks = np.flatnonzero(data == _BREAK)
        if len(breaks) != len(lines) - 1:
            return cls.from_strings(lines)
        offsets = np.zeros(len(lines) + 1, np.int64)
        offsets[1:-1] = breaks - np.arange(len(breaks))
        offsets[-1] = len(data) - len(breaks)
        return cls(data[data != _BREAK], offsets)

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

    @classmethod
    def from_series(cls, values: Any) -> StringColumn | None:
        """Share the bytes of a pyarrow string array or of a pandas column that holds one.

        None for anything else, and where a string is missing.
        """
        array = getattr(values, "array", values)
        if hasattr(array, "__arrow_array__") and hasattr(array, "_pa_array"):
            array = array.__arrow_array__()
        if str(getattr(array, "type", "")) not in _ARROW_STRINGS or array.null_count:
            return None
        chunks = getattr(array, "chunks", [array])
        columns = [cls.from_arrow(chunk) for chunk in chunks]
        return columns[0] if len(columns) == 1 else concatenate(columns)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> str:
        return self.bytes_at(i).decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    def decoded(self) -> list[str]:
        """Return the strings; quicker than ``list``."""
        strings = _with_breaks(as_bytes(self.data), self.offsets).tobytes().decode().split("\n")
        return strings[:-1] if len(strings) == len(self) + 1 else list(self)

    def bytes_at(self, i: int) -> bytes:
        """Return row ``i`` as UTF-8."""
        return self.data[self.offsets[i] : self.offsets[i + 1]].tobytes()

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


_ARROW_STRINGS = ("string", "large_string", "string_view")
_BREAK = 10
_MANY = 1 << 16  # characters for which a compiled loop is worth being loaded


def as_bytes(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return data as bytes that are read-only: the one type that compiled loops take them for."""
    view = np.ascontiguousarray(data, np.uint8).view()
    view.setflags(write=False)
    return view


def concatenate(columns: Sequence[StringColumn]) -> StringColumn:
    """Return one column holding the rows of all, in order."""
    parts = [c.data[c.offsets[0] : c.offsets[-1]] for c in columns]
    lengths = [np.diff(c.offsets) for c in columns]
    offsets = np.zeros(sum(len(c) for c in columns) + 1, np.int64)
    if columns:
        np.cumsum(np.concatenate(lengths), out=offsets[1:])
    return StringColumn(np.concatenate(parts) if parts else np.zeros(0, np.uint8), offsets)


def sort_rows(
    column: StringColumn, groups: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the order of rows by group, then by bytes, and where in it a new string begins.

    Of equal rows of a group the first is the new one; they keep their order.
    """
    data, offsets = as_bytes(column.data), column.offsets
    order = np.argsort(groups, kind="stable")
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = groups[order[1:]] != groups[order[:-1]]
    tied = _places_of_ties(is_new, _differs(data, offsets, order))
    ranks = np.cumsum(is_new)[tied]
    k = 0
    while len(tied):
        rows = order[tied]
        words, left = _nth_words(data, offsets, rows, k)
        inner = np.lexsort((left, words, ranks))
        order[tied] = rows[inner]
        keys = (ranks[inner], words[inner], left[inner])
        starts = np.ones(len(inner), np.bool_)
        starts[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
        follows = ~np.append(starts[1:], True)
        again = (~starts | follows) & (keys[2] == _WORD_BYTES)
        tied, ranks = tied[again], np.cumsum(starts)[again]
        k += 1
    return order, is_new | _differs(data, offsets, order)


_WORD_BYTES = 8


def _places_of_ties(is_new: NDArray[np.bool_], differs: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the places of groups whose rows are not all the same."""
    group = np.cumsum(is_new) - 1
    mixed = np.zeros(group[-1] + 1 if len(group) else 0, np.bool_)
    mixed[group[~is_new & differs]] = True
    return np.flatnonzero(mixed[group])


@jit
def _differs(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say of each place in ``order`` whether its row is another string than the one before."""
    out = np.ones(order.size, np.bool_)
    for i in range(1, order.size):
        a, b = offsets[order[i - 1]], offsets[order[i]]
        n = offsets[order[i] + 1] - b
        if offsets[order[i - 1] + 1] - a == n:
            k = 0
            while k < n and data[a + k] == data[b + k]:
                k += 1
            out[i] = k < n
    return out


@jit
def _nth_words(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[np.int64], n: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return eight bytes of each row as a number that sorts as they do, and how many they are."""
    words, left = np.zeros(rows.size, np.uint64), np.zeros(rows.size, np.int64)
    for i in range(rows.size):
        begin = offsets[rows[i]] + 8 * n
        left[i] = min(8, offsets[rows[i] + 1] - begin)
        for k in range(8):
            byte = np.uint64(data[begin + k]) if k < left[i] else np.uint64(0)
            words[i] = words[i] << np.uint64(8) | byte
    return words, left


@jit
def _with_breaks(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the rows with a line break after each."""
    n = offsets.size - 1
    out = np.empty(offsets[n] - offsets[0] + n, np.uint8)
    free = 0
    for i in range(n):
        for k in range(offsets[i], offsets[i + 1]):
            out[free] = data[k]
            free += 1
        out[free] = 10
        free += 1
    return out


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
