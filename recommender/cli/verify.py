"""``recommender verify``."""

from __future__ import annotations

from pathlib import Path

import click

from recommender.cli._options import json_option, model_option, print_json
from recommender.cli._terminal import say, tell
from recommender.errors import DamagedIndexError
from recommender.index.check import verify_index
from recommender.recommend import Recommender


@click.command(
    "verify",
    epilog="\x08\nExample:\n  recommender verify --model models/news",
)
@model_option
@json_option
def command(model: Path, as_json: bool) -> int:
    """Check an index: every digest, bound and order, and stored lengths against the rows."""
    result = verify_index(model)
    if result.healthy:
        Recommender.open(model, verify=False)  # sound, but built with another text analysis?
    if as_json:
        print_json(result)
    else:
        for problem in result.problems:
            say(f"problem: {problem}")
        if result.healthy:
            tell(
                f"{model}: generation {result.generation} is sound "
                f"({result.articles:,} articles, {result.files} files)."
            )
    return 0 if result.healthy else DamagedIndexError.exit_code
