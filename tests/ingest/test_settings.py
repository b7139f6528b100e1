"""Settings refuse what they cannot mean."""

from __future__ import annotations

from typing import Any

import pytest

from recommender._settings import settings_from
from recommender.errors import ConfigError
from recommender.ingest import IngestSettings


def test_settings_from_mapping_takes_known_names() -> None:
    """A TOML table becomes settings; a list becomes a tuple."""
    settings = settings_from(
        IngestSettings, {"format": "csv", "extra_columns": ["a", "b"]}, section="[ingest]"
    )
    assert (settings.format, settings.extra_columns) == ("csv", ("a", "b"))


def test_settings_with_unknown_name_suggest_the_nearest() -> None:
    """A slip of the pen is refused with the name that was meant."""
    with pytest.raises(ConfigError, match=r"max_eror.*Did you mean 'max_errors'"):
        settings_from(IngestSettings, {"max_eror": 1}, section="[ingest]")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "xlsx"),
        ("format", 7),
        ("encoding", "klingon"),
        ("encoding", "zlib"),
        ("encoding", None),
        ("default_lang", "Ukrainian"),
        ("max_article_bytes", 0),
        ("max_article_bytes", True),
        ("max_article_bytes", "16"),
        ("max_decompressed_ratio", float("nan")),
        ("max_errors", -1),
        ("clean", "no"),
        ("columns", ["id"]),
        ("columns", {"headline": "h"}),
        ("columns", {"id": ""}),
        ("extra_columns", "abc"),
    ],
)
def test_settings_with_impossible_value_are_refused(name: str, value: Any) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigError, match=name.removeprefix("default_")):
        IngestSettings(**{name: value})
