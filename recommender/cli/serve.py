"""``recommender serve``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from recommender._settings import settings_from
from recommender.cli._options import config_option, model_option, settings
from recommender.errors import MissingExtraError
from recommender.server_settings import ServerSettings


@click.command(
    "serve",
    epilog="\x08\nExamples:\n"
    "  recommender serve --model models/news\n"
    "  recommender serve --model models/news --workers 2 --host 0.0.0.0 --keys keys.json",
)
@model_option
@config_option
@click.option("--host", help="Address to listen at.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="0 = any that is free.  [default: 8000]")
@click.option("--workers", type=int, help="Processes that answer.  [default: 1]")
@click.option(
    "--keys",
    type=click.Path(),
    help="File of keys, as `recommender keys` writes it.  [default: none]",
)
def command(model: Path, config_path: Path | None, **given: Any) -> int:
    """Answer for blocks over HTTP, until SIGTERM.

    Every setting of [server] may stand in the settings file or in the environment. At any but a
    loopback address keys are needed. A new generation of the index is taken by itself.
    """
    config = settings(config_path)[0]
    chosen = {name: value for name, value in given.items() if value is not None}
    server = settings_from(
        ServerSettings, {**dataclasses.asdict(config.server), **chosen}, section="[server]"
    )
    try:
        from recommender.server.running import serve
    except ModuleNotFoundError as error:
        raise MissingExtraError("Serving over HTTP", "server") from error
    return serve(model, dataclasses.replace(config, server=server))
