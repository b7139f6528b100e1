"""``recommender versions``."""

from __future__ import annotations

from pathlib import Path

import click

from recommender.cli._options import json_option, model_option, print_json
from recommender.cli._terminal import as_text, columns, megabytes, moment, say
from recommender.versions import Version, list_versions

_HEADS = {
    "": "right",
    "state": "left",
    "built, UTC": "left",
    "from": "right",
    "made by": "fold",
    "articles": "right",
    "terms": "right",
    "size": "right",
    "its own": "right",
}


@click.command(
    "versions",
    epilog="\x08\nExample:\n  recommender versions --model models/news",
)
@model_option
@json_option
def command(model: Path, as_json: bool) -> None:
    """List every generation of an index that is kept, newest first.

    FROM is the generation that was live before it. ITS OWN is the part of the size that no other
    generation shares. A generation is IN USE while a reader has it open.
    """
    found = list_versions(model)
    if as_json:
        print_json(found)
        return
    columns(_HEADS, [_row(version) for version in found], title=f"Generations of {model}")
    for version in found:
        if version.problem:
            say(f"generation {version.generation}: {version.problem}")
    if not any(version.is_live for version in found):
        say("No generation is live. Choose one: recommender rollback GENERATION")


def _row(version: Version) -> list[str]:
    return [
        str(version.generation),
        _state(version),
        moment(version.built_at),
        as_text(version.parent),
        _made_by(version),
        as_text(version.articles),
        as_text(version.terms),
        megabytes(version.own_bytes + version.shared_bytes),
        megabytes(version.own_bytes),
    ]


def _state(version: Version) -> str:
    words = {
        "live": version.is_live,
        "in use": version.is_held,
        "damaged": version.problem,
    }
    return ", ".join(word for word, holds in words.items() if holds)


def _made_by(version: Version) -> str:
    if version.package is None:
        return "-"
    kind = version.change.get("kind", "build")
    counts = {name: n for name, n in version.change.items() if name != "kind" and n}
    words = [f"{kind} {version.package}", "forced" if version.forced else ""]
    return ", ".join([w for w in words if w] + ([as_text(counts)] if counts else []))
