"""Characters: classes, folds, cleaning, look-alikes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.text import normalize as nz
from recommender.text.normalize import (
    character_table,
    clean,
    entry_of,
    is_unspaced,
    mend_lookalikes,
)


@given(st.text())
def test_clean_text_is_composed_and_visible(text: str) -> None:
    """Cleaning twice changes nothing more, and the result is NFC."""
    once = clean(text)
    assert unicodedata.is_normalized("NFC", once)
    assert "\u200b" not in once
    assert once == clean(once)


@given(st.text(max_size=8))
def test_text_without_unstable_characters_is_clean(text: str) -> None:
    """What the table calls stable never needs cleaning: no row is wrongly read as it comes."""
    if not any(entry_of(c) & nz.UNSTABLE for c in text):
        assert text == clean(text)


@pytest.mark.parametrize(
    ("char", "folded"),
    [
        ("Ї", "ї"),
        ("Ґ", "ґ"),
        ("Ё", "е"),
        ("Σ", "σ"),
        ("ς", "σ"),
        ("’", "'"),
        ("İ", "i"),
        ("٣", "3"),
    ],
)
def test_fold_of_characters_is_as_stated(char: str, folded: str) -> None:
    """Lower case, and the few folds beyond it."""
    assert folded == chr(entry_of(char) >> nz.FOLD_SHIFT)


def test_tables_differ_only_where_cleaning_could_change() -> None:
    """The first reading stops exactly at unstable characters; tables cannot be written to."""
    raw, cleaned = character_table(is_clean=False), character_table(is_clean=True)
    differs = raw != cleaned
    assert ((cleaned[differs] & nz.UNSTABLE) != 0).all()
    assert ((raw & nz.CLASS_MASK == nz.UNKNOWN) == ((cleaned & nz.UNSTABLE) != 0)).all()
    assert not raw.flags.writeable


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("k" + "иїв", "київ"),
        ("укр" + "a" + "їн" + "a", "україна"),
        ("мi" + "сто", "місто"),
        ("со" + "vid", "covid"),
        ("ï" + "жа", "їжа"),
        ("київ", "київ"),
        ("kyiv", "kyiv"),
        ("web" + "сайт", "web" + "сайт"),
        ("т90" + "m", "т90м"),
        ("", ""),
    ],
)
def test_lookalikes_are_mended_towards_the_word(word: str, expected: str) -> None:
    """A stray letter of the other alphabet is mended; true mixtures stay."""
    assert expected == mend_lookalikes(word)


def test_unspaced_scripts_are_named() -> None:
    """Han, Kana, Thai, Khmer, Lao and Myanmar are; Hangul, Cyrillic and digits are not."""
    assert all(map(is_unspaced, "日カひไកລမ"))
    assert not any(map(is_unspaced, "한я9๙"))
