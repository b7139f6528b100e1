"""What the newsroom's rules touch in an index, and what in them cannot be meant."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recommender._languages import normalize_lang
from recommender._settings import nearest
from recommender.answers import Answers
from recommender.ranking.rules import Pin, Selector
from recommender.ranking.values import folded
from recommender.recommend import Recommender

__all__ = ["Touched", "check_rules"]


@dataclass(frozen=True, slots=True)
class Touched:
    """One rule, and whom it touches.

    Attributes
    ----------
    rule : which list of ``[rules]`` it stands in
    about : what it says
    articles : how many articles of the index it is about
    examples : ids of a few
    warnings : what in it cannot be meant: values that no article has, ids that are not there,
        rules that contradict it
    """

    rule: str
    about: str
    articles: int
    examples: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def check_rules(model: Recommender) -> list[Touched]:
    """Return every rule of a model's settings with the articles that it touches."""
    answers = model.answers
    rules = answers.knowledge.rules
    found: list[Touched] = []
    for name, selectors in (
        ("no_links_from", rules.from_),
        ("no_links_to", rules.to),
        ("apart", rules.kept_apart),
        ("evergreen", rules.timeless),
    ):
        found += [_selection(answers, name, selector) for selector in selectors]
    for embargo in rules.embargoes:
        found.append(_over(_selection(answers, "embargo", embargo.which), embargo.until))
    for section in rules.lives:
        selector = Selector((("section", (section,)),))
        found.append(_selection(answers, "half_life", selector))
    found += [_agreement(answers, name) for name in rules.same]
    found += list(_pairs(answers))
    found += list(_pins(answers))
    return found


def _over(touched: Touched, until: float) -> Touched:
    """Return a rule with what is to be said of one whose time has passed."""
    return replace(touched, about=f"{touched.about} (over)") if until <= time.time() else touched


def _selection(answers: Answers, rule: str, selector: Selector) -> Touched:
    index = answers.index
    mask = answers.knowledge.matching(selector)
    docs = [doc for doc in np.flatnonzero(mask).tolist() if not index.is_gone(doc)]
    examples = tuple(index.article_id(doc) for doc in docs[-3:][::-1])
    return Touched(rule, str(selector), len(docs), examples, tuple(_unknown(answers, selector)))


def _unknown(answers: Answers, selector: Selector) -> Iterator[str]:
    """Yield what is said of values that no article has."""
    for name, wanted in selector.conditions:
        known = [] if name == "id" else _known(answers, name)
        places = {folded(value) for value in known}
        for value in wanted:
            if name == "id":
                if answers.find(value) is None:
                    yield f"there is no article {value!r}."
            elif value not in places:
                hint = nearest(value, known) if known else f" No article has any {name}."
                shown = hint if len(hint) < 200 else ""
                yield f"no article has the {name} {value!r}.{shown}"


def _known(answers: Answers, name: str) -> list[str]:
    if name == "lang":
        return list(answers.index.manifest.languages)
    return list(answers.knowledge.values(name))


def _agreement(answers: Answers, name: str) -> Touched:
    index = answers.index
    counts: Mapping[str, int] = Counter(index.language(doc) for doc in index.docs().tolist())
    if name != "lang":
        counts = answers.knowledge.values(name)
    warnings = () if counts else (f"no article has any {name}.",)
    about = f"{name} ({len(counts)} values)"
    return Touched("same", about, sum(counts.values()), (), warnings)


def _pairs(answers: Answers) -> Iterator[Touched]:
    for pair in answers.knowledge.rules.blocked:
        n, ids, warnings = _ids(answers, dict.fromkeys(pair))
        if len(ids) and len({answers.find(key) for key in pair}) == 1:
            warnings += ("the two are one article.",)
        yield Touched("blocked", " and ".join(pair), n, ids, warnings)


def _ids(answers: Answers, ids: Iterable[str]) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    known = [key for key in ids if answers.find(key) is not None]
    missing = tuple(f"there is no article {key!r}." for key in ids if answers.find(key) is None)
    return len(known), tuple(known), missing


def _pins(answers: Answers) -> Iterator[Touched]:
    for pin in answers.knowledge.rules.pins:
        n, ids, warnings = _ids(answers, [pin.article])
        if pin.under is not None:
            warnings += tuple(_unknown(answers, pin.under))
        meant = _meant_by(answers, pin)
        own = meant if pin.names_language or not n else _in_its_language(answers, pin, meant)
        if len(meant) and not len(own):
            lang = answers.index.language(answers.find(pin.article) or 0)
            warnings += (
                f"it is in {lang}, and every article that is meant in another language: it stands "
                "under none. Where it should, name their lang in under.",
            )
        warnings += tuple(_against_pin(answers, pin, own))
        about = f"{pin.article} under {pin.under or 'every article'}"
        yield _over(Touched("pinned", about, len(own) if n else 0, ids, warnings), pin.until)


def _meant_by(answers: Answers, pin: Pin) -> NDArray[np.int32]:
    """Return the documents that a pin names."""
    docs: NDArray[np.int32] = answers.index.docs()
    if pin.under is None:
        return docs
    found: NDArray[np.int32] = docs[answers.knowledge.matching(pin.under)[docs]]
    return found


def _in_its_language(answers: Answers, pin: Pin, docs: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return those under which a block takes the language of the pinned article."""
    index, doc, rule = answers.index, answers.find(pin.article) or 0, answers.block.languages
    if rule == "same":
        found: NDArray[np.int32] = docs[index.languages_of(docs) == index.language_code(doc)]
        return found
    named = rule == "any" or index.language(doc) in map(normalize_lang, rule.split(","))
    return docs if named else docs[:0]


def _against_all_meant(answers: Answers, doc: int, meant: NDArray[np.int32]) -> Iterator[str]:
    """Yield the rules that keep an article from all that it is pinned under."""
    known = answers.knowledge
    for selector in known.rules.from_:
        if known.matching(selector)[meant].all():
            yield f"[rules] no_links_from ({selector}) leaves no block there; that wins."
    for selector in known.rules.kept_apart:
        mask = known.matching(selector)
        if (mask[meant] != mask[doc]).all():
            yield f"[rules] apart ({selector}) keeps it from all of them; that wins."


def _against_pin(answers: Answers, pin: Pin, meant: NDArray[np.int32]) -> Iterator[str]:
    """Yield the rules that keep a pinned article from being shown: they win."""
    doc, rules = answers.find(pin.article), answers.knowledge.rules
    if doc is None:
        return
    if len(meant):
        yield from _against_all_meant(answers, doc, meant)
    for selector in rules.to:
        if answers.knowledge.matching(selector)[doc]:
            yield f"[rules] no_links_to ({selector}) forbids this article; that wins."
    conditions = pin.under.conditions if pin.under else ()
    under = {value for name, wanted in conditions if name == "id" for value in wanted}
    for key in sorted(under & rules.pairs.get(pin.article, frozenset())):
        yield f"[rules] blocked says that it never stands under {key}; that wins."
    if doc in answers.knowledge.sensitive:
        yield "the article is marked as sensitive; that wins."
