"""Blocks from the table of neighbours: those of a search, bit for bit, or it is searched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender.candidates import Candidates
from recommender.errors import DamagedIndexError
from recommender.index.reader import Choice, Index
from recommender.index.settings import SearchSettings
from tests.index.making import corpus_of, memory_index, with_arrays, with_table
from tests.index.test_search import random_rows

N_DOCS = 60


def table_index(seed: int, width: int, n_terms: int = 25, **search: Any) -> Index:
    """Return an index of a random corpus of two languages, with a table."""
    rng = np.random.default_rng(seed)
    languages = rng.integers(0, 2, N_DOCS).tolist()
    rows = random_rows(rng, N_DOCS, n_terms)
    rows[5] = {}
    index = memory_index(corpus_of(rows, n_terms=n_terms, languages=languages))
    return with_table(index, SearchSettings(neighbours=width, **search))


def same(one: Candidates, other: Candidates) -> bool:
    """Tell whether two lists are equal, bit for bit."""
    pairs = [(c.docs.tolist(), c.scores.tolist()) for c in (one, other)]
    return bool(pairs[0] == pairs[1])


def in_own_language(index: Index, doc: int, **choice: Any) -> Choice:
    """Return a choice of the document's language."""
    return Choice(frozenset({int(index.parts[0].segment.languages[doc])}), **choice)


@hypothesis_settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 30),
    width=st.sampled_from([1, 2, 8, 64]),
    n_terms=st.sampled_from([25, 400]),
    k=st.integers(1, 12) | st.just(100),
    threshold=st.sampled_from([0.0, 0.1, 0.4, 1.0]),
    data=st.data(),
)
def test_related_from_the_table_equals_a_search(
    seed: int, width: int, n_terms: int, k: int, threshold: float, data: Any
) -> None:
    """Whatever is excluded, masked or too old; in compiled loops and in plain Python."""
    index = table_index(seed, width, n_terms)
    plain = replace(index, compiled=False)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    mask = rng.random(N_DOCS) < data.draw(st.sampled_from([0.2, 0.9])) if seed % 2 else None
    excluded = frozenset(rng.integers(0, N_DOCS, data.draw(st.sampled_from([0, 3, 40]))).tolist())
    since, until = data.draw(
        st.sampled_from([(None, None), (20, None), (None, 40), (11, 50), (None, -1)])
    )
    for doc in range(0, N_DOCS, 5):
        choice = in_own_language(index, doc, mask=mask, excluded=excluded, since=since, until=until)
        expected = index.search(index.query_of(doc), k, threshold=threshold, choice=choice)

        assert same(expected, index.related(doc, k, threshold=threshold, choice=choice))
        assert same(expected, plain.related(doc, k, threshold=threshold, choice=choice))


@hypothesis_settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 30), width=st.sampled_from([1, 8, 64]), k=st.integers(1, 12))
def test_related_rows_equal_search_rows(seed: int, width: int, k: int) -> None:
    """With a table, with a narrow one, and without any."""
    index = table_index(seed, width)
    bare = with_arrays(index, neighbours=np.zeros(0, np.int32))
    every = np.arange(N_DOCS, dtype=np.int32)
    choice = Choice(excluded=frozenset({3, 7}), since=2)
    expected = index.search_rows(every, k, threshold=0.1, choice=choice)
    for one in (index, bare):
        found = one.related_rows(every, k, threshold=0.1, choice=choice)

        assert expected[0].tolist() == found[0].tolist()
        assert expected[1].tolist() == found[1].tolist()


class SearchedError(Exception):
    """A search was made where the table was to serve."""


def from_table(
    index: Index, monkeypatch: pytest.MonkeyPatch, doc: int, k: int, **named: Any
) -> bool:
    """Tell whether the table alone answers."""

    def refuse(*_: Any, **__: Any) -> None:
        raise SearchedError

    with monkeypatch.context() as patch:
        patch.setattr(Index, "search", refuse)
        try:
            index.related(doc, k, **named)
        except SearchedError:
            return False
    return True


