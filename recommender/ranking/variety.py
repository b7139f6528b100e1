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
    nearest = _nearest_before(found) if diversity else np.zeros(len(found.docs))
    while left and len(taken) < limit:
        worth = (1.0 - diversity) * found.scores[left] - diversity * nearest[left]
        best = left.pop(int(worth.argmax()) if diversity else 0)
        full = _full(found.doc(best), quotas, counts)
        if full:
            out.append((best, "variety", full))
            continue
        taken.append(best)
        for name, _, of in quotas:
            counts[name].update(of(found.doc(best)))
        if diversity:
            nearest = np.maximum(nearest, found.cosines[found.n_before :, found.n_before + best])
    out += [(place, "limit", f"{limit} others come before it") for place in left]
    return found.in_order(taken, out)


def _nearest_before(found: Shortlist) -> NDArray[np.float64]:
    """Return each candidate's cosine with the most similar card that was taken already."""
    out: NDArray[np.float64] = found.cosines[1 : found.n_before, found.n_before :].max(
        axis=0, initial=0.0
    )
    return out


def _full(doc: int, quotas: Sequence[Quota], counts: Mapping[str, Counter[str]]) -> str:
    """Return which quota has no room for a document, or nothing."""
    for name, most, of in quotas:
        for value in of(doc):
            if counts[name][value] >= most:
                return f"the block has its {most} of {name} {value} already"
    return ""
