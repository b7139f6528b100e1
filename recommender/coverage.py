"""Coverage: which articles stand in no block, which in very many, and whose own block is short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._settings import check_jobs
from recommender.answers import Answers
from recommender.eligibility import Ask
from recommender.neighbours import runs_of
from recommender.recommend import Recommender

__all__ = ["Coverage", "Listed", "Short", "coverage"]

_ROWS: Final = 512


@dataclass(frozen=True, slots=True)
class Listed:
    """An article, and in how many blocks it stands."""

    id: str
    title: str
    blocks: int


@dataclass(frozen=True, slots=True)
class Short:
    """An article whose block has fewer cards than asked for, and why."""

    id: str
    title: str
    cards: int
    reason: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the cards of all blocks spread over the articles.

    Attributes
    ----------
    articles : how many there are, and as many blocks
    cards : how many cards the blocks have together
    n_orphans, n_short : how many articles stand in no block, and have too short a block
    orphans : the first of the articles in no block, the newest first
    hubs : the articles in most blocks, the most first
    short : the first of the articles with a short block, the shortest first
    """

    articles: int
    cards: int
    n_orphans: int
    n_short: int
    orphans: tuple[Listed, ...]
    hubs: tuple[Listed, ...]
    short: tuple[Short, ...]


def coverage(
    model: Recommender,
    *,
    most: int = 20,
    jobs: int = 1,
    progress: Callable[[str, int, int | None], None] | None = None,
    **options: Any,
) -> Coverage:
    """Make every block and count where each article stands.

    Parameters
    ----------
    most : how many orphans, hubs and short blocks are named
    jobs : threads; -1 = one a core
    **options : as ``Recommender.related`` takes them
    """
    check_jobs(jobs)
    answers = model.answers
    index, ask = answers.index, answers.ask_for(options)
    every = index.docs()
    chunks = [every[first : first + _ROWS] for first in range(0, len(every), _ROWS)]
    counts = np.zeros(index.n_docs, np.int64)
    lengths = np.zeros(index.n_docs, np.int64)
    done = 0
    for docs, found, *_ in runs_of(partial(answers.rows, ask), iter(chunks), jobs=jobs):
        counts += np.bincount(found[found >= 0], minlength=index.n_docs)
        lengths[docs] = (found >= 0).sum(axis=1)
        done += len(docs)
        if progress:
            progress("export", done, len(every))
    newest = every[::-1]
    orphans = newest[counts[newest] == 0]
    hubs = newest[np.argsort(-counts[newest], kind="stable")][:most]
    short = newest[lengths[newest] < ask.settings.limit]
    short = short[np.argsort(lengths[short], kind="stable")]
    return Coverage(
        len(every),
        int(counts.sum()),
        len(orphans),
        len(short),
        _listed(answers, orphans[:most], counts),
        _listed(answers, hubs[counts[hubs] > 0], counts),
        tuple(_short(answers, int(doc), ask) for doc in short[:most]),
    )


def _listed(
    answers: Answers, docs: Sequence[int] | NDArray[np.int32], counts: NDArray[np.int64]
) -> tuple[Listed, ...]:
    return tuple(
        Listed(answers.index.article_id(int(d)), _title(answers, int(d)), int(counts[d]))
        for d in docs
    )


def _short(answers: Answers, doc: int, ask: Ask) -> Short:
    """Return a short block with what made it short."""
    ranked = answers.rank(doc, ask)
    reason = ranked.barred
    if not reason:
        steps = [dropped.step for dropped in ranked.dropped if dropped.step != "limit"]
        said = [f"{steps.count(step)} by {step}" for step in sorted(set(steps))]
        found = len(answers.rank(doc, replace(ask, settings=_open(ask))).chosen)
        near = f"{found:,} share a weighty word in its language"
        reason = f"{near}; left out: {', '.join(said)}" if said else near
    return Short(answers.index.article_id(doc), _title(answers, doc), len(ranked.chosen), reason)


def _open(ask: Ask) -> Any:
    """Return the settings of a block that nothing is left out of."""
    from recommender.ranking.settings import PRESETS, BlockSettings

    return BlockSettings(**{**PRESETS["similarity"], "limit": ask.settings.limit})


def _title(answers: Answers, doc: int) -> str:
    title: str = answers.index.card(doc).get("title", "")
    return title
