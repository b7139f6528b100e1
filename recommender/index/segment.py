"""One immutable folder of arrays: the postings, the rows, and what is known of each document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._files import map_array, write_array
from recommender._keys import KeyTable
from recommender._strings import StringColumn
from recommender.index import scan
from recommender.index.invert import column_bytes

__all__ = ["ARRAY_TYPES", "LATER", "Postings", "Rows", "Segment", "document_order"]


def document_order(
    published: NDArray[np.int64],
    id_at: Callable[[int], bytes],
    runs: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Return documents by publishing time, then by the bytes of their ids; undated ones first.

    Parameters
    ----------
    published : (n,) int64; id_at : returns the id of the i-th of them
    runs : (n,) int64, ascending: those with one number stand in order already; None = they do not
    """
    order = np.argsort(published, kind="stable")
    times = published[order]
    tied = times[1:] == times[:-1]
    begins = np.flatnonzero(tied & ~np.concatenate([[False], tied[:-1]]))
    ends = np.flatnonzero(tied & ~np.concatenate([tied[1:], [False]])) + 2
    if runs is not None:
        mixed = runs[order[begins]] != runs[order[ends - 1]]
        begins, ends = begins[mixed], ends[mixed]
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        order[begin:end] = sorted(order[begin:end].tolist(), key=id_at)
    return order


@dataclass(frozen=True, slots=True)
class Postings:
    """Term to documents; nothing depends on the collection.

    The commonest terms, 0 to n_columns - 1, have a column each: a byte a document. The others have
    postings, in windows of 65,536 documents.

    Attributes
    ----------
    docs : (n_postings,) uint16, document number less the window's first; by window, term, document
    codes : (n_postings,) uint8, the count's code (``weighting.COUNT_OF_CODE``)
    bases : (n_windows + 1,) int64, where each window's postings begin
    entry_ptr : (n_terms - n_columns + 1,) int64, the directory entries of each term without a
        column, one for each window it stands in
    entry_windows : (n_entries,) uint16
    entry_starts : (n_entries,) uint32, from the window's base
    entry_counts : (n_entries,) uint16, postings less 1
    dense : (n_columns * stride,) uint8, the columns one after another: the level of each document's
        tf weight (``invert.tf_levels``), 0 where it lacks the term; the stride is the number of
        documents rounded up to 64
    bounds : (n_bounds * stride,) uint8, columns of how long each document is in the terms of the
        first 64, 128, ... columns (``bounds.bound_columns``)
    bound_units : (n_bounds,) float64, what 1 is in each of these
    """

    docs: NDArray[np.uint16]
    codes: NDArray[np.uint8]
    bases: NDArray[np.int64]
    entry_ptr: NDArray[np.int64]
    entry_windows: NDArray[np.uint16]
    entry_starts: NDArray[np.uint32]
    entry_counts: NDArray[np.uint16]
    dense: NDArray[np.uint8]
    bounds: NDArray[np.uint8]
    bound_units: NDArray[np.float64]

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return the arrays in the order the loops take them."""
        return tuple(getattr(self, f.name) for f in fields(self))


@dataclass(frozen=True, slots=True)
class Rows:
    """Document to terms, packed as ``rows.py`` describes.

    Attributes
    ----------
    row_ptr : (n_docs + 1,) uint32, where each row begins
    packed : (n_entries,) uint16
    """

    row_ptr: NDArray[np.uint32]
    packed: NDArray[np.uint16]

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return the arrays in the order the loops take them."""
        return self.row_ptr, self.packed


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of documents, ordered by publishing time, then id; undated ones come first.

    Attributes
    ----------
    postings, rows : the matrix, by term and by document
    terms : StringColumn of n_terms, commonest first; term number = place
    forms : StringColumn of n_terms, how each term is written for people
    local_forms : StringColumn of n_local, how terms are written in one language, where otherwise
    local_keys : (n_local,) int64, ascending: term number * 256 + language code
    ids, urls : StringColumn of n_docs; URLs normalised, "" = none
    cards : StringColumn of n_docs, what a card shows, as JSON
    term_keys, id_keys, url_keys : KeyTable over the three
    languages : (n_docs,) uint8, place in the manifest's list of languages
    published : (n_docs,) int64, seconds since 1970; the smallest int64 = no date
    digests : (n_docs,) uint64, of all that was read of the article
    df : (n_terms,) int32, documents of the segment that hold each term; falling
    idf_squared : (n_terms,) float64, of the collection when the segment was written
    norms : (n_docs,) float64, the length of each document's vector by those
    neighbours : (n_docs * width,) int32, the nearest of each document among those of the segment in
        its language, best first, -1 for none; empty where no such table was made
    """

    postings: Postings
    rows: Rows
    terms: StringColumn
    forms: StringColumn
    local_forms: StringColumn
    ids: StringColumn
    urls: StringColumn
    cards: StringColumn
    term_keys: KeyTable
    id_keys: KeyTable
    url_keys: KeyTable
    languages: NDArray[np.uint8]
    published: NDArray[np.int64]
    local_keys: NDArray[np.int64]
    digests: NDArray[np.uint64]
    df: NDArray[np.int32]
    idf_squared: NDArray[np.float64]
    norms: NDArray[np.float64]
    neighbours: NDArray[np.int32]

    @property
    def n_docs(self) -> int:
        """Documents in the segment."""
        return len(self.rows.row_ptr) - 1

    @property
    def n_terms(self) -> int:
        """Distinct terms in the segment."""
        return len(self.terms)

    @property
    def n_columns(self) -> int:
        """Terms that have a column."""
        return self.n_terms - len(self.postings.entry_ptr) + 1

    @property
    def stride(self) -> int:
        """Bytes of a column."""
        return column_bytes(self.n_docs)

    def written(self, terms: Sequence[int], language: int | None) -> list[str]:
        """Return how terms are written for people, in a language where it has its own word."""
        if language is None or not len(self.local_keys):
            return [self.forms[term] for term in terms]
        keys = np.array(terms, np.int64) * 256 + language
        places = np.minimum(np.searchsorted(self.local_keys, keys), len(self.local_keys) - 1)
        has_own = self.local_keys[places] == keys
        return [
            self.local_forms[place] if own else self.forms[term]
            for term, place, own in zip(terms, places.tolist(), has_own.tolist(), strict=True)
        ]

    @property
    def width(self) -> int:
        """Places of each document in the table of neighbours."""
        return len(self.neighbours) // max(1, self.n_docs)

    def matrix(self) -> scan.Matrix:
        """Return postings and rows as the loops take them."""
        return scan.Matrix(*self.postings.arrays(), *self.rows.arrays())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array under the name of its file, without ``.npy``."""
        out: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _PLAIN}
        for prefix, part in (("postings", self.postings), ("rows", self.rows)):
            out |= {f"{prefix}.{f.name}": getattr(part, f.name) for f in fields(part)}
        for name in _COLUMNS:
            column: StringColumn = getattr(self, name)
            out |= {f"{name}.data": column.data, f"{name}.offsets": column.offsets}
        for name, _ in _KEYS:
            keys: KeyTable = getattr(self, name)
            out |= {f"{name}.hashes": keys.hashes, f"{name}.rows": keys.rows}
        return out

    def write(self, folder: Path) -> None:
        """Write every array into ``folder``."""
        self.write_some(folder, ARRAY_TYPES)

    def write_some(self, folder: Path, names: Iterable[str]) -> None:
        """Write the named arrays into ``folder``."""
        arrays = self.arrays()
        for name in names:
            write_array(folder / f"{name}.npy", arrays[name])

    @classmethod
    def open(cls, folder: Path, *, complete: bool = True) -> Segment:
        """Map a segment that was written.

        Parameters
        ----------
        complete : False for one that is being written: what ``LATER`` names is empty
        """

        def load(name: str) -> NDArray[Any]:
            if not complete and name in LATER:
                return np.zeros(0, ARRAY_TYPES[name])
            return map_array(folder / f"{name}.npy", ARRAY_TYPES[name])

        columns: dict[str, Any] = {
            n: StringColumn(load(f"{n}.data"), load(f"{n}.offsets")) for n in _COLUMNS
        }
        keys: dict[str, Any] = {
            n: KeyTable(columns[of], load(f"{n}.hashes"), load(f"{n}.rows")) for n, of in _KEYS
        }
        plain: dict[str, Any] = {name: load(name) for name in _PLAIN}
        return cls(
            postings=Postings(*(load(f"postings.{f.name}") for f in fields(Postings))),
            rows=Rows(*(load(f"rows.{f.name}") for f in fields(Rows))),
            **plain,
            **columns,
            **keys,
        )


