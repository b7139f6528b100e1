"""What could not be read, and what was mended on the way: nothing is dropped in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from recommender._disk import disk
from recommender.errors import StorageError, TooManyRejectionsError

__all__ = ["NoticeKind", "Rejection", "RejectionReason", "Rejections"]

_SAMPLES = 20
_NOTICE_SAMPLES = 5
_RAW_CHARS = 65_536  # of a rejected record, in the quarantine file
_DETAIL_CHARS = 500


class RejectionReason(StrEnum):
    """Why a record did not become an article."""

    MISSING_ID = "missing-id"
    BAD_ID = "bad-id"
    BROKEN_JSON = "broken-json"
    BROKEN_ROW = "broken-row"
    NOT_AN_OBJECT = "not-an-object"
    WRONG_ENCODING = "wrong-encoding"
    TOO_LARGE = "too-large"
    EMPTY_TEXT = "empty-text"
    BAD_PAGE = "bad-page"
    CUT_OFF = "cut-off"
    DECOMPRESSION_LIMIT = "decompression-limit"


class NoticeKind(StrEnum):
    """What was mended or passed over while the article was kept."""

    REPLACED = "replaced-by-later-version"
    TEXT_CUT = "text-cut"
    LIST_CUT = "list-cut"
    SURROGATES_REPLACED = "surrogates-replaced"
    CONTROLS_REMOVED = "controls-removed"
    BYTES_REPLACED = "bytes-replaced"
    UNREADABLE_DATE = "unreadable-date"
    UNKNOWN_LANG = "unknown-lang"
    UNCLEAR_SENSITIVE = "unclear-sensitive"
    EXTRA_DROPPED = "extra-dropped"
    SHORT_ROW = "short-row"
    STRAY_QUOTE = "stray-quote"
    EMPTY_FILE = "empty-file"
    FILE_SKIPPED = "file-skipped"
    OTHER_FORMAT = "other-format"
    TRAILING_BYTES = "trailing-bytes"


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that did not become an article.

    Attributes
    ----------
    reason : RejectionReason
    detail : str
        What was seen and what was expected.
    file : str or None
        None for records that came from no file.
    line : int or None
        Counted from 1; for tables and sequences the number of the record.
    article_id : str or None
    """

    reason: RejectionReason
    detail: str
    file: str | None = None
    line: int | None = None
    article_id: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        named = f" (id {self.article_id!r})" if self.article_id else ""
        return f"{place + ': ' if place else ''}{self.reason}{named}: {self.detail}"


