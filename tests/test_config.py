"""Settings put together: argument over environment over file over default."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest

from recommender.config import Config, FieldSettings, config_from, load_config
from recommender.errors import ConfigError, SourceNotFoundError
from recommender.index.settings import GenerationSettings
from recommender.ranking.settings import BlockSettings
from recommender.weighting import WeightSettings

SECTIONS = typing.get_type_hints(Config)


def toml(folder: Path, text: str) -> Path:
    """Write a settings file."""
    path = folder / "recommender.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_load_config_of_nothing_is_the_defaults() -> None:
    """No file, no environment, no arguments, no origins."""
    assert (Config(), {}) == load_config()


def test_load_config_file_sets_what_it_names(tmp_path: Path) -> None:
    """Every section may be there; all else keeps its default."""
    path = toml(
        tmp_path,
        """
        [fields]
        title = 5
        [weights]
        max_df = 0.4
        min_df = 2
        [text]
        ngram_range = [1, 2]
        stop_words = ["або", "или"]
        [block]
        threshold = 0
        [ingest]
        default_lang = "uk"
        [boilerplate]
        enabled = false
        """,
    )

    config, origins = load_config(path)

    assert config.fields == FieldSettings(title=5)
    assert config.weights == WeightSettings(max_df=0.4, min_df=2)
    assert config.text.ngram_range == (1, 2)
    assert config.text.stop_words == ("або", "или")
    assert config.block == BlockSettings(threshold=0.0)
    assert config.ingest.default_lang == "uk"
    assert not config.boilerplate.enabled
    assert set(origins.values()) == {f"file {path}"}
    assert len(origins) == 8


def test_load_config_argument_beats_environment_beats_file(tmp_path: Path) -> None:
    """And each setting remembers where it came from."""
    path = toml(tmp_path, "[block]\nlimit = 1\nwhy = 1\nthreshold = 0.1\n")
    environment = {"RECOMMENDER_BLOCK_LIMIT": "2", "RECOMMENDER_BLOCK_WHY": "2", "HOME": "/"}

    config, origins = load_config(
        path, environment=environment, overrides={"block": {"limit": 3, "languages": "any"}}
    )

    assert config.block == BlockSettings(limit=3, why=2, threshold=0.1, languages="any")
    assert origins == {
        ("block", "limit"): "argument",
        ("block", "why"): "environment",
        ("block", "threshold"): f"file {path}",
        ("block", "languages"): "argument",
    }


def test_load_config_does_not_look_at_the_environment_unasked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The library reads no environment; the command line passes it."""
    monkeypatch.setenv("RECOMMENDER_BLOCK_LIMIT", "9")

    assert load_config()[0].block.limit == 6


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("RECOMMENDER_WEIGHTS_MAX_DF", "0.4", ("weights", "max_df", 0.4)),
        ("RECOMMENDER_WEIGHTS_MIN_DF", "2", ("weights", "min_df", 2)),
        ("RECOMMENDER_WEIGHTS_SUBLINEAR_TF", "no", ("weights", "sublinear_tf", False)),
        ("RECOMMENDER_FIELDS_TITLE", "0", ("fields", "title", 0)),
        ("RECOMMENDER_TEXT_NGRAM_RANGE", "1,2", ("text", "ngram_range", (1, 2))),
        ("RECOMMENDER_INGEST_MAX_ERRORS", "none", ("ingest", "max_errors", None)),
        ("RECOMMENDER_INGEST_DEFAULT_LANG", "uk", ("ingest", "default_lang", "uk")),
        (
            "RECOMMENDER_INGEST_EXTRA_COLUMNS",
            "views, kind",
            ("ingest", "extra_columns", ("views", "kind")),
        ),
    ],
)
def test_load_config_environment_is_read_by_the_type_of_the_setting(
    variable: str, text: str, expected: tuple[str, str, Any]
) -> None:
    """Text becomes a number, a truth value, a list, nothing."""
    section, name, value = expected

    found = getattr(getattr(load_config(environment={variable: text})[0], section), name)

    assert value == found
    assert type(value) is type(found)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"RECOMMENDER_BLOCK_LIMT": "2"}, "RECOMMENDER_BLOCK_LIMT names no setting. Did you mean"),
        ({"RECOMMENDER_BLOCK_LIMIT": "two"}, "limit is 'two'; expected a whole number"),
        ({"RECOMMENDER_BLOCK_LIMIT": "0"}, "limit is 0; expected a whole number from 1 to 1000"),
        ({"RECOMMENDER_WEIGHTS_MAX_DF": "nan"}, "max_df is nan"),
    ],
)
def test_load_config_environment_that_cannot_be_is_named(
    environment: dict[str, str], words: str
) -> None:
    """A slip in a variable is an error with its name or value, not a default."""
    with pytest.raises(ConfigError, match=words):
        load_config(environment=environment)


