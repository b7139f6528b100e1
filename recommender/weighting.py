"""From counts to weights: TF-IDF, its settings and its formulas, for vectorizer and index alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.errors import ConfigError

__all__ = ["COUNT_OF_CODE", "WeightSettings", "encode_counts", "idf", "kept_terms", "tf_weights"]


_EXACT: Final = 192


def _count_of_code() -> NDArray[np.float64]:
    """Return the table: 0 to 192 exactly, then 63 steps, even in the logarithm, to 100,000."""
    exact = np.arange(_EXACT + 1, dtype=np.float64)
    above = np.exp(np.linspace(np.log(_EXACT), np.log(100_000), 64))[1:]
    return np.concatenate([exact, np.rint(above)])


COUNT_OF_CODE: NDArray[np.float64] = _count_of_code()
"""(256,) float64: the count that each one-byte code stands for; code 0 is never stored."""


def encode_counts(counts: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return the one-byte code of each count: exact to 192, the nearest step above."""
    codes = counts.astype(np.uint8)  # up to 192 a count is its code
    large = np.flatnonzero(counts > _EXACT)
    codes[large] = _code_of_count().take(counts[large], mode="clip")
    return codes


@cache
def _code_of_count() -> NDArray[np.uint8]:
    """Return the code of each count up to the largest that has one of its own."""
    middles = (COUNT_OF_CODE[1:] + COUNT_OF_CODE[:-1]) / 2
    every = np.arange(int(COUNT_OF_CODE[-1]) + 1)
    codes = np.searchsorted(middles, every, side="left").astype(np.uint8)
    codes.setflags(write=False)
    return codes


@dataclass(frozen=True, slots=True)
class WeightSettings:
    """How counts become weights; the same names and meanings as scikit-learn's ``TfidfVectorizer``.

    Attributes
    ----------
    sublinear_tf : bool
        Use ``1 + ln(count)`` instead of the count.
    use_idf : bool
        Multiply by the inverse document frequency.
    smooth_idf : bool
        ``ln((1 + n) / (1 + df)) + 1`` instead of ``ln(n / df) + 1``.
    min_df, max_df : int or float
        Terms of fewer, or of more, articles weigh nothing. An int counts articles, a float is a
        share in 0..1.
    statistics : str
        ``global``: every change of an index moves document frequencies, as a build of the same
        articles would have them. ``frozen``: they stay those of the last build, or of the last
        merge into one segment, so that the score of two articles stays what it was.
    """

    sublinear_tf: bool = True
    use_idf: bool = True
    smooth_idf: bool = True
    min_df: int | float = 1
    max_df: int | float = 1.0
    statistics: str = "global"

    def __post_init__(self) -> None:
        if self.statistics not in ("global", "frozen"):
            raise ConfigError(f"statistics is {self.statistics!r}; expected global or frozen.")
        for name in ("sublinear_tf", "use_idf", "smooth_idf"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise ConfigError(f"{name} is {getattr(self, name)!r}; expected true or false.")
        for name in ("min_df", "max_df"):
            check_df(name, getattr(self, name))
        if self.max_df == 1 and isinstance(self.max_df, int):
            raise ConfigError(
                "max_df is 1, which means one article: no two articles could share a term. "
                "Write 1.0 for all articles, or a larger number."
            )


def check_df(name: str, value: float) -> None:
    """Raise ConfigError unless ``value`` is a share in 0..1 (float) or a count >= 1 (int)."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if whole and value >= 1:
        return
    if isinstance(value, float | np.floating) and 0.0 <= value <= 1.0:
        return
    raise ConfigError(
        f"{name} is {value!r}; expected a share of the articles between 0.0 and 1.0, "
        "or a whole number of articles, 1 or more."
    )


def tf_weights(
    counts: NDArray[np.number], *, sublinear_tf: bool = True, binary: bool = False
) -> NDArray[np.float64]:
    """Return the weight of each count: itself, ``1 + ln(count)``, or 1; 0 weighs 0."""
    values = np.asarray(counts, np.float64)
    if binary:
        values = (values > 0).astype(np.float64)
    if not sublinear_tf:
        return values
    return np.where(values > 0, 1.0 + np.log(np.maximum(values, 1.0)), 0.0)


def idf(
    df: NDArray[np.integer], n_docs: int, *, smooth_idf: bool = True, use_idf: bool = True
) -> NDArray[np.float64]:
    """Return the inverse document frequency of each term, as scikit-learn defines it.

    ``ln((s + n) / (s + df)) + 1`` with s = 1 if smooth, else 0. The + 1 keeps a term of every
    article from vanishing. Without smoothing, where the formula is undefined, a term of no article
    counts as one of a single article.

    Parameters
    ----------
    df : (n_terms,) int, articles that hold each term
    n_docs : int, articles in all

    Returns
    -------
    (n_terms,) float64
    """
    if not use_idf:
        return np.ones(len(df), np.float64)
    smooth = float(smooth_idf)
    frequency = np.maximum(np.asarray(df, np.float64) + smooth, 1.0 if not smooth_idf else 0.0)
    return np.log(max(n_docs + smooth, 1.0) / frequency) + 1.0


def kept_terms(
    df: NDArray[np.integer], n_docs: int, *, min_df: float = 1, max_df: float = 1.0
) -> NDArray[np.bool_]:
    """Return which terms have a document frequency in ``min_df..max_df``."""
    low = min_df if isinstance(min_df, int | np.integer) else min_df * n_docs
    high = max_df if isinstance(max_df, int | np.integer) else max_df * n_docs
    return (df >= low) & (df <= high)
