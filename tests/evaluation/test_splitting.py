"""Judged articles in two parts: no story on both sides, and the same sides in every run."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import ConfigError, InputError
from recommender.evaluation.judgements import Judgements, from_groups, from_pairs
from recommender.evaluation.settings import TuningSettings
from recommender.evaluation.splitting import (
    MOST_OF_STORY,
    MOST_QUERIES,
    split,
    stories_by_relevance,
)
from tests.evaluation import oracle

IDS = st.sampled_from("abcdefghijkl")
PAIRS = st.dictionaries(IDS, st.dictionaries(IDS, st.integers(-1, 3), max_size=4), max_size=10)


def crowd(n: int, size: int = 4) -> Judgements:
    """Return judgements of so many stories of some articles each."""
    return from_groups("g", {f"a{i:05}": [str(i // size)] for i in range(n * size)})


@given(PAIRS)
def test_stories_are_what_chains_of_relevance_reach(pairs: dict[str, dict[str, int]]) -> None:
    """Whoever asks and whoever is relevant; what is judged as not relevant links nothing."""
    truth = from_pairs("t", pairs)
    relevant = {q: [o for o, grade in pairs[q].items() if grade > 0] for q in truth.queries}

    assert oracle.stories(truth.queries, relevant) == stories_by_relevance(truth)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_story_stands_on_both_sides_and_no_query_is_lost(seed: int) -> None:
    """Every query is on one side, with its whole story."""
    truth = crowd(60)
    found = split(truth, TuningSettings(seed=seed))
    sides = found.training, found.test
    queries = [query for part in sides for query in part.judgements.queries]

    assert sorted(truth.queries) == sorted(queries)
    assert {*found.training.stories}.isdisjoint(found.test.stories)
    assert {} == found.notices
    for part in sides:
        assert part.n_stories == len(np.unique(part.groups))
        assert {4} == {*Counter(part.groups.tolist()).values()}


def test_parts_know_nothing_of_each_others_judgements() -> None:
    """The part to tune with has no truth for the articles of the test."""
    truth = crowd(60)
    found = split(truth, TuningSettings())
    training, test = found.training.judgements, found.test.judgements

    for query in test.queries:
        assert truth.truth(query)
        assert {} == dict(training.truth(query))
        assert truth.truth(query) == test.truth(query)


def test_order_of_judgements_does_not_matter_and_new_ones_move_nobody() -> None:
    """Who was in the test stays in the test."""
    truth, more = crowd(60), crowd(90)
    turned = from_pairs("t", {query: truth.truth(query) for query in truth.queries[::-1]})
    before, after = split(truth, TuningSettings()), split(more, TuningSettings())
    again = split(turned, TuningSettings())

    assert before.test.judgements.queries == again.test.judgements.queries
    assert before.training.stories == again.training.stories
    assert {*before.test.judgements.queries} < {*after.test.judgements.queries}
    assert {*before.training.judgements.queries} < {*after.training.judgements.queries}


def test_share_and_seed_are_what_they_say() -> None:
    """About so many stories are kept for the test, other ones with another seed."""
    truth = crowd(1000, 2)
    for share in (0.2, 0.5, 0.8):
        found = split(truth, TuningSettings(test_share=share))
        assert found.test.n_stories == pytest.approx(1000 * share, abs=50)
    first, other = (split(truth, TuningSettings(seed=seed)).test.stories for seed in (0, 1))
    assert 0.4 < len({*first} & {*other}) / len({*first}) < 0.6


def test_no_story_drowns_the_others() -> None:
    """Of one that holds hundreds of articles some are asked, and it is said how many are not."""
    labels = {f"big{i}": ["big"] for i in range(300)}
    labels |= {f"s{i:05}": [str(i // 4)] for i in range(200)}
    found = split(from_groups("g", labels), TuningSettings())
    parts = found.training, found.test

    assert [0, MOST_OF_STORY] == sorted(Counter(part.stories)["big0"] for part in parts)
    assert 50 + 200 == sum(part.n_queries for part in parts)
    assert {"queries left out, of stories of more than 50": 250} == found.notices


def test_of_many_queries_an_even_sample_is_asked_and_of_each_story_one_first() -> None:
    """What is left out is counted."""
    truth = crowd(4500, 2)
    found = split(truth, TuningSettings(test_share=0.2))
    left = f"queries left out, as {MOST_QUERIES:,} a part will do"

    assert MOST_QUERIES == found.training.n_queries == found.training.n_stories
    assert found.test.n_stories == pytest.approx(found.test.n_queries / 2, abs=1)
    assert {left: 9000 - MOST_QUERIES - found.test.n_queries} == found.notices


def test_judgements_that_are_not_measured_still_hold_stories_together() -> None:
    """One story in two languages is one, though no list crosses them."""
    whole = crowd(60)
    halves = whole.where(lambda query, other: int(query[1:]) % 2 == int(other[1:]) % 2, "parity")
    found = split(halves, TuningSettings(), whole=whole)
    apart = split(halves, TuningSettings())

    assert 60 == found.training.n_stories + found.test.n_stories
    assert 120 == apart.training.n_stories + apart.test.n_stories


@pytest.mark.parametrize(
    ("stories", "size", "share", "why"),
    [
        (0, 2, 0.5, r"The training part has 0 judged articles of 0 stories; expected 20 of 10"),
        (12, 2, 0.5, r"In all there are 24 of 12, .* Judge more articles\.$"),
        (1, 80, 0.5, r"one story and stay together\. Judge more articles\.$"),
        (50, 2, 0.9, r"share of 0\.9; .* Judge more articles, or choose another test share\.$"),
    ],
)
def test_parts_that_are_too_small_are_refused(
    stories: int, size: int, share: float, why: str
) -> None:
    """With how many there are, how many it takes, and what to do."""
    with pytest.raises(InputError, match=why):
        split(crowd(stories, size), TuningSettings(test_share=share))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"test_share": 0.0}, "test_share is 0.0; expected 0.1 to 0.9"),
        ({"test_share": 1.0}, "test_share is 1.0"),
        ({"test_share": float("nan")}, "test_share is nan"),
        ({"seed": -1}, "seed is -1; expected a whole number, 0 or more"),
    ],
)
def test_settings_of_a_split_that_cannot_be_are_refused(wrong: dict[str, float], why: str) -> None:
    """Each with what was expected."""
    with pytest.raises(ConfigError, match=why):
        TuningSettings(**wrong)  # type: ignore[arg-type]
