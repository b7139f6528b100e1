"""The neighbour table: for every article the nearest of its language, found once, ahead of time.

Work goes on where it stopped: results are kept by runs of articles in a folder of the index until
the generation they belong to is published. The table depends on neither runs, threads nor order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final, TypeVarTuple

import joblib
import numpy as np
from numpy.typing import NDArray

from recommender._disk import disk
from recommender._files import make_folder, storage_errors, write_bytes, write_text
from recommender.index.reader import Index
from recommender.index.settings import SearchSettings

__all__ = ["SO_FAR", "all_neighbours", "runs_of"]

SO_FAR: Final = "tmp-neighbours"
"""Folder of an index that keeps what was found, until the table is published."""

_RUN: Final = 1024

Found = TypeVarTuple("Found")


def runs_of(
    search: Callable[[NDArray[np.int32]], tuple[*Found]],
    runs: Iterable[NDArray[np.int32]],
    *,
    jobs: int = 1,
) -> Iterator[tuple[NDArray[np.int32], *Found]]:
    """Search with runs of documents on several threads; yield docs and what is found, in order."""

    def search_run(docs: NDArray[np.int32]) -> tuple[NDArray[np.int32], *Found]:
        return docs, *search(docs)

    run = joblib.Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
    yield from run(joblib.delayed(search_run)(docs) for docs in runs)


def all_neighbours(
    index: Index,
    settings: SearchSettings,
    folder: Path,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.int32]:
    """Return the nearest documents of every document in its own language, best first.

    Parameters
    ----------
    settings : how many, and how hard to look
    folder : what was found by an earlier call that was stopped is taken from there; the caller
        removes it when the table is safe
    jobs : threads; -1 = one a core
    progress : called with documents done and in all

    Returns
    -------
    (n_docs * settings.neighbours,) int32, -1 where there are fewer

    Raises
    ------
    StorageError : the disk refused
    """
    n, k = index.n_docs, settings.neighbours
    if k == 0:
        return np.zeros(0, np.int32)
    with storage_errors(folder.parent):
        make_folder(folder)
        key = _key(index, settings)
        if _read(folder / "KEY") != key:
            disk().remove_tree(folder)
            make_folder(folder)
            write_text(folder / "KEY", key)
        starts = range(0, n, _RUN)
        left = [first for first in starts if not _has(folder, first, min(_RUN, n - first) * k)]
        runs = (np.arange(first, min(first + _RUN, n), dtype=np.int32) for first in left)
        done = n - sum(min(_RUN, n - first) for first in left)
        progress(done, n)
        search = partial(index.search_rows, k=k, effort=settings)
        for docs, found, _ in runs_of(search, runs, jobs=jobs):
            _keep(_place(folder, int(docs[0])), found)
            done += len(docs)
            progress(done, n)
        table = np.empty(n * k, np.int32)
        for first in starts:
            part = table[first * k : (first + _RUN) * k]
            part[:] = np.fromfile(_place(folder, first), np.int32)
    return table


def _key(index: Index, settings: SearchSettings) -> str:
    """Return a digest of all that the table depends on."""
    parts = {
        "settings": asdict(settings),
        "package": index.manifest.package,
        "segments": index.manifest.segments,
        "weights": index.manifest.settings["weights"],
        "articles": index.n_docs,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _place(folder: Path, first: int) -> Path:
    return folder / f"{first:010}.run"


def _has(folder: Path, first: int, size: int) -> bool:
    place = _place(folder, first)
    return place.exists() and place.stat().st_size == 4 * size


def _keep(place: Path, found: NDArray[np.int32]) -> None:
    """Write a run so that it is there whole or not at all."""
    beside = place.with_suffix(".part")
    write_bytes(beside, found.tobytes())  # synced: a power cut must not leave a run of zeros
    disk().rename(beside, place)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
