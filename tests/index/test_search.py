"""Exact search against the oracle."""

from __future__ import annotations

import importlib.util
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.errors import InputError
from recommender.index.invert import WINDOW, RowBlock
from recommender.index.part import Choice
from recommender.index.reader import Index, Query
from recommender.index.settings import SearchSettings
from recommender.weighting import COUNT_OF_CODE, WeightSettings, encode_counts
from tests.index.making import corpus_of, memory_index, with_table
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


@hypothesis_settings(max_examples=120, deadline=None)
@given(rows=rows_of_counts, data=st.data(), columns=column_rules)
def test_search_filtered_fills_the_list_from_what_is_allowed(
    rows: list[dict[int, int]], data: Any, columns: dict[str, float]
) -> None:
    """Language, mask, exclusion and range filters act before the list is cut."""
    n = len(rows)
    languages = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    mask = data.draw(st.none() | st.lists(st.booleans(), min_size=n, max_size=n))
    excluded = data.draw(st.frozensets(st.integers(0, n - 1), max_size=4))
    wanted = data.draw(st.none() | st.frozensets(st.integers(0, 2)))
    first, stop = data.draw(st.tuples(st.integers(-3, 25), st.none() | st.integers(-3, 30)))
    corpus = corpus_of(rows, n_terms=N_TERMS, languages=languages)
    allowed = np.array(
        [
            (wanted is None or languages[d] in wanted)
            and (mask is None or mask[d])
            and d not in excluded
            and first <= d < (n if stop is None else stop)
            for d in range(n)
        ]
    )
    dense = dense_rows(corpus, WeightSettings(max_df=1.0))
    array = None if mask is None else np.array(mask)
    choice = Choice(wanted, array, excluded, first, stop)
    index = memory_index(corpus, columns=columns)
    for doc in range(0, n, 3):
        found = index.search(index.query_of(doc), 3, choice=choice)

        assert [d for d, _ in nearest(dense, doc, 3, allowed)] == found.docs.tolist()


def random_rows(rng: np.random.Generator, n_docs: int, n_terms: int) -> list[dict[int, int]]:
    """Rows with a few common and many rare terms."""
    out = []
    for _ in range(n_docs):
        terms = np.unique((n_terms * rng.random(12) ** 3).astype(int))
        out.append({int(t): int(rng.geometric(0.5)) for t in terms})
    return out


N_WIDE = WINDOW + 4096 + 500


@dataclass(frozen=True)
class Wide:
    """An index of two windows, with columns, and the scores of some of its documents."""

    index: Index
    languages: NDArray[np.uint8]
    scores: dict[int, NDArray[np.float64]]


@pytest.fixture(scope="module")
def wide() -> Wide:
    """Seventy thousand short rows: seven terms with a column, four thousand without."""
    rng = np.random.default_rng(7)
    common = np.argwhere(rng.random((N_WIDE, 7)) < np.linspace(0.1, 0.6, 7))
    rare = 7 + (4000 * rng.random(3 * N_WIDE) ** 2).astype(int)
    drawn = np.stack([np.repeat(np.arange(N_WIDE), 3), rare], axis=1)
    docs, terms = np.unique(np.concatenate([common, drawn]), axis=0).T
    codes = encode_counts(rng.geometric(0.6, len(docs)))
    indptr = np.searchsorted(docs, np.arange(N_WIDE + 1)).astype(np.int64)
    block = RowBlock(indptr, terms.astype(np.int32), codes, np.arange(4007, dtype=np.int32))
    languages = rng.integers(0, 3, N_WIDE)
    corpus = corpus_of([{}] * N_WIDE, n_terms=4007, languages=languages.tolist())
    corpus = replace(corpus, blocks=[block])
    sparse = _scipy_rows(corpus)
    queries = (0, 64, 4095, WINDOW - 1, WINDOW, WINDOW + 4097, N_WIDE - 1)
    scores = {d: np.asarray((sparse @ sparse[d].T).todense()).ravel() for d in queries}
    return Wide(memory_index(corpus), languages.astype(np.uint8), scores)


def _scipy_rows(corpus: Any) -> Any:
    import scipy.sparse as sp
    from sklearn.feature_extraction.text import TfidfTransformer

    (block,) = corpus.blocks
    counts = sp.csr_matrix((COUNT_OF_CODE[block.codes], block.terms, block.indptr))
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts)


