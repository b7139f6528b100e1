"""The one place where the engine benchmark touches our engine: texts in, answers out.

Everything else in the benchmark knows an ``Engine`` and nothing of the package beneath it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._files import map_array, write_array
from recommender._strings import StringColumn
from recommender.index import kernels
from recommender.index.manifest import Manifest
from recommender.index.reader import Index, Statistics, factors
from recommender.index.segment import Segment
from recommender.index.writer import Corpus, make_segment
from recommender.text.analyzer import Analyzer
from recommender.text.counts import merge_counts
from recommender.weighting import WeightSettings

__all__ = [
    "BYTES_A_POSTING",
    "MODES",
    "Engine",
    "Rows",
    "build",
    "count",
    "from_rows",
    "open_engine",
]

MODES: tuple[str, ...] = ("exact",)
"""Search modes that exist; "fast" joins when the engine has it."""

BYTES_A_POSTING = 3
"""Bytes that an exact search reads for a posting: 2 of the document's number, 1 of the count."""

WEIGHTS = WeightSettings()
_CHUNK = 8_192


@dataclass(frozen=True, slots=True)
class Rows:
    """Counted articles: rows of term counts and the terms' words.

    Attributes
    ----------
    indptr, terms, counts : int64, int32 (ascending in a row), int32
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
    def n_docs(self) -> int:
        """Articles."""
        return self.index.n_docs

    @property
    def nnz(self) -> int:
        """Postings, weighty or not."""
        return len(self.index.segment.postings.docs)

    @property
    def n_bytes(self) -> int:
        """Bytes that searching needs: postings, rows, lengths, frequencies; no ids, no cards."""
        segment, statistics = self.index.segment, self.index.statistics
        parts = (*segment.postings.arrays(), *segment.rows.arrays(), *statistics.arrays())
        return sum(a.nbytes for a in (*parts, self.index.df))

    def search(self, doc: int, k: int, mode: str = "exact") -> NDArray[np.int32]:
        """Return the ``k`` nearest of a document, itself left out, best first."""
        _check_mode(mode)
        return self.index.search(self.index.query_of(doc), k).docs

    def batch(
        self, docs: NDArray[np.int32], k: int, mode: str = "exact", threads: int = 1
    ) -> NDArray[np.int32]:
        """Return the ``k`` nearest of each document, (n, k), -1 where there are fewer."""
        _check_mode(mode)
        parts = np.array_split(docs, max(1, min(len(docs), threads * 8)))
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(lambda part: self.index.search_rows(part, k)[0], parts))
        return np.concatenate(found)

    def postings_of(self, docs: NDArray[np.int32]) -> int:
        """Return how many postings exact searches for these documents touch, in all."""
        df = np.where(self.index.statistics.idf_squared > 0, self.index.df, 0)
        return sum(int(df[self.index.query_of(int(doc)).terms].sum()) for doc in docs)

    def matrix(self) -> Any:
        """Return the weighted documents of unit length: scipy CSR, float32."""
        from scipy.sparse import csr_matrix

        statistics, arrays = self.index.statistics, self.index.segment.rows.arrays()
        idf = np.sqrt(statistics.idf_squared)
        lengths, indices, data = [np.zeros(1, np.int64)], [], []
        for first in range(0, self.n_docs, _CHUNK):
            stop = min(first + _CHUNK, self.n_docs)
            indptr, terms, codes = kernels.unpack_rows(*arrays, first, stop)
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
        self.index.segment.write(folder)
        write_array(folder / "df.npy", self.index.df)


def open_engine(folder: Path) -> Engine:
    """Map what ``save`` wrote."""
    return _engine(Segment.open(folder), map_array(folder / "df.npy", np.int32))


def count(texts: Sequence[str] | Any, lang: str) -> Rows:
    """Return the term counts of texts: a list of strings, or an Arrow column (not copied)."""
    column = (
        StringColumn.from_strings(texts)
        if isinstance(texts, list)
        else StringColumn.from_arrow(texts)
    )
    analyzer, n = Analyzer(), len(column)
    parts = [
        analyzer.count(
            {"text": column.rows(at, min(at + _CHUNK, n))},
            [lang] * (min(at + _CHUNK, n) - at),
            weights={"text": 1},
        )
        for at in range(0, n, _CHUNK)
    ]
    merged = merge_counts(parts)
    return Rows(merged.indptr, merged.terms, merged.counts, merged.vocabulary)


def from_rows(rows: Rows) -> Engine:
    """Return the engine of counted articles."""
    n, nothing = len(rows.indptr) - 1, StringColumn.from_strings([])
    empty = StringColumn(np.zeros(0, np.uint8), np.zeros(n + 1, np.int64))
    digits = np.frombuffer("".join(f"{i:08}" for i in range(n)).encode(), np.uint8)
    corpus = Corpus(
        indptr=rows.indptr,
        terms=rows.terms,
        counts=rows.counts,
        vocabulary=rows.vocabulary,
        forms=rows.vocabulary,
        local_terms=np.zeros(0, np.int32),
        local_languages=np.zeros(0, np.uint8),
        local_forms=nothing,
        ids=StringColumn(digits, np.arange(0, 8 * n + 1, 8, dtype=np.int64)),
        urls=empty,
        cards=empty,
        languages=np.zeros(n, np.uint8),
        published=np.arange(n, dtype=np.int64),
    )
    return _engine(*make_segment(corpus))


def build(texts: Sequence[str] | Any, lang: str) -> Engine:
    """Return the searchable index of texts, in memory: what the build benchmark times."""
    return from_rows(count(texts, lang))


def _engine(segment: Segment, df: NDArray[np.int32]) -> Engine:
    norms = kernels.norms(*segment.rows.arrays(), *factors(WEIGHTS, df, segment.n_docs))
    manifest = Manifest(1, "2026-01-01T00:00:00+00:00", "0", "none", {}, ("en",), {}, {}, {}, {})
    return Engine(Index(manifest, segment, Statistics.of(WEIGHTS, df, norms), df))


def _check_mode(mode: str) -> None:
    if mode not in MODES:
        raise NotImplementedError(f"mode {mode!r}: this engine has {', '.join(MODES)}")
