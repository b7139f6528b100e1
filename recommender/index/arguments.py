"""What the loops of a search take besides postings and rows: statistics, queries, choices, room."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.index.invert import WINDOW
from recommender.index.vectors import CHUNK

__all__ = ["Array", "Choices", "Queries", "Scratch", "Statistics", "new_scratch"]

Array = NDArray[Any]


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
