"""Counting the terms of articles, chunk after chunk: what a shard of a build does.

A word type is analysed once in a shard, when it is first met; of a chunk only pairs (row and type)
are kept, then rows and terms. Shards counted apart are united by `unite` and `counts.merge_forms`,
with the same result however the articles were dealt out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, inlined
from recommender._strings import StringColumn, concatenate
from recommender.errors import InputError
from recommender.text._lexicon import Lexicon, longer
from recommender.text._reading import (
    PART_BITS,
    TYPE_SHIFT,
    UNCOUNTED,
    Pairs,
    Spans,
    read_columns,
)
from recommender.text._vectors import choose, item, prefetch, put
from recommender.text.counts import Forms, RowCounts, group_forms, merge_forms, unite
from recommender.text.ngrams import count_ngrams

if TYPE_CHECKING:
    from recommender.text.analyzer import Analyzer

__all__ = ["Forms", "RowCounts", "TermCounter", "first_cuts", "merge_forms", "unite"]

_NO_TERM = -1
_TERM, _PACKED = 0, 1
"""Places in what is known of a type while rows are summed."""

_FIRST_BYTES: Final = tuple(1 << bits for bits in (20, 21, 22))


def first_cuts(sizes: NDArray[np.integer]) -> list[int]:
    """Return where to cut the first chunk that a counter is given, of texts of so many bytes.

    Its parts double, from 1 MB on. In the first text nearly every word is new, and what a word
    takes while it is analysed is more than it ever takes again; later chunks have few new ones.

    Examples
    --------
    >>> first_cuts(np.full(8, 1 << 20))
    [1, 2, 4]
    """
    cuts = np.searchsorted(np.cumsum(sizes), _FIRST_BYTES) + 1
    return sorted({int(cut) for cut in cuts if cut < len(sizes)})


class TermCounter:
    """Counts the terms of the chunks of one shard. For one thread at a time.

    Parameters
    ----------
    analyzer : says what the terms of a word type are
    weights : mapping of field to int >= 0
        A field without a weight, or with 0, is not read.

    Attributes
    ----------
    n_overlong : int
        Words dropped so far because they had more than 64 characters.

    Examples
    --------
    >>> from recommender.text.analyzer import Analyzer
    >>> counter = TermCounter(Analyzer(), {"title": 2})
    >>> rows = counter.add({"title": StringColumn.from_strings(["Bridges over bridges"])}, ["en"])
    >>> list(counter.vocabulary), rows.counts.tolist()
    (['bridg'], [4])
    """

    def __init__(self, analyzer: Analyzer, weights: Mapping[str, int]) -> None:
        _check_weights(weights)
        self.n_overlong = 0
        self._analyzer = analyzer
        self._weights = {name: weight for name, weight in weights.items() if weight > 0}
        self._all_weights = dict(weights)
        self._terms = Lexicon()
        self._languages: dict[str, _Language] = {}
        self._pairs = Pairs(np.empty(1024, np.uint64), np.array([0, 1], np.int64))
        self._ngram_forms: list[Forms] = []

    @property
    def vocabulary(self) -> StringColumn:
        """The terms so far, in order of first sight; a term's number is its place."""
        return self._terms.column()

    def add(self, columns: Mapping[str, StringColumn], langs: Sequence[str]) -> RowCounts:
        """Count a chunk of articles.

        Parameters
        ----------
        columns : mapping of field to StringColumn
            All of one length, that of ``langs``.
        langs : sequence of str
            The language of each article.

        Raises
        ------
        InputError : the columns differ in length; a field that has a weight is missing
        """
        _check_columns(columns, langs, self._all_weights)
        used = [columns[name] for name in self._weights]
        names = sorted(set(langs))
        if len(names) == 1 and used:
            return self._count(used, None, names[0])
        codes = np.fromiter(map({n: i for i, n in enumerate(names)}.__getitem__, langs), np.int32)
        rows = [np.flatnonzero(codes == i) for i in range(len(names))]
        parts = [self._count(used, some, name) for some, name in zip(rows, names, strict=True)]
        return _in_order(parts, rows, len(langs))

    def forms(self, numbers: NDArray[np.int32] | None = None) -> Forms:
        """Return the words behind the terms, of everything added so far.

        Parameters
        ----------
        numbers : (n_terms,) int32
            The number to give to each term, such as `unite` says; None = as they are here.
        """
        if numbers is None:
            numbers = np.arange(len(self._terms), dtype=np.int32)
        if self._ngram_forms or not self._languages:
            return merge_forms(self._ngram_forms, [numbers] * len(self._ngram_forms))
        languages = tuple(sorted(self._languages))
        parts = [self._languages[name].forms() for name in languages]
        langs = [np.full(len(part[0]), i, np.int32) for i, part in enumerate(parts)]
        return group_forms(
            languages,
            (numbers[np.concatenate([part[0] for part in parts])], np.concatenate(langs)),
            concatenate([part[1] for part in parts]),
            np.concatenate([part[2] for part in parts]),
        )

    def _count(
        self, used: Sequence[StringColumn], rows: NDArray[np.int64] | None, lang: str
    ) -> RowCounts:
        """Count the rows of one language (all if None)."""
        if self._analyzer.settings.ngram_range != (1, 1):
            return self._count_ngrams(used, rows, lang)
        language = self._languages.setdefault(lang, _Language())
        spans = self._read(used, rows, language)
        language.analyse(self._analyzer, lang, self._terms)
        weights = np.array(list(self._weights.values()), np.int32)
        return language.sum_rows(self._pairs, spans, weights, len(self._terms))

    def _read(
        self, used: Sequence[StringColumn], rows: NDArray[np.int64] | None, language: _Language
    ) -> Spans:
        """Read the rows into pairs."""
        # Numbers of pairs go on rising, so that a type's latest pair is never one of a later read.
        size = self._pairs.size
        size[1] += size[0]
        size[0] = 0
        self._pairs, spans, n_overlong = read_columns(used, rows, language.lexicon, self._pairs)
        self.n_overlong += n_overlong
        return spans

    def _count_ngrams(
        self, used: Sequence[StringColumn], rows: NDArray[np.int64] | None, lang: str
    ) -> RowCounts:
        weights = list(self._weights.values())
        csr, vocabulary, forms, n_overlong = count_ngrams(self._analyzer, used, weights, rows, lang)
        numbers = self._terms.add(vocabulary)
        self._ngram_forms.append(merge_forms([forms], [numbers]))
        self.n_overlong += n_overlong
        return RowCounts(csr[0], numbers[csr[1]], csr[2])


