"""``recommender export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from recommender.cli._options import (
    block_options,
    config_option,
    jobs_option,
    model_option,
    settings,
)
from recommender.cli._terminal import progress, say
from recommender.export import export_jsonl
from recommender.recommend import Recommender


@click.command(
    "export",
    epilog="\x08\nExample:\n  recommender export --model models/news --limit 10 --out run.jsonl",
)
@model_option
@config_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl"]),
    default="jsonl",
    show_default=True,
    help="Form of the lines.",
)
@click.option(
    "--out", "out_path", default="-", show_default=True, help="File to write; - = standard output."
)
@jobs_option
@block_options
def command(
    model: Path, config_path: Path | None, format_: str, out_path: str, jobs: int, **options: Any
) -> None:
    """Write every article's list, a line each: {"id": ..., "related": [...], "scores": [...]}.

    Where articles stand under a card as its copies, also "copies": {card: [...]}.
    """
    recommender = Recommender.open(model, config=settings(config_path)[0])
    target = sys.stdout if out_path == "-" else out_path
    with progress() as show:
        n = export_jsonl(recommender, target, jobs=jobs, progress=show, **options)
    if out_path != "-":
        say(f"Wrote {n:,} lists to {out_path}")
