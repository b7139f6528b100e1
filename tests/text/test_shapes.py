"""What word types look like: the compiled loop against patterns."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender._strings import StringColumn
from recommender.text import _shapes as shapes

PATTERNS = {
    shapes.LATIN: ".*[a-z\u00eb\u00ef].*",
    shapes.CYRILLIC: ".*[\u0400-\u052f].*",
    shapes.ALL_LATIN: "[a-z\u00df-\u024f\u1e00-\u1eff'\u00b7-]*",
    shapes.ALL_CYRILLIC: "[\u0400-\u052f'-]*",
    shapes.NO_DIGIT: r"[^\d_]*",
    shapes.BEGINS_WITH_DIGIT: "[0-9].*",
}
NEAR = (
    "az`{\u00b6\u00b7\u00de\u00df\u00eb\u00ef\u024f\u0250\u03ff\u0400\u052f\u0530\u1dff\u1e00\u1eff"
    "\u1f00\u1fff\u2000'-_09\u0661"
)
WORDS = st.text(st.one_of(st.sampled_from(NEAR), st.characters(exclude_categories=("Cs", "Nd"))))


@pytest.mark.parametrize("flag", sorted(PATTERNS))
@settings(deadline=None)
@given(words=st.lists(WORDS))
def test_word_shapes_flag_equals_the_pattern(flag: int, words: list[str]) -> None:
    """A flag says what its pattern says; of the digits only those a folded word may have."""
    words = [word for word in words if word[:1] > "9" or word[:1].isdigit() or not word]
    found = shapes.word_shapes(StringColumn.from_strings(words))
    pattern = re.compile(PATTERNS[flag], re.DOTALL)
    assert [bool(pattern.fullmatch(word)) for word in words] == found.has(flag).tolist()


@settings(deadline=None)
@given(st.lists(WORDS))
def test_word_shapes_numbers_count_characters(words: list[str]) -> None:
    """Characters are counted, not bytes; apostrophes are no letters."""
    found = shapes.word_shapes(StringColumn.from_strings(words))
    assert [len(word) for word in words] == found.n_characters.tolist()
    assert [len(word.replace("'", "")) for word in words] == found.n_letters.tolist()
