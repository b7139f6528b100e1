"""Turning rows to columns, postings and packed rows: the same arrays from any cut of the rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender.errors import InputError
from recommender.index import writer
from recommender.index.invert import (
    WINDOW,
    Matrix,
    RowBlock,
    column_bytes,
    count_documents,
    invert,
    n_columns,
    tf_levels,
)
from recommender.index.rows import unpack_row
from recommender.index.writer import make_segment
from recommender.weighting import COUNT_OF_CODE, WeightSettings, tf_weights
from tests.index.making import block_of, corpus_of

LEVELS = tf_levels(tf_weights(COUNT_OF_CODE))[0]


# --- levels ---


@pytest.mark.parametrize("sublinear", [True, False])
def test_tf_levels_state_the_largest_error_there_is(sublinear: bool) -> None:
    """Each weight is its level over the scale, but for the error, which one of them has."""
    tf = tf_weights(COUNT_OF_CODE, sublinear_tf=sublinear)
    levels, scale, error = tf_levels(tf)
    errors = [abs(int(levels[c]) / scale / float(tf[c]) - 1) for c in range(1, 256)]

    assert max(errors) == pytest.approx(error, rel=1e-9, abs=1e-15)
    assert error < 0.03
    assert levels[0] == 0
    assert (np.diff(levels) >= 0).all()
    assert levels[1] >= 1


def test_tf_levels_of_sublinear_weights_fit_a_byte() -> None:
    """Columns hold a byte an article."""
    levels, scale, _ = tf_levels(tf_weights(COUNT_OF_CODE))

    assert levels.max() <= 255
    assert scale >= 10
    assert levels.tolist() == levels.astype(np.uint8).tolist()


def test_tf_levels_of_counts_are_the_counts() -> None:
    """Without a logarithm nothing is rounded."""
    levels, scale, error = tf_levels(tf_weights(COUNT_OF_CODE, sublinear_tf=False))

    assert levels.tolist() == COUNT_OF_CODE.tolist()
    assert (scale, error) == (1.0, 0.0)


# --- columns ---


@pytest.mark.parametrize(
    ("df", "n_docs", "rule", "expected"),
    [
        ([], 10, {}, 0),
        ([64, 63], 70, {}, 1),
        ([100, 64, 63], 768, {}, 2),  # 768 / 12 = 64
        ([100, 64], 769, {}, 1),
        ([99], 1200, {}, 0),
        ([100], 1200, {}, 1),
        ([5, 5, 3, 0], 10, {"share": 0.5, "least": 1}, 2),
        ([5, 5, 3, 0], 10, {"share": 0.51, "least": 1}, 0),
        ([5, 5, 3, 0], 10, {"share": 0.0, "least": 1}, 3),
        ([5, 5, 3, 0], 10, {"share": 0.0, "least": 4}, 2),
        ([5, 5, 5], 5, {"share": 2.0, "least": 1}, 0),
    ],
)
def test_n_columns_at_the_edges(
    df: list[int], n_docs: int, rule: dict[str, Any], expected: int
) -> None:
    """A share of all documents, and a number of them, are both reached at equality."""
    assert n_columns(np.array(df, np.int32), n_docs, **rule) == expected


@pytest.mark.parametrize(("n_docs", "expected"), [(0, 0), (1, 64), (64, 64), (65, 128)])
def test_column_bytes_are_padded(n_docs: int, expected: int) -> None:
    """To whole vectors."""
    assert column_bytes(n_docs) == expected


def test_counts_as_they_are_have_no_columns() -> None:
    """A count of 100,000 fits no byte."""
    segment = make_segment(corpus_of([{0: 1}] * 100, n_terms=1), WeightSettings(sublinear_tf=False))

    assert segment.n_columns == 0
    assert len(segment.postings.docs) == 100


# --- the same arrays from any blocks ---


def assert_same(one: Matrix, other: Matrix) -> None:
    """Check that all arrays are equal, type and all."""
    for name, a, b in zip(one._fields, one, other, strict=True):
        assert a.dtype == b.dtype, name
        assert np.array_equal(a, b), name


def renumbered(block: RowBlock, rng: np.random.Generator) -> RowBlock:
    """Return the block with terms numbered its own way, and in another order in each row."""
    used = rng.permutation(np.unique(block.terms))
    own = np.zeros(len(block.numbers), np.int32)
    own[used] = np.arange(len(used), dtype=np.int32)
    terms, codes = own[block.terms], block.codes.copy()
    for a, b in zip(block.indptr[:-1], block.indptr[1:], strict=True):
        order = a + rng.permutation(b - a)
        terms[a:b], codes[a:b] = terms[order], codes[order]
    return RowBlock(block.indptr, terms, codes, block.numbers[used])


@hypothesis_settings(deadline=None, max_examples=100)
@given(
    rows=st.lists(
        st.dictionaries(st.integers(0, 30), st.integers(1, 300), max_size=8), max_size=15
    ),
    data=st.data(),
    seed=st.integers(0, 2**32 - 1),
)
def test_invert_any_cut_order_and_numbering_gives_the_same_arrays(
    rows: list[dict[int, int]], data: Any, seed: int
) -> None:
    """Blocks may be empty, rows in any order inside, each block with numbers of its own."""
    rng = np.random.default_rng(seed)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    whole = [block_of(rows, 31)]
    order = np.argsort(-count_documents(whole, 31).sum(axis=0), kind="stable")
    number = np.empty(31, np.int32)
    number[order] = np.arange(31, dtype=np.int32)
    whole = [block._replace(numbers=number[block.numbers]) for block in whole]
    parts = [renumbered(b, rng) for b in corpus_of(rows, n_terms=31, cuts=cuts).blocks]
    parts = [block._replace(numbers=number[block.numbers]) for block in parts]
    df = count_documents(whole, 31)
    n_dense = data.draw(st.integers(0, 31))

    assert df.tolist() == count_documents(parts, 31).tolist()
    assert_same(invert(whole, df, LEVELS, n_dense), invert(parts, df, LEVELS, n_dense))


def test_blocks_that_are_spent_give_the_same_arrays() -> None:
    """The list is empty afterwards, so that rows and postings are not held both at once."""
    rows = [{term: 1 + i for term in range(i % 60)} for i in range(100)]
    kept, spent = (corpus_of(rows, n_terms=60, cuts=[10, 40, 41]).blocks for _ in range(2))
    assert isinstance(kept, list)
    assert isinstance(spent, list)
    df = count_documents(kept, 60)
    order = np.argsort(-df.sum(axis=0), kind="stable")
    assert_same(
        invert(kept, df[:, order], LEVELS, 3), invert(spent, df[:, order], LEVELS, 3, spend=True)
    )
    assert (4, 0) == (len(kept), len(spent))


@pytest.mark.parametrize(("spend", "left"), [(False, 2), (True, 0)])
def test_segment_spends_the_blocks_of_a_corpus_that_says_so(spend: bool, left: int) -> None:
    """A corpus that does not can be written again."""
    rows: list[dict[int, int]] = [{0: 1, 2: 5}, {1: 1, 2: 1}]
    corpus = replace(corpus_of(rows, n_terms=3, cuts=[1]), spend_blocks=spend)
    made = make_segment(corpus, WeightSettings())
    assert (2, left) == (made.n_docs, len(corpus.blocks))


def test_count_documents_counts_each_window() -> None:
    """Documents that hold a term, by window; no documents, no window."""
    rows = [{0: 9}, *([{1: 1}] * (WINDOW - 1)), {0: 1, 2: 1}]
    for cuts in ([], [1], [WINDOW - 1], [WINDOW, WINDOW]):
        found = count_documents(corpus_of(rows, n_terms=4, cuts=cuts).blocks, 4)

        assert found.tolist() == [[1, WINDOW - 1, 0, 0], [1, 0, 1, 0]]
    assert count_documents([], 4).shape == (0, 4)


def test_invert_blocks_cut_at_window_edges_give_the_same_arrays(rng: np.random.Generator) -> None:
    """A block may span windows, end with one, or hold a single row."""
    n = WINDOW + 70
    terms = np.stack([rng.integers(0, 3, n), rng.integers(3, 500, n)], axis=1)
    rows = [{int(a): 1, int(b): 2} for a, b in terms]
    numbers = np.arange(500, dtype=np.int32)
    whole = [block_of(rows, 500)]
    df = count_documents(whole, 500)
    expected = invert(whole, df, LEVELS, 3)
    for cuts in ([WINDOW], [WINDOW - 1, WINDOW, WINDOW + 1], [5, 5, n]):
        blocks = corpus_of(rows, n_terms=500, cuts=cuts).blocks

        assert df.tolist() == count_documents(blocks, 500).tolist()
        assert_same(expected, invert([b._replace(numbers=numbers) for b in blocks], df, LEVELS, 3))
    assert expected.bases.tolist() == [0, WINDOW, n]


def test_invert_numbers_of_many_digits_are_sorted(rng: np.random.Generator) -> None:
    """Rows are sorted by term in two digits, or in four above four million terms."""
    for n_terms in (1, 2, 3, 2**11, 2**11 + 1, 2**22, 2**22 + 1):
        terms = np.unique(rng.integers(0, n_terms, 50))
        terms = rng.permutation(np.union1d(terms, [0, n_terms - 1])).astype(np.int32)
        numbers = np.arange(n_terms, dtype=np.int32)
        indptr = np.array([0, len(terms)], np.int64)
        codes = (1 + terms % 200).astype(np.uint8)
        block = RowBlock(indptr, terms, codes, numbers)
        made = invert([block], count_documents([block], n_terms), LEVELS, 1)

        unpacked_terms, unpacked_codes = unpack_row(made.packed)
        assert np.sort(terms).tolist() == unpacked_terms.tolist()
        assert (1 + np.sort(terms) % 200).tolist() == unpacked_codes.tolist()
        assert (1 + np.sort(terms)[1:] % 200).tolist() == made.codes.tolist()


# --- what one index can hold ---


@pytest.mark.parametrize(
    ("limit", "what"),
    [
        ("MAX_POSTINGS", "5 pairs of article and term"),
        ("MAX_PACKED", "5 numbers in packed rows, or nearly so"),
        ("MAX_TERMS", "3 distinct terms"),
        ("MAX_DOCS", "3 articles"),
    ],
)
def test_corpus_beyond_what_an_index_holds_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, limit: str, what: str
) -> None:
    """Before any work; exactly as many are taken."""
    corpus = corpus_of([{0: 1, 1: 1}, {0: 1, 2: 1}, {1: 1}], n_terms=3)
    n = int(what.split()[0])
    monkeypatch.setattr(writer, limit, n)
    assert make_segment(corpus, WeightSettings()).n_docs == 3

    monkeypatch.setattr(writer, limit, n - 1)
    with pytest.raises(InputError, match=f"has {what}; one index holds at most {n - 1}. Split"):
        make_segment(corpus, WeightSettings())
