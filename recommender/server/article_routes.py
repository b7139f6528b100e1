"""Routes of articles, put, asked for and deleted, and of what readers did with their blocks."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request, Response

from recommender.answers import Answers
from recommender.article import to_json
from recommender.errors import InputError
from recommender.server.blocks import as_json
from recommender.server.problems import ProblemError
from recommender.server.routing import (
    ALWAYS,
    NO_STORE,
    WITH_BODY,
    ArticleId,
    ServiceNow,
    ServingNow,
    in_json,
    problem_responses,
    router,
    service_of,
)
from recommender.server.schemas import ArticleIn, ArticleOut, Bulk, Deletion, FeedbackIn, Report
from recommender.server.writing import Change

__all__ = ["ROUTER"]

ROUTER: Final = router()


@ROUTER.get(
    "/v1/articles/{id}",
    response_model=ArticleOut,
    tags=["articles"],
    responses=problem_responses(*ALWAYS, 404),
)
async def article(article_id: ArticleId, serving: ServingNow) -> Response:
    """Return what the index knows of an article."""
    return in_json(as_json(_stored(serving.answers, article_id)))


@ROUTER.put(
    "/v1/articles/{id}",
    response_model=Report,
    tags=["articles"],
    responses=problem_responses(*ALWAYS, *WITH_BODY),
)
async def put_article(article_id: ArticleId, given: ArticleIn, request: Request) -> Response:
    """Add an article, or put it in the place of an older version."""
    if given.id is not None and given.id != article_id:
        raise InputError("The body has another id than the address.")
    report = await _commit(request, Change([{**given.record(), "id": article_id}]))
    if report["rejected"]:
        why = report["rejections"][0]
        raise InputError(f"The article was rejected ({why['reason']}): {why['detail']}")
    return in_json(as_json(report))


@ROUTER.delete(
    "/v1/articles/{id}",
    response_model=Report,
    tags=["articles"],
    responses=problem_responses(*ALWAYS),
)
async def delete_article(article_id: ArticleId, request: Request) -> Response:
    """Delete an article. One that is not there does no harm, and is named in unknown_ids."""
    return in_json(as_json(await _commit(request, Change(ids=[article_id]))))


@ROUTER.post(
    "/v1/articles",
    response_model=Report,
    tags=["articles"],
    responses=problem_responses(*ALWAYS, *WITH_BODY),
)
async def put_articles(given: Bulk, request: Request) -> Response:
    """Add many articles, all at once; those that cannot be used are counted and named."""
    records = [article.record() for article in given.articles]
    return in_json(as_json(await _commit(request, Change(records))))


@ROUTER.post(
    "/v1/deletions",
    response_model=Report,
    tags=["articles"],
    responses=problem_responses(*ALWAYS, *WITH_BODY),
)
async def delete_articles(given: Deletion, request: Request) -> Response:
    """Delete many articles, all at once."""
    return in_json(as_json(await _commit(request, Change(ids=given.ids))))


def _stored(answers: Answers, article_id: str) -> dict[str, Any]:
    index = answers.index
    doc = answers.doc_of(article_id)
    card = index.card(doc)
    names = ("url", "title", "lead", "section", "published_at", "updated_at", "image", "label")
    return {
        "id": index.article_id(doc),
        "lang": index.language(doc),
        **{name: to_json(card.get(name)) for name in names},
        "title": card.get("title", ""),
        "authors": list(card.get("authors", ())),
        "extra": card.get("extra", {}),
    }


async def _commit(request: Request, change: Change) -> dict[str, Any]:
    """Have a change made, and answer from what it made."""
    service = service_of(request)
    if service.writer is None:
        raise ProblemError(
            "not-allowed", "This service does not change the index ([server] writes)."
        )
    report = await service.writer.commit(change)
    if service.serving.generation != report["generation"]:
        await service.follow()
    request.scope["asked"].serving = service.serving
    return report


# --- feedback ---


@ROUTER.post(
    "/v1/feedback",
    status_code=204,
    tags=["feedback"],
    response_class=Response,
    responses=problem_responses(*ALWAYS, *WITH_BODY, 404),
)
async def feedback(given: FeedbackIn, service: ServiceNow) -> Response:
    """Take impressions and clicks of blocks, by the block's request_id."""
    if service.feedback is None:
        raise ProblemError("feedback-off", "Set [server] feedback to a file.")
    events = [event.model_dump(exclude_none=True) for event in given.events]
    service.feedback.append(events)
    for event in given.events:
        service.metrics.feedback.labels(event.kind).inc()
    return Response(status_code=204, headers=NO_STORE)
