"""Search libraries as contestants: bm25s, gensim, tantivy, Seismic. Imports are inside."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _ours
from benchmarks._contestant import Answers, Contestant, csr_bytes
from benchmarks._prepared import K, Prepared

__all__ = ["bm25s", "gensim_matrix", "gensim_shards", "seismic", "tantivy", "tantivy_index"]


def bm25s(prepared: Prepared) -> Contestant:
    """BM25 of the same terms and counts, numba backend."""
    from bm25s import BM25

    rows = prepared.rows
    model = BM25(backend="numba")
    words = {word: i for i, word in enumerate(rows.vocabulary)}
    documents = [_repeated(rows, doc).tolist() for doc in range(len(rows.indptr) - 1)]
    model.index((documents, words), show_progress=False)

    def ask(docs: NDArray[np.int32], threads: int) -> Answers:
        queries = [documents[doc] for doc in docs]
        k = min(K + 1, len(documents))
        return list(
            model.retrieve(
                (queries, words), k=k, n_threads=threads, show_progress=False, return_as="documents"
            )
        )

    n_bytes = sum(int(model.scores[part].nbytes) for part in ("data", "indices", "indptr"))
    return Contestant(ask, "retrieve of all documents at once; BM25, no cosine", n_bytes)


def _repeated(rows: _ours.Rows, doc: int) -> NDArray[np.int32]:
    span = slice(rows.indptr[doc], rows.indptr[doc + 1])
    return np.repeat(rows.terms[span], rows.counts[span])


def gensim_matrix(prepared: Prepared) -> Contestant:
    """One matrix in memory."""
    from gensim.matutils import Sparse2Corpus
    from gensim.similarities import SparseMatrixSimilarity

    matrix = prepared.matrix
    corpus = Sparse2Corpus(matrix.T.tocsc())
    index = SparseMatrixSimilarity(corpus, num_features=matrix.shape[1], num_best=K + 1)
    return Contestant(_gensim_ask(index, matrix), "index[bag of words]", csr_bytes(index.index))


def gensim_shards(prepared: Prepared) -> Contestant:
    """Shards on disk, mapped."""
    from gensim.matutils import Sparse2Corpus
    from gensim.similarities import Similarity

    matrix = prepared.matrix
    home = tempfile.TemporaryDirectory()
    prefix = str(Path(home.name) / "shard")
    corpus = Sparse2Corpus(matrix.T.tocsc())
    index = Similarity(prefix, corpus, num_features=matrix.shape[1], num_best=K + 1)
    index.close_shard()
    n_bytes = sum(p.stat().st_size for p in Path(home.name).iterdir())
    return Contestant(_gensim_ask(index, matrix), "index[bag of words]", n_bytes, (home,))


def _gensim_ask(index: Any, matrix: Any) -> Callable[[NDArray[np.int32], int], Answers]:
    def ask(docs: NDArray[np.int32], threads: int) -> Answers:
        found: Answers = []
        for doc in docs:
            span = slice(matrix.indptr[doc], matrix.indptr[doc + 1])
            query = list(
                zip(matrix.indices[span].tolist(), matrix.data[span].tolist(), strict=True)
            )
            found.append(np.array([number for number, _ in index[query]], np.int64))
        return found

    return ask


def tantivy(n_terms: int) -> Callable[[Prepared], Contestant]:
    """Return the set-up of more_like_this with at most ``n_terms`` terms, BM25."""

    def set_up(prepared: Prepared) -> Contestant:
        folder = prepared.folder / "tantivy"
        index = _kept_tantivy_index(prepared, folder)
        searcher = index.searcher()
        addresses = {int(d): _address(searcher, index.schema, int(d)) for d in prepared.queries}

        def ask(docs: NDArray[np.int32], threads: int) -> Answers:
            return [_similar(searcher, addresses[int(doc)], n_terms) for doc in docs]

        n_bytes = sum(p.stat().st_size for p in folder.iterdir())
        return Contestant(ask, "more_like_this_query, search", n_bytes)

    return set_up


def _kept_tantivy_index(prepared: Prepared, folder: Path) -> Any:
    """Return the index of a prepared corpus, built where no earlier process did."""
    import tantivy

    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=prepared.folder) as home:
            built = Path(home) / "index"
            built.mkdir()
            tantivy_index(_term_texts(prepared.rows), str(built), tokenizer="whitespace")
            built.rename(folder)
    return tantivy.Index.open(str(folder))


def tantivy_index(texts: Any, folder: str, *, tokenizer: str = "default") -> Any:
    """Index texts as tantivy does it with one thread; more_like_this needs them stored."""
    import tantivy

    schema = tantivy.SchemaBuilder()
    schema.add_unsigned_field("n", indexed=True, fast=True)
    schema.add_text_field("text", stored=True, tokenizer_name=tokenizer, index_option="freq")
    index = tantivy.Index(schema.build(), path=folder)
    writer = index.writer(heap_size=500_000_000, num_threads=1)
    for n, text in enumerate(texts):
        document = tantivy.Document(text=text)
        document.add_unsigned("n", n)
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


def _address(searcher: Any, schema: Any, doc: int) -> Any:
    import tantivy

    return searcher.search(tantivy.Query.term_query(schema, "n", doc), 1).hits[0][1]


def _similar(searcher: Any, address: Any, n_terms: int) -> NDArray[Any]:
    import tantivy

    query = tantivy.Query.more_like_this_query(
        address, min_doc_frequency=1, min_term_frequency=1, max_query_terms=n_terms
    )
    hits = searcher.search(query, K + 1, count=False).hits
    return np.array(searcher.fast_field_values("n", [place for _, place in hits]), np.int64)


def _term_texts(rows: _ours.Rows) -> Iterator[str]:
    words = list(rows.vocabulary)
    for doc in range(len(rows.indptr) - 1):
        yield " ".join(words[term] for term in _repeated(rows, doc).tolist())


def seismic(query_cut: int) -> Callable[[Prepared], Contestant]:
    """Return the set-up of an approximate search by a query's ``query_cut`` heaviest terms."""

    def set_up(prepared: Prepared) -> Contestant:
        matrix = prepared.matrix
        index, n_bytes = _seismic_index(prepared)

        def ask(docs: NDArray[np.int32], threads: int) -> Answers:
            found: Answers = []
            for doc in docs:
                span = slice(matrix.indptr[doc], matrix.indptr[doc + 1])
                hits = index.search(
                    matrix.indices[span], matrix.data[span], K + 1, query_cut, 0.9, 0, True
                )
                found.append(np.array([number for _, number in hits], np.int64))
            return found

        return Contestant(ask, f"search, query_cut={query_cut}, heap_factor=0.9", n_bytes)

    return set_up


