"""The gate before publishing: a build that is much worse than the live generation is refused.

An export that was cut short, a field that moved, a setting that takes the words away: such a build
succeeds, and the site shows it. So its figures are compared with those of what is live.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.errors import IncompatibleIndexError, IndexFolderError, InputError
from recommender.index.manifest import live
from recommender.index.reader import Index
from recommender.index.settings import GenerationSettings

__all__ = [
    "FEWEST",
    "SURE",
    "Figure",
    "Measure",
    "Verdict",
    "best_cards",
    "even_sample",
    "judge",
    "percent",
]

FEWEST = 20
"""With fewer articles, one of them is more than a twentieth of all: nothing is refused."""

SURE = 0.05
"""A difference with a p of this or more may be chance, and refuses nothing."""

_SEED = 20_260_301
_MOST_FOR_EMPTY = 1000
_MOST_FOR_RELEVANCE = 500
_LOOKED_FOR = 4  # times as many articles are looked up as are wanted, since some may be gone


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a build beside that of the live generation.

    Attributes
    ----------
    name : str
    live, new : float, the figures
    loss : float
        How much worse the new one is, as the limit counts it; below 0 where it is better.
    limit : float
    setting : str, that holds the limit
    shown : str, the figures in words
    p : float or None
        How likely chance alone makes such a difference, where that was tested.
    notices : what was left out of it, in words, with how many
    """

    name: str
    live: float
    new: float
    loss: float
    limit: float
    setting: str
    shown: str
    p: float | None = None
    notices: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_refused(self) -> bool:
        """Whether the loss is beyond the limit, and no chance as far as that was tested."""
        return self.loss > self.limit and (self.p is None or self.p < SURE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate found.

    Attributes
    ----------
    compared_with : generation that was live, or None: nothing was compared
    figures : tuple of Figure
    changed_settings : those that the live generation was built with otherwise
    objections : what should have been compared and cannot be, in words; each refuses
    notes : what was not compared, and need not be
    """

    compared_with: int | None = None
    figures: tuple[Figure, ...] = ()
    changed_settings: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_refusal(self) -> bool:
        """Whether any figure is beyond its limit, or cannot be had."""
        return bool(self.complaints)

    @property
    def complaints(self) -> tuple[str, ...]:
        """What is beyond its limit, or cannot be compared, in words."""
        beyond = (
            f"{f.shown} (limit {100 * f.limit:g}%, [generations] {f.setting})"
            for f in self.figures
            if f.is_refused
        )
        return (*beyond, *self.objections)

    def refusal(self, root: Path) -> str:
        """Return why the build is refused, and what to do."""
        changed = ", ".join(self.changed_settings)
        hint = f" Settings that changed since: {changed}." if changed else ""
        return (
            f"The build was refused, and generation {self.compared_with} of {root} stays live: "
            f"{'; '.join(self.complaints)}.{hint} "
            "Look at the source; if it is meant, build again with --force."
        )


def judge(
    root: Path,
    new: Index,
    settings: GenerationSettings,
    *,
    threshold: float = 0.0,
    more: Sequence[Measure] = (),
) -> Verdict:
    """Compare what is about to be published with the live generation of ``root``.

    Nothing is compared where nothing is live, where it cannot be read (then any build is a gain),
    and where it has fewer than ``FEWEST`` articles.

    Parameters
    ----------
    threshold : least score of a card that counts as one
    more : measures beside those of this module. Where one raises InputError, the build is refused
        for want of it; where IncompatibleIndexError, it goes without.
    """
    number = live(root)
    try:
        old = None if number is None else Index.open(root, generation=number, verify=False)
    except IndexFolderError:
        return Verdict()
    if old is None or old.n_articles < FEWEST:
        return Verdict()
    figures, objections, notes = list[Figure](), list[str](), list[str]()
    for measure in (*_MEASURES, *more):
        try:
            figure = measure(old, new, settings, threshold)
        except IncompatibleIndexError as error:
            notes.append(f"generation {number} was not asked for its lists: {error}")
        except InputError as error:
            objections.append(str(error).removesuffix("."))
        else:
            figures += [figure] if figure is not None else []
    changed = _changed(old.manifest.settings, new.manifest.settings)
    return Verdict(number, tuple(figures), tuple(changed), tuple(objections), tuple(notes))


Measure = Callable[[Index, Index, GenerationSettings, float], Figure | None]
"""Takes the live index, the new one, limits and threshold; None = too few articles to tell."""


def _articles(
    old: Index, new: Index, settings: GenerationSettings, threshold: float
) -> Figure | None:
    before, now = old.n_articles, new.n_articles
    loss = 1.0 - now / before
    shown = f"{now:,} articles instead of {before:,} ({percent(-loss)})"
    return Figure("articles", before, now, loss, settings.max_shrink, "max_shrink", shown)


def _empty(old: Index, new: Index, settings: GenerationSettings, threshold: float) -> Figure | None:
    before, now = (_empty_share(index, threshold) for index in (old, new))
    shown = f"{now:.1%} of articles without any card instead of {before:.1%}"
    return Figure(
        "without any card", before, now, now - before, settings.max_empty, "max_empty", shown
    )


def _empty_share(index: Index, threshold: float) -> float:
    docs = index.docs()
    docs = docs[even_sample(len(docs), _MOST_FOR_EMPTY)]
    scores = best_cards(index, docs, threshold)
    return float(np.mean(scores == 0.0)) if len(docs) else 0.0


def _relevance(
    old: Index, new: Index, settings: GenerationSettings, threshold: float
) -> Figure | None:
    """Compare the mean score of the best card over the same articles.

    Without people's judgements this is the nearest thing: when texts are cut or fields are lost,
    articles share fewer words with their nearest.
    """
    docs = old.docs()
    docs = docs[even_sample(len(docs), _LOOKED_FOR * _MOST_FOR_RELEVANCE)]
    pairs = [(doc, new.find(old.article_id(doc))) for doc in docs.tolist()]
    both = np.array([(a, b) for a, b in pairs if b is not None], np.int32).reshape(-1, 2)
    both = both[even_sample(len(both), _MOST_FOR_RELEVANCE)]
    if len(both) < FEWEST:
        return None
    before = float(best_cards(old, both[:, 0], threshold).mean())
    now = float(best_cards(new, both[:, 1], threshold).mean())
    loss = 1.0 - now / before if before else 0.0
    shown = f"the best card scores {now:.3f} on average instead of {before:.3f} ({percent(-loss)})"
    limit = settings.max_relevance_drop
    return Figure("best card", before, now, loss, limit, "max_relevance_drop", shown)


_MEASURES: tuple[Measure, ...] = (_articles, _empty, _relevance)


def percent(share: float) -> str:
    """Return a change as a share, with its sign."""
    return f"{round(share, 3) + 0.0:+.1%}".replace("-", "\N{MINUS SIGN}")


def _changed(before: Any, now: Any) -> list[str]:
    """Return the settings that differ, as section.name."""
    out = []
    for section in sorted({*before, *now}):
        here, there = before.get(section, {}), now.get(section, {})
        names = sorted({*here, *there})
        out += [f"{section}.{name}" for name in names if here.get(name) != there.get(name)]
    return out


# --- shared with versions ---


def even_sample(n: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` of the places 0 to n - 1: one, by seed, of every stretch."""
    if n <= most:
        return np.arange(n)
    bounds = np.arange(most + 1) * n // most
    within = np.random.default_rng(_SEED).random(most)
    places: NDArray[np.int64] = bounds[:-1] + (within * np.diff(bounds)).astype(np.int64)
    return places


def best_cards(index: Index, docs: NDArray[np.int32], threshold: float) -> NDArray[np.float64]:
    """Return the score of each document's best card in its language, 0 where it has none."""
    docs = np.ascontiguousarray(docs, np.int32)
    scores: NDArray[np.float64] = index.related_rows(
        docs, 1, threshold=threshold, effort=index.search_settings
    )[1]
    return scores[:, 0]
