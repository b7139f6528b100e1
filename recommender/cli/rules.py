"""``recommender rules``."""

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
from recommender.cli._terminal import columns, say, tell
from recommender.recommend import Recommender
from recommender.rulecheck import Touched, check_rules


@click.command(
    "rules",
    epilog="\x08\nExample:\n  recommender rules check --model models/news --config news.toml",
)
@click.argument("action", type=click.Choice(["check"]))
@model_option
@config_option
@json_option
def command(action: str, model: Path, config_path: Path | None, as_json: bool) -> int:
    """Check the newsroom's [rules] against an index: whom each touches, and what cannot be meant.

    Exit code 1 where a rule names what no article has, or contradicts another.
    """
    found = check_rules(Recommender.open(model, config=settings(config_path)[0]))
    warned = any(touched.warnings for touched in found)
    if as_json:
        print_json(found)
    else:
        _draw(found)
    return int(warned)


def _draw(found: list[Touched]) -> None:
    if not found:
        tell("There are no rules: the settings have no [rules], or recommender.toml is elsewhere.")
        return
    heads = {"rule": "left", "about": "fold", "articles": "right", "such as": "fold"}
    rows = [(t.rule, t.about, f"{t.articles:,}", ", ".join(t.examples) or "-") for t in found]
    columns(heads, rows, title=f"{len(found)} rules")
    for touched in found:
        for warning in touched.warnings:
            say(f"warning: {touched.rule} {touched.about}: {warning}")
