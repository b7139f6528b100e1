"""Stop words, and the reader of the word lists beside them (``lists/*.txt``).

A list is plain text: ``#`` starts a comment, ``[name]`` a section, the rest is words
parted by white space.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["STOP_LANGUAGES", "read_list", "stop_words"]

_FOLDER: Final = Path(__file__).parent / "lists"

STOP_LANGUAGES: Final = (
    "be", "bg", "cs", "da", "de", "en", "es", "fi", "fr", "hu", "it",
    "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "tr", "uk",
)  # fmt: skip
"""Languages that have a list."""

_SAME_LIST: Final = {"no": "nb"}


@cache
def read_list(name: str) -> dict[str, frozenset[str]]:
    """Return the sections of ``lists/NAME.txt``, in the order of the file."""
    sections: dict[str, set[str]] = {}
    current: set[str] = set()
    for line in (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            current = sections.setdefault(text.strip("[]"), set())
        else:
            current.update(text.split())
    return {section: frozenset(words) for section, words in sections.items()}


@cache
def stop_words(lang: str) -> frozenset[str]:
    """Return the words of a language that say nothing about a story.

    Function words and, for uk, ru and en, the verbs by which news reports speech ("said").

    Parameters
    ----------
    lang : ISO 639-1 code, such as "uk"

    Returns
    -------
    frozenset of folded words: lower case, NFC, apostrophe as U+0027; empty for a language
        without a list

    Examples
    --------
    >>> "та" in stop_words("uk"), "україна" in stop_words("uk")
    (True, False)
    >>> stop_words("xx")
    frozenset()
    """
    lang = _SAME_LIST.get(lang, lang)
    if lang not in STOP_LANGUAGES:
        return frozenset()
    return frozenset().union(*read_list(f"stop-{lang}").values())
