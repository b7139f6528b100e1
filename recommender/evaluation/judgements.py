"""Judgements: which articles belong to which, and how much, whoever says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from recommender.errors import InputError
from recommender.gate import even_sample

__all__ = ["Judgements", "check_some", "from_groups", "from_pairs"]

MOST_WEAK = 2000
"""Queries of a weak truth that are asked at most: its figures are rough however many there are."""


@dataclass(frozen=True, slots=True)
class Judgements:
    """What is relevant to each query, and how much.

    Attributes
    ----------
    name : str, the file or the rule they come from
    kind : pairs, groups, back references, clicks
    queries : tuple of article ids that have any relevant article
    truth : callable
        Takes a query; returns the judged articles with their grades, 0 and below = not relevant.
    weak : why they say little, in words; empty where they say what they seem to
    notices : what was left out or doubtful, in words, with how many
    labelled : articles that are known not to be relevant wherever they have no grade, as those of
        another story are; any other article without a grade is not judged
    """

    name: str
    kind: str
    queries: tuple[str, ...]
    truth: Callable[[str], Mapping[str, int]]
    weak: str = ""
    notices: Mapping[str, int] = field(default_factory=dict)
    labelled: frozenset[str] = frozenset()

    def known(self, ids: Iterable[str] | Mapping[str, int]) -> Judgements:
        """Return those among articles that are known; what names others is counted."""
        names = frozenset(ids)
        pairs, strangers = {}, Counter[str]()
        for query in self.queries:
            if query not in names:
                strangers["queries that are no article of the index"] += 1
                continue
            truth = self.truth(query)
            unknown = sum(other not in names for other in truth)
            if unknown:
                strangers["judgements that name no article of the index"] += unknown
                truth = {other: grade for other, grade in truth.items() if other in names}
            pairs[query] = truth
        if not strangers:
            return self
        return self._of(pairs, strangers)

    def where(self, allowed: Callable[[str, str], bool], why: str) -> Judgements:
        """Return those whose query and article are allowed together; the others are counted."""
        pairs, n = {}, 0
        for query in self.queries:
            truth = self.truth(query)
            pairs[query] = {o: grade for o, grade in truth.items() if allowed(query, o)}
            n += len(truth) - len(pairs[query])
        return self if not n else self._of(pairs, {why: n})

    def sampled(self, most: int) -> Judgements:
        """Return those of at most ``most`` queries, spread evenly, the same in every run."""
        if len(self.queries) <= most:
            return self
        kept = tuple(self.queries[i] for i in even_sample(len(self.queries), most).tolist())
        left = {
            f"queries left out, as an even sample of {most:,} will do": len(self.queries) - most
        }
        return replace(self, queries=kept, notices={**self.notices, **left})

    def only(self, queries: Iterable[str]) -> Judgements:
        """Return those of some queries; of any other query they know nothing."""
        kept = tuple(queries)
        mine, nothing = frozenset(kept), dict[str, int]()
        return replace(
            self,
            queries=kept,
            truth=lambda query: self.truth(query) if query in mine else nothing,
            notices={},
        )

    def _of(self, pairs: Mapping[str, Mapping[str, int]], more: Mapping[str, int]) -> Judgements:
        notices = Counter(self.notices) + Counter(more)
        queries = tuple(q for q in self.queries if _has_relevant(pairs.get(q, {})))
        lost = sum(q in pairs for q in self.queries) - len(queries)
        if lost:
            notices["queries left without any relevant article"] += lost
        return replace(self, queries=queries, truth=_lookup(pairs), notices=dict(notices))


def from_pairs(
    name: str,
    pairs: Mapping[str, Mapping[str, int]],
    *,
    kind: str = "pairs",
    weak: str = "",
    notices: Mapping[str, int] | None = None,
) -> Judgements:
    """Return judgements from grades by query and article.

    Parameters
    ----------
    pairs : for each query the judged articles with their grades
    """
    found = Counter(notices or {})
    queries = tuple(query for query, truth in pairs.items() if _has_relevant(truth))
    if len(pairs) > len(queries):
        found["queries without any relevant article"] += len(pairs) - len(queries)
    return Judgements(name, kind, queries, _lookup(pairs), weak, dict(found))


def from_groups(
    name: str, labels: Mapping[str, Sequence[str]], *, kind: str = "groups", weak: str = ""
) -> Judgements:
    """Return judgements by which articles with a label in common are relevant to each other.

    Parameters
    ----------
    labels : of each article; an article alone with its labels is no query
    """
    members: dict[str, list[str]] = {}
    for article, own in labels.items():
        for label in own:
            members.setdefault(label, []).append(article)

    def truth(query: str) -> Mapping[str, int]:
        together = {other: 1 for label in labels.get(query, ()) for other in members[label]}
        together.pop(query, None)
        return together

    queries = tuple(a for a, own in labels.items() if any(len(members[x]) > 1 for x in own))
    found = Judgements(name, kind, queries, truth, weak, labelled=frozenset(labels))
    return found.sampled(MOST_WEAK) if weak else found


def check_some(judgements: Judgements) -> Judgements:
    """Return judgements that have a query.

    Raises
    ------
    InputError : there is none; the message says what was left out
    """
    if judgements.queries:
        return judgements
    left = "; ".join(f"{n:,} {what}" for what, n in judgements.notices.items())
    raise InputError(
        f"Nothing can be measured with {judgements.name}: no article of the index has a relevant "
        f"one in it{f' ({left})' if left else ''}. Expected ids of this index, and grades above 0."
    )


def _has_relevant(truth: Mapping[str, int]) -> bool:
    return any(grade > 0 for grade in truth.values())


def _lookup(pairs: Mapping[str, Mapping[str, int]]) -> Callable[[str], Mapping[str, int]]:
    nothing: Mapping[str, int] = {}
    return lambda query: pairs.get(query, nothing)
