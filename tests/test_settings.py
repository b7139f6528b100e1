"""Settings out of files, environment and arguments: what fits goes in, the rest is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender._settings import nearest, parse_text, seconds_of, settings_from
from recommender.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Example:
    """One setting of each kind."""

    name: str = "x"
    limit: int = 6
    threshold: float = 0.5
    strict: bool = False
    share: int | float = 1
    lead: str | None = None
    words: tuple[str, ...] = ()
    ngrams: tuple[int, int] = (1, 1)
    stop: str | tuple[str, ...] | None = "default"
    table: Mapping[str, str] = field(default_factory=dict)
    anything: Any = None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("name", "", ""),
        ("limit", 3, 3),
        ("threshold", 0.25, 0.25),
        ("threshold", 1, 1.0),
        ("strict", True, True),
        ("share", 2, 2),
        ("share", 0.2, 0.2),
        ("lead", None, None),
        ("lead", "l", "l"),
        ("words", ["а", "б"], ("а", "б")),
        ("words", (), ()),
        ("ngrams", [1, 2], (1, 2)),
        ("stop", ["а"], ("а",)),
        ("stop", "none", "none"),
        ("stop", None, None),
        ("table", {"a": "b"}, {"a": "b"}),
        ("anything", [1], [1]),
    ],
)
def test_settings_from_value_that_fits_is_taken(name: str, value: Any, expected: Any) -> None:
    """Lists become tuples, whole numbers serve as numbers, everything else is unchanged."""
    found = getattr(settings_from(Example, {name: value}, section="[example]"), name)

    assert expected == found
    assert type(expected) is type(found)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("name", 5, "a text"),
        ("name", None, "a text"),
        ("limit", "6", "a whole number"),
        ("limit", 6.0, "a whole number"),
        ("limit", True, "a whole number"),
        ("threshold", "0.5", "a number"),
        ("threshold", True, "a number"),
        ("threshold", 10**400, "a number"),
        ("strict", 1, "true or false"),
        ("strict", "yes", "true or false"),
        ("share", True, "a whole number or a number"),
        ("share", None, "a whole number or a number"),
        ("lead", 5, "a text or nothing"),
        ("words", "а,б", "a list"),
        ("words", {"а": 1}, "a list"),
        ("words", [1, 2], "a list, each a text"),
        ("ngrams", [1], "a list, each a whole number"),
        ("ngrams", [1, 2, 3], "a list, each a whole number"),
        ("ngrams", ["1", "2"], "a list, each a whole number"),
        ("table", ["a"], "a table"),
    ],
)
def test_settings_from_wrong_type_is_named(name: str, value: Any, wanted: str) -> None:
    """The message shows the section, the name, the value and what was expected."""
    with pytest.raises(ConfigError) as caught:
        settings_from(Example, {name: value}, section="[example]")

    message = str(caught.value)
    assert message.startswith(f"[example] {name} is {value!r}; expected ")
    assert wanted in message


def test_settings_from_unknown_name_suggests_the_nearest() -> None:
    """A slip of the pen is answered with the name that was meant."""
    with pytest.raises(ConfigError, match=r"\[example\] has no setting 'limt'\. Did you mean 'li"):
        settings_from(Example, {"limt": 3}, section="[example]")


def test_settings_from_unknown_name_that_is_like_none_lists_all() -> None:
    """Else every known name is shown, in the order of the class."""
    with pytest.raises(ConfigError, match="Known: name, limit, threshold, strict"):
        settings_from(Example, {"qqqq": 3}, section="[example]")


@pytest.mark.parametrize("values", [None, 5, "limit = 3", [("limit", 3)]])
def test_settings_from_no_mapping_is_refused(values: Any) -> None:
    """A section must be a table."""
    with pytest.raises(ConfigError, match="expected a table of settings"):
        settings_from(Example, values, section="[example]")


def test_settings_from_key_that_is_no_text_is_refused() -> None:
    """Not a crash in the search for the nearest name."""
    with pytest.raises(ConfigError, match="has no setting 5"):
        settings_from(Example, {5: 1}, section="[example]")  # type: ignore[dict-item]


def test_settings_from_nothing_gives_the_defaults() -> None:
    """An empty section changes nothing."""
    assert Example() == settings_from(Example, {}, section="[example]")


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
NAMES = list(Example.__dataclass_fields__)


@hypothesis_settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), json_like, max_size=4))
def test_settings_from_any_mapping_fits_or_is_refused(values: dict[str, Any]) -> None:
    """No input makes it fail in another way."""
    try:
        made = settings_from(Example, values, section="[example]")
    except ConfigError:
        return
    assert set(values) <= set(NAMES)
    assert isinstance(made, Example)


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("6", int, 6),
        (" 6 ", int, 6),
        ("6.5", int, "6.5"),
        ("x", int, "x"),
        ("0.5", float, 0.5),
        ("1", float, 1.0),
        ("1", int | float, 1),
        ("0.4", int | float, 0.4),
        ("true", bool, True),
        ("Yes", bool, True),
        ("1", bool, True),
        ("0", bool, False),
        ("no", bool, False),
        ("perhaps", bool, "perhaps"),
        ("", str | None, None),
        ("None", str | None, None),
        ("", str, ""),
        ("none", str, "none"),
        ("а, б,,", tuple[str, ...], ("а", "б")),
        ("", tuple[str, ...], ()),
        ("1,2", tuple[int, int], (1, 2)),
        ("1", tuple[int, int], ("1",)),
        ("а,б", str | tuple[str, ...], "а,б"),
        ("5", str, "5"),
    ],
)
def test_parse_text_means_what_the_setting_needs(text: str, hint: Any, expected: Any) -> None:
    """Text of the environment is read by the setting's type; what cannot be read stays text."""
    found = parse_text(text, hint)

    assert expected == found
    assert type(expected) is type(found)


def test_parse_text_unreadable_value_is_refused_with_its_own_words() -> None:
    """The message shows what stood in the environment."""
    with pytest.raises(ConfigError, match="limit is 'six'; expected a whole number"):
        settings_from(Example, {"limit": parse_text("six", int)}, section="[example]")


def test_nearest_does_not_depend_on_the_order_of_names() -> None:
    """Equally alike names give one answer."""
    assert nearest("ab", ["abc", "abd"]) == nearest("ab", ["abd", "abc"])
    assert nearest("LIMIT", ["name", "limit"]) == " Did you mean 'limit'?"
    assert nearest("zz", ["b", "a"]) == " Known: b, a."


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90.0),
        ("10m", 600.0),
        (" 1.5 H ", 5400.0),
        ("7d", 604_800.0),
        ("2w", 1_209_600.0),
        ("0", 0.0),
        ("0s", 0.0),
    ],
)
def test_seconds_of_a_length_of_time(text: str, seconds: float) -> None:
    """A number and a unit; nothing needs no unit."""
    assert seconds == seconds_of(text, "grace")


@pytest.mark.parametrize(
    "text", ["", "10", "m", "-1m", "1y", "1m 30s", "1e3s", "٣m", "9" * 10 + "w"]
)
def test_seconds_of_anything_else_is_named(text: str) -> None:
    """With what was expected."""
    with pytest.raises(ConfigError, match=r"grace is .*; expected a time such as 90s"):
        seconds_of(text, "grace")
