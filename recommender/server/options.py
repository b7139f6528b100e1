"""The one place where parameters of a request become options of a block.

Every field of BlockSettings is a parameter of the same name, and so are the few below; a new
setting of blocks is a new parameter by that alone. What a value may be is checked where it is used.
"""

from __future__ import annotations

import inspect
import re
import time
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Final

from recommender._settings import nearest, parse_text
from recommender.errors import InputError
from recommender.ranking.settings import AGES, FALLBACKS, PRESETS, VERSIONS, BlockSettings
from recommender.ranking.values import moment_of
from recommender.server.problems import ProblemError

__all__ = ["Terms", "check_options", "option_schemas", "options_from", "unveils"]

MAX_EXCLUDED: Final = 200

_MORE: Final[Mapping[str, tuple[Any, str]]] = {
    "mode": (str | None, "How candidates are found: auto, exact or fast."),
    "exclude_ids": (tuple[str, ...], "Ids of articles never to show; repeat the parameter."),
    "explain": (bool, "Give each card every reason with its share, and say what was left out."),
    "now": (str | None, "The moment that the block is for, instead of this one."),
    "twins": (bool, "Name the same story in other languages."),
}
_SHARE: Final = {"minimum": 0, "maximum": 1}
_TIME: Final = {"pattern": r"^([0-9]{1,9}(\.[0-9]{1,9})? ?[smhdw]|0)$", "examples": ["7d"]}
_RUNG: Final = f"({'|'.join(FALLBACKS)})"
_BOUNDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "limit": {"minimum": 1},
    "threshold": {"minimum": 0, "maximum": 1},
    "smoothing": {"minimum": 0, "maximum": 100},
    "crowding": {"minimum": 0, "maximum": 100},
    "languages": {"pattern": "^(same|any|[a-z]{2}(,[a-z]{2})*)$", "examples": ["same", "uk,ru"]},
    "why": {"minimum": 0},
    "preset": {"enum": [*PRESETS]},
    "duplicates": _SHARE,
    "popularity": _SHARE,
    "diversity": _SHARE,
    "same_story": _SHARE,
    "version": {"enum": [*VERSIONS]},
    "age_from": {"enum": [*AGES]},
    "max_age": _TIME,
    "half_life": _TIME,
    "max_per_section": {"minimum": 0},
    "max_per_author": {"minimum": 0},
    "max_per_story": {"minimum": 0},
    "max_per_series": {"minimum": 0},
    "live": {"examples": ["live", "none"]},
    "max_listed": {"minimum": 0},
    "fallback": {"pattern": f"^(none|{_RUNG}(,{_RUNG})*)$"},
    "now": {"format": "date-time"},
    "mode": {"enum": ["auto", "exact", "fast"]},
    "exclude_ids": {"maxItems": MAX_EXCLUDED},
}
_TYPES: Final = {int: "integer", float: "number", bool: "boolean", str: "string"}
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?(e-?[0-9]{1,3})?", re.ASCII)
_ENTRY: Final = re.compile(r"^(\w+)(?:, \w+)* : .*\n((?:    .*\n?|\n)*)", re.MULTILINE)


