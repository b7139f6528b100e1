r"""Claim: `read_page` extracts article bodies at least as well as trafilatura alone.

Two sets of saved pages, neither part of the project:

- ``html_extraction_aeb``: 181 pages of scrapinghub/article-extraction-benchmark with hand-made
  bodies, scored as that benchmark does: shingles of four ``\\w+`` tokens, counts normalized within
  a page, precision and recall averaged over pages, F1 of the averages, accuracy = the share of
  pages whose tokens are all right.
- ``html_pages_fundus``: 85 pages of flairNLP/fundus' parser tests; the expected fields are what
  that project's per-site parsers give.

Timed: one call from the text of a page to the body, after one warm-up page, in this process.

Usage: ``python benchmarks/extraction.py [FOLDER] [--json FILE]``. FOLDER holds the two sets;
without it, ``$RECOMMENDER_EVALUATION_DATA/datasets``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recommender.article import Article
from recommender.errors import RecommenderError
from recommender.ingest.dates import parse_date
from recommender.ingest.html import read_page
from recommender.ingest.sites import Profiles

Counts = tuple[float, float, float]  # true positives, false positives, false negatives
Extract = Callable[[Mapping[str, Any]], str]

_TOKEN = re.compile(r"\w+")
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")
_N_BOOTSTRAP = 1000


def main() -> int:
    """Run both measurements and print them; 0 even where the pages are absent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path, help="folder that holds the two sets")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    folder = options.folder or Path(os.environ.get("RECOMMENDER_EVALUATION_DATA", "")) / "datasets"
    if not (folder / "html_extraction_aeb").is_dir():
        _say(f"skipped: no saved pages in {folder} (give a folder or RECOMMENDER_EVALUATION_DATA)")
        return 0
    figures = {
        "run": _run_record(),
        "bodies": measure_bodies(read_pages(folder / "html_extraction_aeb")),
        "fields": measure_fields(read_pages(folder / "html_pages_fundus")),
    }
    _print(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


def read_pages(folder: Path) -> list[dict[str, Any]]:
    """Return the pages of one set, in their order."""
    with gzip.open(folder / "pages.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


# --- the benchmark's metric --------------------------------------------------------------------


def shingle_counts(true: str, found: str) -> Counts:
    """Return matching, surplus and missing shingles of four tokens, as shares of their sum."""
    wanted, got = _shingles(true), _shingles(found)
    counts = (wanted & got).total(), (got - wanted).total(), (wanted - got).total()
    total = sum(counts)
    return tuple(c / total for c in counts) if total else (0.0, 0.0, 0.0)  # type: ignore[return-value]


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    tokens = _TOKEN.findall(text)
    places = range(max(1, len(tokens) - 3))
    return Counter(s for i in places if (s := tuple(tokens[i : i + 4])))


def scores(counts: Iterable[Counts]) -> dict[str, float]:
    """Return precision, recall and F1 over pages."""
    pages = list(counts)
    precision = statistics.fmean(_share(tp, fp, fn) for tp, fp, fn in pages if tp + fp > 0)
    recall = statistics.fmean(_share(tp, fn, fp) for tp, fp, fn in pages if tp + fn > 0)
    f1 = 2 * precision * recall / (precision + recall)
    return {"f1": f1, "precision": precision, "recall": recall}


def _share(right: float, wrong: float, other: float) -> float:
    if wrong == other == 0:
        return 1.0
    return right / (right + wrong) if right + wrong else 0.0


# --- bodies ------------------------------------------------------------------------------------


def extractors() -> dict[str, Extract]:
    """Return the rivals, trafilatura first; one that is not installed is left out with a notice."""
    try:
        import trafilatura
    except ImportError:
        _say("skipped: trafilatura is not installed")
        return {}

    def bare(precision: bool) -> Extract:
        def extract(page: Mapping[str, Any]) -> str:
            found = trafilatura.extract(
                page["html"], include_comments=False, favor_precision=precision
            )
            return found or ""

        return extract

    return {
        "trafilatura": bare(False),
        "trafilatura, favor_precision": bare(True),
        "read_page": lambda page: _LINK.sub(r"\1", _read(page).body),
        "read_page + clean_article": lambda page: _cleaned(_read(page)),
    }


def _read(page: Mapping[str, Any]) -> Article:
    try:
        return read_page(page["html"], url=page["url"], profiles=Profiles())
    except RecommenderError:
        return Article(id="none")


def _cleaned(article: Article) -> str:
    try:
        from recommender.ingest.clean import clean_article
    except ImportError:
        return article.body
    return clean_article(article).body


def measure_bodies(pages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Score every extractor on the same pages; differences are taken from the first."""
    results = {name: _run(extract, pages) for name, extract in extractors().items()}
    first = next(iter(results.values()), None)
    return {
        name: _summary(result, first if result is not first else None)
        for name, result in results.items()
    }


def _run(extract: Extract, pages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    extract(pages[0])
    counts, exact, times = [], [], []
    for page in pages:
        start = time.perf_counter()
        body = extract(page)
        times.append((time.perf_counter() - start) * 1000)
        counts.append(shingle_counts(page["text"], body))
        exact.append(float(_TOKEN.findall(page["text"]) == _TOKEN.findall(body)))
    return {"counts": counts, "exact": exact, "ms": times}


def _summary(result: Mapping[str, Any], first: Mapping[str, Any] | None) -> dict[str, Any]:
    counts, exact = result["counts"], result["exact"]
    resampled = [_resampled(result, rows) for rows in _bootstrap_rows(len(counts))]
    summary = {**scores(counts), "accuracy": statistics.fmean(exact)}
    found: dict[str, Any] = {
        key: {"value": value, "interval": _interval([r[key] for r in resampled])}
        for key, value in summary.items()
    }
    found["f1_even_pages"] = scores(counts[::2])["f1"]
    found["f1_odd_pages"] = scores(counts[1::2])["f1"]
    found["ms_mean"] = statistics.fmean(result["ms"])
    found["ms_median"] = statistics.median(result["ms"])
    if first is not None:
        others = [_resampled(first, rows)["f1"] for rows in _bootstrap_rows(len(counts))]
        gains = [r["f1"] - other for r, other in zip(resampled, others, strict=True)]
        found["f1_gain_interval"] = _interval(gains)
    return found


def _bootstrap_rows(n_pages: int) -> list[list[int]]:
    """Return the same resamples in every call: differences are paired."""
    rng = random.Random(20260301)
    return [rng.choices(range(n_pages), k=n_pages) for _ in range(_N_BOOTSTRAP)]


def _resampled(result: Mapping[str, Any], rows: Sequence[int]) -> dict[str, float]:
    exact = statistics.fmean(result["exact"][i] for i in rows)
    return {**scores(result["counts"][i] for i in rows), "accuracy": exact}


def _interval(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[int(0.025 * len(ordered))], ordered[int(0.975 * len(ordered))]


# --- fields ------------------------------------------------------------------------------------


def measure_fields(pages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return, per field, the share of pages that agree, and the publishers that do not."""
    agree: dict[str, list[bool]] = {}
    failures: dict[str, list[str]] = {}
    overlaps = []
    for page in pages:
        expected = page["expected"][page["matched_version"]]
        article = _read(page)
        overlaps.append(_body_overlap(expected, article))
        for field, right in _agreements(expected, article, overlaps[-1]).items():
            agree.setdefault(field, []).append(right)
            if not right:
                failures.setdefault(field, []).append(page["publisher"])
    shares = {field: [sum(right), len(right)] for field, right in agree.items()}
    return {"agree": shares, "failures": failures, "body_f1_mean": statistics.fmean(overlaps)}


def _agreements(expected: Mapping[str, Any], article: Article, overlap: float) -> dict[str, bool]:
    found = {"body": overlap >= 0.95}
    if expected.get("title"):
        found["title"] = _folded(expected["title"]) == _folded(article.title)
    if expected.get("authors"):
        own = sorted(name.casefold() for name in article.authors)
        found["authors"] = sorted(name.casefold() for name in expected["authors"]) == own
    if expected.get("publishing_date"):
        found["date"] = parse_date(expected["publishing_date"]) == article.published_at
    return found


def _body_overlap(expected: Mapping[str, Any], article: Article) -> float:
    """Return the token F1 against the expected body, with or without its summary."""
    body = expected["body"]
    lines = [x for section in body["sections"] for x in section["headline"] + section["paragraphs"]]
    own = Counter(_folded(_LINK.sub(r"\1", article.body)))
    return max(_token_f1(lines, own), _token_f1([*body["summary"], *lines], own))


def _token_f1(lines: Iterable[str], own: Counter[str]) -> float:
    wanted = Counter(_folded("\n".join(lines)))
    return 2 * (wanted & own).total() / max(1, wanted.total() + own.total())


def _folded(text: str) -> list[str]:
    return _TOKEN.findall(text.casefold())


# --- report ------------------------------------------------------------------------------------


def _run_record() -> dict[str, str]:
    shown = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    packages = ("recommender", "trafilatura", "lxml")
    return {
        "commit": shown.stdout.strip() or "unknown",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "not installed"


def _print(figures: Mapping[str, Any]) -> None:
    _say("  ".join(f"{k}={v}" for k, v in figures["run"].items()))
    for name, found in figures["bodies"].items():
        parts = [
            f"{key} {found[key]['value']:.4f} [{found[key]['interval'][0]:.3f}, "
            f"{found[key]['interval'][1]:.3f}]"
            for key in ("f1", "precision", "recall", "accuracy")
        ]
        halves = f"even {found['f1_even_pages']:.4f} odd {found['f1_odd_pages']:.4f}"
        _say(f"{name:30} {'  '.join(parts)}  {halves}  {found['ms_mean']:.1f} ms")
        if gain := found.get("f1_gain_interval"):
            _say(f"{'':30} F1 gain over the first, 95 %: {gain[0]:+.4f} to {gain[1]:+.4f}")
    fields = figures["fields"]
    for field, (right, total) in sorted(fields["agree"].items()):
        wrong = ", ".join(fields["failures"].get(field, []))
        _say(f"{field:8} {right}/{total} = {right / total:.3f}   not: {wrong}")
    _say(f"body token F1, mean {fields['body_f1_mean']:.4f}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
