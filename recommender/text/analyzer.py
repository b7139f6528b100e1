"""From text to terms: tokens, then stop words, stems and n-grams, worked out once per word type.

`Analyzer.terms` is the plain-Python statement of the rules, `Analyzer.count` the fast way to the
same counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.errors import InputError
from recommender.text.counts import (
    Forms,
    TermCounts,
    count_rows,
    decoded,
    encoded,
    group_forms,
    merge_counts,
)
from recommender.text.normalize import is_unspaced, mend_lookalikes
from recommender.text.settings import ANALYSED_LANGUAGES, TextSettings, text_fingerprint
from recommender.text.stems import stemmer
from recommender.text.stopwords import stop_words
from recommender.text.tokens import CAPITALISED, CASE_BITS, UPPER_CASE, split_words, tokenize

__all__ = ["Analyzer", "TextSettings"]

_YEAR: Final = re.compile("(?:19|20)[0-9][0-9]")
# "2022-го", "90-х", "25-летие" were joined by the tokenizer; with a mere ending the number is what
# is meant.
_ORDINAL: Final = re.compile(
    "([0-9]+)(?:а|е|й|х|я|го|ей|ий|им|их|ма|ми|му|ой|ом|та|те|ти|то|ту|ть|ша|ше|ая|ое|ої|ою|ую|их)"
)
# Left-overs of addresses; in no language a word that tells a story.
_WEB: Final = frozenset({"http", "https", "www", "com"})
_MIXED: Final = re.compile("[a-zëï].*[\u0400-\u052f]|[\u0400-\u052f].*[a-zëï]")


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
        table = dict(zip(types, self._terms_of(types, lang)[0], strict=True))
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
        _check_columns(columns, langs, weights)
        used = [(columns[name], weight) for name, weight in weights.items() if weight > 0]
        codes, lang_of = np.unique(np.asarray(langs, dtype=np.str_), return_inverse=True)
        rows_by_lang = [np.flatnonzero(lang_of == i) for i in range(len(codes))]
        parts = [
            self._count_language(used, rows, str(code))
            for code, rows in zip(codes, rows_by_lang, strict=True)
        ]
        merged = merge_counts(parts)
        if len(parts) < 2:
            return merged
        return merged.take(np.argsort(np.concatenate(rows_by_lang)))

    def _count_language(
        self, used: Sequence[tuple[StringColumn, int]], rows: NDArray[np.int64], lang: str
    ) -> TermCounts:
        """Count the rows of one language."""
        tokens = tokenize([column for column, _ in used], rows)
        seen = np.bincount(tokens.ids, minlength=len(tokens.types) << CASE_BITS)
        seen = seen.reshape(-1, 1 << CASE_BITS)
        present = np.flatnonzero(seen.any(axis=1))
        types = decoded(tokens.types)
        terms, surfaces = self._terms_of([types[i] for i in present.tolist()], lang)
        words, numbers = _numbered(terms)
        table = np.full(len(types), -1, np.int32)
        table[present] = numbers
        low, high = self.settings.ngram_range
        first = _Stream(table[tokens.ids >> CASE_BITS], tokens.starts, tokens.stops, words)
        streams = [first] if high == 1 else _with_ngrams(first, low, high)
        vocabulary, places = _united(streams)
        # Single words are terms only where sequences of one are asked for.
        final = places[0] if low == 1 else np.full(len(words) + 1, -1, np.int32)
        forms = _forms(final[numbers], surfaces, seen[present], lang)
        terms_used, spans = _side_by_side(streams, places)
        weights = np.tile(np.array([weight for _, weight in used], np.int32), len(streams))
        counted = count_rows(terms_used, spans, weights, len(vocabulary))
        return TermCounts(*counted, encoded(vocabulary), forms, tokens.n_overlong)

    def _terms_of(self, types: Sequence[str], lang: str) -> tuple[list[str], list[str]]:
        """Return the term of each word type, "" for none, and the type with look-alikes mended."""
        settings = self.settings
        surfaces = [w if w.isascii() or not _MIXED.search(w) else mend_lookalikes(w) for w in types]
        surfaces = [_without_ending(w) if w[0] <= "9" else w for w in surfaces]
        stops = _stop_words(settings.stop_words, lang)
        kept = [i for i, w in enumerate(surfaces) if w not in stops and self._is_kept(w)]
        stems = stemmer(lang, settings.stemming)([surfaces[i] for i in kept])
        terms = [""] * len(types)
        for i, stem in zip(kept, stems, strict=True):
            terms[i] = stem if " " not in stem else stem.replace(" ", "_")
        return terms, surfaces

    def _is_kept(self, word: str) -> bool:
        if word[0] <= "9" and word.isdigit():
            return self.settings.numbers == "all" or (
                self.settings.numbers == "years" and _YEAR.fullmatch(word) is not None
            )
        n_chars = len(word) - word.count("'")
        return n_chars >= self.settings.min_token_chars or is_unspaced(word[0])


@dataclass(frozen=True, slots=True)
class _Stream:
    """Term numbers in text order, -1 for none; starts and stops are (n_columns, n_rows)."""

    terms: NDArray[np.int32]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    vocabulary: list[str]


def _with_ngrams(words: _Stream, low: int, high: int) -> list[_Stream]:
    """Return streams of sequences of ``low`` to ``high`` kept words, none across fields or rows."""
    order = np.argsort(words.starts, axis=None, kind="stable")
    lengths = (words.stops - words.starts).ravel()[order]
    segments = np.repeat(np.arange(len(order)), lengths)
    kept = words.terms >= 0
    segments, terms = segments[kept], words.terms[kept]
    grams, names = terms.astype(np.int64), words.vocabulary
    streams = [words] if low == 1 else []
    for n in range(2, high + 1):
        whole = segments[: max(0, len(segments) - n + 1)] == segments[n - 1 :]
        # Row i of `grams` is the sequence that begins at word i; where it is cut short its number
        # is void.
        pairs = grams[: len(whole)] * max(1, len(words.vocabulary)) + terms[n - 1 :]
        unique, places = np.unique(pairs[whole], return_inverse=True)
        heads, tails = np.divmod(unique, max(1, len(words.vocabulary)))
        names = [
            f"{names[h]} {words.vocabulary[t]}"
            for h, t in zip(heads.tolist(), tails.tolist(), strict=True)
        ]
        grams = np.zeros(len(whole), np.int64)
        grams[whole] = places
        if n >= low:
            bounds = _bounds(segments[: len(whole)][whole], order, words.starts.shape)
            streams.append(_Stream(places.astype(np.int32), *bounds, names))
    return streams


def _bounds(
    segments: NDArray[np.int64], order: NDArray[np.int64], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each segment begins and ends in ascending ``segments``, in ``shape``."""
    starts, stops = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
    starts[order] = np.searchsorted(segments, np.arange(len(order)), "left")
    stops[order] = np.searchsorted(segments, np.arange(len(order)), "right")
    return starts.reshape(shape), stops.reshape(shape)


