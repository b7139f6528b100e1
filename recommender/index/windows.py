"""Scanning: the sums of queries, window after window, and the candidates that these choose."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from recommender._jit import jit
from recommender.index.arguments import Array, Choices, Statistics
from recommender.index.columns import add_block, column_places
from recommender.index.invert import WINDOW, Matrix
from recommender.index.postings import scatter
from recommender.index.selection import Best, above, allows, select
from recommender.index.vectors import CHUNK
from recommender.index.whole_numbers import whole_weights

__all__ = ["Scan", "begin_scan", "candidates", "candidates_of_several"]

_BLOCK: Final = 4096  # documents whose sums fit the first-level cache
_BINS: Final = 2048  # of scores, to tell the best few hundred
_TINY: Final = np.float32(1e-30)


class Scan(NamedTuple):
    """A query while windows are scanned.

    Attributes
    ----------
    query : terms, whole-number weights
    cursor, runs : as ``scatter`` takes them; columns : as ``add_block`` does
    scale, slack : as ``whole_weights`` says; a slack of 0 is not scanned
    choices : which documents may be found
    best : what sets the floor; room : of how many candidates there is room at first
    """

    query: tuple[Array, Array]
    cursor: Array
    runs: tuple[Array, Array, Array]
    columns: tuple[Array, Array]
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
    return Scan(
        (terms, whole),
        cursor,
        (
            np.empty(terms.size, np.int64),
            np.empty(terms.size, np.int64),
            np.empty(terms.size, np.int32),
        ),
        column_places(terms, whole, n_dense, stride),
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
    is_exact: bool,
) -> tuple[Array, Array]:
    """Return every document that could be among the ``room`` best, and its score times the length.

    Scores are those of the sums. Where not ``is_exact``, the documents of the ``room`` best sums,
    and few others. Where sums say nothing (counts of a hundred thousand beside counts of 1), every
    document that may be found.
    """
    scans = [begin_scan(query, room, floor, matrix, statistics, choices, is_exact)]
    found: tuple[Array, Array] = candidates_of_several(
        scans, matrix, statistics, sums.reshape(1, sums.size)
    )[0]
    return found


@jit
def candidates_of_several(
    scans: list[Scan], matrix: Matrix, statistics: Statistics, sums: Array
) -> list[tuple[Array, Array]]:
    """Return the ``candidates`` of several queries, which look at the same span of documents.

    Each block of the columns is read for all of them while it is in the cache.

    Parameters
    ----------
    sums : (n, size of a window + CHUNK) int32, of at least as many, all 0, as they are left
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
        for local in range(span[0], span[1], _BLOCK):
            block = (base + local, min(_BLOCK, span[1] - local), local)
            for q, scan in enumerate(scans):
                if touched[q]:
                    found[q] = _choose(block, scan, matrix, statistics, sums[q], found[q])
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
def _choose(
    block: tuple[int, int, int],
    scan: Scan,
    matrix: Matrix,
    statistics: Statistics,
    sums: Array,
    found: tuple[Array, Array],
) -> tuple[Array, Array]:
    """Add a block of the columns to the sums and move what they promise to what was found."""
    first, size, place = block
    if scan.columns[0].size:
        add_block(scan.columns, matrix.dense, first, size, sums, place)
    chosen: tuple[Array, Array] = select(
        block, scan.slack, sums, statistics.inverse_norms, scan.choices, scan.best, found
    )
    return chosen


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