@pytest.mark.parametrize(
    "variable", ["RECOMMENDER_EVALUATION_DATA", "RECOMMENDER_BLOCK", "RECOMMENDER_", "BLOCK_LIMIT"]
)
def test_load_config_variables_of_no_section_are_not_ours(variable: str) -> None:
    """Other programs may use the prefix."""
    assert load_config(environment={variable: "x"}) == (Config(), {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[blok]\nlimit = 1\n", r"has no section \[blok\]\. Did you mean 'block'"),
        ("[block]\nlimt = 1\n", r"\[block\] has no setting 'limt'\. Did you mean 'limit'"),
        ("[block]\nlimit = 'x'\n", r"\[block\] limit is 'x'; expected a whole number"),
        ("[block]\nlimit = 1.0\n", "limit is 1.0; expected a whole number"),
        ("[block]\nlimit = 1001\n", "limit is 1001; expected a whole number from 1 to 1000"),
        ("[block]\nthreshold = 2\n", "threshold is 2.0; expected a score between 0 and 1"),
        ("[block]\nthreshold = nan\n", "threshold is nan"),
        ("[block]\nwhy = -1\n", "why is -1; expected 0 or more"),
        ("[fields]\ntitle = -1\n", r"\[fields\] title is -1; expected a whole number"),
        ("[fields]\ntitle = 101\n", r"\[fields\] title is 101"),
        ("[fields]\ntitle=0\nlead=0\nbody=0\ncaption=0\ntags=0\n", "nothing would be counted"),
        ("[weights]\nmax_df = 1.5\n", "max_df is 1.5; expected a share"),
        ("limit = 3\n", "limit is 3; expected a section such as"),
        ("[block\n", "is no valid TOML"),
        ("x = " + "[" * 20_000, "is no valid TOML"),
    ],
)
def test_load_config_file_that_cannot_be_is_named(tmp_path: Path, text: str, words: str) -> None:
    """Unknown names get the nearest, values are shown with what was expected."""
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(toml(tmp_path, text))
    assert caught.value.exit_code == 2


def test_load_config_file_that_is_no_utf8_is_named(tmp_path: Path) -> None:
    """The message names the file."""
    (tmp_path / "x.toml").write_bytes(b"[block]\n# \xff\n")

    with pytest.raises(ConfigError, match=r"x\.toml is no valid TOML"):
        load_config(tmp_path / "x.toml")


def test_load_config_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Missing, or a folder: exit code 4."""
    for path in (tmp_path / "gone.toml", tmp_path):
        with pytest.raises(SourceNotFoundError, match=path.name) as caught:
            load_config(path)
        assert caught.value.exit_code == 4


@pytest.mark.parametrize("values", [5, None, "x", ["limit"]])
def test_load_config_argument_that_is_no_section_is_named(values: Any) -> None:
    """An override must be a mapping of settings."""
    with pytest.raises(ConfigError, match="argument: block is"):
        load_config(overrides={"block": values})


def test_config_as_plain_values_gives_the_config_again() -> None:
    """What a manifest stores of the settings is enough to build the same way again."""
    config, _ = load_config(overrides={"weights": {"max_df": 7}, "fields": {"body": 2}})

    assert config == config_from(dataclasses.asdict(config))


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_settings_class_documents_every_setting(section: str) -> None:
    """Each name stands in the docstring of its class."""
    cls = SECTIONS[section]
    words = set((cls.__doc__ or "").replace(",", " ").replace(":", " ").split())

    assert {f.name for f in dataclasses.fields(cls)} <= words


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_settings_class_is_a_frozen_value(section: str) -> None:
    """Settings can be shared and compared."""
    cls = SECTIONS[section]

    assert cls() == cls()
    assert cls.__dataclass_params__.frozen


@pytest.mark.parametrize(
    "values",
    [
        {"keep": 0},
        {"keep": True},
        {"keep": 2.5},
        {"grace": "soon"},
        {"max_shrink": -0.1},
        {"max_empty": 1.5},
        {"max_relevance_drop": float("nan")},
        {"max_quality_drop": -0.1},
        {"max_shrink": True},
    ],
)
def test_generation_settings_that_cannot_be_are_named(values: dict[str, Any]) -> None:
    """By their name."""
    (name,) = values

    with pytest.raises(ConfigError, match=name):
        GenerationSettings(**values)
