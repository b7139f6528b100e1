"""The newsroom's rules: what may stand under what, in plain TOML.

::

    [rules]
    no_links_from = [{section = "obituaries"}, {label = "live"}]
    no_links_to = [{tag = "lottery"}]
    apart = [{label = "sponsored"}, {label = "premium"}]
    same = ["region"]
    blocked = [["mayor-trial-1", "mayor-party-7"]]
    embargo = [{id = "budget-2027", until = 2026-12-01T08:00:00Z}]
    evergreen = [{section = "food"}]

    [rules.half_life]
    politics = "3d"

    [[rules.pinned]]
    article = "election-guide"
    under = {section = "politics"}
    until = 2026-12-31
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from recommender._languages import normalize_lang
from recommender._settings import nearest, seconds_of
from recommender.errors import ConfigError
from recommender.ranking.values import FIELDS, as_id, folded, in_toml, moment_of

__all__ = ["Embargo", "Pin", "Rules", "Selector"]

_PIN = ("article", "under", "from", "until")


@dataclass(frozen=True, slots=True)
class Selector:
    """Which articles a rule is about: all its conditions hold.

    Attributes
    ----------
    conditions : pairs of a field and the values of which an article has one: folded, but ids as
        they are. The fields are id, lang, those of ``values.FIELDS``, and any other column of the
        articles.
    """

    conditions: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, table: Any, where: str) -> Selector:
        """Read a selector, such as ``{section = ["politics", "world"]}``.

        Raises
        ------
        ConfigError : it is no table, it is empty, or a value is no text
        """
        if not isinstance(table, Mapping) or not table:
            raise ConfigError(
                f'{where} is {in_toml(table)}; expected a table such as {{section = "x"}}.'
            )
        conditions = []
        for name, values in table.items():
            several = values if isinstance(values, list | tuple) else [values]
            if not several or not all(isinstance(v, str | int | float) for v in several):
                said = f"{where}: {name} is {in_toml(values)}; expected a text, or a list of texts."
                raise ConfigError(said)
            texts = ["true" if v is True else "false" if v is False else v for v in several]
            conditions.append((str(name), tuple(map(_COMPARED.get(str(name), folded), texts))))
        return cls(tuple(conditions))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are asked for."""
        return tuple(name for name, _ in self.conditions)

    def matches(self, values: Mapping[str, Sequence[str]]) -> bool:
        """Tell whether an article with these values is meant."""
        return all(set(wanted) & set(values.get(name, ())) for name, wanted in self.conditions)

    def __str__(self) -> str:
        return ", ".join(f"{name} {' or '.join(values)}" for name, values in self.conditions)


def _as_language(value: Any) -> str:
    """Return a language's code, however it is written; what is none stays, and is warned of."""
    return normalize_lang(str(value)) or folded(value)


_COMPARED = {"id": as_id, "lang": _as_language}


@dataclass(frozen=True, slots=True)
class Pin:
    """An article that stands first under others, between two moments.

    Attributes
    ----------
    article : its id
    under : under which articles; None = under all
    since, until : seconds since 1970
    """

    article: str
    under: Selector | None
    since: float
    until: float

    @property
    def names_language(self) -> bool:
        """Whether it says under which language it stands, whatever its own is."""
        return self.under is not None and "lang" in self.under.fields


@dataclass(frozen=True, slots=True)
class Embargo:
    """Articles that are not to be shown before a moment, in seconds since 1970."""

    which: Selector
    until: float