def assert_brute_force(wide: Wide, choice: Choice, allowed: NDArray[np.bool_]) -> None:
    """Check that a search of each query finds the best of what is allowed."""
    for doc, scores in wide.scores.items():
        wanted = np.where(allowed, np.round(scores, 9), 0.0)
        wanted[doc] = 0.0
        order = np.lexsort((np.arange(N_WIDE), -wanted))[:10]
        found = wide.index.search(wide.index.query_of(doc), 10, choice=choice)

        assert order[wanted[order] > 0].tolist() == found.docs.tolist()
        assert np.allclose(scores[found.docs], found.scores, rtol=0, atol=1e-12)


def test_search_over_several_windows_equals_brute_force(wide: Wide) -> None:
    """Documents on both sides of a window's edge are found and numbered right."""
    assert wide.index.parts[0].segment.n_columns == 7
    assert len(wide.index.parts[0].segment.postings.bases) == 3

    assert_brute_force(wide, Choice(), np.ones(N_WIDE, np.bool_))


@pytest.mark.parametrize(
    ("first", "stop"),
    [
        *[(1, None), (63, 64), (64, 129), (100, 101), (4095, 4097), (37, 5000), (0, 1), (0, 0)],
        *[(WINDOW - 1, WINDOW + 1), (WINDOW, WINDOW + 1), (WINDOW - 65, WINDOW + 70)],
        *[(0, WINDOW), (WINDOW, None), (WINDOW + 4096, None), (WINDOW + 33, WINDOW + 4096 + 33)],
        *[(0, WINDOW + 1), (0, WINDOW - 1), (N_WIDE - 1, N_WIDE), (N_WIDE - 13, N_WIDE - 3)],
        *[(N_WIDE, None), (5, 3), (70, -1), (-5, 10**9), (10**9, None), (-(10**9), -(10**8))],
    ],
)
def test_search_within_a_time_horizon_equals_brute_force(
    wide: Wide, first: int, stop: int | None
) -> None:
    """However the bounds lie to windows, blocks and chunks; nothing is left in the scratch."""
    numbers = np.arange(N_WIDE)
    allowed = (numbers >= first) & (numbers < (N_WIDE if stop is None else stop))

    assert_brute_force(wide, Choice(since=first, until=stop), allowed)
    with wide.index.parts[0].clean_room() as room:
        assert not room.sums.any()
        assert not room.query_codes.any()
        assert not room.query_weights.any()


@pytest.mark.parametrize("share", [0.5, 0.001])
def test_search_over_several_windows_with_every_filter_equals_brute_force(
    wide: Wide, rng: np.random.Generator, share: float
) -> None:
    """Language, mask, exclusions and horizon together."""
    mask = rng.random(N_WIDE) < share
    excluded = frozenset(rng.integers(0, N_WIDE, 3000).tolist())
    first, stop = 777, WINDOW + 999
    numbers = np.arange(N_WIDE)
    allowed = mask & (wide.languages != 1) & (numbers >= first) & (numbers < stop)
    allowed[list(excluded)] = False

    assert_brute_force(wide, Choice(frozenset({0, 2}), mask, excluded, first, stop), allowed)


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


@hypothesis_settings(max_examples=60, deadline=None)
@given(rows=rows_of_counts, weights=weightings, columns=column_rules, k=st.integers(1, 40))
def test_search_rows_any_weights_equal_single_searches(
    rows: list[dict[int, int]], weights: WeightSettings, columns: dict[str, float], k: int
) -> None:
    """Terms that weigh nothing stand in the rows of documents too."""
    index = memory_index(corpus_of(rows, n_terms=N_TERMS), weights, columns=columns)

    docs, scores = index.search_rows(np.arange(len(rows), dtype=np.int32), k, same_language=False)

    assert docs.shape == scores.shape == (len(rows), k)
    for doc in range(len(rows)):
        single = index.search(index.query_of(doc), k)
        n = len(single)
        assert single.docs.tolist() == docs[doc, :n].tolist()
        assert single.scores.tolist() == scores[doc, :n].tolist()
        assert (docs[doc, n:] == -1).all()
        assert (scores[doc, n:] == 0).all()


