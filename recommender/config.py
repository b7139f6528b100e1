"""All settings in one frozen value: argument over environment over TOML file over default.

Each section is the settings class of the code it drives. ``recommender.toml``::

    [fields]
    title = 3

    [weights]
    max_df = 0.4

    [block]
    limit = 6

The environment says the same as ``RECOMMENDER_FIELDS_TITLE=3``.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recommender._settings import nearest, parse_text, settings_from, type_hints
from recommender.errors import ConfigError, DamagedIndexError, SourceNotFoundError
from recommender.index.manifest import Manifest
from recommender.index.settings import GenerationSettings, SearchSettings, UpdateSettings
from recommender.ingest.settings import IngestSettings
from recommender.ranking.rules import Rules
from recommender.ranking.settings import BlockSettings, PopularitySettings, with_preset
from recommender.server_settings import ServerSettings
from recommender.text.settings import BoilerplateSettings, TextSettings
from recommender.weighting import WeightSettings

__all__ = ["Config", "FieldSettings", "Origins", "load_config"]

ENVIRONMENT_PREFIX = "RECOMMENDER_"


@dataclass(frozen=True, slots=True)
class FieldSettings:
    """How many times a word counts by where it stands. Whole numbers; 0 leaves the field out.

    Attributes
    ----------
    title : int
        The headline.
    lead : int
        The opening paragraph.
    body : int
        The text.
    caption : int
        Captions of its pictures.
    tags : int
        The publisher's tags.
    """

    title: int = 3
    lead: int = 2
    body: int = 1
    caption: int = 1
    tags: int = 1

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not 0 <= value <= 100:
                raise ConfigError(
                    f"[fields] {name} is {value!r}; expected a whole number from 0 to 100."
                )
        if not any(dataclasses.asdict(self).values()):
            raise ConfigError(
                "[fields] gives every field 0: nothing would be counted. Set title or body to 1."
            )


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, by the code it drives."""

    ingest: IngestSettings = field(default_factory=IngestSettings)
    text: TextSettings = field(default_factory=TextSettings)
    boilerplate: BoilerplateSettings = field(default_factory=BoilerplateSettings)
    fields: FieldSettings = field(default_factory=FieldSettings)
    weights: WeightSettings = field(default_factory=WeightSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    block: BlockSettings = field(default_factory=BlockSettings)
    rules: Rules = field(default_factory=Rules)
    popularity: PopularitySettings = field(default_factory=PopularitySettings)
    generations: GenerationSettings = field(default_factory=GenerationSettings)
    updates: UpdateSettings = field(default_factory=UpdateSettings)
    server: ServerSettings = field(default_factory=ServerSettings)


Origins = dict[tuple[str, str], str]
"""Where settings that are no defaults came from: (section, name) to "file ...", "environment"."""


def load_config(
    path: str | Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Config, Origins]:
    """Put the settings together.

    Parameters
    ----------
    path : a TOML file, or None for none
    environment : usually ``os.environ``; None = not looked at
    overrides : section to settings given by the caller; they win

    Raises
    ------
    SourceNotFoundError : no such file
    ConfigError : no TOML, an unknown section or setting, an impossible value; the message names
        where it stands
    """
    layers = [
        (f"file {path}", _from_file(path)),
        ("environment", _from_environment(environment or {})),
        ("argument", overrides or {}),
    ]
    merged: dict[str, dict[str, Any]] = {}
    origins: Origins = {}
    for where, layer in layers:
        for section, values in layer.items():
            if not isinstance(values, Mapping):
                raise ConfigError(
                    f"{where}: {section} is {values!r}; expected a section such as [block]."
                )
            merged.setdefault(section, {}).update(values)
            origins.update({(section, name): where for name in values})
    return config_from(merged, where=str(path or "settings")), origins


def config_from(sections: Mapping[str, Mapping[str, Any]], *, where: str = "settings") -> Config:
    """Return the Config of a mapping of sections, refusing what it does not know."""
    classes = type_hints(Config)
    for section in sections:
        if section not in classes:
            raise ConfigError(f"{where} has no section [{section}].{nearest(section, classes)}")
    if isinstance(sections.get("block"), Mapping):
        sections = {**sections, "block": with_preset(sections["block"])}
    parts = {s: settings_from(classes[s], v, section=f"[{s}]") for s, v in sections.items()}
    return Config(**parts)


def stored_config(manifest: Manifest, names: Iterable[str]) -> Config:
    """Return the named sections of what an index was built with, the others by default.

    Raises
    ------
    DamagedIndexError : the manifest says what no settings can be
    """
    stored = {n: manifest.settings[n] for n in names if n in manifest.settings}
    try:
        return config_from(stored, where="the manifest")
    except ConfigError as error:
        raise DamagedIndexError(
            f"The manifest of generation {manifest.generation} has settings that cannot be: "
            f"{error} Build the index again, or use the version that built it."
        ) from error


def _from_file(path: str | Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        with Path(path).open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError as error:
        raise SourceNotFoundError(f"There is no settings file {path}.") from error
    except OSError as error:
        raise SourceNotFoundError(
            f"Cannot read the settings file {path}: {error.strerror}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no valid TOML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> Mapping[str, dict[str, Any]]:
    """Read RECOMMENDER_SECTION_NAME variables; those of no section belong to somebody else."""
    out: dict[str, dict[str, Any]] = {}
    sections = type_hints(Config)
    for variable in sorted(environment):
        section, _, name = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("_")
        if not variable.startswith(ENVIRONMENT_PREFIX) or not name:
            continue
        if section not in sections:
            _refuse_near_section(variable, section, name, sections)
            continue
        hints = type_hints(sections[section])
        if name not in hints:
            raise ConfigError(
                f"The environment variable {variable} names no setting.{nearest(name, hints)}"
            )
        out.setdefault(section, {})[name] = parse_text(environment[variable], hints[name])
    return out


def _refuse_near_section(
    variable: str, section: str, name: str, sections: Mapping[str, Any]
) -> None:
    """Refuse one of our settings in a section spelled almost like its own: a slip of the pen."""
    meant = difflib.get_close_matches(section, list(sections), n=1, cutoff=0.7)
    if meant and name in type_hints(sections[meant[0]]):
        raise ConfigError(
            f"The environment variable {variable} names no section of the settings. "
            f"Did you mean {ENVIRONMENT_PREFIX}{meant[0].upper()}_...?"
        )
