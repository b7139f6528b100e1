"""What lists are like: exposure against an oracle, the rest on the bundled corpus."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender import Recommender
from recommender.evaluation.beyond import NEAR_COPY, Lists, cosines, exposure_of, gini, trade_off
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.runs import Run, live_run
from tests.evaluation import oracle


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_gini_of_any_counts_equals_the_definition(counts: list[int]) -> None:
    """The mean difference of every two; none where nothing is shown."""
    got = gini(np.array(counts, np.int64))

    assert got == (pytest.approx(oracle.gini(counts), abs=1e-12) if sum(counts) else None)


def test_exposure_of_nothing_has_no_figures() -> None:
    """No articles: no coverage, no Gini, no curve."""
    found = exposure_of(np.zeros(0, np.int64))

    assert (None, None, []) == (found.coverage, found.gini, found.curve())


def test_exposure_counts_orphans_and_hubs() -> None:
    """Who is shown never, and who most; ties go to the first."""
    found = exposure_of(np.array([0, 3, 1, 3, 0], np.int64))

    assert [0, 4] == found.orphans.tolist()
    assert [1, 3, 2] == found.hubs(5)
    assert found.coverage == pytest.approx(0.6)
    expected = [(0, 0), (0.2, 3 / 7), (0.4, 6 / 7), (0.6, 1), (0.8, 1), (1, 1)]
    assert np.array(found.curve(5)) == pytest.approx(np.array(expected))


@pytest.fixture(scope="module")
def catalog(news: Recommender) -> Catalog:
    """The articles of the bundled corpus."""
    return Catalog(news.index)


def test_cosines_are_the_scores_that_the_index_gives(news: Recommender, catalog: Catalog) -> None:
    """What variety is reckoned by is what blocks are made by."""
    docs = catalog.docs[[3, 40, 41, 90]]
    near = cosines(catalog, docs)

    for i, j in combinations(range(4), 2):
        expected = news.index.score(news.index.query_of(int(docs[i])), int(docs[j]))
        assert near[i, j] == pytest.approx(expected, abs=1e-5)
    assert np.diag(near) == pytest.approx(np.ones(4))


def test_columns_of_made_lists_are_what_they_were_made_to_be(catalog: Catalog) -> None:
    """Another language, an unknown article, a list without cards: each is seen."""
    by_lang = {
        lang: [k for k, own in zip(catalog.ids, catalog.languages, strict=True) if own == lang]
        for lang in ("en", "uk")
    }
    english, ukrainian = by_lang["en"], by_lang["uk"]
    run = Run(
        "made",
        {
            english[0]: (english[5], ukrainian[0]),
            english[1]: (english[5], "nobody"),
            english[2]: (),
            "stranger": (english[5],),
        },
    )
    lists = Lists(run, catalog, 5)
    found = dict(zip([catalog.ids[i] for i in lists.queries], range(3), strict=True))
    columns = lists.columns()
    first, second, third = (found[key] for key in english[:3])

    assert [2, 1, 0] == [columns["cards"][row] for row in (first, second, third)]
    assert columns["other_language"][first] == 0.5
    assert columns["other_language"][second] == 0.0
    assert lists.strangers == 1
    for name in ("other_language", "age_days", "variety", "near_copies", "novelty"):
        assert np.isnan(columns[name][third]), name
    assert np.isnan(columns["score"]).all()  # the run has no scores
    days = (
        catalog.published[catalog.place[english[1]]] - catalog.published[catalog.place[english[5]]]
    )
    assert columns["age_days"][second] == pytest.approx(days)
    assert columns["novelty"][second] == pytest.approx(-np.log2(2 / 3))
    assert lists.exposure.counts[catalog.place[english[5]]] == 2


def test_copy_of_the_article_counts_as_near_copy(
    sample_index: object, news: Recommender, catalog: Catalog
) -> None:
    """The nearest two of the corpus: copies exactly if their cosine is beyond the limit."""
    run = live_run(news, limit=1)
    best = max(run.scores, key=lambda key: run.scores[key][:1] or (0.0,))
    lists = Lists(Run("one", {best: run.lists[best]}), catalog, 1)

    assert lists.columns()["near_copies"][0] == float(run.scores[best][0] >= NEAR_COPY)


def test_trade_off_begins_with_the_nearest_and_grows_more_varied(
    news: Recommender, catalog: Catalog
) -> None:
    """All weight on nearness is the list as it was; less weight, no less variety."""
    queries = catalog.ids[::12]
    run = live_run(news, limit=15)
    points = trade_off(catalog, queries, run, 5)

    assert {q: run.lists[q][:5] for q in queries} == points[0][1].lists
    assert points[0][2] < points[-1][2]
    for _, made, _ in points:
        assert all({*ids} <= {*run.lists[query]} for query, ids in made.lists.items())