def draft(index: Index, terms: list[int], counts: list[int]) -> Query:
    """Return a query that is no document."""
    return Query(np.array(terms, np.int32), encode_counts(np.array(counts, np.int64)))


def mixed_queries(index: Index, rng: np.random.Generator) -> list[Query]:
    """Return documents, drafts and empty queries, one after another."""
    nothing = draft(index, [], [])
    out = [nothing]
    for doc in range(0, index.n_docs, 3):
        terms = np.unique(rng.integers(0, index.parts[0].segment.n_terms, 15)).tolist()
        out += [index.query_of(doc), draft(index, terms, [1 + t % 4 for t in terms]), nothing]
    return out


@pytest.mark.parametrize("effort", [SearchSettings(), SearchSettings("fast", candidates=9)])
def test_search_many_equals_single_searches(
    rng: np.random.Generator, effort: SearchSettings
) -> None:
    """Drafts, documents and empty queries in any order do not see each other."""
    index = memory_index(corpus_of(random_rows(rng, 300, 90), n_terms=90))
    queries = mixed_queries(index, rng)

    many = index.search_many(queries, 6, threshold=0.05, effort=effort)

    assert index.search_many([], 6) == []
    assert len(many) == len(queries)
    for query, found in zip(queries, many, strict=True):
        single = index.search(query, 6, threshold=0.05, effort=effort)
        assert single.docs.tolist() == found.docs.tolist()
        assert single.scores.tolist() == found.scores.tolist()


def test_search_many_of_several_threads_at_once_equals_one(rng: np.random.Generator) -> None:
    """Exact and fast, with columns, all on one index."""
    index = memory_index(corpus_of(random_rows(rng, 900, 120), n_terms=120))
    assert index.parts[0].segment.n_columns
    queries = mixed_queries(index, rng)
    efforts = [SearchSettings(), SearchSettings("fast", candidates=9)] * 2
    expected = [index.search_many(queries, 6, effort=effort) for effort in efforts]
    found: list[Any] = [None] * 4

    def ask(i: int) -> None:
        found[i] = index.search_many(queries, 6, effort=efforts[i])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for one, other in zip(expected, found, strict=True):
        assert [c.docs.tolist() for c in one] == [c.docs.tolist() for c in other]
        assert [c.scores.tolist() for c in one] == [c.scores.tolist() for c in other]


@pytest.mark.parametrize("columns", [{}, {"share": 2.0}])
def test_search_ten_thousand_identical_articles_returns_the_first_by_number(
    columns: dict[str, float],
) -> None:
    """Ties are broken by document number however many there are, with columns and without."""
    rows = [{0: 1, 1: 2}] * 10_000 + [{2: 1}]
    index = memory_index(corpus_of(rows, n_terms=3), columns=columns)
    assert index.parts[0].segment.n_columns == (0 if columns else 2)

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
    ("k", "threshold"),
    [(0, 0.0), (-1, 0.0), (True, 0.0), (2.5, 0.0), (3, -0.1), (3, 1.5), (3, float("nan"))],
)
def test_search_impossible_arguments_are_named(k: int, threshold: float) -> None:
    """A limit below one and a threshold outside 0..1 are refused with their value."""
    index = memory_index(corpus_of([{0: 1}], n_terms=1))
    words = repr(k) if threshold == 0.0 else repr(threshold)

    with pytest.raises(InputError, match=words):
        index.search(index.query_of(0), k, threshold=threshold)
    with pytest.raises(InputError, match=words):
        index.search_many([], k, threshold=threshold)
    with pytest.raises(InputError, match=words):
        index.search_rows(np.zeros(0, np.int32), k, threshold=threshold)
    with pytest.raises(InputError, match=words):
        index.related(0, k, threshold=threshold)
    with pytest.raises(InputError, match=words):
        index.related_rows(np.zeros(0, np.int32), k, threshold=threshold)


