"""The public surface: what is exported, and that all of it is there."""

from __future__ import annotations

import recommender


def test_exported_names_are_these_and_no_others() -> None:
    """A name is public only when this list says so."""
    expected = [
        "Article",
        "ArticleVectorizer",
        "Block",
        "BuildReport",
        "Card",
        "Config",
        "Recommender",
        "RecommenderError",
        "Rejections",
        "UpdateReport",
        "Updater",
        "__version__",
        "add_articles",
        "build",
        "build_index",
        "delete_articles",
        "export_jsonl",
        "load_config",
        "merge_index",
        "open",
        "read_articles",
        "verify_index",
    ]

    assert expected == sorted(recommender.__all__)


def test_every_exported_name_can_be_had_and_is_documented() -> None:
    """Lazy loading finds each name, and each has a docstring."""
    for name in recommender.__all__:
        assert getattr(recommender, name).__doc__, name


def test_unknown_name_is_an_attribute_error() -> None:
    """A wrong name fails as it does for any module."""
    assert not hasattr(recommender, "no_such_name")
