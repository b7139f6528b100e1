"""``recommender diff``."""

from __future__ import annotations

from pathlib import Path

import click

from recommender.cli._options import json_option, model_option, print_json
from recommender.cli._terminal import table, tell
from recommender.versions import MOST_COMPARED, Changed, Difference, compare


@click.command(
    "diff",
    epilog="\x08\nExamples:\n"
    "  recommender diff --model models/news\n"
    "  recommender diff 41 43 --model models/news --limit 10",
)
@click.argument("older", required=False, type=int, metavar="[A]")
@click.argument("newer", required=False, type=int, metavar="[B]")
@model_option
@click.option("--limit", type=int, default=6, show_default=True, help="Cards in a block.")
@click.option(
    "--sample",
    type=int,
    default=MOST_COMPARED,
    show_default=True,
    metavar="N",
    help="Articles to compare at most; if there are more, an even sample.",
)
@json_option
def command(
    older: int | None, newer: int | None, model: Path, limit: int, sample: int, as_json: bool
) -> None:
    """Compare the articles and the blocks of generations A and B.

    B is the live generation by default, A the one that was live before it.
    """
    found = compare(model, older, newer, limit=limit, most=sample)
    if as_json:
        print_json(found)
        return
    _draw(model, found)


def _draw(model: Path, found: Difference) -> None:
    before, now = found.articles
    of = f"{found.compared:,} articles of both"
    if found.compared < found.shared:
        of = f"an even sample of {found.compared:,} of the {found.shared:,} articles of both"
    table(
        {
            "articles": f"{before:,} before, {now:,} now",
            "added, removed": f"{found.added:,}, {found.removed:,}",
            "compared": of,
            "cards changed": f"{found.changed:,}",
            "blocks changed": f"{found.blocks_changed:,} ({found.share_changed:.1%})",
            "mean overlap": f"{found.mean_overlap:.1%} of a block's {found.limit} cards",
            "lost all cards": f"{found.lost_all:,}",
            "gained their first": f"{found.gained_first:,}",
        },
        title=f"{model}: generation {found.older} to {found.newer}",
    )
    if found.examples:
        tell("")
        tell("Most changed", style="bold")
    for example in found.examples:
        _draw_example(example)


def _draw_example(example: Changed) -> None:
    tell(f" {example.id}  {example.title}  ({example.overlap:.0%} in both)")
    if not example.lost and not example.gained:
        tell("   the same cards in another order", style="dim")
    for key, title in example.lost:
        tell(f"   - {key}  {title}", style="red")
    for key, title in example.gained:
        tell(f"   + {key}  {title}", style="green")
