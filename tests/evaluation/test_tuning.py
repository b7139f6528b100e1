"""Settings chosen by judgements: what is found and kept; the test is never looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender import Recommender
from recommender.config import Config, load_config
from recommender.errors import ConfigError, InputError
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.derived import judgements_of
from recommender.evaluation.judgements import Judgements, from_pairs
from recommender.evaluation.measuring import fitting
from recommender.evaluation.pasting import as_toml
from recommender.evaluation.settings import EvaluationSettings, TuningSettings
from recommender.evaluation.splitting import split
from recommender.evaluation.statistics import holm
from recommender.evaluation.tuning import (
    DIALS,
    Tried,
    Tuning,
    as_mapping,
    search,
    tune,
    verdict,
)
from recommender.ranking.popularity import Popularity
from recommender.ranking.settings import BlockSettings
from tests.evaluation import oracle

USUAL = EvaluationSettings()
MORE = TuningSettings(test_share=0.4)
AGES = {"half_life": DIALS["half_life"]}


@pytest.fixture(scope="module")
def catalog(news: Recommender) -> Catalog:
    """The articles of the bundled corpus."""
    return Catalog(news.index)


@pytest.fixture(scope="module")
def judged(catalog: Catalog, sample: Path) -> Judgements:
    """Its judgements."""
    return judgements_of(str(sample / "judgements.tsv"), catalog)


@pytest.fixture(scope="module")
def spoiled(sample_index: Path) -> Recommender:
    """The corpus with a half-life that is far too short for it."""
    return Recommender.open(sample_index, config=Config(block=BlockSettings(half_life="2d")))


@pytest.fixture(scope="module")
def mended(spoiled: Recommender, catalog: Catalog, judged: Judgements) -> Tuning:
    """What tuning makes of that."""
    return tune(spoiled, judged, catalog=catalog, tuning=MORE, dials=AGES)


# --- what is found ---


def test_figures_of_a_try_are_those_of_the_lists_themselves(
    spoiled: Recommender, mended: Tuning
) -> None:
    """Asked one by one and measured by the definition, on the training part alone."""
    training = mended.parts.training.judgements

    def mean(half_life: str) -> float:
        lists = {}
        for query in training.queries:
            cards = spoiled.related(query, limit=10, half_life=half_life).cards
            wanted = training.truth(query)
            lists[query] = [
                item
                for card in cards
                for item in (card.id, *(copy for copy in card.copies if copy in wanted))
            ]
        return float(np.mean([oracle.ndcg(lists[q], training.truth(q), 10) for q in lists]))

    for one in mended.tried[:3]:
        gain = mean(one.value) - mean(one.before)
        assert ("half_life", "2d") == (one.name, one.before)
        assert one.found.difference.mean == pytest.approx(gain)
        assert one.found.n == len(training.queries)


def test_settings_that_hurt_are_found_and_the_test_bears_it_out(mended: Tuning) -> None:
    """The simplest that is surely better, and no more than that."""
    assert {"half_life": "0"} == mended.chosen
    assert mended.is_better
    assert mended.tested is not None
    assert mended.tested.after - mended.tested.before == pytest.approx(
        mended.tested.found.difference.mean
    )
    assert "Better: ndcg@10 " in verdict(mended)[-1]


def test_lines_to_paste_make_blocks_that_were_measured(
    sample_index: Path, spoiled: Recommender, catalog: Catalog, judged: Judgements, tmp_path: Path
) -> None:
    """With the options of the call, too: a preset comes out as the settings it stands for."""
    options = {"half_life": "3d", "threshold": 0.02, "diversity": 0.1}
    how = EvaluationSettings(options=options)
    found = tune(spoiled, judged, catalog=catalog, settings=how, tuning=MORE, dials=AGES)
    path = tmp_path / "recommender.toml"
    path.write_text(as_toml(found.lines), "utf-8")
    again = Recommender.open(sample_index, config=load_config(path)[0])

    assert {"half_life": "0", "threshold": 0.02, "diversity": 0.1} == found.lines
    for query in judged.queries[:20]:
        asked = spoiled.related(query, limit=10, **{**options, **found.chosen})
        now = again.related(query, limit=10)
        assert [c.id for c in asked.cards] == [c.id for c in now.cards]


def test_each_step_goes_on_from_what_the_one_before_it_took(mended: Tuning) -> None:
    """One change a step, the simplest sure gain of a setting; the last one finds none."""
    state = dict(mended.current)
    steps = {one.step for one in mended.tried}
    for step in sorted(steps):
        own = [one for one in mended.tried if one.step == step]
        taken = [one for one in own if one.taken]
        adjusted = holm([one.found.p for one in own])
        assert adjusted == [one.adjusted for one in own]
        assert {one.name: one.before for one in own} == state
        assert len(taken) == (step < max(steps))
        for one in taken:
            assert one.is_better
            assert first_better(own, one.name) is one
            assert one.found.difference.mean == max(gains(own))
            state[one.name] = one.value
    assert state == {**mended.current, **mended.chosen}


def first_better(tried: list[Tried], name: str) -> Tried:
    """Return the simplest value of a setting that gains."""
    order: Mapping[Any, int] = {value: i for i, value in enumerate(DIALS[name])}
    better = [one for one in tried if one.name == name and one.is_better]
    return min(better, key=lambda one: order[one.value])


def gains(tried: list[Tried]) -> list[float]:
    """Return what the simplest gaining value of each setting gains."""
    names = {one.name for one in tried if one.is_better}
    return [first_better(tried, name).found.difference.mean or 0.0 for name in names]


# --- the test part is not looked at ---


def test_search_asks_for_no_article_and_no_truth_of_the_test(
    spoiled: Recommender, catalog: Catalog, judged: Judgements, mended: Tuning
) -> None:
    """Truth that breaks when it is asked for does not break the search."""
    parts = split(fitting(judged, catalog, USUAL), MORE, whole=judged)
    secret, asked = {*parts.test.judgements.queries}, set[str]()

    def truth(query: str) -> Mapping[str, int]:
        assert query not in secret
        asked.add(query)
        return judged.truth(query)

    training = replace(parts.training, judgements=replace(parts.training.judgements, truth=truth))
    chosen, tried = search(spoiled, training, measure="ndcg@10", dials=AGES)

    assert asked == {*training.judgements.queries}
    assert (mended.chosen, len(mended.tried)) == (chosen, len(tried))


def test_poisoned_test_judgements_change_no_choice(
    spoiled: Recommender, catalog: Catalog, judged: Judgements, mended: Tuning
) -> None:
    """What is relevant in the test part is turned round: the same search, to the last figure."""
    secret = {*mended.parts.test.judgements.queries}
    pairs = {}
    for query in judged.queries:
        truth = judged.truth(query)
        turned = dict(zip(truth, sorted(truth.values(), reverse=True), strict=True))
        odd = {other: 1 + 5 * (i % 2) for i, other in enumerate(turned)}
        pairs[query] = odd if query in secret else truth
    poisoned = tune(spoiled, from_pairs("p", pairs), catalog=catalog, tuning=MORE, dials=AGES)

    assert poisoned.parts.training.stories == mended.parts.training.stories
    assert poisoned.tried == mended.tried
    assert poisoned.chosen == mended.chosen
    assert poisoned.tested != mended.tested


def test_where_nothing_is_better_the_test_is_not_opened(
    news: Recommender, catalog: Catalog, judged: Judgements
) -> None:
    """The usual settings are kept, and it is said plainly."""
    found = tune(news, judged, catalog=catalog, dials=AGES)

    assert ({}, None, {}) == (found.chosen, found.tested, found.lines)
    assert not found.is_better
    assert verdict(found)[-1].startswith("Keep what you have: nothing that was tried is better")


def test_gain_that_the_test_does_not_bear_out_is_not_recommended(mended: Tuning) -> None:
    """Better on the training part alone is not better."""
    assert mended.tested is not None
    chance = replace(mended.tested.found, p=0.2)
    found = replace(mended, tested=replace(mended.tested, found=chance))

    assert not found.is_better
    assert "Keep what you have: what is better on the training part" in verdict(found)[-1]


# --- which settings are tried ---


def test_only_settings_that_blocks_have_are_tried_and_popularity_with_counts_alone(
    sample_index: Path, catalog: Catalog, judged: Judgements
) -> None:
    """Counts of today say nothing of the past."""
    known = {own.name for own in fields(BlockSettings)}
    counts = Popularity({catalog.ids[0]: 10.0})
    read = Recommender.open(sample_index, popularity=counts)
    for model, how, has_counts in (
        (Recommender.open(sample_index), USUAL, False),
        (read, USUAL, True),
        (read, EvaluationSettings(replay=True), False),
    ):
        found = tune(model, judged, catalog=catalog, settings=how)
        wanted = {*DIALS} - (set() if has_counts else {"popularity"})
        assert {"half_life"} <= wanted <= known
        assert wanted == {*found.current} == {one.name for one in found.tried}


def test_settings_in_force_are_no_try_and_those_off_the_grid_can_come_back(
    mended: Tuning,
) -> None:
    """2d is on no list of values: it is what others are compared with, and tried against them."""
    tried = {step: set[str]() for step in range(1, 10)}
    for one in mended.tried:
        if one.name == "half_life":
            tried[one.step].add(one.value)

    assert {*DIALS["half_life"]} == tried[1]
    assert {*DIALS["half_life"], "2d"} - {"0"} == tried[2]


def test_settings_that_are_none_and_values_that_cannot_be_are_refused(
    news: Recommender, catalog: Catalog, judged: Judgements
) -> None:
    """As everywhere."""
    for dials, why in (
        ({"half_live": ("0",)}, r"\[block\] has no setting 'half_live'\. Did you mean 'half_life'"),
        ({"half_life": ("0", "soon")}, r"half_life is 'soon'; expected a time"),
    ):
        with pytest.raises(ConfigError, match=why):
            tune(news, judged, catalog=catalog, dials=dials)


# --- the same in every run; what cannot be ---


def test_same_judgements_give_the_same_bytes(
    spoiled: Recommender, catalog: Catalog, judged: Judgements, mended: Tuning
) -> None:
    """In any order, with any workers; and nothing is NaN."""
    turned = from_pairs(
        judged.name,
        {query: judged.truth(query) for query in judged.queries[::-1]},
        kind=judged.kind,
        notices=judged.notices,
    )
    again = tune(
        spoiled,
        turned,
        catalog=catalog,
        settings=EvaluationSettings(jobs=2),
        tuning=MORE,
        dials=AGES,
    )

    assert json.dumps(as_mapping(mended), allow_nan=False) == json.dumps(as_mapping(again))


def test_any_measure_of_quality_can_be_the_aim(
    spoiled: Recommender, catalog: Catalog, judged: Judgements
) -> None:
    """With its k or without."""
    for given, name in (("mrr", "mrr@10"), ("recall@10", "recall@10"), ("rbp0.8", "rbp0.8@10")):
        how = TuningSettings(given, 0.4)
        found = tune(spoiled, judged, catalog=catalog, tuning=how, dials=AGES)
        assert (name, {"half_life": "0"}) == (found.measure, found.chosen)


@pytest.mark.parametrize(
    ("measure", "why"),
    [
        ("ndgc", r"There is no measure 'ndgc' of the first 10 cards\. Did you mean 'ndcg'\?"),
        ("ndcg@5", r"There is no measure 'ndcg@5' of the first 10 cards\. Did you mean 'ndcg'\?"),
        ("judged", r"There is no measure 'judged' of the first 10 cards\. Known: ndcg, ndcg_exp, "),
        ("", r"There is no measure '' of the first 10 cards\. Known: "),
    ],
)
def test_measure_that_is_none_is_refused_with_the_nearest(
    news: Recommender, catalog: Catalog, judged: Judgements, measure: str, why: str
) -> None:
    """Before any list is asked for."""
    with pytest.raises(InputError, match=why):
        tune(news, judged, catalog=catalog, tuning=TuningSettings(measure))


def test_measure_that_nothing_defines_is_refused(
    news: Recommender, catalog: Catalog, judged: Judgements
) -> None:
    """No article has a grade of 20: nothing can become better."""
    how = EvaluationSettings(least=20)
    with pytest.raises(InputError, match=r"map@10 is defined for 0 of the 46 .* \(it is 20\)"):
        tune(news, judged, catalog=catalog, settings=how, tuning=TuningSettings("map"))


def test_what_is_left_out_is_counted_and_weak_truth_is_named(
    news: Recommender, catalog: Catalog, judged: Judgements
) -> None:
    """Ids of no article, and judgements across languages."""
    pairs = {query: dict(judged.truth(query)) for query in judged.queries}
    pairs[judged.queries[0]]["nobody"] = 1
    pairs["stranger"] = {judged.queries[0]: 1}
    found = tune(news, from_pairs("t", pairs, weak="guessed"), catalog=catalog)

    assert 490 == found.notices["judgements across languages, left out"]
    assert 1 == found.notices["queries that are no article of the index"]
    assert 1 == found.notices["judgements that name no article of the index"]
    assert "The truth used (t) is weak, and settings tuned to it are too: guessed." in verdict(
        found
    )


def test_too_few_judgements_are_refused(news: Recommender, catalog: Catalog) -> None:
    """With how many it takes; with none at all as everywhere."""
    a, b = catalog.ids[:2]
    wide = EvaluationSettings(any_language=True)
    with pytest.raises(InputError, match="expected 20 of 10 or more"):
        tune(news, from_pairs("t", {a: {b: 1}}), catalog=catalog, settings=wide)
    with pytest.raises(InputError, match="no article of the index has a relevant one"):
        tune(news, from_pairs("t", {"x": {"y": 1}}), catalog=catalog)
