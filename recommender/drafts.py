"""Drafts: a text that is not in the index, cleaned and counted just as the build did its articles.

What only a draft needs (cleaning, analysis, the language model) is imported where it is used: a
process that answers for articles of the index never loads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from recommender._languages import normalize_lang
from recommender._strings import StringColumn
from recommender.article import Article
from recommender.config import Config
from recommender.errors import InputError
from recommender.index.reader import Index, Query
from recommender.ingest.settings import IngestSettings
from recommender.weighting import encode_counts

if TYPE_CHECKING:
    from recommender.text.analyzer import Analyzer
    from recommender.text.passages import Boilerplate

__all__ = ["Drafts"]

_NO_ID = "draft"


class Drafts:
    """Reads drafts for one generation.

    Parameters
    ----------
    index : Index
    built_with : the settings of text, fields and boilerplate that the index was built with
    """

    def __init__(self, index: Index, built_with: Config) -> None:
        self._index, self._built_with = index, built_with

    def read(self, value: Article | Mapping[str, Any]) -> tuple[Article, bool]:
        """Return the article, cleaned, and whether it has an id of its own.

        Raises
        ------
        InputError : it has no words
        """
        from recommender.ingest.clean import clean_article

        raw, named = _as_article(value)
        return clean_article(raw), named

    def language(self, draft: Article) -> tuple[str, str | None]:
        """Return the language to analyse a draft in, and its language if that is known."""
        from recommender.text.language import detect_language, likely_language

        stated = normalize_lang(draft.lang) if draft.lang else None
        if stated:
            return stated, stated
        found = detect_language(draft.opening)
        if found.is_sure:
            return found.lang, found.lang
        # A word or two: analysed as the site's main language, searched in all.
        counts = self._index.manifest.report.get("languages", {})
        commonest = sorted(counts, key=lambda lang: (-counts[lang], lang))
        return likely_language(draft.opening, commonest), None

    def query(self, draft: Article, lang: str) -> Query:
        """Count a draft's terms just as the build counted the articles'."""
        from recommender.text.passages import blank_boilerplate

        texts = draft.counted_texts().items()
        columns = {name: StringColumn.from_strings([text]) for name, text in texts}
        columns["body"] = blank_boilerplate(columns["body"], self._boilerplate)
        counts = self._analyzer.count(columns, [lang], weights=asdict(self._built_with.fields))
        numbers = self._index.term_numbers(counts.vocabulary)[counts.terms]
        known = np.flatnonzero(numbers >= 0)
        order = known[np.argsort(numbers[known])]
        return Query(numbers[order], encode_counts(counts.counts[order]))

    @cached_property
    def _analyzer(self) -> Analyzer:
        from recommender.text.analyzer import Analyzer

        return Analyzer(self._built_with.text)

    @cached_property
    def _boilerplate(self) -> Boilerplate:
        from recommender.text.passages import stored_boilerplate

        return stored_boilerplate(self._index.manifest.boilerplate, self._built_with.boilerplate)


def _as_article(value: Article | Mapping[str, Any]) -> tuple[Article, bool]:
    """Return the article, and whether it has an id of its own."""
    from recommender.ingest.fields import absent
    from recommender.ingest.records import article_from_record, plan_columns
    from recommender.ingest.rejections import Rejections

    if isinstance(value, Article):
        return value, True
    record = {name: part for name, part in value.items() if not absent(part)}
    named = "id" in plan_columns(tuple(record), (), ()).fields
    found = Rejections()
    settings = IngestSettings(clean=False)
    whole = record if named else {"id": _NO_ID, **record}
    article = article_from_record(whole, settings=settings, rejections=found)
    if article is None:
        raise InputError(f"This is no article to search with: {found.samples[0].detail}")
    return article, named
