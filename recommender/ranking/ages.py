"""Freshness: how much a document's age takes from its score, and how old it may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNDATED", "age_factors", "window"]

UNDATED = int(np.iinfo(np.int64).min)
"""The publishing time of an article without a date: as old as can be."""


def age_factors(
    published: NDArray[np.int64], reference: float, half_lives: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what a score is multiplied by: 1/2 for every half-life of age, (n,) float64.

    What is newer than ``reference`` is as far from it as what is older: a follow-up of tomorrow is
    as fresh as a report of yesterday. An undated article is so far that nothing is left of it.

    Parameters
    ----------
    half_lives : seconds, for all or for each; 0 = age does not matter
    """
    away = np.abs(published - np.float64(reference))
    if isinstance(half_lives, float):
        return np.exp2(away * (-1.0 / half_lives)) if half_lives else np.ones(len(away))
    ratio = np.divide(away, half_lives, out=np.zeros(len(away)), where=half_lives > 0.0)
    factors: NDArray[np.float64] = np.exp2(-ratio)
    return factors


def window(reference: float, max_age: float) -> tuple[int | None, int | None]:
    """Return since and until when documents may have been published, in seconds.

    Parameters
    ----------
    max_age : seconds, on both sides of ``reference``; 0 = any
    """
    if not max_age:
        return None, None
    return int(np.floor(reference - max_age)), int(np.ceil(reference + max_age)) + 1
