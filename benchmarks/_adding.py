"""One article more: a prepared corpus as an index that changes, and what adding to it takes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _ours
from benchmarks._prepared import K, Prepared
from recommender._files import write_array
from recommender.config import Config
from recommender.corpus import Preparation
from recommender.index.manifest import folder_record, segment_name, writer_lock
from recommender.index.publisher import Change, publish
from recommender.index.reader import Index
from recommender.index.segment import Segment
from recommender.ingest import Rejections
from recommender.text.passages import stored_boilerplate
from recommender.updates import Updater
from recommender.weighting import COUNT_OF_CODE

__all__ = ["add", "make_index", "one_by_one"]

_STEP = 104_729  # a prime: the neighbours that are made up lie far apart


def add(updater: Updater, articles: Any) -> float:
    """Add articles; return the seconds from their hand-over until they are durable."""
    begin = time.perf_counter()
    updater.add(articles)
    updater.commit()
    return time.perf_counter() - begin


def make_index(prepared: Prepared, root: Path) -> None:
    """Make an index of a prepared corpus, beside it: its files are linked to, and stay as they are.

    Its table of neighbours is made up, since to find a million articles' would take an hour.
    Linking a new article in reads as much of it as of a true one.
    """
    config = Config()
    staged = root / "segments" / "new"
    staged.mkdir(parents=True)
    for file in prepared.engine_folder.iterdir():
        if file.name != "neighbours.npy":
            os.link(file, staged / file.name)
    n, width = int(prepared.about["articles"]), config.search.neighbours
    steps = (_STEP * np.arange(1, width + 1) % n).astype(np.int32)
    others = (np.arange(n, dtype=np.int32)[:, None] + steps) % np.int32(n)
    write_array(staged / "neighbours.npy", others.ravel())
    files = folder_record(staged)
    home = staged.rename(staged.with_name(segment_name(files)))
    preparation = Preparation(config, Rejections())
    about = preparation.about(stored_boilerplate((), config.boilerplate), {}, {})
    change = Change(kept={home.name: files}, segments=[Segment.open(home)], how="carried")
    with writer_lock(root):
        publish(
            root, change, weights=config.weights, about=about, languages=[prepared.about["lang"]]
        )


def one_by_one(prepared: Prepared, root: Path, n: int) -> tuple[list[float], float]:
    """Add articles one by one: the first makes ready, ``n`` more are timed.

    Each has the words of an article of the corpus: a search for that one's neighbours finds it.

    Returns
    -------
    The seconds of each until an exact search finds it, and the processor time of all.
    """
    taken, processor, reader = [], 0.0, Index.open(root, verify=False)
    lang, queries = prepared.about["lang"], prepared.queries[: n + 1].tolist()
    with Updater(root) as updater:
        for i, same in enumerate(f"{doc:08}" for doc in queries):
            article = {"id": f"new-{i}", "lang": lang, "body": _words(reader, _doc(reader, same))}
            begin = time.process_time()
            seconds, durable = add(updater, [article]), time.perf_counter()
            reader = Index.open(root, like=reader)
            query = reader.query_of(_doc(reader, same))
            found = reader.search(query, K, effort=_ours.EFFORTS["exact"]).docs
            if i:
                taken.append(seconds + time.perf_counter() - durable)
                processor += time.process_time() - begin
            if _doc(reader, article["id"]) not in found.tolist():
                raise RuntimeError(f"article {article['id']} is not found beside {same}")
    return taken, processor


def _doc(index: Index, article_id: str) -> int:
    """Return the number that an article has by now."""
    doc = index.find_id(article_id)
    if doc is None:
        raise LookupError(f"there is no article {article_id}")
    return doc


def _words(index: Index, doc: int) -> str:
    """Return the words of a document of the first segment, each as often as it has it."""
    query, words = index.query_of(doc), index.parts[0].segment.terms
    counts = COUNT_OF_CODE[query.codes].astype(int).tolist()
    every = zip(query.terms.tolist(), counts, strict=True)
    return " ".join(words[term] for term, count in every for _ in range(count))
