"""Settings as lines of TOML, and put into a settings file that has others, comments and all."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recommender.errors import ConfigError, SourceNotFoundError

__all__ = ["as_toml", "pasted", "text_of"]

_HEAD = re.compile(r"\s*\[\s*block\s*\]\s*(#.*)?")
_ANY_HEAD = re.compile(r"\s*\[")
_LINE = r"(\s*{name}\s*=\s*)[^#]*?(\s*(?:#.*)?)"


def as_toml(values: Mapping[str, Any]) -> str:
    """Return the ``[block]`` section of some settings."""
    return "\n".join(["[block]", *(f"{name} = {_toml(value)}" for name, value in values.items())])


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # which JSON allows


def text_of(path: Path) -> str:
    """Return the text of a settings file; of none, nothing.

    Raises
    ------
    SourceNotFoundError : it cannot be read
    ConfigError : it is no TOML
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SourceNotFoundError(f"Cannot read the settings file {path}: {error}.") from error
    _parsed(text, str(path))
    return text


def pasted(text: str, values: Mapping[str, Any], *, where: str) -> str:
    """Return a settings file with some settings of ``[block]`` changed, and nothing else.

    Raises
    ------
    ConfigError : the file is written so that a line cannot be put in surely
    """
    before = _parsed(text, where)
    after = _put(text, values)
    try:
        is_so = tomllib.loads(after) == {**before, "block": {**before.get("block", {}), **values}}
    except (tomllib.TOMLDecodeError, TypeError):
        is_so = False
    if not is_so:
        raise ConfigError(
            f"{where} has settings of the block that are not written a line each below [block]; "
            f"it is left as it is. Put these in by hand:\n{as_toml(values)}"
        )
    return after


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is no valid TOML: {error}") from error


def _put(text: str, values: Mapping[str, Any]) -> str:
    lines = text.splitlines()
    head = next((i for i, line in enumerate(lines) if _HEAD.fullmatch(line)), None)
    if head is None:
        return "\n".join([*lines, *([""] if lines else []), as_toml(values)]) + "\n"
    rest = range(head + 1, len(lines))
    end = next((i for i in rest if _ANY_HEAD.match(lines[i])), len(lines))
    new = []
    for name, value in values.items():
        pattern = re.compile(_LINE.format(name=re.escape(name)))
        at = next((i for i in range(head + 1, end) if pattern.fullmatch(lines[i])), None)
        if at is None:
            new.append(f"{name} = {_toml(value)}")
        else:
            found = pattern.fullmatch(lines[at])
            lines[at] = f"{found[1]}{_toml(value)}{found[2]}" if found else lines[at]
    return "\n".join([*lines[: head + 1], *new, *lines[head + 1 :]]) + "\n"
