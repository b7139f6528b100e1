"""Relevance floors: a figure below its floor fails; ``floors.py`` moves them.

Small sets with every run; hard mode, where two sets are poured into 29,525 other articles, with the
longer campaigns.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import recommender
from benchmarks import relevance
from benchmarks._sets import articles, relevant
from recommender import Recommender
from tests.quality import floors

FLOORS = floors.read()


@pytest.mark.parametrize("name", relevance.EASY)
def test_default_configuration_stays_above_its_floor(
    datasets: Path, tmp_path: Path, name: str
) -> None:
    """One for all sets: nDCG@10 of events, each set alone."""
    model = recommender.build(datasets / name / "articles.jsonl.gz", tmp_path)
    keys = relevant(articles(datasets, name))
    found = relevance.events(relevance.ours(model, keys), datasets, [name])

    assert found[name] >= FLOORS[name]["floor"]


@pytest.mark.full
def test_hard_mode_stays_above_its_floors(datasets: Path, tmp_path: Path) -> None:
    """Events among many other articles."""
    model = recommender.build(relevance.poured(datasets), tmp_path)
    lists = relevance.ours(model, relevance.queries_of(datasets))

    for name, figure in relevance.events(lists, datasets, relevance.HARD).items():
        assert figure >= FLOORS[f"{name}, hard"]["floor"], name


@pytest.mark.parametrize("name", relevance.PAIRS)
def test_scores_of_pairs_agree_with_people(datasets: Path, tmp_path: Path, name: str) -> None:
    """Pearson with grades, AUC with yes and no."""
    model = recommender.build(datasets / name / "articles.jsonl.gz", tmp_path)
    scores = relevance.our_pairs(model, datasets, name)

    assert relevance.pairs(scores, datasets, name) >= FLOORS[name]["floor"]


def test_headline_finds_its_body(datasets: Path, tmp_path: Path) -> None:
    """As a draft without a text."""
    name = relevance.DRAFTS
    model = recommender.build(datasets / name / "articles.jsonl.gz", tmp_path)

    assert relevance.drafts(model, datasets) >= FLOORS[name]["floor"]


def test_bundled_corpus_stays_above_its_floors(news: Recommender) -> None:
    """Each language finds the rest of its stories."""
    for name, figure in floors.of_the_sample(news).items():
        assert figure >= FLOORS[name]["floor"], name


def test_every_lowered_floor_is_told_in_the_changelog() -> None:
    """With its reason."""
    told = (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
    for name, entry in FLOORS.items():
        assert entry.get("lowered", "") in told, name


def test_floor_is_lowered_only_with_a_reason() -> None:
    """And raised by itself."""
    before = {"a": {"floor": 0.9}, "b": {"floor": 0.5}}

    same, low = floors.moved(before, {"a": 0.8, "b": 0.6}, "")
    lowered, none = floors.moved(before, {"a": 0.8, "b": 0.6}, "because")

    assert (0.9, 0.597) == (same["a"]["floor"], same["b"]["floor"])
    assert ["a is 0.8000, below its floor of 0.900"] == low
    assert ({"floor": 0.797, "lowered": "because"}, []) == (lowered["a"], none)
    assert before["a"] == {"floor": 0.9}
