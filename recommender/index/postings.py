"""Adding postings to the sums of a window: the compiled loops for terms without a column."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recommender._jit import compiled, inlined
from recommender.index.arguments import Array
from recommender.index.invert import Matrix
from recommender.index.ordering import lower_bound
from recommender.index.vectors import prefetch

__all__ = ["scatter"]

_STEP: Final = 64  # postings: two lines of numbers, one of codes
_AHEAD: Final = 256  # postings


@compiled
def scatter(
    window: int,
    span: tuple[int, int, int],
    query: tuple[Array, Array],
    cursor: Array,
    n_dense: int,
    matrix: Matrix,
    levels: Array,
    sums: Array,
    runs: tuple[Array, Array, Array],
) -> Any:
    """Add the postings of the terms without a column to ``sums``; return how many there were.

    ``span`` is the part of the window that is asked for, in local numbers, and how many documents
    the window has. ``runs`` are places, stops and weights of each term's postings: all are found
    first, and their beginnings asked for, so that no term waits for memory. More of each is asked
    for while the one before is added.
    """
    places, stops, weights = runs
    n = _find_runs(window, query, cursor, n_dense, matrix, runs)
    touched = 0
    for r in range(n):
        start, stop = places[r], stops[r]
        if r + 1 < n:
            _ask(matrix, places[r + 1], min(stops[r + 1], places[r + 1] + _AHEAD))
        if span[0] > 0:
            start = lower_bound(matrix.docs, start, stop, span[0])
        if span[1] < span[2]:
            stop = lower_bound(matrix.docs, start, stop, span[1])
        touched += stop - start
        _add_postings(matrix.docs[start:stop], matrix.codes[start:stop], weights[r], levels, sums)
    return touched


@compiled
def _find_runs(
    window: int,
    query: tuple[Array, Array],
    cursor: Array,
    n_dense: int,
    matrix: Matrix,
    runs: tuple[Array, Array, Array],
) -> Any:
    """Find each term's postings in a window; return how many terms have some.

    ``cursor`` holds the directory entry of each term that is next, and is moved on.
    """
    terms, whole = query
    places, stops, weights = runs
    base = matrix.bases[window]
    n = 0
    for i in range(terms.size):
        if terms[i] < n_dense:
            continue
        e = cursor[i]
        end = matrix.entry_ptr[terms[i] - n_dense + 1]
        while e < end and matrix.entry_windows[e] < window:
            e += 1
        cursor[i] = e
        if e == end or matrix.entry_windows[e] != window:
            continue
        place = base + np.int64(matrix.entry_starts[e])
        prefetch(matrix.docs, place)
        prefetch(matrix.codes, place)
        places[n] = place
        stops[n] = place + np.int64(matrix.entry_counts[e]) + 1
        weights[n] = whole[i]
        n += 1
    return n


@inlined
def _ask(matrix: Matrix, start: Any, stop: Any) -> None:
    """Ask for some postings, which are going to be read soon."""
    for place in range(start, stop, _STEP):
        prefetch(matrix.docs, place)
        prefetch(matrix.docs, place + _STEP // 2)
        prefetch(matrix.codes, place)


@compiled
def _add_postings(docs: Array, codes: Array, weight: Any, levels: Array, sums: Array) -> None:
    """Add a term's postings to the sums; those that stand ``_AHEAD`` of them are asked for."""
    whole = docs.size // _STEP * _STEP
    for first in range(0, whole, _STEP):
        prefetch(docs, first + _AHEAD)
        prefetch(docs, first + _AHEAD + _STEP // 2)
        prefetch(codes, first + _AHEAD)
        for j in range(first, first + _STEP):
            sums[docs[j]] += weight * levels[codes[j]]
    for j in range(whole, docs.size):
        sums[docs[j]] += weight * levels[codes[j]]
