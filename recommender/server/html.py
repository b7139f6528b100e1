"""The block as HTML, for pages that are put together on the server: links that crawlers follow.

Class names say neither "related" nor "recommended", which lists of ad blockers hide.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

from recommender.article import Block, Card

__all__ = ["block_html", "safe_url"]

_HEADINGS: Final = {"uk": "Інші новини", "ru": "Другие новости", "en": "Other News"}
_DAYS: Final = {"uk": "%d.%m.%Y", "ru": "%d.%m.%Y"}
"""How a day is written, where it is not as in ISO 8601."""
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
# What browsers leave out of an address before they look at its scheme.
_IGNORED: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def safe_url(url: str | None) -> str | None:
    """Return a URL that a link may have: http, https, or without a scheme; else None."""
    bare = _IGNORED.sub("", url or "")
    scheme = _SCHEME.match(bare)
    if not bare or (scheme and scheme[0].lower() not in ("http:", "https:")):
        return None
    return bare


def block_html(block: Block, image_size: tuple[int, int]) -> str:
    """Return a block as an ``<aside>``; "" where it has no card that can be linked.

    Parameters
    ----------
    image_size : width and height of every picture, in pixels
    """
    cards = "".join(_card(card, image_size) for card in block.cards if safe_url(card.url))
    if not cards:
        return ""
    lang = block.source.lang or "en"
    named = lang if lang in _HEADINGS else "en"
    return (
        f'<aside class="onward" lang="{escape(lang)}" '
        f'data-block="{escape(block.request_id)}">\n'
        f'<h2 class="onward__title" lang="{named}">{_HEADINGS[named]}</h2>\n'
        f'<ul class="onward__list">\n{cards}</ul>\n</aside>\n'
    )


def _card(card: Card, image_size: tuple[int, int]) -> str:
    # A space before each: without a style sheet, and read aloud, they would be one word.
    facts = ""
    if card.section:
        facts += f' <span class="onward__section">{escape(card.section)}</span>'
    if card.published_at:
        day = card.published_at.date()
        shown = day.strftime(_DAYS[card.lang]) if card.lang in _DAYS else day.isoformat()
        facts += f' <time class="onward__date" datetime="{day.isoformat()}">{shown}</time>'
    lead = f'<p class="onward__lead">{escape(card.lead)}</p>' if card.lead else ""
    href = escape(safe_url(card.url) or "")
    lang = f' lang="{escape(card.lang)}"' if card.lang else ""
    return (
        f'<li class="onward__item" data-position="{card.rank}"{lang}>'
        f'<a class="onward__link" href="{href}">{_image(card, image_size)}'
        f'<span class="onward__headline">{escape(card.title or card.id)}</span></a>'
        f"{lead}{facts}</li>\n"
    )


def _image(card: Card, image_size: tuple[int, int]) -> str:
    src = safe_url(card.image.src) if card.image else None
    if src is None or card.image is None:
        return ""
    width, height = image_size
    return (
        f'<img class="onward__image" src="{escape(src)}" alt="{escape(card.image.alt or "")}" '
        f'width="{width}" height="{height}" loading="lazy" decoding="async"> '
    )
