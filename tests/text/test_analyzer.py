"""From text to terms: settings, fingerprints, and the fast counts against the plain terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from recommender._settings import settings_from
from recommender._strings import StringColumn
from recommender.errors import ConfigError, InputError
from recommender.text.analyzer import Analyzer, TextSettings
from recommender.text.counts import TermCounts
from recommender.text.tokens import split_words

PLAIN = TextSettings(stemming="none", stop_words=None, min_token_chars=1, numbers="all")
WORDS = (
    "Київ київ НАТО нато Нато в і the of missiles Missile ракета ракети 2022 2022-го 12 F-16 "
    "п’ять 日本語 日"
)
TEXTS = st.lists(
    st.sampled_from([*WORDS.split(), "k" + "иїв", "и\u0306ога", ". ", "https://a.ua/b"]),
    max_size=12,
)
LANGS = st.sampled_from(["uk", "ru", "en", "xx"])


def rows_of(counts: TermCounts) -> list[dict[str, int]]:
    """Return each row as term -> count."""
    vocabulary = list(counts.vocabulary)
    return [
        {vocabulary[counts.terms[k]]: int(counts.counts[k]) for k in range(low, high)}
        for low, high in zip(counts.indptr[:-1], counts.indptr[1:], strict=True)
    ]


def plain_rows(
    analyzer: Analyzer, fields: dict[str, list[str]], langs: Sequence[str], weights: dict[str, int]
) -> list[dict[str, int]]:
    """Return what `count` should, one document and one term at a time."""
    rows = []
    for i, lang in enumerate(langs):
        row: Counter[str] = Counter()
        for name, weight in weights.items():
            for term in analyzer.terms(fields[name][i], lang):
                row[term] += weight
        rows.append({term: n for term, n in row.items() if n})
    return rows


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(TEXTS.map(" ".join), TEXTS.map(" ".join), LANGS), max_size=6),
    st.sampled_from([(1, 1), (1, 2), (2, 3), (1, 3)]),
    st.sampled_from([TextSettings(), PLAIN, TextSettings(numbers="none", stop_words=("ракета",))]),
)
def test_counts_of_any_articles_equal_their_terms(
    articles: list[tuple[str, str, str]], ngram_range: tuple[int, int], base: TextSettings
) -> None:
    """`count` gives exactly the terms of each field times its weight, in every language at once."""
    values = {"stemming": base.stemming, "stop_words": base.stop_words, "numbers": base.numbers}
    analyzer = Analyzer(TextSettings(ngram_range=ngram_range, **values))  # type: ignore[arg-type]
    langs = [lang for _, _, lang in articles]
    fields = {"title": [a for a, _, _ in articles], "body": [b for _, b, _ in articles]}
    weights = {"title": 3, "body": 1}
    columns = {name: StringColumn.from_strings(texts) for name, texts in fields.items()}
    counts = analyzer.count(columns, langs, weights=weights)
    expected = plain_rows(analyzer, fields, langs, weights)
    assert expected == rows_of(counts)
    assert sorted({t for row in expected for t in row}) == list(counts.vocabulary)
    for low, high in zip(counts.indptr[:-1], counts.indptr[1:], strict=True):
        assert (np.diff(counts.terms[low:high]) > 0).all()


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("Kиїв, київ і НАТО", "uk", ["київ", "київ", "нато"]),
        ("П’ять ґанків, ганок", "uk", ["п'ять", "ґанків", "ганок"]),
        ("Ещё её Королёв в 1990-х", "ru", ["королев", "1990"]),
        ("F-16 and Covid-19 in 2020, 45 dead", "en", ["f16", "covid19", "2020", "45", "dead"]),
        ("visit amazon.com or https://x.com/y", "en", ["visit", "amazon"]),
        ("1899 2022-го 500 7", "uk", ["1899", "2022", "500"]),
        ("日 日本", "ja", ["日", "日本"]),
    ],
)
def test_terms_of_examples_without_stemming_are_words(
    text: str, lang: str, expected: list[str]
) -> None:
    """Stop words, years, ordinals, look-alikes and apostrophes, in each language."""
    assert expected == Analyzer(TextSettings(stemming="none")).terms(text, lang)


def test_terms_with_stemming_join_the_forms_of_a_word() -> None:
    """Inflected forms are one term in each language."""
    analyzer = Analyzer()
    for lang, forms in (
        ("uk", "ракета ракети ракетою"),
        ("ru", "ракета ракеты ракетой"),
        ("en", "missile missiles"),
    ):
        assert len(set(analyzer.terms(forms, lang))) == 1


@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 2), (2, 2), (1, 3), (2, 4)])
def test_ngrams_equal_those_of_scikit_learn(ngram_range: tuple[int, int]) -> None:
    """Same tokens, same matrix as CountVectorizer, and the same order of n-grams."""
    texts = ["ракета влучила в дім, ракета", "", "a b a b a", "один", "в дім влучила ракета в дім"]
    theirs = CountVectorizer(
        tokenizer=split_words, token_pattern=None, ngram_range=ngram_range, lowercase=False
    )
    expected = theirs.fit_transform(texts)
    analyzer = Analyzer(
        TextSettings(stemming="none", stop_words=None, min_token_chars=1, ngram_range=ngram_range)
    )
    counts = analyzer.count({"t": StringColumn.from_strings(texts)}, ["uk"] * 5, weights={"t": 1})
    assert theirs.get_feature_names_out().tolist() == list(counts.vocabulary)
    assert expected.indptr.tolist() == counts.indptr.tolist()
    expected.sort_indices()
    assert expected.indices.tolist() == counts.terms.tolist()
    assert expected.data.tolist() == counts.counts.tolist()
    build = theirs.build_analyzer()
    assert [build(t) for t in texts] == [analyzer.terms(t, "uk") for t in texts]


def test_ngrams_never_cross_fields() -> None:
    """The last word of a title and the first of a body are no neighbours."""
    columns = {"a": StringColumn.from_strings(["один"]), "b": StringColumn.from_strings(["кіт"])}
    analyzer = Analyzer(TextSettings(ngram_range=(1, 2), stop_words=None, stemming="none"))
    counts = analyzer.count(columns, ["uk"], weights={"a": 1, "b": 1})
    assert ["кіт", "один"] == list(counts.vocabulary)


def test_fields_without_weight_are_not_read() -> None:
    """Weight 0, or none, leaves a field out; the rows stay."""
    columns = {"a": StringColumn.from_strings(["слово"]), "b": StringColumn.from_strings(["інше"])}
    assert [{"слов": 2}] == rows_of(Analyzer().count(columns, ["uk"], weights={"a": 2, "b": 0}))
    assert [{}] == rows_of(Analyzer().count(columns, ["uk"], weights={}))


def test_numbers_years_keeps_years_alone() -> None:
    """Four digits from 1900 to 2099 and no other number."""
    analyzer = Analyzer(TextSettings(numbers="years"))
    assert analyzer.terms("1899 1900 2099 2100 500", "uk") == ["1900", "2099"]


def test_fingerprint_follows_every_setting() -> None:
    """Equal settings, equal fingerprint; any other setting, another one."""
    changed: list[dict[str, Any]] = [
        {},
        {"stemming": "none"},
        {"stop_words": None},
        {"stop_words": ("та",)},
        {"ngram_range": (1, 2)},
        {"min_token_chars": 3},
        {"numbers": "years"},
    ]
    prints = [Analyzer(TextSettings(**values)).fingerprint for values in changed]
    assert len(changed) == len(set(prints))
    assert prints[0] == Analyzer().fingerprint
    assert len(prints[0]) == 64


@pytest.mark.parametrize(
    "values",
    [
        {"stemmer": "none"},
        {"numbers": "some"},
        {"ngram_range": (2, 1)},
        {"ngram_range": 2},
        {"min_token_chars": 0},
        {"min_token_chars": True},
        {"stop_words": "english"},
        {"stop_words": (1,)},
        {"stemming": "porter"},
    ],
)
def test_settings_that_cannot_be_are_refused(values: dict[str, Any]) -> None:
    """An unknown name or an impossible value is an error that names it."""
    with pytest.raises(ConfigError, match=next(iter(values)).split("_")[0][:4]):
        settings_from(TextSettings, values, section="[text]")


def test_settings_from_mapping_take_lists() -> None:
    """TOML has no tuples; the nearest name is offered for a wrong one."""
    made = settings_from(
        TextSettings, {"ngram_range": [1, 2], "stop_words": ["та"]}, section="[text]"
    )
    assert TextSettings(ngram_range=(1, 2), stop_words=("та",)) == made
    with pytest.raises(ConfigError, match="ngram_range"):
        settings_from(TextSettings, {"ngrams": [1, 2]}, section="[text]")


def test_columns_that_do_not_fit_are_refused() -> None:
    """Lengths, names and weights are checked before anything is read."""
    columns = {"a": StringColumn.from_strings(["x", "y"])}
    for langs, weights in ((["uk"], {"a": 1}), (["uk", "uk"], {"b": 1}), (["uk", "uk"], {"a": -1})):
        with pytest.raises(InputError):
            Analyzer().count(columns, langs, weights=weights)


def test_analyzer_shared_by_threads_gives_equal_counts() -> None:
    """Many threads, one analyzer."""
    texts = StringColumn.from_strings([f"Слово {i} і ракета номер {i % 7}" for i in range(200)])
    analyzer = Analyzer()

    def count(_: int) -> list[dict[str, int]]:
        return rows_of(analyzer.count({"t": texts}, ["uk", "ru"] * 100, weights={"t": 1}))

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(count, range(8)))
    assert all(result == results[0] for result in results)


def test_text_shorter_than_its_ngrams_does_not_crash() -> None:
    """Three words have no sequence of five."""
    analyzer = Analyzer(TextSettings(ngram_range=(1, 5), stemming="none", stop_words=None))
    columns = {"body": StringColumn.from_strings(["bridge over river"])}

    counts = analyzer.count(columns, ["en"], weights={"body": 1})

    assert sorted(analyzer.terms("bridge over river", "en")) == list(counts.vocabulary)
