"""The Ukrainian stemmer: families of forms, names, and what must not happen to any word."""

from __future__ import annotations

import gzip
import json
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender._strings import StringColumn
from recommender.text.stem_uk import stem_uk as stem_column
from recommender.text.tokens import tokenize
from tests.text import oracle_stem_uk

FAMILIES = [
    line.split("\t")
    for line in (Path(__file__).parent / "data" / "uk_families.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
LETTERS = "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя'"


CHANGES = "ся сь ован юван ок ец ен ел іст їв ем ам ав ал ят уть ць зь нн лл"
ENDINGS = st.sampled_from(
    ["", *sorted(oracle_stem_uk._ENDINGS), *oracle_stem_uk._BEFORE_REFLEXIVE, *CHANGES.split()]
)


def stem_uk(word: str) -> str:
    """Return the stem of one word."""
    return stem_column(StringColumn.from_strings([word]))[0]


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


@settings(deadline=None)
@given(st.text(LETTERS, max_size=25))
def test_stem_uk_any_word_gives_no_longer_and_never_nothing(word: str) -> None:
    """A stem is not empty, not longer than its word, and two letters of a longer word stay."""
    stem = stem_uk(word)
    assert len(stem) <= len(word)
    assert len(stem) >= min(2, len(word))


@settings(deadline=None)
@given(st.text(max_size=12))
def test_stem_uk_any_text_never_fails(word: str) -> None:
    """Whatever comes, a string comes back, twice the same."""
    assert stem_uk(word) == stem_uk(word)
    assert bool(stem_uk(word)) == bool(word)


@settings(deadline=None)
@given(st.text(max_size=2))
def test_stem_uk_two_letters_come_back(word: str) -> None:
    """Words of one or two letters are left alone."""
    assert word == stem_uk(word)


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(sorted(oracle_stem_uk._IRREGULAR)),
            st.text(LETTERS, max_size=25),
            st.tuples(
                st.text(LETTERS, max_size=6), st.text(LETTERS, max_size=2), ENDINGS, ENDINGS
            ).map("".join),
            st.text(max_size=12),
        )
    )
)
def test_stem_uk_any_words_equal_the_oracle(words: list[str]) -> None:
    """A column of words gives what the plain rules give for each."""
    expected = [oracle_stem_uk.stem_uk(word) for word in words]
    assert expected == list(stem_column(StringColumn.from_strings(words)))


def test_stem_uk_slice_of_a_column_gives_its_own_stems() -> None:
    """Rows from the middle of a column are stemmed as if they stood alone."""
    words = StringColumn.from_strings(["україною", "порогу", "людей", "абв"])
    assert ["поріг"[:3] + "ог", "люд"] == list(stem_column(words.rows(1, 3)))


def test_stem_uk_words_of_the_sample_equal_the_oracle(sample: Path) -> None:
    """Every word of the bundled articles gives what the plain rules give."""
    _check_all((sample / "articles.jsonl").read_text("utf-8").splitlines())


@pytest.mark.parametrize("name", ["uk_news_misc", "slavic_topics"])
def test_stem_uk_words_of_evaluation_sets_equal_the_oracle(datasets: Path, name: str) -> None:
    """Every word of larger sets gives what the plain rules give."""
    path = datasets / name / "articles.jsonl.gz"
    _check_all(gzip.decompress(path.read_bytes()).decode().splitlines())


def _check_all(lines: list[str]) -> None:
    articles = [json.loads(line) for line in lines]
    texts = [
        f"{a.get('title') or ''} {a.get('text') or ''} {a.get('body') or ''}" for a in articles
    ]
    types = tokenize([StringColumn.from_strings(texts)]).types
    assert len(types) > 1000
    expected = [oracle_stem_uk.stem_uk(word) for word in types.decoded()]
    assert expected == stem_column(types).decoded()
