"""Packed rows: the terms of each document in a few bytes, and the exact score of a pair.

A row is a run of entries, terms ascending. An entry is ``4 * gap + tag`` in groups of 7 bits,
lowest first, bit 7 set where more follow. ``gap`` is the term's number less the one before, less 1;
``tag`` is the code of the count less 1 for codes 1 to 3, and 3 where the code follows in a byte of
its own.

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

from recommender._jit import compiled, inlined, jit

__all__ = [
    "BAD_LAYOUT",
    "BAD_TERM",
    "GRID",
    "LONGEST_ENTRY",
    "check_rows",
    "norms",
    "pack_row",
    "pair_score",
    "row_sum",
    "unpack_row",
    "unpack_rows",
]

BAD_LAYOUT, BAD_TERM = 1, 2
"""What ``check_rows`` finds."""

GRID = 2.0**40
"""Scores are multiples of 1 / GRID."""

LONGEST_ENTRY = 6
"""Bytes of an entry at most: five groups of a 31-bit gap and its tag, and a code."""

_LONG = 3  # the tag of an entry whose code has a byte of its own

Array = NDArray[Any]


@inlined
def _add(high: float, low: float, term: float) -> tuple[float, float]:
    """Add a number to a sum carried as high + low (TwoSum, Knuth 1969, section 4.2.2)."""
    total = high + term
    part = total - high
    return total, low + ((high - (total - part)) + (term - part))


@compiled
def pack_row(entries: Array, n: int, packed: Array, at: Any) -> Any:
    """Pack ``n`` entries, term << 8 | code, terms ascending, from ``packed[at]``; return the size.

    There must be room for LONGEST_ENTRY bytes an entry.
    """
    begin = at
    last = np.int64(-1)
    for i in range(n):
        code = np.int64(entries[i] & np.uint64(255))
        term = np.int64(entries[i] >> np.uint64(8))
        tag = min(code - 1, np.int64(_LONG))
        entry = (term - last - 1) << 2 | tag
        last = term
        while entry >= 128:
            packed[at] = (entry & 127) | 128
            entry >>= 7
            at += 1
        packed[at] = entry
        at += 1
        if tag == _LONG:
            packed[at] = code
            at += 1
    return at - begin


@inlined
def _next(packed: Array, at: Any, term: Any) -> Any:
    """Return the term after ``term`` in a packed row, its code, and where the next entry begins."""
    entry = np.int64(packed[at])
    at += 1
    if entry >= 128:
        entry &= 127
        shift = 7
        while packed[at] >= 128:
            entry |= np.int64(packed[at] & 127) << shift
            shift += 7
            at += 1
        entry |= np.int64(packed[at]) << shift
        at += 1
    code = (entry & 3) + 1
    if code > _LONG:
        code = np.int64(packed[at])
        at += 1
    return term + (entry >> 2) + 1, code, at


@compiled
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
            entry, shift = np.int64(0), 0
            while at < end and packed[at] >= 128 and shift < 35:
                entry |= np.int64(packed[at] & 127) << shift
                shift += 7
                at += 1
            if at >= end or shift >= 35:
                return BAD_LAYOUT
            entry |= np.int64(packed[at]) << shift
            at += 1
            if entry & 3 == _LONG:
                if at >= end or packed[at] <= _LONG:
                    return BAD_LAYOUT
                at += 1
            term += (entry >> 2) + 1
            if term >= n_terms:
                return BAD_TERM
    return 0


@jit
def unpack_rows(row_ptr: Array, packed: Array, docs: Array) -> tuple[Array, Array, Array]:
    """Return the rows of ``docs`` as indptr (int64), terms (int32), codes (uint8)."""
    upper = 0
    for doc in docs:
        upper += row_ptr[doc + 1] - row_ptr[doc]
    terms = np.empty(upper, np.int32)
    codes = np.empty(upper, np.uint8)
    indptr = np.zeros(docs.size + 1, np.int64)
    n = 0
    for i in range(docs.size):
        at = row_ptr[docs[i]]
        term = np.int64(-1)
        while at < row_ptr[docs[i] + 1]:
            term, code, at = _next(packed, at, term)
            terms[n] = term
            codes[n] = code
            n += 1
        indptr[i + 1] = n
    return indptr, terms[:n], codes[:n]


@jit
def norms(row_ptr: Array, packed: Array, tf: Array, idf_squared: Array) -> Array:
    """Return the length of each document, (n_docs,) float64; 0 where nothing weighs anything."""
    n_docs = row_ptr.size - 1
    out = np.zeros(n_docs, np.float64)
    for d in range(n_docs):
        high, low = 0.0, 0.0
        at = row_ptr[d]
        term = np.int64(-1)
        while at < row_ptr[d + 1]:
            term, code, at = _next(packed, at, term)
            weight = tf[code]
            if idf_squared[term] > 0.0:
                high, low = _add(high, low, weight * weight * idf_squared[term])
        out[d] = np.sqrt(high + low)
    return out


@compiled
def pair_score(
    doc: int, row_ptr: Array, packed: Array, tf: Array, idf_squared: Array, query_codes: Array
) -> float:
    """Return the inner product of a document and the scattered query, (n_terms,) uint8."""
    high, low = 0.0, 0.0
    at = row_ptr[doc]
    end = row_ptr[doc + 1]
    term = np.int64(-1)
    while at < end:
        term, code, at = _next(packed, at, term)
        query_code = query_codes[term]
        if query_code != 0 and idf_squared[term] > 0.0:
            high, low = _add(high, low, tf[query_code] * tf[code] * idf_squared[term])
    return high + low


@compiled
def row_sum(doc: Any, row_ptr: Array, packed: Array, levels: Array, query_weights: Array) -> Any:
    """Return the sum of weight times level over a document's terms, in whole numbers.

    No term is asked about: a weight of 0 adds nothing, and a branch would cost more.
    """
    total = np.int64(0)
    at = row_ptr[doc]
    end = row_ptr[doc + 1]
    term = np.int64(-1)
    while at < end:
        term, code, at = _next(packed, at, term)
        total += np.int64(query_weights[term]) * levels[code]
    return total


def unpack_row(row: bytes) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return terms and codes of one row, in plain Python: for a process that asks one question."""
    terms, codes = [], []
    term, entry, shift = -1, 0, 0
    bytes_left = iter(row)
    for byte in bytes_left:
        entry |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            tag = entry & 3
            term += (entry >> 2) + 1
            terms.append(term)
            codes.append(next(bytes_left) if tag == _LONG else tag + 1)
            entry, shift = 0, 0
    return np.array(terms, np.int32), np.array(codes, np.uint8)
