"""The routes that FastAPI describes and checks: everything but the blocks of page views."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.routing import APIRoute

from recommender._languages import normalize_lang
from recommender.answers import Answers, Explanation, Verdict
from recommender.article import Block, to_json
from recommender.errors import InputError, UnknownArticleError
from recommender.server.blocks import Serving, as_json, told
from recommender.server.hot import article_key
from recommender.server.options import Terms, check_options, options_from
from recommender.server.problems import MEDIA_TYPE, ProblemError
from recommender.server.schemas import (
    ArticleIn,
    ArticleOut,
    Batch,
    BatchAsk,
    Bulk,
    Deletion,
    DraftAsk,
    FeedbackIn,
    PageAsk,
    Report,
    State,
    Story,
    Version,
)
from recommender.server.service import Service
from recommender.server.writing import Change

__all__ = ["ROUTER", "problem_responses"]

_JSON: Final = "application/json"
_NO_STORE: Final = {"cache-control": "no-store"}
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


_ALWAYS: Final = (400, 401, 403, 421, 422, 429, 503)
_WITH_BODY: Final = (408, 413, 415)


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


def _service(request: Request) -> Service:
    found: Service = request.scope["service"]
    return found


def _terms(request: Request) -> Terms:
    asked = request.scope["asked"]
    return _service(request).terms(asked.serving, is_admin=asked.is_admin)


_Id = Annotated[str, Depends(_article_id)]
_Serving = Annotated[Serving, Depends(_serving)]
_Service = Annotated[Service, Depends(_service)]
_Terms = Annotated[Terms, Depends(_terms)]
_Key = Annotated[str, Query(min_length=1, max_length=2000)]


def _no_parameters(request: Request) -> None:
    """Refuse parameters where there are none: a misspelt one would be passed over."""
    path = request.scope["path"]
    if path == "/v1/why-not":
        return  # its own are looked at there
    known = {"id", "other"} if path == "/v1/explain" else set()
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise ProblemError("impossible", f"There is no parameter {unknown[0][:60]!r} here.")


def _bytes(body: bytes, **headers: str) -> Response:
    return Response(body, media_type=_JSON, headers={**_NO_STORE, **headers})


ROUTER: Final = APIRouter(route_class=_StrictRoute, dependencies=[Depends(_no_parameters)])
"""The routes; guard and application put the service into the scope of each request."""


# --- state ---


@ROUTER.get("/healthz", response_model=State, tags=["operations"])
async def healthz(service: _Service) -> Response:
    """Tell that the process is alive; no index is touched."""
    return _state(service, "ok")


@ROUTER.get(
    "/readyz",
    response_model=State,
    tags=["operations"],
    responses={503: {"model": State, "description": "Draining, or the index is stale"}},
)
async def readyz(service: _Service) -> Response:
    """Tell whether requests should be sent here."""
    answer = _state(service, service.complaint or "ready")
    answer.status_code = 200 if service.complaint is None else 503
    return answer


@ROUTER.get(
    "/version",
    response_model=Version,
    tags=["operations"],
    responses=problem_responses(*_ALWAYS),
)
async def version(serving: _Serving, service: _Service) -> Response:
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
    return _bytes(as_json(told))


@ROUTER.get(
    "/metrics",
    response_class=Response,
    tags=["operations"],
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problem_responses(*_ALWAYS),
    },
)
async def metrics(service: _Service) -> Response:
    """Return the figures of all workers, for Prometheus."""
    kind = service.metrics.content_type
    return Response(service.metrics.text(), headers={**_NO_STORE, "content-type": kind})


def _state(service: Service, status: str) -> Response:
    serving = service.serving
    told = {"status": status, "generation": serving.generation, "age_seconds": serving.age}
    return _bytes(as_json(told))


# --- blocks ---


@ROUTER.post(
    "/v1/related",
    response_model=Block,
    tags=["blocks"],
    responses=problem_responses(*_ALWAYS, *_WITH_BODY, 404),
)
async def related_to_draft(
    asked: DraftAsk, serving: _Serving, service: _Service, terms: _Terms
) -> Response:
    """Return the block of a text that need not be in the index, or of several articles."""
    options = check_options(asked.options, terms)
    made = await service.lane.run(_one_block, serving.answers, asked, options)
    return _bytes(as_json(made))


@ROUTER.post(
    "/v1/related/page",
    response_model=dict[str, Block],
    tags=["blocks"],
    responses=problem_responses(*_ALWAYS, *_WITH_BODY, 404),
)
async def related_page(
    asked: PageAsk, serving: _Serving, service: _Service, terms: _Terms
) -> Response:
    """Return all blocks of an article's page, with no card twice and none that it shows."""
    blocks = {name: check_options(options, terms) for name, options in asked.blocks.items()}
    if any("explain" in options for options in blocks.values()):
        raise InputError("The blocks of a page are not explained; ask for one of them.")
    answers = serving.answers
    page = await service.lane.run(_page, answers, asked.key, blocks, asked.exclude_ids)
    return _bytes(as_json(page))


@ROUTER.post(
    "/v1/related/batch",
    response_model=Batch,
    tags=["blocks"],
    responses=problem_responses(*_ALWAYS, *_WITH_BODY),
)
async def related_batch(
    asked: BatchAsk, serving: _Serving, service: _Service, terms: _Terms
) -> Response:
    """Return the blocks of several articles, all from one generation."""
    options = check_options(asked.options, terms)
    return _bytes(await service.lane.run(_batch, serving.answers, asked, options))


