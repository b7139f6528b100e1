"""``recommender inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recommender.cli._options import (
    config_option,
    jobs_option,
    json_option,
    model_option,
    print_json,
)
from recommender.cli._options import settings as current_settings
from recommender.cli._terminal import as_text, columns, megabytes, progress, table
from recommender.coverage import Coverage, coverage
from recommender.overview import article_overview, index_overview
from recommender.recommend import Recommender


@click.command(
    "inspect",
    epilog="\x08\nExamples:\n"
    "  recommender inspect --model models/news\n"
    "  recommender inspect sc-en-0001 --model models/sample\n"
    "  recommender inspect --coverage --model models/news",
)
@click.argument("article", required=False, metavar="[ID|URL]")
@model_option
@config_option
@click.option(
    "--coverage",
    "covers",
    is_flag=True,
    help="Make every block: which articles stand in none, in most, and which blocks are short.",
)
@jobs_option
@json_option
def command(
    article: str | None,
    model: Path,
    config_path: Path | None,
    covers: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Show what an index holds and how it was built, or what it knows of one article."""
    config, origins = current_settings(config_path)
    recommender = Recommender.open(model, config=config)
    if article is not None:
        found = article_overview(recommender, article)
        print_json(found) if as_json else table(found, title=found["id"])
        return
    if covers:
        with progress() as shown:
            spread = coverage(recommender, jobs=jobs, progress=shown)
        print_json(spread) if as_json else _draw_coverage(spread)
        return
    found = index_overview(recommender, config, origins)
    if as_json:
        print_json(found)
    else:
        _draw(model, found)


def _draw_coverage(found: Coverage) -> None:
    rows = {
        "articles": f"{found.articles:,}, and as many blocks, with {found.cards:,} cards",
        "in no block": f"{found.n_orphans:,}",
        "with a short block": f"{found.n_short:,}",
    }
    table(rows, title="Coverage")
    heads = {"blocks": "right", "id": "left", "title": "fold"}
    for title, listed in (("In no block", found.orphans), ("In most blocks", found.hubs)):
        if listed:
            columns(heads, [(f"{a.blocks:,}", a.id, a.title) for a in listed], title=f"\n{title}")
    if found.short:
        short = [(f"{a.cards:,}", a.id, a.reason) for a in found.short]
        heads = {"cards": "right", "id": "left", "because": "fold"}
        columns(heads, short, title="\nShort blocks")


def _draw(model: Path, found: dict[str, Any]) -> None:
    table({**found["index"], "size": megabytes(found["index"]["size"])}, title=f"Index {model}")
    search = found["search"]
    table(
        {
            "mode": search["mode"],
            "fast mode finds": f"{search['recall of fast mode']:.1%} of the exact ten best "
            f"({search['measured on']} articles)",
            "neighbours": f"{search['neighbours kept']} kept of each article, "
            f"{search['neighbours']}",
            "statistics": search["statistics"],
        },
        title="\nSearch",
    )
    for name in ("languages", "sections", "rejected", "notices"):
        if found[name]:
            table(
                {str(k): f"{v:,}" for k, v in found[name].items()}, title=f"\n{name.capitalize()}"
            )
    if found["boilerplate"]:
        rows = {
            f"{i}. in {b['articles']:,}": b["text"] for i, b in enumerate(found["boilerplate"], 1)
        }
        table(rows, title="\nBoilerplate kept out of the counts")
    settings = found["settings"].items()
    table(
        {name: f"{as_text(s['value'])}  ({s['origin']})" for name, s in settings},
        title="\nSettings",
    )
