"""Changes of the index over HTTP: one process makes them all, one after another.

The workers ask it over a socket, so that they stay small, answer while it counts, and never wait
for each other's lock. It answers when a change is on disk.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from recommender import errors
from recommender.config import Config
from recommender.errors import IndexLockedError, RecommenderError
from recommender.server.problems import ProblemError

__all__ = ["Change", "WriterClient", "run_writer"]

_log = logging.getLogger(__name__)
_HEAD: Final = 8
_READ_SECONDS: Final = 10.0
_LOCK_PAUSE_SECONDS: Final = 0.1
_WAITING: Final = 16
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of the index.

    Attributes
    ----------
    articles : records to add, or to put in the place of older versions
    ids : articles to delete
    """

    articles: Sequence[Mapping[str, Any]] = ()
    ids: Sequence[str] = ()


class WriterClient:
    """The way of a worker to the writer.

    Parameters
    ----------
    path : the writer's socket
    seconds : how long a change may take, with the time it waits
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._waiting = 0

    async def commit(self, change: Change) -> dict[str, Any]:
        """Have a change made; return the report when it is on disk.

        Raises
        ------
        ProblemError : too many wait, or it took too long; then nobody knows yet if it was made
        RecommenderError : as ``Updater`` raises them
        """
        if self._waiting >= _WAITING:
            raise ProblemError("overloaded", "Too many changes wait to be made. Try again.")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                told = await self._ask(change)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            raise ProblemError(
                "unavailable",
                "The change was not acknowledged. It may have been made or not: send it again, "
                "which does no harm.",
            ) from None
        finally:
            self._waiting -= 1
        if "error" in told:
            raise getattr(errors, told["error"], RecommenderError)(told["detail"])
        report: dict[str, Any] = told["report"]
        return report

    async def _ask(self, change: Change) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(self._path)
        try:
            asked = orjson.dumps({"articles": change.articles, "ids": change.ids})
            writer.write(len(asked).to_bytes(_HEAD, "big") + asked)
            await writer.drain()
            size = int.from_bytes(await reader.readexactly(_HEAD), "big")
            told: dict[str, Any] = orjson.loads(await reader.readexactly(size))
            return told
        finally:
            writer.close()


def run_writer(model: Path, config: Config, listener: socket.socket) -> None:
    """Make changes as they are asked for, until the process is told to stop.

    Parameters
    ----------
    listener : listens at the socket's path; who waits there waits in a queue
    """
    import recommender.updates  # noqa: F401 - now, not while the first caller waits

    writer = _Writer(model, config)
    while True:
        if not select.select([listener], [], [], 0 if writer.is_busy else None)[0]:
            writer.rest()
            continue
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(_READ_SECONDS)
            try:
                _answer(writer, connection)
            except OSError:
                _log.exception("writer.caller_lost")


def _answer(writer: _Writer, connection: socket.socket) -> None:
    with connection.makefile("rwb") as stream:
        size = int.from_bytes(stream.read(_HEAD), "big")
        asked = orjson.loads(stream.read(size))
        told = orjson.dumps(writer.make(Change(asked["articles"], asked["ids"])))
        stream.write(len(told).to_bytes(_HEAD, "big") + told)


class _Writer:
    """Holds the index open while there are changes to make, and no longer."""

    def __init__(self, model: Path, config: Config) -> None:
        self._model = model
        self._config = config
        self._updater: Any = None

    @property
    def is_busy(self) -> bool:
        """Tell whether the index is open."""
        return self._updater is not None

    def make(self, change: Change) -> dict[str, Any]:
        """Make a change; return {"report": ...} or {"error": its class, "detail": ...}."""
        try:
            return {"report": self._commit(change)}
        except RecommenderError as error:
            _log.warning("writer.refused", extra={"told": {"reason": str(error)[:500]}})
            self._close()
            return {"error": type(error).__name__, "detail": str(error)}
        except Exception:
            _log.exception("writer.failed")
            self._close()
            return {"error": "RecommenderError", "detail": "The change failed; see the log."}

    def _commit(self, change: Change) -> dict[str, Any]:
        from recommender.ingest import Rejections

        updater = self._opened()
        rejections = Rejections()
        if change.articles:
            updater.add(list(change.articles), rejections=rejections)
        updater.delete(change.ids)
        report = updater.commit()
        counted = ("generation", "added", "updated", "deleted", "unchanged", "older", "articles")
        return {
            **{name: getattr(report, name) for name in counted},
            "unknown_ids": list(report.unknown),
            "rejected": sum(report.rejected.values()),
            "rejections": [
                {"id": one.article_id, "reason": str(one.reason), "detail": one.detail}
                for one in rejections.samples[:_SHOWN]
            ],
            "notices": dict(report.notices),
        }

    def _opened(self) -> Any:
        """Return the updater; waits a while for another program that writes."""
        from recommender.updates import Updater

        until = time.monotonic() + self._config.server.write_seconds / 2
        while self._updater is None:
            try:
                self._updater = Updater(self._model, config=self._config)
            except IndexLockedError:
                if time.monotonic() > until:
                    raise
                time.sleep(_LOCK_PAUSE_SECONDS)
        return self._updater

    def rest(self) -> None:
        """Merge small segments, as nobody waits, and let go of the index."""
        try:
            if self._updater is not None:
                self._updater.merge()
        except RecommenderError:
            _log.exception("writer.merge_put_off")
        self._close()

    def _close(self) -> None:
        updater, self._updater = self._updater, None
        if updater is not None:
            updater.close()
