"""Measures against a slow oracle, and against the tools of the field."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.evaluation.judgements import from_groups, from_pairs
from recommender.evaluation.metrics import alpha_ndcg, marks_of, measure
from recommender.evaluation.runs import Run
from tests.evaluation.oracle import (
    alpha_dcg,
    average_precision,
    best_alpha_dcg,
    hits,
    ndcg,
    rank_biased,
    reciprocal_rank,
    told,
)

ARTICLES = [f"a{i}" for i in range(9)]
grades = st.dictionaries(st.sampled_from(ARTICLES), st.integers(-2, 4), min_size=1)
lists = st.lists(st.sampled_from(ARTICLES), unique=True)


def figures_of(truth: dict[str, int], found: list[str], k: int, least: int = 1) -> dict[str, float]:
    """Return every measure of one list."""
    judgements = from_pairs("t", {"q": truth})
    marks = marks_of(Run("r", {"q": tuple(found)}), judgements, k, least=least)
    return {name: float(values[0]) for name, values in measure(marks, k).items()}


@settings(max_examples=150, deadline=None)
@given(truth=grades, found=lists, k=st.integers(1, 12), least=st.integers(1, 2))
def test_measures_of_any_list_equal_the_definitions(
    truth: dict[str, int], found: list[str], k: int, least: int
) -> None:
    """Every measure is what its definition, written out, gives; NaN where that divides by 0."""
    if not any(grade > 0 for grade in truth.values()):
        return
    got, flags = figures_of(truth, found, k, least), hits(found, truth, k, least)
    n = sum(grade >= least for grade in truth.values())
    expected = {
        f"ndcg@{k}": ndcg(found, truth, k),
        f"ndcg_exp@{k}": ndcg(found, truth, k, exp=True),
        f"judged@{k}": (
            sum(item in truth for item in found[:k]) / len(found[:k]) if found else math.nan
        ),
    }
    if n:
        expected |= {
            f"map@{k}": average_precision(flags, n),
            f"mrr@{k}": reciprocal_rank(flags),
            f"precision@{k}": sum(flags) / k,
            f"recall@{k}": sum(flags) / n,
            f"recall_capped@{k}": sum(flags) / min(n, k),
            f"rbp0.8@{k}": rank_biased(flags, 0.8),
            "success@1": float(any(flags[:1])),
            f"success@{k}": float(any(flags)),
        }

    assert {name: got[name] for name in expected} == pytest.approx(expected, nan_ok=True)
    assert {name for name, value in got.items() if not math.isnan(value)} <= {*expected}


@settings(max_examples=150, deadline=None)
@given(
    truth=grades,
    found=lists,
    copies=st.dictionaries(st.sampled_from(ARTICLES), st.lists(st.sampled_from(ARTICLES))),
    k=st.integers(1, 12),
)
def test_list_with_copies_is_measured_as_the_plain_list_that_tells_the_same(
    truth: dict[str, int], found: list[str], copies: dict[str, list[str]], k: int
) -> None:
    """A relevant copy stands right after its card; every measure is that of such a plain list."""
    if not any(grade > 0 for grade in truth.values()):
        return
    under = {card: tuple(ids) for card, ids in copies.items()}
    run = Run("r", {"q": tuple(found)}, copies={"q": under})
    spread = told(found, copies, truth, "q")
    got = measure(marks_of(run, from_pairs("t", {"q": truth}), k), k)

    assert spread == [*run.told("q", truth)]
    assert len({*spread}) == len(spread)
    assert {name: float(values[0]) for name, values in got.items()} == pytest.approx(
        figures_of(truth, spread, k), nan_ok=True
    )


def test_copy_that_nobody_judged_takes_no_place() -> None:
    """Neither does one that was judged as not relevant: it is no place on the page."""
    run = Run("r", {"q": ("a", "b")}, copies={"q": {"a": ("x", "y", "z")}})

    assert ("a", "z", "b") == run.told("q", {"b": 1, "y": 0, "z": 2})
    assert ("a", "b") == run.told("q", {})
    assert () == run.told("other", {"z": 2})


@settings(max_examples=60, deadline=None)
@given(
    found=lists,
    stories=st.dictionaries(
        st.sampled_from(ARTICLES[:6]), st.lists(st.sampled_from("xyz"), max_size=1), min_size=1
    ),
    k=st.integers(1, 5),
)
def test_alpha_ndcg_equals_the_definition_over_the_best_of_all_orders(
    found: list[str], stories: dict[str, list[str]], k: int
) -> None:
    """With a story each, the greedy ideal is the best there is."""
    truth = dict.fromkeys(ARTICLES[:6], 1)
    got = alpha_ndcg(Run("r", {"q": tuple(found)}), from_pairs("t", {"q": truth}), stories, k)[0]
    worth = {item: own for item, own in stories.items() if own}
    if not worth:
        assert math.isnan(got)
        return

    assert got == pytest.approx(alpha_dcg(found[:k], worth) / best_alpha_dcg([*worth], worth, k))


def test_queries_without_relevant_articles_are_left_out_and_counted() -> None:
    """Nobody is given 0 for finding nothing where nothing is."""
    found = from_pairs("t", {"a": {"b": 1}, "c": {"d": 0, "e": -1}})

    assert ("a",) == found.queries
    assert {"queries without any relevant article": 1} == dict(found.notices)


def test_grade_below_the_least_leaves_yes_and_no_measures_undefined() -> None:
    """A query with grade 1 only has nothing relevant where 2 is asked for: NaN, not 0 or 1."""
    got = figures_of({"a1": 1}, ["a1"], 3, least=2)

    assert got["ndcg@3"] == 1.0
    for name in ("map@3", "mrr@3", "precision@3", "recall@3", "success@1", "success@3"):
        assert math.isnan(got[name]), name


def test_article_of_another_story_is_judged_and_one_of_none_is_not() -> None:
    """What has a label was looked at: without the query's label it is not relevant."""
    groups = from_groups("g", {"a": ["x"], "b": ["x"], "c": ["y"]})
    marks = marks_of(Run("r", {"a": ("b", "c", "stranger"), "b": ("a",)}), groups, 3)

    assert [True, True, False] == marks.judged[0].tolist()
    assert [True, False, False] == marks.relevant[0].tolist()


