"""Values of articles as rules see them: which fields there are, how values compare."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

__all__ = ["EMBARGO", "FIELDS", "folded", "moment_of"]

FIELDS = ("section", "tag", "author", "label", "type", "region")
"""What every article may have; a rule may name any other column of the articles besides."""

EMBARGO = "embargo_until"
"""The column of an article that says until when it is not to be shown."""


def folded(value: Any) -> str:
    """Return a value for comparing: without regard to case and to spaces around it."""
    return str(value).strip().casefold()


def moment_of(value: Any) -> float | None:
    """Return a moment as seconds since 1970, or None where ``value`` is none.

    A date or a time without a zone is taken for UTC; a date for its first moment.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
