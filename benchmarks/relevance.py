"""Relevance of the default configuration and of scikit-learn's TF-IDF, side by side in one run.

    python -m benchmarks.relevance [--json FILE]

Events, easy and hard: nDCG@10, where what is relevant is another article of the same ``cluster`` in
the same language, and candidates have the same language. Easy is each set alone; hard is two sets
poured into the articles of ``allsides_30k``, which count as not relevant. Pairs: how the scores of
pairs agree with what people say of them. Drafts: whether a headline finds its body.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import recommender
from benchmarks._sets import articles, datasets, distractors, mean_ndcg, pairs_of, relevant
from recommender import Recommender

__all__ = [
    "DRAFTS",
    "EASY",
    "HARD",
    "PAIRS",
    "auc",
    "drafts",
    "events",
    "figures",
    "our_pairs",
    "ours",
    "pairs",
    "poured",
    "queries_of",
]

EASY: Final = (
    "wikinews_source_events",
    "ecbplus_events",
    "slavic_topics",
    "uci_story_headlines",
)
HARD: Final = ("ecbplus_events", "wikinews_source_events")
PAIRS: Final = ("lee_similarity", "telegram_ru_pairs")
DRAFTS: Final = "fnc1_headline_body"

Records = Sequence[Mapping[str, Any]]
Lists = Mapping[str, Sequence[str]]


# --- what is measured ---


def events(lists: Lists, home: Path, names: Iterable[str]) -> dict[str, float]:
    """Return nDCG@10 of lists for each set of events."""
    return {name: mean_ndcg(lists, relevant(articles(home, name))) for name in names}


def pairs(score: Mapping[tuple[str, str], float], home: Path, name: str) -> float:
    """Return the agreement of scores with people: Pearson where they grade, else the AUC."""
    judged = pairs_of(home, name)
    own = np.array([score[one, other] for one, other, _ in judged])
    told = np.array([grade for *_, grade in judged])
    if set(told.tolist()) <= {0.0, 1.0}:
        return auc(own, told > 0.0)
    return float(np.corrcoef(own, told)[0, 1])


def auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the chance that a positive one scores above a negative one, ties half."""
    above = scores[positive][:, None] - scores[~positive][None, :]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


# --- who is measured ---


def ours(model: Recommender, keys: Iterable[str], **options: Any) -> dict[str, list[str]]:
    """Return our lists, by the default configuration and with nothing removed."""
    asked = {"preset": "similarity", "limit": 10, "why": 0, **options}
    return {key: [card.id for card in model.related(key, **asked).cards] for key in keys}


def our_pairs(
    model: Recommender, home: Path, name: str, **options: Any
) -> dict[tuple[str, str], float]:
    """Return the smoothed score of each judged pair; a crowd is a card's, not a pair's."""
    asked = {"preset": "similarity", **options, "crowding": 0.0}
    return {
        (one, other): model.why_not(one, other, **asked).score
        for one, other, _ in pairs_of(home, name)
    }


def drafts(model: Recommender, home: Path, **options: Any) -> float:
    """Return how many headlines, as drafts, have one of their bodies first: success@1."""
    lines = (home / DRAFTS / "queries.tsv").read_text(encoding="utf-8").splitlines()[1:]
    wanted = bodies(home)
    hits = []
    for key, headline in (line.split("\t") for line in lines):
        if wanted.get(key):
            draft = {"title": headline, "lang": "en"}
            asked = {"preset": "similarity", "limit": 1, "why": 0, **options}
            block = model.related_to_article(draft, **asked)
            hits.append(bool(block.cards) and block.cards[0].id in wanted[key])
    return float(np.mean(hits))


def bodies(home: Path) -> dict[str, set[str]]:
    """Return the bodies that each headline belongs to."""
    out: dict[str, set[str]] = {}
    lines = (home / DRAFTS / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]
    for query, doc, grade, _ in (line.split("\t") for line in lines):
        if grade == "1":
            out.setdefault(query, set()).add(doc)
    return out


def texts_of(records: Records) -> list[str]:
    """Return title and text of each record."""
    return [f"{r.get('title') or ''}\n{r.get('text') or ''}" for r in records]


