"""What goes wrong, as callers see it: problem+json (RFC 9457), never a traceback or a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from recommender.errors import ConfigError as _ConfigError
from recommender.errors import (
    IndexLockedError,
    InputError,
    RecommenderError,
    UnknownArticleError,
)

__all__ = ["MEDIA_TYPE", "PROBLEMS", "ProblemError", "problem_of"]

MEDIA_TYPE: Final = "application/problem+json"

PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "bad-request": (400, "The request cannot be read"),
    "no-key": (401, "A key is needed"),
    "not-allowed": (403, "The key does not allow this"),
    "not-found": (404, "There is no such address"),
    "unknown-article": (404, "The index has no such article"),
    "feedback-off": (404, "This service takes no feedback"),
    "wrong-method": (405, "This address does not do that"),
    "too-slow": (408, "The request took too long to arrive"),
    "too-large": (413, "The body is too large"),
    "wrong-type": (415, "The body is of a type that is not taken"),
    "wrong-host": (421, "This service has no such name"),
    "impossible": (422, "A value cannot be used"),
    "too-many": (429, "Too many requests"),
    "failed": (500, "A fault of this service"),
    "overloaded": (503, "Too busy just now"),
    "stopping": (503, "The service is going down"),
    "unavailable": (503, "That cannot be done just now"),
}
"""Every code a problem can have: its status and title."""

_RETRIED: Final = {"overloaded": 1, "stopping": 1, "unavailable": 5, "too-many": 1}


@dataclass
class ProblemError(Exception):
    """A request that is not answered as asked.

    Parameters
    ----------
    code : a key of PROBLEMS
    detail : what was seen, and what was expected
    errors : of a body or of parameters: where, and what
    headers : more headers of the answer
    """

    code: str
    detail: str = ""
    errors: tuple[Mapping[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return PROBLEMS[self.code][0]

    def body(self, request_id: str) -> bytes:
        """Return the answer's body."""
        status, title = PROBLEMS[self.code]
        told: dict[str, Any] = {
            "type": f"urn:recommender:problem:{self.code}",
            "title": title,
            "status": status,
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.errors:
            told["errors"] = self.errors
        return orjson.dumps(told)

    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the answer's headers, without its length."""
        headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store", **self.headers}
        if self.code in _RETRIED:
            headers.setdefault("retry-after", str(_RETRIED[self.code]))
        if self.code == "no-key":
            headers["www-authenticate"] = 'Bearer realm="recommender"'
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def problem_of(error: Exception) -> ProblemError:
    """Return the problem that an error is to callers.

    What the messages of the index say of folders is for the log.
    """
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _http(error)
    if isinstance(error, UnknownArticleError):
        return ProblemError("unknown-article", str(error))
    if isinstance(error, InputError | _ConfigError):
        return ProblemError("impossible", str(error))
    if isinstance(error, IndexLockedError):
        return ProblemError("unavailable", "Another writer is at work on the index. Try again.")
    if isinstance(error, RecommenderError):
        return ProblemError("unavailable", "The index cannot be used just now; the log says why.")
    return ProblemError("failed", "The log tells more under this request id.")


def _invalid(error: RequestValidationError) -> ProblemError:
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return ProblemError("bad-request", "The body is no JSON (RFC 8259).")
    told = tuple(
        {"where": ".".join(map(str, one["loc"]))[:200], "what": str(one["msg"])[:300]}
        for one in found[:20]
    )
    return ProblemError("impossible", "See errors: each says where, and what was expected.", told)


_BY_STATUS: Final = {
    400: ("bad-request", "The body is no JSON (RFC 8259), or too deep."),
    404: ("not-found", "See /openapi.json for what there is."),
    405: ("wrong-method", "See the header Allow."),
}


def _http(error: HTTPException) -> ProblemError:
    code, detail = _BY_STATUS.get(error.status_code, ("failed", ""))
    return ProblemError(code, detail, headers=dict(error.headers or {}))
