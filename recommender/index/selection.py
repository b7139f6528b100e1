"""Choosing candidates by their sums: the compiled loops that keep the floor and what reaches it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from recommender._jit import compiled, inlined, jit
from recommender.index.arguments import Array, Choices
from recommender.index.ordering import contains
from recommender.index.vectors import CHUNK, reaching, trailing_zeros

__all__ = ["Best", "above", "allows", "select", "take", "with_room"]


class Best(NamedTuple):
    """What sets the floor of a search's candidates: of a few best a heap, of hundreds bins.

    Attributes
    ----------
    floor : (1,) float32, what a score must reach
    heap : (room,) float32, the best scores; empty where there are bins
    bins : (n,) int64, how many candidates have a score of so many widths; empty where a heap is
    counters : (3,) int64: entries of the heap, or of the bins from the lowest that is needed;
        candidates; that lowest bin
    width : float, of a bin; room : int, how many best are wanted
    """

    floor: Array
    heap: Array
    bins: Array
    counters: Array
    width: float
    room: int


@jit
def select(
    block: tuple[int, int, int],
    slack: float,
    sums: Array,
    inverse_norms: Array,
    choices: Choices,
    best: Best,
    found: tuple[Array, Array],
) -> tuple[Array, Array]:
    """Put a block's promising documents into the buffer of candidates.

    ``block`` is first document, size, and place in ``sums``. ``found`` is docs and scores of the
    candidates, which come back, enlarged if need be.
    """
    first, size, place = block
    for begin in range(0, size, CHUNK):
        n = min(CHUNK, size - begin)
        bits = _promising(sums, place + begin, inverse_norms, first + begin, n, best.floor[0])
        if bits and best.counters[1] + CHUNK > found[0].size:
            found = with_room(best, found)
        while bits:
            doc = first + begin + trailing_zeros(bits)
            bits &= bits - np.uint64(1)
            score = np.float32(sums[place + doc - first]) * inverse_norms[doc]
            if choices.first <= doc < choices.stop and allows(choices, doc):
                take(doc, score, slack, best, found)
    return found


@inlined
def take(doc: int, score: float, slack: float, best: Best, found: tuple[Array, Array]) -> None:
    """Put a document into the buffer of candidates, which has room, if it reaches the floor."""
    if score >= best.floor[0]:
        if best.bins.size:
            _count(best, score)
        else:
            _push(best, score, np.float32(slack))
        n = best.counters[1]
        found[0][n] = doc
        found[1][n] = score
        best.counters[1] = n + 1


@jit
def above(found: tuple[Array, Array], n: int, floor: float) -> tuple[Array, Array]:
    """Return the first ``n`` candidates as far as they reach a floor, moved to the front."""
    docs, scores = found
    kept = 0
    for c in range(n):
        if scores[c] >= floor:
            docs[kept] = docs[c]
            scores[kept] = scores[c]
            kept += 1
    return docs[:kept], scores[:kept]


@inlined
def allows(choices: Choices, doc: int) -> bool:
    """Tell whether a document between the bounds may be found."""
    if not choices.wanted[choices.groups[doc]]:
        return False
    if choices.mask.size and not choices.mask[doc]:
        return False
    return not contains(choices.excluded, doc)


@compiled
def _promising(sums: Array, at: Any, inverse_norms: Array, first: Any, n: Any, floor: Any) -> Any:
    """Return which of ``n`` sums reach the floor, as the bits of a number; n <= CHUNK."""
    if n == CHUNK:
        return reaching(sums, at, inverse_norms, first, floor)
    found = np.uint64(0)
    for i in range(n):
        if np.float32(sums[at + i]) * inverse_norms[first + i] >= floor:
            found |= np.uint64(1) << np.uint64(i)
    return found


@compiled
def _push(best: Best, score: Any, slack: Any) -> None:
    """Enter a score into the heap of the best; its worst sets the floor."""
    heap, counters = best.heap, best.counters
    if counters[0] < heap.size:
        _sift_up(heap, counters[0], score)
        counters[0] += 1
    elif score > heap[0]:
        heap[0] = score
        _sift_down(heap, heap.size)
    if counters[0] == heap.size:
        best.floor[0] = max(best.floor[0], heap[0] * slack)


@compiled
def _count(best: Best, score: Any) -> None:
    """Enter a score into the bins; the lowest that is needed for enough of them sets the floor."""
    bins, counters = best.bins, best.counters
    place: Any = np.int64(score / best.width)
    bins[min(bins.size - 1, place)] += 1
    counters[0] += 1
    lowest: Any = counters[2]
    while counters[0] - bins[lowest] >= best.room:
        counters[0] -= bins[lowest]
        lowest += 1
    if lowest > counters[2]:
        counters[2] = lowest
        # Less by what the division above may round.
        best.floor[0] = max(best.floor[0], np.float32(lowest * best.width * (1.0 - 1e-6)))


@jit
def with_room(best: Best, found: tuple[Array, Array]) -> tuple[Array, Array]:
    """Drop the candidates below the floor; enlarge the buffer where they were not half of it."""
    docs, scores = found
    n, counters = docs.size, best.counters
    counters[1] = above(found, counters[1], best.floor[0])[0].size
    if 2 * counters[1] > n:
        docs, scores = np.empty(2 * n, np.int32), np.empty(2 * n, np.float32)
        docs[:n], scores[:n] = found
    return docs, scores


@compiled
def _sift_down(heap: Array, size: int) -> None:
    """Restore the min-heap after its root was replaced."""
    i = 0
    value = heap[0]
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = value


@compiled
def _sift_up(heap: Array, filled: int, score: float) -> None:
    """Add a score to a min-heap that is not full."""
    i = filled
    while i > 0 and heap[(i - 1) // 2] > score:
        heap[i] = heap[(i - 1) // 2]
        i = (i - 1) // 2
    heap[i] = score
