"""Term counts: sparse rows, their vocabulary, and how each term looked in the texts.

Parts counted apart can be merged; the result is the same as if all had been counted at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled
from recommender._keys import hash_rows
from recommender._strings import StringColumn, concatenate, sort_rows

__all__ = [
    "Forms",
    "LocalForms",
    "RowCounts",
    "Rows",
    "TermCounts",
    "count_rows",
    "display_forms",
    "group_forms",
    "local_forms",
    "merge_counts",
    "merge_forms",
    "renumber_rows",
    "sort_vocabulary",
    "unite",
]


_Pair = tuple[NDArray[np.int64], NDArray[np.int64]]
Rows = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]  # indptr, indices, values
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Forms:
    """The words behind the terms, ascending by term, language, bytes; not weighted by field.

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
class RowCounts:
    """How often each term stands in each document of a chunk.

    Attributes
    ----------
    indptr : (n + 1,) int64
    terms : (nnz,) int32
        Numbers in the vocabulary of the counter; in a row each once, in any order.
    counts : (nnz,) int32
        Occurrences times the weight of their field.
    """

    indptr: NDArray[np.int64]
    terms: NDArray[np.int32]
    counts: NDArray[np.int32]


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


def merge_counts(parts: Sequence[TermCounts]) -> TermCounts:
    """Stack the rows of ``parts`` in order over their united vocabulary.

    Examples
    --------
    >>> merge_counts([]).n_docs
    0
    """
    vocabulary, maps = _united([part.vocabulary for part in parts], sort_by_bytes=True)
    renumbered = [maps[i][part.terms] for i, part in enumerate(parts)]
    return TermCounts(
        _pointers(_joined([np.diff(part.indptr) for part in parts], np.int64)),
        _joined(renumbered, np.int32),
        _joined([part.counts for part in parts], np.int32),
        vocabulary,
        merge_forms([part.forms for part in parts], maps),
        sum(part.n_overlong for part in parts),
    )


def sort_vocabulary(vocabulary: StringColumn) -> tuple[StringColumn, NDArray[np.int32]]:
    """Return the terms in the order of their bytes, and the new number of each."""
    ordered, (numbers,) = _united([vocabulary], sort_by_bytes=True)
    return ordered, numbers


def renumber_rows(rows: RowCounts, numbers: NDArray[np.int32], n_terms: int) -> Rows:
    """Return CSR rows with new numbers of terms, ascending in each row."""
    renumbered = (rows.indptr, numbers[rows.terms], rows.counts)
    return _transposed(_transposed(renumbered, n_terms), len(rows.indptr) - 1)


def unite(vocabularies: Sequence[StringColumn]) -> tuple[StringColumn, list[NDArray[np.int32]]]:
    """Return all strings once, and the number there of each string of each vocabulary.

    The order is that of 64-bit hashes, then of bytes: it depends on the strings alone, not on how
    they were dealt out or in which order they were met.

    Examples
    --------
    >>> united, maps = unite([StringColumn.from_strings("ab"), StringColumn.from_strings("ca")])
    >>> len(united), bool(maps[0][0] == maps[1][1])
    (3, True)
    """
    return _united(vocabularies, sort_by_bytes=False)


def _united(
    vocabularies: Sequence[StringColumn], *, sort_by_bytes: bool
) -> tuple[StringColumn, list[NDArray[np.int32]]]:
    """Do as `unite`, in the order of hashes or in that of bytes."""
    strings = concatenate(vocabularies)
    groups = np.zeros(len(strings), np.uint64) if sort_by_bytes else hash_rows(strings)
    order, is_new = sort_rows(strings, groups)
    numbers = np.empty(len(strings), np.int32)
    numbers[order] = np.cumsum(is_new, dtype=np.int32) - 1
    ends = np.cumsum([len(vocabulary) for vocabulary in vocabularies])
    return strings.take(order[is_new]), np.split(numbers, ends[:-1]) if len(ends) else []


def merge_forms(forms: Sequence[Forms], maps: Sequence[NDArray[np.int32]]) -> Forms:
    """Unite forms of parts that were counted apart.

    Parameters
    ----------
    forms : of each part
    maps : of each part, the united number of each of its terms
    """
    languages = tuple(sorted({lang for part in forms for lang in part.languages}))
    places = [np.array([languages.index(x) for x in p.languages], np.int32) for p in forms]
    terms = [numbers[part.terms] for part, numbers in zip(forms, maps, strict=True)]
    langs = [place[part.langs] for part, place in zip(forms, places, strict=True)]
    columns = [np.stack((p.counts, p.capitalised, p.upper), axis=1) for p in forms]
    return group_forms(
        languages,
        (_joined(terms, np.int32), _joined(langs, np.int32)),
        concatenate([part.surfaces for part in forms]),
        np.concatenate([np.zeros((0, 3), np.int64), *columns]),
    )


