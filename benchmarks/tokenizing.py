"""Claim: tokens and term counts at byte speed, in three languages, on one core.

    python -m benchmarks.tokenizing [EN.jsonl UK.jsonl RU.jsonl] [--repeats 5]

Each file has an article a line with its text in "text" (.gz and .parquet too); without files, the
evaluation sets of the three languages are read. Timed is processor
time from text column to result, the best of the repeats; compiling is reported apart. Rivals: a
Python pattern over lower-cased text, and scikit-learn's CountVectorizer as it comes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np

from benchmarks._sets import datasets
from recommender._strings import StringColumn
from recommender.text.analyzer import Analyzer
from recommender.text.counter import TermCounter
from recommender.text.tokens import tokenize

LANGS = ("en", "uk", "ru")
SETS = (
    "allsides_30k/articles.parquet",
    "uk_news_misc/articles.jsonl.gz",
    "ru_news_misc/articles.jsonl.gz",
)


def read_texts(path: Path, limit: int) -> list[str]:
    """Return the texts of the first articles."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return [t or "" for t in pq.read_table(path, columns=["text"])["text"][:limit].to_pylist()]
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
    return [json.loads(line)["text"] for line in lines[:limit]]


def seconds(work: Callable[[], object], repeats: int) -> list[float]:
    """Return the processor seconds of each run."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return taken


def rivals(texts: list[str]) -> dict[str, Callable[[], object]]:
    """Return what else splits or counts words in Python."""
    pattern = re.compile(r"\w\w+")
    found: dict[str, Callable[[], object]] = {
        "python pattern": lambda: [pattern.findall(text.lower()) for text in texts]
    }
    try:
        from sklearn.feature_extraction.text import CountVectorizer
    except ImportError:
        sys.stderr.write("scikit-learn is not installed: skipped\n")
    else:
        found["CountVectorizer"] = lambda: CountVectorizer().fit_transform(texts)
    return found


def measure(lang: str, texts: list[str], repeats: int) -> dict[str, object]:
    """Return MB/s of each way for one language."""
    column = StringColumn.from_strings(texts)
    analyzer = Analyzer()
    langs = [lang] * len(texts)
    ways: dict[str, Callable[[], object]] = {
        "tokenize": lambda: tokenize([column]),
        "count": lambda: TermCounter(analyzer, {"text": 1}).add({"text": column}, langs),
        **rivals(texts),
    }
    megabytes = column.n_bytes / 1e6
    speeds = {}
    for name, work in ways.items():
        taken = seconds(work, repeats if name in ("tokenize", "count") else 1)
        speeds[name] = {
            "best": round(megabytes / min(taken), 1),
            "worst": round(megabytes / max(taken), 1),
        }
    return {"lang": lang, "megabytes": round(megabytes, 1), "mb_per_second": speeds}


def main() -> None:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--articles", type=int, default=3000)
    options = parser.parse_args()
    files = options.files or [datasets() / name for name in SETS]
    start = time.perf_counter()
    Analyzer().count({"t": StringColumn.from_strings(["a"])}, ["en"], weights={"t": 1})
    result = {
        "machine": platform.machine(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "numba": numba.__version__,
        },
        "first_use_seconds": round(time.perf_counter() - start, 2),
        "results": [
            measure(lang, read_texts(path, options.articles), options.repeats)
            for lang, path in zip(LANGS, files, strict=True)
        ],
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
