"""Relevance floors: a figure below its floor fails. Lowering one needs a line in the changelog."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

import recommender
from benchmarks._sets import articles, mean_ndcg, relevant
from recommender import Recommender
from recommender.export import related_rows

FLOORS = {
    "wikinews_source_events": 0.874,
    "ecbplus_events": 0.934,
    "slavic_topics": 0.980,
    "uci_story_headlines": 0.872,
}
SAMPLE_FLOORS = {"en": 0.90, "uk": 0.90, "ru": 0.90}


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_ndcg_of_the_default_configuration_stays_above_its_floor(
    datasets: Path, tmp_path: Path, name: str
) -> None:
    """One default configuration for all sets, at least scikit-learn's best plain TF-IDF."""
    truth = relevant(articles(datasets, name))
    model = recommender.build(datasets / name / "articles.jsonl.gz", tmp_path)
    lists = {r["id"]: r["related"] for r in related_rows(model, preset="similarity", limit=10)}

    assert mean_ndcg(lists, truth) >= FLOORS[name]


@pytest.mark.parametrize("lang", sorted(SAMPLE_FLOORS))
def test_ndcg_on_the_bundled_corpus_stays_above_its_floor(
    news: Recommender, sample: Path, lang: str
) -> None:
    """Each language finds the rest of its stories in the bundled corpus."""
    truth: dict[str, set[str]] = defaultdict(set)
    for line in (sample / "judgements.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        one, other, _, grade = line.split("\t")
        if int(grade) >= 2 and f"-{lang}-" in one and f"-{lang}-" in other:
            truth[one].add(other)
    blocks = {key: news.related(key, limit=10, preset="similarity") for key in truth}
    lists = {key: [card.id for card in block.cards] for key, block in blocks.items()}

    assert mean_ndcg(lists, truth) >= SAMPLE_FLOORS[lang]
