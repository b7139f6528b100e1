"""Stop-word lists: folded, sorted, unique; function words in, topics out."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

import recommender.text.stopwords as module
from recommender.text.stopwords import STOP_LANGUAGES, read_list, stop_words

FOLDER = Path(module.__file__).parent / "lists"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def sections(name: str) -> list[list[str]]:
    """Return the words of a file by section, as they stand."""
    text = "\n".join(
        line for line in (FOLDER / f"{name}.txt").read_text("utf-8").splitlines() if line[:1] != "#"
    )
    return [part.split()[1:] for part in text.split("[")[1:]]


@pytest.mark.parametrize("name", NAMES)
def test_list_words_are_folded(name: str) -> None:
    """A word that is not lower case, NFC and free of curly apostrophes would never match."""
    words = [word for section in sections(name) for word in section]
    folded = [
        unicodedata.normalize("NFC", w).lower().replace("’", "'").replace("ʼ", "'") for w in words
    ]
    assert folded == words


@pytest.mark.parametrize("lang", STOP_LANGUAGES)
def test_list_words_are_sorted_and_unique(lang: str) -> None:
    """Order and uniqueness keep the lists reviewable."""
    for section in sections(f"stop-{lang}"):
        assert sorted(set(section)) == section


def test_stop_languages_are_the_files() -> None:
    """Every list is reachable and every language named has its list."""
    assert [f"stop-{lang}" for lang in STOP_LANGUAGES] == [
        n for n in NAMES if n.startswith("stop-")
    ]


@pytest.mark.parametrize("lang", STOP_LANGUAGES)
def test_stop_words_of_every_language_are_many(lang: str) -> None:
    """No list is a stub."""
    assert len(stop_words(lang)) >= 90


@pytest.mark.parametrize(
    ("lang", "word"),
    [("uk", "який"), ("uk", "ними"), ("uk", "зазначив"), ("ru", "которыми"), ("ru", "её"),
     ("ru", "сообщил"), ("en", "don't"), ("en", "said"), ("no", "ikke")],
)  # fmt: skip
def test_stop_words_hold_function_words(lang: str, word: str) -> None:
    """Pronouns in their forms and the verbs of reporting are stop words."""
    assert word in stop_words(lang)


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("uk", "ради рада мов україна війна президент нато сша допомога час"),
        ("ru", "совет война президент россия украина нато время помощь"),
        ("en", "war president ukraine nato help weapons time world"),
    ],
)
def test_stop_words_leave_topics(lang: str, words: str) -> None:
    """No word that can be a topic is lost, homonyms of function words included."""
    assert set() == stop_words(lang) & set(words.split())


def test_stop_words_unknown_language_is_empty() -> None:
    """A language without a list loses nothing."""
    assert frozenset() == stop_words("xx")
    assert frozenset() == stop_words("../stop-uk")


def test_read_list_gives_sections() -> None:
    """Sections come in the order of the file, comments do not come."""
    assert list(read_list("stop-en")) == ["function", "filler"]
    assert "#" not in "".join(sorted(stop_words("en")))
