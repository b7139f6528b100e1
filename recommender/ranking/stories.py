"""Stories: chains of articles about one thing that goes on, found by walking the neighbours."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.ages import UNDATED

__all__ = ["Stories"]

_GAP: Final = 90 * 86_400
"""Seconds that a story may rest."""


class Neighbours(Protocol):
    """What is asked of an index."""

    def __call__(self, doc: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return a document's known neighbours, best first, and their cosines."""


class Stories:
    """The stories of one generation, each found when it is first asked for.

    An article goes on with its nearest earlier neighbour, if that is near enough in words and in
    time; a story is what hangs together so, and is named after its first article. An article
    without a date is a story of its own. Safe to share between threads.

    Parameters
    ----------
    neighbours : a document's known neighbours
    moment : when a document was published, in seconds since 1970, and its id
    least : the cosine from which on an article goes on with an earlier one
    """

    def __init__(
        self, neighbours: Neighbours, moment: Callable[[int], tuple[int, bytes]], least: float
    ) -> None:
        self._neighbours, self._moment, self.least = neighbours, moment, least
        self._firsts: dict[int, int] = {}

    def first(self, doc: int) -> int:
        """Return the first article of a document's story."""
        chain = [doc]
        while chain[-1] not in self._firsts:
            parent = self._parent(chain[-1])
            if parent == chain[-1]:
                self._firsts[parent] = parent
            else:
                chain.append(parent)
        first = self._firsts[chain[-1]]
        self._firsts.update(dict.fromkeys(chain, first))
        return first

    def members(self, doc: int, most: int = 1000) -> list[int]:
        """Return the articles of a document's story, by publishing time, ``most`` at most.

        Found by going from neighbour to neighbour.
        """
        first = self.first(doc)
        seen, found, ahead = {first, doc}, [first], deque([first, doc])
        while ahead and len(found) < most:
            docs, cosines = self._neighbours(ahead.popleft())
            for other in docs[cosines >= self.least].tolist():
                if other not in seen:
                    seen.add(other)
                    if self.first(other) == first:
                        found.append(other)
                        ahead.append(other)
        whole = {*found, doc}
        return sorted(whole, key=self._moment)

    def _parent(self, doc: int) -> int:
        """Return what a document goes on with; itself if nothing."""
        here = self._moment(doc)
        if here[0] == UNDATED:
            return doc
        docs, cosines = self._neighbours(doc)
        for other in docs[cosines >= self.least].tolist():
            there = self._moment(other)
            if there[0] > UNDATED and there < here and here[0] - there[0] <= _GAP:
                return int(other)
        return doc
