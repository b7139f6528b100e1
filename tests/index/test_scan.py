"""The loops of the search: sums that cannot overflow, margins that lose nobody, and haste."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recommender.errors import ConfigError
from recommender.index import whole_numbers
from recommender.index.fast import covering, hopeful_of
from recommender.index.part import Choice
from recommender.index.reader import Index, Query
from recommender.index.settings import SearchSettings
from recommender.index.windows import candidates
from recommender.weighting import WeightSettings, encode_counts
from tests.index.making import corpus_of, memory_index
from tests.index.test_search import random_rows

N_TERMS = 10
TOP = 2**31 - 1

counts = st.integers(1, 5) | st.sampled_from([300, 99_000, 100_000, 200_000])
extreme_rows = st.lists(
    st.dictionaries(st.integers(0, N_TERMS - 1), counts, min_size=1), min_size=1, max_size=12
)
weightings = st.builds(
    WeightSettings,
    sublinear_tf=st.booleans(),
    use_idf=st.booleans(),
    smooth_idf=st.booleans(),
    min_df=st.sampled_from([1, 2]),
)
column_rules = st.sampled_from([{"share": 0.0, "least": 1}, {"share": 0.4, "least": 1}, {}])


def brute_force(
    index: Index, query: Query, k: int, allowed: NDArray[np.bool_] | None = None
) -> tuple[list[int], list[float]]:
    """Return the k best by the score of every pair, exactly summed in plain Python."""
    scores = [index.score(query, doc) for doc in range(index.n_docs)]
    found = [
        d
        for d, s in enumerate(scores)
        if s > 0 and d != query.doc and (allowed is None or allowed[d])
    ]
    best = sorted(found, key=lambda d: (-scores[d], d))[:k]
    return best, [scores[d] for d in best]


def assert_exact(index: Index, query: Query, k: int) -> None:
    """Check that a search finds what scoring every pair finds, bit for bit."""
    docs, scores = brute_force(index, query, k)
    found = index.search(query, k)

    assert docs == found.docs.tolist()
    assert scores == found.scores.tolist()


def whole_weights(index: Index, query: Query) -> tuple[list[int], float, float]:
    """Return the query's weights as whole numbers, their scale and the margin."""
    terms, codes = index._weighty(query)
    whole, scale, slack = whole_numbers.whole_weights(
        terms,
        codes,
        index.length(terms, codes),
        index.parts[0].segment.n_columns,
        index.parts[0].statistics,
    )
    return whole.tolist(), scale, slack


def largest_sum(index: Index, query: Query) -> int:
    """Return the largest sum any document can have, in Python's numbers, which do not overflow."""
    terms, _ = index._weighty(query)
    weight_of = dict(zip(terms.tolist(), whole_weights(index, query)[0], strict=True))
    levels = index.parts[0].statistics.levels.tolist()
    sums = [0]
    for doc in range(index.n_docs):
        other = index.query_of(doc)
        entries = zip(other.terms.tolist(), other.codes.tolist(), strict=True)
        sums.append(sum(weight_of.get(t, 0) * levels[c] for t, c in entries))
    return max(sums)


# --- no sum overflows ---


@hypothesis_settings(max_examples=100, deadline=None)
@given(rows=extreme_rows, weights=weightings, columns=column_rules, data=st.data())
def test_no_sum_overflows_and_no_answer_is_lost(
    rows: list[dict[int, int]], weights: WeightSettings, columns: dict[str, float], data: Any
) -> None:
    """Counts at the ceiling beside counts of 1, as documents and in drafts of any length."""
    index = memory_index(corpus_of(rows, n_terms=N_TERMS), weights, columns=columns)
    drawn = data.draw(st.dictionaries(st.integers(0, N_TERMS - 1), counts))
    terms = sorted(drawn)
    draft = Query(
        np.array(terms, np.int32), encode_counts(np.array([drawn[t] for t in terms], np.int64))
    )
    for query in [draft, *(index.query_of(d) for d in range(index.n_docs))]:
        if len(index._weighty(query)[0]):
            whole, _, slack = whole_weights(index, query)
            assert 0 <= largest_sum(index, query) <= TOP
            assert 0.0 <= slack < 1.0
            has_column = index._weighty(query)[0] < index.parts[0].segment.n_columns
            assert max(np.array(whole)[has_column], default=0) <= 32_767
            assert slack == 0.0 or min(whole) >= 1
        assert_exact(index, query, 3)


