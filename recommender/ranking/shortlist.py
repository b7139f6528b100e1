"""Shortlist: the candidates at hand, what is known of them, and which still stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dropped", "Shortlist"]


class Dropped(NamedTuple):
    """A candidate that does not stand any more.

    Attributes
    ----------
    doc : its number; step : the step that took it out; reason : why, for people
    """

    doc: int
    step: str
    reason: str


@dataclass(frozen=True)
class Shortlist:
    """Candidates on their way through the steps. Each step returns another one.

    Attributes
    ----------
    docs : (n,) int32, best first
    scores : (n,) float64, what they are ranked by
    similarities : (n,) float64, cosine with the article
    n_before : what stands before the candidates in the next two: the article itself, and what is
        shown already
    cosines, contained : (n_before + n, n_before + n) float64, of every pair;
        ``pairs.compare_rows`` says what they are. Empty where no step asks.
    places : which of the candidates stand, best first
    dropped : what does not, and why
    copies : by place, the documents that are the same story told again, and take no card
    instalments : by place, the earlier ones of the same live blog, which take no card either
    """

    docs: NDArray[np.int32]
    scores: NDArray[np.float64]
    similarities: NDArray[np.float64]
    n_before: int
    cosines: NDArray[np.float64]
    contained: NDArray[np.float64]
    places: tuple[int, ...]
    dropped: tuple[Dropped, ...] = ()
    copies: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    instalments: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.places)

    def doc(self, place: int) -> int:
        """Return the document in a place."""
        return int(self.docs[place])

    def alike(self, place: int, other: int) -> float:
        """Return the cosine of two candidates."""
        return float(self.cosines[place + self.n_before, other + self.n_before])

    def without(self, dropped: Sequence[tuple[int, str]], step: str) -> Shortlist:
        """Return the list without some places, each with a reason."""
        if not dropped:
            return self
        gone = {place for place, _ in dropped}
        said = tuple(Dropped(self.doc(place), step, reason) for place, reason in dropped)
        standing = tuple(place for place in self.places if place not in gone)
        return replace(self, places=standing, dropped=self.dropped + said)

    def in_order(self, places: Iterable[int], dropped: Iterable[tuple[int, str, str]]) -> Shortlist:
        """Return the list with these places standing, in this order."""
        docs = self.docs.tolist()
        said = tuple([Dropped(docs[place], step, reason) for place, step, reason in dropped])
        return replace(self, places=tuple(places), dropped=self.dropped + said)
