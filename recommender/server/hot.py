"""The way of a page view: plain ASGI, finished bytes, no framework between."""

from __future__ import annotations

import asyncio
import time
from typing import Final
from urllib.parse import parse_qsl, unquote

from starlette.types import Receive, Scope, Send

from recommender.article import Block
from recommender.server.blocks import BlockBytes, Question, Serving
from recommender.server.guard import Asked
from recommender.server.options import options_from
from recommender.server.problems import ProblemError
from recommender.server.service import Service

__all__ = ["BlockRoute", "article_key", "query_pairs"]

_MOST_PARAMETERS: Final = 400
Kind = tuple[object, ...]
_IS_HTML: Final = {"/v1/articles/{id}/related.html"}


def article_key(raw: str) -> str:
    """Return the id that a piece of a path means.

    Raises
    ------
    ProblemError : it is no UTF-8
    """
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise ProblemError(
            "bad-request", "The id in the address is no percent-encoded UTF-8."
        ) from error


def query_pairs(query: bytes) -> list[tuple[str, str]]:
    """Return the parameters of an address.

    Raises
    ------
    ProblemError : no UTF-8, or too many
    """
    if not query:
        return []
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError as error:
        raise ProblemError("bad-request", "The parameters cannot be read as UTF-8.") from error


class BlockRoute:
    """Answers for blocks of articles of the index, as JSON or as HTML.

    Parameters
    ----------
    service : Service
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is finished, or make it."""
        service, asked = self._service, scope["asked"]
        serving = asked.serving
        address = scope["raw_path"], scope["query_string"]
        found = serving.find(address)
        if found is not None:
            service.metrics.n_cached += 1
            await _answer(found, asked, send)
            return
        question = self._question(scope, asked)
        if question.unveils:  # or whoever sends the same address would be shown it
            made = await self._begin(serving, question)
        else:
            made = await serving.once(address, lambda: self._begin(serving, question))
        await _answer(made, asked, send)

    def _begin(self, serving: Serving, question: Question) -> asyncio.Future[BlockBytes]:
        """Have an answer made: by this thread if its like is quick, else by one beside it."""
        service, kind = self._service, _kind(question)
        if service.maker.is_quick(kind):
            return service.maker.make(kind, lambda: self._noted(kind, _timed(serving, question)))
        return asyncio.ensure_future(self._made_aside(kind, serving, question))

    async def _made_aside(self, kind: Kind, serving: Serving, question: Question) -> BlockBytes:
        return self._noted(kind, await self._service.lane.run(_timed, serving, question))

    def _noted(self, kind: Kind, timed: tuple[BlockBytes, Block, float]) -> BlockBytes:
        """Take in what became of a block, and what it took."""
        made, block, seconds = timed
        self._service.maker.note(kind, seconds)
        self._count(len(block.cards), block.fallback_used)
        return made

    def _question(self, scope: Scope, asked: Asked) -> Question:
        pairs = query_pairs(scope["query_string"])
        if asked.place.path != "/v1/related":
            key = article_key(scope["path"].split("/")[3])
        else:
            keys = [text for name, text in pairs if name in ("id", "url")]
            if len(keys) != 1:
                raise ProblemError("impossible", "Give either url=ADDRESS or id=ID, once.")
            key = keys[0]
            pairs = [(name, text) for name, text in pairs if name not in ("id", "url")]
        options = options_from(pairs, self._service.terms(asked.serving, is_admin=asked.is_admin))
        return Question(key, options, asked.place.path in _IS_HTML)

    def _count(self, n_cards: int, is_fallback: bool) -> None:
        metrics = self._service.metrics
        metrics.made.inc()
        if not n_cards:
            metrics.empty.inc()
        if is_fallback:
            metrics.fallback.inc()


def _timed(serving: Serving, question: Question) -> tuple[BlockBytes, Block, float]:
    """Return a finished block, and the processor time that it took."""
    started = time.thread_time()
    made, block = serving.make(question)
    return made, block, time.thread_time() - started


def _kind(question: Question) -> Kind:
    """Return what decides how long a block takes: the options, and which words they say."""
    words = {"mode", "languages", "preset", "limit"}
    return tuple((n, v if n in words else None) for n, v in sorted(question.options.items()))


async def _answer(made: BlockBytes, asked: Asked, send: Send) -> None:
    known = asked.known_etags
    if known and _is_known(made.etag, known):
        headers = [header for header in made.headers if header[0] != b"content-type"]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body"})
        return
    body, headers = made.for_caller(asked.takes_gzip)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _is_known(etag: bytes, known: bytes) -> bool:
    """Tell whether one of a caller's tags is this one, weakly compared."""
    if known.strip() == b"*":
        return True
    bare = etag.removeprefix(b"W/")
    return any(tag.strip().removeprefix(b"W/") == bare for tag in known.split(b","))
