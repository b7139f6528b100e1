"""Packed rows: what goes in comes out, in compiled loops and in plain Python."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.index import rows as packed_rows
from recommender.index.rows import BAD_LAYOUT, BAD_TERM, check_rows, unpack_row, unpack_rows

Row = list[tuple[int, int]]

EDGES = [0, 2**13, 2**26]
"""Gaps from which on a term takes another number."""

gaps = st.builds(lambda edge, by: max(0, edge + by), st.sampled_from(EDGES), st.integers(-2, 2))
small_gaps = st.sampled_from([0, 1, 2**13 - 1, 2**13, 2**13 + 1, 2**14])
codes = st.sampled_from([1, 2, 5, 6, 7, 8, 192, 255])
rows_of_entries = st.lists(st.lists(st.tuples(gaps, codes), max_size=12), max_size=6)


def arrays_of(rows: list[Row]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return indptr, terms and codes of rows of gaps and codes."""
    indptr = np.cumsum([0, *(len(row) for row in rows)]).astype(np.int64)
    terms = [np.cumsum([gap + 1 for gap, _ in row]) - 1 for row in rows if row]
    every = np.concatenate([np.zeros(0, np.int64), *terms])
    assert every.max(initial=0) < 2**31
    return indptr, every.astype(np.int32), np.array([c for row in rows for _, c in row], np.uint8)


def packed(rows: list[Row]) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
    """Return the pointers and numbers of rows."""
    indptr, terms, code = arrays_of(rows)
    entries = terms.astype(np.uint64) << np.uint64(8) | code.astype(np.uint64)
    row_ptr = np.zeros(len(rows) + 1, np.uint32)
    out = np.full(packed_rows.LONGEST_ENTRY * len(terms), 0xEEEE, np.uint16)
    for i in range(len(rows)):
        row = entries[indptr[i] : indptr[i + 1]]
        row_ptr[i + 1] = row_ptr[i] + packed_rows.pack_row(row, len(row), out, int(row_ptr[i]))
    assert (out[row_ptr[-1] :] == 0xEEEE).all()
    return row_ptr, out[: row_ptr[-1]].copy()


def numbers_of(gap: int, code: int) -> list[int]:
    """Return a term as the format describes it."""
    high = [gap >> 26, gap >> 13 & 0x1FFF] if gap >> 26 else [gap >> 13] if gap >> 13 else []
    before = [8 * number + 7 for number in high] + ([8 * code + 6] if code > 6 else [])
    return [*before, 8 * (gap & 0x1FFF) + (code - 1 if code <= 6 else 0)]


@hypothesis_settings(deadline=None, max_examples=120)
@given(rows=rows_of_entries)
def test_rows_come_back_as_they_were_packed(rows: list[Row]) -> None:
    """Numbers are those of the format; terms and codes are those that went in, either way."""
    indptr, terms, code = arrays_of(rows)
    row_ptr, data = packed(rows)
    every = np.arange(len(rows), dtype=np.int32)

    assert data.tolist() == [n for row in rows for entry in row for n in numbers_of(*entry)]
    assert check_rows(row_ptr, data, 2**31 - 1) == 0
    for expected, found in zip(
        (indptr, terms, code), unpack_rows(row_ptr, data, every), strict=True
    ):
        assert expected.dtype == found.dtype
        assert expected.tolist() == found.tolist()
    for i in range(len(rows)):
        plain_terms, plain_codes = unpack_row(data[row_ptr[i] : row_ptr[i + 1]])
        assert (str(plain_terms.dtype), str(plain_codes.dtype)) == ("int32", "uint8")
        assert terms[indptr[i] : indptr[i + 1]].tolist() == plain_terms.tolist()
        assert code[indptr[i] : indptr[i + 1]].tolist() == plain_codes.tolist()


def test_unpack_rows_in_any_order_and_twice() -> None:
    """The rows that are asked for, as they are asked for."""
    row_ptr, data = packed([[(0, 1)], [], [(5, 9), (0, 3)]])

    indptr, terms, code = unpack_rows(row_ptr, data, np.array([2, 0, 1, 2], np.int32))

    assert indptr.tolist() == [0, 2, 3, 3, 5]
    assert terms.tolist() == [5, 6, 0, 5, 6]
    assert code.tolist() == [9, 3, 1, 9, 3]


def test_largest_term_an_index_can_hold_is_packed() -> None:
    """Terms go up to 2**31 - 3, in three numbers and a code."""
    row_ptr, data = packed([[(2**31 - 3, 255)]])

    assert len(data) == packed_rows.LONGEST_ENTRY
    assert unpack_row(data)[0].tolist() == [2**31 - 3]
    assert check_rows(row_ptr, data, 2**31 - 2) == 0


def test_row_beyond_two_billion_numbers_is_read(tmp_path: Path) -> None:
    """Places go up to 2**32 - 1: the file is sparse, and only its end is looked at."""
    begin = 2**31 + 5
    data = np.memmap(tmp_path / "packed", np.uint16, "w+", shape=(begin + 2,)).view(np.ndarray)
    data[begin:] = 8 * 3 + 1, 8 * 1 + 0
    row_ptr = np.array([0, begin, begin + 2], np.uint32)

    indptr, terms, code = unpack_rows(row_ptr, data, np.array([1], np.int32))

    assert (indptr.tolist(), terms.tolist(), code.tolist()) == ([0, 2], [3, 5], [2, 1])


