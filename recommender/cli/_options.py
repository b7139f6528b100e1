"""Options that several commands share, each written once."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from recommender.article import to_json
from recommender.cli._streams import escaped
from recommender.config import Config, Origins, load_config
from recommender.errors import InputError

__all__ = [
    "SOME_REJECTED",
    "as_json",
    "block_options",
    "check_quarantine",
    "config_option",
    "jobs_option",
    "json_option",
    "max_errors_option",
    "model_option",
    "print_json",
    "quarantine_option",
    "settings",
    "with_max_errors",
]

F = TypeVar("F", bound=Callable[..., Any])

SOME_REJECTED = 3
"""Exit code where all went well but for articles that could not be used."""

DEFAULT_CONFIG = Path("recommender.toml")


class _Folder(click.Path):
    """A path that is not empty: ``--model "$UNSET"`` must not mean the folder one is in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("it is empty; expected a folder such as models/news.", param, ctx)
        return super().convert(value, param, ctx)


model_option = click.option(
    "--model",
    required=True,
    envvar="RECOMMENDER_MODEL",
    show_envvar=True,
    type=_Folder(path_type=Path),
    help="Folder of the index, such as models/news.",
)
config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="Settings file; recommender.toml in this folder is used when it is there.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
jobs_option = click.option(
    "--jobs",
    default=1,
    show_default=True,
    metavar="N",
    help="Workers; -1 = one a core. Never changes the result.",
)


quarantine_option = click.option(
    "--quarantine", type=click.Path(path_type=Path), help="Write rejected records to this file."
)
max_errors_option = click.option(
    "--max-errors", type=int, help="Publish nothing when more articles than this are rejected."
)


def check_quarantine(quarantine: Path | None, articles: tuple[str, ...]) -> None:
    """Refuse to write over a source, or into a folder that is being read."""
    if quarantine is None:
        return
    place = quarantine.resolve()
    for source in articles:
        if source != "-" and Path(source).resolve() in (place, place.parent):
            raise InputError(
                f"The quarantine file {quarantine} would be read as articles from {source}. "
                "Choose another place."
            )


def with_max_errors(config: Config, max_errors: int | None) -> Config:
    """Return the settings with the limit of a command."""
    if max_errors is None:
        return config
    return dataclasses.replace(
        config, ingest=dataclasses.replace(config.ingest, max_errors=max_errors)
    )


def block_options(function: F) -> F:
    """Add the options that choose what a block holds."""
    for option in reversed(
        (
            click.option("--preset", help="A named choice of settings: news, background, ..."),
            click.option("--limit", type=int, help="Cards in a block, 1 to 1000.  [default: 6]"),
            click.option(
                "--threshold", type=float, help="Least similarity of a card, 0 to 1.  [default: 0]"
            ),
            click.option(
                "--smoothing",
                type=float,
                help="Weight of the articles around both sides; 0 = none.  [default: 2]",
            ),
            click.option(
                "--crowding",
                type=float,
                help="How much a card loses that is like many others.  [default: 0.75]",
            ),
            click.option("--languages", help="same, any, or codes such as uk,ru.  [default: same]"),
            click.option(
                "--max-age", metavar="TIME", help="How far in time from the article: 30d."
            ),
            click.option(
                "--half-life", metavar="TIME", help="Age at which a card counts half: 7d."
            ),
            click.option("--age-from", help="Age is measured from: article, now."),
            click.option(
                "--include-newer/--no-newer",
                default=None,
                help="Whether cards may be newer than the article.",
            ),
            click.option("--diversity", type=float, help="0 to 1: how unlike cards have to be."),
            click.option("--max-per-section", type=int, metavar="N", help="0 = any number."),
            click.option("--max-per-author", type=int, metavar="N", help="0 = any number."),
            click.option("--max-per-story", type=int, metavar="N", help="0 = any number."),
            click.option("--max-per-series", type=int, metavar="N", help="0 = any number."),
            click.option(
                "--next-in-series/--no-next-in-series",
                default=None,
                help="Whether the next part of a series comes first.",
            ),
            click.option("--live", help="Labels or types of live blogs; none.  [default: live]"),
            click.option(
                "--duplicates", type=float, help="Share of text that makes a copy; 0 = no copies."
            ),
            click.option(
                "--same-story", type=float, help="Similarity that links a story; 0 = no stories."
            ),
            click.option("--popularity", type=float, help="0 to 1: weight of the site's counts."),
            click.option("--fallback", help="Where too few are similar: section,popular,latest."),
            click.option("--now", metavar="TIME", help="The moment that the block is for."),
            click.option(
                "--why", type=int, metavar="N", help="Reasons on each card.  [default: 3]"
            ),
            click.option("--rules/--no-rules", default=None, help="Whether [rules] hold."),
            click.option(
                "--version-shown",
                "version",
                help="Which of several copies is the card: newest, or the first.",
            ),
            click.option(
                "--max-listed",
                type=int,
                metavar="N",
                help="No card that is among the neighbours of more than N.  [default: 0 = any]",
            ),
            click.option(
                "--mode",
                help="How candidates are found: exact, fast, or auto by size.  [default: auto]",
            ),
        )
    ):
        function = option(function)
    return function


def settings(path: Path | None) -> tuple[Config, Origins]:
    """Return the settings in force for a command, and where each came from."""
    if path is None and DEFAULT_CONFIG.is_file():
        path = DEFAULT_CONFIG
    return load_config(path, environment=os.environ)


def as_json(value: Any) -> str:
    """Return ``value`` as JSON for reading and for programs."""
    return escaped(json.dumps(to_json(value), ensure_ascii=False, indent=2))


def print_json(value: Any) -> None:
    """Print ``value`` as JSON on stdout."""
    click.echo(as_json(value))
