"""Variety: which few of the candidates are taken, so that cards are not all of one kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.shortlist import Shortlist

__all__ = ["Quota", "take_few"]

Quota = tuple[str, int, Callable[[int], Sequence[str]]]
"""A name, how many cards at most, and what a document counts towards (none = towards nothing)."""


def take_few(
    found: Shortlist,
    limit: int,
    *,
    diversity: float = 0.0,
    quotas: Sequence[Quota] = (),
    before: Sequence[int] = (),
) -> Shortlist:
    """Take ``limit`` candidates one after another, each the best that is left.

    The best is that with the largest ``(1 - diversity) * score - diversity * alike``, where
    ``alike`` is the cosine with the most similar one that was taken already (maximal marginal
    relevance; Carbonell and Goldstein 1998); ties go to the better score. One that a quota has no
    room for is dropped.

    Parameters
    ----------
    before : documents that were taken already; quotas count them
    """
    counts = {name: Counter(v for doc in before for v in of(doc)) for name, _, of in quotas}
    left = list(found.places)
    taken: list[int] = []
    out: list[tuple[int, str, str]] = []
    worth = np.full(len(found.docs), -np.inf)  # of those that are left
    worth[left] = (1.0 - diversity) * found.scores[left]
    alike = _nearest_before(found) if diversity else np.zeros(len(found.docs))
    while left and len(taken) < limit:
        best = int((worth - diversity * alike).argmax()) if diversity else left[0]
        left.remove(best)
        worth[best] = -np.inf
        kinds = [(name, most, of(found.doc(best))) for name, most, of in quotas]
        if full := _full(kinds, counts):
            out.append((best, "variety", full))
            continue
        taken.append(best)
        for name, _, values in kinds:
            for value in values:
                counts[name][value] += 1
        if diversity:
            alike = np.maximum(alike, found.cosines[found.n_before :, found.n_before + best])
    said = f"{limit} others come before it"
    out += [(place, "limit", said) for place in left]
    return found.in_order(taken, out)


def _nearest_before(found: Shortlist) -> NDArray[np.float64]:
    """Return each candidate's cosine with the most similar card that was taken already."""
    out: NDArray[np.float64] = found.cosines[1 : found.n_before, found.n_before :].max(
        axis=0, initial=0.0
    )
    return out


def _full(
    kinds: Sequence[tuple[str, int, Sequence[str]]], counts: Mapping[str, Counter[str]]
) -> str:
    """Return which quota has no room for what a document counts towards, or nothing."""
    for name, most, values in kinds:
        for value in values:
            if counts[name][value] >= most:
                return f"the block has its {most} of {name} {value} already"
    return ""
