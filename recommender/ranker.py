"""Ranker: for one article, which few others are its block, in which order, and why not the rest.

Documents and scores in and out; ``answers.py`` makes cards of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.eligibility import Ask, Eligibility, Subject
from recommender.index.part import Choice
from recommender.index.reader import NO_DATE
from recommender.knowledge import Knowledge
from recommender.ranking.duplicates import (
    collapse_copies,
    drop_copies_of_shown,
    drop_dissimilar,
)
from recommender.ranking.instalments import collapse_live, told_apart
from recommender.ranking.popularity import Popularity
from recommender.ranking.rules import Pin
from recommender.ranking.settings import BlockSettings
from recommender.ranking.shortlist import Dropped, Shortlist
from recommender.ranking.variety import Quota, take_few
from recommender.scoring import NO_PRIORS, Priors, Scorer
from recommender.serials import Serials
from recommender.smoothing import Smoothed
from recommender.twins import may_be_twins, twins_of

__all__ = ["Chosen", "Ranked", "Ranker", "is_choosy"]

_MOST_COMPARED: Final = 512
"""Candidates of a second look at most: every pair of them is compared."""
_MOST_SHOWN: Final = 32
"""Excluded documents whose copies are left out too: what a page shows, not all that it knows."""
_TWINS: Final = 65_536
"""Documents whose twins are remembered."""
_LATEST: Final = 4096
"""How many of the site's latest are looked at for those of a section."""
_REPRINT: Final = "reprint"
"""The label of what is another's text."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A document that is a card.

    Attributes
    ----------
    doc : int
    score : float, similarity times what the steps leave of it
    similarity : float, cosine with the article
    effects : pairs of a step and what it adds; with the similarity they sum to the score
    origin : pinned, series, similar or fallback
    copies : documents that tell the same, under this card
    instalments : earlier ones of the live blog that it is, under this card too
    """

    doc: int
    score: float
    similarity: float
    effects: tuple[tuple[str, float], ...] = ()
    origin: str = "similar"
    copies: tuple[int, ...] = ()
    instalments: tuple[int, ...] = ()

    @property
    def told(self) -> tuple[int, ...]:
        """The documents that the card stands for: its own, its copies, earlier instalments."""
        return self.doc, *self.copies, *self.instalments


@dataclass(frozen=True, slots=True)
class Ranked:
    """A block as numbers.

    Attributes
    ----------
    chosen : the cards, in order
    dropped : candidates that are none, and why
    barred : why there is no block at all; empty if there may be one
    """

    chosen: tuple[Chosen, ...]
    dropped: tuple[Dropped, ...] = ()
    barred: str = ""

    def reason_for(self, doc: int) -> tuple[str, str] | None:
        """Return the step that left a document out, and why; None if none did."""
        return next(((d.step, d.reason) for d in self.dropped if d.doc == doc), None)


