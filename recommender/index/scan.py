"""Exact and fast search: the compiled loops over postings, columns and packed rows.

A query is a hundred terms and more. For such queries no skipping method is faster than adding up
every posting, term at a time, inside a window of documents whose sums stay in the cache. Sums are
32-bit whole numbers; they choose whom to score, with a margin that covers every rounding. Only the
score from the packed rows counts, so ids and scores are those of scoring everything.

Arrays in, arrays out; ``reader.py`` checks, the loops trust.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, inlined, jit
from recommender.index.invert import WINDOW, Matrix
from recommender.index.rows import (
    GRID,
    mixed_product,
    pair_score,
    row_norm,
    row_sum,
    unpack_rows,
)
from recommender.index.vectors import CHUNK, STEP, add_columns, prefetch, reaching, trailing_zeros

__all__ = [
    "Choices",
    "Matrix",
    "Queries",
    "Scratch",
    "Statistics",
    "mixed_scores",
    "new_scratch",
    "row_scores",
    "score_docs",
    "scores_of",
    "search",
    "top_terms",
]

Array = NDArray[Any]

_BLOCK: Final = 4096  # documents whose sums fit the first-level cache
_BINS: Final = 2048  # of scores, to tell the best few hundred
_MAX_COLUMN_WEIGHT: Final = 32_767.0
_MAX_SUM: Final = 2.0e9  # below 2**31, with room for what rounding adds
_TINY: Final = np.float32(1e-30)
# Measured: the bytes of a column that are added in the time of a posting, and the postings that are
# added in the time of a candidate of the fast mode, of which not half are summed up on average.
_COLUMN_GAIN: Final = 24
_CANDIDATE_WORK: Final = 700
# Candidates of the fast mode are summed up so many at a time. The last of them say what the rest of
# the query adds: as much as its mean and so many standard deviations it adds to hardly any.
_BATCH: Final = 32
_SAMPLE: Final = 64
_DEVIATIONS: Final = 4.0


class Statistics(NamedTuple):
    """What a search in a segment reads besides its postings and rows.

    Attributes
    ----------
    tf : (256,) float64, of each code
    levels : (256,) int32, ``tf`` times ``scale``, rounded
    scale : float; level_error : float, the largest relative rounding of a level
    idf_squared : (n_terms,) float64, of the whole collection; 0 for terms that are not used
    df : (n_terms,) int32, documents of the segment that hold each term
    norms : (n_docs,) float64, writable; below 0 where it is not known yet: it is found from the row
        when it is first needed, and kept here
    inverse_norms : (n_docs,) float32, of norms that may have been other collections'
    drift : float, the least ratio of two such norms to that of the true ones; 1 = they are true
    longest : float, no norm is larger
    priors : (n_docs,) float64, what each document's score is multiplied by, and its inverse norm
        is already; empty for 1
    """

    tf: Array
    levels: Array
    scale: float
    level_error: float
    idf_squared: Array
    df: Array
    norms: Array
    inverse_norms: Array
    drift: float
    longest: float
    priors: Array


class Queries(NamedTuple):
    """What is searched for: rows of terms.

    Attributes
    ----------
    indptr : (n + 1,) int64; terms : int32, ascending in a row; codes : uint8
    lengths : (n,) float64, the query's norm; 0 finds nothing
    docs : (n,) int32, the document that the query is, -1 if none
    """

    indptr: Array
    terms: Array
    codes: Array
    lengths: Array
    docs: Array


class Choices(NamedTuple):
    """Which documents may be found.

    Attributes
    ----------
    groups : (n_docs,) uint8; wanted : (256,) bool, by group
    mask : (n_docs,) bool, or empty for no mask
    excluded : int32, ascending
    first, stop : only ``first <= doc < stop``
    """

    groups: Array
    wanted: Array
    mask: Array
    excluded: Array
    first: int
    stop: int


class _Best(NamedTuple):
    """What sets the floor of a search's candidates: of a few best a heap, of hundreds bins.

    Attributes
    ----------
    floor : (1,) float32, what a score must reach
    heap : (room,) float32, the best scores; empty where there are bins
    bins : (n,) int64, how many candidates have a score of so many widths; empty where a heap is
    counters : (3,) int64: entries of the heap, or of the bins from the lowest that is needed;
        candidates; that lowest bin
    width : float, of a bin; room : int, how many best are wanted
    """

    floor: Array
    heap: Array
    bins: Array
    counters: Array
    width: float
    room: int


class Scratch(NamedTuple):
    """Room for a search, of one thread; left as it was: all zeros."""

    sums: Array
    query_codes: Array
    query_weights: Array
    mixture: Array


def new_scratch(n_terms: int) -> Scratch:
    """Return room for searches in an index of ``n_terms``: 256 KB and 13 bytes a term."""
    size = max(1, n_terms)
    return Scratch(
        np.zeros(WINDOW + CHUNK, np.int32),
        np.zeros(size, np.uint8),
        np.zeros(size, np.int32),
        np.zeros(size, np.float64),
    )


@compiled
def _sort(numbers: Array, keys: Array) -> None:
    """Sort ``numbers`` and ``keys`` by falling key, ties by number (Shell 1959, Ciura's gaps)."""
    n = numbers.size
    for gap in (1750, 701, 301, 132, 57, 23, 10, 4, 1):
        for i in range(gap, n):
            number, key = numbers[i], keys[i]
            j = i - gap
            while j >= 0 and (keys[j] < key or (keys[j] == key and numbers[j] > number)):
                numbers[j + gap] = numbers[j]
                keys[j + gap] = keys[j]
                j -= gap
            numbers[j + gap] = number
            keys[j + gap] = key


# --- the query -----------------------------------------------------------------------------------


@jit
def _covering(
    terms: Array, codes: Array, matrix: Matrix, statistics: Statistics, coverage: float
) -> Array:
    """Return which terms to scan: the least work that covers a share of the query's length.

    Terms are taken by the square of their weight for what it takes to scan them, until the squares
    add up to ``coverage`` of all.
    """
    chosen = np.zeros(terms.size, np.bool_)
    squares = np.empty(terms.size, np.float64)
    gains = np.empty(terms.size, np.float64)
    total = 0.0
    for i in range(terms.size):
        tf = statistics.tf[codes[i]]
        squares[i] = tf * tf * statistics.idf_squared[terms[i]]
        gains[i] = squares[i] / max(1, _work(terms[i : i + 1], matrix, statistics))
        total += squares[i]
    covered = 0.0
    order = np.arange(terms.size)
    _sort(order, gains)
    for place in order:
        chosen[place] = covered < coverage * total
        covered += squares[place]
    return chosen


@compiled
def _work(terms: Array, matrix: Matrix, statistics: Statistics) -> Any:
    """Return what it takes to scan terms, in postings."""
    n_dense = statistics.idf_squared.size - matrix.entry_ptr.size + 1
    work = np.int64(0)
    for term in terms:
        if term < n_dense:
            work += statistics.norms.size // _COLUMN_GAIN
        else:
            work += statistics.df[term]
    return work


@compiled
def _weigh(terms: Array, statistics: Statistics) -> Any:
    """Tell whether any of the terms weighs anything here, and any document.

    What a query shares with one segment of several may be nothing but words that do not count.
    """
    if statistics.longest > 0.0:
        for term in terms:
            if statistics.idf_squared[term] > 0.0:
                return True
    return False


@jit
def _whole_weights(
    terms: Array, codes: Array, length: float, n_dense: int, statistics: Statistics
) -> tuple[Array, float, float]:
    """Return each term's weight as a whole number, their scale, and the margin of the sums.

    No sum overflows: it is at most scale * length * (longest norm), by Cauchy and Schwarz, since
    weights are rounded down; the scale is chosen so that this stays below 2**31. Weights of terms
    with columns have to fit 15 bits besides.

    Returns
    -------
    whole : (n,) int32
    scale : float, sum = scale * inner product, nearly
    slack : float, the least sum that could belong to a better document than another's sum of 1;
        0 where a weight vanishes in the rounding, so that sums say nothing
    """
    exact = np.empty(terms.size, np.float64)
    heaviest, lightest = 0.0, np.inf
    for i in range(terms.size):
        exact[i] = statistics.tf[codes[i]] * statistics.idf_squared[terms[i]]
        if exact[i] > 0.0:
            lightest = min(lightest, exact[i])
        if terms[i] < n_dense:
            heaviest = max(heaviest, exact[i])
    error = statistics.level_error
    scale = _MAX_SUM / (length * statistics.longest * statistics.scale * (1.0 + error))
    scale = min(scale, _MAX_SUM / (exact.max() * statistics.scale))
    if heaviest > 0.0:
        scale = min(scale, _MAX_COLUMN_WEIGHT / heaviest)
    whole = np.empty(terms.size, np.int32)
    for i in range(terms.size):
        whole[i] = np.int32(exact[i] * scale)
    low = (1.0 - error) * max(0.0, 1.0 - 1.0 / (scale * lightest))
    slack = low / (1.0 + error) * (1.0 - 1e-6) * statistics.drift
    return whole, scale * statistics.scale, slack


# --- one window ----------------------------------------------------------------------------------


@compiled
def _lower_bound(docs: Array, start: int, stop: int, local: int) -> int:
    """Return the first place in ``docs[start:stop]`` that is ``local`` or more."""
    while start < stop:
        middle = (start + stop) // 2
        if docs[middle] < local:
            start = middle + 1
        else:
            stop = middle
    return start


@compiled
def _add_postings(docs: Array, codes: Array, weight: Any, levels: Array, sums: Array) -> None:
    """Add a term's postings to the sums."""
    for j in range(docs.size):
        sums[docs[j]] += weight * levels[codes[j]]


@compiled
def _scatter(
    window: int,
    span: tuple[int, int],
    query: tuple[Array, Array],
    cursor: Array,
    n_dense: int,
    matrix: Matrix,
    levels: Array,
    sums: Array,
    runs: tuple[Array, Array, Array],
) -> Any:
    """Add the postings of the terms without a column to ``sums``; return how many there were.

    ``span`` is the part of the window that is asked for, in local numbers. ``runs`` are places,
    stops and weights of each term's postings: all are found first, and their beginnings asked for,
    so that no term waits for memory.
    """
    places, stops, weights = runs
    n = _find_runs(window, query, cursor, n_dense, matrix, runs)
    touched = 0
    for r in range(n):
        start, stop = places[r], stops[r]
        if span[0] > 0:
            start = _lower_bound(matrix.docs, start, stop, span[0])
        if span[1] < WINDOW:
            stop = _lower_bound(matrix.docs, start, stop, span[1])
        touched += stop - start
        _add_postings(matrix.docs[start:stop], matrix.codes[start:stop], weights[r], levels, sums)
    return touched


@compiled
def _find_runs(
    window: int,
    query: tuple[Array, Array],
    cursor: Array,
    n_dense: int,
    matrix: Matrix,
    runs: tuple[Array, Array, Array],
) -> Any:
    """Find each term's postings in a window; return how many terms have some.

    ``cursor`` holds the directory entry of each term that is next, and is moved on.
    """
    terms, whole = query
    places, stops, weights = runs
    base = matrix.bases[window]
    n = 0
    for i in range(terms.size):
        if terms[i] < n_dense:
            continue
        e = cursor[i]
        end = matrix.entry_ptr[terms[i] - n_dense + 1]
        while e < end and matrix.entry_windows[e] < window:
            e += 1
        cursor[i] = e
        if e == end or matrix.entry_windows[e] != window:
            continue
        place = base + np.int64(matrix.entry_starts[e])
        prefetch(matrix.docs, place)
        prefetch(matrix.codes, place)
        places[n] = place
        stops[n] = place + np.int64(matrix.entry_counts[e]) + 1
        weights[n] = whole[i]
        n += 1
    return n


@jit
def _column_places(terms: Array, whole: Array, n_dense: int, stride: int) -> tuple[Array, Array]:
    """Return where the columns of the query begin, and their weights, in eights.

    The first, with a weight of 0, fills up the last eight: it is in the cache.
    """
    n: Any = 0
    for term in terms:
        n += term < n_dense
    size = (n + 7) // 8 * 8
    places = np.zeros(size, np.int64)
    if n:
        places[:] = np.int64(terms[0]) * stride
    column_weights = np.zeros(size, np.int32)
    for i in range(n):  # terms ascend, so those with columns come first
        places[i] = np.int64(terms[i]) * stride
        column_weights[i] = whole[i]
    return places, column_weights


@inlined
def _eight(places: Array, c: int) -> Any:
    """Return eight of the places."""
    here = places[c], places[c + 1], places[c + 2], places[c + 3]
    return (*here, places[c + 4], places[c + 5], places[c + 6], places[c + 7])


@inlined
def _eight_weights(weights: Array, c: int) -> Any:
    """Return eight of the weights, two in a number."""
    return (
        np.int32(weights[c] | weights[c + 1] << 16),
        np.int32(weights[c + 2] | weights[c + 3] << 16),
        np.int32(weights[c + 4] | weights[c + 5] << 16),
        np.int32(weights[c + 6] | weights[c + 7] << 16),
    )


@compiled
def _add_block(
    columns: tuple[Array, Array], dense: Array, first: int, size: int, sums: Array, at: int
) -> None:
    """Add the columns' bytes of ``size`` documents from ``first`` on to ``sums[at:]``.

    Sixteen columns at a time, and eight that are left over.
    """
    places, weights = columns
    whole = places.size // 16 * 16
    for c in range(0, whole, 16):
        here = _eight(places, c) + _eight(places, c + 8)
        pairs = _eight_weights(weights, c) + _eight_weights(weights, c + 8)
        for i in range(0, size, STEP):
            add_columns(sums, at + i, dense, first + i, here, pairs)
    if whole < places.size:
        rest, rest_pairs = _eight(places, whole), _eight_weights(weights, whole)
        for i in range(0, size, STEP):
            add_columns(sums, at + i, dense, first + i, rest, rest_pairs)


@compiled
def _sift_down(heap: Array, size: int) -> None:
    """Restore the min-heap after its root was replaced."""
    i = 0
    value = heap[0]
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = value


@compiled
def _sift_up(heap: Array, filled: int, score: float) -> None:
    """Add a score to a min-heap that is not full."""
    i = filled
    while i > 0 and heap[(i - 1) // 2] > score:
        heap[i] = heap[(i - 1) // 2]
        i = (i - 1) // 2
    heap[i] = score


@compiled
def _contains(ordered: Array, value: int) -> bool:
    place = _lower_bound(ordered, 0, ordered.size, value)
    return bool(place < ordered.size and ordered[place] == value)


@inlined
def _allows(choices: Choices, doc: int) -> bool:
    """Tell whether a document between the bounds may be found."""
    if not choices.wanted[choices.groups[doc]]:
        return False
    if choices.mask.size and not choices.mask[doc]:
        return False
    return not _contains(choices.excluded, doc)


@compiled
def _promising(sums: Array, at: Any, inverse_norms: Array, first: Any, n: Any, floor: Any) -> Any:
    """Return which of ``n`` sums reach the floor, as the bits of a number; n <= CHUNK."""
    if n == CHUNK:
        return reaching(sums, at, inverse_norms, first, floor)
    found = np.uint64(0)
    for i in range(n):
        if np.float32(sums[at + i]) * inverse_norms[first + i] >= floor:
            found |= np.uint64(1) << np.uint64(i)
    return found


@jit
def _select(
    block: tuple[int, int, int],
    slack: float,
    sums: Array,
    inverse_norms: Array,
    choices: Choices,
    best: _Best,
    found: tuple[Array, Array],
) -> tuple[Array, Array]:
    """Move a block's promising documents into the buffer of candidates, and clear its sums.

    ``block`` is first document, size, and place in ``sums``. ``found`` is docs and scores of the
    candidates, which come back, enlarged if need be.
    """
    first, size, place = block
    docs, scores = found
    floor, counters = best.floor, best.counters
    for begin in range(0, size, CHUNK):
        n = min(CHUNK, size - begin)
        bits = _promising(sums, place + begin, inverse_norms, first + begin, n, floor[0])
        while bits:
            doc = first + begin + trailing_zeros(bits)
            bits &= bits - np.uint64(1)
            score = np.float32(sums[place + doc - first]) * inverse_norms[doc]
            if (
                score < floor[0]
                or doc < choices.first
                or doc >= choices.stop
                or not _allows(choices, doc)
            ):
                continue
            if best.bins.size:
                _count(best, score)
            else:
                _push(best, score, np.float32(slack))
            if counters[1] == docs.size:
                docs, scores = _with_room(floor[0], counters, docs, scores)
            docs[counters[1]] = doc
            scores[counters[1]] = score
            counters[1] += 1
    sums[place : place + size] = 0
    return docs, scores


@compiled
def _push(best: _Best, score: Any, slack: Any) -> None:
    """Enter a score into the heap of the best; its worst sets the floor."""
    heap, counters = best.heap, best.counters
    if counters[0] < heap.size:
        _sift_up(heap, counters[0], score)
        counters[0] += 1
    elif score > heap[0]:
        heap[0] = score
        _sift_down(heap, heap.size)
    if counters[0] == heap.size:
        best.floor[0] = max(best.floor[0], heap[0] * slack)


@compiled
def _count(best: _Best, score: Any) -> None:
    """Enter a score into the bins; the lowest that is needed for enough of them sets the floor."""
    bins, counters = best.bins, best.counters
    place: Any = np.int64(score / best.width)
    bins[min(bins.size - 1, place)] += 1
    counters[0] += 1
    lowest: Any = counters[2]
    while counters[0] - bins[lowest] >= best.room:
        counters[0] -= bins[lowest]
        lowest += 1
    if lowest > counters[2]:
        counters[2] = lowest
        # Less by what the division above may round.
        best.floor[0] = max(best.floor[0], np.float32(lowest * best.width * (1.0 - 1e-6)))


@jit
def _with_room(floor: Any, counters: Array, docs: Array, scores: Array) -> tuple[Array, Array]:
    """Drop the candidates below the floor from a full buffer; enlarge it if that is no help."""
    n = docs.size
    kept = 0
    for c in range(n):
        if scores[c] >= floor:
            docs[kept] = docs[c]
            scores[kept] = scores[c]
            kept += 1
    counters[1] = kept
    if 2 * kept > n:
        more_docs = np.empty(2 * n, np.int32)
        more_scores = np.empty(2 * n, np.float32)
        more_docs[:n] = docs
        more_scores[:n] = scores
        docs, scores = more_docs, more_scores
    return docs, scores


# --- whole searches ------------------------------------------------------------------------------


@jit
def _candidates(
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
    terms, codes, length = query
    n_docs = statistics.norms.size
    n_dense = statistics.idf_squared.size - matrix.entry_ptr.size + 1
    stride = matrix.dense.size // n_dense if n_dense else 0
    whole, scale, slack = _whole_weights(terms, codes, length, n_dense, statistics)
    if slack <= 0.0:
        every: tuple[Array, Array] = _every(choices, n_docs)
        return every
    columns = _column_places(terms, whole, n_dense, stride)
    runs = (
        np.empty(terms.size, np.int64),
        np.empty(terms.size, np.int64),
        np.empty(terms.size, np.int32),
    )
    cursor = np.zeros(terms.size, np.int64)
    for i in range(terms.size):
        if terms[i] >= n_dense:
            cursor[i] = matrix.entry_ptr[terms[i] - n_dense]
    best = _Best(
        np.array([max(_TINY, np.float32(floor * scale * length * slack))], np.float32),
        np.empty(room if is_exact else 0, np.float32),
        np.zeros(0 if is_exact else _BINS, np.int64),
        np.zeros(3, np.int64),
        scale * length / _BINS,
        room,
    )
    size = 4 * room + 1024
    found = np.empty(size, np.int32), np.empty(size, np.float32)
    first, stop = max(0, choices.first), min(choices.stop, n_docs)
    for window in range(first // WINDOW, (stop + WINDOW - 1) // WINDOW):
        base = window * WINDOW
        span = (max(0, first - base) // CHUNK * CHUNK, min(WINDOW, stop - base))
        touched = _scatter(
            window, span, (terms, whole), cursor, n_dense, matrix, statistics.levels, sums, runs
        )
        if not touched and not columns[0].size:
            continue
        for local in range(span[0], span[1], _BLOCK):
            size = min(_BLOCK, span[1] - local)
            if columns[0].size:
                _add_block(columns, matrix.dense, base + local, size, sums, local)
            found = _select(
                (base + local, size, local),
                slack,
                sums,
                statistics.inverse_norms,
                choices,
                best,
                found,
            )
        sums[span[1] : min(span[1] + CHUNK, sums.size)] = 0
    docs, scores = _above(found, best.counters[1], best.floor[0])
    scores /= np.float32(scale)
    return docs, scores


@jit
def _every(choices: Choices, n_docs: int) -> tuple[Array, Array]:
    """Return all documents that may be found, each with 0."""
    docs = np.empty(n_docs, np.int32)
    n = 0
    for doc in range(max(0, choices.first), min(choices.stop, n_docs)):
        if _allows(choices, doc):
            docs[n] = doc
            n += 1
    return docs[:n], np.zeros(n, np.float32)


@jit
def _above(found: tuple[Array, Array], n: int, floor: float) -> tuple[Array, Array]:
    """Return the candidates that reach the final floor."""
    docs, scores = found
    kept = 0
    for c in range(n):
        if scores[c] >= floor:
            docs[kept] = docs[c]
            scores[kept] = scores[c]
            kept += 1
    return docs[:kept], scores[:kept]


@jit
def score_docs(
    docs: Array,
    query: tuple[Array, Array, float],
    k: int,
    threshold: float,
    matrix: Matrix,
    statistics: Statistics,
    scratch: Scratch,
) -> tuple[Array, Array]:
    """Score documents and return the k best: the scores that a search gives them.

    Parameters
    ----------
    docs : (n,) int32, each once; query : as the fields of ``Queries``, for one
    """
    codes = scratch.query_codes
    best: tuple[Array, Array] = _scored(docs, query, k, threshold, matrix, statistics, codes)
    return best


@jit
def row_scores(
    docs: Array,
    others: Array,
    matrix: Matrix,
    statistics: Statistics,
    scratch: Scratch,
) -> Array:
    """Return the score that each document has with each of some others, (n, width) float64.

    Parameters
    ----------
    others : (n, width) int32, -1 for none, which has 0
    """
    query_codes, out = scratch.query_codes, np.zeros(others.shape, np.float64)
    for i in range(docs.size):
        _, terms, codes = unpack_rows(matrix.row_ptr, matrix.packed, docs[i : i + 1])
        for t in range(terms.size):
            query_codes[terms[t]] = codes[t]
        length = _norm(docs[i], matrix, statistics)
        for j in range(others.shape[1]):
            other = others[i, j]
            if other >= 0:
                inner = _inner(other, matrix, statistics, query_codes)
                norm = length * _norm(other, matrix, statistics)
                out[i, j] = np.rint(inner / norm * GRID) / GRID if norm > 0.0 else 0.0
        for term in terms:
            query_codes[term] = 0
    return out


@jit
def top_terms(
    docs: Array,
    query: tuple[Array, Array, float],
    n: int,
    matrix: Matrix,
    statistics: Statistics,
    scratch: Scratch,
) -> tuple[Array, Array]:
    """Return the terms that add most to the score of each document, and what each adds.

    Parameters
    ----------
    query : as the fields of ``Queries``, for one; n : how many terms a document

    Returns
    -------
    terms : (n_docs, n) int32, the heaviest first, ties by number, -1 for none
    shares : (n_docs, n) float64, 0 there
    """
    terms, codes, length = query
    query_codes = scratch.query_codes
    for i in range(terms.size):
        query_codes[terms[i]] = codes[i]
    best, shares = np.full((docs.size, n), -1, np.int32), np.zeros((docs.size, n))
    for i in range(docs.size):
        _, own, own_codes = unpack_rows(matrix.row_ptr, matrix.packed, docs[i : i + 1])
        for t in range(own.size):
            code = query_codes[own[t]]
            if code == 0:
                continue
            share = statistics.tf[code] * statistics.tf[own_codes[t]]
            share *= statistics.idf_squared[own[t]]
            place = n
            while place > 0 and share > shares[i, place - 1]:
                place -= 1
            if place < n and share > 0.0:
                best[i, place + 1 :] = best[i, place : n - 1].copy()
                shares[i, place + 1 :] = shares[i, place : n - 1].copy()
                best[i, place], shares[i, place] = own[t], share
        norm = length * _norm(docs[i], matrix, statistics)
        if norm > 0.0:
            shares[i] /= norm
    for term in terms:
        query_codes[term] = 0
    return best, shares


@jit
def mixed_scores(
    docs: Array,
    queries: Queries,
    shares: Array,
    matrix: Matrix,
    statistics: Statistics,
    scratch: Scratch,
) -> Array:
    """Return the sum of each document's scores with several queries, each times its share.

    That is one inner product a document, with the sum of the queries. Multiples of 1 / GRID.

    Parameters
    ----------
    docs : (n,) int32, some of them more than once; below 0 for none, which has 0
    shares : (n_queries,) float64

    Returns
    -------
    (n,) float64
    """
    mixture, out = scratch.mixture, np.zeros(docs.size, np.float64)
    for q in range(shares.size):
        if queries.lengths[q] > 0.0:
            share = shares[q] / queries.lengths[q]
            for i in range(queries.indptr[q], queries.indptr[q + 1]):
                term = queries.terms[i]
                weight = share * statistics.tf[queries.codes[i]]
                mixture[term] += weight * statistics.idf_squared[term]
    firsts = _first_places(docs)
    for i in range(docs.size):
        if firsts[i] < i or docs[i] < 0:
            out[i] = out[firsts[i]]
            continue
        norm = _norm(docs[i], matrix, statistics)
        if norm > 0.0:
            inner = mixed_product(
                docs[i],
                matrix.row_ptr,
                matrix.packed,
                statistics.tf,
                mixture,
            )
            out[i] = np.rint(inner / norm * GRID) / GRID
    for term in queries.terms:
        mixture[term] = 0.0
    return out


@jit
def _first_places(docs: Array) -> Array:
    """Return for each of some numbers where it first stands, (n,) int64."""
    size = 16
    while size < 2 * docs.size:
        size *= 2
    slots = np.full(size, -1, np.int64)  # a hash table, by the lowest bits
    out = np.empty(docs.size, np.int64)
    for i in range(docs.size):
        at = docs[i] & (size - 1)
        while slots[at] >= 0 and docs[slots[at]] != docs[i]:
            at = (at + 1) & (size - 1)
        if slots[at] < 0:
            slots[at] = i
        out[i] = slots[at]
    return out


@compiled
def _norm(doc: Any, matrix: Matrix, statistics: Statistics) -> Any:
    """Return the true length of a document, which is found but once."""
    norm = statistics.norms[doc]
    if norm < 0.0:
        norm = row_norm(doc, matrix.row_ptr, matrix.packed, statistics.tf, statistics.idf_squared)
        statistics.norms[doc] = norm
    return norm


@compiled
def _inner(doc: Any, matrix: Matrix, statistics: Statistics, query_codes: Array) -> Any:
    """Return the inner product of a document and the scattered query."""
    return pair_score(
        doc, matrix.row_ptr, matrix.packed, statistics.tf, statistics.idf_squared, query_codes
    )


@jit
def scores_of(
    docs: Array,
    query: tuple[Array, Array, float],
    matrix: Matrix,
    statistics: Statistics,
    query_codes: Array,
) -> Array:
    """Return the score of each of some documents, from their packed rows, (n,) float64."""
    terms, codes, length = query
    for i in range(terms.size):
        query_codes[terms[i]] = codes[i]
    out = np.zeros(docs.size, np.float64)
    for i in range(docs.size):
        inner = _inner(docs[i], matrix, statistics, query_codes)
        norm = length * _norm(docs[i], matrix, statistics)
        if norm > 0.0:
            out[i] = np.rint(inner / norm * GRID) / GRID
    for term in terms:
        query_codes[term] = 0
    return out


@jit
def _scored(
    docs: Array,
    query: tuple[Array, Array, float],
    k: int,
    threshold: float,
    matrix: Matrix,
    statistics: Statistics,
    query_codes: Array,
) -> tuple[Array, Array]:
    """Score documents from their packed rows; return the k best, ties by smaller number."""
    scores = scores_of(docs, query, matrix, statistics, query_codes)
    kept_docs = np.empty(docs.size, np.int32)
    kept_scores = np.empty(docs.size, np.float64)
    n = 0
    for i in range(docs.size):
        score = scores[i] * statistics.priors[docs[i]] if statistics.priors.size else scores[i]
        if score >= threshold and score > 0.0:
            kept_docs[n] = docs[i]
            kept_scores[n] = score
            n += 1
    _sort(kept_docs[:n], kept_scores[:n])
    n = min(n, k)
    return kept_docs[:n], kept_scores[:n]


@compiled
def _with_one_more(ordered: Array, value: int, out: Array) -> None:
    """Write ``ordered`` with ``value`` put in its place."""
    shift = 0
    for i in range(ordered.size):
        if shift == 0 and ordered[i] > value:
            out[i] = value
            shift = 1
        out[i + shift] = ordered[i]
    if shift == 0:
        out[ordered.size] = value


@jit
def search(
    queries: Queries,
    k: int,
    threshold: float,
    effort: tuple[float, int],
    groups: Array,
    matrix: Matrix,
    statistics: Statistics,
    choices: Choices,
    scratch: Scratch,
) -> tuple[Array, Array]:
    """Find the k nearest documents of each query; a query that is a document never finds itself.

    Parameters
    ----------
    k : int >= 1
    threshold : float, the least score that counts
    effort : share of a query's squared length that is scanned for candidates, and how many of them
        are scored at least; a share of 1 is exact
    groups : (n,) uint8, the group that each query's documents must have, whatever ``choices``
        wants; empty = what ``choices`` wants

    Returns
    -------
    docs : (n, k) int32, best first, ties by smaller number, -1 where there are fewer
    scores : (n, k) float64, 0 there
    """
    n = queries.docs.size
    out_docs = np.full((n, k), -1, np.int32)
    out_scores = np.zeros((n, k), np.float64)
    wanted = np.zeros(256, np.bool_) if groups.size else choices.wanted
    with_self = np.empty(choices.excluded.size + 1, np.int32)
    for q in range(n):
        doc, length = queries.docs[q], queries.lengths[q]
        row = slice(queries.indptr[q], queries.indptr[q + 1])
        if length == 0.0 or not _weigh(queries.terms[row], statistics):
            continue
        query = (queries.terms[row], queries.codes[row], length)
        excluded = choices.excluded
        if doc >= 0:
            _with_one_more(choices.excluded, doc, with_self)
            excluded = with_self
        if groups.size:
            wanted[groups[q]] = True
        own = Choices(choices.groups, wanted, choices.mask, excluded, choices.first, choices.stop)
        found = _found(
            query, (k, effort[1]), threshold, effort[0], matrix, statistics, own, scratch
        )
        docs, scores = _scored(found, query, k, threshold, matrix, statistics, scratch.query_codes)
        if groups.size:
            wanted[groups[q]] = False
        out_docs[q, : docs.size] = docs
        out_scores[q, : docs.size] = scores
    return out_docs, out_scores


@jit
def _found(
    query: tuple[Array, Array, float],
    rooms: tuple[int, int],
    threshold: float,
    coverage: float,
    matrix: Matrix,
    statistics: Statistics,
    choices: Choices,
    scratch: Scratch,
) -> Array:
    """Return the documents to be scored, by scanning the whole query or the best part of it.

    Where a part of the query leaves it open who is among the best, half of what is missing is
    looked at besides, and so on. The whole query is scanned where that is less work, as it is for
    short ones and in small indexes.
    """
    terms, codes, length = query
    sums, room = scratch.sums, max(rooms)
    whole_work = _work(terms, matrix, statistics) - _CANDIDATE_WORK * room
    found: Array
    while coverage < 1.0:
        chosen = _covering(terms, codes, matrix, statistics, coverage)
        light = (terms[chosen], codes[chosen], length)
        if _work(light[0], matrix, statistics) >= whole_work:
            break
        found, parts = _candidates(light, room, 0.0, matrix, statistics, choices, sums, False)
        found, is_sure = _hopeful(
            (found, parts), query, (rooms[0], room), matrix, statistics, scratch.query_weights
        )
        if is_sure:
            return found
        coverage = (1.0 + coverage) / 2.0
    found, _ = _candidates(query, rooms[0], threshold, matrix, statistics, choices, sums, True)
    return found


@jit
def _hopeful(
    found: tuple[Array, Array],
    query: tuple[Array, Array, float],
    rooms: tuple[int, int],
    matrix: Matrix,
    statistics: Statistics,
    query_weights: Array,
) -> tuple[Array, bool]:
    """Return which candidates could be among the best, and whether hardly any other document could.

    They are summed up in whole numbers from their rows, which is several times quicker than their
    scores, in the order of what a part of the query found; until the next would need more of the
    rest than the rest adds to hardly any.

    Parameters
    ----------
    found : the candidates and their sums by a part of the query, which are put in order
    rooms : how many best are wanted, and how many candidates were
    """
    docs, parts = found
    k, room = rooms
    terms, codes, length = query
    _sort(docs, parts)
    whole, scale, slack = _whole_weights(terms, codes, length, 0, statistics)
    for i in range(terms.size):
        query_weights[terms[i]] = whole[i]
    sums = np.empty(docs.size, np.float32)
    n, is_sure = 0, False
    while n < docs.size and not is_sure:
        stop = min(n + _BATCH, docs.size)
        for i in range(n, stop):
            total = row_sum(
                docs[i], matrix.row_ptr, matrix.packed, statistics.levels, query_weights
            )
            sums[i] = np.float32(total / scale) * statistics.inverse_norms[docs[i]]
        n = stop
        if n >= max(k, min(_SAMPLE, room)):
            rest = sums[max(0, n - _SAMPLE) : n] - parts[max(0, n - _SAMPLE) : n]
            likely = rest.mean() + _DEVIATIONS * rest.std()
            # Whoever is no candidate has no more than the last one has, or nothing at all.
            following = parts[min(n, docs.size - 1)] if n < room else parts[n - 1]
            if n == docs.size and n < room:
                following = np.float32(0.0)
            is_sure = slack > 0.0 and following + likely < _kth_best(sums[:n], k)
    for term in terms:
        query_weights[term] = 0
    if n < k:
        return docs, False
    hopeful: Array = docs[:n][sums[:n] >= _kth_best(sums[:n], k) * np.float32(slack)]
    return hopeful, is_sure


@jit
def _kth_best(scores: Array, k: int) -> float:
    """Return the k-th best of k scores or more (Hoare 1961, FIND)."""
    part = scores.copy()
    low, high, wanted = 0, part.size - 1, k - 1
    while low < high:
        pivot = part[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while part[i] > pivot:
                i += 1
            while part[j] < pivot:
                j -= 1
            if i <= j:
                part[i], part[j] = part[j], part[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break
    return float(part[wanted])
