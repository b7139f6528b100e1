"""Stories: chains of articles about one thing that goes on, found by walking the neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.ages import UNDATED

__all__ = ["Stories"]

_GAP: Final = 90 * 86_400
"""Seconds that a story may rest."""


Near = tuple[NDArray[np.int32], NDArray[np.float64]]
"""Some documents, best first, and their cosines with another."""


class Stories:
    """The stories of one generation, each found when it is first asked for.

    An article goes on with its nearest earlier neighbour, if that is near enough in words and in
    time; a story is what hangs together so, and is named after its first article. An article
    without a date is a story of its own. Safe to share between threads.

    Parameters
    ----------
    neighbours : the known neighbours of each of some documents
    moment : when a document was published, in seconds since 1970, and its id
    least : the cosine from which on an article goes on with an earlier one
    owners : the documents that have any of some among their known neighbours; None = whoever is
        among a document's is taken to have it among its own
    """

    def __init__(
        self,
        neighbours: Callable[[Sequence[int]], Sequence[Near]],
        moment: Callable[[int], tuple[int, bytes]],
        least: float,
        owners: Callable[[Sequence[int]], Sequence[int]] | None = None,
    ) -> None:
        self._neighbours, self._moment, self.least = neighbours, moment, least
        self._owners = owners
        self._firsts: dict[int, int] = {}

    def first(self, doc: int) -> int:
        """Return the first article of a document's story."""
        found = self._firsts.get(doc)
        return self.firsts([doc])[doc] if found is None else found

    def firsts(self, docs: Iterable[int]) -> dict[int, int]:
        """Return the first article of the story of each of some documents."""
        wanted = list(docs)
        parents: dict[int, int] = {}
        ahead = sorted({doc for doc in wanted if doc not in self._firsts})
        while ahead:
            near = self._neighbours(ahead)
            parents |= {doc: self._parent(doc, n) for doc, n in zip(ahead, near, strict=True)}
            before = {parents[doc] for doc in ahead} - parents.keys()
            ahead = sorted(doc for doc in before if doc not in self._firsts)
        for doc in sorted(parents, key=self._moment):  # what one goes on with comes before it
            parent = parents[doc]
            self._firsts[doc] = doc if parent == doc else self._firsts[parent]
        return {doc: self._firsts[doc] for doc in wanted}

    def members(self, doc: int, most: int = 1000) -> list[int]:
        """Return the articles of a document's story, by publishing time, ``most`` at most.

        Found by going from each article to those that may go on with it.
        """
        first = self.first(doc)
        seen, found, ahead = {first, doc}, {first, doc}, [first, doc]
        while ahead and len(found) < most:
            new = sorted({d for d in self._may_go_on(ahead) if d not in seen})
            seen.update(new)
            ahead = [d for d, begin in self.firsts(new).items() if begin == first]
            found.update(ahead)
        return sorted(found, key=self._moment)[:most]

    def _may_go_on(self, docs: Sequence[int]) -> Sequence[int]:
        """Return the documents that may go on with some, and others."""
        if self._owners is not None:
            return self._owners(docs)
        near = self._neighbours(docs)
        return [int(doc) for d, s in near for doc in d[s >= self.least]]

    def _parent(self, doc: int, near: Near) -> int:
        """Return what a document goes on with; itself if nothing."""
        here = self._moment(doc)
        if here[0] == UNDATED:
            return doc
        docs, cosines = near
        for other in docs[cosines >= self.least].tolist():
            there = self._moment(other)
            if there[0] > UNDATED and there < here and here[0] - there[0] <= _GAP:
                return int(other)
        return doc
