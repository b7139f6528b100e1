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

    Most pairs share few of their words, so the work is done term by term, among those that hold it.

    Parameters
    ----------
    indptr : (n + 1,) int64; terms : int32, ascending in a row; codes : uint8
    tf : (256,) float64, by count code; idf_squared : (n_terms,) float64

    Returns
    -------
    cosines, contained : (n, n) float64, symmetric, in 0..1, on a grid of 2**-30
    """
    n = indptr.size - 1
    inner, shared = np.zeros((n, n)), np.zeros((n, n))
    ends, named, entries = _by_term(indptr, terms, codes)
    rows, tfs = np.empty(n, np.int64), np.empty(n, np.float64)
    begin = 0
    for group in range(ends.size):
        weight, size = idf_squared[named[group]], ends[group] - begin
        for a in range(size):
            entry = entries[begin + a]
            rows[a], tfs[a] = entry >> np.uint32(8), tf[entry & np.uint32(255)]
        for a in range(size):
            here, own_inner, own_shared = tfs[a], inner[rows[a]], shared[rows[a]]
            for b in range(a + 1):
                own_inner[rows[b]] += here * tfs[b] * weight
                own_shared[rows[b]] += min(here, tfs[b]) * weight
        begin = ends[group]
    cosines, contained = np.zeros((n, n)), np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            shorter = min(indptr[i + 1] - indptr[i], indptr[j + 1] - indptr[j])
            both = shared[i, i], shared[j, j]
            total = max(both[0], both[1]) if shorter < _SHORT else min(both[0], both[1])
            length = np.sqrt(inner[i, i] * inner[j, j])
            cosines[i, j] = cosines[j, i] = np.rint(_ratio(inner[i, j], length) * _GRID) / _GRID
            contained[i, j] = contained[j, i] = np.rint(_ratio(shared[i, j], total) * _GRID) / _GRID
    return cosines, contained


@jit
def _by_term(indptr: Array, terms: Array, codes: Array) -> tuple[Array, Array, Array]:
    """Return the entries of some rows term by term, in the order in which terms first come.

    Returns
    -------
    ends : (n_groups,) int32, where each term's entries end; named : (n,) int32, the terms
    entries : (n,) uint32, ``row << 8 | code``, rows ascending in a group
    """
    size = 16
    while size < 2 * terms.size:
        size *= 2
    groups = np.full(size, -1, np.int32)  # a hash table, by the lowest bits
    named, group_of = np.empty(terms.size, np.int32), np.empty(terms.size, np.int32)
    ends = np.zeros(terms.size + 1, np.int32)
    n_groups = 0
    for e in range(terms.size):
        at = terms[e] & (size - 1)
        while groups[at] >= 0 and named[groups[at]] != terms[e]:
            at = (at + 1) & (size - 1)
        if groups[at] < 0:
            groups[at], named[n_groups] = n_groups, terms[e]
            n_groups += 1
        group_of[e] = groups[at]
        ends[group_of[e] + 1] += 1
    for group in range(n_groups):
        ends[group + 1] += ends[group]
    entries = np.empty(terms.size, np.uint32)
    for i in range(indptr.size - 1):
        for e in range(indptr[i], indptr[i + 1]):
            place = ends[group_of[e]]
            entries[place] = np.uint32(i) << np.uint32(8) | np.uint32(codes[e])
            ends[group_of[e]] = place + 1
    return ends[:n_groups], named, entries


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
