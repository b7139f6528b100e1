"""``recommender related``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recommender.article import Block
from recommender.cli._options import (
    block_options,
    config_option,
    json_option,
    model_option,
    print_json,
    settings,
)
from recommender.errors import InputError, SourceNotFoundError
from recommender.recommend import Recommender


@click.command(
    "related",
    epilog="\x08\nExamples:\n"
    "  recommender related sc-en-0001 --model models/sample\n"
    "  recommender related sc-en-0001 --model models/sample --preset news --max-per-section 2\n"
    "  recommender related https://steppecourier.example/en/... --model models/sample --explain\n"
    "  recommender related --text draft.txt --lang uk --model models/sample",
)
@click.argument("articles", nargs=-1, metavar="[ID|URL]...")
@model_option
@config_option
@click.option(
    "--text",
    type=click.Path(path_type=Path, allow_dash=True),
    help="A draft: title on the first line; - = standard input.",
)
@click.option("--lang", help="Language of the draft; found out when not given.")
@click.option(
    "--exclude", multiple=True, metavar="ID", help="Never show this article. May be repeated."
)
@click.option("--twins", is_flag=True, help="Name the same story in other languages.")
@click.option(
    "--explain",
    is_flag=True,
    help="Show every reason with its share, and what was left out and why.",
)
@block_options
@json_option
def command(
    articles: tuple[str, ...],
    model: Path,
    config_path: Path | None,
    text: Path | None,
    as_json: bool,
    explain: bool,
    **options: Any,
) -> None:
    """Show the block of an article of the index, by ID or URL, or of a draft given with --text.

    Several articles have one block together.
    """
    if bool(articles) == (text is not None):
        raise click.UsageError("Give either an article's ID or URL, or a draft with --text FILE.")
    if options["lang"] and text is None:
        raise click.UsageError("--lang is of a draft: give it with --text FILE.")
    # One question of an article that is known needs no compiled loops, and no wait for them.
    recommender = Recommender.open(
        model, config=settings(config_path)[0], compiled=len(articles) != 1
    )
    block = _ask(recommender, articles, text, explain, options)
    if as_json:
        print_json(block)
    else:
        from recommender.cli._terminal import draw_block

        draw_block(block, explain=explain)


def _ask(
    recommender: Recommender,
    articles: tuple[str, ...],
    text: Path | None,
    explain: bool,
    options: dict[str, Any],
) -> Block:
    lang = options.pop("lang")
    options["exclude_ids"] = options.pop("exclude")
    if len(articles) == 1:
        return recommender.related(articles[0], explain=explain, **options)
    if articles:
        return recommender.related_to_several(articles, explain=explain, **options)
    title, _, body = _read(text or Path("-")).strip().partition("\n")
    if not title.strip():
        raise InputError(
            "The draft is empty. Expected a title on the first line and the text below it."
        )
    return recommender.related_to_text(title, body.strip(), lang=lang, explain=explain, **options)


def _read(path: Path) -> str:
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            return str(file.read())
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start})."
        ) from error
    except OSError as error:
        raise SourceNotFoundError(f"Cannot read the draft {path}: {error.strerror}.") from error
