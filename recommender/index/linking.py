"""Linking new documents in: each to its nearest, and each of those back to it.

A table of neighbours cannot be found anew at every commit, because each new article moves every idf
a little. So the lists are pools, larger than any block: a new document gets its nearest, and stands
in the pool of each document of which it is among the nearest by today's scores.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.index.pool import Links
from recommender.index.reader import Index
from recommender.index.settings import SearchSettings

__all__ = ["link"]

_LOOKED_AT: Final = 4
"""How many times its own neighbours a new document is offered to: it may be among the nearest of a
document that is not among its own."""

_FULL: Final = 3
"""A document's links are thinned out where they are this many times the size of a pool."""

_ROWS: Final = 256


def link(index: Index, links: Links, new: NDArray[np.int32], settings: SearchSettings) -> Links:
    """Return the links with those of new documents.

    Parameters
    ----------
    index : holds the new documents; its own links are not looked at
    links : those of documents that are not new, in the index's numbers
    new : int32, numbers of the new documents
    """
    index = replace(index, links=links)
    docs, ends = [part.astype(np.int64) for part in links.pairs()]
    pairs = [np.stack([docs, ends])]
    width = settings.neighbours
    floors: dict[int, float] = {}
    for first in range(0, len(new), _ROWS):
        some = new[first : first + _ROWS]
        found, scores = index.search_rows(some, _LOOKED_AT * width, effort=settings)
        pairs.append(_pairs(np.broadcast_to(some[:, None], found.shape), found, width))
        pairs.append(_back(index, some, found, scores, width, floors, set(new.tolist())))
    docs, ends = np.concatenate(pairs, axis=1)
    return _thinned(index, Links.from_pairs(docs, ends), width)


def _pairs(docs: NDArray[np.int32], found: NDArray[np.int32], width: int) -> NDArray[np.int64]:
    """Return the links of some documents to the first ``width`` of those found."""
    docs, found = docs[:, :width], found[:, :width]
    kept = found >= 0
    return np.stack([docs[kept], found[kept]]).astype(np.int64)


def _back(
    index: Index,
    some: NDArray[np.int32],
    found: NDArray[np.int32],
    scores: NDArray[np.float64],
    width: int,
    floors: dict[int, float],
    new: set[int],
) -> NDArray[np.int64]:
    """Return the links back: from each document found of whose nearest the new one is."""
    out = []
    for doc, row, row_scores in zip(some.tolist(), found, scores, strict=True):
        for other, score in zip(row.tolist(), row_scores.tolist(), strict=True):
            if other < 0 or other in new:  # a new one has found its own
                continue
            if other not in floors:
                floors[other] = _floor(index, other, width)
            if score >= floors[other]:
                out.append((other, doc))
    return np.array(out, np.int64).reshape(-1, 2).T


def _floor(index: Index, doc: int, width: int) -> float:
    """Return the least score that is worth a place in a document's pool."""
    best = index.best_of(doc, index.pool(doc), width)
    return float(best.scores[-1]) if len(best) == width else 0.0


def _thinned(index: Index, links: Links, width: int) -> Links:
    """Return the links without the worst of lists that grew long."""
    long = np.flatnonzero(np.diff(links.ptr) > _FULL * width)
    if not len(long):
        return links
    docs, ends = links.pairs()
    kept = ~np.isin(docs, links.docs[long])
    pairs = [np.stack([docs[kept], ends[kept]])]
    for doc in links.docs[long].tolist():
        best = index.best_of(doc, links.of(doc), width).docs
        pairs.append(np.stack([np.full(len(best), doc, np.int32), best]))
    return Links.from_pairs(*np.concatenate(pairs, axis=1))
