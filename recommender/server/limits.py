"""What keeps a worker upright: bodies of bounded size, bounded queues, deadlines, rates."""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from starlette.types import Receive

from recommender.server.problems import ProblemError

__all__ = ["Lane", "Rates", "gunzipped", "read_body"]

T = TypeVar("T")

_MOST_CALLERS: Final = 4096
_LARGEST_RATIO: Final = 100
_DISCARDED: Final = 4_000_000
_DISCARD_SECONDS: Final = 0.5


async def read_body(receive: Receive, limit: int, seconds: float, told: bytes | None) -> bytes:
    """Return the body of a request.

    Parameters
    ----------
    limit : most bytes; counted as they come, whatever the head says
    seconds : how long it may take
    told : the head's ``Content-Length``: too large a body is refused before it is sent

    Raises
    ------
    ProblemError : too large, too slow, or the caller went away
    """
    says_too_much = told is not None and told.isdigit() and (len(told) > 12 or int(told) > limit)
    body = None
    if not says_too_much:
        try:
            async with asyncio.timeout(seconds):
                body = await _bounded_body(receive, limit)
        except TimeoutError:
            detail = f"The body did not arrive within {seconds:g} s."
            raise ProblemError("too-slow", detail, headers={"connection": "close"}) from None
    if body is None:
        await _discard(receive)
        raise _too_large(limit)
    return body


async def _bounded_body(receive: Receive, limit: int) -> bytes | None:
    """Return a body; None as soon as it is too large."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ProblemError("bad-request", "The caller went away.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


async def _discard(receive: Receive) -> None:
    """Let a little more of a body come: a caller that is cut off while it sends sees no answer."""
    left = _DISCARDED
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _too_large(limit: int) -> ProblemError:
    detail = f"At most {limit:,} bytes are taken here."
    return ProblemError("too-large", detail, headers={"connection": "close"})


def gunzipped(data: bytes, limit: int) -> bytes:
    """Return what gzip packed, never unpacking more than a limit or a hundredfold.

    Raises
    ------
    ProblemError : too large, or no gzip
    """
    most = min(limit, max(len(data), 64) * _LARGEST_RATIO)
    unpacker = zlib.decompressobj(wbits=31)
    try:
        out = unpacker.decompress(data, most + 1)
    except zlib.error as error:
        raise ProblemError("bad-request", "The body is no gzip.") from error
    if len(out) > most:
        raise _too_large(most)
    if not unpacker.eof or unpacker.unused_data:
        raise ProblemError("bad-request", "The body is cut off, or more than one piece of gzip.")
    return out


class Lane:
    """Threads that make blocks, and the few requests that may wait for them.

    Parameters
    ----------
    threads : how many work
    queue : how many may wait
    seconds : how long one may wait and work
    """

    def __init__(self, threads: int, queue: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="block")
        self._most = threads + queue
        self._seconds = seconds
        self._inside = 0

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """Return what ``work(*args)`` returns.

        Raises
        ------
        ProblemError : too many wait, or it took too long; work not begun by then is never begun
        """
        if self._inside >= self._most:
            raise ProblemError("overloaded", "Too many blocks are being made. Try again.")
        self._inside += 1
        deadline = time.monotonic() + self._seconds
        future = asyncio.get_running_loop().run_in_executor(
            self._pool, self._work, deadline, work, args
        )
        future.add_done_callback(self._left)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            detail = f"No block within {self._seconds:g} s. Try again."
            raise ProblemError("overloaded", detail) from None

    def _left(self, future: asyncio.Future[Any]) -> None:
        self._inside -= 1
        if not future.cancelled():
            future.exception()  # it was seen, or nobody waits for it any more

    @staticmethod
    def _work(deadline: float, work: Callable[..., T], args: tuple[Any, ...]) -> T:
        if time.monotonic() > deadline:
            raise ProblemError("overloaded", "No thread was free in time. Try again.")
        return work(*args)


class Rates:
    """Requests a second for each caller: a bucket that fills up with time.

    Parameters
    ----------
    rate : requests a second; 0 = any
    burst : requests at once; 0 = as many as ``rate``
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._most = float(burst or max(1.0, rate))
        # Of more callers than this the one not seen for longest starts afresh.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def check(self, caller: str, now: float) -> None:
        """Count a request.

        Raises
        ------
        ProblemError : one too many; its header says when to come again
        """
        if not self._rate:
            return
        left, seen = self._buckets.pop(caller, (self._most, now))
        left = min(self._most, left + (now - seen) * self._rate)
        is_allowed = left >= 1.0
        self._buckets[caller] = (left - 1.0 if is_allowed else left), now
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        if not is_allowed:
            seconds = max(1, round((1.0 - left) / self._rate))
            detail = f"At most {self._rate:g} requests a second are answered."
            raise ProblemError("too-many", detail, headers={"retry-after": str(seconds)})
