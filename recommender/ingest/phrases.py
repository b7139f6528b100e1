"""The reviewed phrases of ``patterns/*.toml`` as rules that a line can be tried against, read once.

A rule is tried only on lines that begin as one of its ``starts`` does. The first three letters are
one set lookup, so that most lines of an ordinary story cost no more than that.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ..article import AsideKind

__all__ = ["Phrases", "Rule", "load_phrases", "read_pattern_files"]

KEY_CHARS = 3
_LONGEST_LINE = 700
_DECOR = re.compile(r"[\s*_#>•·▪●◦►▶→👉❗️‼⚡🔔📌🔴✅📢📲➡️|~=+-]+|[–—]+\s*")
_DECORATED = frozenset(" \t*_#>[<!(•·▪●◦►▶→👉❗‼⚡🔔📌🔴✅📢📲➡|~=+-–—")
DATELINE = "dateline"
_MAX_CHARS = {AsideKind.BACK_REFERENCE: 600, AsideKind.PROMO: 400, AsideKind.READ_ALSO: 300}
_OTHER_MAX_CHARS = 300


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which a line shows that it is not the story.

    Attributes
    ----------
    kind : AsideKind
    pattern : compiled regular expression
        Matched from the start of the lower-cased line.
    max_chars : int
        A longer line is story.
    prose : bool
        A back reference even without a colon, if the paragraph holds a link.
    """

    kind: AsideKind
    pattern: re.Pattern[str]
    max_chars: int
    prose: bool = False


@dataclass(frozen=True, slots=True)
class Phrases:
    """Every rule, with what tells cheaply that a line has none.

    Attributes
    ----------
    keys : frozenset of str
        The first three letters of every start as a line may write them: lower, capitalised, upper
        case.
    heads : frozenset of str
        Single characters that begin such a line whatever follows ("@", "©"), and those behind
        which a phrase may hide: bullets, emphasis, brackets, emoji.
    rules : mapping from the first three letters to (starts, rule), in the order of AsideKind, then
    of files
    holds : tuple of str
        What else a line may contain, as written; such lines are tried against ``inner``.
    inner : mapping from a string of ``holds`` to its rules
    datelines : compiled regular expression
        All datelines as one alternation, for the first paragraph as written.
    """

    keys: frozenset[str]
    heads: frozenset[str]
    rules: Mapping[str, tuple[tuple[tuple[str, ...], Rule], ...]]
    holds: tuple[str, ...]
    inner: Mapping[str, tuple[Rule, ...]]
    datelines: re.Pattern[str]

    def any_match(self, lines: Iterable[str]) -> bool:
        """Say whether a rule matches one of ``lines`` (none is empty, each as written)."""
        near = [line for line in lines if line[:KEY_CHARS] in self.keys or line[0] in self.heads]
        return any(True for line in near for _ in self.matches(line))

    def holds_any(self, text: str) -> bool:
        """Say whether ``text`` contains one of ``holds``."""
        return any(word in text for word in self.holds)

    def matches(self, line: str) -> Iterator[tuple[Rule, str]]:
        """Yield each rule that matches ``line``, with what follows its match."""
        if len(line) > _LONGEST_LINE:
            return
        bare = undecorated(line)
        for rule in self._candidates(line, bare):
            match = rule.pattern.match(bare) if len(bare) <= rule.max_chars else None
            if match is not None:
                yield rule, bare[match.end() :]

    def _candidates(self, line: str, bare: str) -> Iterator[Rule]:
        for key in (bare[:KEY_CHARS], bare[:1]):
            yield from (rule for begins, rule in self.rules.get(key, ()) if bare.startswith(begins))
        for word in self.holds:
            if word in line:
                yield from self.inner[word]


def undecorated(line: str) -> str:
    """Return ``line`` in lower case without the bullets, emphasis and brackets around its words."""
    match = _DECOR.match(line)
    return (line[match.end() :] if match else line).rstrip(" \t*_#").lower()


def read_pattern_files() -> list[tuple[str, dict[str, Any]]]:
    """Return (file name, content) of every pattern file, by name; ``common.toml`` first."""
    folder = resources.files(__package__) / "patterns"
    files = [f for f in folder.iterdir() if f.name.endswith(".toml")]
    files.sort(key=lambda f: (f.name != "common.toml", f.name))
    return [(f.name, tomllib.loads(f.read_text(encoding="utf-8"))) for f in files]


@cache
def load_phrases() -> Phrases:
    """Read and compile all pattern files; later calls return the same object."""
    parts: dict[str, str] = {}
    datelines: list[str] = []
    entries: list[tuple[Mapping[str, Any], Rule]] = []
    for _, content in read_pattern_files():
        parts |= content.get("parts", {})
        datelines += [_fill(entry["pattern"], parts) for entry in content.get(DATELINE, ())]
        for kind in AsideKind:
            entries += [(e, _to_rule(kind, e, parts)) for e in content.get(kind, ())]
    order = list(AsideKind)
    entries.sort(key=lambda pair: order.index(pair[1].kind))
    rules = _by_start(entries)
    inner: dict[str, tuple[Rule, ...]] = {}
    for entry, rule in entries:
        for word in entry.get("holds", ()):
            inner[word] = (*inner.get(word, ()), rule)
    keys = frozenset(form for key in rules for form in (key, key.capitalize(), key.upper()))
    heads = _DECORATED.union(key for key in rules if len(key) == 1)
    return Phrases(keys, heads, rules, tuple(inner), inner, _any_of(datelines))


def _by_start(
    entries: Iterable[tuple[Mapping[str, Any], Rule]],
) -> dict[str, tuple[tuple[tuple[str, ...], Rule], ...]]:
    found: dict[str, list[tuple[tuple[str, ...], Rule]]] = {}
    for entry, rule in entries:
        begins = tuple(entry.get("starts", ()))
        for key in dict.fromkeys(start[:KEY_CHARS] for start in begins):
            found.setdefault(key, []).append((begins, rule))
    return {key: tuple(rules) for key, rules in found.items()}


def _to_rule(kind: AsideKind, entry: Mapping[str, Any], parts: Mapping[str, str]) -> Rule:
    end = r"\s*$" if entry.get("end") else ""
    pattern = re.compile(f"(?:{_fill(entry['pattern'], parts)}){end}")
    longest = entry.get("max_chars", _MAX_CHARS.get(kind, _OTHER_MAX_CHARS))
    return Rule(kind, pattern, longest, entry.get("prose", False))


def _fill(pattern: str, parts: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda m: _fill(parts[m[1]], parts), pattern)


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
