"""``recommender why-not``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recommender.cli._options import (
    block_options,
    config_option,
    json_option,
    model_option,
    print_json,
    settings,
)
from recommender.cli._terminal import tell
from recommender.recommend import Recommender


@click.command(
    "why-not",
    epilog="\x08\nExample:\n"
    "  recommender why-not sc-en-0001 sc-en-0002 --preset background --model models/sample",
)
@click.argument("article")
@click.argument("other")
@model_option
@config_option
@click.option("--exclude", "exclude_ids", multiple=True, metavar="ID", help="As related takes it.")
@block_options
@json_option
def command(
    article: str,
    other: str,
    model: Path,
    config_path: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Say why OTHER is no card of ARTICLE's block, or at what rank it stands."""
    recommender = Recommender.open(model, config=settings(config_path)[0])
    verdict = recommender.why_not(article, other, **options)
    if as_json:
        print_json(verdict)
        return
    tell(f"{verdict.other} under {verdict.source}: {verdict.reason}")
    step = f"left out by: {verdict.step}" if verdict.step else "shown"
    tell(f"{step} · similarity {verdict.similarity:.3f} · score {verdict.score:.3f}", style="dim")
