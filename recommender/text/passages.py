"""Site boilerplate found by itself: passages that stand in many articles of one site.

Bodies are cut into passages in one pass over their UTF-8 (paragraphs at line ends; sentences
inside them at ``. ! ? …``, closing quotes, then a space); a passage is known by a 64-bit hash of
its normalised bytes: ASCII letters in lower case, runs of blanks as one, marks and blanks at both
ends left out, digits kept.

Memory is bounded whatever the archive: rows go through in chunks, the first pass only adds to a
table of counters (at most 64 MB), the second keeps the few passages whose counter reaches the
site's floor and counts their articles exactly. Two passages are taken for one only if their hashes
meet: among the 20 million passages of a million articles the odds of any such pair are about 1 in
100,000, and to do harm one of the two must besides be boilerplate; so bytes are not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._strings import StringColumn
from ..errors import InputError
from .passage_kernels import add_to, cut, fill_spaces, look_up
from .settings import BoilerplateSettings

__all__ = [
    "Boilerplate",
    "BoilerplateSettings",
    "blank_boilerplate",
    "find_boilerplate",
    "stored_boilerplate",
]

_CHUNK_BYTES = 8 << 20
_MIN_TABLE, _MAX_TABLE = 1 << 16, 1 << 25


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """The passages found.

    Attributes
    ----------
    hashes : (n,) uint64, ascending
    texts : tuple of str
        One spelling of each, the first by code points, aligned with ``hashes``.
    counts : (n,) int64
        Articles it stood in, over the sites where it reached the floor.
    settings : BoilerplateSettings
        By which passages were cut; blanking must cut alike.
    """

    hashes: NDArray[np.uint64]
    texts: tuple[str, ...]
    counts: NDArray[np.int64]
    settings: BoilerplateSettings = field(default_factory=BoilerplateSettings)


def stored_boilerplate(
    rows: Iterable[Mapping[str, Any]], settings: BoilerplateSettings
) -> Boilerplate:
    """Return what a manifest says of boilerplate: text, articles, and hash of each passage."""
    ordered = sorted((int(row["hash"], 16), row["text"], row["articles"]) for row in rows)
    return Boilerplate(
        hashes=np.array([h for h, _, _ in ordered], np.uint64),
        texts=tuple(text for _, text, _ in ordered),
        counts=np.array([n for _, _, n in ordered], np.int64),
        settings=settings,
    )


@dataclass(frozen=True, slots=True)
class _Passages:
    """Passages of some rows: hash, first and last + 1 byte, row; arrays of one length."""

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    rows: NDArray[np.int64]

    def where(self, keep: NDArray[np.bool_]) -> _Passages:
        return _Passages(self.hashes[keep], self.starts[keep], self.ends[keep], self.rows[keep])


def find_boilerplate(
    bodies: StringColumn,
    sites: NDArray[np.int32],
    settings: BoilerplateSettings | None = None,
) -> Boilerplate:
    """Return the passages that recur in more than a small share of a site's articles.

    Parameters
    ----------
    bodies : StringColumn of n rows
    sites : (n,) int32, >= 0
        The site of each article (its host, and its language where a site has several).
    settings : BoilerplateSettings

    Returns
    -------
    Boilerplate
        Sorted by hash; empty when disabled.

    Raises
    ------
    InputError
        ``sites`` is not one number >= 0 per row.
    """
    settings = BoilerplateSettings() if settings is None else settings
    numbers = np.ascontiguousarray(sites, np.int64)
    if numbers.shape != (len(bodies),) or (numbers.size and numbers.min() < 0):
        raise InputError(
            f"sites has shape {np.shape(sites)}; expected one site number >= 0 for each of "
            f"{len(bodies)} bodies. Number the sites from 0, one entry per article."
        )
    if not settings.enabled or not len(bodies):
        return _none(settings)
    floors = _floors(numbers, settings)
    frequent = _frequent(bodies, numbers, floors, settings)
    return _decide(bodies, frequent, numbers, floors, settings)


def blank_boilerplate(bodies: StringColumn, boilerplate: Boilerplate) -> StringColumn:
    """Return ``bodies`` with every known passage overwritten by spaces, offsets unchanged.

    The same column comes back when it holds none of them.
    """
    if not len(boilerplate.hashes) or not len(bodies):
        return bodies
    data: NDArray[np.uint8] | None = None
    for passages in _cut_in_chunks(bodies, boilerplate.settings):
        at = np.searchsorted(boilerplate.hashes, passages.hashes)
        at[at == len(boilerplate.hashes)] = 0
        known = passages.where(boilerplate.hashes[at] == passages.hashes)
        if len(known.hashes):
            data = bodies.data.copy() if data is None else data
            fill_spaces(data, known.starts, known.ends)
    return bodies if data is None else StringColumn(data, bodies.offsets)


def _none(settings: BoilerplateSettings) -> Boilerplate:
    return Boilerplate(np.zeros(0, np.uint64), (), np.zeros(0, np.int64), settings)


def _floors(sites: NDArray[np.int64], settings: BoilerplateSettings) -> NDArray[np.int64]:
    """Return in how many articles of each site a passage must stand; (n_sites,) int64."""
    share: NDArray[np.float64] = np.ceil(np.bincount(sites) * settings.min_share)
    return np.maximum(share.astype(np.int64), settings.min_articles)


def _cut_in_chunks(bodies: StringColumn, settings: BoilerplateSettings) -> Iterator[_Passages]:
    """Yield the passages of consecutive rows, about 8 MB of text at a time."""
    offsets = np.ascontiguousarray(bodies.offsets, np.int64)
    start = 0
    while start < len(bodies):
        stop = int(np.searchsorted(offsets, offsets[start] + _CHUNK_BYTES, side="right")) - 1
        stop = min(max(stop, start + 1), len(bodies))
        yield _cut_rows(bodies.data, offsets, start, stop, settings)
        start = stop


def _cut_rows(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    start: int,
    stop: int,
    settings: BoilerplateSettings,
) -> _Passages:
    # A passage has at least min_chars bytes of its own; a paragraph adds at most one to its
    # sentences.
    room = 2 * int(offsets[stop] - offsets[start]) // settings.min_chars + 3
    hashes = np.empty(room, np.uint64)
    spans = np.empty((3, room), np.int64)
    limits = (settings.min_chars, settings.max_chars)
    n = int(cut(data, offsets, start, stop, limits, hashes, spans))
    return _Passages(hashes[:n], spans[0, :n], spans[1, :n], spans[2, :n])


def _frequent(
    bodies: StringColumn,
    sites: NDArray[np.int64],
    floors: NDArray[np.int64],
    settings: BoilerplateSettings,
) -> _Passages:
    """Return every passage that may reach its site's floor: all that do, and a few that do not."""
    size = 1 << int(np.clip(bodies.n_bytes // 64, _MIN_TABLE, _MAX_TABLE) - 1).bit_length()
    table = np.zeros(size, np.uint16)
    for passages in _cut_in_chunks(bodies, settings):
        add_to(table, passages.hashes, sites[passages.rows])
    kept = []
    for passages in _cut_in_chunks(bodies, settings):
        seen = look_up(table, passages.hashes, sites[passages.rows])
        # A counter stops at its largest value, so that is as good as any floor.
        need = np.minimum(floors[sites[passages.rows]], np.iinfo(np.uint16).max)
        kept.append(passages.where(seen >= need))
    return _Passages(
        np.concatenate([k.hashes for k in kept]),
        np.concatenate([k.starts for k in kept]),
        np.concatenate([k.ends for k in kept]),
        np.concatenate([k.rows for k in kept]),
    )


def _decide(
    bodies: StringColumn,
    passages: _Passages,
    sites: NDArray[np.int64],
    floors: NDArray[np.int64],
    settings: BoilerplateSettings,
) -> Boilerplate:
    """Count distinct articles per site and passage, exactly, and keep what reaches the floor."""
    order = np.lexsort((passages.starts, passages.rows, sites[passages.rows], passages.hashes))
    hashes, rows = passages.hashes[order], passages.rows[order]
    if not len(order):
        return _none(settings)
    site = sites[rows]
    new_group = np.r_[True, (hashes[1:] != hashes[:-1]) | (site[1:] != site[:-1])]
    new_article = new_group | np.r_[True, rows[1:] != rows[:-1]]
    firsts = np.flatnonzero(new_group)
    counts = np.add.reduceat(new_article.astype(np.int64), firsts)
    enough = counts >= floors[site[firsts]]
    chosen, group = np.unique(hashes[firsts[enough]], return_inverse=True)
    totals = np.zeros(len(chosen), np.int64)
    np.add.at(totals, group, counts[enough])
    first, last = (np.searchsorted(hashes, chosen, side) for side in ("left", "right"))
    texts = tuple(
        min({_text(bodies, passages, int(i)) for i in order[a:b]})
        for a, b in zip(first.tolist(), last.tolist(), strict=True)
    )
    return Boilerplate(chosen, texts, totals, settings)


def _text(bodies: StringColumn, passages: _Passages, i: int) -> str:
    raw = bytes(bodies.data[passages.starts[i] : passages.ends[i]])
    return raw.decode("utf-8", "replace").strip()
