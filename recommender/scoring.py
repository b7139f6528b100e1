"""Scorer: which articles come into question for a block, and what each of them counts.

Similarity first, then what smoothing, crowds, age and popularity make of it. Documents and scores
in and out; ``ranker.py`` makes a block of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Candidates
from recommender.eligibility import Ask, Eligibility, Subject
from recommender.index.part import EVERYTHING, Choice, among
from recommender.index.rows import GRID
from recommender.ranking.ages import age_factors
from recommender.ranking.popularity import Popularity, popularity_factors, usual_count
from recommender.ranking.settings import BlockSettings
from recommender.ranking.smoothing import LEANS
from recommender.smoothing import LEAST_ROOM, Leaning, Smoothed, Smoother

__all__ = ["NO_PRIORS", "Priors", "Scorer"]

_LEAST_PRIOR: Final = 2.0**-64
"""What is left of a score by less than this is nothing: sums of 32 bits tell no such apart."""
_LEAST_SHARE: Final = 0.0005
"""What brings less than this to a score is not named."""
_PLACED: Final = 64
"""Places that are told by score; those behind are told by similarity."""


Docs = NDArray[np.int32] | slice
"""Some documents, or a run of them, which takes no copies."""
Factors = Callable[[Docs], NDArray[np.float64]]
"""What the scores of some documents are multiplied by."""


class Priors:
    """What the scores of documents are multiplied by, step by step.

    Parameters
    ----------
    steps : pairs of a step's name and its factors
    """

    def __init__(self, steps: Sequence[tuple[str, Factors]]) -> None:
        self.steps = steps
        self._runs: dict[tuple[int, int], NDArray[np.float64]] = {}

    def of(self, docs: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the product of all steps for some documents, (n,) float64."""
        product: NDArray[np.float64] = np.ones(len(docs)) * self._product(docs)
        return product

    def between(self, first: int, stop: int) -> NDArray[np.float64]:
        """Return the product for ``first <= doc < stop``; remembered, as one block asks again."""
        if (first, stop) not in self._runs:
            self._runs[first, stop] = self._product(slice(first, stop))
        return self._runs[first, stop]

    def _product(self, docs: Docs) -> Any:
        product: Any = 1.0
        for _, factors in self.steps:
            product = product * factors(docs)
        return np.where(product < _LEAST_PRIOR, 0.0, product)

    def emptied_by(self, doc: int) -> str:
        """Return the step that leaves nothing of a document's score; nothing if none does."""
        docs = np.array([doc], np.int32)
        if self.of(docs)[0] > 0.0:
            return ""
        return min(self.steps, key=lambda step: float(step[1](docs)[0]))[0]

    def effects(
        self, docs: NDArray[np.int32], scores: NDArray[np.float64]
    ) -> list[tuple[str, NDArray[np.float64]]]:
        """Return what each step adds to the scores of some documents."""
        out = []
        for name, factors in self.steps:
            after = scores * factors(docs)
            out.append((name, after - scores))
            scores = after
        return out


NO_PRIORS: Final = Priors(())


