"""``recommender keys``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from recommender.cli._options import json_option, print_json
from recommender.cli._terminal import columns, moment, say, tell
from recommender.errors import MissingExtraError

keys_option = click.option(
    "--keys",
    "path",
    required=True,
    envvar="RECOMMENDER_SERVER_KEYS",
    show_envvar=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of keys, such as keys.json.",
)


def _module() -> Any:
    try:
        from recommender.server import keys
    except ModuleNotFoundError as error:
        raise MissingExtraError("Keys of the service", "server") from error
    return keys


@click.group(
    "keys",
    epilog="\x08\nExamples:\n"
    "  recommender keys add site --scope read --keys keys.json\n"
    "  recommender keys list --keys keys.json\n"
    "  recommender keys revoke ID --keys keys.json",
)
def command() -> None:
    """Make, list and revoke the keys that `recommender serve` asks for.

    The file holds digests only: a key is shown once, when it is made. A name may have two, so that
    a new one can be rolled out before the old one is revoked. A running service follows the file.
    """


@command.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("read",),
    show_default=True,
    help="What it allows: read, write, admin. May be repeated; none holds another.",
)
@keys_option
def add(name: str, scopes: tuple[str, ...], path: Path) -> None:
    """Make a key for NAME; the secret is printed on standard output, once."""
    key, secret = _module().add_key(path, name, scopes)
    say(f"Key {key.id} of {key.name} ({', '.join(key.scopes)}) is in {path}. The secret:")
    click.echo(secret)


@command.command("list")
@keys_option
@json_option
def list_(path: Path, as_json: bool) -> None:
    """List the keys of a file, without their secrets."""
    keys = _module().read_keys(path)
    if as_json:
        told = [dataclasses.asdict(key) for key in keys]
        print_json([{n: v for n, v in one.items() if n != "digest"} for one in told])
        return
    rows = [(key.id, key.name, ", ".join(key.scopes), moment(key.created)) for key in keys]
    columns(dict.fromkeys(("id", "name", "scopes", "created"), "left"), rows, title=str(path))


@command.command("revoke")
@click.argument("key_id", metavar="ID")
@keys_option
def revoke(key_id: str, path: Path) -> None:
    """Take a key out of the file; a running service refuses it within its poll_seconds."""
    key = _module().revoke_key(path, key_id)
    tell(f"Revoked {key.id} of {key.name}.")
