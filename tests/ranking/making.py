"""Short lists for the tests of single steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recommender.ranking.shortlist import Shortlist


def shortlist(
    scores: Sequence[float],
    *,
    contained: Mapping[tuple[int, int], float] | None = None,
    cosines: Mapping[tuple[int, int], float] | None = None,
    n_before: int = 1,
) -> Shortlist:
    """Return candidates 100, 101, ... with these scores.

    Pairs are numbered from the article itself, which is 0; with what stands before the candidates
    they come after it.
    """
    n = n_before + len(scores)
    return Shortlist(
        np.arange(100, 100 + len(scores), dtype=np.int32),
        np.array(scores, np.float64),
        np.array(scores, np.float64),
        n_before,
        _square(n, cosines or {}),
        _square(n, contained or {}),
        tuple(range(len(scores))),
    )


def _square(n: int, pairs: Mapping[tuple[int, int], float]) -> np.ndarray:
    out = np.eye(n)
    for (i, j), value in pairs.items():
        out[i, j] = out[j, i] = value
    return out
