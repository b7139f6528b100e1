"""Freshness: how much a document's age takes from its score, and how old it may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["age_factors", "ages", "window"]

UNDATED = int(np.iinfo(np.int64).min)
"""The publishing time of an article without a date: as old as can be."""


def ages(published: NDArray[np.int64], reference: float) -> NDArray[np.float64]:
    """Return how far from ``reference`` documents were published, in seconds; undated: infinite.

    What is newer is as far as what is older: a follow-up of tomorrow is as fresh as a report of
    yesterday.
    """
    away = np.abs(published.astype(np.float64) - reference)
    return np.where(published == UNDATED, np.inf, away)


def age_factors(
    published: NDArray[np.int64], reference: float, half_lives: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what a score is multiplied by: 1/2 for every half-life of age, (n,) float64.

    Parameters
    ----------
    half_lives : seconds, for all or for each; 0 = age does not matter. An undated document counts
        nothing where it does.
    """
    lives = np.broadcast_to(np.asarray(half_lives, np.float64), published.shape)
    ratio = np.divide(
        ages(published, reference), lives, out=np.zeros(len(published)), where=lives > 0.0
    )
    return np.exp2(-ratio)


def window(reference: float, max_age: float) -> tuple[int | None, int | None]:
    """Return since and until when documents may have been published, in seconds.

    Parameters
    ----------
    max_age : seconds, on both sides of ``reference``; 0 = any
    """
    if not max_age:
        return None, None
    return int(np.floor(reference - max_age)), int(np.ceil(reference + max_age)) + 1
