"""Where the evaluation sets are, and how their relevance truth is read."""

from __future__ import annotations

import gzip
import json
import math
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def datasets() -> Path:
    """Return the folder of evaluation sets, or end with a notice where there is none."""
    home = Path(os.environ.get("RECOMMENDER_EVALUATION_DATA", ROOT.parent / "shared")) / "datasets"
    if not home.is_dir():
        print(f"skipped: no evaluation sets at {home} (set RECOMMENDER_EVALUATION_DATA)")
        sys.exit(0)
    return home


def articles(home: Path, name: str) -> list[dict[str, Any]]:
    """Return the records of a set."""
    with gzip.open(home / name / "articles.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def distractors(home: Path) -> list[dict[str, Any]]:
    """Return the articles of ``allsides_30k``."""
    import pandas as pd

    names = ["id", "title", "text", "date", "section", "url", "lang"]
    frame = pd.read_parquet(home / "allsides_30k" / "articles.parquet", columns=names).fillna("")
    rows = zip(*(frame[name].astype(str) for name in names), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def pairs_of(home: Path, name: str) -> list[tuple[str, str, float]]:
    """Return the judged pairs of a set: two ids and what people say."""
    lines = (home / name / "pairs.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = (line.split("\t") for line in lines)
    return [(one, other, float(grade)) for one, other, grade in rows]


def relevant(records: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Return, for each article that has company, the others of its cluster and language."""
    groups: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for record in records:
        if record.get("cluster"):
            groups[record["cluster"], record.get("lang")].append(record["id"])
    return {i: set(ids) - {i} for ids in groups.values() for i in ids if len(ids) > 1}


def ndcg(found: Sequence[str], wanted: set[str], k: int = 10) -> float:
    """Return binary nDCG@k (Järvelin and Kekäläinen 2002) of one list."""
    gain = sum(1 / math.log2(rank + 2) for rank, i in enumerate(found[:k]) if i in wanted)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(k, len(wanted))))


def mean_ndcg(lists: Mapping[str, Sequence[str]], truth: Mapping[str, set[str]]) -> float:
    """Return the mean over every query of the truth; a query without a list counts 0."""
    return sum(ndcg(lists.get(q, ()), wanted) for q, wanted in truth.items()) / len(truth)