def group_forms(
    languages: tuple[str, ...],
    owners: tuple[NDArray[np.int32], NDArray[np.int32]],
    surfaces: StringColumn,
    numbers: NDArray[np.int64],
) -> Forms:
    """Return the forms of triples that may repeat, in any order.

    Parameters
    ----------
    languages : sorted
    owners : terms and languages of the triples, int32
    surfaces : the words of the triples
    numbers : (n, 3) int64, occurrences, capitalised, upper
    """
    terms, langs = owners
    order, is_new = sort_rows(surfaces, terms.astype(np.int64) * max(1, len(languages)) + langs)
    first, starts = order[is_new], np.flatnonzero(is_new)
    sums = np.add.reduceat(numbers[order], starts) if len(starts) else numbers[:0]
    counts, capitalised, upper = (np.ascontiguousarray(column) for column in sums.T)
    words = surfaces.take(first)
    return Forms(languages, terms[first], langs[first], words, counts, capitalised, upper)


def count_rows(
    terms: NDArray[np.int32],
    spans: _Pair,
    weights: NDArray[np.int32],
    n_terms: int,
) -> Rows:
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


def display_forms(vocabulary: StringColumn, forms: Forms) -> StringColumn:
    """Return for each term the word to show.

    The form most frequent in any one language (ties: first by language, then by bytes), cased as it
    mostly was there: a word all in capitals more than half of the time is shown so ("НАТО"), else
    one that mostly begins with a capital ("Kyiv"), else in lower case. Word sequences are shown
    word by word.
    """
    chosen = _first_of(forms.terms, forms)
    words = _words(forms, chosen)
    if len(words) == len(vocabulary):
        return StringColumn.from_lines(words)
    terms = vocabulary.decoded()
    named = zip(forms.terms[chosen].tolist(), words, strict=True)
    by_name = {terms[term]: word for term, word in named}
    return StringColumn.from_strings(
        by_name.get(term) or " ".join(by_name.get(word, word) for word in term.split(" "))
        for term in terms
    )


def local_forms(forms: Forms, shown: StringColumn) -> LocalForms:
    """Return the terms that a language writes otherwise than ``shown`` has them.

    Ukrainian and Russian words often share a stem; a Russian reader is to be told the Russian word.
    """
    owners = forms.terms.astype(np.int64) * max(1, len(forms.languages)) + forms.langs
    first = _first_of(owners, forms)
    # What stands in one language alone is shown as it is written there.
    shared = np.bincount(forms.terms[first], minlength=len(shown)) > 1
    first = first[shared[forms.terms[first]]]
    usual = shown.take(forms.terms[first]).decoded()
    here = _words(forms, first)
    other = [i for i, (word, there) in enumerate(zip(here, usual, strict=True)) if word != there]
    words = StringColumn.from_lines([here[i] for i in other])
    return LocalForms(forms.languages, forms.terms[first[other]], forms.langs[first[other]], words)


def _first_of(owners: NDArray[np.integer], forms: Forms) -> NDArray[np.int64]:
    """Return the most frequent form of each owner; ``owners`` ascend with the forms."""
    if not len(owners):
        return np.zeros(0, np.int64)
    is_new = np.diff(owners, prepend=-1) != 0
    most = np.maximum.reduceat(forms.counts, np.flatnonzero(is_new))
    best = np.flatnonzero(forms.counts == most[np.cumsum(is_new) - 1])
    first: NDArray[np.int64] = best[np.diff(owners[best], prepend=-1) != 0]
    return first


def _words(forms: Forms, chosen: NDArray[np.int64]) -> list[str]:
    """Return forms as they are mostly written."""
    n = forms.counts[chosen]
    words = forms.surfaces.take(chosen).decoded()
    upper = 2 * forms.upper[chosen] > n
    for i in np.flatnonzero(upper).tolist():
        words[i] = words[i].upper()
    for i in np.flatnonzero((2 * forms.capitalised[chosen] > n) & ~upper).tolist():
        words[i] = words[i][:1].upper() + words[i][1:]
    return words


def _joined(arrays: Sequence[NDArray[T]], dtype: type[T]) -> NDArray[T]:
    return np.concatenate([np.zeros(0, dtype), *arrays])


def _pointers(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    indptr = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=indptr[1:])
    return indptr


def _transposed(csr: Rows, n_columns: int) -> Rows:
    """Return the same matrix by columns; inside each the row numbers ascend."""
    indptr = _pointers(np.bincount(csr[1], minlength=n_columns))
    out = (indptr[:-1].copy(), np.empty_like(csr[1]), np.empty_like(csr[2]))
    _scatter(csr, out)
    return indptr, out[1], out[2]


@compiled
def _scatter(csr: Rows, out: Rows) -> None:
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
    out: Rows,
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
