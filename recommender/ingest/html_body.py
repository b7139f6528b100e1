"""The text of an article page: what goes before extraction, the extraction, and what is put right.

Order of trust: the site's profile, the publisher's ``articleBody`` (only to choose among the page's
own paragraphs, or alone when the page holds too few of them), trafilatura.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import trafilatura
from lxml import etree, html

from recommender.article import Aside, AsideKind
from recommender.ingest.html_metadata import PageMetadata, absolute
from recommender.ingest.html_prune import drop_other_articles, prune, take_captions
from recommender.ingest.html_references import (
    introduces,
    refers_back,
    same_site,
    take_cards,
)
from recommender.ingest.html_tree import same_words, squeeze, text_of
from recommender.ingest.sites import Profile

__all__ = ["PageBody", "read_body"]

_PARTS = frozenset(
    """
    p div section article li dd dt blockquote pre h1 h2 h3 h4 h5 h6 ul ol table tr td th main body
    html figure head item list quote row cell code doc fw ab
    """.split()  # noqa: SIM905 - a list of 36 strings is no clearer
)
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6 head".split())  # noqa: SIM905
_ITEMS = frozenset(["li", "item"])
_BREAKS = frozenset(["br", "lb"])
_INLINE_LINKS = frozenset(["a", "ref"])

_NEARLY_ALL = 0.9
_MAX_COMPARED_ELEMENTS = 8_000
_TEASER_END = re.compile(r"(?:\.\.\.|…|\[…\]|\[\.\.\.\])\s*\S{0,20}\s*$")
_DATE = re.compile(r"\d{1,2}[:./]\d{2}|(?:19|20)\d\d")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class PageBody:
    """The text, and what stood in it or beside it."""

    text: str
    asides: tuple[Aside, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """One paragraph, heading or list item: its text and its links as (start, end, address)."""

    tag: str
    text: str
    links: tuple[tuple[int, int, str], ...]

    @property
    def linked_ratio(self) -> float:
        return sum(end - start for start, end, _ in self.links) / max(len(self.text), 1)


def read_body(
    tree: html.HtmlElement, metadata: PageMetadata, profile: Profile | None, *, base: str | None
) -> PageBody:
    """Return the article's text. ``tree`` is consumed: what is furniture is taken out of it."""
    drop_other_articles(tree, metadata.title)
    untouched = copy.deepcopy(tree)
    prune(tree, metadata)
    captions = take_captions(tree, profile)
    cards, items = take_cards(tree, base)
    parts = _profile_parts(tree, profile, base)
    if not parts:
        extracted = _trimmed(_extracted_safely(tree, untouched, base), metadata)
        parts = _declared_or(extracted, metadata.declared_body)
    parts = _linked(_trimmed(parts, metadata), items)
    known = set(captions) | ({metadata.image.caption} if metadata.image else set())
    kept, split_off = _split_references([p for p in parts if p.text not in known], base)
    kept = _trimmed(kept, metadata)
    asides = [Aside(AsideKind.CAPTION, text) for text in captions]
    return PageBody("\n\n".join(_rendered(kept, base)), (*asides, *cards, *split_off))


# --- extraction -------------------------------------------------------------------------------


def _profile_parts(
    tree: html.HtmlElement, profile: Profile | None, base: str | None
) -> list[_Part]:
    found = [e for path in (profile.body if profile else ()) for e in tree.xpath(path)]
    return [part for element in found for part in _parts(element, base)]


def _declared_or(extracted: list[_Part], declared: str | None) -> list[_Part]:
    if not declared or _TEASER_END.search(declared):
        return extracted
    return _chosen(extracted, declared)


def _extracted_safely(
    tree: html.HtmlElement, untouched: html.HtmlElement, base: str | None
) -> list[_Part]:
    """Extract from the pruned tree; from the untouched one where pruning cost half the text."""
    parts = _extracted_parts(tree, base)
    size = _size(parts)
    if size >= 0.5 * sum(len(text_of(p)) for p in untouched.iter("p")) and size > 500:
        return parts
    fallback = _extracted_parts(untouched, base)
    return fallback if size < 0.5 * _size(fallback) else parts