def a_run(rng: np.random.Generator) -> tuple[dict[str, dict[str, int]], dict[str, list[str]]]:
    """Return graded truth and lists of 40 queries, some without hits, some short."""
    items = [f"d{i}" for i in range(60)]
    truth = {
        f"q{i}": {
            str(item): int(rng.integers(-1, 4)) for item in rng.choice(items, 14, replace=False)
        }
        | {"d59": 1}
        for i in range(40)
    }
    found = {
        query: [str(i) for i in rng.choice(items, int(rng.integers(1, 25)), replace=False)]
        for query in truth
    }
    return truth, found


def as_scores(found: dict[str, list[str]]) -> dict[str, dict[str, float]]:
    """Return lists the way the other tools take them: by falling score."""
    return {q: {item: 100.0 - place for place, item in enumerate(ids)} for q, ids in found.items()}


def test_measures_equal_those_of_trec_eval(rng: np.random.Generator) -> None:
    """Query by query, the figures of trec_eval itself (by ir-measures), graded and not."""
    ir: Any = pytest.importorskip("ir_measures", reason="ir-measures is a development extra")
    truth, found = a_run(rng)
    ours = {
        "nDCG@10": "ndcg@10",
        "nDCG(gains={1:1,2:3,3:7})@10": "ndcg_exp@10",
        "AP@10": "map@10",
        "P@10": "precision@10",
        "R@10": "recall@10",
        "RR": "mrr@30",
        "Success@1": "success@1",
        "Success@10": "success@10",
        "Judged@10": "judged@10",
    }
    judgements = from_pairs("t", truth)
    run = Run("r", {query: tuple(ids) for query, ids in found.items()})
    got = measure(marks_of(run, judgements, 10), 10) | {
        "mrr@30": measure(marks_of(run, judgements, 30), 30)["mrr@30"]
    }
    checked = 0
    for name, own in ours.items():
        wanted = ir.parse_measure(name)
        for row in ir.iter_calc([wanted], truth, as_scores(found)):
            if name == "Judged@10" and len(found[row.query_id]) < 10:
                continue  # it divides by the ten places, we by the cards there are
            place = judgements.queries.index(row.query_id)
            assert float(got[own][place]) == pytest.approx(row.value, abs=1e-9), (name, row)
            checked += 1

    assert checked > 300


def test_alpha_ndcg_equals_that_of_ndeval(rng: np.random.Generator) -> None:
    """With one story an article, as the TREC tool for novelty and diversity has it."""
    ir: Any = pytest.importorskip("ir_measures", reason="ir-measures is a development extra")
    pytest.importorskip("pyndeval", reason="pyndeval is a development extra")
    graded, found = a_run(rng)
    truth = {query: {i: int(g > 0) for i, g in own.items()} for query, own in graded.items()}
    judgements = from_pairs("t", truth)
    run = Run("r", {query: tuple(ids) for query, ids in found.items()})
    stories = {f"d{i}": (f"s{i % 5}",) for i in range(60)}
    got = alpha_ndcg(run, judgements, stories, 10)
    qrels = [
        ir.Qrel(query, item, grade, stories[item][0])
        for query, own in truth.items()
        for item, grade in own.items()
    ]
    rows = list(ir.iter_calc([ir.parse_measure("alpha_nDCG@10")], qrels, as_scores(found)))

    assert len(rows) == len(judgements.queries)
    for row in rows:
        place = judgements.queries.index(row.query_id)
        assert float(got[place]) == pytest.approx(row.value, abs=1e-4), row
