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
from recommender.index.bounds import n_bounds
from recommender.index.collection import count_terms, number_terms
from recommender.index.invert import RowBlock, count_documents, invert, tf_levels
from recommender.index.manifest import current
from recommender.index.part import Choice
from recommender.index.reader import DEFAULT_EFFORT, Index
from recommender.index.segment import Segment, document_order
from recommender.index.settings import SearchSettings
from recommender.weighting import COUNT_OF_CODE, tf_weights

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
        articles=index.n_articles,
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


def _each_segment(check: Callable[[Segment], Iterator[str]]) -> Check:
    """Return the check of every segment of an index, findings told by the segment's name."""

    def checked(index: Index) -> Iterator[str]:
        for name, segment in zip(index.manifest.order, index.collection.segments, strict=True):
            for finding in check(segment):
                yield f"{name}: {finding}" if len(index.parts) > 1 else finding

    return checked


def _shapes(segment: Segment) -> Iterator[str]:
    n_docs, n_terms = segment.n_docs, segment.n_terms
    bounds = n_bounds(segment.n_columns)
    wanted = {
        **{n: (len(getattr(segment, n)), n_docs) for n in _PER_DOC},
        **{n: (len(getattr(segment, n)), n_terms) for n in ("forms", "df", "idf_squared")},
        "local_keys": (len(segment.local_keys), len(segment.local_forms)),
        "columns": (len(segment.postings.dense), segment.n_columns * segment.stride),
        "bound_units": (len(segment.postings.bound_units), bounds),
        "bounds": (len(segment.postings.bounds), bounds * segment.stride),
        "neighbours": (len(segment.neighbours), segment.width * n_docs),
    }
    for name, (found, expected) in wanted.items():
        if found != expected:
            yield f"{name} has {found:,} entries, expected {expected:,}"


_PER_DOC = ("ids", "urls", "cards", "languages", "published", "digests", "norms")


def _counts(index: Index) -> Iterator[str]:
    """Check what the manifest counts, and the numbers and frequencies of terms."""
    collection, counts = index.collection, index.manifest.counts
    numbers = number_terms(collection.segments)
    for own, stored in zip(numbers, collection.numbers, strict=True):
        if not np.array_equal(own, stored):
            yield "the terms of a segment are numbered otherwise than its words say"
            return
    df = count_terms(collection.segments, numbers, [part.gone for part in index.parts])
    if not np.array_equal(df, collection.df):
        yield "document frequencies differ from those of the segments"
    found = {
        "articles": index.n_articles,
        "terms": collection.n_terms,
        "postings": int(collection.df.sum(dtype=np.int64)),
    }
    for name, n in found.items():
        if counts.get(name) != n:
            yield f"there are {n:,} {name}; the manifest says {counts.get(name)}"


def _columns(segment: Segment) -> Iterator[str]:
    for name in ("terms", "forms", "local_forms", "ids", "urls", "cards"):
        column: StringColumn = getattr(segment, name)
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


def _layout(segment: Segment) -> Iterator[str]:
    packed = segment.rows
    found = rows.check_rows(packed.row_ptr, packed.packed, segment.n_terms)
    if found == rows.BAD_LAYOUT:
        yield "pointers of the rows do not fit their bytes"
    if found == rows.BAD_TERM:
        yield "a row names a term that does not exist"


def _directory(segment: Segment) -> Iterator[str]:
    """Check that every posting that the directory leads to is there, and of a document."""
    postings = segment.postings
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


def _rows(segment: Segment) -> Iterator[str]:
    """Invert the rows again: postings, columns, directory and rows must tell the same."""
    every = np.arange(segment.n_docs, dtype=np.int32)
    numbers = np.arange(segment.n_terms, dtype=np.int32)
    indptr, terms, codes = rows.unpack_rows(*segment.rows.arrays(), every)
    block = RowBlock(indptr, terms, codes, numbers)
    by_window = count_documents([block], segment.n_terms)
    df = by_window.sum(axis=0)
    if not np.array_equal(df, segment.df):
        yield "document frequencies differ from the rows"
        return
    if np.any(np.diff(df) > 0):
        yield "terms are not numbered by falling frequency"
        return
    levels = tf_levels(tf_weights(COUNT_OF_CODE, sublinear_tf=True))[0]
    again = invert([block], by_window, levels, segment.n_columns)
    stored = (*segment.postings.arrays(), *segment.rows.arrays())
    for name, ours, theirs in zip(again._fields, again, stored, strict=True):
        if not np.array_equal(ours, theirs):
            yield f"postings and rows disagree ({name})"


def _norms(index: Index) -> Iterator[str]:
    for segment in index.collection.segments:
        every = np.arange(segment.n_docs, dtype=np.int32)
        tf, weights = index.collection.tf, np.array(segment.idf_squared)
        if not np.array_equal(
            rows.norms(every, *segment.rows.arrays(), tf, weights), segment.norms
        ):
            yield "stored lengths differ from those of the rows"


def _keys(segment: Segment) -> Iterator[str]:
    for name in ("term_keys", "id_keys", "url_keys"):
        keys: KeyTable = getattr(segment, name)
        again = KeyTable.build(keys.column)
        if not (
            np.array_equal(again.hashes, keys.hashes) and np.array_equal(again.rows, keys.rows)
        ):
            yield f"{name} does not lead to its rows"
    if np.any(np.diff(segment.ids.offsets) == 0):
        yield "an article has no id"