LATER = ("idf_squared", "norms", "neighbours")
"""What depends on the collection that a segment is written for, and is written last."""

_PLAIN = (
    "languages",
    "published",
    "local_keys",
    "digests",
    "df",
    "idf_squared",
    "norms",
    "neighbours",
)
_COLUMNS = ("terms", "forms", "local_forms", "ids", "urls", "cards")
_KEYS = (("term_keys", "terms"), ("id_keys", "ids"), ("url_keys", "urls"))

ARRAY_TYPES = {
    "languages": "uint8",
    "published": "int64",
    "local_keys": "int64",
    "digests": "uint64",
    "df": "int32",
    "idf_squared": "float64",
    "norms": "float64",
    "neighbours": "int32",
    "postings.docs": "uint16",
    "postings.codes": "uint8",
    "postings.bases": "int64",
    "postings.entry_ptr": "int64",
    "postings.entry_windows": "uint16",
    "postings.entry_starts": "uint32",
    "postings.entry_counts": "uint16",
    "postings.dense": "uint8",
    "postings.bounds": "uint8",
    "postings.bound_units": "float64",
    "rows.row_ptr": "uint32",
    "rows.packed": "uint16",
    **{f"{name}.data": "uint8" for name in _COLUMNS},
    **{f"{name}.offsets": "int64" for name in _COLUMNS},
    **{f"{name}.hashes": "uint64" for name, _ in _KEYS},
    **{f"{name}.rows": "int32" for name, _ in _KEYS},
}
"""What a segment consists of: the type of each array by the name of its file without ``.npy``."""
