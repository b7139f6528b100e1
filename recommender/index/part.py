"""One segment as a part of a generation: the collection's numbers in, the segment's own inside.

A part translates terms and documents, leaves out what is gone, and knows what its documents weigh
in the whole collection.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from threading import local
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.errors import DamagedIndexError
from recommender.index import rows, scan
from recommender.index.invert import tf_levels
from recommender.index.lengths import are_true, lengths_of
from recommender.index.segment import Segment

__all__ = ["EVERYTHING", "Choice", "Part", "Priors", "among"]

Row = tuple[NDArray[np.int32], NDArray[np.uint8]]
Found = tuple[NDArray[np.int32], NDArray[np.float64]]


class Priors(Protocol):
    """What the scores of documents are multiplied by, each in 0..1."""

    def of(self, docs: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return those of some documents, (n,) float64."""

    def between(self, first: int, stop: int) -> NDArray[np.float64]:
        """Return those of the documents ``first <= doc < stop``, (stop - first,) float64."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which documents may be found, and how much each counts.

    Applied inside the scan, so that a filter never starves the list. Gone documents are never
    found.

    Attributes
    ----------
    languages : language codes, or None for any
    mask : (n_docs,) bool, the documents that may be found at all, or None for any
    excluded : document numbers never found
    since, until : seconds since 1970; what was published outside ``since <= time < until`` is not
        looked at, and with ``since`` nothing undated; None = no bound
    priors : what each document's score is multiplied by, or None for 1; lists are those of scoring
        everything so, and 0 is never found
    """

    languages: frozenset[int] | None = None
    mask: NDArray[np.bool_] | None = None
    excluded: frozenset[int] = frozenset()
    since: int | None = None
    until: int | None = None
    priors: Priors | None = None

    @property
    def leaves_nothing_out(self) -> bool:
        """Whether every document of the languages may be found, and counts as much as another."""
        bounded = self.since is not None or self.until is not None
        return self.mask is None and not self.excluded and not bounded and self.priors is None


EVERYTHING = Choice()
"""The choice of any document."""

_NO_PRIORS = np.zeros(0, np.float64)


_FEW: Final = 64
"""Up to so many numbers are compared one by one, which a sort would take longer for."""


