"""What a page says about its article: JSON-LD first, then OpenGraph and meta, then the markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import html

from recommender.article import Image
from recommender.ingest.dates import parse_date
from recommender.ingest.html_jsonld import Node, article_node, as_list, nodes, string, types
from recommender.ingest.html_tree import text_of

__all__ = ["PageMetadata", "absolute", "clean_title", "read_metadata", "split_names"]

MAX_TITLE_CHARS = 500

_TITLE_JOINTS = re.compile(r"\s+[-–—―|•·»:/]+\s+|\s*[|»]\s*")
_BYLINE = re.compile(
    r"^\s*(?:by|автор(?:ка|и|ы)?|текст|від|von|par)\b\s*:?\s+|^\s*автор\w*\s*:\s*", re.I
)
_NAME_JOINTS = re.compile(r"\s*(?:;|,|\||&)\s+|\s+(?:and|та|и|і|й)\s+")
_NOT_A_NAME = re.compile(
    r"https?://|www\.|@|^\W*$|^\(|^[\w-]+\.[a-z]{2,4}$|^(?:admin|редакц\w*|null|none|undefined)$",
    re.I,
)
_LANGUAGE = re.compile(r"^([A-Za-z]{2,3})(?:[-_].*)?$")
# Country or nickname in place of the ISO 639 code.
_LANGUAGE_FIXES = {"ua": "uk", "eng": "en", "rus": "ru", "ukr": "uk", "cz": "cs"}
_LABELS = {
    "OpinionNewsArticle": "opinion",
    "LiveBlogPosting": "live",
    "AdvertiserContentArticle": "sponsored",
}


@dataclass(frozen=True, slots=True)
class PageMetadata:
    """Everything but the body; ``declared_body`` is the JSON-LD ``articleBody``, to be judged."""

    title: str | None
    lead: str | None
    authors: tuple[str, ...]
    section: str | None
    tags: tuple[str, ...]
    published_at: datetime | None
    updated_at: datetime | None
    url: str | None
    image: Image | None
    lang: str | None
    label: str | None
    declared_body: str | None


class _Page:
    """The three places to ask, each answering with a text or None."""

    def __init__(self, tree: html.HtmlElement) -> None:
        self.tree = tree
        self.metas = _metas(tree)
        scripts = tree.xpath("//script[contains(@type, 'ld+json')]")
        self.nodes = nodes(["".join(s.itertext()) for s in scripts])
        self.headings = [t for h in islice(tree.iter("h1"), 20) if (t := text_of(h))]
        titles = self.metas.get("og:title", []) + self.headings + self._xpath("//head/title")
        self.node: Node = article_node(self.nodes, title=titles[0] if titles else None)

    def _xpath(self, path: str) -> list[str]:
        return [t for e in self.tree.xpath(path) if (t := text_of(e))]

    def meta(self, *names: str) -> str | None:
        return next((self.metas[n][0] for n in names if n in self.metas), None)

    def all_meta(self, name: str) -> list[str]:
        return self.metas.get(name, [])

    def item(self, *props: str) -> str | None:
        """Return the first microdata value of a property, of the outermost article item."""
        for prop in props:
            for element in self.tree.xpath("//*[@itemprop]"):
                if prop in element.get("itemprop", "").split() and (value := _item_value(element)):
                    return value
        return None

    def site_names(self) -> list[str]:
        publisher = as_list(self.node.get("publisher"))
        sites = [
            n for n in self.nodes if {"WebSite", "NewsMediaOrganization"}.intersection(types(n))
        ]
        named = [string(p.get("name")) for p in [*publisher, *sites] if isinstance(p, dict)]
        return [n for n in [self.meta("og:site_name", "application-name"), *named] if n]


def _metas(tree: html.HtmlElement) -> dict[str, list[str]]:
    """Collect ``<meta>`` contents by their name, property or itemprop, in lower case."""
    found: dict[str, list[str]] = {}
    for element in tree.iter("meta"):
        content = string(element.get("content"))
        names = {element.get(a, "").strip().lower() for a in ("property", "name", "itemprop")}
        for name in sorted(names - {""}) if content else ():
            found.setdefault(name, []).append(str(content))
    return found


def _item_value(element: html.HtmlElement) -> str | None:
    direct = element.get("content") or element.get("datetime")
    name = element.xpath("string(.//*[@itemprop='name'])")
    return string(direct) or string(name) or (text_of(element) or None)


def read_metadata(tree: html.HtmlElement, *, url: str | None) -> PageMetadata:
    """Read what the page declares. ``url`` is where it came from, if known."""
    page = _Page(tree)
    node = page.node
    address = _address(page, url)
    accessible = str(node.get("isAccessibleForFree")).strip().lower()
    locked = accessible == "false" or page.meta("article:content_tier") in ("locked", "metered")
    kind = next((_LABELS[t] for t in types(node) if t in _LABELS), None)
    return PageMetadata(
        title=_title(page, address),
        lead=string(node.get("description")) or page.meta("og:description", "description"),
        authors=_authors(page),
        section=_section(page),
        tags=_tags(page),
        published_at=_published(page),
        updated_at=_updated(page),
        url=address,
        image=_image(page, address),
        lang=_language(page),
        label="premium" if locked else kind,
        declared_body=string(node.get("articleBody"), paragraphs=True),
    )


def _title(page: _Page, address: str | None) -> str | None:
    """Return what two of three agree on: headline of the JSON-LD, shared title, heading.

    All different: in that order. A publisher's headline is sometimes written for search engines.
    """
    heading = page.headings[0] if page.headings else None
    shared = page.meta("og:title", "twitter:title")
    first = [string(page.node.get("headline")), shared, heading]
    more = [page.item("headline"), *page._xpath("//head/title")[:1]]
    names = page.site_names()
    raw = [t for t in (first if any(first) else more) if t]
    titles = [clean_title(_uncut(t, page.headings), names, address, page.headings) for t in raw]
    keys = [_letters(t) for t in titles]
    return max(titles, key=lambda t: keys.count(_letters(t)), default=None)


def _uncut(title: str, headings: Sequence[str]) -> str:
    """Return the page's own heading for a headline that was cut with an ellipsis."""
    cut = title.rstrip(" .…")
    whole = [h for h in headings if title.endswith(("...", "…")) and h.startswith(cut)]
    return whole[0] if whole else title