_OF_ADMINS: Final[Mapping[str, str]] = {
    "rules": "Over HTTP, false needs a key with the scope admin, and no preset sets it.",
    "now": "A moment that is still to come needs a key with the scope admin.",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a caller may ask for.

    Attributes
    ----------
    max_limit : cards at most
    rules : whether rules and marks hold where the call does not say
    is_admin : the caller may see what they hide
    """

    max_limit: int
    rules: bool = True
    is_admin: bool = False

    def allowed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return options as they hold for the caller: presets leave rules and marks as they are.

        Raises
        ------
        ProblemError : they would show what is under embargo, not published yet or sensitive
        """
        if not self.is_admin and unveils(options):
            raise ProblemError(
                "not-allowed",
                "rules = false, and a moment that is still to come, show what is under embargo or "
                "sensitive: they need a key with the scope admin.",
            )
        preset = options.get("preset")
        known = PRESETS.get(preset, {}) if isinstance(preset, str) else {}
        return {"rules": self.rules, **options} if "rules" in known else dict(options)


def unveils(options: Mapping[str, Any]) -> bool:
    """Tell whether options may show what is to be seen by nobody yet, or by no reader."""
    moment = moment_of(options.get("now"))
    return options.get("rules", True) is not True or (moment or 0.0) > time.time()


@cache
def known_options() -> Mapping[str, tuple[Any, str]]:
    """Return each option's type and what it does."""
    hints = typing.get_type_hints(BlockSettings)
    told = dict(_ENTRY.findall(inspect.getdoc(BlockSettings) or ""))
    own = {
        field.name: (hints[field.name], " ".join(told.get(field.name, "").split()))
        for field in fields(BlockSettings)
    }
    every = {**own, **_MORE}
    more = {name: (every[name][0], f"{every[name][1]} {said}") for name, said in _OF_ADMINS.items()}
    return {**every, **more}


def options_from(pairs: Iterable[tuple[str, str]], terms: Terms) -> dict[str, Any]:
    """Return the options that parameters of an address mean.

    Raises
    ------
    InputError : an unknown parameter, one that is given twice, too many cards or ids
    ProblemError : the caller may not ask for that
    """
    options: dict[str, Any] = {}
    for name, text in pairs:
        hint = _hint(name)
        if _is_list(hint):
            options.setdefault(name, []).append(text)
        elif name in options:
            raise InputError(f"The parameter {name} is given twice.")
        else:
            options[name] = _parsed(name, text, hint)
    return check_options(options, terms)


def _parsed(name: str, text: str, hint: Any) -> Any:
    """Return what the text of a parameter means; stricter than in the environment."""
    kinds = (hint, *typing.get_args(hint))
    if bool in kinds:
        if text not in ("true", "false"):
            raise InputError(f"{name} is {text[:60]!r}; expected true or false.")
        return text == "true"
    is_number = str not in kinds and (int in kinds or float in kinds)
    if not text or (is_number and not _NUMBER.fullmatch(text)):
        raise InputError(f"{name} is {text[:60]!r}; expected {'a number' if text else 'a value'}.")
    return text if str in kinds else parse_text(text, hint)


def check_options(options: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    """Return options as a block takes them; values are checked by the block's own settings.

    Raises
    ------
    InputError : an unknown option, too many cards or ids
    ProblemError : the caller may not ask for that
    """
    for name in options:
        _hint(name)
    explain = options.get("explain")
    if explain is not None and not isinstance(explain, bool):
        raise InputError("explain is neither true nor false.")
    limit = options.get("limit")
    if isinstance(limit, int) and limit > terms.max_limit:
        raise InputError(f"limit is {limit}; this service gives at most {terms.max_limit} cards.")
    excluded = options.get("exclude_ids")
    if excluded is not None and not _are_ids(excluded):
        raise InputError(f"exclude_ids is no list of at most {MAX_EXCLUDED} ids.")
    return terms.allowed({name: value for name, value in options.items() if value is not None})


def _are_ids(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) > MAX_EXCLUDED:
        return False
    return all(isinstance(one, str) for one in value)


def _hint(name: str) -> Any:
    known = known_options()
    if name not in known:
        raise InputError(f"There is no option {name[:60]!r}.{nearest(name[:60], known)}")
    return known[name][0]


def _is_list(hint: Any) -> bool:
    return any(typing.get_origin(option) is tuple for option in (hint, *typing.get_args(hint)))


def option_schemas(max_limit: int) -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each option."""
    schemas = {}
    for name, (hint, told) in known_options().items():
        schema: dict[str, Any] = {"description": told, **_BOUNDS.get(name, {})}
        if _is_list(hint):
            schema |= {"type": "array", "items": {"type": "string"}}
        else:
            options = (hint, *typing.get_args(hint))
            schema["type"] = next(_TYPES[option] for option in options if option in _TYPES)
        schemas[name] = schema
    schemas["limit"]["maximum"] = max_limit
    return schemas
