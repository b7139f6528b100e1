"""Changing an index that is in use: articles are added, replaced and deleted, and seen at once.

``Updater`` holds the index's one writer lock, and is kept open by a process that publishes as
articles come; ``add_articles`` and ``delete_articles`` do one thing and let go.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recommender._disk import disk
from recommender._files import storage_errors
from recommender._settings import check_jobs
from recommender.config import Config, stored_config
from recommender.corpus import (
    Preparation,
    Progress,
    corpus_of,
    language_names,
    plain_counts,
    silent,
)
from recommender.errors import IncompatibleIndexError, InputError, StorageError
from recommender.index.manifest import current, writer_lock
from recommender.index.reader import Index
from recommender.index.updater import Edit, kept_by_commit, kept_by_merge, rewrite
from recommender.ingest import Rejections
from recommender.neighbours import SO_FAR, all_neighbours
from recommender.spool import Spool, SpooledArticles
from recommender.text.passages import stored_boilerplate

__all__ = ["UpdateReport", "Updater", "add_articles", "delete_articles", "merge_index"]

_NOTHING = MappingProxyType({"added": 0, "updated": 0, "deleted": 0, "unchanged": 0, "older": 0})
"""What a commit counts, where it changes nothing."""

_BUILT_WITH = ("text", "fields", "boilerplate", "search", "weights")


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """What a commit did.

    Attributes
    ----------
    model : folder of the index
    generation : the live one; that of before where nothing changed
    added, updated, deleted : articles that are new, that have a new version, that are gone
    unchanged : articles that stand in the index just as they were given
    older : articles of which the index has a later version by ``updated_at``
    unknown : ids to delete that no article has
    rejected, notices : how many, by reason; notices are repairs, their articles were kept
    articles, segments : in the index now
    seconds : what the commit took
    """

    model: str
    generation: int
    added: int
    updated: int
    deleted: int
    unchanged: int
    older: int
    unknown: tuple[str, ...]
    rejected: Mapping[str, int]
    notices: Mapping[str, int]
    articles: int
    segments: int
    seconds: float


def add_articles(
    articles: Any,
    model: str | Path,
    *,
    config: Config | None = None,
    jobs: int = 1,
    rejections: Rejections | None = None,
    progress: Progress | None = None,
) -> UpdateReport:
    """Add articles to an index, and new versions of articles that it has.

    When this returns they are on disk, and every reader that opens the index finds them.

    Parameters
    ----------
    articles : whatever ``build_index`` takes
    config : settings of reading; those of the text and its weights are the index's own

    Raises
    ------
    InputError : the source cannot be used
    NotAnIndexError, DamagedIndexError, IncompatibleIndexError
    TooManyRejectionsError, IndexLockedError, StorageError
    """
    with Updater(model, config=config, jobs=jobs, progress=progress) as updater:
        updater.add(articles, rejections=rejections)
        return _merged(updater, updater.commit())


def delete_articles(
    ids: Iterable[str], model: str | Path, *, config: Config | None = None
) -> UpdateReport:
    """Delete articles, by id, from an index. Unknown ids are counted, and do no harm.

    When this returns no reader that opens the index finds them, in any block.

    Parameters
    ----------
    config : settings of updates and of the generations to keep

    Raises
    ------
    InputError : one text instead of several ids
    NotAnIndexError, DamagedIndexError, IncompatibleIndexError, IndexLockedError, StorageError
    """
    with Updater(model, config=config) as updater:
        updater.delete(ids)
        return _merged(updater, updater.commit())


def _merged(updater: Updater, report: UpdateReport) -> UpdateReport:
    """Merge small segments after a commit, which stands whatever becomes of that."""
    try:
        merged = updater.merge()
    except StorageError:
        return replace(report, notices={**report.notices, "merge-put-off": 1})
    return replace(report, generation=merged.generation, segments=merged.segments)


def merge_index(
    model: str | Path,
    *,
    config: Config | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> UpdateReport:
    """Merge all segments of an index into one, and find all neighbours anew.

    Parameters
    ----------
    config : settings of the generations to keep
    jobs : threads that find neighbours; -1 = one a core

    Raises
    ------
    NotAnIndexError, DamagedIndexError, IncompatibleIndexError, IndexLockedError, StorageError
    """
    with Updater(model, config=config, jobs=jobs, progress=progress) as updater:
        return updater.merge(completely=True)


class Updater:
    """Changes an index. A context manager that holds the index's writer lock.

    What is added and deleted is seen by nobody until ``commit``; of what was not committed nothing
    is left.

    Parameters
    ----------
    model : folder of the index
    config : settings of reading; those of the text and its weights are the index's own
    jobs : threads that count; -1 = one a core
    progress : called as that of ``build_index``

    Raises
    ------
    NotAnIndexError, DamagedIndexError, IncompatibleIndexError, IndexLockedError, StorageError

    Examples
    --------
    >>> from recommender import Updater
    >>> with Updater("models/news") as news:  # doctest: +SKIP
    ...     news.add([{"id": "n-1", "title": "Bridge opens", "body": "The bridge is open again."}])
    ...     news.delete(["n-0"])
    ...     news.commit()
    """

    def __init__(
        self,
        model: str | Path,
        *,
        config: Config | None = None,
        jobs: int = 1,
        progress: Progress | None = None,
    ) -> None:
        check_jobs(jobs)
        self._root = Path(model)
        self._progress = progress or silent
        self._jobs = jobs
        self._open = contextlib.ExitStack()
        current(self._root)  # no folder is made where there is no index
        self._open.enter_context(writer_lock(self._root))
        try:
            # The live one or none: to go on from an older one would lose what came after it.
            self.index = Index.open(self._root, generation=current(self._root))
            self._config = _config_of(self.index, config or Config())
            self._scratch = self._root / "tmp-spool"
            self._start()
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop what was not committed, and let go of the index."""
        self._drop()
        self._open.close()

    def _start(self) -> None:
        """Begin a new collection of changes; what a commit needs of the disk is behind it."""
        self._rejections = Rejections()
        self._prepare = Preparation(self._config, self._rejections, self._progress, self._jobs)
        self._spool: Spool | None = None
        self._is_sealed = False
        self._deleted: dict[str, None] = {}

    def _spooling(self) -> Spool:
        """Return the spool of what is added, made when it is first needed."""
        if self._spool is None:
            self._drop()
            with storage_errors(self._root):
                disk().mkdir(self._scratch)
            sites = self._sites
            self._spool = Spool(self._scratch, sites)
        return self._spool

    @property
    def _sites(self) -> Mapping[str, str]:
        """The main language of sites, as far as the index knows."""
        known: Mapping[str, str] = self.index.manifest.report.get("site_languages", {})
        return known

    def _drop(self) -> None:
        """Remove the spool."""
        if self._spool is not None:
            self._spool.__exit__(None, None, None)
        disk().remove_tree(self._scratch, ignore_errors=True)

    def add(self, articles: Any, *, rejections: Rejections | None = None) -> None:
        """Take articles in: new ones, and new versions of articles that the index has.

        The later ``updated_at`` of two versions stands; where either has none, the later given.

        Parameters
        ----------
        articles : whatever ``build_index`` takes
        rejections : counts those that cannot be used

        Raises
        ------
        InputError : the source cannot be used, or the last commit failed
        TooManyRejectionsError, StorageError
        """
        if self._is_sealed:
            raise InputError(
                "The commit before this failed. Commit again, or open the index again, before more "
                "is added."
            )
        if rejections is not None:
            self._rejections = self._prepare.rejections = rejections
        self._prepare.read(articles, self._spooling())

    def delete(self, ids: Iterable[str]) -> None:
        """Have articles deleted, those too that were added and not committed yet.

        Raises
        ------
        InputError : one text instead of several ids, or an id that is no text
        """
        if isinstance(ids, str):
            raise InputError(f"ids is {ids!r}; expected a list of ids, not one text.")
        for article_id in ids:
            if not isinstance(article_id, str):
                raise InputError(f"{article_id!r} is no article id; expected a text.")
            self._deleted[article_id.strip()] = None
            if self._spool is not None:
                self._spool.discard(article_id.strip())

    def commit(self) -> UpdateReport:
        """Publish what was added and deleted, all of it at once.

        Where it changes nothing, nothing is published.

        Raises
        ------
        StorageError : the disk refused; the index is as it was, and this can be tried again
        """
        started = time.perf_counter()
        self._is_sealed = True
        spooled = None if self._spool is None else self._spool.finish()
        changes = _Changes.of(self.index, spooled, self._deleted)
        if len(changes.rows) or len(changes.gone):
            self.index = self._publish(spooled, changes)
        report = self._report(
            started,
            changes.counts,
            unknown=changes.unknown,
            rejected=plain_counts(self._rejections.by_reason),
            notices=plain_counts(self._rejections.notices),
        )
        self._drop()
        self._start()
        return report

    def _report(
        self,
        started: float,
        counts: Mapping[str, int],
        *,
        unknown: tuple[str, ...] = (),
        rejected: Mapping[str, int] = MappingProxyType({}),
        notices: Mapping[str, int] = MappingProxyType({}),
    ) -> UpdateReport:
        """Return what was done, and what stands in the index now."""
        return UpdateReport(
            model=str(self._root),
            generation=self.index.manifest.generation,
            **counts,
            unknown=unknown,
            rejected=dict(rejected),
            notices=dict(notices),
            articles=self.index.n_articles,
            segments=len(self.index.parts),
            seconds=round(time.perf_counter() - started, 4),
        )

    def _publish(self, spooled: SpooledArticles | None, changes: _Changes) -> Index:
        names = list(self.index.manifest.languages)
        sites = self._sites
        corpus = None
        if spooled is not None and len(changes.rows):
            wanted = replace(spooled, order=changes.rows)
            names = language_names((spooled.langs[int(row)] for row in changes.rows), names)
            boilerplate = stored_boilerplate(
                self.index.manifest.boilerplate, self._config.boilerplate
            )
            corpus = corpus_of(wanted, self._prepare.count(wanted, boilerplate), names)
            sites = spooled.site_languages
        edit = Edit(corpus, changes.gone)
        kept = kept_by_commit(self.index, len(changes.rows), self._config.updates)
        change = {"kind": "update", **changes.counts}
        return self._rewrite(edit, kept, names, change, sites)

    def _rewrite(
        self,
        edit: Edit,
        n_kept: int,
        names: list[str],
        change: Mapping[str, Any],
        sites: Mapping[str, str],
        **more: Any,
    ) -> Index:
        manifest = self.index.manifest
        about = {
            "package": manifest.package,
            "analysis": manifest.analysis,
            "settings": {k: v for k, v in manifest.settings.items() if k != "weights"},
            "boilerplate": manifest.boilerplate,
            "report": {
                **manifest.report,
                "change": change,
                "languages": self._languages(edit, names),
                "site_languages": dict(sorted(sites.items())),
            },
        }
        return rewrite(
            self._root,
            self.index,
            edit,
            n_kept=n_kept,
            weights=self._config.weights,
            search=self._config.search,
            updates=self._config.updates,
            about=about,
            languages=names,
            keeping=self._config.generations,
            **more,
        )

    def _languages(self, edit: Edit, names: list[str]) -> dict[str, int]:
        """Return articles by language, after the edit."""
        counts = Counter(self.index.manifest.report.get("languages", {}))
        gone = self.index.languages_of(edit.gone).tolist()
        new = [] if edit.corpus is None else edit.corpus.languages.tolist()
        counts.update(names[code] for code in new)
        counts.subtract(names[code] for code in gone)
        kept = {lang: n for lang, n in counts.items() if n}
        return dict(sorted(kept.items(), key=lambda item: (-item[1], item[0])))

    def merge(self, *, completely: bool = False) -> UpdateReport:
        """Merge small segments into larger ones, where there are too many.

        Parameters
        ----------
        completely : merge all into one, and find all neighbours anew, as a build would

        Raises
        ------
        StorageError : the disk refused; the index is as it was
        """
        started = time.perf_counter()
        kept = 0 if completely else kept_by_merge(self.index, self._config.updates)
        if kept < len(self.index.parts):
            more = {"table": self._all_neighbours} if completely else {}
            sites = self._sites
            names = list(self.index.manifest.languages)
            merged = len(self.index.parts) - kept
            change = {"kind": "merge", "segments": merged}
            self.index = self._rewrite(Edit(), kept, names, change, sites, **more)
            if completely:
                disk().remove_tree(self._root / SO_FAR, ignore_errors=True)
        return self._report(started, _NOTHING)

    def _all_neighbours(self, index: Index) -> NDArray[np.int32]:
        return all_neighbours(
            index,
            self._config.search,
            self._root / SO_FAR,
            jobs=self._jobs,
            progress=partial(self._progress, "neighbours"),
        )


