"""Turning rows of term counts into postings, columns and packed rows: a build's compiled loops.

Documents are cut into windows of 65,536, whose local numbers fit 16 bits. How many postings each
term has in each window is counted first; then every row is sorted by term, packed, and dealt out to
its terms, in one pass. What a build holds besides its result is the counted rows, 5 bytes an entry,
and those no longer than until they are inverted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, jit
from recommender._memory import give_back
from recommender.index.bounds import bound_columns
from recommender.index.rows import LONGEST_ENTRY, pack_row

__all__ = [
    "COLUMN_ALIGNMENT",
    "WINDOW",
    "Matrix",
    "RowBlock",
    "column_bytes",
    "count_documents",
    "invert",
    "n_columns",
    "tf_levels",
]

WINDOW: Final = 65_536
"""Documents in a window: local numbers fit 16 bits, sums fit the second-level cache."""

COLUMN_ALIGNMENT: Final = 64
"""Columns are padded to a multiple of this many documents."""

COLUMN_SHARE: Final = 1 / 12
"""Terms of at least this share of the documents have a column: where a byte a document, read in
vectors, is quicker than the postings."""

COLUMN_LEAST: Final = 64

_GIVE_BACK_EVERY: Final = 8
"""Blocks whose memory is given back together."""

_FEW: Final = 48
"""Terms of a row that are quicker compared with one another than sorted by digits."""

Array = NDArray[Any]


class RowBlock(NamedTuple):
    """Rows of consecutive documents.

    Attributes
    ----------
    indptr : (n_rows + 1,) int64, beginning with 0
    terms : (nnz,) int32, in any order in a row, each once
    codes : (nnz,) uint8, codes of the counts, never 0
    numbers : (n_local_terms,) int32, the index's number of each of the block's terms
    """

    indptr: Array
    terms: Array
    codes: Array
    numbers: Array


class Matrix(NamedTuple):
    """Postings and packed rows as the loops take them: ``invert`` makes it, a search reads it.

    The fields are those of ``segment.Postings`` and ``segment.Rows``.
    """

    docs: Array
    codes: Array
    bases: Array
    entry_ptr: Array
    entry_windows: Array
    entry_starts: Array
    entry_counts: Array
    dense: Array
    bounds: Array
    bound_units: Array
    row_ptr: Array
    packed: Array


def tf_levels(tf: NDArray[np.float64]) -> tuple[NDArray[np.int32], float, float]:
    """Return tf weights as whole numbers: levels, their scale, the largest relative rounding error.

    Where they fit a byte (sublinear weights), the scale is the one up to the largest possible with
    the smallest error; else each weight, a count, is its own level.
    """
    levels, scale, error = _tf_levels(tf.tobytes())
    return levels.copy(), scale, error


@lru_cache(maxsize=4)  # there are two: of counts, and of their logarithms
def _tf_levels(raw: bytes) -> tuple[NDArray[np.int32], float, float]:
    tf = np.frombuffer(raw, np.float64)
    weights = tf[1:]
    if weights.max() > 25.0:
        return (
            np.rint(tf).astype(np.int32),
            1.0,
            float(np.abs(np.rint(weights) / weights - 1).max()),
        )
    scales = np.arange(10.0, 255.0 / weights.max(), 0.005)
    errors = np.abs(np.rint(np.outer(scales, weights)) / np.outer(scales, weights) - 1).max(axis=1)
    best = int(errors.argmin())
    return np.rint(tf * scales[best]).astype(np.int32), float(scales[best]), float(errors[best])


def n_columns(
    df: NDArray[np.int32],
    n_docs: int,
    *,
    share: float = COLUMN_SHARE,
    least: int = COLUMN_LEAST,
) -> int:
    """Return how many terms have a column; ``df`` falls, so these are the first."""
    return int(np.searchsorted(-df, -max(least, share * n_docs), side="right"))


def column_bytes(n_docs: int) -> int:
    """Return the bytes of a column: a byte a document, padded so that vectors read no other."""
    return -(-n_docs // COLUMN_ALIGNMENT) * COLUMN_ALIGNMENT


def count_documents(blocks: Sequence[RowBlock], n_terms: int) -> NDArray[np.int32]:
    """Return how many documents of each window hold each term, (n_windows, n_terms) int32."""
    n_docs = sum(len(block.indptr) - 1 for block in blocks)
    df = np.zeros((-(-n_docs // WINDOW), n_terms), np.int32)
    for window, block, begin, stop, _ in _parts(blocks):
        _count(block.terms, block.numbers, block.indptr[begin], block.indptr[stop], df[window])
    return df


def invert(
    blocks: list[RowBlock],
    df: NDArray[np.int32],
    levels: NDArray[np.int32],
    n_dense: int,
    *,
    spend: bool = False,
) -> Matrix:
    """Turn blocks of rows, in document order, into postings, columns and packed rows.

    Parameters
    ----------
    df : (n_windows, n_terms) int32, as ``count_documents`` returns it; their sums fall
    levels : (256,) int32, what a column holds for each code
    n_dense : terms 0 to n_dense - 1 have columns; the others have postings
    spend : whether the list of blocks is emptied, so that rows are let go where their postings are
        written
    """
    n_docs = sum(len(block.indptr) - 1 for block in blocks)
    sparse = df[:, n_dense:]
    bases = np.zeros(len(df) + 1, np.int64)
    np.cumsum(sparse.sum(axis=1, dtype=np.int64), out=bases[1:])
    docs, codes = np.empty(bases[-1], np.uint16), np.empty(bases[-1], np.uint8)
    stride = column_bytes(n_docs)
    dense = np.zeros(n_dense * stride, np.uint8)
    row_ptr = np.zeros(n_docs + 1, np.uint32)
    byte_levels, packed, at = levels.astype(np.uint8), np.empty(_expected(blocks), np.uint16), 0
    latest, free = -1, np.zeros(0, np.int64)
    for window, block, begin, stop, local in _parts(_taken(blocks) if spend else blocks):
        if window != latest:
            starts = bases[window] + _starts(sparse[window])
            latest, free = window, np.concatenate([np.zeros(n_dense, np.int64), starts])
        first = window * WINDOW
        sizes = row_ptr[first + local + 1 : first + local + 1 + stop - begin]
        columns = (dense, byte_levels, n_dense, stride, first)
        room = at + LONGEST_ENTRY * int(block.indptr[stop] - block.indptr[begin])
        if room > len(packed):
            packed.resize(room + len(packed) // 8, refcheck=False)  # moves pages, copies nothing
        out = (docs, codes, packed, at)
        at = _invert_rows(block, (begin, stop, local), columns, free, out, sizes)
    np.cumsum(row_ptr, dtype=np.uint32, out=row_ptr)
    packed.resize(at, refcheck=False)
    bounds, units = bound_columns(dense, df[:, :n_dense].sum(axis=0, dtype=np.int32), n_docs)
    return Matrix(docs, codes, bases, *_directory(sparse), dense, bounds, units, row_ptr, packed)


def _expected(blocks: Iterable[RowBlock]) -> int:
    """Return how many numbers packed rows will nearly have."""
    return sum(len(block.terms) for block in blocks) * 9 // 8


def _parts(blocks: Iterable[RowBlock]) -> Iterator[tuple[int, RowBlock, int, int, int]]:
    """Yield the rows window by window: window, block, rows of it, their first local document."""
    at = 0
    for block in blocks:
        size, begin = len(block.indptr) - 1, 0
        while begin < size:
            window, local = divmod(at + begin, WINDOW)
            stop = min(begin + WINDOW - local, size)
            yield window, block, begin, stop, local
            begin = stop
        at += size


def _taken(blocks: list[RowBlock]) -> Iterator[RowBlock]:
    """Yield the blocks, taking each out of the list."""
    blocks.reverse()
    while blocks:
        yield blocks.pop()
        if len(blocks) % _GIVE_BACK_EVERY == 0:
            give_back()


def _starts(counts: Array) -> Array:
    """Return where the postings of each term begin in a window."""
    return np.cumsum(counts, dtype=np.int64) - counts


def _directory(df: Array) -> tuple[Array, Array, Array, Array]:
    """Return entry_ptr, windows, starts and counts - 1 from each window's postings by term."""
    entry_ptr = np.zeros(df.shape[1] + 1, np.int64)
    np.cumsum((df > 0).sum(axis=0), out=entry_ptr[1:])
    n = int(entry_ptr[-1])
    windows, starts, sizes = np.empty(n, np.uint16), np.empty(n, np.uint32), np.empty(n, np.uint16)
    free = entry_ptr[:-1].copy()
    for window, counts in enumerate(df):
        terms = np.flatnonzero(counts)
        places = free[terms]
        windows[places], starts[places] = window, _starts(counts)[terms]
        sizes[places] = counts[terms] - 1
        free[terms] += 1
    return entry_ptr, windows, starts, sizes