def clean_title(
    title: str, sites: Sequence[str], address: str | None, headings: Sequence[str] = ()
) -> str:
    """Return the title without the site's name at its end (or at its start).

    A piece after a joint (" - ", " | ", ...) goes if it is the site's name or the host's, or if
    what is left is, word for word, the page's heading.
    """
    names = {_letters(s) for s in sites} | _host_names(address)
    title = title[:MAX_TITLE_CHARS]
    joints = list(_TITLE_JOINTS.finditer(title))
    for joint in joints:
        left, right = title[: joint.start()].strip(), title[joint.end() :].strip()
        if left and (_letters(right) in names or left in headings):
            return left
        if right and joint is joints[0] and _letters(left) in names:
            return right
    return title.strip()


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _host_names(address: str | None) -> set[str]:
    host = (urlsplit(address).hostname or "") if address else ""
    parts = [p for p in host.split(".") if p != "www"]
    return {_letters(".".join(parts[i:j])) for i in range(len(parts)) for j in (i + 1, len(parts))}


def _authors(page: _Page) -> tuple[str, ...]:
    declared = _person_names(page.node.get("author")) or _person_names(page.node.get("creator"))
    metas = [
        *page.all_meta("author"),
        *page.all_meta("article:author"),
        *page.all_meta("sailthru.author"),
    ]
    names = split_names(declared) or split_names(metas[:8])
    if not names and (item := page.item("author")):
        names = split_names([item] if len(item) < 80 else [])
    return names or split_names(t for t in page._xpath("//*[@rel='author']")[:5] if len(t) < 60)


def _person_names(value: Any) -> list[str]:
    names = (string(v.get("name")) if isinstance(v, dict) else string(v) for v in as_list(value))
    nested = (n for v in as_list(value) if isinstance(v, dict) for n in as_list(v.get("name"))[1:])
    return [n for n in [*names, *map(string, nested)] if n]


