"""Columns of text to tokens, or to counts of word types: the loops over rows, and making room.

Rows with characters that have to be removed or composed are cleaned in Python and read again; the
result is the same as if all text had been cleaned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, inlined
from recommender._strings import StringColumn, read_only
from recommender.text._lexicon import (
    LATEST,
    LOOK_AHEAD,
    TYPE,
    Lexicon,
    Words,
    ask_for,
    has_room,
    slot_of,
)
from recommender.text._plain import SCRATCH, letter_table
from recommender.text._records import CASES, HASH, KEY_BYTES, RECORD
from recommender.text._scan import (
    CASE_BITS,
    IS_READ,
    MAX_TOKEN_BYTES,
    N_DONE,
    N_OVERLONG,
    N_RECORDS,
    N_SCRATCH,
    STATE,
    scan_row,
)
from recommender.text._vectors import item, put
from recommender.text.normalize import character_table, clean

__all__ = ["PART_BITS", "Pairs", "Spans", "TokenIds", "read_columns"]

PORTION: Final = 4096
"""Records looked up at a time; small enough for the parts of a pair's count."""

PART_BITS: Final = 21
"""Bits of each of the three numbers in the count of a pair."""

Spans = tuple[NDArray[np.int64], NDArray[np.int64]]
Records = NDArray[np.uint64]


class TokenIds(NamedTuple):
    """``type * 4 + case`` of each token; ``size`` holds how many there are."""

    ids: NDArray[np.int32]
    size: NDArray[np.int64]


class Pairs(NamedTuple):
    """A type and its occurrences in (a portion of) one row of one column.

    ``counts`` holds three numbers in 21 bits each: all, capitalised, all capitals. ``size`` holds
    how many pairs there are, and the number that the first has in the slots of the lexicon.
    """

    types: NDArray[np.int32]
    counts: NDArray[np.uint64]
    size: NDArray[np.int64]


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
        texts = (bytes(column.data[begins[i] : ends[i]]).decode("utf-8") for i in again)
        cleaned = StringColumn.from_strings([clean(text) for text in texts])
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
    data = read_only(data)
    tables = (character_table(is_clean=unstable is None), letter_table())
    flags = np.zeros(0, np.bool_) if unstable is None else unstable
    begins, ends = (np.require(b, np.int64, ["C", "W"]) for b in bounds)
    room = _row_room(int((ends - begins).max(initial=0)))
    state = room[2]
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


def _row_room(longest: int) -> tuple[NDArray[np.uint8], Records, NDArray[np.int64]]:
    """Return room for folded bytes and records of a row of so many bytes, and for its state."""
    scratch = np.empty(SCRATCH + 2 * longest + MAX_TOKEN_BYTES + 2 * KEY_BYTES, np.uint8)
    records = np.empty((longest // 2 + 3 + LOOK_AHEAD) * RECORD, np.uint64)
    return scratch, records, np.zeros(STATE, np.int64)


def _longer(out: Out, n: int) -> Out:
    """Return ``out`` with room for ``n`` more, at least doubled if it has to grow."""
    missing = int(out.size[0]) + n - len(out[0])
    if missing <= 0:
        return out
    extra = max(missing, len(out[0]))
    *arrays, size = out
    longer: list[Any] = [np.concatenate((a, np.empty(extra, a.dtype))) for a in arrays]
    return type(out)._make([*longer, size])


@inlined
def _take_tokens(words: Words, records: Records, bounds: Any, scratch: Any, out: Any) -> None:
    """Look records up and write their tokens."""
    ids, size = out
    n = size[0]
    for r in range(bounds[0], bounds[1]):
        ask_for(words, records, r + LOOK_AHEAD)
        slot = slot_of(words, records, r, scratch)
        case = np.int64(item(records, RECORD * r + HASH) & CASES)
        ids[n] = np.int64(item(words.slots, slot + TYPE)) << CASE_BITS | case
        n += 1
    size[0] = n


@inlined
def _take_pairs(words: Words, records: Records, bounds: Any, scratch: Any, out: Any) -> None:
    """Look records up and count them by type, in new pairs."""
    slots = words.slots
    types, counts, size = out
    begin, base = size[0], size[1]
    free = begin
    for r in range(bounds[0], bounds[1]):
        ask_for(words, records, r + LOOK_AHEAD)
        slot = slot_of(words, records, r, scratch)
        case = item(records, RECORD * r + HASH) & CASES
        # No branch: whether a word was met before in its row cannot be guessed.
        put(counts, free, np.uint64(0))
        latest = np.int64(item(slots, slot + LATEST)) - base
        place = latest if latest >= begin else free
        put(types, place, np.int32(item(slots, slot + TYPE)))
        more = (
            np.uint64(1)
            | (case & np.uint64(1)) << np.uint64(PART_BITS)
            | (case >> np.uint64(1)) << np.uint64(2 * PART_BITS)
        )
        put(counts, place, item(counts, place) + more)
        put(slots, slot + LATEST, np.uint64(place + base))
        free += np.int64(place == free)
    size[0] = free


@inlined
def _fits(words: Words, state: Any, n: Any, out: Any) -> Any:
    """Say whether there is room for ``n`` more records, whatever they are."""
    fits = out.size[0] + n <= len(out[0])
    return fits and has_room(words, n, KEY_BYTES * n + state[N_SCRATCH])


@compiled
def _read_tokens(
    data: Any, bounds: Any, tables: Any, room: Any, words: Any, out: Any, spans: Any, unstable: Any
) -> Any:
    """Read rows from ``bounds[2]`` on; return the row that found no room, or the number of rows.

    The state of a row that found none stays in ``room``, and reading goes on from it.
    """
    begins, ends, first = bounds
    scratch, records, state = room
    for row in range(first, len(begins)):
        if state[IS_READ] == 0:
            state[IS_READ] = 1
            spans[0][row] = out.size[0]
            if not scan_row(data, begins[row], ends[row], tables, scratch, records, state):
                unstable[row] = True
        while state[N_DONE] < state[N_RECORDS]:
            n = min(PORTION, state[N_RECORDS] - state[N_DONE])
            if not _fits(words, state, n, out):
                return row
            portion = (state[N_DONE], state[N_DONE] + n)
            _take_tokens(words, records, portion, scratch, out)
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
    scratch, records, state = room
    for row in range(first, len(begins)):
        if state[IS_READ] == 0:
            state[IS_READ] = 1
            spans[0][row] = out.size[0]
            if not scan_row(data, begins[row], ends[row], tables, scratch, records, state):
                unstable[row] = True
        while state[N_DONE] < state[N_RECORDS]:
            n = min(PORTION, state[N_RECORDS] - state[N_DONE])
            if not _fits(words, state, n, out):
                return row
            portion = (state[N_DONE], state[N_DONE] + n)
            _take_pairs(words, records, portion, scratch, out)
            state[N_DONE] += n
        state[N_DONE], state[IS_READ] = 0, 0
        spans[1][row] = out.size[0]
    return len(begins)
