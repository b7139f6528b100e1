"""``recommender where``."""

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
from recommender.cli._terminal import say, table, tell
from recommender.overview import blocks_with
from recommender.recommend import Recommender


@click.command(
    "where",
    epilog="\x08\nExamples:\n"
    "  recommender where sc-en-0001 --model models/sample\n"
    "  recommender where https://example.org/news/1741 --model models/news --limit 10",
)
@click.argument("article", metavar="ID|URL")
@model_option
@config_option
@block_options
@json_option
def command(
    article: str, model: Path, config_path: Path | None, as_json: bool, **options: Any
) -> None:
    """List every block that an article stands in; of a deleted one, that it stands in none."""
    config, _ = settings(config_path)
    found = blocks_with(Recommender.open(model, config=config), article, **options)
    if as_json:
        print_json(found)
        return
    n = len(found["blocks"])
    what = {
        "live": f"{article} stands in {n:,} block{'s' if n != 1 else ''}",
        "deleted": f"{article} was deleted; it stands in {n or 'no'} block{'s' if n > 1 else ''}",
        "unknown": f"No article {article!r} in this index, so it stands in no block",
    }[found["status"]]
    rows = {
        f"{block['rank']}. of {block['id']}": f"{block['title']}  ({block['score']:.3f})"
        for block in found["blocks"]
    }
    if rows:
        table(rows, title=what)
    else:
        tell(f"{what}.")
    say(f"generation {found['generation']}, {found['checked']:,} blocks looked at")
