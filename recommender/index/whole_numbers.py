"""Weights of a query as whole numbers, and the margin of the sums that are made with them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recommender._jit import compiled, jit
from recommender.index.arguments import Array, Statistics

__all__ = ["weighs_anything", "whole_weights"]

_MAX_COLUMN_WEIGHT: Final = 32_767.0
_MAX_SUM: Final = 2.0e9  # below 2**31, with room for what rounding adds


@compiled
def weighs_anything(terms: Array, statistics: Statistics) -> Any:
    """Tell whether any of the terms weighs anything here, and any document.

    What a query shares with one segment of several may be nothing but words that do not count.
    """
    if statistics.longest > 0.0:
        for term in terms:
            if statistics.idf_squared[term] > 0.0:
                return True
    return False


@jit
def whole_weights(
    terms: Array, codes: Array, length: float, n_dense: int, statistics: Statistics
) -> tuple[Array, float, float]:
    """Return each term's weight as a whole number, their scale, and the margin of the sums.

    No sum overflows: it is at most scale * length * (longest norm), by Cauchy and Schwarz, since
    weights are rounded down; the scale is chosen so that this stays below 2**31. Weights of terms
    with columns have to fit 15 bits besides.

    Returns
    -------
    whole : (n,) int32
    scale : float, sum = scale * inner product, nearly
    slack : float, the least sum that could belong to a better document than another's sum of 1;
        0 where a weight vanishes in the rounding, so that sums say nothing
    """
    exact = np.empty(terms.size, np.float64)
    heaviest, lightest = 0.0, np.inf
    for i in range(terms.size):
        exact[i] = statistics.tf[codes[i]] * statistics.idf_squared[terms[i]]
        if exact[i] > 0.0:
            lightest = min(lightest, exact[i])
        if terms[i] < n_dense:
            heaviest = max(heaviest, exact[i])
    error = statistics.level_error
    scale = _MAX_SUM / (length * statistics.longest * statistics.scale * (1.0 + error))
    scale = min(scale, _MAX_SUM / (exact.max() * statistics.scale))
    if heaviest > 0.0:
        scale = min(scale, _MAX_COLUMN_WEIGHT / heaviest)
    whole = np.empty(terms.size, np.int32)
    for i in range(terms.size):
        whole[i] = np.int32(exact[i] * scale)
    low = (1.0 - error) * max(0.0, 1.0 - 1.0 / (scale * lightest))
    slack = low / (1.0 + error) * (1.0 - 1e-6) * statistics.drift
    return whole, scale * statistics.scale, slack