@compiled
def _count(terms: Array, numbers: Array, begin: int, stop: int, counts: Array) -> None:
    """Count the entries of each term."""
    for j in range(begin, stop):
        counts[numbers[terms[j]]] += 1


@compiled
def _sort_by_digit(source: Array, out: Array, n: int, shift: int, tallies: Array) -> None:
    """Sort ``n`` numbers by one digit, of as many bits as ``tallies`` has places for; stable."""
    mask = np.uint64(tallies.size - 1)
    moved = np.uint64(shift)
    for i in range(tallies.size):
        tallies[i] = 0
    for i in range(n):
        tallies[(source[i] >> moved) & mask] += 1
    place = 0
    for i in range(tallies.size):
        tally = tallies[i]
        tallies[i] = place
        place += tally
    for i in range(n):
        digit = (source[i] >> moved) & mask
        out[tallies[digit]] = source[i]
        tallies[digit] += 1


@compiled
def _sort_row(entries: Array, spare: Array, n: int, n_digits: int, tallies: Array) -> None:
    """Sort the entries of a row, all of different terms, by these."""
    if n <= _FEW:  # each goes to the place of how many are smaller
        for i in range(n):
            spare[i] = entries[i]
        for i in range(n):
            value, place = spare[i], 0
            for j in range(n):
                place += spare[j] < value
            entries[place] = value
        return
    bits = 0
    while tallies.size >> bits > 1:
        bits += 1
    for digit in range(0, n_digits, 2):
        _sort_by_digit(entries, spare, n, 8 + digit * bits, tallies)
        _sort_by_digit(spare, entries, n, 8 + (digit + 1) * bits, tallies)


