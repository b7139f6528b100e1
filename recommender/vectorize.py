"""ArticleVectorizer: articles to a TF-IDF matrix, as a scikit-learn estimator.

Not imported when blocks are served: scikit-learn takes a second and 180 MB to load. The index
counts terms with the same ``Analyzer`` and weighs them with the same ``weighting`` functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import normalize

from recommender._keys import KeyTable
from recommender._languages import normalize_lang
from recommender._strings import StringColumn
from recommender.article import Article
from recommender.errors import ConfigError, InputError
from recommender.text.analyzer import Analyzer, TextSettings
from recommender.text.counts import TermCounts
from recommender.weighting import check_df, idf, kept_terms, tf_weights

__all__ = ["ArticleVectorizer"]

_FIELDS = ("title", "lead", "body", "caption", "tags")
_ALIASES = {"text": "body"}


class ArticleVectorizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn articles into a sparse matrix of TF-IDF weights.

    A term's count is the sum of its counts in each field times the field's weight; its weight is

        w(t, d) = (1 + ln count(t, d)) * idf(t),   idf(t) = ln((1 + n) / (1 + df(t))) + 1

    and each row is scaled to unit length, so that inner products are cosines (Salton and Buckley
    1988; SMART ``ltc`` with scikit-learn's smoothed idf). The options have ``TfidfVectorizer``'s
    names and meanings, and with equal options on equal tokens the matrix is the same.

    Parameters
    ----------
    field_weights : mapping of field name to whole number, or None
        Used when articles are mappings, Article or DataFrame rows; plain texts are bodies, counted
        once. None = title 3, lead 2, body 1, caption 1, tags 1.
    lang : str
        Language of articles that state none.
    stemming : str
        ``default`` (by language) or ``none``.
    stop_words : "default", list of str or None
        Lists by language, a list of words, or none.
    ngram_range : (int, int)
    min_df, max_df : int or float
        Count of documents (int) or share (float) below or above which a term is left out.
    max_features : int or None
        Keep this many terms, the commonest over the corpus.
    binary, sublinear_tf, smooth_idf, use_idf : bool
    norm : "l2", "l1" or None
    sparse_output : bool
        False gives dense arrays, which ``set_output(transform="pandas")`` needs.
    dtype : numpy dtype of the matrix

    Attributes
    ----------
    vocabulary_ : dict of str to int, term to column
    idf_ : (n_terms,) float64
    df_ : (n_terms,) int64, documents that hold each term

    Examples
    --------
    >>> vectorizer = ArticleVectorizer(lang="en")
    >>> texts = ["Bridges are closed", "The bridge opens again", "Markets open"]
    >>> matrix = vectorizer.fit_transform(texts)
    >>> matrix.shape
    (3, 4)
    >>> vectorizer.get_feature_names_out().tolist()
    ['bridg', 'close', 'market', 'open']
    """

    def __init__(
        self,
        *,
        field_weights: Mapping[str, int] | None = None,
        lang: str = "en",
        stemming: str = "default",
        stop_words: str | Iterable[str] | None = "default",
        ngram_range: tuple[int, int] = (1, 1),
        min_df: float = 1,
        max_df: float = 1.0,
        max_features: int | None = None,
        binary: bool = False,
        sublinear_tf: bool = True,
        smooth_idf: bool = True,
        use_idf: bool = True,
        norm: str | None = "l2",
        sparse_output: bool = True,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.field_weights = field_weights
        self.lang = lang
        self.stemming = stemming
        self.stop_words = stop_words
        self.ngram_range = ngram_range
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.binary = binary
        self.sublinear_tf = sublinear_tf
        self.smooth_idf = smooth_idf
        self.use_idf = use_idf
        self.norm = norm
        self.sparse_output = sparse_output
        self.dtype = dtype

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Learn vocabulary and document frequencies.

        Parameters
        ----------
        X : iterable of str, of mappings, of Article, or a DataFrame with field columns
        y : ignored

        Raises
        ------
        InputError : a single text instead of many, or nothing left to count
        ConfigError : an option that cannot be
        """
        self._learn(self._count(X))
        return self

    def fit_transform(self, X: Any, y: ArrayLike | None = None, **fit_params: Any) -> Any:
        """Learn and return the matrix, counting the texts only once."""
        counts = self._count(X)
        self._learn(counts)
        return self._weigh(counts)

    def transform(self, X: Any) -> Any:
        """Return the matrix of ``X``, (n_articles, n_terms); new terms are left out.

        Raises
        ------
        NotFittedError : ``fit`` was not called
        """
        self._check_fitted()
        return self._weigh(self._count(X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the terms, by column."""
        self._check_fitted()
        return np.array(list(self._terms), dtype=object)

    def _check_fitted(self) -> None:
        if not hasattr(self, "vocabulary_"):
            raise NotFittedError(
                "This ArticleVectorizer is not fitted yet: call fit with articles first."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "vocabulary_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = True
        return tags

    # --- parts ---

    def _count(self, X: Any) -> TermCounts:
        words = self.stop_words
        shortest, longest = self.ngram_range
        settings = TextSettings(
            stemming=self.stemming,
            stop_words=words if words is None or isinstance(words, str) else tuple(words),
            ngram_range=(shortest, longest),
        )
        lang = normalize_lang(self.lang)
        if lang is None:
            raise ConfigError(f"lang is {self.lang!r}; expected a code such as uk, ru or en.")
        columns, langs, weights = _fields(X, lang, self.field_weights)
        return Analyzer(settings).count(columns, langs, weights=weights)

    def _learn(self, counts: TermCounts) -> None:
        self._check_options()
        n_docs = len(counts.indptr) - 1
        df = np.bincount(counts.terms, minlength=len(counts.vocabulary))
        kept = kept_terms(df, n_docs, min_df=self.min_df, max_df=self.max_df)
        if self.max_features is not None:
            kept = _commonest(counts, kept, self.max_features, binary=self.binary)
        if not kept.any():
            raise InputError(
                "No terms are left: the articles hold only stop words, "
                "or min_df is too high or max_df too low."
            )
        self._terms = counts.vocabulary.take(np.flatnonzero(kept))
        self._keys = KeyTable.build(self._terms)
        self.vocabulary_ = {term: i for i, term in enumerate(self._terms)}
        self.df_ = df[kept]
        self.idf_ = idf(self.df_, n_docs, smooth_idf=self.smooth_idf, use_idf=self.use_idf)

    def _check_options(self) -> None:
        for name in ("min_df", "max_df"):
            check_df(name, getattr(self, name))
        if self.norm not in ("l1", "l2", None):
            raise ConfigError(f"norm is {self.norm!r}; expected 'l2', 'l1' or None.")
        if self.max_features is not None and self.max_features < 1:
            raise ConfigError(
                f"max_features is {self.max_features!r}; expected 1 or more, or None."
            )

    def _weigh(self, counts: TermCounts) -> Any:
        column = self._keys.find_many(counts.vocabulary)[counts.terms]
        row = np.repeat(np.arange(len(counts.indptr) - 1), np.diff(counts.indptr))
        known = column >= 0
        weights = tf_weights(
            counts.counts[known], sublinear_tf=self.sublinear_tf, binary=self.binary
        )
        shape = (len(counts.indptr) - 1, len(self._terms))
        matrix = sp.csr_matrix(
            (weights * self.idf_[column[known]], (row[known], column[known])), shape
        )
        if self.norm is not None:
            matrix = normalize(matrix, norm=self.norm, copy=False)
        matrix = matrix.astype(self.dtype, copy=False)
        return matrix if self.sparse_output else matrix.toarray()


def _commonest(
    counts: TermCounts, kept: NDArray[np.bool_], limit: int, *, binary: bool
) -> NDArray[np.bool_]:
    """Keep the ``limit`` commonest terms of the corpus, ties as scikit-learn breaks them."""
    each = np.ones_like(counts.counts) if binary else counts.counts
    totals = np.bincount(counts.terms, weights=each, minlength=len(kept))
    places = np.flatnonzero(kept)
    chosen = places[(-totals[places]).argsort()[:limit]]
    out = np.zeros_like(kept)
    out[chosen] = True
    return out


def _fields(
    X: Any, lang: str, weights: Mapping[str, int] | None
) -> tuple[dict[str, StringColumn], list[str], Mapping[str, int]]:
    """Return the fields of ``X`` as columns, each article's language, and field weights."""
    if isinstance(X, str | bytes):
        raise InputError(
            "Iterable over texts or articles expected, a single text received. Put it in a list."
        )
    shared = StringColumn.from_series(X)
    if shared is not None:
        return {"body": shared}, [lang] * len(shared), {"body": 1}
    rows = X.to_dict("records") if hasattr(X, "to_dict") and hasattr(X, "columns") else list(X)
    if all(isinstance(row, str) for row in rows):
        return {"body": StringColumn.from_strings(rows)}, [lang] * len(rows), {"body": 1}
    records = [_record(row) for row in rows]
    columns = {f: StringColumn.from_strings([r.get(f) or "" for r in records]) for f in _FIELDS}
    chosen = weights or {"title": 3, "lead": 2, "body": 1, "caption": 1, "tags": 1}
    return columns, [normalize_lang(r.get("lang") or "") or lang for r in records], chosen


def _record(row: Any) -> dict[str, Any]:
    """Return an article's fields as texts."""
    if isinstance(row, Article):
        return {**row.counted_texts(), "lang": row.lang}
    if not isinstance(row, Mapping):
        raise InputError(
            f"{row!r} is no article; expected a text, a mapping of fields, or an Article."
        )
    known: dict[str, Any] = {
        str(_ALIASES.get(str(k), k)): v for k, v in row.items() if isinstance(v, str)
    }
    tags = row.get("tags")
    if isinstance(tags, list | tuple | np.ndarray):
        known["tags"] = "\n".join(map(str, tags))
    return known
