"""uvicorn's protocol with what it lacks: bounds for the head of a request, and for connections."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Final

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recommender.server.problems import ProblemError

__all__ = ["protocol_with"]

_LARGEST_HEAD: Final = 65_536


class _BoundedProtocol(HttpToolsProtocol):
    """Closes connections whose head is too slow or too large, and refuses those too many."""

    head_seconds = 10.0
    most_connections = 1000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self.app = _refuse
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and count those of a head that is still not whole."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            if self._head_timer is None:
                self._expect_head()
            self._head_bytes += len(data)
            if self._head_bytes > _LARGEST_HEAD:
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Wait for the head to be whole."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Wait no longer."""
        self._in_head = False
        if self._head_timer is not None:
            self._forget_head()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._too_slow)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer that there are too many connections, and close this one."""
    problem = ProblemError("overloaded", "Too many connections. Try again.")
    body = problem.body(secrets.token_hex(8))
    length = b"%d" % len(body)
    headers = [*problem.all_headers(), (b"content-length", length), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def protocol_with(head_seconds: float, most_connections: int) -> type[asyncio.Protocol]:
    """Return the protocol with a deadline for heads, and a bound for connections."""
    own = {"head_seconds": head_seconds, "most_connections": most_connections}
    return type("BoundedProtocol", (_BoundedProtocol,), own)
