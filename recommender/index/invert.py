"""Turning rows of term counts into postings, columns and packed rows: a build's compiled loops.

Documents are cut into windows of 65,536, whose local numbers fit 16 bits. Inside a window rows are
turned to terms and back by counting, never by sorting: that puts postings in the order of terms and
documents, and each row's terms in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender._jit import jit
from recommender.index.rows import pack_rows, packed_sizes

__all__ = [
    "COLUMN_ALIGNMENT",
    "WINDOW",
    "Inverted",
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


class Inverted(NamedTuple):
    """What ``invert`` makes; the fields are those of ``segment.Postings`` and ``segment.Rows``."""

    docs: Array
    codes: Array
    bases: Array
    entry_ptr: Array
    entry_windows: Array
    entry_starts: Array
    entry_counts: Array
    dense: Array
    row_ptr: Array
    packed: Array


def tf_levels(tf: NDArray[np.float64]) -> tuple[NDArray[np.int32], float, float]:
    """Return tf weights as whole numbers: levels, their scale, the largest relative rounding error.

    Where they fit a byte (sublinear weights), the scale is the one up to the largest possible with
    the smallest error; else each weight, a count, is its own level.
    """
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
    """Return how many documents hold each term, (n_terms,) int32."""
    df = np.zeros(n_terms, np.int64)
    for block in blocks:
        _count(block.terms, block.numbers, 0, len(block.terms), df)
    return df.astype(np.int32)


def invert(
    blocks: Sequence[RowBlock], df: NDArray[np.int32], levels: NDArray[np.int32], n_dense: int
) -> Inverted:
    """Turn blocks of rows, in document order, into postings, columns and packed rows.

    Parameters
    ----------
    df : (n_terms,) int32, falling
    levels : (256,) int32, what a column holds for each code
    n_dense : terms 0 to n_dense - 1 have columns; the others have postings
    """
    n_docs = sum(len(block.indptr) - 1 for block in blocks)
    n_windows = (n_docs + WINDOW - 1) // WINDOW
    n_sparse = int(df[n_dense:].sum(dtype=np.int64))
    stride = column_bytes(n_docs)
    docs, codes = np.empty(n_sparse, np.uint16), np.empty(n_sparse, np.uint8)
    dense = np.zeros(n_dense * stride, np.uint8)
    bases = np.zeros(n_windows + 1, np.int64)
    row_ptr = np.zeros(n_docs + 1, np.int64)
    counted, packed = [], []
    for window in range(n_windows):
        first = window * WINDOW
        n_rows = min(WINDOW, n_docs - first)
        starts, by_term = _by_term(blocks, (first, n_rows), len(df))
        where = int(starts[n_dense])
        bases[window + 1] = bases[window] + starts[-1] - where
        part = slice(int(bases[window]), int(bases[window + 1]))
        docs[part], codes[part] = by_term[0][where:], by_term[1][where:]
        _fill_columns(starts, *by_term, n_dense, levels.astype(np.uint8), dense, stride, first)
        counted.append(np.diff(starts[n_dense:]))
        packed.append(_packed(starts, by_term, n_rows, row_ptr[first + 1 : first + n_rows + 1]))
    np.cumsum(row_ptr, out=row_ptr)
    directory = _directory(counted, len(df) - n_dense)
    rows = np.concatenate(packed) if packed else np.zeros(0, np.uint8)
    return Inverted(docs, codes, bases, *directory, dense, row_ptr, rows)


def _by_term(
    blocks: Sequence[RowBlock], rows: tuple[int, int], n_terms: int
) -> tuple[Array, tuple[Array, Array]]:
    """Return where each term begins among a window's postings, and their local docs and codes."""
    parts = list(_parts(blocks, *rows))
    counts = np.zeros(n_terms, np.int64)
    for block, begin, stop, _ in parts:
        _count(block.terms, block.numbers, block.indptr[begin], block.indptr[stop], counts)
    starts = np.zeros(n_terms + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    docs, codes = np.empty(starts[-1], np.uint16), np.empty(starts[-1], np.uint8)
    free = starts[:-1].copy()
    for block, begin, stop, local in parts:
        _scatter_rows(*block, begin, stop, local, free, docs, codes)
    return starts, (docs, codes)


def _parts(blocks: Sequence[RowBlock], first: int, n_rows: int) -> Any:
    """Yield the blocks that hold documents of a window: block, its rows, their first local doc."""
    at = 0
    for block in blocks:
        size = len(block.indptr) - 1
        begin, stop = max(first - at, 0), min(first + n_rows - at, size)
        if begin < stop:
            yield block, begin, stop, at + begin - first
        at += size


def _packed(starts: Array, by_term: tuple[Array, Array], n_rows: int, sizes: Array) -> Array:
    """Return a window's rows, packed, and write their sizes."""
    indptr = np.zeros(n_rows + 1, np.int64)
    np.cumsum(np.bincount(by_term[0], minlength=n_rows), out=indptr[1:])
    terms, codes = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.uint8)
    _turn_back(starts, *by_term, indptr[:-1].copy(), terms, codes)
    packed_sizes(indptr, terms, codes, sizes)
    row_ptr = np.zeros(n_rows + 1, np.int64)
    np.cumsum(sizes, out=row_ptr[1:])
    packed = np.empty(row_ptr[-1], np.uint8)
    pack_rows(indptr, terms, codes, row_ptr, packed)
    return packed


