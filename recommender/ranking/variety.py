"""Variety: which few of the candidates are taken, so that cards are not all of one kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.shortlist import Shortlist

__all__ = ["Quota", "take_few"]


class Quota(NamedTuple):
    """How many cards of one kind a block holds.

    Attributes
    ----------
    name : of what makes a kind
    most : cards of each kind
    of : the kinds that a document counts towards; none = towards nothing
    told : how a kind is written for people
    """

    name: str
    most: int
    of: Callable[[int], Sequence[Hashable]]
    told: Callable[..., str] = str


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
    counts: list[dict[Hashable, int]] = [defaultdict(int) for _ in quotas]
    for doc in before:
        _count(counts, [quota.of(doc) for quota in quotas])
    docs, left = found.docs.tolist(), list(found.places)
    taken: list[int] = []
    out: list[tuple[int, str, str]] = []
    worth = np.full(len(docs), -np.inf)  # of those that are left
    worth[left] = (1.0 - diversity) * found.scores[left]
    cost = np.zeros(len(docs))
    if diversity:
        costs = diversity * found.cosines[found.n_before :, found.n_before :]
        cost = diversity * _nearest_before(found)
    value = worth - cost
    while left and len(taken) < limit:
        best = int(value.argmax()) if diversity else left[0]
        left.remove(best)
        value[best] = worth[best] = -np.inf
        kinds = [quota.of(docs[best]) for quota in quotas]
        if full := _full(quotas, kinds, counts):
            out.append((best, "variety", full))
            continue
        taken.append(best)
        _count(counts, kinds)
        if diversity:
            cost = np.maximum(cost, costs[best])
            value = worth - cost
    said = f"{limit} others come before it"
    out += [(place, "limit", said) for place in left]
    return found.in_order(taken, out)


def _nearest_before(found: Shortlist) -> NDArray[np.float64]:
    """Return each candidate's cosine with the most similar card that was taken already."""
    out: NDArray[np.float64] = found.cosines[1 : found.n_before, found.n_before :].max(
        axis=0, initial=0.0
    )
    return out


def _count(counts: Sequence[dict[Hashable, int]], kinds: Sequence[Sequence[Hashable]]) -> None:
    """Enter a card into the counts of each quota."""
    for count, own in zip(counts, kinds, strict=True):
        for kind in own:
            count[kind] += 1


def _full(
    quotas: Sequence[Quota],
    kinds: Sequence[Sequence[Hashable]],
    counts: Sequence[Mapping[Hashable, int]],
) -> str:
    """Return which quota has no room for what a document counts towards, or nothing."""
    for quota, own, count in zip(quotas, kinds, counts, strict=True):
        for kind in own:
            if count[kind] >= quota.most:
                told = quota.told(kind)
                return f"the block has its {quota.most} of {quota.name} {told} already"
    return ""
