"""Smoothing: an article's score is averaged with those of the articles nearest to it.

Two reports of one event may share few words, but each shares many with others of the same event.
So a score is not that of two texts alone: it is the weighted mean over the article and those it
leans on, its few nearest, on the one side, and over the candidate and those it leans on, on the
other (score regularisation: Diaz, "Regularizing ad hoc retrieval scores", CIKM 2005; expansion of
documents by their neighbours: Tao et al., NAACL 2006). A lonely article has no near ones, leans on
nothing, and is hardly moved.

An article in a crowd, where everything is like everything, is near to anything that is said of its
subject. What it shares with the article tells less, and its score is divided by a power of how
thick its surroundings are (local scaling: Schnitzer et al., JMLR 13, 2012).

Grids, and what else was tried: docs/decisions/0018-story-smoothing.md.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CROWD", "LEANS", "crowd_factors", "crowds", "shares"]

LEANS: Final = 3
"""How many of its nearest an article leans on."""
CROWD: Final = tuple(range(8, 32, 3))
"""Which of its nearest tell how crowded it stands, from 0: those before are its story."""
_USUAL: Final = 0.1
"""How like an article its crowd is where a factor begins to matter."""

Scores = NDArray[np.float64]


def shares(scores: Scores) -> Scores:
    """Return how much an article leans on each of its nearest.

    The shares of an article sum to the score of its nearest: who has nothing near leans on nothing.
    They fall with the square of the scores, so that what is much less near counts little.

    Parameters
    ----------
    scores : (n, LEANS) float64, of each article's nearest, best first; 0 for none

    Returns
    -------
    (n, LEANS) float64
    """
    best = scores[:, :1]
    relative = np.divide(scores, best, out=np.zeros_like(scores), where=best > 0.0) ** 2
    total = relative.sum(axis=1, keepdims=True)
    out: Scores = best * np.divide(relative, total, out=np.zeros_like(scores), where=total > 0.0)
    return out


def crowds(scores: Scores) -> Scores:
    """Return how crowded articles stand: the mean score of their 9th to 30th nearest, (n,) float64.

    Parameters
    ----------
    scores : (n, n_crowd) float64, of every third of these; 0 for none
    """
    out: Scores = scores.mean(axis=1)
    return out


def crowd_factors(crowd: Scores, crowding: float) -> Any:
    """Return what a crowd leaves of scores: ``(1 + crowd / 0.1) ** -crowding``, in 0..1."""
    return (1.0 + crowd / _USUAL) ** -crowding
