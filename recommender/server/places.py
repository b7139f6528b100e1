"""Every address of the service: which scope it needs, how large a body it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["OPEN", "PLACES", "SCOPES", "Place", "place_of"]

SCOPES: Final = ("read", "write", "admin")
OPEN: Final = "open"
"""Asks for no key."""


@dataclass(frozen=True, slots=True)
class Place:
    """One address.

    Attributes
    ----------
    path : as OpenAPI writes it
    scopes : method to the scope that a key needs; a method that is not there needs "read" and
        is then refused
    is_bulk : its bodies may be large
    """

    path: str
    scopes: Mapping[str, str]
    is_bulk: bool = False


_ALL = (
    Place("/healthz", {"GET": OPEN}),
    Place("/readyz", {"GET": OPEN}),
    Place("/version", {"GET": "read"}),
    Place("/metrics", {"GET": "admin"}),
    Place("/openapi.json", {"GET": "read"}),
    Place("/docs", {"GET": OPEN}),  # the same for everybody everywhere; browsers send no key
    Place("/v1/related", {"GET": "read", "POST": "read"}),
    Place("/v1/related/batch", {"POST": "read"}),
    Place("/v1/articles", {"POST": "write"}, is_bulk=True),
    Place("/v1/deletions", {"POST": "write"}),
    Place("/v1/articles/{id}", {"GET": "read", "PUT": "write", "DELETE": "write"}),
    Place("/v1/articles/{id}/related", {"GET": "read"}),
    Place("/v1/articles/{id}/related.html", {"GET": "read"}),
    Place("/v1/related/page", {"POST": "read"}),
    Place("/v1/stories/{id}", {"GET": "read"}),
    Place("/v1/explain", {"GET": "read"}),
    Place("/v1/why-not", {"GET": "read"}),
    Place("/v1/feedback", {"POST": "read"}),
)
PLACES: Final[Mapping[str, Place]] = {place.path: place for place in _ALL}

_NOWHERE: Final = Place("(other)", {})
_OF_ARTICLES: Final = "/v1/articles/"
_OF_STORIES: Final = "/v1/stories/"
_STORY: Final = PLACES["/v1/stories/{id}"]
_BLOCK: Final = PLACES["/v1/articles/{id}/related"]
_ARTICLE: Final = PLACES["/v1/articles/{id}"]


def place_of(path: str) -> Place:
    """Return the place of a path as it was sent, percent-encoded."""
    if path.startswith(_OF_STORIES) and "/" not in path[len(_OF_STORIES) :]:
        return _STORY if len(path) > len(_OF_STORIES) else _NOWHERE
    if not path.startswith(_OF_ARTICLES):
        return PLACES.get(path, _NOWHERE)
    rest = path[len(_OF_ARTICLES) :]
    article, slash, last = rest.partition("/")
    if not article:
        return _NOWHERE
    if not slash:
        return _ARTICLE
    if last == "related":
        return _BLOCK
    return PLACES.get(f"/v1/articles/{{id}}/{last}", _NOWHERE)
