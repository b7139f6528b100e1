"""Compare stemmers of Ukrainian and Russian: relevance, vocabulary, speed.

Run: python -m benchmarks.stemmers [--datasets FOLDER]

Everything is plain scikit-learn (sublinear tf, idf, unit length, cosine) over the same tokens and
stop words, so that only the stemmer differs. Tasks:

- topics: nDCG@10 among the articles of one language, the topic is the truth;
- halves: an article is cut into alternate sentences, title + one half must find the other: MRR;
- success@1: the same, found at the first place; short: MRR with the first twelve words only;
- sample: nDCG@10 over the bundled corpus, the judgement is the gain.

Intervals: 95 %, bootstrap over queries. Families: pairs of forms of one word that are joined, and
pairs of forms of different words that are.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfTransformer

from benchmarks._sets import datasets
from recommender.text.stems import stemmer
from recommender.text.stopwords import read_list, stop_words

ROOT = Path(__file__).resolve().parent.parent
WORD = re.compile(r"[^\W_]+(?:['’ʼ][^\W_]+)*")
SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
MIN_WORDS = 120
SHORT_QUERY = 12
K = 10
RESAMPLES = 1_000
NOTHING: frozenset[str] = frozenset()

Terms = Callable[[str], list[str]]
Batch = Callable[[Sequence[str]], list[list[str]]]
Docs = list[list[str]]


def words(text: str) -> list[str]:
    """Return folded words."""
    return [word.lower() for word in WORD.findall(re.sub("[’ʼ]", "'", text))]


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    """Read one data set."""
    with gzip.open(folder / name / "articles.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def matrix(docs: Docs, terms: Terms) -> Any:
    """Return unit rows of (1 + ln tf) * idf."""
    vocabulary: dict[str, int] = {}
    data: list[float] = []
    indices: list[int] = []
    indptr = [0]
    for doc in docs:
        for term, n in Counter(t for word in doc for t in terms(word)).items():
            indices.append(vocabulary.setdefault(term, len(vocabulary)))
            data.append(1 + float(np.log(n)))
        indptr.append(len(indices))
    counts = sp.csr_matrix((data, indices, indptr), shape=(len(docs), len(vocabulary)))
    return TfidfTransformer().fit_transform(counts)


def split_halves(articles: list[dict[str, Any]]) -> tuple[Docs, Docs]:
    """Cut each long article into alternate sentences; the title goes with the first half."""
    first: Docs = []
    second: Docs = []
    for article in articles:
        sentences = [s for s in SENTENCE.split(article["text"]) if s.strip()]
        if len(words(article["text"])) < MIN_WORDS or len(sentences) < 4:
            continue
        first.append(words(article["title"] + "\n" + " ".join(sentences[::2])))
        second.append(words(" ".join(sentences[1::2])))
    return first, second


def reciprocal_ranks(queries: Docs, targets: Docs, terms: Terms) -> NDArray[np.float64]:
    """Return 1 / rank of each query's own target; ties count against it."""
    weights = matrix(queries + targets, terms)
    scores = (weights[: len(queries)] @ weights[len(queries) :].T).toarray()
    own = scores.diagonal()[:, None]
    return np.asarray(1 / (scores >= own).sum(1))


def ndcg(docs: Docs, gains: NDArray[np.float64], terms: Terms) -> NDArray[np.float64]:
    """Return nDCG@10 of each article that has something to find; gains (n, n), diagonal 0."""
    weights = matrix(docs, terms)
    scores = (weights @ weights.T).toarray()
    np.fill_diagonal(scores, -1)
    order = np.argsort(-scores, 1, kind="stable")[:, :K]
    discount = 1 / np.log2(np.arange(2, K + 2))
    got = (np.take_along_axis(gains, order, 1) * discount[: order.shape[1]]).sum(1)
    best = (-np.sort(-gains, 1)[:, :K] * discount[: order.shape[1]]).sum(1)
    return np.asarray(got[best > 0] / best[best > 0])


def grams(word: str) -> list[str]:
    """Return the overlapping 4-grams of a word."""
    return [word[i : i + 4] for i in range(max(1, len(word) - 3))]


def candidates(lang: str) -> dict[str, Batch]:
    """Return the rivals of a language by name, each from words to the terms of each."""

    def batch(language: str, name: str = "default") -> Batch:
        stem = stemmer(language, name)
        return lambda types: [[term] for term in stem(types)]

    rivals: dict[str, Batch] = {
        "none": batch(lang, "none"),
        "light": batch("uk"),
        "snowball-ru": batch("ru"),
        "simplemma": batch(lang, "simplemma"),
        "prefix of 5": lambda types: [[word[:5]] for word in types],
        "4-grams": lambda types: list(map(grams, types)),
    }
    if lang == "ru":
        del rivals["light"]
    return rivals


def without_stops(batch: Batch, stops: frozenset[str]) -> Terms:
    """Return terms of a word, none for a stop word; remembered."""
    known: dict[str, list[str]] = {}

    def look_up(word: str) -> list[str]:
        if word not in known:
            known[word] = [] if word in stops else batch([word])[0]
        return known[word]

    return look_up


