"""The application: guard, then the plain routes of blocks, then what FastAPI describes."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from recommender._version import __version__
from recommender.errors import RecommenderError
from recommender.server import article_routes, block_routes, state_routes
from recommender.server.guard import Guard, told_problem
from recommender.server.hot import BlockRoute
from recommender.server.manual import HEADERS, manual
from recommender.server.options import option_schemas
from recommender.server.places import OPEN, PLACES
from recommender.server.problems import PROBLEMS, ProblemError
from recommender.server.routing import problem_responses
from recommender.server.service import Service
from recommender.server_settings import ServerSettings

__all__ = ["contract_of", "create_app"]


def create_app(service: Service) -> ASGIApp:
    """Return the application of a worker."""
    inner = _described()
    contract = contract_of(service.settings)
    page = Response(manual(contract), headers=HEADERS, media_type="text/html")
    block = BlockRoute(service)
    plain: dict[tuple[str, str], ASGIApp] = {
        ("GET", "/v1/articles/{id}/related"): block,
        ("GET", "/v1/articles/{id}/related.html"): block,
        ("GET", "/v1/related"): block,
        ("GET", "/openapi.json"): Response(orjson.dumps(contract), media_type="application/json"),
        ("GET", "/docs"): page,
    }

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["asked"]
        scope["service"] = service
        chosen = plain.get((asked.method, asked.place.path), inner)
        # HEAD is GET whose body the server leaves out: uvicorn looks at the scope that it made.
        same = scope if scope["method"] == asked.method else {**scope, "method": asked.method}
        await chosen(same, receive, send)

    return Guard(app, service)


def contract_of(settings: ServerSettings) -> dict[str, Any]:
    """Return the contract of a service as OpenAPI has it; without keys it asks for none."""
    told = _openapi_of(_described(), settings.max_limit)
    if settings.keys is not None:
        _ask_for_keys(told)
    return told


def _described() -> FastAPI:
    """Return the part that FastAPI describes. It has no page of its own, which would load a CDN."""
    app = FastAPI(
        title="recommender",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for routes in (state_routes, block_routes, article_routes):
        app.include_router(routes.ROUTER)
    for kind in (ProblemError, RecommenderError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _refused)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """Answer with the problem that an error is."""
    problem = told_problem(error, request.scope["asked"])
    response = Response(problem.body(request.scope["asked"].id.decode()), problem.status)
    response.raw_headers[:] = [*problem.all_headers(), *response.raw_headers]
    return response


_ABOUT = """\
Related articles for news sites. Every answer carries `X-Request-Id`, `X-Index-Generation` and
`X-Index-Age`; what goes wrong is problem+json (RFC 9457), whose `code` is stable. Ids in paths are
percent-encoded; an id or address with slashes is easier asked for with `/v1/related?id=`, `?url=`.
"""


def _openapi_of(app: FastAPI, max_limit: int) -> dict[str, Any]:
    """Return the contract: what FastAPI says of its routes, and the plain ones."""
    told = get_openapi(
        title="recommender",
        version=app.version,
        openapi_version="3.1.0",
        description=_ABOUT,
        routes=app.routes,
    )
    schemas = told["components"]["schemas"]
    schemas["Problem"] = _problem_schema()
    options = option_schemas(max_limit)
    schemas["Options"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": options,
        "description": "Options of a block.",
    }
    for name in ("DraftAsk", "BatchAsk"):
        schemas[name]["properties"]["options"] = {"$ref": "#/components/schemas/Options"}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    parameters = [_parameter(name, schema) for name, schema in options.items()]
    block = "#/components/schemas/Block"
    paths = told["paths"]
    article = _parameter("id", {"type": "string", "minLength": 1, "maxLength": 500}, "path")
    in_json = {"application/json": {"schema": {"$ref": block}}}
    in_html = {"text/html": {"schema": {"type": "string"}}}
    paths["/v1/articles/{id}/related"] = _get(
        "related", "Return the block of an article of the index.", [article, *parameters], in_json
    )
    paths["/v1/articles/{id}/related.html"] = _get(
        "related_html", "Return the block as HTML.", [article, *parameters], in_html
    )
    key = {"type": "string", "minLength": 1, "maxLength": 2000}
    either = [
        _parameter("url", {**key, "description": "Address of the article, in any spelling."}),
        _parameter("id", {**key, "description": "Its id; give either."}),
    ]
    paths["/v1/related"] |= _get(
        "related_by_url", "Return the block of an address.", [*either, *parameters], in_json
    )
    return dict(told)


def _ask_for_keys(told: dict[str, Any]) -> None:
    """Say which addresses need a key, and with which scope."""
    told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            scope = PLACES[path].scopes[method.upper()]
            if scope != OPEN:
                one["security"] = [{"key": [scope]}]


def _problem_schema() -> dict[str, Any]:
    text = {"type": "string"}
    error = {"type": "object", "properties": {"where": text, "what": text}}
    return {
        "type": "object",
        "required": ["type", "title", "status", "code", "detail", "request_id"],
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "code": {"type": "string", "enum": sorted(PROBLEMS)},
            "detail": text,
            "request_id": text,
            "errors": {"type": "array", "items": error},
        },
    }


def _parameter(name: str, schema: dict[str, Any], place: str = "query") -> dict[str, Any]:
    bare = {key: value for key, value in schema.items() if key != "description"}
    told = {"name": name, "in": place, "required": place == "path", "schema": bare}
    if "description" in schema:
        told["description"] = schema["description"]
    return told


def _get(
    name: str, summary: str, parameters: list[dict[str, Any]], content: dict[str, Any]
) -> dict[str, Any]:
    """Return what OpenAPI says of a plain route."""
    problems = problem_responses(400, 401, 403, 404, 421, 422, 429, 503)
    responses: dict[int | str, dict[str, Any]] = {
        200: {"description": "The block", "content": content},
        304: {"description": "What the caller has (If-None-Match) is still true"},
        **problems,
    }
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["blocks"],
            "parameters": parameters,
            "responses": {str(status): told for status, told in responses.items()},
        }
    }
