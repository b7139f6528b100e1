"""A saved article page to an Article.

Metadata comes from JSON-LD, OpenGraph and meta tags; a site's profile, where there is one, wins
over them; the body comes from the profile or from extraction. Nothing is fetched. Promo lines and
back references are left in the body for `recommender.ingest.clean`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from recommender.article import Article, Aside, AsideKind, Image
from recommender.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from recommender.ingest.html_body import PageBody
    from recommender.ingest.html_metadata import PageMetadata
    from recommender.ingest.sites import Profile, Profiles

__all__ = ["read_page"]


def read_page(
    html: bytes | str,
    *,
    url: str | None = None,
    article_id: str | None = None,
    profiles: Profiles | None = None,
) -> Article:
    """Read the article on a saved page.

    Parameters
    ----------
    html : the page, as bytes in whatever encoding or as text; at most 10 MB
    url : where the page came from; needed for relative links and for a profile, unless the page
        names its canonical address
    article_id : the identifier to give it; otherwise the profile's ``id_url`` pattern decides,
        then the address, then a digest of the text
    profiles : per-site selectors; None = those shipped, ``Profiles()`` = none

    Returns
    -------
    Article; paragraphs of the body are separated by an empty line. Links survive as
    ``[text](address)`` only in paragraphs that refer back to articles of the same site.

    Raises
    ------
    InputError : there is no article on the page, or it is larger than 10 MB
    MissingExtraError : lxml or trafilatura is not installed
    """
    try:
        from recommender.ingest import html_body, html_metadata, html_tree, sites
    except ImportError as error:
        raise MissingExtraError("Reading HTML pages", "html") from error
    tree = html_tree.parse_page(html_tree.decode_page(html))
    if tree is None:
        raise InputError("the page holds no HTML element; is it a saved article page?")
    metadata = html_metadata.read_metadata(tree, url=url)
    chosen = sites.Profiles.shipped() if profiles is None else profiles
    profile = chosen.find(metadata.url or url)
    if profile is not None:
        metadata = _with_profile(tree, metadata, profile)
    body = html_body.read_body(tree, metadata, profile, base=metadata.url or url)
    if not metadata.title and not body.text:
        raise InputError(_nothing_found(tree, url))
    return _article(metadata, body, article_id or _identifier(metadata, body, profile))


def _with_profile(tree: HtmlElement, metadata: PageMetadata, profile: Profile) -> PageMetadata:
    """Take out what the profile removes, and read what it names in place of the declared."""
    from recommender.ingest.html_metadata import split_names
    from recommender.ingest.html_tree import drop

    for element in [e for path in profile.remove for e in tree.xpath(path)]:
        drop(element)
    titles, leads = _texts(tree, profile.title), _texts(tree, profile.lead)
    sections = _matches(profile.section_url, metadata.url) or _texts(tree, profile.section)
    return replace(
        metadata,
        title=titles[0] if titles else metadata.title,
        lead=leads[0] if leads else metadata.lead,
        section=sections[0] if sections else metadata.section,
        authors=split_names(_texts(tree, profile.author)) or metadata.authors,
    )


def _texts(tree: HtmlElement, paths: tuple[str, ...]) -> list[str]:
    from recommender.ingest.html_tree import squeeze, text_of

    found = [e for path in paths for e in tree.xpath(path)]
    texts = (squeeze(e) if isinstance(e, str) else text_of(e) for e in found)
    return [t for t in texts if t]


def _matches(pattern: str | None, address: str | None) -> list[str]:
    found = re.search(pattern, address) if pattern and address else None
    return [found[1]] if found and found[1] else []


def _identifier(metadata: PageMetadata, body: PageBody, profile: Profile | None) -> str:
    named = _matches(profile.id_url if profile else None, metadata.url)
    if named or metadata.url:
        return named[0] if named else str(metadata.url)
    text = f"{metadata.title}\n{body.text}".encode("utf-8", "replace")
    return f"page-{hashlib.blake2b(text, digest_size=8).hexdigest()}"


def _nothing_found(tree: HtmlElement, url: str | None) -> str:
    n_elements = sum(1 for _ in tree.iter("*"))
    place = f" at {url}" if url else ""
    return (
        f"no article found on the page{place}: no title and no text among {n_elements} elements. "
        "A page drawn by JavaScript must be saved after it is drawn; a site with unusual markup "
        "needs a profile (selectors in a TOML file)."
    )


def _article(metadata: PageMetadata, body: PageBody, identifier: str) -> Article:
    image, asides = _captioned(metadata.image, body.asides)
    return Article(
        id=identifier,
        title=metadata.title or "",
        lead=metadata.lead or "",
        body=body.text,
        url=metadata.url,
        section=metadata.section,
        tags=metadata.tags,
        authors=metadata.authors,
        lang=metadata.lang,
        published_at=metadata.published_at,
        updated_at=metadata.updated_at,
        image=image,
        label=metadata.label,
        asides=asides,
    )


def _captioned(
    image: Image | None, asides: tuple[Aside, ...]
) -> tuple[Image | None, tuple[Aside, ...]]:
    """Drop the aside that only repeats the caption of the article's picture."""
    if image is None or image.caption is None:
        return image, asides
    same = Aside(AsideKind.CAPTION, image.caption)
    return image, tuple(a for a in asides if a != same)
