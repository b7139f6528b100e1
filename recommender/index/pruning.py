"""Leaving out columns that lift no document into the list: the compiled loops.

Where a bound of what the rest of a query adds leaves few documents of a block hopeful, the rest is
added for these from the beginnings of their rows, where the commonest terms stand, and the columns
are not read (MaxScore's idea, Turtle and Flood 1995, document by document). What is found is what
all columns would have found.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from recommender._jit import compiled, jit
from recommender.index.arguments import Array, Choices
from recommender.index.ordering import sort_by_key
from recommender.index.rows import ask_for_beginning, beginning_sum
from recommender.index.selection import Best, above, allows, select
from recommender.index.vectors import CHUNK, could_reach, trailing_zeros

__all__ = ["add_rest", "floor_of_few", "hopeful"]


@compiled
def hopeful(
    block: tuple[int, int, int],
    bound: tuple[Array, int, Any],
    sums: Array,
    inverse_norms: Array,
    choices: Choices,
    floor: Any,
    out: Array,
) -> Any:
    """Write which documents of a block could reach the floor; return how many, -1 if too many.

    Parameters
    ----------
    block : first document, size, and place in ``sums``
    bound : bounds of what is not in the sums, where those of document 0 stand, their weight
    out : int32, as many as are not too many, and CHUNK more
    """
    first, size, place = block
    bounds, column, weight = bound
    limit = out.size - CHUNK
    found = 0
    for begin in range(0, size, CHUNK):
        n = min(CHUNK, size - begin)
        at = column + first + begin
        bits = _could(
            sums, place + begin, inverse_norms, first + begin, n, floor, (bounds, at, weight)
        )
        while bits:
            doc = first + begin + trailing_zeros(bits)
            bits &= bits - np.uint64(1)
            if choices.first <= doc < choices.stop and allows(choices, doc):
                out[found] = doc
                found += 1
        if found > limit:
            return -1
    return found


@compiled
def _could(
    sums: Array,
    at: Any,
    inverse_norms: Array,
    first: Any,
    n: Any,
    floor: Any,
    bound: tuple[Array, Any, Any],
) -> Any:
    """Return which of ``n`` sums could reach the floor, as the bits of a number; n <= CHUNK."""
    bounds, place, weight = bound
    if n == CHUNK:
        return could_reach(sums, at, inverse_norms, first, floor, bounds, place, weight)
    found = np.uint64(0)
    for i in range(n):
        total = np.float32(sums[at + i]) + weight * np.float32(bounds[place + i])
        if total * inverse_norms[first + i] >= floor:
            found |= np.uint64(1) << np.uint64(i)
    return found


@jit
def add_rest(
    docs: Array,
    rest: tuple[Array, Array],
    rows: tuple[Array, Array],
    levels: Array,
    query_weights: Array,
    sums: Array,
    shift: int,
) -> None:
    """Add to ``sums[doc - shift]`` what the rest of the query adds to each document.

    Parameters
    ----------
    rest : the terms of the rest, ascending, which the query has no others among, and their weights
    query_weights : (n_terms,) int32, all 0, as they are left
    """
    terms, whole = rest
    row_ptr, packed = rows
    for doc in docs:
        ask_for_beginning(doc, row_ptr, packed)
    for i in range(terms.size):
        query_weights[terms[i]] = whole[i]
    stop = terms[-1] + 1
    for doc in docs:
        sums[doc - shift] += beginning_sum(doc, stop, row_ptr, packed, levels, query_weights)
    for term in terms:
        query_weights[term] = 0


@jit
def floor_of_few(
    block: tuple[int, int, int],
    rest: tuple[Array, Array],
    rows: tuple[Array, Array],
    levels: Array,
    sums: Array,
    inverse_norms: Array,
    choices: Choices,
    best: Best,
    query_weights: Array,
) -> Any:
    """Return what as many documents reach as are wanted, of those whose postings say most; or 0.

    Some of them are among the best, since rare words weigh most: so the first blocks need not be
    read in whole either.

    Parameters
    ----------
    block : as ``hopeful`` takes it, of which nothing but postings has been added
    rest : terms with columns, and their weights
    """
    room = best.room
    counters = np.zeros(3, np.int64)
    few = Best(best.floor.copy(), np.empty(room, np.float32), best.bins, counters, 0.0, room)
    size = 4 * room + 4 * CHUNK
    found = (np.empty(size, np.int32), np.empty(size, np.float32))
    found = select(block, 1.0, sums, inverse_norms, choices, few, found)
    docs, scores = above(found, few.counters[1], few.floor[0])
    if docs.size < room:
        return np.float32(0.0)
    shift = block[0] - block[2]
    partial = sums[docs - shift]
    add_rest(docs, rest, rows, levels, query_weights, sums, shift)
    for i in range(docs.size):
        scores[i] = np.float32(sums[docs[i] - shift]) * inverse_norms[docs[i]]
        sums[docs[i] - shift] = partial[i]
    sort_by_key(docs, scores)
    return scores[room - 1]
