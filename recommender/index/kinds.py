"""Of which kind the fields of a manifest are: who reads one counts on it, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

__all__ = ["wrong_kind"]

_COUNTED = {"articles", "terms", "postings"}
_HASH = re.compile(r"[0-9a-f]{16}")
_MOST = 2**63


def wrong_kind(plain: Mapping[str, Any]) -> str:
    """Return the name of the first field of a manifest that is none of its kind, or "" for none."""
    report = plain["report"]
    fields = ((plain, name, _KINDS[name]) for name in _KINDS if name in plain)
    reported = ((report, name, _REPORTED[name]) for name in _REPORTED if name in report)
    for table, name, is_right in (*fields, *reported):
        if not is_right(table[name]):
            return name
    return ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: Any) -> bool:
    return _is_table(value) and all(map(_is_table, value.values()))


def _is_counts(value: Any) -> bool:
    return _is_table(value) and all(map(_is_number, value.values()))


def _is_text_by_name(value: Any) -> bool:
    return _is_table(value) and all(map(_is_text, value.values()))


def _is_totals(value: Any) -> bool:
    return _is_counts(value) and set(value) >= _COUNTED


def _is_passages(value: Any) -> bool:
    """Tell whether these are passages as a build writes them."""
    return isinstance(value, list) and all(
        _is_table(one)
        and _is_text(one.get("text"))
        and _is_number(one.get("articles"))
        and 0 <= one["articles"] < _MOST
        and _is_text(one.get("hash"))
        and _HASH.fullmatch(one["hash"])
        for one in value
    )


_KINDS: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "report": _is_table,
        "generation": _is_number,
        "built_at": _is_time,
        "package": _is_text,
        "analysis": _is_text,
        "settings": _is_tables,
        "languages": _is_texts,
        "counts": _is_totals,
        "order": _is_texts,
        "segments": _is_tables,
        "files": _is_tables,
        "boilerplate": _is_passages,
        "parent": _is_number_or_none,
        "table": _is_text,
        "format": _is_number,
        "features": _is_texts,
    }
)

_REPORTED: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "languages": _is_counts,
        "guessed": _is_counts,
        "rejected": _is_counts,
        "notices": _is_counts,
        "without_rules": _is_counts,
        "site_languages": _is_text_by_name,
        "change": _is_table,
    }
)
