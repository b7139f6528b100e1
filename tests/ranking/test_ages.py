"""Freshness: factors by age, and windows."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.ranking.ages import UNDATED, age_factors, window

DAY = 86_400


def test_age_factors_halve_with_every_half_life_on_both_sides() -> None:
    """A week away counts half, whether before or after."""
    times = np.array([0, 7 * DAY, -7 * DAY, 14 * DAY], np.int64)

    assert age_factors(times, 0.0, 7.0 * DAY) == pytest.approx([1.0, 0.5, 0.5, 0.25])


def test_age_factors_of_undated_are_none_where_age_matters() -> None:
    """An article without a date is as old as can be."""
    times = np.array([UNDATED, 0], np.int64)

    assert age_factors(times, 0.0, 1.0 * DAY).tolist() == [0.0, 1.0]
    assert age_factors(times, 0.0, 0.0).tolist() == [1.0, 1.0]


def test_age_factors_take_a_half_life_for_each() -> None:
    """Evergreen ones, at 0, lose nothing."""
    times = np.array([-10 * DAY, -10 * DAY, UNDATED], np.int64)

    factors = age_factors(times, 0.0, np.array([10.0 * DAY, 0.0, 0.0]))

    assert factors == pytest.approx([0.5, 1.0, 1.0])


def test_window_is_max_age_on_both_sides_and_none_without() -> None:
    """Whole seconds, both ends inside."""
    assert window(1000.0, 100.0) == (900, 1101)
    assert window(1000.5, 100.0) == (900, 1102)
    assert window(1000.0, 0.0) == (None, None)
