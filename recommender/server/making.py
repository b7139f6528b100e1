"""Making quick blocks in the thread that answers: one after another, with ears open in between."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from recommender.server.problems import ProblemError

__all__ = ["Maker"]

T = TypeVar("T")

_KINDS: Final = 256
_WEIGHT: Final = 0.1
_LEAST_SECONDS: Final = 0.0005


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    """Something that somebody waits for.

    Attributes
    ----------
    work : makes it
    seconds : what its like took
    until : moment, monotonic, from which on it is too late to begin
    told : where the outcome goes
    """

    work: Callable[[], T]
    seconds: float
    until: float
    told: asyncio.Future[T]


class Maker:
    """Makes what takes little, in the order in which it is asked for.

    A thread beside the event loop would have to share the interpreter with it, which costs both
    more than a quick block takes. Between two blocks the loop sends and reads: what is finished is
    answered, and what is too much is refused, after one block at most and not after all of them.
    How much may wait is counted in time, by what its like took.

    Parameters
    ----------
    quick_seconds : processor time up to which a kind of block is quick; others are for a lane
    wait_seconds : how long what is asked for may have to wait
    deadline_seconds : after which it is not begun any more, whatever was expected
    """

    def __init__(self, quick_seconds: float, wait_seconds: float, deadline_seconds: float) -> None:
        self._quick, self._most, self._deadline = quick_seconds, wait_seconds, deadline_seconds
        self._taken: dict[Hashable, float] = {}
        self._asked: deque[_Job[Any]] = deque()
        self._spare: deque[_Job[Any]] = deque()
        self._waiting = 0.0
        self._is_at_work = False

    # --- what takes how long ---

    def is_quick(self, kind: Hashable) -> bool:
        """Tell whether blocks of a kind took little lately; of one never made nobody knows."""
        return self._taken.get(kind, self._quick) < self._quick

    def note(self, kind: Hashable, seconds: float) -> None:
        """Take in the processor time that a block took."""
        if len(self._taken) >= _KINDS:
            self._taken.clear()
        before = self._taken.get(kind, seconds)
        self._taken[kind] = before + (seconds - before) * _WEIGHT

    # --- making ---

    def make(self, kind: Hashable, work: Callable[[], T]) -> asyncio.Future[T]:
        """Promise what ``work()`` returns; a ProblemError if its turn comes too late.

        Raises
        ------
        ProblemError : too much waits already
        """
        if self._waiting >= self._most:
            raise ProblemError("overloaded", "Too many blocks are being made. Try again.")
        seconds = max(self._taken.get(kind, 0.0), _LEAST_SECONDS)
        self._waiting += seconds
        return self._promised(self._asked, work, seconds)

    def make_in_spare_time(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Promise what ``work()`` returns, made when nobody waits. It should take a few ms."""
        return self._promised(self._spare, work, 0.0)

    def _promised(
        self, jobs: deque[_Job[Any]], work: Callable[[], T], seconds: float
    ) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        job = _Job(work, seconds, time.monotonic() + self._deadline, loop.create_future())
        jobs.append(job)
        if not self._is_at_work:
            self._is_at_work = True
            loop.call_soon(self._next)
        return job.told

    def _next(self) -> None:
        """Make one thing, and then let the loop send it, read, and answer what it has read."""
        if self._asked:
            job = self._asked.popleft()
            self._waiting = self._waiting - job.seconds if self._asked else 0.0
            self._do(job, is_late=time.monotonic() > job.until)
        elif self._spare:
            self._do(self._spare.popleft())
        self._is_at_work = bool(self._asked or self._spare)
        if self._is_at_work:
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._next)  # in two rounds: one reads, one answers

    @staticmethod
    def _do(job: _Job[Any], *, is_late: bool = False) -> None:
        if job.told.done():  # whoever waited is gone
            return
        if is_late:
            detail = "The block's turn came too late. Try again."
            job.told.set_exception(ProblemError("overloaded", detail))
            return
        try:
            job.told.set_result(job.work())
        except Exception as error:
            job.told.set_exception(error)
