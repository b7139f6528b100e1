"""Strings encoded many at a time: the same bytes as Python's encoder makes of each."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender import _utf8
from recommender._strings import StringColumn
from recommender._utf8 import encode, encode_all

RUNS = (
    "The bridge was closed to traffic after the flood, and opened again a week later. ",
    "Міст закрили для руху після повені, а за тиждень відкрили знову. ",
    "Мост закрыли для движения после паводка, а через неделю открыли снова. ",
    "Pääministeri jäi työttömäksi. ",
    "“Curly” — quotes… ",
    "橋梁因洪水封閉",
    "😀👍🏽",
    "\0\x7f\x80\xff\u0100\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff",
)


class Marked(str):
    """A string of another class, as some libraries return them."""

    __slots__ = ()


characters = st.text(st.characters(exclude_categories=[]))  # lone surrogates too
pieces = st.one_of(
    characters,
    st.builds(
        lambda run, begin, n, times: (run * times)[begin : begin + n],
        st.sampled_from(RUNS),
        st.integers(0, 90),
        st.integers(0, 200),
        st.integers(1, 4),
    ),
)
strings = st.lists(pieces, max_size=5).map("".join)
columns = st.lists(st.one_of(strings, strings.map(Marked)), max_size=12)


def check(texts: list[str]) -> None:
    """Compare with the encoder of one string."""
    data, offsets = encode_all(texts)

    assert [encode(text) for text in texts] == [
        data[begin:end].tobytes() for begin, end in pairwise(offsets)
    ]
    assert data.dtype == np.uint8
    assert offsets.dtype == np.int64
    assert (offsets[0], offsets[-1]) == (0, len(data))


@hypothesis_settings(deadline=None)
@given(columns)
def test_encode_all_is_encode_of_each(texts: list[str]) -> None:
    """Whatever the characters are, and however wide they make what is joined."""
    check(texts)


@hypothesis_settings(deadline=None)
@given(columns, st.integers(1, 100))
def test_encode_all_is_the_same_in_portions_of_any_size(texts: list[str], size: int) -> None:
    """Portions begin anywhere, and the room for them has to grow; some hold no character."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_utf8, "PORTION", size)
        check(texts)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("widest", ["", "\xff", "\uffff", "\U0010ffff"])
def test_encode_all_where_blocks_begin_and_end(run: str, widest: str) -> None:
    """Of every length and from every character on, in one, two and four bytes a character."""
    text = (run * 100)[:100]

    check([text[i:] for i in range(100)] + [text[:i] for i in range(100)] + [widest])
    check([widest, *(text[i:] for i in range(100))])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\udc00", "\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("😀\ud83d", "😀\ufffd"),
    ],
)
def test_encode_all_surrogates_are_replaced_in_their_string_alone(text: str, expected: str) -> None:
    """Strings beside it stay what they are, and two of them make no pair."""
    beside = "Київ" * 20
    data, offsets = encode_all([beside, text, "\ud83d", "\ude00", beside])

    assert (beside + expected + "\ufffd\ufffd" + beside).encode() == data.tobytes()
    assert offsets[1:3].tolist() == [160, 160 + len(expected.encode())]


def test_encode_all_text_that_grows_in_the_middle() -> None:
    """Room is made by what came before; text of three bytes a character comes after ASCII."""
    check(["a" * _utf8.PORTION * 2, "橋" * _utf8.PORTION * 2, "", "😀" * _utf8.PORTION, "a"])


@pytest.mark.parametrize("lang", ["en", "uk", "ru"])
def test_from_strings_many_are_as_few(lang: str) -> None:
    """A long column, which a compiled loop encodes, holds the rows of short ones."""
    run = dict(zip(("en", "uk", "ru"), RUNS, strict=False))[lang]
    texts = [run * (i % 40) + "😀" * (i % 7 == 0) + "\ud800" * (i % 501 == 0) for i in range(1500)]
    column = StringColumn.from_strings(texts)

    assert sum(map(len, texts)) > 1 << 20
    assert [encode(text) for text in texts] == [column.bytes_at(i) for i in range(len(texts))]
    assert list(StringColumn.from_strings(iter(texts))) == list(column)


def test_encode_all_no_string_is_refused() -> None:
    """As Python says it."""
    with pytest.raises(TypeError, match="int"):
        encode_all(["a", 1])  # type: ignore[list-item]
