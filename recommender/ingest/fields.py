"""One raw cell of a source to one value of an Article: ids, texts, lists, flags, pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from recommender.article import Image
from recommender.ingest.markup import has_markup, markup_to_line, markup_to_text
from recommender.ingest.rejections import NoticeKind
from recommender.ingest.repair import Note, repair_text
from recommender.ingest.settings import IngestSettings

__all__ = ["FieldReader", "absent", "as_id"]

_TEXT_KEYS = ("rendered", "text", "value", "#text", "name", "title", "term", "label")
_SEPARATORS = re.compile(r"[,;|\n]")
_LINK_SEPARATORS = re.compile(r"[\s,;|]+")
_NO = frozenset({"", "0", "0.0", "false", "f", "no", "n", "off", "none", "null", "ні", "нет", "hi"})
_YES = frozenset({"1", "1.0", "true", "t", "yes", "y", "on", "так", "да"})
_DEEPEST_EXTRA = 8
_LARGEST_PIXELS = 1_000_000


def absent(value: Any) -> bool:
    """Whether a cell says nothing: None, "", NaN, NaT, pandas NA."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    if isinstance(value, int | Mapping | list | tuple):
        return False
    if type(value).__name__ == "NAType":
        return True
    try:
        # NaN, NaT and Decimal("NaN") are the values that differ from themselves.
        return bool(value != value)
    except (TypeError, ValueError, ArithmeticError):
        return False


