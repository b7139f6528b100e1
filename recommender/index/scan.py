"""Exact and fast search: the compiled loops over postings, columns and packed rows.

A query is a hundred terms and more. For such queries no skipping method is faster than adding up
every posting, term at a time, inside a window of documents whose sums stay in the cache. Sums are
32-bit whole numbers; they choose whom to score, with a margin that covers every rounding. Only the
score from the packed rows counts, so ids and scores are those of scoring everything.

Arrays in, arrays out; ``reader.py`` checks, the loops trust.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from recommender._jit import compiled, jit
from recommender.index.arguments import (
    Array,
    Choices,
    Queries,
    Scratch,
    Statistics,
    new_scratch,
)
from recommender.index.fast import CANDIDATE_WORK, covering, hopeful_of, work_of
from recommender.index.invert import WINDOW, Matrix
from recommender.index.ordering import first_places, sort_by_key, with_one_more
from recommender.index.rows import (
    GRID,
    ask_for_row,
    mixed_product,
    pair_score,
    row_norm,
    unpack_rows,
)
from recommender.index.vectors import CHUNK
from recommender.index.whole_numbers import weighs_anything
from recommender.index.windows import begin_scan, candidates, candidates_of_several

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

_TOGETHER: Final = 64  # queries that are searched for together


@jit
def row_scores(
    docs: Array,
    others: Array,
    matrix: Matrix,
    statistics: Statistics,
    query_codes: Array,
) -> Array:
    """Return the score that each document has with each of some others, (n, width) float64.

    Parameters
    ----------
    others : (n, width) int32, -1 for none, which has 0
    """
    out = np.zeros(others.shape, np.float64)
    for i in range(docs.size):
        _, terms, codes = unpack_rows(matrix.row_ptr, matrix.packed, docs[i : i + 1])
        query = (terms, codes, _norm(docs[i], matrix, statistics))
        out[i] = scores_of(others[i], query, matrix, statistics, query_codes)
    return out


@jit
def top_terms(
    docs: Array,
    query: tuple[Array, Array, float],
    n: int,
    matrix: Matrix,
    statistics: Statistics,
    query_codes: Array,
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
    for i in range(terms.size):
        query_codes[terms[i]] = codes[i]
    best, shares = np.full((docs.size, n), -1, np.int32), np.zeros((docs.size, n))
    for i in range(docs.size):
        ask_for_row(docs, i, matrix.row_ptr, matrix.packed)
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
    mixture: Array,
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
    out = np.zeros(docs.size, np.float64)
    for q in range(shares.size):
        if queries.lengths[q] > 0.0:
            share = shares[q] / queries.lengths[q]
            for i in range(queries.indptr[q], queries.indptr[q + 1]):
                term = queries.terms[i]
                weight = share * statistics.tf[queries.codes[i]]
                mixture[term] += weight * statistics.idf_squared[term]
    firsts = first_places(docs)
    for i in range(docs.size):
        ask_for_row(docs, i, matrix.row_ptr, matrix.packed)
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
    """Return the score of each of some documents, from their packed rows, (n,) float64.

    Parameters
    ----------
    docs : (n,) int32; below 0 for none, which has 0
    """
    terms, codes, length = query
    for i in range(terms.size):
        query_codes[terms[i]] = codes[i]
    out = np.zeros(docs.size, np.float64)
    for i in range(docs.size):
        ask_for_row(docs, i, matrix.row_ptr, matrix.packed)
        if docs[i] < 0:
            continue
        inner = _inner(docs[i], matrix, statistics, query_codes)
        norm = length * _norm(docs[i], matrix, statistics)
        if norm > 0.0:
            out[i] = np.rint(inner / norm * GRID) / GRID
    for term in terms:
        query_codes[term] = 0
    return out


@jit
def score_docs(
    docs: Array,
    query: tuple[Array, Array, float],
    k: int,
    threshold: float,
    matrix: Matrix,
    statistics: Statistics,
    query_codes: Array,
) -> tuple[Array, Array]:
    """Score documents from their packed rows; return the k best, ties by smaller number.

    Parameters
    ----------
    docs : (n,) int32, each once; query : as the fields of ``Queries``, for one
    """
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
    sort_by_key(kept_docs[:n], kept_scores[:n])
    n = min(n, k)
    return kept_docs[:n], kept_scores[:n]


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
    together = min(n, _TOGETHER) if effort[0] >= 1.0 else 1
    sums = scratch.sums.reshape(1, scratch.sums.size)
    if together > 1:
        sums = np.zeros((together, min(WINDOW, statistics.norms.size) + CHUNK), np.int32)
    for first in range(0, n, max(1, together)):
        asked, scans, found = [], [], []
        for q in range(first, min(first + together, n)):
            row = slice(queries.indptr[q], queries.indptr[q + 1])
            length = queries.lengths[q]
            if length == 0.0 or not weighs_anything(queries.terms[row], statistics):
                continue
            asked.append(q)
            query = (queries.terms[row], queries.codes[row], length)
            own = _own_choices(choices, queries.docs[q], groups[q : q + 1])
            if effort[0] >= 1.0:
                scans.append(begin_scan(query, k, threshold, matrix, statistics, own, True))
            else:
                found.append(
                    _found(
                        query,
                        (k, effort[1]),
                        threshold,
                        effort[0],
                        matrix,
                        statistics,
                        own,
                        scratch,
                    )
                )
        if scans:
            several = candidates_of_several(scans, matrix, statistics, sums, scratch.query_weights)
            found = [docs for docs, _ in several]
        for i, q in enumerate(asked):
            row = slice(queries.indptr[q], queries.indptr[q + 1])
            query = (queries.terms[row], queries.codes[row], queries.lengths[q])
            docs, scores = score_docs(
                found[i], query, k, threshold, matrix, statistics, scratch.query_codes
            )
            out_docs[q, : docs.size] = docs
            out_scores[q, : docs.size] = scores
    return out_docs, out_scores


@jit
def _own_choices(choices: Choices, doc: int, group: Array) -> Choices:
    """Return the choices for one query: without the document that it is, of its group if any."""
    wanted, excluded = choices.wanted, choices.excluded
    if group.size:
        wanted = np.zeros(256, np.bool_)
        wanted[group[0]] = True
    if doc >= 0:
        excluded = np.empty(choices.excluded.size + 1, np.int32)
        with_one_more(choices.excluded, doc, excluded)
    return Choices(choices.groups, wanted, choices.mask, excluded, choices.first, choices.stop)


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

    Where a part of the query leaves it open who is among the best, the whole is scanned, with what
    has been found as its floor; so it is where that is less work, as for short queries and in small
    indexes.
    """
    terms, codes, length = query
    room, weights = max(rooms), scratch.query_weights
    whole_work = work_of(terms, matrix, statistics) - CANDIDATE_WORK * room
    chosen = covering(terms, codes, matrix, statistics, coverage)
    light = (terms[chosen], codes[chosen], length)
    found: Array
    if work_of(light[0], matrix, statistics) < whole_work:
        found, parts = candidates(
            light, room, 0.0, matrix, statistics, choices, scratch.sums, weights, False
        )
        found, least, is_sure = hopeful_of(
            (found, parts), query, (rooms[0], room), matrix, statistics, weights
        )
        if is_sure:
            return found
        threshold = max(threshold, least)
    found, _ = candidates(
        query, rooms[0], threshold, matrix, statistics, choices, scratch.sums, weights, True
    )
    return found
