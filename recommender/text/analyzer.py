"""From text to terms: tokens, then stop words, stems and n-grams, worked out once per word type.

`Analyzer.terms` is the plain-Python statement of the rules, `Analyzer.count` the fast way to the
same counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np

from recommender._strings import StringColumn
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
from recommender.text.settings import ANALYSED_LANGUAGES, TextSettings, text_fingerprint
from recommender.text.stems import stemmer
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
