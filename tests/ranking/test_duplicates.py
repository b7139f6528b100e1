"""Copies of the article, of cards that stand, and of one another."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommender.ranking.duplicates import (
    collapse_copies,
    drop_copies_of_shown,
    drop_dissimilar,
)
from tests.ranking.making import shortlist


def by_number(doc: int) -> tuple[int, ...]:
    """Prefer the smaller document."""
    return (doc,)


def test_drop_dissimilar_keeps_what_reaches_the_threshold() -> None:
    """The threshold itself is enough; what is below is told with both numbers."""
    found = drop_dissimilar(shortlist([0.5, 0.2, 0.1]), 0.2)

    assert (0, 1) == found.places
    assert [(102, "threshold")] == [(d.doc, d.step) for d in found.dropped]
    assert "0.100" in found.dropped[0].reason
    assert "0.2" in found.dropped[0].reason


def test_drop_copies_of_shown_drops_the_article_s_own_copy() -> None:
    """A reprint of the article is no news under it."""
    found = drop_copies_of_shown(shortlist([0.9, 0.5], contained={(0, 1): 0.95}), 0.7)

    assert (1,) == found.places
    assert "the article itself" in found.dropped[0].reason


def test_drop_copies_of_shown_drops_copies_of_cards_that_stand() -> None:
    """What stands already is not told again."""
    before = shortlist([0.9, 0.5], contained={(1, 3): 0.8}, n_before=2)

    found = drop_copies_of_shown(before, 0.7)

    assert (0,) == found.places
    assert "what is shown already" in found.dropped[0].reason


def test_collapse_copies_shows_the_preferred_in_the_place_of_the_best() -> None:
    """Three versions take one card: that which is preferred, at the rank of the best."""
    pairs = {(1, 3): 0.9, (3, 4): 0.8}
    found = collapse_copies(
        shortlist([0.9, 0.8, 0.7, 0.6], contained=pairs), 0.7, lambda doc: (-doc,)
    )

    assert (3, 1) == found.places
    assert {3: (100, 102)} == dict(found.copies)
    assert [100, 102] == [d.doc for d in found.dropped]


def test_collapse_copies_of_none_changes_nothing() -> None:
    """Without copies the list comes back as it is."""
    found = shortlist([0.9, 0.8])

    assert collapse_copies(found, 0.7, by_number) is found


@given(st.integers(1, 12), st.data())
def test_collapse_copies_leaves_no_pair_of_copies_standing_together(
    n: int, data: st.DataObject
) -> None:
    """Every candidate stands or is listed under one that does; each exactly once."""
    pairs = {
        (i + 1, j + 1): data.draw(st.sampled_from([0.1, 0.9]))
        for i, j in itertools.combinations(range(n), 2)
    }
    before = shortlist(list(np.linspace(1, 0.1, n)), contained=pairs)

    found = collapse_copies(before, 0.7, by_number)

    standing = [before.doc(p) for p in found.places]
    under = [doc for docs in found.copies.values() for doc in docs]
    assert sorted(standing + under) == before.docs.tolist()
    assert sorted(under) == sorted(d.doc for d in found.dropped)
    for place, copies in found.copies.items():
        group = [place, *(int(np.flatnonzero(before.docs == doc)[0]) for doc in copies)]
        for one in group:
            assert any(pairs[min(one, o) + 1, max(one, o) + 1] > 0.5 for o in group if o != one)
