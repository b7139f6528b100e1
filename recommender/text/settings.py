"""Settings of the text floor, and the fingerprint of an analysis: light, for whoever only asks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final

from recommender.errors import ConfigError
from recommender.text.stems import STEM_LANGUAGES, stemmer, stemmer_fingerprint
from recommender.text.stopwords import STOP_LANGUAGES, stop_words

__all__ = [
    "ANALYSED_LANGUAGES",
    "ANALYSIS_VERSION",
    "BoilerplateSettings",
    "TextSettings",
    "text_fingerprint",
]

ANALYSIS_VERSION: Final = 1
"""Raised when a rule of normalising, splitting or analysing changes a term."""

ANALYSED_LANGUAGES: Final = tuple(sorted({*STOP_LANGUAGES, *STEM_LANGUAGES}))
"""Languages that have a stemmer or stop words."""

_NUMBERS: Final = ("years", "all", "none")


@dataclass(frozen=True, slots=True)
class TextSettings:
    """How words become terms.

    Attributes
    ----------
    stemming : str
        "default" (by language), "none" (words as they are), "snowball", "light" or "simplemma".
    stop_words : "default", tuple of str, or None
        The list of each language; these words in every language; no stop words.
    ngram_range : (int, int)
        Shortest and longest sequence of neighbouring kept words that is a term.
    min_token_chars : int
        Shorter words are dropped; letters and digits count. Scripts without spaces are exempt.
    numbers : "all", "years" or "none"
        Which pure numbers are terms: all of two digits or more, since the dead, the sums and the
        scores of an event return in every report of it; four digits from 1900 to 2099; none.
    """

    stemming: str = "default"
    stop_words: str | tuple[str, ...] | None = "default"
    ngram_range: tuple[int, int] = (1, 1)
    min_token_chars: int = 2
    numbers: str = "all"

    def __post_init__(self) -> None:
        if self.numbers not in _NUMBERS:
            raise ConfigError(f"numbers = {self.numbers!r}: expected one of {', '.join(_NUMBERS)}.")
        if not _is_count(self.min_token_chars):
            raise ConfigError(
                f"min_token_chars = {self.min_token_chars!r}: expected a whole number from 1."
            )
        _check_ngram_range(self.ngram_range)
        _check_stop_words(self.stop_words)
        stemmer("en", self.stemming)


@dataclass(frozen=True, slots=True)
class BoilerplateSettings:
    """When a passage counts as the site's and not as the story's.

    Attributes
    ----------
    enabled : bool
        Look for boilerplate at all.
    min_articles : int >= 2
        A passage must stand in this many articles of one site. Eight: a quotation or a reprinted
        paragraph rarely lives through eight articles, and a site of fewer articles shows no
        boilerplate yet.
    min_share : float in 0..1
        And in this share of the site's articles. 0.002: a notice that a ten-year archive carried
        for one week of it still counts, while phrases that journalists share stay below it in a
        large archive.
    min_chars : int >= 1
        A shorter passage is left alone: "He did not elaborate" is language, not boilerplate.
    max_chars : int
        A longer one as well.
    """

    enabled: bool = True
    min_articles: int = 8
    min_share: float = 0.002
    min_chars: int = 30
    max_chars: int = 1000

    def __post_init__(self) -> None:
        _require(self.min_articles >= 2, "min_articles", self.min_articles, "at least 2")
        _require(0.0 <= self.min_share <= 1.0, "min_share", self.min_share, "between 0 and 1")
        _require(self.min_chars >= 1, "min_chars", self.min_chars, "at least 1")
        _require(
            self.max_chars >= self.min_chars, "max_chars", self.max_chars, "at least min_chars"
        )


@cache
def text_fingerprint(settings: TextSettings) -> str:
    """Return a digest over the settings, the lists, the stemmers and the rules.

    Equal fingerprints, equal terms. (Letters added to Unicode later than Python's own tables are
    the one thing it does not cover.)
    """
    parts = {
        "version": ANALYSIS_VERSION,
        "settings": asdict(settings),
        "stems": {
            lang: stemmer_fingerprint(lang, settings.stemming) for lang in ANALYSED_LANGUAGES
        },
        "stops": {lang: _listed(settings, lang) for lang in ANALYSED_LANGUAGES},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _listed(settings: TextSettings, lang: str) -> list[str]:
    """Return the listed words as they stand; how they are split is a rule, and has its version."""
    return sorted(stop_words(lang)) if settings.stop_words == "default" else []


def _check_ngram_range(value: Any) -> None:
    fits = isinstance(value, tuple) and len(value) == 2 and all(map(_is_count, value))
    if not fits or value[0] > value[1]:
        raise ConfigError(f"ngram_range = {value!r}: expected two whole numbers, as (1, 2).")


def _check_stop_words(value: Any) -> None:
    words = isinstance(value, tuple) and all(isinstance(word, str) for word in value)
    if value not in ("default", None) and not words:
        raise ConfigError(f'stop_words = {value!r}: expected "default", a list of words, or none.')


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _require(holds: bool, name: str, value: float, expected: str) -> None:
    if not holds:
        raise ConfigError(
            f"boilerplate.{name} is {value!r}; expected {expected}. Correct the setting."
        )
