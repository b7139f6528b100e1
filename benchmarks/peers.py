"""What answers the question, each behind one function; the import is inside.

A contestant is set up, then asked for the ten nearest of documents. All search the vectors of our
own index (``Prepared.matrix``), except BM25 and tantivy, which weigh the same terms and counts
their own way: their recall says how far their lists are from the exact cosine's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _ours
from benchmarks import _peer_libraries as libraries
from benchmarks._contestant import Answers, Contestant, csr_bytes
from benchmarks._prepared import K, Prepared

__all__ = ["PEERS", "Peer"]


@dataclass(frozen=True, slots=True)
class Peer:
    """How a contestant takes part.

    Attributes
    ----------
    set_up : a prepared corpus to the contestant
    kind : "single", a call a document; "batch", one call for all
    most_articles : larger corpora are left out, since it would take too long
    most_queries : how many documents it is asked for
    threads : whether it can use several
    """

    set_up: Callable[[Prepared], Contestant]
    kind: str
    most_articles: int
    most_queries: int
    threads: bool = False


def _ours_in(mode: str, batch: bool) -> Callable[[Prepared], Contestant]:
    def set_up(prepared: Prepared) -> Contestant:
        engine = _ours.open_engine(prepared.engine_folder)

        def ask(docs: NDArray[np.int32], threads: int) -> Answers:
            if batch:
                return list(engine.batch(docs, K, mode, threads))
            return [engine.search(int(doc), K, mode) for doc in docs]

        inside = "one call for all" if batch else "a call a document, from its number"
        return Contestant(ask, inside, engine.n_bytes)

    return set_up


def _scipy_single(prepared: Prepared) -> Contestant:
    matrix = prepared.matrix

    def ask(docs: NDArray[np.int32], threads: int) -> Answers:
        return [_best((matrix @ matrix[doc].T).toarray().ravel()) for doc in docs]

    return Contestant(ask, "X @ q.T, argpartition", csr_bytes(matrix))


def _best(scores: NDArray[Any]) -> NDArray[Any]:
    if len(scores) <= K + 1:
        return np.arange(len(scores))
    return np.argpartition(-scores, K + 1)[: K + 1]


def _scipy_batch(prepared: Prepared) -> Contestant:
    matrix = prepared.matrix
    transposed = matrix.T.tocsr()

    def ask(docs: NDArray[np.int32], threads: int) -> Answers:
        found: Answers = []
        for at in range(0, len(docs), 64):
            product = (matrix[docs[at : at + 64]] @ transposed).tocsr()
            for i in range(product.shape[0]):
                span = slice(product.indptr[i], product.indptr[i + 1])
                found.append(product.indices[span][_best(product.data[span])])
        return found

    return Contestant(ask, "Q @ X.T in batches of 64, argpartition", 2 * csr_bytes(matrix))


def _sparse_dot_topn(prepared: Prepared) -> Contestant:
    from sparse_dot_topn import sp_matmul_topn

    matrix = prepared.matrix
    transposed = matrix.T.tocsr()

    def ask(docs: NDArray[np.int32], threads: int) -> Answers:
        found = sp_matmul_topn(matrix[docs], transposed, K + 1, sort=True, n_threads=threads)
        return np.split(found.indices, found.indptr[1:-1])

    return Contestant(ask, "sp_matmul_topn of all rows at once", 2 * csr_bytes(matrix))


def _nearest_neighbors(prepared: Prepared) -> Contestant:
    from sklearn.neighbors import NearestNeighbors

    matrix = prepared.matrix
    model = NearestNeighbors(
        n_neighbors=min(K + 1, matrix.shape[0]), algorithm="brute", metric="cosine"
    )
    model.fit(matrix)

    def ask(docs: NDArray[np.int32], threads: int) -> Answers:
        model.n_jobs = threads
        return list(model.kneighbors(matrix[docs], return_distance=False))

    return Contestant(ask, "kneighbors of all rows at once", csr_bytes(matrix))


ALL_TERMS = 100_000
ANY = 1 << 40

PEERS = {
    **{f"ours, {mode}": Peer(_ours_in(mode, False), "single", ANY, 200) for mode in _ours.MODES},
    **{
        f"ours, {mode}, batch": Peer(_ours_in(mode, True), "batch", ANY, 200, True)
        for mode in _ours.MODES
    },
    "scipy, a product a query": Peer(_scipy_single, "single", 150_000, 10),
    "scipy, batch": Peer(_scipy_batch, "batch", ANY, 100),
    "sparse_dot_topn, batch": Peer(_sparse_dot_topn, "batch", ANY, 200, True),
    "NearestNeighbors brute, batch": Peer(_nearest_neighbors, "batch", 150_000, 100),
    "bm25s numba, batch": Peer(libraries.bm25s, "batch", 150_000, 100),
    "gensim SparseMatrixSimilarity": Peer(libraries.gensim_matrix, "single", 50_000, 20),
    "gensim Similarity": Peer(libraries.gensim_shards, "single", 50_000, 20),
    "tantivy more_like_this, 25 terms": Peer(libraries.tantivy(25), "single", ANY, 200),
    "tantivy more_like_this, all terms": Peer(libraries.tantivy(ALL_TERMS), "single", ANY, 20),
    "seismic, query_cut 10": Peer(libraries.seismic(10), "single", 12_000, 200),
    "seismic, query_cut 40": Peer(libraries.seismic(40), "single", 12_000, 200),
}
"""Every contestant of the searches, by name."""
