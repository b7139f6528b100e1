"""Saved pages, HTML or plain text, one article a file."""

from __future__ import annotations

import codecs
from dataclasses import replace

from recommender.article import Article
from recommender.errors import InputError
from recommender.ingest.fields import FieldReader
from recommender.ingest.rejections import RejectionReason
from recommender.ingest.repair import repair_text
from recommender.ingest.streams import Line, SourceFile

__all__ = ["page_article"]


def page_article(source: SourceFile, page_format: str, name: str) -> Article | None:
    """Return the article on a saved page, or None after a rejection.

    Parameters
    ----------
    source : the open file
    page_format : "html" or "text"
    name : the article's id where the page itself names neither an id nor its address

    Raises
    ------
    MissingExtraError : an HTML page, and the html extra is not installed
    """
    limit = source.settings.max_article_bytes
    data = source.stream.read(limit + 1)
    if len(data) > limit:
        detail = f"longer than max_article_bytes ({limit:,})"
        source.reject(RejectionReason.TOO_LARGE, detail, Line(1, data[: 2**16], whole=False))
        return None
    if not data.removeprefix(codecs.BOM_UTF8).strip():
        return None
    try:
        article = (
            _read_html(source, data, name)
            if page_format == "html"
            else _read_text(source, data, name)
        )
    except InputError as error:
        source.reject(RejectionReason.BAD_PAGE, str(error))
        return None
    return None if article is None else _within_limits(article, source)


def _read_html(source: SourceFile, data: bytes, name: str) -> Article:
    from recommender.ingest.html import read_page
    from recommender.ingest.sites import profiles_of

    article = read_page(data, profiles=profiles_of(source.settings.site_profiles))
    return replace(article, id=name) if article.url is None else article


def _read_text(source: SourceFile, data: bytes, name: str) -> Article | None:
    from recommender.ingest.plain import read_plain_page

    text = source.text(Line(1, data, whole=True))
    if text is None:
        return None

    return read_plain_page(repair_text(text, source.rejections.notice), article_id=name)


def _within_limits(article: Article, source: SourceFile) -> Article:
    """Cut what is too long and fill in the language the settings give."""
    reader = FieldReader(source.settings, source.rejections.notice)
    return replace(
        article,
        title=reader.cut(article.title, source.settings.max_title_chars),
        lead=reader.cut(article.lead, source.settings.max_text_chars),
        body=reader.cut(article.body, source.settings.max_text_chars),
        lang=article.lang or source.settings.default_lang,
    )