@pytest.mark.parametrize("sublinear", [True, False])
@pytest.mark.parametrize("use_idf", [True, False])
def test_one_enormous_document_beside_many_tiny_ones(sublinear: bool, use_idf: bool) -> None:
    """Twenty thousand terms at the ceiling; the tiny ones are told apart all the same."""
    n_terms = 20_000
    tiny = [{d % 7: 1, 7 + d % 11: 1 + d % 2, 100 + d: 3} for d in range(200)]
    rows = [dict.fromkeys(range(n_terms), 100_000), *tiny]
    weights = WeightSettings(sublinear_tf=sublinear, use_idf=use_idf)
    index = memory_index(corpus_of(rows, n_terms=n_terms), weights)
    for doc in (0, 1, 100, 200):
        assert largest_sum(index, index.query_of(doc)) <= TOP
        assert_exact(index, index.query_of(doc), 9)


def test_postings_of_any_number_are_all_added() -> None:
    """They are added 64 at a time, and what is left over after them; terms have no columns."""
    sizes = (1, 63, 64, 65, 127, 128, 129, 200, 256, 257, 400)
    rows = [{t: 1 + (doc + t) % 3 for t, n in enumerate(sizes) if doc < n} for doc in range(400)]
    index = memory_index(corpus_of(rows, n_terms=len(sizes)), columns={"share": 2.0})
    terms = np.arange(len(sizes), dtype=np.int32)

    assert index.parts[0].segment.n_columns == 0
    assert sorted(sizes, reverse=True) == index.parts[0].segment.df.tolist()
    for n in range(1, len(sizes) + 1):
        assert_exact(index, Query(terms[-n:], np.ones(n, np.uint8)), 400)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 129])
def test_search_many_any_number_equals_single_searches(n: int, rng: np.random.Generator) -> None:
    """Up to 64 go through the windows together; the rest after them."""
    index = memory_index(corpus_of(random_rows(rng, 150, 60), n_terms=60))
    queries = [index.query_of(doc) for doc in range(n)]

    together = index.search_many(queries, 5)

    assert [index.search(query, 5).docs.tolist() for query in queries] == [
        found.docs.tolist() for found in together
    ]


@pytest.mark.parametrize("sublinear", [True, False])
def test_count_of_one_is_not_lost_beside_a_count_of_a_hundred_thousand(sublinear: bool) -> None:
    """Its weight would round to nothing: such a query scores every document."""
    rows = [{0: 100_000, 1: 1, 2: 100_000}, {1: 1, 3: 100_000}, {0: 1, 1: 1}, {1: 1}]
    weights = WeightSettings(sublinear_tf=sublinear)
    index = memory_index(corpus_of(rows, n_terms=4), weights)
    excluded = Choice(excluded=frozenset({2}), languages=frozenset({0}), until=3)

    assert whole_weights(index, index.query_of(0))[2] == 0.0 or sublinear
    for doc in range(4):
        assert_exact(index, index.query_of(doc), 3)
    assert index.search(index.query_of(1), 3, choice=excluded).docs.tolist() == [0]
    fast = SearchSettings("fast", coverage=1e-9)
    assert index.search(index.query_of(1), 3, effort=fast).docs.tolist() == [3, 2, 0]
    together = index.search_many([index.query_of(doc) for doc in range(4)], 3)
    alone = [index.search(index.query_of(doc), 3).docs.tolist() for doc in range(4)]
    assert alone == [found.docs.tolist() for found in together]


@pytest.mark.full
def test_query_of_a_million_terms_with_columns_does_not_overflow() -> None:
    """Every document has a term or two of it; all of the first hundred have columns."""
    n_terms = 1_000_000
    rows = [dict.fromkeys(range(n_terms), 1), *({d % 3: 255, 50 + d: 1} for d in range(80))]
    index = memory_index(corpus_of(rows, n_terms=n_terms), columns={"share": 0.0, "least": 2})
    assert index.parts[0].segment.n_columns == 83
    terms = np.arange(n_terms, dtype=np.int32)
    draft = Query(terms, np.full(n_terms, 255, np.uint8))
    levels = index.parts[0].statistics.levels.astype(np.int64)
    for query in (draft, index.query_of(0)):
        whole = np.array(whole_weights(index, query)[0], np.int64)
        assert int((whole * levels[1]).sum()) <= TOP

        found = index.search(query, 5)
        scores = [index.score(query, d) for d in found.docs.tolist()]
        assert found.scores.tolist() == scores == sorted(scores, reverse=True)


