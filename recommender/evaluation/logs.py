"""Logs of what readers were shown and what they clicked."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.errors import InputError
from recommender.evaluation._rows import column, first_row, rows_of, whole_number

__all__ = ["Log", "is_log", "read_log"]

LAST_POSITION = 1000

_REQUEST = ("request", "request_id", "impression", "impression_id", "block", "block_id")
_QUERY = ("query", "query_id", "article", "article_id", "source", "source_id", "id")
_ITEM = ("item", "item_id", "shown_id", "card", "card_id", "other", "other_id")
_POSITION = ("position", "pos", "rank", "place")
_CLICKED = ("clicked", "click", "clicks")
_PROPENSITY = ("propensity", "propensities", "probability")
_YES: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_NO_CLICK: Final = ("", None)
_DOUBLE: Final = "a position that another card of the block has"


@dataclass(frozen=True, slots=True)
class Log:
    """Cards that were shown, one a row.

    Attributes
    ----------
    name : str
    requests : (n,) int64, number of the block each card stood in, from 0
    queries, items : list of ids: the article read, the article shown
    positions : (n,) int64, from 1
    clicked : (n,) bool
    propensities : (n,) float64, how likely this card was to be shown at this place; NaN = unknown
    notices : rows that could not be used, in words, with how many
    """

    name: str
    requests: NDArray[np.int64]
    queries: list[str]
    items: list[str]
    positions: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    propensities: NDArray[np.float64]
    notices: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_requests(self) -> int:
        """Blocks that were shown."""
        return int(self.requests.max(initial=-1)) + 1


class _Wrong(Exception):  # noqa: N818
    """A row that cannot be used, and why."""


Shown = tuple[str, str, str, int, bool, float]
"""Request, query, item, position, clicked, propensity."""


def is_log(path: Path) -> bool:
    """Tell whether a file's first row is one of a log."""
    try:
        row = first_row(path)
    except InputError:
        return False  # whatever it is, who reads it says what is wrong
    return "shown" in row or (
        column(row, _ITEM) is not None and any(name in row for name in _CLICKED)
    )


def read_log(path: str | Path, *, name: str | None = None) -> Log:
    """Read a log of blocks shown and clicked.

    Parameters
    ----------
    path : JSON lines, TSV or CSV, ``.gz`` or not. Either a block a row (``request``, ``query``,
        ``shown``: ids in order, ``clicked``: ids, ``propensity``: a number for each) or a card a
        row (``request``, ``query``, ``item``, ``position`` from 1, ``clicked``, ``propensity``).
        Lists in a table are separated by blanks. Without ``request`` each block is one of its own.
    name : in messages and reports; the file's by default

    Raises
    ------
    SourceNotFoundError : the file cannot be read
    InputError : it is no log, or no row of it can be used; the message says why
    """
    source = Path(path)
    kept = _Kept()
    wrong: Counter[str] = Counter()
    first: dict[str, int] = {}
    for number, row in rows_of(source):
        try:
            shown = list(_cards(row, number))
        except _Wrong as why:
            wrong[str(why)] += 1
            first.setdefault(str(why), number)
            continue
        for card in shown:
            kept.add(number, card)
    double = kept.doubles()
    if len(double):
        wrong[_DOUBLE], first[_DOUBLE] = len(double), kept.lines[double[0]]
    notices = {f"rows with {why} (first in line {first[why]:,})": n for why, n in wrong.items()}
    if not kept.lines:
        said = "; ".join(f"{n:,} {why}" for why, n in notices.items())
        raise InputError(f"No row of {source} can be used as a log: {said or 'it has none'}.")
    return kept.without(double, name or source.name, notices)


class _Kept:
    """The cards of a log as columns: a log may have millions."""

    def __init__(self) -> None:
        self.lines, self._requests, self._positions = array("q"), array("q"), array("q")
        self._clicked, self._propensities = array("b"), array("d")
        self._queries: list[str] = []
        self._items: list[str] = []
        self._numbers: dict[str, int] = {}
        self._shared: dict[str, str] = {}  # an id stands in many rows, and once in memory

    def add(self, line: int, card: Shown) -> None:
        request, query, item, position, clicked, propensity = card
        self.lines.append(line)
        self._requests.append(self._numbers.setdefault(request, len(self._numbers)))
        self._queries.append(self._shared.setdefault(query, query))
        self._items.append(self._shared.setdefault(item, item))
        self._positions.append(position)
        self._clicked.append(clicked)
        self._propensities.append(propensity)

    def doubles(self) -> NDArray[np.int64]:
        """Return the rows whose place in their block another card had before, ascending."""
        places = np.array(self._requests) * (LAST_POSITION + 1) + np.array(self._positions)
        first = np.unique(places, return_index=True)[1]
        return np.setdiff1d(np.arange(len(places)), first)

    def without(self, rows: NDArray[np.int64], name: str, notices: Mapping[str, int]) -> Log:
        """Return the log, some rows apart."""
        left = np.setdiff1d(np.arange(len(self.lines)), rows)
        every = len(left) == len(self.lines)
        return Log(
            name,
            np.array(self._requests, np.int64)[left],
            self._queries if every else [self._queries[i] for i in left.tolist()],
            self._items if every else [self._items[i] for i in left.tolist()],
            np.array(self._positions, np.int64)[left],
            np.array(self._clicked, np.bool_)[left],
            np.array(self._propensities, np.float64)[left],
            notices,
        )


def _cards(row: Mapping[str, Any], number: int) -> Iterator[Shown]:
    query = column(row, _QUERY)
    if query is None:
        raise _Wrong("no query")
    request = str(column(row, _REQUEST) or f"\0{number}")
    if "shown" in row:
        yield from _block(row, request, str(query))
        return
    item = column(row, _ITEM)
    if item is None:
        raise _Wrong("no article that was shown")
    position = whole_number(column(row, _POSITION))
    if position is None or not 1 <= position <= LAST_POSITION:
        raise _Wrong(f"a position that is no whole number from 1 to {LAST_POSITION:,}")
    yield (
        request,
        str(query),
        str(item),
        position,
        _yes(column(row, _CLICKED)),
        _propensity(column(row, _PROPENSITY)),
    )


def _block(row: Mapping[str, Any], request: str, query: str) -> Iterator[Shown]:
    items, clicked = _list(row["shown"]), _list(row.get("clicked"))
    if len({*items}) < len(items):
        raise _Wrong("an article shown twice in a block")
    if not items:
        raise _Wrong("nothing shown")
    if not {*clicked} <= {*items}:
        raise _Wrong("a click on an article that was not shown")
    chances = _list(column(row, _PROPENSITY))
    if chances and len(chances) != len(items):
        raise _Wrong("propensities that are not as many as the articles shown")
    for place, item in enumerate(items):
        chance = _propensity(chances[place] if chances else None)
        yield request, query, item, place + 1, item in clicked, chance


def _list(value: Any) -> list[str]:
    if value in _NO_CLICK:
        return []
    if isinstance(value, list):
        return [str(part) for part in value]
    return str(value).split()


def _yes(value: Any) -> bool:
    if value is None:
        return False
    found = _YES.get(str(value).strip().casefold())
    if found is None:
        raise _Wrong("a click that is neither 0 nor 1")
    return found


def _propensity(value: Any) -> float:
    if value is None:
        return float("nan")
    try:
        chance = float(value)
    except (TypeError, ValueError, OverflowError):
        chance = -1.0
    if not 0.0 < chance <= 1.0:
        raise _Wrong("a propensity that is not above 0 and at most 1")
    return chance
