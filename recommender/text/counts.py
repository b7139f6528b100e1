"""Term counts: sparse rows, their vocabulary, and how each term looked in the texts.

Parts counted apart can be merged; the result is the same as if all had been counted at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.text._vectors import compiled

__all__ = [
    "Forms",
    "LocalForms",
    "TermCounts",
    "count_rows",
    "display_forms",
    "local_forms",
    "merge_counts",
]


_Pair = tuple[NDArray[np.int64], NDArray[np.int64]]
_Rows = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]  # indptr, indices, values
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Forms:
    """The words behind the terms, ascending by term, then by bytes; not weighted by field.

    Attributes
    ----------
    terms : (n_forms,) int32
    surfaces : StringColumn
        The words, folded.
    counts, capitalised, upper : (n_forms,) int64
        Occurrences; those that begin with a capital; those of two letters or more, all capitals.
    """

    languages: tuple[str, ...]
    terms: NDArray[np.int32]
    langs: NDArray[np.int32]
    surfaces: StringColumn
    counts: NDArray[np.int64]
    capitalised: NDArray[np.int64]
    upper: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LocalForms:
    """Terms that are written otherwise in one language than elsewhere; ascending by term, language.

    Attributes
    ----------
    languages : tuple of str
    terms : (n,) int32
    langs : (n,) int32
        A place in ``languages``.
    words : StringColumn
        How the term is written there.
    """

    languages: tuple[str, ...]
    terms: NDArray[np.int32]
    langs: NDArray[np.int32]
    words: StringColumn


@dataclass(frozen=True, slots=True)
class TermCounts:
    """How often each term stands in each document.

    Attributes
    ----------
    indptr : (n_docs + 1,) int64
    terms : (nnz,) int32
        Ascending in each row.
    counts : (nnz,) int32
        Occurrences times the weight of their field.
    vocabulary : StringColumn
        The terms that occur, sorted by their UTF-8; the number of a term is its place.
    forms : Forms
        Of single words; word sequences (n-grams) have none.
    n_overlong : int
        Words dropped because they had more than 64 characters.
    """

    indptr: NDArray[np.int64]
    terms: NDArray[np.int32]
    counts: NDArray[np.int32]
    vocabulary: StringColumn
    forms: Forms
    n_overlong: int = 0

    @property
    def n_docs(self) -> int:
        """Rows, empty ones too."""
        return len(self.indptr) - 1

    def take(self, rows: NDArray[np.int64]) -> TermCounts:
        """Return the named rows in that order; vocabulary and forms stay as they are."""
        lengths = np.diff(self.indptr)[rows]
        indptr = _pointers(lengths)
        places = np.arange(indptr[-1]) + np.repeat(self.indptr[:-1][rows] - indptr[:-1], lengths)
        return TermCounts(
            indptr,
            self.terms[places],
            self.counts[places],
            self.vocabulary,
            self.forms,
            self.n_overlong,
        )


def merge_counts(parts: Sequence[TermCounts]) -> TermCounts:
    """Stack the rows of ``parts`` in order over their united vocabulary.

    Examples
    --------
    >>> merge_counts([]).n_docs
    0
    """
    if len(parts) == 1:
        return parts[0]
    vocabulary, maps = _unite([part.vocabulary for part in parts])
    renumbered = [maps[i][part.terms] for i, part in enumerate(parts)]
    surfaces, surface_maps = _unite([part.forms.surfaces for part in parts])
    form_terms = [maps[i][part.forms.terms] for i, part in enumerate(parts)]
    languages = tuple(sorted({lang for part in parts for lang in part.forms.languages}))
    lang_maps = [np.array([languages.index(x) for x in p.forms.languages], np.int32) for p in parts]
    form_langs = [m[part.forms.langs] for m, part in zip(lang_maps, parts, strict=True)]
    columns = [(p.forms.counts, p.forms.capitalised, p.forms.upper) for p in parts]
    return TermCounts(
        _pointers(_joined([np.diff(part.indptr) for part in parts], np.int64)),
        _joined(renumbered, np.int32),
        _joined([part.counts for part in parts], np.int32),
        vocabulary,
        group_forms(
            languages,
            (_joined(form_terms, np.int32), _joined(form_langs, np.int32)),
            _joined(surface_maps, np.int32),
            surfaces,
            tuple(_joined([c[k] for c in columns], np.int64) for k in range(3)),
        ),
        sum(part.n_overlong for part in parts),
    )


def group_forms(
    languages: tuple[str, ...],
    owners: tuple[NDArray[np.int32], NDArray[np.int32]],
    surface_ids: NDArray[np.int32],
    surfaces: StringColumn,
    columns: Iterable[NDArray[np.int64]],
) -> Forms:
    """Return the forms of triples that may repeat.

    Parameters
    ----------
    languages : sorted
    owners : terms and languages of the triples, int32
    surface_ids : places in ``surfaces``, which are sorted, each once
    columns : occurrences, capitalised, upper
    """
    n_langs, n_surfaces = max(1, len(languages)), max(1, len(surfaces))
    keys = (owners[0].astype(np.int64) * n_langs + owners[1]) * n_surfaces + surface_ids
    unique, places = np.unique(keys, return_inverse=True)
    owner_of, surface_of = np.divmod(unique, n_surfaces)
    term_of, lang_of = (part.astype(np.int32) for part in np.divmod(owner_of, n_langs))
    counts, capitalised, upper = (_summed(c, places, len(unique)) for c in columns)
    words = surfaces.take(surface_of)
    return Forms(languages, term_of, lang_of, words, counts, capitalised, upper)


def count_rows(
    terms: NDArray[np.int32],
    spans: _Pair,
    weights: NDArray[np.int32],
    n_terms: int,
) -> _Rows:
    """Return weighted counts as CSR rows, terms ascending in each.

    Parameters
    ----------
    terms : (n,) int32
        A term number for each token, -1 for none.
    spans : two (n_columns, n_rows) int64
        Where the tokens of a row of a column begin and end.
    weights : (n_columns,) int32
        What one occurrence in a column counts.
    n_terms : int
    """
    n_rows = spans[0].shape[1]
    size = int(np.count_nonzero(terms >= 0))
    indptr = np.zeros(n_rows + 1, np.int64)
    indices, counts = np.empty(size, np.int32), np.empty(size, np.int32)
    marks = (np.full(n_terms, -1, np.int64), np.full(n_terms, 0, np.int64))
    _count_rows(terms, spans, weights, marks, (indptr, indices, counts))
    rows = (indptr, indices[: indptr[-1]], counts[: indptr[-1]])
    return _transposed(_transposed(rows, n_terms), n_rows)


def display_forms(counts: TermCounts) -> StringColumn:
    """Return for each term the word to show.

    The form most frequent in any one language (ties: first by language, then by bytes), cased as it
    mostly was there: a word all in capitals more than half of the time is shown so ("НАТО"), else
    one that mostly begins with a capital ("Kyiv"), else in lower case. Word sequences are shown
    word by word.
    """
    forms, vocabulary = counts.forms, decoded(counts.vocabulary)
    shown = {vocabulary[forms.terms[i]]: _word(forms, i) for i in _first_of(forms.terms, forms)}
    return StringColumn.from_strings(
        shown.get(term) or " ".join(shown.get(word, word) for word in term.split(" "))
        for term in vocabulary
    )


def local_forms(counts: TermCounts, shown: StringColumn) -> LocalForms:
    """Return the terms that a language writes otherwise than ``shown`` has them.

    Ukrainian and Russian words often share a stem; a Russian reader is to be told the Russian word.
    """
    forms = counts.forms
    n_langs = max(1, len(forms.languages))
    first = _first_of(forms.terms.astype(np.int64) * n_langs + forms.langs, forms)
    usual = decoded(shown)
    other = [i for i in first if _word(forms, i) != usual[forms.terms[i]]]
    words = StringColumn.from_strings(_word(forms, i) for i in other)
    return LocalForms(forms.languages, forms.terms[other], forms.langs[other], words)


def _first_of(owners: NDArray[np.integer], forms: Forms) -> list[int]:
    """Return the most frequent form of each owner; ``owners`` ascend with the forms."""
    order = np.lexsort((-forms.counts, owners))
    return order[np.flatnonzero(np.diff(owners[order], prepend=-1))].tolist()  # type: ignore[no-any-return]


def _word(forms: Forms, i: int) -> str:
    return _cased(forms.surfaces[i], *_cases(forms, i))


def _cases(forms: Forms, i: int) -> tuple[bool, bool]:
    n = forms.counts[i]
    return bool(2 * forms.capitalised[i] > n), bool(2 * forms.upper[i] > n)


def _cased(surface: str, capitalised: bool, upper: bool) -> str:
    if upper:
        return surface.upper()
    return surface[:1].upper() + surface[1:] if capitalised else surface


def _unite(columns: Sequence[StringColumn]) -> tuple[StringColumn, list[NDArray[np.int32]]]:
    """Return all strings once, sorted by bytes, and the places of each column's strings there."""
    lists = [decoded(column) for column in columns]
    # Code points and UTF-8 sort alike.
    united = sorted(set().union(*lists))
    places = {string: i for i, string in enumerate(united)}
    maps = [np.fromiter((places[s] for s in strings), np.int32, len(strings)) for strings in lists]
    return encoded(united), maps


