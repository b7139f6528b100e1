"""JSON records: one object a line, or objects over many lines, in an array or not."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from recommender.ingest.rejections import RejectionReason
from recommender.ingest.repair import judge_broken
from recommender.ingest.streams import Line, SourceFile

__all__ = ["json_records"]

Record = tuple[int, Mapping[str, Any]]

# strict=False: a tab or line end inside a string is what careless exports write; repair_text deals
# with it.
_DECODER = json.JSONDecoder(strict=False)
_CHUNK_BYTES = 2**20
_BETWEEN = re.compile(r"[\s,\]\[\ufeff]*+")
# After a broken object: the next line, or the next comma, behind which an object opens.
_NEXT_OBJECT = re.compile(r"(?:\}\s*+,?\s*+|\n[ \t]*+)(?=\{)")
_TOO_DEEP = "nested too deep"


def json_records(source: SourceFile) -> Iterator[Record]:
    """Yield (line number, object) of a file; what is broken is rejected and the rest read on.

    Memory is bounded by ``max_article_bytes`` in both layouts.
    """
    head = source.head.removeprefix(codecs.BOM_UTF8).lstrip()
    first = head.split(b"\n", 1)[0].strip()
    # A line that is "{" or ends as a member does is the first of an object spread over several.
    spread = first == b"{" or (first.startswith(b"{") and first.endswith((b",", b"[", b":", b"{")))
    if head.startswith(b"[") or (spread and not _second_opens(head)):
        return _ObjectStream(source).records()
    return _line_records(source)


def _second_opens(head: bytes) -> bool:
    """Whether the second line begins an object too: then the first is merely broken."""
    second = head.split(b"\n", 2)[1:2]
    return bool(second) and second[0].lstrip().startswith(b"{")


def _line_records(source: SourceFile) -> Iterator[Record]:
    decode = _DECODER.decode
    for line in source.lines():
        if not line.data or line.data.isspace():
            continue
        text = source.text(line)
        if text is None:
            continue
        try:
            record = decode(text)
        except (ValueError, RecursionError) as error:
            source.reject(RejectionReason.BROKEN_JSON, _why(error), line)
            continue
        if isinstance(record, dict):
            yield line.number, record
        else:
            source.reject(RejectionReason.NOT_AN_OBJECT, _no_object(record), line)


def _why(error: Exception) -> str:
    return _TOO_DEEP if isinstance(error, RecursionError) else f"no JSON: {error}"


def _no_object(record: Any) -> str:
    return f'a JSON {type(record).__name__}; expected an object like {{"id": ..., "title": ...}}'


class _ObjectStream:
    """Reads objects one after another from a growing window of text."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(source.encoding)("surrogateescape")
        self._text = ""
        self._at = 0
        self._line = 1
        self._counted = 0  # up to where in the window line ends have been counted
        self._ended = False

    def records(self) -> Iterator[Record]:
        while self._skip_between():
            found = self._next_value()
            if found is None:
                continue
            start, record = found
            number = self._line_at(start)
            if not self._sound(start, number):
                continue
            if isinstance(record, dict):
                yield number, record
            else:
                self._reject(RejectionReason.NOT_AN_OBJECT, _no_object(record), start)

    def _skip_between(self) -> bool:
        """Move to the next value; False at the end."""
        while True:
            match = _BETWEEN.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return True
            if not self._more(_CHUNK_BYTES):
                return False

    def _next_value(self) -> tuple[int, Any] | None:
        """Return where the next value starts and the value; None after a rejection."""
        size = _CHUNK_BYTES
        while True:
            start = self._at
            try:
                value, self._at = _DECODER.raw_decode(self._text, start)
            except json.JSONDecodeError as error:
                if not self._longer(error, size):
                    return None
                # Twice as much each time: a large object is not parsed again for every chunk.
                size = min(2 * size, self._source.settings.max_article_bytes)
            except (ValueError, RecursionError) as error:
                self._pass_over(RejectionReason.BROKEN_JSON, _why(error), start + 1)
                return None
            else:
                return start, value

    def _longer(self, error: json.JSONDecodeError, size: int) -> bool:
        """Read on where the parser lacked text; else reject the value and return False."""
        wants = error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - 16
        limit = self._source.settings.max_article_bytes
        if not wants:
            self._pass_over(RejectionReason.BROKEN_JSON, f"no JSON: {error.msg}", error.pos)
        elif len(self._text) - self._at > limit:
            detail = f"longer than max_article_bytes ({limit:,})"
            self._pass_over(RejectionReason.TOO_LARGE, detail, self._at + 1)
        elif self._more(size):
            return True
        elif self._source.fault is not None:
            self._at = len(self._text)  # the end that was lost; finish() reports it
        else:
            self._pass_over(RejectionReason.BROKEN_JSON, f"no JSON: {error.msg}", self._at + 1)
        return False

    def _pass_over(self, reason: RejectionReason, detail: str, search_from: int) -> None:
        """Reject the value here and go on at the next object."""
        self._reject(reason, detail, self._at)
        self._at = max(self._at + 1, min(search_from, len(self._text)))
        while True:
            match = _NEXT_OBJECT.search(self._text, max(self._at - 1, 0))
            if match is not None:
                self._at = match.end()
                return
            # Keep the last characters: the place looked for may lie across the border.
            self._at = max(self._at, len(self._text) - 64)
            if not self._more(_CHUNK_BYTES):
                self._at = len(self._text)
                return

    def _more(self, size: int) -> bool:
        """Drop what is read, append the next ``size`` bytes; False at the end."""
        if self._ended:
            return False
        self._line_at(self._at)
        data = self._source.stream.read(size)
        self._ended = not data
        self._text = self._text[self._at :] + self._decoder.decode(data, self._ended)
        self._at = self._counted = 0
        return bool(data)

    def _line_at(self, position: int) -> int:
        if position > self._counted:
            self._line += self._text.count("\n", self._counted, position)
            self._counted = position
        return self._line

    def _sound(self, start: int, number: int) -> bool:
        """Whether the value just read is in the right encoding; rejects it where it is not."""
        written = self._text[start : self._at]
        if written.isascii():
            return True
        note = partial(self._source.rejections.notice, file=self._source.name, line=number)
        if judge_broken(written, note) is not None:
            return True
        detail = (
            f"bytes that are not {self._source.encoding}; "
            "state the file's own as encoding in the [ingest] settings"
        )
        self._reject(RejectionReason.WRONG_ENCODING, detail, start)
        return False

    def _reject(self, reason: RejectionReason, detail: str, start: int) -> None:
        raw = self._text[start : start + 2**16].encode("utf-8", "surrogateescape")
        self._source.reject(reason, detail, Line(self._line_at(start), raw, whole=True))
