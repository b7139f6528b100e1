"""Columns of strings: what goes in comes out, without copies where none are needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender._strings import StringColumn, concatenate, sort_rows

texts = st.text(st.characters(exclude_categories=[]))  # lone surrogates too
columns = st.lists(texts, max_size=12)


def readable(text: str) -> str:
    """What UTF-8 can hold of a text."""
    pairs_joined = text.encode("utf-16", "surrogatepass")
    return pairs_joined.decode("utf-16", "replace")


@hypothesis_settings(deadline=None)
@given(columns)
def test_from_strings_any_text_comes_back(strings: list[str]) -> None:
    """Every string is returned as it was, but for lone surrogates."""
    assert [readable(s) for s in strings] == list(StringColumn.from_strings(strings))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\udc00", "\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("", ""),
        ("\0", "\0"),
    ],
)
def test_from_strings_odd_text_has_one_form(text: str, expected: str) -> None:
    """A lone surrogate becomes U+FFFD, a pair its character."""
    assert [expected] == list(StringColumn.from_strings([text]))


def test_from_strings_nothing_is_an_empty_column() -> None:
    """No rows, no bytes, no error."""
    column = StringColumn.from_strings([])

    assert list(column) == []
    assert column.n_bytes == 0
    assert len(column) == 0


@hypothesis_settings(deadline=None)
@given(columns, st.data())
def test_rows_slice_shares_the_bytes(strings: list[str], data: Any) -> None:
    """A slice holds its rows and copies none of their bytes."""
    column = StringColumn.from_strings(strings)
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(strings))] * 2)))

    part = column.rows(start, stop)

    assert list(column)[start:stop] == list(part)
    assert part.data is column.data
    assert part.n_bytes == sum(len(s.encode()) for s in part)


@hypothesis_settings(deadline=None)
@given(columns.filter(bool), st.data())
def test_take_any_rows_in_any_order(strings: list[str], data: Any) -> None:
    """Rows may repeat and run backwards; the result starts at byte 0."""
    column = StringColumn.from_strings(strings)
    rows = data.draw(st.lists(st.integers(0, len(strings) - 1)))

    taken = column.take(np.array(rows, np.int32))

    assert [column[i] for i in rows] == list(taken)
    assert taken.offsets[0] == 0
    assert len(taken.data) == taken.n_bytes


@hypothesis_settings(deadline=None)
@given(columns, st.data())
def test_take_from_a_slice_counts_from_the_slice(strings: list[str], data: Any) -> None:
    """Row numbers are those of the slice."""
    start = data.draw(st.integers(0, len(strings)))
    part = StringColumn.from_strings(strings).rows(start, len(strings))

    assert list(part) == list(part.take(np.arange(len(part))))


@hypothesis_settings(deadline=None)
@given(st.lists(columns, max_size=5), st.integers(0, 3))
def test_concatenate_holds_all_rows_in_order(parts: list[list[str]], cut: int) -> None:
    """Slices, empty columns and none at all may be joined."""
    made = [StringColumn.from_strings(p) for p in parts]
    sliced = [c.rows(min(cut, len(c)), len(c)) for c in made]

    joined = concatenate(sliced)

    assert [text for column in sliced for text in column] == list(joined)
    assert joined.n_bytes == len(joined.data)


@hypothesis_settings(deadline=None)
@given(columns, st.data())
def test_compact_drops_the_bytes_around_the_rows(strings: list[str], data: Any) -> None:
    """The same rows from byte 0 on; a whole column is not copied."""
    column = StringColumn.from_strings(strings)
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(strings))] * 2)))

    part = column.rows(start, stop).compact()

    assert list(column)[start:stop] == list(part)
    assert (part.offsets[0], part.offsets[-1]) == (0, len(part.data))
    assert column.compact() is column


def test_column_of_foreign_bytes_keeps_them() -> None:
    """Rows that are UTF-8 already are taken as they are."""
    rows = ["Київ".encode(), b"", b"x"]
    column = StringColumn.from_bytes(rows)

    assert rows == [column.bytes_at(i) for i in range(3)]


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view", "dictionary"])
@hypothesis_settings(deadline=None)
@given(strings=st.lists(st.none() | st.text(max_size=20), max_size=8), data=st.data())
def test_from_arrow_any_slice_of_any_kind(kind: str, strings: list[str | None], data: Any) -> None:
    """Every way Arrow stores text gives the same column; null is the empty string."""
    pa = pytest.importorskip("pyarrow")
    array = pa.array(strings, pa.string())
    array = array.dictionary_encode() if kind == "dictionary" else array.cast(kind)
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(strings))] * 2)))

    column = StringColumn.from_arrow(array[start:stop])

    assert [s or "" for s in strings[start:stop]] == list(column)


@pytest.mark.parametrize("kind", ["string", "large_string"])
def test_from_arrow_does_not_copy_the_text(kind: str) -> None:
    """The bytes are Arrow's own."""
    pa = pytest.importorskip("pyarrow")
    array = pa.array(["Київ", None, "Львів", "Одеса"], kind)

    column = StringColumn.from_arrow(array.slice(1, 2))

    assert array.buffers()[2].address == column.data.ctypes.data
    assert list(column) == ["", "Львів"]


