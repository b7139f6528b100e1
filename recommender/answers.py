"""Answers of one generation: for an article, a URL, a draft or several, the block of cards."""

from __future__ import annotations

import math
import secrets
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._settings import settings_from
from recommender.article import (
    Article,
    Block,
    Card,
    Image,
    IndexInfo,
    Reason,
    Removal,
    Source,
    to_json,
)
from recommender.config import Config, stored_config
from recommender.drafts import Drafts
from recommender.eligibility import Ask, Subject
from recommender.errors import IncompatibleIndexError, InputError, UnknownArticleError
from recommender.index.reader import NO_DATE, Choice, Index, Query
from recommender.knowledge import Knowledge
from recommender.ranker import Chosen, Ranked, Ranker, is_choosy
from recommender.ranking.facts import facts_of_card
from recommender.ranking.popularity import Popularity
from recommender.ranking.roles import role_of
from recommender.ranking.settings import BlockSettings, with_preset
from recommender.ranking.stories import Stories
from recommender.ranking.values import as_id, folded, moment_of
from recommender.text.settings import text_fingerprint
from recommender.weighting import COUNT_OF_CODE, encode_counts

__all__ = ["Answers", "Explanation", "Verdict"]

Copies = dict[tuple[int, int], tuple[int, ...]]
"""By article and card, the documents that stand under the card as its copies, if any do."""

_CHUNK = 32
"""Articles that are learnt about at once."""
_ASKED = 256
"""Different options whose settings are remembered."""
_LOOKED_AT = 50
"""Candidates that an explained block accounts for, where rules keep them out of the search."""


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
class Verdict:
    """Why an article is no card of a block, or where it stands in it.

    Attributes
    ----------
    source, other : article ids
    shown : whether it is a card
    rank : its place in the block; None where it has none
    step : the step that left it out: ``rules``, ``languages``, ``duplicates``, ``limit``, ...;
        None where it is shown
    reason : what is said of it, for people
    similarity : float, cosine with the article
    score : float, what it is ranked by
    """

    source: str
    other: str
    shown: bool
    rank: int | None
    step: str | None
    reason: str
    similarity: float
    score: float


