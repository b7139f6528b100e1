"""Counting spooled articles: shards of them, each by a thread with a vocabulary of its own.

The result does not depend on how many shards there are: vocabularies are united in an order that
depends on the terms alone. Shards that are done can be kept in a folder, under a name that is a
digest of all that they depend on; a later run over the same articles takes them from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from threading import Lock
from typing import Any, Final

import joblib
import numpy as np
from numpy.typing import NDArray

from recommender._files import keep_work, kept_work, storage_errors
from recommender._strings import StringColumn
from recommender._version import __version__
from recommender.errors import InputError
from recommender.index.invert import RowBlock
from recommender.index.writer import MAX_POSTINGS, check_size
from recommender.spool import FIELDS, SpooledArticles
from recommender.text.analyzer import Analyzer
from recommender.text.counter import TermCounter, first_cuts
from recommender.text.counts import Forms, merge_forms, unite
from recommender.text.passages import Boilerplate, blank_boilerplate
from recommender.weighting import encode_counts

__all__ = ["KEPT_SHARD", "Counted", "count_articles"]

CHUNK_BYTES: Final = 8 << 20
"""Text counted at a time by one thread."""

SHARD_CHUNKS: Final = 32
"""Chunks in a shard at most. A shard is what is lost when counting is stopped; words are analysed
once in each."""

KEPT_SHARD: Final = ".counted"
"""How the names of kept shards end."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of term counts, and what their terms are called.

    Attributes
    ----------
    blocks : rows in document order; their ``numbers`` are places in the vocabulary
    vocabulary : StringColumn, in an order that depends on the terms alone
    forms : Forms, the words behind the terms
    """

    blocks: list[RowBlock]
    vocabulary: StringColumn
    forms: Forms


@dataclass(frozen=True, slots=True)
class _Shard:
    """What one thread counted; the blocks' ``numbers`` are not there yet."""

    blocks: list[RowBlock]
    vocabulary: StringColumn
    forms: Forms


def count_articles(
    spooled: SpooledArticles,
    analyzer: Analyzer,
    weights: Mapping[str, int],
    boilerplate: Boilerplate,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
    keep_in: Path | None = None,
) -> Counted:
    """Count the terms of every article, in document order.

    Parameters
    ----------
    weights : field to what an occurrence in it counts
    boilerplate : passages that are not counted
    jobs : threads; -1 = one a core
    progress : called with articles done and in all
    keep_in : folder in which shards are kept, and looked for

    Raises
    ------
    InputError : the articles would make more postings than an index can hold; said after the first
        chunk, not after hours
    StorageError : a shard cannot be kept
    """
    n_threads = joblib.effective_n_jobs(jobs)
    report = _Report(len(spooled.order), progress)
    work = _Counting(spooled, analyzer, weights, boilerplate, report, keep_in)
    run = joblib.Parallel(n_jobs=n_threads, prefer="threads")
    shares = _shares(list(_chunks(spooled)), n_threads)
    return _united(run(joblib.delayed(work.shard)(share) for share in shares))


