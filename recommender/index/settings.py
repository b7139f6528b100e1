"""How hard a search looks, which generations are kept, and which builds are refused."""

from __future__ import annotations

from dataclasses import dataclass

from recommender._settings import seconds_of
from recommender.errors import ConfigError

__all__ = ["GenerationSettings", "SearchSettings", "UpdateSettings"]

_MODES = ("auto", "exact", "fast")


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How candidates are found.

    Attributes
    ----------
    mode : "auto", "exact" or "fast"
        ``exact`` looks at every word of the article; ``fast`` at the telling ones, and then scores
        the best candidates exactly; ``auto`` is fast in indexes of more than ``fast_above``
        articles. Where looking at all is less work, as for short articles, ``fast`` does so.
    fast_above : int
        Articles from which on ``auto`` is fast.
    coverage : float
        The share of the article's squared weight, in 0..1, that ``fast`` looks at first; where that
        leaves the best open, it looks at half of the rest besides, and so on.
    candidates : int
        How many candidates ``fast`` sums up in full at most.
    neighbours : int
        How many of each article's nearest a build finds ahead and keeps in the index, from which
        the blocks of its articles are then made; 0 = none, every block is searched for.
    """

    mode: str = "auto"
    fast_above: int = 200_000
    coverage: float = 0.6
    candidates: int = 500
    neighbours: int = 32

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise ConfigError(f"mode is {self.mode!r}; expected one of {', '.join(_MODES)}.")
        if isinstance(self.coverage, bool) or not 0.0 < self.coverage <= 1.0:
            raise ConfigError(f"coverage is {self.coverage!r}; expected a share above 0, up to 1.")
        for name, least in (("fast_above", 1), ("candidates", 1), ("neighbours", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"{name} is {value!r}; expected a whole number, {least} or more.")

    def for_size(self, n_docs: int) -> tuple[float, int]:
        """Return the effort as the loops take it: coverage (1 = exact), candidates."""
        is_fast = self.mode == "fast" or (self.mode == "auto" and n_docs > self.fast_above)
        return (float(self.coverage), self.candidates) if is_fast else (1.0, 0)


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """Which generations of an index are kept, and which builds are refused.

    Attributes
    ----------
    keep : int
        Newest generations that are kept. The live one and the one it came from are kept besides.
    grace : str
        How long a generation is kept after it was live last, whatever ``keep`` says: ``90s``,
        ``10m``, ``7d``; ``0`` = no longer.
    max_shrink : float
        A build is refused when it has fewer articles than the live generation by more than this
        share of them; 1 = never.
    max_empty : float
        A build is refused when the share of articles without any card grows by more than this;
        1 = never.
    max_relevance_drop : float
        A build is refused when the mean score of the best card, over articles of both generations,
        falls by more than this share; 1 = never.
    judgements : str
        What ``recommender compare --judgements`` takes: a file, or ``back-references`` and the
        like. A build's lists are compared with the live ones by it. Empty = they are not.
    max_quality_drop : float
        A build is refused when nDCG@10 by these judgements falls by more than this share, and that
        is no chance (p below 0.05); 1 = never.
    """

    keep: int = 10
    grace: str = "10m"
    max_shrink: float = 0.2
    max_empty: float = 0.05
    max_relevance_drop: float = 0.2
    judgements: str = ""
    max_quality_drop: float = 0.05

    def __post_init__(self) -> None:
        if isinstance(self.keep, bool) or not isinstance(self.keep, int) or self.keep < 1:
            raise ConfigError(f"keep is {self.keep!r}; expected a whole number, 1 or more.")
        seconds_of(self.grace, "grace")
        for name in ("max_shrink", "max_empty", "max_relevance_drop", "max_quality_drop"):
            value = getattr(self, name)
            if isinstance(value, bool) or not 0.0 <= value <= 1.0:
                raise ConfigError(f"{name} is {value!r}; expected a share between 0 and 1.")

    @property
    def grace_seconds(self) -> float:
        """Return ``grace`` in seconds."""
        return seconds_of(self.grace, "grace")


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """How an index grows by updates.

    Attributes
    ----------
    last_segment : int
        Up to this many articles the newest segment is written anew by each commit, with what is
        new; a larger one is left, and the next is begun.
    merge_factor : int
        A segment is merged with those after it where it has not this many times their articles: a
        small factor makes fewer merges, a large one fewer segments, which searches like.
    """

    last_segment: int = 1024
    merge_factor: int = 8

    def __post_init__(self) -> None:
        for name, least in (("last_segment", 0), ("merge_factor", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"{name} is {value!r}; expected a whole number, {least} or more.")
