"""Measures written as their definitions read: one list, no arrays. Slow and obvious."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations


def dcg(grades: Sequence[float]) -> float:
    """Return the discounted sum of gains."""
    return sum(grade / math.log2(place + 1) for place, grade in enumerate(grades, 1))


def ndcg(found: Sequence[str], truth: Mapping[str, int], k: int, *, exp: bool = False) -> float:
    """Return nDCG@k."""

    def gain(grade: int) -> float:
        grade = max(0, grade)
        return 2.0**grade - 1.0 if exp else float(grade)

    ideal = sorted((gain(grade) for grade in truth.values()), reverse=True)[:k]
    return dcg([gain(truth.get(item, 0)) for item in found[:k]]) / dcg(ideal)


def told(
    found: Sequence[str], copies: Mapping[str, Sequence[str]], truth: Mapping[str, int], query: str
) -> list[str]:
    """Return a list with each relevant copy after its card, and nothing twice."""
    every = [
        [card, *(copy for copy in copies.get(card, ()) if truth.get(copy, 0) > 0)] for card in found
    ]
    out: list[str] = []
    for card, *under in every:
        out += [card]
        out += [c for c in dict.fromkeys(under) if c not in out and c not in found and c != query]
    return out


def hits(found: Sequence[str], truth: Mapping[str, int], k: int, least: int) -> list[bool]:
    """Return whether each card is relevant."""
    return [truth.get(item, 0) >= least for item in found[:k]]


def average_precision(found: Sequence[bool], n_relevant: int) -> float:
    """Return the mean of the precision at each relevant card."""
    at = [sum(found[:place]) / place for place in range(1, len(found) + 1) if found[place - 1]]
    return sum(at) / n_relevant


def reciprocal_rank(found: Sequence[bool]) -> float:
    """Return 1 over the place of the first relevant card."""
    return next((1 / place for place, hit in enumerate(found, 1) if hit), 0.0)


def rank_biased(found: Sequence[bool], patience: float) -> float:
    """Return what a reader gains who goes on with a probability."""
    return sum((1 - patience) * patience**place for place, hit in enumerate(found) if hit)


def alpha_dcg(found: Sequence[str], stories: Mapping[str, Sequence[str]]) -> float:
    """Return the gain of a list in which each further card of a story is worth half."""
    total = 0.0
    for place, item in enumerate(found):
        for story in stories.get(item, ()):
            before = sum(story in stories.get(other, ()) for other in found[:place])
            total += 0.5**before / math.log2(place + 2)
    return total


def best_alpha_dcg(items: Sequence[str], stories: Mapping[str, Sequence[str]], k: int) -> float:
    """Return the most that any order of some items gains."""
    return max(alpha_dcg(order[:k], stories) for order in permutations(items))


def alpha(units: Sequence[Sequence[int]]) -> float:
    """Return Krippendorff's alpha for ordinal grades, by its definition: pair by pair."""
    units = [unit for unit in units if len(unit) > 1]
    every = [grade for unit in units for grade in unit]

    def distance(one: int, other: int) -> float:
        low, high = min(one, other), max(one, other)
        between = sum(low <= grade <= high for grade in every)
        ends = (every.count(low) + every.count(high)) / 2
        return float((between - ends) ** 2) if low != high else 0.0

    seen = sum(
        distance(a, b) / (len(unit) - 1)
        for unit in units
        for i, a in enumerate(unit)
        for j, b in enumerate(unit)
        if i != j
    ) / len(every)
    by_chance = sum(
        distance(a, b) for i, a in enumerate(every) for j, b in enumerate(every) if i != j
    ) / (len(every) * (len(every) - 1))
    return 1 - seen / by_chance


def gini(counts: Sequence[int]) -> float:
    """Return the mean difference of every two over twice the mean."""
    n, mean = len(counts), sum(counts) / len(counts)
    return sum(abs(a - b) for a in counts for b in counts) / (2 * n * n * mean)


def stories(queries: Sequence[str], relevant: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the smallest id that each query is linked with by steps of relevance, either way."""
    links: dict[str, set[str]] = {query: set() for query in queries}
    for query in queries:
        for other in relevant[query]:
            links[query].add(other)
            links.setdefault(other, set()).add(query)

    def reached(start: str) -> set[str]:
        seen, ahead = {start}, [start]
        while ahead:
            ahead = [other for key in ahead for other in links[key] if other not in seen]
            seen.update(ahead)
        return seen

    return {query: min(reached(query)) for query in queries}