def _shares(
    chunks: Sequence[NDArray[np.int64]], n_threads: int
) -> list[Sequence[NDArray[np.int64]]]:
    """Deal out the chunks: a share for each thread, or more of them where they would be large."""
    n_shares = max(n_threads, -(-len(chunks) // SHARD_CHUNKS))
    places = np.array_split(np.arange(len(chunks)), n_shares)
    return [chunks[some[0] : some[-1] + 1] for some in places if len(some)]


@dataclass(frozen=True, slots=True)
class _Counting:
    """One run of ``count_articles``."""

    spooled: SpooledArticles
    analyzer: Analyzer
    weights: Mapping[str, int]
    boilerplate: Boilerplate
    report: _Report
    keep_in: Path | None

    def shard(self, share: Sequence[NDArray[np.int64]]) -> _Shard:
        """Count some chunks, or take over what was kept of them."""
        if self.keep_in is None:
            return self._count(share)
        place = self.keep_in / f"{self._key(share)}{KEPT_SHARD}"
        shard = _kept(place)
        if shard is None:
            shard = self._count(share)
            with storage_errors(self.keep_in.parent):
                _keep(place, shard)
        else:
            self._report(share, shard.blocks)
        return shard

    def _count(self, share: Iterable[NDArray[np.int64]]) -> _Shard:
        counter = TermCounter(self.analyzer, self.weights)
        blocks = []
        for rows in self._parts(share):
            counted = counter.add(*_texts(self.spooled, rows, self.boilerplate))
            codes = encode_counts(counted.counts)
            blocks.append(RowBlock(counted.indptr, counted.terms, codes, np.zeros(0, np.int32)))
            self._report([rows], blocks[-1:])
        return _Shard(blocks, counter.vocabulary, counter.forms())

    def _parts(self, share: Iterable[NDArray[np.int64]]) -> Iterator[NDArray[np.int64]]:
        """Yield the chunks, the first of them cut into parts that grow."""
        chunks = iter(share)
        for rows in chunks:
            yield from np.split(rows, first_cuts(_sizes(self.spooled, rows)))
            break
        yield from chunks

    def _report(self, share: Iterable[NDArray[np.int64]], blocks: Iterable[RowBlock]) -> None:
        self.report.add(sum(map(len, share)), sum(len(block.terms) for block in blocks))

    def _key(self, share: Iterable[NDArray[np.int64]]) -> str:
        """Return a digest of all that the counts of these chunks depend on."""
        spooled, boilerplate = self.spooled, self.boilerplate
        common = [__version__, self.analyzer.fingerprint, dict(self.weights)]
        common += [asdict(boilerplate.settings), boilerplate.hashes.tolist()]
        digest = hashlib.sha256(json.dumps(common, sort_keys=True).encode())
        for rows in share:
            langs = [spooled.langs[row] for row in rows.tolist()]
            digest.update(json.dumps(langs).encode())
            digest.update(spooled.digests[rows].tobytes())
        return digest.hexdigest()[:32]


_OF_FORMS: Final = tuple(f.name for f in fields(Forms) if f.name not in ("languages", "surfaces"))


def _keep(place: Path, shard: _Shard) -> None:
    forms = shard.forms
    arrays: dict[str, Any] = {name: getattr(forms, name) for name in _OF_FORMS}
    for name, column in (("vocabulary", shard.vocabulary), ("surfaces", forms.surfaces)):
        whole = column.compact()
        arrays |= {f"{name}.data": whole.data, f"{name}.offsets": whole.offsets}
    for i, block in enumerate(shard.blocks):
        arrays |= {f"{name}.{i}": getattr(block, name) for name in ("indptr", "terms", "codes")}
    about = {"blocks": len(shard.blocks), "languages": forms.languages}
    keep_work(place, about, arrays)


def _kept(place: Path) -> _Shard | None:
    kept = kept_work(place)
    if kept is None:
        return None
    about, arrays = kept
    none = np.zeros(0, np.int32)
    blocks = [
        RowBlock(arrays[f"indptr.{i}"], arrays[f"terms.{i}"], arrays[f"codes.{i}"], none)
        for i in range(about["blocks"])
    ]
    vocabulary, surfaces = (
        StringColumn(arrays[f"{name}.data"], arrays[f"{name}.offsets"])
        for name in ("vocabulary", "surfaces")
    )
    own = {name: arrays[name] for name in _OF_FORMS}
    return _Shard(blocks, vocabulary, Forms(tuple(about["languages"]), surfaces=surfaces, **own))


def _texts(
    spooled: SpooledArticles, rows: NDArray[np.int64], boilerplate: Boilerplate
) -> tuple[dict[str, StringColumn], list[str]]:
    """Return the fields of some rows without boilerplate, and their languages."""
    fields = {name: spooled.columns[name].take(rows) for name in FIELDS}
    fields["body"] = blank_boilerplate(fields["body"], boilerplate)
    return fields, [spooled.langs[int(row)] for row in rows]


def _united(shards: Sequence[_Shard]) -> Counted:
    vocabulary, numbers = unite([shard.vocabulary for shard in shards])
    blocks = [
        block._replace(numbers=mine)
        for shard, mine in zip(shards, numbers, strict=True)
        for block in shard.blocks
    ]
    for shard in shards:
        shard.blocks.clear()
    forms = merge_forms([shard.forms for shard in shards], numbers)
    return Counted(blocks, vocabulary, forms)


def _chunks(spooled: SpooledArticles) -> Iterator[NDArray[np.int64]]:
    """Cut the documents, in their order, into runs of about CHUNK_BYTES of text."""
    marks = np.cumsum(_sizes(spooled, spooled.order)) // CHUNK_BYTES
    cuts = np.flatnonzero(np.diff(marks)) + 1
    yield from np.split(spooled.order, cuts)


def _sizes(spooled: SpooledArticles, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bytes of text in some rows."""
    sizes = np.zeros(len(rows), np.int64)
    for name in FIELDS:
        sizes += np.diff(spooled.columns[name].offsets)[rows]
    return sizes


class _Report:
    """Adds up what threads have done, and looks ahead to the end."""

    def __init__(self, total: int, progress: Callable[[int, int], None]) -> None:
        self._lock = Lock()
        self._total = total
        self._progress = progress
        self._articles = self._postings = 0

    def add(self, articles: int, postings: int) -> None:
        """Count a chunk that is done; raise InputError where all of them will be too many."""
        with self._lock:
            self._articles += articles
            self._postings += postings
            share = self._articles / max(1, self._total)
            check_size(self._total, 0, self._postings)
            if self._postings / max(share, 1e-9) > 2 * MAX_POSTINGS:
                raise InputError(
                    f"{self._articles:,} of {self._total:,} articles have made {self._postings:,} "
                    f"pairs of article and term; at that rate there would be far more than the "
                    f"{MAX_POSTINGS:,} that one index holds. Split the articles by site or year."
                )
            self._progress(self._articles, self._total)