def scikit_learn(records: Records, keys: Iterable[str], **options: Any) -> dict[str, list[str]]:
    """Return the lists of ``TfidfVectorizer`` on title and text, same language only."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    matrix = TfidfVectorizer(**options).fit_transform(texts_of(records))
    langs = np.array([r.get("lang") or "" for r in records])
    places = {record["id"]: i for i, record in enumerate(records)}
    lists = {}
    for key in keys:
        i = places[key]
        scores = np.asarray((matrix @ matrix[i].T).todense()).ravel()
        scores[langs != langs[i]] = -1
        scores[i] = -1
        best = np.lexsort((np.arange(len(scores)), -scores))[:10]
        lists[key] = [records[j]["id"] for j in best if scores[j] > 0]
    return lists


def scikit_learn_pairs(home: Path, name: str, **options: Any) -> dict[tuple[str, str], float]:
    """Return the cosine of each judged pair."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    records = articles(home, name)
    matrix = TfidfVectorizer(**options).fit_transform(texts_of(records))
    places = {record["id"]: i for i, record in enumerate(records)}
    cosine = np.asarray((matrix @ matrix.T).todense())
    return {(a, b): float(cosine[places[a], places[b]]) for a, b, _ in pairs_of(home, name)}


def scikit_learn_drafts(home: Path, **options: Any) -> float:
    """Return success@1 of headlines."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    records = articles(home, DRAFTS)
    lines = (home / DRAFTS / "queries.tsv").read_text(encoding="utf-8").splitlines()[1:]
    queries = [line.split("\t") for line in lines]
    vectorizer = TfidfVectorizer(**options)
    matrix = vectorizer.fit_transform(texts_of(records))
    best = np.asarray((vectorizer.transform([t for _, t in queries]) @ matrix.T).argmax(axis=1))
    wanted = bodies(home)
    hits = [
        records[int(doc)]["id"] in wanted[key]
        for (key, _), doc in zip(queries, best.ravel(), strict=True)
        if wanted.get(key)
    ]
    return float(np.mean(hits))


# --- the table ---

BASELINES: Final[Mapping[str, Mapping[str, Any]]] = {
    "scikit-learn TF-IDF, default": {},
    "scikit-learn TF-IDF, sublinear, stop words, max_df 0.5": {
        "sublinear_tf": True,
        "stop_words": "english",
        "max_df": 0.5,
    },
}


def figures(home: Path, folder: Path, *, hard: bool = True, **options: Any) -> dict[str, float]:
    """Return every figure of the default configuration, or with some options."""
    out = {}
    for name in EASY:
        model = recommender.build(home / name / "articles.jsonl.gz", folder / name)
        keys = relevant(articles(home, name))
        out[name] = events(ours(model, keys, **options), home, [name])[name]
    if hard:
        model = recommender.build(poured(home), folder / "hard")
        found = events(ours(model, queries_of(home), **options), home, HARD)
        out |= {f"{name}, hard": value for name, value in found.items()}
    for name in PAIRS:
        model = recommender.build(home / name / "articles.jsonl.gz", folder / name)
        out[name] = pairs(our_pairs(model, home, name, **options), home, name)
    model = recommender.build(home / DRAFTS / "articles.jsonl.gz", folder / DRAFTS)
    return out | {DRAFTS: drafts(model, home, **options)}


def poured(home: Path) -> list[dict[str, Any]]:
    """Return the articles of hard mode: the sets of events among all others."""
    return [record for name in HARD for record in articles(home, name)] + distractors(home)


def queries_of(home: Path) -> list[str]:
    """Return the queries of hard mode."""
    return [key for name in HARD for key in relevant(articles(home, name))]


def figures_of_scikit_learn(home: Path, options: Mapping[str, Any]) -> dict[str, float]:
    """Return the same figures of scikit-learn."""
    out = {}
    for name in EASY:
        records = articles(home, name)
        lists = scikit_learn(records, relevant(records), **options)
        out[name] = events(lists, home, [name])[name]
    lists = scikit_learn(poured(home), queries_of(home), **options)
    out |= {f"{name}, hard": value for name, value in events(lists, home, HARD).items()}
    for name in PAIRS:
        out[name] = pairs(scikit_learn_pairs(home, name, **options), home, name)
    return out | {DRAFTS: scikit_learn_drafts(home, **options)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Relevance beside scikit-learn's.")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    chosen = parser.parse_args()
    home = datasets()
    with tempfile.TemporaryDirectory() as folder:
        rows = {"this package, default": figures(home, Path(folder) / "default")}
        plain: dict[str, Any] = {"smoothing": 0.0, "crowding": 0.0}
        rows["this package, smoothing off"] = figures(home, Path(folder) / "plain", **plain)
    for name, options in BASELINES.items():
        rows[name] = figures_of_scikit_learn(home, options)
    names = list(rows["this package, default"])
    print("| | " + " | ".join(names) + " |")
    print("|---|" + "---|" * len(names))
    for name, values in rows.items():
        print(f"| {name} | " + " | ".join(f"{values[n]:.3f}" for n in names) + " |")
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
