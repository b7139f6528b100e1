"""Judged articles in two parts that share no story: one to tune with, one to test on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from recommender.errors import InputError
from recommender.evaluation.judgements import Judgements
from recommender.evaluation.settings import TuningSettings

__all__ = ["LEAST_QUERIES", "LEAST_STORIES", "Part", "Split", "split", "stories_by_relevance"]

LEAST_QUERIES = 20
"""Judged articles that a part must have."""
LEAST_STORIES = 10
"""Stories that a part must have: of fewer, no gain stands out once a dozen settings are tried."""
MOST_QUERIES = 2000
"""Judged articles of a part that are asked: more say little more, and take their time."""
MOST_OF_STORY = 50
"""Judged articles of one story that are asked, so that none of them decides alone."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the judged articles.

    Attributes
    ----------
    judgements : Judgements, of these alone
    stories : of each query the name of its story
    """

    judgements: Judgements
    stories: tuple[str, ...]

    @property
    def n_queries(self) -> int:
        """How many judged articles there are."""
        return len(self.stories)

    @property
    def n_stories(self) -> int:
        """How many stories they are of."""
        return len({*self.stories})

    @property
    def groups(self) -> NDArray[np.int64]:
        """The number of each query's story, (n,) int64."""
        number = {story: i for i, story in enumerate(sorted({*self.stories}))}
        return np.array([number[story] for story in self.stories], np.int64)


@dataclass(frozen=True, slots=True)
class Split:
    """The judged articles in two parts.

    Attributes
    ----------
    training, test : Part
    notices : queries that neither has, in words, with how many
    """

    training: Part
    test: Part
    notices: Mapping[str, int] = field(default_factory=dict)


def stories_by_relevance(judgements: Judgements) -> dict[str, str]:
    """Return of each query the name of its story: the smallest id in it.

    Two articles are of one story where one is relevant to the other, or a chain of such pairs leads
    from one to the other.
    """
    above: dict[str, str] = {}

    def top(key: str) -> str:
        while (over := above.setdefault(key, key)) != key:
            above[key] = above[over]
            key = over
        return key

    for query in judgements.queries:
        for other, grade in judgements.truth(query).items():
            if grade > 0:
                first, last = sorted((top(query), top(other)))
                above[last] = first
    return {query: top(query) for query in judgements.queries}


def split(
    judgements: Judgements, settings: TuningSettings, *, whole: Judgements | None = None
) -> Split:
    """Split judged articles into a part to tune with and one to test on, story by story.

    On which side a story stands depends on its name and the seed alone: judgements of other stories
    do not move it.

    Parameters
    ----------
    whole : judgements by which stories hang together, where some of them, as those across
        languages, are not measured; None = ``judgements``

    Raises
    ------
    InputError : a part has too few articles or stories
    """
    stories = stories_by_relevance(whole or judgements)
    sides: dict[bool, list[str]] = {False: [], True: []}
    for query in judgements.queries:
        sides[_fraction(settings.seed, stories[query]) < settings.test_share].append(query)
    notices: Counter[str] = Counter()
    training, test = (_part(judgements, sides[side], stories, notices) for side in (False, True))
    _check(training, test, settings)
    return Split(training, test, dict(notices))


def _part(
    judgements: Judgements,
    queries: Iterable[str],
    stories: Mapping[str, str],
    notices: Counter[str],
) -> Part:
    """Return a part of as many queries as are asked, one of each story first."""
    places: Counter[str] = Counter()
    ranked: list[tuple[int, int, str]] = []
    for query in sorted(queries, key=lambda key: (_fraction(0, key), key)):
        ranked.append((places[stories[query]], len(ranked), query))
        places[stories[query]] += 1
    few = sorted(one for one in ranked if one[0] < MOST_OF_STORY)
    kept = sorted(query for *_, query in few[:MOST_QUERIES])
    notices += Counter(
        {
            f"queries left out, of stories of more than {MOST_OF_STORY}": len(ranked) - len(few),
            f"queries left out, as {MOST_QUERIES:,} a part will do": len(few) - len(kept),
        }
    )
    return Part(judgements.only(kept), tuple(stories[query] for query in kept))


def _fraction(seed: int, key: str) -> float:
    """Return a number in 0..1 that looks drawn and depends on the seed and the key alone."""
    digest = sha256(f"{seed}\0{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


def _check(training: Part, test: Part, settings: TuningSettings) -> None:
    for name, part in (("training", training), ("test", test)):
        if part.n_queries >= LEAST_QUERIES and part.n_stories >= LEAST_STORIES:
            continue
        raise InputError(
            f"The {name} part has {part.n_queries:,} judged articles of {part.n_stories:,} stories;"
            f" expected {LEAST_QUERIES} of {LEAST_STORIES} or more, as no gain can be told from "
            f"chance with fewer. In all there are {training.n_queries + test.n_queries:,} of "
            f"{training.n_stories + test.n_stories:,}, split with a test share of "
            f"{settings.test_share:g}; articles that are relevant to one another, by whatever "
            f"chain, are one story and stay together. Judge more articles"
            f"{_or_another_share(training, test)}."
        )


def _or_another_share(training: Part, test: Part) -> str:
    few = training.n_queries + test.n_queries < 2 * LEAST_QUERIES
    return (
        ""
        if few or training.n_stories + test.n_stories < 2 * LEAST_STORIES
        else (", or choose another test share")
    )
