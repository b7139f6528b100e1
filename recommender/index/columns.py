"""Adding columns to the sums of a window: the compiled loops for common terms."""

from __future__ import annotations

from typing import Any

import numpy as np

from recommender._jit import compiled, inlined, jit
from recommender.index.arguments import Array
from recommender.index.vectors import STEP, TOGETHER, add_columns

__all__ = ["add_block", "column_places"]


@jit
def column_places(terms: Array, whole: Array, stride: int) -> tuple[Array, Array]:
    """Return where the columns of terms begin, and their weights, the rarest first, in eights.

    The last, with a weight of 0, fills up the last eight: it is in the cache.

    Parameters
    ----------
    terms, whole : those of a query that have columns, ascending, and their weights
    """
    n = terms.size
    size = (n + 7) // 8 * 8
    places = np.zeros(size, np.int64)
    if n:
        places[:] = np.int64(terms[0]) * stride
    column_weights = np.zeros(size, np.int32)
    for i in range(n):
        places[n - 1 - i] = np.int64(terms[i]) * stride
        column_weights[n - 1 - i] = whole[i]
    return places, column_weights


@compiled
def add_block(
    columns: tuple[Array, Array],
    begin: int,
    stop: int,
    dense: Array,
    first: int,
    size: int,
    sums: Array,
    at: int,
) -> None:
    """Add some columns' bytes of ``size`` documents from ``first`` on to ``sums[at:]``.

    Sixteen columns at a time, and eight that are left over.

    Parameters
    ----------
    begin, stop : which of the columns, by sixteens
    """
    places, weights = columns
    stop = min(stop * TOGETHER, places.size)
    whole = stop // TOGETHER * TOGETHER
    for c in range(begin * TOGETHER, whole, TOGETHER):
        here = _eight(places, c) + _eight(places, c + 8)
        pairs = _eight_weights(weights, c) + _eight_weights(weights, c + 8)
        for i in range(0, size, STEP):
            add_columns(sums, at + i, dense, first + i, here, pairs)
    if whole < stop:
        rest, rest_pairs = _eight(places, whole), _eight_weights(weights, whole)
        for i in range(0, size, STEP):
            add_columns(sums, at + i, dense, first + i, rest, rest_pairs)


@inlined
def _eight(places: Array, c: int) -> Any:
    """Return eight of the places."""
    here = places[c], places[c + 1], places[c + 2], places[c + 3]
    return (*here, places[c + 4], places[c + 5], places[c + 6], places[c + 7])


@inlined
def _eight_weights(weights: Array, c: int) -> Any:
    """Return eight of the weights, two in a number."""
    return (
        np.int32(weights[c] | weights[c + 1] << 16),
        np.int32(weights[c + 2] | weights[c + 3] << 16),
        np.int32(weights[c + 4] | weights[c + 5] << 16),
        np.int32(weights[c + 6] | weights[c + 7] << 16),
    )
