"""Which few are taken: by score, unlikeness and quotas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.ranking.variety import Quota, take_few
from tests.ranking.making import shortlist


def test_take_few_without_settings_takes_the_first() -> None:
    """The order stays, and the rest is told to be late."""
    found = take_few(shortlist([0.9, 0.8, 0.7]), 2)

    assert (0, 1) == found.places
    assert [("limit", 102)] == [(d.step, d.doc) for d in found.dropped]


def test_take_few_with_quota_takes_the_next_of_another_kind() -> None:
    """Two of a section, then others; the reason names the section."""
    sections = {100: ("politics",), 101: ("politics",), 102: ("politics",), 103: ()}

    found = take_few(
        shortlist([0.9, 0.8, 0.7, 0.6]), 3, quotas=[Quota("section", 2, sections.__getitem__)]
    )

    assert (0, 1, 3) == found.places
    assert "politics" in found.dropped[0].reason


def test_take_few_counts_cards_that_were_taken_before() -> None:
    """A second language or the ladder does not begin to count anew."""
    quota = Quota("author", 1, lambda doc: (f"a{doc % 2}",))

    found = take_few(shortlist([0.9, 0.8]), 2, quotas=[quota], before=[7])

    assert (0,) == found.places


def test_take_few_with_quota_counts_every_author_of_a_card() -> None:
    """A card by two counts for both."""
    authors = {100: ("ann", "bob"), 101: ("bob",), 102: ("cid",)}

    found = take_few(
        shortlist([0.9, 0.8, 0.7]), 3, quotas=[Quota("author", 1, authors.__getitem__)]
    )

    assert (0, 2) == found.places


def test_take_few_with_diversity_prefers_the_unlike() -> None:
    """The second is the twin of the first, so the third comes before it."""
    pairs = {(1, 2): 0.95, (1, 3): 0.1, (2, 3): 0.1}

    plain = take_few(shortlist([0.9, 0.8, 0.7], cosines=pairs), 3)
    varied = take_few(shortlist([0.9, 0.8, 0.7], cosines=pairs), 3, diversity=0.5)

    assert (0, 1, 2) == plain.places
    assert (0, 2, 1) == varied.places


@given(st.integers(1, 9), st.floats(0.05, 1.0), st.randoms(use_true_random=False))
def test_take_few_is_the_textbook_s_maximal_marginal_relevance(
    n: int, diversity: float, random: object
) -> None:
    """Each next one has the largest (1 - d) * score - d * likeness, by the slow formula."""
    rng = np.random.default_rng(random.randint(0, 2**31))  # type: ignore[attr-defined]
    scores = sorted(rng.random(n).tolist(), reverse=True)
    pairs = {(i + 1, j + 1): float(rng.random()) for i, j in itertools.combinations(range(n), 2)}

    found = take_few(shortlist(scores, cosines=pairs), n, diversity=diversity)

    taken: list[int] = []
    while len(taken) < n:
        left = [p for p in range(n) if p not in taken]
        worth = {
            p: (1 - diversity) * scores[p]
            - diversity * max((pairs[min(p, t) + 1, max(p, t) + 1] for t in taken), default=0.0)
            for p in left
        }
        best = found.places[len(taken)]
        assert worth[best] == pytest.approx(max(worth.values()), abs=1e-12)
        taken.append(best)
