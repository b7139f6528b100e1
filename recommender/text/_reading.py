"""Columns of text to tokens, or to counts of word types: the loops over rows, and making room.

Rows with characters that have to be removed or composed are cleaned and read again; the result is
the same as if all text had been cleaned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, inlined
from recommender._strings import StringColumn, as_bytes
from recommender.text._cleaning import clean_rows
from recommender.text._lexicon import (
    BATCH,
    LATEST,
    TYPE,
    Lexicon,
    Words,
    approach,
    has_room,
    type_of,
)
from recommender.text._plain import SCRATCH, letter_table
from recommender.text._records import KEY_BYTES, Records, case_of, make_records
from recommender.text._scan import (
    CAPITALISED,
    CASE_BITS,
    IS_READ,
    MAX_TOKEN_BYTES,
    N_DONE,
    N_OVERLONG,
    N_RECORDS,
    N_SCRATCH,
    STATE,
    UPPER_CASE,
    scan_row,
)
from recommender.text._vectors import choose, item, put
from recommender.text.normalize import character_table

__all__ = [
    "PART_BITS",
    "TYPE_SHIFT",
    "UNCOUNTED",
    "Pairs",
    "Spans",
    "TokenIds",
    "read_columns",
]

PORTION: Final = 4095
"""Records looked up at a time; small enough for the parts of a pair."""

PART_BITS: Final = 12
"""Bits of each of the three counts in a pair."""

TYPE_SHIFT: Final = 3 * PART_BITS
"""What a pair is shifted by for its type."""

UNCOUNTED: Final = np.uint64(3 << 62)
"""What is said to be the latest pair of types without a term: of them no pairs are made."""

_ADDED: Final = np.array(
    [
        1 | bool(case & CAPITALISED) << PART_BITS | bool(case & UPPER_CASE) << 2 * PART_BITS
        for case in range(1 << CASE_BITS)
    ],
    np.uint64,
)
"""What an occurrence of each case adds to a pair."""

Spans = tuple[NDArray[np.int64], NDArray[np.int64]]


class TokenIds(NamedTuple):
    """``type * 4 + case`` of each token; ``size`` holds how many there are."""

    ids: NDArray[np.int32]
    size: NDArray[np.int64]


class Pairs(NamedTuple):
    """Types and their occurrences in (a portion of) one row of one column.

    Attributes
    ----------
    pairs : uint64, above a type, below three counts of 12 bits each: occurrences all in capitals,
        capitalised ones, all
    size : (2,) int64, how many pairs there are, and the number that the first has where the latest
        pair of a type is noted: numbers rise from one reading to the next, from 1
    """

    pairs: NDArray[np.uint64]
    size: NDArray[np.int64]


class _Room(NamedTuple):
    """What is read of a row before it is looked up, and its state (see `_scan`)."""

    scratch: NDArray[np.uint8]
    records: Records
    state: NDArray[np.int64]
    homes: NDArray[np.int64]


Out = TypeVar("Out", TokenIds, Pairs)


def read_columns(
    columns: Sequence[StringColumn], rows: NDArray[np.int64] | None, lexicon: Lexicon, out: Out
) -> tuple[Out, Spans, int]:
    """Read ``rows`` (all if None) of ``columns``, which are equally long.

    Returns ``out``, or a longer copy of it; where in it each row of each column begins and ends,
    (n_columns, n_rows); and the number of words dropped because they were too long.
    """
    n_rows = len(columns[0]) if rows is None else len(rows)
    spans = np.zeros((2, len(columns), n_rows), np.int64)
    n_overlong = 0
    for column, (starts, stops) in zip(columns, spans.swapaxes(0, 1), strict=True):
        out, n = _read_column(column, rows, lexicon, out, (starts, stops))
        n_overlong += n
    return out, (spans[0], spans[1]), n_overlong


def _read_column(
    column: StringColumn, rows: NDArray[np.int64] | None, lexicon: Lexicon, out: Out, spans: Spans
) -> tuple[Out, int]:
    """Read one column; the rows that need cleaning come last."""
    begins, ends = column.offsets[:-1], column.offsets[1:]
    if rows is not None:
        begins, ends = begins[rows], ends[rows]
    unstable = np.zeros(len(begins), np.bool_)
    out, n_overlong = _read_rows(column.data, (begins, ends), lexicon, out, spans, unstable)
    again = np.flatnonzero(unstable)
    if len(again):
        cleaned = clean_rows(column.data, begins[again], ends[again])
        bounds = (cleaned.offsets[:-1], cleaned.offsets[1:])
        part = (np.zeros(len(again), np.int64), np.zeros(len(again), np.int64))
        out, n = _read_rows(cleaned.data, bounds, lexicon, out, part, None)
        n_overlong += n
        spans[0][again], spans[1][again] = part
    return out, n_overlong


def _read_rows(
    data: NDArray[np.uint8],
    bounds: Spans,
    lexicon: Lexicon,
    out: Out,
    spans: Spans,
    unstable: NDArray[np.bool_] | None,
) -> tuple[Out, int]:
    """Run the compiled loop to the end, making room whenever it stops for want of it."""
    data = as_bytes(data)
    tables = (character_table(is_clean=unstable is None), letter_table())
    flags = np.zeros(0, np.bool_) if unstable is None else unstable
    begins, ends = (np.require(b, np.int64, ["C", "W"]) for b in bounds)
    room = _row_room(int((ends - begins).max(initial=0)))
    state = room.state
    loop: Callable[..., int] = _read_tokens if isinstance(out, TokenIds) else _read_pairs
    row = n_overlong = 0
    while row < len(begins):
        row = loop(data, (begins, ends, row), tables, room, lexicon.words, out, spans, flags)
        if row < len(begins):
            n = min(PORTION, int(state[N_RECORDS] - state[N_DONE]))
            lexicon.make_room(n, KEY_BYTES * n + int(state[N_SCRATCH]))
            out = _longer(out, n)
    n_overlong = int(state[N_OVERLONG])
    return out, n_overlong


def _row_room(longest: int) -> _Room:
    """Return room for a row of so many bytes."""
    return _Room(
        np.empty(SCRATCH + 2 * longest + MAX_TOKEN_BYTES + 2 * KEY_BYTES, np.uint8),
        make_records(longest // 2 + 3),
        np.zeros(STATE, np.int64),
        np.zeros(BATCH, np.int64),
    )


def _longer(out: Out, n: int) -> Out:
    """Return ``out`` with room for more than ``n`` more, at least doubled if it has to grow."""
    array, size = out
    missing = int(size[0]) + n + 1 - len(array)
    if missing > 0:
        copy = np.empty(len(array) + max(missing, len(array)), array.dtype)
        copy[: size[0]] = array[: size[0]]
        array = copy
    return type(out)(array, size)


@inlined
def _take_tokens(words: Words, room: _Room, bounds: Any, out: Any) -> None:
    """Look records up and write their tokens."""
    records, homes = room.records, room.homes
    ids, size = out
    n = size[0]
    for first in range(bounds[0], bounds[1], BATCH):
        last = min(first + BATCH, bounds[1])
        approach(words, records, first, last, homes)
        for r in range(first, last):
            number = type_of(words, item(homes, r - first), records, r, room.scratch)
            put(ids, n, np.int32((number - 1) << CASE_BITS | case_of(records, r)))
            n += 1
    size[0] = n


@inlined
def _take_pairs(words: Words, room: _Room, bounds: Any, out: Any) -> None:
    """Look records up and count them by type, in new pairs."""
    records, homes, types = room.records, room.homes, words.types
    pairs, size = out
    begin, base = size[0], size[1]
    free = begin
    for first in range(bounds[0], bounds[1], BATCH):
        last = min(first + BATCH, bounds[1])
        approach(words, records, first, last, homes)
        for r in range(first, last):
            number = type_of(words, item(homes, r - first), records, r, room.scratch)
            # No branch: neither can be guessed, whether a word was met before in its row and
            # whether it is counted. Where one that is not was written, the next is.
            latest = item(types, TYPE * number + LATEST)
            is_counted, place = latest != UNCOUNTED, np.int64(latest) - base
            is_new = place < begin
            place = choose(is_new, free, place)
            fresh = np.uint64(number - 1) << np.uint64(TYPE_SHIFT)
            before = choose(is_new, fresh, item(pairs, place))
            put(pairs, place, before + item(_ADDED, case_of(records, r)))
            latest = choose(is_counted, np.uint64(place + base), UNCOUNTED)
            put(types, TYPE * number + LATEST, latest)
            free += np.int64(is_new & is_counted)
    size[0] = free


@inlined
def _fits(words: Words, state: Any, n: Any, out: Any) -> Any:
    """Say whether there is room for ``n`` more records, whatever they are."""
    fits = out.size[0] + n < len(out[0])
    return fits and has_room(words, n, KEY_BYTES * n + state[N_SCRATCH])


@compiled
def _read_tokens(
    data: Any, bounds: Any, tables: Any, room: Any, words: Any, out: Any, spans: Any, unstable: Any
) -> Any:
    """Read rows from ``bounds[2]`` on; return the row that found no room, or the number of rows.

    The state of a row that found none stays in ``room``, and reading goes on from it.
    """
    begins, ends, first = bounds
    state = room.state
    for row in range(first, len(begins)):
        if state[IS_READ] == 0:
            state[IS_READ] = 1
            spans[0][row] = out.size[0]
            if not scan_row(
                data, begins[row], ends[row], tables, room.scratch, room.records, state
            ):
                unstable[row] = True
        while state[N_DONE] < state[N_RECORDS]:
            n = min(PORTION, state[N_RECORDS] - state[N_DONE])
            if not _fits(words, state, n, out):
                return row
            portion = (state[N_DONE], state[N_DONE] + n)
            _take_tokens(words, room, portion, out)
            state[N_DONE] += n
        state[N_DONE], state[IS_READ] = 0, 0
        spans[1][row] = out.size[0]
    return len(begins)


@compiled
def _read_pairs(
    data: Any, bounds: Any, tables: Any, room: Any, words: Any, out: Any, spans: Any, unstable: Any
) -> Any:
    """Do as `_read_tokens` does, with pairs."""
    begins, ends, first = bounds
    state = room.state
    for row in range(first, len(begins)):
        if state[IS_READ] == 0:
            state[IS_READ] = 1
            spans[0][row] = out.size[0]
            if not scan_row(
                data, begins[row], ends[row], tables, room.scratch, room.records, state
            ):
                unstable[row] = True
        while state[N_DONE] < state[N_RECORDS]:
            n = min(PORTION, state[N_RECORDS] - state[N_DONE])
            if not _fits(words, state, n, out):
                return row
            portion = (state[N_DONE], state[N_DONE] + n)
            _take_pairs(words, room, portion, out)
            state[N_DONE] += n
        state[N_DONE], state[IS_READ] = 0, 0
        spans[1][row] = out.size[0]
    return len(begins)
