"""One story once: articles that are cuts, reprints or rewritten versions take one card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from recommender.ranking.shortlist import Shortlist

__all__ = ["collapse_copies", "drop_copies_of_shown", "drop_dissimilar"]


def drop_dissimilar(found: Shortlist, threshold: float) -> Shortlist:
    """Drop what is less similar to the article than ``threshold``."""
    is_low = found.similarities < threshold
    if not is_low.any():
        return found
    low = set(np.flatnonzero(is_low).tolist())
    said = [
        (p, f"similarity {found.similarities[p]:.3f} is below the threshold {threshold:g}")
        for p in found.places
        if p in low
    ]
    return found.without(said, "threshold")


def drop_copies_of_shown(found: Shortlist, least: float) -> Shortlist:
    """Drop what tells just what the article, or a card that was taken already, tells.

    Parameters
    ----------
    least : the share of the shorter text that both have, 0..1, from which on they are copies
    """
    held = found.contained[: found.n_before, found.n_before :]
    if held.max(initial=0.0) < least:
        return found
    near = set(np.flatnonzero(held.max(axis=0, initial=0.0) >= least).tolist())
    copies = []
    for place in found.places:
        if place in near:
            nearest = int(held[:, place].argmax())
            what = "what is shown already" if nearest else "the article itself"
            copies.append((place, f"shares {held[nearest, place]:.0%} of its text with {what}"))
    return found.without(copies, "duplicates")


def collapse_copies(
    found: Shortlist, least: float, prefer: Callable[[int], tuple[float | int, ...]]
) -> Shortlist:
    """Leave one of each group of copies standing, in the place of its best.

    A candidate joins the first group that holds a copy of it; groups are tried by their best.

    Parameters
    ----------
    least : as above
    prefer : key of a document; of a group the one with the smallest is shown
    """
    held = found.contained[found.n_before :, found.n_before :]
    near = held >= least
    if np.count_nonzero(near) <= len(held):
        return found  # none but each with itself
    group_of: dict[int, int] = {}
    groups: list[list[int]] = []
    for place in found.places:
        known = [group_of[p] for p in np.flatnonzero(near[place]).tolist() if p in group_of]
        group_of[place] = min(known, default=len(groups))
        if not known:
            groups.append([])
        groups[group_of[place]].append(place)
    shown, dropped, copies = [], [], {}
    for group in groups:
        best = group[0]
        if len(group) > 1:
            best = min(group, key=lambda p: (*prefer(found.doc(p)), group.index(p)))
        others = [p for p in group if p != best]
        shown.append(best)
        if others:
            copies[best] = tuple(found.doc(p) for p in others)
        for place in others:
            share = max(held[place, q] for q in group if q != place)
            said = f"shares {share:.0%} of its text with another candidate, which stands for both"
            dropped.append((place, "duplicates", said))
    return replace(found.in_order(shown, dropped), copies=copies)