@jit
def _invert_rows(
    block: RowBlock,
    part: tuple[int, int, int],
    columns: tuple[Array, Array, int, int, int],
    free: Array,
    out: tuple[Array, Array, Array, int],
    sizes: Array,
) -> int:
    """Sort rows by term, pack them, and put each entry where its term's documents are.

    Parameters
    ----------
    part : first row, stop row, local number of the first row's document
    columns : the columns, levels by code, how many, their stride, the window's first document
    free : (n_terms,) int64, the next free place of each term without a column
    out : documents and codes of the postings, packed rows, and where these go on
    sizes : (n_rows,), the packed size of each row is written here

    Returns
    -------
    Where the packed rows end.
    """
    begin, stop, local = part
    dense, levels, n_dense, stride, first = columns
    longest = 0
    for row in range(begin, stop):
        longest = max(longest, block.indptr[row + 1] - block.indptr[row])
    entries, spare = np.empty(longest, np.uint64), np.empty(longest, np.uint64)
    # Terms are sorted by two digits, or by four where two would need large tables.
    bits = 1
    while (free.size - 1) >> bits > 0:
        bits += 1
    n_digits = 2 if bits <= 22 else 4
    digit_bits = (bits + n_digits - 1) // n_digits
    tallies = np.empty(1 << digit_bits, np.int32)
    out_docs, out_codes, packed, at = out
    for row in range(begin, stop):
        start = block.indptr[row]
        n = block.indptr[row + 1] - start
        for i in range(n):
            term = np.uint64(block.numbers[block.terms[start + i]])
            entries[i] = term << np.uint64(8) | np.uint64(block.codes[start + i])
        _sort_row(entries, spare, n, n_digits, tallies)
        sizes[row - begin] = pack_row(entries, n, packed, at)
        at += sizes[row - begin]
        doc = local + row - begin
        for i in range(n):
            term_number = np.int64(entries[i] >> np.uint64(8))
            code = entries[i] & np.uint64(255)
            if term_number < n_dense:
                dense[term_number * stride + first + doc] = levels[code]
            else:
                place = free[term_number]
                free[term_number] = place + 1
                out_docs[place] = doc
                out_codes[place] = code
    return at
