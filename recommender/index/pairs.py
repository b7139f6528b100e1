"""How alike the documents of a short list are among themselves: every pair of it, in one loop."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, jit

__all__ = ["compare_rows", "compare_rows_plainly"]

Array = NDArray[Any]

_GRID: Final = 2.0**30  # coarser than what the order of adding up changes
_SHORT: Final = 20  # terms; what has fewer is held by too many texts for that to mean anything


@jit
def compare_rows(
    indptr: Array, terms: Array, codes: Array, tf: Array, idf_squared: Array
) -> tuple[Array, Array]:
    """Return every pair's cosine, and the share of the lesser text that the other one holds.

    The second is the containment of their words (Broder 1997), each word counted as often as its
    tf weight says and weighed by its idf squared: the sum of the lesser weights of the terms that
    both hold, over the lesser of the two sums of all. A text of which the other one is a cut, or
    an extension, has nearly 1; a text about the same in other words has a third. Where one has
    fewer than 20 terms, such as a headline, it is the share of the larger text.

    Parameters
    ----------
    indptr : (n + 1,) int64; terms : int32, ascending in a row; codes : uint8
    tf : (256,) float64, by count code; idf_squared : (n_terms,) float64

    Returns
    -------
    cosines, contained : (n, n) float64, symmetric, in 0..1, on a grid of 2**-30
    """
    n = indptr.size - 1
    cosines, contained = np.zeros((n, n)), np.zeros((n, n))
    lengths, totals = np.zeros(n), np.zeros(n)
    scattered = np.zeros(idf_squared.size, np.float64)
    tfs, weights = tf[codes], idf_squared[terms]
    for i in range(n):
        row = slice(indptr[i], indptr[i + 1])
        for a in range(row.start, row.stop):
            scattered[terms[a]] = tfs[a]
        lengths[i], totals[i] = _meet(scattered, terms[row], tfs[row], weights[row])
        for j in range(i + 1):
            other = slice(indptr[j], indptr[j + 1])
            inner, shared = _meet(scattered, terms[other], tfs[other], weights[other])
            is_short = min(row.stop - row.start, other.stop - other.start) < _SHORT
            total = max(totals[i], totals[j]) if is_short else min(totals[i], totals[j])
            cosines[i, j] = cosines[j, i] = inner
            contained[i, j] = contained[j, i] = np.rint(_ratio(shared, total) * _GRID) / _GRID
        scattered[terms[row]] = 0.0
    for i in range(n):
        for j in range(n):
            length = np.sqrt(lengths[i] * lengths[j])
            cosines[i, j] = np.rint(_ratio(cosines[i, j], length) * _GRID) / _GRID
    return cosines, contained


@compiled
def _meet(scattered: Array, terms: Array, tfs: Array, weights: Array) -> tuple[float, float]:
    """Return the inner product of a row with the scattered one, and what both hold."""
    inner, shared = 0.0, 0.0
    for b in range(terms.size):
        here = scattered[terms[b]]
        inner += here * tfs[b] * weights[b]
        shared += min(here, tfs[b]) * weights[b]
    return inner, shared


@compiled
def _ratio(above: float, below: float) -> float:
    return above / below if below > 0.0 else 0.0


def compare_rows_plainly(
    indptr: Array, terms: Array, codes: Array, tf: Array, idf_squared: Array
) -> tuple[Array, Array]:
    """Return what ``compare_rows`` returns, without a compiled loop."""
    kept, places = np.unique(terms, return_inverse=True)
    rows = np.zeros((len(indptr) - 1, len(kept)))
    rows[np.repeat(np.arange(len(rows)), np.diff(indptr)), places] = tf[codes]
    weights = idf_squared[kept]
    inner = (rows * weights) @ rows.T
    shared = np.array([np.minimum(rows, row) @ weights for row in rows]).reshape(inner.shape)
    lengths = np.sqrt(np.outer(inner.diagonal(), inner.diagonal()))
    both, sizes = shared.diagonal(), np.diff(indptr)
    is_short = np.minimum.outer(sizes, sizes) < _SHORT
    totals = np.where(is_short, np.maximum.outer(both, both), np.minimum.outer(both, both))
    return _ratios(inner, lengths), _ratios(shared, totals)


def _ratios(above: Array, below: Array) -> Array:
    out = np.divide(above, below, out=np.zeros_like(above), where=below > 0.0)
    return np.rint(out * _GRID) / _GRID
