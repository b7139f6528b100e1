"""One record of any source (a JSON object, a table row) to an Article."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from recommender._languages import normalize_lang
from recommender.article import Article, Aside, AsideKind
from recommender.errors import InputError
from recommender.ingest.dates import parse_date
from recommender.ingest.fields import FieldReader, absent, as_id
from recommender.ingest.rejections import NoticeKind, RejectionReason, Rejections
from recommender.ingest.settings import ARTICLE_FIELDS, IngestSettings

__all__ = ["ALIASES", "Columns", "article_from_record", "plan_columns"]

# In the order of trust: the first that a record has and that says something is taken.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "article_id", "articleid", "guid", "_id", "uuid", "post_id"),
    "title": ("title", "headline", "name"),
    "lead": ("lead", "summary", "description", "excerpt", "standfirst", "abstract", "dek"),
    "body": ("body", "text", "content", "article_body", "articlebody", "full_text"),
    "url": ("url", "link", "canonical_url"),
    "section": ("section", "category", "rubric", "topic"),
    "tags": ("tags", "keywords"),
    "authors": ("authors", "author", "byline"),
    "lang": ("lang", "language", "locale"),
    "published_at": (
        "published_at", "date", "published", "pub_date", "pubdate", "date_published",
        "datepublished", "created_at", "datetime", "timestamp",
    ),
    "updated_at": (
        "updated_at", "updated", "modified", "modified_at", "date_modified", "datemodified",
    ),
    "image": ("image", "image_url", "picture", "photo", "thumbnail"),
    "image_alt": ("image_alt",),
    "image_caption": ("image_caption", "caption"),
    "image_width": ("image_width",),
    "image_height": ("image_height",),
    "label": ("label",),
    "sensitive": ("sensitive",),
    "links": ("links",),
    "html": ("html",),
}  # fmt: skip

_LONGEST_ID = 1_000  # characters
_PAGE_HEAD = 2_000  # characters in which a whole page shows its root element

Path = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a record feed which field.

    Attributes
    ----------
    fields : mapping of field to paths
        A path is one column name, or several where it reaches into nested objects.
    extra : tuple of column names
        Kept in ``Article.extra``.
    """

    fields: Mapping[str, tuple[Path, ...]]
    extra: tuple[Hashable, ...]


RULE_COLUMNS = ("type", "region", "series", "embargo_until")
"""What a newsroom's rules ask of articles besides their fields; kept wherever it is given."""


@lru_cache(maxsize=256)
def plan_columns(
    names: tuple[Hashable, ...], mapped: tuple[tuple[str, str], ...], extra: tuple[str, ...]
) -> Columns:
    """Return which of ``names`` (a record's columns) feed which field.

    Upper and lower case, and "-" or space for "_", do not matter. A column that ``mapped`` gives
    to a field feeds no other. Without any id column the address is the id.
    """
    by_name: dict[str, Hashable] = {}
    for name in names:
        by_name.setdefault(_folded(str(name)), name)
    exact = {str(name): name for name in reversed(names)}
    chosen = dict(mapped)
    claimed = {_folded(column) for column in chosen.values()}
    found: dict[str, tuple[Path, ...]] = {}
    for field in ARTICLE_FIELDS:
        if field in chosen:
            path = _mapped_path(chosen[field], exact, by_name)
            paths = [path] if path else []
        else:
            aliases = (a for a in ALIASES[field] if a in by_name and a not in claimed)
            paths = [(by_name[a],) for a in aliases]
        if paths:
            found[field] = tuple(paths)
    if "id" not in found and "id" not in chosen and "url" in found:
        found["id"] = found["url"]
    used = {path[0] for paths in found.values() for path in paths}
    return Columns(found, _extra_columns(names, used, extra))


