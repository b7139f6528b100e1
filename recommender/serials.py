"""Serials: which articles are live, which are parts of one series, and which part comes next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from recommender.knowledge import Knowledge
from recommender.ranking.ages import UNDATED
from recommender.ranking.instalments import chains

__all__ = ["Serials"]

_REPRINT = "reprint"


class Serials:
    """What goes on from article to article by the desk's own word, in one generation.

    Parameters
    ----------
    knowledge : of the generation's articles
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge, self.index = knowledge, knowledge.index

    def are_live(self, doc: int, words: AbstractSet[str]) -> bool:
        """Tell whether a document's label or type is one of some words."""
        facts = self.knowledge.facts_of(doc)
        label, kind = facts["label"], facts["type"]
        return bool(label or kind) and not (words.isdisjoint(label) and words.isdisjoint(kind))

    def blogs(self, docs: Iterable[int], words: AbstractSet[str], least: float) -> dict[int, int]:
        """Return, of documents that are live, the first instalment of their live blog among them.

        Instalments are in one language, and of one series, or where they name none of one running
        story.

        Parameters
        ----------
        words : the labels and types of live blogs
        least : the cosine that links a story; 0 = none are told apart
        """
        live = [doc for doc in dict.fromkeys(docs) if self.are_live(doc, words)]
        if len(live) < 2:
            return {doc: doc for doc in live}
        firsts = self.knowledge.stories(least).firsts(live) if least else {}
        groups: dict[tuple[object, int], list[int]] = {}
        for doc in live:
            series = self.knowledge.facts_of(doc)["series"]
            told = series[0] if series else firsts.get(doc, doc)
            groups.setdefault((told, self.index.language_code(doc)), []).append(doc)
        return {
            doc: first
            for group in groups.values()
            for doc, first in chains(group, self.knowledge.moment).items()
        }

    def are_parts(self, series: Sequence[str], doc: int) -> bool:
        """Tell whether a document is a part of some series of its own, and no reprint of one."""
        facts = self.knowledge.facts_of(doc)
        return _REPRINT not in facts["label"] and not set(series).isdisjoint(facts["series"])

    def later_parts(self, series: Sequence[str], after: tuple[float, str]) -> list[int]:
        """Return the parts of some series after a moment, the next one first.

        Parameters
        ----------
        series : their names, folded
        after : seconds since 1970, and the id of what was published then
        """
        at, own = after[0], after[1].encode()
        found = {doc for name in series for doc in self.knowledge.series(name)}
        moments = {doc: self.knowledge.moment(doc) for doc in found}
        later = [doc for doc, (when, key) in moments.items() if (when, key) > (at, own)]
        return sorted((d for d in later if moments[d][0] != UNDATED), key=moments.__getitem__)
