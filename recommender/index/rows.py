"""Packed rows: the terms of each document in a few bytes, and the exact score of a pair.

A row is a run of 16-bit entries, terms ascending, 13 bits of number above 3 bits of tag:

- tags 0 to 5 are a term: the number is the gap to the term before, less 1, and the tag its count's
  code less 1;
- tag 6 goes before a term whose code is its number (and the term's tag is 0);
- tag 7 goes before a term whose gap has more than 13 bits: its number is the next higher 13.

Two bytes for nearly every term, so that a row is read without a jump that nobody can foresee.

A score does not depend on the order in which its terms are summed: sums are carried in two float64
numbers (Knuth's TwoSum), so that nothing is lost before the one final rounding, and the score is
then rounded to a multiple of 2**-40. The same two articles have the same score in every segment
layout and on every machine, score(a, b) == score(b, a), and scores that are equal on paper are
equal here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, inlined, jit
from recommender.index.vectors import prefetch

__all__ = [
    "BAD_LAYOUT",
    "BAD_TERM",
    "CSR",
    "GRID",
    "LONGEST_ENTRY",
    "ask_for_beginning",
    "ask_for_row",
    "beginning_sum",
    "check_rows",
    "mixed_product",
    "norms",
    "pack_row",
    "packed_at_most",
    "pair_score",
    "row_norm",
    "row_sum",
    "stack_rows",
    "take_rows",
    "unpack_row",
    "unpack_rows",
]

BAD_LAYOUT, BAD_TERM = 1, 2
"""What ``check_rows`` finds."""

GRID = 2.0**40
"""Scores are multiples of 1 / GRID."""

LONGEST_ENTRY = 4
"""Numbers that a term takes at most: two for a gap of 31 bits, one for its code, its own."""

_CODE, _HIGH = 6, 7  # tags of what goes before a term
_LOW_BITS = np.int64(0x1FFF)
_AHEAD = 2  # rows that are asked for before one is read: a row is ten lines of memory, far away
_LINE = 32  # numbers in a line of memory
_BEGINNING = 4  # lines of a row, where its commonest terms are

Array = NDArray[Any]

CSR = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]
"""Rows not packed: indptr, terms, codes."""


@inlined
def _add(high: float, low: float, term: float) -> tuple[float, float]:
    """Add a number to a sum carried as high + low (TwoSum, Knuth 1969, section 4.2.2)."""
    total = high + term
    part = total - high
    return total, low + ((high - (total - part)) + (term - part))


@compiled
def pack_row(entries: Array, n: int, packed: Array, at: Any) -> Any:
    """Pack ``n`` entries, term << 8 | code, terms ascending, from ``packed[at]``; return the size.

    There must be room for LONGEST_ENTRY numbers an entry.
    """
    begin = at
    last = np.int64(-1)
    for i in range(n):
        code = np.int64(entries[i] & np.uint64(255))
        term = np.int64(entries[i] >> np.uint64(8))
        gap = term - last - 1
        last = term
        if gap > _LOW_BITS:
            if gap >> 26:
                packed[at] = (gap >> 26) << 3 | _HIGH
                at += 1
            packed[at] = (gap >> 13 & _LOW_BITS) << 3 | _HIGH
            at += 1
            gap &= _LOW_BITS
        if code > _CODE:
            packed[at] = code << 3 | _CODE
            at += 1
            code = np.int64(1)
        packed[at] = gap << 3 | (code - 1)
        at += 1
    return at - begin


@inlined
def _next(packed: Array, at: Any, term: Any) -> Any:
    """Return the term after ``term`` in a packed row, its code, and where the next entry begins."""
    entry = np.int64(packed[at])
    at += 1
    tag = entry & 7
    high, code = np.int64(0), np.int64(0)
    while tag >= _CODE:
        if tag == _CODE:
            code = entry >> 3
        else:
            high = high << 13 | entry >> 3
        entry = np.int64(packed[at])
        at += 1
        tag = entry & 7
    if code == 0:
        code = tag + 1
    return term + (high << 13) + (entry >> 3) + 1, code, at


@inlined
def _span(row_ptr: Array, doc: Any) -> tuple[Any, Any]:
    """Return where a document's row begins and ends, int64: numba makes floats of unsigned sums."""
    return np.int64(row_ptr[doc]), np.int64(row_ptr[doc + 1])


