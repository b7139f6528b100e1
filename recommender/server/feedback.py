"""Impressions and clicks: lines appended to a file, for those who judge the blocks."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from recommender._disk import disk
from recommender.server.problems import ProblemError

__all__ = ["Feedback"]

_log = logging.getLogger(__name__)


class Feedback:
    """A file that only grows. Several processes may append: each call is one write.

    Parameters
    ----------
    path : the file
    max_bytes : at this size no more is taken, until somebody moves the file away
    """

    def __init__(self, path: str | Path, max_bytes: int) -> None:
        self._path = Path(path)
        self._max_bytes = max_bytes

    def append(self, events: Iterable[dict[str, Any]]) -> None:
        """Append events, a line each, with the time.

        Raises
        ------
        ProblemError : the file is full, or cannot be written
        """
        now = round(time.time(), 3)
        lines = b"".join(orjson.dumps({"time": now, **event}) + b"\n" for event in events)
        try:
            with disk().open(self._path, "ab", buffering=0) as file:
                if file.seek(0, os.SEEK_END) + len(lines) > self._max_bytes:
                    raise ProblemError("unavailable", "The file of feedback is full.")
                file.write(lines)
        except OSError as error:
            _log.exception("feedback.failed", extra={"told": {"file": str(self._path)}})
            raise ProblemError("unavailable", "Feedback cannot be kept just now.") from error
