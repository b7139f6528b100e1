"""Lengths of vectors when the collection moves: which are still true, and how far off the others.

Each article that comes or goes moves every idf a little, and with it the length of every vector. A
scan only needs lengths to choose whom to score, with a margin; so those that stand in a segment
serve on, and the margin says how far they may be off. The few documents whose words have become
commoner or rarer by more than that are measured afresh. A score takes the true length, which is
found from the document's row when it is first needed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.index import rows
from recommender.index.segment import Segment

__all__ = ["Lengths", "are_true", "lengths_of", "postings_of", "weighed"]

_TOLERANCE: Final = 0.02
"""How much the weight of a word may move before the documents that hold it are measured again:
larger means a wider margin, and more candidates that are scored in vain."""

_COMMON: Final = 1 / 50
"""Words of this share of the documents and more set the margin themselves: to measure afresh all
that hold one would be to measure nearly all."""


class Lengths(NamedTuple):
    """What is known of the lengths of a segment's documents.

    Attributes
    ----------
    norms : (n_docs,) float64, true lengths; -1 where not known
    inverse : (n_docs,) float32, 1 / length, nearly; 0 where nothing weighs anything
    drift : the least ratio of two inverse lengths to that of the true ones
    longest : no length is larger
    """

    norms: NDArray[np.float64]
    inverse: NDArray[np.float32]
    drift: float
    longest: float


def weighed(segment: Segment, tf: NDArray[np.float64], idf_squared: NDArray[np.float64]) -> Segment:
    """Return a new segment with the lengths that its documents have in a collection.

    Parameters
    ----------
    tf : (256,) float64, by count code
    idf_squared : (n_terms,) float64, by the segment's term numbers
    """
    every = np.arange(segment.n_docs, dtype=np.int32)
    norms = rows.norms(every, *segment.rows.arrays(), tf, idf_squared)
    return replace(segment, idf_squared=idf_squared, norms=norms)


def are_true(segment: Segment, idf_squared: NDArray[np.float64]) -> bool:
    """Tell whether the lengths that stand in a segment are those of this collection."""
    return np.array_equal(segment.idf_squared, idf_squared)


def lengths_of(
    segment: Segment, tf: NDArray[np.float64], idf_squared: NDArray[np.float64]
) -> Lengths:
    """Return the lengths of a segment's documents in a collection.

    Parameters
    ----------
    tf : (256,) float64, by count code
    idf_squared : (n_terms,) float64, the collection's, by the segment's term numbers
    """
    if are_true(segment, idf_squared):
        return _known(np.array(segment.norms))
    docs, low, high = _moved(segment, idf_squared)
    if docs is None:
        every = np.arange(segment.n_docs, dtype=np.int32)
        return _known(rows.norms(every, *segment.rows.arrays(), tf, idf_squared))
    norms = np.full(segment.n_docs, -1.0)
    norms[docs] = rows.norms(docs, *segment.rows.arrays(), tf, idf_squared)
    # Between low and high times what stands there; the middle is off by the root of their ratio.
    nearly = np.asarray(segment.norms) * np.sqrt(low * high)
    nearly[docs] = norms[docs]
    longest = float(nearly.max(initial=0.0)) * np.sqrt(high / low)
    return Lengths(norms, _inverse(nearly), float(low / high), longest or 1.0)


def _known(norms: NDArray[np.float64]) -> Lengths:
    return Lengths(norms, _inverse(norms), 1.0, float(norms.max(initial=0.0)) or 1.0)


def _inverse(norms: NDArray[np.float64]) -> NDArray[np.float32]:
    inverse = np.zeros(len(norms), np.float32)
    np.divide(1.0, norms, out=inverse, where=norms > 0, casting="same_kind")
    return inverse


def _moved(
    segment: Segment, idf_squared: NDArray[np.float64]
) -> tuple[NDArray[np.int32] | None, float, float]:
    """Return the documents to measure afresh (None = all), and the bounds of the others' ratio."""
    before = segment.idf_squared
    counted = (before > 0) & (idf_squared > 0)
    ratio = np.ones(len(before))
    np.divide(idf_squared, before, out=ratio, where=counted)
    np.sqrt(ratio, out=ratio)
    common = (segment.df >= _COMMON * segment.n_docs) & counted
    low = float(ratio[common].min(initial=1.0)) * (1 - _TOLERANCE)
    high = float(ratio[common].max(initial=1.0)) * (1 + _TOLERANCE)
    moved = np.flatnonzero(((before > 0) != (idf_squared > 0)) | (ratio < low) | (ratio > high))
    if len(moved) and moved[0] < segment.n_columns:
        return None, 1.0, 1.0  # terms ascend, so those with columns come first
    if segment.df[moved].sum(dtype=np.int64) > segment.n_docs:
        return None, 1.0, 1.0
    return postings_of(segment, moved), low, high


def postings_of(segment: Segment, terms: NDArray[Any]) -> NDArray[np.int32]:
    """Return the documents that hold any of some terms without a column, ascending."""
    postings, base = segment.postings, terms - segment.n_columns
    entries = _ranges(postings.entry_ptr[base], postings.entry_ptr[base + 1])
    windows = postings.entry_windows[entries].astype(np.int64)
    starts = postings.bases[windows] + postings.entry_starts[entries]
    sizes = postings.entry_counts[entries].astype(np.int64) + 1
    places = _ranges(starts, starts + sizes)
    docs = np.repeat(windows, sizes) * 65_536 + postings.docs[places]
    return np.unique(docs).astype(np.int32)


def _ranges(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of all ranges, one range after another."""
    sizes = stops - starts
    ends = np.cumsum(sizes)
    shift = np.repeat(starts - (ends - sizes), sizes)
    places: NDArray[np.int64] = np.arange(len(shift), dtype=np.int64) + shift
    return places