# --- the margin ---


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    base=st.dictionaries(st.integers(0, 39), st.integers(1, 300), min_size=10, max_size=40),
    changes=st.lists(st.tuples(st.integers(0, 39), st.integers(1, 400)), min_size=2, max_size=30),
    weights=weightings,
    columns=column_rules,
    k=st.integers(1, 8),
)
def test_documents_that_differ_in_one_count_are_ranked_exactly(
    base: dict[int, int],
    changes: list[tuple[int, int]],
    weights: WeightSettings,
    columns: dict[str, float],
    k: int,
) -> None:
    """Scores a millionth apart: the margin keeps every one that might be among the best."""
    rows = [{**base, term: count} for term, count in changes]
    index = memory_index(corpus_of(rows, n_terms=40), weights, columns=columns)
    for doc in range(min(4, index.n_docs)):
        assert_exact(index, index.query_of(doc), k)


def test_candidates_hold_the_true_best(rng: np.random.Generator) -> None:
    """Nobody of the true top k is missing from what the sums choose, nor is everybody chosen."""
    index = memory_index(corpus_of(random_rows(rng, 500, 90), n_terms=90))
    (part,) = index.parts
    assert 0 < part.segment.n_columns < 90
    n_chosen = 0
    for doc in range(0, 500, 25):
        query = index.query_of(doc)
        one = (query.terms, query.codes, index.length(query.terms, query.codes))
        choices = part._choices(Choice(excluded=frozenset({doc})))
        with part.clean_room() as room:
            docs, _ = candidates(
                one,
                5,
                0.0,
                part.matrix,
                part.statistics,
                choices,
                room.sums,
                room.query_weights,
                True,
            )
        n_chosen += len(docs)

        assert set(brute_force(index, query, 5)[0]) <= set(docs.tolist())
    assert n_chosen < 20 * 60


def test_candidates_beyond_the_room_are_kept(rng: np.random.Generator) -> None:
    """Ten thousand that are all but equal: the buffer grows."""
    rows = [{0: 1, 1: 1 + d % 2, 2 + d % 3: 1} for d in range(10_000)]
    index = memory_index(corpus_of(rows, n_terms=5))
    query = index.query_of(9_999)

    found = index.search(query, 3)

    same = [d for d in range(9_999) if rows[d] == rows[9_999]][:3]
    assert same == found.docs.tolist()
    assert found.scores.tolist() == [1.0] * 3


# --- fast ---

FAST = SearchSettings("fast", candidates=2)


@pytest.mark.parametrize("n_docs", [30, 700])
def test_fast_search_scores_are_exact_and_in_order(rng: np.random.Generator, n_docs: int) -> None:
    """Whom it finds it judges as an exact search does."""
    index = memory_index(corpus_of(random_rows(rng, n_docs, 90), n_terms=90))
    for doc in range(0, n_docs, 9):
        query = index.query_of(doc)
        found = index.search(query, 10, effort=FAST)
        pairs = list(zip((-found.scores).tolist(), found.docs.tolist(), strict=True))

        assert [index.score(query, d) for d in found.docs.tolist()] == found.scores.tolist()
        assert pairs == sorted(pairs)
        assert doc not in found.docs
    with index.parts[0].clean_room() as room:
        assert not any(array.any() for array in room)


def test_fast_search_of_whole_coverage_equals_exact(rng: np.random.Generator) -> None:
    """A coverage of 1 leaves nothing out, however few candidates are asked for."""
    index = memory_index(corpus_of(random_rows(rng, 400, 90), n_terms=90))
    whole = SearchSettings("fast", coverage=1.0, candidates=1)
    every = np.arange(400, dtype=np.int32)

    exact, fast = index.search_rows(every, 7), index.search_rows(every, 7, effort=whole)

    assert exact[0].tolist() == fast[0].tolist()
    assert exact[1].tolist() == fast[1].tolist()


def wordy_rows(rng: np.random.Generator, n_docs: int, story: int) -> list[dict[int, int]]:
    """Return rows of a hundred of 3,000 terms; each ``story`` rows share a third of them."""
    shares = 1.0 / (10.0 + np.arange(3000))
    rows: list[dict[int, int]] = []
    for d in range(n_docs):
        terms = rng.choice(3000, 100, replace=False, p=shares / shares.sum()).tolist()
        if d % story:
            terms[:33] = list(rows[d - d % story])[:33]
        rows.append(dict.fromkeys(terms, 1))
    return rows


