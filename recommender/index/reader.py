"""Index: one generation, opened and held. Numbers in, numbers out; it never changes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._files import map_array
from recommender._strings import StringColumn
from recommender._urls import normalize_url
from recommender.candidates import Candidates
from recommender.errors import DamagedIndexError, InputError
from recommender.index import rows, scan
from recommender.index.invert import tf_levels
from recommender.index.keeping import Hold, hold
from recommender.index.manifest import (
    Manifest,
    check_files,
    current,
    generation_name,
    read_manifest,
)
from recommender.index.segment import ARRAY_TYPES, Segment
from recommender.index.settings import SearchSettings
from recommender.weighting import COUNT_OF_CODE, WeightSettings, idf, kept_terms, tf_weights

__all__ = ["Choice", "Index", "Query", "factors", "statistics_of"]

NEIGHBOURS = "neighbours.npy"

DEFAULT_EFFORT = SearchSettings()

NO_DATE = int(np.iinfo(np.int64).min)
"""What ``Segment.published`` holds for an article without a date."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for, as term numbers.

    Attributes
    ----------
    terms : (n,) int32, ascending, distinct; unknown terms have no number and are not in it
    codes : (n,) uint8, codes of the counts, none 0
    doc : int or None
        The document it is, when it is one; it is then never found.
    length : float or None
        Its norm where that is known, as that of a document of the index is.
    """

    terms: NDArray[np.int32]
    codes: NDArray[np.uint8]
    doc: int | None = None
    length: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which documents may be found.

    Applied inside the scan, so that a filter never starves the list.

    Attributes
    ----------
    languages : language codes, or None for any
    mask : (n_docs,) bool, the documents that may be found at all, or None for any
    excluded : document numbers never found
    first, stop : documents outside ``first <= doc < stop`` are not looked at; None = no bound
    """

    languages: frozenset[int] | None = None
    mask: NDArray[np.bool_] | None = None
    excluded: frozenset[int] = frozenset()
    first: int = 0
    stop: int | None = None

    @property
    def leaves_nothing_out(self) -> bool:
        """Whether every document of the languages may be found."""
        bounded = self.first > 0 or self.stop is not None
        return self.mask is None and not self.excluded and not bounded


def statistics_of(
    weights: WeightSettings, df: NDArray[np.int32], norms: NDArray[np.float64]
) -> scan.Statistics:
    """Derive what the loops read of the collection from document frequencies and stored lengths."""
    inverse = np.zeros(len(norms), np.float32)
    np.divide(1.0, norms, out=inverse, where=norms > 0, casting="same_kind")
    tf, idf_squared = factors(weights, df, len(norms))
    levels, scale, error = tf_levels(tf)
    longest = float(norms.max(initial=0.0)) or 1.0
    return scan.Statistics(tf, levels, scale, error, idf_squared, df, norms, inverse, longest)


