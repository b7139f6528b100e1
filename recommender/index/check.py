"""Auditing an index: every digest, and every rule that the arrays must obey."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._keys import KeyTable
from recommender._strings import StringColumn
from recommender.errors import IndexFolderError
from recommender.index import rows
from recommender.index.invert import RowBlock, count_documents, invert
from recommender.index.manifest import current
from recommender.index.reader import DEFAULT_EFFORT, Choice, Index
from recommender.index.settings import SearchSettings

__all__ = ["Verification", "verify_index"]

_SAMPLE = 1000  # articles whose neighbours are scored and searched for again
_RUN = 65_536  # rows of the table that are looked at together


@dataclass(frozen=True, slots=True)
class Verification:
    """What an audit found.

    Attributes
    ----------
    healthy : bool
    generation, articles, files : int
    checks : names of the rules that were looked at; after a broken foundation (sizes, strings, the
        layout of the rows, the directory) there are no more, because the loops behind them trust
        it
    problems : what is wrong, one sentence each
    """

    healthy: bool
    generation: int
    articles: int
    files: int
    checks: tuple[str, ...]
    problems: tuple[str, ...]


def verify_index(root: str | Path, *, generation: int | None = None) -> Verification:
    """Check a generation of an index: digests first, then the structure of its arrays.

    Parameters
    ----------
    generation : None = the live one

    Raises
    ------
    NotAnIndexError : there is no index
    """
    generation = current(Path(root)) if generation is None else generation
    try:
        index = Index.open(root, generation=generation, verify=True)
    except IndexFolderError as error:
        return Verification(False, generation, 0, 0, ("files and digests",), (str(error),))
    checks, problems = _audit(index)
    manifest = index.manifest
    return Verification(
        healthy=not problems,
        generation=generation,
        articles=index.n_docs,
        files=len(manifest.files) + sum(len(f) for f in manifest.segments.values()),
        checks=("files and digests", *checks),
        problems=problems,
    )


def _audit(index: Index) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the rules that were looked at, and what breaks them."""
    looked_at, problems = [], []
    for name, check in _CHECKS.items():
        found = [f"{name}: {problem}" for problem in _run(check, index)]
        looked_at.append(name)
        problems += found
        if found and name in _FOUNDATIONS:
            break
    return tuple(looked_at), tuple(problems)


Check = Callable[[Index], Iterator[str]]


def _run(check: Check, index: Index) -> Iterator[str]:
    try:
        yield from check(index)
    except Exception as error:  # an audit of a damaged index ends with a finding
        yield f"cannot be read ({error})"


def _shapes(index: Index) -> Iterator[str]:
    segment, n_docs, n_terms = index.segment, index.n_docs, index.segment.n_terms
    wanted = {
        "ids": (len(segment.ids), n_docs),
        "urls": (len(segment.urls), n_docs),
        "cards": (len(segment.cards), n_docs),
        "languages": (len(segment.languages), n_docs),
        "published": (len(segment.published), n_docs),
        "norms": (len(index.statistics.norms), n_docs),
        "forms": (len(segment.forms), n_terms),
        "local_keys": (len(segment.local_keys), len(segment.local_forms)),
        "df": (len(index.statistics.df), n_terms),
        "columns": (len(segment.postings.dense), segment.n_columns * segment.stride),
        "articles of the manifest": (index.manifest.counts["articles"], n_docs),
        "terms of the manifest": (index.manifest.counts["terms"], n_terms),
        "postings of the manifest": (
            index.manifest.counts["postings"],
            int(index.statistics.df.sum(dtype=np.int64)),
        ),
    }
    for name, (found, expected) in wanted.items():
        if found != expected:
            yield f"{name} has {found:,} entries, expected {expected:,}"


def _columns(index: Index) -> Iterator[str]:
    for name in ("terms", "forms", "local_forms", "ids", "urls", "cards"):
        column: StringColumn = getattr(index.segment, name)
        starts, data = column.offsets, np.asarray(column.data)
        if starts[0] != 0 or np.any(starts[1:] < starts[:-1]) or starts[-1] != len(data):
            yield f"the offsets of {name} do not fit its bytes"
        elif not _is_utf8(data, starts):
            yield f"{name} is no UTF-8"


