"""``recommender build``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recommender.builder import BuildReport, build_index
from recommender.cli._options import (
    SOME_REJECTED,
    check_quarantine,
    config_option,
    jobs_option,
    json_option,
    max_errors_option,
    model_option,
    print_json,
    quarantine_option,
    settings,
    with_max_errors,
)
from recommender.cli._terminal import megabytes, progress, say, say_notices, table, tell
from recommender.estimate import estimate
from recommender.ingest import Rejections

_TOLD = ("max_quality_drop",)
"""Limits of figures that are told however good they are: somebody has asked for them."""


@click.command(
    "build",
    epilog="\x08\nExamples:\n"
    "  recommender build articles.jsonl.gz --model models/news\n"
    "  recommender build pages/ --model models/news --jobs -1\n"
    "  recommender build articles.jsonl.gz --model models/news --resume\n"
    "  psql -Atc 'select row_to_json(a) from articles a' | recommender build - --model models/news",
)
@click.argument("articles", nargs=-1, required=True)
@model_option
@config_option
@jobs_option
@max_errors_option
@quarantine_option
@click.option(
    "--force", is_flag=True, help="Publish even what is much worse than the live generation."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with a build that was interrupted; where there is none, begin at the beginning.",
)
@json_option
def command(
    articles: tuple[str, ...],
    model: Path,
    config_path: Path | None,
    jobs: int,
    max_errors: int | None,
    quarantine: Path | None,
    force: bool,
    resume: bool,
    as_json: bool,
) -> int:
    """Read ARTICLES and build the index in the folder --model.

    ARTICLES are files or folders: JSONL, CSV, TSV, Parquet, saved HTML pages, text pages; - is
    JSONL on standard input. Rejected articles are counted and named; the good ones are kept.
    """
    check_quarantine(quarantine, articles)
    config = with_max_errors(settings(config_path)[0], max_errors)
    _announce(articles)
    source: Any = articles[0] if len(articles) == 1 else articles
    with (
        Rejections(
            max_errors=config.ingest.max_errors, quarantine=quarantine, goes_on=resume
        ) as rejections,
        progress() as show,
    ):
        report = build_index(
            source,
            model,
            config=config,
            jobs=jobs,
            rejections=rejections,
            progress=show,
            force=force,
            resume=resume,
            tell=say,
        )
    if as_json:
        print_json(report)
    else:
        _summary(report, rejections)
    return SOME_REJECTED if report.rejected else 0


def _announce(articles: tuple[str, ...]) -> None:
    guess = estimate(articles)
    if guess:
        say(
            f"About {megabytes(guess.text_bytes)} of text: expect {guess.seconds:,.0f} s, "
            f"{megabytes(guess.memory_bytes)} of memory, {megabytes(guess.disk_bytes)} of disk."
        )


def _summary(report: BuildReport, rejections: Rejections) -> None:
    for rejection in rejections.samples[:5]:
        say(f"rejected: {rejection}")
    if rejections.count > 5:
        say(f"... and {rejections.count - 5:,} more; --quarantine FILE keeps them all")
    for complaint in report.gate.complaints:
        say(f"forced: {complaint}")
    for note in report.gate.notes:
        say(f"note: {note}")
    for figure in report.gate.figures:
        say_notices(figure.notices)
    languages = _counts(report.languages, order="{name} {n:,}")
    seconds = report.seconds["total"]
    rows = {
        "articles": f"{report.kept:,} kept of {report.read:,} read",
        "rejected": _counts(report.rejected),
        "notices": _counts(report.notices),
        "languages": languages
        + (f" (guessed: {_counts(report.guessed)})" if report.guessed else ""),
        "no rules for": _counts(report.without_rules, order="{name} {n:,}")
        + (": words count as they stand" if report.without_rules else ""),
        "terms": f"{report.terms:,}, in {report.postings:,} postings",
        "boilerplate": f"{report.boilerplate} passages kept out of the counts",
        "judged": "; ".join(f.shown for f in report.gate.figures if f.setting in _TOLD),
        "size": f"{megabytes(report.index_bytes)} from {megabytes(report.text_bytes)} of text",
        "time": f"{seconds:.1f} s, {report.kept / max(seconds, 1e-9):,.0f} articles/s",
        "memory": f"{megabytes(report.peak_memory_bytes)} at most",
    }
    table({name: value for name, value in rows.items() if value}, title=f"Built {report.model}")
    tell(f"Try: recommender related ID --model {report.model}", style="dim")


def _counts(counts: Any, order: str = "{n:,} {name}") -> str:
    return ", ".join(order.format(name=name, n=n) for name, n in counts.items())
