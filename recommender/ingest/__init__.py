"""Anything to a stream of Article: files, tables, saved pages, a caller's own records.

Importing this package loads no pandas, pyarrow, lxml or trafilatura; reading a source that needs
one does.
"""

from __future__ import annotations

from recommender.ingest.records import article_from_record
from recommender.ingest.rejections import NoticeKind, Rejection, RejectionReason, Rejections
from recommender.ingest.settings import DEFAULT_SETTINGS, IngestSettings
from recommender.ingest.sources import read_articles

__all__ = [
    "DEFAULT_SETTINGS",
    "IngestSettings",
    "NoticeKind",
    "Rejection",
    "RejectionReason",
    "Rejections",
    "article_from_record",
    "read_articles",
]
