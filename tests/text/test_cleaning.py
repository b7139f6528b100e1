"""Rows cleaned in bulk: as the rules for people clean each."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from recommender._strings import StringColumn
from recommender.text._cleaning import clean_rows
from recommender.text.normalize import clean

INVISIBLE = "\u200b\u00ad\ufeff\u2060\U000e0041\U000e0101"
COMPOSED = ["и\u0306", "e\u0301", "\u1100\u1161", "\u0301", "\U0002f800", "\u212b"]
PIECES = st.lists(st.sampled_from([*"ab éЖ日🎉\U00020000", *INVISIBLE, *COMPOSED]), max_size=30)
ROWS = st.lists(st.one_of(PIECES.map("".join), st.text(max_size=20)), min_size=1, max_size=6)


@settings(max_examples=400, deadline=None)
@given(ROWS)
def test_clean_rows_is_clean_of_each_row(texts: list[str]) -> None:
    """Whatever a row holds, and whatever its neighbours do."""
    column = StringColumn.from_strings(texts)
    cleaned = clean_rows(column.data, column.offsets[:-1], column.offsets[1:])
    assert [clean(text) for text in column] == list(cleaned)


def test_clean_rows_takes_any_rows_in_any_order() -> None:
    """Rows are named by where they begin and end."""
    column = StringColumn.from_strings(["a\u00adb", "plain", "e\u0301"])
    begins, ends = column.offsets[[2, 0]], column.offsets[[3, 1]]
    assert list(clean_rows(column.data, begins, ends)) == ["é", "ab"]
