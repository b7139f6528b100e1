"""Per-site profiles: TOML files that say where a site keeps the parts of an article.

A profile is data, never a branch in code. Selectors are XPath (they start with ``/``, ``.`` or
``(``) or the CSS a profile needs: tags, ``.class``, ``#id``, ``[attribute]``, ``[attribute=value]``
with ``*=`` and ``^=``, the descendant space, ``>`` and commas.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from recommender.errors import ConfigError, SourceNotFoundError

__all__ = ["Profile", "Profiles", "css_to_xpath", "profiles_of"]

_SIMPLE = re.compile(
    r"""(?P<tag>^(?:[A-Za-z][\w-]*|\*))|\.(?P<cls>[\w-]+)|\#(?P<id>[\w-]+)
    |\[(?P<attr>[\w:-]+)(?:(?P<op>[*^]?=)["']?(?P<value>[^"'\]]*)["']?)?\]""",
    re.X,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """Where one site keeps the parts of an article. Selectors are XPath after loading.

    Attributes
    ----------
    hosts : tuple of str
        Host names; subdomains are included, the longest matching host wins.
    title, lead, body, author, section, caption, remove : tuple of str
        Selectors. Of ``title``, ``lead`` and ``section`` the first element with text counts.
        ``body`` may name the container or the paragraphs. ``remove`` goes before anything is read.
    section_url, id_url : str or None
        Patterns with one group, searched in the article's address.
    """

    hosts: tuple[str, ...]
    title: tuple[str, ...] = ()
    lead: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    section: tuple[str, ...] = ()
    caption: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    section_url: str | None = None
    id_url: str | None = None


_PATTERNS = ("section_url", "id_url")


@dataclass(frozen=True, slots=True)
class Profiles:
    """A set of profiles, asked by address. ``Profiles()`` is empty: general rules only."""

    by_host: tuple[tuple[str, Profile], ...] = ()

    @classmethod
    def shipped(cls) -> Profiles:
        """Return the profiles that come with this package."""
        return _shipped()

    @classmethod
    def load(cls, *paths: str | Path) -> Profiles:
        """Read profiles from TOML files, or from folders of them.

        Raises
        ------
        SourceNotFoundError : a path is not there
        ConfigError : not TOML, an unknown key, a selector or pattern that cannot be used
        """
        found = (file for path in paths for file in _toml_files(Path(path)))
        return cls._of(_read(file.read_bytes(), str(file)) for file in found)

    @classmethod
    def _of(cls, profiles: Iterable[Profile]) -> Profiles:
        pairs = {host: profile for profile in profiles for host in profile.hosts}
        return cls(tuple(sorted(pairs.items(), key=lambda pair: (-len(pair[0]), pair[0]))))

    def merged(self, other: Profiles) -> Profiles:
        """Return both sets; where both know a host, ``other`` wins."""
        pairs = {**dict(self.by_host), **dict(other.by_host)}
        return Profiles(tuple(sorted(pairs.items(), key=lambda pair: (-len(pair[0]), pair[0]))))

    def find(self, address: str | None) -> Profile | None:
        """Return the profile of the address's host, or None."""
        try:
            host = urlsplit(address or "").hostname or ""
        except ValueError:
            return None
        return next((p for h, p in self.by_host if host == h or host.endswith(f".{h}")), None)


@cache
def profiles_of(paths: tuple[str, ...]) -> Profiles:
    """Return the shipped profiles with those of ``paths`` before them; read once a process."""
    return _shipped().merged(Profiles.load(*paths)) if paths else _shipped()


@cache
def _shipped() -> Profiles:
    folder = files("recommender.ingest") / "sites"
    entries = sorted(
        (e for e in folder.iterdir() if e.name.endswith(".toml")), key=lambda e: e.name
    )
    return Profiles._of(_read(entry.read_bytes(), entry.name) for entry in entries)


def _toml_files(path: Path) -> list[Path]:
    if not path.exists():
        raise SourceNotFoundError(f"no profile file or folder at {path}")
    return sorted(path.glob("*.toml")) if path.is_dir() else [path]


def _read(raw: bytes, name: str) -> Profile:
    try:
        table = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the site profile {name} is not TOML: {error}") from error
    known = {f.name for f in fields(Profile)}
    if unknown := sorted(set(table) - known):
        raise ConfigError(
            f"unknown key {unknown[0]!r} in {name}; known are: {', '.join(sorted(known))}"
        )
    if not table.get("hosts"):
        raise ConfigError(f'the site profile {name} names no host; say hosts = ["example.com"]')
    return Profile(**{key: _setting(key, value, name) for key, value in table.items()})


def _setting(key: str, value: Any, name: str) -> Any:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise ConfigError(f"{key} in {name} is {value!r}; expected a text or a list of texts")
    if key in _PATTERNS:
        return _checked_pattern(key, values, name)
    if key == "hosts":
        return tuple(host.lower().removeprefix("www.") for host in values)
    return tuple(_checked_selector(key, v, name) for v in values)


def _checked_pattern(key: str, values: list[str], name: str) -> str:
    try:
        groups = re.compile(values[0]).groups if len(values) == 1 else 0
    except re.error as error:
        raise ConfigError(f"{key} in {name} is not a pattern: {values[0]!r} ({error})") from error
    if groups != 1:
        raise ConfigError(f"{key} in {name} is {values!r}; expected one pattern with one (group)")
    return values[0]


def _checked_selector(key: str, selector: str, name: str) -> str:
    path = selector if selector.lstrip().startswith(("/", ".//", "(")) else css_to_xpath(selector)
    try:
        from lxml import etree  # only profiles that are read need the extra
    except ImportError:
        return path
    try:
        etree.XPath(path)
    except etree.XPathSyntaxError as error:
        raise ConfigError(f"{key} in {name} is not a selector: {selector!r} ({error})") from error
    return path


def css_to_xpath(selector: str) -> str:
    """Return the XPath of a simple CSS selector.

    Raises
    ------
    ConfigError : the selector uses CSS beyond what the module's docstring lists

    Examples
    --------
    >>> css_to_xpath("article > h1")
    '//article/h1'
    """
    return " | ".join(_one_path(part) for part in selector.split(","))


def _one_path(selector: str) -> str:
    steps = re.sub(r"\s*>\s*", " >", selector.strip()).split()
    if not steps:
        raise ConfigError(f"an empty selector in {selector!r}")
    return "".join(
        ("/" if s.startswith(">") else "//") + _step(s.lstrip(">"), selector) for s in steps
    )


def _step(step: str, selector: str) -> str:
    tag, tests, end = "*", "", 0
    while end < len(step):
        found = _SIMPLE.match(step, end) if end else _SIMPLE.match(step)
        if not found or found.end() == end:
            raise ConfigError(
                f"the selector {selector!r} uses CSS that profiles do not know; write it as XPath"
            )
        tag = found["tag"] or tag
        tests += _test(found)
        end = found.end()
    return tag + tests


def _test(found: re.Match[str]) -> str:
    if found["cls"]:
        return f"[contains(concat(' ', normalize-space(@class), ' '), ' {found['cls']} ')]"
    if found["id"]:
        return f"[@id='{found['id']}']"
    if not found["attr"]:
        return ""
    name, value = found["attr"], found["value"]
    tests = {
        None: f"[@{name}]",
        "=": f"[@{name}='{value}']",
        "*=": f"[contains(@{name}, '{value}')]",
        "^=": f"[starts-with(@{name}, '{value}')]",
    }
    return tests[found["op"]]
