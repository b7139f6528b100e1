"""Counting spooled articles: shards of them, each by a thread with a vocabulary of its own.

The result does not depend on how many shards there are: vocabularies are united in an order that
depends on the terms alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

import joblib
import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.errors import InputError
from recommender.index.invert import RowBlock
from recommender.index.writer import MAX_POSTINGS, check_size
from recommender.spool import FIELDS, SpooledArticles
from recommender.text.analyzer import Analyzer
from recommender.text.counter import TermCounter
from recommender.text.counts import Forms, merge_forms, unite
from recommender.text.passages import Boilerplate, blank_boilerplate
from recommender.weighting import encode_counts

__all__ = ["Counted", "count_articles"]

CHUNK_BYTES: Final = 16 << 20
"""Text counted at a time by one thread."""


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
    counter: TermCounter


def count_articles(
    spooled: SpooledArticles,
    analyzer: Analyzer,
    weights: Mapping[str, int],
    boilerplate: Boilerplate,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Counted:
    """Count the terms of every article, in document order.

    Parameters
    ----------
    weights : field to what an occurrence in it counts
    boilerplate : passages that are not counted
    jobs : threads; -1 = one a core
    progress : called with articles done and in all

    Raises
    ------
    InputError : the articles would make more postings than an index can hold; said after the first
        chunk, not after hours
    """
    chunks = list(_chunks(spooled))
    n_threads = joblib.effective_n_jobs(jobs)
    shares = [s for s in np.array_split(np.arange(len(chunks)), n_threads) if len(s)]
    report = _Report(len(spooled.order), progress)

    def count(share: NDArray[np.int64]) -> _Shard:
        counter = TermCounter(analyzer, weights)
        blocks = []
        for i in share:
            rows = chunks[int(i)]
            counted = counter.add(*_texts(spooled, rows, boilerplate))
            codes = encode_counts(counted.counts)
            blocks.append(RowBlock(counted.indptr, counted.terms, codes, np.zeros(0, np.int32)))
            report.add(len(rows), len(counted.terms))
        return _Shard(blocks, counter)

    run = joblib.Parallel(n_jobs=n_threads, prefer="threads")
    return _united(run(joblib.delayed(count)(share) for share in shares))


def _texts(
    spooled: SpooledArticles, rows: NDArray[np.int64], boilerplate: Boilerplate
) -> tuple[dict[str, StringColumn], list[str]]:
    """Return the fields of some rows without boilerplate, and their languages."""
    fields = {name: spooled.columns[name].take(rows) for name in FIELDS}
    fields["body"] = blank_boilerplate(fields["body"], boilerplate)
    return fields, [spooled.langs[int(row)] for row in rows]


def _united(shards: Sequence[_Shard]) -> Counted:
    vocabulary, numbers = unite([shard.counter.vocabulary for shard in shards])
    blocks = [
        block._replace(numbers=mine)
        for shard, mine in zip(shards, numbers, strict=True)
        for block in shard.blocks
    ]
    for shard in shards:
        shard.blocks.clear()
    if len(shards) == 1:
        return Counted(blocks, vocabulary, shards[0].counter.forms(numbers[0]))
    forms = merge_forms([shard.counter.forms() for shard in shards], numbers)
    return Counted(blocks, vocabulary, forms)


def _chunks(spooled: SpooledArticles) -> Iterator[NDArray[np.int64]]:
    """Cut the documents, in their order, into runs of about CHUNK_BYTES of text."""
    sizes = sum(np.diff(spooled.columns[name].offsets)[spooled.order] for name in FIELDS)
    marks = np.cumsum(sizes) // CHUNK_BYTES
    cuts = np.flatnonzero(np.diff(marks)) + 1
    yield from np.split(spooled.order, cuts)


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
