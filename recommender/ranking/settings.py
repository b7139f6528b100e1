"""What a block is: the settings of every step, and the presets that set several at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recommender._languages import normalize_lang
from recommender._settings import nearest, seconds_of
from recommender.errors import ConfigError
from recommender.ranking.values import folded

__all__ = ["PRESETS", "BlockSettings", "PopularitySettings", "with_preset"]

FALLBACKS = ("section", "popular", "latest")
VERSIONS = ("newest", "first")
AGES = ("article", "now")


_COUNTS = (
    *("why", "max_per_section", "max_per_author", "max_per_story", "max_per_series"),
    "max_listed",
)


@dataclass(frozen=True, slots=True)
class BlockSettings:
    """What a block is unless the call says otherwise.

    Attributes
    ----------
    preset : str
        A name of ``PRESETS`` whose settings hold where none of their own is given; empty = none.
    limit : int
        Cards in a block, 1 to 1,000.
    threshold : float
        Least similarity of a card, 0..1. What the ladder of ``fallback`` adds need not have it.
    smoothing : float
        How much the nearest of an article, and those of a card, count beside the two themselves:
        reports of one event that share few words find one another through others. 0 = a card is
        ranked by its own text alone.
    crowding : float
        How much a card loses that stands among many like it, and is near to anything that is said
        of its subject; 0 = nothing.
    languages : str
        ``same`` (the article's own), ``any``, or codes in a row, such as ``uk,ru``: the first
        language that fills the block does, and the next ones fill what is left.
    why : int
        Reasons shown on each card.
    rules : bool
        Whether the newsroom's ``[rules]`` hold, and what is marked ``sensitive`` stays out.
    duplicates : float
        Two articles are one story told twice where the shorter one shares this much of its text,
        0..1; they take one card. 0 = no article is taken for a copy.
    version : str
        Which of such articles the card shows: ``newest``, or the one published ``first``. What is
        labelled a reprint comes after what is not.
    max_age : str
        How much older or newer than the article a card may be, such as ``30d``; 0 = any.
    half_life : str
        The age at which a card counts half, such as ``7d``; after 64 times that nothing is left of
        it. 0 = age does not matter.
    age_from : str
        What age is measured from: the ``article`` that the block stands under, or ``now``.
    include_newer : bool
        Whether a card may be newer than the article.
    popularity : float
        How much the counts of ``[popularity]`` weigh, 0..1: at 0.3 an article that nobody reads
        counts 0.7 of its similarity. 0 = nothing.
    diversity : float
        0..1, how much a card is held against the others for being like one before it (maximal
        marginal relevance); 0 = by score alone.
    max_per_section : int
        Cards of one section at most; 0 = any number.
    max_per_author : int
        Cards by one author at most; 0 = any number.
    max_per_story : int
        Cards of one running story at most; 0 = any number.
    max_per_series : int
        Cards of one series (column ``series``) at most; 0 = any number.
    next_in_series : bool
        Whether under a part of a series the next part comes first.
    live : str
        Labels or types, in a row, of live blogs: of those that go on with one another the newest
        is the card. ``none`` = live blogs are as others.
    same_story : float
        The similarity, 0..1, from which on an article goes on with the story of an earlier one; a
        story is named after its first article. 0 = no stories are told apart, nor roles by them.
    max_listed : int
        An article that stands among the known neighbours of more others than this is no card, so
        that a few pages are not recommended everywhere; 0 = any number.
    fallback : str
        What fills a block that has too few cards, in this order: ``section`` (its latest),
        ``popular``, ``latest`` (of the site), or ``none``.
    """

    preset: str = ""
    limit: int = 6
    threshold: float = 0.0
    smoothing: float = 2.0
    crowding: float = 0.75
    languages: str = "same"
    why: int = 3
    rules: bool = True
    duplicates: float = 0.7
    version: str = "newest"
    max_age: str = "0"
    half_life: str = "0"
    age_from: str = "article"
    include_newer: bool = True
    popularity: float = 0.0
    diversity: float = 0.0
    max_per_section: int = 0
    max_per_author: int = 0
    max_per_story: int = 0
    max_per_series: int = 0
    next_in_series: bool = True
    live: str = "live"
    same_story: float = 0.25
    max_listed: int = 0
    fallback: str = "section,latest"

    def __post_init__(self) -> None:
        if self.preset and self.preset not in PRESETS:
            raise ConfigError(f"There is no preset {self.preset!r}.{nearest(self.preset, PRESETS)}")
        if not 1 <= self.limit <= 1000:
            raise ConfigError(f"limit is {self.limit!r}; expected a whole number from 1 to 1000.")
        if not 0.0 <= self.threshold <= 1.0:
            raise ConfigError(f"threshold is {self.threshold!r}; expected a score between 0 and 1.")
        self._check_numbers()
        for name, known in (("version", VERSIONS), ("age_from", AGES)):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}; expected {' or '.join(known)}."
                )
        self._check_languages()
        for name in self.rungs:
            if name not in FALLBACKS:
                raise ConfigError(f"fallback names {name!r}.{nearest(name, (*FALLBACKS, 'none'))}")

    def _check_numbers(self) -> None:
        for name in ("duplicates", "popularity", "diversity", "same_story"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}; expected a number between 0 and 1."
                )
        for name in ("smoothing", "crowding"):
            if not 0.0 <= getattr(self, name) <= 100.0:
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}; expected a number between 0 and 100."
                )
        for name in _COUNTS:
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; expected 0 or more.")
        seconds_of(self.max_age, "max_age")
        seconds_of(self.half_life, "half_life")

    def _check_languages(self) -> None:
        if self.languages in ("same", "any"):
            return
        for name in self.languages.split(","):
            if normalize_lang(name) is None:
                raise ConfigError(
                    f"languages names {name!r}; expected same, any, or codes such as uk,ru."
                )

    @property
    def rungs(self) -> tuple[str, ...]:
        """The names in ``fallback``; none for ``none``."""
        names = tuple(name.strip() for name in self.fallback.split(",") if name.strip())
        return () if names == ("none",) else names

    @property
    def live_words(self) -> frozenset[str]:
        """The names in ``live``, folded; none for ``none``."""
        return frozenset(folded(name) for name in self.live.split(",") if name.strip()) - {"none"}

    @property
    def max_age_seconds(self) -> float:
        """``max_age`` in seconds; 0 = any."""
        return seconds_of(self.max_age, "max_age")

    @property
    def half_life_seconds(self) -> float:
        """``half_life`` in seconds; 0 = age does not matter."""
        return seconds_of(self.half_life, "half_life")


@dataclass(frozen=True, slots=True)
class PopularitySettings:
    """Where the site's own counts are, for the setting ``popularity`` and its fallback.

    Attributes
    ----------
    counts : str
        A CSV or TSV file with a head: ``id``, ``count``, and perhaps ``at``, the moment or the day
        that was counted. Empty = none.
    half_life : str
        The age at which a count of a day is worth half; 0 = all days alike.
    """

    counts: str = ""
    half_life: str = "3d"

    def __post_init__(self) -> None:
        seconds_of(self.half_life, "[popularity] half_life")


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "similarity": {
        "threshold": 0.0,
        "languages": "same",
        "rules": False,
        "duplicates": 0.0,
        "max_age": "0",
        "half_life": "0",
        "include_newer": True,
        "popularity": 0.0,
        "diversity": 0.0,
        "max_per_section": 0,
        "max_per_author": 0,
        "max_per_story": 0,
        "max_per_series": 0,
        "next_in_series": False,
        "live": "none",
        "same_story": 0.0,
        "max_listed": 0,
        "fallback": "none",
    },
    "news": {
        "half_life": "60d",
        "max_age": "365d",
        "age_from": "article",
        "include_newer": True,
        "diversity": 0.2,
        "max_per_story": 3,
        "threshold": 0.05,
        "fallback": "section,latest",
    },
    "background": {
        "half_life": "0",
        "max_age": "0",
        "include_newer": False,
        "diversity": 0.1,
        "threshold": 0.05,
        "fallback": "section,latest",
    },
    "evergreen": {
        "half_life": "0",
        "max_age": "0",
        "include_newer": True,
        "diversity": 0.3,
        "max_per_story": 1,
        "threshold": 0.05,
        "fallback": "section,latest",
    },
    "latest": {"threshold": 1.0, "fallback": "latest", "next_in_series": False},
    "popular": {"threshold": 1.0, "fallback": "popular,latest", "next_in_series": False},
}
"""Named choices of settings. ``similarity`` is plain relevance in the article's language: nothing
is removed but the article itself. ``latest`` and ``popular`` are baselines that look at no text."""


def with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a block with those of the preset that they name, where it is known."""
    preset = given.get("preset")
    known = PRESETS.get(preset, {}) if isinstance(preset, str) else {}
    return {**known, **given}
