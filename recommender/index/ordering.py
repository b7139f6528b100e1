"""Order and place in arrays, as compiled loops: sorting, finding, the k-th best."""

from __future__ import annotations

import numpy as np

from recommender._jit import compiled, jit
from recommender.index.arguments import Array

__all__ = ["contains", "first_places", "kth_best", "lower_bound", "sort_by_key", "with_one_more"]


@compiled
def sort_by_key(numbers: Array, keys: Array) -> None:
    """Sort ``numbers`` and ``keys`` by falling key, ties by number (Shell 1959, Ciura's gaps)."""
    n = numbers.size
    for gap in (1750, 701, 301, 132, 57, 23, 10, 4, 1):
        for i in range(gap, n):
            number, key = numbers[i], keys[i]
            j = i - gap
            while j >= 0 and (keys[j] < key or (keys[j] == key and numbers[j] > number)):
                numbers[j + gap] = numbers[j]
                keys[j + gap] = keys[j]
                j -= gap
            numbers[j + gap] = number
            keys[j + gap] = key


@jit
def kth_best(scores: Array, k: int) -> float:
    """Return the k-th best of k scores or more (Hoare 1961, FIND)."""
    part = scores.copy()
    low, high, wanted = 0, part.size - 1, k - 1
    while low < high:
        pivot = part[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while part[i] > pivot:
                i += 1
            while part[j] < pivot:
                j -= 1
            if i <= j:
                part[i], part[j] = part[j], part[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break
    return float(part[wanted])


@compiled
def lower_bound(docs: Array, start: int, stop: int, local: int) -> int:
    """Return the first place in ``docs[start:stop]`` that is ``local`` or more."""
    while start < stop:
        middle = (start + stop) // 2
        if docs[middle] < local:
            start = middle + 1
        else:
            stop = middle
    return start


@compiled
def contains(ordered: Array, value: int) -> bool:
    """Tell whether a value is among some that ascend."""
    place = lower_bound(ordered, 0, ordered.size, value)
    return bool(place < ordered.size and ordered[place] == value)


@compiled
def with_one_more(ordered: Array, value: int, out: Array) -> None:
    """Write ``ordered`` with ``value`` put in its place."""
    shift = 0
    for i in range(ordered.size):
        if shift == 0 and ordered[i] > value:
            out[i] = value
            shift = 1
        out[i + shift] = ordered[i]
    if shift == 0:
        out[ordered.size] = value


@jit
def first_places(numbers: Array) -> Array:
    """Return for each of some numbers where it first stands, (n,) int64."""
    size = 16
    while size < 2 * numbers.size:
        size *= 2
    slots = np.full(size, -1, np.int32)  # a hash table, by the lowest bits
    out = np.empty(numbers.size, np.int64)
    for i in range(numbers.size):
        at = numbers[i] & (size - 1)
        while slots[at] >= 0 and numbers[slots[at]] != numbers[i]:
            at = (at + 1) & (size - 1)
        if slots[at] < 0:
            slots[at] = i
        out[i] = slots[at]
    return out
