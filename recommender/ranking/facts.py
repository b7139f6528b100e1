"""What steps and rules ask about documents: section, tags, authors, label, ... as columns.

They are read from what the index stores for each card, once for each segment, when a step first
asks for them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.ranking.values import EMBARGO, folded, moment_of

__all__ = ["Facts", "Marks", "facts_of_card", "series_of_cards"]

_MARKS = {"sensitive": b'"sensitive":true', "embargo": f'"{EMBARGO}":'.encode()}
_TITLE = b'{"title":'
_STORED_AS = {"tag": "tags", "author": "authors"}


@dataclass(frozen=True)
class Facts:
    """Columns of a run of documents. Values are compared without regard to case.

    Attributes
    ----------
    n : how many documents
    values : by field, the value of each code
    codes : by field, (m,) int32, the codes of all documents, one document's after another's
    ptr : by field, (n + 1,) int64, where each document's begin
    """

    n: int
    values: Mapping[str, Sequence[str]]
    codes: Mapping[str, NDArray[np.int32]]
    ptr: Mapping[str, NDArray[np.int64]]
    _places: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    @classmethod
    def of_cards(cls, cards: StringColumn, fields: Sequence[str]) -> Facts:
        """Read the columns from stored cards."""
        codes: dict[str, list[int]] = {name: [] for name in fields}
        ends: dict[str, list[int]] = {name: [0] for name in fields}
        places: dict[str, dict[str, int]] = {name: {} for name in fields}
        shown: dict[str, list[str]] = {name: [] for name in fields}
        for text in cards:
            card = json.loads(text)
            for name in fields:
                known = places[name]
                for value in _values(card, name):
                    code = known.setdefault(folded(value), len(known))
                    if code == len(shown[name]):
                        shown[name].append(value)
                    codes[name].append(code)
                ends[name].append(len(codes[name]))
        return cls(
            len(cards),
            shown,
            {name: np.array(codes[name], np.int32) for name in fields},
            {name: np.array(ends[name], np.int64) for name in fields},
            places,
        )

    def of(self, name: str, doc: int) -> tuple[str, ...]:
        """Return a document's values of a field, as they are written."""
        shown, codes, ptr = self.values[name], self.codes[name], self.ptr[name]
        return tuple(shown[code] for code in codes[ptr[doc] : ptr[doc + 1]].tolist())

    def having(self, name: str, wanted: Iterable[str]) -> NDArray[np.bool_]:
        """Return which documents have any of some values (folded) in a field, (n,) bool."""
        known = self._places[name]
        found = [known[value] for value in wanted if value in known]
        out = np.zeros(self.n, np.bool_)
        if found:
            here = np.flatnonzero(np.isin(self.codes[name], found))
            out[np.searchsorted(self.ptr[name], here, side="right") - 1] = True
        return out

    def counts(self, name: str) -> dict[str, int]:
        """Return how many documents have each value of a field."""
        totals = np.bincount(self.codes[name], minlength=len(self.values[name])).tolist()
        return dict(zip(self.values[name], totals, strict=True))


@dataclass(frozen=True, slots=True)
class Marks:
    """What few articles are marked with, of a run of documents.

    Attributes
    ----------
    sensitive : int32, the documents that are; ascending
    embargoed : int32, the documents that are not to be shown before a moment; ascending
    until : float64, that moment of each, in seconds since 1970; infinite where it cannot be read
    untitled : int32, the documents without a title; ascending
    """

    sensitive: NDArray[np.int32]
    embargoed: NDArray[np.int32]
    until: NDArray[np.float64]
    untitled: NDArray[np.int32]

    @classmethod
    def of_cards(cls, cards: StringColumn) -> Marks:
        """Find the marked ones by what their stored cards hold; only those are read."""
        named = {name: _holding(cards, text) for name, text in _MARKS.items()}
        sensitive = [doc for doc in named["sensitive"] if _card(cards, doc).get("sensitive")]
        until = {doc: _embargo(_card(cards, doc)) for doc in named["embargo"]}
        embargoed = [doc for doc in named["embargo"] if until[doc] > -math.inf]
        return cls(
            np.array(sensitive, np.int32),
            np.array(embargoed, np.int32),
            np.array([until[doc] for doc in embargoed], np.float64),
            _untitled(cards),
        )


def series_of_cards(cards: StringColumn) -> dict[str, tuple[int, ...]]:
    """Return the documents of each series (folded); only cards that name one are read."""
    found: dict[str, list[int]] = {}
    for doc in _holding(cards, b'"series":'):
        for name in dict.fromkeys(map(folded, _values(_card(cards, doc), "series"))):
            found.setdefault(name, []).append(doc)
    return {name: tuple(docs) for name, docs in found.items()}


def _untitled(cards: StringColumn) -> NDArray[np.int32]:
    """Return the documents whose stored cards do not begin with a title."""
    begins = cards.offsets[:-1]
    longer = np.diff(cards.offsets) >= len(_TITLE)
    titled = longer.copy()
    for i, byte in enumerate(_TITLE):
        titled[longer] &= cards.data[begins[longer] + i] == byte
    return np.flatnonzero(~titled).astype(np.int32)


def _holding(cards: StringColumn, text: bytes) -> list[int]:
    """Return the documents whose stored cards hold some bytes."""
    buffer: Any = cards.data  # searched where it lies, without a copy
    found = [match.start() for match in re.finditer(re.escape(text), buffer)]
    docs = np.searchsorted(cards.offsets, np.array(found, np.int64), side="right") - 1
    return [int(doc) for doc in np.unique(docs)]


def _card(cards: StringColumn, doc: int) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(cards[doc])
    return card


def facts_of_card(card: Mapping[str, Any], fields: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the values that one card has in some fields, as they are written."""
    return {name: tuple(_values(card, name)) for name in fields}


def _values(card: Mapping[str, Any], name: str) -> list[str]:
    stored = card.get(_STORED_AS.get(name, name))
    if stored is None:
        stored = card.get("extra", {}).get(name)
    if isinstance(stored, list):
        return [str(value) for value in stored if isinstance(value, str | int | float)]
    if isinstance(stored, bool):
        return ["true" if stored else "false"]
    return [str(stored)] if isinstance(stored, str | int | float) and stored != "" else []


def _embargo(card: Mapping[str, Any]) -> float:
    """Return until when a card is not to be shown; one that cannot be read is for ever."""
    stated = card.get("extra", {}).get(EMBARGO)
    if stated in (None, ""):
        return -math.inf
    moment = moment_of(stated)
    return math.inf if moment is None else moment
