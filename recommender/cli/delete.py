"""``recommender delete``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from recommender.cli._options import (
    config_option,
    json_option,
    model_option,
    print_json,
    settings,
)
from recommender.cli._updates import tell_update
from recommender.errors import InputError
from recommender.updates import delete_articles


@click.command(
    "delete",
    epilog="\x08\nExamples:\n"
    "  recommender delete n-2026-1741 --model models/news\n"
    "  psql -Atc 'select id from retracted' | recommender delete - --model models/news",
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@model_option
@config_option
@json_option
def command(ids: tuple[str, ...], model: Path, config_path: Path | None, as_json: bool) -> None:
    """Delete articles: retracted, unpublished or embargoed ones. - reads ids from standard input.

    They are in no block and in no export from this moment on; `recommender where ID` shows it. Ids
    that no article has are counted and named, and do no harm.
    """
    report = delete_articles(_every(ids), model, config=settings(config_path)[0])
    print_json(report) if as_json else tell_update(report)


def _every(ids: tuple[str, ...]) -> list[str]:
    """Return the ids, those of standard input, a line each, in the place of -."""
    if "-" not in ids:
        return list(ids)
    if len(ids) > 1:
        raise InputError("- means that ids are read from standard input; name no others with it.")
    return [line.strip() for line in sys.stdin if line.strip()]
