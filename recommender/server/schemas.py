"""Bodies of requests and answers. What a block holds is said by ``recommender.article`` alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recommender.article import Block, Card

__all__ = [
    "ArticleIn",
    "ArticleOut",
    "Batch",
    "BatchAsk",
    "Bulk",
    "Deletion",
    "DraftAsk",
    "Event",
    "FeedbackIn",
    "ImageIn",
    "PageAsk",
    "Rejected",
    "Report",
    "State",
    "Story",
    "Version",
]

Text = Annotated[str, Field(max_length=1_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]
Words = Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=1000)]
Options = Annotated[
    dict[str, Any], Field(description="Options of the block, as the parameters of GET.")
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ImageIn(BaseModel):
    """The picture of an article."""

    model_config = ConfigDict(strict=True)

    src: Name
    alt: Text | None = None
    caption: Text | None = None
    width: Annotated[int, Field(ge=1, le=100_000)] | None = None
    height: Annotated[int, Field(ge=1, le=100_000)] | None = None


class ArticleIn(BaseModel):
    """An article, published or a draft; other fields are kept if ``extra_columns`` names them."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    title: Text = ""
    lead: Text = ""
    body: Text = ""
    url: Annotated[str, Field(max_length=2000)] | None = None
    section: Name | None = None
    tags: Words = Field(default_factory=list)
    authors: Words = Field(default_factory=list)
    lang: Annotated[str, Field(min_length=2, max_length=35)] | None = None
    published_at: Annotated[str, Field(max_length=100)] | None = None
    updated_at: Annotated[str, Field(max_length=100)] | None = None
    image: ImageIn | None = None
    label: Name | None = None
    sensitive: bool = False
    links: Words = Field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """Return what ``build`` would read: without what was not given."""
        return self.model_dump(exclude_unset=True, exclude_none=True)


class DraftAsk(_Strict):
    """What one block is made for: a text that need not be in the index, or several articles."""

    article: ArticleIn | None = None
    keys: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    options: Options = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> DraftAsk:
        if (self.article is None) == (not self.keys):
            raise ValueError("give either an article or keys")
        return self


class PageAsk(_Strict):
    """An article's page: its blocks, in the order in which they choose, and what it shows."""

    key: Name
    blocks: Annotated[dict[Name, Options], Field(min_length=1, max_length=20)]
    exclude_ids: Annotated[list[Name], Field(max_length=1000)] = Field(default_factory=list)


class BatchAsk(_Strict):
    """Several articles: of the index by id or URL, or drafts."""

    keys: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    articles: Annotated[list[ArticleIn], Field(max_length=20)] = Field(default_factory=list)
    options: Options = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> BatchAsk:
        if not self.keys and not self.articles:
            raise ValueError("give keys, articles, or both")
        return self


class Batch(BaseModel):
    """A block for each key and then each article, in their order; null for unknown keys."""

    blocks: list[Block | None]
    missing_keys: list[str]


class Story(BaseModel):
    """A running story: its id, which is that of its first article, and its articles in time."""

    id: str
    cards: list[Card]


class ArticleOut(BaseModel):
    """What the index knows of an article."""

    id: str
    url: str | None
    title: str
    lead: str | None
    section: str | None
    authors: list[str]
    lang: str | None
    published_at: str | None
    updated_at: str | None
    image: dict[str, Any] | None
    label: str | None
    extra: dict[str, Any]


class Bulk(_Strict):
    """Articles to add, or to put in the place of older versions."""

    articles: Annotated[list[ArticleIn], Field(min_length=1, max_length=5000)]


class Deletion(_Strict):
    """Articles to delete."""

    ids: Annotated[list[Name], Field(min_length=1, max_length=5000)]


class Rejected(BaseModel):
    """An article that could not be used, and why."""

    id: str | None
    reason: str
    detail: str


class Report(BaseModel):
    """What a change did; it is on disk."""

    generation: int
    added: int
    updated: int
    deleted: int
    unchanged: int
    older: int
    articles: int
    unknown_ids: list[str]
    rejected: int
    rejections: list[Rejected]
    notices: dict[str, int]


class Event(_Strict):
    """A block that was seen, or a card that was followed."""

    kind: Literal["impression", "click"]
    request_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    article_id: Name | None = None
    position: Annotated[int, Field(ge=1, le=1000)] | None = None
    page: Annotated[str, Field(max_length=1000)] | None = None


class FeedbackIn(_Strict):
    """Events, of which each is a line of the file."""

    events: Annotated[list[Event], Field(min_length=1, max_length=100)]


class State(BaseModel):
    """Whether requests should be sent here."""

    status: str
    generation: int
    age_seconds: float


class Version(BaseModel):
    """What answers here."""

    package: str
    generation: int
    built_at: str
    age_seconds: float
    articles: int
    behind: bool
    stale: bool
