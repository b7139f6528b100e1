"""From text to terms: tokens, then stop words, stems and n-grams, worked out once per word type.

`Analyzer.terms` is the plain-Python statement of the rules, `Analyzer.count` the fast way to the
same counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.text._shapes import (
    BEGINS_WITH_DIGIT,
    CYRILLIC,
    LATIN,
    WordShapes,
    word_shapes,
)
from recommender.text._wordsets import WordSet, replace_rows, spread_rows
from recommender.text.counter import TermCounter
from recommender.text.counts import TermCounts, renumber_rows, sort_vocabulary
from recommender.text.normalize import is_unspaced, mend_lookalikes
from recommender.text.settings import ANALYSED_LANGUAGES, TextSettings, text_fingerprint
from recommender.text.stems import column_stemmer
from recommender.text.stopwords import stop_words
from recommender.text.tokens import split_words

__all__ = ["Analyzer", "TextSettings"]

_YEAR: Final = re.compile("(?:19|20)[0-9][0-9]")
# "2022-го", "90-х", "25-летие" were joined by the tokenizer; with a mere ending the number is what
# is meant.
_ORDINAL: Final = re.compile(
    "([0-9]+)(?:а|е|й|х|я|го|ей|ий|им|их|ма|ми|му|ой|ом|та|те|ти|то|ту|ть|ша|ше|ая|ое|ої|ою|ую|их)"
)
# Left-overs of addresses; in no language a word that tells a story.
_WEB: Final = frozenset({"http", "https", "www", "com"})


class Analyzer:
    """Turns texts into terms. Holds no state that changes: share it between threads.

    Attributes
    ----------
    settings : TextSettings
    fingerprint : str
        What ``text_fingerprint`` says of the settings: equal fingerprints, equal terms.

    Examples
    --------
    >>> Analyzer().terms("Covid-19 in Kyiv, 2020", "en")
    ['covid19', 'kyiv', '2020']
    """

    def __init__(self, settings: TextSettings | None = None) -> None:
        self.settings = TextSettings() if settings is None else settings
        self.fingerprint = text_fingerprint(self.settings)

    @staticmethod
    def knows(lang: str) -> bool:
        """Return whether a language has a stemmer or stop words.

        Words of the others count as they stand, scripts without spaces as pairs of characters.
        """
        return lang in ANALYSED_LANGUAGES

    def terms(self, text: str, lang: str) -> list[str]:
        """Return the terms of ``text`` in its order; longer sequences after the shorter ones."""
        words = split_words(text)
        types = list(dict.fromkeys(words))
        terms, _ = self.analyse(StringColumn.from_lines(types), lang)
        table = dict(zip(types, terms.decoded(), strict=True))
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

    def analyse(self, types: StringColumn, lang: str) -> tuple[StringColumn, dict[int, str]]:
        """Return the term of each word type, "" for none, and the types that stand for other words.

        Those are the types in which look-alikes were mended or an ending was cut off a number.
        """
        shapes = word_shapes(types)
        meant = self._meant(types, shapes)
        changed = np.array(sorted(meant), np.int64)
        others = StringColumn.from_lines([meant[i] for i in changed.tolist()])
        words = replace_rows(types, changed, others)
        is_kept = _stop_words(self.settings.stop_words, lang).find(words) < 0
        doubtful = shapes.n_letters < self.settings.min_token_chars
        doubtful |= shapes.has(BEGINS_WITH_DIGIT)
        doubtful[changed] = True
        places = np.flatnonzero(doubtful & is_kept)
        is_kept[places] = [self._is_kept(word) for word in words.take(places).decoded()]
        kept = np.flatnonzero(is_kept)
        stems = column_stemmer(lang, self.settings.stemming)(words.take(kept))
        return spread_rows(_without_spaces(stems), kept, len(types)), meant

    @staticmethod
    def _meant(types: StringColumn, shapes: WordShapes) -> dict[int, str]:
        """Return the words that types stand for, where they are not the types themselves."""
        meant = {}
        is_mixed = shapes.has(LATIN) & shapes.has(CYRILLIC)
        for i, word in _some(types, is_mixed):
            meant[i] = mend_lookalikes(word)
        # An ending is of Cyrillic letters, or of those that were mended.
        for i, word in _some(types, shapes.has(BEGINS_WITH_DIGIT) & shapes.has(CYRILLIC)):
            meant[i] = _without_ending(meant.get(i, word))
        changed = np.array([*meant], np.int64)
        words = types.take(changed).decoded()
        return {i: meant[i] for i, word in zip(meant, words, strict=True) if meant[i] != word}

    def _is_kept(self, word: str) -> bool:
        if word[0] <= "9" and word.isdigit():
            return self.settings.numbers == "all" or (
                self.settings.numbers == "years" and _YEAR.fullmatch(word) is not None
            )
        n_chars = len(word) - word.count("'")
        return n_chars >= self.settings.min_token_chars or is_unspaced(word[0])


def _some(words: StringColumn, chosen: NDArray[np.bool_]) -> Iterator[tuple[int, str]]:
    """Yield number and text of the chosen words."""
    places = np.flatnonzero(chosen)
    return zip(places.tolist(), words.take(places).decoded(), strict=True)


def _without_spaces(words: StringColumn) -> StringColumn:
    """Join the words of a term, which some stemmers separate, by low lines."""
    is_space = words.data == ord(" ")
    if not is_space.any():
        return words
    return StringColumn(np.where(is_space, np.uint8(ord("_")), words.data), words.offsets)


def _without_ending(word: str) -> str:
    match = _ORDINAL.fullmatch(word)
    return match[1] if match else word


@cache
def _stop_words(chosen: str | tuple[str, ...] | None, lang: str) -> WordSet:
    """Return what is dropped in a language, folded as tokens are."""
    if chosen is None:
        return WordSet(sorted(_WEB))
    listed = stop_words(lang) if chosen == "default" else chosen
    split = (split_words(word) for word in listed)
    # A listed compound ("из-за") is never a token; its parts stand in the list by themselves.
    return WordSet(sorted(_WEB.union(words[0] for words in split if len(words) == 1)))
