"""What the engine benchmark runs in processes of their own: one task in, one row out.

Called as ``python -m benchmarks._tasks TASK.json ROW.json``.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _measure, _ours, corpora
from benchmarks._adding import make_index, one_by_one
from benchmarks._bank import make_bank
from benchmarks._peer_libraries import tantivy_index
from benchmarks._prepared import K, Prepared, prepare, recall
from benchmarks.generator import Generator
from benchmarks.peers import PEERS
from recommender._strings import StringColumn, concatenate

__all__ = ["BUILDERS", "TASKS"]

Row = dict[str, Any]
BUDGET_SECONDS = 60.0


def run_search(task: Row) -> Row:
    """Ask a contestant for the neighbours of the prepared documents."""
    prepared = Prepared.open(Path(task["folder"]))
    peer, threads = PEERS[task["contestant"]], int(task["threads"])
    docs = _documents(prepared, peer.most_queries, task)
    start = time.perf_counter()
    contestant = peer.set_up(prepared)
    row: Row = {"set_up_seconds": time.perf_counter() - start}
    contestant.ask(docs[:2], threads)  # compiles, loads
    started = time.process_time()
    taken, answers = _repeat(lambda: contestant.ask(docs, threads), int(task["repeats"]), threads)
    processor = time.process_time() - started
    checked = min(len(docs), len(prepared.queries))
    row |= {
        "seconds": _measure.spread(taken),
        "repeats": len(taken),
        "n": len(docs),
        "each": _measure.spread(taken)["median"] / len(docs),
        "inside": contestant.inside,
        "index_bytes": contestant.n_bytes,
        "peak_bytes": _measure.memory()["peak"],
        "recall": recall(prepared, answers, checked),
    }
    if threads == 1:
        row["ours_beside"] = _ours_beside(prepared)
    else:
        row["processor_each"] = processor / len(taken) / len(docs)
    if task["contestant"].startswith("ours, exact"):
        row |= _per_posting(prepared, docs, row["each"])
    return row


def _ours_beside(prepared: Prepared) -> float:
    """Return the seconds of our exact single query here and now: other work slows both alike."""
    engine, docs = _ours.open_engine(prepared.engine_folder), prepared.queries[:50]
    engine.search(int(docs[0]), K)
    taken, _ = _measure.seconds(lambda: [engine.search(int(doc), K) for doc in docs], 3)
    return _measure.spread(taken)["median"] / len(docs)


def _documents(prepared: Prepared, most: int, task: Row) -> NDArray[np.int32]:
    """Return the documents to ask for; of all pairs a larger sample, the queries first."""
    queries = prepared.queries
    if task["group"] != "all pairs":
        return queries[: min(most, int(task["most"]))]
    most = max(int(task["most"]), len(queries))
    others = np.setdiff1d(np.arange(prepared.about["articles"], dtype=np.int32), queries)
    rng = np.random.default_rng(5)
    more = rng.choice(others, min(len(others), most - len(queries)), replace=False)
    return np.concatenate([queries, np.sort(more).astype(np.int32)])


def _per_posting(prepared: Prepared, docs: NDArray[np.int32], each: float) -> Row:
    """Return nanoseconds a posting and the bytes a second that they come to."""
    engine = _ours.open_engine(prepared.engine_folder)
    touched = engine.postings_of(docs) / len(docs)
    if not touched:
        return {}
    posting = each / touched
    rate = engine.bytes_of(docs) / len(docs) / each
    return {"ns_per_posting": posting * 1e9, "bytes_a_second": rate, "postings": touched}


def _repeat(work: Callable[[], Any], repeats: int, threads: int) -> tuple[list[float], Any]:
    """Run at least once, at most ``repeats`` times, and no more after a minute."""
    begun, result = time.perf_counter(), None
    taken: list[float] = []
    while len(taken) < repeats and (not taken or time.perf_counter() - begun < BUDGET_SECONDS):
        result = None
        once, result = _measure.seconds(work, 1, threads=threads)
        taken += once
    return taken, result


def _timed(taken: list[float], n: int, inside: str) -> Row:
    """Return what every row of a build tells of its time, for ``n`` articles."""
    seconds = _measure.spread(taken)
    each = seconds["median"] / n
    return {"seconds": seconds, "repeats": len(taken), "n": n, "each": each, "inside": inside}


# --- builds --------------------------------------------------------------------------------------


def _tfidf(texts: list[str], lang: str) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer().fit_transform(texts)


def _tantivy(texts: list[str], lang: str) -> Any:
    with tempfile.TemporaryDirectory() as home:
        return tantivy_index(texts, home)


def _bm25s(texts: list[str], lang: str) -> Any:
    import bm25s

    model = bm25s.BM25(backend="numba")
    model.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    return model


BUILDERS: dict[str, tuple[Callable[[Any, str], Any], str]] = {
    "ours": (_ours.build, "list of str to searchable index in memory"),
    "ours, from Arrow": (_ours.build, "Arrow column to searchable index in memory"),
    "TfidfVectorizer": (_tfidf, "fit_transform alone, defaults"),
    "tantivy": (_tantivy, "add_document, commit, merges; one writer thread, texts stored, freqs"),
    "bm25s": (_bm25s, "tokenize (stop words, no stems) and index, numba"),
}
"""What turns texts into an index, by name, and what its timing holds."""


def run_build(task: Row) -> Row:
    """Time one way from texts to an index."""
    prepared = Prepared.open(Path(task["folder"]))
    build, inside = BUILDERS[task["contestant"]]
    column = prepared.texts(task.get("limit"))
    texts = column if task["contestant"].endswith("Arrow") else column.to_pylist()
    lang = prepared.about["lang"]
    build(texts[:200], lang)  # compiles, loads
    before = _measure.memory()["now"]
    _measure.forget_peak()
    taken, built = _repeat(lambda: build(texts, lang), int(task["repeats"]), 1)
    return _timed(taken, len(texts), inside) | {
        "megabytes_a_second": column.nbytes / 1e6 / _measure.spread(taken)["median"],
        "peak_bytes": _measure.memory()["peak"] - before,
        "non_zeros": built.nnz if hasattr(built, "nnz") else None,
    }


def run_counts(task: Row) -> Row:
    """Time the way from term counts to our index: for corpora that have no texts."""
    rows = Prepared.open(Path(task["folder"])).rows
    few = rows.indptr[:101]
    span = slice(0, int(few[-1]))
    _ours.from_rows(_ours.Rows(few, rows.terms[span], rows.counts[span], rows.vocabulary))
    before = _measure.memory()["now"]
    _measure.forget_peak()
    taken, built = _repeat(lambda: _ours.from_rows(rows), int(task["repeats"]), 1)
    return _timed(taken, built.n_docs, "term counts to searchable index in memory") | {
        "peak_bytes": _measure.memory()["peak"] - before,
        "non_zeros": built.nnz,
    }


def run_streamed(task: Row) -> Row:
    """Time the way from texts to our index, of texts that are generated as they are counted."""
    bank = make_bank(corpora.load(task["source"]), seed=task["seed"])
    generator = Generator(bank, int(task["articles"]), seed=task["seed"])
    few = next(generator.shards(200)).texts
    _ours.build_columns([few], bank.lang)  # compiles, loads
    generating: list[float] = []

    def build() -> _ours.Engine:
        generating.append(0.0)
        shards = _clocked((shard.texts for shard in generator.shards()), generating)
        return _ours.build_columns(_ours.chunks_of(shards), bank.lang)

    taken, built = _repeat(build, int(task["repeats"]), 1)
    taken = [whole - apart for whole, apart in zip(taken, generating, strict=True)]
    inside = "texts to searchable index in memory; generating them is left out"
    return _timed(taken, built.n_docs, inside) | {"non_zeros": built.nnz}


def _clocked(columns: Iterator[StringColumn], seconds: list[float]) -> Iterator[StringColumn]:
    """Yield columns; add the processor time that making them takes to the last of ``seconds``."""
    while True:
        start = time.process_time()
        column = next(columns, None)
        seconds[-1] += time.process_time() - start
        if column is None:
            return
        yield column


def run_serving(task: Row) -> Row:
    """Return what a process that answers holds above the files that it maps."""
    prepared = Prepared.open(Path(task["folder"]))
    queries = prepared.queries
    with tempfile.TemporaryDirectory() as home:  # loops are compiled anew for arrays of files
        _ours.build(["one two three", "two three four"] * 5, "en").save(Path(home))
        few = _ours.open_engine(Path(home))
        few.search(0, K)
    started = time.perf_counter()
    before = _measure.memory()["anonymous"]
    engine = _ours.open_engine(prepared.engine_folder)
    for doc in queries:
        engine.search(int(doc), K)
    return {
        "seconds": _measure.spread([time.perf_counter() - started]),
        "repeats": 1,
        "n": len(queries),
        "inside": "memory of no file after the queries, less before opening, compiled code apart",
        "peak_bytes": _measure.memory()["anonymous"] - before,
        "index_bytes": engine.n_bytes,
        "non_zeros": engine.nnz,
    }


def run_adding(task: Row) -> Row:
    """Time one article more until an exact search finds it, in an index beside the corpus."""
    prepared = Prepared.open(Path(task["folder"]))
    with tempfile.TemporaryDirectory(dir=prepared.folder) as home:
        make_index(prepared, Path(home))
        taken, processor = one_by_one(prepared, Path(home), 2 * int(task["repeats"]))
    inside = "one article handed over, committed, opened by a reader and found"
    return _timed(taken, 1, inside) | {"processor_each": processor / len(taken)}


# --- the rest ------------------------------------------------------------------------------------


def run_prepare(task: Row) -> Row:
    """Make a corpus ready; generated ones share one bank, so all sizes are one task."""
    home, taken = Path(task["home"]), {}
    bank = None
    for name, size in task["corpora"]:
        start = time.perf_counter()
        folder = home / name.replace(" ", "-")
        if size is None:
            texts = corpora.load(name, task.get("limit"))
            prepare(folder, name, texts.lang, texts, task["queries"])
        else:
            bank = bank or make_bank(corpora.load(task["source"]), seed=task["seed"])
            generator = Generator(bank, size, seed=task["seed"])
            source = (
                concatenate([shard.texts for shard in generator.shards()])
                if size <= task["texts_up_to"]
                else generator.rows()
            )
            prepare(folder, name, bank.lang, source, task["queries"])
        taken[name] = time.perf_counter() - start
    return {"seconds": taken}


def run_bandwidth(task: Row) -> Row:
    """Measure a plain sequential read."""
    return {"bytes_a_second": _measure.bandwidth()}


TASKS: dict[str, Callable[[Row], Row]] = {
    "prepare": run_prepare,
    "bandwidth": run_bandwidth,
    "search": run_search,
    "all pairs": run_search,
    "build": run_build,
    "counts": run_counts,
    "streamed": run_streamed,
    "serving": run_serving,
    "adding": run_adding,
}


def main() -> None:
    """Do the task of the first file, write the row to the second."""
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        row = TASKS[task["group"]](task)
    except ImportError as error:
        row = {"skipped": f"{error.name} is not installed"}
    row["process_peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    Path(sys.argv[2]).write_text(json.dumps({**task, **row}), encoding="utf-8")


if __name__ == "__main__":
    main()
