"""Catalog: what is known of the articles that are evaluated, from the index they are in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.index.reader import NO_DATE, Index

__all__ = ["DIMENSIONS", "UNKNOWN", "Catalog"]

DIMENSIONS = ("section", "language", "age", "length")
UNKNOWN = "-"
DAY = 86_400.0

_CHUNK = 2048
_AGES = ((7.0, "up to a week"), (30.0, "up to a month"), (365.0, "up to a year"))
_LENGTHS = ("shortest quarter", "second quarter", "third quarter", "longest quarter")


class Catalog:
    """The articles of an index, by place: the order is that of ``Index.docs``.

    Parameters
    ----------
    index : Index
    progress : is told (step, done, total)

    Attributes
    ----------
    ids : list of str
    place : mapping of id to place
    published : (n,) float64, days since 1970; NaN where unknown
    n_terms : (n,) int64, distinct terms of each article
    languages, sections : list of str
    """

    def __init__(
        self, index: Index, progress: Callable[[str, int, int | None], None] | None = None
    ) -> None:
        self.index = index
        self.docs = index.docs()
        self.ids: list[str] = []
        self.sections: list[str] = []
        self.links: dict[str, tuple[str, ...]] = {}
        self.tags: dict[str, tuple[str, ...]] = {}
        times = []
        for n, doc in enumerate(self.docs.tolist(), 1):
            self._take(doc)
            times.append(index.published(doc))
            if progress and not n % _CHUNK:
                progress("articles", n, len(self.docs))
        self.place = {key: i for i, key in enumerate(self.ids)}
        seconds = np.array(times, np.int64)
        self.published = np.where(seconds == NO_DATE, np.nan, seconds / DAY)
        names = index.manifest.languages
        self.languages = [names[code] for code in index.languages_of(self.docs).tolist()]

    def _take(self, doc: int) -> None:
        card, key = self.index.card(doc), self.index.article_id(doc)
        self.ids.append(key)
        self.sections.append(str(card.get("section") or UNKNOWN))
        for name, kept in (("links", self.links), ("tags", self.tags)):
            if card.get(name):
                kept[key] = tuple(card[name])

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def n_terms(self) -> NDArray[np.int64]:
        """Distinct terms of each article, (n,) int64."""
        chunks = (self.docs[i : i + _CHUNK] for i in range(0, len(self.docs), _CHUNK))
        counts = [np.diff(self.index.queries_of(docs).indptr) for docs in chunks]
        return np.concatenate([np.zeros(0, np.int64), *counts])

    def doc(self, article_id: str) -> int:
        """Return the document number of an article that is here."""
        return int(self.docs[self.place[article_id]])

    def card(self, article_id: str) -> dict[str, Any]:
        """Return what is stored of an article; of an unknown one nothing."""
        return self.index.card(self.doc(article_id)) if article_id in self.place else {}

    def title(self, article_id: str) -> str:
        """Return an article's title, or its id where it has none."""
        return str(self.card(article_id).get("title") or article_id)

    def day(self, article_id: str) -> datetime | None:
        """Return when an article was published."""
        place = self.place.get(article_id)
        if place is None or np.isnan(self.published[place]):
            return None
        return datetime.fromtimestamp(float(self.published[place]) * DAY, UTC)

    @cached_property
    def groups(self) -> Mapping[str, list[str]]:
        """The label of each article in each of ``DIMENSIONS``, by place."""
        return {
            "section": self.sections,
            "language": self.languages,
            "age": self._ages(),
            "length": self._lengths(),
        }

    def _ages(self) -> list[str]:
        """Return how old each article is beside the newest one."""
        known = self.published[~np.isnan(self.published)]
        newest = known.max() if len(known) else 0.0
        return [_age(newest - day) for day in self.published.tolist()]

    def _lengths(self) -> list[str]:
        """Return in which quarter of the lengths each article is, by distinct terms."""
        if not len(self):
            return []
        bounds = np.quantile(self.n_terms, [0.25, 0.5, 0.75])
        return [_LENGTHS[i] for i in np.searchsorted(bounds, self.n_terms, side="left").tolist()]


def _age(days: float) -> str:
    if days != days:
        return "undated"
    return next((name for most, name in _AGES if days <= most), "older than a year")
