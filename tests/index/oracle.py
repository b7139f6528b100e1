"""The slow obvious twin of the index: dense float64 rows, every pair, a full sort."""

from __future__ import annotations

import math

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
