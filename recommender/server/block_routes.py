"""Routes of blocks that FastAPI describes and checks: drafts, pages, batches, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request, Response

from recommender._languages import normalize_lang
from recommender.answers import Answers, Explanation, Verdict
from recommender.article import Block
from recommender.errors import InputError, UnknownArticleError
from recommender.server.blocks import as_json, told
from recommender.server.options import check_options, options_from
from recommender.server.routing import (
    ALWAYS,
    WITH_BODY,
    ArticleId,
    Key,
    ServiceNow,
    ServingNow,
    TermsNow,
    in_json,
    problem_responses,
    router,
)
from recommender.server.schemas import ArticleIn, Batch, BatchAsk, DraftAsk, PageAsk, Story

__all__ = ["ROUTER"]

ROUTER: Final = router()


@ROUTER.post(
    "/v1/related",
    response_model=Block,
    tags=["blocks"],
    responses=problem_responses(*ALWAYS, *WITH_BODY, 404),
)
async def related_to_draft(
    asked: DraftAsk, serving: ServingNow, service: ServiceNow, terms: TermsNow
) -> Response:
    """Return the block of a text that need not be in the index, or of several articles."""
    options = check_options(asked.options, terms)
    made = await service.lane.run(_one_block, serving.answers, asked, options)
    return in_json(as_json(made))


@ROUTER.post(
    "/v1/related/page",
    response_model=dict[str, Block],
    tags=["blocks"],
    responses=problem_responses(*ALWAYS, *WITH_BODY, 404),
)
async def related_page(
    asked: PageAsk, serving: ServingNow, service: ServiceNow, terms: TermsNow
) -> Response:
    """Return all blocks of an article's page, with no card twice and none that it shows."""
    blocks = {name: check_options(options, terms) for name, options in asked.blocks.items()}
    if any("explain" in options for options in blocks.values()):
        raise InputError("The blocks of a page are not explained; ask for one of them.")
    answers = serving.answers
    page = await service.lane.run(_page, answers, asked.key, blocks, asked.exclude_ids)
    return in_json(as_json(page))


@ROUTER.post(
    "/v1/related/batch",
    response_model=Batch,
    tags=["blocks"],
    responses=problem_responses(*ALWAYS, *WITH_BODY),
)
async def related_batch(
    asked: BatchAsk, serving: ServingNow, service: ServiceNow, terms: TermsNow
) -> Response:
    """Return the blocks of several articles, all from one generation."""
    options = check_options(asked.options, terms)
    return in_json(await service.lane.run(_batch, serving.answers, asked, options))


@ROUTER.get(
    "/v1/explain",
    response_model=Explanation,
    tags=["blocks"],
    responses=problem_responses(*ALWAYS, 404),
)
async def explain(id: Key, other: Key, serving: ServingNow, service: ServiceNow) -> Response:
    """Return why one article is near another: every shared term with its share."""
    return in_json(as_json(await service.lane.run(serving.answers.explain, id, other)))


@ROUTER.get(
    "/v1/why-not",
    response_model=Verdict,
    tags=["blocks"],
    responses=problem_responses(*ALWAYS, 404),
)
async def why_not(
    id: Key,
    other: Key,
    request: Request,
    serving: ServingNow,
    service: ServiceNow,
    terms: TermsNow,
) -> Response:
    """Return why an article is no card under another, or where it stands.

    Options of the block are parameters besides, as for the block itself.
    """
    pairs = [(n, v) for n, v in request.query_params.multi_items() if n not in ("id", "other")]
    options = options_from(pairs, terms)
    if "explain" in options:
        raise InputError("There is no option 'explain' here.")
    verdict = await service.lane.run(_verdict, serving.answers, (id, other), options)
    return in_json(as_json(verdict))


@ROUTER.get(
    "/v1/stories/{id}",
    response_model=Story,
    tags=["blocks"],
    responses=problem_responses(*ALWAYS, 404),
)
async def story(article_id: ArticleId, serving: ServingNow, service: ServiceNow) -> Response:
    """Return the running story that an article belongs to."""
    name, cards = await service.lane.run(serving.answers.story, article_id)
    return in_json(as_json({"id": name, "cards": cards}))


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
    # What cannot be is told, also where no key is known.
    answers.ask_for({name: value for name, value in options.items() if name != "explain"})
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
