"""``recommender story``."""

from __future__ import annotations

from pathlib import Path

import click

from recommender.cli._options import (
    config_option,
    json_option,
    model_option,
    print_json,
    settings,
)
from recommender.cli._terminal import columns
from recommender.recommend import Recommender


@click.command(
    "story",
    epilog="\x08\nExample:\n  recommender story sc-en-0002 --model models/sample",
)
@click.argument("article", metavar="ID|URL")
@model_option
@config_option
@click.option("--same-story", type=float, help="Similarity that links a story.  [default: 0.25]")
@json_option
def command(
    article: str,
    model: Path,
    config_path: Path | None,
    same_story: float | None,
    as_json: bool,
) -> None:
    """Show all articles of the running story that an article belongs to, in time."""
    recommender = Recommender.open(model, config=settings(config_path)[0])
    name, cards = recommender.story(article, same_story=same_story)
    if as_json:
        print_json({"id": name, "cards": cards})
        return
    rows = [
        (f"{card.published_at:%Y-%m-%d %H:%M}" if card.published_at else "-", card.id, card.title)
        for card in cards
    ]
    n = len(cards)
    title = f"Story {name}: {n:,} article{'s' if n != 1 else ''}"
    columns({"published": "left", "id": "left", "title": "fold"}, rows, title=title)
