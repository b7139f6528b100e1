"""Log lines as JSON: whatever a stranger sends stays inside its quotes."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["JsonLines", "log_to_stderr", "short"]

_LONGEST: Final = 200
_OURS: Final = "told"


class JsonLines(logging.Formatter):
    """One JSON object a line, ASCII only, so that no line end or control code gets through."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record; ``extra={"told": {...}}`` adds fields."""
        when = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "pid": record.process,
            **getattr(record, _OURS, {}),
        }
        if record.exc_info:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, default=str)


def short(text: str) -> str:
    """Return as much of a stranger's text as a log line holds."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def log_to_stderr() -> None:
    """Have everything that this process logs, warnings too, written so."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name == "uvicorn.error"
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("uvicorn").propagate = True
