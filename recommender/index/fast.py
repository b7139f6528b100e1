"""The fast mode: which terms of a query are read, and when what they find is enough."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recommender._jit import compiled, jit
from recommender.index.arguments import Array, Statistics
from recommender.index.invert import Matrix
from recommender.index.ordering import kth_best, sort_by_key
from recommender.index.rows import ask_for_row, row_sum
from recommender.index.whole_numbers import whole_weights

__all__ = ["CANDIDATE_WORK", "covering", "hopeful_of", "work_of"]

# Measured: the bytes of a column that are added in the time of a posting, and the postings that are
# added in the time of a candidate of the fast mode, of which not half are summed up on average.
_COLUMN_GAIN: Final = 24
CANDIDATE_WORK: Final = 700
# Candidates of the fast mode are summed up so many at a time. The last of them say what the rest of
# the query adds: as much as its mean and so many standard deviations it adds to hardly any.
_BATCH: Final = 32
_SAMPLE: Final = 64
_DEVIATIONS: Final = 4.0


@jit
def covering(
    terms: Array, codes: Array, matrix: Matrix, statistics: Statistics, coverage: float
) -> Array:
    """Return which terms to scan: the least work that covers a share of the query's length.

    Terms are taken by the square of their weight for what it takes to scan them, until the squares
    add up to ``coverage`` of all.
    """
    chosen = np.zeros(terms.size, np.bool_)
    squares = np.empty(terms.size, np.float64)
    gains = np.empty(terms.size, np.float64)
    total = 0.0
    for i in range(terms.size):
        tf = statistics.tf[codes[i]]
        squares[i] = tf * tf * statistics.idf_squared[terms[i]]
        gains[i] = squares[i] / max(1, work_of(terms[i : i + 1], matrix, statistics))
        total += squares[i]
    covered = 0.0
    order = np.arange(terms.size)
    sort_by_key(order, gains)
    for place in order:
        chosen[place] = covered < coverage * total
        covered += squares[place]
    return chosen


@compiled
def work_of(terms: Array, matrix: Matrix, statistics: Statistics) -> Any:
    """Return what it takes to scan terms, in postings."""
    n_dense = statistics.idf_squared.size - matrix.entry_ptr.size + 1
    work = np.int64(0)
    for term in terms:
        if term < n_dense:
            work += statistics.norms.size // _COLUMN_GAIN
        else:
            work += statistics.df[term]
    return work


@jit
def hopeful_of(
    found: tuple[Array, Array],
    query: tuple[Array, Array, float],
    rooms: tuple[int, int],
    matrix: Matrix,
    statistics: Statistics,
    query_weights: Array,
) -> tuple[Array, float, bool]:
    """Return which candidates could be among the best, and whether hardly any other document could.

    They are summed up in whole numbers from their rows, which is several times quicker than their
    scores, in the order of what a part of the query found; until the next would need more of the
    rest than the rest adds to hardly any.

    Parameters
    ----------
    found : the candidates and their sums by a part of the query, which are put in order
    rooms : how many best are wanted, and how many candidates were

    Returns
    -------
    Those documents; a score that the best reach; whether no other is likely to be among them.
    """
    docs, parts = found
    k, room = rooms
    terms, codes, length = query
    sort_by_key(docs, parts)
    whole, scale, slack = whole_weights(terms, codes, length, 0, statistics)
    for i in range(terms.size):
        query_weights[terms[i]] = whole[i]
    sums = np.empty(docs.size, np.float32)
    n, is_sure = 0, False
    while n < docs.size and not is_sure:
        stop = min(n + _BATCH, docs.size)
        for i in range(n, stop):
            ask_for_row(docs, i, matrix.row_ptr, matrix.packed)
            total = row_sum(
                docs[i], matrix.row_ptr, matrix.packed, statistics.levels, query_weights
            )
            sums[i] = np.float32(total / scale) * statistics.inverse_norms[docs[i]]
        n = stop
        if n >= max(k, min(_SAMPLE, room)):
            rest = sums[max(0, n - _SAMPLE) : n] - parts[max(0, n - _SAMPLE) : n]
            likely = rest.mean() + _DEVIATIONS * rest.std()
            # Whoever is no candidate has no more than the last one has, or nothing at all.
            following = parts[min(n, docs.size - 1)] if n < room else parts[n - 1]
            if n == docs.size and n < room:
                following = np.float32(0.0)
            is_sure = slack > 0.0 and following + likely < kth_best(sums[:n], k)
    for term in terms:
        query_weights[term] = 0
    if n < k:
        return docs, 0.0, False
    least = kth_best(sums[:n], k) * slack
    hopeful: Array = docs[:n][sums[:n] >= np.float32(least)]
    return hopeful, least / length, is_sure
