"""nDCG@10 of the default configuration and of scikit-learn's TF-IDF, side by side in one run.

Truth: another article of the same ``cluster`` in the same language. Candidates: the same language.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import recommender
from benchmarks._sets import articles, datasets, mean_ndcg, relevant
from recommender.export import related_rows

SETS = ("wikinews_source_events", "ecbplus_events", "slavic_topics", "uci_story_headlines")


def ours(source: Path) -> dict[str, list[str]]:
    """Return our lists, by the default configuration."""
    with tempfile.TemporaryDirectory() as folder:
        model = recommender.build(source, folder)
        return {
            row["id"]: row["related"] for row in related_rows(model, preset="similarity", limit=10)
        }


def scikit_learn(records: Sequence[Mapping[str, Any]], **options: Any) -> dict[str, list[str]]:
    """Return the lists of ``TfidfVectorizer`` on title and text, same language only."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"{r.get('title') or ''}\n{r.get('text') or ''}" for r in records]
    matrix = TfidfVectorizer(**options).fit_transform(texts)
    langs = np.array([r.get("lang") or "" for r in records])
    lists = {}
    for i, record in enumerate(records):
        scores = np.asarray((matrix @ matrix[i].T).todense()).ravel()
        scores[langs != langs[i]] = -1
        scores[i] = -1
        best = np.lexsort((np.arange(len(scores)), -scores))[:10]
        lists[record["id"]] = [records[j]["id"] for j in best if scores[j] > 0]
    return lists


def main() -> None:
    """Print the table."""
    home = datasets()
    rows: dict[str, list[float]] = {"this package, default": []}
    baselines: dict[str, dict[str, Any]] = {
        "scikit-learn TF-IDF, default": {},
        "scikit-learn TF-IDF, sublinear, stop words, max_df 0.5": {
            "sublinear_tf": True,
            "stop_words": "english",
            "max_df": 0.5,
        },
    }
    rows |= {name: [] for name in baselines}
    for name in SETS:
        records = articles(home, name)
        truth = relevant(records)
        source = home / name / "articles.jsonl.gz"
        rows["this package, default"].append(mean_ndcg(ours(source), truth))
        for baseline, options in baselines.items():
            rows[baseline].append(mean_ndcg(scikit_learn(records, **options), truth))
    print("| nDCG@10 | " + " | ".join(SETS) + " |")
    print("|---|" + "---|" * len(SETS))
    for name, values in rows.items():
        print(f"| {name} | " + " | ".join(f"{v:.3f}" for v in values) + " |")


if __name__ == "__main__":
    main()
