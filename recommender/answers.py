"""Answers of one generation: for an article, a URL or a draft, the block of cards."""

from __future__ import annotations

import secrets
import time
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from recommender._languages import normalize_lang
from recommender._settings import settings_from
from recommender._strings import StringColumn
from recommender.article import Article, Block, Card, Image, IndexInfo, Reason, Source
from recommender.candidates import Candidates
from recommender.config import BlockSettings, stored_config
from recommender.errors import (
    IncompatibleIndexError,
    InputError,
    UnknownArticleError,
)
from recommender.index.reader import Choice, Index, Query
from recommender.index.settings import SearchSettings
from recommender.ingest.settings import IngestSettings
from recommender.text.settings import text_fingerprint
from recommender.weighting import encode_counts

if TYPE_CHECKING:
    from recommender.text.analyzer import Analyzer
    from recommender.text.passages import Boilerplate

# What only a draft needs (cleaning, analysis, the language model) is imported where it is used: a
# process that answers for articles of the index never loads it.

__all__ = ["PRESETS", "Answers", "Ask", "Explanation"]

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "similarity": {"threshold": 0.0, "languages": "same"},
}
"""Named choices of block settings; ``similarity`` is plain relevance in the article's language."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one article is near another.

    Attributes
    ----------
    source, other : article ids; ``source`` is None for a draft
    score : float, cosine in 0..1
    terms : tuple of Reason
        Every shared term, the heaviest first; the shares sum to the score.
    """

    source: str | None
    other: str
    score: float
    terms: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """What one call asks for.

    Attributes
    ----------
    settings : BlockSettings
    choice : which documents may be found
    effort : how hard to look
    missing : excluded ids that no article has
    """

    settings: BlockSettings
    choice: Choice
    effort: SearchSettings
    missing: tuple[str, ...]


