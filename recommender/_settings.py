"""Settings classes from untrusted mappings: unknown names and wrong types are refused."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from recommender.errors import ConfigError

__all__ = ["nearest", "parse_text", "settings_from"]

T = TypeVar("T")


def settings_from(cls: type[T], values: Mapping[str, Any], *, section: str) -> T:
    """Return ``cls(**values)`` after checking every name and type.

    A list becomes a tuple and an int serves where a float is wanted, because TOML has neither
    tuples nor a habit of writing ``1.0``.

    Parameters
    ----------
    cls : a dataclass
    section : how messages name where the values came from ("[block]")

    Raises
    ------
    ConfigError : unknown name (with the nearest one), wrong type, or a value the class refuses
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{section} is {values!r}; expected a table of settings.")
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    checked = {}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{section} has no setting {name!r}.{nearest(str(name), known)}")
        checked[name] = _fitted(value, hints[name], f"{section} {name}")
    return cls(**checked)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean ...?" for the most alike known name, else the list of all."""
    names = sorted(known)
    alike = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f" Did you mean {alike[0]!r}?" if alike else f" Known: {', '.join(names)}."


def parse_text(text: str, hint: Any) -> Any:
    """Return what ``text`` of the environment or of ``--set`` means for a setting of this type."""
    options = _options(hint)
    if type(None) in options and text.strip().lower() in ("", "none"):
        return None
    if bool in options and text.strip().lower() in _BOOLEANS:
        return _BOOLEANS[text.strip().lower()]
    for kind in (int, float):
        if kind in options:
            try:
                return kind(text)
            except ValueError:
                continue
    if any(typing.get_origin(o) is tuple for o in options) and str not in options:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _options(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _fitted(value: Any, hint: Any, where: str) -> Any:
    for option in _options(hint):
        fits, fitted = _fit_one(value, option)
        if fits:
            return fitted
    wanted = " or ".join(_name(o) for o in _options(hint))
    raise ConfigError(f"{where} is {value!r}; expected {wanted}.")


def _fit_one(value: Any, option: Any) -> tuple[bool, Any]:
    origin = typing.get_origin(option) or option
    if origin is tuple:
        return isinstance(value, list | tuple), tuple(value) if isinstance(
            value, list | tuple
        ) else value
    if origin is float:
        real = isinstance(value, int | float) and not isinstance(value, bool)
        return real, float(value) if real else value
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    if origin is Any:
        return True, value
    return isinstance(value, origin if isinstance(origin, type) else object), value


def _name(option: Any) -> str:
    names = {
        str: "a text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        type(None): "nothing",
    }
    origin = typing.get_origin(option) or option
    if origin is tuple:
        return "a list"
    return names.get(origin, "a table")
