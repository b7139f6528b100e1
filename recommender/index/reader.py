"""Index: one generation, opened and held. Numbers in, numbers out; it never changes."""

from __future__ import annotations

import json
import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._files import map_array
from recommender._keys import KeyTable
from recommender._strings import StringColumn, as_bytes
from recommender._urls import normalize_url
from recommender.candidates import Candidates
from recommender.errors import DamagedIndexError, IndexFolderError, InputError
from recommender.index import rows, scan
from recommender.index.collection import Collection
from recommender.index.keeping import Hold, hold
from recommender.index.manifest import (
    Manifest,
    check_files,
    current,
    generation_name,
    generations,
    read_manifest,
)
from recommender.index.opening import (
    GENERATION_TYPES,
    check_arrays,
    check_listed,
    check_segment,
    numbers_of,
)
from recommender.index.pairs import compare_rows, compare_rows_plainly
from recommender.index.part import EVERYTHING, Choice, Part, among
from recommender.index.pool import Links
from recommender.index.segment import Segment, document_order
from recommender.index.settings import SearchSettings
from recommender.weighting import WeightSettings

__all__ = ["Choice", "DegradedIndexWarning", "Index", "Query"]

DEFAULT_EFFORT = SearchSettings()

NO_DATE = int(np.iinfo(np.int64).min)
"""What ``Segment.published`` holds for an article without a date."""

_MANY = 64
"""Keys from which on they are looked up together."""
_SEVERAL = -2


class DegradedIndexWarning(UserWarning):
    """The newest generation of an index is damaged, and an older one is used in its stead."""


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