def among(docs: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which of ``docs`` are among ``others``, (n,) bool."""
    if len(others) > _FEW:
        return np.isin(docs, others)
    found: NDArray[np.bool_] = (docs[:, None] == others[None, :]).any(axis=1)
    return found


@dataclass(frozen=True)
class Part:
    """One segment of an index. Safe to share between threads and across ``fork``.

    Attributes
    ----------
    segment : Segment
    first : the index's number of its first document
    numbers : (n_terms,) int32, the collection's number of each of its terms; None = the same
    gone : int32, its documents that are gone, ascending
    tf : (256,) float64, by count code
    idf_squared : (n_terms,) float64, of the collection, by the segment's term numbers
    """

    segment: Segment
    first: int
    numbers: NDArray[np.int32] | None
    gone: NDArray[np.int32]
    tf: NDArray[np.float64]
    idf_squared: NDArray[np.float64]
    _scratch: local = field(default_factory=local, init=False, repr=False, compare=False)
    # Rows that were unpacked without a loop, by a process that asks one question.
    _unpacked: dict[int, Row] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def stop(self) -> int:
        """The index's number after that of its last document."""
        return self.first + self.segment.n_docs

    @cached_property
    def lengths_are_true(self) -> bool:
        """Whether the lengths that stand in the segment are those of this collection."""
        return are_true(self.segment, self.idf_squared)

    # --- documents ---

    def row(
        self, doc: int, *, compiled: bool = True
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return a document's terms, by the collection's numbers and ascending, and their codes."""
        terms, codes = self._own_row(doc, compiled=compiled)
        if self.numbers is None:
            return terms, codes
        numbers = self.numbers[terms]
        order = np.argsort(numbers)
        return numbers[order], codes[order]

    def rows(self, docs: NDArray[np.int32]) -> rows.CSR:
        """Return indptr, terms and codes of several documents, as ``row`` does."""
        own = np.ascontiguousarray(docs - self.first, np.int32)
        indptr, terms, codes = rows.unpack_rows(*self.segment.rows.arrays(), own)
        if self.numbers is None:
            return indptr, terms, codes
        order, numbers = _sorted_in_rows(indptr, self.numbers[terms])
        return indptr, numbers, codes[order]

    def _own_row(self, doc: int, *, compiled: bool) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        packed, own = self.segment.rows, doc - self.first
        if not compiled:
            if doc not in self._unpacked:
                row = packed.packed[slice(*packed.row_ptr[own : own + 2])]
                self._unpacked[doc] = rows.unpack_row(row)
            return self._unpacked[doc]
        _, terms, codes = rows.unpack_rows(*packed.arrays(), np.array([own], np.int32))
        return terms, codes

    def norm(self, doc: int, *, compiled: bool = True) -> float:
        """Return the length of a document's vector."""
        if self.lengths_are_true:
            return float(self.segment.norms[doc - self.first])
        if not compiled:
            terms, codes = self._own_row(doc, compiled=False)
            return math.sqrt(math.fsum(self.tf[codes] ** 2 * self.idf_squared[terms]))
        return float(self.norms(np.array([doc], np.int32))[0])

    def norms(self, docs: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the lengths of documents' vectors, (n,) float64."""
        own = np.ascontiguousarray(docs - self.first, np.int32)
        if self.lengths_are_true:
            return np.asarray(self.segment.norms)[own]
        found: NDArray[np.float64] = rows.norms(
            own, *self.segment.rows.arrays(), self.tf, self.idf_squared
        )
        return found

    # --- searching ---

    def search(
        self,
        queries: scan.Queries,
        k: int,
        threshold: float,
        effort: tuple[float, int],
        choice: Choice,
        groups: NDArray[np.uint8],
    ) -> Found:
        """Return the ``k`` nearest of each query here, as ``scan.search``, in the index's numbers.

        Parameters
        ----------
        queries : terms and documents in the collection's numbers
        groups : (n,) uint8, the language that each query's documents must have; empty = what
            ``choice`` says
        """
        with self.clean_room() as room:
            found, scores = scan.search(
                self._own_queries(queries),
                min(k, max(1, self.segment.n_docs)),
                threshold,
                effort,
                groups,
                self.matrix,
                self._statistics_for(choice),
                self._choices(choice),
                room,
            )
        return np.where(found < 0, -1, found + np.int32(self.first)), scores

    def score(
        self,
        docs: NDArray[np.int32],
        query: tuple[Any, Any, float],
        k: int,
        threshold: float,
    ) -> Found:
        """Return the ``k`` best of some of the part's documents, with the scores of a search."""
        own = self._own_query(query[0], query[1])
        with self.clean_room() as room:
            best, scores = scan.score_docs(
                np.ascontiguousarray(docs - self.first, np.int32),
                (*own, query[2]),
                k,
                threshold,
                self.matrix,
                self.statistics,
                room.query_codes,
            )
        return best + np.int32(self.first), scores

    def scores_of(
        self, docs: NDArray[np.int32], query: tuple[Any, Any, float]
    ) -> NDArray[np.float64]:
        """Return the score of each of some of the part's documents, (n,) float64."""
        own = self._own_query(query[0], query[1])
        with self.clean_room() as room:
            scores: NDArray[np.float64] = scan.scores_of(
                np.ascontiguousarray(docs - self.first, np.int32),
                (*own, query[2]),
                self.matrix,
                self.statistics,
                room.query_codes,
            )
        return scores

    def top_terms(
        self, docs: NDArray[np.int32], query: tuple[Any, Any, float], n: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return what ``scan.top_terms`` finds, where terms have the collection's numbers here."""
        own = self._own_query(query[0], query[1])
        with self.clean_room() as room:
            found: tuple[NDArray[np.int32], NDArray[np.float64]] = scan.top_terms(
                np.ascontiguousarray(docs - self.first, np.int32),
                (*own, query[2]),
                n,
                self.matrix,
                self.statistics,
                room.query_codes,
            )
        return found

    def mixed_scores(
        self, docs: NDArray[np.int32], queries: scan.Queries, shares: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the sum of each of the part's documents' scores with queries, times their shares.

        Parameters
        ----------
        queries : terms in the collection's numbers
        """
        with self.clean_room() as room:
            scores: NDArray[np.float64] = scan.mixed_scores(
                np.ascontiguousarray(docs - self.first, np.int32),
                self._own_queries(queries),
                shares,
                self.matrix,
                self.statistics,
                room.mixture,
            )
        return scores

    def pools(self, docs: NDArray[np.int32], most: int | None = None) -> NDArray[np.int32]:
        """Return the rows of the table of some of the part's documents, one after another.

        Parameters
        ----------
        most : only so many of each, the nearest; None = all

        Raises
        ------
        DamagedIndexError : one is no document of the part
        """
        table = np.asarray(self.segment.neighbours).reshape(self.segment.n_docs, self.segment.width)
        known = table[docs - self.first, :most].ravel()
        known = known[known >= 0]
        if known.max(initial=-1) >= self.segment.n_docs:
            shown = ", ".join(map(str, docs[:3].tolist()))
            raise DamagedIndexError(f"The neighbours of document {shown} are none of the index.")
        found: NDArray[np.int32] = known + np.int32(self.first)
        return found

    def floors(self, docs: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the score of the last neighbour in each document's row of the table, (n,) float64.

        0 where the row is not full, or most of it is gone: any other document is worth a place.
        """
        width = self.segment.width
        last = np.asarray(self.segment.neighbours).reshape(-1, width)[docs - self.first, -1]
        table, scores = self.row_scores(docs, width)
        full = (last >= 0) & (2 * (table >= 0).sum(axis=1) > width)
        least = np.where(table >= 0, scores, np.inf).min(axis=1)
        return np.where(full, least, 0.0)

    def row_scores(
        self, docs: NDArray[np.int32], places: int | NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return some of each document's row of the table, (n, width), and their scores.

        -1 and 0 for none, and for what is gone.

        Parameters
        ----------
        places : those of the row; a number for the first few
        """
        own, kept = docs - self.first, self.segment.width
        columns = slice(places) if isinstance(places, int) else places
        table = np.asarray(self.segment.neighbours).reshape(-1, kept)[own][:, columns]
        if len(self.gone):
            table = np.where(self._standing[table] & (table >= 0), table, -1)
        with self.clean_room() as room:
            scores: NDArray[np.float64] = scan.row_scores(
                np.ascontiguousarray(own, np.int32),
                np.ascontiguousarray(table),
                self.matrix,
                self.statistics,
                room.query_codes,
            )
        return np.where(table < 0, -1, table + np.int32(self.first)), scores

    def stands_whole(self, docs: NDArray[np.int32], width: int) -> NDArray[np.bool_]:
        """Return whose row of the table has its first ``width``, none of them gone, (n,) bool."""
        kept = self.segment.width
        if kept < width:
            return np.zeros(len(docs), np.bool_)
        table = np.asarray(self.segment.neighbours).reshape(-1, kept)[docs - self.first, :width]
        stands = table >= 0
        if len(self.gone):
            stands &= self._standing[table]
        return np.asarray(stands.all(axis=1))

    @cached_property
    def matrix(self) -> scan.Matrix:
        """Postings and rows as the loops take them."""
        return self.segment.matrix()

    @cached_property
    def statistics(self) -> scan.Statistics:
        """What the loops read of the collection."""
        levels, scale, error = tf_levels(self.tf)
        lengths = lengths_of(self.segment, self.tf, self.idf_squared)
        return scan.Statistics(
            self.tf, levels, scale, error, self.idf_squared, self.segment.df, *lengths, _NO_PRIORS
        )

    def _statistics_for(self, choice: Choice) -> scan.Statistics:
        """Return the statistics where documents count by priors: as longer ones would.

        Of those that the choice looks at; what stands for the others says nothing.
        """
        if choice.priors is None:
            return self.statistics
        begin, stop = self._span(choice)
        own = np.empty(self.segment.n_docs)
        own[begin:stop] = choice.priors.between(self.first + begin, self.first + stop)
        inverse = np.empty(self.segment.n_docs, np.float32)
        inverse[begin:stop] = self.statistics.inverse_norms[begin:stop] * own[begin:stop]
        return self.statistics._replace(inverse_norms=inverse, priors=own)

    def _own_queries(self, queries: scan.Queries) -> scan.Queries:
        """Return queries in the segment's numbers, without terms that it does not hold."""
        docs = queries.docs - np.int32(self.first)
        docs[(docs < 0) | (docs >= self.segment.n_docs)] = -1
        if self._are_own(queries.terms):
            return queries._replace(docs=docs)
        own = self._own_terms(queries.terms)
        known = own >= 0
        ends = np.concatenate([[0], np.cumsum(known)])[queries.indptr]
        order, terms = _sorted_in_rows(ends, own[known])
        return queries._replace(
            indptr=ends.astype(np.int64), terms=terms, codes=queries.codes[known][order], docs=docs
        )

    def _own_query(self, terms: Any, codes: Any) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        if self._are_own(terms):
            return terms, codes
        own = self._own_terms(terms)
        known = np.flatnonzero(own >= 0)
        order = known[np.argsort(own[known])]
        return own[order], codes[order]

    def _are_own(self, terms: NDArray[np.int32]) -> bool:
        """Tell whether terms have the same numbers in the segment, which holds all of them."""
        return self.numbers is None and bool(terms.max(initial=-1) < self.segment.n_terms)

    def _own_terms(self, terms: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the segment's number of each of the collection's terms, -1 = not here."""
        if self.numbers is None:
            return np.where(terms < self.segment.n_terms, terms, -1).astype(np.int32)
        order, ordered = self._by_number
        if not len(ordered):
            return np.full(len(terms), -1, np.int32)
        places = np.minimum(np.searchsorted(ordered, terms), len(ordered) - 1)
        return np.where(ordered[places] == terms, order[places], -1).astype(np.int32)

    @cached_property
    def _by_number(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The segment's terms by rising number of the collection, and those numbers."""
        numbers = np.zeros(0, np.int32) if self.numbers is None else self.numbers
        order = np.argsort(numbers).astype(np.int32)
        return order, np.asarray(numbers)[order]

    # --- choosing ---

    def _choices(self, choice: Choice) -> scan.Choices:
        segment, first = self.segment, self.first
        wanted = np.full(256, choice.languages is None)
        wanted[list(choice.languages or ())] = True
        excluded = sorted(d - first for d in choice.excluded if first <= d < self.stop)
        begin, stop = self._span(choice)
        return scan.Choices(
            segment.languages, wanted, self._mask(choice), np.array(excluded, np.int32), begin, stop
        )

    def _mask(self, choice: Choice) -> NDArray[np.bool_]:
        """Return the documents that may be found, or nothing for all."""
        if choice.mask is None:
            return self._standing
        mask = np.ascontiguousarray(choice.mask[self.first : self.stop])
        return mask & self._standing if len(self.gone) else mask

    @cached_property
    def _standing(self) -> NDArray[np.bool_]:
        """The documents that are not gone, or nothing where none is."""
        if not len(self.gone):
            return np.zeros(0, np.bool_)
        standing = np.ones(self.segment.n_docs, np.bool_)
        standing[self.gone] = False
        return standing

    def _span(self, choice: Choice) -> tuple[int, int]:
        published = self.segment.published
        begin = 0 if choice.since is None else int(published.searchsorted(choice.since))
        until = choice.until
        stop = len(published) if until is None else int(published.searchsorted(until))
        return begin, max(begin, stop)

    def allowed(self, docs: NDArray[np.int32], choice: Choice) -> NDArray[np.bool_]:
        """Return which of some of the part's documents may be found, languages apart."""
        own = docs - self.first
        begin, stop = self._span(choice)
        fine: NDArray[np.bool_] = (own >= begin) & (own < stop)
        if len(self.gone):
            fine &= self._standing[own]
        if choice.excluded:
            fine &= ~among(docs, np.array(list(choice.excluded), np.int32))
        if choice.mask is not None:
            fine &= choice.mask[docs]
        return fine

    @contextmanager
    def clean_room(self) -> Iterator[scan.Scratch]:
        """Lend this thread's scratch arrays, which the loops leave as zeros.

        After an error, such as a lack of memory, they may not be: then they are not used again.
        """
        try:
            if not hasattr(self._scratch, "room"):
                self._scratch.room = scan.new_scratch(self.segment.n_terms)
            yield self._scratch.room
        except BaseException:
            self._scratch.__dict__.pop("room", None)
            raise


def _sorted_in_rows(
    indptr: NDArray[np.int64], terms: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the order that sorts each row's terms, and the terms in it."""
    row = np.repeat(np.arange(len(indptr) - 1, dtype=np.int64), np.diff(indptr))
    order = np.argsort(row << 32 | terms)
    return order, terms[order]
