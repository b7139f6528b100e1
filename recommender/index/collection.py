"""The collection: what the segments of a generation count together.

Every segment numbers its terms for itself. A generation numbers them all: those of its first
segment as that does, then those that each further segment brings, in its order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommender._strings import StringColumn
from recommender.index.rows import unpack_rows
from recommender.index.segment import Segment
from recommender.weighting import COUNT_OF_CODE, WeightSettings, idf, kept_terms, tf_weights

__all__ = ["Collection", "count_terms", "factors", "number_terms"]


def factors(
    weights: WeightSettings, df: NDArray[np.int32], n_docs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the factors of a weight: tf by count code, squared idf by term (0 = not used)."""
    tf = tf_weights(COUNT_OF_CODE, sublinear_tf=weights.sublinear_tf)
    each = idf(df, n_docs, smooth_idf=weights.smooth_idf, use_idf=weights.use_idf)
    used = kept_terms(df, n_docs, min_df=weights.min_df, max_df=weights.max_df)
    return tf, np.where(used, each * each, 0.0)


@dataclass(frozen=True)
class Collection:
    """All segments of a generation, numbered and counted.

    Attributes
    ----------
    segments : the segments, in the order of their documents' numbers
    numbers : for each segment the collection's number of each of its terms, int32
    df : (n_terms,) int32, articles that hold each term; those that are gone do not count
    n_articles : articles that are not gone
    weights : what the weights follow from
    tf : (256,) float64, by count code
    idf_squared : (n_terms,) float64; 0 = not used
    """

    segments: tuple[Segment, ...]
    numbers: tuple[NDArray[np.int32], ...]
    df: NDArray[np.int32]
    n_articles: int
    weights: WeightSettings
    tf: NDArray[np.float64]
    idf_squared: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        segments: Sequence[Segment],
        numbers: Sequence[NDArray[np.int32]],
        df: NDArray[np.int32],
        n_articles: int,
        weights: WeightSettings,
        *,
        like: Collection | None = None,
    ) -> Collection:
        """Return the collection with what its weights consist of.

        With frozen statistics a term has the idf that it had when the first segment was written,
        and a newer one that of a word which one article of that time held.

        Parameters
        ----------
        like : another collection, which is returned where it is the same
        """
        if like is not None and like._is(segments, numbers, df, n_articles, weights):
            return like
        tf, idf_squared = factors(weights, df, n_articles)
        if weights.statistics == "frozen":
            first = segments[0]
            ones = np.ones(len(df) - first.n_terms, np.int32)
            new = factors(weights, ones, max(1, first.n_docs))[1]
            idf_squared = np.concatenate([first.idf_squared, new])
        return cls(tuple(segments), tuple(numbers), df, n_articles, weights, tf, idf_squared)

    def _is(
        self,
        segments: Sequence[Segment],
        numbers: Sequence[NDArray[np.int32]],
        df: NDArray[np.int32],
        n_articles: int,
        weights: WeightSettings,
    ) -> bool:
        """Tell whether this is the collection of all these."""
        same = (self.n_articles, self.weights) == (n_articles, weights)
        if not same or len(segments) != len(self.segments):
            return False
        if any(a is not b for a, b in zip(segments, self.segments, strict=True)):
            return False
        pairs = zip((df, *numbers), (self.df, *self.numbers), strict=True)
        return all(np.array_equal(a, b) for a, b in pairs)

    @property
    def n_terms(self) -> int:
        """Distinct terms, those of gone articles too."""
        return len(self.df)

    def find_terms(self, terms: StringColumn) -> NDArray[np.int32]:
        """Return the number of each term, -1 for those that no article holds."""
        return _find(terms, self.segments, self.numbers)

    def home(self, term: int) -> tuple[Segment, int]:
        """Return the segment that brought a term, and the term's number in it."""
        place = bisect_right(self._begins, term) - 1
        segment, begin = self.segments[place], self._begins[place]
        if place == 0:
            return segment, term
        brought = np.flatnonzero(self.numbers[place] >= begin)
        return segment, int(brought[term - begin])

    @cached_property
    def _begins(self) -> list[int]:
        """The number of the first term that each segment brought."""
        ends = [0]
        for numbers in self.numbers:
            ends.append(max(ends[-1], int(numbers.max(initial=-1)) + 1))
        return ends[:-1]


def number_terms(
    segments: Sequence[Segment], known: Sequence[NDArray[np.int32]] = ()
) -> tuple[NDArray[np.int32], ...]:
    """Return the collection's number of each term of each segment.

    Parameters
    ----------
    known : the numbers of the first of the segments, where they are known already
    """
    numbers = list(known)
    for i in range(len(numbers), len(segments)):
        found = _find(segments[i].terms, segments[:i], numbers)
        new = np.flatnonzero(found < 0)
        begin = max((int(n.max(initial=-1)) + 1 for n in numbers), default=0)
        found[new] = np.arange(begin, begin + len(new), dtype=np.int32)
        numbers.append(found)
    return tuple(numbers)


def _find(
    terms: StringColumn, segments: Sequence[Segment], numbers: Sequence[NDArray[np.int32]]
) -> NDArray[np.int32]:
    """Look each term up in one segment after another."""
    out = np.full(len(terms), -1, np.int32)
    left = np.arange(len(terms))
    for segment, of in zip(segments, numbers, strict=True):
        if not len(left) or not segment.n_terms:
            continue
        found = segment.term_keys.find_many(terms if len(left) == len(terms) else terms.take(left))
        known = found >= 0
        out[left[known]] = of[found[known]]
        left = left[~known]
    return out


def count_terms(
    segments: Sequence[Segment],
    numbers: Sequence[NDArray[np.int32]],
    gone: Sequence[NDArray[np.int32]],
) -> NDArray[np.int32]:
    """Return how many articles hold each term, less those that are gone.

    Parameters
    ----------
    gone : for each segment its documents that are gone, int32
    """
    n_terms = max((int(n.max(initial=-1)) + 1 for n in numbers), default=0)
    df = np.zeros(n_terms, np.int32)
    for segment, of, docs in zip(segments, numbers, gone, strict=True):
        df[of] += segment.df
        if len(docs):
            _, terms, _ = unpack_rows(*segment.rows.arrays(), np.ascontiguousarray(docs, np.int32))
            df -= np.bincount(of[terms], minlength=n_terms).astype(np.int32)
    return df