@pytest.mark.parametrize(
    ("terms", "codes", "words"),
    [
        ([0, 3], [1, 1], "terms up to 3 and 2 counts for 2 terms; expected terms below 3"),
        ([-1, 0], [1, 1], "made for another index"),
        ([0, 2**31 - 1], [1, 1], "made for another index"),
        ([0, 1], [1], "1 counts for 2 terms"),
        ([0], [1, 1], "2 counts for 1 terms"),
        ([], [1], "1 counts for 0 terms"),
        ([2, 0], [1, 1], "ascend, each once"),
        ([1, 1], [1, 1], "ascend, each once"),
        ([0, 1], [1, 0], "no count is 0"),
    ],
)
def test_search_query_that_is_none_of_the_index_is_refused(
    terms: list[int], codes: list[int], words: str
) -> None:
    """The loops would read what is not there."""
    index = memory_index(corpus_of([{0: 1, 1: 1}, {1: 1, 2: 1}], n_terms=3))
    query = Query(np.array(terms, np.int32), np.array(codes, np.uint8))

    with pytest.raises(InputError, match=words):
        index.search(query, 3)
    with pytest.raises(InputError, match=words):
        index.search_many([index.query_of(0), query], 3)


def test_search_document_of_another_index_is_refused() -> None:
    """Its row and its length are known to be sound: in the index that it is of."""
    large = memory_index(corpus_of([{0: 1, 9: 1}, {1: 1}], n_terms=10))
    small = memory_index(corpus_of([{0: 1}, {0: 2}], n_terms=1))
    for doc in (0, 1):
        with pytest.raises(InputError, match="made for another index: it has terms up to"):
            small.search(large.query_of(doc), 3)


@pytest.mark.parametrize(
    "mask",
    [np.ones(1, bool), np.ones(3, bool), np.zeros(0, bool), np.ones(2, int), np.ones((2, 1), bool)],
)
def test_search_mask_of_other_shape_is_refused(mask: NDArray[Any]) -> None:
    """A bool for each document."""
    index = memory_index(corpus_of([{0: 1}, {0: 2}], n_terms=1))
    table = with_table(index, SearchSettings(neighbours=1))
    choice = Choice(languages=frozenset({0}), mask=mask)
    words = r"The mask is \w+ of shape .*; expected bool, one for each of the 2 documents"

    for ask in (
        lambda c: index.search(index.query_of(0), 3, choice=c),
        lambda c: index.search_rows(np.array([0]), 3, choice=c),
        lambda c: index.related(0, 1, choice=c),
        lambda c: table.related(0, 1, choice=c),
    ):
        with pytest.raises(InputError, match=words):
            ask(choice)


@pytest.mark.parametrize("doc", [-1, 2, 10**6, 2**32, -(2**32)])
@pytest.mark.parametrize("compiled", [True, False])
def test_search_document_that_does_not_exist_is_refused(doc: int, compiled: bool) -> None:
    """Its row would be read from where none is; a number too large is not cut to fit."""
    index = replace(memory_index(corpus_of([{0: 1}, {0: 2}], n_terms=1)), compiled=compiled)
    words = f"There are no documents {doc} to {doc}: the index holds 2"

    with pytest.raises(InputError, match=words):
        index.query_of(doc)
    with pytest.raises(InputError, match=words):
        index.related(doc, 1)
    with pytest.raises(InputError, match=words):
        index.search_rows(np.array([doc]), 1)
    with pytest.raises(InputError, match=words):
        index.related_rows(np.array([doc]), 1)


def test_search_index_of_no_articles_answers() -> None:
    """With nothing, in every form."""
    index = memory_index(corpus_of([], n_terms=0))
    nothing = Query(np.empty(0, np.int32), np.empty(0, np.uint8))

    assert len(index.search(nothing, 3)) == 0
    assert index.search_rows(np.zeros(0, np.int32), 3)[0].shape == (0, 3)
    with pytest.raises(InputError, match="the index holds 0"):
        index.query_of(0)


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


def test_search_after_an_error_inside_is_not_disturbed_by_what_it_left(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scratch of a search that ended in the middle, for want of memory, is not used again."""
    index = memory_index(corpus_of(random_rows(rng, 90, 40), n_terms=40))
    query = index.query_of(7)
    expected = index.search(query, 5)
    with index.parts[0].clean_room() as room:
        room.sums[3] = 10**9

    def fail(*args: Any) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("recommender.index.scan.search", fail)
        with pytest.raises(MemoryError):
            index.search(query, 5)

    assert expected.docs.tolist() == index.search(query, 5).docs.tolist()
