"""How much the commonest terms of a query can add to a document's sum, before they are read.

Common terms are most of what a long query reads, and add little. What those of a query that are
numbered below ``t`` add to a document is at most the length of that part of the query times the
length of that part of the document (Cauchy and Schwarz). The latter is kept as one more column for
every 64 terms, in bytes; so a scan reads the rarer columns and one of these, and goes on only where
a document could still be among the best.

Terms are weighed by how common they are in the segment, which makes the bound tighter; it holds for
any weights, and so in any collection.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, jit
from recommender.index.vectors import TOGETHER

__all__ = ["bound_columns", "bounds_of", "n_bounds"]

Array = NDArray[Any]

_EVERY: Final = 64  # columns, of which the lengths are kept
_BLOCK: Final = 4096  # documents whose sums fit the first-level cache
_MARGIN: Final = 1.0 + 1e-4  # more than what 32-bit sums and products can lose


@compiled
def _importance(df: Any, n_docs: Any) -> Any:
    """Return how much a term is weighed in a bound: nearly 1 + ln(n_docs / df), as in an idf.

    A quotient in place of the logarithm (its Pade approximant), which is the same everywhere.
    """
    ratio = (n_docs + 1.0) / (df + 1.0)
    return 1.0 + 3.0 * (ratio * ratio - 1.0) / (ratio * ratio + 4.0 * ratio + 1.0)


@compiled
def n_bounds(n_columns: Any) -> Any:
    """Return how many bounds belong to so many columns."""
    return (n_columns + _EVERY - 1) // _EVERY


@jit
def bound_columns(dense: Array, df: Array, n_docs: int) -> tuple[Array, Array]:
    """Return the lengths of the documents' common parts, as columns.

    Parameters
    ----------
    dense : (n_columns * stride,) uint8, the columns of terms
    df : (n_columns,) int32, documents that hold each of these

    Returns
    -------
    bounds : (n_bounds * stride,) uint8; byte ``d`` of the ``b``-th column times its unit is no less
        than the length of document ``d`` in the terms below 64 * (b + 1)
    units : (n_bounds,) float64
    """
    n = df.size
    number = n_bounds(n)
    stride = dense.size // max(1, n)
    lengths = np.zeros((number, n_docs), np.float32)
    squares = np.empty(_BLOCK, np.float32)
    for first in range(0, n_docs, _BLOCK):
        size = min(_BLOCK, n_docs - first)
        squares[:] = 0.0
        for term in range(n):
            weight = np.float32(_importance(df[term], n_docs))
            start = term * stride + first
            _add_squares(dense[start : start + size], weight * weight, squares)
            if (term + 1) % _EVERY == 0 or term + 1 == n:
                lengths[term // _EVERY, first : first + size] = np.sqrt(squares[:size])
    bounds, units = np.zeros(number * stride, np.uint8), np.ones(number, np.float64)
    for b in range(number):
        if n_docs and lengths[b].max() > 0.0:
            units[b] = lengths[b].max() * _MARGIN / 255.0
        steps = np.float32(_MARGIN / units[b])
        for d in range(n_docs):
            bounds[b * stride + d] = min(255, np.int32(np.ceil(lengths[b, d] * steps)))
    return bounds, units


@compiled
def _add_squares(levels: Array, weight: Any, squares: Array) -> None:
    for i in range(levels.size):
        level = np.float32(levels[i])
        squares[i] += level * level * weight


@jit
def bounds_of(
    terms: Array, whole: Array, df: Array, n_docs: int, stride: int, units: Array
) -> tuple[Array, Array]:
    """Return what bounds the sums of a query that has read some of its columns.

    Parameters
    ----------
    terms, whole : of the query's columns, ascending, and their weights, as whole numbers
    df : (n_terms,) int32, of the segment
    units : (n_bounds,) float64, as ``bound_columns`` returns them

    Returns
    -------
    places : (n,) int64, where the column begins that bounds the rest after 0, 16, 32, ... of the
        query's columns, which are read from the rarest on
    weights : (n,) float32, a byte of it times its weight is no less than what the rest adds
    """
    n = terms.size
    n_steps = (n + TOGETHER - 1) // TOGETHER
    places, weights = np.zeros(n_steps, np.int64), np.zeros(n_steps, np.float32)
    square = 0.0
    for i in range(n):
        part = whole[i] / _importance(df[terms[i]], n_docs)
        square += part * part
        read = n - 1 - i
        if read % TOGETHER == 0:
            bound = terms[i] // _EVERY
            places[read // TOGETHER] = bound * stride
            weights[read // TOGETHER] = np.sqrt(square) * units[bound] * _MARGIN
    return places, weights
