"""A corpus made ready once, in a folder: texts, counts, our index, the vectors, the truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _ours, statistics
from benchmarks.corpora import Texts
from recommender._strings import StringColumn
from recommender.index.manifest import FORMAT

__all__ = ["K", "Prepared", "is_prepared", "prepare", "recall"]

K = 10
_SLACK = 1e-6
_BATCH = 16
_BLOCK = 65_536


@dataclass(frozen=True)
class Prepared:
    """A prepared corpus; every array is read when it is asked for.

    Attributes
    ----------
    folder : Path
    about : name, format (of the index), lang, articles, non_zeros, text_bytes, queries, postings,
        statistics
    """

    folder: Path
    about: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Prepared:
        """Read what ``prepare`` wrote."""
        return cls(folder, json.loads((folder / "about.json").read_text(encoding="utf-8")))

    @property
    def engine_folder(self) -> Path:
        """Where our index is."""
        return self.folder / "engine"

    @cached_property
    def matrix(self) -> Any:
        """The weighted unit vectors, scipy CSR, float32, in memory."""
        from scipy.sparse import csr_matrix

        data, indices, indptr, shape = (
            self._array(name) for name in ("data", "indices", "indptr", "shape")
        )
        return csr_matrix((data, indices, indptr), shape=tuple(int(n) for n in shape))

    @cached_property
    def rows(self) -> _ours.Rows:
        """The term counts."""
        parts = [self._array(f"rows.{name}") for name in ("indptr", "terms", "counts")]
        words = StringColumn(self._array("words.data"), self._array("words.offsets"))
        return _ours.Rows(parts[0], parts[1], parts[2], words)

    @cached_property
    def queries(self) -> NDArray[np.int32]:
        """The documents that are asked for."""
        queries: NDArray[np.int32] = self._array("queries")
        return queries

    @cached_property
    def tenth(self) -> NDArray[np.float64]:
        """The 10th-best exact cosine of each query; 0 where there are fewer neighbours."""
        tenth: NDArray[np.float64] = self._array("tenth")
        return tenth

    @cached_property
    def found(self) -> NDArray[np.int64]:
        """How many neighbours each query has, at most ten."""
        found: NDArray[np.int64] = self._array("found")
        return found

    def texts(self, limit: int | None = None) -> Any:
        """Return the texts as an Arrow column, the first ``limit``."""
        import pyarrow as pa

        with pa.OSFile(str(self.folder / "texts.arrow")) as file:
            column = pa.ipc.open_file(file).read_all()["text"]
        column = column.slice(0, limit)
        return pa.concat_arrays(column.chunks)

    @property
    def has_texts(self) -> bool:
        """Whether there are texts, or only counts."""
        return (self.folder / "texts.arrow").is_file()

    def _array(self, name: str) -> Any:
        return np.load(self.folder / f"{name}.npy")


def is_prepared(folder: Path) -> bool:
    """Tell whether a corpus is ready in a folder, with an index of today's format."""
    about = folder / "about.json"
    return about.is_file() and Prepared.open(folder).about.get("format") == FORMAT


def prepare(
    folder: Path, name: str, lang: str, source: Texts | StringColumn | _ours.Rows, n_queries: int
) -> Prepared:
    """Write everything that the contestants need into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    text_bytes = 0
    if isinstance(source, _ours.Rows):
        rows = source
    else:
        column = _arrow(source)
        text_bytes = _write_texts(folder, column)
        rows = _ours.count(column, lang)
    for part in ("indptr", "terms", "counts"):
        np.save(folder / f"rows.{part}.npy", getattr(rows, part))
    np.save(folder / "words.data.npy", rows.vocabulary.data)
    np.save(folder / "words.offsets.npy", rows.vocabulary.offsets)
    engine = _ours.from_rows(rows)
    engine.save(folder / "engine")
    matrix = engine.matrix()
    queries = _queries(matrix, n_queries)
    tenth, found = exact(matrix, queries)
    arrays = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
    arrays |= {"shape": np.array(matrix.shape), "queries": queries, "tenth": tenth, "found": found}
    for key, array in arrays.items():
        np.save(folder / f"{key}.npy", array)
    about = {
        "name": name,
        "format": FORMAT,
        "lang": lang,
        "articles": engine.n_docs,
        "non_zeros": engine.nnz,
        "engine_bytes": engine.n_bytes,
        "text_bytes": text_bytes,
        "queries": len(queries),
        "postings": engine.postings_of(queries),
        "statistics": statistics.of_matrix(matrix),
    }
    (folder / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    return Prepared.open(folder)


def _arrow(source: Texts | StringColumn) -> Any:
    import pyarrow as pa

    if isinstance(source, Texts):
        return pa.array(source.texts, pa.large_string())
    buffers = [None, pa.py_buffer(source.offsets), pa.py_buffer(source.data)]
    return pa.Array.from_buffers(pa.large_string(), len(source), buffers)


def _write_texts(folder: Path, column: Any) -> int:
    import pyarrow as pa

    table = pa.table({"text": column})
    with (
        pa.OSFile(str(folder / "texts.arrow"), "wb") as out,
        pa.ipc.new_file(out, table.schema) as writer,
    ):
        writer.write_table(table)
    return int(column.nbytes)


def _queries(matrix: Any, n: int) -> NDArray[np.int32]:
    """Return random documents that have terms, in ascending order."""
    full = np.flatnonzero(np.diff(matrix.indptr) > 0)
    rng = np.random.default_rng(11)
    return np.sort(rng.choice(full, min(n, len(full)), replace=False)).astype(np.int32)


def exact(matrix: Any, queries: NDArray[np.int32]) -> tuple[Any, Any]:
    """Return each query's 10th-best cosine and number of neighbours (at most 10), in float64.

    Documents are looked at in blocks: a million of them, twice in float64, would not fit.
    """
    asked = matrix[queries].astype(np.float64)
    best = [np.zeros(0) for _ in queries]
    for first in range(0, matrix.shape[0], _BLOCK):
        transposed = matrix[first : first + _BLOCK].astype(np.float64).T.tocsr()
        for at in range(0, len(queries), _BATCH):
            product = (asked[at : at + _BATCH] @ transposed).tocsr()
            for i in range(product.shape[0]):
                span = slice(product.indptr[i], product.indptr[i + 1])
                others = product.indices[span] != queries[at + i] - first
                scores = np.concatenate([best[at + i], product.data[span][others]])
                best[at + i] = np.partition(scores, -K)[-K:] if len(scores) > K else scores
    tenth = [scores.min() if len(scores) == K else 0.0 for scores in best]
    return np.array(tenth, np.float64), np.array([len(scores) for scores in best], np.int64)


def recall(prepared: Prepared, answers: list[NDArray[Any]], n: int | None = None) -> float:
    """Return the share of the exact top-10 that is in the answers.

    An answer counts when its float64 cosine is the 10th-best or better, less 1e-6; so equal scores
    may stand in any order.
    """
    matrix, shares = prepared.matrix, []
    for i, query in enumerate(prepared.queries[:n]):
        docs = np.unique([d for d in answers[i] if d >= 0 and d != query])
        wanted = prepared.found[i]
        if not wanted:
            continue
        row = matrix[query].astype(np.float64)
        scores = (matrix[docs].astype(np.float64) @ row.T).toarray() if len(docs) else np.zeros(0)
        good = int(((scores > 0) & (scores >= prepared.tenth[i] - _SLACK)).sum())
        shares.append(min(good, wanted) / wanted)
    return float(np.mean(shares)) if shares else 1.0
