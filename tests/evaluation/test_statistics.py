"""Intervals, paired tests, Holm, agreement."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.evaluation.statistics import (
    agreement,
    figures,
    holm,
    paired,
    ratio_figure,
    share_figure,
)
from tests.evaluation import oracle


def test_interval_of_a_mean_is_that_of_the_normal_theory(rng: np.random.Generator) -> None:
    """Over many values the bootstrap gives mean plus and minus 1.96 standard errors."""
    values = rng.normal(0.4, 0.2, 4000)
    found = figures({"x": values})["x"]
    error = values.std(ddof=1) / math.sqrt(len(values))

    assert found.n == 4000
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=error * 0.3)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=error * 0.3)


def test_figures_leave_out_what_is_not_defined_and_are_none_where_nothing_is() -> None:
    """NaN is not 0; of one value there is no interval; of none there is no mean."""
    found = figures(
        {
            "some": np.array([1.0, np.nan, 0.0]),
            "one": np.array([np.nan, 0.5, np.nan]),
            "none": np.full(3, np.nan),
        }
    )

    assert (0.5, 2) == (found["some"].mean, found["some"].n)
    assert (0.5, None, None, 1) == (
        found["one"].mean,
        found["one"].low,
        found["one"].high,
        found["one"].n,
    )
    assert (None, None, None, 0) == (
        found["none"].mean,
        found["none"].low,
        found["none"].high,
        found["none"].n,
    )
    assert figures({"x": np.zeros(0)})["x"].mean is None


def test_figures_are_the_same_in_every_run(rng: np.random.Generator) -> None:
    """Seeded: two calls, one figure."""
    values = rng.random(50)

    assert figures({"x": values}) == figures({"x": values})


def test_interval_of_a_share_is_that_of_its_zeros_and_ones() -> None:
    """The quick way gives the bounds of the long one; of nothing there is no share."""
    values = np.repeat([1.0, 0.0], [30, 170])
    quick, long = share_figure(30, 200), figures({"x": values})["x"]

    assert (quick.mean, quick.n) == (long.mean, long.n)
    assert quick.low == pytest.approx(long.low, abs=0.011)
    assert quick.high == pytest.approx(long.high, abs=0.011)
    assert share_figure(0, 0).mean is None
    assert (1.0, None, None) == (
        share_figure(1, 1).mean,
        share_figure(1, 1).low,
        share_figure(1, 1).high,
    )


def test_ratio_is_none_where_nothing_was_counted() -> None:
    """Nothing over nothing is no figure."""
    nothing = np.zeros(4)

    assert ratio_figure(nothing, nothing).mean is None
    assert ratio_figure(np.array([1.0, 0.0]), np.array([2.0, 2.0])).mean == 0.25


def test_p_of_few_queries_is_that_of_all_signs() -> None:
    """Ten thousand flips come close to trying every sign."""
    gaps = np.array([0.3, 0.1, -0.05, 0.2, 0.4, -0.1, 0.25, 0.05])
    sums = [abs(float(np.dot(signs, gaps))) for signs in product((-1, 1), repeat=len(gaps))]
    exact = float(np.mean([s >= abs(gaps.sum()) - 1e-12 for s in sums]))
    found = paired(np.zeros(8), gaps)

    assert found.p == pytest.approx(exact, abs=0.01)
    assert (6, 0, 2) == (found.wins, found.ties, found.losses)
    assert found.effect == pytest.approx(gaps.mean() / gaps.std(ddof=1))


def test_groups_win_and_lose_together(rng: np.random.Generator) -> None:
    """Signs are those of groups: all of them tried come to the same; alone each is a query."""
    gaps, groups = rng.normal(0.1, 0.3, 30), np.arange(30, dtype=np.int64) % 7
    sums = np.bincount(groups, gaps)
    every = [abs(float(np.dot(signs, sums))) for signs in product((-1, 1), repeat=7)]
    exact = float(np.mean([s >= abs(sums.sum()) - 1e-12 for s in every]))
    found = paired(np.zeros(30), gaps, groups=groups)
    alone = paired(np.zeros(30), gaps, groups=np.arange(30, dtype=np.int64))
    one = paired(np.zeros(30), gaps, groups=np.zeros(30, np.int64))

    assert found.p == pytest.approx(exact, abs=0.02)
    assert (30, 30) == (found.n, found.difference.n)
    assert found.difference.mean == pytest.approx(gaps.mean())
    assert alone.p == paired(np.zeros(30), gaps).p
    assert (1.0, None) == (one.p, one.difference.low)


def test_articles_of_one_story_are_no_proof_of_their_own(rng: np.random.Generator) -> None:
    """Copies of a gap make no test surer where they are one group; taken one by one they do."""
    ps, naive = [], []
    for i in range(200):
        gaps = np.repeat(rng.normal(0, 1, 15), 6)
        groups = np.repeat(np.arange(15, dtype=np.int64), 6)
        ps.append(paired(np.zeros(90), gaps, groups=groups, seed=i).p or 1.0)
        naive.append(paired(np.zeros(90), gaps, seed=i).p or 1.0)

    assert 0.01 <= np.mean([p <= 0.05 for p in ps]) <= 0.1
    assert np.mean([p <= 0.05 for p in naive]) > 0.25


def test_groups_without_a_query_that_both_define_are_no_part_of_it() -> None:
    """A story whose lists nothing defines takes no sign."""
    first, second = np.array([0.0, np.nan, 0.0]), np.array([1.0, 1.0, 0.5])
    found = paired(first, second, groups=np.array([0, 1, 2], np.int64))
    nothing = paired(np.full(2, np.nan), np.zeros(2), groups=np.array([0, 1], np.int64))

    assert (2, 0.75, 0.5) == (found.n, found.difference.mean, round(found.p or 0.0, 1))
    assert (0, None, None) == (nothing.n, nothing.difference.mean, nothing.p)


def test_tests_of_nothing_reject_as_often_as_they_say(rng: np.random.Generator) -> None:
    """Where there is no difference, one test in twenty has p below 0.05."""
    ps = [paired(np.zeros(30), rng.normal(0, 1, 30), seed=i).p or 1.0 for i in range(200)]

    assert 0.01 <= np.mean([p <= 0.05 for p in ps]) <= 0.1


def test_paired_where_all_tie_has_no_p_and_no_effect() -> None:
    """Equal lists are told as a tie, not as a probability of 1."""
    found = paired(np.full(5, 0.5), np.full(5, 0.5))

    assert (None, None, 5, 0.0) == (found.p, found.effect, found.ties, found.difference.mean)


def test_paired_without_a_query_that_both_define_has_no_figure() -> None:
    """Nothing in common is not a tie."""
    found = paired(np.array([np.nan, 1.0]), np.array([1.0, np.nan]))

    assert (0, None, None) == (found.n, found.p, found.difference.mean)


def test_holm_gives_the_example_of_the_textbooks() -> None:
    """Smallest p times how many, and never below one before; None stays None."""
    assert holm([0.01, None, 0.04, 0.03, 0.005]) == pytest.approx(
        [0.03, None, 0.06, 0.06, 0.02], nan_ok=True
    )
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


KRIPPENDORFF = """
1 2 3 3 2 1 4 1 2 - - -
1 2 3 3 2 2 4 1 2 5 - 3
- 3 3 3 2 3 4 2 2 5 1 -
1 2 3 3 2 4 4 1 2 5 1 -
"""


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    """Four observers, twelve units: 0.815 for ordinal grades (Krippendorff 2011)."""
    rows = [line.split() for line in KRIPPENDORFF.strip().splitlines()]
    units = [
        {str(i): int(row[n]) for i, row in enumerate(rows) if row[n] != "-"} for n in range(12)
    ]
    found = agreement(units, 4)

    assert found.alpha.mean == pytest.approx(0.815, abs=0.0005)
    assert found.units == 11
    assert found.alpha.low is not None
    assert found.alpha.high is not None
    assert found.alpha.low < 0.815 < found.alpha.high


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), min_size=1),
        min_size=1,
        max_size=8,
    )
)
def test_alpha_of_any_marks_equals_the_definition(units: list[dict[str, int]]) -> None:
    """Pair by pair, as it is defined; where that divides by 0 there is none."""
    grades = {grade for unit in units if len(unit) > 1 for grade in unit.values()}
    found = agreement(units, 4).alpha.mean
    if len(grades) < 2:
        assert found is None
        return

    assert found == pytest.approx(oracle.alpha([list(unit.values()) for unit in units]))


@pytest.mark.parametrize(
    ("units", "judges", "why"),
    [
        ([{"a": 1}, {"a": 2}], 1, "one judge only"),
        ([{"a": 1}, {"b": 2}], 2, "no two judges marked the same pair"),
        ([{"a": 2, "b": 2}, {"a": 2, "b": 2}], 2, "every mark is 2"),
    ],
)
def test_agreement_that_is_not_defined_says_why(
    units: list[dict[str, int]], judges: int, why: str
) -> None:
    """One judge, no overlap, one grade: a reason instead of a figure."""
    found = agreement(units, judges)

    assert (None, None, None) == (found.alpha.mean, found.alpha.low, found.alpha.high)
    assert why in found.why
