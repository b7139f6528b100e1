"""Every article's block ahead of time, as JSON lines."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from recommender._disk import disk
from recommender._files import storage_errors
from recommender._settings import check_jobs
from recommender.answers import Copies
from recommender.errors import InputError, SourceNotFoundError
from recommender.index.reader import Index
from recommender.neighbours import runs_of
from recommender.recommend import Recommender

__all__ = ["export_jsonl", "related_rows"]

_ROWS = 512


def related_rows(
    model: Recommender, *, jobs: int = 1, ids: Iterable[str] | None = None, **options: Any
) -> Iterator[dict[str, Any]]:
    """Yield one mapping an article, in document order.

    Its keys are ``id``, ``related`` (ids, best first) and ``scores``; where articles stand under a
    card as its copies, also ``copies``, by the card's id. The lists are those of
    ``Recommender.related`` with the same options.

    Parameters
    ----------
    jobs : threads that search; -1 = one a core. The result does not depend on it.
    ids : articles whose lists are wanted; None = all
    **options : as ``Recommender.related`` takes them

    Raises
    ------
    UnknownArticleError : one of ``ids`` is none of the index
    """
    check_jobs(jobs)
    answers = model.answers  # one generation, whatever is published meanwhile
    index, search = answers.index, partial(answers.rows, answers.ask_for(options))
    every = index.docs()
    if ids is not None:
        every = np.unique(np.array([answers.doc_of(key) for key in ids], np.int32))
    chunks = (every[first : first + _ROWS] for first in range(0, len(every), _ROWS))
    for docs, found, scores, copies in runs_of(search, chunks, jobs=jobs):
        for doc, row, row_scores in zip(docs, found, scores, strict=True):
            n = int((row >= 0).sum())
            yield _line(index, int(doc), row[:n], row_scores[:n], copies)


def _line(index: Index, doc: int, docs: Any, scores: Any, copies: Copies) -> dict[str, Any]:
    name, cards = index.article_id, [int(card) for card in docs]
    line = {
        "id": name(doc),
        "related": [name(card) for card in cards],
        "scores": [float(s) for s in scores],
    }
    under = {
        name(card): [name(copy) for copy in copies[doc, card]]
        for card in cards
        if (doc, card) in copies
    }
    return {**line, "copies": under} if under else line


def export_jsonl(
    model: Recommender,
    out: str | Path | TextIO,
    *,
    jobs: int = 1,
    progress: Callable[[str, int, int | None], None] | None = None,
    **options: Any,
) -> int:
    """Write ``related_rows`` as JSON lines and return how many.

    A file is replaced only when all is written; a pipe or a device is written to as it is.

    Raises
    ------
    SourceNotFoundError : the folder of ``out`` is not there
    InputError : ``out`` is a folder
    ConfigError : ``jobs`` cannot be
    StorageError : the disk refused; a file that was there is untouched
    """
    if not isinstance(out, str | Path):
        return _write(model, out, jobs, progress, options)
    path = Path(out)
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected the name of a file to write.")
    if not path.parent.is_dir():
        raise SourceNotFoundError(f"There is no folder {path.parent} to write {path.name} into.")
    with storage_errors(path.parent):
        return _write_file(path, model, jobs, progress, options)


def _write_file(path: Path, model: Recommender, jobs: int, progress: Any, options: Any) -> int:
    if path.exists() and not path.is_file():
        with io.TextIOWrapper(disk().open(path), encoding="utf-8") as file:
            return _write(model, file, jobs, progress, options)
    beside = path.with_name(path.name + ".tmp")
    try:
        with disk().open(beside) as raw, io.TextIOWrapper(raw, encoding="utf-8") as file:
            n = _write(model, file, jobs, progress, options)
            file.flush()
            disk().sync(raw)
        # A link stays a link: what it leads to is replaced.
        disk().rename(beside, path.resolve() if path.is_symlink() else path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            disk().unlink(beside)
    return n


def _write(model: Recommender, file: TextIO, jobs: int, progress: Any, options: Any) -> int:
    n = 0
    for n, row in enumerate(related_rows(model, jobs=jobs, **options), 1):
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
        if progress and not n % _ROWS:
            progress("export", n, model.index.n_articles)
    return n