class Ranker:
    """Makes blocks out of one generation. It never changes, and is safe to share.

    Parameters
    ----------
    knowledge : of the generation's articles
    popularity : the site's counts, if it has any
    """

    def __init__(self, knowledge: Knowledge, popularity: Popularity | None = None) -> None:
        self.knowledge, self.index = knowledge, knowledge.index
        self.eligibility, self.serials = Eligibility(knowledge), Serials(knowledge)
        self.scorer = Scorer(self.eligibility, popularity)
        self._twins: dict[int, tuple[int, ...]] = {}

    def rank(self, subject: Subject, ask: Ask) -> Ranked:
        """Return the block of a subject."""
        if barred := self.eligibility.bar(subject, ask):
            return Ranked((), (), barred)
        if not is_choosy(ask.settings):
            return self._plainly(subject, ask)
        chosen, dropped = self._pinned(subject, ask)
        chosen += self._next_part(subject, ask, chosen)
        priors = self.scorer.priors(subject, ask)
        if ask.settings.languages != "same" and subject.doc is not None:
            twins = self.twins(subject.doc)
            dropped += [
                Dropped(doc, "twins", "it tells the same in another language") for doc in twins
            ]
            subject = replace(subject, also=subject.also | set(twins))
        for choice in self.eligibility.choices(subject, ask):
            if len(chosen) < ask.settings.limit:
                found, out = self._similar(subject, ask, priors, choice, chosen)
                chosen, dropped = chosen + found, dropped + out
        for rung in ask.settings.rungs:
            if len(chosen) < ask.settings.limit:
                chosen += self._fallback(rung, subject, ask, chosen)
        shown = {doc for c in chosen for doc in c.told}
        return Ranked(tuple(chosen), tuple(d for d in dropped if d.doc not in shown))

    def _plainly(self, subject: Subject, ask: Ask) -> Ranked:
        """Return the nearest, where no step looks at them."""
        chosen: list[Chosen] = []
        for choice in self.eligibility.choices(subject, ask):
            need = ask.settings.limit - len(chosen)
            if need > 0:
                found, _ = self.scorer.found(
                    subject, need, ask, choice, NO_PRIORS, threshold=ask.settings.threshold
                )
                places = range(min(need, len(found)))
                chosen += _chosen(found, places, NO_PRIORS)
        return Ranked(tuple(chosen))

    # --- pinned ones ---

    def _pinned(self, subject: Subject, ask: Ask) -> tuple[list[Chosen], list[Dropped]]:
        """Return what an editor pinned under a subject, and pins that another rule forbids."""
        chosen: list[Chosen] = []
        dropped: list[Dropped] = []
        for pin in self.knowledge.rules.pins if ask.settings.rules else ():
            doc = self.index.find(pin.article)
            meant = pin.under is None or pin.under.matches(subject.values)
            if doc is None or not meant or not pin.since <= ask.now < pin.until:
                continue
            if doc in subject.own or doc in ask.excluded or doc in {c.doc for c in chosen}:
                continue
            reason = self._against_pin(pin, doc, subject, ask)
            if reason:
                dropped.append(Dropped(doc, "pinned", f"is pinned here, but {reason}"))
            elif len(chosen) < ask.settings.limit:
                score = self.index.score(subject.query, doc)
                chosen.append(Chosen(doc, score, score, origin="pinned"))
        return chosen, dropped

    def _against_pin(self, pin: Pin, doc: int, subject: Subject, ask: Ask) -> str | None:
        """Return why a pinned document does not stand under a subject, or None if it does."""
        if reason := self.eligibility.rule_against(doc, subject, ask):
            return reason
        if pin.names_language:
            return None
        if reason := self.eligibility.language_against(doc, subject, ask):
            return reason
        if subject.doc is not None and self._are_twins(doc, subject.doc):
            return "it tells the same in another language"
        return None

    # --- the next part of a series ---

    def _next_part(self, subject: Subject, ask: Ask, before: Sequence[Chosen]) -> list[Chosen]:
        """Return the next part of the series that a subject is of, if it may be a card."""
        series, at = subject.values.get("series", ()), subject.published
        is_wanted = ask.settings.next_in_series and len(before) < ask.settings.limit
        if not is_wanted or not series or at is None:
            return []
        own = next(iter(subject.values.get("id", ())), "")
        for doc in self.serials.later_parts(series, (at, own)):
            if doc in ask.excluded or doc in {d for c in before for d in c.told}:
                return []  # the page has it
            if self.eligibility.reason_against(doc, subject, ask) is None:
                score = self.index.score(subject.query, doc)
                return [Chosen(doc, score, score, origin="series")]
        return []

    # --- similar ones ---

    def _similar(
        self, subject: Subject, ask: Ask, priors: Priors, choice: Choice, before: Sequence[Chosen]
    ) -> tuple[list[Chosen], list[Dropped]]:
        """Return the best similar ones for the places that are left, and what became of others.

        A few times as many as are needed are looked at; if the steps leave too few of these, more.
        """
        need = ask.settings.limit - len(before)
        shown = {doc for c in before for doc in c.told}
        own = replace(
            choice, excluded=choice.excluded | shown, priors=priors if priors.steps else None
        )
        for room in _rooms(need):
            found, are_all = self.scorer.found(subject, room, ask, own, priors)
            few = self._few(self._shortlist(subject, ask, found, before), ask, before)
            if len(few) >= need or are_all:
                break
        else:
            if ask.settings.threshold and priors.steps:
                near = self.scorer.similar_enough(subject, room, ask, own)
                found = self.scorer.smoothed(subject, ask, near, own, priors).take(slice(room))
                few = self._few(self._shortlist(subject, ask, found, before), ask, before)
        return _chosen(found, few.places, priors, few), list(few.dropped)

    def _shortlist(
        self,
        subject: Subject,
        ask: Ask,
        found: Smoothed,
        before: Sequence[Chosen],
    ) -> Shortlist:
        """Return candidates with what the steps need to know of them."""
        cosines = contained = np.zeros((0, 0))
        n_before = 1
        if ask.settings.duplicates or ask.settings.diversity:
            shown = [c.doc for c in before] + sorted(ask.excluded)[:_MOST_SHOWN]
            docs = np.concatenate([np.array(shown, np.int32), found.docs])
            cosines, contained = self.index.compare(docs, subject.query)
            n_before += len(shown)
            if ask.settings.duplicates:
                contained = self._told_apart(subject, docs, contained, ask.settings.duplicates)
        return Shortlist(
            found.docs,
            found.scores,
            found.similarities,
            n_before,
            cosines,
            contained,
            tuple(range(len(found))),
        )

    def _told_apart(
        self,
        subject: Subject,
        docs: NDArray[np.int32],
        contained: NDArray[np.float64],
        least: float,
    ) -> NDArray[np.float64]:
        """Return what pairs share, where parts of a series share nothing; the subject is first."""
        own = tuple(subject.values.get("series", ()))

        def are_parts(i: int, j: int) -> bool:
            """Tell whether two places, in ascending order, hold parts of one series."""
            first = own if i == 0 else self.knowledge.facts_of(int(docs[i - 1]))["series"]
            if not first or (i and not self.serials.are_parts(first, int(docs[i - 1]))):
                return False
            return self.serials.are_parts(first, int(docs[j - 1]))

        return told_apart(contained, least, are_parts)

    def _few(self, found: Shortlist, ask: Ask, before: Sequence[Chosen]) -> Shortlist:
        """Run the steps."""
        settings = ask.settings
        if settings.threshold:
            found = drop_dissimilar(found, settings.threshold)
        if settings.duplicates:
            found = drop_copies_of_shown(found, settings.duplicates)
            found = collapse_copies(found, settings.duplicates, self._preference(settings))
        if words := settings.live_words:
            cards = [c.doc for c in before]
            standing = found.docs[list(found.places)].tolist()
            blogs = self.serials.blogs([*cards, *standing], words, settings.same_story)
            found = collapse_live(found, blogs, cards, self.knowledge.moment) if blogs else found
        if settings.languages != "same":
            found = self._without_twins(found, before)
        if settings.max_per_story and settings.same_story:
            need = 2 * (settings.limit - len(before))
            ahead = [found.doc(place) for place in found.places[:need]]
            self.knowledge.stories(settings.same_story).firsts(ahead)
        return take_few(
            found,
            settings.limit - len(before),
            diversity=settings.diversity,
            quotas=self._quotas(settings),
            before=[c.doc for c in before],
        )

    def _without_twins(self, found: Shortlist, before: Sequence[Chosen]) -> Shortlist:
        """Drop what a better candidate, or a card that stands, tells in another language."""
        standing = [c.doc for c in before]
        dropped = []
        for place in found.places:
            doc = found.doc(place)
            if any(self._are_twins(doc, other) for other in standing):
                dropped.append((place, "it tells in another language what comes before it"))
            else:
                standing.append(doc)
        return found.without(dropped, "twins")

    def _are_twins(self, doc: int, other: int) -> bool:
        if not may_be_twins(self.index, doc, other):
            return False
        return other in self.twins(doc)

    def twins(self, doc: int) -> tuple[int, ...]:
        """Return the articles that tell a document's story in other languages; remembered."""
        found = self._twins.get(doc)
        if found is None:
            found = tuple(twins_of(self.index, doc))
            if len(self._twins) >= _TWINS:
                self._twins.clear()
            self._twins[doc] = found
        return found

    def _preference(self, settings: BlockSettings) -> Callable[[int], tuple[int, ...]]:
        """Return the key by which one of several versions is shown."""
        sign = -1 if settings.version == "newest" else 1

        def key(doc: int) -> tuple[int, ...]:
            reprint = _REPRINT in self.knowledge.facts_of(doc)["label"]
            published = self.index.published(doc)
            return int(reprint), int(published == NO_DATE), sign * published

        return key

    def _quotas(self, settings: BlockSettings) -> list[Quota]:
        facts = self.knowledge.facts_of
        several = [
            Quota("section", settings.max_per_section, lambda doc: facts(doc)["section"]),
            Quota("author", settings.max_per_author, lambda doc: facts(doc)["author"]),
            Quota("series", settings.max_per_series, lambda doc: facts(doc)["series"]),
        ]
        if settings.max_per_story and settings.same_story:
            first = self.knowledge.stories(settings.same_story).first
            most, name = settings.max_per_story, self.index.article_id
            several.append(Quota("story", most, lambda doc: (first(doc),), name))
        return [quota for quota in several if quota.most]

    # --- when too few are similar ---

    def _fallback(
        self, rung: str, subject: Subject, ask: Ask, before: Sequence[Chosen]
    ) -> list[Chosen]:
        """Return what a rung of the ladder has for the places that are left."""
        settings = replace(ask.settings, threshold=0.0, diversity=0.0, max_per_section=0)
        need = settings.limit - len(before)
        shown = frozenset(doc for c in before for doc in c.told)
        chosen: list[Chosen] = []
        for choice in self.eligibility.choices(subject, ask):
            if len(chosen) == need:
                break
            own = replace(choice, excluded=choice.excluded | shown)
            for room in (*_rooms(need), _MOST_COMPARED):
                docs = self._rung(rung, subject, own, room)
                falling = np.linspace(1.0, 0.0, len(docs), endpoint=False)
                found = Smoothed(docs, falling, falling, falling, falling)
                short = self._shortlist(subject, ask, found, [*before, *chosen])
                few = self._few(short, replace(ask, settings=settings), [*before, *chosen])
                if len(chosen) + len(few) >= need or len(docs) < room:
                    break
            for place in few.places:
                doc = few.doc(place)
                score = self.index.score(subject.query, doc)
                under = few.copies.get(place, ()), few.instalments.get(place, ())
                chosen.append(Chosen(doc, score, score, (), "fallback", *under))
        return chosen

    def _rung(self, rung: str, subject: Subject, choice: Choice, k: int) -> NDArray[np.int32]:
        """Return the documents of a rung, the first ones first."""
        if rung == "popular":
            return self._most_read(choice, k)
        if rung == "section":
            return self._latest_in(set(subject.values.get("section", ())), choice, k)
        return self.index.latest(k, choice)

    def _latest_in(self, sections: set[str], choice: Choice, k: int) -> NDArray[np.int32]:
        """Return the latest of some sections, among the latest few thousand of the site."""
        if not sections:
            return np.zeros(0, np.int32)
        found: list[int] = []
        for doc in self.index.latest(_LATEST, choice).tolist():
            if not sections.isdisjoint(self.knowledge.facts_of(doc)["section"]):
                found.append(doc)
                if len(found) == k:
                    break
        return np.array(found, np.int32)

    def _most_read(self, choice: Choice, k: int) -> NDArray[np.int32]:
        """Return the documents that were read most, ties by what is newer."""
        read = np.flatnonzero(self.scorer.counts > 0.0)
        if not len(read):
            return np.zeros(0, np.int32)
        mask = self.knowledge.keep("read", lambda: self.scorer.counts > 0.0)
        own = replace(choice, mask=mask if choice.mask is None else mask & choice.mask)
        docs = self.index.latest(len(read), own)
        return docs[np.argsort(-self.scorer.counts[docs], kind="stable")][:k]


