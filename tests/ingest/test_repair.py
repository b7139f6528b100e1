"""Text that would break later steps is mended; all else is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.ingest.rejections import NoticeKind
from recommender.ingest.repair import decode, repair_text


def _repaired(text: str) -> tuple[str, list[NoticeKind]]:
    notes: list[NoticeKind] = []
    return repair_text(text, lambda kind, _: notes.append(kind)), notes


@pytest.mark.parametrize(
    ("text", "expected", "notes"),
    [
        ("a\ud800b", "a\ufffdb", [NoticeKind.SURROGATES_REPLACED]),
        ("\ud83d\ude00", "😀", [NoticeKind.SURROGATES_REPLACED]),
        ("a\x00b\x1fc\x7f", "abc", [NoticeKind.CONTROLS_REMOVED]),
        ("a\x0cb", "a\nb", [NoticeKind.CONTROLS_REMOVED]),
        ("a\r\nb\rc\td", "a\nb\nc\td", []),
        ("\ufeffПривіт", "Привіт", []),
        ("об’єкт\u200b\u00ad — «п'ять»", "об’єкт\u200b\u00ad — «п'ять»", []),
    ],
)
def test_repair_mends_only_what_breaks(text: str, expected: str, notes: list[NoticeKind]) -> None:
    """Surrogates, controls and line ends change; apostrophes, quotes and soft hyphens do not."""
    assert (expected, notes) == _repaired(text)


@given(st.text(st.characters(), max_size=200) | st.text(st.characters(max_codepoint=64)))
def test_repair_of_any_text_is_writable_and_stable(text: str) -> None:
    """What comes out is valid UTF-8 without controls, and a second repair finds nothing."""
    once, _ = _repaired(text)
    once.encode("utf-8")
    assert not (set(map(chr, range(32))) - {"\n", "\t"}) & set(once)
    assert (once.removeprefix("\ufeff"), []) == _repaired(once)


def test_decode_keeps_a_line_with_one_character_cut_in_half() -> None:
    """Plenty of sound Cyrillic around one broken byte proves the encoding."""
    notes: list[NoticeKind] = []
    line = ("Київ " * 20).encode() + "ї".encode()[:1]
    text = decode(line, "utf-8", lambda kind, _: notes.append(kind))
    assert (text, notes) == ("Київ " * 20 + "\ufffd", [NoticeKind.BYTES_REPLACED])


@pytest.mark.parametrize("text", ["Київ і Львів", "Москва, Пермь", "a café in town"])
def test_decode_of_another_encoding_is_none(text: str) -> None:
    """Text in a one-byte encoding is never taken for UTF-8."""
    encoding = "latin-1" if "é" in text else "cp1251"
    assert decode(text.encode(encoding), "utf-8", lambda *_: None) is None