@dataclass(frozen=True, slots=True)
class _Changes:
    """What of the given articles and ids changes an index.

    Attributes
    ----------
    rows : int64, rows of the spool to be added, in document order
    gone : int32, documents that are deleted or replaced, ascending
    counts : added, updated, deleted, unchanged, older
    unknown : ids to delete that no article has
    """

    rows: NDArray[np.int64]
    gone: NDArray[np.int32]
    counts: Mapping[str, int]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, index: Index, spooled: SpooledArticles | None, deleted: Iterable[str]) -> _Changes:
        counts = Counter(_NOTHING)
        rows, gone, unknown = [], set(), []
        standing = {name: index.find_id(name) for name in deleted}
        for name, doc in standing.items():
            if doc is None:
                unknown.append(name)
            else:
                gone.add(doc)
        for row, name, version in _rows_of(spooled):
            doc = None if name in standing else index.find_id(name)
            verdict = "added" if doc is None else _verdict(index, doc, version)
            counts[verdict] += 1
            if verdict in ("added", "updated"):
                rows.append(row)
            if verdict == "updated" and doc is not None:
                gone.add(doc)
        counts["deleted"] = len(gone) - counts["updated"]
        return cls(
            np.array(rows, np.int64), np.array(sorted(gone), np.int32), counts, tuple(unknown)
        )