@compiled
def ask_for_row(docs: Array, i: Any, row_ptr: Array, packed: Array) -> None:
    """Ask memory for the row that is read soon after that of ``docs[i]``; below 0 is no document.

    Documents of a list lie anywhere, and what reads a row takes no longer than what fetches it.
    """
    soon = i + _AHEAD
    if soon < docs.size and docs[soon] >= 0:
        at, end = _span(row_ptr, docs[soon])
        while at < end:
            prefetch(packed, at)
            at += _LINE


@compiled
def ask_for_beginning(doc: Any, row_ptr: Array, packed: Array) -> None:
    """Ask memory for the first terms of a row."""
    at, _ = _span(row_ptr, doc)
    for line in range(_BEGINNING):
        prefetch(packed, at + line * _LINE)


@compiled
def check_rows(row_ptr: Array, packed: Array, n_terms: int) -> int:
    """Walk packed rows that nobody vouches for; return 0, BAD_LAYOUT or BAD_TERM."""
    if row_ptr.size == 0 or row_ptr[0] != 0 or row_ptr[-1] != packed.size:
        return BAD_LAYOUT
    for d in range(row_ptr.size - 1):
        at, end = _span(row_ptr, d)
        if end < at or end > packed.size:
            return BAD_LAYOUT
        # The number of a row's last entry must be a term's: nothing is to be read past the end.
        if at < end and packed[end - 1] & 7 >= _CODE:
            return BAD_LAYOUT
        term, high, n_high = np.int64(-1), np.int64(0), 0
        while at < end:
            tag, number = np.int64(packed[at]) & 7, np.int64(packed[at]) >> 3
            at += 1
            if tag == _CODE:
                if not _CODE < number < 256:
                    return BAD_LAYOUT
            elif tag == _HIGH:
                high = high << 13 | number
                n_high += 1
                if n_high > 2:
                    return BAD_LAYOUT
            else:
                term += (high << 13) + number + 1
                high, n_high = np.int64(0), 0
                if term >= n_terms:
                    return BAD_TERM
    return 0


@jit
def unpack_rows(row_ptr: Array, packed: Array, docs: Array) -> tuple[Array, Array, Array]:
    """Return the rows of ``docs`` as indptr (int64), terms (int32), codes (uint8)."""
    upper = 0
    for doc in docs:
        at, end = _span(row_ptr, doc)
        upper += end - at
    terms = np.empty(upper, np.int32)
    codes = np.empty(upper, np.uint8)
    indptr = np.zeros(docs.size + 1, np.int64)
    n = 0
    for i in range(docs.size):
        ask_for_row(docs, i, row_ptr, packed)
        at, end = _span(row_ptr, docs[i])
        term = np.int64(-1)
        while at < end:
            term, code, at = _next(packed, at, term)
            terms[n] = term
            codes[n] = code
            n += 1
        indptr[i + 1] = n
    return indptr, terms[:n], codes[:n]


@compiled
def row_norm(doc: Any, row_ptr: Array, packed: Array, tf: Array, idf_squared: Array) -> Any:
    """Return the length of a document; 0 where nothing weighs anything."""
    high, low = 0.0, 0.0
    at, end = _span(row_ptr, doc)
    term = np.int64(-1)
    while at < end:
        term, code, at = _next(packed, at, term)
        weight = tf[code]
        if idf_squared[term] > 0.0:
            high, low = _add(high, low, weight * weight * idf_squared[term])
    return np.sqrt(high + low)


@jit
def norms(docs: Array, row_ptr: Array, packed: Array, tf: Array, idf_squared: Array) -> Array:
    """Return the length of each of ``docs``, (n,) float64."""
    out = np.empty(docs.size, np.float64)
    for i in range(docs.size):
        out[i] = row_norm(docs[i], row_ptr, packed, tf, idf_squared)
    return out


@compiled
def pair_score(
    doc: int, row_ptr: Array, packed: Array, tf: Array, idf_squared: Array, query_codes: Array
) -> float:
    """Return the inner product of a document and the scattered query, (n_terms,) uint8.

    No term is asked about: code 0 weighs nothing, and a jump that cannot be foreseen takes longer.
    """
    high, low = 0.0, 0.0
    at, end = _span(row_ptr, doc)
    term = np.int64(-1)
    while at < end:
        term, code, at = _next(packed, at, term)
        high, low = _add(high, low, tf[query_codes[term]] * tf[code] * idf_squared[term])
    return high + low


