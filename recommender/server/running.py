"""Processes of the service: one that watches, those that answer, and one that writes.

The watcher binds the address, loads what all need, and forks; a process that dies is replaced at
once, without loading anything again. It asks nothing of the index, and answers nobody.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import ipaddress
import logging
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvicorn

from recommender._disk import disk
from recommender._memory import give_back
from recommender.answers import Answers
from recommender.config import Config
from recommender.errors import ConfigError, StorageError, UnknownArticleError
from recommender.recommend import Recommender
from recommender.server.keys import read_keys
from recommender.server.logs import log_to_stderr
from recommender.server_settings import ServerSettings

__all__ = ["serve"]

_log = logging.getLogger(__name__)
_WATCHED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_BACKLOG: Final = 2048
_GRACE_SECONDS: Final = 5
_QUICK_DEATH_SECONDS: Final = 2.0
_LONGEST_PAUSE_SECONDS: Final = 5.0
_PDEATHSIG: Final = 1
_SWITCH_SECONDS: Final = 0.001
_WRITER_NICE: Final = 10
"""Answers come before changes, where both want the same processor."""


def serve(model: Path, config: Config) -> int:
    """Answer over HTTP until SIGTERM; return the exit code.

    Parameters
    ----------
    model : folder of the index
    config : all settings

    Raises
    ------
    ConfigError : the address may not be listened at without keys
    SourceNotFoundError : the file of keys cannot be read
    NotAnIndexError, DamagedIndexError, IncompatibleIndexError
    StorageError : the address is taken
    """
    settings = config.server
    check_address(settings)
    if settings.keys is not None:
        read_keys(settings.keys)
    log_to_stderr()
    with tempfile.TemporaryDirectory(prefix="recommender-") as folder, ExitStack() as listening:
        _bound(settings, settings.port, alone=True).close()
        first = listening.enter_context(_bound(settings, settings.port))
        port = first.getsockname()[1]
        more = (_bound(settings, port) for _ in range(settings.workers - 1))
        listeners = [first, *map(listening.enter_context, more)]
        home = Path(folder)
        disk().mkdir(home / "metrics")
        # Before anything imports prometheus_client: it decides then where figures are kept.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(home / "metrics")
        _load(model, config)
        return _Watcher(model, config, home, listeners).run()


def check_address(settings: ServerSettings) -> None:
    """Refuse to listen where strangers could ask without a key.

    Raises
    ------
    ConfigError : neither a loopback address nor keys
    """
    if settings.keys is not None or settings.without_keys:
        return
    try:
        is_safe = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        is_safe = settings.host == "localhost"
    if not is_safe:
        raise ConfigError(
            f"[server] host is {settings.host!r}, where others can ask, and there are no keys. "
            "Make one with `recommender keys add NAME --keys keys.json` and set [server] keys, or "
            "listen at 127.0.0.1. Among your own machines only, set [server] without_keys."
        )


def _bound(settings: ServerSettings, port: int, *, alone: bool = False) -> socket.socket:
    """Return a socket that listens: one for each worker, among which the system shares callers.

    Of one socket for all, whoever wakes first takes nearly all of them.

    Parameters
    ----------
    alone : nobody else may listen there, not even another service of this user
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if not alone:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((settings.host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StorageError(
            f"Cannot listen at {settings.host}:{port}: {error.strerror or error}. "
            "Choose another [server] port, or stop what listens there."
        ) from error
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def _load(model: Path, config: Config) -> None:
    """Load code that every worker needs, by asking once; the index itself is let go."""
    import recommender.server.app  # noqa: F401

    news = Recommender.open(model, config=config, verify=False)
    news.related_to_text("News", "The news of the day.")  # the language model too
    docs = news.index.docs()
    if len(docs):
        try:
            news.related(news.index.article_id(int(docs[-1])))
        except UnknownArticleError:  # pragma: no cover - it was just read from there
            _log.exception("load.failed")
    del news, docs
    _settle()


def _settle() -> None:
    """Take what there is for lasting: the collector looks at it no more.

    It would stop a worker for 70 ms, and write to pages that the processes share. What was let go
    is given back to the system.
    """
    gc.collect()
    gc.freeze()
    give_back()


@dataclass
class _Child:
    """A process that runs.

    Attributes
    ----------
    role : what it does
    started : moment, monotonic
    """

    role: str
    started: float


class _Watcher:
    """Starts the processes, replaces those that die, and stops them."""

    def __init__(
        self, model: Path, config: Config, home: Path, listeners: list[socket.socket]
    ) -> None:
        self._model = model
        self._config = config
        self._home = home
        # Open here too, so that callers of a worker that died wait for the next one.
        self._listeners = listeners
        self._children: dict[int, _Child] = {}
        self._due: list[tuple[float, str]] = []
        self._deaths: dict[str, int] = {}
        self._stop_by: float | None = None
        self._writer_listener = self._listen_for_changes() if config.server.writes else None

    def _listen_for_changes(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self._home / "writer"))
        listener.listen(_BACKLOG)
        return listener

    def run(self) -> int:
        """Watch until told to stop; return the exit code."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        roles = [f"worker-{n}" for n in range(self._config.server.workers)]
        self._due = [(0.0, role) for role in (*roles, *(["writer"] if self._has_writer else []))]
        host, port = self._listeners[0].getsockname()[:2]
        _log.info("serving", extra={"told": {"host": host, "port": port, "workers": len(roles)}})
        while self._children or self._due:
            self._start_due()
            received = signal.sigtimedwait(_WATCHED, 0.1 if self._due or self._stop_by else 5.0)
            if received is not None:
                self._hear(signal.Signals(received.si_signo))
            self._bury()
            if self._stop_by is not None and time.monotonic() > self._stop_by:
                self._tell(signal.SIGKILL)
        if self._writer_listener is not None:
            self._writer_listener.close()
        _log.info("stopped")
        return 0

    @property
    def _has_writer(self) -> bool:
        return self._writer_listener is not None

    def _hear(self, received: signal.Signals) -> None:
        if received == signal.SIGHUP:
            self._tell(signal.SIGHUP, role="worker")
        elif received in (signal.SIGTERM, signal.SIGINT):
            seconds = self._config.server.drain_seconds + 2 * _GRACE_SECONDS
            self._stop_by = 0.0 if self._stop_by else time.monotonic() + seconds
            self._due.clear()
            self._close_listeners()  # the workers have them
            self._tell(signal.SIGTERM)

    def _close_listeners(self, but: socket.socket | None = None) -> None:
        for listener in self._listeners:
            if listener is not but:
                listener.close()

    def _tell(self, told: signal.Signals, role: str = "") -> None:
        for pid, child in self._children.items():
            if child.role.startswith(role):
                os.kill(pid, told)

    def _bury(self) -> None:
        """Take leave of processes that ended, and have them replaced."""
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is None:
                continue
            _forget_figures(pid)
            if self._stop_by is not None:
                continue
            lived = time.monotonic() - child.started
            deaths = self._deaths.get(child.role, 0) + 1 if lived < _QUICK_DEATH_SECONDS else 0
            self._deaths[child.role] = deaths
            pause = min(_LONGEST_PAUSE_SECONDS, deaths * 0.5)
            self._due.append((time.monotonic() + pause, child.role))
            told = {"role": child.role, "code": os.waitstatus_to_exitcode(status)}
            _log.error("process.died", extra={"told": told})

    def _start_due(self) -> None:
        now = time.monotonic()
        for moment, role in list(self._due):
            if moment <= now:
                self._due.remove((moment, role))
                self._children[self._fork(role)] = _Child(role, now)

    def _fork(self, role: str) -> int:
        watcher = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            _end_with(watcher)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            self._work(role)
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            _log.critical("process.failed", extra={"told": {"traceback": traceback.format_exc()}})
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _work(self, role: str) -> None:
        if role == "writer":
            from recommender.server.writing import run_writer

            if self._writer_listener is not None:
                signal.signal(signal.SIGTERM, _leave)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                self._close_listeners()
                os.nice(_WRITER_NICE)
                run_writer(self._model, self._config, self._writer_listener)
            return
        path = self._home / "writer" if self._has_writer else None
        own = self._listeners[int(role.rpartition("-")[2])]
        self._close_listeners(but=own)
        _answer(self._model, self._config, own, path)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _end_with(watcher: int) -> None:
    """End this process when the one that watches it is gone."""
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != watcher:
        raise SystemExit(0)


def _forget_figures(pid: int) -> None:
    """Leave a dead process out of the gauges; what it counted stays."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _answer(model: Path, config: Config, listener: socket.socket, writer: Path | None) -> None:
    """Be a worker, until SIGTERM."""
    from recommender.server.app import create_app
    from recommender.server.following import WARM_SECONDS
    from recommender.server.metrics import Metrics
    from recommender.server.protocol import protocol_with
    from recommender.server.service import Service
    from recommender.server.writing import WriterClient

    settings = config.server
    # A thread that makes a block gives way to the one that answers after this, not after 5 ms.
    sys.setswitchinterval(_SWITCH_SECONDS)
    client = None if writer is None else WriterClient(writer, settings.write_seconds)
    news = Recommender.open(model, config=config)
    _learn(news.answers, WARM_SECONDS)
    service = Service(news, config, Metrics(), client)
    _settle()
    server = _Server(
        uvicorn.Config(
            create_app(service),
            http=protocol_with(settings.body_seconds, settings.max_connections),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        ),
        service,
        model,
    )
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listener]))


def _learn(answers: Answers, seconds: float) -> None:
    """Find out ahead what blocks ask of articles, as far as time allows."""
    until = time.monotonic() + seconds
    answers.prepare()
    for _ in answers.learning():
        if time.monotonic() > until:
            return


class _Server(uvicorn.Server):
    """A server that says no to ``/readyz`` for a while before it stops."""

    def __init__(self, config: uvicorn.Config, service: Any, model: Path) -> None:
        super().__init__(config)
        self._service = service
        self._model = model
        self._leave_at: float | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer and follow the index, until a signal."""
        from recommender.server.following import Follower

        follower = Follower(self._service, self._model)
        following = asyncio.create_task(follower.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, follower.nudge)
        _log.info("worker.ready", extra={"told": {"generation": self._service.serving.generation}})
        try:
            await super().serve(sockets)
        finally:
            following.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to take leave; at the second signal leave."""
        if self._service.draining:
            self.should_exit = True
            return
        self._service.draining = True
        self._leave_at = time.monotonic() + self._service.settings.drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Tell whether it is time to stop; called ten times a second."""
        if self._leave_at is not None and time.monotonic() >= self._leave_at:
            self.should_exit = True
        return await super().on_tick(counter)