class Answers:
    """What one generation of an index answers. It never changes, and is safe to share.

    Parameters
    ----------
    index : Index
    config : settings of the block, its rules and the search; None = as the build searched, and the
        usual block
    popularity : the site's counts
    like : answers of the generation before; what is known of segments that both have is shared

    Raises
    ------
    IncompatibleIndexError : the index was built with another text analysis
    """

    def __init__(
        self,
        index: Index,
        config: Config | None = None,
        *,
        popularity: Popularity | None = None,
        like: Answers | None = None,
    ) -> None:
        self.index = index
        usual = config or Config()
        self.block, rules = usual.block, usual.rules
        parts = ("text", "fields", "boilerplate", "search")
        built_with = stored_config(index.manifest, parts)
        here = text_fingerprint(built_with.text)
        if here != index.manifest.analysis:
            raise IncompatibleIndexError(
                f"The index was built with another text analysis ({index.manifest.analysis[:12]}, "
                f"here {here[:12]}): this package, or one that stems words, "
                "has another version. Build the index again."
            )
        self.search = config.search if config else built_with.search
        self.drafts = Drafts(index, built_with)
        self._asked: dict[Any, BlockSettings] = {}
        before: Knowledge | None = like.knowledge if like else None
        self.knowledge: Knowledge = Knowledge(index, rules, before)
        self.ranker = Ranker(self.knowledge, popularity)
        if index.compiled:
            index.warm_up()

    def prepare(self) -> None:
        """Read now what the first block would have to read of every card."""
        self.ranker.eligibility.prepare()

    def learning(self) -> Iterator[None]:
        """Find out ahead what blocks ask of articles, the newest first: a few at each step."""
        stories = self.knowledge.stories(self.block.same_story) if self.block.same_story else None
        newest = self.index.docs()[::-1]
        for first in range(0, len(newest), _CHUNK):
            docs = newest[first : first + _CHUNK]
            if self.ranker.scorer.smooths(self.block):
                self.ranker.scorer.smoother.learn(docs)
            if stories is not None:
                stories.firsts(docs.tolist())
            yield

    # --- blocks ---

    def related(self, key: str, *, explain: bool = False, **options: Any) -> Block:
        """Do what ``Recommender.related`` says."""
        started = time.perf_counter()
        doc = self.doc_of(key)
        return self._block(*self._of_doc(doc), self.ask_for(options), explain, started)

    def related_to_article(
        self, article: Article | Mapping[str, Any], *, explain: bool = False, **options: Any
    ) -> Block:
        """Do what ``Recommender.related_to_article`` says."""
        started = time.perf_counter()
        draft, named = self.drafts.read(article)
        analysed_as, lang = self.drafts.language(draft)
        known = self.find(draft.id) if named else None
        if known is None and draft.url:
            known = self.find(draft.url)
        query = replace(self.drafts.query(draft, analysed_as), doc=known)
        source = Source(draft.id if named else None, draft.url, lang, draft.title or None)
        subject = self._of_draft(draft, query, lang, named)
        return self._block(source, subject, self.ask_for(options), explain, started)

    def related_to_several(
        self, keys: Sequence[str], *, explain: bool = False, **options: Any
    ) -> Block:
        """Do what ``Recommender.related_to_several`` says."""
        started = time.perf_counter()
        if isinstance(keys, str) or not keys:
            raise InputError(f"keys is {keys!r}; expected a list of article ids, one or more.")
        found = [(key, self.find(key)) for key in keys]
        docs = list(dict.fromkeys(doc for _, doc in found if doc is not None))
        missing = tuple(key for key, doc in found if doc is None)
        if not docs:
            raise UnknownArticleError(
                f"None of the {len(keys):,} articles is in this index.{self._examples()}"
            )
        ask = self.ask_for(options)
        ask = replace(ask, missing=missing + ask.missing)
        langs = frozenset(self.index.language(doc) for doc in docs)
        lang = next(iter(langs)) if len(langs) == 1 else None
        times = [t for doc in docs if (t := self.index.published(doc)) != NO_DATE]
        subject = Subject(
            self._together(docs),
            lang=lang,
            published=float(max(times)) if times else None,
            sensitive=all(self.index.card(doc).get("sensitive") for doc in docs),
            also=frozenset(docs),
            langs=langs,
        )
        return self._block(Source(None, None, lang), subject, ask, explain, started)

    def without_article(self, *, explain: bool = False, **options: Any) -> Block:
        """Do what ``Recommender.without_article`` says."""
        started = time.perf_counter()
        nothing = Query(np.zeros(0, np.int32), np.zeros(0, np.uint8))
        return self._block(
            Source(None, None, None), Subject(nothing), self.ask_for(options), explain, started
        )

    def related_page(
        self,
        key: str,
        blocks: Mapping[str, Mapping[str, Any]],
        *,
        exclude_ids: Iterable[str] = (),
        explain: bool = False,
    ) -> dict[str, Block]:
        """Do what ``Recommender.related_page`` says."""
        if not isinstance(blocks, Mapping) or not blocks:
            raise InputError(
                f"blocks is {blocks!r}; expected a mapping of names to options, such as "
                "{'more': {'limit': 4}, 'background': {'preset': 'background'}}."
            )
        shown = _listed(exclude_ids)
        out = {}
        for name, options in blocks.items():
            if not isinstance(options, Mapping):
                raise InputError(
                    f"The block {name!r} is {options!r}; expected its options, such as "
                    "{'limit': 4}."
                )
            own = {"explain": explain, **options}
            own["exclude_ids"] = [*shown, *_listed(options.get("exclude_ids"))]
            out[name] = self.related(key, **own)
            for card in out[name].cards:
                shown += [card.id, *card.copies]
        return out

    def rank(self, doc: int, ask: Ask) -> Ranked:
        """Return the block of an article of the index as documents and scores."""
        return self.ranker.rank(self._of_doc(doc)[1], ask)

    def rows(
        self, ask: Ask, docs: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float64], Copies]:
        """Return the blocks of many articles: (n, limit) documents, -1 for none; scores; copies."""
        settings, index = ask.settings, self.index
        plain = not is_choosy(settings) and not self.ranker.scorer.smooths(settings)
        if plain and settings.languages in ("same", "any"):
            same = settings.languages == "same"
            find = index.related_rows if same else partial(index.search_rows, same_language=False)
            choice = Choice(excluded=ask.excluded)
            limit, least = settings.limit, settings.threshold
            return *find(docs, limit, threshold=least, choice=choice, effort=ask.effort), {}
        found = np.full((len(docs), settings.limit), -1, np.int32)
        scores, copies = np.zeros(found.shape), Copies()
        for i, doc in enumerate(docs.tolist()):
            chosen = self.rank(doc, ask).chosen
            found[i, : len(chosen)] = [c.doc for c in chosen]
            scores[i, : len(chosen)] = [c.score for c in chosen]
            copies.update({(doc, c.doc): c.told[1:] for c in chosen if c.told[1:]})
        return found, scores, copies

    def story(self, key: str, **options: Any) -> tuple[str, list[Card]]:
        """Do what ``Recommender.story`` says."""
        doc, ask = self.doc_of(key), self.ask_for(options)
        stories = self.knowledge.stories(ask.settings.same_story or BlockSettings().same_story)
        _, subject = self._of_doc(doc)
        first, cards = stories.first(doc), []
        hidden = self.ranker.eligibility.hidden
        members = [d for d in stories.members(doc) if d == doc or not hidden(d, ask)]
        for rank, member in enumerate(members, 1):
            score = self.index.score(subject.query, member)
            chosen = Chosen(member, score, score, origin="story")
            cards.append(self._card(chosen, rank, subject, stories, first))
        return self.index.article_id(first), cards

    # --- why ---

    def explain(self, key: str, other: str) -> Explanation:
        """Do what ``Recommender.explain`` says."""
        doc, other_doc = self.doc_of(key), self.doc_of(other)
        lang = self.index.language(doc)
        query = self.index.query_of(doc)
        terms = self._named_terms(*self.index.shared_terms(query, other_doc), lang)
        score = self.index.score(query, other_doc)
        return Explanation(
            self.index.article_id(doc), self.index.article_id(other_doc), score, terms
        )

    def why_not(self, key: str, other: str, **options: Any) -> Verdict:
        """Do what ``Recommender.why_not`` says."""
        doc, there = self.doc_of(key), self.doc_of(other)
        _, subject = self._of_doc(doc)
        ask = self.ask_for(options)
        similarity = self.index.score(subject.query, there)
        priors = self.ranker.scorer.priors(subject, ask)
        score = self.ranker.scorer.score_of(there, subject, ask)
        spent = priors.emptied_by(there)
        step, reason, rank = self._verdict(subject, ask, there, similarity, spent)
        ids = self.index.article_id(doc), self.index.article_id(there)
        return Verdict(*ids, step is None, rank, step, reason, similarity, score)

    def _verdict(
        self, subject: Subject, ask: Ask, doc: int, similarity: float, spent: str
    ) -> tuple[str | None, str, int | None]:
        """Return the step that leaves a document out, what is said of it, and its rank."""
        ranked = self.ranker.rank(subject, ask)
        if ranked.barred:
            return "rules", f"there is no block here: {ranked.barred}", None
        for rank, chosen in enumerate(ranked.chosen, 1):
            if chosen.doc == doc:
                return None, f"it is card {rank}, {_ORIGINS[chosen.origin]}", rank
            if doc in chosen.copies:
                shown = self.index.article_id(chosen.doc)
                return "duplicates", f"it tells what card {rank}, {shown}, tells", rank
            if doc in chosen.instalments:
                shown = self.index.article_id(chosen.doc)
                return "live", f"card {rank}, {shown}, is newer, of the same live blog", rank
        against = self.ranker.eligibility.reason_against(doc, subject, ask)
        said = ranked.reason_for(doc)
        if against is None or (said and said[0] == "pinned"):
            against = said
        if against is None and similarity < ask.settings.threshold:
            against = "threshold", f"its similarity is below {ask.settings.threshold:g}"
        return (*(against or self._by_score(subject, ask, doc, similarity, spent)), None)

    def _by_score(
        self, subject: Subject, ask: Ask, doc: int, similarity: float, spent: str
    ) -> tuple[str, str]:
        """Return why a document that no step left out does not come up."""
        if not similarity:
            return "similarity", "it shares no weighty word with the article"
        if spent:
            return spent, f"{spent} leaves nothing of its score"
        place = self.ranker.scorer.place_of(doc, subject, ask)
        return "limit", f"it is number {place:,} by score, and others fill the block"

    # --- parts ---

    def ask_for(self, options: Mapping[str, Any]) -> Ask:
        """Return what a call asks for: its options, over the preset's, over the usual.

        Raises
        ------
        InputError, ConfigError : an option that cannot be
        """
        given = {name: value for name, value in options.items() if value is not None}
        exclude_ids = given.pop("exclude_ids", ())
        mode = given.pop("mode", self.search.mode)
        now, twins = _now(given.pop("now", None)), bool(given.pop("twins", False))
        settings = self._settings_for(given) if given else self.block
        excluded, missing = self._excluded(_listed(exclude_ids))
        effort = self.search if mode == self.search.mode else replace(self.search, mode=mode)
        return Ask(settings, effort, now, excluded, missing, twins)

    def _settings_for(self, given: Mapping[str, Any]) -> BlockSettings:
        """Return the settings of a block with those given; the last few are remembered."""
        key = tuple(sorted((name, type(value), repr(value)) for name, value in given.items()))
        known = self._asked.get(key)
        if known is None:
            chosen = {**asdict(self.block), **with_preset(given)}
            known = settings_from(BlockSettings, chosen, section="block:")
            if len(self._asked) >= _ASKED:
                self._asked.clear()
            self._asked[key] = known
        return known

    def find(self, key: str) -> int | None:
        """Return the document number of an article id or URL, mended as ids are when read.

        Raises
        ------
        InputError : ``key`` is no text
        """
        doc = int(self.find_many([key])[0])
        return None if doc < 0 else doc

    def find_many(self, keys: Sequence[str]) -> NDArray[np.int32]:
        """Return what ``find`` says of each of many keys, (n,) int32; -1 = there is none."""
        wrong = [key for key in keys if not isinstance(key, str)]
        if wrong:
            raise InputError(
                f"{wrong[0]!r} is no article id; expected a text such as '{wrong[0]}'."
            )
        docs = self.index.find_many(keys)
        odd = [i for i in np.flatnonzero(docs < 0).tolist() if not _is_plain(keys[i])]
        if odd:
            docs[odd] = self.index.find_many([_mended(keys[i]) for i in odd])
        return docs

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

    @cached_property
    def _an_id(self) -> str:
        docs = self.index.docs()
        return self.index.article_id(int(docs[-1])) if len(docs) else ""

    def _examples(self) -> str:
        return f" Ids look like {self._an_id!r}." if self._an_id else ""

    def _of_doc(self, doc: int) -> tuple[Source, Subject]:
        """Return an article of the index as what a block is asked for."""
        stored, name = self.index.card(doc), self.index.article_id(doc)
        lang, published = self.index.language(doc), self.index.published(doc)
        subject = Subject(
            self.index.query_of(doc),
            doc,
            lang,
            None if published == NO_DATE else float(published),
            self._values(stored, name, lang),
            bool(stored.get("sensitive")),
        )
        return self._source(doc, stored), subject

    def _source(self, doc: int, stored: Mapping[str, Any]) -> Source:
        name, lang = self.index.article_id(doc), self.index.language(doc)
        return Source(name, stored.get("url"), lang, stored.get("title"))

    def _of_draft(self, draft: Article, query: Query, lang: str | None, named: bool) -> Subject:
        """Return a draft as what a block is asked for."""
        stored = {
            "section": draft.section,
            "tags": list(draft.tags),
            "authors": list(draft.authors),
            "label": draft.label,
            "extra": to_json(draft.extra),
        }
        return Subject(
            query,
            lang=lang,
            published=draft.published_at.timestamp() if draft.published_at else None,
            values=self._values(stored, draft.id if named else "", lang or ""),
            sensitive=draft.sensitive,
            also=frozenset() if query.doc is None else frozenset({query.doc}),
        )

    def _values(self, stored: Mapping[str, Any], name: str, lang: str) -> dict[str, Any]:
        """Return what rules may ask of an article, folded."""
        found = facts_of_card(stored, self.knowledge.rules.fields)
        values = {field: tuple(map(folded, given)) for field, given in found.items()}
        return {**values, "id": (as_id(name),), "lang": (folded(lang),)}

    def _together(self, docs: Sequence[int]) -> Query:
        """Return several documents as one query: the sum of their words' counts."""
        rows = [self.index.query_of(doc) for doc in docs]
        terms, places = np.unique(np.concatenate([r.terms for r in rows]), return_inverse=True)
        counts = np.asarray(COUNT_OF_CODE)[np.concatenate([r.codes for r in rows])]
        totals = np.bincount(places, weights=counts, minlength=len(terms))
        return Query(terms.astype(np.int32), encode_counts(totals.astype(np.int64)))

    def _excluded(self, ids: Iterable[str]) -> tuple[frozenset[int], tuple[str, ...]]:
        """Return the documents to leave out, and the ids that name none."""
        keys = list(ids)
        if not keys:
            return frozenset(), ()
        docs = self.find_many(keys)
        missing = tuple(keys[i] for i in np.flatnonzero(docs < 0).tolist())
        return frozenset(docs[docs >= 0].tolist()), missing

    # --- cards ---

    def _block(
        self, source: Source, subject: Subject, ask: Ask, explain: bool, started: float
    ) -> Block:
        ranked = self.ranker.rank(subject, ask)
        stories = self._stories(ask)
        story = self._story_of(subject, ranked, stories)
        whys = self._whys(subject, ask, ranked.chosen, explain)
        cards = tuple(
            self._card(chosen, rank, subject, stories, story, why)
            for rank, (chosen, why) in enumerate(zip(ranked.chosen, whys, strict=True), 1)
        )
        return Block(
            source=source,
            cards=cards,
            index=self.info(),
            fallback_used=any(c.origin == "fallback" for c in ranked.chosen),
            removed=self._removed(subject, ask, ranked) if explain else (),
            missing_ids=ask.missing,
            barred=ranked.barred or None,
            twins=self._twins(subject, ask) if ask.twins else (),
            request_id=secrets.token_hex(8),
            took_ms=round((time.perf_counter() - started) * 1000, 3),
        )

    def _twins(self, subject: Subject, ask: Ask) -> tuple[Source, ...]:
        """Return the same story in other languages, as far as the rules let it be shown."""
        docs = [] if subject.doc is None else self.ranker.twins(subject.doc)
        against = self.ranker.eligibility.rule_against
        docs = [doc for doc in docs if not against(doc, subject, ask)]
        return tuple(self._source(doc, self.index.card(doc)) for doc in docs)

    def _stories(self, ask: Ask) -> Stories | None:
        least = ask.settings.same_story
        return self.knowledge.stories(least) if least else None

    def _story_of(self, subject: Subject, ranked: Ranked, stories: Stories | None) -> int | None:
        """Return the first article of the story that a subject is of; None if none is known."""
        if stories is None:
            return None
        own = [] if subject.doc is None else [subject.doc]
        stories.firsts([*own, *(c.doc for c in ranked.chosen)])  # all in one go
        if subject.doc is not None:
            return stories.first(subject.doc)
        near = [c.doc for c in ranked.chosen if c.similarity >= stories.least]
        return stories.first(near[0]) if near else None

    def _removed(self, subject: Subject, ask: Ask, ranked: Ranked) -> tuple[Removal, ...]:
        """Return the near ones that are no cards, each with the step that left it out."""
        said = {d.doc: (d.step, d.reason) for d in ranked.dropped if d.step != "limit"}
        for doc in self.ranker.scorer.nearest(subject, ask, _LOOKED_AT):
            against = self.ranker.eligibility.reason_against(doc, subject, ask)
            if against and against[0] != "itself":
                said.setdefault(doc, against)
        name = self.index.article_id
        removed = [Removal(name(doc), step, reason) for doc, (step, reason) in said.items()]
        if ranked.barred and not subject.own:
            removed.append(Removal("", "rules", ranked.barred))
        return tuple(removed)

    def _card(
        self,
        chosen: Chosen,
        rank: int,
        subject: Subject,
        stories: Stories | None,
        story: int | None,
        why: tuple[Reason, ...] = (),
    ) -> Card:
        """Return a document as a card."""
        doc = chosen.doc
        stored = self.index.card(doc)
        image = stored.get("image")
        first = None if stories is None else stories.first(doc)
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
            story_id=None if first is None else self.index.article_id(first),
            role=None if first is None else self._role(chosen, stored, subject, first == story),
            rank=rank,
            score=chosen.score,
            origin=chosen.origin,
            why=why,
            copies=tuple(self.index.article_id(d) for d in chosen.told[1:]),
            extra=stored.get("extra", {}),
        )

    def _whys(
        self, subject: Subject, ask: Ask, several: Sequence[Chosen], explain: bool
    ) -> list[tuple[Reason, ...]]:
        """Return what speaks for each card: shared terms, stories leaned on, and what steps do.

        All of it sums to the score; unless that is asked for only the first few are told.
        """
        most, docs = None if explain else ask.settings.why, [chosen.doc for chosen in several]
        if most is None:
            found = [self.index.shared_terms(subject.query, doc) for doc in docs]
        else:
            room = min(most, len(subject.query.terms))  # however many a caller asks for
            found = self.index.top_terms(subject.query, docs, room)
        if not found:
            return []
        terms, shares = (np.concatenate(both) for both in zip(*found, strict=True))
        told, ends = self._named_terms(terms, shares, subject.lang), [0]
        for own, _ in found:
            ends.append(ends[-1] + len(own))
        return [
            self._why(chosen, told[begin:end], subject, ask, most)
            for chosen, (begin, end) in zip(several, pairwise(ends), strict=True)
        ]

    def _why(
        self,
        chosen: Chosen,
        why: tuple[Reason, ...],
        subject: Subject,
        ask: Ask,
        most: int | None,
    ) -> tuple[Reason, ...]:
        """Return the terms that speak for a card with what else does, ``most`` in all."""
        steps = dict(chosen.effects)
        if "smoothing" not in steps or (most is not None and len(why) >= most):
            stories: list[Reason] = []
        else:
            leaned_on = self.ranker.scorer.leaned_on(chosen.doc, subject, ask)
            stories = [Reason(self._named(doc), share, "story") for doc, share in leaned_on]
        if most is not None:
            return (*why, *stories)[:most]
        if stories:
            steps["smoothing"] -= math.fsum(story.share for story in stories)
        told = [Reason(name, share, "step") for name, share in steps.items()]
        return (*why, *stories, *told)

    def _named(self, doc: int) -> str:
        return self.index.card(doc).get("title") or self.index.article_id(doc)

    def _role(
        self, chosen: Chosen, stored: Mapping[str, Any], subject: Subject, same_story: bool
    ) -> str | None:
        if chosen.origin == "fallback":
            return "fallback"
        published = self.index.published(chosen.doc)
        unknown = subject.published is None or published == NO_DATE
        section = folded(stored.get("section") or "")
        return role_of(
            same_story=same_story,
            apart=None if unknown else published - (subject.published or 0.0),
            same_section=bool(section) and section in subject.values.get("section", ()),
        )

    def _named_terms(
        self, terms: NDArray[np.int32], shares: NDArray[np.float64], lang: str | None
    ) -> tuple[Reason, ...]:
        """Return terms as they are written for people, each with its share."""
        names = self.index.display(terms, lang)
        return tuple(map(Reason, names, shares.tolist()))

    def info(self) -> IndexInfo:
        """Return which snapshot the answers come from."""
        built = self.index.built_at
        age = max(0.0, (datetime.now(UTC) - built).total_seconds())
        return IndexInfo(self.index.manifest.generation, built, age, self.index.n_articles)


_ORIGINS = {
    "pinned": "pinned there by an editor",
    "series": "the next part of the series",
    "similar": "for its similarity",
    "fallback": "because too few are similar",
    "story": "of the same story",
}


def _is_plain(key: str) -> bool:
    """Tell whether ids are read as they are, with nothing to mend."""
    return key.isprintable() and unicodedata.is_normalized("NFC", key)


def _mended(key: str) -> str:
    """Return an id as it is read with an article."""
    from recommender.ingest.repair import repair_text

    return unicodedata.normalize("NFC", repair_text(key, lambda kind, detail: None))


def _listed(ids: Any) -> list[str]:
    if ids is None:
        return []
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise InputError(f"exclude_ids is {ids!r}; expected a list of ids, not one text or number.")
    return list(ids)


def _now(value: Any) -> float:
    """Return the moment that a block is for, in seconds since 1970."""
    if value is None:
        return time.time()
    moment = moment_of(value)
    if moment is None or not math.isfinite(moment):
        raise InputError(f"now is {value!r}; expected a moment such as 2026-11-30T12:00:00Z.")
    return moment


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