def _directory(counted: Sequence[Array], n_terms: int) -> tuple[Array, Array, Array, Array]:
    """Return entry_ptr, windows, starts and counts - 1 from each window's postings by term."""
    present = [np.flatnonzero(counts) for counts in counted]
    starts = [
        (np.cumsum(counts) - counts)[terms] for counts, terms in zip(counted, present, strict=True)
    ]
    sizes = [counts[terms] for counts, terms in zip(counted, present, strict=True)]
    windows = [np.full(len(terms), w, np.uint16) for w, terms in enumerate(present)]
    terms = _joined(present, np.int64)
    order = np.argsort(terms, kind="stable")
    entry_ptr = np.zeros(n_terms + 1, np.int64)
    np.cumsum(np.bincount(terms, minlength=n_terms), out=entry_ptr[1:])
    return (
        entry_ptr,
        _joined(windows, np.uint16)[order],
        _joined(starts, np.uint32)[order],
        (_joined(sizes, np.int64)[order] - 1).astype(np.uint16),
    )


def _joined(arrays: Sequence[Array], dtype: Any) -> Array:
    return np.concatenate([np.zeros(0, dtype), *(array.astype(dtype) for array in arrays)])


@jit
def _count(terms: Array, numbers: Array, begin: int, stop: int, counts: Array) -> None:
    """Count the entries of each term."""
    for j in range(begin, stop):
        counts[numbers[terms[j]]] += 1


@jit
def _scatter_rows(
    indptr: Array,
    terms: Array,
    codes: Array,
    numbers: Array,
    begin: int,
    stop: int,
    local: int,
    free: Array,
    out_docs: Array,
    out_codes: Array,
) -> None:
    """Move rows to the lists of their terms; ``free`` holds each list's next place."""
    for row in range(begin, stop):
        doc = local + row - begin
        for j in range(indptr[row], indptr[row + 1]):
            term = numbers[terms[j]]
            place = free[term]
            free[term] = place + 1
            out_docs[place] = doc
            out_codes[place] = codes[j]


@jit
def _turn_back(
    starts: Array, docs: Array, codes: Array, free: Array, out_terms: Array, out_codes: Array
) -> None:
    """Move the lists of terms to rows, so that terms ascend in each."""
    for term in range(starts.size - 1):
        for j in range(starts[term], starts[term + 1]):
            place = free[docs[j]]
            free[docs[j]] = place + 1
            out_terms[place] = term
            out_codes[place] = codes[j]


@jit
def _fill_columns(
    starts: Array,
    docs: Array,
    codes: Array,
    n_dense: int,
    levels: Array,
    dense: Array,
    stride: int,
    first: int,
) -> None:
    """Write the levels of the first terms into their columns."""
    for term in range(n_dense):
        begin = term * stride + first
        for j in range(starts[term], starts[term + 1]):
            dense[begin + docs[j]] = levels[codes[j]]
