"""Columns of words: which of them are in a set, and rows put in the places of others."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn, concatenate
from recommender.text._lexicon import Lexicon

__all__ = ["WordSet", "replace_rows", "spread_rows"]


class WordSet:
    """Words that do not change, numbered in their order. Safe to use from many threads.

    They are entered when they are first asked for: settings make sets that nobody asks, in
    processes that load no compiled loop.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(words)

    @cached_property
    def _lexicon(self) -> Lexicon:
        lexicon = Lexicon()
        lexicon.add(StringColumn.from_lines(self._words))
        return lexicon

    def find(self, column: StringColumn) -> NDArray[np.int32]:
        """Return the number of each string, -1 for those that are not in the set."""
        return self._lexicon.find(column)


def replace_rows(
    column: StringColumn, places: NDArray[np.integer], others: StringColumn
) -> StringColumn:
    """Return ``column`` with ``others`` at the ascending ``places``."""
    if not len(places):
        return column
    if len(places) == len(column):
        return others
    order = np.arange(len(column))
    order[places] = len(column) + np.arange(len(others))
    return concatenate([column, others]).take(order)


def spread_rows(column: StringColumn, places: NDArray[np.integer], n_rows: int) -> StringColumn:
    """Return so many rows, those of ``column`` at the ascending ``places``, the rest empty."""
    offsets = np.zeros(n_rows + 1, np.int64)
    offsets[places + 1] = np.diff(column.offsets)
    return StringColumn(column.data, np.cumsum(offsets) + column.offsets[0])
