"""Twins: the same story told in another language of the site."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recommender.index.part import Choice
from recommender.index.reader import NO_DATE, Index
from recommender.ranking.values import folded

__all__ = ["may_be_twins", "twins_of"]

_APART: Final = 2 * 86_400
"""Seconds between the versions of a story."""
_LEAST: Final = 0.05
_SECTION: Final = 0.05
_LOOKED_AT: Final = 8


def twins_of(index: Index, doc: int) -> list[int]:
    """Return the articles that tell a document's story in other languages, one a language.

    Twins were published within two days, and each is the other's nearest in its language: by
    names, figures and borrowed words that both spell alike, a little more for the same section, and
    at once where both show the same picture. An article without a date has none.
    """
    found = []
    for code, _ in enumerate(index.manifest.languages):
        if code != index.language_code(doc):
            twin = _nearest(index, doc, code)
            if twin is not None and _nearest(index, twin, index.language_code(doc)) == doc:
                found.append(twin)
    return found


def may_be_twins(index: Index, doc: int, other: int) -> bool:
    """Tell whether two documents are of different languages, and near enough in time for twins."""
    if index.language_code(doc) == index.language_code(other):
        return False
    times = index.published(doc), index.published(other)
    return NO_DATE not in times and abs(times[0] - times[1]) <= _APART


def _nearest(index: Index, doc: int, language: int) -> int | None:
    """Return what is most like a document's twin in a language; None if nothing is."""
    here = index.published(doc)
    if here == NO_DATE:
        return None
    choice = Choice(frozenset({language}), since=here - _APART, until=here + _APART + 1)
    near = index.search(index.query_of(doc), _LOOKED_AT, choice=choice)
    own = index.card(doc)
    worth = [
        score + _extra(own, index.card(other))
        for other, score in zip(near.docs.tolist(), near.scores.tolist(), strict=True)
    ]
    if not worth or max(worth) < _LEAST:
        return None
    return int(near.docs[int(np.argmax(worth))])


def _extra(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return what speaks for twins besides their words."""
    pictures = [card.get("image", {}).get("src") for card in (one, other)]
    if pictures[0] and pictures[0] == pictures[1]:
        return 1.0
    sections = [folded(card.get("section") or "") for card in (one, other)]
    return _SECTION if sections[0] and sections[0] == sections[1] else 0.0
