"""Exact search against the oracle."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender.errors import InputError
from recommender.index.invert import WINDOW
from recommender.index.reader import Choice, Query
from recommender.weighting import COUNT_OF_CODE, WeightSettings
from tests.index.making import corpus_of, memory_index
from tests.index.oracle import dense_rows, nearest

N_TERMS = 12

rows_of_counts = st.lists(
    st.dictionaries(st.integers(0, N_TERMS - 1), st.integers(1, 300), max_size=8),
    min_size=1,
    max_size=25,
)
column_rules = st.fixed_dictionaries(
    {"share": st.sampled_from([0.0, 0.2, 0.5, 2.0]), "least": st.sampled_from([1, 3])}
)
"""From a column for every term to none at all."""

weightings = st.builds(
    WeightSettings,
    sublinear_tf=st.booleans(),
    use_idf=st.booleans(),
    smooth_idf=st.booleans(),
    min_df=st.sampled_from([1, 2, 0.1]),
    max_df=st.sampled_from([1.0, 0.6, 5]),
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(rows=rows_of_counts, weights=weightings, k=st.integers(1, 30), columns=column_rules)
def test_search_any_corpus_equals_brute_force(
    rows: list[dict[int, int]], weights: WeightSettings, k: int, columns: dict[str, float]
) -> None:
    """Ids and scores are those of scoring every pair in float64, ties by document number."""
    corpus = corpus_of(rows, n_terms=N_TERMS)
    dense = dense_rows(corpus, weights)
    index = memory_index(corpus, weights, columns=columns)
    for doc in range(len(rows)):
        expected = nearest(dense, doc, k)
        found = index.search(index.query_of(doc), k)

        assert [d for d, _ in expected] == found.docs.tolist()
        assert np.allclose([s for _, s in expected], found.scores, rtol=0, atol=1e-7)


@hypothesis_settings(max_examples=60, deadline=None)
@given(rows=rows_of_counts, data=st.data())
def test_search_filtered_fills_the_list_from_what_is_allowed(
    rows: list[dict[int, int]], data: Any
) -> None:
    """Language, exclusion and range filters act before the list is cut."""
    languages = data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    excluded = data.draw(st.frozensets(st.integers(0, len(rows) - 1), max_size=4))
    wanted = data.draw(st.frozensets(st.integers(0, 2)))
    first, stop = sorted(data.draw(st.tuples(st.integers(0, 25), st.integers(0, 25))))
    corpus = corpus_of(rows, n_terms=N_TERMS, languages=languages)
    allowed = np.array(
        [
            languages[d] in wanted and d not in excluded and first <= d < stop
            for d in range(len(rows))
        ]
    )
    dense = dense_rows(corpus, WeightSettings(max_df=1.0))
    choice = Choice(languages=wanted, excluded=excluded, first=first, stop=stop)
    index = memory_index(corpus)

    found = index.search(index.query_of(0), 3, choice=choice)

    assert [d for d, _ in nearest(dense, 0, 3, allowed)] == found.docs.tolist()


def random_rows(rng: np.random.Generator, n_docs: int, n_terms: int) -> list[dict[int, int]]:
    """Rows with a few common and many rare terms."""
    out = []
    for _ in range(n_docs):
        terms = np.unique((n_terms * rng.random(12) ** 3).astype(int))
        out.append({int(t): int(rng.geometric(0.5)) for t in terms})
    return out


def test_search_over_several_windows_equals_brute_force(rng: np.random.Generator) -> None:
    """Documents on both sides of a window's edge are found and numbered right."""
    rows = random_rows(rng, WINDOW + 500, 3000)
    corpus = corpus_of(rows, n_terms=3000)
    index = memory_index(corpus)
    sparse = _scipy_rows(corpus)
    for doc in (0, 7, WINDOW - 1, WINDOW, WINDOW + 499):
        scores = np.asarray((sparse @ sparse[doc].T).todense()).ravel()
        scores[doc] = 0
        order = np.lexsort((np.arange(len(scores)), -np.round(scores, 9)))[:10]

        found = index.search(index.query_of(doc), 10)

        assert order.tolist() == found.docs.tolist()


def _scipy_rows(corpus: Any) -> Any:
    import scipy.sparse as sp
    from sklearn.feature_extraction.text import TfidfTransformer

    (block,) = corpus.blocks
    counts = sp.csr_matrix((COUNT_OF_CODE[block.codes], block.terms, block.indptr))
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts)


def test_search_rows_equals_single_searches(rng: np.random.Generator) -> None:
    """A batch answers as its queries do one by one."""
    languages = rng.integers(0, 3, 400).tolist()
    index = memory_index(corpus_of(random_rows(rng, 400, 90), n_terms=90, languages=languages))

    docs, scores = index.search_rows(np.arange(400, dtype=np.int32), 7)

    for doc in range(400):
        only = Choice(languages=frozenset({languages[doc]}))
        single = index.search(index.query_of(doc), 7, choice=only)
        n = len(single)
        assert single.docs.tolist() == docs[doc, :n].tolist()
        assert single.scores.tolist() == scores[doc, :n].tolist()
        assert (docs[doc, n:] == -1).all()