@compiled
def mixed_product(doc: int, row_ptr: Array, packed: Array, tf: Array, mixture: Array) -> float:
    """Return the inner product of a document and a scattered vector, (n_terms,) float64.

    Parameters
    ----------
    mixture : weights times the square of each term's idf
    """
    high, low = 0.0, 0.0
    at, end = _span(row_ptr, doc)
    term = np.int64(-1)
    while at < end:
        term, code, at = _next(packed, at, term)
        high, low = _add(high, low, mixture[term] * tf[code])
    return high + low


@compiled
def row_sum(doc: Any, row_ptr: Array, packed: Array, levels: Array, query_weights: Array) -> Any:
    """Return the sum of weight times level over a document's terms, in whole numbers.

    No term is asked about: a weight of 0 adds nothing, and a branch would cost more.
    """
    total = np.int64(0)
    at, end = _span(row_ptr, doc)
    term = np.int64(-1)
    while at < end:
        term, code, at = _next(packed, at, term)
        total += np.int64(query_weights[term]) * levels[code]
    return total


@compiled
def beginning_sum(
    doc: Any, stop: Any, row_ptr: Array, packed: Array, levels: Array, query_weights: Array
) -> Any:
    """Return as ``row_sum`` the sum over those of a document's terms that are below ``stop``."""
    total = np.int64(0)
    at, end = _span(row_ptr, doc)
    term = np.int64(-1)
    while at < end:
        term, code, at = _next(packed, at, term)
        if term >= stop:
            break
        total += np.int64(query_weights[term]) * levels[code]
    return total


def packed_at_most(df: Array, n_docs: int, codes: Iterable[Array]) -> int:
    """Return how many numbers packed rows take at most, before they are packed.

    A term takes one; another where its tag has no room for its code; and others where its gap is
    long, which it is for no term of the first 8,192, and in a row only as often as such gaps fit
    side by side.

    Parameters
    ----------
    df : (n_terms,) int32, by term, how many documents hold it
    codes : those of all entries, in parts
    """
    n = int(df.sum(dtype=np.int64)) + sum(int(np.count_nonzero(c > _CODE)) for c in codes)
    for bits in (13, 26):
        n += min(int(df[1 << bits :].sum(dtype=np.int64)), n_docs * (len(df) >> bits))
    return n


def stack_rows(parts: Sequence[CSR]) -> CSR:
    """Return the rows of all parts, one part after another."""
    sizes = np.concatenate([np.zeros(1, np.int64), *(np.diff(indptr) for indptr, _, _ in parts)])
    terms = np.concatenate([np.zeros(0, np.int32), *(terms for _, terms, _ in parts)])
    codes = np.concatenate([np.zeros(0, np.uint8), *(codes for _, _, codes in parts)])
    return np.cumsum(sizes), terms, codes


def take_rows(rows: CSR, order: NDArray[np.integer]) -> CSR:
    """Return the named rows, in that order."""
    indptr, terms, codes = rows
    sizes = np.diff(indptr)[order]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    places = np.repeat(indptr[:-1][order] - ends[:-1], sizes) + np.arange(ends[-1])
    return ends, terms[places], codes[places]


def unpack_row(row: NDArray[np.uint16]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return terms and codes of one row without a compiled loop: for a process with one question.

    Parameters
    ----------
    row : the row's entries
    """
    tags, numbers = np.asarray(row) & 7, np.asarray(row, np.int64) >> 3
    is_term = tags < _CODE
    places = np.flatnonzero(is_term)
    codes = tags[places] + 1
    gaps = numbers[places] + 1
    for i in np.flatnonzero(~is_term).tolist():  # few
        owner = int(np.searchsorted(places, i))
        if tags[i] == _CODE:
            codes[owner] = numbers[i]
        else:
            gaps[owner] += numbers[i] << 13 * int((tags[i : places[owner]] == _HIGH).sum())
    return (np.cumsum(gaps) - 1).astype(np.int32), codes.astype(np.uint8)