@dataclass(frozen=True)
class Rules:
    """What an editor may say of blocks. The defaults forbid nothing.

    Attributes
    ----------
    no_links_from : tuple
        Articles that have no block: a list of selectors, such as ``{section = "obituaries"}``.
    no_links_to : tuple
        Articles that are never a card: a list of selectors.
    apart : tuple
        Articles that are cards only under one another, such as ``{label = "sponsored"}``.
    same : tuple of str
        Fields that card and article must agree in where both have them, such as ``region``.
    blocked : tuple
        Pairs of article ids that never stand under one another.
    embargo : tuple
        Selectors with ``until``, before which these articles are not shown. An article's own
        column ``embargo_until`` says the same.
    evergreen : tuple
        Articles that no age takes anything from: a list of selectors.
    half_life : mapping
        The half-life of single sections: ``politics = "3d"``, also where that of the block is 0.
    pinned : tuple
        Tables of ``article`` (its id), ``under`` (a selector; everywhere where there is none),
        ``from`` and ``until``. One stands only where the block takes its language, unless its
        selector names ``lang``.
    """

    no_links_from: tuple[Any, ...] = ()
    no_links_to: tuple[Any, ...] = ()
    apart: tuple[Any, ...] = ()
    same: tuple[str, ...] = ()
    blocked: tuple[Any, ...] = ()
    embargo: tuple[Any, ...] = ()
    evergreen: tuple[Any, ...] = ()
    half_life: Mapping[str, Any] = field(default_factory=dict)
    pinned: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        # Read now, so that a mistake is told when the settings are read.
        for name in ("from_", "to", "kept_apart", "pairs", "embargoes", "timeless", "lives"):
            getattr(self, name)
        for pin in self.pins:
            self._check_pin(pin)
        if "id" in self.same:
            raise ConfigError(
                "[rules] same names 'id', which no two articles share; expected fields such as "
                "region."
            )

    @cached_property
    def from_(self) -> tuple[Selector, ...]:
        """What has no block."""
        return self._selectors("no_links_from")

    @cached_property
    def to(self) -> tuple[Selector, ...]:
        """What is never a card."""
        return self._selectors("no_links_to")

    @cached_property
    def kept_apart(self) -> tuple[Selector, ...]:
        """What is a card only under its like."""
        return self._selectors("apart")

    @cached_property
    def timeless(self) -> tuple[Selector, ...]:
        """What no age takes anything from."""
        return self._selectors("evergreen")

    @cached_property
    def pairs(self) -> Mapping[str, frozenset[str]]:
        """The ids that never stand under an id."""
        out: dict[str, set[str]] = {}
        for i, pair in enumerate(self.blocked):
            fits = isinstance(pair, list | tuple) and len(pair) == 2
            if not fits or not all(isinstance(key, str) for key in pair):
                raise ConfigError(
                    f"[rules] blocked {i + 1} is {in_toml(pair)}; expected two article ids, such "
                    'as ["mayor-1", "mayor-2"].'
                )
            one, other = map(as_id, pair)
            out.setdefault(one, set()).add(other)
            out.setdefault(other, set()).add(one)
        return {key: frozenset(others) for key, others in out.items()}

    @cached_property
    def embargoes(self) -> tuple[Embargo, ...]:
        """What is not to be shown yet."""
        out = []
        for i, table in enumerate(self.embargo):
            where = f"[rules] embargo {i + 1}"
            if not isinstance(table, Mapping) or "until" not in table:
                raise ConfigError(
                    f"{where} is {in_toml(table)}; expected which articles and until when: "
                    '{section = "x", until = 2026-12-31}.'
                )
            which = {name: value for name, value in table.items() if name != "until"}
            if not which:
                raise ConfigError(
                    f"{where} says until when, and not which articles; expected such as "
                    '{section = "x", until = 2026-12-31}.'
                )
            out.append(Embargo(Selector.of(which, where), _moment(table["until"], where, "until")))
        return tuple(out)

    @cached_property
    def lives(self) -> Mapping[str, float]:
        """The half-life of single sections (folded), in seconds."""
        return {
            folded(name): seconds_of(str(value), f"[rules.half_life] {name}")
            for name, value in self.half_life.items()
        }

    @cached_property
    def ages(self) -> bool:
        """Whether some section ages by a half-life of its own."""
        return any(self.lives.values())

    @cached_property
    def pins(self) -> tuple[Pin, ...]:
        """What stands first."""
        return tuple(_pin(table, f"[rules] pinned {i + 1}") for i, table in enumerate(self.pinned))

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that a rule asks for, those that all articles may have first."""
        several = (*self.from_, *self.to, *self.kept_apart, *self.timeless)
        several += tuple(e.which for e in self.embargoes)
        several += tuple(pin.under for pin in self.pins if pin.under)
        asked = [name for selector in several for name in selector.fields] + list(self.same)
        return tuple(dict.fromkeys((*FIELDS, *(n for n in asked if n not in ("id", "lang")))))

    def _selectors(self, name: str) -> tuple[Selector, ...]:
        tables = getattr(self, name)
        return tuple(Selector.of(t, f"[rules] {name} {i + 1}") for i, t in enumerate(tables))

    def _check_pin(self, pin: Pin) -> None:
        if not pin.since < pin.until:
            raise ConfigError(
                f"[rules] pinned {pin.article!r} ends before it begins: from and until are not "
                "in order."
            )


def _pin(table: Any, where: str) -> Pin:
    if not isinstance(table, Mapping) or not isinstance(table.get("article"), str):
        raise ConfigError(
            f'{where} is {in_toml(table)}; expected a table with article = "ID", and perhaps '
            "under, from and until."
        )
    for name in table:
        if name not in _PIN:
            raise ConfigError(f"{where} has no setting {name!r}.{nearest(str(name), _PIN)}")
    under = Selector.of(table["under"], f"{where} under") if "under" in table else None
    since = _moment(table["from"], where, "from") if "from" in table else -math.inf
    until = _moment(table["until"], where, "until") if "until" in table else math.inf
    return Pin(as_id(table["article"]), under, since, until)


def _moment(value: Any, where: str, name: str) -> float:
    moment = moment_of(value)
    if moment is None:
        raise ConfigError(
            f"{where}: {name} is {in_toml(value)}; expected a day or a moment, such as "
            "2026-12-31 or 2026-12-31T08:00:00Z."
        )
    return moment
