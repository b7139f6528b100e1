"""Anything to a stream of Article: files, tables, saved pages, a caller's own records.

Importing this package loads none of its modules: a name loads the one it lives in. None of them
loads pandas, pyarrow, lxml or trafilatura before a source is read that needs one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recommender.ingest.records import article_from_record as article_from_record
    from recommender.ingest.rejections import NoticeKind as NoticeKind
    from recommender.ingest.rejections import Rejection as Rejection
    from recommender.ingest.rejections import RejectionReason as RejectionReason
    from recommender.ingest.rejections import Rejections as Rejections
    from recommender.ingest.settings import DEFAULT_SETTINGS as DEFAULT_SETTINGS
    from recommender.ingest.settings import IngestSettings as IngestSettings
    from recommender.ingest.sources import read_articles as read_articles

_HOMES = {
    "DEFAULT_SETTINGS": "settings",
    "IngestSettings": "settings",
    "NoticeKind": "rejections",
    "Rejection": "rejections",
    "RejectionReason": "rejections",
    "Rejections": "rejections",
    "article_from_record": "records",
    "read_articles": "sources",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
