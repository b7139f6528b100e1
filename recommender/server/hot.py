"""The way of a page view: plain ASGI, finished bytes, no framework between."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, unquote

from starlette.types import Receive, Scope, Send

from recommender.server.blocks import BlockBytes, Question
from recommender.server.guard import Asked
from recommender.server.options import options_from
from recommender.server.problems import ProblemError
from recommender.server.service import Service

__all__ = ["BlockRoute", "article_key", "query_pairs"]

_MOST_PARAMETERS: Final = 400
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
        made, block = await service.lane.run(serving.make, question)
        serving.keep(address, made)
        self._count(len(block.cards), block.fallback_used)
        await _answer(made, asked, send)

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
        options = options_from(pairs, self._service.settings.max_limit)
        return Question(key, options, asked.place.path in _IS_HTML)

    def _count(self, n_cards: int, is_fallback: bool) -> None:
        metrics = self._service.metrics
        metrics.made.inc()
        if not n_cards:
            metrics.empty.inc()
        if is_fallback:
            metrics.fallback.inc()


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