def article_from_record(
    record: Mapping[Any, Any],
    *,
    settings: IngestSettings,
    rejections: Rejections,
    file: str | None = None,
    line: int | None = None,
) -> Article | None:
    """Return the article a record describes, or None after counting why it is none.

    Parameters
    ----------
    record : column name to value, as JSON, a table row or a caller's own mapping gives it
    settings : columns, limits, default language; ``clean`` is the caller's part
    rejections : takes the reason of a rejection and every repair
    file, line : where the record came from

    Raises
    ------
    TooManyRejectionsError : past the limit of ``rejections``
    MissingExtraError : the record holds a page and the html extra is not installed
    """
    columns = plan_columns(tuple(record), tuple(settings.columns.items()), settings.extra_columns)
    reader = FieldReader(settings, partial(rejections.notice, file=file, line=line))
    try:
        article = _read(record, columns, reader)
    except _Rejected as rejected:
        rejections.add(
            rejected.reason,
            str(rejected),
            file=file,
            line=line,
            article_id=rejected.article_id,
            raw=record,
        )
        return None
    if article.lang is None and settings.default_lang is not None:
        return replace(article, lang=settings.default_lang)
    return article


class _Rejected(Exception):  # noqa: N818 - never leaves this module
    """The record makes no article."""

    def __init__(self, reason: RejectionReason, detail: str, article_id: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.article_id = article_id or None


def _read(record: Mapping[Any, Any], columns: Columns, reader: FieldReader) -> Article:
    cells = _cells(record, columns)
    _check_sizes(cells, reader.settings)
    article_id = _read_id(cells.get("id"), reader)
    page = _holds_page(cells)
    if not article_id and not page:
        raise _Rejected(RejectionReason.MISSING_ID, _missing_id(record, columns))
    article = _read_cells(article_id, cells, reader)
    if columns.extra:
        article = replace(article, extra=_read_extra(record, columns, reader))
    if page:
        article = _with_page(article, cells["html"], reader.settings)
    if not (article.title or article.lead or article.body):
        raise _Rejected(RejectionReason.EMPTY_TEXT, "no title, lead or body", article_id)
    return article


def _check_sizes(cells: Mapping[str, Any], settings: IngestSettings) -> None:
    for field in ("title", "lead", "body", "html"):
        cell = cells.get(field)
        if isinstance(cell, str | bytes) and len(cell) > settings.max_article_bytes:
            limit = f"max_article_bytes is {settings.max_article_bytes:,}"
            raise _Rejected(
                RejectionReason.TOO_LARGE, f"{field} has {len(cell):,} characters; {limit}"
            )


def _folded(name: str) -> str:
    return name.strip().lstrip("\ufeff").casefold().replace("-", "_").replace(" ", "_")


def _mapped_path(
    column: str, exact: Mapping[str, Hashable], folded: Mapping[str, Hashable]
) -> Path | None:
    if column in exact:
        return (exact[column],)
    if _folded(column) in folded:
        return (folded[_folded(column)],)
    first, *rest = column.split(".")
    return (exact[first], *rest) if rest and first in exact else None


def _extra_columns(
    names: tuple[Hashable, ...], used: set[Hashable], wanted: tuple[str, ...]
) -> tuple[Hashable, ...]:
    if "*" in wanted:
        return tuple(name for name in names if name not in used)
    kept = (*wanted, *RULE_COLUMNS)
    return tuple(name for name in names if str(name) in kept and name not in used)


def _cells(record: Mapping[Any, Any], columns: Columns) -> dict[str, Any]:
    """Return for each field the first of its columns that says something."""
    cells = {}
    for field, paths in columns.fields.items():
        for path in paths:
            value = record.get(path[0]) if len(path) == 1 else _nested(record, path)
            if not absent(value):
                cells[field] = value
                break
    return cells


def _nested(record: Mapping[Any, Any], path: Path) -> Any:
    value: Any = record
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _read_id(cell: Any, reader: FieldReader) -> str:
    """Return the id, "" where there is none."""
    if cell is None:
        return ""
    text = as_id(cell)
    if text is None:
        detail = f"the id is a {type(cell).__name__}; expected text or a whole number"
        raise _Rejected(RejectionReason.BAD_ID, detail)
    if not text.isascii() or not text.isprintable():
        text = unicodedata.normalize("NFC", reader.url(text) or "")
    if len(text) > _LONGEST_ID:
        detail = f"the id has {len(text)} characters; at most {_LONGEST_ID} are taken"
        raise _Rejected(RejectionReason.BAD_ID, detail)
    return text


def _read_cells(article_id: str, cells: Mapping[str, Any], reader: FieldReader) -> Article:
    get = cells.get
    image = reader.image(get("image"), cells) if "image" in cells else None
    caption = (
        reader.line(get("image_caption")) if image is None and "image_caption" in cells else ""
    )
    return Article(
        id=article_id,
        title=reader.line(get("title")),
        lead=reader.text(get("lead")),
        body=reader.text(get("body")),
        url=reader.url(get("url")),
        section=reader.word(get("section")) if "section" in cells else None,
        tags=reader.words(cells["tags"]) if "tags" in cells else (),
        authors=reader.words(cells["authors"]) if "authors" in cells else (),
        lang=_read_lang(get("lang"), reader),
        published_at=_read_date(get("published_at"), reader),
        updated_at=_read_date(get("updated_at"), reader),
        image=image,
        label=reader.word(cells["label"]) if "label" in cells else None,
        sensitive=reader.flag(cells["sensitive"]) if "sensitive" in cells else False,
        links=reader.urls(cells["links"]) if "links" in cells else (),
        # A caption without a picture is still text about the story.
        asides=(Aside(AsideKind.CAPTION, caption),) if caption else (),
    )


def _read_lang(cell: Any, reader: FieldReader) -> str | None:
    label = reader.word(cell) if cell is not None else None
    code = normalize_lang(label) if label else None
    if label and code is None:
        reader.note(NoticeKind.UNKNOWN_LANG, f"lang={label[:60]!r}")
    return code


def _read_date(cell: Any, reader: FieldReader) -> datetime | None:
    if cell is None:
        return None
    value = next(iter(cell.values()), None) if isinstance(cell, Mapping) else cell
    moment = parse_date(value)
    if moment is None:
        reader.note(NoticeKind.UNREADABLE_DATE, f"{_shown(cell)} is no date that can be read")
    return moment


def _shown(cell: Any) -> str:
    # An integer of thousands of digits is refused by repr itself.
    return repr(cell[:60]) if isinstance(cell, str) else f"a {type(cell).__name__}"


def _read_extra(record: Mapping[Any, Any], columns: Columns, reader: FieldReader) -> dict[str, Any]:
    values = {str(name): reader.extra(record[name]) for name in columns.extra}
    return {name: value for name, value in values.items() if value is not None}


def _holds_page(cells: Mapping[str, Any]) -> bool:
    """Whether to read the record's ``html``: it is a whole page, or the only text there is."""
    page = cells.get("html")
    if not isinstance(page, str | bytes):
        return False
    head = page[:_PAGE_HEAD].lower()
    marks = ("<html", "<!doctype", "<head", "<body")
    whole = any((m in head) if isinstance(head, str) else (m.encode() in head) for m in marks)
    return whole or "body" not in cells


def _with_page(stated: Article, page: str | bytes, settings: IngestSettings) -> Article:
    """Read the page; what the record itself states goes before what the page says."""
    from recommender.ingest.html import read_page
    from recommender.ingest.sites import profiles_of

    profiles = profiles_of(settings.site_profiles)
    try:
        read = read_page(page, url=stated.url, article_id=stated.id or None, profiles=profiles)
    except InputError as error:
        raise _Rejected(RejectionReason.BAD_PAGE, str(error), stated.id) from error
    known = {
        name: getattr(stated, name)
        for name in (
            "url", "section", "tags", "authors", "lang", "published_at", "updated_at", "image",
            "label", "sensitive", "links", "extra",
        )
    }  # fmt: skip
    texts = {
        name: getattr(stated, name) for name in ("title", "lead", "body") if not getattr(read, name)
    }
    return replace(read, **{name: value for name, value in (known | texts).items() if value})


def _missing_id(record: Mapping[Any, Any], columns: Columns) -> str:
    if "id" in columns.fields:
        return f"the id column {columns.fields['id'][0][0]!r} is empty"
    names = ", ".join(str(name)[:40] for name in list(record)[:20])
    return (
        f"no id or url column among: {names or 'nothing'}. "
        "Name it in the [ingest] settings: columns = {id = ...}"
    )
