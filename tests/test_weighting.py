"""The formulas of TF-IDF against scikit-learn, and the codes of counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from recommender.errors import ConfigError
from recommender.weighting import (
    COUNT_OF_CODE,
    WeightSettings,
    encode_counts,
    idf,
    kept_terms,
    tf_weights,
)

N_TERMS = 6
counted_rows = st.lists(
    st.lists(st.integers(0, 5), min_size=N_TERMS, max_size=N_TERMS), min_size=1, max_size=12
).filter(lambda rows: any(map(any, rows)))


@hypothesis_settings(deadline=None)
@given(counted_rows, st.booleans())
def test_idf_equals_scikit_learn(rows: list[list[int]], smooth: bool) -> None:
    """Smooth and not, for every term that some article holds."""
    counts = np.array(rows)
    df = (counts > 0).sum(axis=0)
    used = df > 0  # without smoothing scikit-learn divides by zero for the others
    other = TfidfTransformer(smooth_idf=smooth).fit(sp.csr_matrix(counts[:, used]))

    found = idf(df[used], len(rows), smooth_idf=smooth)

    np.testing.assert_allclose(other.idf_, found, rtol=1e-15)


@hypothesis_settings(deadline=None)
@given(counted_rows, st.booleans(), st.booleans(), st.booleans())
def test_weights_equal_scikit_learn(
    rows: list[list[int]], sublinear: bool, smooth: bool, use_idf: bool
) -> None:
    """Term frequency times inverse document frequency is scikit-learn's matrix."""
    counts = np.array(rows)
    counts = counts[:, (counts > 0).any(axis=0)]
    other = TfidfTransformer(
        norm=None, sublinear_tf=sublinear, smooth_idf=smooth, use_idf=use_idf
    ).fit_transform(sp.csr_matrix(counts))
    df = (counts > 0).sum(axis=0)

    found = tf_weights(counts, sublinear_tf=sublinear) * idf(
        df, len(rows), smooth_idf=smooth, use_idf=use_idf
    )

    np.testing.assert_allclose(other.toarray(), found, rtol=1e-14)


def test_idf_term_of_no_article_is_finite() -> None:
    """Where the formula is undefined, the term counts as if one article held it."""
    found = idf(np.array([0, 1]), 10, smooth_idf=False)

    assert np.isfinite(found).all()
    assert found[0] == found[1]


def test_idf_term_of_every_article_does_not_vanish() -> None:
    """The + 1 of the formula."""
    assert idf(np.array([7]), 7).tolist() == [1.0]
    assert idf(np.array([7]), 7, smooth_idf=False).tolist() == [1.0]


def test_tf_weights_binary_counts_presence() -> None:
    """Each term once, and nothing for nothing."""
    counts = np.array([0, 1, 7])

    assert tf_weights(counts, binary=True).tolist() == [0.0, 1.0, 1.0]
    assert tf_weights(counts, sublinear_tf=False).tolist() == [0.0, 1.0, 7.0]


bounds = st.integers(1, 8) | st.floats(0.0, 1.0)


@hypothesis_settings(deadline=None)
@given(counted_rows, bounds, bounds)
def test_kept_terms_equals_count_vectorizer(
    rows: list[list[int]], low: int | float, high: int | float
) -> None:
    """The same terms survive min_df and max_df, as counts and as shares."""
    df = (np.array(rows) > 0).sum(axis=0)

    found = kept_terms(df, len(rows), min_df=low, max_df=high)

    assert _kept_by_scikit_learn(rows, low, high) == set(np.flatnonzero(found & (df > 0)))


def _kept_by_scikit_learn(rows: list[list[int]], low: int | float, high: int | float) -> set[int]:
    texts = [[f"t{i}" for i, count in enumerate(row) if count] for row in rows]
    vectorizer = CountVectorizer(analyzer=list, min_df=low, max_df=high)
    try:
        return {int(name[1:]) for name in vectorizer.fit(texts).get_feature_names_out()}
    except ValueError:  # scikit-learn refuses an empty vocabulary, or max_df below min_df
        return set()


def test_encode_counts_is_exact_to_192() -> None:
    """Counts that articles really have are kept as they are."""
    counts = np.arange(193)

    assert counts.tolist() == COUNT_OF_CODE[encode_counts(counts)].tolist()


def test_encode_counts_is_monotone_and_never_zero() -> None:
    """More is never stored as less, and a term that stands there is never lost."""
    codes = encode_counts(np.arange(1, 100_001)).astype(int)

    assert codes.min() == 1
    assert codes.max() == 255
    assert (np.diff(codes) >= 0).all()
    assert set(np.diff(codes)) == {0, 1}


def test_encode_counts_is_the_nearest_code() -> None:
    """No other code stands for a nearer count."""
    counts = np.arange(1, 110_000, 7)
    chosen = np.abs(COUNT_OF_CODE[encode_counts(counts)] - counts)
    best = np.abs(COUNT_OF_CODE[None, :] - counts[:, None]).min(axis=1)

    assert best.tolist() == chosen.tolist()


@hypothesis_settings(deadline=None)
@given(st.integers(100_000, 2**31 - 1))
def test_encode_counts_stops_at_100_000(count: int) -> None:
    """A monstrous count does not wrap around."""
    assert COUNT_OF_CODE[encode_counts(np.array([count], np.int32))].tolist() == [100_000.0]


def test_count_of_code_has_a_distinct_count_for_each_byte() -> None:
    """256 rising whole numbers, 0 to 100,000."""
    assert COUNT_OF_CODE.shape == (256,)
    assert (np.diff(COUNT_OF_CODE) > 0).all()
    assert COUNT_OF_CODE.tolist() == np.rint(COUNT_OF_CODE).tolist()


@pytest.mark.parametrize("name", ["min_df", "max_df"])
@pytest.mark.parametrize("value", [0, -1, 1.5, -0.1, True, False, "x", None, float("nan"), [1]])
def test_settings_impossible_bound_is_named(name: str, value: Any) -> None:
    """The message shows the setting, its value and what was expected."""
    with pytest.raises(ConfigError) as caught:
        WeightSettings(**{name: value})

    assert str(caught.value).startswith(f"{name} is {value!r}; expected a share")


@pytest.mark.parametrize("name", ["min_df", "max_df"])
@pytest.mark.parametrize("value", [2, 5, 0.0, 0.5, 1.0, np.int64(3), np.float64(0.5)])
def test_settings_possible_bound_is_taken(name: str, value: Any) -> None:
    """Whole numbers from 1, shares from 0 to 1."""
    assert value == getattr(WeightSettings(**{name: value}), name)


def test_settings_one_article_is_a_least_but_no_most() -> None:
    """``max_df=1`` is the slip for 1.0: it would leave no term that two articles share."""
    assert WeightSettings(min_df=1).min_df == 1
    with pytest.raises(ConfigError, match=r"max_df is 1, which means one article.*Write 1\.0"):
        WeightSettings(max_df=1)