def as_id(value: Any) -> str | None:
    """Return an identifier as text (1, 1.0, "1" are the same), or None where it cannot be one."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, bool):
        return None
    if isinstance(value, Real) and not isinstance(value, Integral):
        number = float(value)
        return (
            (str(int(number)) if number.is_integer() else repr(number))
            if abs(number) < 1e300
            else None
        )
    if isinstance(value, Integral):
        whole = int(value)
        # Python refuses to write integers of thousands of digits; such an id is a fault anyway.
        return str(whole) if whole.bit_length() < 4_000 else None
    if isinstance(value, Mapping):
        # MongoDB exports: {"$oid": "..."}; feeds: {"#text": "..."}.
        inner = next((value[key] for key in ("$oid", "#text", "value") if key in value), None)
        return as_id(inner) if isinstance(inner, str | int) else None
    return str(value) if type(value).__name__ in ("UUID", "Decimal", "str_") else None


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Turns raw cells into values within the settings' limits; what it mends goes to ``note``."""

    settings: IngestSettings
    note: Note

    def text(self, value: Any) -> str:
        """Return a lead or body: repaired, without markup, cut at ``max_text_chars``."""
        text = repair_text(_as_text(value), self.note)
        if has_markup(text):
            text = markup_to_text(text)
        return self.cut(text.strip(), self.settings.max_text_chars)

    def line(self, value: Any) -> str:
        """Return a title, name or label: repaired, without markup, cut at ``max_title_chars``."""
        text = repair_text(_as_text(value), self.note)
        if has_markup(text):
            text = markup_to_line(text)
        return self.cut(text.strip(), self.settings.max_title_chars)

    def word(self, value: Any) -> str | None:
        """Return the first entry of a list or the text itself as a line; None where it is empty."""
        cell = list(value) if _is_listing(value) else value
        return self.line(cell[0] if isinstance(cell, list) and cell else cell) or None

    def url(self, value: Any) -> str | None:
        """Return an address, repaired and stripped; never cut (half an address is none)."""
        return repair_text(_as_text(value), self.note).strip() or None

    def words(self, value: Any) -> tuple[str, ...]:
        """Return a list, or text parted by comma, semicolon, bar or line, without repeats."""
        return self._several(value, _SEPARATORS, self.line)

    def urls(self, value: Any) -> tuple[str, ...]:
        """Return a list of addresses or ids, or text parted by white space or comma."""
        return self._several(value, _LINK_SEPARATORS, lambda v: self.url(as_id(v) or v) or "")

    def flag(self, value: Any) -> bool:
        """Return a yes-or-no cell; an unknown word is a yes: better no card than a wrong one."""
        if isinstance(value, str):
            word = value.strip().casefold()
            if word not in _YES and word not in _NO:
                self.note(NoticeKind.UNCLEAR_SENSITIVE, f"sensitive={value[:60]!r} taken as yes")
            return word not in _NO
        return bool(value)

    def image(self, value: Any, details: Mapping[str, Any]) -> Image | None:
        """Return a picture from its address or a mapping (src or url, alt, caption, width, height).

        ``details`` are the flat columns (image_caption, ...); they go before the mapping's own.
        """
        cell = list(value) if _is_listing(value) else value
        first = cell[0] if isinstance(cell, list) and cell else cell
        own = first if isinstance(first, Mapping) else {}
        src = _first(own, "src", "url", "href", "contentUrl") if own else first
        address = self.url(src) if isinstance(src, str) else None
        if address is None:
            return None
        return Image(
            address,
            self.line(_first(details, "image_alt") or _first(own, "alt")) or None,
            self.line(_first(details, "image_caption") or _first(own, "caption", "description"))
            or None,
            _pixels(_first(details, "image_width") or _first(own, "width")),
            _pixels(_first(details, "image_height") or _first(own, "height")),
        )

    def extra(self, value: Any, depth: int = 0) -> Any:
        """Return an unknown cell as plain values that can be stored as JSON."""
        if absent(value):
            return None
        if isinstance(value, str | bytes):
            return self.cut(repair_text(_as_text(value), self.note), self.settings.max_text_chars)
        if isinstance(value, bool | int):
            return value if isinstance(value, bool) or value.bit_length() <= 64 else None
        if isinstance(value, Real):
            number = float(value)
            return number if abs(number) < float("inf") else None
        if depth >= _DEEPEST_EXTRA:
            self.note(NoticeKind.EXTRA_DROPPED, f"nested deeper than {_DEEPEST_EXTRA}")
            return None
        if isinstance(value, Mapping):
            return {self.line(str(k)): self.extra(v, depth + 1) for k, v in value.items()}
        if _is_listing(value):
            return [self.extra(v, depth + 1) for v in _items(value)]
        return self.line(str(value))

    def _several(
        self, value: Any, separators: re.Pattern[str], read: Callable[[Any], str]
    ) -> tuple[str, ...]:
        values = _items(value) if _is_listing(value) else _split(_as_text(value), separators)
        found: dict[str, None] = {}
        for entry in values:
            if absent(entry):
                continue
            if len(found) == self.settings.max_list_items:
                self.note(NoticeKind.LIST_CUT, f"more than {len(found)} entries")
                break
            name = read(entry)
            if name:
                found[name] = None
        return tuple(found)

    def cut(self, text: str, limit: int) -> str:
        """Return the text, cut at ``limit`` characters with a notice."""
        if len(text) <= limit:
            return text
        self.note(NoticeKind.TEXT_CUT, f"{len(text)} characters cut to {limit}")
        return text[:limit].rstrip()


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if absent(value) or isinstance(value, bool):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        inner = _first(value, *_TEXT_KEYS)
        return inner if isinstance(inner, str) else ""
    if _is_listing(value):
        # A body kept as a list of paragraphs.
        return "\n\n".join(_as_text(v) for v in _items(value) if isinstance(v, str | Mapping))
    return as_id(value) or ""


def _is_listing(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset) or type(value).__name__ == "ndarray"


def _items(value: Any) -> Iterable[Any]:
    # The order of a set is not the same in two runs.
    return sorted(value, key=str) if isinstance(value, set | frozenset) else value


def _split(text: str, separators: re.Pattern[str]) -> Iterable[Any]:
    """Part a text; a list written as text (JSON or Python, as CSV exports do) is one too."""
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]"):
        try:
            found = json.loads(stripped)
        except (ValueError, RecursionError):
            found = [part.strip(" '\"") for part in separators.split(stripped[1:-1])]
        return found if isinstance(found, list) else []
    return separators.split(stripped)


def _first(mapping: Mapping[str, Any], *keys: str) -> Any:
    for key in keys:
        value = mapping.get(key)
        if not absent(value):
            return value
    return None


def _pixels(value: Any) -> int | None:
    text = as_id(value) if value is not None else None
    digits = (text or "").removesuffix("px").strip()
    # isdecimal accepts other scripts' digits, which int() reads as well.
    return (
        int(digits)
        if digits.isdecimal() and len(digits) < 8 and 0 < int(digits) < _LARGEST_PIXELS
        else None
    )
