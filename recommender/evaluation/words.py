"""Figures in words, for people who do not read figures: the verdict, and what measures mean."""

from __future__ import annotations

import math
from collections.abc import Iterator

from recommender.evaluation.catalog import UNKNOWN
from recommender.evaluation.measuring import Evaluation, Group
from recommender.evaluation.statistics import Figure

__all__ = ["MEANINGS", "counted", "days", "figure", "grade_of", "meaning", "share", "verdict"]

FEW = 30
"""Judged queries below which a verdict is guarded."""

_LEVELS = ((0.85, "very good"), (0.7, "good"), (0.5, "fair"), (0.3, "weak"), (0.0, "poor"))
_CONCENTRATED = 0.8
_WORST_GAP = 0.1

MEANINGS = {
    "ndcg": "nDCG, linear gain: how much of the best possible order the list has; 1 is perfect",
    "ndcg_exp": "nDCG, exponential gain (2^grade - 1): as nDCG, high grades count more",
    "map": "mean average precision: relevant cards early, and all of them",
    "mrr": "mean reciprocal rank: 1 if the first relevant card stands first, 1/2 if second ...",
    "precision": "share of the places that hold a relevant card",
    "recall": "share of all relevant articles that the list holds",
    "recall_capped": "the same, of as many as the list could hold",
    "rbp0.8": "rank-biased precision: of a reader who goes on to the next card 8 times in 10",
    "success": "share of lists with a relevant card among the first so many",
    "judged": "share of cards that anybody judged; the others count as not relevant",
    "alpha_ndcg": "nDCG by which a second card of one story is worth half as much",
    "cards": "cards in a list",
    "score": "mean score of the cards",
    "age_days": "days that cards are older than their article; below 0 newer",
    "fresh": "share of cards published within 30 days of their article",
    "other_language": "share of cards in another language than their article",
    "novelty": "bits: how rarely the cards are shown elsewhere; higher = less the same everywhere",
    "variety": "1 - cosine of each two cards of a list (intra-list distance)",
    "near_copies": "share of cards with a cosine of 0.9 or more to the article or a card before",
    "fallback": "share of cards that only fill a block (of an even sample of 300 blocks)",
}


def meaning(name: str) -> str:
    """Return what a measure means."""
    return MEANINGS.get(name.split("@")[0], "")


def figure(value: float | None, digits: int = 3) -> str:
    """Return a number for people, "-" where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def share(value: float | None) -> str:
    """Return a share for people, "-" where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    if value < 1.0 and value > 0.999:
        return "over 99.9 %"
    digits = 0 if 0.1 <= value < 0.995 or value in (0.0, 1.0) else 1
    return f"{100 * value:.{digits}f} %"


def days(value: float | None) -> str:
    """Return an age for people, "-" where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:,.0f} days" if abs(value) >= 10 else f"{value:,.1f} days"


def counted(n: int, noun: str) -> str:
    """Return how many there are of something."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def grade_of(value: float) -> str:
    """Return the word for an nDCG."""
    return next(word for least, word in _LEVELS if value >= least)


def verdict(found: Evaluation) -> list[str]:
    """Return the verdict, a sentence each, the most telling first."""
    return [*_quality(found), *_worst_group(found), *_archive(found), *_ages(found), *_care(found)]


def _quality(found: Evaluation) -> Iterator[str]:
    truth, main = found.judgements, found.quality.get(found.headline)
    if truth is None or main is None or main.mean is None:
        yield (
            "Nobody has judged these lists, so this report cannot say whether they are right; "
            "it says what they are like."
        )
        return
    k, weak = found.settings.k, truth.weak
    if weak:
        yield f"The truth used ({truth.name}) is weak, so these figures are no grade: {weak}."
    level = "" if weak else f"The lists are {grade_of(main.mean)}: "
    first, any_card = found.quality["success@1"], found.quality[f"success@{k}"]
    yield (
        f"{level}{'F' if weak else 'f'}or {share(first.mean)} of the "
        f"{counted(main.n, 'judged article')} the first card is relevant, and for "
        f"{share(any_card.mean)} at least one of the first {k} is."
    )
    yield f"They have {figure(main.mean)} of the best possible order (nDCG{_between(main)})."
    if main.n < FEW:
        yield f"That rests on {counted(main.n, 'judged article')} only: take it as a hint."


def _between(main: Figure) -> str:
    if main.low is None or main.high is None:
        return ""
    return f"; with 95 % certainty between {figure(main.low)} and {figure(main.high)}"


def _worst_group(found: Evaluation) -> Iterator[str]:
    """Name the section that is clearly worse than the whole, if there is one."""
    main = found.quality.get(found.headline)
    if main is None or main.mean is None:
        return
    for dimension, words in (("section", "section"), ("language", "language")):
        scored = [
            (group.quality[found.headline], label)
            for label, group in found.groups[dimension].items()
            if label != UNKNOWN and _is_enough(group, found.headline)
        ]
        low = [(f.mean, label, f) for f, label in scored if f.mean is not None]
        if len(low) < 2:
            continue
        mean, label, own = min(low, key=lambda one: (one[0], one[1]))
        if mean < main.mean - _WORST_GAP and own.high is not None and own.high < main.mean:
            yield (
                f"The {words} “{label}” is clearly worse than the rest: {figure(mean)} "
                f"(nDCG, {own.n:,} judged articles)."
            )


def _is_enough(group: Group, name: str) -> bool:
    return name in group.quality and group.quality[name].n >= 10


def _archive(found: Evaluation) -> Iterator[str]:
    exposure = found.exposure
    if exposure is None:
        yield (
            f"Lists of {len(found.beyond.queries):,} of the {len(found.catalog):,} articles are "
            "known: too few to say which articles are shown and which are not."
        )
        return
    if exposure.coverage is None or exposure.gini is None:
        yield "No list holds a card of this index."
        return
    n, every = len(exposure.orphans), f"{len(found.catalog):,} articles"
    if not n:
        yield f"Each of the {every} stands in some list."
    else:
        yield (
            f"{share(exposure.coverage)} of the {every} stand in some list; "
            f"{n:,} stand in none: no card leads to them."
        )
    if exposure.gini >= _CONCENTRATED:
        yield "Few articles take most of the places: see the hubs."


def _ages(found: Evaluation) -> Iterator[str]:
    ages = found.beyond.ages
    known = ages[ages == ages]
    if len(known):
        middle = sorted(abs(known).tolist())[len(known) // 2]
        yield f"Half of the cards were published within {days(middle)} of their article."


def _care(found: Evaluation) -> Iterator[str]:
    """Name what a reader would take amiss."""
    leaks, copies = (found.lists[name].mean for name in ("other_language", "near_copies"))
    if leaks:
        yield f"{share(leaks)} of the cards are in another language than their article."
    if copies:
        yield f"{share(copies)} of the cards repeat their article, or a card above them, nearly."
    empty = int((found.of_lists["cards"] == 0).sum())
    if empty:
        yield f"{counted(empty, 'article')} {'has' if empty == 1 else 'have'} no card at all."
