"""How lists are evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recommender.errors import ConfigError

__all__ = ["EvaluationSettings", "TuningSettings"]


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """How lists are evaluated.

    Attributes
    ----------
    k : int
        Cards of each list that are looked at, 1 to 1,000.
    least : int
        Grade from which an article is relevant, where a measure knows but yes and no.
    replay : bool
        Only articles published before the query count, in lists and in judgements.
    any_language : bool
        Judgements of articles in another language than the query's count too.
    jobs : int
        Threads that search.
    options : mapping
        What ``Recommender.related`` takes: ``preset``, ``threshold``, ``languages``, ``mode``.
    """

    k: int = 10
    least: int = 1
    replay: bool = False
    any_language: bool = False
    jobs: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.k <= 1000:
            raise ConfigError(f"limit is {self.k!r}; expected a whole number from 1 to 1000.")
        if not 1 <= self.least <= 20:
            raise ConfigError(
                f"relevant is {self.least!r}; expected a grade, a whole number from 1 to 20."
            )


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """How settings of the block are tuned.

    Attributes
    ----------
    measure : str
        What has to become better: a measure of quality, with or without its ``@k``.
    test_share : float
        Share of the stories that are kept for the test, 0.1 to 0.9.
    seed : int
        Of the split into a training and a test part, 0 or more.
    """

    measure: str = "ndcg"
    test_share: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.1 <= self.test_share <= 0.9:
            raise ConfigError(f"test_share is {self.test_share!r}; expected 0.1 to 0.9.")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed!r}; expected a whole number, 0 or more.")
