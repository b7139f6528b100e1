"""What goes in and what comes out: Article, and the Block of Cards made for one.

All are frozen values. Times are timezone-aware UTC. Absent is ``None`` (or an empty tuple), never
"".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Any

__all__ = [
    "Article",
    "Aside",
    "AsideKind",
    "Block",
    "Card",
    "Image",
    "IndexInfo",
    "Reason",
    "Removal",
    "Source",
    "to_json",
]

_OPENING_CHARS = 500


class AsideKind(StrEnum):
    """What a piece of text split off from the body is."""

    BACK_REFERENCE = "back-reference"
    PROMO = "promo"
    READ_ALSO = "read-also"
    OTHER_NEWS = "other-news"
    CAPTION = "caption"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Aside:
    """A piece of text that was split off from the body: kept, but not counted as the story.

    Attributes
    ----------
    kind : AsideKind
    text : str
        The piece as it stood, without markup.
    links : tuple of str
        Where its links lead, in their order.
    """

    kind: AsideKind
    text: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """The picture of an article, as its card shows it. Width and height are pixels."""

    src: str
    alt: str | None = None
    caption: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Article:
    """One published article, as read.

    Attributes
    ----------
    id : str
        The publisher's own stable identifier; never empty.
    title, lead, body : str
        Headline, opening paragraph (standfirst), text. Paragraphs are separated by an empty line.
    url : str or None
    section : str or None
        The rubric it stands in.
    tags, authors : tuple of str
    lang : str or None
        The publisher's word for the language, as a lower-case ISO 639 code; None = to be detected.
    published_at, updated_at : datetime or None
        Timezone-aware, UTC.
    image : Image or None
    label : str or None
        live, premium, sponsored, opinion, reprint, ... as the publisher marks it.
    sensitive : bool
        Marked by the publisher as legally sensitive; stored, for a site's own rules to act on.
    links : tuple of str
        URLs or ids of earlier articles that the text refers back to.
    asides : tuple of Aside
        What cleaning split off from the body.
    extra : mapping
        Unknown columns, kept for the card on request.
    """

    id: str
    title: str = ""
    lead: str = ""
    body: str = ""
    url: str | None = None
    section: str | None = None
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    lang: str | None = None
    published_at: datetime | None = None
    updated_at: datetime | None = None
    image: Image | None = None
    label: str | None = None
    sensitive: bool = False
    links: tuple[str, ...] = ()
    asides: tuple[Aside, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def caption(self) -> str:
        """Image captions, one a line: the article's picture first, then those found in the text."""
        own = [self.image.caption] if self.image and self.image.caption else []
        found = [a.text for a in self.asides if a.kind is AsideKind.CAPTION]
        return "\n".join(dict.fromkeys(own + found))

    @property
    def opening(self) -> str:
        """Title, lead and the beginning of the body: what its language is told by."""
        return "\n".join((self.title, self.lead, self.body[:_OPENING_CHARS]))

    def counted_texts(self) -> dict[str, str]:
        """Return the text of every field whose words are counted."""
        return {
            "title": self.title,
            "lead": self.lead,
            "body": self.body,
            "caption": self.caption,
            "tags": "\n".join(self.tags),
        }


@dataclass(frozen=True, slots=True)
class Reason:
    """What speaks for a card, or against it, and its share of the score: all shares sum to that.

    Attributes
    ----------
    term : a term that source and card share, the title of an article that one of them leans on, or
        the name of a step
    share : float, what it adds; below 0 for what a step takes away
    kind : ``term``, ``story`` or ``step``
    """

    term: str
    share: float
    kind: str = "term"


@dataclass(frozen=True, slots=True)
class Card:
    """One entry of a block: everything a page needs to draw it.

    Attributes
    ----------
    story_id : the id of the first article of the running story that it belongs to
    role : what it is to the article: same-event, follow-up, background, more-in-section, fallback;
        None for what is near in words only
    score : what it is ranked by, in 0..1: the similarity of the two and of what they lean on, times
        what crowd, age and popularity leave of it
    origin : pinned, series, similar, story or fallback
    why : the weightiest reasons; explained, all of them
    copies : ids of articles that tell the same and take no card of their own
    """

    id: str
    url: str | None
    title: str
    lead: str | None
    section: str | None
    authors: tuple[str, ...]
    lang: str | None
    published_at: datetime | None
    updated_at: datetime | None
    image: Image | None
    label: str | None
    story_id: str | None
    role: str | None
    rank: int
    score: float
    origin: str
    why: tuple[Reason, ...]
    copies: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Removal:
    """A candidate that did not become a card, with the step that removed it and why."""

    id: str
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """The article a block was asked for; ``id`` is None for a draft."""

    id: str | None
    url: str | None
    lang: str | None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """The snapshot an answer came from."""

    generation: int
    built_at: datetime
    age_seconds: float
    articles: int


@dataclass(frozen=True, slots=True)
class Block:
    """The finished list for one source, best first.

    Attributes
    ----------
    fallback_used : whether cards stand in it that are not similar, because too few are
    removed : near articles that are no cards, and why; where the block is explained
    missing_ids : ids of the call that no article has
    barred : why the rules allow no block here; None where they do
    twins : the same story in other languages, where asked for
    """

    source: Source
    cards: tuple[Card, ...]
    index: IndexInfo
    fallback_used: bool = False
    removed: tuple[Removal, ...] = ()
    missing_ids: tuple[str, ...] = ()
    barred: str | None = None
    twins: tuple[Source, ...] = ()
    request_id: str = ""
    took_ms: float = 0.0


def to_json(value: Any) -> Any:
    """Return a Block, a Card, an Article, ... as plain JSON types; times are ISO 8601."""
    if isinstance(value, date):  # datetime is one
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, StrEnum):
        return str(value)
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(v) for v in value]
    return value
