"""Paragraphs that lead to earlier articles: "read also" cards and lists under "As we wrote".

They are found before extraction, which takes a paragraph of nothing but a link for navigation.
"""

from __future__ import annotations

import re
from itertools import islice
from urllib.parse import urlsplit

from lxml import html

from recommender.article import Aside, AsideKind
from recommender.ingest.html_metadata import absolute
from recommender.ingest.html_tree import drop, text_of

__all__ = ["introduces", "refers_back", "same_site", "take_cards"]

# "Read also", "As we wrote", "Earlier": paragraphs whose links the cleaner will want.
_REFERENCE = re.compile(
    r"^\W*(?:(?:чита(?:йте|й)|дивіться|дивись|смотрите|нагада\w+|напомн\w+|раніше|ранее|"
    r"до слова|к слову|за темою|по теме|в тему|схожі|також|также|"
    r"як (?:ми )?(?:писа|повідомля|розповіда|інформува|зазнача)\w*|"
    r"как (?:мы )?(?:писал|сообщал|рассказывал)\w*|інші новини|другие новости|"
    r"read (?:also|more|next)|also read|see (?:also|more)|what to read|related|earlier|previously|"
    r"recall|more (?:on|from)|don['’]t miss|you may|as .{2,40} (?:wrote|reported))\b|more:)",
    re.I,
)
# "bbc.co.uk" and "pravda.com.ua" are sites, "co.uk" and "com.ua" are not.
_SECOND_LEVEL = frozenset(
    "ac co com edu gov in kharkiv kiev kyiv lviv msk net od odesa org spb".split()  # noqa: SIM905
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_MIN_PARAGRAPH_CHARS = 60
_MAX_ITEMS = 12
_MADE_PLAIN = "data-reference"


def refers_back(text: str) -> bool:
    """Say whether a paragraph begins like one that refers to earlier articles."""
    return bool(_REFERENCE.search(text))


def introduces(text: str, *, is_heading: bool = False) -> bool:
    """Say whether it is the line above a list of references ("As we wrote:")."""
    short = is_heading or text.endswith(":") or len(text.split()) <= 3
    return short and len(text) < 80 and refers_back(text)


def same_site(link: str, base: str | None) -> bool:
    """Say whether the link stays on the site of ``base``."""
    return base is not None and _site(link) == _site(base)


def _site(address: str) -> str:
    labels = (urlsplit(address).hostname or "").split(".")
    n_labels = 3 if len(labels) > 2 and labels[-2] in _SECOND_LEVEL else 2
    return ".".join(labels[-n_labels:])


def take_cards(tree: html.HtmlElement, base: str | None) -> tuple[list[Aside], dict[str, str]]:
    """Take out cards that stand among the paragraphs; make items of reference lists plain text.

    Returns
    -------
    The cards, in order, and for each list item's text the address it led to: extraction keeps
    plain items, and the caller gives the links back.
    """
    cards: list[Aside] = []
    items: dict[str, str] = {}
    for element in list(tree.iter("p", "li")):
        link = _only_link(element, base)
        if link is None:
            continue
        text = text_of(element)
        if _is_introduced(element):
            items[text] = link
            _make_plain(element, text)
        elif element.tag == "p" and _stands_among_paragraphs(element):
            cards.append(Aside(AsideKind.READ_ALSO, text, (link,)))
            drop(element)
    return cards, items


def _only_link(element: html.HtmlElement, base: str | None) -> str | None:
    """Return the address of an element that is one link to the same site and nothing else."""
    anchors = list(element.iter("a"))
    text = text_of(element)
    if len(anchors) != 1 or len(text.split()) < 3 or text_of(anchors[0]) != text:
        return None
    link = absolute(anchors[0].get("href"), base)
    return link if link and same_site(link, base) else None


def _is_introduced(element: html.HtmlElement) -> bool:
    """Say whether the line above the element, or above the list it is in, introduces it."""
    start = element.getparent() if element.tag == "li" else element
    before = start.getprevious() if start is not None else None
    for _ in range(_MAX_ITEMS):
        if before is None:
            return False
        text = text_of(before)
        if introduces(text, is_heading=before.tag in _HEADINGS):
            return True
        if before.get(_MADE_PLAIN) is None:
            return False
        before = before.getprevious()
    return False


def _make_plain(element: html.HtmlElement, text: str) -> None:
    for child in list(element):
        element.remove(child)
    element.text = text
    element.set(_MADE_PLAIN, "1")


def _stands_among_paragraphs(element: html.HtmlElement) -> bool:
    """Say whether a neighbour within two places is a paragraph of text."""
    near = [
        *islice(element.itersiblings("p"), 2),
        *islice(element.itersiblings("p", preceding=True), 2),
    ]
    return any(len(text_of(p)) >= _MIN_PARAGRAPH_CHARS and p.find(".//a") is None for p in near)
