"""Stemmers by language: what is cut, what is protected, and the fingerprint."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recommender.text.stems as module
from recommender.errors import ConfigError, MissingExtraError
from recommender.text.stems import STEMMER_NAMES, stemmer, stemmer_fingerprint


@pytest.mark.parametrize(
    ("lang", "forms"),
    [
        ("uk", "україна україною україні"),
        ("ru", "война войной войны"),
        ("en", "missile missiles"),
        ("de", "häuser hauses"),
        ("pl", "wojna wojny"),
        ("fi", "talossa talosta"),
    ],
)
def test_stemmer_forms_of_a_word_give_one_term(lang: str, forms: str) -> None:
    """The default stemmer joins inflected forms in every language that has one."""
    words = forms.split()
    terms = stemmer(lang)(words)
    assert len(words) == len(terms)
    assert len(set(terms)) == 1


@pytest.mark.parametrize("lang", ["uk", "ru", "en"])
@pytest.mark.parametrize("name", STEMMER_NAMES)
def test_stemmer_protected_words_survive(lang: str, name: str) -> None:
    """Acronyms come out as they went in, whatever the stemmer."""
    words = [
        "нато",
        "оон",
        "сша",
        "сбу",
        "снбо",
        "nato",
        "covid",
        "who",
        "samsung16",
        "f16",
        "2024",
    ]
    assert words == stemmer(lang, name)(words)


@pytest.mark.parametrize("lang", ["uk", "ru"])
def test_stemmer_latin_brand_in_cyrillic_language_is_kept(lang: str) -> None:
    """Latin words inside Ukrainian and Russian texts are left alone."""
    assert stemmer(lang)(["bayraktars", "patriots"]) == ["bayraktars", "patriots"]


def test_stemmer_cyrillic_word_in_english_is_kept() -> None:
    """English rules do not touch Cyrillic."""
    assert stemmer("en")(["україною"]) == ["україною"]


def test_stemmer_english_possessive_is_dropped() -> None:
    """The genitive of a protected, short or plain word is the word."""
    assert stemmer("en")(["nato's", "uk's", "putin's", "'s"]) == ["nato", "uk", "putin", "'s"]


def test_stemmer_ukrainian_apostrophe_is_kept() -> None:
    """п'ять, п'яти and п'ятьма stand together and keep the apostrophe."""
    assert stemmer("uk")(["п'ять", "п'яти"]) == ["п'ят", "п'ят"]


@pytest.mark.parametrize("lang", ["xx", "und", "zh", "be"])
def test_stemmer_unknown_language_keeps_words(lang: str) -> None:
    """A language nobody has rules for loses nothing."""
    assert stemmer(lang)(["словами", "words"]) == ["словами", "words"]


def test_stemmer_none_keeps_words() -> None:
    """The stemmer named none does nothing, not even to a possessive."""
    assert stemmer("en", "none")(("nato's", "missiles")) == ["nato's", "missiles"]


def test_stemmer_unknown_name_says_which_exist() -> None:
    """A misspelt stemmer is refused with the choice."""
    with pytest.raises(ConfigError, match=r"'snowbal'.*snowball"):
        stemmer("uk", "snowbal")
    with pytest.raises(ConfigError, match="snowball"):
        stemmer_fingerprint("uk", "snowbal")


def test_stemmer_simplemma_gives_dictionary_forms() -> None:
    """The extra brings lemmas."""
    pytest.importorskip("simplemma")
    assert stemmer("uk", "simplemma")(["зброєю"]) == ["зброя"]


def test_stemmer_simplemma_absent_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the message holds the command."""
    module._simplemma_languages.cache_clear()
    monkeypatch.setitem(sys.modules, "simplemma", None)
    monkeypatch.setitem(sys.modules, "simplemma.strategies.dictionaries.dictionary_factory", None)
    with pytest.raises(MissingExtraError, match=r"recommender\[morph\]"):
        stemmer("uk", "simplemma")
    module._simplemma_languages.cache_clear()


@settings(deadline=None)
@given(
    st.lists(st.text("абіїє'яostn3", max_size=9), max_size=8), st.sampled_from(["uk", "ru", "en"])
)
def test_stemmer_batch_equals_single(words: list[str], lang: str) -> None:
    """A batch is its words one by one; nothing becomes empty."""
    stem = stemmer(lang)
    assert [stem([word])[0] for word in words] == stem(words)
    assert [bool(word) for word in words] == [bool(term) for term in stem(words)]


def test_stemmer_many_threads_give_the_same() -> None:
    """One stemmer may serve many threads."""
    stem = stemmer("ru")
    words = [f"войной{end}" for end in "абвгдежзик" * 50]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(stem, [words] * 16))
    assert [stem(words)] * 16 == results


def test_fingerprint_differs_by_stemmer_and_not_by_alias() -> None:
    """Stemmers that give other terms have other fingerprints; "default" is what it stands for."""
    prints = [stemmer_fingerprint(*x) for x in (("uk",), ("ru",), ("en",), ("uk", "none"))]
    assert len(set(prints)) == 4
    assert stemmer_fingerprint("uk", "light") == stemmer_fingerprint("uk")
    assert stemmer_fingerprint("xx") == stemmer_fingerprint("uk", "none")


def test_fingerprint_changes_with_rules_and_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """New rules, a new package or another protected word change the fingerprint."""
    before = stemmer_fingerprint("uk"), stemmer_fingerprint("ru")
    monkeypatch.setattr(module, "STEM_UK_VERSION", -1)
    monkeypatch.setattr(module, "_installed_version", lambda package, module: "0")
    after = stemmer_fingerprint("uk"), stemmer_fingerprint("ru")
    assert before[0] != after[0]
    assert before[1] != after[1]
    monkeypatch.setattr(module, "_protected", lambda lang: frozenset({"слово"}))
    assert after[0] != stemmer_fingerprint("uk")
