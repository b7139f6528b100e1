"""``recommender verify``."""

from __future__ import annotations

from pathlib import Path

import click

from recommender.cli._options import json_option, model_option, print_json
from recommender.cli._terminal import say, tell
from recommender.errors import DamagedIndexError
from recommender.index.check import Verification, verify_index
from recommender.recommend import Recommender
from recommender.versions import known_generation, list_versions


@click.command(
    "verify",
    epilog="\x08\nExamples:\n"
    "  recommender verify --model models/news\n"
    "  recommender verify --model models/news --all",
)
@model_option
@click.option("--generation", type=int, metavar="N", help="A generation; default: the live one.")
@click.option("--all", "every", is_flag=True, help="Every generation that is kept.")
@json_option
def command(model: Path, generation: int | None, every: bool, as_json: bool) -> int:
    """Check an index: every digest, bound and order, and stored lengths against the rows."""
    if every and generation is not None:
        raise click.UsageError("Give either --generation N or --all.")
    if generation is not None:
        known_generation(model, generation)
    if every:
        results = [
            verify_index(model, generation=version.generation) for version in list_versions(model)
        ]
    else:
        results = [verify_index(model, generation=generation)]
    if not every and generation is None and results[0].healthy:
        Recommender.open(model, verify=False)  # sound, but built with another text analysis?
    if as_json:
        print_json(results if every else results[0])
    else:
        for result in results:
            _draw(model, result, f"generation {result.generation}: " if every else "")
    return 0 if all(result.healthy for result in results) else DamagedIndexError.exit_code


def _draw(model: Path, result: Verification, where: str) -> None:
    for problem in result.problems:
        say(f"problem: {where}{problem}")
    if result.healthy:
        tell(
            f"{model}: generation {result.generation} is sound "
            f"({result.articles:,} articles, {result.files} files)."
        )
