"""Values of articles as rules see them: which fields there are, how values compare."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

__all__ = ["EMBARGO", "FIELDS", "as_id", "folded", "in_toml", "moment_of"]

FIELDS = ("section", "tag", "author", "label", "type", "region", "series")
"""What every article may have; a rule may name any other column of the articles besides."""

EMBARGO = "embargo_until"
"""The column of an article that says until when it is not to be shown."""


def folded(value: Any) -> str:
    """Return a value for comparing: without regard to case and to spaces around it."""
    return str(value).strip().casefold()


def as_id(value: Any) -> str:
    """Return an article's id as the index has it: ids are compared as they are, case and all."""
    return unicodedata.normalize("NFC", str(value).strip())


def in_toml(value: Any) -> str:
    """Return a value of a settings file about as it stands there."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {in_toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if isinstance(value, date | time) else str(value)


def moment_of(value: Any) -> float | None:
    """Return a moment as seconds since 1970, or None where ``value`` is none.

    A date or a time without a zone is taken for UTC; a date for its first moment.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            return None if math.isnan(value) else float(value)
        except OverflowError:  # whole numbers have no bounds
            return None
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
