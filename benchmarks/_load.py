"""An open-loop load generator and a service to aim it at.

Requests are sent when they are due, whether answers came or not, and a latency is counted from the
moment a request was due: a service that stalls cannot hide the requests it kept from being sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks._sets import ROOT

__all__ = ["Outcome", "Running", "closed_loop", "get", "open_loop", "post"]

_HEAD_END = b"\r\n\r\n"


@dataclass
class Outcome:
    """What became of requests.

    Attributes
    ----------
    seconds : the time of the run
    statuses : answers by status
    lost : requests that got no answer: refused or reset
    latencies : ms from when they were due, by status
    moments : seconds after the start at which each answer of status 200 came
    mixed : answers whose body is of another generation than their head says
    late : ms from when each request was due to when it was sent: the generator's own, or no
        connection was free
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    latencies: dict[int, list[float]] = field(default_factory=dict)
    moments: list[float] = field(default_factory=list)
    mixed: int = 0
    late: list[float] = field(default_factory=list)

    def percentile(self, share: float, status: int = 200) -> float:
        """Return the latency that a share of the answers does not exceed."""
        ordered = sorted(self.latencies.get(status, [])) or [float("nan")]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def lateness(self, share: float) -> float:
        """Return how late a share of the requests were sent, at most."""
        ordered = sorted(self.late) or [float("nan")]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def errors(self) -> int:
        """Count what was not answered with 200."""
        return self.lost + sum(n for status, n in self.statuses.items() if status != 200)

    @property
    def goodput(self) -> float:
        """Return answers of status 200 a second."""
        return self.statuses[200] / self.seconds


def get(path: str, key: str = "") -> bytes:
    """Return a request."""
    return _request("GET", path, b"", key)


def post(path: str, body: Any, key: str = "") -> bytes:
    """Return a request with a JSON body."""
    return _request("POST", path, json.dumps(body, ensure_ascii=False).encode(), key)


