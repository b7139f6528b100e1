"""Blocks as bytes: made once, answered many times, dropped when the generation moves."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import heapq
import json
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import orjson

from recommender.answers import Answers
from recommender.article import Block, to_json
from recommender.errors import UnknownArticleError
from recommender.server.html import block_html
from recommender.server.options import unveils
from recommender.server_settings import ServerSettings

__all__ = ["Address", "BlockBytes", "Question", "Serving", "as_json", "told"]

_OPTIONS: Final = orjson.OPT_UTC_Z
_LEAST_PACKED: Final = 1024
_ENTRY_BYTES: Final = 1000  # what an entry takes besides its bytes
_GZIP: Final = 31  # what zlib calls that format
_LIFETIME_RATIO: Final = 0.02

Headers = list[tuple[bytes, bytes]]
Address = tuple[bytes, bytes]
"""Path and query, as they were sent."""


def as_json(value: Any) -> bytes:
    """Return a Block, an Explanation, ... as JSON: what ``article.to_json`` says, quicker."""
    try:
        return orjson.dumps(value, option=_OPTIONS, default=dict)
    except TypeError:  # columns kept for the card may hold numbers of any size
        return json.dumps(to_json(value), ensure_ascii=False).encode()


def told(answers: Answers, block: Block) -> Block:
    """Return a block as callers are told it: of what is yet to be published not even an id."""
    if not block.removed:
        return block
    known = [(one, answers.find(one.id)) for one in block.removed]
    is_early, now = answers.ranker.eligibility.is_early, time.time()
    shown = tuple(one for one, doc in known if doc is None or not is_early(doc, now))
    return replace(block, removed=shown)


@dataclass(frozen=True, slots=True)
class Question:
    """What a block is asked for.

    Attributes
    ----------
    key : id or URL
    options : as ``Recommender.related`` takes them
    is_html : the answer is HTML
    """

    key: str
    options: Mapping[str, Any]
    is_html: bool = False

    @property
    def unveils(self) -> bool:
        """Whether the answer is for this caller alone."""
        return unveils(self.options)


@dataclass(slots=True)
class BlockBytes:
    """A finished answer.

    Attributes
    ----------
    question : what it answers
    body : bytes, packed with gzip from when somebody took it so
    etag : of what a reader sees of it, so that it survives being made anew
    headers : besides the length
    until : moment, monotonic, from which it is made anew
    is_packed : what the body is
    n_asked : how often it was answered again; half of what its like in the generation before was
    counted : bytes that whoever keeps it counts for it
    """

    question: Question
    body: bytes
    etag: bytes
    headers: Headers
    until: float
    is_packed: bool = False
    n_asked: int = 0
    counted: int = 0

    def for_caller(self, takes_gzip: bool) -> tuple[bytes, Headers]:
        """Return body and headers for a caller that takes gzip, or does not."""
        if takes_gzip and not self.is_packed and len(self.body) >= _LEAST_PACKED:
            self.body, self.is_packed = gzip.compress(self.body, 5, mtime=0), True
        body, headers = self.body, [*self.headers]
        if self.is_packed and takes_gzip:
            headers.append((b"content-encoding", b"gzip"))
        elif self.is_packed:
            body = zlib.decompress(body, _GZIP)
        headers.append((b"content-length", b"%d" % len(body)))
        return body, headers


class Serving:
    """One generation as it is served: its answers, and what of them is finished.

    It is replaced as a whole by the next one, so no answer mixes two generations.

    Parameters
    ----------
    answers : Answers
    settings : ServerSettings
    """

    def __init__(self, answers: Answers, settings: ServerSettings) -> None:
        self.answers = answers
        self._settings = settings
        self.built = answers.index.built_at.timestamp()
        self.generation = answers.index.manifest.generation
        self.generation_header = b"%d" % self.generation
        self._kept: OrderedDict[Address, BlockBytes] = OrderedDict()
        self._size, self._room = 0, settings.cache_mb * 1_000_000
        self._under_way: dict[Address, asyncio.Future[BlockBytes]] = {}

    @property
    def age(self) -> float:
        """Age of the generation in seconds; never negative, whatever the clock does."""
        return max(0.0, time.time() - self.built)

    @property
    def size(self) -> int:
        """Bytes of memory, about, that finished answers take."""
        return self._size

    # --- finished answers: only the event loop's thread comes here ---

    def find(self, address: Address) -> BlockBytes | None:
        """Return the finished answer of an address."""
        found = self._kept.get(address)
        if found is None or found.until < time.monotonic():
            return None
        self._kept.move_to_end(address)
        found.n_asked += 1
        self._count(address, found)
        return found

    async def once(
        self, address: Address, begin: Callable[[], asyncio.Future[BlockBytes]]
    ) -> BlockBytes:
        """Return what is begun, and keep it; who asks for it meanwhile waits for the same."""
        making = self._under_way.get(address)
        if making is None:
            making = begin()
            self._under_way[address] = making
            making.add_done_callback(partial(self._finish, address))
        return await asyncio.shield(making)

    def _finish(self, address: Address, making: asyncio.Future[BlockBytes]) -> None:
        del self._under_way[address]
        if not making.cancelled() and making.exception() is None:
            self.keep(address, making.result())

    def keep(self, address: Address, made: BlockBytes) -> None:
        """Keep a finished answer; the one not asked for longest makes room."""
        if _taken_by(address, made) > self._room // 8:
            return
        self._forget(address)
        self._kept[address] = made
        self._count(address, made)
        while self._size > self._room:
            self._forget(next(iter(self._kept)))

    def _count(self, address: Address, made: BlockBytes) -> None:
        """Count what a finished answer takes by now: less, once it is packed."""
        size = _taken_by(address, made)
        self._size += size - made.counted
        made.counted = size

    def _forget(self, address: Address) -> None:
        gone = self._kept.pop(address, None)
        if gone is not None:
            self._size -= gone.counted
            gone.counted = 0

    def hottest(self, n: int) -> list[tuple[Address, Question, int]]:
        """Return what was asked for most, and how often; nothing that was asked for only once."""
        several = (kept for kept in self._kept.items() if kept[1].n_asked)
        most = heapq.nlargest(n, several, key=lambda kept: kept[1].n_asked)
        return [(address, made.question, made.n_asked) for address, made in most]

    # --- making ---

    def block(self, question: Question) -> Block:
        """Return the block that answers a question.

        Raises
        ------
        UnknownArticleError : no such article, and the setting ``unknown`` says 404
        InputError, ConfigError : an option that cannot be
        """
        try:
            return told(self.answers, self.answers.related(question.key, **question.options))
        except UnknownArticleError:
            if self._settings.unknown == "404":
                raise
        return told(self.answers, self.answers.without_article(**question.options))

    def make(self, question: Question) -> tuple[BlockBytes, Block]:
        """Return the finished answer to a question, and the block it shows."""
        block = self.block(question)
        render = self._html if question.is_html else self._json
        body, seen, kind = render(block)
        more = [(b"content-security-policy", b"default-src 'none'")] if question.is_html else []
        etag = b'W/"%s"' % hashlib.blake2b(seen, digest_size=12).hexdigest().encode()
        headers = [
            *more,
            (b"content-type", kind),
            (b"cache-control", b"no-store" if question.unveils else self._caching(block)),
            (b"etag", etag),
            (b"vary", b"accept-encoding"),
        ]
        until = time.monotonic() + self._settings.cache_seconds
        exact = bytes(memoryview(body))  # orjson leaves two and a half times the room behind it
        return BlockBytes(question, exact, etag, headers, until), block

    def _json(self, block: Block) -> tuple[bytes, bytes, bytes]:
        seen = as_json([block.source, block.cards, block.fallback_used])
        return as_json(block), seen, b"application/json"

    def _html(self, block: Block) -> tuple[bytes, bytes, bytes]:
        size = self._settings.image_width, self._settings.image_height
        page = block_html(block, size).encode()
        seen = page.replace(block.request_id.encode() or b"\0", b"")
        return page, seen, b"text/html; charset=utf-8"

    def _caching(self, block: Block) -> bytes:
        """Return what caches may do with a block."""
        again = self._settings.revalidate_seconds
        return (
            f"public, max-age={self._lifetime(block)}, "
            f"stale-while-revalidate={again}, stale-if-error={again}"
        ).encode()

    def _lifetime(self, block: Block) -> int:
        """Return for how many seconds callers may keep a block: longer for older articles."""
        least, most = self._settings.fresh_seconds, self._settings.old_seconds
        doc = self.answers.find(block.source.id) if block.source.id else None
        stated = self.answers.index.card(doc).get("published_at") if doc is not None else None
        if stated is None:
            return least
        age = (datetime.now(UTC) - datetime.fromisoformat(stated)).total_seconds()
        return int(min(most, max(least, age * _LIFETIME_RATIO)))


def _taken_by(address: Address, made: BlockBytes) -> int:
    """Return the bytes of memory, about, that a finished answer takes with its address."""
    path, query = address  # and the question says what they say once more
    return len(made.body) + 2 * (len(path) + len(query)) + _ENTRY_BYTES
