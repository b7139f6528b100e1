"""Write the reference pages from the code: ``python docs/generate.py [--check]``.

docs/reference/cli.md comes from the help of every command, settings.md from the settings classes
and their docstrings, api.md from the public names, openapi.json from the routes of the service.
Nobody edits these pages by hand.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import re
import sys
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import recommender
from recommender import article, errors
from recommender.cli import cli
from recommender.config import ENVIRONMENT_PREFIX, Config
from recommender.server_settings import ServerSettings

FOLDER = Path(__file__).resolve().parent / "reference"
WIDTH = 100
_ENTRY = re.compile(r"(?P<names>\w+(?:, \w+)*)(?: : (?P<kind>.*))?")


# --- cli.md ---


def cli_page() -> str:
    """Return the page of the command line."""
    parts = [
        "# Command line",
        _made("the help of each command"),
        "Data goes to standard output, talk to standard error. Where `--json` is given, standard "
        "output is one JSON value.",
        _exit_codes(),
        _command(cli, "recommender", None, level=2),
    ]
    context = click.Context(cli, info_name="recommender")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None:
            parts.append(_command(command, name, context, level=2))
        if isinstance(command, click.Group):
            own = click.Context(command, info_name=name, parent=context)
            parts += [_command(c, n, own, level=3) for n, c in sorted(command.commands.items())]
    return _page(parts)


def _command(command: click.Command, name: str, parent: click.Context | None, level: int) -> str:
    own = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **own)
    title = f"{'#' * level} {context.command_path}"
    return f"{title}\n\n```text\n{_trimmed(command.get_help(context))}\n```"


def _exit_codes() -> str:
    """Return the table of exit codes, from the error classes."""
    meant = {0: ["done"], 3: ["build: published, but some articles were rejected"]}
    for name in errors.__all__:
        cls = getattr(errors, name)
        meant.setdefault(cls.exit_code, []).append(f"`{name}`")
    meant[1] = ["a fault of this program, or an error of no other kind (`RecommenderError`)"]
    meant[2].insert(0, "wrong usage")
    meant[130] = ["interrupted"]
    rows = [f"| {code} | {', '.join(words)} |" for code, words in sorted(meant.items())]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows])


# --- settings.md ---


def settings_page() -> str:
    """Return the page of all settings."""
    parts = [
        "# Settings",
        _made("the settings classes and their docstrings"),
        "A setting may stand in `recommender.toml` (its section in brackets), in the environment, "
        "or in the call. The call wins over the environment, the environment over the file, the "
        "file over the default. `recommender inspect` shows the value in force and its origin. "
        "Settings of text, fields, boilerplate and weights belong to the index: changing them "
        "takes effect with the next build.",
        "TOML has no word for *none*: leave the setting out. In the environment, write `none`, "
        "and lists with commas.",
    ]
    for section in dataclasses.fields(Config):
        cls = typing.get_type_hints(Config)[section.name]
        parts += list(_section(section.name, cls))
    return _page(parts)


def _section(section: str, cls: type[Any]) -> Iterator[str]:
    yield f"## [{section}]"
    yield _reflowed(_docstring(cls).split("\n\n")[0]).replace("``", "`")
    described = dict(_attributes(cls))
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kind, text = described[field.name]
        facts = [kind or str(field.type), f"default {_default(field)}"]
        if typing.get_origin(hints[field.name]) is not _MAPPING:
            facts.append(f"`{ENVIRONMENT_PREFIX}{section.upper()}_{field.name.upper()}`")
        words = text.replace("``", "`")
        yield f"### {section}.{field.name}\n\n{'; '.join(facts)}.\n\n{words}".rstrip()


_MAPPING = typing.get_origin(typing.Mapping[str, str])


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return "none"
    return "none" if field.default in (None, ()) else f"`{_toml(field.default)}`"


def _toml(value: Any) -> str:
    """Return a value as ``recommender.toml`` writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f"{value:,}".replace(",", "_") if isinstance(value, int) else str(value)


