"""Smoother: scores of candidates that lean on what stands around them, in one generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.candidates import Candidates
from recommender.index.part import EVERYTHING, Choice
from recommender.index.reader import Index, Query
from recommender.index.rows import GRID
from recommender.index.scan import Queries
from recommender.ranking.smoothing import CROWD, LEANS, crowd_factors, crowds, shares

__all__ = ["LEAST_ROOM", "Leaning", "Smoothed", "Smoother"]

LEAST_ROOM: Final = 32
"""Candidates whose scores are worth smoothing, where a few are wanted."""
_LOOKED_AT: Final = np.array([*range(LEANS), *CROWD])
"""Places among its known neighbours that tell what stands around an article."""
_FOUND_BY: Final = 8
"""How many of the nearest of each article that a question leans on are candidates too."""


@dataclass(frozen=True)
class Leaning:
    """What is asked for, and the articles that it leans on.

    Attributes
    ----------
    query : Query
    docs : int32, what it leans on, the nearest first
    shares : (n,) float64, how much it does
    rows : the words of all of these, the query's first
    """

    query: Query
    docs: NDArray[np.int32]
    shares: NDArray[np.float64]
    rows: Queries


@dataclass(frozen=True)
class Smoothed:
    """Documents and how their scores come about.

    Attributes
    ----------
    docs : (n,) int32
    similarities : (n,) float64, cosine with what is asked for
    smoothed : (n,) float64, the mean over those that both sides lean on
    crowded : (n,) float64, what the crowd of each leaves of that
    scores : (n,) float64, what they are ranked by
    """

    docs: NDArray[np.int32]
    similarities: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    crowded: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.docs)

    def take(self, places: NDArray[np.integer] | slice) -> Smoothed:
        """Return some of them, in this order."""
        return Smoothed(
            self.docs[places],
            self.similarities[places],
            self.smoothed[places],
            self.crowded[places],
            self.scores[places],
        )


@dataclass(frozen=True)
class _Around:
    """What stands around every document, as far as anybody asked.

    Attributes
    ----------
    known : (n_docs,) bool, whether the others are filled in
    docs : (n_docs, LEANS) int32, -1 for none; shares : (n_docs, LEANS) float32
    crowds : (n_docs,) float32
    """

    known: NDArray[np.bool_]
    docs: NDArray[np.int32]
    shares: NDArray[np.float32]
    crowds: NDArray[np.float32]


class Smoother:
    """Smooths scores in one generation. Safe to share between threads.

    What it learns of a document, from the neighbours that the index knows, it remembers: 33 bytes a
    document. Where an index has no table of neighbours nothing is smoothed.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        n = index.n_docs
        self._around = _Around(
            np.zeros(n, np.bool_),
            np.full((n, LEANS), -1, np.int32),
            np.zeros((n, LEANS), np.float32),
            np.zeros(n, np.float32),
        )

    # --- what is leaned on ---

    def leaning(
        self,
        query: Query,
        doc: int | None,
        choice: Choice = EVERYTHING,
        near: Candidates | None = None,
    ) -> Leaning:
        """Return what a question leans on: for an article what is known, else what is found.

        Parameters
        ----------
        doc : its number, where the question is an article of the index
        choice : who may be leaned on by a text that is none
        near : what a search by that choice found, if there was one
        """
        if doc is not None:
            if not self._around.known[doc]:
                self.learn(np.array([doc], np.int32))
            real = self._around.docs[doc] >= 0
            docs, own = self._around.docs[doc][real], self._around.shares[doc][real]
            own = own.astype(np.float64)
        else:
            found = self.index.search(query, LEANS, choice=choice) if near is None else near
            docs = found.docs[:LEANS]
            scores = np.zeros((1, LEANS))
            scores[0, : len(docs)] = found.scores[:LEANS]
            own = shares(scores)[0, : len(docs)]
        return Leaning(query, docs, own, self.index.rows_with(query, docs))

    def nearby(self, leaning: Leaning) -> NDArray[np.int32]:
        """Return those that a question leans on, and the nearest of each.

        They are candidates that it may not share words enough with to be found.
        """
        return self.index.around(leaning.docs, _FOUND_BY)

    def learn(self, docs: NDArray[np.int32]) -> None:
        """Find out what stands around some documents, where that is not known.

        Two threads that do so at once write the same.
        """
        new = docs[~self._around.known[docs]]
        if not len(new):
            return
        near, scores = self.index.known_at(new, _LOOKED_AT)
        order = np.argsort(-scores[:, :LEANS], axis=1, kind="stable")
        self._around.docs[new] = np.take_along_axis(near[:, :LEANS], order, axis=1)
        self._around.shares[new] = shares(np.take_along_axis(scores[:, :LEANS], order, axis=1))
        self._around.crowds[new] = crowds(scores[:, LEANS:])
        self._around.known[new] = True

    # --- scores ---

    def smooth(
        self,
        leaning: Leaning,
        docs: NDArray[np.int32],
        similarities: NDArray[np.float64],
        *,
        smoothing: float,
        crowding: float,
    ) -> Smoothed:
        """Return the scores of some documents.

        Parameters
        ----------
        similarities : (n,) float64, the score of each with what is asked for
        smoothing : how much those that are leaned on count beside an article itself; 0 = nothing
        crowding : the power of a crowd, see ``ranking.smoothing.crowd_factors``; 0 = none
        """
        docs = np.ascontiguousarray(docs, np.int32)
        self.learn(docs)
        smoothed = similarities
        if smoothing:
            smoothed = self._means(leaning, docs, smoothing)
        crowded = smoothed * crowd_factors(self._around.crowds[docs].astype(np.float64), crowding)
        crowded = np.rint(crowded * GRID) / GRID
        return Smoothed(docs, similarities, smoothed, crowded, crowded)

    def _means(
        self, leaning: Leaning, docs: NDArray[np.int32], smoothing: float
    ) -> NDArray[np.float64]:
        """Return the weighted mean of the scores over both sides and those that they lean on."""
        leans = self._around.docs[docs]
        own = smoothing * self._around.shares[docs].astype(np.float64)
        ours = [1.0, *(smoothing * leaning.shares)]
        every = np.concatenate([docs[:, None], leans], axis=1)
        scores = self.index.mixed_scores(leaning.rows, ours, every.ravel()).reshape(every.shape)
        scores /= sum(ours)
        means: NDArray[np.float64] = (scores[:, 0] + (own * scores[:, 1:]).sum(axis=1)) / (
            1.0 + own.sum(axis=1)
        )
        return np.rint(means * GRID) / GRID

    def parts(self, leaning: Leaning, doc: int, smoothing: float) -> dict[int, float]:
        """Return what each article that either side leans on brings to a document's mean.

        What two of them bring together is halved between them. The document's own part is missing:
        its similarity, divided by the weights of both sides.
        """
        self.learn(np.array([doc], np.int32))
        theirs = self._around.docs[doc]
        docs = [doc, *theirs[theirs >= 0].tolist()]
        there = np.array([1.0, *(smoothing * self._around.shares[doc][theirs >= 0])], np.float64)
        queries = [leaning.query, *map(self.index.query_of, leaning.docs.tolist())]
        here = np.array([1.0, *(smoothing * leaning.shares)])
        scores = np.array([[self.index.score(query, d) for d in docs] for query in queries])
        brought = scores * np.outer(here, there) / (here.sum() * there.sum())
        out: dict[int, float] = {}
        for i, ours in enumerate([None, *leaning.docs.tolist()]):
            for j, other in enumerate([None, *docs[1:]]):
                several = [one for one in (ours, other) if one is not None]
                for one in several:
                    out[one] = out.get(one, 0.0) + float(brought[i, j]) / len(several)
        return out
