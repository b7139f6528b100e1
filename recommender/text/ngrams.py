"""Sequences of neighbouring words as terms: the slower way to count, by streams of term numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.text.counts import Forms, Rows, count_rows, group_forms
from recommender.text.tokens import CAPITALISED, CASE_BITS, UPPER_CASE, tokenize

if TYPE_CHECKING:
    from recommender.text.analyzer import Analyzer

__all__ = ["count_ngrams"]


def count_ngrams(
    analyzer: Analyzer,
    used: Sequence[StringColumn],
    weights: Sequence[int],
    rows: NDArray[np.int64] | None,
    lang: str,
) -> tuple[Rows, StringColumn, Forms, int]:
    """Count the sequences of ``rows`` (all if None) of columns of one language.

    Returns CSR rows, the vocabulary they are numbers in, the forms of single words, and the number
    of words dropped because they were too long.
    """
    tokens = tokenize(used, rows)
    seen = np.bincount(tokens.ids, minlength=len(tokens.types) << CASE_BITS)
    seen = seen.reshape(-1, 1 << CASE_BITS)
    terms, meant = analyzer.analyse(tokens.types, lang)
    surfaces = tokens.types.decoded()
    for i, word in meant.items():
        surfaces[i] = word
    words, numbers = _numbered(terms.decoded())
    low, high = analyzer.settings.ngram_range
    first = _Stream(numbers[tokens.ids >> CASE_BITS], tokens.starts, tokens.stops, words)
    streams = _with_ngrams(first, low, high)
    vocabulary, places = _united(streams)
    # Single words are terms only where sequences of one are asked for.
    final = places[0] if low == 1 else np.full(len(words) + 1, -1, np.int32)
    forms = _forms(final[numbers], surfaces, seen, lang)
    terms_used, spans = _side_by_side(streams, places)
    each = np.tile(np.array(weights, np.int32), len(streams))
    counted = count_rows(terms_used, spans, each, len(vocabulary))
    return counted, StringColumn.from_lines(vocabulary), forms, tokens.n_overlong


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
    cases = np.arange(seen.shape[1])
    columns = (cases >= 0, cases & CAPITALISED != 0, cases & UPPER_CASE != 0)
    sums = np.stack([seen[chosen][:, which].sum(axis=1) for which in columns], axis=1)
    words = StringColumn.from_lines([surfaces[i] for i in chosen.tolist()])
    return group_forms((lang,), (terms[chosen], np.zeros(len(chosen), np.int32)), words, sums)
