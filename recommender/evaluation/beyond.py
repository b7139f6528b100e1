"""What lists are like besides being right: near, fresh, varied, and fair to the archive.

Nothing here needs a judgement. The cosine of two cards is that of the index; ``near copy`` and
``variety`` need it for each two cards of a list, and are taken from an even sample of lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.evaluation.catalog import Catalog
from recommender.evaluation.runs import Run
from recommender.gate import even_sample

__all__ = [
    "MOST_COMPARED",
    "NEAR_COPY",
    "Exposure",
    "Lists",
    "cosines",
    "exposure_of",
    "gini",
    "trade_off",
]

Figures = NDArray[np.float64]
Progress = Callable[[str, int, int | None], None]

NEAR_COPY = 0.9
"""Cosine from which two articles are taken for copies of one another."""

MOST_COMPARED = 2000
"""Lists whose cards are compared with each other, at most."""

FRESH_DAYS = 30.0
WHOLE = 0.9
_STEP = 100
WEIGHTS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3)


@dataclass(frozen=True, slots=True)
class Exposure:
    """How often each article is shown.

    Attributes
    ----------
    counts : (n,) int64, lists that each article of the catalog stands in
    coverage : share of articles that stand in any, or None where there are none
    gini : float or None
        0 = all are shown as often, 1 = one is shown always; None where nothing is shown.
    """

    counts: NDArray[np.int64]
    coverage: float | None
    gini: float | None

    @property
    def orphans(self) -> NDArray[np.int64]:
        """Places of articles that stand in no list."""
        return np.flatnonzero(self.counts == 0)

    def hubs(self, most: int) -> list[int]:
        """Return places of the articles that stand in most lists, the first ahead of ties."""
        order = np.argsort(-self.counts, kind="stable")[:most]
        return [int(place) for place in order if self.counts[place] > 0]

    def curve(self, points: int = 50) -> list[tuple[float, float]]:
        """Return the share of all cards that each share of the most shown articles has."""
        ranked = np.sort(self.counts)[::-1].cumsum()
        if not len(ranked) or not ranked[-1]:
            return []
        at = np.unique(np.linspace(0, len(ranked), points + 1).astype(int))
        return [(n / len(ranked), float(ranked[n - 1] / ranked[-1]) if n else 0.0) for n in at]


def exposure_of(counts: NDArray[np.int64]) -> Exposure:
    """Return the exposure of articles that stand in so many lists."""
    covered = float((counts > 0).mean()) if len(counts) else None
    return Exposure(counts, covered, gini(counts))


def gini(counts: NDArray[np.int64]) -> float | None:
    """Return the Gini coefficient of counts; None of nothing."""
    total = int(counts.sum())
    if not total:
        return None
    ranked = np.sort(counts).astype(np.float64)
    places = np.arange(1, len(ranked) + 1)
    return float((2 * places - len(ranked) - 1) @ ranked / (len(ranked) * total))


class Lists:
    """The first ``k`` cards of each list of a run, beside the catalog.

    Attributes
    ----------
    queries : places in the catalog of the articles that have a list
    cards : (n, k) int64, places of their cards; -1 = no card
    strangers : cards that are no article of the catalog
    """

    def __init__(self, run: Run, catalog: Catalog, k: int) -> None:
        self._catalog, self._k = catalog, k
        place = catalog.place
        known = [(place[query], query) for query in run.lists if query in place]
        known.sort()
        self.queries = np.array([i for i, _ in known], np.int64)
        self.cards = np.full((len(known), k), -1, np.int64)
        self.scores = np.full((len(known), k), np.nan)
        self.strangers = 0
        for row, (_, query) in enumerate(known):
            own = [place.get(item, -1) for item in run.lists[query][:k]]
            self.strangers += own.count(-1)
            self.cards[row, : len(own)] = own
            scores = run.scores.get(query, ())[:k]
            self.scores[row, : len(scores)] = scores

    @property
    def is_whole(self) -> bool:
        """Whether nearly every article has a list, so that one can say who stands in none."""
        return len(self.queries) >= WHOLE * len(self._catalog)

    @cached_property
    def exposure(self) -> Exposure:
        """How often each article of the catalog is shown."""
        shown = self.cards[self.cards >= 0]
        return exposure_of(np.bincount(shown, minlength=len(self._catalog)).astype(np.int64))

    def columns(self, progress: Progress | None = None) -> dict[str, Figures]:
        """Return the figures of each list, (n,) float64, NaN where one is not defined."""
        return {
            "cards": (self.cards >= 0).sum(axis=1).astype(np.float64),
            "score": _mean(self.scores),
            "age_days": _mean(self.ages),
            "fresh": _mean(np.where(np.isnan(self.ages), np.nan, np.abs(self.ages) <= FRESH_DAYS)),
            "other_language": _mean(self._foreign()),
            "novelty": _mean(self._novelty()),
            **self._compared(progress),
        }

    @cached_property
    def ages(self) -> Figures:
        """Days that each card is older than its article, (n, k); NaN = no card, or no date."""
        days = self._catalog.published
        return np.where(self.cards >= 0, days[self.queries][:, None] - days[self.cards], np.nan)

    def _foreign(self) -> Figures:
        codes = np.unique(self._catalog.languages, return_inverse=True)[1]
        other = codes[self.queries][:, None] != codes[self.cards]
        return np.where(self.cards >= 0, other, np.nan)

    def _novelty(self) -> Figures:
        """Return how unexpected each card is: bits by the share of lists that show it."""
        share = self.exposure.counts / max(1, len(self.queries))
        bits = -np.log2(np.where(share > 0, share, 1.0))
        return np.where(self.cards >= 0, bits[self.cards], np.nan)

    def _compared(self, progress: Progress | None) -> dict[str, Figures]:
        """Return variety and near copies of an even sample of lists."""
        variety = np.full(len(self.queries), np.nan)
        copies = variety.copy()
        sample = even_sample(len(self.queries), MOST_COMPARED).tolist()
        for n, row in enumerate(sample, 1):
            if progress and not n % _STEP:
                progress("weigh", n, len(sample))
            cards = self.cards[row][self.cards[row] >= 0]
            if not len(cards):
                continue
            docs = self._catalog.docs[[int(self.queries[row]), *cards.tolist()]]
            near = cosines(self._catalog, docs)
            copies[row] = _share_of_copies(near)
            if len(cards) > 1:
                inner = near[1:, 1:]
                variety[row] = 1.0 - inner[np.triu_indices(len(cards), 1)].mean()
        return {"variety": variety, "near_copies": copies}


def cosines(catalog: Catalog, docs: NDArray[np.int32]) -> Figures:
    """Return the cosine of each two documents, (n, n)."""
    rows, weights = catalog.index.queries_of(docs), catalog.index.collection
    values = weights.tf[rows.codes] * np.sqrt(weights.idf_squared[rows.terms])
    lengths = np.where(rows.lengths > 0, rows.lengths, 1.0)
    values = values / np.repeat(lengths, np.diff(rows.indptr))
    names, terms = np.unique(rows.terms, return_inverse=True)
    matrix = csr_array((values, terms, rows.indptr), shape=(len(docs), max(1, len(names))))
    return np.asarray((matrix @ matrix.T).todense(), np.float64)


def _share_of_copies(near: Figures) -> float:
    """Return the share of cards that copy the article, which is first, or a card before them."""
    before = np.tril(near, -1)[1:]
    return float((before.max(axis=1) >= NEAR_COPY).mean())


def _mean(values: Figures) -> Figures:
    known = np.isfinite(values)
    n = known.sum(axis=1)
    out = np.full(len(values), np.nan)
    np.divide(np.where(known, values, 0.0).sum(axis=1), n, out=out, where=n > 0)
    return out


# --- what more variety would cost ---


def trade_off(
    catalog: Catalog, queries: Sequence[str], run: Run, k: int
) -> list[tuple[float, Run, float]]:
    """Return lists made more and more varied: weight of nearness, the run, its mean variety.

    Lists are made anew from the run's own cards, by maximal marginal relevance (Carbonell and
    Goldstein 1998): how near a card is, is its score where the run tells any, else its cosine.

    Parameters
    ----------
    queries : ids; of unknown ones, and those with fewer than two cards, there is no list
    run : with more cards than ``k``, as otherwise there is nothing to choose
    """
    made: dict[float, dict[str, tuple[str, ...]]] = {weight: {} for weight in WEIGHTS}
    variety: dict[float, list[float]] = {weight: [] for weight in WEIGHTS}
    for query in queries:
        items = [item for item in run.lists.get(query, ()) if item in catalog.place]
        if query not in catalog.place or len(items) < 2:
            continue
        near = cosines(catalog, np.array([catalog.doc(i) for i in (query, *items)], np.int32))
        told = dict(zip(run.lists[query], run.scores.get(query, ()), strict=False))
        own = near[0].copy()
        own[1:] = [told.get(item, near[0][i]) for i, item in enumerate(items, 1)]
        for weight in WEIGHTS:
            chosen = _varied(near, own, weight, k)
            made[weight][query] = tuple(items[i - 1] for i in chosen)
            inner = near[np.ix_(chosen, chosen)][np.triu_indices(len(chosen), 1)]
            variety[weight].append(float(1.0 - inner.mean()))
    return [
        (w, Run(f"nearness {w:g}", made[w], copies=run.copies), float(np.mean(variety[w])))
        for w in WEIGHTS
        if variety[w]
    ]


def _varied(near: Figures, own: Figures, weight: float, k: int) -> list[int]:
    """Return the cards chosen one by one: near the article, and unlike those chosen before.

    Parameters
    ----------
    near : cosines of the article, which is first, and the cards; own : how near each is to it
    """
    left, chosen = list(range(1, len(near))), list[int]()
    closest = np.zeros(len(near))
    while left and len(chosen) < k:
        worth = weight * own - (1.0 - weight) * closest
        best = max(left, key=lambda i: (worth[i], -i))
        chosen.append(best)
        left.remove(best)
        closest = np.maximum(closest, near[best])
    return chosen