@hypothesis_settings(deadline=None, max_examples=120)
@given(rows=st.lists(st.lists(st.tuples(small_gaps, codes), max_size=12), max_size=6))
def test_packed_rows_never_take_more_than_was_foretold(rows: list[Row]) -> None:
    """Told from frequencies and codes alone, before anything is packed."""
    _, terms, code = arrays_of(rows)
    row_ptr, _ = packed(rows)
    df = np.zeros(int(terms.max(initial=-1)) + 1, np.uint8)
    np.add.at(df, terms, np.uint8(1))

    assert row_ptr[-1] <= packed_rows.packed_at_most(df, len(rows), [code])


@pytest.mark.parametrize(
    ("row", "n"),
    [([], 0), ([(0, 6)], 1), ([(0, 7)], 2), ([(5, 1), (2**13, 1)], 3), ([(2**26, 255)], 4)],
)
def test_what_packed_rows_take_is_foretold_closely(row: Row, n: int) -> None:
    """A code that fits the tag costs nothing; a gap may be long from the 8,192nd term on."""
    _, terms, code = arrays_of([row])
    df = np.zeros(int(terms.max(initial=-1)) + 1, np.uint8)
    df[terms] = 1

    assert packed_rows.packed_at_most(df, 1, [code]) == n == packed([row])[0][-1]


@hypothesis_settings(deadline=None, max_examples=60)
@given(rows=rows_of_entries.filter(any))
def test_check_rows_counts_the_terms(rows: list[Row]) -> None:
    """As many terms as the largest number and one more are enough, one fewer is not."""
    n_terms = int(arrays_of(rows)[1].max()) + 1

    assert check_rows(*packed(rows), n_terms) == 0
    assert check_rows(*packed(rows), n_terms - 1) == BAD_TERM


def code_before(code: int) -> int:
    """Return the number that goes before a term of a code."""
    return 8 * code + 6


@pytest.mark.parametrize(
    "row",
    [
        *([7], [15, 7], [code_before(9)], [0, 7], [0, code_before(9)]),  # before a term, and none
        *([code_before(0), 0], [code_before(6), 0], [code_before(256), 0], [0xFFFE, 0]),
        *([7, 7, 7, 0], [15, 15, code_before(9), 15, 0]),
    ],
)
def test_check_rows_entry_that_is_none_is_bad(row: list[int]) -> None:
    """One that ends before its term, a code that is none or fits the tag, a gap too long."""
    assert (
        check_rows(np.array([0, len(row)], np.uint32), np.array(row, np.uint16), 2**31 - 2)
        == BAD_LAYOUT
    )


@hypothesis_settings(deadline=None, max_examples=300)
@given(
    row=st.lists(
        st.integers(0, 65_535) | st.sampled_from([6, 7, 14, 15, code_before(7), code_before(255)]),
        max_size=8,
    )
)
def test_check_rows_any_numbers_are_bad_or_read_the_same_either_way(row: list[int]) -> None:
    """What is let through has terms in order, codes that exist, and one meaning."""
    row_ptr, data = np.array([0, len(row)], np.uint32), np.array(row, np.uint16)
    if check_rows(row_ptr, data, 2**31 - 2):
        return
    _, terms, found = unpack_rows(row_ptr, data, np.zeros(1, np.int32))
    plain_terms, plain_codes = unpack_row(data)

    assert terms.tolist() == plain_terms.tolist()
    assert found.tolist() == plain_codes.tolist()
    assert (np.diff(terms) > 0).all()
    assert len(found) == 0 or found.min() >= 1


@hypothesis_settings(deadline=None, max_examples=60)
@given(rows=st.lists(st.dictionaries(st.integers(0, 40), codes, max_size=12), min_size=1))
def test_norms_and_pair_scores_are_exact_sums(rows: list[dict[int, int]]) -> None:
    """To the last bit those of a sum without rounding; weightless terms do not count."""
    as_gaps = [_gaps(row) for row in rows]
    row_ptr, data = packed(as_gaps)
    tf = np.sqrt(np.arange(256, dtype=np.float64))
    idf_squared = np.log(np.arange(2, 43, dtype=np.float64)) * (np.arange(41) % 5 > 0)

    every = np.arange(len(rows), dtype=np.int32)
    found = packed_rows.norms(every, row_ptr, data, tf, idf_squared)

    for d, row in enumerate(rows):
        parts = [tf[c] * tf[c] * idf_squared[t] for t, c in row.items()]
        assert math.sqrt(math.fsum(parts)) == found[d]
    query = np.zeros(41, np.uint8)
    query[list(rows[0])] = list(rows[0].values())
    for d, row in enumerate(rows):
        parts = [tf[rows[0][t]] * tf[c] * idf_squared[t] for t, c in row.items() if t in rows[0]]
        inner = packed_rows.pair_score(d, row_ptr, data, tf, idf_squared, query)
        assert math.fsum(parts) == inner


@hypothesis_settings(deadline=None, max_examples=60)
@given(
    row=st.dictionaries(st.integers(0, 40), codes, max_size=12),
    weights=st.lists(st.sampled_from([0, 1, 2**31 - 1]), min_size=41, max_size=41),
)
def test_row_sum_is_a_sum_of_whole_numbers(row: dict[int, int], weights: list[int]) -> None:
    """In 64 bits, whatever the weights."""
    levels = np.arange(256, dtype=np.int32) * 3
    found = packed_rows.row_sum(0, *packed([_gaps(row)]), levels, np.array(weights, np.int32))

    assert sum(weights[t] * 3 * c for t, c in row.items()) == found


def _gaps(row: dict[int, int]) -> Row:
    """Return a mapping of term to code as gaps and codes."""
    terms = sorted(row)
    return [(t - s - 1, row[t]) for s, t in zip([-1, *terms], terms, strict=False)]