def test_search_ten_thousand_identical_articles_returns_the_first_by_number() -> None:
    """Ties are broken by document number however many there are."""
    rows = [{0: 1, 1: 2}] * 10_000 + [{2: 1}]
    index = memory_index(corpus_of(rows, n_terms=3))

    found = index.search(index.query_of(5000), 5)

    assert found.docs.tolist() == [0, 1, 2, 3, 4]
    assert found.scores.tolist() == [1.0] * 5


def test_score_of_a_pair_is_the_same_both_ways(rng: np.random.Generator) -> None:
    """score(a, b) equals score(b, a) bit for bit."""
    index = memory_index(corpus_of(random_rows(rng, 120, 60), n_terms=60))
    scores: dict[tuple[int, int], float] = {}
    for doc in range(120):
        found = index.search(index.query_of(doc), 120)
        scores |= {(doc, int(d)): float(s) for d, s in zip(found.docs, found.scores, strict=True)}

    assert all(scores[b, a] == s for (a, b), s in scores.items())


def test_shared_terms_sum_to_the_score(rng: np.random.Generator) -> None:
    """The shares of the shared terms are the score, to the last digits."""
    index = memory_index(corpus_of(random_rows(rng, 80, 40), n_terms=40))
    query = index.query_of(3)
    found = index.search(query, 20)
    for doc, score in zip(found.docs, found.scores, strict=True):
        _, shares = index.shared_terms(query, int(doc))

        assert shares.sum() == pytest.approx(score, abs=1e-12)


def test_threshold_keeps_only_scores_at_or_above_it(rng: np.random.Generator) -> None:
    """The list is cut at the threshold, not beyond it."""
    index = memory_index(corpus_of(random_rows(rng, 200, 60), n_terms=60))
    every = index.search(index.query_of(0), 200)
    middle = float(every.scores[len(every) // 2])

    found = index.search(index.query_of(0), 200, threshold=middle)

    assert found.scores.tolist() == [s for s in every.scores if s >= middle]


@pytest.mark.parametrize(
    ("k", "threshold"), [(0, 0.0), (-1, 0.0), (True, 0.0), (3, -0.1), (3, 1.5)]
)
def test_search_impossible_arguments_are_named(k: int, threshold: float) -> None:
    """A limit below one and a threshold outside 0..1 are refused with their value."""
    index = memory_index(corpus_of([{0: 1}], n_terms=1))

    with pytest.raises(InputError, match=repr(k) if threshold == 0.0 else repr(threshold)):
        index.search(index.query_of(0), k, threshold=threshold)


def test_search_corpus_of_one_article_finds_nothing() -> None:
    """A lonely article has no neighbours."""
    index = memory_index(corpus_of([{0: 1}], n_terms=1))

    assert len(index.search(index.query_of(0), 10)) == 0


def test_search_limit_beyond_the_corpus_returns_all() -> None:
    """More than there are is all there are."""
    index = memory_index(corpus_of([{0: 1}, {0: 2}, {0: 1, 1: 1}], n_terms=2))

    assert len(index.search(index.query_of(0), 10**6)) == 2


def test_search_query_without_known_terms_finds_nothing() -> None:
    """A query whose every word is unknown has an empty list."""
    index = memory_index(corpus_of([{0: 1}, {0: 2}], n_terms=1))
    nothing = Query(np.empty(0, np.int32), np.empty(0, np.uint8))

    assert len(index.search(nothing, 10)) == 0


def test_search_leaves_its_scratch_clean(rng: np.random.Generator) -> None:
    """A search does not influence the next one of the same thread."""
    index = memory_index(corpus_of(random_rows(rng, 300, 80), n_terms=80))
    first = [index.search(index.query_of(d), 5).docs.tolist() for d in range(300)]
    again = [index.search(index.query_of(d), 5).docs.tolist() for d in reversed(range(300))]

    assert first == again[::-1]


def test_article_with_a_million_terms_is_searched_exactly() -> None:
    """Rounding bounds hold for a monstrous query too."""
    n_terms = 1_000_000
    rows = [dict.fromkeys(range(n_terms), 1), {5: 1}, {5: 3, 7: 1}, dict.fromkeys(range(0, 50), 2)]
    index = memory_index(corpus_of(rows, n_terms=n_terms))

    found = index.search(index.query_of(0), 3)

    assert found.docs.tolist() == [3, 2, 1]


def test_kernels_are_never_parallel() -> None:
    """Compiled loops with parallel=True kill forked workers, so none may have it."""
    spec = importlib.util.find_spec("recommender")
    assert spec is not None
    assert spec.origin is not None
    for path in Path(spec.origin).parent.rglob("*.py"):
        assert "parallel=True" not in path.read_text(encoding="utf-8"), path
