"""``recommender explain``."""

from __future__ import annotations

from pathlib import Path

import click

from recommender.cli._options import json_option, model_option, print_json
from recommender.cli._terminal import table, tell
from recommender.recommend import Recommender


@click.command(
    "explain",
    epilog="\x08\nExample:\n  recommender explain sc-en-0001 sc-en-0002 --model models/sample",
)
@click.argument("article")
@click.argument("other")
@model_option
@json_option
def command(article: str, other: str, model: Path, as_json: bool) -> None:
    """Say why OTHER is near ARTICLE: the shared terms, with shares that sum to the score."""
    explanation = Recommender.open(model).explain(article, other)
    if as_json:
        print_json(explanation)
        return
    rows = {reason.term: f"{reason.share:.4f}" for reason in explanation.terms}
    table(rows, title=f"{explanation.source} and {explanation.other}: {explanation.score:.4f}")
    if not rows:
        tell("They share no weighty term.")
