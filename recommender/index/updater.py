"""Changing an index: documents come and go, and small segments are merged into larger ones.

The newest documents stand in a small last segment, which is written anew with each commit; when it
has grown, or one before it is not much larger, they are merged. So a commit costs what it brings,
not what the index holds, and a search meets a handful of segments at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.index.linking import link
from recommender.index.merging import Source, corpus_source, merge, segment_source
from recommender.index.part import Part
from recommender.index.pool import Links
from recommender.index.publisher import DEFAULT_KEEPING, Change, Table, publish
from recommender.index.reader import Index
from recommender.index.settings import GenerationSettings, SearchSettings, UpdateSettings
from recommender.index.writer import Corpus
from recommender.weighting import WeightSettings

__all__ = ["Edit", "kept_by_commit", "kept_by_merge", "rewrite"]


@dataclass(frozen=True, slots=True)
class Edit:
    """What changes.

    Attributes
    ----------
    corpus : new articles, and new versions of articles; None for none
    gone : int32, documents that are deleted or replaced, ascending
    """

    corpus: Corpus | None = None
    gone: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))


def kept_by_commit(index: Index, n_new: int, settings: UpdateSettings) -> int:
    """Return how many segments a commit leaves as they are: all but a small last one."""
    sizes = [_standing(part) for part in index.parts]
    kept, least = len(sizes), _least_kept(index)
    while n_new and kept > least and sizes[kept - 1] + n_new <= settings.last_segment:
        kept -= 1
        n_new += sizes[kept]
    return kept


def kept_by_merge(index: Index, settings: UpdateSettings) -> int:
    """Return how many segments are left as they are where the others should be merged into one.

    All, where nothing need be merged.
    """
    sizes, least = [_standing(part) for part in index.parts], _least_kept(index)
    if not any(sizes):
        return len(sizes)  # an index has a segment, if all of it is gone
    for i, part in enumerate(index.parts):
        if i >= least and 2 * sizes[i] < part.segment.n_docs:
            return i  # most of it is gone
    kept = len(sizes)
    size = 0
    while kept > least and (size == 0 or sizes[kept - 1] < settings.merge_factor * size):
        kept -= 1
        size += sizes[kept]
    return len(sizes) if kept >= len(sizes) - 1 else kept


def _least_kept(index: Index) -> int:
    """Return how many segments stay in any case: the one that frozen statistics were taken from."""
    return int(index.collection.weights.statistics == "frozen" and len(index.parts) > 0)


def _standing(part: Part) -> int:
    return part.segment.n_docs - len(part.gone)


def rewrite(
    root: Path,
    index: Index,
    edit: Edit,
    *,
    n_kept: int,
    weights: WeightSettings,
    search: SearchSettings,
    updates: UpdateSettings,
    about: Mapping[str, Any],
    languages: Sequence[str],
    table: Table | None = None,
    keeping: GenerationSettings = DEFAULT_KEEPING,
) -> Index:
    """Publish the index with an edit; segments after the first ``n_kept`` become one.

    Call with the writer lock held.

    Parameters
    ----------
    table : finds the neighbours of a first segment that is written anew; None = those that are
        known are carried over, or, if it is small, they are searched for
    about, languages : as ``publisher.write_generation`` takes them

    Returns
    -------
    The new generation, opened.
    """
    gone = np.union1d(index.gone, edit.gone).astype(np.int32)
    plan = _Plan.of(index, edit.corpus, gone, n_kept)
    has_pool = bool(search.neighbours and index.parts and index.parts[0].segment.width)
    change = plan.change(index, gone)
    if plan.n_kept and has_pool:
        linking = partial(plan.link, index=index, settings=search)
        change = replace(change, linking=linking, how=index.manifest.table)
    elif not plan.n_kept and search.neighbours:
        carry = table is None and has_pool and len(plan.numbers) > updates.last_segment
        carried = partial(plan.carried, index=index, settings=search)
        searched = table or partial(_searched, settings=search)
        how = "carried" if carry else "searched"
        change = replace(change, table=carried if carry else searched, how=how)
    return publish(root, change, weights=weights, about=about, languages=languages, keeping=keeping)


@dataclass(frozen=True)
class _Plan:
    """What becomes of each document.

    Attributes
    ----------
    n_kept : segments that stay
    corpus : what the new segment is made of, or None
    numbers : (n_docs,) int32, the new number of each document of the old index, -1 = gone
    new : int32, numbers of the documents that are new
    """

    n_kept: int
    corpus: Corpus | None
    numbers: NDArray[np.int32]
    new: NDArray[np.int32]

    @classmethod
    def of(cls, index: Index, corpus: Corpus | None, gone: NDArray[np.int32], n_kept: int) -> _Plan:
        numbers = np.arange(index.n_docs, dtype=np.int32)
        numbers[gone] = -1
        docs = [_left(part, numbers) for part in index.parts[n_kept:]]
        n_old = sum(len(part) for part in docs)
        n_new = 0 if corpus is None else len(corpus.ids)
        if not n_old + n_new and not n_kept:
            n_kept = len(index.parts)  # an index has a segment, if all of it is gone
        if not n_old + n_new:
            return cls(n_kept, None, numbers, np.zeros(0, np.int32))
        sources: list[Source] = [
            segment_source(part.segment, own)
            for part, own in zip(index.parts[n_kept:], docs, strict=True)
            if len(own)
        ]
        merged, order = merge(sources + ([] if corpus is None else [corpus_source(corpus)]))
        begin = index.parts[n_kept].first if n_kept < len(index.parts) else index.n_docs
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(begin, begin + len(order), dtype=np.int32)
        numbers[begin:] = np.where(numbers[begin:] < 0, -1, 0)
        numbers[begin:][numbers[begin:] == 0] = place[:n_old]
        return cls(n_kept, merged, numbers, np.sort(place[n_old:]))

    def change(self, index: Index, gone: NDArray[np.int32]) -> Change:
        """Return what the new generation is made of, its neighbours apart."""
        names = index.manifest.order[: self.n_kept]
        stop = index.parts[self.n_kept - 1].stop if self.n_kept else 0
        return Change(
            kept={name: index.manifest.segments[name] for name in names},
            segments=index.collection.segments[: self.n_kept],
            numbers=index.collection.numbers[: self.n_kept],
            gone=gone[gone < stop],
            corpus=self.corpus,
        )

    def link(self, changed: Index, *, index: Index, settings: SearchSettings) -> Links:
        """Return the links of the changed index: the old ones, and those of new documents."""
        return link(changed, index.links.renumbered(self.numbers), self.new, settings)

    def carried(
        self, changed: Index, *, index: Index, settings: SearchSettings
    ) -> NDArray[np.int32]:
        """Return the table of an index that is all one new segment, from what was known before."""
        docs, width = changed.docs(), settings.neighbours
        known = Links.from_pairs(*index.pools()).renumbered(self.numbers)
        linked = replace(changed, links=link(changed, known, self.new, settings))
        table = np.full((len(docs), width), -1, np.int32)
        for doc in docs.tolist():
            best = linked.best_of(doc, linked.pool(doc), width).docs
            table[doc, : len(best)] = best
        return table.ravel()


def _searched(changed: Index, *, settings: SearchSettings) -> NDArray[np.int32]:
    """Return the table of an index that is all one new segment, found by searching."""
    return changed.search_rows(changed.docs(), settings.neighbours, effort=settings)[0].ravel()


def _left(part: Part, numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the part's own numbers of its documents that are not gone."""
    return np.flatnonzero(numbers[part.first : part.stop] >= 0).astype(np.int32)