def _united(streams: Sequence[_Stream]) -> tuple[list[str], list[NDArray[np.int32]]]:
    """Return the vocabulary of all streams, and where the terms of each stand in it (-1: -1)."""
    none = np.array([-1], np.int32)
    if len(streams) == 1:
        words = streams[0].vocabulary
        return words, [np.append(np.arange(len(words), dtype=np.int32), none)]
    vocabulary, numbers = _numbered([term for stream in streams for term in stream.vocabulary])
    ends = np.cumsum([len(stream.vocabulary) for stream in streams])
    return vocabulary, [np.append(part, none) for part in np.split(numbers, ends[:-1])]


def _side_by_side(
    streams: Sequence[_Stream], places: Sequence[NDArray[np.int32]]
) -> tuple[NDArray[np.int32], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return the streams as columns of one: terms in the united vocabulary, starts and stops."""
    terms = [place[stream.terms] for place, stream in zip(places, streams, strict=True)]
    before = np.cumsum([0, *map(len, terms)])
    starts = [s.starts + n for n, s in zip(before[:-1], streams, strict=True)]
    stops = [s.stops + n for n, s in zip(before[:-1], streams, strict=True)]
    return np.concatenate(terms), (np.concatenate(starts), np.concatenate(stops))


def _numbered(terms: Sequence[str]) -> tuple[list[str], NDArray[np.int32]]:
    """Return the different terms, sorted, and the place of each there; "" has none (-1)."""
    vocabulary = sorted({*terms} - {""})
    places = {term: i for i, term in enumerate(vocabulary)}
    places[""] = -1
    return vocabulary, np.fromiter((places[term] for term in terms), np.int32, len(terms))


def _forms(
    terms: NDArray[np.int32], surfaces: Sequence[str], seen: NDArray[np.int64], lang: str
) -> Forms:
    """Return the surfaces of word types that have a term; ``seen`` has a column for each case."""
    chosen = np.flatnonzero(terms >= 0)
    names, surface_ids = _numbered([surfaces[i] for i in chosen.tolist()])
    cases = np.arange(seen.shape[1])
    columns = (cases >= 0, cases & CAPITALISED != 0, cases & UPPER_CASE != 0)
    sums = [seen[chosen][:, which].sum(axis=1) for which in columns]
    owners = (terms[chosen], np.zeros(len(chosen), np.int32))
    return group_forms((lang,), owners, surface_ids, encoded(names), sums)


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


def _check_columns(
    columns: Mapping[str, StringColumn], langs: Sequence[str], weights: Mapping[str, int]
) -> None:
    for name, weight in weights.items():
        if name not in columns:
            raise InputError(f"There is no field {name!r} to weigh. Fields: {', '.join(columns)}.")
        if isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
            raise InputError(f"Weight {weight!r} of {name!r}: expected a whole number from 0.")
    for name, column in columns.items():
        if len(column) != len(langs):
            raise InputError(
                f"Field {name!r} has {len(column)} rows, but there are {len(langs)} languages."
            )
