"""The one place where the engine benchmark touches our engine: texts in, answers out.

Everything else in the benchmark knows an ``Engine`` and nothing of the package beneath it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.index import rows as packed_rows
from recommender.index import scan
from recommender.index.collection import factors
from recommender.index.invert import RowBlock
from recommender.index.lengths import weighed
from recommender.index.manifest import Manifest
from recommender.index.reader import Index
from recommender.index.segment import Segment
from recommender.index.settings import SearchSettings
from recommender.index.writer import Corpus, make_segment
from recommender.text.analyzer import Analyzer
from recommender.text.counter import TermCounter, first_cuts
from recommender.text.counts import unite
from recommender.weighting import WeightSettings, encode_counts

__all__ = [
    "EFFORTS",
    "MODES",
    "Engine",
    "Rows",
    "build",
    "build_columns",
    "chunks_of",
    "count",
    "from_rows",
    "open_engine",
]

MODES: tuple[str, ...] = ("exact", "fast")
"""Search modes."""

WEIGHTS = WeightSettings()
EFFORTS = {mode: SearchSettings(mode) for mode in MODES}
_CHUNK = 8_192
_CHUNK_BYTES = 8 << 20  # of text, as a build counts them


@dataclass(frozen=True, slots=True)
class Rows:
    """Counted articles: rows of term counts and the terms' words.

    Attributes
    ----------
    indptr, terms, counts : int64, int32 (each once in a row), int32
    vocabulary : StringColumn of n_terms
    """

    indptr: NDArray[np.int64]
    terms: NDArray[np.int32]
    counts: NDArray[np.int32]
    vocabulary: StringColumn


@dataclass(frozen=True)
class Engine:
    """Our index of one corpus. Documents are numbered as the texts came."""

    index: Index

    @property
    def segment(self) -> Segment:
        """Its one segment."""
        return self.index.parts[0].segment

    @property
    def statistics(self) -> scan.Statistics:
        """What a search reads besides."""
        return self.index.parts[0].statistics

    @property
    def n_docs(self) -> int:
        """Articles."""
        return self.index.n_docs

    @property
    def nnz(self) -> int:
        """Postings, weighty or not."""
        return int(self.statistics.df.sum(dtype=np.int64))

    @property
    def n_bytes(self) -> int:
        """Bytes that searching needs: postings, rows, lengths, frequencies; no ids, no cards."""
        segment, statistics = self.segment, self.statistics
        parts = (*segment.postings.arrays(), *segment.rows.arrays(), *statistics)
        return sum(a.nbytes for a in parts if isinstance(a, np.ndarray))

    def search(self, doc: int, k: int, mode: str = "exact") -> NDArray[np.int32]:
        """Return the ``k`` nearest of a document, itself left out, best first."""
        return self.index.search(self.index.query_of(doc), k, effort=EFFORTS[mode]).docs

    def batch(
        self, docs: NDArray[np.int32], k: int, mode: str = "exact", threads: int = 1
    ) -> NDArray[np.int32]:
        """Return the ``k`` nearest of each document, (n, k), -1 where there are fewer."""
        effort = EFFORTS[mode]
        parts = np.array_split(docs, max(1, min(len(docs), threads * 8)))

        def search(part: NDArray[np.int32]) -> NDArray[np.int32]:
            return self.index.search_rows(part, k, effort=effort)[0]

        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(search, parts)))

    def postings_of(self, docs: NDArray[np.int32]) -> int:
        """Return how many postings exact searches for these documents touch, in all."""
        df = np.where(self.statistics.idf_squared > 0, self.statistics.df, 0)
        return sum(int(df[self.index.query_of(int(doc)).terms].sum()) for doc in docs)

    def bytes_of(self, docs: NDArray[np.int32]) -> int:
        """Return how many bytes of postings and columns exact searches for these documents read."""
        segment, df = self.segment, self.statistics.df
        each = np.where(np.arange(len(df)) < segment.n_columns, segment.stride, 3 * df.astype(int))
        return sum(int(each[self.index.query_of(int(doc)).terms].sum()) for doc in docs)

    def matrix(self) -> Any:
        """Return the weighted documents of unit length: scipy CSR, float32."""
        from scipy.sparse import csr_matrix

        statistics, arrays = self.statistics, self.segment.rows.arrays()
        idf = np.sqrt(statistics.idf_squared)
        lengths, indices, data = [np.zeros(1, np.int64)], [], []
        for first in range(0, self.n_docs, _CHUNK):
            stop = min(first + _CHUNK, self.n_docs)
            docs = np.arange(first, stop, dtype=np.int32)
            indptr, terms, codes = packed_rows.unpack_rows(*arrays, docs)
            rows = np.repeat(np.arange(first, stop), np.diff(indptr))
            kept = (idf[terms] > 0) & (statistics.norms[rows] > 0)
            rows, terms = rows[kept], terms[kept]
            weights = statistics.tf[codes[kept]] * idf[terms] / statistics.norms[rows]
            lengths.append(np.bincount(rows - first, minlength=stop - first))
            indices.append(terms)
            data.append(weights.astype(np.float32))
        pointers = np.cumsum(np.concatenate(lengths))
        if pointers[-1] < np.iinfo(np.int32).max:
            pointers = pointers.astype(np.int32)  # as scipy itself would choose
        parts = np.concatenate(data), np.concatenate(indices), pointers
        return csr_matrix(parts, shape=(self.n_docs, len(idf)))

    def save(self, folder: Path) -> None:
        """Write the arrays that searching maps."""
        folder.mkdir(parents=True, exist_ok=True)
        self.segment.write(folder)


def open_engine(folder: Path) -> Engine:
    """Map what ``save`` wrote."""
    return _engine(Segment.open(folder))


def count(texts: Sequence[str] | Any, lang: str) -> Rows:
    """Return the term counts of texts: a list of strings, or an Arrow column (not copied)."""
    counter = TermCounter(Analyzer(), {"text": 1})
    parts = [counter.add({"text": part}, [lang] * len(part)) for part in _chunks(texts)]
    lengths = [np.diff(part.indptr) for part in parts]
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(lengths))])
    terms = np.concatenate([part.terms for part in parts])
    return Rows(indptr, terms, np.concatenate([p.counts for p in parts]), counter.vocabulary)


def from_rows(rows: Rows) -> Engine:
    """Return the engine of counted articles."""
    numbers = np.arange(len(rows.vocabulary), dtype=np.int32)
    block = RowBlock(rows.indptr, rows.terms, encode_counts(rows.counts), numbers)
    return _from_blocks([block], rows.vocabulary)


def build(texts: Sequence[str] | Any, lang: str) -> Engine:
    """Return the searchable index of texts, in memory: what the build benchmark times.

    Words for people to read (``counts.display_forms``) are no part of searching and left out.
    """
    return build_columns(_chunks(texts), lang)


def build_columns(columns: Iterable[StringColumn], lang: str) -> Engine:
    """Do as ``build``, with texts that come column after column and are not kept."""
    return _from_blocks(*_counted(columns, lang))


def _counted(columns: Iterable[StringColumn], lang: str) -> tuple[list[RowBlock], StringColumn]:
    """Return the texts' terms, as a build counts them, and the vocabulary they are numbered in."""
    counter, blocks = TermCounter(Analyzer(), {"text": 1}), []
    for column in columns:
        counted = counter.add({"text": column}, [lang] * len(column))
        del column  # before the next is made
        codes = encode_counts(counted.counts)
        blocks.append(RowBlock(counted.indptr, counted.terms, codes, np.zeros(0, np.int32)))
    vocabulary, (numbers,) = unite([counter.vocabulary])
    return [block._replace(numbers=numbers) for block in blocks], vocabulary


