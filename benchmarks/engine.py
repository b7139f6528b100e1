"""Claim: our engine beside its peers, in one run, on the same texts and vectors.

    python -m benchmarks.engine [--sizes 10k,100k,1M] [--sets NAME,...] [--only GROUP,...]
                                [--quick] [--out benchmarks/results/engine.json]

Every measurement is a process of its own. One thread: processor time; several: time by the clock;
the median of the repeats, with the least and the most. What is inside each timing stands in its row
("inside"). Prints the bars, every row, and the statistics of the corpora; writes the same as JSON.

Groups: build, counts, streamed, search, all pairs, serving, adding. The evaluation sets are used
where they are (RECOMMENDER_EVALUATION_DATA); without them the bundled corpus and what is generated
from it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import _measure, _report, corpora
from benchmarks._prepared import Prepared, is_prepared
from benchmarks._tasks import BUILDERS
from benchmarks.corpora import ROOT
from benchmarks.peers import PEERS
from benchmarks.statistics import numbers

__all__ = ["main"]

REAL = ("allsides_30k", "twenty_newsgroups", "fi_headlines_346k")
GROUPS = ("build", "counts", "streamed", "search", "all pairs", "serving", "adding")
ALL_PAIRS_FROM, ALL_PAIRS_TO, ALL_PAIRS_SAMPLE = 50_000, 150_000, 2_000
BUILD_LIMIT = 30_000
Row = dict[str, Any]


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; ``--quick`` sets what is not given to something small."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=numbers, help="generated corpora, as 10k,100k,1M")
    parser.add_argument("--sets", help=f"real sets, default {','.join(REAL)} where present")
    parser.add_argument("--only", default=",".join(GROUPS), help="groups of rows")
    parser.add_argument("--contestants", default="", help="parts of names, as ours,tantivy")
    parser.add_argument(
        "--quick", action="store_true", help="1,000 articles from the bundled corpus"
    )
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--queries", type=int)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--texts-up-to", type=int, default=200_000, help="above: counts only")
    parser.add_argument("--work", type=Path, help="keep the prepared corpora here, use them again")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "engine.json")
    chosen = parser.parse_args(arguments)
    present = [name for name in REAL if name in corpora.available()] or ["sample"]
    chosen.source = "sample" if chosen.quick else corpora.source_name()
    if chosen.sizes is None:
        chosen.sizes = [1_000] if chosen.quick else [10_000, 100_000, 1_000_000]
    if chosen.sets is None:
        chosen.sets = "" if chosen.quick else ",".join(present)
    chosen.repeats = chosen.repeats or (3 if chosen.quick else 5)
    chosen.queries = chosen.queries or (50 if chosen.quick else 200)
    return chosen


def run(task: Row, home: Path) -> Row:
    """Run one task in a process of its own and return its row."""
    given, row = home / "task.json", home / "row.json"
    row.unlink(missing_ok=True)
    given.write_text(json.dumps(task), encoding="utf-8")
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks._tasks", str(given), str(row)],
        env=_measure.thread_limits(int(task.get("threads", 1))),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if not row.is_file():
        lines = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
        return {**task, "failed": lines[-1][:200]}
    found: Row = json.loads(row.read_text(encoding="utf-8"))
    return found


def tasks(chosen: argparse.Namespace, home: Path, names: Sequence[str]) -> Iterator[Row]:
    """Yield every measurement of every corpus."""
    for name in names:
        folder = _folder(home, name)
        about = _about(home, name)
        base = {"corpus": name, "articles": about["articles"], "folder": str(folder)}
        base |= {"non_zeros": about["non_zeros"], "repeats": chosen.repeats, "threads": 1}
        base |= {"most": chosen.queries}
        tiny = name == "sample"  # its searches show that every contestant runs; too small to time
        if not tiny:
            yield from _builds(base, has_texts=(folder / "texts.arrow").is_file())
            if name.startswith("generated"):
                source = {"source": chosen.source, "seed": chosen.seed}
                yield {**base, **source, "group": "streamed", "contestant": "ours"}
        yield from _searches(base)
        if (chosen.quick and not tiny) or ALL_PAIRS_FROM <= about["articles"] <= ALL_PAIRS_TO:
            yield from _all_pairs(base)
        if not tiny:
            yield {**base, "group": "serving", "contestant": "ours"}
            yield {**base, "group": "adding", "contestant": "ours"}


def _builds(base: Row, *, has_texts: bool) -> Iterator[Row]:
    if has_texts:
        for who in BUILDERS:
            yield {**base, "group": "build", "contestant": who, "limit": BUILD_LIMIT}
    yield {**base, "group": "counts", "contestant": "ours"}


def _searches(base: Row) -> Iterator[Row]:
    for who, peer in PEERS.items():
        if base["articles"] <= peer.most_articles:
            yield {**base, "group": "search", "contestant": who, "kind": peer.kind}


def _all_pairs(base: Row) -> Iterator[Row]:
    sample = {"threads": len(os.sched_getaffinity(0)), "most": ALL_PAIRS_SAMPLE}
    for who, peer in PEERS.items():
        if peer.threads:
            yield {**base, **sample, "group": "all pairs", "contestant": who, "kind": peer.kind}


def measure(chosen: argparse.Namespace, home: Path) -> Row:
    """Prepare the corpora and run every task; return the record of the run."""
    named = [(name, None) for name in chosen.sets.split(",") if name]
    named += [(f"generated {size}", size) for size in chosen.sizes]
    missing = [pair for pair in named if not is_prepared(_folder(home, pair[0]))]
    record: Row = {"machine": _measure.machine(), "options": _plain(chosen), "rows": []}
    record["bandwidth"] = run({"group": "bandwidth"}, home)["bytes_a_second"]
    settings = {n: getattr(chosen, n) for n in ("queries", "seed", "source", "texts_up_to")}
    _say(f"preparing {', '.join(name for name, _ in missing) or 'nothing'} ...")
    if missing:
        done = run({"group": "prepare", "home": str(home), "corpora": missing, **settings}, home)
        if "failed" in done:
            raise SystemExit(f"preparing failed: {done['failed']}")
    names = [name for name, _ in named]
    record["corpora"] = {name: _about(home, name) for name in names}
    for task in tasks(chosen, home, names):
        if not _is_wanted(chosen, task):
            continue
        row = run(task, home)
        record["rows"].append({key: value for key, value in row.items() if key != "folder"})
        _say(_report.progress(row))
        _write(chosen.out, record)
    return record


def _is_wanted(chosen: argparse.Namespace, task: Row) -> bool:
    parts = chosen.contestants.split(",")
    named = any(part in task["contestant"] for part in parts)
    return named and task["group"] in chosen.only.split(",")


def _folder(home: Path, name: str) -> Path:
    return home / name.replace(" ", "-")


def _about(home: Path, name: str) -> Row:
    return Prepared.open(_folder(home, name)).about


def _plain(chosen: argparse.Namespace) -> Row:
    return {key: str(v) if isinstance(v, Path) else v for key, v in vars(chosen).items()}


def _write(path: Path, record: Row) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1), encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, write the JSON."""
    chosen = options(arguments)
    if chosen.work:
        chosen.work.mkdir(parents=True, exist_ok=True)
        record = measure(chosen, chosen.work)
    else:
        with tempfile.TemporaryDirectory() as folder:
            record = measure(chosen, Path(folder))
    _write(chosen.out, record)
    print(_report.report(record))


if __name__ == "__main__":
    main()