def decoded(column: StringColumn) -> list[str]:
    """Return the strings of ``column``; quicker than ``list``."""
    data, offsets = column.data.tobytes(), column.offsets.tolist()
    return [data[i:j].decode() for i, j in pairwise(offsets)]


def encoded(strings: Sequence[str]) -> StringColumn:
    """Return a column of strings that came from UTF-8, so that none can fail to be encoded."""
    return StringColumn.from_bytes([string.encode() for string in strings])


def _joined(arrays: Sequence[NDArray[T]], dtype: type[T]) -> NDArray[T]:
    return np.concatenate([np.zeros(0, dtype), *arrays])


def _pointers(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    indptr = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=indptr[1:])
    return indptr


def _summed(values: NDArray[np.int64], places: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    sums = np.zeros(n, np.int64)
    np.add.at(sums, places, values)
    return sums


def _transposed(csr: _Rows, n_columns: int) -> _Rows:
    """Return the same matrix by columns; inside each the row numbers ascend."""
    indptr = _pointers(np.bincount(csr[1], minlength=n_columns))
    out = (indptr[:-1].copy(), np.empty_like(csr[1]), np.empty_like(csr[2]))
    _scatter(csr, out)
    return indptr, out[1], out[2]


@compiled
def _scatter(csr: _Rows, out: _Rows) -> None:
    """Move each entry (row, column) to (column, row); ``out[0]`` holds the next free places."""
    indptr, indices, values = csr
    free, rows, moved = out
    for row in range(len(indptr) - 1):
        for k in range(indptr[row], indptr[row + 1]):
            place = free[indices[k]]
            rows[place] = row
            moved[place] = values[k]
            free[indices[k]] = place + 1


@compiled
def _count_rows(
    terms: NDArray[np.int32],
    spans: _Pair,
    weights: NDArray[np.int32],
    marks: _Pair,
    out: _Rows,
) -> None:
    """Count row by row; ``marks`` hold each term's latest row and its entry there."""
    starts, stops = spans
    last, entry = marks
    indptr, indices, counts = out
    n = 0
    for row in range(starts.shape[1]):
        for column in range(starts.shape[0]):
            for k in range(starts[column, row], stops[column, row]):
                term = terms[k]
                if term < 0:
                    continue
                if last[term] != row:
                    last[term], entry[term] = row, n
                    indices[n], counts[n] = term, 0
                    n += 1
                counts[entry[term]] += weights[column]
        indptr[row + 1] = n