def _chunks(texts: Sequence[str] | Any) -> Iterator[StringColumn]:
    """Yield the texts as columns of about _CHUNK_BYTES; strings are encoded a chunk at a time."""
    if isinstance(texts, list):
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
        for begin, stop in _runs(ends):
            yield StringColumn.from_strings(texts[begin:stop])
        return
    yield from chunks_of([StringColumn.from_arrow(texts)])


def chunks_of(columns: Iterable[StringColumn]) -> Iterator[StringColumn]:
    """Yield the rows of columns, in columns of about _CHUNK_BYTES; the first of them grow."""
    is_first = True
    for column in columns:
        for begin, stop in _runs(column.offsets[1:] - column.offsets[0], is_first=is_first):
            yield column.rows(begin, stop)
        is_first = False


def _runs(ends: NDArray[np.int64], *, is_first: bool = True) -> Iterator[tuple[int, int]]:
    """Yield where runs of about _CHUNK_BYTES begin and end, of texts that end so.

    The first run is cut as a build cuts it.
    """
    cuts = [*np.flatnonzero(np.diff(ends // _CHUNK_BYTES, prepend=-1)).tolist(), len(ends)]
    if is_first and len(ends):
        cuts[1:1] = first_cuts(np.diff(ends[: cuts[1]], prepend=0))
    return pairwise(cuts)


def _from_blocks(blocks: list[RowBlock], vocabulary: StringColumn) -> Engine:
    n, nothing = sum(len(block.indptr) - 1 for block in blocks), StringColumn.from_strings([])
    empty = StringColumn(np.zeros(0, np.uint8), np.zeros(n + 1, np.int64))
    digits = np.frombuffer("".join(f"{i:08}" for i in range(n)).encode(), np.uint8)
    corpus = Corpus(
        blocks=blocks,
        vocabulary=vocabulary,
        forms=vocabulary,
        local_terms=np.zeros(0, np.int32),
        local_languages=np.zeros(0, np.uint8),
        local_forms=nothing,
        ids=StringColumn(digits, np.arange(0, 8 * n + 1, 8, dtype=np.int64)),
        urls=empty,
        cards=empty,
        languages=np.zeros(n, np.uint8),
        published=np.arange(n, dtype=np.int64),
        digests=np.zeros(n, np.uint64),
        spend_blocks=True,
    )
    segment = make_segment(corpus, WEIGHTS)
    return _engine(weighed(segment, *factors(WEIGHTS, segment.df, segment.n_docs)))


def _engine(segment: Segment) -> Engine:
    manifest = Manifest(
        1, "2026-01-01T00:00:00+00:00", "0", "none", {}, ("en",), {}, {}, ("seg",), {"seg": {}}, {}
    )
    numbers, gone = np.arange(segment.n_terms, dtype=np.int32), np.zeros(0, np.int32)
    return Engine(
        Index.assemble(manifest, [segment], WEIGHTS, numbers=[numbers], df=segment.df, gone=gone)
    )
