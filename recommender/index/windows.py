"""Scanning: the sums of queries, window after window, and the candidates that these choose."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from recommender._jit import jit
from recommender.index.arguments import Array, Choices, Statistics
from recommender.index.bounds import bounds_of
from recommender.index.columns import add_block, column_places
from recommender.index.invert import WINDOW, Matrix
from recommender.index.ordering import lower_bound
from recommender.index.postings import scatter
from recommender.index.pruning import add_rest, floor_of_few, hopeful
from recommender.index.selection import Best, above, allows, select, take, with_room
from recommender.index.vectors import CHUNK, TOGETHER
from recommender.index.whole_numbers import whole_weights

__all__ = ["Scan", "begin_scan", "candidates", "candidates_of_several"]

_BLOCK: Final = 8192  # documents whose sums fit the first-level cache
_FEW_WANTED: Final = 64  # up to so many are wanted, columns can be left out for them
_HOPEFUL: Final = 32  # documents of a block that are summed up rather than more columns read
_HARDLY_ANY: Final = 12  # so few that fewer columns would have done
_WORTH_IT: Final = 65_536  # documents of a window, to look for a floor before columns are read
_BINS: Final = 2048  # of scores, to tell the best few hundred
_TINY: Final = np.float32(1e-30)


class Scan(NamedTuple):
    """A query while windows are scanned.

    Attributes
    ----------
    query : terms, whole-number weights
    cursor, runs : as ``scatter`` takes them; columns : as ``add_block`` does
    n_columns : terms of the query that have one
    bounds : as ``bounds_of`` returns them; pace : (1,) int64, sixteens of columns that left few
        documents of the last block hopeful
    scale, slack : as ``whole_weights`` says; a slack of 0 is not scanned
    choices : which documents may be found
    best : what sets the floor; room : of how many candidates there is room at first
    """

    query: tuple[Array, Array]
    cursor: Array
    runs: tuple[Array, Array, Array]
    columns: tuple[Array, Array]
    n_columns: int
    bounds: tuple[Array, Array]
    pace: Array
    scale: float
    slack: float
    choices: Choices
    best: Best
    room: int


@jit
def begin_scan(
    query: tuple[Array, Array, float],
    room: int,
    floor: float,
    matrix: Matrix,
    statistics: Statistics,
    choices: Choices,
    is_exact: bool,
) -> Scan:
    """Return a query as it is before the first window; parameters are those of ``candidates``."""
    terms, codes, length = query
    n_dense = statistics.idf_squared.size - matrix.entry_ptr.size + 1
    stride = matrix.dense.size // n_dense if n_dense else 0
    whole, scale, slack = whole_weights(terms, codes, length, n_dense, statistics)
    cursor = np.zeros(terms.size, np.int64)
    for i in range(terms.size):
        if terms[i] >= n_dense:
            cursor[i] = matrix.entry_ptr[terms[i] - n_dense]
    best = Best(
        np.array([max(_TINY, np.float32(floor * scale * length * slack))], np.float32),
        np.empty(room if is_exact else 0, np.float32),
        np.zeros(0 if is_exact else _BINS, np.int64),
        np.zeros(3, np.int64),
        scale * length / _BINS,
        room,
    )
    n_columns = lower_bound(terms, 0, terms.size, n_dense)
    common, common_weights = terms[:n_columns], whole[:n_columns]
    bounds = (cursor[:0], np.zeros(0, np.float32))
    if is_exact and room <= _FEW_WANTED:
        bounds = bounds_of(
            common,
            common_weights,
            statistics.df,
            statistics.norms.size,
            stride,
            matrix.bound_units,
        )
    return Scan(
        (terms, whole),
        cursor,
        (
            np.empty(terms.size, np.int64),
            np.empty(terms.size, np.int64),
            np.empty(terms.size, np.int32),
        ),
        column_places(common, common_weights, stride),
        n_columns,
        bounds,
        np.zeros(1, np.int64),
        scale,
        slack,
        choices,
        best,
        4 * room + 1024,
    )


@jit
def candidates(
    query: tuple[Array, Array, float],
    room: int,
    floor: float,
    matrix: Matrix,
    statistics: Statistics,
    choices: Choices,
    sums: Array,
    query_weights: Array,
    is_exact: bool,
) -> tuple[Array, Array]:
    """Return every document that could be among the ``room`` best, and its score times the length.

    Scores are those of the sums. Where not ``is_exact``, the documents of the ``room`` best sums,
    and few others. Where sums say nothing (counts of a hundred thousand beside counts of 1), every
    document that may be found.
    """
    scans = [begin_scan(query, room, floor, matrix, statistics, choices, is_exact)]
    found: tuple[Array, Array] = candidates_of_several(
        scans, matrix, statistics, sums.reshape(1, sums.size), query_weights
    )[0]
    return found


@jit
def candidates_of_several(
    scans: list[Scan],
    matrix: Matrix,
    statistics: Statistics,
    sums: Array,
    query_weights: Array,
) -> list[tuple[Array, Array]]:
    """Return the ``candidates`` of several queries, which look at the same span of documents.

    Each block of the columns is read for all of them while it is in the cache.

    Parameters
    ----------
    sums : (n, size of a window + CHUNK) int32, of at least as many, all 0, as they are left
    query_weights : (n_terms,) int32, all 0, as they are left
    """
    n_docs = statistics.norms.size
    found = [(np.empty(scan.room, np.int32), np.empty(scan.room, np.float32)) for scan in scans]
    touched = np.zeros(len(scans), np.int64)
    first, stop = max(0, scans[0].choices.first), min(scans[0].choices.stop, n_docs)
    for window in range(first // WINDOW, (stop + WINDOW - 1) // WINDOW):
        base = window * WINDOW
        size = min(WINDOW, n_docs - base)
        span = (max(0, first - base) // CHUNK * CHUNK, min(size, stop - base), size)
        for q, scan in enumerate(scans):
            touched[q] = _add_window(window, span, scan, matrix, statistics, sums[q])
            if touched[q]:
                part = (base + span[0], span[1] - span[0], span[0])
                _raise_floor(part, scan, matrix, statistics, sums[q], query_weights)
        for local in range(span[0], span[1], _BLOCK):
            block = (base + local, min(_BLOCK, span[1] - local), local)
            for q, scan in enumerate(scans):
                if touched[q]:
                    found[q] = _choose(
                        block, scan, matrix, statistics, sums[q], found[q], query_weights
                    )
        sums[:, span[1] : span[1] + CHUNK] = 0
    return [_chosen(scan, found[q], n_docs) for q, scan in enumerate(scans)]


@jit
def _add_window(
    window: int,
    span: tuple[int, int, int],
    scan: Scan,
    matrix: Matrix,
    statistics: Statistics,
    sums: Array,
) -> int:
    """Add the postings of a window to the sums; return 0 where the window holds nothing."""
    if scan.slack <= 0.0:
        return 0
    n_dense = statistics.idf_squared.size - matrix.entry_ptr.size + 1
    touched: int = scatter(
        window,
        span,
        scan.query,
        scan.cursor,
        n_dense,
        matrix,
        statistics.levels,
        sums,
        scan.runs,
    )
    return touched + scan.columns[0].size


@jit
def _raise_floor(
    window: tuple[int, int, int],
    scan: Scan,
    matrix: Matrix,
    statistics: Statistics,
    sums: Array,
    query_weights: Array,
) -> None:
    """Raise the floor before any column is read, where nothing has been found yet."""
    if scan.bounds[0].size == 0 or scan.best.counters[0] > 0 or window[1] < _WORTH_IT:
        return
    least = floor_of_few(
        window,
        _rest(scan, 0),
        (matrix.row_ptr, matrix.packed),
        statistics.levels,
        sums,
        statistics.inverse_norms,
        scan.choices,
        scan.best,
        query_weights,
    )
    scan.best.floor[0] = max(scan.best.floor[0], least * np.float32(scan.slack))


@jit
def _choose(
    block: tuple[int, int, int],
    scan: Scan,
    matrix: Matrix,
    statistics: Statistics,
    sums: Array,
    found: tuple[Array, Array],
    query_weights: Array,
) -> tuple[Array, Array]:
    """Add to a block's sums as many columns as are needed, and put what they promise to ``found``.

    The block's sums are cleared.
    """
    first, size, place = block
    few = np.empty(_HOPEFUL + CHUNK, np.int32)
    n, read = _narrow(block, scan, matrix, statistics, sums, few)
    if n >= 0:
        found = _complete(
            few[:n], read, first - place, scan, matrix, statistics, sums, found, query_weights
        )
        scan.pace[0] = read - (read > 0 and n <= _HARDLY_ANY)
    else:
        every = (scan.columns[0].size + TOGETHER - 1) // TOGETHER
        add_block(scan.columns, read, every, matrix.dense, first, size, sums, place)
        found = select(
            block, scan.slack, sums, statistics.inverse_norms, scan.choices, scan.best, found
        )
        scan.pace[0] = max(0, scan.bounds[0].size - 1)
    sums[place : place + size] = 0
    return found


@jit
def _narrow(
    block: tuple[int, int, int],
    scan: Scan,
    matrix: Matrix,
    statistics: Statistics,
    sums: Array,
    few: Array,
) -> tuple[int, int]:
    """Add columns to a block until few documents are hopeful, which are written to ``few``.

    Returns
    -------
    How many these are, -1 where too many are left; how many sixteens of columns have been added.
    """
    first, size, place = block
    places, weights = scan.bounds
    read = 0
    for step in range(scan.pace[0], places.size):
        add_block(scan.columns, read, step, matrix.dense, first, size, sums, place)
        read = step
        bound = (matrix.bounds, places[step], weights[step])
        n = hopeful(
            block, bound, sums, statistics.inverse_norms, scan.choices, scan.best.floor[0], few
        )
        if n >= 0:
            return n, read
    return -1, read


@jit
def _complete(
    docs: Array,
    read: int,
    shift: int,
    scan: Scan,
    matrix: Matrix,
    statistics: Statistics,
    sums: Array,
    found: tuple[Array, Array],
    query_weights: Array,
) -> tuple[Array, Array]:
    """Add to ``sums[doc - shift]`` what was not read, and put the documents to ``found``."""
    if docs.size == 0:
        return found
    rows = (matrix.row_ptr, matrix.packed)
    add_rest(docs, _rest(scan, read), rows, statistics.levels, query_weights, sums, shift)
    if scan.best.counters[1] + docs.size > found[0].size:
        found = with_room(scan.best, found)
    for doc in docs:
        score = np.float32(sums[doc - shift]) * statistics.inverse_norms[doc]
        take(doc, score, scan.slack, scan.best, found)
    return found


@jit
def _rest(scan: Scan, read: int) -> tuple[Array, Array]:
    """Return the terms whose columns have not been read, and their weights: the first ones."""
    terms, whole = scan.query
    n = scan.n_columns - read * TOGETHER
    return terms[:n], whole[:n]


@jit
def _chosen(scan: Scan, found: tuple[Array, Array], n_docs: int) -> tuple[Array, Array]:
    """Return what of a query's candidates reaches the final floor."""
    if scan.slack <= 0.0:
        every: tuple[Array, Array] = _every(scan.choices, n_docs)
        return every
    docs, scores = above(found, scan.best.counters[1], scan.best.floor[0])
    scores /= np.float32(scan.scale)
    return docs, scores


@jit
def _every(choices: Choices, n_docs: int) -> tuple[Array, Array]:
    """Return all documents that may be found, each with 0."""
    docs = np.empty(n_docs, np.int32)
    n = 0
    for doc in range(max(0, choices.first), min(choices.stop, n_docs)):
        if allows(choices, doc):
            docs[n] = doc
            n += 1
    return docs[:n], np.zeros(n, np.float32)
