"""A whole evaluation: figures, groups, what is left out, what is not defined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recommender
from benchmarks._sets import mean_ndcg
from recommender import Recommender
from recommender.errors import ConfigError, InputError
from recommender.evaluation.catalog import DIMENSIONS, Catalog
from recommender.evaluation.comparing import as_mapping as compared
from recommender.evaluation.comparing import compare
from recommender.evaluation.derived import judgements_of, stories_of
from recommender.evaluation.frames import to_frame
from recommender.evaluation.judgements import from_pairs
from recommender.evaluation.measuring import Evaluation, as_mapping, evaluate, fitting, table_rows
from recommender.evaluation.runs import Run, live_run
from recommender.evaluation.settings import EvaluationSettings
from recommender.evaluation.words import verdict
from tests.evaluation.oracle import told


@pytest.fixture(scope="module")
def catalog(news: Recommender) -> Catalog:
    """The articles of the bundled corpus."""
    return Catalog(news.index)


@pytest.fixture(scope="module")
def whole(news: Recommender, catalog: Catalog, sample: Path) -> Evaluation:
    """The corpus by its own judgements, with its stories."""
    truth = judgements_of(str(sample / "judgements.tsv"), catalog)
    stories = stories_of(str(sample / "stories.tsv"), catalog)
    return evaluate(news, truth, catalog=catalog, stories=stories)


def test_ndcg_of_the_corpus_is_that_of_the_quality_tests(
    news: Recommender, catalog: Catalog, sample: Path
) -> None:
    """One truth, two programs, one figure: by story, within a language."""
    truth = judgements_of("field:story_id", catalog, sample / "stories.tsv")
    run = live_run(news, limit=10)
    found = evaluate(news, truth, run=run, catalog=catalog)
    wanted = {query: {*truth.truth(query)} for query in truth.queries}
    cards = {query: news.related(query, limit=10).cards for query in wanted}
    lists = {
        query: told([c.id for c in own], {c.id: c.copies for c in own}, truth.truth(query), query)
        for query, own in cards.items()
    }

    assert found.quality["ndcg@10"].mean == pytest.approx(mean_ndcg(lists, wanted))
    assert found.quality["ndcg@10"].n == len(wanted)


def test_groups_hold_every_article_and_every_query_once(whole: Evaluation) -> None:
    """Sections, languages, ages, lengths: each sums to the whole, and to its figures."""
    found = whole
    assert {*DIMENSIONS} == {*found.groups}
    for groups in found.groups.values():
        assert sum(group.articles for group in groups.values()) == 144
        assert sum(group.queries for group in groups.values()) == len(found.queries)
        for name in ("ndcg@10", "alpha_ndcg@10"):
            own = [group.quality[name] for group in groups.values()]
            total = sum((f.mean or 0.0) * f.n for f in own) / sum(f.n for f in own)
            assert found.quality[name].mean == pytest.approx(total)


def test_figures_of_an_evaluation_are_json_that_defines_nothing_twice(
    whole: Evaluation, news: Recommender, catalog: Catalog, sample: Path
) -> None:
    """Everything is plain JSON, the same twice, and holds no NaN."""
    truth = judgements_of(str(sample / "judgements.tsv"), catalog)
    stories = stories_of(str(sample / "stories.tsv"), catalog)
    again = evaluate(news, truth, catalog=catalog, stories=stories)

    assert json.dumps(as_mapping(whole), allow_nan=False) == json.dumps(as_mapping(again))


def test_judgements_across_languages_are_counted_out_or_in(
    news: Recommender, catalog: Catalog, sample: Path
) -> None:
    """Lists stay in a language, so must the truth, unless one wants otherwise."""
    truth = judgements_of(str(sample / "judgements.tsv"), catalog)
    narrow = fitting(truth, catalog, EvaluationSettings())
    wide = fitting(truth, catalog, EvaluationSettings(any_language=True))

    assert narrow.notices["judgements across languages, left out"] == 490
    assert len(wide.queries) > len(narrow.queries)


def test_replay_has_no_card_and_no_judgement_from_the_future(
    news: Recommender, catalog: Catalog, sample: Path
) -> None:
    """In lists, in judgements, and in a run that was made without."""
    truth = judgements_of(str(sample / "judgements.tsv"), catalog)
    how = EvaluationSettings(replay=True)
    day = dict(zip(catalog.ids, catalog.published.tolist(), strict=True))
    for run in (None, live_run(news, limit=10)):
        found = evaluate(news, truth, run=run, catalog=catalog, settings=how)
        assert found.judgements is not None
        for query in found.queries:
            assert all(day[item] < day[query] for item in found.run.lists[query])
            assert all(day[item] < day[query] for item in found.judgements.truth(query))
        assert "judgements of what was published later, left out" in found.notices


def test_without_judgements_lists_are_measured_and_the_verdict_says_so(
    news: Recommender, catalog: Catalog
) -> None:
    """Nothing about quality is made up."""
    found = evaluate(news, catalog=catalog)

    assert {} == found.quality
    assert "Nobody has judged these lists" in verdict(found)[0]
    assert 144 == found.lists["cards"].n


def test_query_without_a_list_counts_as_an_empty_one_and_is_told(
    news: Recommender, catalog: Catalog
) -> None:
    """As an outside scorer does; and unknown ids of runs and judgements are counted."""
    a, b = catalog.ids[0], catalog.ids[1]
    c = next(k for k in catalog.ids[2:] if catalog.languages[catalog.place[k]] == "en")
    truth = from_pairs("t", {a: {b: 1}, c: {a: 1}, "nobody": {a: 1}})
    run = Run("made", {a: (b, "stranger"), "who": (a,)})
    how = EvaluationSettings(any_language=True)
    found = evaluate(news, truth, run=run, catalog=catalog, settings=how)

    assert (0.5, 2) == (found.quality["ndcg@10"].mean, found.quality["ndcg@10"].n)
    assert {
        "cards that are no article of the index": 1,
        "lists of what is no article of the index": 1,
        "queries that are no article of the index": 1,
        "judged queries without a list, which count as empty ones": 1,
    } == dict(found.notices)
    assert found.quality["judged@10"].n == 1


def test_nothing_that_is_not_defined_is_a_number(tmp_path: Path) -> None:
    """One article: no card, no age, no variety, no Gini; and nothing printed as 0 or 1."""
    model = recommender.build([{"id": "a", "title": "Bridge closed"}], tmp_path / "m")
    found = evaluate(model)

    for name in ("score", "age_days", "fresh", "other_language", "novelty", "variety"):
        assert found.lists[name].mean is None, name
    assert (0.0, None) == (found.beyond.exposure.coverage, found.beyond.exposure.gini)
    assert json.dumps(as_mapping(found), allow_nan=False)


def test_judgements_of_other_articles_are_refused(news: Recommender, catalog: Catalog) -> None:
    """An empty split ends with a message, not with a division by zero."""
    with pytest.raises(InputError, match="no article of the index has a relevant one"):
        evaluate(news, from_pairs("t", {"x": {"y": 1}}), catalog=catalog)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"k": 1001}, {"least": 0}, {"least": 21}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    """Each with what was expected."""
    with pytest.raises(ConfigError, match="expected"):
        EvaluationSettings(**wrong)


def test_frame_has_a_row_a_query_and_a_column_a_measure(
    whole: Evaluation,
) -> None:
    """What pandas users get is what the table has."""
    found, frame = whole, to_frame(whole)

    assert [*frame.index] == [*found.queries]
    assert frame["ndcg@10"].mean() == pytest.approx(found.quality["ndcg@10"].mean)
    assert {"section", "language", "age", "length", "variety"} <= {*frame.columns}
    assert len(list(table_rows(found))) == len(frame)


# --- comparisons ---


def test_comparison_of_a_run_with_itself_ties_and_claims_nothing(
    news: Recommender, catalog: Catalog, sample: Path
) -> None:
    """All ties: no p, no effect, and words for it."""
    truth = fitting(
        judgements_of(str(sample / "judgements.tsv"), catalog), catalog, EvaluationSettings()
    )
    run = live_run(news, limit=10)
    found = compare([run, run], truth)

    assert ("this index", "this index (2)") == tuple(r.name for r in found.runs)
    for one in found.differences:
        assert (None, None, None) == (one.found.p, one.adjusted, one.found.effect)
        assert one.verdict == f"no difference: all {len(truth.queries)} queries tie"
    assert () == found.changed
    assert json.dumps(compared(found), allow_nan=False)


def test_comparison_finds_the_run_that_was_spoiled(
    news: Recommender, catalog: Catalog, sample: Path
) -> None:
    """Lists turned round are worse, surely, and the most changed queries are named."""
    truth = fitting(
        judgements_of(str(sample / "judgements.tsv"), catalog), catalog, EvaluationSettings()
    )
    good = live_run(news, limit=10)
    bad = Run("turned", {query: ids[::-1] for query, ids in good.lists.items()})
    found = compare([good, bad], truth)
    main = found.differences[0]

    assert ("ndcg@10", "this index is better") == (main.measure, main.verdict)
    assert main.found.difference.high is not None
    assert main.found.difference.high < 0
    assert main.adjusted is not None
    assert main.found.p is not None
    assert main.adjusted >= main.found.p
    gaps = [one.before - one.now for one in found.changed]
    assert gaps == sorted(gaps, reverse=True)
    assert np.all(np.array(gaps) > 0)


def test_comparison_with_a_run_of_other_articles_is_refused(catalog: Catalog) -> None:
    """A run without any judged query is told, not scored as 0."""
    a, b = catalog.ids[:2]
    truth = from_pairs("t", {a: {b: 1}})
    with pytest.raises(InputError, match=r"other has no list of any of the judged queries \(1\)"):
        compare([Run("one", {a: (b,)}), Run("other", {"x": ("y",)})], truth)
    with pytest.raises(InputError, match="two runs or more"):
        compare([Run("one", {a: (b,)})], truth)


def test_run_of_other_articles_is_refused_and_no_zero(news: Recommender, catalog: Catalog) -> None:
    """What has no list of any judged query was never measured: 0 would say that it was."""
    a, b = catalog.ids[:2]
    truth, how = from_pairs("t", {a: {b: 1}}), EvaluationSettings(any_language=True)

    with pytest.raises(InputError, match="other has no list of any of the judged queries"):
        evaluate(news, truth, run=Run("other", {b: (a,)}), catalog=catalog, settings=how)

    empty = evaluate(news, truth, run=Run("empty", {a: ()}), catalog=catalog, settings=how)
    assert (0.0, None) == (empty.quality["ndcg@10"].mean, empty.quality["judged@10"].mean)
    assert any("rests on 1 judged article only" in words for words in verdict(empty))
    assert any("1 article has no card at all" in words for words in verdict(empty))


def test_run_with_shorter_lists_is_told() -> None:
    """Six cards beside ten are not a fair race, and the reader learns of it."""
    truth = from_pairs("t", {"a": {"b": 1}})
    long = Run("long", {"a": tuple("bcdefghijk")})
    found = compare([long, Run("short", {"a": ("c", "b")})], truth)

    assert {} == dict(found.runs[0].notices)
    assert [2] == list(found.runs[1].notices.values())


def test_index_that_lost_all_its_articles_is_evaluated_without_a_figure(tmp_path: Path) -> None:
    """Nothing is left: no list, no share, and a report all the same."""
    from recommender.evaluation.report import report_page

    recommender.build([{"id": "a", "title": "Bridge closed"}], tmp_path / "m")
    recommender.delete_articles(["a"], tmp_path / "m")
    model = recommender.open(tmp_path / "m")
    found = evaluate(model)

    assert (None, None) == (found.beyond.exposure.coverage, found.beyond.exposure.gini)
    assert {None} == {figure.mean for figure in found.lists.values()}
    assert "No list holds a card of this index" in report_page(found, model)


def test_every_public_name_is_what_it_says_after_all_modules_are_loaded() -> None:
    """No module of the package hides a function of its name."""
    import importlib
    import pkgutil

    from recommender import evaluation

    for module in pkgutil.iter_modules(evaluation.__path__):
        importlib.import_module(f"recommender.evaluation.{module.name}")

    assert {name for name in evaluation.__all__ if not callable(getattr(evaluation, name))} == set()


def test_lists_of_few_articles_say_nothing_of_the_archive(
    news: Recommender, catalog: Catalog
) -> None:
    """Who has two lists does not know who stands in none."""
    from recommender.evaluation.report import report_page

    a, b, c = catalog.ids[:3]
    run = Run("two", {a: (b, c), b: (a,)})
    truth = from_pairs("t", {a: {b: 1}})
    how = EvaluationSettings(any_language=True)
    found = evaluate(news, truth, run=run, catalog=catalog, settings=how)
    text = report_page(found, news)

    assert as_mapping(found)["exposure"] is None
    assert {None} == {group.orphans for group in found.groups["language"].values()}
    assert "too few to say which articles are shown" in text
    for words in ("Orphans and hubs", "Who gets the places", "stand in none"):
        assert words not in text


def test_weak_truth_gives_no_grade(news: Recommender, catalog: Catalog) -> None:
    """Sections that agree are no proof of good lists, whatever the figure."""
    found = evaluate(news, judgements_of("sections", catalog), catalog=catalog)
    words = verdict(found)

    assert "is weak, so these figures are no grade" in words[0]
    assert not any(said.startswith("The lists are ") for said in words)