class Scorer:
    """Finds and scores candidates in one generation. It never changes, and is safe to share.

    Parameters
    ----------
    eligibility : who may be a card, with what is known of the articles
    popularity : the site's counts, if it has any
    """

    def __init__(self, eligibility: Eligibility, popularity: Popularity | None = None) -> None:
        self.eligibility, self.knowledge = eligibility, eligibility.knowledge
        self.index = eligibility.index
        self._popularity = popularity or Popularity({})
        self._read: tuple[float, NDArray[np.float64]] | None = None

    # --- candidates ---

    def found(
        self,
        subject: Subject,
        k: int,
        ask: Ask,
        choice: Choice,
        priors: Priors,
        *,
        threshold: float = 0.0,
    ) -> tuple[Smoothed, bool]:
        """Return the ``k`` best by what they are ranked by, and whether there are no others.

        Smoothing moves some up: it looks at more than are asked for.

        Parameters
        ----------
        threshold : least similarity
        """
        room = LEAST_ROOM if self.smooths(ask.settings) else 0
        near = self.search(subject, k, ask, choice, threshold, room)
        found = self.smoothed(subject, ask, near, choice, priors)
        similar = np.flatnonzero(found.similarities >= threshold)
        return found.take(similar[:k]), len(near) < k

    def smoothed(
        self, subject: Subject, ask: Ask, near: Candidates, choice: Choice, priors: Priors
    ) -> Smoothed:
        """Return candidates, and those near to what the subject leans on, by their scores."""
        settings, docs = ask.settings, near.docs
        if not self.smooths(settings):
            similarities = _without(near.scores, priors.of(docs)) if priors.steps else near.scores
            return Smoothed(docs, similarities, similarities, similarities, near.scores)
        leaning = self.leaning(subject, near, choice)
        if settings.smoothing:
            more = self.smoother.nearby(leaning)
            more = more[~among(more, docs)]
            docs = np.concatenate([docs, more[self.index.may_be_found(more, choice)]])
        factors, n = priors.of(docs), len(near)
        others = self.index.scores_of(subject.query, docs[n:])
        found = self.smoother.smooth(
            leaning,
            docs,
            np.concatenate([_without(near.scores, factors[:n]), others]),
            smoothing=settings.smoothing,
            crowding=settings.crowding,
        )
        scores = np.rint(found.scores * factors * GRID) / GRID
        real = np.flatnonzero((found.similarities > 0.0) & (scores > 0.0))
        order = real[self.index.in_order(docs[real], scores[real])]
        return replace(found, scores=scores).take(order)

    def similar_enough(self, subject: Subject, k: int, ask: Ask, choice: Choice) -> Candidates:
        """Return the best of those that reach the threshold, whatever else has a better score."""
        plain = replace(choice, priors=None)
        found = self.search(subject, self.index.n_docs, ask, plain, ask.settings.threshold)
        return self.index.weighed(found, np.ones(len(found), np.bool_), k, 0.0, choice)

    def search(
        self, subject: Subject, k: int, ask: Ask, choice: Choice, threshold: float, room: int = 0
    ) -> Candidates:
        """Return the ``k`` nearest, up to ``room`` where so many are at hand."""
        doc, how = subject.doc, ask.effort
        if doc is not None:
            return self.index.related(
                doc,
                k,
                threshold=threshold,
                choice=choice,
                effort=how,
                room=room,
                query=subject.query,
            )
        return self.index.search(
            subject.query, max(k, room), threshold=threshold, choice=choice, effort=how
        )

    def nearest(self, subject: Subject, ask: Ask, k: int) -> list[int]:
        """Return the nearest documents, whatever the rules say of them."""
        own = Choice(excluded=subject.own)
        found = self.index.search(subject.query, k, choice=own, effort=ask.effort)
        return [int(doc) for doc in found.docs]

    def place_of(self, doc: int, subject: Subject, ask: Ask) -> int:
        """Return which place a document has by score among all that may be cards; 1 = first."""
        priors, place = self.priors(subject, ask), 0
        for choice in self.eligibility.choices(subject, ask):
            own = replace(choice, priors=priors if priors.steps else None)
            near, _ = self.found(subject, _PLACED, ask, own, priors)
            here = np.flatnonzero(near.docs == doc)
            if len(here):
                return place + int(here[0]) + 1
            found = self.index.search(
                subject.query, self.index.n_docs, choice=own, effort=ask.effort
            )
            here = np.flatnonzero(found.docs == doc)
            if len(here):
                return place + int(here[0]) + 1
            place += len(found)
        return place + 1

    # --- what is leaned on ---

    @cached_property
    def smoother(self) -> Smoother:
        """What smooths the scores."""
        return Smoother(self.index)

    def smooths(self, settings: BlockSettings) -> bool:
        """Tell whether scores are smoothed."""
        return bool(settings.smoothing or settings.crowding) and self.index.has_table

    def leaning(
        self, subject: Subject, near: Candidates | None = None, found_by: Choice = EVERYTHING
    ) -> Leaning:
        """Return what a subject leans on.

        Parameters
        ----------
        near, found_by : what a search with a choice found, which need not be done again where it
            was among all that may be leaned on
        """
        if subject.doc is not None:
            return self.smoother.leaning(subject.query, subject.doc)
        codes = None if subject.lang is None else self.index.language_codes([subject.lang])
        choice = Choice(languages=codes, excluded=subject.own)
        same = found_by.mask is None and found_by == choice  # masks cannot be compared so
        are_all = near is not None and len(near) >= LEANS  # a threshold leaves fewer
        known = near if same and are_all else None
        return self.smoother.leaning(subject.query, None, choice, known)

    def leaned_on(self, doc: int, subject: Subject, ask: Ask) -> list[tuple[int, float]]:
        """Return the articles that bring a document near to a subject, and what each brings.

        The one that brings most first. What is not to be shown now is not named.
        """
        if not (ask.settings.smoothing and self.index.has_table):
            return []
        brought = self.smoother.parts(self.leaning(subject), doc, ask.settings.smoothing)
        named = [
            (other, share)
            for other, share in brought.items()
            if share >= _LEAST_SHARE
            and other not in (doc, *subject.own)
            and not self.eligibility.hidden(other, ask)
        ]
        return sorted(named, key=lambda pair: (-pair[1], self.knowledge.moment(pair[0])))

    def score_of(self, doc: int, subject: Subject, ask: Ask) -> float:
        """Return what a document would be ranked by."""
        docs, priors = np.array([doc], np.int32), self.priors(subject, ask)
        score = self.index.score(subject.query, doc)
        if self.smooths(ask.settings):
            found = self.smoother.smooth(
                self.leaning(subject),
                docs,
                np.array([score]),
                smoothing=ask.settings.smoothing,
                crowding=ask.settings.crowding,
            )
            score = float(found.scores[0])
        return score * float(priors.of(docs)[0])

    def priors(self, subject: Subject, ask: Ask) -> Priors:
        """Return what the scores are multiplied by, and by which step."""
        steps: list[tuple[str, Factors]] = []
        reference = self.eligibility.reference(subject, ask)
        usual, weight = ask.settings.half_life_seconds, ask.settings.popularity
        ageing = usual or (ask.settings.rules and self.knowledge.rules.ages)
        if ageing and reference is not None:
            own = self.knowledge.half_lives if ask.settings.rules else None
            times = self.index.published_times

            def freshness(docs: Docs) -> NDArray[np.float64]:
                lives = usual if own is None else np.where(own[docs] < 0.0, usual, own[docs])
                return age_factors(times[docs], reference, lives)

            steps.append(("freshness", freshness))
        if weight > 0.0 and self._popularity.counts:
            read = self._read_factors(weight)

            def popularity(docs: Docs) -> NDArray[np.float64]:
                return read[docs]

            steps.append(("popularity", popularity))
        return Priors(steps)

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        """The site's count of each document, (n_docs,) float64."""
        out = np.zeros(self.index.n_docs)
        for key, count in self._popularity.counts.items():
            doc = self.index.find(key)
            if doc is not None:
                out[doc] += count
        return out

    def _read_factors(self, weight: float) -> NDArray[np.float64]:
        """Return what readers make of each document's score; the last weight's are remembered."""
        known = self._read
        if known is None or known[0] != weight:
            mean = usual_count(self.counts)
            known = self._read = weight, popularity_factors(self.counts, weight, mean)
        return known[1]


def _without(scores: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what scores were before they were multiplied by some factors, on the grid again."""
    before: NDArray[np.float64] = np.rint(scores / factors * GRID) / GRID
    return before
