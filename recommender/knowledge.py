"""What is known of a generation's articles besides their words, for the steps of a block.

Section, tags, authors, marks and stories, and the masks that rules make of them. Read when they are
first asked for; a segment that the generation before had too is not read again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.index.part import Choice
from recommender.index.reader import Index
from recommender.ranking.facts import Facts, Marks, facts_of_card, series_of_cards
from recommender.ranking.rules import Rules, Selector
from recommender.ranking.stories import Stories
from recommender.ranking.values import folded

__all__ = ["Knowledge", "Mask"]

T = TypeVar("T")
Mask = NDArray[np.bool_]

_NEAREST = 8
"""Of the known neighbours, how many a story is looked for among."""
_KEPT = 256
"""Masks that are remembered: those of rules, and of what articles ask of them."""
_SEEN = 65_536
"""Articles whose facts are remembered, of all and of each segment."""
_STORIES = 16
_ASKED = ("section", "author", "label", "type", "series")


class Knowledge:
    """What is known of one generation. Safe to share between threads.

    Parameters
    ----------
    index : Index
    rules : the newsroom's
    like : of the generation before
    """

    def __init__(self, index: Index, rules: Rules, like: Knowledge | None = None) -> None:
        self.index, self.rules = index, rules
        self._names = index.manifest.order
        self._lock, self._lock_kept = Lock(), Lock()
        known = like is not None and like.rules.fields == rules.fields
        facts = like._facts if like and known else {}
        marks = like._marks if like else {}
        self._facts: dict[str, Facts] = {n: facts[n] for n in self._names if n in facts}
        self._marks: dict[str, Marks] = {n: marks[n] for n in self._names if n in marks}
        series = like._series if like else {}
        self._series: dict[str, Mapping[str, tuple[int, ...]]] = {
            n: series[n] for n in self._names if n in series
        }
        self._stories: dict[float, Stories] = {}
        # By document; and by segment and place, which goes on with the segment.
        self._seen: dict[int, dict[str, tuple[str, ...]]] = {}
        seen = like._seen_in if like else {}
        self._seen_in: dict[str, dict[int, dict[str, tuple[str, ...]]]] = {
            n: seen.get(n, {}) for n in self._names
        }
        self._firsts = [part.first for part in index.parts]
        self._kept: OrderedDict[Any, Mask] = OrderedDict()

    # --- single articles ---

    def facts_of(self, doc: int) -> dict[str, tuple[str, ...]]:
        """Return one article's sections, authors, labels, ..., folded; the last ones are kept."""
        found = self._seen.get(doc)
        if found is None:
            place = bisect_right(self._firsts, doc) - 1
            known, own = self._seen_in[self._names[place]], doc - self._firsts[place]
            found = known.get(own)
            if found is None:
                stored = facts_of_card(self.index.card(doc), _ASKED)
                found = {name: tuple(map(folded, values)) for name, values in stored.items()}
                _keep(known, own, found)
            _keep(self._seen, doc, found)
        return found

    def moment(self, doc: int) -> tuple[int, bytes]:
        """Return what articles are ordered by: publishing time, then id."""
        return _moment(self.index, doc)

    def stories(self, least: float) -> Stories:
        """Return the stories of the generation, where ``least`` is the cosine that links them."""
        with self._lock:
            if least not in self._stories:
                if len(self._stories) >= _STORIES:
                    self._stories.clear()
                # Of the index, not of this object: a circle would keep a generation in use until
                # the collector comes by.
                near, moment = partial(_neighbours, self.index), partial(_moment, self.index)
                owners = partial(_owners, self.index) if self.index.has_table else None
                self._stories[least] = Stories(near, moment, least, owners)
            return self._stories[least]

    def series(self, name: str) -> list[int]:
        """Return the parts of a series (folded), those that stand."""
        found: list[Mapping[str, tuple[int, ...]]] = self._of_segments(
            self._series, series_of_cards
        )
        docs = [
            part.first + doc
            for part, own in zip(self.index.parts, found, strict=True)
            for doc in own.get(name, ())
        ]
        return [doc for doc in docs if not self.index.is_gone(doc)]

    # --- masks ---

    def keep(self, key: Any, make: Callable[[], Mask]) -> Mask:
        """Return the mask of a key, made when it is first asked for.

        The ones not asked for longest make room. What a number of a call decides is not for here:
        each of a thousand numbers would push out a mask that every call needs.
        """
        with self._lock_kept:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        found = make()  # it may ask for others
        with self._lock_kept:
            self._kept[key] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def matching(self, selector: Selector) -> Mask:
        """Return which documents a selector means, (n_docs,) bool."""
        return self.keep(selector, lambda: self._matching(selector))

    def _matching(self, selector: Selector) -> Mask:
        out = np.ones(self.index.n_docs, np.bool_)
        for name, wanted in selector.conditions:
            out &= self.having(name, wanted)
        return out

    def having(self, name: str, wanted: tuple[str, ...]) -> Mask:
        """Return which documents have any of some values (folded) in a field."""
        if name == "id":
            return self._with_ids(wanted)
        if name == "lang":
            codes = self.index.language_codes(wanted)
            every = np.arange(self.index.n_docs, dtype=np.int32)
            return np.isin(self.index.languages_of(every), sorted(codes))
        parts = [facts.having(name, wanted) for facts in self.facts]
        return np.concatenate([np.zeros(0, np.bool_), *parts])

    def _with_ids(self, wanted: tuple[str, ...]) -> Mask:
        out = np.zeros(self.index.n_docs, np.bool_)
        for key in wanted:
            doc = self.index.find(key)
            if doc is not None:
                out[doc] = True
        return out

    @property
    def facts(self) -> list[Facts]:
        """The columns of each segment."""
        fields = self.rules.fields
        return self._of_segments(self._facts, lambda cards: Facts.of_cards(cards, fields))

    def _of_segments(self, known: dict[str, T], read: Callable[[StringColumn], T]) -> list[T]:
        """Return what is read of each segment's cards; ``known`` holds what was read already."""
        with self._lock:
            for name, part in zip(self._names, self.index.parts, strict=True):
                if name not in known:
                    known[name] = read(part.segment.cards)
        return [known[name] for name in self._names]

    def values(self, name: str) -> Mapping[str, int]:
        """Return how many documents have each value of a field, gone ones too."""
        totals: dict[str, int] = {}
        for facts in self.facts:
            for value, n in facts.counts(name).items():
                totals[value] = totals.get(value, 0) + n
        return totals

    @cached_property
    def blocked(self) -> Mapping[int, frozenset[int]]:
        """The documents that an editor blocked under a document, and it under them."""
        out = {}
        for key, others in self.rules.pairs.items():
            doc, found = self.index.find(key), map(self.index.find, sorted(others))
            if doc is not None:
                out[doc] = frozenset(other for other in found if other is not None)
        return out

    # --- marks ---

    def _marked(self) -> list[tuple[int, Marks]]:
        marks = self._of_segments(self._marks, Marks.of_cards)
        return [(p.first, found) for p, found in zip(self.index.parts, marks, strict=True)]

    def _docs(self, name: str) -> NDArray[np.int32]:
        """Return the documents with a mark, ascending int32."""
        found = [getattr(marks, name) + np.int32(first) for first, marks in self._marked()]
        return np.concatenate([np.zeros(0, np.int32), *found])

    @cached_property
    def sensitive(self) -> NDArray[np.int32]:
        """The documents that are marked as sensitive, ascending int32."""
        return self._docs("sensitive")

    @cached_property
    def untitled(self) -> NDArray[np.int32]:
        """The documents without a title, ascending int32."""
        return self._docs("untitled")

    def all_but(self, docs: NDArray[np.int32]) -> Mask:
        """Return every document but some, (n_docs,) bool."""
        mask = np.ones(self.index.n_docs, np.bool_)
        mask[docs] = False
        return mask

    @cached_property
    def embargoes(self) -> NDArray[np.float64]:
        """Until when each document is not to be shown, (n_docs,) float64; empty where none is."""
        marked = self._marked()
        if not self.rules.embargoes and not any(len(marks.until) for _, marks in marked):
            return np.zeros(0)
        out = np.full(self.index.n_docs, -np.inf)
        for first, marks in marked:
            out[marks.embargoed + first] = marks.until
        for embargo in self.rules.embargoes:
            meant = self.matching(embargo.which)
            out[meant] = np.maximum(out[meant], embargo.until)
        return out

    @cached_property
    def half_lives(self) -> NDArray[np.float64] | None:
        """What the rules say of each document's half-life: seconds, 0 for never ageing, -1 nothing.

        None where they say nothing at all.
        """
        if not self.rules.lives and not self.rules.timeless:
            return None
        out = np.full(self.index.n_docs, -1.0)
        for section, seconds in self.rules.lives.items():
            out[self.having("section", (section,))] = seconds
        for selector in self.rules.timeless:
            out[self.matching(selector)] = 0.0
        return out

    @cached_property
    def timeless(self) -> Mask | None:
        """The documents that no age takes anything from; None for none."""
        if not self.rules.timeless:
            return None
        out = np.zeros(self.index.n_docs, np.bool_)
        for selector in self.rules.timeless:
            out |= self.matching(selector)
        return out

    @cached_property
    def listed(self) -> NDArray[np.int64]:
        """Among how many others' known neighbours each document stands, (n_docs,) int64."""
        owners, ends = self.index.pools()
        gone = np.zeros(self.index.n_docs + 1, np.bool_)
        gone[self.index.gone] = True
        return np.bincount(ends[~gone[owners]], minlength=self.index.n_docs)


def _keep(seen: dict[int, Any], place: int, found: Any) -> None:
    """Remember what was found, of not too many."""
    if len(seen) >= _SEEN:
        seen.clear()
    seen[place] = found


def _moment(index: Index, doc: int) -> tuple[int, bytes]:
    return index.published(doc), index.article_id(doc).encode()


def _owners(index: Index, docs: Sequence[int]) -> Sequence[int]:
    found: list[int] = index.owners_of(docs, _NEAREST).tolist()
    return found


def _neighbours(
    index: Index, docs: Sequence[int]
) -> list[tuple[NDArray[np.int32], NDArray[np.float64]]]:
    if index.has_table:
        near = index.nearest_known(docs, _NEAREST)
    else:
        own = [Choice(languages=frozenset({index.language_code(doc)})) for doc in docs]
        pairs = zip(docs, own, strict=True)
        near = [index.related(doc, _NEAREST, choice=choice) for doc, choice in pairs]
    return [(found.docs, found.scores) for found in near]