def _is_utf8(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> bool:
    """Tell whether the bytes are UTF-8 and no row begins inside a letter."""
    try:
        data.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    begins = data[offsets[offsets < len(data)]]
    return not np.any((begins & 0xC0) == 0x80)


def _layout(index: Index) -> Iterator[str]:
    packed = index.segment.rows
    found = rows.check_rows(packed.row_ptr, packed.packed, index.segment.n_terms)
    if found == rows.BAD_LAYOUT:
        yield "pointers of the rows do not fit their bytes"
    if found == rows.BAD_TERM:
        yield "a row names a term that does not exist"


def _directory(index: Index) -> Iterator[str]:
    """Check that every posting that the directory leads to is there, and of a document."""
    segment, postings = index.segment, index.segment.postings
    if not 0 <= segment.n_columns <= segment.n_terms:
        yield "there are more columns than terms"
        return
    pointers = (postings.bases, postings.entry_ptr)
    if any(array[0] != 0 or np.any(np.diff(array) < 0) for array in pointers):
        yield "pointers run backwards"
        return
    if postings.bases[-1] != len(postings.docs) or len(postings.docs) != len(postings.codes):
        yield "there are not as many postings as the windows say"
        return
    windows, n_windows = np.asarray(postings.entry_windows), len(postings.bases) - 1
    if postings.entry_ptr[-1] != len(windows) or windows.max(initial=0) >= max(1, n_windows):
        yield "the directory names a window that does not exist"
        return
    ends = np.asarray(postings.entry_starts, np.int64) + postings.entry_counts + 1
    if len(windows) and np.any(ends > np.diff(postings.bases)[windows]):
        yield "the directory leads past the postings"


def _rows(index: Index) -> Iterator[str]:
    """Invert the rows again: postings, columns, directory and rows must tell the same."""
    segment, statistics = index.segment, index.statistics
    every = np.arange(index.n_docs, dtype=np.int32)
    numbers = np.arange(segment.n_terms, dtype=np.int32)
    indptr, terms, codes = rows.unpack_rows(*segment.rows.arrays(), every)
    block = RowBlock(indptr, terms, codes, numbers)
    by_window = count_documents([block], segment.n_terms)
    df = by_window.sum(axis=0)
    if not np.array_equal(df, statistics.df):
        yield "document frequencies differ from the rows"
        return
    if np.any(np.diff(df) > 0):
        yield "terms are not numbered by falling frequency"
        return
    again = invert([block], by_window, statistics.levels, segment.n_columns)
    stored = (*segment.postings.arrays(), *segment.rows.arrays())
    for name, ours, theirs in zip(again._fields, again, stored, strict=True):
        if not np.array_equal(ours, theirs):
            yield f"postings and rows disagree ({name})"


def _norms(index: Index) -> Iterator[str]:
    statistics = index.statistics
    again = rows.norms(*index.segment.rows.arrays(), statistics.tf, statistics.idf_squared)
    if not np.array_equal(again, statistics.norms):
        yield "stored lengths differ from those of the rows"


def _keys(index: Index) -> Iterator[str]:
    for name in ("term_keys", "id_keys", "url_keys"):
        keys: KeyTable = getattr(index.segment, name)
        again = KeyTable.build(keys.column)
        if not (
            np.array_equal(again.hashes, keys.hashes) and np.array_equal(again.rows, keys.rows)
        ):
            yield f"{name} does not lead to its rows"
    ids = index.segment.ids
    if len({ids.bytes_at(i) for i in range(len(ids))}) != len(ids):
        yield "an article id stands twice"
    if np.any(np.diff(ids.offsets) == 0):
        yield "an article has no id"


def _documents(index: Index) -> Iterator[str]:
    segment = index.segment
    if len(segment.languages) and segment.languages.max() >= len(index.manifest.languages):
        yield "a document has a language that the manifest does not name"
    if np.any(segment.published[1:] < segment.published[:-1]):
        yield "documents are not in publishing order"
    for doc in range(index.n_docs):
        card: Any = index.card(doc)
        if not isinstance(card, dict):
            yield f"the card of document {doc} is no object"
            return


def _words(index: Index) -> Iterator[str]:
    """Check that each language's own words belong to a term and a language, in order."""
    keys = np.asarray(index.segment.local_keys)
    if np.any(keys[1:] <= keys[:-1]):
        yield "the languages' own words are out of order"
    terms, codes = np.divmod(keys, 256)
    if np.any(terms < 0) or np.any(terms >= index.segment.n_terms):
        yield "a language has its own word for a term that does not exist"
    if np.any(codes >= len(index.manifest.languages)):
        yield "a word belongs to a language that the manifest does not name"


def _neighbours(index: Index) -> Iterator[str]:
    """Check whom the table names, and for a sample that it is in order and what a search finds."""
    n_docs, stated = index.n_docs, index.manifest.settings.get("search")
    search = None if stated is None else SearchSettings(**stated)
    width = len(index.neighbours) // max(1, n_docs)
    if len(index.neighbours) != n_docs * width:
        yield f"the table has {len(index.neighbours):,} numbers for {n_docs:,} articles"
        return
    if n_docs and search is not None and width != search.neighbours:
        yield f"each article has {width} places, expected {search.neighbours}"
        return
    if not width or not n_docs:
        return
    table = np.asarray(index.neighbours).reshape(n_docs, width)
    wrong: set[str] = set()
    for first in range(0, n_docs, _RUN):
        wrong.update(_misnamed(index, first, table[first : first + _RUN]))
    yield from sorted(wrong)
    if not wrong:
        yield from _misjudged(index, table, search)


def _misnamed(index: Index, first: int, table: NDArray[np.int32]) -> Iterator[str]:
    """Yield what is wrong with whom some rows of the table name."""
    own, languages = np.arange(first, first + len(table))[:, None], index.segment.languages
    named = table >= 0
    if np.any(table < -1) or np.any(table >= index.n_docs):
        yield "a document is named that does not exist"
        return
    if np.any(named[:, 1:] & ~named[:, :-1]):
        yield "a row has a gap"
    if np.any(table == own):
        yield "a document is its own neighbour"
    if np.any(named & (languages[table] != languages[own])):
        yield "a neighbour is of another language"
    ordered = np.sort(table, axis=1)
    if np.any((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)):
        yield "a neighbour stands twice"


def _misjudged(
    index: Index, table: NDArray[np.int32], search: SearchSettings | None
) -> Iterator[str]:
    """Compare a sample of rows, spread evenly, with their true scores and, if exact, a search."""
    n_docs, width = table.shape
    sample = np.linspace(0, n_docs - 1, min(n_docs, _SAMPLE)).astype(np.int32)
    for doc in sample.tolist():
        own = Choice(languages=frozenset({int(index.segment.languages[doc])}))
        row = table[doc][table[doc] >= 0]
        effort = search or DEFAULT_EFFORT
        best = index.related(doc, width, choice=own, effort=effort)
        if not np.array_equal(best.docs, row):
            yield f"the neighbours of document {doc} are not best first"
            return
    if search is not None and search.for_size(n_docs)[0] >= 1.0:
        found, _ = index.search_rows(sample, width, effort=search)
        for doc in sample[np.any(found != table[sample], axis=1)][:1].tolist():
            yield f"the neighbours of document {doc} are not those that a search finds"


_CHECKS: dict[str, Check] = {
    "counts agree": _shapes,
    "strings": _columns,
    "layout of the rows": _layout,
    "directory": _directory,
    "rows equal postings": _rows,
    "lengths": _norms,
    "keys": _keys,
    "documents": _documents,
    "words to show": _words,
    "neighbours": _neighbours,
}
_FOUNDATIONS = ("counts agree", "strings", "layout of the rows", "directory")
