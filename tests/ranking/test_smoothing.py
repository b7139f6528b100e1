"""Shares and crowds: the formulas, written out again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.ranking.smoothing import CROWD, LEANS, crowd_factors, crowds, shares

SCORE = st.floats(0.0, 1.0, allow_subnormal=False)


@given(scores=st.lists(SCORE, min_size=LEANS, max_size=LEANS))
def test_shares_fall_with_the_square_and_sum_to_the_best(scores: list[float]) -> None:
    """Of each article by itself: a lonely one leans on nothing."""
    scores.sort(reverse=True)
    own = shares(np.array([scores, [0.0] * LEANS]))

    squares = [(s / scores[0]) ** 2 if scores[0] else 0.0 for s in scores]
    total = sum(squares)
    expected = [scores[0] * q / total if total else 0.0 for q in squares]
    assert own[0] == pytest.approx(expected)
    assert own[0].sum() == pytest.approx(scores[0])
    assert not own[1].any()


@given(scores=st.lists(SCORE, min_size=len(CROWD), max_size=len(CROWD)), power=st.floats(0, 5))
def test_crowd_takes_by_its_mean_and_a_power_of_nothing_takes_nothing(
    scores: list[float], power: float
) -> None:
    """A factor is never above 1, nor below that of a thicker crowd."""
    (crowd,) = crowds(np.array([scores]))
    assert crowd == pytest.approx(sum(scores) / max(1, sum(score > 0 for score in scores)))

    factor, thicker = crowd_factors(np.array([crowd, crowd + 0.1]), power)
    assert factor == pytest.approx((1 + crowd / 0.1) ** -power)
    assert 0.0 < thicker <= factor <= 1.0
    assert crowd_factors(np.array([crowd]), 0.0) == 1.0