def _seismic_index(prepared: Prepared) -> tuple[Any, int]:
    """Build the index with the library's defaults, or load what an earlier process built."""
    from seismic import SeismicIndexRawLV

    path = prepared.folder / "seismic"
    saved = [p for p in prepared.folder.iterdir() if p.name.startswith("seismic")]
    if not saved:
        with tempfile.TemporaryDirectory() as home:
            documents = str(Path(home) / "documents.bin")
            _write_seismic(prepared.matrix, documents)
            SeismicIndexRawLV.build(documents).save(str(path))
        saved = [p for p in prepared.folder.iterdir() if p.name.startswith("seismic")]
    return SeismicIndexRawLV.load(str(saved[0])), saved[0].stat().st_size


def _write_seismic(matrix: Any, path: str) -> None:
    """Write vectors as Seismic reads them: their number; of each length, components, values."""
    with Path(path).open("wb") as out:
        out.write(np.uint32(matrix.shape[0]).tobytes())
        for doc in range(matrix.shape[0]):
            span = slice(matrix.indptr[doc], matrix.indptr[doc + 1])
            out.write(np.uint32(span.stop - span.start).tobytes())
            out.write(matrix.indices[span].astype(np.uint32).tobytes())
            out.write(matrix.data[span].astype(np.float32).tobytes())
