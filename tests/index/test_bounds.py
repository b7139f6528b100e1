"""What bounds the common terms of a query: never less than what they add; and what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.index.bounds import bound_columns, bounds_of, n_bounds
from recommender.index.invert import WINDOW, column_bytes
from recommender.index.part import Choice
from recommender.index.reader import Index
from recommender.index.vectors import TOGETHER
from tests.index.making import corpus_of, memory_index, with_arrays
from tests.index.test_scan import assert_exact, brute_force


def columns_of(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return levels (n_docs, n_columns) as columns, padded."""
    n_docs, n = levels.shape
    out = np.zeros((n, column_bytes(n_docs)), np.uint8)
    out[:, :n_docs] = levels.T
    return out.ravel()


def importance_of(df: NDArray[np.int32], n_docs: int) -> NDArray[np.float64]:
    """Return what docs/format.md says of it."""
    r = (n_docs + 1) / (df + 1)
    return np.asarray(1 + 3 * (r**2 - 1) / (r**2 + 4 * r + 1))


# --- the columns ---


@hypothesis_settings(deadline=None, max_examples=60)
@given(
    n_docs=st.sampled_from([1, 63, 64, 65, 4097]),
    n=st.sampled_from([1, 5, 63, 64, 65, 200]),
    highest=st.sampled_from([1, 20, 255]),
    held=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_bounds_are_hardly_more_than_the_lengths_and_never_less(
    n_docs: int, n: int, highest: int, held: float, seed: int
) -> None:
    """Of every article, in the terms of the first 64, 128, ... columns, the last ones included."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(1, highest, (n_docs, n), np.uint8, endpoint=True)
    levels *= rng.random((n_docs, n)) < held
    df = np.sort((levels > 0).sum(axis=0))[::-1].astype(np.int32)

    found, units = bound_columns(columns_of(levels), df, n_docs)

    assert len(units) == n_bounds(n) == -(-n // 64)
    assert len(found) == len(units) * column_bytes(n_docs)
    weighed = (levels * importance_of(df, n_docs)) ** 2
    for b, unit in enumerate(units):
        lengths = np.sqrt(weighed[:, : 64 * (b + 1)].sum(axis=1))
        bound = found.reshape(len(units), -1)[b, :n_docs] * unit
        assert (bound >= lengths).all()
        assert (bound <= lengths + unit + 1e-3 * lengths).all()
        assert not found.reshape(len(units), -1)[b, n_docs:].any()


def test_no_columns_have_no_bounds() -> None:
    """As in an index of plain counts, and in a small one."""
    found, units = bound_columns(np.zeros(0, np.uint8), np.zeros(0, np.int32), 10)

    assert (len(found), len(units)) == (0, 0)


# --- the query ---


@hypothesis_settings(deadline=None, max_examples=60)
@given(
    n=st.sampled_from([1, 15, 16, 17, 64, 65, 150]),
    asked=st.sampled_from([0.1, 0.5, 1.0]),
    heaviest=st.sampled_from([1, 32_767]),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_not_read_adds_no_more_than_its_bound(
    n: int, asked: float, heaviest: int, seed: int
) -> None:
    """After every sixteen columns, from the rarest on, for every article."""
    rng = np.random.default_rng(seed)
    n_docs = 100
    levels = (rng.integers(1, 90, (n_docs, n)) * (rng.random((n_docs, n)) < 0.4)).astype(np.uint8)
    df = np.sort((levels > 0).sum(axis=0))[::-1].astype(np.int32)
    found, units = bound_columns(columns_of(levels), df, n_docs)
    stride = column_bytes(n_docs)
    terms = np.flatnonzero(rng.random(n) < asked).astype(np.int32)
    whole = rng.integers(0, heaviest, len(terms), endpoint=True).astype(np.int32)

    places, weights = bounds_of(terms, whole, df, n_docs, stride, units)

    assert len(places) == len(weights) == -(-len(terms) // TOGETHER)
    for step, (place, weight) in enumerate(zip(places.tolist(), weights.tolist(), strict=True)):
        rest = slice(0, len(terms) - step * TOGETHER)
        adds = levels[:, terms[rest]].astype(np.int64) @ whole[rest]
        assert place % stride == 0
        assert (found[place : place + n_docs] * weight >= adds).all()


# --- searching ---


def common_rows(rng: np.random.Generator, n_docs: int) -> list[dict[int, int]]:
    """Return rows of some of 120 common terms, and of a few rare ones that stories share."""
    shares = rng.uniform(0.05, 0.6, 120)
    rows: list[dict[int, int]] = []
    for d in range(n_docs):
        common = np.flatnonzero(rng.random(120) < shares).tolist()
        row = {t: int(c) for t, c in zip(common, rng.geometric(0.7, len(common)), strict=True)}
        rare = 120 + (np.arange(6) + 5 * (d // 4 if d % 2 else d)) % 400
        rows.append({**row, **dict.fromkeys(rare.tolist(), 2)})
    return rows


@pytest.fixture(scope="module")
def common() -> Index:
    """An index of several blocks, of which full articles ask for fifty columns."""
    rows = common_rows(np.random.default_rng(3), 18_000)
    index = memory_index(corpus_of(rows, n_terms=520))
    assert index.parts[0].segment.n_columns > 3 * TOGETHER
    return index


DOCS = np.array([17_999, 9_001, 40], np.int32)


def test_search_that_leaves_columns_out_finds_what_every_pair_says(common: Index) -> None:
    """Alone and in a batch, with a filter and without."""
    rows, scores = common.search_rows(DOCS, 5)
    for doc, row, marks in zip(DOCS.tolist(), rows.tolist(), scores.tolist(), strict=True):
        assert_exact(common, common.query_of(doc), 5)
        alone = common.search(common.query_of(doc), 5)
        assert (row, marks) == (alone.docs.tolist(), alone.scores.tolist())


def test_filter_and_horizon_hold_where_columns_are_left_out(common: Index) -> None:
    """Documents that may not be found set no floor and are not found."""
    mask = np.arange(18_000) % 3 == 1
    choice = Choice(mask=mask, since=700, until=16_500)
    allowed = mask & (np.arange(18_000) >= 700) & (np.arange(18_000) < 16_500)
    for doc in DOCS.tolist():
        query = common.query_of(doc)
        found = common.search(query, 7, choice=choice)
        wanted = brute_force(common, query, 7, allowed)
        assert wanted == (found.docs.tolist(), found.scores.tolist())


def test_bounds_that_promise_nothing_lose_somebody(common: Index) -> None:
    """So columns are really left out: otherwise no bound would be looked at."""
    (part,) = common.parts
    postings = part.segment.postings
    none = replace(postings, bounds=np.zeros_like(postings.bounds))
    wrong = with_arrays(common, postings=none)

    right = [common.search(common.query_of(doc), 20) for doc in DOCS.tolist()]
    found = [wrong.search(wrong.query_of(doc), 20) for doc in DOCS.tolist()]

    assert any(a.docs.tolist() != b.docs.tolist() for a, b in zip(right, found, strict=True))


def test_floor_found_from_postings_alone_loses_nobody() -> None:
    """In a whole window it is looked for before any column is read."""
    rows = common_rows(np.random.default_rng(5), WINDOW + 100)
    index = memory_index(corpus_of(rows, n_terms=520))
    doc = WINDOW - 3
    query = index.query_of(doc)

    found = index.search(query, 4)
    every = np.delete(np.arange(index.n_docs, dtype=np.int32), doc)
    terms, codes = index._weighty(query)
    scores = index.parts[0].scores_of(every, (terms, codes, index.length(terms, codes)))
    best = np.lexsort((every, -scores))[:4]

    assert found.docs.tolist() == every[best].tolist()
    assert found.scores.tolist() == scores[best].tolist()