def _attributes(cls: type[Any]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each attribute that the class's docstring describes: name, (type, text)."""
    lines = _docstring(cls).splitlines()
    start = lines.index("Attributes") + 2
    names: list[str] = []
    kind, text = "", list[str]()
    for line in [*lines[start:], "end"]:
        if line.startswith("    ") or not line:
            text.append(line.strip())
            continue
        yield from ((name, (kind, " ".join(text).strip())) for name in names)
        found = _ENTRY.fullmatch(line)
        if found is None or found["kind"] is None:
            return
        names, kind, text = found["names"].split(", "), found["kind"], []


# --- api.md ---


def api_page() -> str:
    """Return the page of the public names."""
    parts = ["# Python API", _made("the signatures and docstrings of the public names")]
    parts.append("## recommender")
    parts += [
        _described(f"recommender.{name}", getattr(recommender, name))
        for name in recommender.__all__
        if name != "__version__"
    ]
    parts.append("## recommender.article\n\nWhat an article, a block and a card hold.")
    parts += [
        _described(f"recommender.article.{name}", getattr(article, name))
        for name in article.__all__
        if name not in recommender.__all__
    ]
    parts.append(f"## recommender.errors\n\n```text\n{inspect.getdoc(errors)}\n```")
    return _page(parts)


def _described(path: str, thing: Any) -> str:
    text = f"### {path}\n\n```text\n{_signature(path.rsplit('.', 1)[-1], thing)}\n\n"
    text += f"{inspect.getdoc(thing)}\n```"
    if inspect.isclass(thing):
        text += "".join(_method(thing, name) for name in vars(thing) if not name.startswith("_"))
    return text


def _method(cls: type[Any], name: str) -> str:
    """Return the description of a method or property that has a docstring of its own."""
    raw = vars(cls)[name]
    member = raw.fget if isinstance(raw, property) else getattr(cls, name)
    if not (inspect.isfunction(member) or inspect.ismethod(member)):
        return ""
    shown = name if isinstance(raw, property) else _signature(name, member)
    return f"\n\n```text\n{cls.__name__}.{shown}\n\n{inspect.getdoc(member)}\n```"


class _Bare:
    """An annotation that prints as it is written, without quotes."""

    def __init__(self, text: object) -> None:
        self._text = text if isinstance(text, str) else inspect.formatannotation(text)

    def __repr__(self) -> str:
        return self._text


def _signature(name: str, thing: Any) -> str:
    """Return name, parameters and result, a parameter a line where they are many."""
    try:
        signature = inspect.signature(thing)
    except ValueError:
        return name
    bare = [_readable(p) for p in signature.parameters.values() if p.name not in ("self", "cls")]
    result = signature.return_annotation
    if result is not signature.empty and result is not None:
        result = _Bare(result)
    signature = signature.replace(parameters=bare, return_annotation=result)
    line = f"{name}{signature}"
    if len(line) <= WIDTH:
        return line
    inside, _, arrow = str(signature).removeprefix("(").rpartition(")")
    inner = ",\n    ".join(_split(inside))
    return f"{name}(\n    {inner},\n){arrow}"


def _readable(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter whose annotation has no quotes and whose default is short."""
    if len(repr(parameter.default)) > WIDTH // 2:
        parameter = parameter.replace(default=_Bare("..."))
    if parameter.annotation is parameter.empty:
        return parameter
    return parameter.replace(annotation=_Bare(parameter.annotation))


def _split(inside: str) -> list[str]:
    """Return the parameters of a signature; commas inside brackets do not part them."""
    parts, depth = [""], 0
    for char in inside:
        depth += (char in "[(") - (char in "])")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


# --- all pages ---


def _docstring(cls: type[Any]) -> str:
    return inspect.getdoc(cls) or ""


def _made(source: str) -> str:
    return f"Generated from {source} by `python docs/generate.py`; do not edit."


def _reflowed(text: str) -> str:
    return " ".join(text.split())


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def _page(parts: list[str]) -> str:
    return "\n\n".join(_wrapped(part) for part in parts) + "\n"


def _wrapped(part: str) -> str:
    """Wrap paragraphs; leave code, tables and headings as they are."""
    if part.startswith(("#", "|", "```")) and "```" in part:
        return _trimmed(part)
    blocks = part.split("\n\n")
    return "\n\n".join(
        b if b.startswith(("|", "#")) else textwrap.fill(b, 110, break_long_words=False)
        for b in blocks
    )


# --- openapi.json ---


def contract() -> str:
    """Return the OpenAPI file of a service with keys and default settings."""
    from recommender.server.app import contract_of

    return (
        json.dumps(contract_of(ServerSettings(keys="keys.json")), indent=1, ensure_ascii=False)
        + "\n"
    )


PAGES = {
    "cli.md": cli_page,
    "settings.md": settings_page,
    "api.md": api_page,
    "../openapi.json": contract,
}


def main() -> int:
    """Write the pages, or with ``--check`` tell which of them are stale."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="exit 1 if a page is stale")
    check = parser.parse_args().check
    FOLDER.mkdir(exist_ok=True)
    stale = []
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    words = "stale, run python docs/generate.py" if check else "written"
    sys.stdout.writelines(f"docs/reference/{name}: {words}\n" for name in stale)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
