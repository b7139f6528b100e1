"""The slow obvious twin of the index: dense float64 rows, every pair, a full sort."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.index.invert import RowBlock
from recommender.index.writer import Corpus
from recommender.weighting import COUNT_OF_CODE, WeightSettings


def dense_rows(corpus: Corpus, weights: WeightSettings) -> NDArray[np.float64]:
    """Return unit-length TF-IDF rows, term by term from the textbook formula."""
    counts = [row for block in corpus.blocks for row in _counts(block)]
    n_docs, n_terms = len(counts), len(corpus.vocabulary)
    df = [sum(term in row for row in counts) for term in range(n_terms)]
    rows = np.zeros((n_docs, n_terms))
    for doc, row in enumerate(counts):
        for term, count in row.items():
            if _kept(df[term], n_docs, weights):
                tf = 1 + math.log(count) if weights.sublinear_tf else count
                rows[doc, term] = tf * _idf(df[term], n_docs, weights)
        length = math.sqrt(float((rows[doc] ** 2).sum()))
        if length:
            rows[doc] /= length
    return rows


def _counts(block: RowBlock) -> list[dict[int, float]]:
    """Return each row of a block as a mapping of term to count."""
    return [
        {
            int(block.numbers[block.terms[j]]): float(COUNT_OF_CODE[block.codes[j]])
            for j in range(int(block.indptr[i]), int(block.indptr[i + 1]))
        }
        for i in range(len(block.indptr) - 1)
    ]


def nearest(
    rows: NDArray[np.float64], doc: int, k: int, allowed: NDArray[np.bool_] | None = None
) -> list[tuple[int, float]]:
    """Return the k best other documents that share a term, best first, ties by smaller number."""
    scores = rows @ rows[doc]
    found = [
        (d, float(s))
        for d, s in enumerate(scores)
        if d != doc and s > 0 and (allowed is None or allowed[d])
    ]
    return sorted(found, key=lambda pair: (-round(pair[1] * 2**38), pair[0]))[:k]


def _idf(df: int, n_docs: int, weights: WeightSettings) -> float:
    if not weights.use_idf:
        return 1.0
    smooth = 1 if weights.smooth_idf else 0
    return math.log((n_docs + smooth) / (df + smooth)) + 1


def _kept(df: int, n_docs: int, weights: WeightSettings) -> bool:
    low, high = weights.min_df, weights.max_df
    low = low if isinstance(low, int) else low * n_docs
    high = high if isinstance(high, int) else high * n_docs
    return low <= df <= high


class Pairs:
    """The score of every pair, term by term in float64 and summed without rounding.

    Parameters
    ----------
    rows : each document as a mapping of term to count; counts to 192, which are kept exactly
    """

    def __init__(self, rows: Sequence[Mapping[int, int]], weights: WeightSettings) -> None:
        self._sublinear = weights.sublinear_tf
        terms = sorted({term for row in rows for term in row})
        df = {term: sum(term in row for row in rows) for term in terms}
        used = (term for term in terms if _kept(df[term], len(rows), weights))
        self._squares = {term: _square(df[term], len(rows), weights) for term in used}
        self._rows = [self._weights(row) for row in rows]
        self._lengths = [self._length(row) for row in self._rows]

    def scores(self, query: Mapping[int, int]) -> list[float]:
        """Return the score of each document for a row of counts, on the grid of 2**-40."""
        row = self._weights(query)
        length = self._length(row)
        return [self._score(row, length, doc) for doc in range(len(self._rows))]

    def _weights(self, row: Mapping[int, int]) -> dict[int, float]:
        known = {term: count for term, count in row.items() if term in self._squares}
        if not self._sublinear:
            return {term: float(count) for term, count in known.items()}
        return {term: float(1 + np.log(count)) for term, count in known.items()}

    def _length(self, row: Mapping[int, float]) -> float:
        return math.sqrt(math.fsum(w * w * self._squares[term] for term, w in row.items()))

    def _score(self, row: Mapping[int, float], length: float, doc: int) -> float:
        other, both = self._rows[doc], length * self._lengths[doc]
        parts = (w * other[term] * self._squares[term] for term, w in row.items() if term in other)
        return round(math.fsum(parts) / both * 2**40) / 2**40 if both else 0.0


def _square(df: int, n_docs: int, weights: WeightSettings) -> float:
    """Return the square of an idf, its logarithm numpy's: libm's may be a bit off from it."""
    smooth = 1 if weights.smooth_idf else 0
    idf = float(np.log((n_docs + smooth) / (df + smooth)) + 1) if weights.use_idf else 1.0
    return idf * idf
