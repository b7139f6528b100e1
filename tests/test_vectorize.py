"""ArticleVectorizer: the matrix of TfidfVectorizer, and a good scikit-learn citizen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from recommender import Article, ArticleVectorizer
from recommender.errors import ConfigError, InputError
from recommender.text.analyzer import Analyzer, TextSettings

WORDS = ["міст", "bridge", "річка", "погода", "open", "мост", "п'ять", "f16", "нато", "газ", "ґава"]
PLAIN = Analyzer(TextSettings(stemming="none", stop_words=None))
texts_of_words = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), min_size=2, max_size=8
)
options = st.fixed_dictionaries(
    {
        "min_df": st.sampled_from([1, 2, 0.0, 0.3]),
        "max_df": st.sampled_from([1.0, 0.7, 3, 8]),
        "sublinear_tf": st.booleans(),
        "smooth_idf": st.booleans(),
        "use_idf": st.booleans(),
        "norm": st.sampled_from(["l1", "l2", None]),
        "ngram_range": st.sampled_from([(1, 1), (1, 2), (2, 2), (1, 3)]),
        "stop_words": st.sampled_from([None, ["open"], ["міст", "bridge"]]),
        "max_features": st.sampled_from([None, 3]),
        "binary": st.booleans(),
    }
)


def tokens(text: str) -> list[str]:
    """Return our tokens, for scikit-learn to count."""
    return PLAIN.terms(text, "en")


def sklearn_twin(**chosen: Any) -> TfidfVectorizer:
    """Return scikit-learn's vectorizer over our tokens."""
    return TfidfVectorizer(tokenizer=tokens, lowercase=False, token_pattern=None, **chosen)


@hypothesis_settings(max_examples=150, deadline=None)
@given(texts=texts_of_words, chosen=options)
def test_matrix_with_equal_options_on_equal_tokens_is_that_of_tfidf_vectorizer(
    texts: list[str], chosen: dict[str, Any]
) -> None:
    """The same terms in the same order, and the same weights to 1e-6."""
    ours = ArticleVectorizer(stemming="none", **chosen)
    try:
        expected = sklearn_twin(**chosen).fit(texts)
    except ValueError:
        with pytest.raises(ValueError, match=r"."):
            ours.fit(texts)
        return
    matrix = ours.fit_transform(texts)

    assert expected.get_feature_names_out().tolist() == ours.get_feature_names_out().tolist()
    assert np.allclose(expected.transform(texts).toarray(), matrix.toarray(), atol=1e-6)


def test_matrix_of_real_articles_is_that_of_tfidf_vectorizer(sample: Any) -> None:
    """On the bundled corpus, in three languages, weights agree to 1e-6."""
    texts = pd.read_json(sample / "articles.jsonl", lines=True)["body"].tolist()
    ours = ArticleVectorizer(stemming="none", stop_words=None, max_df=0.5, min_df=2)
    plain = Analyzer(TextSettings(stemming="none", stop_words=None))
    twin = TfidfVectorizer(
        tokenizer=lambda text: plain.terms(text, "en"),
        lowercase=False,
        token_pattern=None,
        sublinear_tf=True,
        max_df=0.5,
        min_df=2,
    )

    expected, matrix = twin.fit_transform(texts), ours.fit_transform(texts)

    assert twin.get_feature_names_out().tolist() == ours.get_feature_names_out().tolist()
    assert abs(expected - matrix).max() < 1e-6


def test_transform_of_the_training_texts_equals_fit_transform() -> None:
    """Fitting and transforming at once is no other computation."""
    texts = ["Bridges close", "A bridge opens", "Rain is coming"]
    vectorizer = ArticleVectorizer()

    assert np.array_equal(
        vectorizer.fit_transform(texts).toarray(), vectorizer.transform(texts).toarray()
    )


def test_articles_mappings_and_frames_give_the_same_matrix() -> None:
    """An Article, a mapping and a row of a DataFrame are the same article."""
    records: list[dict[str, Any]] = [
        {"title": "Міст відкрито", "body": "Рух відновлено.", "lang": "uk"},
        {"title": "Bridge opens", "body": "Traffic is back.", "lang": "en"},
    ]
    articles = [Article(id=str(i), **r) for i, r in enumerate(records)]

    expected = ArticleVectorizer().fit_transform(records).toarray()

    assert np.array_equal(expected, ArticleVectorizer().fit_transform(articles).toarray())
    frame = pd.DataFrame(records)
    assert np.array_equal(expected, ArticleVectorizer().fit_transform(frame).toarray())


def test_title_counts_three_times() -> None:
    """Fields enter as weighted counts."""
    vectorizer = ArticleVectorizer(use_idf=False, norm=None, sublinear_tf=False, stemming="none")
    matrix = vectorizer.fit_transform([{"title": "bridge", "body": "bridge river"}])

    assert dict(zip(vectorizer.get_feature_names_out(), matrix.toarray()[0], strict=True)) == {
        "bridge": 4.0,
        "river": 1.0,
    }


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_estimator_passes_the_checks_of_scikit_learn() -> None:
    """Every check of scikit-learn that applies to text passes."""
    failed = []
    for estimator, check in estimator_checks_generator(ArticleVectorizer()):
        name = getattr(check, "func", check).__name__
        try:
            check(estimator)
        except Exception as error:
            failed.append(f"{name}: {type(error).__name__}: {error}")

    assert failed == []


def test_clone_pipeline_and_params_work() -> None:
    """It is cloned, nested and searched like any other estimator."""
    texts = [
        "Bridge over the river",
        "River flood and bridge",
        "Central bank rate",
        "Bank rate cut",
    ]
    model = make_pipeline(ArticleVectorizer(min_df=1), SGDClassifier(random_state=0))
    copy = clone(model).set_params(articlevectorizer__ngram_range=(1, 2))

    assert copy.fit(texts, [0, 0, 1, 1]).predict(["The bank cut the rate"]).tolist() == [1]


def test_set_output_pandas_names_the_columns() -> None:
    """Dense output becomes a DataFrame with the terms as columns."""
    vectorizer = ArticleVectorizer(sparse_output=False).set_output(transform="pandas")
    frame = vectorizer.fit_transform(["Bridge closed", "Bridge open"])

    assert frame.columns.tolist() == ["bridg", "close", "open"]


def test_transform_before_fit_is_refused() -> None:
    """An unfitted vectorizer says so."""
    with pytest.raises(NotFittedError, match="fit"):
        ArticleVectorizer().transform(["text"])


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"min_df": 0}, "min_df"),
        ({"max_df": 1.5}, "max_df"),
        ({"norm": "l3"}, "norm"),
        ({"max_features": 0}, "max_features"),
        ({"ngram_range": (2, 1)}, "ngram_range"),
    ],
)
def test_impossible_option_is_named(chosen: dict[str, Any], named: str) -> None:
    """A bad option is refused by name at fit."""
    with pytest.raises(ConfigError, match=named):
        ArticleVectorizer(**chosen).fit(["one text", "another text"])


def test_single_text_instead_of_many_is_refused() -> None:
    """A bare string is not taken for a list of letters."""
    with pytest.raises(InputError, match="single text"):
        ArticleVectorizer().fit("just one text")


def test_corpus_of_stop_words_is_refused_with_the_way_out() -> None:
    """Nothing left to count is an error that says why."""
    with pytest.raises(InputError, match="stop words"):
        ArticleVectorizer().fit(["the and of", "of the"])
