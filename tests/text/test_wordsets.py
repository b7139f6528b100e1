"""Sets of words and columns by the rows, against lists and dicts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender._strings import StringColumn
from recommender.text._wordsets import WordSet, replace_rows, spread_rows

WORDS = st.lists(st.text("abя", max_size=20).filter(bool), max_size=40)


@settings(deadline=None)
@given(WORDS, WORDS)
def test_word_set_find_gives_the_place_or_none(words: list[str], asked: list[str]) -> None:
    """Each word has its place in the set; others have -1; asking enters nothing."""
    words = [*dict.fromkeys(words)]
    places = {word: i for i, word in enumerate(words)}
    column = StringColumn.from_strings(asked)
    word_set = WordSet(words)
    for _ in range(2):
        assert [places.get(word, -1) for word in asked] == word_set.find(column).tolist()


@settings(deadline=None)
@given(WORDS, st.data())
def test_replace_rows_puts_others_in_their_places(words: list[str], data: st.DataObject) -> None:
    """The named rows are replaced, the rest stay."""
    places = sorted(data.draw(st.sets(st.integers(0, len(words) - 1)))) if words else []
    others = [f"other {i}" for i in places]
    expected = [*words]
    for i, other in zip(places, others, strict=True):
        expected[i] = other
    column = StringColumn.from_strings(words)
    got = replace_rows(column, np.array(places, np.int64), StringColumn.from_strings(others))
    assert expected == list(got)


@settings(deadline=None)
@given(WORDS, st.data())
def test_spread_rows_leaves_the_rest_empty(words: list[str], data: st.DataObject) -> None:
    """Rows of a slice stand at their places, among empty ones."""
    start = data.draw(st.integers(0, len(words)))
    column = StringColumn.from_strings(words).rows(start, len(words))
    n_rows = len(column) + data.draw(st.integers(0, 5))
    order = data.draw(st.permutations(range(n_rows)))
    places = sorted(order[: len(column)])
    expected = [""] * n_rows
    for i, word in zip(places, words[start:], strict=True):
        expected[i] = word
    assert expected == list(spread_rows(column, np.array(places, np.int64), n_rows))
