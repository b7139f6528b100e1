"""Who may be a card at all: by language, rules, dates and exclusions, and the reason why not.

What is decided here goes into the search, so that a list is full whatever is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recommender._languages import normalize_lang
from recommender.index.part import Choice
from recommender.index.reader import NO_DATE, Query
from recommender.index.settings import SearchSettings
from recommender.knowledge import Knowledge, Mask
from recommender.ranking.ages import window
from recommender.ranking.settings import BlockSettings

__all__ = ["Ask", "Eligibility", "Subject"]

_LATER = 2**62


@dataclass(frozen=True)
class Subject:
    """What a block is asked for: an article of the index, a draft, or several at once.

    Attributes
    ----------
    query : Query
    doc : its number, where it is of the index
    lang : its language, or None if unknown
    published : when it was published, in seconds since 1970; None if unknown
    values : what rules may ask of it (folded), by field
    sensitive : whether it is marked so
    also : further documents that it consists of, never cards either
    langs : the languages of these, where they have several
    """

    query: Query
    doc: int | None = None
    lang: str | None = None
    published: float | None = None
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sensitive: bool = False
    also: frozenset[int] = frozenset()
    langs: frozenset[str] = frozenset()

    @property
    def own(self) -> frozenset[int]:
        """The documents that are no cards because they are what is asked for."""
        return self.also if self.doc is None else self.also | {self.doc}


@dataclass(frozen=True, slots=True)
class Ask:
    """What one call asks for.

    Attributes
    ----------
    settings : BlockSettings
    effort : how hard to look
    now : the moment the block is for, in seconds since 1970
    excluded : documents that are never cards
    missing : excluded ids that no article has
    twins : whether the same story in other languages is asked for
    """

    settings: BlockSettings
    effort: SearchSettings
    now: float
    excluded: frozenset[int] = frozenset()
    missing: tuple[str, ...] = ()
    twins: bool = False


class Eligibility:
    """Says who may be a card under whom, in one generation."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge, self.index, self.rules = knowledge, knowledge.index, knowledge.rules

    def prepare(self) -> None:
        """Read now what the first block would have to read of every card: marks, rules, series."""
        known, rules = self.knowledge, self.rules
        _ = known.sensitive, known.untitled, known.embargoes, known.blocked
        _ = known.timeless, known.half_lives
        known.series("")
        for selector in (*rules.to, *rules.kept_apart):
            known.matching(selector)
        if rules.same:
            _ = known.facts

    def bar(self, subject: Subject, ask: Ask) -> str:
        """Return why a subject has no block by the rules, or nothing."""
        if not ask.settings.rules:
            return ""
        if subject.sensitive:
            return "the article is marked as sensitive"
        for selector in self.rules.from_:
            if selector.matches(subject.values):
                return f"[rules] no_links_from: {selector}"
        return ""

    def choices(self, subject: Subject, ask: Ask) -> Iterator[Choice]:
        """Yield who may be found, one language after another where they are ranked."""
        choice = self._in_any_language(subject, ask)
        for languages in self.languages(ask.settings.languages, subject):
            yield replace(choice, languages=languages)

    def languages(self, rule: str, subject: Subject) -> list[frozenset[int] | None]:
        """Return the codes of the languages of cards, those that are preferred first; None = any.

        The same as an unknown language is any. A language that the index lacks finds nothing.
        """
        lang = subject.lang
        if rule == "same" and subject.langs:
            return [self.index.language_codes(subject.langs)]
        if rule == "any" or (rule == "same" and lang is None):
            return [None]
        names = [lang] if rule == "same" else [normalize_lang(name) for name in rule.split(",")]
        return [self.index.language_codes([name or ""]) for name in dict.fromkeys(names)]

    def reason_against(self, doc: int, subject: Subject, ask: Ask) -> tuple[str, str] | None:
        """Return the step by which a document may not be a card, and why; None if it may."""
        if doc in subject.own:
            return "itself", "it is the article itself"
        if doc in ask.excluded:
            return "exclude_ids", "it is excluded by the call"
        if reason := self.language_against(doc, subject, ask):
            return "languages", reason
        if reason := self.rule_against(doc, subject, ask):
            return "rules", reason
        most = ask.settings.max_listed
        if most and self.knowledge.listed[doc] > most:
            return "max_listed", f"it stands among the neighbours of more than {most} others"
        return self._date_against(doc, subject, ask)

    def language_against(self, doc: int, subject: Subject, ask: Ask) -> str | None:
        """Return what is said of a document in a language that the block does not take, or None."""
        code = self.index.language_code(doc)
        languages = self.languages(ask.settings.languages, subject)
        if any(allowed is None or code in allowed for allowed in languages):
            return None
        named = f"{ask.settings.languages} ({subject.lang or 'unknown'})"
        return f"its language is {self.index.language(doc)}; asked for: {named}"

    def _date_against(self, doc: int, subject: Subject, ask: Ask) -> tuple[str, str] | None:
        """Return what a document's date has against it, or None."""
        timeless = self.knowledge.timeless if self._exempts(ask) else None
        if timeless is not None and timeless[doc]:
            return None
        since, until = self._window(subject, ask)
        time = self.index.published(doc)
        if since is not None and time < since:
            return "max_age", "it is older than max_age allows, or undated"
        if until is None or time < until:
            return None
        here = subject.published
        if not ask.settings.include_newer and here is not None and time > here:
            return "include_newer", "it is newer than the article"
        return "max_age", "it is newer than max_age allows"

    def rule_against(self, doc: int, subject: Subject, ask: Ask) -> str | None:
        """Return the rule by which a document may not be a card, or None."""
        if not ask.settings.rules:
            return None
        if reason := self.hidden(doc, ask):
            return reason
        return next((said for said, mask in self._selections(subject) if not mask[doc]), None)

    def hidden(self, doc: int, ask: Ask) -> str | None:
        """Return why a document is not to be shown anywhere now, or None."""
        if not ask.settings.rules:
            return None
        for said, mask in self._marks(ask):
            if not mask[doc]:
                return said
        return "it is not published yet" if self.index.published(doc) > ask.now else None

    def is_early(self, doc: int, now: float) -> bool:
        """Tell whether a document is under embargo, or not published yet."""
        embargoes = self.knowledge.embargoes
        return bool(len(embargoes) and embargoes[doc] > now) or self.index.published(doc) > now

    # --- dates ---

    def reference(self, subject: Subject, ask: Ask) -> float | None:
        """Return what ages are measured from; None where it is not known: then age says nothing."""
        if ask.settings.age_from == "now":
            return ask.now
        if subject.published is not None:
            return subject.published
        return ask.now if subject.doc is None else None

    def _window(self, subject: Subject, ask: Ask) -> tuple[int | None, int | None]:
        """Return since and until when cards may have been published, in seconds since 1970."""
        since, until = None, None
        reference = self.reference(subject, ask)
        if reference is not None:
            since, until = window(reference, ask.settings.max_age_seconds)
        ends = [until] if until is not None else []
        if not ask.settings.include_newer and subject.published is not None:
            ends.append(int(subject.published) + 1)
        return since, min(ends, default=None)

    def _exempts(self, ask: Ask) -> bool:
        """Tell whether some articles are exempt from the window."""
        return ask.settings.rules and bool(self.rules.timeless)

    def _within(self, subject: Subject, ask: Ask) -> Mask:
        """Return who was published within the window, or is evergreen."""
        since, until = self._window(subject, ask)
        times = self.index.published_times
        low = NO_DATE if since is None else since
        fine = (times >= low) & (times < (math.inf if until is None else until))
        timeless = self.knowledge.timeless
        return fine if timeless is None else fine | timeless

    # --- everything together ---

    def _in_any_language(self, subject: Subject, ask: Ask) -> Choice:
        since, until = (None, None) if self._exempts(ask) else self._window(subject, ask)
        if ask.settings.rules and self.index.newest > ask.now:
            until = min(int(ask.now) + 1, _LATER if until is None else until)
        mask: Mask | None = None
        for one in self._masks(subject, ask):
            mask = one if mask is None else mask & one
        excluded = ask.excluded | subject.own
        return Choice(mask=mask, excluded=excluded, since=since, until=until)

    def _masks(self, subject: Subject, ask: Ask) -> Iterator[Mask]:
        """Yield masks of who may be a card."""
        if ask.settings.max_listed:
            yield self._seldom_listed(ask.settings.max_listed)
        if ask.settings.rules:
            for _, mask in (*self._marks(ask), *self._selections(subject)):
                yield mask
            if self._exempts(ask) and self._window(subject, ask) != (None, None):
                yield self._within(subject, ask)

    def _seldom_listed(self, most: int) -> Mask:
        """Return who stands among the known neighbours of few enough others."""
        return self.knowledge.listed <= most

    def _marks(self, ask: Ask) -> Iterator[tuple[str, Mask]]:
        known = self.knowledge
        for said, name in (
            ("it is marked as sensitive", "sensitive"),
            ("it has no title", "untitled"),
        ):
            docs = getattr(known, name)
            if len(docs):
                yield said, known.keep(name, lambda docs=docs: known.all_but(docs))  # type: ignore[misc]
        if len(known.embargoes) and (known.embargoes > ask.now).any():
            yield "it is under embargo", known.embargoes <= ask.now

    def _selections(self, subject: Subject) -> Iterator[tuple[str, Mask]]:
        known, rules = self.knowledge, self.rules
        for selector in rules.to:
            yield f"[rules] no_links_to: {selector}", ~known.matching(selector)
        for selector in rules.kept_apart:
            meant = known.matching(selector)
            fine = meant if selector.matches(subject.values) else ~meant
            yield f"[rules] apart: {selector}", fine
        for name in rules.same:
            values = tuple(sorted(subject.values.get(name, ())))
            if values:
                yield f"[rules] same: its {name} is another", self._agreeing(name, values)
        blocked = self._blocked(subject)
        if len(blocked):
            yield "[rules] blocked: these two never stand together", known.all_but(blocked)

    def _agreeing(self, name: str, values: tuple[str, ...]) -> Mask:
        """Return who has one of some values in a field, or none at all."""
        known = self.knowledge
        if name == "lang":
            return known.having(name, values)

        def make() -> NDArray[np.bool_]:
            with_any = [np.diff(facts.ptr[name]) > 0 for facts in known.facts]
            return known.having(name, values) | ~np.concatenate(with_any)

        return known.keep(("same", name, values), make)

    def _blocked(self, subject: Subject) -> NDArray[np.int32]:
        """Return the documents that an editor blocked under a subject, or it under them."""
        if not self.rules.pairs:
            return np.zeros(0, np.int32)
        keys = [
            key for own in subject.values.get("id", ()) for key in self.rules.pairs.get(own, ())
        ]
        docs = [doc for key in keys if (doc := self.index.find(key)) is not None]
        for own in subject.own:
            docs += self.knowledge.blocked.get(own, ())
        return np.unique(np.array(docs, np.int32))