class Answers:
    """What one generation of an index answers. It never changes, and is safe to share.

    Parameters
    ----------
    index : Index
    block : BlockSettings
        What a block is unless a call says otherwise.
    search : SearchSettings
        How hard a search looks unless a call says otherwise; None = as hard as the build did.

    Raises
    ------
    IncompatibleIndexError : the index was built with another text analysis
    """

    def __init__(
        self,
        index: Index,
        block: BlockSettings | None = None,
        search: SearchSettings | None = None,
    ) -> None:
        self.index = index
        self.block = block or BlockSettings()
        parts = ("text", "fields", "boilerplate", "search")
        self._built_with = stored_config(index.manifest, parts)
        here = text_fingerprint(self._built_with.text)
        if here != index.manifest.analysis:
            raise IncompatibleIndexError(
                f"The index was built with another text analysis ({index.manifest.analysis[:12]}, "
                f"here {here[:12]}): this package, or one that stems words, "
                "has another version. Build the index again."
            )
        self.search = search or self._built_with.search
        if index.compiled:
            index.warm_up()

    # --- blocks ---

    def related(self, key: str, *, explain: bool = False, **options: Any) -> Block:
        """Do what ``Recommender.related`` says."""
        started = time.perf_counter()
        doc = self.doc_of(key)
        stored = self.index.card(doc)
        source = Source(
            self.index.article_id(doc),
            stored.get("url"),
            self.index.language(doc),
            stored.get("title"),
        )
        ask = self.ask_for(options, source.lang)
        found = self.index.related(
            doc,
            ask.settings.limit,
            threshold=ask.settings.threshold,
            choice=ask.choice,
            effort=ask.effort,
        )
        return self._block(source, self.index.query_of(doc), ask, found, explain, started)

    def related_to_article(
        self, article: Article | Mapping[str, Any], *, explain: bool = False, **options: Any
    ) -> Block:
        """Do what ``Recommender.related_to_article`` says."""
        from recommender.ingest.clean import clean_article

        started = time.perf_counter()
        raw, named = _as_article(article)
        draft = clean_article(raw)
        analysed_as, lang = self._draft_language(draft)
        known = self.find(draft.id) if named else None
        if known is None and draft.url:
            known = self.find(draft.url)
        query = replace(self._draft_query(draft, analysed_as), doc=known)
        source = Source(draft.id if named else None, draft.url, lang, draft.title or None)
        ask = self.ask_for(options, lang)
        found = self.index.search(
            query,
            ask.settings.limit,
            threshold=ask.settings.threshold,
            choice=ask.choice,
            effort=ask.effort,
        )
        return self._block(source, query, ask, found, explain, started)

    def explain(self, key: str, other: str) -> Explanation:
        """Do what ``Recommender.explain`` says."""
        doc, other_doc = self.doc_of(key), self.doc_of(other)
        lang = self.index.language(doc)
        query = self.index.query_of(doc)
        terms = self._reasons(query, other_doc, None, lang)
        score = self.index.score(query, other_doc)
        return Explanation(
            self.index.article_id(doc), self.index.article_id(other_doc), score, terms
        )

    # --- parts ---

    @cached_property
    def _analyzer(self) -> Analyzer:
        from recommender.text.analyzer import Analyzer

        return Analyzer(self._built_with.text)

    @cached_property
    def _boilerplate(self) -> Boilerplate:
        from recommender.text.passages import stored_boilerplate

        return stored_boilerplate(self.index.manifest.boilerplate, self._built_with.boilerplate)

    def ask_for(self, options: Mapping[str, Any], lang: str | None = None) -> Ask:
        """Return what a call asks for: its options, over the preset's, over the usual.

        Parameters
        ----------
        lang : the article's language, which the setting ``same`` means; for many articles None:
            each one's own

        Raises
        ------
        InputError, ConfigError : an option that cannot be
        """
        given = {name: value for name, value in options.items() if value is not None}
        exclude_ids = given.pop("exclude_ids", ())
        preset = given.pop("preset", None)
        mode = given.pop("mode", self.search.mode)
        if isinstance(exclude_ids, str):
            raise InputError(
                f"exclude_ids is {exclude_ids!r}; expected a list of ids, not one text."
            )
        if preset is not None and preset not in PRESETS:
            raise InputError(f"There is no preset {preset!r}. Known: {', '.join(PRESETS)}.")
        chosen = {**asdict(self.block), **PRESETS.get(preset or "", {}), **given}
        settings = settings_from(BlockSettings, chosen, section="block:")
        excluded, missing = self._excluded(exclude_ids)
        languages = self.languages_for(settings.languages, lang)
        choice = Choice(languages=languages, excluded=excluded)
        return Ask(settings, choice, replace(self.search, mode=mode), missing)

    def languages_for(self, rule: str, lang: str | None) -> frozenset[int] | None:
        """Return the language codes allowed by ``same``, ``any`` or ``uk,ru``; None = any.

        The same as an unknown language is any.
        """
        if rule == "any" or (rule == "same" and lang is None):
            return None
        names = [lang] if rule == "same" else map(normalize_lang, rule.split(","))
        return self.index.language_codes(name or "" for name in names)

    def find(self, key: str) -> int | None:
        """Return the document number of an article id or URL, mended as ids are when read.

        Raises
        ------
        InputError : ``key`` is no text
        """
        if not isinstance(key, str):
            raise InputError(f"{key!r} is no article id; expected a text such as '{key}'.")
        doc = self.index.find(key)
        if doc is None and not (key.isascii() and key.isprintable()):
            from recommender.ingest.repair import repair_text

            mended = repair_text(key, lambda kind, detail: None)
            doc = self.index.find(unicodedata.normalize("NFC", mended))
        return doc

    def doc_of(self, key: str) -> int:
        """Return the document number of an article id or URL.

        Raises
        ------
        UnknownArticleError : there is none; the message shows what ids look like
        InputError : ``key`` is no text
        """
        doc = self.find(key)
        if doc is None:
            raise UnknownArticleError(
                f"No article {key[:200]!r} among the {self.index.n_articles:,} of this index, "
                f"neither as id nor as URL.{self._examples()}"
            )
        return doc

    def _examples(self) -> str:
        docs = self.index.docs()
        return f" Ids look like {self.index.article_id(int(docs[-1]))!r}." if len(docs) else ""

    def _draft_language(self, draft: Article) -> tuple[str, str | None]:
        """Return the language to analyse a draft in, and its language if that is known."""
        from recommender.text.language import detect_language, likely_language

        stated = normalize_lang(draft.lang) if draft.lang else None
        if stated:
            return stated, stated
        found = detect_language(draft.opening)
        if found.is_sure:
            return found.lang, found.lang
        # A word or two: analysed as the site's main language, searched in all.
        counts = self.index.manifest.report.get("languages", {})
        commonest = sorted(counts, key=lambda lang: (-counts[lang], lang))
        return likely_language(draft.opening, commonest), None

    def _draft_query(self, draft: Article, lang: str) -> Query:
        """Count a draft's terms just as the build counted the articles'."""
        from recommender.text.passages import blank_boilerplate

        texts = draft.counted_texts().items()
        columns = {name: StringColumn.from_strings([text]) for name, text in texts}
        columns["body"] = blank_boilerplate(columns["body"], self._boilerplate)
        counts = self._analyzer.count(columns, [lang], weights=asdict(self._built_with.fields))
        numbers = self.index.term_numbers(counts.vocabulary)[counts.terms]
        known = np.flatnonzero(numbers >= 0)
        order = known[np.argsort(numbers[known])]
        return Query(numbers[order], encode_counts(counts.counts[order]))

    def _block(
        self,
        source: Source,
        query: Query,
        ask: Ask,
        found: Candidates,
        explain: bool,
        started: float,
    ) -> Block:
        n_reasons = None if explain else ask.settings.why
        cards = tuple(
            self._card(query, (int(doc), float(score)), rank, n_reasons, source.lang)
            for rank, (doc, score) in enumerate(zip(found.docs, found.scores, strict=True), 1)
        )
        return Block(
            source=source,
            cards=cards,
            index=self.info(),
            missing_ids=ask.missing,
            request_id=secrets.token_hex(8),
            took_ms=round((time.perf_counter() - started) * 1000, 3),
        )

    def _excluded(self, ids: Iterable[str]) -> tuple[frozenset[int], tuple[str, ...]]:
        """Return the documents to leave out, and the ids that name none."""
        found = [(key, self.find(key)) for key in ids]
        docs = frozenset(doc for _, doc in found if doc is not None)
        return docs, tuple(key for key, doc in found if doc is None)

    def _card(
        self,
        query: Query,
        found: tuple[int, float],
        rank: int,
        n_reasons: int | None,
        lang: str | None,
    ) -> Card:
        doc, score = found
        stored = self.index.card(doc)
        image = stored.get("image")
        return Card(
            id=self.index.article_id(doc),
            url=stored.get("url"),
            title=stored.get("title", ""),
            lead=stored.get("lead"),
            section=stored.get("section"),
            authors=tuple(stored.get("authors", ())),
            lang=self.index.language(doc),
            published_at=_time(stored.get("published_at")),
            updated_at=_time(stored.get("updated_at")),
            image=Image(**image) if image else None,
            label=stored.get("label"),
            story_id=None,
            role=None,
            rank=rank,
            score=score,
            origin="similar",
            why=self._reasons(query, doc, n_reasons, lang),
            extra=stored.get("extra", {}),
        )

    def _reasons(
        self, query: Query, doc: int, limit: int | None, lang: str | None
    ) -> tuple[Reason, ...]:
        terms, shares = self.index.shared_terms(query, doc)
        names = self.index.display(terms[:limit], lang)
        return tuple(Reason(n, float(s)) for n, s in zip(names, shares[:limit], strict=True))

    def info(self) -> IndexInfo:
        """Return which snapshot the answers come from."""
        built = self.index.built_at
        age = max(0.0, (datetime.now(UTC) - built).total_seconds())
        return IndexInfo(self.index.manifest.generation, built, age, self.index.n_articles)


_NO_ID = "draft"


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


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
