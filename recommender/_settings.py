"""Settings classes from untrusted mappings: unknown names and wrong types are refused."""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from recommender.errors import ConfigError

__all__ = ["check_jobs", "nearest", "parse_text", "seconds_of", "settings_from", "type_hints"]

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
    hints = type_hints(cls)  # type: ignore[arg-type]
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    checked = {}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{section} has no setting {name!r}.{nearest(str(name), known)}")
        checked[name] = _fitted(value, hints[name], f"{section} {name}")
    return cls(**checked)


@cache
def type_hints(cls: type) -> Mapping[str, Any]:
    """Return the types of a class's settings, worked out once."""
    return types.MappingProxyType(typing.get_type_hints(cls))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean ...?" for the most alike known name, else the list of all."""
    names = list(known)
    folded = {n.casefold(): n for n in names}
    alike = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f" Did you mean {folded[alike[0]]!r}?" if alike else f" Known: {', '.join(names)}."


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
    lists = [o for o in options if typing.get_origin(o) is tuple]
    if lists and str not in options:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        each = _elements(lists[0], len(parts)) or (str,) * len(parts)
        return tuple(parse_text(part, hint) for part, hint in zip(parts, each, strict=True))
    return text


def check_jobs(jobs: int) -> None:
    """Raise ConfigError for a number of workers that cannot be."""
    if jobs == 0 or jobs < -1:
        raise ConfigError(f"jobs is {jobs!r}; expected 1 or more, or -1 for one a core.")


def seconds_of(text: str, where: str) -> float:
    """Return a length of time such as ``90s``, ``10m``, ``12h``, ``7d``, ``2w`` in seconds.

    Raises
    ------
    ConfigError : no such text; the message begins with ``where``
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise ConfigError(f"{where} is {text[:60]!r}; expected a time such as 90s, 10m, 12h or 7d.")
    return float(match["number"]) * _SECONDS[match["unit"]] if match["unit"] else 0.0


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?) ?(?P<unit>[smhdw])|0")
_UNBOUNDED = 2**63
_SHOWN_CHARS = 500
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
    raise ConfigError(f"{where} is {_shown(value)}; expected {wanted}.")


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits
        return "too large a number"
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"


def _fit_one(value: Any, option: Any) -> tuple[bool, Any]:
    origin = typing.get_origin(option) or option
    if origin is tuple:
        return _fit_list(value, option)
    if origin is float:
        return _fit_number(value)
    if origin is int:
        # TOML's whole numbers have no bounds, arrays' have.
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and abs(value) < _UNBOUNDED, value
    if origin is Any:
        return True, value
    return isinstance(value, origin if isinstance(origin, type) else object), value


def _fit_list(value: Any, option: Any) -> tuple[bool, Any]:
    """Fit a list, and each of its elements."""
    each = _elements(option, len(value)) if isinstance(value, list | tuple) else None
    if each is None:
        return False, value
    fits = [_fit_one(v, hint) for v, hint in zip(value, each, strict=True)]
    return all(fit for fit, _ in fits), tuple(fitted for _, fitted in fits)


def _fit_number(value: Any) -> tuple[bool, Any]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False, value
    try:
        return True, float(value)
    except OverflowError:  # TOML's whole numbers have no bounds
        return False, value


def _elements(option: Any, length: int) -> tuple[Any, ...] | None:
    """Return the hint of each element of a tuple type, or None where the length is not its."""
    hints = typing.get_args(option) or (Any, ...)
    if hints[-1] is Ellipsis:
        return (hints[0],) * length
    return hints if len(hints) == length else None


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
        hints = typing.get_args(option) or (Any, ...)
        return "a list" if hints[0] is Any else f"a list, each {_name(hints[0])}"
    return names.get(origin, "a table")
