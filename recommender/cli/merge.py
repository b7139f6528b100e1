"""``recommender merge``."""

from __future__ import annotations

from pathlib import Path

import click

from recommender.cli._options import (
    config_option,
    jobs_option,
    json_option,
    model_option,
    print_json,
    settings,
)
from recommender.cli._terminal import progress, tell
from recommender.updates import merge_index


@click.command(
    "merge",
    epilog="\x08\nExamples:\n  recommender merge --model models/news --jobs -1",
)
@model_option
@config_option
@jobs_option
@json_option
def command(model: Path, config_path: Path | None, jobs: int, as_json: bool) -> None:
    """Merge all segments into one, without what is gone, and find all neighbours anew.

    Updates merge small segments by themselves. This makes of an index that was updated for long
    what a build would make, without reading the articles again; with frozen statistics, it takes
    today's.
    """
    with progress() as show:
        report = merge_index(model, config=settings(config_path)[0], jobs=jobs, progress=show)
    if as_json:
        print_json(report)
        return
    tell(
        f"{model}: one segment of {report.articles:,} articles in generation {report.generation}, "
        f"{report.seconds:,.1f} s."
    )