@ROUTER.get(
    "/v1/explain",
    response_model=Explanation,
    tags=["blocks"],
    responses=problem_responses(*_ALWAYS, 404),
)
async def explain(id: _Key, other: _Key, serving: _Serving, service: _Service) -> Response:
    """Return why one article is near another: every shared term with its share."""
    return _bytes(as_json(await service.lane.run(serving.answers.explain, id, other)))


@ROUTER.get(
    "/v1/why-not",
    response_model=Verdict,
    tags=["blocks"],
    responses=problem_responses(*_ALWAYS, 404),
)
async def why_not(
    id: _Key,
    other: _Key,
    request: Request,
    serving: _Serving,
    service: _Service,
    terms: _Terms,
) -> Response:
    """Return why an article is no card under another, or where it stands.

    Options of the block are parameters besides, as for the block itself.
    """
    pairs = [(n, v) for n, v in request.query_params.multi_items() if n not in ("id", "other")]
    options = options_from(pairs, terms)
    if "explain" in options:
        raise InputError("There is no option 'explain' here.")
    verdict = await service.lane.run(_verdict, serving.answers, (id, other), options)
    return _bytes(as_json(verdict))


@ROUTER.get(
    "/v1/stories/{id}",
    response_model=Story,
    tags=["blocks"],
    responses=problem_responses(*_ALWAYS, 404),
)
async def story(article_id: _Id, serving: _Serving, service: _Service) -> Response:
    """Return the running story that an article belongs to."""
    name, cards = await service.lane.run(serving.answers.story, article_id)
    return _bytes(as_json({"id": name, "cards": cards}))


def _verdict(answers: Answers, pair: tuple[str, str], options: Mapping[str, Any]) -> Verdict:
    return answers.why_not(*pair, **options)


def _page(
    answers: Answers, key: str, blocks: Mapping[str, Mapping[str, Any]], shown: list[str]
) -> dict[str, Block]:
    return answers.related_page(key, blocks, exclude_ids=shown)


def _one_block(answers: Answers, asked: DraftAsk, options: Mapping[str, Any]) -> Block:
    if asked.article is None:
        return told(answers, answers.related_to_several(asked.keys, **options))
    return _draft_block(answers, asked.article, options)


def _draft_block(answers: Answers, article: ArticleIn, options: Mapping[str, Any]) -> Block:
    if article.lang and normalize_lang(article.lang) is None:
        raise InputError(f"lang is {article.lang!r}; expected a code such as uk, ru or en.")
    return told(answers, answers.related_to_article(article.record(), **options))


def _batch(answers: Answers, asked: BatchAsk, options: Mapping[str, Any]) -> bytes:
    blocks: list[Block | None] = []
    missing = []
    for key in asked.keys:
        try:
            blocks.append(told(answers, answers.related(key, **options)))
        except UnknownArticleError:
            blocks.append(None)
            missing.append(key)
    blocks += [_draft_block(answers, article, options) for article in asked.articles]
    return as_json({"blocks": blocks, "missing_keys": missing})


# --- articles ---


@ROUTER.get(
    "/v1/articles/{id}",
    response_model=ArticleOut,
    tags=["articles"],
    responses=problem_responses(*_ALWAYS, 404),
)
async def article(article_id: _Id, serving: _Serving) -> Response:
    """Return what the index knows of an article."""
    return _bytes(as_json(_stored(serving.answers, article_id)))


@ROUTER.put(
    "/v1/articles/{id}",
    response_model=Report,
    tags=["articles"],
    responses=problem_responses(*_ALWAYS, *_WITH_BODY),
)
async def put_article(article_id: _Id, given: ArticleIn, request: Request) -> Response:
    """Add an article, or put it in the place of an older version."""
    if given.id is not None and given.id != article_id:
        raise InputError("The body has another id than the address.")
    report = await _commit(request, Change([{**given.record(), "id": article_id}]))
    if report["rejected"]:
        why = report["rejections"][0]
        raise InputError(f"The article was rejected ({why['reason']}): {why['detail']}")
    return _bytes(as_json(report))


@ROUTER.delete(
    "/v1/articles/{id}",
    response_model=Report,
    tags=["articles"],
    responses=problem_responses(*_ALWAYS),
)
async def delete_article(article_id: _Id, request: Request) -> Response:
    """Delete an article. One that is not there does no harm, and is named in unknown_ids."""
    return _bytes(as_json(await _commit(request, Change(ids=[article_id]))))


@ROUTER.post(
    "/v1/articles",
    response_model=Report,
    tags=["articles"],
    responses=problem_responses(*_ALWAYS, *_WITH_BODY),
)
async def put_articles(given: Bulk, request: Request) -> Response:
    """Add many articles, all at once; those that cannot be used are counted and named."""
    records = [article.record() for article in given.articles]
    return _bytes(as_json(await _commit(request, Change(records))))


@ROUTER.post(
    "/v1/deletions",
    response_model=Report,
    tags=["articles"],
    responses=problem_responses(*_ALWAYS, *_WITH_BODY),
)
async def delete_articles(given: Deletion, request: Request) -> Response:
    """Delete many articles, all at once."""
    return _bytes(as_json(await _commit(request, Change(ids=given.ids))))


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
    service = _service(request)
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
    responses=problem_responses(*_ALWAYS, *_WITH_BODY, 404),
)
async def feedback(given: FeedbackIn, service: _Service) -> Response:
    """Take impressions and clicks of blocks, by the block's request_id."""
    if service.feedback is None:
        raise ProblemError("feedback-off", "Set [server] feedback to a file.")
    events = [event.model_dump(exclude_none=True) for event in given.events]
    service.feedback.append(events)
    for event in given.events:
        service.metrics.feedback.labels(event.kind).inc()
    return Response(status_code=204, headers=_NO_STORE)