def tasks(
    folder: Path, lang: str
) -> Iterator[tuple[str, Docs, Callable[[Terms], NDArray[np.float64]]]]:
    """Yield (name, documents, measure) of each task of a language."""
    topics = [row for row in rows(folder, "slavic_topics") if row["lang"] == lang]
    docs = [words(row["title"] + "\n" + row["text"]) for row in topics]
    cluster = np.array([row["cluster"] for row in topics])
    same = (cluster[:, None] == cluster).astype(float)
    np.fill_diagonal(same, 0)
    yield "topics", docs, lambda terms: ndcg(docs, same, terms)
    first, second = split_halves(rows(folder, f"{lang}_news_misc"))
    yield "halves", first + second, lambda terms: reciprocal_ranks(first, second, terms)
    yield "success@1", [], lambda terms: 1.0 * (reciprocal_ranks(first, second, terms) == 1)
    short = [query[:SHORT_QUERY] for query in first]
    yield "short", [], lambda terms: reciprocal_ranks(short, second, terms)
    sample_docs, gains = sample(lang)
    if gains.any():
        yield "sample", [], lambda terms: ndcg(sample_docs, gains, terms)


def sample(lang: str) -> tuple[Docs, NDArray[np.float64]]:
    """Return the bundled corpus in one language and its judgements as gains (n, n)."""
    folder = ROOT / "data" / "sample"
    with (folder / "articles.jsonl").open(encoding="utf-8") as lines:
        articles = [a for a in map(json.loads, lines) if a.get("lang") == lang]
    row = {article["id"]: i for i, article in enumerate(articles)}
    gains = np.zeros((len(articles), len(articles)))
    with (folder / "judgements.tsv").open(encoding="utf-8", newline="") as lines:
        for record in csv.DictReader(lines, delimiter="\t"):
            query, other = record["article_id"], record["other_id"]
            if query in row and other in row and query != other:
                gains[row[query], row[other]] = float(record["grade"])
    fields = ("title", "lead", "body", "text")
    return [words("\n".join(str(a.get(f) or "") for f in fields)) for a in articles], gains


def interval(values: NDArray[np.float64]) -> str:
    """Return the mean with its bootstrap interval."""
    rng = np.random.default_rng(20260301)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return f"{values.mean():.4f} [{low:.4f}, {high:.4f}]"


def families(batch: Batch) -> str:
    """Return how many pairs inside a family are joined, and how many across families."""
    path = ROOT / "tests" / "text" / "data" / "uk_families.tsv"
    lines = [x.split("\t") for x in path.read_text(encoding="utf-8").splitlines() if x[:1] != "#"]
    stems = {
        (i, form): set(batch([form])[0]) for i, forms in enumerate(lines) for form in set(forms)
    }
    right = wrong = inside = across = 0
    for ((i, a), s), ((j, b), t) in combinations(stems.items(), 2):
        if i == j:
            inside, right = inside + 1, right + (s == t)
        elif a != b:
            across, wrong = across + 1, wrong + (s == t)
    return f"{right / inside:.3f} of {inside} joined, {wrong} of {across} wrongly"


def cost(docs: Docs, batch: Batch, stops: frozenset[str]) -> str:
    """Return types, terms, terms an article and words a second."""
    types = sorted({word for doc in docs for word in doc} - stops)
    start = time.perf_counter()
    table = dict(zip(types, batch(types), strict=True))
    seconds = time.perf_counter() - start
    found = {term for each in table.values() for term in each}
    per_doc = np.mean([len({t for w in doc if w in table for t in table[w]}) for doc in docs])
    return f"{len(types)} | {len(found)} | {per_doc:.0f} | {len(types) / seconds / 1e3:.0f}k"


def compare(folder: Path, lang: str, write: Callable[[str], object]) -> None:
    """Print the tables of one language."""
    every = list(tasks(folder, lang))
    names = [name for name, _, _ in every]
    write(
        f"\n{lang}\n\n| stemmer | {' | '.join(names)} | types | terms | per article | words/s |\n"
    )
    write("|---" * (len(names) + 5) + "|\n")
    stops = stop_words(lang)
    values = {
        name: [measure(without_stops(batch, stops)) for _, _, measure in every]
        for name, batch in candidates(lang).items()
    }
    for name, batch in candidates(lang).items():
        cells = " | ".join(map(interval, values[name]))
        write(f"| {name} | {cells} | {cost(every[1][1], batch, stops)} |\n")
    default = candidates(lang)["light" if lang == "uk" else "snowball-ru"]
    for label, kept in (("no stop words", NOTHING), ("no filler", function_words(lang))):
        results = [interval(measure(without_stops(default, kept))) for _, _, measure in every]
        write(f"| default, {label} | {' | '.join(results)} | | | | |\n")
    chosen = values["light" if lang == "uk" else "snowball-ru"]
    write(f"\n{lang}: default minus rival, query by query\n\n| rival | {' | '.join(names)} |\n")
    write("|---" * (len(names) + 1) + "|\n")
    for name, theirs in values.items():
        pairs = zip(chosen, theirs, strict=True)
        write(f"| {name} | {' | '.join(interval(a - b) for a, b in pairs)} |\n")


def function_words(lang: str) -> frozenset[str]:
    """Return the stop words without the reporting verbs."""
    return read_list(f"stop-{lang}")["function"]


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=Path, help="folder of evaluation data")
    folder = parser.parse_args().datasets or datasets()
    for lang in ("uk", "ru"):
        compare(folder, lang, sys.stdout.write)
    sys.stdout.write("\nFamilies of Ukrainian words\n\n| stemmer | pairs |\n|---|---|\n")
    for name, batch in candidates("uk").items():
        sys.stdout.write(f"| {name} | {families(batch)} |\n")


if __name__ == "__main__":
    main()
