"""Live blogs and series as steps: chains in time, one of a chain stands, parts share nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender.ranking.ages import UNDATED
from recommender.ranking.instalments import chains, collapse_live, told_apart
from tests.ranking.making import shortlist

DAY = 86_400
times = st.lists(
    st.integers(0, 40).map(lambda days: days * DAY) | st.just(UNDATED), min_size=1, max_size=12
)


@hypothesis_settings(max_examples=200, deadline=None)
@given(times)
def test_chains_link_what_is_at_most_three_days_apart(at: list[int]) -> None:
    """By walking from each to the next; what has no date is alone."""

    def moment(doc: int) -> tuple[int, bytes]:
        return at[doc], b"%03d" % doc

    found = chains(range(len(at)), moment)

    expected: dict[int, int] = {}
    for doc in range(len(at)):
        first = doc
        while earlier := [
            d
            for d in range(len(at))
            if at[first] > UNDATED and at[d] > UNDATED
            if moment(d) < moment(first) and at[first] - at[d] <= 3 * DAY
        ]:
            first = min(earlier, key=moment)
        expected[doc] = first
    assert expected == found


@hypothesis_settings(max_examples=200, deadline=None)
@given(data=st.data(), n=st.integers(0, 8))
def test_newest_of_each_live_blog_stands_and_all_others_are_under_it(
    data: st.DataObject, n: int
) -> None:
    """In the place of its best; nothing is lost, and nothing of what is shown stands again."""
    found = shortlist([1.0 - i / 10 for i in range(n)])
    blogs = {100 + i: data.draw(st.sampled_from([901, 902, 903])) for i in range(0, n, 2)}
    order = data.draw(st.permutations(range(n)))
    shown = data.draw(st.sampled_from([[], [999], [500]]))
    blogs |= {500: 901}

    out = collapse_live(found, blogs, shown, lambda doc: (order[doc - 100], b""))

    standing = [out.doc(place) for place in out.places]
    dropped = {d.doc for d in out.dropped}
    assert {*standing, *dropped} == {100 + i for i in range(n)}
    assert not set(standing) & dropped
    told = {blogs[doc] for doc in shown if doc in blogs}
    for blog in {901, 902, 903}:
        own = [doc for doc in found.docs.tolist() if blogs.get(doc) == blog]
        stand = [doc for doc in own if doc in standing]
        newest = max(own, key=lambda doc: order[doc - 100], default=None)
        assert stand == ([newest] if own and blog not in told else [])
        if stand:
            under = out.instalments.get(stand[0] - 100, ())
            assert sorted([*stand, *under]) == own
    firsts = [blogs.get(doc, doc) for doc in found.docs.tolist()]
    kept = [blog for blog in dict.fromkeys(firsts) if blog not in told]
    assert kept == [blogs.get(doc, doc) for doc in standing]


def test_copies_of_earlier_instalments_move_to_the_newest() -> None:
    """What an instalment stood for has a card still."""
    from dataclasses import replace

    found = replace(shortlist([0.9, 0.8, 0.7]), copies={0: (7,), 1: (8,)})

    out = collapse_live(found, {100: 100, 101: 100}, [], lambda doc: (doc, b""))

    assert (1, 2) == out.places
    assert {(8, 7)} == {tuple(out.copies[1])}
    assert (100,) == out.instalments[1]


def test_parts_of_a_series_share_nothing_and_others_what_they_did() -> None:
    """Both ways round; only near pairs are asked about."""
    contained = np.array([[1.0, 0.9, 0.2], [0.9, 1.0, 0.8], [0.2, 0.8, 1.0]])
    asked = []

    def are_parts(i: int, j: int) -> bool:
        asked.append((i, j))
        return (i, j) == (0, 1)

    out = told_apart(contained, 0.7, are_parts)

    assert [(0, 1), (1, 2)] == asked
    assert [[1.0, 0.0, 0.2], [0.0, 1.0, 0.8], [0.2, 0.8, 1.0]] == out.tolist()
    assert contained is told_apart(contained, 0.7, lambda i, j: False)
