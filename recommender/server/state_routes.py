"""Routes for operators: is it alive, is it ready, which index answers, the figures."""

from __future__ import annotations

from typing import Final

from fastapi import Response

from recommender.server.blocks import as_json
from recommender.server.routing import (
    ALWAYS,
    NO_STORE,
    ServiceNow,
    ServingNow,
    in_json,
    problem_responses,
    router,
)
from recommender.server.schemas import State, Version
from recommender.server.service import Service

__all__ = ["ROUTER"]

ROUTER: Final = router()


@ROUTER.get("/healthz", response_model=State, tags=["operations"])
async def healthz(service: ServiceNow) -> Response:
    """Tell that the process is alive; no index is touched."""
    return _state(service, "ok")


@ROUTER.get(
    "/readyz",
    response_model=State,
    tags=["operations"],
    responses={503: {"model": State, "description": "Draining, or the index is stale"}},
)
async def readyz(service: ServiceNow) -> Response:
    """Tell whether requests should be sent here."""
    answer = _state(service, service.complaint or "ready")
    answer.status_code = 200 if service.complaint is None else 503
    return answer


@ROUTER.get(
    "/version",
    response_model=Version,
    tags=["operations"],
    responses=problem_responses(*ALWAYS),
)
async def version(serving: ServingNow, service: ServiceNow) -> Response:
    """Tell what answers here: package, generation, its age."""
    info = serving.answers.info()
    told = {
        "package": service.version,
        "generation": info.generation,
        "built_at": info.built_at,
        "age_seconds": info.age_seconds,
        "articles": info.articles,
        "behind": service.behind,
        "stale": service.is_stale,
    }
    return in_json(as_json(told))


@ROUTER.get(
    "/metrics",
    response_class=Response,
    tags=["operations"],
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problem_responses(*ALWAYS),
    },
)
async def metrics(service: ServiceNow) -> Response:
    """Return the figures of all workers, for Prometheus."""
    kind = service.metrics.content_type
    return Response(service.metrics.text(), headers={**NO_STORE, "content-type": kind})


def _state(service: Service, status: str) -> Response:
    serving = service.serving
    told = {"status": status, "generation": serving.generation, "age_seconds": serving.age}
    return in_json(as_json(told))