def _size(parts: Sequence[_Part]) -> int:
    return sum(len(p.text) for p in parts)


def _extracted_parts(tree: html.HtmlElement, base: str | None) -> list[_Part]:
    # The slower comparison of extractors is quadratic in the number of paragraphs.
    fast = sum(1 for _ in tree.iter()) > _MAX_COMPARED_ELEMENTS
    document: Any = trafilatura.bare_extraction(
        copy.deepcopy(tree), include_comments=False, include_links=True, fast=fast
    )
    if document is None or document.body is None:
        return []
    return _parts(document.body, base)


def _chosen(extracted: list[_Part], declared: str) -> list[_Part]:
    """Keep the paragraphs the publisher's own body has, if that body is more than a teaser.

    Only what stands before the first and after the last of them goes, and what lies between but
    is a link alone: a declared body often lacks quotes and lists.
    """
    known = _shingles(declared)
    inside = [i for i, p in enumerate(extracted) if _overlap(p.text, known) >= 0.5]
    n_inside = sum(len(extracted[i].text) for i in inside)
    if len(declared) < 0.8 * sum(len(p.text) for p in extracted):
        return extracted
    if n_inside < 0.8 * len(declared):
        return extracted if extracted else [_Part("p", x, ()) for x in declared.split("\n")]
    return extracted[inside[0] : inside[-1] + 1]


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return {tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def _overlap(text: str, known: set[tuple[str, ...]]) -> float:
    own = _shingles(text)
    return len(own & known) / len(own)


class _Gatherer:
    """Cuts a tree into parts at block elements and double line breaks, without recursion."""

    def __init__(self, base: str | None) -> None:
        self.base = base
        self.parts: list[_Part] = []
        self.pieces: list[tuple[str, str | None]] = []
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.n_breaks = 0

    def text(self, words: str | None) -> None:
        if words and words.strip():
            self.n_breaks = 0
        if words:
            self.pieces.append((words, self.links[-1] if self.links else None))

    def start(self, element: Any) -> None:
        if element.tag in _PARTS:
            self.flush()
            self.tags.append(element.tag)
        elif element.tag in _INLINE_LINKS:
            self.links.append(absolute(element.get("href") or element.get("target"), self.base))
        elif element.tag in _BREAKS:
            self.n_breaks += 1
            self.text(" ")
            if self.n_breaks > 1:
                self.flush()
        self.text(element.text)

    def end(self, element: Any, *, is_root: bool) -> None:
        if element.tag in _PARTS:
            self.flush()
            self.tags.pop()
        elif element.tag in _INLINE_LINKS:
            self.links.pop()
        if not is_root:
            self.text(element.tail)

    def flush(self) -> None:
        text, links = "", []
        for words, link in self.pieces:
            start = len(text)
            text += squeeze_inside(words, text)
            if link and text[start:].strip():
                links.append((start, len(text), link))
        self.pieces = []
        if clean := text.rstrip():
            tag = next((t for t in reversed(self.tags) if t in _ITEMS or t in _HEADINGS), "p")
            spans = tuple((s, min(e, len(clean)), link) for s, e, link in _joined(links))
            self.parts.append(_Part(tag, clean, spans))


def squeeze_inside(words: str, before: str) -> str:
    """Squeeze a piece of running text, keeping one space where it meets its neighbours."""
    text = squeeze(words)
    if words[:1].isspace() and before and not before.endswith(" "):
        text = f" {text}"
    return f"{text} " if words[-1:].isspace() and text.strip() else text


def _joined(links: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Join neighbouring pieces of one link, as ``<a>New <b>York</b></a>`` gives."""
    joined: list[tuple[int, int, str]] = []
    for start, end, link in links:
        if joined and joined[-1][2] == link and joined[-1][1] == start:
            start = joined.pop()[0]
        joined.append((start, end, link))
    return joined


def _parts(root: Any, base: str | None) -> list[_Part]:
    gatherer = _Gatherer(base)
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str):
            continue
        if event == "start":
            gatherer.start(element)
        else:
            gatherer.end(element, is_root=element is root)
    gatherer.flush()
    return gatherer.parts


# --- corrections ------------------------------------------------------------------------------


def _linked(parts: list[_Part], items: Mapping[str, str]) -> list[_Part]:
    """Give back their links to the items of reference lists."""
    return [
        replace(p, links=((0, len(p.text), items[p.text]),)) if p.text in items else p
        for p in parts
    ]


def _trimmed(parts: list[_Part], metadata: PageMetadata) -> list[_Part]:
    """Drop what stands above the text (headline, byline, date) and headings with nothing below."""
    start, stop = 0, len(parts)
    while start < min(stop, 6) and _is_opening(parts[start], metadata):
        start += 1
    while stop > start and (parts[stop - 1].tag in _HEADINGS or _is_label(parts[stop - 1].text)):
        stop -= 1
    return parts[start:stop]


def _is_opening(part: _Part, metadata: PageMetadata) -> bool:
    by = part.text.casefold().removeprefix("by ").strip()
    if same_words(part.text, metadata.title) or by in {a.casefold() for a in metadata.authors}:
        return True
    dated = bool(_DATE.search(part.text)) and len(part.text.split()) <= 12
    return _is_label(part.text) or (dated and _is_open(part.text))


def _is_label(text: str) -> bool:
    """Say whether it is a word or three that make no sentence: a rubric, a signature."""
    return len(text.split()) <= 3 and _is_open(text)


def _is_open(text: str) -> bool:
    return not re.search(r"[.!?:;…。！？][\"'”’»)\]]*$", text)


def _split_references(parts: list[_Part], base: str | None) -> tuple[list[_Part], list[Aside]]:
    """Split off paragraphs that are nothing but a link to another article of the site.

    Those that follow an "As we wrote:" line stay: the cleaner takes them together with it.
    """
    kept: list[_Part] = []
    asides: list[Aside] = []
    introduced = False
    for part in parts:
        if not introduced and _is_card(part, base):
            asides.append(Aside(AsideKind.READ_ALSO, part.text, tuple(x for _, _, x in part.links)))
            continue
        kept.append(part)
        introduced = introduces(part.text, is_heading=part.tag in _HEADINGS) or (
            introduced and _is_reference_item(part)
        )
    return kept, asides


def _is_card(part: _Part, base: str | None) -> bool:
    n_words = len(part.text.split())
    return (
        part.linked_ratio >= _NEARLY_ALL
        and n_words >= 3
        and all(same_site(link, base) for _, _, link in part.links)
    )


def _is_reference_item(part: _Part) -> bool:
    return part.tag in _ITEMS or part.linked_ratio >= _NEARLY_ALL


def _rendered(parts: list[_Part], base: str | None) -> list[str]:
    """Write the parts as paragraphs; links to the same site survive only where they refer back."""
    lines = []
    introduced = False
    for part in parts:
        refers = refers_back(part.text) or (introduced and _is_reference_item(part))
        introduced = introduces(part.text, is_heading=part.tag in _HEADINGS) or (
            introduced and _is_reference_item(part)
        )
        text = _with_links(part, base) if refers else part.text
        lines.append(f"- {text}" if part.tag in _ITEMS else text)
    return lines


def _with_links(part: _Part, base: str | None) -> str:
    text = part.text
    for link in reversed(part.links):
        start, end, address = link
        words = text[start:end]
        if same_site(address, base) and (name := words.strip()):
            lead = words[: len(words) - len(words.lstrip())]
            trail = words[len(words.rstrip()) :]
            text = f"{text[:start]}{lead}[{name}]({address}){trail}{text[end:]}"
    return text
