"""``recommender add``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

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
from recommender.cli._terminal import progress, say
from recommender.cli._updates import tell_update
from recommender.ingest import Rejections
from recommender.updates import add_articles


@click.command(
    "add",
    epilog="\x08\nExamples:\n"
    "  recommender add today.jsonl --model models/news\n"
    "  cat article.json | recommender add - --model models/news",
)
@click.argument("articles", nargs=-1, required=True)
@model_option
@config_option
@jobs_option
@max_errors_option
@quarantine_option
@json_option
def command(
    articles: tuple[str, ...],
    model: Path,
    config_path: Path | None,
    jobs: int,
    max_errors: int | None,
    quarantine: Path | None,
    as_json: bool,
) -> int:
    """Add ARTICLES to the index, and new versions of articles that it has.

    ARTICLES are what `recommender build` takes. All of them are seen at once, in every block. An
    article that stands in the index just so, or in a later version by updated_at, is left as it is;
    to send the same file twice does nothing the second time.
    """
    check_quarantine(quarantine, articles)
    config = with_max_errors(settings(config_path)[0], max_errors)
    source: Any = articles[0] if len(articles) == 1 else articles
    with (
        Rejections(max_errors=config.ingest.max_errors, quarantine=quarantine) as rejections,
        progress() as show,
    ):
        report = add_articles(
            source, model, config=config, jobs=jobs, rejections=rejections, progress=show
        )
    for rejection in rejections.samples[:5]:
        say(f"rejected: {rejection}")
    if as_json:
        print_json(report)
    else:
        tell_update(report)
    return SOME_REJECTED if report.rejected else 0