class Rejections:
    """Collects rejections and notices of one run; a context manager over its quarantine file.

    Parameters
    ----------
    max_errors : int or None
        More rejections than this raise TooManyRejectionsError; None = the limit of the
        IngestSettings used.
    quarantine : path or None
        A file of JSON lines (reason, detail, file, line, id, raw), written as rejections come. It
        is replaced when the collector is entered, or at the first rejection.
    goes_on : bool
        Leave what is in that file until a build with ``resume`` knows whether it goes on with it.

    Attributes
    ----------
    count : int
        Rejections so far.
    by_reason : dict of RejectionReason to int
    samples : list of Rejection
        The first 20.
    notices : dict of NoticeKind to int
        Repairs and things passed over, counted.
    notice_samples : dict of NoticeKind to list of str
        The first 5 of each kind, in words.
    muted : bool
        While it is, nothing is counted or written: what comes was counted before.

    Examples
    --------
    >>> found = Rejections()
    >>> found.add(RejectionReason.MISSING_ID, "no id", file="a.jsonl", line=3)
    >>> found.count, str(found.samples[0])
    (1, 'a.jsonl:3: missing-id: no id')
    """

    def __init__(
        self,
        *,
        max_errors: int | None = None,
        quarantine: str | Path | None = None,
        goes_on: bool = False,
    ) -> None:
        self.max_errors = max_errors
        self.quarantine = None if quarantine is None else Path(quarantine)
        self.count = 0
        self.by_reason: dict[RejectionReason, int] = {}
        self.samples: list[Rejection] = []
        self.notices: dict[NoticeKind, int] = {}
        self.notice_samples: dict[NoticeKind, list[str]] = {}
        self.muted = False
        self._goes_on = goes_on
        self._file: BinaryIO | None = None

    def __enter__(self) -> Rejections:
        if self.quarantine is not None:
            self._open(self.quarantine)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(
        self,
        reason: RejectionReason,
        detail: str,
        *,
        file: str | None = None,
        line: int | None = None,
        article_id: str | None = None,
        raw: object = None,
    ) -> None:
        """Count one rejection and write it to the quarantine file.

        Parameters
        ----------
        reason, detail, file, line, article_id : see Rejection
        raw : bytes, str, mapping or None; the record as it came, cut at 65,536 characters when
        written

        Raises
        ------
        TooManyRejectionsError : this one is past ``max_errors``
        StorageError : the quarantine file cannot be written
        """
        if self.muted:
            return
        rejection = Rejection(RejectionReason(reason), _cut(detail), file, line, article_id)
        self.count += 1
        self.by_reason[rejection.reason] = self.by_reason.get(rejection.reason, 0) + 1
        if len(self.samples) < _SAMPLES:
            self.samples.append(rejection)
        if self.quarantine is not None:
            self._write(rejection, raw, self.quarantine)
        if self.max_errors is not None and self.count > self.max_errors:
            raise TooManyRejectionsError(self._too_many())

    def notice(
        self,
        kind: NoticeKind,
        detail: str = "",
        *,
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        """Count one repair, or one thing passed over, that lost no article."""
        if self.muted:
            return
        named = NoticeKind(kind)
        self.notices[named] = self.notices.get(named, 0) + 1
        samples = self.notice_samples.setdefault(named, [])
        if len(samples) < _NOTICE_SAMPLES:
            place = ":".join(str(part) for part in (file, line) if part is not None)
            samples.append(f"{place + ': ' if place else ''}{_cut(detail) or named}")

    def close(self) -> None:
        """Close the quarantine file; calling it again does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def state(self) -> dict[str, Any]:
        """Return all that was counted, in types that JSON holds, for ``restore``."""
        return {
            "by_reason": {str(reason): n for reason, n in self.by_reason.items()},
            "samples": [asdict(sample) for sample in self.samples],
            "notices": {str(kind): n for kind, n in self.notices.items()},
            "notice_samples": {str(k): list(v) for k, v in self.notice_samples.items()},
            "quarantined": self._file.tell() if self._file and self._file.seekable() else 0,
        }

    def can_restore(self, state: Mapping[str, Any]) -> bool:
        """Whether the quarantine file still holds what was written to it by then."""
        size = 0
        if self.quarantine is not None and self.quarantine.is_file():
            size = self.quarantine.stat().st_size
        return size >= int(state["quarantined"])

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what another collector had counted, and cut the quarantine file to that.

        Raises
        ------
        StorageError : the quarantine file cannot be written
        """
        self.by_reason = {RejectionReason(name): n for name, n in state["by_reason"].items()}
        self.count = sum(self.by_reason.values())
        self.samples = [
            Rejection(**{**sample, "reason": RejectionReason(sample["reason"])})
            for sample in state["samples"]
        ]
        self.notices = {NoticeKind(name): n for name, n in state["notices"].items()}
        self.notice_samples = {NoticeKind(k): list(v) for k, v in state["notice_samples"].items()}
        self._cut_back(int(state["quarantined"]))

    def start_anew(self) -> None:
        """Empty a quarantine file that was left for the case that a build would go on with it.

        Raises
        ------
        StorageError : it cannot be written
        """
        if self._goes_on:
            self._cut_back(0)

    def _cut_back(self, size: int) -> None:
        if self.quarantine is not None:
            self._goes_on = True
            file = self._open(self.quarantine)
            try:
                if file.seekable():
                    disk().truncate(file, size)
                    file.seek(size)
            except OSError as error:
                raise StorageError(
                    f"Cannot write the quarantine file {self.quarantine}: {error.strerror}."
                ) from error

    def _open(self, path: Path) -> BinaryIO:
        if self._file is None:
            try:
                # Unbuffered: what is rejected just before a crash is what one wants to see.
                # A collector closed and used again goes on; only its first opening replaces the
                # file.
                stays = self._goes_on or self.count > 1
                self._file = path.open("ab" if stays else "wb", buffering=0)
            except OSError as error:
                raise StorageError(
                    f"Cannot write the quarantine file {path}: {error.strerror}. "
                    "Choose another place."
                ) from error
        return self._file

    def _write(self, rejection: Rejection, raw: object, path: Path) -> None:
        row = {
            "reason": str(rejection.reason),
            "detail": rejection.detail,
            "file": rejection.file,
            "line": rejection.line,
            "id": rejection.article_id,
            "raw": _raw_text(raw),
        }
        # backslashreplace turns a lone surrogate into \udxxx, which is what JSON would have
        # written.
        data = json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            self._open(path).write(data)
        except OSError as error:
            message = f"Cannot write the quarantine file {path}: {error.strerror}."
            raise StorageError(message) from error

    def _too_many(self) -> str:
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(self.by_reason.items()))
        examples = "\n".join(f"  {sample}" for sample in self.samples[:5])
        return (
            f"{self.count} records rejected, max_errors={self.max_errors} allowed. "
            f"Reasons: {reasons}. Examples:\n{examples}\n"
            "Mend the source, or allow more with max_errors."
        )


def _cut(detail: str) -> str:
    return detail if len(detail) <= _DETAIL_CHARS else detail[:_DETAIL_CHARS] + "…"


def _raw_text(raw: Any) -> str | None:
    """Return the record as text of bounded length, whatever it is."""
    if raw is None:
        return None
    if isinstance(raw, bytes):
        return raw[:_RAW_CHARS].decode("utf-8", "backslashreplace")
    if isinstance(raw, str):
        return raw[:_RAW_CHARS]
    try:
        if isinstance(raw, Mapping):
            raw = {str(key): _shortened(value) for key, value in raw.items()}
        return json.dumps(raw, ensure_ascii=False, default=str)[:_RAW_CHARS]
    except (ValueError, TypeError, RecursionError):
        return f"<{type(raw).__name__} that cannot be written>"


def _shortened(value: Any) -> Any:
    return value[:_RAW_CHARS] if isinstance(value, str | bytes) else value