def test_related_asks_the_table_only_where_it_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The document's own language, no more than are left, made with effort enough."""
    index = table_index(1, 4)
    table = index.parts[0].segment.neighbours.reshape(-1, 4)
    doc = next(d for d in range(N_DOCS) if (table[d] >= 0).all())
    nearest = [int(d) for d in table[doc]]
    own = in_own_language(index, doc)

    def served(k: int, choice: Choice = own, one: Index = index, **named: Any) -> bool:
        return from_table(one, monkeypatch, doc, k, choice=choice, **named)

    assert served(1)
    assert served(4)
    assert served(4, effort=SearchSettings("fast"))
    assert not served(5)
    assert not served(4, Choice())
    assert not served(4, Choice(frozenset({0, 1})))
    assert not served(4, Choice(frozenset()))
    assert not served(4, in_own_language(index, doc, excluded=frozenset(nearest[:1])))
    assert served(3, in_own_language(index, doc, excluded=frozenset(nearest[:1])))
    assert not served(1, in_own_language(index, doc, excluded=frozenset(nearest)))
    assert not served(4, in_own_language(index, doc, since=min(nearest) + 1))
    assert not served(4, in_own_language(index, doc, until=max(nearest)))
    assert served(4, in_own_language(index, doc, until=max(nearest) + 1))
    assert not served(4, one=with_arrays(index, neighbours=np.zeros(0, np.int32)))


def test_related_row_that_is_not_full_holds_all_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """An article with two neighbours has two, however many are asked for and excluded."""
    rows = [{0: 1}, {0: 1}, {0: 2}, {1: 1}, {}]
    index = with_table(memory_index(corpus_of(rows, n_terms=2)), SearchSettings(neighbours=3))
    for doc, n in ((0, 2), (3, 0), (4, 0)):
        assert from_table(index, monkeypatch, doc, 50, choice=Choice(frozenset({0})))
        assert len(index.related(doc, 50, choice=Choice(frozenset({0})))) == n
    choice = Choice(frozenset({0}), excluded=frozenset({1, 2}))
    assert from_table(index, monkeypatch, 0, 50, choice=choice)
    assert len(index.related(0, 50, choice=choice)) == 0


def test_related_table_made_in_haste_serves_only_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for an exact answer gets one."""
    index = table_index(2, 4, mode="fast", coverage=0.3, candidates=1)
    for doc in range(N_DOCS):
        own = in_own_language(index, doc)
        haste = SearchSettings("fast", coverage=0.3, candidates=1)

        assert not from_table(index, monkeypatch, doc, 1, choice=own)
        assert from_table(index, monkeypatch, doc, 1, choice=own, effort=haste)
        expected = index.search(index.query_of(doc), 4, choice=own)
        assert same(expected, index.related(doc, 4, choice=own))


def test_related_scores_from_a_table_made_in_haste_are_exact() -> None:
    """The table says who; the scores are computed afresh."""
    index = table_index(3, 6, mode="fast", coverage=0.3, candidates=1)
    plain = replace(index, compiled=False)
    effort = SearchSettings("fast", coverage=0.3, candidates=1)
    for doc in range(N_DOCS):
        own = in_own_language(index, doc)
        found = index.related(doc, 4, choice=own, effort=effort)

        query = index.query_of(doc)
        assert [index.score(query, int(d)) for d in found.docs] == found.scores.tolist()
        assert same(found, plain.related(doc, 4, choice=own, effort=effort))


def test_related_table_that_names_no_document_is_damage() -> None:
    """Without digests compared, a table may say anything: it is not followed."""
    index = table_index(1, 4)
    table = index.parts[0].segment.neighbours.copy()
    table[0] = N_DOCS
    with pytest.raises(DamagedIndexError, match="neighbours of document 0"):
        with_arrays(index, neighbours=table).related(0, 1, choice=in_own_language(index, 0))


def test_related_fast_table_is_not_used_where_something_is_left_out() -> None:
    """A fast search looks for others in its stead; the table need not hold them."""
    index = table_index(4, 6, mode="fast", coverage=0.3, candidates=1)
    haste = SearchSettings("fast", coverage=0.3, candidates=1)
    for doc in range(N_DOCS):
        nearest = index.search(index.query_of(doc), 2, effort=haste).docs.tolist()
        choice = in_own_language(index, doc, excluded=frozenset(nearest))
        expected = index.search(index.query_of(doc), 5, choice=choice, effort=haste)

        assert same(expected, index.related(doc, 5, choice=choice, effort=haste))


def test_related_table_of_fewer_candidates_does_not_serve_who_asks_for_more() -> None:
    """Effort is coverage and candidates, both."""
    index = table_index(4, 6, mode="fast", coverage=0.3, candidates=2)

    assert index.pool_serves(SearchSettings("fast", coverage=0.3, candidates=2))
    assert not index.pool_serves(SearchSettings("fast", coverage=0.3, candidates=3))
    assert not index.pool_serves(SearchSettings("fast", coverage=0.4, candidates=2))
    assert not index.pool_serves(SearchSettings("exact"))
