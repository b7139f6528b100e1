"""The compiled loops: inverting rows into postings, exact search inside windows, scoring pairs.

Arrays in, arrays out; the wrappers in ``segment.py`` and ``reader.py`` check, the loops trust.

A score does not depend on the order in which its terms are summed: sums are carried in two float64
numbers (Knuth's TwoSum), so that nothing is lost before the one final rounding, and the score is
then rounded to a multiple of 2**-40. The same two articles have the same score in every segment
layout and on every machine, score(a, b) == score(b, a), and scores that are equal on paper are
equal here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._jit import jit

__all__ = [
    "BAD_LAYOUT",
    "BAD_TERM",
    "WINDOW",
    "check_rows",
    "directory",
    "forward_rows",
    "norms",
    "pair_score",
    "score_terms",
    "search",
    "search_rows",
    "unpack_rows",
]

WINDOW = 65_536
"""Documents in a window: local numbers fit 16 bits, accumulators fit the second-level cache."""

BAD_LAYOUT, BAD_TERM = 1, 2
"""What ``check_rows`` finds."""

GRID = 2.0**40  # scores are multiples of 1 / GRID

Array = NDArray[Any]


@jit
def _add(high: float, low: float, term: float) -> tuple[float, float]:
    """Add a number to a sum carried as high + low (TwoSum, Knuth 1969, section 4.2.2)."""
    total = high + term
    part = total - high
    return total, low + ((high - (total - part)) + (term - part))


# --- writing -------------------------------------------------------------------------------------


@jit
def directory(indptr: Array, terms: Array, codes: Array, n_terms: int) -> tuple[Array, ...]:
    """Invert rows into postings ordered by window, term, document.

    Parameters
    ----------
    indptr : (n_docs + 1,) int64; terms : (nnz,) int32 ascending in a row; codes : (nnz,) uint8

    Returns
    -------
    docs : (nnz,) uint16, numbers local to the window
    codes : (nnz,) uint8
    bases : (n_windows + 1,) int64, where the postings of each window begin
    entry_ptr : (n_terms + 1,) int64, the directory entries of each term
    entry_windows : (n_entries,) uint16; entry_starts : uint32, local to the window; entry_counts :
        uint16, less 1
    """
    n_docs = indptr.size - 1
    n_windows = (n_docs + WINDOW - 1) // WINDOW
    bases = np.zeros(n_windows + 1, np.int64)
    entry_ptr = np.zeros(n_terms + 1, np.int64)
    seen = np.full(n_terms, -1, np.int32)
    for w in range(n_windows):
        bases[w + 1] = indptr[min((w + 1) * WINDOW, n_docs)]
        for j in range(bases[w], bases[w + 1]):
            t = terms[j]
            if seen[t] != w:
                seen[t] = w
                entry_ptr[t + 1] += 1
    for t in range(n_terms):
        entry_ptr[t + 1] += entry_ptr[t]
    n_entries = entry_ptr[n_terms]
    entry_windows = np.empty(n_entries, np.uint16)
    entry_starts = np.empty(n_entries, np.uint32)
    entry_counts = np.empty(n_entries, np.uint16)
    out_docs = np.empty(terms.size, np.uint16)
    out_codes = np.empty(terms.size, np.uint8)
    counts = np.zeros(n_terms, np.int64)
    place = np.zeros(n_terms, np.int64)
    used = entry_ptr[:-1].copy()
    for w in range(n_windows):
        for j in range(bases[w], bases[w + 1]):
            counts[terms[j]] += 1
        at = 0
        for t in range(n_terms):
            if counts[t] > 0:
                e = used[t]
                used[t] += 1
                entry_windows[e] = w
                entry_starts[e] = at
                entry_counts[e] = counts[t] - 1
                place[t] = bases[w] + at
                at += counts[t]
                counts[t] = 0
        first = w * WINDOW
        for d in range(first, min(first + WINDOW, n_docs)):
            for j in range(indptr[d], indptr[d + 1]):
                p = place[terms[j]]
                place[terms[j]] = p + 1
                out_docs[p] = d - first
                out_codes[p] = codes[j]
    return out_docs, out_codes, bases, entry_ptr, entry_windows, entry_starts, entry_counts


@jit
def forward_rows(indptr: Array, terms: Array, codes: Array) -> tuple[Array, Array]:
    """Pack rows: for each term the gap to the one before it in 7-bit groups, then its code byte.

    Returns
    -------
    row_ptr : (n_docs + 1,) int64; packed : (n_bytes,) uint8
    """
    n_docs = indptr.size - 1
    row_ptr = np.zeros(n_docs + 1, np.int64)
    for d in range(n_docs):
        size = 0
        last = -1
        for j in range(indptr[d], indptr[d + 1]):
            gap = terms[j] - last - 1
            last = terms[j]
            size += 2
            while gap >= 128:
                gap >>= 7
                size += 1
        row_ptr[d + 1] = row_ptr[d] + size
    packed = np.empty(row_ptr[n_docs], np.uint8)
    at = 0
    for d in range(n_docs):
        last = -1
        for j in range(indptr[d], indptr[d + 1]):
            gap = terms[j] - last - 1
            last = terms[j]
            while gap >= 128:
                packed[at] = (gap & 127) | 128
                gap >>= 7
                at += 1
            packed[at] = gap
            packed[at + 1] = codes[j]
            at += 2
    return row_ptr, packed


# --- reading rows --------------------------------------------------------------------------------


@jit
def _next_term(packed: Array, at: int, term: int) -> tuple[int, int]:
    """Return the term after ``term`` in a packed row, and where its code stands."""
    gap = np.int64(packed[at])
    at += 1
    if gap >= 128:
        gap &= 127
        shift = 7
        while packed[at] >= 128:
            gap |= np.int64(packed[at] & 127) << shift
            shift += 7
            at += 1
        gap |= np.int64(packed[at]) << shift
        at += 1
    return int(term + gap + 1), at


@jit
def check_rows(row_ptr: Array, packed: Array, n_terms: int) -> int:
    """Walk packed rows that nobody vouches for; return 0, BAD_LAYOUT or BAD_TERM."""
    if row_ptr.size == 0 or row_ptr[0] != 0 or row_ptr[-1] != packed.size:
        return BAD_LAYOUT
    for d in range(row_ptr.size - 1):
        at, end = row_ptr[d], row_ptr[d + 1]
        if end < at or end > packed.size:
            return BAD_LAYOUT
        term = np.int64(-1)
        while at < end:
            gap, shift = np.int64(0), 0
            while at < end and packed[at] >= 128 and shift < 35:
                gap |= np.int64(packed[at] & 127) << shift
                shift += 7
                at += 1
            if at + 2 > end or shift >= 35:
                return BAD_LAYOUT
            term += (gap | (np.int64(packed[at]) << shift)) + 1
            if term >= n_terms:
                return BAD_TERM
            at += 2
    return 0


@jit
def unpack_rows(row_ptr: Array, packed: Array, first: int, stop: int) -> tuple[Array, Array, Array]:
    """Return rows ``first:stop`` as indptr (int64), terms (int32), codes (uint8)."""
    upper = (row_ptr[stop] - row_ptr[first]) // 2
    terms = np.empty(upper, np.int32)
    codes = np.empty(upper, np.uint8)
    indptr = np.zeros(stop - first + 1, np.int64)
    n = 0
    for d in range(first, stop):
        at = row_ptr[d]
        term = -1
        while at < row_ptr[d + 1]:
            term, at = _next_term(packed, at, term)
            terms[n] = term
            codes[n] = packed[at]
            at += 1
            n += 1
        indptr[d - first + 1] = n
    return indptr, terms[:n], codes[:n]


@jit
def norms(row_ptr: Array, packed: Array, tf: Array, idf_squared: Array) -> Array:
    """Return the length of each document, (n_docs,) float64; 0 where nothing weighs anything."""
    n_docs = row_ptr.size - 1
    out = np.zeros(n_docs, np.float64)
    for d in range(n_docs):
        high, low = 0.0, 0.0
        at = row_ptr[d]
        term = -1
        while at < row_ptr[d + 1]:
            term, at = _next_term(packed, at, term)
            weight = tf[packed[at]]
            at += 1
            if idf_squared[term] > 0.0:
                high, low = _add(high, low, weight * weight * idf_squared[term])
        out[d] = np.sqrt(high + low)
    return out


@jit
def pair_score(
    doc: int, row_ptr: Array, packed: Array, tf: Array, idf_squared: Array, query_codes: Array
) -> float:
    """Return the inner product of a document and the scattered query."""
    high, low = 0.0, 0.0
    at = row_ptr[doc]
    end = row_ptr[doc + 1]
    term = -1
    while at < end:
        term, at = _next_term(packed, at, term)
        code = query_codes[term]
        if code != 0 and idf_squared[term] > 0.0:
            high, low = _add(high, low, tf[code] * tf[packed[at]] * idf_squared[term])
        at += 1
    return high + low


@jit
def score_terms(
    terms: Array, query_codes: Array, doc_codes: Array, tf: Array, idf_squared: Array
) -> Array:
    """Return each shared term's part of the inner product, (n,) float64."""
    out = np.empty(terms.size, np.float64)
    for i in range(terms.size):
        out[i] = tf[query_codes[i]] * tf[doc_codes[i]] * idf_squared[terms[i]]
    return out


