"""What all described routes share: how bodies are read, what they depend on, what they answer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.routing import APIRoute

from recommender.server.blocks import Serving
from recommender.server.hot import article_key
from recommender.server.options import Terms
from recommender.server.problems import MEDIA_TYPE, ProblemError
from recommender.server.service import Service

__all__ = [
    "ALWAYS",
    "NO_STORE",
    "WITH_BODY",
    "ArticleId",
    "Key",
    "ServiceNow",
    "ServingNow",
    "TermsNow",
    "in_json",
    "problem_responses",
    "router",
    "service_of",
]

_JSON: Final = "application/json"
NO_STORE: Final = {"cache-control": "no-store"}
_PROBLEM: Final = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return, as OpenAPI has it, that an address may answer with problems of these statuses."""
    told = {
        400: "The request cannot be read",
        401: "No key, or one that is not known",
        403: "The key does not allow this",
        404: "There is no such thing",
        405: "The address does not do that",
        408: "The request took too long to arrive",
        413: "The body is too large",
        415: "The body is of another type",
        421: "This service has no such name",
        422: "A value cannot be used",
        429: "Too many requests; see Retry-After",
        503: "Not just now; see Retry-After",
    }
    return {status: {"description": told[status], **_PROBLEM} for status in statuses}


ALWAYS: Final = (400, 401, 403, 421, 422, 429, 503)
WITH_BODY: Final = (408, 413, 415)


class _StrictRequest(Request):
    """A request whose JSON is RFC 8259: no NaN, no lone surrogates, no bottomless nesting."""

    async def json(self) -> Any:
        return orjson.loads(await self.body())


class _StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_StrictRequest(request.scope, request.receive))

        return handle


def _article_id(
    id: Annotated[str, Path(description="Id of the article, percent-encoded.", max_length=3000)],
) -> str:
    return article_key(id)


def _serving(request: Request) -> Serving:
    found: Serving = request.scope["asked"].serving
    return found


def service_of(request: Request) -> Service:
    """Return the service that answers."""
    found: Service = request.scope["service"]
    return found


def _terms(request: Request) -> Terms:
    asked = request.scope["asked"]
    return service_of(request).terms(asked.serving, is_admin=asked.is_admin)


ArticleId = Annotated[str, Depends(_article_id)]
ServingNow = Annotated[Serving, Depends(_serving)]
ServiceNow = Annotated[Service, Depends(service_of)]
TermsNow = Annotated[Terms, Depends(_terms)]
Key = Annotated[str, Query(min_length=1, max_length=2000)]


def _no_parameters(request: Request) -> None:
    """Refuse parameters where there are none: a misspelt one would be passed over."""
    path = request.scope["path"]
    if path == "/v1/why-not":
        return  # its own are looked at there
    known = {"id", "other"} if path == "/v1/explain" else set()
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise ProblemError("impossible", f"There is no parameter {unknown[0][:60]!r} here.")


def in_json(body: bytes, **headers: str) -> Response:
    """Return an answer that nobody keeps."""
    return Response(body, media_type=_JSON, headers={**NO_STORE, **headers})


def router() -> APIRouter:
    """Return a router; guard and application put the service into the scope of each request."""
    return APIRouter(route_class=_StrictRoute, dependencies=[Depends(_no_parameters)])