_Version = tuple[int, datetime | None]


def _rows_of(spooled: SpooledArticles | None) -> Iterator[tuple[int, str, _Version]]:
    """Yield the rows that stand in a spool, in document order: id, digest and time of version."""
    if spooled is not None:
        for row in spooled.order.tolist():
            version = int(spooled.digests[row]), spooled.updated[row]
            yield row, spooled.columns["ids"][row], version


def _verdict(index: Index, doc: int, version: _Version) -> str:
    """Tell whether a version replaces the one that stands in the index."""
    digest, given = version
    if index.digest(doc) == digest:
        return "unchanged"
    stated = index.card(doc).get("updated_at")
    if stated and given and given < datetime.fromisoformat(stated):
        return "older"
    return "updated"


def _config_of(index: Index, config: Config) -> Config:
    """Return the settings with those that the index was built with in their place."""
    settings = index.manifest.settings
    stored = stored_config(index.manifest, _BUILT_WITH)
    here = Preparation(stored, Rejections()).analyzer.fingerprint
    if here != index.manifest.analysis:
        raise IncompatibleIndexError(
            f"The index was built with another text analysis ({index.manifest.analysis[:12]}, "
            f"here {here[:12]}): this package, or one that stems words, has another version. "
            "Build the index again."
        )
    return replace(
        config, **{name: getattr(stored, name) for name in _BUILT_WITH if name in settings}
    )
