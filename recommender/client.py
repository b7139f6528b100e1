"""Asking the service from Python, with nothing but the standard library.

A page must not wait for its block, and not break without it: each call has one deadline for all of
it, and what cannot be had in time is a copy of before, or an empty block.

>>> from recommender.client import Client
>>> news = Client("http://127.0.0.1:8000", timeout=0.2)  # doctest: +SKIP
>>> [card["title"] for card in news.related("article-id", limit=6)["cards"]]  # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from collections import OrderedDict
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

__all__ = ["Client", "ServiceError"]

_log = logging.getLogger(__name__)
_CHUNK: Final = 65_536
_LARGEST: Final = 16_000_000
_EMPTY: Final[dict[str, Any]] = {"cards": [], "fallback_used": True}


class ServiceError(Exception):
    """The service refused, with a problem that to ask again does not solve.

    Attributes
    ----------
    status : of the answer
    problem : the answer's body: code, detail, ...
    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code', '')}: {problem.get('detail', '')}")
        self.status = status
        self.problem = problem


class Client:
    """A way to the service. Safe to share between threads.

    Parameters
    ----------
    address : such as "http://127.0.0.1:8000"
    key : the secret of a key
    timeout : seconds for a whole call
    fresh_seconds : for how long a block is shown again without asking
    stale_seconds : for how long it is shown when there is no answer
    copies : how many blocks are remembered
    """

    def __init__(
        self,
        address: str,
        key: str | None = None,
        *,
        timeout: float = 0.2,
        fresh_seconds: float = 60.0,
        stale_seconds: float = 86_400.0,
        copies: int = 10_000,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"address is {address!r}; expected such as http://127.0.0.1:8000")
        self._is_https = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._base = parts.path.rstrip("/")
        self._headers = {"Accept": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._timeout = timeout
        self._fresh, self._stale = fresh_seconds, stale_seconds
        self._most = copies
        self._copies: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def related(self, article_id: str, **options: Any) -> dict[str, Any]:
        """Return the block of an article; never raises for want of an answer.

        Parameters
        ----------
        **options : ``limit``, ``exclude_ids``, ... as the service's parameters

        Returns
        -------
        A block; one of before, or one without cards, where there is no answer in time
        """
        return self._block(f"/v1/articles/{quote(article_id, safe='')}/related", options)

    def related_to_url(self, url: str, **options: Any) -> dict[str, Any]:
        """Return the block of an address, as ``related`` does."""
        return self._block("/v1/related", {"url": url, **options})

    def related_to_draft(
        self, article: dict[str, Any], *, timeout: float | None = None, **options: Any
    ) -> dict[str, Any]:
        """Return the block of a text that need not be in the index.

        Raises
        ------
        ServiceError : the service refused
        OSError : there is no answer
        """
        return self.call("POST", "/v1/related", {"article": article, "options": options}, timeout)

    def put(self, article: dict[str, Any], *, timeout: float = 30.0) -> dict[str, Any]:
        """Add an article, or its new version; when this returns it is on disk.

        Raises
        ------
        ServiceError : the service refused
        OSError : there is no answer; to send it again does no harm
        """
        return self.call("PUT", f"/v1/articles/{quote(article['id'], safe='')}", article, timeout)

    def delete(self, article_id: str, *, timeout: float = 30.0) -> dict[str, Any]:
        """Delete an article, as ``put`` adds one."""
        return self.call("DELETE", f"/v1/articles/{quote(article_id, safe='')}", None, timeout)

    def call(
        self, method: str, path: str, body: Any = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """Ask anything; see the service's OpenAPI file.

        Raises
        ------
        ServiceError : the service refused
        OSError : there is no answer
        """
        seconds = self._timeout if timeout is None else timeout
        status, answer = self._ask(method, path, body, time.monotonic() + seconds)
        told = json.loads(answer) if answer else {}
        if status >= 400:
            raise ServiceError(status, told if isinstance(told, dict) else {})
        return told if isinstance(told, dict) else {"answer": told}

    def _block(self, path: str, options: dict[str, Any]) -> dict[str, Any]:
        given = {name: _text(value) for name, value in options.items() if value is not None}
        asked = f"{path}?{urlencode(given, doseq=True)}" if given else path
        now = time.monotonic()
        with self._lock:
            made, copy = self._copies.get(asked, (-self._stale, _EMPTY))
        if now - made < self._fresh:
            return copy
        try:
            block = self.call("GET", asked)
        except ServiceError as error:
            if error.status < 500 and error.status != 429:
                _log.warning("related.refused path=%s error=%s", path, error)
                return _EMPTY
        except (OSError, HTTPException, ValueError) as error:
            _log.warning("related.no_answer path=%s error=%r", path, error)
        else:
            self._remember(asked, block, now)
            return block
        return copy if now - made < self._stale else _EMPTY

    def _remember(self, asked: str, block: dict[str, Any], now: float) -> None:
        with self._lock:
            self._copies.pop(asked, None)
            self._copies[asked] = now, block
            if len(self._copies) > self._most:
                self._copies.popitem(last=False)

    def _ask(self, method: str, path: str, body: Any, until: float) -> tuple[int, bytes]:
        kind = HTTPSConnection if self._is_https else HTTPConnection
        connection = kind(self._host, self._port, timeout=_left(until))
        headers = dict(self._headers)
        data = None
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        with contextlib.closing(connection):
            connection.request(method, self._base + path, data, headers)
            self._wait(connection.sock, until)
            response = connection.getresponse()
            parts = []
            # Each read has its own timeout; a slow drip must not add up to more than the deadline.
            while chunk := response.read1(_CHUNK):
                parts.append(chunk)
                if sum(map(len, parts)) > _LARGEST:
                    raise OSError("the answer is too large")
                self._wait(connection.sock, until)
            return response.status, b"".join(parts)

    @staticmethod
    def _wait(sock: socket.socket | None, until: float) -> None:
        if sock is not None:
            sock.settimeout(_left(until))


def _left(until: float) -> float:
    """Return the seconds that are left.

    Raises
    ------
    TimeoutError : none are
    """
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("no answer in time")
    return seconds


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value
