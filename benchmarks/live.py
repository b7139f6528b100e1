"""An index that lives: what a commit costs, and how good known neighbours are while it grows.

python -m benchmarks.live [--set NAME] [--singles N] [--out FILE]

Two thirds of a set are built, the rest comes in the order of publication: first one by one, then in
commits of a hundred. After growth of 1, 10 and 50 % the first ten of the known neighbours, which
blocks are made from, are compared with those of an exact search.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import recommender
from benchmarks._adding import add
from benchmarks._sets import datasets
from recommender.article import Article
from recommender.index.part import Choice
from recommender.index.reader import Index
from recommender.recommend import Recommender
from recommender.updates import Updater

GROWTHS = (0.01, 0.1, 0.5)
GOALS = {0.01: 0.999, 0.1: 0.995, 0.5: 0.98}
_BATCH = 100
_SAMPLED = 500


def recall(index: Index, *, k: int = 10) -> float:
    """Return the share of the exact ``k`` best that known neighbours give, on an even sample."""
    docs = index.docs()
    docs = docs[np.unique(np.linspace(0, len(docs) - 1, _SAMPLED).astype(int))]
    exact, _ = index.search_rows(docs, k)
    shares = []
    for doc, row in zip(docs.tolist(), exact, strict=True):
        own = Choice(languages=frozenset({index.language_code(doc)}))
        found = index.related(doc, k, choice=own).docs
        wanted = row[row >= 0]
        if len(wanted):
            shares.append(float(np.isin(wanted, found).mean()))
    return float(np.mean(shares))


def source(name: str) -> list[Article]:
    """Return a set's articles in the order of publication."""
    (path,) = (datasets() / name).glob("articles.*")
    rows = list(recommender.read_articles(path))
    return sorted(rows, key=lambda row: row.published_at.timestamp() if row.published_at else 0.0)


def grow(root: Path, rest: list[Article], n_base: int, n_singles: int) -> Iterator[Any]:
    """Add the rest; yield (growth or None, seconds of commits of one, index)."""
    singles: list[float] = []
    at = 0
    with Updater(root) as updater:
        for growth in GROWTHS:
            stop = min(len(rest), max(round(growth * n_base), n_singles))
            while at < stop:
                size = 1 if at < n_singles else min(_BATCH, stop - at)
                seconds = add(updater, rest[at : at + size])
                if size == 1:
                    singles.append(seconds)
                at += size
                updater.merge()
            yield growth, singles, updater.index


def refresh_seconds(reader: Recommender) -> float:
    """Return how long a reader takes to move to the newest generation."""
    begin = time.perf_counter()
    reader.refresh()
    return time.perf_counter() - begin


def measure(name: str, n_singles: int) -> dict[str, Any]:
    """Return the figures of one set."""
    rows = source(name)
    n_base = 2 * len(rows) // 3
    out: dict[str, Any] = {"set": name, "base": n_base, "recall": {}}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        recommender.build_index(rows[:n_base], root, jobs=-1)
        reader = recommender.open(root)
        for growth, singles, index in grow(root, rows[n_base:], n_base, n_singles):
            out["recall"][growth] = recall(index)
            out.setdefault("refresh_ms", []).append(1e3 * refresh_seconds(reader))
            out.setdefault("segments", []).append([part.segment.n_docs for part in index.parts])
            out["commit_of_one_ms"] = {
                "median": 1e3 * statistics.median(singles),
                "most": 1e3 * max(singles[1:]),
            }
        begin = time.perf_counter()
        recommender.merge_index(root, jobs=-1)
        out["merge_seconds"] = time.perf_counter() - begin
        out["recall"]["merged"] = recall(recommender.open(root).index)
    return out


def main() -> None:
    """Print the figures as a table, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", default="allsides_30k")
    parser.add_argument("--singles", type=int, default=30)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    found = measure(args.set, args.singles)
    print(f"{found['set']}: {found['base']:,} articles built, then updates\n")
    print("| growth | recall@10 of known neighbours | goal | segments | refresh |")
    print("|---|---|---|---|---|")
    for i, growth in enumerate(GROWTHS):
        sizes = " + ".join(f"{n:,}" for n in found["segments"][i])
        print(
            f"| {growth:.0%} | {found['recall'][growth]:.4f} | {GOALS[growth]} | {sizes} "
            f"| {found['refresh_ms'][i]:.0f} ms |"
        )
    print(f"| merged | {found['recall']['merged']:.4f} | 1 | 1 | |\n")
    one = found["commit_of_one_ms"]
    print(f"commit of one article: {one['median']:.0f} ms median, {one['most']:.0f} ms at most")
    print(f"merge into one segment: {found['merge_seconds']:.1f} s")
    if args.out:
        args.out.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