@dataclass(frozen=True)
class Index:
    """One generation of an index, opened. Safe to share between threads and across ``fork``.

    Use :meth:`open`. A document's number is its place in its segment after all documents of the
    segments before; numbers of articles that are gone stay unused.

    Attributes
    ----------
    manifest : Manifest
    parts : its segments, each as a search sees it
    collection : what they count together
    links : what documents were linked to since the tables of neighbours were made
    compiled : bool
        False answers what can be answered without loading compiled loops in plain Python: for a
        process that asks one question.
    degraded : why an older generation than the newest was opened; empty if it was not
    """

    manifest: Manifest
    parts: tuple[Part, ...]
    collection: Collection
    links: Links = field(default_factory=Links.none)
    compiled: bool = True
    degraded: str = ""
    _hold: Hold | None = field(default=None, repr=False, compare=False)

    @classmethod
    def open(
        cls,
        root: str | Path,
        *,
        generation: int | None = None,
        verify: bool = True,
        compiled: bool = True,
        like: Index | None = None,
    ) -> Index:
        """Open a generation, the live one by default.

        Where the live one is damaged, the newest that is not is opened in its stead, and a
        DegradedIndexWarning says so.

        Parameters
        ----------
        root : the index folder
        verify : compare every file's SHA-256 with the manifest (about 2 GB a second); sizes and the
            manifest's own digest are compared in any case
        compiled : as the attribute
        like : another generation of this index; segments that both have are shared with it, and
            not compared again

        Raises
        ------
        NotAnIndexError, DamagedIndexError, IncompatibleIndexError
        """
        home = Path(root)
        known = {} if like is None else dict(zip(like.manifest.order, like._segments, strict=True))
        if generation is not None:
            return cls._open(home, generation, known, verify=verify, compiled=compiled, like=like)
        while True:
            number = None
            try:
                number = current(home)
                return cls._open(home, number, known, verify=verify, compiled=compiled, like=like)
            except DamagedIndexError as error:
                if _has_moved(home, number):
                    continue  # it was removed, not damaged: a writer was quicker
                older = cls._last_good(home, number, verify=verify, compiled=compiled)
                if older is None:
                    raise
                found, said = older.manifest.generation, str(error).rstrip(".")
                reason = f"{said}. Generation {found} is used in its stead. Build the index again."
                warnings.warn(reason, DegradedIndexWarning, stacklevel=2)
                return replace(older, degraded=reason)

    @classmethod
    def _last_good(
        cls, home: Path, damaged: int | None, *, verify: bool, compiled: bool
    ) -> Index | None:
        """Return the newest generation that can be opened and is older than the damaged one."""
        for number in reversed(generations(home)):
            if damaged is None or number < damaged:
                try:
                    return cls._open(home, number, {}, verify=verify, compiled=compiled)
                except IndexFolderError:
                    continue
        return None

    @classmethod
    def _open(
        cls,
        home: Path,
        number: int,
        known: Mapping[str, Segment],
        *,
        verify: bool,
        compiled: bool,
        like: Index | None = None,
    ) -> Index:
        held = hold(home, number)
        manifest = read_manifest(home, number)
        own = home / generation_name(number)
        weights = check_listed(manifest, own)
        check_files(own, manifest.files, digests=verify)
        for name in manifest.order:
            if name not in known:
                check_files(home / "segments" / name, manifest.segments[name], digests=verify)
        segments = [known.get(n) or Segment.open(home / "segments" / n) for n in manifest.order]
        arrays = {n: map_array(own / f"{n}.npy", dtype) for n, dtype in GENERATION_TYPES.items()}
        numbers = numbers_of(segments, arrays["numbers"], own)
        check_arrays(own, segments, arrays)
        for name, segment in zip(manifest.order, segments, strict=True):
            if name not in known:
                check_segment(home / "segments" / name, segment)
        links = Links(*(arrays[f"links.{name}"] for name in Links.TYPES))
        index = cls.assemble(
            manifest,
            segments,
            weights,
            numbers=numbers,
            df=arrays["df"],
            gone=arrays["gone"],
            links=links,
            compiled=compiled,
            like=like,
        )
        return replace(index, _hold=held)

    @classmethod
    def assemble(
        cls,
        manifest: Manifest,
        segments: Sequence[Segment],
        weights: WeightSettings,
        *,
        numbers: Sequence[NDArray[np.int32]],
        df: NDArray[np.int32],
        gone: NDArray[np.int32],
        links: Links | None = None,
        compiled: bool = True,
        like: Index | None = None,
    ) -> Index:
        """Put a generation together from its segments.

        Parameters
        ----------
        numbers : for each segment the collection's number of each of its terms
        df : (n_terms,) int32, articles that hold each of the collection's terms
        gone : int32, numbers of documents that are gone, ascending
        like : another generation, whose parts are shared where they are the same
        """
        ends = np.cumsum([segment.n_docs for segment in segments]).tolist()
        n_articles = (ends[-1] if ends else 0) - len(gone)
        before = None if like is None else like.collection
        collection = Collection.of(segments, numbers, df, n_articles, weights, like=before)
        known = () if like is None or collection is not before else like.parts
        idf_squared = collection.idf_squared
        parts = []
        for i, (segment, of) in enumerate(zip(segments, numbers, strict=True)):
            first = ends[i] - segment.n_docs
            low, high = np.searchsorted(gone, [first, ends[i]])
            own = idf_squared[: segment.n_terms] if i == 0 else idf_squared[of]
            absent = np.asarray(gone[low:high] - first, np.int32)
            if i < len(known) and np.array_equal(known[i].gone, absent):
                parts.append(known[i])
                continue
            own_numbers = None if i == 0 else of
            parts.append(Part(segment, first, own_numbers, absent, collection.tf, own))
        return cls(manifest, tuple(parts), collection, links or Links.none(), compiled)

    # --- articles ---

    @property
    def n_docs(self) -> int:
        """Numbers of documents, of gone ones too."""
        return self.parts[-1].stop if self.parts else 0

    @property
    def n_articles(self) -> int:
        """Articles in the index."""
        return self.collection.n_articles

    @property
    def _segments(self) -> tuple[Segment, ...]:
        return self.collection.segments

    @cached_property
    def gone(self) -> NDArray[np.int32]:
        """Numbers of documents that are gone, ascending int32."""
        return np.concatenate([np.zeros(0, np.int32), *(p.gone + p.first for p in self.parts)])

    def docs(self) -> NDArray[np.int32]:
        """Return the documents that are not gone, by publishing time, then id; undated first."""
        return self._in_time

    @cached_property
    def _in_time(self) -> NDArray[np.int32]:
        standing = np.ones(self.n_docs, np.bool_)
        standing[self.gone] = False
        docs = self._by_time(np.flatnonzero(standing).astype(np.int32))
        docs.setflags(write=False)  # all callers have the same
        return docs

    def _by_time(self, docs: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return some documents, ascending, by publishing time, then id; undated first."""
        if len(self.parts) == 1:
            return docs  # a segment's documents are in order
        runs = np.searchsorted(self._firsts, docs, side="right")
        times = self.published_times[docs]
        return docs[document_order(times, lambda at: self._id_bytes(int(docs[at])), runs)]

    @cached_property
    def search_settings(self) -> SearchSettings:
        """How the index was built to search, and its neighbours were found."""
        return SearchSettings(**self.manifest.settings.get("search", {}))

    @property
    def built_at(self) -> datetime:
        """When the generation was made."""
        return datetime.fromisoformat(self.manifest.built_at).astimezone(UTC)

    def find(self, key: str) -> int | None:
        """Return the document number of an article id or URL, or None. Ids are tried first."""
        docs = self._find("id_keys", key.strip())
        if not docs and ("/" in key or "." in key):  # no address is without either
            docs = self._find("url_keys", normalize_url(key))
        return min(docs, key=lambda doc: (self.published(doc), self._id_bytes(doc)), default=None)

    def find_many(self, keys: Sequence[str]) -> NDArray[np.int32]:
        """Return what ``find`` says of each of many keys, (n,) int32; -1 = there is none."""
        if len(keys) < _MANY:
            found = [self.find(key) for key in keys]
            return np.array([-1 if doc is None else doc for doc in found], np.int32)
        docs = self._find_many("id_keys", [key.strip() for key in keys])
        rest = [i for i in np.flatnonzero(docs == -1).tolist() if "/" in keys[i] or "." in keys[i]]
        docs[rest] = self._find_many("url_keys", [normalize_url(keys[i]) for i in rest])
        for i in np.flatnonzero(docs == _SEVERAL).tolist():
            doc = self.find(keys[i])
            docs[i] = -1 if doc is None else doc
        return docs

    def _find_many(self, table: str, keys: Sequence[str]) -> NDArray[np.int32]:
        """Return the one document that stands under each key in a table of the segments.

        -1 where there is none; _SEVERAL where more than one may have the key, gone ones counted.
        """
        made, docs = StringColumn.from_lines(keys), np.full(len(keys), -1, np.int32)
        column = StringColumn(as_bytes(made.data), made.offsets)
        n_rows = np.zeros(len(keys), np.int64)
        for part in self.parts:
            own: KeyTable = getattr(part.segment, table)
            rows, n_alike = own.find_many(column), own.count_many(column)
            n_rows += n_alike
            stands = (rows >= 0) & ~np.isin(rows, part.gone)
            docs[stands] = rows[stands] + np.int32(part.first)
        docs[n_rows > 1] = _SEVERAL
        return docs

    def find_id(self, article_id: str) -> int | None:
        """Return the document number of an article id, or None."""
        return next(iter(self._find("id_keys", article_id)), None)

    def find_gone(self, article_id: str) -> list[int]:
        """Return the documents of an id that are gone, as far as they have not been merged away."""
        return self._find("id_keys", article_id, standing=False)

    def _find(self, table: str, key: str, *, standing: bool = True) -> list[int]:
        """Return the documents that a table of keys of the segments has under a key."""
        tables: list[tuple[Part, KeyTable]] = [(p, getattr(p.segment, table)) for p in self.parts]
        found = [part.first + doc for part, keys in tables for doc in keys.find_all(key)]
        return [doc for doc in found if self.is_gone(doc) != standing]

    def is_gone(self, doc: int) -> bool:
        """Tell whether a document was deleted or replaced."""
        part, own = self._place(doc)
        place = int(np.searchsorted(part.gone, own))
        return place < len(part.gone) and int(part.gone[place]) == own

    @cached_property
    def _firsts(self) -> list[int]:
        return [part.first for part in self.parts]

    def _place(self, doc: int) -> tuple[Part, int]:
        """Return the part that holds a document, and its number there."""
        part = self.parts[bisect_right(self._firsts, doc) - 1]
        return part, doc - part.first

    def article_id(self, doc: int) -> str:
        """Return the publisher's id of a document."""
        part, own = self._place(doc)
        return part.segment.ids[own]

    def _id_bytes(self, doc: int) -> bytes:
        part, own = self._place(doc)
        return part.segment.ids.bytes_at(own)

    def published(self, doc: int) -> int:
        """Return when a document was published, in seconds since 1970; ``NO_DATE`` if unknown."""
        part, own = self._place(doc)
        return int(part.segment.published[own])

    @cached_property
    def published_times(self) -> NDArray[np.int64]:
        """When each document was published, (n_docs,) int64, as ``published`` says."""
        times = [part.segment.published for part in self.parts]
        return times[0] if len(times) == 1 else np.concatenate([np.zeros(0, np.int64), *times])

    def card(self, doc: int) -> dict[str, Any]:
        """Return what is stored of a document for its card."""
        part, own = self._place(doc)
        stored: dict[str, Any] = json.loads(part.segment.cards[own])
        return stored

    def digest(self, doc: int) -> int:
        """Return the number that tells versions of an article apart."""
        part, own = self._place(doc)
        return int(part.segment.digests[own])

    def language_code(self, doc: int) -> int:
        """Return the code of a document's language."""
        part, own = self._place(doc)
        return int(part.segment.languages[own])

    def language(self, doc: int) -> str:
        """Return the language of a document."""
        code, names = self.language_code(doc), self.manifest.languages
        if code >= len(names):
            raise DamagedIndexError(
                f"Document {doc} has the language {code}; the manifest of generation "
                f"{self.manifest.generation} names {len(names)}."
            )
        return names[code]

    def languages_of(self, docs: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the code of each document's language, (n,) uint8."""
        out = np.zeros(len(docs), np.uint8)
        for part, here in self._by_part(docs):
            out[here] = part.segment.languages[docs[here] - part.first]
        return out

    def language_codes(self, names: Iterable[str]) -> frozenset[int]:
        """Return the codes of those named languages that the index holds."""
        places = {name: code for code, name in enumerate(self.manifest.languages)}
        return frozenset(places[name] for name in names if name in places)

    def _by_part(self, docs: NDArray[np.int32]) -> list[tuple[Part, Any]]:
        """Return the parts that hold some documents, and which of these each one holds."""
        if len(self.parts) == 1:
            return [(self.parts[0], slice(None))]
        places = np.searchsorted(self._firsts, docs, side="right") - 1
        return [(self.parts[i], np.flatnonzero(places == i)) for i in np.unique(places).tolist()]

    # --- queries ---

    def query_of(self, doc: int) -> Query:
        """Return a document as a query for its neighbours.

        Raises
        ------
        InputError : there is no such document
        """
        if not 0 <= doc < self.n_docs:
            self._check_docs(np.array([doc]))
        part, _ = self._place(doc)
        terms, codes = part.row(doc, compiled=self.compiled)
        return Query(terms, codes, doc, part.norm(doc, compiled=self.compiled))

    def queries_of(self, docs: NDArray[np.int32]) -> scan.Queries:
        """Return documents as queries, in the form that the loops take."""
        lengths = np.zeros(len(docs), np.float64)
        for part, here in self._by_part(docs):
            lengths[here] = part.norms(docs[here])
        return scan.Queries(*self._unpacked(docs), lengths, docs)

    def _unpacked(self, docs: NDArray[np.int32]) -> rows.CSR:
        """Return the rows of some documents."""
        parts = self._by_part(docs)
        found = [part.rows(docs[here]) for part, here in parts]
        if len(parts) == 1:
            return found[0]
        order = np.argsort(np.concatenate([here for _, here in parts]))
        return rows.take_rows(rows.stack_rows(found), order)

    def rows_with(self, query: Query, docs: NDArray[np.int32]) -> scan.Queries:
        """Return a query and some documents as queries, in the form that the loops take."""
        if not self.compiled:
            return scan.Queries(*self._rows_of([query, *map(self.query_of, docs.tolist())]))
        if query.doc is not None and query.length is not None:
            return self.queries_of(np.concatenate([[query.doc], docs]).astype(np.int32))
        own, many = scan.Queries(*self._rows_of([query])), self.queries_of(docs)
        stacked = rows.stack_rows([own[:3], many[:3]])
        return scan.Queries(
            *stacked,
            np.concatenate([own.lengths, many.lengths]),
            np.concatenate([own.docs, many.docs]),
        )

    def term_numbers(self, terms: StringColumn) -> NDArray[np.int32]:
        """Return the number of each term, -1 for those that no article holds."""
        return self.collection.find_terms(terms)

    def search(
        self,
        query: Query,
        k: int,
        *,
        threshold: float = 0.0,
        choice: Choice = EVERYTHING,
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

    def search_many(
        self,
        queries: Sequence[Query],
        k: int,
        *,
        threshold: float = 0.0,
        choice: Choice = EVERYTHING,
        effort: SearchSettings = DEFAULT_EFFORT,
    ) -> list[Candidates]:
        """Return what ``search`` returns for each of several queries, in one call."""
        _check_search(k, threshold)
        self._check_choice(choice)
        rows_of = scan.Queries(*self._rows_of(queries))
        found, scores = self._scan(rows_of, k, threshold, choice, effort, _ANY_LANGUAGE)
        ends = (found >= 0).sum(axis=1).tolist()
        return [Candidates(found[i, :n], scores[i, :n]) for i, n in enumerate(ends)]

    def search_rows(
        self,
        docs: NDArray[np.int32],
        k: int,
        *,
        threshold: float = 0.0,
        same_language: bool = True,
        choice: Choice = EVERYTHING,
        effort: SearchSettings = DEFAULT_EFFORT,
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the ``k`` nearest of each document: docs and scores, (n, k); -1, 0 if none.

        Parameters
        ----------
        same_language : only documents of each one's own language, whatever ``choice`` names
        """
        _check_search(k, threshold)
        self._check_choice(choice)
        self._check_docs(np.asarray(docs))
        docs = np.ascontiguousarray(docs, np.int32)
        groups = self.languages_of(docs) if same_language else _ANY_LANGUAGE
        found, scores = self._scan(self.queries_of(docs), k, threshold, choice, effort, groups)
        more = k - found.shape[1]
        return (
            np.pad(found, ((0, 0), (0, more)), constant_values=-1),
            np.pad(scores, ((0, 0), (0, more))),
        )

    def _scan(
        self,
        queries: scan.Queries,
        k: int,
        threshold: float,
        choice: Choice,
        effort: SearchSettings,
        groups: NDArray[np.uint8],
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Search every part with queries whose rows are known to be sound; merge what is found."""
        k = min(k, max(1, self.n_docs))
        floor, found = float(threshold), []
        for part in self.parts:
            work = effort.for_size(self.n_docs)
            found.append(part.search(queries, k, floor, work, choice, groups))
            if len(queries.docs) == 1 and found[-1][1].shape[1] == k:
                floor = max(floor, float(found[-1][1][0, -1]))  # the next have to be as good
        if len(found) == 1:
            return found[0]
        docs, scores = (np.concatenate(several, axis=1) for several in zip(*found, strict=True))
        order = self._best_first(docs, scores)[:, :k]
        return np.take_along_axis(docs, order, 1), np.take_along_axis(scores, order, 1)

    def _best_first(
        self, docs: NDArray[np.int32], scores: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return the order of each row, as ``in_order`` says."""
        order = np.argsort(-scores, axis=1, kind="stable")
        ranked = np.take_along_axis(scores, order, 1)
        ties = (ranked[:, 1:] == ranked[:, :-1]) & (ranked[:, 1:] > 0.0)
        for row in np.flatnonzero(ties.any(axis=1)).tolist():
            order[row] = self._in_order_of_time(docs[row], scores[row])
        return order

    def _in_order_of_time(
        self, docs: NDArray[np.int32], scores: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return the order of one row, some of whose scores are equal."""
        times = self.published_times[docs]
        order = np.lexsort((times, -scores))
        ranked, dates = scores[order], times[order]
        ties = (ranked[1:] == ranked[:-1]) & (dates[1:] == dates[:-1]) & (ranked[1:] > 0.0)
        if not ties.any():
            return order
        keys = [
            (-score, time, self._id_bytes(doc) if doc >= 0 else b"")
            for score, time, doc in zip(scores.tolist(), times.tolist(), docs.tolist(), strict=True)
        ]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__))

    # --- neighbours found ahead ---

    def related(
        self,
        doc: int,
        k: int,
        *,
        threshold: float = 0.0,
        choice: Choice = EVERYTHING,
        effort: SearchSettings = DEFAULT_EFFORT,
        room: int = 0,
        query: Query | None = None,
    ) -> Candidates:
        """Return what ``search`` returns for a document, from its known neighbours if they will do.

        They will where only the document's language is asked for and enough of them are left, or it
        has no more. Their scores are computed afresh.

        Parameters
        ----------
        room : as many are returned where they are at hand, though ``k`` will do; those after the
            first ``k`` need not be all there are
        query : the document as ``query_of`` gives it, where that is at hand
        """
        _check_search(k, threshold)
        self._check_choice(choice)
        query, room = query or self.query_of(doc), max(k, room)
        found = None
        if self.pool_serves(effort, choice):
            found = self._from_pool(query, doc, (k, room), threshold, choice)
        if found is None:
            return self.search(query, room, threshold=threshold, choice=choice, effort=effort)
        return found

    def related_rows(
        self,
        docs: NDArray[np.int32],
        k: int,
        *,
        threshold: float = 0.0,
        choice: Choice = EVERYTHING,
        effort: SearchSettings = DEFAULT_EFFORT,
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return what ``related`` returns for each document in its own language.

        The form is that of ``search_rows``; the languages of ``choice`` are not looked at.
        """
        _check_search(k, threshold)
        self._check_docs(docs)
        if not self.pool_serves(effort, choice):
            return self.search_rows(docs, k, threshold=threshold, choice=choice, effort=effort)
        found = np.full((len(docs), k), -1, np.int32)
        scores = np.zeros((len(docs), k), np.float64)
        for i, doc in enumerate(docs.tolist()):
            own = replace(choice, languages=frozenset({self.language_code(doc)}))
            best = self.related(doc, k, threshold=threshold, choice=own, effort=effort)
            found[i, : len(best)], scores[i, : len(best)] = best.docs, best.scores
        return found, scores

    @property
    def has_table(self) -> bool:
        """Whether the nearest of articles were found ahead."""
        return bool(self.parts) and bool(self.parts[0].segment.width)

    @cached_property
    def is_fresh(self) -> bool:
        """Whether the table of neighbours is what searching among just these articles found."""
        one = len(self.parts) == 1 and not len(self.gone) and not len(self.links.docs)
        return one and self.manifest.table == "searched" and self.parts[0].lengths_are_true

    def pool_serves(self, effort: SearchSettings, choice: Choice = EVERYTHING) -> bool:
        """Tell whether there are known neighbours that answer a search with this effort.

        Where the table is fresh and was found exactly it lists what any search would find. One that
        was found fast serves who asks for the same, and for nothing to be left out: a fast search
        that leaves something out looks for others in its stead, which the table need not hold.
        Where articles came and went since, it serves all but who asks for the exact mode by name.
        """
        if not self.has_table:
            return False
        if not self.is_fresh:
            return effort.mode != "exact"
        made = self.search_settings.for_size(self.n_docs)
        same = made == effort.for_size(self.n_docs)
        return made[0] >= 1.0 or (same and choice.leaves_nothing_out)

    def pool(self, doc: int, most: int | None = None) -> NDArray[np.int32]:
        """Return the known neighbours of a document: its segment's table, and those linked since.

        They may be gone by now, and are in no order.

        Parameters
        ----------
        most : only so many of the table, the nearest that it has

        Raises
        ------
        DamagedIndexError : one is no document of the index
        """
        part, _ = self._place(doc)
        row, linked = part.pools(np.array([doc], np.int32), most), self.links.of(doc)
        if not len(linked):
            return row
        if not 0 <= linked.min() <= linked.max() < self.n_docs:
            raise DamagedIndexError(f"The neighbours of document {doc} are none of the index.")
        return np.unique(np.concatenate([row, linked]))

    def around(self, docs: NDArray[np.int32], most: int) -> NDArray[np.int32]:
        """Return some documents and what ``pool`` has of each, ascending int32, each once."""
        if len(self.links.docs):
            found = [self.pool(doc, most) for doc in docs.tolist()]
        else:
            found = [part.pools(docs[here], most) for part, here in self._by_part(docs)]
        every = set(docs.tolist()).union(*(known.tolist() for known in found))
        return np.array(sorted(every), np.int32)  # a few: quicker than what sorts many

    def may_list(
        self,
        docs: Sequence[int],
        k: int,
        effort: SearchSettings,
        choice: Choice = EVERYTHING,
        *,
        own_language: bool = True,
    ) -> NDArray[np.int32]:
        """Return the articles whose block of ``k`` may hold one of some documents.

        Those whose known neighbours it is among, and those whose blocks are searched for.
        """
        every = self.docs()
        if not own_language or not self.pool_serves(effort, choice):
            return every
        owners, known = self.pools()
        standing = np.ones(self.n_docs + 1, np.bool_)
        standing[self.gone] = False
        n_known = np.bincount(owners[standing[known]], minlength=self.n_docs)
        wanted = np.zeros(self.n_docs, np.bool_)
        wanted[owners[np.isin(known, docs)]] = True
        return every[wanted[every] | (n_known[every] < k)]

    def pools(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return all that is known of neighbours as pairs of documents."""
        docs, ends = ([part] for part in self.links.pairs())
        for part in self.parts:
            table = np.asarray(part.segment.neighbours)
            rows = np.repeat(np.arange(part.segment.n_docs), part.segment.width)
            docs.append((rows[table >= 0] + part.first).astype(np.int32))
            ends.append(table[table >= 0] + np.int32(part.first))
        return np.concatenate(docs), np.concatenate(ends)

    def owners_of(self, docs: Sequence[int], most: int) -> NDArray[np.int32]:
        """Return the articles that have any of some documents among their known neighbours.

        Parameters
        ----------
        most : how many of each one's table are looked at
        """
        wanted = np.zeros(self.n_docs + 1, np.bool_)  # the last: -1, for none
        wanted[list(docs)] = True
        owners, ends = self.links.pairs()
        found = [owners[wanted[ends]]]
        for part in self.parts:
            segment = part.segment
            if segment.width:
                table = np.asarray(segment.neighbours).reshape(-1, segment.width)[:, :most]
                own = np.append(wanted[part.first : part.stop], False)
                found.append(np.flatnonzero(own[table].any(axis=1)).astype(np.int32) + part.first)
        every = np.unique(np.concatenate(found)).astype(np.int32)
        return every[self._allowed(every, EVERYTHING)]

    def best_of(self, doc: int, docs: NDArray[np.int32], k: int) -> Candidates:
        """Return the ``k`` best of some documents for a document, itself and gone ones left out."""
        standing = docs[self._allowed(docs, Choice(excluded=frozenset({doc})))]
        return self._score(self.query_of(doc), standing, k, 0.0)

    def nearest_known(self, docs: Sequence[int], most: int) -> list[Candidates]:
        """Return each document's nearest of the first few that the table has, and of those linked.

        Parameters
        ----------
        most : how many of the table are looked at
        """
        linked = {doc for doc in docs if len(self.links.of(doc))}
        plain = np.array([doc for doc in docs if doc not in linked], np.int32)
        found: dict[int, Candidates] = {}
        for part, here in self._by_part(plain) if self.compiled and len(plain) else ():
            if part.segment.width:
                table, scores = part.row_scores(plain[here], most)
                order = self._best_first(table, scores)
                table = np.take_along_axis(table, order, 1)
                scores = np.take_along_axis(scores, order, 1)
                ends = (scores > 0.0).sum(axis=1).tolist()
                for i, doc in enumerate(plain[here].tolist()):
                    found[doc] = Candidates(table[i, : ends[i]], scores[i, : ends[i]])
        for doc in docs:
            if doc not in found:
                known = self.pool(doc, most)
                found[doc] = self.best_of(doc, known, len(known))
        return [found[doc] for doc in docs]

    def known_at(
        self, docs: NDArray[np.int32], places: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the known neighbours of each document at some places, (n, n_places), and scores.

        The places are those of the table where all of these stand; else, where some are gone, or
        others were linked since, they are counted afresh. -1 and 0 where there is none.
        """
        found = np.full((len(docs), len(places)), -1, np.int32)
        scores = np.zeros(found.shape)
        whole = np.zeros(len(docs), np.bool_)
        if self.compiled and len(docs):
            width, linked = int(places.max()) + 1, np.isin(docs, self.links.docs)
            for part, here in self._by_part(docs):
                whole[here] = part.stands_whole(docs[here], width) & ~linked[here]
                mine = np.flatnonzero(whole & (docs >= part.first) & (docs < part.stop))
                if len(mine):
                    found[mine], scores[mine] = part.row_scores(docs[mine], places)
        anew = np.flatnonzero(~whole)
        every = self.nearest_known(docs[anew].tolist(), self.n_docs)
        for i, near in zip(anew.tolist(), every, strict=True):
            real = places[places < len(near)]
            found[i], scores[i] = -1, 0.0
            found[i, : len(real)], scores[i, : len(real)] = near.docs[real], near.scores[real]
        return found, scores

    def floors(self, docs: NDArray[np.int32], width: int) -> NDArray[np.float64]:
        """Return the least score that is worth one of ``width`` places in each document's pool."""
        out = np.zeros(len(docs), np.float64)
        for part, here in self._by_part(docs):
            if part.segment.width:
                out[here] = part.floors(docs[here])
                continue
            for i in np.arange(len(docs))[here].tolist():
                best = self.best_of(int(docs[i]), self.pool(int(docs[i])), width)
                out[i] = best.scores[-1] if len(best) == width else 0.0
        return out

    def _from_pool(
        self, query: Query, doc: int, rooms: tuple[int, int], threshold: float, choice: Choice
    ) -> Candidates | None:
        """Return the best of the known neighbours, or None where others may be better.

        Parameters
        ----------
        rooms : how many must be the best, and how many are returned at most
        """
        k, room = rooms
        if choice.languages != frozenset({self.language_code(doc)}):
            return None
        are_all = self.is_fresh and not self._is_full(doc)
        if choice.priors is not None and not are_all and 2 * k > self._place(doc)[0].segment.width:
            return None  # nearly all of the known would have to count in full
        every = self.pool(doc)
        worth = None if choice.priors is None else choice.priors.of(every)
        if not are_all and worth is not None and _kth(worth, k) < _HOPELESS:
            return None
        allowed = self._allowed(every, choice)
        if not are_all and allowed.sum() < k:
            return None
        if worth is None:
            return self._score(query, every[allowed], room, threshold)
        if not are_all and _kth(worth[allowed], k) < _HOPELESS:
            return None
        # Those that are not known score no more than the last of the known, before any prior.
        known = self._score(query, every[self._allowed(every, EVERYTHING)], len(every), 0.0)
        best = self.weighed(known, among(known.docs, every[allowed]), room, threshold, choice)
        if are_all or (len(best) >= k and best.scores[k - 1] > known.scores[-1]):
            return best
        return None

    def _is_full(self, doc: int) -> bool:
        """Tell whether a document's row of the table has no place left: others may be near too."""
        part, own = self._place(doc)
        return bool(part.segment.neighbours[(own + 1) * part.segment.width - 1] >= 0)

    def weighed(
        self,
        known: Candidates,
        allowed: NDArray[np.bool_],
        k: int,
        threshold: float,
        choice: Choice,
    ) -> Candidates:
        """Return the k best of found ones that are allowed, by their scores times their priors."""
        docs = known.docs[allowed]
        scores = known.scores[allowed]
        scores = scores if choice.priors is None else scores * choice.priors.of(docs)
        kept = (scores >= threshold) & (scores > 0.0)
        docs, scores = docs[kept], scores[kept]
        order = self.in_order(docs, scores)[:k]
        return Candidates(docs[order], scores[order])

    def may_be_found(self, docs: NDArray[np.int32], choice: Choice) -> NDArray[np.bool_]:
        """Return which of some documents a search with this choice could find."""
        allowed = self._allowed(docs, choice)
        if choice.languages is not None:
            own = self.languages_of(docs)
            wanted = [own == code for code in choice.languages]
            allowed &= wanted[0] if len(wanted) == 1 else np.logical_or.reduce(wanted, axis=0)
        return allowed

    def _allowed(self, docs: NDArray[np.int32], choice: Choice) -> NDArray[np.bool_]:
        """Return which documents may be found, languages apart."""
        allowed = np.ones(len(docs), np.bool_)
        for part, here in self._by_part(docs):
            allowed[here] = part.allowed(docs[here], choice)
        return allowed

    def _score(
        self,
        query: Query,
        docs: NDArray[np.int32],
        k: int,
        threshold: float,
    ) -> Candidates:
        """Return the k best of ``docs``, with the scores that a search gives them."""
        if not len(docs):
            return Candidates(np.zeros(0, np.int32), np.zeros(0, np.float64))
        if not self.compiled:
            scores = self._scores_plainly(query, docs)
            kept = (scores >= threshold) & (scores > 0.0)
            found = [(docs[kept], scores[kept])]
        else:
            one = self._one(query)
            found = [p.score(docs[i], one, k, float(threshold)) for p, i in self._by_part(docs)]
            if len(found) == 1:
                return Candidates(*found[0])
        best = np.concatenate([docs for docs, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        order = self.in_order(best, scores)[:k]
        return Candidates(best[order], scores[order])

    def _scores_plainly(self, query: Query, docs: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the score of each document without a compiled loop: what ``score`` returns."""
        tf, idf_squared = self.collection.tf, self.collection.idf_squared
        own = np.zeros(self.collection.n_terms, np.uint8)
        own[query.terms] = query.codes
        length = self.length(query.terms, query.codes) if query.length is None else query.length
        out = np.zeros(len(docs), np.float64)
        for i, doc in enumerate(docs.tolist()):
            terms, codes = self._place(doc)[0].row(doc, compiled=False)
            shared = np.flatnonzero(own[terms])
            named = terms[shared]
            inner = math.fsum(tf[own[named]] * tf[codes[shared]] * idf_squared[named])
            out[i] = _score_of(inner, length * self._norm(doc))
        return out

    # --- short lists ---

    def compare(
        self, docs: NDArray[np.int32], query: Query | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how alike some documents are among themselves.

        Parameters
        ----------
        query : what stands before the documents as one more, where given

        Returns
        -------
        cosines, contained : (n, n) float64; see ``pairs.compare_rows``
        """
        several: list[rows.CSR] = []
        docs = np.ascontiguousarray(docs, np.int32)
        if query is not None and query.doc is not None and query.length is not None:
            own = np.array([query.doc], np.int32)
            docs = np.concatenate([own, docs])  # it is a row of the index itself
        elif query is not None:
            several.append(_as_rows(query))
        if self.compiled and len(docs):
            several.append(self._unpacked(docs))
        else:
            several += [_as_rows(self.query_of(doc)) for doc in docs.tolist()]
        compare = compare_rows if self.compiled else compare_rows_plainly
        result: tuple[NDArray[np.float64], NDArray[np.float64]] = compare(
            *(several[0] if len(several) == 1 and len(docs) else rows.stack_rows(several)),
            self.collection.tf,
            self.collection.idf_squared,
        )
        return result

    def mixed_scores(
        self, queries: scan.Queries, shares: Sequence[float], docs: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """Return the sum of the scores that each document has with several queries.

        Parameters
        ----------
        queries : as ``rows_with`` gives them
        shares : by what each query's scores are multiplied
        docs : (n,) int32, some of them more than once; -1 for none, which has 0

        Returns
        -------
        (n,) float64, multiples of 1 / ``rows.GRID``
        """
        several = np.asarray(shares, np.float64)
        if not self.compiled:
            return self._mixed_scores_plainly(queries, several, docs)
        out = np.zeros(len(docs), np.float64)
        for part, here in self._by_part(docs) if len(docs) else ():
            out[here] = part.mixed_scores(docs[here], queries, several)
        return out

    def _mixed_scores_plainly(
        self, queries: scan.Queries, shares: NDArray[np.float64], docs: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """Return the mixed scores without a compiled loop."""
        tf, idf_squared = self.collection.tf, self.collection.idf_squared
        known = queries.lengths > 0.0
        per = np.divide(shares, queries.lengths, out=np.zeros(len(shares)), where=known)
        weights = np.repeat(per, np.diff(queries.indptr)) * tf[queries.codes]
        weights = weights * idf_squared[queries.terms]
        mixture = np.bincount(queries.terms, weights, self.collection.n_terms)
        out = {-1: 0.0}
        for doc in dict.fromkeys(docs[docs >= 0].tolist()):
            terms, codes = self._place(doc)[0].row(doc, compiled=False)
            out[doc] = _score_of(math.fsum(mixture[terms] * tf[codes]), self._norm(doc))
        return np.array([out[doc] for doc in docs.tolist()], np.float64)

    def scores_of(self, query: Query, docs: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the score of each of some documents: the one that a search gives it."""
        if not self.compiled:
            return self._scores_plainly(query, docs)
        out = np.zeros(len(docs), np.float64)
        if len(docs):
            one = self._one(query)
            for part, here in self._by_part(docs):
                out[here] = part.scores_of(docs[here], one)
        return out

    def in_order(self, docs: NDArray[np.int32], scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the order of documents by falling score, ties by publishing time, then id."""
        order: NDArray[np.int64] = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        ties = (ranked[1:] == ranked[:-1]) & (ranked[1:] > 0.0)
        return self._in_order_of_time(docs, scores) if ties.any() else order

    def latest(self, k: int, choice: Choice = EVERYTHING) -> NDArray[np.int32]:
        """Return the ``k`` articles published last of those that may be found, the last first.

        Undated ones are the oldest; ties as everywhere.
        """
        docs = np.arange(self.n_docs, dtype=np.int32)
        docs = docs[self.may_be_found(docs, choice)]
        if len(self.parts) > 1 and len(docs) > k:
            times = self.published_times[docs]
            docs = docs[times >= np.partition(times, len(docs) - k)[len(docs) - k]]
        return self._by_time(docs)[::-1][:k]

    @cached_property
    def newest(self) -> int:
        """When the last article was published, in seconds since 1970; ``NO_DATE`` if unknown."""
        return int(self.published_times.max(initial=NO_DATE))

    # --- parts of queries ---

    def _rows_of(self, queries: Sequence[Query]) -> tuple[NDArray[Any], ...]:
        """Return queries as rows of terms that weigh something: the fields of ``scan.Queries``."""
        several = [self._one(query) for query in queries]
        indptr = np.zeros(len(queries) + 1, np.int64)
        indptr[1:] = np.cumsum([len(terms) for terms, _, _ in several])
        if len(several) == 1:
            terms, codes, _ = several[0]
        else:
            terms = np.concatenate([np.zeros(0, np.int32), *(terms for terms, _, _ in several)])
            codes = np.concatenate([np.zeros(0, np.uint8), *(codes for _, codes, _ in several)])
        lengths = [length for _, _, length in several]
        docs = [-1 if query.doc is None else query.doc for query in queries]
        return indptr, terms, codes, np.array(lengths, np.float64), np.array(docs, np.int32)

    def _one(self, query: Query) -> tuple[NDArray[np.int32], NDArray[np.uint8], float]:
        """Return the terms of a query that weigh something, their codes, and its length."""
        terms, codes = self._weighty(query)
        return terms, codes, self.length(terms, codes) if query.length is None else query.length

    def _check_docs(self, docs: NDArray[np.integer]) -> None:
        if len(docs) and not 0 <= docs.min() <= docs.max() < self.n_docs:
            raise InputError(
                f"There are no documents {docs.min()} to {docs.max()}: the index holds "
                f"{self.n_docs:,}, numbered from 0."
            )

    def _check_choice(self, choice: Choice) -> None:
        mask = choice.mask
        if mask is not None and (mask.dtype != np.bool_ or mask.shape != (self.n_docs,)):
            raise InputError(
                f"The mask is {mask.dtype} of shape {mask.shape}; expected bool, one for each of "
                f"the {self.n_docs:,} documents."
            )

    def _weighty(self, query: Query) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        terms, codes = np.ascontiguousarray(query.terms), np.ascontiguousarray(query.codes)
        n_terms, low, high = self.collection.n_terms, 0, -1
        is_own = query.length is not None  # a row of an index: in order, no count 0
        if len(terms):
            low, high = (terms[0], terms[-1]) if is_own else (terms.min(), terms.max())
        if len(terms) != len(codes) or low < 0 or high >= n_terms:
            raise InputError(
                f"This query was made for another index: it has terms up to "
                f"{terms.max(initial=-1)} and {len(codes)} counts for {len(terms)} terms; "
                f"expected terms below {n_terms}, a count for each."
            )
        if not is_own and (np.any(terms[1:] <= terms[:-1]) or not np.all(codes)):
            raise InputError("The terms of a query ascend, each once, and no count is 0.")
        used = self.collection.idf_squared[terms] > 0.0
        return (terms, codes) if used.all() else (terms[used], codes[used])

    def warm_up(self) -> None:
        """Load or compile the search, so that the first real question does not wait for it."""
        if self.n_docs:
            query = self.query_of(self.n_docs - 1)
            self.search(query, 1)
            self.compare(np.array([self.n_docs - 1], np.int32), query)
            self._score(query, np.array([p.first for p in self.parts], np.int32), 1, 0.0)

    def length(self, terms: NDArray[np.int32], codes: NDArray[np.uint8]) -> float:
        """Return the length of a query: the square root of its inner product with itself."""
        parts = self.products(terms, codes, codes)
        return math.sqrt(math.fsum(parts))

    def products(
        self, terms: NDArray[np.int32], codes: NDArray[np.uint8], others: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """Return each term's part of the inner product of two documents that share ``terms``."""
        tf, idf_squared = self.collection.tf, self.collection.idf_squared
        parts: NDArray[np.float64] = tf[codes] * tf[others] * idf_squared[terms]
        return parts

    def score(self, query: Query, doc: int) -> float:
        """Return the score of one document for a query: the one that a search gives it."""
        terms, here, there = self._meet(query, doc)
        inner = math.fsum(self.products(terms, here, there))
        return _score_of(inner, self.length(query.terms, query.codes) * self._norm(doc))

    def _norm(self, doc: int) -> float:
        return self._place(doc)[0].norm(doc, compiled=self.compiled)

    def shared_terms(self, query: Query, doc: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the terms that query and document share, and each one's share of their score.

        Returns
        -------
        terms : (n,) int32, the heaviest first, ties by number; shares : (n,) float64, summing to
            the score
        """
        terms, here, there = self._meet(query, doc)
        parts = self.products(terms, here, there)
        own = self.length(query.terms, query.codes) if query.length is None else query.length
        length = own * self._norm(doc)
        order = np.lexsort((terms, -parts))
        order = order[parts[order] > 0]
        return terms[order], parts[order] / (length or 1.0)

    def top_terms(
        self, query: Query, docs: Sequence[int], n: int
    ) -> list[tuple[NDArray[np.int32], NDArray[np.float64]]]:
        """Return the first ``n`` of the ``shared_terms`` of each of some documents."""
        found: dict[int, tuple[NDArray[np.int32], NDArray[np.float64]]] = {}
        if self.compiled and docs and n > 0:
            one, several = self._one(query), np.array(docs, np.int32)
            for part, here in self._by_part(several):
                if part.numbers is None:  # elsewhere ties are not in the collection's order
                    best, shares = part.top_terms(several[here], one, n)
                    ends = (best >= 0).sum(axis=1).tolist()
                    for i, doc in enumerate(several[here].tolist()):
                        found[doc] = best[i, : ends[i]], shares[i, : ends[i]]
        for doc in docs:
            if doc not in found:
                terms, all_shares = self.shared_terms(query, doc)
                found[doc] = terms[:n], all_shares[:n]
        return [found[doc] for doc in docs]

    def _meet(
        self, query: Query, doc: int
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the terms that query and document share, and the codes they have in each."""
        self._check_docs(np.array([doc]))
        others, codes = self._place(doc)[0].row(doc, compiled=self.compiled)
        if not len(others):
            return others, codes, codes
        # Both ascend, and neither names a term twice.
        there = np.minimum(np.searchsorted(others, query.terms), len(others) - 1)
        here = np.flatnonzero(others[there] == query.terms)
        return query.terms[here], query.codes[here], codes[there[here]]

    def display(
        self, terms: Sequence[int] | NDArray[np.int32], language: str | None = None
    ) -> list[str]:
        """Return how terms are written for people, by ``language`` where it has its own word."""
        code = next(iter(self.language_codes([language or ""])), None)
        homes = [self.collection.home(term) for term in np.asarray(terms).tolist()]
        if len({id(segment) for segment, _ in homes}) == 1:
            return homes[0][0].written([own for _, own in homes], code)
        return [word for segment, own in homes for word in segment.written([own], code)]


_HOPELESS = 0.8
"""Where fewer of the known neighbours than are wanted count for so much by their priors, others
will be better, and a search is made at once: the last of the known is worth two thirds of the
first, in the middle. Hardly a block of ``news`` was ever made of the known ones alone."""

_ANY_LANGUAGE = np.zeros(0, np.uint8)


def _score_of(inner: float, norm: float) -> float:
    """Return an inner product as a score: by the length, on the grid of scores."""
    return round(inner / norm * rows.GRID) / rows.GRID if norm else 0.0


def _kth(values: NDArray[np.float64], k: int) -> float:
    """Return the k-th largest of some values; 0 where they are fewer."""
    at = len(values) - k
    return float(np.partition(values, at)[at]) if at >= 0 else 0.0


def _as_rows(query: Query) -> rows.CSR:
    return np.array([0, len(query.terms)]), query.terms, query.codes


def _has_moved(home: Path, number: int | None) -> bool:
    """Tell whether the pointer names another generation by now."""
    try:
        return current(home) != number
    except DamagedIndexError:
        return False


def _check_search(k: int, threshold: float) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"limit is {k!r}; expected a whole number, 1 or more.")
    if not 0.0 <= threshold <= 1.0:
        raise InputError(f"threshold is {threshold!r}; expected a score between 0 and 1.")
