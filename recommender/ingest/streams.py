"""Files as bounded streams of lines: unpacked with a guard, cut-off ends reported."""

from __future__ import annotations

import codecs
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from recommender.errors import RecommenderError, SourceNotFoundError
from recommender.ingest.rejections import NoticeKind, RejectionReason, Rejections
from recommender.ingest.repair import decode
from recommender.ingest.settings import IngestSettings

__all__ = ["GzipReader", "Line", "SourceFile", "open_source"]

GZIP_MAGIC = b"\x1f\x8b"
_BUFFER_BYTES = 2**18
_PACKED_BYTES = 2**16
_HEAD_BYTES = 2**16
_RATIO_FROM_BYTES = 64 * 2**20  # small files may pack as well as they like
_KEPT_OF_TOO_LARGE = 2**16
_BOM = codecs.BOM_UTF8
# Where the zero bytes of two Latin letters stand, when no mark names the encoding.
_ZEROS = {b"\0\1\0\1": "utf-16-le", b"\1\0\1\0": "utf-16-be", b"\0\1\1\1": "utf-32-le"}


class GzipReader(io.RawIOBase):
    """Unpacks gzip as it is read; ends early, and says why in ``fault``, instead of raising.

    Parameters
    ----------
    file : open binary file of one or more gzip members
    max_bytes, max_ratio : past either, reading ends with ``fault`` = decompression-limit

    Attributes
    ----------
    fault : RejectionReason or None
    detail : str
        What is wrong, in words, where ``fault`` is set; also set without a fault for bytes behind
        the end.
    """

    def __init__(self, file: BinaryIO, *, max_bytes: int, max_ratio: float) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = b""
        self._bytes_in = 0
        self._bytes_out = 0
        self._ended = False
        self.fault: RejectionReason | None = None
        self.detail = ""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; return the number of bytes, 0 at the end or at a fault."""
        data = self._some(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _some(self, size: int) -> bytes:
        while not self._ended:
            if self._inflate.eof and not self._next_member():
                break
            packed = self._pending or self._read_packed()
            before = self._inflate.copy()
            try:
                data = self._inflate.decompress(packed, size)
            except zlib.error as error:
                self._stop(RejectionReason.CUT_OFF, f"damaged gzip data ({error})")
                return _until_damage(before, packed, size)
            self._pending = self._inflate.unconsumed_tail
            if data:
                return self._counted(data)
            if not packed and not self._inflate.eof:
                return self._stop(RejectionReason.CUT_OFF, "the gzip data end in the middle")
        return b""

    def _read_packed(self) -> bytes:
        packed = self._file.read(_PACKED_BYTES)
        self._bytes_in += len(packed)
        return packed

    def _next_member(self) -> bool:
        """Begin the next member, if one follows; zeros behind the last are padding."""
        rest = self._inflate.unused_data
        while len(rest) < 2 or not rest.strip(b"\0"):
            more = self._read_packed()
            rest = rest.lstrip(b"\0") + more
            if not more:
                break
        rest = rest.lstrip(b"\0")
        if not rest.startswith(GZIP_MAGIC):
            self.detail = "bytes behind the end of the gzip data were passed over" if rest else ""
            self._ended = True
            return False
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = rest
        return True

    def _counted(self, data: bytes) -> bytes:
        self._bytes_out += len(data)
        if self._bytes_out > self._max_bytes:
            reason = f"more than {self._max_bytes:,} bytes (max_decompressed_bytes)"
        elif (
            self._bytes_out > _RATIO_FROM_BYTES
            and self._bytes_out > self._max_ratio * self._bytes_in
        ):
            reason = f"more than {self._max_ratio:g} times its size (max_decompressed_ratio)"
        else:
            return data
        return self._stop(RejectionReason.DECOMPRESSION_LIMIT, f"unpacks to {reason}")

    def _stop(self, fault: RejectionReason, detail: str) -> bytes:
        self.fault, self.detail, self._ended = fault, detail, True
        return b""


def _until_damage(inflate: Any, packed: bytes, size: int) -> bytes:
    """Return what unpacks before the damage; zlib itself gives nothing of a damaged piece."""
    data = bytearray()
    try:
        for at in range(len(packed)):
            data += inflate.decompress(packed[at : at + 1], max(size - len(data), 1))
            if len(data) >= size:
                break
    except zlib.error:
        pass
    return bytes(data[:size])


class Line(NamedTuple):
    """One line as read: its number from 1, its bytes, and whether they are all of it."""

    number: int
    data: bytes
    whole: bool


@dataclass(slots=True)
class SourceFile:
    """An open file of records.

    Attributes
    ----------
    name : str
        As it is shown in messages.
    stream : buffered reader of the unpacked bytes, at their start
    head : bytes
        The first of them (at most 64 KiB), not yet consumed.
    gzip : GzipReader or None
    encoding : str
        Of the stream's lines.
    settings, rejections
    """

    name: str
    stream: io.BufferedReader
    head: bytes
    gzip: GzipReader | None
    encoding: str
    settings: IngestSettings
    rejections: Rejections

    def lines(self) -> Iterator[Line]:
        """Yield the lines with their ends; of one past ``max_article_bytes`` only the beginning.

        The last line of damaged gzip data, when it has no end, is left out: it is part of what was
        lost.
        Memory is bounded by ``max_article_bytes``.
        """
        limit = self.settings.max_article_bytes
        read = self.stream.readline
        number = 0
        while data := read(limit + 1):
            number += 1
            if number == 1:
                data = data.removeprefix(_BOM)
            ended = data.endswith(b"\n")
            if len(data) > limit and not (ended and len(data) == limit + 1):
                self._skip_line(ended)
                yield Line(number, data[:_KEPT_OF_TOO_LARGE], whole=False)
            elif ended or self.fault is None:
                yield Line(number, data, whole=True)

    def text(self, line: Line) -> str | None:
        """Return the line as text, or None after a rejection (too large, wrong encoding)."""
        encoding = self.encoding
        if not line.whole:
            limit = f"{self.settings.max_article_bytes:,}"
            self.reject(RejectionReason.TOO_LARGE, f"longer than max_article_bytes ({limit})", line)
            return None
        try:
            return line.data.decode(encoding)
        except UnicodeDecodeError as error:
            note = partial(self.rejections.notice, file=self.name, line=line.number)
            text = decode(line.data, encoding, note)
            if text is None:
                self.reject(RejectionReason.WRONG_ENCODING, _not_in(encoding, error), line)
            return text

    def reject(self, reason: RejectionReason, detail: str, line: Line | None = None) -> None:
        """Count a rejection at ``line``."""
        number, raw = (line.number, line.data) if line else (None, None)
        self.rejections.add(reason, detail, file=self.name, line=number, raw=raw)

    @property
    def fault(self) -> RejectionReason | None:
        """Why the data ended early, once they have."""
        return None if self.gzip is None else self.gzip.fault

    def finish(self) -> None:
        """Report what was found wrong with the packing; call when the records are out."""
        if self.gzip is None:
            return
        if self.gzip.fault is not None:
            self.reject(self.gzip.fault, f"{self.gzip.detail}; what came before was read")
        elif self.gzip.detail:
            self.rejections.notice(NoticeKind.TRAILING_BYTES, self.gzip.detail, file=self.name)

    def _skip_line(self, ended: bool) -> None:
        while not ended:
            data = self.stream.readline(_BUFFER_BYTES)
            ended = not data or data.endswith(b"\n")


@contextmanager
def open_source(
    path: Path | None, settings: IngestSettings, rejections: Rejections
) -> Iterator[SourceFile]:
    """Open a file (None = standard input), unpacking gzip whatever it is called.

    Raises
    ------
    SourceNotFoundError : it cannot be opened, or reading it fails
    """
    name = "<stdin>" if path is None else str(path)
    try:
        raw = _standard_input() if path is None else path.open("rb", buffering=_BUFFER_BYTES)
    except OSError as error:
        raise SourceNotFoundError(f"Cannot open {name}: {error.strerror}.") from error
    try:
        yield _prepared(name, cast("io.BufferedReader", raw), settings, rejections)
    except OSError as error:
        if isinstance(error, RecommenderError):
            raise  # the quarantine file's trouble, not the source's
        raise SourceNotFoundError(f"Reading {name} failed: {error}.") from error
    finally:
        if path is not None:
            raw.close()


def _standard_input() -> BinaryIO:
    buffer: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        raise SourceNotFoundError("There is no standard input to read: it is closed or no file.")
    return buffer


def _prepared(
    name: str, raw: io.BufferedReader, settings: IngestSettings, rejections: Rejections
) -> SourceFile:
    stream, gzip = raw, None
    if raw.peek(2)[:2] == GZIP_MAGIC:
        gzip = GzipReader(
            raw,
            max_bytes=settings.max_decompressed_bytes,
            max_ratio=settings.max_decompressed_ratio,
        )
        stream = io.BufferedReader(gzip, _BUFFER_BYTES)
    wide = _wide_encoding(stream.peek(4)[:4], settings.encoding)
    if wide:
        stream = io.BufferedReader(_Recoder(stream, wide), _BUFFER_BYTES)
    head = stream.peek(_HEAD_BYTES)[:_HEAD_BYTES]
    encoding = "utf-8" if wide else settings.encoding
    return SourceFile(name, stream, head, gzip, encoding, settings, rejections)


class _Recoder(io.RawIOBase):
    """Turns an encoding in which a line end is not one byte into UTF-8, as it is read."""

    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        final = False
        while not self._pending and not final:
            data = self._stream.read1(_PACKED_BYTES)
            final = not data
            self._pending = self._decoder.decode(data, final).encode("utf-8", "replace")
        size = min(len(buffer), len(self._pending))
        buffer[:size], self._pending = self._pending[:size], self._pending[size:]
        return size


def _wide_encoding(head: bytes, encoding: str) -> str | None:
    """Return the encoding to recode from, where the bytes or the setting say UTF-16 or UTF-32."""
    if head in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "utf-32"
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    zeros = bytes(byte == 0 for byte in head)
    if zeros in _ZEROS:
        return _ZEROS[zeros]
    if "{,\n".encode(encoding, "ignore").removeprefix(_BOM) == b"{,\n":
        return None
    # Without a mark these two would refuse to decode; what has none was written on Windows.
    wide = codecs.lookup(encoding).name
    return f"{wide}-le" if wide in ("utf-16", "utf-32") else wide


def _not_in(encoding: str, error: UnicodeDecodeError) -> str:
    byte = error.object[error.start]
    return (
        f"byte 0x{byte:02x} at position {error.start} is not {encoding}; "
        "state the file's own as encoding in the [ingest] settings, for example encoding = 'cp1251'"
    )