def _request(method: str, path: str, body: bytes, key: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join(lines).encode() + _HEAD_END + body


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, crowd: _Crowd) -> None:
        self._crowd = crowd
        self._data = b""
        self._due = 0.0
        self.is_busy = False
        self.is_open = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True

    def send(self, due: float, request: bytes) -> None:
        assert self._transport is not None
        self.is_busy, self._due, self._data = True, due, b""
        self._crowd.outcome.late.append((time.perf_counter() - due) * 1000)
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(_HEAD_END)
        if not found:
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
        if len(body) < int(length or 0):
            return
        self.is_busy = False
        closes = b"connection: close" in head
        self._crowd.answered(self._due, int(head[9:12]), head, body)
        if closes and self._transport is not None:
            self.is_open = False
            self._transport.close()
        self._crowd.freed(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self.is_busy:
            self.is_busy = False
            self._crowd.outcome.lost += 1
        self._crowd.freed(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Crowd:
    """Connections, and the requests that wait for one."""

    def __init__(self, port: int, n_connections: int, check: bool) -> None:
        self.outcome = Outcome()
        self.started = time.perf_counter()
        self._port = port
        self._n = n_connections
        self._check = check
        self._free: deque[_Connection] = deque()
        self._all: set[_Connection] = set()
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_answer: Callable[[], None] | None = None
        self.in_flight = 0

    async def fill(self) -> None:
        await asyncio.gather(*(self._open() for _ in range(self._n)))

    async def _open(self) -> None:
        self._opening += 1
        try:
            loop = asyncio.get_running_loop()
            _, made = await loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self._port
            )
        except OSError:
            if self._waiting:
                self._waiting.popleft()
                self.in_flight -= 1
                self.outcome.lost += 1
            return
        finally:
            self._opening -= 1
        self._all.add(made)
        self.freed(made)

    def ask(self, due: float, request: bytes) -> None:
        self.in_flight += 1
        while self._free:
            connection = self._free.popleft()
            if connection.is_open:
                connection.send(due, request)
                return
        self._waiting.append((due, request))
        self._reopen()

    def _reopen(self) -> None:
        alive = sum(c.is_open for c in self._all) + self._opening
        if alive < self._n:
            task = asyncio.get_running_loop().create_task(self._open())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def freed(self, connection: _Connection) -> None:
        if not connection.is_open:
            self._all.discard(connection)
            if self._waiting:
                self._reopen()
            return
        if self._waiting:
            connection.send(*self._waiting.popleft())
        elif not connection.is_busy:
            self._free.append(connection)

    def answered(self, due: float, status: int, head: bytes, body: bytes) -> None:
        now = time.perf_counter()
        self.in_flight -= 1
        self.outcome.statuses[status] += 1
        self.outcome.latencies.setdefault(status, []).append((now - due) * 1000)
        if status == 200:
            self.outcome.moments.append(now - self.started)
            if self._check:
                told = head.partition(b"x-index-generation: ")[2].partition(b"\r")[0]
                own = body.rpartition(b'"generation":')[2].partition(b",")[0]
                self.outcome.mixed += told != own
        if self.on_answer is not None:
            self.on_answer()

    def close(self) -> None:
        for connection in self._all:
            connection.is_busy = False
            connection.close()


async def _open_loop(
    port: int,
    requests: Iterator[bytes],
    rate: float,
    seconds: float,
    n_connections: int,
    check: bool,
    wanted: Callable[[], bool],
) -> Outcome:
    crowd = _Crowd(port, n_connections, check)
    await crowd.fill()
    crowd.started = start = time.perf_counter()
    n = 0
    while (now := time.perf_counter()) - start < seconds and wanted():
        while start + n / rate <= now:
            crowd.ask(start + n / rate, next(requests))
            n += 1
        await asyncio.sleep(max(0.0, start + n / rate - time.perf_counter()))
    for _ in range(200):  # what is under way
        if not crowd.in_flight:
            break
        await asyncio.sleep(0.05)
    crowd.outcome.seconds = min(seconds, time.perf_counter() - start)
    crowd.close()
    return crowd.outcome


def open_loop(
    port: int,
    requests: Iterator[bytes],
    rate: float,
    seconds: float,
    *,
    n_connections: int = 64,
    check: bool = False,
    wanted: Callable[[], bool] = lambda: True,
) -> Outcome:
    """Send requests at a rate, and return what became of them.

    Parameters
    ----------
    check : look whether each answer is of one generation
    wanted : asked before each request; False ends the run
    """
    return asyncio.run(_open_loop(port, requests, rate, seconds, n_connections, check, wanted))


async def _closed_loop(
    port: int, requests: Iterator[bytes], seconds: float, n_connections: int
) -> Outcome:
    crowd = _Crowd(port, n_connections, check=False)
    await crowd.fill()
    crowd.started = start = time.perf_counter()

    def again() -> None:
        if time.perf_counter() - start < seconds:
            crowd.ask(time.perf_counter(), next(requests))

    crowd.on_answer = lambda: asyncio.get_running_loop().call_soon(again)  # type: ignore[assignment]
    for _ in range(n_connections):
        again()
    await asyncio.sleep(seconds + 0.2)
    crowd.outcome.seconds = seconds
    crowd.close()
    return crowd.outcome


def closed_loop(
    port: int, requests: Iterator[bytes], seconds: float, *, n_connections: int = 16
) -> Outcome:
    """Send the next request when an answer came; what a service can do at most."""
    return asyncio.run(_closed_loop(port, requests, seconds, n_connections))


class Running:
    """A service that runs, in processes of its own. A context manager.

    Parameters
    ----------
    model : folder of the index
    **settings : of ``[server]``

    Attributes
    ----------
    port : where it listens
    process : the one that was started
    log : what it wrote on stderr
    """

    def __init__(self, model: Path, **settings: Any) -> None:
        given = {"port": 0, **settings}
        self._environment = {
            f"RECOMMENDER_SERVER_{name.upper()}": str(value) for name, value in given.items()
        }
        self._command = [sys.executable, "-m", "recommender", "serve", "--model", str(model)]
        handle, name = tempfile.mkstemp(suffix=".log")
        os.close(handle)
        self.log = Path(name)
        self.port = 0

    @classmethod
    def of_command(cls, command: Sequence[str], port: int) -> Running:
        """Return something else that runs at a port that it is told."""
        made = cls(Path())
        made._command, made.port = list(command), port
        return made

    def __enter__(self) -> Running:
        environment: Mapping[str, str] = {
            **os.environ,
            **self._environment,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self._command, stderr=log, stdout=log, env=environment)
        until = time.monotonic() + 60
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self.log.read_text(encoding="utf-8"))
            time.sleep(0.02)
        return self

    def __exit__(self, *args: object) -> None:
        self.stop()
        with contextlib.suppress(FileNotFoundError):
            self.log.unlink()

    def _is_ready(self) -> bool:
        if not self.port:
            told = [event for event in self.events() if event["event"] == "serving"]
            if not told:
                return False
            self.port = told[0]["port"]
        return self.status("/readyz") is not None

    def status(self, path: str) -> int | None:
        """Return the status of an address; None where there is no answer."""
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def events(self) -> list[dict[str, Any]]:
        """Return what was logged."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def children(self) -> dict[str, int]:
        """Return the process ids of workers, by the moment they were ready."""
        return {e["time"]: e["pid"] for e in self.events() if e["event"] == "worker.ready"}

    def stop(self) -> tuple[int, float]:
        """Stop it; return the exit code and the seconds it took."""
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        return code, time.monotonic() - started
