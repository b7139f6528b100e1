"""From text to terms: tokens, then stop words, stems and n-grams, worked out once per word type.

`Analyzer.terms` is the plain-Python statement of the rules, `Analyzer.count` the fast way to the
same counts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from recommender._strings import StringColumn
from recommender.errors import ConfigError
from recommender.text._shapes import (
    BEGINS_WITH_DIGIT,
    CYRILLIC,
    LATIN,
    WordShapes,
    word_shapes,
)
from recommender.text.counter import TermCounter
from recommender.text.counts import TermCounts, renumber_rows, sort_vocabulary
from recommender.text.normalize import is_unspaced, mend_lookalikes
from recommender.text.stems import STEM_LANGUAGES, stemmer, stemmer_fingerprint
from recommender.text.stopwords import STOP_LANGUAGES, stop_words
from recommender.text.tokens import split_words

__all__ = ["ANALYSIS_VERSION", "Analyzer", "TextSettings"]

ANALYSIS_VERSION: Final = 1
"""Raised when a rule of normalising, splitting or analysing changes a term."""

_NUMBERS: Final = ("years", "all", "none")
_YEAR: Final = re.compile("(?:19|20)[0-9][0-9]")
# "2022-го", "90-х", "25-летие" were joined by the tokenizer; with a mere ending the number is what
# is meant.
_ORDINAL: Final = re.compile(
    "([0-9]+)(?:а|е|й|х|я|го|ей|ий|им|их|ма|ми|му|ой|ом|та|те|ти|то|ту|ть|ша|ше|ая|ое|ої|ою|ую|их)"
)
# Left-overs of addresses; in no language a word that tells a story.
_WEB: Final = frozenset({"http", "https", "www", "com"})
_LANGUAGES: Final = sorted({*STOP_LANGUAGES, *STEM_LANGUAGES})


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


class Analyzer:
    """Turns texts into terms. Holds no state that changes: share it between threads.

    Attributes
    ----------
    settings : TextSettings
    fingerprint : str
        SHA-256 over the settings, the lists, the stemmers and the rules: equal fingerprints, equal
        terms. (Letters added to Unicode later than Python's own tables are the one thing it does
        not cover.)

    Examples
    --------
    >>> Analyzer().terms("Covid-19 in Kyiv, 2020", "en")
    ['covid19', 'kyiv', '2020']
    """

    def __init__(self, settings: TextSettings | None = None) -> None:
        self.settings = TextSettings() if settings is None else settings
        self.fingerprint = _fingerprint(self.settings)

    @staticmethod
    def knows(lang: str) -> bool:
        """Return whether a language has a stemmer or stop words.

        Words of the others count as they stand, scripts without spaces as pairs of characters.
        """
        return lang in _LANGUAGES

    def terms(self, text: str, lang: str) -> list[str]:
        """Return the terms of ``text`` in its order; longer sequences after the shorter ones."""
        words = split_words(text)
        types = list(dict.fromkeys(words))
        table = dict(zip(types, self.analyse(StringColumn.from_lines(types), lang)[0], strict=True))
        kept = [term for word in words if (term := table[word])]
        low, high = self.settings.ngram_range
        grams = [
            " ".join(kept[i : i + n])
            for n in range(max(2, low), min(high, len(kept)) + 1)
            for i in range(len(kept) - n + 1)
        ]
        return (kept if low == 1 else []) + grams

    def count(
        self,
        columns: Mapping[str, StringColumn],
        langs: Sequence[str],
        *,
        weights: Mapping[str, int],
    ) -> TermCounts:
        """Count the terms of articles: those of each field, times the weight of the field.

        Parameters
        ----------
        columns : mapping of field to StringColumn
            All of one length, that of ``langs``. Callers cut large inputs into chunks of some 64
            MB.
        langs : sequence of str
            The language of each article.
        weights : mapping of field to int >= 0
            A field without a weight, or with 0, is not read.

        Raises
        ------
        InputError : the columns differ in length; a weight is negative or not whole; no such field
        """
        counter = TermCounter(self, weights)
        rows = counter.add(columns, langs)
        vocabulary, numbers = sort_vocabulary(counter.vocabulary)
        return TermCounts(
            *renumber_rows(rows, numbers, len(vocabulary)),
            vocabulary,
            counter.forms(numbers),
            counter.n_overlong,
        )

    def analyse(self, types: StringColumn, lang: str) -> tuple[list[str], dict[int, str]]:
        """Return the term of each word type, "" for none, and the types that stand for other words.

        Those are the types in which look-alikes were mended or an ending was cut off a number.
        """
        words, shapes = types.decoded(), word_shapes(types)
        meant = self._meant(words, shapes)
        for i, word in meant.items():
            words[i] = word
        stops = _stop_words(self.settings.stop_words, lang)
        doubtful = shapes.n_letters < self.settings.min_token_chars
        doubtful |= shapes.has(BEGINS_WITH_DIGIT)
        for i in meant:
            doubtful[i] = True
        dropped = {i for i in np.flatnonzero(doubtful).tolist() if not self._is_kept(words[i])}
        kept = [i for i, w in enumerate(words) if w not in stops and i not in dropped]
        stems = stemmer(lang, self.settings.stemming)([words[i] for i in kept])
        terms = [""] * len(words)
        for i, stem in zip(kept, stems, strict=True):
            terms[i] = stem if " " not in stem else stem.replace(" ", "_")
        return terms, meant

    @staticmethod
    def _meant(words: Sequence[str], shapes: WordShapes) -> dict[int, str]:
        """Return the words that types stand for, where they are not the types themselves."""
        meant = {}
        for i in np.flatnonzero(shapes.has(LATIN) & shapes.has(CYRILLIC)).tolist():
            meant[i] = mend_lookalikes(words[i])
        for i in np.flatnonzero(shapes.has(BEGINS_WITH_DIGIT)).tolist():
            meant[i] = _without_ending(meant.get(i, words[i]))
        return {i: word for i, word in meant.items() if word != words[i]}

    def _is_kept(self, word: str) -> bool:
        if word[0] <= "9" and word.isdigit():
            return self.settings.numbers == "all" or (
                self.settings.numbers == "years" and _YEAR.fullmatch(word) is not None
            )
        n_chars = len(word) - word.count("'")
        return n_chars >= self.settings.min_token_chars or is_unspaced(word[0])


def _without_ending(word: str) -> str:
    match = _ORDINAL.fullmatch(word)
    return match[1] if match else word


@cache
def _stop_words(chosen: str | tuple[str, ...] | None, lang: str) -> frozenset[str]:
    """Return what is dropped in a language, folded as tokens are."""
    if chosen is None:
        return _WEB
    listed = stop_words(lang) if chosen == "default" else chosen
    split = (split_words(word) for word in listed)
    # A listed compound ("из-за") is never a token; its parts stand in the list by themselves.
    return _WEB.union(words[0] for words in split if len(words) == 1)


@cache
def _fingerprint(settings: TextSettings) -> str:
    parts = {
        "version": ANALYSIS_VERSION,
        "settings": asdict(settings),
        "stems": {lang: stemmer_fingerprint(lang, settings.stemming) for lang in _LANGUAGES},
        "stops": {lang: sorted(_stop_words(settings.stop_words, lang)) for lang in _LANGUAGES},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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
