"""Asking a service that runs: a real one, over a real socket."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "ask", "raw"]


@dataclass(frozen=True)
class Answer:
    """An answer: its status, its headers with lower-case names, its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def ask(
    port: int,
    path: str,
    *,
    method: str = "GET",
    body: Any = None,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Ask, and return the answer.

    Parameters
    ----------
    body : bytes as they are; anything else as JSON
    """
    given = dict(headers or {})
    data = body
    if body is not None and not isinstance(body, bytes):
        data = json.dumps(body).encode()
    if body is not None:
        given.setdefault("Content-Type", "application/json")
    if key is not None:
        given["Authorization"] = f"Bearer {key}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, data, given)
        found = connection.getresponse()
        names = {name.lower(): value for name, value in found.getheaders()}
        return Answer(found.status, names, found.read())
    finally:
        connection.close()


def raw(port: int, data: bytes, *, seconds: float = 10.0) -> bytes:
    """Send bytes as they are, and return all that comes back until the connection closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        parts = []
        with contextlib.suppress(ConnectionError):  # cut off: what came before is returned
            connection.sendall(data)
            while chunk := connection.recv(65_536):
                parts.append(chunk)
        return b"".join(parts)
