"""What leaves a page's tree before its text is read: furniture, repeated headlines, captions."""

from __future__ import annotations

import re

from lxml import etree, html

from recommender.ingest.html_metadata import PageMetadata
from recommender.ingest.html_tree import PHRASES, attribute_words, drop, same_words, text_of
from recommender.ingest.sites import Profile

__all__ = ["drop_other_articles", "prune", "take_captions"]

# Never part of the story, whatever they hold.
_ALWAYS = "script|style|template|iframe|object|embed|button|select|input|textarea|dialog|svg|nav"
# Words of class and id names that mean furniture. Whole words between hyphens and the like.
_FURNITURE = re.compile(
    r"(?<![a-z])(?:newsletters?|subscri(?:be|ption)|sign-?up|"
    r"related(?!-?(?:content-)?article-?body)|recirc\w*|recommend\w*|read-?(?:more|also|next)|"
    r"see-?also|also-?read|more-?(?:on|news|stories|from)|most-?(?:read|popular)|trending|popular|"
    r"promo\w*|outbrain|taboola|sponsored|advert\w*|share(?:-?(?:bar|tools|buttons|links))?|"
    r"sharing|social(?:-?\w+)?|breadcrumbs?|comments?|disqus|cookie\w*|copyright|"
    r"author-?(?:bio|box|info|card)|about-?(?:author|the-author)|bio|byline|dateline|timestamp|"
    r"pub-?date|post-?(?:date|meta)|tags?|tag-?list|onetrust\w*|consent|gdpr|ccpa|privacy|"
    r"up-?next|you-?may|inline-?(?:related|promo|story)|in-?article-?(?:promo|related)|"
    r"story-?(?:timeline|tags|meta)|teaser-?list|latest-?news)(?![a-z])"
)
_BODY_NAME = re.compile(
    r"(?<![a-z])(?:(?:article|story|post|entry|news)[-_]*(?:body|content|text)|"
    r"body__\w*container)(?![a-z])"
)
_CAPTION = re.compile(r"(?<![a-z])caption(?:-?text)?(?![a-z])")
_STANDFIRST = re.compile(
    r"(?<![a-z])(?:dek|deck|standfirst|sub-?(?:head(?:line|ing)?|title)|strapline|kicker)(?![a-z])"
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)


def prune(tree: html.HtmlElement, metadata: PageMetadata) -> None:
    """Take out furniture; an element that holds a large share of the page's text is spared."""
    for element in tree.xpath("|".join(f"//{tag}" for tag in _ALWAYS.split("|"))):
        drop(element)
    _join_split_body(tree)
    sizes = _paragraph_sizes(tree)
    limit = 0.3 * sizes[tree]
    for element in [e for e in sizes if sizes[e] <= limit and _is_furniture(e)]:
        drop(element)
    for element in list(tree.iter("h1", "h2", "h3", "p", "div", "span")):
        if _repeats_head(element, metadata):
            drop(element)


def drop_other_articles(tree: html.HtmlElement, title: str | None) -> None:
    """On a page that loads the next articles below, keep the one under the page's headline."""
    headed = [a for a in tree.iter("article") if any(True for _ in a.iter("h1"))]
    own = [a for a in headed if any(same_words(text_of(h), title) for h in a.iter("h1"))]
    if not own:
        return
    related = {*own[0].iterancestors(), *own[0].iter()}
    for article in headed:
        if article not in related:
            drop(article)


def _join_split_body(tree: html.HtmlElement) -> None:
    """Move the later pieces of a body that stands in several like-named containers into the first.

    Extraction takes one container; advertisements between the pieces would cost the rest.
    """
    pieces: dict[str, list[html.HtmlElement]] = {}
    for element in tree.iter("div", "section"):
        if _BODY_NAME.search(attribute_words(element)) and element.get("class"):
            pieces.setdefault(str(element.get("class")).split()[0], []).append(element)
    for group in pieces.values():
        first, later = group[0], group[1:]
        article = next(first.iterancestors("article"), None)
        for piece in later:
            apart = first not in set(piece.iterancestors())
            if apart and next(piece.iterancestors("article"), None) is article:
                first.append(piece)


def _paragraph_sizes(tree: html.HtmlElement) -> dict[html.HtmlElement, int]:
    """Return for every element the characters of the paragraphs in it."""
    sizes: dict[html.HtmlElement, int] = {}
    open_sizes = [0]
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        if event == "start":
            open_sizes.append(0)
            continue
        inside = open_sizes.pop()
        sizes[element] = max(inside, len(text_of(element)) if element.tag == "p" else 0)
        open_sizes[-1] += sizes[element]
    return sizes


def _is_furniture(element: html.HtmlElement) -> bool:
    if element.tag in ("html", "body", "article", "main"):
        return False
    if element.get("hidden") is not None or _HIDDEN.search(element.get("style", "")):
        return True
    if element.tag in ("aside", "footer", "form"):
        return True
    if element.tag in PHRASES and _in_paragraph(element):
        return False  # a name marked as a tag is still a word of its sentence
    return bool(_FURNITURE.search(attribute_words(element)))


def _in_paragraph(element: html.HtmlElement) -> bool:
    return any(e.tag in ("p", "li", "blockquote") for e in element.iterancestors())


def _repeats_head(element: html.HtmlElement, metadata: PageMetadata) -> bool:
    """Say whether this is the headline again, or a standfirst that is already the lead."""
    if len(element) > 3:
        return False
    heading = element.tag in ("h1", "h2", "h3")
    if not heading and not _STANDFIRST.search(attribute_words(element)):
        return False
    if element.tag == "h1" or not heading:
        return True
    return same_words(text_of(element), metadata.title, metadata.lead)


def take_captions(tree: html.HtmlElement, profile: Profile | None) -> list[str]:
    """Remove the captions of pictures and return their texts, without repeats."""
    found = [e for path in (profile.caption if profile else ()) for e in tree.xpath(path)]
    found += list(tree.iter("figcaption"))
    found += [e for e in tree.iter("p", "div", "span", "dd") if _is_caption(e)]
    texts = [text_of(e) for e in found if isinstance(e, html.HtmlElement)]
    for element in found:
        drop(element)
    return list(dict.fromkeys(t for t in texts if t))


def _is_caption(element: html.HtmlElement) -> bool:
    return (
        bool(_CAPTION.search(attribute_words(element)))
        and not any(True for _ in element.iter("p", "div", "img", "figcaption") if _ is not element)
        and len(text_of(element)) <= 400
    )