def test_from_arrow_bytes_under_a_null_are_not_shown() -> None:
    """Arrow lets a null hide any bytes; they are no text."""
    pa = pytest.importorskip("pyarrow")
    whole = pa.array(["abc", "secret", "f"])
    _, offsets, data = whole.buffers()
    array = pa.StringArray.from_buffers(3, offsets, data, pa.py_buffer(bytes([0b101])))

    assert list(StringColumn.from_arrow(array)) == ["abc", "", "f"]
    assert list(StringColumn.from_arrow(array.slice(1))) == ["", "f"]


@pytest.mark.parametrize("kind", ["string", "large_string"])
def test_series_of_arrow_strings_shares_its_bytes(kind: str) -> None:
    """Texts that lie in Arrow's buffers are not copied; a slice of them is a slice of the bytes."""
    pa = pytest.importorskip("pyarrow")
    array = pa.array(["один", "", "two"], type=kind)
    for values in (
        array,
        pa.chunked_array([array]),
        pd.Series(array, dtype=pd.ArrowDtype(pa.string())),
    ):
        column = StringColumn.from_series(values)
        assert column is not None
        assert ["один", "", "two"] == list(column)
    shared = StringColumn.from_series(array.slice(1))
    assert shared is not None
    assert (["", "two"], array.buffers()[2].address) == (list(shared), shared.data.ctypes.data)


def test_series_of_other_things_is_not_shared() -> None:
    """Lists, objects, numbers and missing texts take the way that looks at each."""
    pa = pytest.importorskip("pyarrow")
    for values in (["a"], pd.Series(["a"], dtype=object), pa.array([1]), pa.array(["a", None])):
        assert StringColumn.from_series(values) is None


@hypothesis_settings(deadline=None)
@given(st.lists(st.text(max_size=9), max_size=9))
def test_lines_and_decoded_give_back_any_strings(strings: list[str]) -> None:
    """The quick ways to and from Python strings are right with line breaks too."""
    column = StringColumn.from_lines(strings)
    assert list(StringColumn.from_strings(strings)) == list(column) == column.decoded()


@hypothesis_settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.text("ab\0я", max_size=20)), max_size=20))
def test_rows_are_sorted_by_group_then_bytes(rows: list[tuple[int, str]]) -> None:
    """The order is Python's of (group, bytes), and equal rows are found."""
    column = StringColumn.from_strings([string for _, string in rows])
    order, is_new = sort_rows(column, np.array([group for group, _ in rows], np.int64))
    expected = sorted((group, string.encode()) for group, string in rows)
    assert expected == [(rows[i][0], rows[i][1].encode()) for i in order]
    assert len(set(expected)) == np.count_nonzero(is_new)