def split_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Return single names from bylines: "By A and B" is two; addresses and "admin" are none."""
    found: dict[str, str] = {}
    for text in texts:
        for name in _NAME_JOINTS.split(_BYLINE.sub("", text)):
            if len(name.strip()) > 1 and len(name.split()) <= 6 and not _NOT_A_NAME.search(name):
                found.setdefault(_letters(name), name.strip(" ,"))
    return tuple(found.values())


def _section(page: _Page) -> str | None:
    declared = string(page.node.get("articleSection")) or page.meta("article:section", "section")
    return declared or page.item("articleSection") or _breadcrumb(page)


def _breadcrumb(page: _Page) -> str | None:
    """Return the first step below the home page; the last step is often the article itself."""
    for node in page.nodes:
        if "BreadcrumbList" in types(node):
            steps = [s for s in as_list(node.get("itemListElement")) if isinstance(s, dict)]
            names = [string(s.get("name")) or _item_name(s.get("item")) for s in steps]
            return names[1] if len(names) > 2 else None
    return None


def _item_name(value: Any) -> str | None:
    return string(value.get("name")) if isinstance(value, dict) else None


def _tags(page: _Page) -> tuple[str, ...]:
    declared = [s for v in as_list(page.node.get("keywords")) if (s := string(v) or _item_name(v))]
    sources = (
        declared,
        page.all_meta("article:tag"),
        page.all_meta("news_keywords"),
        page.all_meta("keywords"),
    )
    texts: list[str] = next((s for s in sources if s), [])
    if len(texts) == 1:
        texts = re.split(r"[,;]\s*", texts[0])
    return tuple(dict.fromkeys(t.strip() for t in texts if 1 < len(t.strip()) <= 80))


def _published(page: _Page) -> datetime | None:
    metas = ("article:published_time", "og:published_time", "datepublished", "parsely-pub-date")
    more = ("date", "pubdate", "publishdate", "dc.date", "dc.date.issued", "sailthru.date")
    found = _first_date(
        page.node.get("datePublished"),
        page.node.get("dateCreated"),
        page.meta(*metas),
        page.item("datePublished"),
        page.meta(*more),
    )
    return (
        found or _first_date(*page.tree.xpath("//article//time/@datetime")[:1]) or _only_time(page)
    )


def _only_time(page: _Page) -> datetime | None:
    times = page.tree.xpath("//time/@datetime")
    return _first_date(times[0]) if times else None


def _updated(page: _Page) -> datetime | None:
    metas = ("article:modified_time", "og:updated_time", "datemodified", "lastmod", "last-modified")
    return _first_date(page.node.get("dateModified"), page.meta(*metas), page.item("dateModified"))


def _first_date(*values: Any) -> datetime | None:
    for value in values:
        if isinstance(value, list):
            value = next(iter(value), None)
        if value is not None and (found := parse_date(value)) is not None:
            return found
    return None


def _language(page: _Page) -> str | None:
    """Return the page's word for its language. og:locale comes last: it is often left at en_US."""
    declared = string(page.node.get("inLanguage")) or _item_name(page.node.get("inLanguage"))
    attributes = (
        page.tree.get("lang"),
        page.tree.get("{http://www.w3.org/XML/1998/namespace}lang"),
    )
    for word in (
        declared,
        *attributes,
        page.meta("content-language", "language"),
        page.meta("og:locale"),
    ):
        if word and (found := _LANGUAGE.match(word.strip())):
            code = found[1].lower()
            return _LANGUAGE_FIXES.get(code, code)
    return None


def _address(page: _Page, url: str | None) -> str | None:
    """Return the canonical address; one that is only the home page is a template's mistake."""
    canonical = page.tree.xpath("//link[translate(@rel, 'CANOILCR', 'canoilcr')='canonical']/@href")
    own = page.node.get("url"), page.node.get("mainEntityOfPage")
    ids = (v.get("@id") if isinstance(v, dict) else v for v in own)
    places = [*canonical[:1], page.meta("og:url"), *(string(v) for v in ids)]
    for place in places:
        address = absolute(place, url)
        if address and (urlsplit(address).path.strip("/") or urlsplit(address).query):
            return address
    return url


def absolute(link: str | None, base: str | None) -> str | None:
    """Return the link as an absolute http address without its fragment, or None."""
    if not link or not link.strip():
        return None
    try:
        joined = urljoin(base or "", link.strip())
        parts = urlsplit(joined)
        host = parts.hostname
    except ValueError:  # such as "http://[", which urllib refuses
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    return parts._replace(fragment="").geturl()


def _image(page: _Page, base: str | None) -> Image | None:
    candidates = [_from_node(v, base) for v in as_list(page.node.get("image"))]
    shared = absolute(
        page.meta("og:image", "og:image:url", "twitter:image", "twitter:image:src"), base
    )
    if shared:
        width, height = _pixels(page.meta("og:image:width")), _pixels(page.meta("og:image:height"))
        alt = page.meta("og:image:alt", "twitter:image:alt")
        candidates.append(Image(shared, alt, None, width, height))
    return next((c for c in candidates if c), None) or _pictured(page, base)


def _pictured(page: _Page, base: str | None) -> Image | None:
    """Return the first picture of the article that has a caption: one without may be a logo."""
    for figure in page.tree.xpath("//article//figure[.//img[@src]][.//figcaption]")[:1]:
        picture = figure.find(".//img")
        src = absolute(picture.get("src"), base)
        alt, caption = string(picture.get("alt")), text_of(figure.find(".//figcaption"))
        return Image(src, alt, caption or None) if src else None
    return None


def _from_node(value: Any, base: str | None) -> Image | None:
    if isinstance(value, str):
        value = {"url": value}
    if not isinstance(value, dict):
        return None
    place = string(value.get("url")) or string(value.get("contentUrl")) or string(value.get("@id"))
    src = absolute(place, base)
    if src is None:
        return None
    caption = string(value.get("caption")) or string(value.get("description"))
    width, height = _pixels(value.get("width")), _pixels(value.get("height"))
    return Image(src, string(value.get("alternateName")), caption, width, height)


def _pixels(value: Any) -> int | None:
    """Read 1200, "1200", "1200px" or {"value": 1200}; None for anything else or out of reason."""
    if isinstance(value, dict):
        value = value.get("value")
    found = re.match(r"\s*(\d{1,5})(?:\.\d*)?\s*(?:px)?\s*$", str(value))
    return (int(found[1]) or None) if found else None
