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

_LOOKED_AT: Final = 12
"""How many times its own neighbours a new document is offered to: it may be among the nearest of a
document that is not among its own. Measured: at 4 an index that has grown by half finds 97.1 % of
the ten best, at 8 98.5 %, at 12 98.8 %, at 16 99.2 %."""

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
    width = settings.neighbours
    docs, ends = links.pairs()
    pairs = [np.stack([docs, ends]).astype(np.int64)]
    for first in range(0, len(new), _ROWS):
        some = new[first : first + _ROWS]
        found, scores = index.search_rows(some, _LOOKED_AT * width, effort=settings)
        rows = np.broadcast_to(some[:, None], found.shape)
        pairs.append(_pairs(rows[:, :width], found[:, :width], found[:, :width] >= 0))
        # A new one has found its own.
        old = (found >= 0) & ~np.isin(found, new)
        worth = old & (scores >= _floors(index, found, old, width))
        pairs.append(_pairs(found, rows, worth))
    return _thinned(index, Links.from_pairs(*np.concatenate(pairs, axis=1)), width)


def _pairs(
    docs: NDArray[np.int32], ends: NDArray[np.int32], chosen: NDArray[np.bool_]
) -> NDArray[np.int64]:
    return np.stack([docs[chosen], ends[chosen]]).astype(np.int64)


def _floors(
    index: Index, found: NDArray[np.int32], wanted: NDArray[np.bool_], width: int
) -> NDArray[np.float64]:
    """Return the least score that is worth a place in the pool of each document, where wanted."""
    floors = np.zeros(found.shape)
    each, places = np.unique(found[wanted], return_inverse=True)
    floors[wanted] = index.floors(each.astype(np.int32), width)[places]
    return floors


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
