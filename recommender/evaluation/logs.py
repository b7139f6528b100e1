"""Logs of what readers were shown and what they clicked."""

from __future__ import annotations

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
    kept: list[Shown] = []
    wrong: Counter[str] = Counter()
    first: dict[str, int] = {}
    places: set[tuple[str, int]] = set()
    for number, row in rows_of(source):
        try:
            shown = list(_cards(row, number))
            _check_places(shown, places)
        except _Wrong as why:
            wrong[str(why)] += 1
            first.setdefault(str(why), number)
            continue
        kept += shown
    notices = {f"rows with {why} (first in line {first[why]:,})": n for why, n in wrong.items()}
    if not kept:
        said = "; ".join(f"{n:,} {why}" for why, n in notices.items())
        raise InputError(f"No row of {source} can be used as a log: {said or 'it has none'}.")
    return _log(name or source.name, kept, notices)


def _log(name: str, kept: list[Shown], notices: Mapping[str, int]) -> Log:
    numbers: dict[str, int] = {}
    requests = [numbers.setdefault(request, len(numbers)) for request, *_ in kept]
    shared: dict[str, str] = {}
    return Log(
        name,
        np.array(requests, np.int64),
        [shared.setdefault(query, query) for _, query, *_ in kept],
        [shared.setdefault(item, item) for _, _, item, *_ in kept],
        np.array([position for _, _, _, position, _, _ in kept], np.int64),
        np.array([clicked for *_, clicked, _ in kept], np.bool_),
        np.array([propensity for *_, propensity in kept], np.float64),
        notices,
    )


def _check_places(shown: list[Shown], places: set[tuple[str, int]]) -> None:
    """Refuse a place that has a card already; note the others."""
    own = {(request, position) for request, _, _, position, _, _ in shown}
    if own & places:
        raise _Wrong("a position that another card of the block has")
    places |= own


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
