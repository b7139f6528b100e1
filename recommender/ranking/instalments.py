"""Instalments: live blogs and series, which go on from article to article as the desk says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.ages import UNDATED
from recommender.ranking.shortlist import Shortlist

__all__ = ["chains", "collapse_live", "told_apart"]

_GAP: Final = 3 * 86_400
"""Seconds between one instalment of a live blog and the next."""

Moment = Callable[[int], tuple[int, bytes]]
"""When a document was published, in seconds since 1970, and its id."""


def chains(docs: Iterable[int], moment: Moment) -> dict[int, int]:
    """Return the first instalment of each document's live blog, of documents that tell one thing.

    An instalment follows the one before it within three days; what comes later is another live
    blog, and so is what has no date.
    """
    out: dict[int, int] = {}
    first, before = -1, UNDATED
    for doc in sorted(docs, key=moment):
        at = moment(doc)[0]
        if before == UNDATED or at - before > _GAP:
            first = doc
        out[doc], before = first, at
    return out


def collapse_live(
    found: Shortlist, blogs: Mapping[int, int], shown: Collection[int], moment: Moment
) -> Shortlist:
    """Leave the newest instalment of each live blog standing, in the place of its best.

    Parameters
    ----------
    blogs : by document, the live blog that it is an instalment of
    shown : documents that are cards already
    """
    told = {blogs[doc] for doc in shown if doc in blogs}
    groups: dict[int, list[int]] = {}
    for place in found.places:
        doc = found.doc(place)
        groups.setdefault(blogs.get(doc, doc), []).append(place)
    standing: list[int] = []
    dropped: list[tuple[int, str, str]] = []
    copies, instalments = dict(found.copies), dict(found.instalments)
    for blog, group in groups.items():
        if blog in told:
            said = "is an instalment of a live blog that is shown already"
            dropped += [(place, "live", said) for place in group]
            continue
        newest, *others = sorted(group, key=lambda p: moment(found.doc(p)), reverse=True)
        standing.append(newest)
        if others:
            said = "a newer instalment of the same live blog stands for it"
            dropped += [(place, "live", said) for place in others]
            instalments[newest] = tuple(map(found.doc, others))
            copies[newest] = tuple(doc for p in (newest, *others) for doc in copies.get(p, ()))
    return replace(found.in_order(standing, dropped), copies=copies, instalments=instalments)


def told_apart(
    contained: NDArray[np.float64], least: float, are_parts: Callable[[int, int], bool]
) -> NDArray[np.float64]:
    """Return what every pair shares, with nothing between parts of one series.

    Parameters
    ----------
    contained : (n, n), of every pair
    least : the share from which on two are copies: only such pairs are asked about
    are_parts : tells whether two, by their places, are parts of one series
    """
    near = contained >= least
    if np.count_nonzero(near) <= len(near):
        return contained  # none but each with itself
    pairs = np.argwhere(np.triu(near, 1)).tolist()
    apart = [(i, j) for i, j in pairs if are_parts(i, j)]
    if not apart:
        return contained
    out = contained.copy()
    for i, j in apart:
        out[i, j] = out[j, i] = 0.0
    return out
