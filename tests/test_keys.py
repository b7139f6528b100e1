"""Looking strings up in a column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender import _keys
from recommender._keys import KeyTable, hash_row, hash_rows
from recommender._strings import StringColumn

short = st.text(st.sampled_from("abїЖ?\ufffd\ud800 "), max_size=4)  # collides with itself often
columns = st.lists(short | st.text(max_size=30), max_size=20)


def expected_row(strings: list[str], key: str) -> int:
    """The first row that holds the key, by looking at each."""
    rows = list(StringColumn.from_strings(strings))
    wanted = StringColumn.from_strings([key])[0]
    return rows.index(wanted) if wanted and wanted in rows else -1


@hypothesis_settings(deadline=None)
@given(columns, st.lists(short, max_size=10))
def test_find_every_key_and_no_other(strings: list[str], others: list[str]) -> None:
    """Each string leads to its first row, any other string to -1."""
    table = KeyTable.build(StringColumn.from_strings(strings))

    for key in [*strings, *others]:
        assert expected_row(strings, key) == table.find(key)


@hypothesis_settings(deadline=None)
@given(columns, st.lists(short, max_size=10))
def test_find_many_equals_find(strings: list[str], others: list[str]) -> None:
    """A batch answers as its keys do one by one."""
    table = KeyTable.build(StringColumn.from_strings(strings))
    keys = [*others, *strings, ""]

    found = table.find_many(StringColumn.from_strings(keys))

    assert [table.find(key) for key in keys] == found.tolist()
    assert found.dtype == np.int32


@hypothesis_settings(deadline=None)
@given(columns, st.lists(short, max_size=10))
def test_find_equal_hashes_do_not_lie(strings: list[str], others: list[str]) -> None:
    """When every hash collides, the bytes decide, one by one and in a batch."""

    def constant(column: StringColumn) -> NDArray[np.uint64]:
        return np.zeros(len(column), np.uint64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_keys, "hash_rows", constant)
        patch.setattr(_keys, "hash_row", lambda row: 0)
        table = KeyTable.build(StringColumn.from_strings(strings))
        keys = [*strings, *others]
        expected = [expected_row(strings, key) for key in keys]

        assert expected == [table.find(key) for key in keys]
        assert expected == table.find_many(StringColumn.from_strings(keys)).tolist()


def test_find_empty_string_has_no_key() -> None:
    """An article without a URL is not found by the empty URL."""
    table = KeyTable.build(StringColumn.from_strings(["", "a", ""]))

    assert table.find("") == -1
    assert table.find_many(StringColumn.from_strings([""])).tolist() == [-1]
    assert len(table.hashes) == 1


def test_find_in_an_empty_table_is_nothing() -> None:
    """No keys, no answers, no error."""
    table = KeyTable.build(StringColumn.from_strings([]))

    assert table.find("a") == -1
    assert table.find_many(StringColumn.from_strings(["a", "b"])).tolist() == [-1, -1]
    assert len(table.find_many(StringColumn.from_strings([]))) == 0


def test_find_equal_strings_give_the_first_row() -> None:
    """Which of two equal rows is found does not depend on the sort."""
    table = KeyTable.build(StringColumn.from_strings(["x"] + ["same"] * 50))

    assert table.find("same") == 1


def test_find_in_a_slice_counts_from_the_slice() -> None:
    """A column that shares the bytes of a larger one is indexed by its own rows."""
    column = StringColumn.from_strings(["a", "b", "c", "d"]).rows(2, 4)

    table = KeyTable.build(column)

    assert [table.find(key) for key in "abcd"] == [-1, -1, 0, 1]


def test_find_lone_surrogate_is_not_a_question_mark() -> None:
    """A key is encoded as the column's strings were."""
    table = KeyTable.build(StringColumn.from_strings(["a?", "b\ud800"]))

    assert table.find("a\ud800") == -1
    assert table.find("b\ud800") == 1


def test_hash_rows_is_the_same_on_every_machine() -> None:
    """Hashes are stored: these numbers must never change."""
    found = hash_rows(StringColumn.from_strings(["", "a", "Київ"]))
    expected = [_slow_hash(text.encode()) for text in ("", "a", "Київ")]

    assert expected == found.tolist()


def _slow_hash(data: bytes) -> int:
    mask = 2**64 - 1
    value = 14695981039346656037
    for byte in data:
        value = ((value ^ byte) * 1099511628211) & mask
    value ^= value >> 33
    value = (value * 0xFF51AFD7ED558CCD) & mask
    return value ^ (value >> 33)


def test_hash_rows_is_ascending_in_the_table() -> None:
    """Binary search needs order, compared as unsigned numbers."""
    table = KeyTable.build(StringColumn.from_strings([f"key {i}" for i in range(500)]))

    assert (table.hashes[1:] >= table.hashes[:-1]).all()
    assert table.hashes.max() > 2**63


@given(st.binary(max_size=40))
def test_hash_row_equals_the_compiled_loop(row: bytes) -> None:
    """One key is hashed in plain Python as a column is hashed in compiled code."""
    assert hash_rows(StringColumn.from_bytes([row]))[0] == hash_row(row)
