"""Related articles for news sites: articles in, "Other News" blocks out.

>>> import recommender
>>> news = recommender.build("articles.jsonl", "models/news")  # doctest: +SKIP
>>> [card.title for card in news.related("article-id", limit=6).cards]  # doctest: +SKIP

Everything public is named here; importing it is light, because the parts are loaded when they are
used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from recommender._version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from recommender.article import Article as Article
    from recommender.article import Block as Block
    from recommender.article import Card as Card
    from recommender.builder import BuildReport as BuildReport
    from recommender.builder import build_index as build_index
    from recommender.config import Config as Config
    from recommender.config import load_config as load_config
    from recommender.errors import RecommenderError as RecommenderError
    from recommender.export import export_jsonl as export_jsonl
    from recommender.index.check import verify_index as verify_index
    from recommender.ingest import Rejections as Rejections
    from recommender.ingest import read_articles as read_articles
    from recommender.recommend import Recommender as Recommender
    from recommender.updates import Updater as Updater
    from recommender.updates import UpdateReport as UpdateReport
    from recommender.updates import add_articles as add_articles
    from recommender.updates import delete_articles as delete_articles
    from recommender.updates import merge_index as merge_index
    from recommender.vectorize import ArticleVectorizer as ArticleVectorizer

_HOMES = {
    "Article": "recommender.article",
    "ArticleVectorizer": "recommender.vectorize",
    "Block": "recommender.article",
    "BuildReport": "recommender.builder",
    "Card": "recommender.article",
    "Config": "recommender.config",
    "Recommender": "recommender.recommend",
    "RecommenderError": "recommender.errors",
    "Rejections": "recommender.ingest",
    "UpdateReport": "recommender.updates",
    "Updater": "recommender.updates",
    "add_articles": "recommender.updates",
    "build_index": "recommender.builder",
    "delete_articles": "recommender.updates",
    "export_jsonl": "recommender.export",
    "load_config": "recommender.config",
    "merge_index": "recommender.updates",
    "read_articles": "recommender.ingest",
    "verify_index": "recommender.index.check",
}

__all__ = [*sorted(_HOMES), "__version__", "build", "open"]


def build(
    articles: Any, model: str | Path, *, config: Config | None = None, **options: Any
) -> Recommender:
    """Build the index of ``articles`` in folder ``model`` and return it, opened.

    Parameters
    ----------
    articles : a path or several, a pandas DataFrame, or an iterable of mappings or of Article
    model : folder of the index
    config : all settings; None = the defaults
    **options : ``jobs``, ``rejections``, ``progress``, ``force``, ``resume``, ``tell``, as
        :func:`recommender.build_index` takes them

    Raises
    ------
    RecommenderError : see :mod:`recommender.errors`
    """
    from recommender.builder import build_index
    from recommender.recommend import Recommender

    build_index(articles, model, config=config, **options)
    # The writer has just read every byte back.
    return Recommender.open(model, config=config, verify=False)


def open(model: str | Path, *, config: Config | None = None, verify: bool = True) -> Recommender:
    """Open the index in folder ``model``.

    Parameters
    ----------
    config : settings of the block; None = the defaults
    verify : compare every file with its digest first

    Raises
    ------
    NotAnIndexError, DamagedIndexError, IncompatibleIndexError
    """
    from recommender.recommend import Recommender

    return Recommender.open(model, config=config, verify=verify)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'recommender' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