def _identity(index: Index) -> Iterator[str]:
    """Check that every article stands once, and what is known of each."""
    seen: set[str] = set()
    for doc in index.docs().tolist():
        name = index.article_id(doc)
        if name in seen:
            yield "an article id stands twice"
            return
        seen.add(name)


def _documents(index: Index) -> Iterator[str]:
    for segment in index.collection.segments:
        if segment.languages.max(initial=0) >= max(1, len(index.manifest.languages)):
            yield "a document has a language that the manifest does not name"
        order = document_order(np.asarray(segment.published), segment.ids.bytes_at)
        if not np.array_equal(order, np.arange(segment.n_docs)):
            yield "documents are not in publishing order"
    for doc in range(index.n_docs):
        card: Any = index.card(doc)
        if not isinstance(card, dict):
            yield f"the card of document {doc} is no object"
            return


def _words(index: Index) -> Iterator[str]:
    """Check that each language's own words belong to a term and a language, in order."""
    for segment in index.collection.segments:
        keys = np.asarray(segment.local_keys)
        if np.any(keys[1:] <= keys[:-1]):
            yield "the languages' own words are out of order"
        terms, codes = np.divmod(keys, 256)
        if np.any(terms < 0) or np.any(terms >= segment.n_terms):
            yield "a language has its own word for a term that does not exist"
        if np.any(codes >= len(index.manifest.languages)):
            yield "a word belongs to a language that the manifest does not name"


def _neighbours(index: Index) -> Iterator[str]:
    """Check whom the tables name, and for a sample that a fresh one is what a search finds."""
    stated = index.manifest.settings.get("search")
    search = None if stated is None else SearchSettings(**stated)
    first = index.parts[0].segment if index.parts else None
    if first is None or not first.n_docs:
        return
    if search is not None and first.width != search.neighbours:
        yield f"each article has {first.width} places, expected {search.neighbours}"
        return
    wrong: set[str] = set()
    for segment in index.collection.segments:
        if segment.width:
            table = np.asarray(segment.neighbours).reshape(-1, segment.width)
            for begin in range(0, segment.n_docs, _RUN):
                wrong.update(_misnamed(segment, begin, table[begin : begin + _RUN]))
    yield from sorted(wrong)
    if not wrong and first.width and index.is_fresh:
        yield from _misjudged(index, search)


def _misnamed(segment: Segment, first: int, table: NDArray[np.int32]) -> Iterator[str]:
    """Yield what is wrong with whom some rows of a table name."""
    own, languages = np.arange(first, first + len(table))[:, None], segment.languages
    named = table >= 0
    if np.any(table < -1) or np.any(table >= segment.n_docs):
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


def _misjudged(index: Index, search: SearchSettings | None) -> Iterator[str]:
    """Compare a sample of rows, spread evenly, with their true scores and, if exact, a search."""
    segment = index.parts[0].segment
    table = np.asarray(segment.neighbours).reshape(-1, segment.width)
    sample = np.linspace(0, len(table) - 1, min(len(table), _SAMPLE)).astype(np.int32)
    for doc in sample.tolist():
        own = Choice(languages=frozenset({index.language_code(doc)}))
        row = table[doc][table[doc] >= 0]
        effort = search or DEFAULT_EFFORT
        best = index.related(doc, segment.width, choice=own, effort=effort)
        if not np.array_equal(best.docs, row):
            yield f"the neighbours of document {doc} are not best first"
            return
    if search is not None and search.for_size(len(table))[0] >= 1.0:
        found, _ = index.search_rows(sample, segment.width, effort=search)
        for doc in sample[np.any(found != table[sample], axis=1)][:1].tolist():
            yield f"the neighbours of document {doc} are not those that a search finds"


def _links(index: Index) -> Iterator[str]:
    """Check that documents are linked to others of their language, in order."""
    links = index.links
    if len(links.ptr) != len(links.docs) + 1 or links.ptr[0] != 0:
        yield "there are not as many lists as documents"
        return
    if np.any(np.diff(links.ptr) <= 0) or links.ptr[-1] != len(links.ends):
        yield "the lists do not fit"
        return
    if np.any(np.diff(links.docs) <= 0):
        yield "documents are out of order"
    docs, ends = links.pairs()
    named = np.concatenate([docs, ends])
    if len(named) and not 0 <= named.min() <= named.max() < index.n_docs:
        yield "a document is named that does not exist"
        return
    if np.any(docs == ends):
        yield "a document is linked to itself"
    if np.any(index.languages_of(docs) != index.languages_of(ends)):
        yield "a document is linked to one of another language"


_CHECKS: dict[str, Check] = {
    "counts agree": _each_segment(_shapes),
    "strings": _each_segment(_columns),
    "layout of the rows": _each_segment(_layout),
    "directory": _each_segment(_directory),
    "rows equal postings": _each_segment(_rows),
    "lengths": _norms,
    "keys": _each_segment(_keys),
    "statistics": _counts,
    "documents": _documents,
    "identity": _identity,
    "words to show": _words,
    "neighbours": _neighbours,
    "links": _links,
}
_FOUNDATIONS = ("counts agree", "strings", "layout of the rows", "directory")
