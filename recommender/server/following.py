"""Following ``CURRENT`` and the file of keys: a worker moves on by itself, and never to worse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from recommender.errors import RecommenderError
from recommender.server.blocks import Serving
from recommender.server.service import Service

__all__ = ["WARM_SECONDS", "Follower"]

_log = logging.getLogger(__name__)
_WARMED: Final = 200
WARM_SECONDS: Final = 1.0
"""How long a generation is learnt about, and its hottest blocks are made, before it is used."""
_SHARE: Final = 0.2
"""Of a worker's time, how much may go into taking generations: answers come first."""
_LEARNT: Final = object()
_AGAIN_SECONDS: Final = 60.0
"""A generation that could not be taken is tried again so late, unless another is published."""


class _NotSoundError(Exception):
    """A new generation that is not to be used."""


class Follower:
    """Looks for a new generation and for changed keys.

    Parameters
    ----------
    service : whose generation and keys are replaced
    model : folder of the index
    """

    def __init__(self, service: Service, model: Path) -> None:
        self._service = service
        self._pointer = model / "CURRENT"
        keys = service.settings.keys
        self._keys = Path(keys) if keys else None
        self._seen = _content(self._pointer)
        self._keys_seen = _stamp(self._keys)
        self._tried = self._taken = time.monotonic()
        self._rested = 0.0
        self._taking = asyncio.Lock()
        self._nudged = asyncio.Event()
        service.follow = self.take_newest

    def nudge(self) -> None:
        """Look now."""
        self._tried = -_AGAIN_SECONDS
        self._rested = 0.0
        self._nudged.set()

    async def run(self) -> None:
        """Look every now and then, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._service.settings.poll_seconds):
                    await self._nudged.wait()
            self._nudged.clear()
            try:
                await self.look()
            except Exception:
                _log.exception("follow.failed")

    async def look(self) -> None:
        """Take a new generation and changed keys, where there are any."""
        if self._keys is not None:
            stamp = await asyncio.to_thread(_stamp, self._keys)
            if stamp != self._keys_seen:
                self._keys_seen = stamp
                await self._take_keys()
        seen = await asyncio.to_thread(_content, self._pointer)
        again = self._service.behind and time.monotonic() - self._tried > _AGAIN_SECONDS
        if (seen != self._seen or again) and time.monotonic() >= self._rested:
            self._seen = seen
            await self._take(WARM_SECONDS)
        self._service.tell_figures()

    async def _take_keys(self) -> None:
        """Take the keys of the file; where it cannot be read the old ones stay."""
        try:
            self._service.keys = await asyncio.to_thread(self._service.read_keys)
            _log.info("keys.taken")
        except RecommenderError as error:
            _log.error("keys.not_taken", extra={"told": {"reason": str(error)[:500]}})

    async def take_newest(self) -> None:
        """Move to the live generation now, if it is another, and sound: somebody waits for it."""
        await self._take(min(WARM_SECONDS, _SHARE * (time.monotonic() - self._taken)))

    async def _take(self, room: float) -> None:
        """Move to the live generation if it is another, and sound.

        What is asked for most is made from the new one before it is used, so that its first callers
        do not wait. After that the worker rests, however many generations are published meanwhile:
        each would have all blocks made anew.

        Parameters
        ----------
        room : how long that may take, in seconds
        """
        service = self._service
        async with self._taking:
            self._tried = time.monotonic()
            before, begun = service.serving, time.monotonic()
            try:
                with _brief_turns():
                    after = await asyncio.to_thread(self._next, before)
                opened = time.monotonic()
                if after is not before:
                    await self._prepare(after, before, room)
            except Exception as error:
                self._not_taken(error)
                return
            if after is before:
                service.behind = False
                return
            service.use(after)
            self._taken = time.monotonic()
            self._rested = begun + (self._taken - begun) / _SHARE
            told = {
                "generation": after.generation,
                "before": before.generation,
                "open_ms": round((opened - begun) * 1000),
                "prepare_ms": round((self._taken - opened) * 1000),
            }
            _log.info("index.taken", extra={"told": told})

    def _next(self, before: Serving) -> Serving:
        """Return the newest generation, tried; the one of before where there is no newer."""
        recommender = self._service.recommender
        recommender.refresh()
        answers = recommender.answers
        index = answers.index
        if index.degraded:
            raise _NotSoundError(index.degraded)
        if answers is before.answers:
            return before
        if not index.n_articles and before.answers.index.n_articles:
            raise _NotSoundError("It holds no article, and the one in use does.")
        answers.prepare()
        for doc in index.docs()[-1:].tolist():
            answers.related(index.article_id(doc))
        return Serving(answers, self._service.settings)

    async def _prepare(self, after: Serving, before: Serving, room: float) -> None:
        """Make what is asked for most, and learn about the newest articles, while nobody waits."""
        spare = self._service.maker.make_in_spare_time
        learning = after.answers.learning()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(room):
                for address, question, n_asked in before.hottest(_WARMED):
                    with contextlib.suppress(RecommenderError):  # of articles that are gone
                        made, _ = await spare(partial(after.make, question))
                        made.n_asked = n_asked // 2
                        after.keep(address, made)
                while await spare(lambda: next(learning, _LEARNT)) is not _LEARNT:
                    pass

    def _not_taken(self, error: Exception) -> None:
        service = self._service
        service.behind = True
        service.metrics.swap_failures.inc()
        service.tell_figures()
        told = {"reason": str(error)[:500], "in_use": service.serving.generation}
        _log.error("index.not_taken", extra={"told": told})


@contextlib.contextmanager
def _brief_turns() -> Iterator[None]:
    """Let the thread that answers wait for one beside it a tenth of what it otherwise may."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced."""
    if path is None:
        return None
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size, told.st_ino