@pytest.mark.parametrize(("story", "is_plain"), [(12, True), (1, False)])
def test_fast_search_goes_on_where_telling_words_leave_the_best_open(
    rng: np.random.Generator, story: int, is_plain: bool
) -> None:
    """They lead to the others of a story; of articles that are alike by chance they say little."""
    index = memory_index(corpus_of(wordy_rows(rng, 2400, story), n_terms=3000))
    (part,) = index.parts
    every = np.arange(0, 2400, 24, dtype=np.int32)
    exact, _ = index.search_rows(every, 10)
    fast, _ = index.search_rows(every, 10, effort=SearchSettings("fast", candidates=20))
    sure = 0
    for doc in every.tolist():
        query = index.query_of(doc)
        one = (query.terms, query.codes, index.length(query.terms, query.codes))
        choices = part._choices(Choice(excluded=frozenset({doc})))
        with part.clean_room() as room:
            chosen = covering(*one[:2], part.matrix, part.statistics, 0.6)
            few = (query.terms[chosen], query.codes[chosen], one[2])
            arrays = (part.matrix, part.statistics)
            weights = room.query_weights
            found = candidates(few, 100, 0.0, *arrays, choices, room.sums, weights, False)
            sure += hopeful_of(found, one, (10, 100), *arrays, weights)[2]

    shared = [len(set(a) & set(b)) for a, b in zip(exact.tolist(), fast.tolist(), strict=True)]
    assert sum(shared) >= 0.99 * exact.size
    assert (sure > 80) == is_plain
    assert (sure < 20) != is_plain


def test_auto_is_fast_above_the_number_it_names() -> None:
    """And exact up to it."""
    settings = SearchSettings("auto", fast_above=100, coverage=0.5, candidates=7)

    assert settings.for_size(100) == (1.0, 0)
    assert settings.for_size(101) == (0.5, 7)
    assert SearchSettings("exact", fast_above=1).for_size(10**9) == (1.0, 0)
    assert SearchSettings("fast", candidates=9).for_size(1) == (0.6, 9)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("mode", "quick"), ("coverage", 0.0), ("coverage", 1.01), ("coverage", float("nan"))],
        *[("candidates", 0), ("candidates", True), ("fast_above", 0), ("neighbours", -1)],
        *[("neighbours", 1.5)],
    ],
)
def test_impossible_search_settings_are_named(name: str, value: Any) -> None:
    """With their value and what was expected."""
    with pytest.raises(ConfigError, match=f"{name} is {value!r}; expected"):
        SearchSettings(**{name: value})


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    coverage=st.sampled_from([1e-9, 0.3, 0.7]),
    candidates=st.sampled_from([1, 3, 20]),
    k=st.integers(1, 45),
    data=st.data(),
)
def test_fast_search_never_finds_fewer_than_there_are(
    seed: int, coverage: float, candidates: int, k: int, data: Any
) -> None:
    """Filters act before candidates are counted; k may lie above their number.

    An article of words of its own still finds those it shares a common word with.
    """
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, 40, 60)
    index = memory_index(
        corpus_of(rows, n_terms=60, languages=rng.integers(0, 2, 40).tolist()),
        columns=data.draw(column_rules),
    )
    mask = rng.random(40) < 0.6
    excluded = frozenset(rng.integers(0, 40, 9).tolist())
    allowed = mask.copy()
    allowed[list(excluded)] = False
    fast = SearchSettings("fast", coverage=coverage, candidates=candidates)
    for doc in range(0, 40, 7):
        query = index.query_of(doc)
        found = index.search(query, k, choice=Choice(None, mask, excluded), effort=fast)
        docs = found.docs.tolist()

        assert len(brute_force(index, query, k, allowed)[0]) == len(docs) == len(set(docs))
        assert all(allowed[d] and d != doc for d in docs)
        assert [index.score(query, d) for d in docs] == found.scores.tolist()


def test_fast_search_of_an_article_of_its_own_words_finds_neighbours() -> None:
    """Its telling words lead to itself alone; the two that others have are looked at after all."""
    own = dict.fromkeys(range(10, 60), 3)
    index = memory_index(corpus_of([{0: 1, 1: 1, **own}, {0: 1}, {1: 1}, {0: 1, 1: 2}], n_terms=60))

    found, _ = index.search_rows(np.array([0], np.int32), 3, effort=SearchSettings("fast"))

    assert found.tolist() == [brute_force(index, index.query_of(0), 3)[0]]


def test_fast_search_of_a_draft_with_a_term_of_no_article() -> None:
    """A term may be in the vocabulary and in no article; with min_df of 0 it weighs."""
    index = memory_index(corpus_of([{0: 1, 1: 1}, {0: 1}], n_terms=3), WeightSettings(min_df=0.0))
    draft = Query(np.array([0, 2], np.int32), np.array([1, 1], np.uint8))

    assert index.search(draft, 2, effort=SearchSettings("fast")).docs.tolist() == [1, 0]
