"""``recommender gc``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from recommender.cli._options import (
    config_option,
    json_option,
    model_option,
    print_json,
    settings,
)
from recommender.cli._terminal import megabytes, say, tell
from recommender.index.keeping import Collected
from recommender.versions import clear_away


@click.command(
    "gc",
    epilog="\x08\nExamples:\n"
    "  recommender gc --model models/news --dry-run\n"
    "  recommender gc --model models/news --keep 3 --grace 1h",
)
@model_option
@config_option
@click.option("--keep", type=int, metavar="N", help="Newest generations to keep.  [default: 10]")
@click.option(
    "--grace",
    metavar="TIME",
    help="Keep what was live less than this ago: 90s, 10m, 7d.  [default: 10m]",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
def command(
    model: Path,
    config_path: Path | None,
    keep: int | None,
    grace: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove generations beyond the newest few, and segments that none of the others needs.

    The live generation and the one it came from always stay; so do those that a reader has open or
    that were live within the grace. Every build does the same with the settings [generations].
    """
    rules = settings(config_path)[0].generations
    rules = dataclasses.replace(
        rules,
        keep=rules.keep if keep is None else keep,
        grace=rules.grace if grace is None else grace,
    )
    done = clear_away(model, rules, dry_run=dry_run)
    if as_json:
        print_json(done)
        return
    _tell_removed(model, done, dry_run)
    _tell_left(done)


def _tell_removed(model: Path, done: Collected, dry_run: bool) -> None:
    parts = []
    if done.generations:
        parts.append(_named("generation", done.generations))
    if done.segments:
        parts.append(f"{len(done.segments)} segment{'s' if len(done.segments) > 1 else ''}")
    verb, freed = ("would remove", "to be freed") if dry_run else ("removed", "freed")
    if parts:
        what = f"{verb} {' and '.join(parts)}, {megabytes(done.freed_bytes)} {freed}"
    else:
        what = "nothing to remove"
    tell(f"{model}: {what}; {_named('generation', done.kept)} kept.")


def _tell_left(done: Collected) -> None:
    if done.needed:
        say(f"{_named('generation', done.needed)}: kept, the live one or the one it came from")
    if done.held:
        say(f"{_named('generation', done.held)}: kept, a reader has it open")
    if done.recent:
        say(f"{_named('generation', done.recent)}: kept, live less than the grace ago")
    if done.unreadable:
        say(
            f"{_named('generation', done.unreadable)}: damaged or of another version. Nobody knows "
            "which segments it names, so no segment was removed."
        )


def _named(word: str, numbers: Sequence[int]) -> str:
    """Return numbers for people: runs of three and more as their ends."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    shown = [f"{r[0]} to {r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in runs]
    return f"{word}{'s' if len(numbers) > 1 else ''} {', '.join(shown)}"
