"""Publishing: a new generation is written beside the others, proven, and made the live one.

A generation shares the segments that it takes over from its parent, and has at most one that is
new. Whatever goes wrong before the pointer moves, the index is as it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._disk import disk
from recommender._files import storage_errors, write_array
from recommender.errors import DamagedIndexError, StorageError
from recommender.index.collection import Collection, count_terms, number_terms
from recommender.index.keeping import collect, discard
from recommender.index.lengths import weighed
from recommender.index.manifest import (
    Files,
    Manifest,
    folder_record,
    generations,
    live,
    make_live,
    scratch_folder,
    segment_name,
    segments,
    settle,
)
from recommender.index.pool import Links
from recommender.index.reader import Index
from recommender.index.segment import LATER, Segment
from recommender.index.settings import GenerationSettings
from recommender.index.writer import Corpus, make_segment
from recommender.weighting import WeightSettings

__all__ = ["Change", "publish", "write_generation"]

DEFAULT_KEEPING = GenerationSettings()

Table = Callable[[Index], NDArray[np.int32]]
Linking = Callable[[Index], Links]
Gate = Callable[[Index], None]


@dataclass(frozen=True)
class Change:
    """What a generation is made of.

    Attributes
    ----------
    kept : segments of the parent that are taken over, by name, and the record of their files
    segments : these, opened
    numbers : the collection's number of each of their terms, as far as it is known
    gone : int32, documents of theirs that are gone, ascending
    corpus : what makes the new segment, or None for no new one
    table : finds the neighbours of the new segment's documents in it; None = no table
    linking : returns the links of the new generation; None = there are none
    how : what the manifest says of the first segment's table
    """

    kept: Mapping[str, Files] = field(default_factory=dict)
    segments: Sequence[Segment] = ()
    numbers: Sequence[NDArray[np.int32]] = ()
    gone: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    corpus: Corpus | None = None
    table: Table | None = None
    linking: Linking | None = None
    how: str = "searched"


def write_generation(
    root: Path,
    corpus: Corpus,
    *,
    weights: WeightSettings,
    about: Mapping[str, Any],
    languages: Sequence[str],
    neighbours: Table | None = None,
    gate: Gate | None = None,
    keeping: GenerationSettings = DEFAULT_KEEPING,
) -> Manifest:
    """Write ``corpus`` as the next generation of the index in ``root`` and make it the live one.

    Call with the writer lock held. Readers of older generations are not disturbed.

    Parameters
    ----------
    about : the manifest's settings, analysis, package, report, boilerplate
    languages : names of ``corpus.languages``
    neighbours : finds the table of neighbours of what is about to be published
    gate : is given what is about to be published; what it raises stops it, and nothing is left
    keeping : which older generations are kept

    Raises
    ------
    InputError : more articles, terms or postings than an index can hold
    StorageError : the disk refused; nothing was published
    """
    change = Change(corpus=corpus, table=neighbours)
    index = publish(
        root,
        change,
        weights=weights,
        about=about,
        languages=languages,
        gate=gate,
        keeping=keeping,
    )
    return index.manifest


def publish(
    root: Path,
    change: Change,
    *,
    weights: WeightSettings,
    about: Mapping[str, Any],
    languages: Sequence[str],
    gate: Gate | None = None,
    keeping: GenerationSettings = DEFAULT_KEEPING,
) -> Index:
    """Write a generation, make it the live one and return it, opened.

    Call with the writer lock held. The parameters and errors are those of ``write_generation``.
    """
    staged, before = scratch_folder(root), segments(root)
    with storage_errors(root):
        try:
            for folder in (staged, staged / "segment", staged / "generation"):
                disk().mkdir(folder)
            work = _Staging(root, staged, change, weights, languages, about)
            index = work.write()
            manifest = index.manifest
            settle(root, work.own, manifest, work.new_folders(manifest))
        finally:
            disk().remove_tree(staged, ignore_errors=True)
    try:
        index = _probe(root, manifest.generation, index)
        if gate is not None:
            gate(index)
    except BaseException:
        discard(root, manifest, older=before)
        raise
    make_live(root, manifest.generation)
    with contextlib.suppress(OSError):  # the new one has been published, whatever the old ones are
        collect(root, keeping)
    return index


@dataclass(frozen=True)
class _Staging:
    """A generation on its way: what is written where, in which order."""

    root: Path
    folder: Path
    change: Change
    weights: WeightSettings
    languages: Sequence[str]
    about: Mapping[str, Any]

    @property
    def own(self) -> Path:
        return self.folder / "generation"

    def new_folders(self, manifest: Manifest) -> dict[str, Path]:
        new = [name for name in manifest.order if name not in self.change.kept]
        return {name: self.folder / "segment" for name in new}

    def write(self) -> Index:
        """Write the new segment and the generation's own files; return it as it will be read."""
        corpus = self.change.corpus
        index = self._index_of(()) if corpus is None else self._with_new(corpus)
        links = Links.none() if self.change.linking is None else self.change.linking(index)
        numbers = [np.zeros(0, np.int32), *index.collection.numbers[1:]]
        arrays = {
            "df": index.collection.df,
            "numbers": np.concatenate(numbers),
            "gone": self.change.gone,
            **{f"links.{name}": getattr(links, name) for name in Links.TYPES},
        }
        for name, array in arrays.items():
            write_array(self.own / f"{name}.npy", array)
        return replace(index, manifest=replace(index.manifest, files=folder_record(self.own)))

    def _with_new(self, corpus: Corpus) -> Index:
        """Write the new segment and return the index with it."""
        folder, change = self.folder / "segment", self.change
        segment = make_segment(corpus, self.weights)
        segment.write_some(folder, (n for n in segment.arrays() if n not in LATER))
        segment = Segment.open(folder, complete=False)  # the loops take mapped arrays
        collection = self._collection((*change.segments, segment))
        own = collection.numbers[-1]
        segment = weighed(segment, collection.tf, collection.idf_squared[own])
        segment.write_some(folder, LATER)
        index = self._index_of((segment,), collection)
        if change.table is None:
            return index
        segment = replace(segment, neighbours=change.table(index))
        segment.write_some(folder, ("neighbours",))
        return self._index_of((segment,), collection)

    def _collection(self, segments: Sequence[Segment]) -> Collection:
        """Return what the segments count together."""
        numbers = number_terms(segments, self.change.numbers)
        df = count_terms(segments, numbers, self._gone_by_segment(segments))
        n_articles = sum(segment.n_docs for segment in segments) - len(self.change.gone)
        # Frozen statistics are those of the first segment when it is written: now.
        is_first = len(segments) == 1 and self.change.corpus is not None
        weights = replace(self.weights, statistics="global") if is_first else self.weights
        return Collection.of(segments, numbers, df, n_articles, weights)

    def _index_of(self, new: tuple[Segment, ...], collection: Collection | None = None) -> Index:
        segments = (*self.change.segments, *new)
        collection = collection or self._collection(segments)
        return Index.assemble(
            self._manifest(segments, collection.df, new),
            segments,
            self.weights,
            numbers=collection.numbers,
            df=collection.df,
            gone=self.change.gone,
        )

    def _gone_by_segment(self, segments: Sequence[Segment]) -> list[NDArray[np.int32]]:
        ends = np.cumsum([segment.n_docs for segment in segments])
        firsts = ends - [segment.n_docs for segment in segments]
        cuts = np.searchsorted(self.change.gone, ends)[:-1]
        parts = np.split(self.change.gone, cuts)
        return [part - int(first) for part, first in zip(parts, firsts, strict=True)]

    def _manifest(
        self, segments: Sequence[Segment], df: NDArray[np.int32], new: tuple[Segment, ...]
    ) -> Manifest:
        n_docs = sum(segment.n_docs for segment in segments)
        named = dict(self.change.kept)
        if new:
            files = folder_record(self.folder / "segment")
            named[segment_name(files)] = files
        return Manifest(
            generation=self._number,
            built_at=datetime.now(UTC).isoformat(timespec="seconds"),
            languages=tuple(self.languages),
            counts={
                "articles": n_docs - len(self.change.gone),
                "terms": len(df),
                "postings": int(df.sum(dtype=np.int64)),
            },
            order=tuple(named),
            segments=named,
            files={},
            parent=live(self.root),
            table=self.change.how,
            **{
                **self.about,
                "settings": {**self.about["settings"], "weights": asdict(self.weights)},
            },
        )

    @cached_property
    def _number(self) -> int:
        before = generations(self.root)
        return (before[-1] if before else 0) + 1


def _probe(root: Path, generation: int, like: Index) -> Index:
    """Open what was written and ask it, as a reader will; what cannot answer never goes live."""
    try:
        index = Index.open(root, generation=generation, verify=False, like=like)
        index.warm_up()
    except DamagedIndexError as error:
        raise StorageError(
            f"What was written to {root} cannot be read back: {error} "
            "Nothing was published. Check the disk, then run it again."
        ) from error
    return index