class _Language:
    """The word types of one language in a shard, and what they came to.

    Attributes
    ----------
    lexicon : Lexicon
    _types : (n, 2) uint64, of each type its term and 1 more, 0 for none, and what is counted of it
        while rows are summed: one place in memory to look at
    _surfaces : (n,) int32, the type that a type is shown as
    _totals : (n, 3) int64, all occurrences of a type, capitalised ones, all in capitals
    """

    def __init__(self) -> None:
        self.lexicon = Lexicon()
        self._n_analysed = 0
        self._types = np.zeros((0, 2), np.uint64)
        self._surfaces = np.zeros(0, np.int32)
        self._totals = np.zeros((0, 3), np.int64)

    def analyse(self, analyzer: Analyzer, lang: str, vocabulary: Lexicon) -> None:
        """Find the terms of types that are new; mended ones may make more types."""
        while self._n_analysed < len(self.lexicon):
            start = self._n_analysed
            types = self.lexicon.column(start)
            stop = start + len(types)
            terms, meant = analyzer.analyse(types, lang)
            shown = np.arange(start, stop, dtype=np.int32)
            if meant:
                shown[list(meant)] = self.lexicon.add(StringColumn.from_lines(list(meant.values())))
            numbers = _numbers(terms, vocabulary)
            self.lexicon.set_latest(start + np.flatnonzero(numbers == _NO_TERM), UNCOUNTED)
            self._make_room(stop)
            self._surfaces[start:stop] = shown
            self._types[start:stop, _TERM] = numbers + 1
            self._n_analysed = stop

    def _make_room(self, n: int) -> None:
        """Let there be places for ``n`` types, half as many more where they are too few."""
        missing = n - len(self._types)
        if missing > 0:
            more = max(missing, len(self._types) // 2)
            self._types = longer(self._types, more)
            self._surfaces = longer(self._surfaces, more)
            self._totals = longer(self._totals, more)

    def sum_rows(
        self, pairs: Pairs, spans: Spans, weights: NDArray[np.int32], n_terms: int
    ) -> RowCounts:
        """Return the weighted counts of the terms of each row."""
        n, n_types = int(pairs.size[0]), self._n_analysed
        indptr = np.zeros(spans[0].shape[1] + 1, np.int64)
        terms, counts = np.empty(n + 1, np.int32), np.empty(n + 1, np.int32)
        latest = np.full(n_terms + 1, -1, np.int32)
        tables = (self._types[:n_types].reshape(-1), self._totals[:n_types], latest)
        _sum_rows(pairs.pairs, spans, weights, tables, (indptr, terms, counts))
        n = int(indptr[-1])
        return RowCounts(indptr, terms[:n], counts[:n])

    def forms(self) -> tuple[NDArray[np.int32], StringColumn, NDArray[np.int64]]:
        """Return term, word and counts of the types that have a term."""
        n = self._n_analysed
        totals, surfaces = self._totals[:n].copy(), self._surfaces[:n]
        terms = self._types[:n, _TERM].astype(np.int32) - 1
        moved = np.flatnonzero(surfaces != np.arange(n, dtype=np.int32))
        totals[moved] = 0
        np.add.at(totals, surfaces[moved], self._totals[moved])
        chosen = np.flatnonzero((terms >= 0) & (totals[:, 0] > 0))
        return terms[chosen], self.lexicon.column().take(chosen), totals[chosen]


def _numbers(terms: StringColumn, vocabulary: Lexicon) -> NDArray[np.int32]:
    """Return the number of each term, entering new ones; -1 for ""."""
    numbers = np.full(len(terms), _NO_TERM, np.int32)
    kept = np.flatnonzero(np.diff(terms.offsets))
    numbers[kept] = vocabulary.add(terms.take(kept))
    return numbers


def _in_order(
    parts: Sequence[RowCounts], rows: Sequence[NDArray[np.int64]], n_rows: int
) -> RowCounts:
    """Put the rows of the parts where they belong."""
    indptr = np.zeros(n_rows + 1, np.int64)
    for part, places in zip(parts, rows, strict=True):
        indptr[places + 1] = np.diff(part.indptr)
    np.cumsum(indptr, out=indptr)
    terms, counts = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.int32)
    for part, places in zip(parts, rows, strict=True):
        moved = np.repeat(indptr[places] - part.indptr[:-1], np.diff(part.indptr))
        moved += np.arange(len(part.terms))
        terms[moved], counts[moved] = part.terms, part.counts
    return RowCounts(indptr, terms, counts)


