"""Stories by hand-made neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommender.ranking.ages import UNDATED
from recommender.ranking.stories import Stories

DAY = 86_400


def stories(
    days: Mapping[int, float | None], near: Mapping[tuple[int, int], float], least: float = 0.25
) -> Stories:
    """Return stories of documents published on these days, with these cosines."""

    def near_one(doc: int) -> tuple[np.ndarray, np.ndarray]:
        found = [(b if a == doc else a, s) for (a, b), s in near.items() if doc in (a, b)]
        found.sort(key=lambda pair: (-pair[1], pair[0]))
        return np.array([d for d, _ in found], np.int32), np.array([s for _, s in found])

    def moment(doc: int) -> tuple[int, bytes]:
        day = days[doc]
        return (UNDATED if day is None else int(day * DAY)), b"%d" % doc

    return Stories(lambda docs: [near_one(doc) for doc in docs], moment, least)


def test_story_is_a_chain_of_nearest_earlier_ones() -> None:
    """The third goes on with the second, the second with the first; the fourth is alone."""
    found = stories({0: 0, 1: 5, 2: 9, 3: 9}, {(0, 1): 0.4, (1, 2): 0.5, (0, 3): 0.1})

    assert [0, 0, 0, 3] == [found.first(doc) for doc in range(4)]
    assert [0, 1, 2] == found.members(1)
    assert [3] == found.members(3)


def test_story_rests_for_no_more_than_three_months() -> None:
    """A year later it is another story, and an undated article is one of its own."""
    found = stories({0: 0, 1: 365, 2: None}, {(0, 1): 0.9, (0, 2): 0.9})

    assert [0, 1, 2] == [found.first(doc) for doc in range(3)]


def test_story_of_two_at_one_moment_begins_with_the_smaller_id() -> None:
    """No circle, whichever is asked first."""
    for order in ((0, 1), (1, 0)):
        found = stories({0: 3, 1: 3}, {(0, 1): 0.9})
        assert {0: 0, 1: 0} == {doc: found.first(doc) for doc in order}


@given(st.data())
def test_stories_part_all_documents_whatever_is_asked_first(data: st.DataObject) -> None:
    """Each document is in one story, which begins with its earliest."""
    n = data.draw(st.integers(1, 9))
    days = {d: data.draw(st.one_of(st.none(), st.integers(0, 200))) for d in range(n)}
    near = {(a, b): data.draw(st.sampled_from([0.1, 0.3, 0.6])) for a in range(n) for b in range(a)}
    order = data.draw(st.permutations(range(n)))
    found, again = stories(days, near), stories(days, near)

    firsts = {doc: found.first(doc) for doc in order}

    assert firsts == {doc: again.first(doc) for doc in range(n)}
    for doc, first in firsts.items():
        assert firsts[first] == first
        assert found._moment(first) <= found._moment(doc)