# --- search --------------------------------------------------------------------------------------


@jit
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


@jit
def _contains(ordered: Array, value: int) -> bool:
    place = np.searchsorted(ordered, value)
    return bool(place < ordered.size and ordered[place] == value)


@jit
def _accumulate(
    window: int,
    query: tuple[Array, Array],
    cursor: Array,
    postings: tuple[Array, ...],
    tf32: Array,
    cells: Array,
) -> int:
    """Add every query term's postings of one window into ``cells``; return how many there were."""
    terms, weights = query
    docs, codes, bases, entry_ptr, entry_windows, entry_starts, entry_counts = postings
    touched = 0
    for i in range(terms.size):
        e = cursor[i]
        end = entry_ptr[terms[i] + 1]
        while e < end and entry_windows[e] < window:
            e += 1
        cursor[i] = e
        if e == end or entry_windows[e] != window:
            continue
        start = bases[window] + np.int64(entry_starts[e])
        stop = start + np.int64(entry_counts[e]) + 1
        touched += stop - start
        weight = weights[i]
        for j in range(start, stop):
            cells[docs[j]] += weight * tf32[codes[j]]
    return touched


@jit
def _gather(
    window: int,
    n_docs: int,
    k: int,
    slack: float,
    cells: Array,
    inverse_norms: Array,
    groups: Array,
    wanted: Array,
    excluded: Array,
    bounds: tuple[int, int],
    state: tuple[Array, Array, Array, Array],
) -> tuple[Array, Array]:
    """Move the window's promising cells into the candidate buffer, and clear the cells.

    ``state`` is heap (k best approximate scores), counters [heap size, candidates], candidate docs,
    candidate scores; the possibly larger candidate arrays come back.
    """
    heap, counters, docs, scores = state
    first = window * WINDOW
    for local in range(min(WINDOW, n_docs - first)):
        cell = cells[local]
        if cell == 0.0:
            continue
        cells[local] = 0.0
        doc = first + local
        score = cell * inverse_norms[doc]
        full = counters[0] == k
        if full and score < heap[0] * slack:
            continue
        if (
            doc < bounds[0]
            or doc >= bounds[1]
            or not wanted[groups[doc]]
            or _contains(excluded, doc)
        ):
            continue
        if not full:
            i = counters[0]
            counters[0] += 1
            while i > 0 and heap[(i - 1) // 2] > score:
                heap[i] = heap[(i - 1) // 2]
                i = (i - 1) // 2
            heap[i] = score
        elif score > heap[0]:
            heap[0] = score
            _sift_down(heap, k)
        n = counters[1]
        if n == docs.size:
            floor = heap[0] * slack if counters[0] == k else np.float32(0.0)
            keep = 0
            for c in range(n):
                if scores[c] >= floor:
                    docs[keep] = docs[c]
                    scores[keep] = scores[c]
                    keep += 1
            n = keep
            if 2 * keep > docs.size:
                docs = np.concatenate((docs, np.empty(docs.size, np.int32)))
                scores = np.concatenate((scores, np.empty(scores.size, np.float32)))
        docs[n] = doc
        scores[n] = score
        counters[1] = n + 1
    return docs, scores


@jit
def search(
    query: tuple[Array, Array, Array],
    k: int,
    threshold: float,
    postings: tuple[Array, ...],
    forward: tuple[Array, Array],
    statistics: tuple[Array, Array, Array, Array],
    choice: tuple[Array, Array, Array, int, int],
    scratch: tuple[Array, Array],
) -> tuple[Array, Array]:
    """Find the k nearest documents of one query, exactly.

    Every posting of every query term is added up in float32, window by window (term at a time: for
    queries of a hundred terms no skipping method is faster). Whatever could still be among the k
    best within the proven rounding error of those sums is then scored from its forward row in
    float64, and only that score counts.

    Parameters
    ----------
    query : terms (n,) int32, codes (n,) uint8, length () float64 in an array of one
    k : int >= 1
    threshold : float, the least score that counts
    postings : as ``directory`` returns them
    forward : as ``forward_rows`` returns them
    statistics : tf (256,) float64, idf_squared (n_terms,) float64, norms (n_docs,) float64,
        inverse norms (n_docs,) float32
    choice : groups (n_docs,) uint8, wanted (256,) bool by group, excluded docs ascending int32,
        first doc, stop doc
    scratch : cells (WINDOW,) float32 of zeros, query codes (n_terms,) uint8 of zeros; left as they
        were

    Returns
    -------
    docs : (<= k,) int32, best first, ties by smaller number; scores : float64
    """
    terms, query_codes, length = query
    tf, idf_squared, doc_norms, inverse_norms = statistics
    groups, wanted, excluded, first_doc, stop_doc = choice
    cells, scattered = scratch
    n_docs = doc_norms.size
    tf32 = tf.astype(np.float32)
    weights = np.empty(terms.size, np.float32)
    cursor = np.empty(terms.size, np.int64)
    entry_ptr = postings[3]
    for i in range(terms.size):
        weights[i] = tf[query_codes[i]] * idf_squared[terms[i]] / length[0]
        cursor[i] = entry_ptr[terms[i]]
        scattered[terms[i]] = query_codes[i]
    # A sum of n positive float32 products is off by less than (n + 4) * 2**-24 of itself; twice for
    # a pair.
    slack = np.float32(max(0.0, 1.0 - 2.0 * (terms.size + 8) * 2.0**-24))
    heap = np.empty(k, np.float32)
    counters = np.zeros(2, np.int64)
    docs = np.empty(4 * k + 1024, np.int32)
    scores = np.empty(docs.size, np.float32)
    if stop_doc > first_doc:
        for window in range(first_doc // WINDOW, (stop_doc - 1) // WINDOW + 1):
            if _accumulate(window, (terms, weights), cursor, postings, tf32, cells):
                docs, scores = _gather(
                    window,
                    n_docs,
                    k,
                    slack,
                    cells,
                    inverse_norms,
                    groups,
                    wanted,
                    excluded,
                    (first_doc, stop_doc),
                    (heap, counters, docs, scores),
                )
    floor = heap[0] * slack if counters[0] == k else np.float32(0.0)
    kept_docs = np.empty(counters[1], np.int32)
    kept_scores = np.empty(counters[1], np.float64)
    n = 0
    for c in range(counters[1]):
        if scores[c] >= floor:
            inner = pair_score(docs[c], forward[0], forward[1], tf, idf_squared, scattered)
            score = np.rint(inner / (length[0] * doc_norms[docs[c]]) * GRID) / GRID
            if score >= threshold:
                kept_docs[n] = docs[c]
                kept_scores[n] = score
                n += 1
    for i in range(terms.size):
        scattered[terms[i]] = 0
    by_doc = np.argsort(kept_docs[:n])
    order = by_doc[np.argsort(-kept_scores[:n][by_doc], kind="mergesort")][:k]
    return kept_docs[:n][order], kept_scores[:n][order]


@jit
def search_rows(
    wanted_docs: Array,
    k: int,
    threshold: float,
    same_group: bool,
    choice: tuple[Array, Array],
    postings: tuple[Array, ...],
    forward: tuple[Array, Array],
    statistics: tuple[Array, Array, Array, Array],
    groups: Array,
    scratch: tuple[Array, Array],
) -> tuple[Array, Array]:
    """Search with each of ``wanted_docs`` as the query; itself is never found.

    Parameters
    ----------
    same_group : only documents of the query's own group
    choice : wanted groups (256,) bool, used unless ``same_group``; excluded docs int32
    others : as for ``search``

    Returns
    -------
    docs : (n, k) int32, best first, -1 where there are fewer; scores : (n, k) float64, 0 there
    """
    out_docs = np.full((wanted_docs.size, k), -1, np.int32)
    out_scores = np.zeros((wanted_docs.size, k), np.float64)
    idf_squared, doc_norms = statistics[1], statistics[2]
    wanted = choice[0].copy()
    if same_group:
        wanted[:] = False
    length = np.empty(1, np.float64)
    excluded = np.append(choice[1], np.int32(0))
    for i in range(wanted_docs.size):
        doc = wanted_docs[i]
        if doc_norms[doc] == 0.0:
            continue
        _, row_terms, row_codes = unpack_rows(forward[0], forward[1], doc, doc + 1)
        weighty = idf_squared[row_terms] > 0.0
        excluded[:-1] = choice[1]
        excluded[-1] = doc
        excluded.sort()
        length[0] = doc_norms[doc]
        if same_group:
            wanted[groups[doc]] = True
        docs, scores = search(
            (row_terms[weighty], row_codes[weighty], length),
            k,
            threshold,
            postings,
            forward,
            statistics,
            (groups, wanted, excluded, 0, doc_norms.size),
            scratch,
        )
        if same_group:
            wanted[groups[doc]] = False
        out_docs[i, : docs.size] = docs
        out_scores[i, : docs.size] = scores
    return out_docs, out_scores
