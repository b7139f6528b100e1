"""Index: one generation, opened and held. Numbers in, numbers out; it never changes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
from recommender.index import kernels
from recommender.index.manifest import (
    Manifest,
    check_files,
    current,
    generation_name,
    read_manifest,
)
from recommender.index.segment import ARRAY_TYPES, Segment
from recommender.weighting import COUNT_OF_CODE, WeightSettings, idf, kept_terms, tf_weights

__all__ = ["Choice", "Index", "Query", "Statistics"]

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
    """

    terms: NDArray[np.int32]
    codes: NDArray[np.uint8]
    doc: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which documents may be found.

    Applied inside the scan, so that a filter never starves the list.

    Attributes
    ----------
    languages : language codes, or None for any
    excluded : document numbers never found
    first, stop : documents outside ``first <= doc < stop`` are not looked at; None = no bound
    """

    languages: frozenset[int] | None = None
    excluded: frozenset[int] = frozenset()
    first: int = 0
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Statistics:
    """What depends on the whole collection, and on nothing else.

    Attributes
    ----------
    tf : (256,) float64, weight of each count code
    idf_squared : (n_terms,) float64, 0 for terms outside ``min_df..max_df``
    norms : (n_docs,) float64, length of each document
    inverse_norms : (n_docs,) float32, 0 where the length is 0
    """

    tf: NDArray[np.float64]
    idf_squared: NDArray[np.float64]
    norms: NDArray[np.float64]
    inverse_norms: NDArray[np.float32]

    @classmethod
    def of(
        cls, weights: WeightSettings, df: NDArray[np.int32], norms: NDArray[np.float64]
    ) -> Statistics:
        """Derive the arrays that the kernels read from document frequencies and stored lengths."""
        inverse = np.zeros(len(norms), np.float32)
        np.divide(1.0, norms, out=inverse, where=norms > 0, casting="same_kind")
        tf, idf_squared = factors(weights, df, len(norms))
        return cls(tf, idf_squared, norms, inverse)

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return the arrays in the order the kernels take them."""
        return self.tf, self.idf_squared, self.norms, self.inverse_norms


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
    statistics : Statistics
    df : (n_terms,) int32, articles that hold each term
    """

    manifest: Manifest
    segment: Segment
    statistics: Statistics
    df: NDArray[np.int32]
    _scratch: local = field(default_factory=local, repr=False, compare=False)

    @classmethod
    def open(cls, root: str | Path, *, generation: int | None = None, verify: bool = True) -> Index:
        """Open a generation, the live one by default.

        Parameters
        ----------
        root : the index folder
        verify : compare every file's SHA-256 with the manifest (about 2 GB a second); sizes and the
            manifest's own digest are compared in any case

        Raises
        ------
        NotAnIndexError, DamagedIndexError, IncompatibleIndexError
        """
        home = Path(root)
        number = current(home) if generation is None else generation
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
        return cls(manifest, segment, Statistics.of(weights, df, norms), df)

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
        """Return a document as a query for its neighbours."""
        _, terms, codes = kernels.unpack_rows(*self.segment.rows.arrays(), doc, doc + 1)
        return Query(terms, codes, doc)

    def term_numbers(self, terms: StringColumn) -> NDArray[np.int32]:
        """Return the number of each term, -1 for those that no article holds."""
        return self.segment.term_keys.find_many(terms)

    def search(
        self, query: Query, k: int, *, threshold: float = 0.0, choice: Choice = Choice()
    ) -> Candidates:
        """Return the ``k`` nearest documents, exactly; fewer where fewer share a term.

        Parameters
        ----------
        k : int >= 1; more than the index holds is the same as all
        threshold : least score, 0..1

        Raises
        ------
        InputError : k below 1, or a threshold outside 0..1
        """
        _check_search(k, threshold)
        used = self.statistics.idf_squared[query.terms] > 0.0
        terms, codes = query.terms[used], query.codes[used]
        length = self.length(terms, codes)
        if length == 0.0:
            return Candidates(np.empty(0, np.int32), np.empty(0, np.float64))
        docs, scores = kernels.search(
            (terms, codes, np.array([length])),
            min(k, max(1, self.n_docs)),
            threshold,
            self.segment.postings.arrays(),
            self.segment.rows.arrays(),
            self.statistics.arrays(),
            self._choice(choice, query.doc),
            self._buffers(),
        )
        return Candidates(docs, scores)

    def warm_up(self) -> None:
        """Load or compile the search, so that the first real question does not wait for it."""
        if self.n_docs:
            self.search(self.query_of(self.n_docs - 1), 1)

    def search_rows(
        self,
        docs: NDArray[np.int32],
        k: int,
        *,
        threshold: float = 0.0,
        same_language: bool = True,
        choice: Choice = Choice(),
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the ``k`` nearest of each document: docs and scores, (n, k); -1, 0 if none.

        Parameters
        ----------
        same_language : only documents of each one's own language, whatever ``choice`` names
        choice : languages and exclusions; its bounds are not looked at
        """
        _check_search(k, threshold)
        if not len(docs):
            return np.empty((0, k), np.int32), np.empty((0, k), np.float64)
        _, wanted, excluded, _, _ = self._choice(choice, None)
        found: tuple[NDArray[np.int32], NDArray[np.float64]] = kernels.search_rows(
            np.ascontiguousarray(docs, np.int32),
            k,
            threshold,
            same_language,
            (wanted, excluded),
            self.segment.postings.arrays(),
            self.segment.rows.arrays(),
            self.statistics.arrays(),
            self.segment.languages,
            self._buffers(),
        )
        return found

    def length(self, terms: NDArray[np.int32], codes: NDArray[np.uint8]) -> float:
        """Return the length of a query: the square root of its inner product with itself."""
        parts = self.products(terms, codes, codes)
        return math.sqrt(math.fsum(parts))

    def products(
        self, terms: NDArray[np.int32], codes: NDArray[np.uint8], others: NDArray[np.uint8]
    ) -> NDArray[np.float64]:
        """Return each term's part of the inner product of two documents that share ``terms``."""
        tf, idf_squared = self.statistics.tf, self.statistics.idf_squared
        parts: NDArray[np.float64] = kernels.score_terms(terms, codes, others, tf, idf_squared)
        return parts

    def score(self, query: Query, doc: int) -> float:
        """Return the score of one document for a query: the one that a search gives it."""
        terms, here, there = self._meet(query, doc)
        inner = math.fsum(self.products(terms, here, there))
        length = self.length(query.terms, query.codes) * float(self.statistics.norms[doc])
        return round(inner / length * kernels.GRID) / kernels.GRID if length else 0.0

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

    def _choice(self, choice: Choice, doc: int | None) -> tuple[Any, ...]:
        wanted = np.full(256, choice.languages is None)
        wanted[list(choice.languages or ())] = True
        excluded = sorted(choice.excluded | ({doc} if doc is not None else set()))
        stop = self.n_docs if choice.stop is None else min(choice.stop, self.n_docs)
        return self.segment.languages, wanted, np.array(excluded, np.int32), choice.first, stop

    def _buffers(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return this thread's scratch arrays; the kernels leave them as zeros."""
        if not hasattr(self._scratch, "arrays"):
            cells = np.zeros(kernels.WINDOW, np.float32)
            self._scratch.arrays = cells, np.zeros(max(1, self.segment.n_terms), np.uint8)
        held: tuple[NDArray[np.float32], NDArray[np.uint8]] = self._scratch.arrays
        return held


def _parts(manifest: Manifest, folder: Path) -> tuple[str, WeightSettings]:
    """Return the segment's name and the weights, or raise DamagedIndexError."""
    try:
        ((name, files),) = manifest.segments.items()
        weights = WeightSettings(**manifest.settings["weights"])
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