def factors(
    weights: WeightSettings, df: NDArray[np.int32], n_docs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the factors of a weight: tf by count code, squared idf by term (0 = not used)."""
    tf = tf_weights(COUNT_OF_CODE, sublinear_tf=weights.sublinear_tf)
    each = idf(df, n_docs, smooth_idf=weights.smooth_idf, use_idf=weights.use_idf)
    used = kept_terms(df, n_docs, min_df=weights.min_df, max_df=weights.max_df)
    return tf, np.where(used, each * each, 0.0)


@dataclass(frozen=True)
class Index:
    """One generation of an index, opened. Safe to share between threads and across ``fork``.

    Use :meth:`open`. Document numbers are dense and in publishing order; undated articles come
    first.

    Attributes
    ----------
    manifest : Manifest
    segment : Segment
    statistics : scan.Statistics, what depends on the whole collection
    neighbours : (n_docs * width,) int32, the nearest of each document in its language, best first,
        -1 for none; empty where the index has no such table
    compiled : bool
        False answers what can be answered without loading compiled loops in plain Python: for a
        process that asks one question.
    """

    manifest: Manifest
    segment: Segment
    statistics: scan.Statistics
    neighbours: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    compiled: bool = True
    _scratch: local = field(default_factory=local, init=False, repr=False, compare=False)
    _hold: Hold | None = field(default=None, repr=False, compare=False)

    @classmethod
    def open(
        cls,
        root: str | Path,
        *,
        generation: int | None = None,
        verify: bool = True,
        compiled: bool = True,
    ) -> Index:
        """Open a generation, the live one by default.

        Parameters
        ----------
        root : the index folder
        verify : compare every file's SHA-256 with the manifest (about 2 GB a second); sizes and the
            manifest's own digest are compared in any case
        compiled : as the attribute

        Raises
        ------
        NotAnIndexError, DamagedIndexError, IncompatibleIndexError
        """
        home = Path(root)
        number = current(home) if generation is None else generation
        held = hold(home, number)
        manifest = read_manifest(home, number)
        own = home / generation_name(number)
        check_files(own, manifest.files, digests=verify)
        for name, files in manifest.segments.items():
            check_files(home / "segments" / name, files, digests=verify)
        name, weights = _parts(manifest, own)
        segment = Segment.open(home / "segments" / name)
        df, norms = map_array(own / "df.npy", np.int32), map_array(own / "norms.npy", np.float64)
        if len(df) and not 0 <= df.min() <= df.max() <= segment.n_docs:
            raise DamagedIndexError(
                f"{own / 'df.npy'} counts more articles than there are, or fewer than none."
            )
        if not (np.isfinite(norms).all() and (norms >= 0).all()):
            raise DamagedIndexError(f"{own / 'norms.npy'} holds what is no length of a vector.")
        table = np.zeros(0, np.int32)
        if NEIGHBOURS in manifest.files:
            table = map_array(own / NEIGHBOURS, np.int32)
        if len(table) % max(1, segment.n_docs):
            raise DamagedIndexError(
                f"{own / NEIGHBOURS} holds {len(table):,} numbers, not as many for each of "
                f"{segment.n_docs:,} articles."
            )
        statistics = statistics_of(weights, df, norms)
        return cls(manifest, segment, statistics, table, compiled, _hold=held)

    # --- articles ---

    @property
    def n_docs(self) -> int:
        """Articles in the index."""
        return self.segment.n_docs

    @property
    def built_at(self) -> datetime:
        """When the generation was built."""
        return datetime.fromisoformat(self.manifest.built_at).astimezone(UTC)

    def find(self, key: str) -> int | None:
        """Return the document number of an article id or URL, or None. Ids are tried first."""
        doc = self.segment.id_keys.find(key.strip())
        if doc < 0:
            doc = self.segment.url_keys.find(normalize_url(key))
        return None if doc < 0 else doc

    def article_id(self, doc: int) -> str:
        """Return the publisher's id of a document."""
        return self.segment.ids[doc]

    def card(self, doc: int) -> dict[str, Any]:
        """Return what is stored of a document for its card."""
        stored: dict[str, Any] = json.loads(self.segment.cards[doc])
        return stored

    def language(self, doc: int) -> str:
        """Return the language of a document."""
        return self.manifest.languages[int(self.segment.languages[doc])]

    def language_codes(self, names: Iterable[str]) -> frozenset[int]:
        """Return the codes of those named languages that the index holds."""
        places = {name: code for code, name in enumerate(self.manifest.languages)}
        return frozenset(places[name] for name in names if name in places)

    # --- queries ---

    def query_of(self, doc: int) -> Query:
        """Return a document as a query for its neighbours.

        Raises
        ------
        InputError : there is no such document
        """
        self._check_docs(np.array([doc]))
        terms, codes = self._row(doc)
        return Query(terms, codes, doc, float(self.statistics.norms[doc]))

    def _row(self, doc: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        packed = self.segment.rows
        if not self.compiled:
            return rows.unpack_row(packed.packed[slice(*packed.row_ptr[doc : doc + 2])])
        _, terms, codes = rows.unpack_rows(*packed.arrays(), np.array([doc], np.int32))
        return terms, codes

    def term_numbers(self, terms: StringColumn) -> NDArray[np.int32]:
        """Return the number of each term, -1 for those that no article holds."""
        return self.segment.term_keys.find_many(terms)

    def search(
        self,
        query: Query,
        k: int,
        *,
        threshold: float = 0.0,
        choice: Choice = Choice(),
        effort: SearchSettings = DEFAULT_EFFORT,
    ) -> Candidates:
        """Return the ``k`` nearest documents; fewer where fewer share a term.

        Parameters
        ----------
        k : int >= 1; more than the index holds is the same as all
        threshold : least score, 0..1
        effort : exact or fast; fast finds nearly the same documents, their scores are exact

        Raises
        ------
        InputError : k below 1, a threshold outside 0..1, a term that the index does not have,
            terms out of order, a mask of another length
        """
        return self.search_many([query], k, threshold=threshold, choice=choice, effort=effort)[0]

    def related(
        self,
        doc: int,
        k: int,
        *,
        threshold: float = 0.0,
        choice: Choice = Choice(),
        effort: SearchSettings = DEFAULT_EFFORT,
    ) -> Candidates:
        """Return what ``search`` returns for a document, from the neighbour table if it will do.

        It will where only the document's language is asked for and enough of its neighbours are
        left, or it has no more. Their scores are computed afresh.
        """
        _check_search(k, threshold)
        self._check_mask(choice)
        query = self.query_of(doc)
        found = self._from_table(doc, k, choice) if self.table_serves(effort, choice) else None
        if found is None:
            return self.search(query, k, threshold=threshold, choice=choice, effort=effort)
        return self._score(query, found, k, threshold)

    def related_rows(
        self,
        docs: NDArray[np.int32],
        k: int,
        *,
        threshold: float = 0.0,
        choice: Choice = Choice(),
        effort: SearchSettings = DEFAULT_EFFORT,
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return what ``related`` returns for each document in its own language.

        The form is that of ``search_rows``; the languages of ``choice`` are not looked at.
        """
        _check_search(k, threshold)
        self._check_docs(docs)
        found = np.full((len(docs), k), -1, np.int32)
        scores = np.zeros((len(docs), k), np.float64)
        for i, doc in enumerate(docs.tolist()):
            own = replace(choice, languages=frozenset({int(self.segment.languages[doc])}))
            best = self.related(doc, k, threshold=threshold, choice=own, effort=effort)
            found[i, : len(best)], scores[i, : len(best)] = best.docs, best.scores
        return found, scores

    def table_serves(self, effort: SearchSettings, choice: Choice = Choice()) -> bool:
        """Tell whether there is a table that lists what a search with this effort would find.

        One that was found exactly serves everybody. One that was found fast serves who asks for the
        same, and for nothing to be left out: a fast search that leaves something out looks for
        others in its stead, which the table need not hold.
        """
        if not len(self.neighbours):
            return False
        made = SearchSettings(**self.manifest.settings.get("search", {})).for_size(self.n_docs)
        same = made == effort.for_size(self.n_docs)
        return made[0] >= 1.0 or (same and choice.leaves_nothing_out)

    def _from_table(self, doc: int, k: int, choice: Choice) -> NDArray[np.int32] | None:
        """Return the neighbours that may be found, or None where they may not be all."""
        width = len(self.neighbours) // max(1, self.n_docs)
        own = int(self.segment.languages[doc])
        if not width or choice.languages != frozenset({own}):
            return None
        every = np.asarray(self.neighbours[doc * width : (doc + 1) * width])
        every = every[every >= 0]
        if len(every) and every.max() >= self.n_docs:
            raise DamagedIndexError(f"The neighbours of document {doc} are none of the index.")
        allowed = (every >= choice.first) & ~np.isin(every, list(choice.excluded))
        if choice.stop is not None:
            allowed &= every < choice.stop
        if choice.mask is not None:
            allowed &= choice.mask[every]
        return every[allowed] if len(every) < width or allowed.sum() >= k else None

    def _score(self, query: Query, docs: NDArray[np.int32], k: int, threshold: float) -> Candidates:
        """Return the k best of ``docs``, with the scores that a search gives them."""
        if not self.compiled:
            scores = np.array([self.score(query, int(doc)) for doc in docs], np.float64)
            order = np.lexsort((docs, -scores))[:k]
            order = order[(scores[order] >= threshold) & (scores[order] > 0.0)]
            return Candidates(docs[order], scores[order])
        terms, codes = self._weighty(query)
        length = self.length(terms, codes) if query.length is None else query.length
        one = (terms, codes, length)
        with self._clean_room() as room:
            best = scan.score_docs(
                docs, one, k, float(threshold), self._matrix, self.statistics, room
            )
        return Candidates(*best)

    def search_many(
        self,
        queries: Sequence[Query],
        k: int,
        *,
        threshold: float = 0.0,
        choice: Choice = Choice(),
        effort: SearchSettings = DEFAULT_EFFORT,
    ) -> list[Candidates]:
        """Return what ``search`` returns for each of several queries, in one call."""
        _check_search(k, threshold)
        rows_of = scan.Queries(*self._rows_of(queries))
        found, scores = self._scan(rows_of, k, threshold, choice, effort, same_language=False)
        ends = (found >= 0).sum(axis=1).tolist()
        return [Candidates(found[i, :n], scores[i, :n]) for i, n in enumerate(ends)]

    def search_rows(
        self,
        docs: NDArray[np.int32],
        k: int,
        *,
        threshold: float = 0.0,
        same_language: bool = True,
        choice: Choice = Choice(),
        effort: SearchSettings = DEFAULT_EFFORT,
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the ``k`` nearest of each document: docs and scores, (n, k); -1, 0 if none.

        Parameters
        ----------
        same_language : only documents of each one's own language, whatever ``choice`` names
        """
        _check_search(k, threshold)
        self._check_docs(np.asarray(docs))
        docs = np.ascontiguousarray(docs, np.int32)
        indptr, terms, codes = rows.unpack_rows(*self.segment.rows.arrays(), docs)
        lengths = np.asarray(self.statistics.norms)[docs]
        queries = scan.Queries(indptr, terms, codes, lengths, docs)
        width = min(k, max(1, self.n_docs))
        found, scores = self._scan(queries, k, threshold, choice, effort, same_language)
        if width == k:
            return found, scores
        return (
            np.pad(found, ((0, 0), (0, k - width)), constant_values=-1),
            np.pad(scores, ((0, 0), (0, k - width))),
        )

    def _scan(
        self,
        queries: scan.Queries,
        k: int,
        threshold: float,
        choice: Choice,
        effort: SearchSettings,
        same_language: bool,
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Run the loop over queries whose rows are known to be sound."""
        with self._clean_room() as room:
            found: tuple[NDArray[np.int32], NDArray[np.float64]] = scan.search(
                queries,
                min(k, max(1, self.n_docs)),
                float(threshold),
                effort.for_size(self.n_docs),
                same_language,
                self._matrix,
                self.statistics,
                self._choices(choice),
                room,
            )
        return found

    def _rows_of(self, queries: Sequence[Query]) -> tuple[NDArray[Any], ...]:
        """Return queries as rows of terms that weigh something: the fields of ``scan.Queries``."""
        weighty = [self._weighty(query) for query in queries]
        indptr = np.zeros(len(queries) + 1, np.int64)
        np.cumsum([len(terms) for terms, _ in weighty], out=indptr[1:])
        lengths = [
            self.length(*row) if query.length is None else query.length
            for query, row in zip(queries, weighty, strict=True)
        ]
        docs = [-1 if query.doc is None else query.doc for query in queries]
        return (
            indptr,
            np.concatenate([np.zeros(0, np.int32), *(terms for terms, _ in weighty)]),
            np.concatenate([np.zeros(0, np.uint8), *(codes for _, codes in weighty)]),
            np.array(lengths, np.float64),
            np.array(docs, np.int32),
        )

    def _check_docs(self, docs: NDArray[np.integer]) -> None:
        if len(docs) and not 0 <= docs.min() <= docs.max() < self.n_docs:
            raise InputError(
                f"There are no documents {docs.min()} to {docs.max()}: the index holds "
                f"{self.n_docs:,}, numbered from 0."
            )

    def _check_mask(self, choice: Choice) -> None:
        mask = choice.mask
        if mask is not None and (mask.dtype != np.bool_ or mask.shape != (self.n_docs,)):
            raise InputError(
                f"The mask is {mask.dtype} of shape {mask.shape}; expected bool, one for each of "
                f"the {self.n_docs:,} documents."
            )

    def _weighty(self, query: Query) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        terms, codes = query.terms, query.codes
        n_terms = self.segment.n_terms
        is_own = query.length is not None  # a row of an index: in order, no count 0
        low, high = (terms[:1], terms[-1:]) if is_own else (terms, terms)
        if len(terms) != len(codes) or (len(terms) and not 0 <= low.min() <= high.max() < n_terms):
            raise InputError(
                f"This query was made for another index: it has terms up to "
                f"{terms.max(initial=-1)} and {len(codes)} counts for {len(terms)} terms; "
                f"expected terms below {n_terms}, a count for each."
            )
        if not is_own and (np.any(terms[1:] <= terms[:-1]) or not np.all(codes)):
            raise InputError("The terms of a query ascend, each once, and no count is 0.")
        used = self.statistics.idf_squared[terms] > 0.0
        return terms[used], codes[used]

    def warm_up(self) -> None:
        """Load or compile the search, so that the first real question does not wait for it."""
        if self.n_docs:
            query = self.query_of(self.n_docs - 1)
            self.search(query, 1)
            self._score(query, np.array([self.n_docs - 1], np.int32), 1, 0.0)

    def length(self, terms: NDArray[np.int32], codes: NDArray[np.uint8]) -> float:
        """Return the length of a query: the square root of its inner product with itself."""
        parts = self.products(terms, codes, codes)
        return math.sqrt(math.fsum(parts))

    def products(
        self, terms: NDArray[np.int32], codes: NDArray[np.uint8], others: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """Return each term's part of the inner product of two documents that share ``terms``."""
        tf, idf_squared = self.statistics.tf, self.statistics.idf_squared
        parts: NDArray[np.float64] = tf[codes] * tf[others] * idf_squared[terms]
        return parts

    def score(self, query: Query, doc: int) -> float:
        """Return the score of one document for a query: the one that a search gives it."""
        terms, here, there = self._meet(query, doc)
        inner = math.fsum(self.products(terms, here, there))
        length = self.length(query.terms, query.codes) * float(self.statistics.norms[doc])
        return round(inner / length * rows.GRID) / rows.GRID if length else 0.0

    def shared_terms(self, query: Query, doc: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the terms that query and document share, and each one's share of their score.

        Returns
        -------
        terms : (n,) int32, the heaviest first, ties by number; shares : (n,) float64, summing to
            the score
        """
        terms, here, there = self._meet(query, doc)
        parts = self.products(terms, here, there)
        length = self.length(query.terms, query.codes) * float(self.statistics.norms[doc])
        order = np.lexsort((terms, -parts))
        order = order[parts[order] > 0]
        return terms[order], parts[order] / (length or 1.0)

    def _meet(
        self, query: Query, doc: int
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the terms that query and document share, and the codes they have in each."""
        other = self.query_of(doc)
        terms, here, there = np.intersect1d(
            query.terms, other.terms, assume_unique=True, return_indices=True
        )
        return terms, query.codes[here], other.codes[there]

    def display(
        self, terms: Sequence[int] | NDArray[np.int32], language: str | None = None
    ) -> list[str]:
        """Return how terms are written for people, by ``language`` where it has its own word."""
        codes = self.language_codes([language or ""])
        return [self._written(int(term), codes) for term in terms]

    def _written(self, term: int, codes: frozenset[int]) -> str:
        keys = self.segment.local_keys
        for code in codes:
            place = int(np.searchsorted(keys, term * 256 + code))
            if place < len(keys) and keys[place] == term * 256 + code:
                return self.segment.local_forms[place]
        return self.segment.forms[term]

    def _choices(self, choice: Choice) -> scan.Choices:
        wanted = np.full(256, choice.languages is None)
        wanted[list(choice.languages or ())] = True
        self._check_mask(choice)
        mask = np.zeros(0, np.bool_) if choice.mask is None else choice.mask
        excluded = np.array(sorted(choice.excluded), np.int32)
        stop = self.n_docs if choice.stop is None else min(choice.stop, self.n_docs)
        first = max(0, choice.first)
        return scan.Choices(
            self.segment.languages, wanted, np.ascontiguousarray(mask), excluded, first, stop
        )

    @cached_property
    def _matrix(self) -> scan.Matrix:
        return self.segment.matrix()

    def _room(self) -> scan.Scratch:
        """Return this thread's scratch arrays."""
        if not hasattr(self._scratch, "room"):
            self._scratch.room = scan.new_scratch(self.segment.n_terms)
        room: scan.Scratch = self._scratch.room
        return room

    @contextmanager
    def _clean_room(self) -> Iterator[scan.Scratch]:
        """Lend the scratch arrays, which the loops leave as zeros.

        After an error, such as a lack of memory, they may not be: then they are not used again.
        """
        try:
            yield self._room()
        except BaseException:
            self._scratch.__dict__.pop("room", None)
            raise


def _parts(manifest: Manifest, folder: Path) -> tuple[str, WeightSettings]:
    """Return the segment's name and the weights, or raise DamagedIndexError."""
    try:
        ((name, files),) = manifest.segments.items()
        weights = WeightSettings(**manifest.settings["weights"])
        SearchSettings(**manifest.settings.get("search", {}))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DamagedIndexError(
            f"{folder / 'manifest.json'} lacks what an index needs: {error}"
        ) from error
    wanted = [("df.npy", manifest.files), ("norms.npy", manifest.files)]
    for file, listed in wanted + [(f"{array}.npy", files) for array in ARRAY_TYPES]:
        if file not in listed:
            raise DamagedIndexError(f"{folder / 'manifest.json'} does not list {file}.")
    return name, weights


def _check_search(k: int, threshold: float) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"limit is {k!r}; expected a whole number, 1 or more.")
    if not 0.0 <= threshold <= 1.0:
        raise InputError(f"threshold is {threshold!r}; expected a score between 0 and 1.")