_AHEAD = 32  # pairs whose types are asked for before they are needed: these lie anywhere
_PART = (1 << PART_BITS) - 1
_WIDE_BITS = 21  # of each count of a type, until they are added to its totals
_WIDE_PART = (1 << _WIDE_BITS) - 1


@inlined
def _add_totals(types: Any, totals: Any) -> None:
    """Add what was counted of each type to its totals."""
    mask, bits = np.uint64(_WIDE_PART), np.uint64(_WIDE_BITS)
    for i in range(len(totals)):
        packed = types[2 * i + _PACKED]
        types[2 * i + _PACKED] = 0
        totals[i, 0] += np.int64(packed & mask)
        totals[i, 1] += np.int64(packed >> bits & mask)
        totals[i, 2] += np.int64(packed >> bits >> bits)


@inlined
def _widened(pair: Any) -> Any:
    """Return the three counts of a pair in `_WIDE_BITS` each."""
    part, bits, more = np.uint64(_PART), np.uint64(PART_BITS), np.uint64(_WIDE_BITS)
    upper = pair >> bits >> bits & part
    return pair & part | (pair >> bits & part) << more | upper << more << more


@compiled
def _sum_rows(
    pairs: NDArray[np.uint64],
    spans: Spans,
    weights: NDArray[np.int32],
    tables: tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int32]],
    out: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]],
) -> None:
    """Add up the pairs of each row by term, and of all rows by type.

    Terms are numbered from 1; 0 stands for none.
    """
    starts, stops = spans
    types, totals, latest = tables
    indptr, indices, counts = out
    n = np.int64(0)
    n_packed: Any = 0
    last = len(pairs) - 1
    for row in range(starts.shape[1]):
        begin = n
        for column in range(starts.shape[0]):
            for k in range(starts[column, row], stops[column, row]):
                pair = item(pairs, k)
                soon = np.int64(item(pairs, min(k + _AHEAD, last)) >> np.uint64(TYPE_SHIFT))
                prefetch(types, 2 * soon)
                kind = 2 * np.int64(pair >> np.uint64(TYPE_SHIFT))
                occurrences = np.int64(pair) & _PART
                n_packed += occurrences
                if n_packed > _WIDE_PART:
                    _add_totals(types, totals)
                    n_packed = occurrences
                put(types, kind + _PACKED, item(types, kind + _PACKED) + _widened(pair))
                # No branch: of words without a term the place is written again by the next.
                term = np.int64(item(types, kind + _TERM))
                has_term = term != 0
                place = np.int64(item(latest, term))
                is_new = place < begin
                place = choose(is_new, n, place)
                before = choose(is_new, np.int64(0), np.int64(item(counts, place)))
                put(counts, place, np.int32(before + occurrences * weights[column]))
                put(indices, place, np.int32(term - 1))
                put(latest, term, np.int32(choose(has_term, place, np.int64(-1))))
                n += np.int64(is_new & has_term)
        indptr[row + 1] = n
    _add_totals(types, totals)


def _check_weights(weights: Mapping[str, int]) -> None:
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
            raise InputError(f"Weight {weight!r} of {name!r}: expected a whole number from 0.")


def _check_columns(
    columns: Mapping[str, StringColumn], langs: Sequence[str], weights: Mapping[str, int]
) -> None:
    for name in weights:
        if name not in columns:
            raise InputError(f"There is no field {name!r} to weigh. Fields: {', '.join(columns)}.")
    for name, column in columns.items():
        if len(column) != len(langs):
            raise InputError(
                f"Field {name!r} has {len(column)} rows, but there are {len(langs)} languages."
            )
