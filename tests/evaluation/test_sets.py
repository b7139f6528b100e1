"""The real sets: our figures are those of the scorer that the quality floors use."""

from __future__ import annotations

from pathlib import Path

import pytest

import recommender
from benchmarks._sets import articles, mean_ndcg, relevant
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.derived import from_field
from recommender.evaluation.measuring import evaluate
from recommender.evaluation.runs import live_run


@pytest.mark.full
@pytest.mark.parametrize(
    "name",
    ["ecbplus_events", "wikinews_source_events", "slavic_topics", "uci_story_headlines"],
)
def test_ndcg_of_a_real_set_is_that_of_the_floors(
    datasets: Path, tmp_path: Path, name: str
) -> None:
    """Same lists, same truth, another program."""
    source = datasets / name / "articles.jsonl.gz"
    truth = relevant(articles(datasets, name))
    model = recommender.build(source, tmp_path)
    run = live_run(model, preset="similarity", limit=10)
    catalog = Catalog(model.index)
    found = evaluate(model, from_field("cluster", catalog, source), run=run, catalog=catalog)

    assert len(truth) == found.quality["ndcg@10"].n
    assert mean_ndcg(run.lists, truth) == pytest.approx(found.quality["ndcg@10"].mean)
