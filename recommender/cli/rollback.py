"""``recommender rollback``."""

from __future__ import annotations

from pathlib import Path

import click

from recommender.cli._options import json_option, model_option, print_json
from recommender.cli._terminal import moment, say, tell
from recommender.versions import roll_back


@click.command(
    "rollback",
    epilog="\x08\nExamples:\n"
    "  recommender rollback --model models/news\n"
    "  recommender rollback 41 --model models/news",
)
@click.argument("generation", required=False, type=int)
@model_option
@json_option
def command(generation: int | None, model: Path, as_json: bool) -> None:
    """Make GENERATION the live one; by default the one that was live before.

    It is checked first, every file, and asked; nothing moves unless all is well. Going forward
    again is the same command with the newer number. `recommender versions` lists the numbers.
    """
    done = roll_back(model, generation)
    if as_json:
        print_json(done)
        return
    what = f"{done.articles:,} articles, built {moment(done.built_at)} UTC"
    if done.live == done.before:
        tell(f"{model}: generation {done.live} is live already ({what}); nothing to do.")
        return
    was = "" if done.before is None else f", it was {done.before}"
    tell(f"{model}: generation {done.live} is live now{was} ({what}).")
    say("Who has the index open goes on with the generation it opened, until it refreshes.")
    if done.before is not None:
        say(f"To undo this: recommender rollback {done.before} --model {model}")
