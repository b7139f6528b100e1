"""Rules as they are read: selectors, pins, pairs, embargoes, and what is refused."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import pytest

from recommender.config import config_from
from recommender.errors import ConfigError
from recommender.ranking.rules import Rules, Selector


def read(text: str) -> Rules:
    """Return the rules of a settings file."""
    return config_from(tomllib.loads(text)).rules


def test_selector_means_articles_that_meet_every_condition() -> None:
    """All conditions; of a list any; without regard to case."""
    selector = Selector.of({"section": ["Politics", "world"], "tag": "NATO"}, "x")

    assert selector.matches({"section": ("politics",), "tag": ("eu", "nato")})
    assert not selector.matches({"section": ("politics",), "tag": ("eu",)})
    assert not selector.matches({"tag": ("nato",)})
    assert "section politics or world, tag nato" == str(selector)


@pytest.mark.parametrize("written", ["uk", "UA", "ukr", "uk-UA", "ua"])
def test_selector_of_a_language_takes_it_in_any_spelling(written: str) -> None:
    """As `languages` of a block does; what is no language stays as it is."""
    assert Selector.of({"lang": written}, "x").matches({"lang": ("uk",)})
    assert (("lang", ("укр",)),) == Selector.of({"lang": "УКР"}, "x").conditions


def test_rules_of_the_page_are_read() -> None:
    """The example of the module's first lines."""
    from recommender.ranking import rules

    text = (rules.__doc__ or "").split("::\n", 1)[1].replace("\n    ", "\n")
    found = read(text)

    assert ["section obituaries", "label live"] == [str(s) for s in found.from_]
    assert ["tag lottery"] == [str(s) for s in found.to]
    assert ["label sponsored", "label premium"] == [str(s) for s in found.kept_apart]
    assert {"mayor-trial-1", "mayor-party-7"} == set(found.pairs)
    assert frozenset({"mayor-party-7"}) == found.pairs["mayor-trial-1"]
    assert 1_796_112_000.0 == found.embargoes[0].until
    assert {"politics": 3 * 86_400.0} == dict(found.lives)
    assert "election-guide" == found.pins[0].article
    assert -math.inf == found.pins[0].since


def test_rules_name_the_fields_that_they_ask_for() -> None:
    """Columns of the site's own too; id and lang are no columns."""
    found = read('[rules]\nno_links_to = [{desk = "ads", id = "x"}]\nsame = ["region", "city"]')

    assert {"desk", "city", "region", "section"} < set(found.fields)
    assert not {"id", "lang"} & set(found.fields)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no_links_to = [{}]", "no_links_to 1 is {}"),
        ('no_links_to = ["politics"]', 'no_links_to 1 is "politics"'),
        ("no_links_to = [{section = []}]", "section is \\[\\]"),
        ("apart = [{label = {a = 1}}]", "label is"),
        ('blocked = [["a"]]', "blocked 1.*two article ids"),
        ('blocked = [["a", 1]]', "blocked 1.*two article ids"),
        ('embargo = [{id = "a"}]', "embargo 1.*until"),
        ("embargo = [{until = 2026-01-01}]", "embargo 1 says until when, and not which"),
        (
            'embargo = [{id = "a", untl = 2026-01-01}]',
            '\\{id = "a", untl = 2026-01-01\\}; expected which articles and until when',
        ),
        ("no_links_to = [{tag = [[true, 1]]}]", "tag is \\[\\[true, 1\\]\\]"),
        ('embargo = [{id = "a", until = "soon"}]', 'until is "soon"'),
        ('half_life = {politics = "3 days"}', "politics is '3 days'"),
        ("half_life = {politics = 3}", "politics is '3'"),
        ('pinned = [{under = {section = "x"}}]', "pinned 1.*article"),
        ('pinned = [{article = "a", form = 2026-01-01}]', "'form'.*'from'"),
        ('pinned = [{article = "a", from = "now"}]', 'from is "now"'),
        (
            'pinned = [{article = "a", from = 2026-02-01, until = 2026-01-01}]',
            "ends before it begins",
        ),
        ('no_link_to = [{section = "x"}]', "'no_link_to'.*'no_links_to'"),
    ],
)
def test_rules_that_make_no_sense_are_refused_with_their_place(text: str, said: str) -> None:
    """The list, the number in it, what stood there, and what was expected."""
    with pytest.raises(ConfigError, match=said):
        read(f"[rules]\n{text}")


def test_rules_take_dates_and_moments_and_texts() -> None:
    """TOML's own dates, and texts that say the same."""
    moments: list[Any] = ["2026-12-01", "2026-12-01T00:00:00+00:00", "2026-12-01T02:00:00+02:00"]
    rows = ", ".join(f'{{id = "a", until = "{m}"}}' for m in moments)
    found = read(f'[rules]\nembargo = [{rows}, {{id = "a", until = 2026-12-01}}]')

    assert {1_796_083_200.0} == {embargo.until for embargo in found.embargoes}
