"""Measures of lists against judgements, all lists at once: arrays in, one figure a list out.

A figure that is not defined is NaN, never 0 or 1: nobody measures a list whose query has nothing
relevant. An article without a mark counts as not relevant. The formulas are those of trec_eval
where it has the measure:

- nDCG (Järvelin and Kekäläinen 2002), discount log2(place + 1), of at most k places. The *linear*
  gain is the grade, as in trec_eval; the *exponential* one is 2^grade - 1 (Burges et al. 2005).
  With grades 0 and 1 both are the same.
- average precision, of at most k places, over all relevant articles; reciprocal rank; precision;
  recall; *capped* recall, over the relevant articles that k places can hold; success (one relevant
  article or more).
- rank-biased precision (Moffat and Zobel 2008), of a reader who goes on with probability 0.8.
- alpha-nDCG (Clarke et al. 2008): a relevant article is worth 1 for its story, and half as much for
  each one of this story before it. The ideal list is made greedily.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender._settings import nearest
from recommender.errors import InputError
from recommender.evaluation.judgements import Judgements
from recommender.evaluation.runs import Run

__all__ = ["Marks", "alpha_ndcg", "marks_of", "measure", "measure_named"]

Figures = NDArray[np.float64]

PATIENCE = 0.8
ALPHA = 0.5


@dataclass(frozen=True, slots=True)
class Marks:
    """The grades that lists have, place by place.

    Attributes
    ----------
    queries : tuple of n ids
    gains : (n, k) float64, grade of each card; 0 = not relevant, not judged, or no card
    relevant : (n, k) bool
    judged : (n, k) bool, whether the card has a mark
    cards : (n,) int64, cards of each list
    ideal : (n, k) float64, the best grades there are, falling; 0 where there are no more
    n_relevant : (n,) int64, relevant articles there are
    """

    queries: tuple[str, ...]
    gains: Figures
    relevant: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    cards: NDArray[np.int64]
    ideal: Figures
    n_relevant: NDArray[np.int64]


def marks_of(run: Run, judgements: Judgements, k: int, *, least: int = 1) -> Marks:
    """Return the grades of a run's lists, for each query of the judgements.

    A query that the run does not have is an empty list. Copies under a card count as
    ``Run.told`` says.

    Parameters
    ----------
    k : places that are looked at
    least : grade from which an article is relevant, where a measure knows but yes and no
    """
    queries = judgements.queries
    n = len(queries)
    gains, ideal = np.zeros((n, k)), np.zeros((n, k))
    relevant, judged = np.zeros((n, k), np.bool_), np.zeros((n, k), np.bool_)
    cards, n_relevant = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for row, query in enumerate(queries):
        truth = judgements.truth(query)
        found = run.told(query, truth)[:k]
        marks = [truth.get(item) for item in found]
        grades = [max(0, mark or 0) for mark in marks]
        best = sorted((grade for grade in truth.values() if grade > 0), reverse=True)
        cards[row] = len(found)
        gains[row, : len(found)] = grades
        relevant[row, : len(found)] = [grade >= least for grade in grades]
        judged[row, : len(found)] = [
            mark is not None or item in judgements.labelled
            for mark, item in zip(marks, found, strict=True)
        ]
        ideal[row, : len(best)] = best[:k]
        n_relevant[row] = sum(grade >= least for grade in best)
    return Marks(queries, gains, relevant, judged, cards, ideal, n_relevant)


def measure(marks: Marks, k: int) -> dict[str, Figures]:
    """Return every measure of each list, (n,) float64, NaN where it is not defined."""
    hits = marks.relevant.astype(np.float64)
    total = np.where(marks.n_relevant > 0, marks.n_relevant, np.nan).astype(np.float64)
    found = hits.sum(axis=1)
    no_query = np.isnan(total)
    figures = {
        f"ndcg@{k}": _ndcg(marks.gains, marks.ideal),
        f"ndcg_exp@{k}": _ndcg(2.0**marks.gains - 1.0, 2.0**marks.ideal - 1.0),
        f"map@{k}": (_precisions(hits) * hits).sum(axis=1) / total,
        f"mrr@{k}": _where(no_query, _reciprocal(hits)),
        f"precision@{k}": _where(no_query, found / k),
        f"recall@{k}": found / total,
        f"recall_capped@{k}": found / np.minimum(total, k),
        f"rbp{PATIENCE}@{k}": _where(
            no_query, (1 - PATIENCE) * hits @ PATIENCE ** np.arange(hits.shape[1])
        ),
        "success@1": _where(no_query, hits[:, :1].max(axis=1, initial=0.0)),
        f"success@{k}": _where(no_query, hits.max(axis=1, initial=0.0)),
        f"judged@{k}": _ratio(marks.judged.sum(axis=1), marks.cards),
    }
    return figures


def measure_named(given: str, k: int) -> str:
    """Return the whole name of a measure of quality, which may be given without its ``@k``.

    Raises
    ------
    InputError : there is none of that name; the message says the nearest
    """
    nothing = Judgements("", "pairs", (), lambda query: {})
    every = measure(marks_of(Run("", {}), nothing, k), k)
    known = [name for name in every if not name.startswith("judged@")]  # says nothing of quality
    for name in (given, f"{given}@{k}"):
        if name in known:
            return name
    bare = dict.fromkeys(name.split("@")[0] for name in known)
    raise InputError(
        f"There is no measure {given!r} of the first {k} cards.{nearest(given.split('@')[0], bare)}"
    )


def alpha_ndcg(
    run: Run, judgements: Judgements, stories: Mapping[str, Sequence[str]], k: int
) -> Figures:
    """Return the alpha-nDCG of each list over stories, NaN where no relevant article has any.

    Parameters
    ----------
    stories : of each article those it belongs to; without any, it is worth nothing
    """
    out = np.full(len(judgements.queries), np.nan)
    for row, query in enumerate(judgements.queries):
        truth = judgements.truth(query)
        relevant = {item: tuple(stories.get(item, ())) for item, g in truth.items() if g > 0}
        worth = {item: own for item, own in relevant.items() if own}
        best = _alpha_dcg(_greedy(worth, k), worth)
        if best > 0.0:
            out[row] = _alpha_dcg(run.told(query, truth)[:k], worth) / best
    return out


def _alpha_dcg(items: Sequence[str], worth: Mapping[str, Sequence[str]]) -> float:
    seen: dict[str, int] = {}
    total = 0.0
    for place, item in enumerate(items):
        own = worth.get(item, ())
        total += sum((1 - ALPHA) ** seen.get(story, 0) for story in own) / np.log2(place + 2)
        for story in own:
            seen[story] = seen.get(story, 0) + 1
    return float(total)


def _greedy(worth: Mapping[str, Sequence[str]], k: int) -> list[str]:
    """Return the list that takes what is worth most at each place."""
    seen: dict[str, int] = {}
    left, out = dict.fromkeys(worth), list[str]()
    while left and len(out) < k:
        best = max(left, key=lambda i: sum((1 - ALPHA) ** seen.get(s, 0) for s in worth[i]))
        out.append(best)
        del left[best]
        for story in worth[best]:
            seen[story] = seen.get(story, 0) + 1
    return out


def _ndcg(gains: Figures, ideal: Figures) -> Figures:
    discounts = 1.0 / np.log2(np.arange(gains.shape[1]) + 2.0)
    return _ratio(gains @ discounts, ideal @ discounts)


def _precisions(hits: Figures) -> Figures:
    """Return the precision at each place, (n, k)."""
    places: Figures = np.arange(1, hits.shape[1] + 1, dtype=np.float64)
    return np.asarray(hits.cumsum(axis=1) / places)


def _reciprocal(hits: Figures) -> Figures:
    first = hits.argmax(axis=1) if hits.shape[1] else np.zeros(len(hits), np.int64)
    return np.where(hits.any(axis=1), 1.0 / (first + 1.0), 0.0)


def _ratio(part: NDArray[np.number], whole: NDArray[np.number]) -> Figures:
    out = np.full(len(whole), np.nan)
    np.divide(part, whole, out=out, where=np.asarray(whole) > 0)
    return out


def _where(undefined: NDArray[np.bool_], values: Figures) -> Figures:
    return np.where(undefined, np.nan, values)