def _chosen(
    found: Smoothed, places: Sequence[int], priors: Priors, few: Shortlist | None = None
) -> list[Chosen]:
    """Return some candidates as cards, with what each step adds to their scores.

    Parameters
    ----------
    few : what they stand for besides themselves
    """
    picked = found.take(np.array(places, np.int64))
    steps = [
        ("smoothing", picked.smoothed - picked.similarities),
        ("crowding", picked.crowded - picked.smoothed),
    ]
    steps = [step for step in steps if step[1].any()] + priors.effects(picked.docs, picked.crowded)
    several = [[(name, share) for share in shares.tolist()] for name, shares in steps]
    effects = list(zip(*several, strict=True)) or [()] * len(picked)
    copies = few.copies if few else {}
    instalments = few.instalments if few else {}
    return [
        Chosen(
            doc,
            score,
            similarity,
            told,
            copies=copies.get(place, ()),
            instalments=instalments.get(place, ()),
        )
        for place, doc, score, similarity, told in zip(
            places,
            picked.docs.tolist(),
            picked.scores.tolist(),
            picked.similarities.tolist(),
            effects,
            strict=True,
        )
    ]


def _rooms(need: int) -> tuple[int, int]:
    """Return how many candidates are looked at first for some places, and then."""
    first = 2 * need + 12
    return first, max(first, min(8 * need + 48, _MOST_COMPARED))


def is_choosy(settings: BlockSettings) -> bool:
    """Tell whether any step chooses among the candidates, or adds to them."""
    return bool(
        settings.rules
        or settings.duplicates
        or settings.diversity
        or settings.half_life_seconds
        or settings.max_age_seconds
        or not settings.include_newer
        or settings.max_listed
        or settings.popularity
        or settings.max_per_section
        or settings.max_per_author
        or settings.max_per_story
        or settings.max_per_series
        or settings.next_in_series
        or settings.live_words
        or settings.rungs
    )
