"""What every request passes first: keys, limits, deadlines; and what every answer carries."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recommender.server.blocks import Serving
from recommender.server.keys import bearer
from recommender.server.limits import gunzipped, read_body
from recommender.server.logs import short
from recommender.server.places import OPEN, Place, place_of
from recommender.server.problems import ProblemError, problem_of
from recommender.server.service import Service

__all__ = ["Asked", "Guard", "told_problem"]

_log = logging.getLogger("recommender.server.requests")

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_BODIES: Final = ("POST", "PUT")
_BULK_FACTOR: Final = 32
_BUFFERED_FACTOR: Final = 64
_SLOW_SECONDS: Final = 0.5
_QUIET_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 120.0
_GZIP: Final = re.compile(rb"(?:^|,)\s*(?:x-)?gzip\s*(;[^,]*)?", re.I)
_NEVER: Final = re.compile(rb";\s*q=0(?:\.0*)?\s*", re.I)
_LOOPBACK: Final = re.compile(rb"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.I)


@dataclass(slots=True)
class Asked:
    """What the guard knows of a request; routes find it in ``scope["asked"]``.

    Attributes
    ----------
    id : of the request, in its answer and in the log
    serving : the generation that answers, from beginning to end
    place : which address
    takes_gzip, known_etags : of the head
    caller : name of the key, else the address
    is_admin : the key has the scope admin
    status, is_done : of the answer, as far as it is sent
    buffered : bytes that its body may take
    """

    id: bytes
    serving: Serving
    place: Place
    method: str
    started: float
    authorization: bytes = b""
    host: bytes = b""
    content_type: bytes = b""
    content_encoding: bytes = b""
    content_length: bytes | None = None
    takes_gzip: bool = False
    known_etags: bytes = b""
    caller: str = ""
    is_admin: bool = False
    status: int = 0
    is_done: bool = False
    buffered: int = field(default=0)

    @classmethod
    def of(cls, scope: Scope, serving: Serving) -> Asked:
        """Read the head of a request."""
        path = scope["raw_path"].decode("ascii", "replace")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        asked = cls(b"", serving, place_of(path), method, time.perf_counter())
        for name, value in scope["headers"]:
            reader = _READERS.get(name)
            if reader is not None:
                reader(asked, value)
        return asked


def _read_id(asked: Asked, value: bytes) -> None:
    asked.id = value if _REQUEST_ID.fullmatch(value) else b""


def _read_encodings(asked: Asked, value: bytes) -> None:
    found = _GZIP.search(value)
    asked.takes_gzip = found is not None and not _NEVER.fullmatch(found[1] or b"")


def _reads(name: str) -> Any:
    return lambda asked, value: setattr(asked, name, value)


_READERS: Final[dict[bytes, Any]] = {
    b"x-request-id": _read_id,
    b"accept-encoding": _read_encodings,
    b"authorization": _reads("authorization"),
    b"host": _reads("host"),
    b"content-type": _reads("content_type"),
    b"content-encoding": _reads("content_encoding"),
    b"content-length": _reads("content_length"),
    b"if-none-match": _reads("known_etags"),
}


class Guard:
    """The outermost application: lets requests through to ``app``, and answers for it.

    Parameters
    ----------
    app : sees paths as they were sent, percent-encoded, and bodies that are whole
    service : Service
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._max_body = service.settings.max_body_kb * 1000
        self._quiet_until = 0.0
        self._process, self._numbers = secrets.token_hex(6).encode(), itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        service = self._service
        asked = Asked.of(scope, service.serving)
        asked.id = asked.id or b"%s%08x" % (self._process, next(self._numbers) & 0xFFFFFFFF)
        scope["asked"] = asked
        scope["path"] = scope["raw_path"].decode("ascii", "replace")

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                asked.status = message["status"]
                message["headers"] = [*message["headers"], *self._carried(asked)]
            elif not message.get("more_body", False):
                asked.is_done = True
            await send(message)

        service.active += 1
        try:
            try:
                await self._let_through(asked, scope, receive, tell)
            except Exception as error:
                await self._refuse(asked, error, tell)
        finally:
            service.active -= 1
            service.buffered -= asked.buffered
            self._count(asked, scope)

    def _carried(self, asked: Asked) -> list[tuple[bytes, bytes]]:
        """Return the headers that every answer carries."""
        headers = [
            (b"x-content-type-options", b"nosniff"),
            (b"x-request-id", asked.id),
            (b"x-index-generation", asked.serving.generation_header),
            (b"x-index-age", b"%d" % asked.serving.age),
        ]
        if self._service.draining:
            headers.append((b"connection", b"close"))
        return headers

    async def _let_through(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._service
        scope_needed = asked.place.scopes.get(asked.method, "read")
        if scope_needed != OPEN:
            self._check_caller(asked, scope, scope_needed)
            if service.active > service.settings.max_active:
                raise ProblemError("overloaded", "Too many requests at a time. Try again.")
        if asked.method not in asked.place.scopes:
            raise self._wrong_method(asked)
        if asked.method not in _BODIES:
            await self._app(scope, receive, send)
            return
        body = await self._body(asked, receive)
        async with asyncio.timeout(_LONGEST_SECONDS):
            await self._app(scope, _receiving(body, receive), send)

    @staticmethod
    def _wrong_method(asked: Asked) -> ProblemError:
        """Return what is said of a method that an address does not have."""
        if not asked.place.scopes:
            return ProblemError("not-found", "See /openapi.json for what there is.")
        allowed = ", ".join(sorted(asked.place.scopes))
        return ProblemError("wrong-method", "See the header Allow.", headers={"allow": allowed})

    def _check_caller(self, asked: Asked, scope: Scope, needed: str) -> None:
        service = self._service
        if service.keys is None:
            asked.caller = scope["client"][0] if scope["client"] else ""
            # A name that leads here from a page of somebody else's, by a trick with its DNS.
            if not service.settings.without_keys and not _LOOPBACK.fullmatch(asked.host):
                detail = "Without keys, only localhost, 127.0.0.1 and [::1] are answered for."
                raise ProblemError("wrong-host", detail)
        else:
            secret = bearer(asked.authorization)
            key = service.keys.find(secret) if secret else None
            if key is None:
                raise ProblemError("no-key", "Send the header Authorization: Bearer KEY.")
            asked.caller, asked.is_admin = key.name, "admin" in key.scopes
            if needed not in key.scopes:
                raise ProblemError("not-allowed", f"This needs a key with the scope {needed}.")
        service.rates.check(asked.caller, time.monotonic())

    async def _body(self, asked: Asked, receive: Receive) -> bytes:
        """Return the body, whole and unpacked."""
        kind = asked.content_type.partition(b";")[0].strip().lower()
        if kind != b"application/json":
            raise ProblemError("wrong-type", "Send a body of type application/json.")
        limit = self._max_body * (_BULK_FACTOR if asked.place.is_bulk else 1)
        if self._service.buffered > self._max_body * _BUFFERED_FACTOR:
            raise ProblemError("overloaded", "Too many large bodies at a time. Try again.")
        told = asked.content_length or b""
        asked.buffered = min(limit, int(told)) if told.isdigit() and len(told) < 12 else limit
        self._service.buffered += asked.buffered
        seconds = self._service.settings.body_seconds
        body = await read_body(receive, limit, seconds, asked.content_length)
        encoding = asked.content_encoding.strip().lower()
        if encoding in (b"", b"identity"):
            return body
        if encoding != b"gzip" or not self._service.settings.gzip_bodies:
            raise ProblemError("wrong-type", "Send the body without Content-Encoding.")
        return gunzipped(body, limit)

    async def _refuse(self, asked: Asked, error: Exception, send: Send) -> None:
        """Answer with the problem that an error is, if nothing was answered yet."""
        if asked.is_done:  # and the error was told where it was answered
            return
        problem = told_problem(error, asked)
        if asked.status:  # the answer had begun: all that is left is to break it off
            raise error
        body = problem.body(asked.id.decode())
        headers = [*problem.all_headers(), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _count(self, asked: Asked, scope: Scope) -> None:
        seconds = time.perf_counter() - asked.started
        metrics = self._service.metrics
        metrics.observe(asked.place.path, asked.status, seconds)
        if asked.status in (429, 503) and asked.place.path != "/readyz":
            metrics.shed.labels(str(asked.status)).inc()
            if asked.started < self._quiet_until:  # a line for each would cost more than they do
                return
            self._quiet_until = asked.started + _QUIET_SECONDS
        wanted = self._service.settings.log_requests
        is_problem = asked.status >= 400 or seconds > _SLOW_SECONDS
        if wanted == "none" or (wanted == "problems" and not is_problem):
            return
        told = {
            "request_id": asked.id.decode(),
            "method": short(scope["method"]),
            "path": short(scope["path"]),
            "status": asked.status,
            "ms": round(seconds * 1000, 2),
            "caller": asked.caller,
        }
        _log.info("request", extra={"told": told})


def told_problem(error: Exception, asked: Asked) -> ProblemError:
    """Return the problem that an error is to callers, and tell the log what they are not told."""
    if isinstance(error, TimeoutError):
        return ProblemError("overloaded", "The answer took too long.")
    problem = problem_of(error)
    is_ours = isinstance(error, ProblemError | HTTPException)
    if problem.code in ("failed", "unavailable") and not is_ours:
        told = {"request_id": asked.id.decode(), "place": asked.place.path}
        _log.error("request.failed", exc_info=error, extra={"told": told})
    return problem


def _receiving(body: bytes, receive: Receive) -> Receive:
    """Return what gives an application a body that was read already."""
    left = [body]

    async def give() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return give
