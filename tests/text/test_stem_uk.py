"""The Ukrainian stemmer: families of forms, names, and what must not happen to any word."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.text.stem_uk import stem_uk

FAMILIES = [
    line.split("\t")
    for line in (Path(__file__).parent / "data" / "uk_families.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
LETTERS = "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя'"


def test_stem_uk_families_join_their_forms() -> None:
    """Of the pairs of forms of one word, at least 97 in 100 share a stem."""
    pairs = [pair for forms in FAMILIES for pair in combinations(forms, 2)]
    joined = sum(stem_uk(a) == stem_uk(b) for a, b in pairs)
    assert joined / len(pairs) >= 0.97


def test_stem_uk_families_stay_apart() -> None:
    """No two families of the gold list share a stem, except through a form they share."""
    owners: dict[str, set[str]] = {}
    for forms in FAMILIES:
        for form in forms:
            owners.setdefault(stem_uk(form), set()).add(forms[0])
    assert {stem: words for stem, words in owners.items() if len(words) > 1} == {}


@pytest.mark.parametrize(
    "forms",
    [
        "україна україни україною україні україну",
        "зеленський зеленського зеленському зеленським",
        "столтенберг столтенберга столтенбергу столтенбергом",
        "київ києва києву києвом києві",
        "харків харкова харкову харкові",
        "кіт кота коту котом коти котів",
        "ніч ночі ніччю",
        "рік року роки років",
        "нога нозі ногу",
        "америка америці америку",
        "сім'я сім'ї сім'єю сімей",
        "військовий військові військових",
        "зустрівся зустрілася зустрілися",
    ],
)
def test_stem_uk_forms_of_a_word_share_one_stem(forms: str) -> None:
    """All the forms of one word give one stem."""
    assert len({stem_uk(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("воля", "вольт"),
        ("ґрати", "грати"),
        ("зеленський", "зелений"),
        ("місто", "місце"),
        ("волосся", "волос"),
        ("суд", "суддя"),
        ("сім'я", "сім"),
    ],
)
def test_stem_uk_different_words_stay_apart(one: str, other: str) -> None:
    """Words that only look alike keep their own stems."""
    assert stem_uk(one) != stem_uk(other)


def test_stem_uk_apostrophe_is_kept() -> None:
    """The apostrophe belongs to the word: п'ять is not ять."""
    assert stem_uk("п'ять") == "п'ят"


@given(st.text(LETTERS, max_size=25))
def test_stem_uk_any_word_gives_no_longer_and_never_nothing(word: str) -> None:
    """A stem is not empty, not longer than its word, and two letters of a longer word stay."""
    stem = stem_uk(word)
    assert len(stem) <= len(word)
    assert len(stem) >= min(2, len(word))


@given(st.text(max_size=12))
def test_stem_uk_any_text_never_fails(word: str) -> None:
    """Whatever comes, a string comes back, twice the same."""
    assert stem_uk(word) == stem_uk(word)
    assert bool(stem_uk(word)) == bool(word)


@given(st.text(max_size=2))
def test_stem_uk_two_letters_come_back(word: str) -> None:
    """Words of one or two letters are left alone."""
    assert word == stem_uk(word)
