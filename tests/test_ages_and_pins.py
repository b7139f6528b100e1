"""Blocks of the bundled corpus: half-lives of sections, pins and languages, what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import recommender
from recommender import Recommender
from recommender.config import config_from
from recommender.ranking.popularity import Popularity
from recommender.rulecheck import check_rules

DAY = 86_400
ONE_OF_EACH = ("sc-en-0037", "sc-uk-0001", "sc-ru-0010")


def with_rules(model: Path, rules: Mapping[str, Any], **block: Any) -> Recommender:
    """Open an index under some rules."""
    return recommender.open(model, config=config_from({"rules": rules, "block": block}))


# --- half-lives of sections ---


@pytest.mark.parametrize("usual", ["0", "20d"])
@pytest.mark.parametrize("weather", ["6h", "1d", "30d"])
@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_half_lives_of_sections_give_the_list_of_scoring_everything(
    sample_index: Path, key: str, weather: str, usual: str
) -> None:
    """Each by the half-life of its section; the others by that of the block, if it has one."""
    rules = {"half_life": {"weather": weather, "world": "3d", "food": "0"}}
    model = with_rules(sample_index, rules)
    index = model.index
    doc = index.find(key) or 0
    query, here = index.query_of(doc), index.published(doc)
    own = {"weather": weather, "world": "3d", "food": "0"}
    hidden = {doc, *model.answers.knowledge.sensitive.tolist()}
    worth = {}
    for other in index.docs().tolist():
        if other not in hidden and index.language_code(other) == index.language_code(doc):
            life = own.get(index.card(other).get("section", ""), usual)
            seconds = float(life[:-1] or 0) * (3600 if life.endswith("h") else DAY)
            age = abs(index.published(other) - here)
            worth[other] = index.score(query, other) * (0.5 ** (age / seconds) if seconds else 1.0)
    expected = sorted((d for d in worth if worth[d] > 0), key=lambda d: (-worth[d], d))[:10]

    block = model.related(
        key, preset="similarity", rules=True, half_life=usual, limit=10, smoothing=0, crowding=0
    )

    assert [index.article_id(d) for d in expected] == [card.id for card in block.cards]
    assert [worth[d] for d in expected] == pytest.approx([c.score for c in block.cards])


def test_half_life_of_a_section_did_nothing_without_one_of_the_block(sample_index: Path) -> None:
    """Its articles age, and why says so; the others do not."""
    model = with_rules(sample_index, {"half_life": {"weather": "30d"}})

    block = model.related("sc-en-0062", limit=40, explain=True, fallback="none")

    taken = {
        card.id: (card.section, sum(r.share for r in card.why if r.term == "freshness"))
        for card in block.cards
    }
    assert any(share < 0 for section, share in taken.values() if section == "weather")
    assert all(share == 0 for section, share in taken.values() if section != "weather")


def test_half_lives_of_sections_are_rules(sample_index: Path) -> None:
    """Without rules, and where every one is 0, no step of age runs."""
    model = with_rules(sample_index, {"half_life": {"weather": "1d"}})
    idle = with_rules(sample_index, {"half_life": {"weather": "0"}})

    steps = [
        {r.term for card in block.cards for r in card.why if r.kind == "step"}
        for block in (
            model.related("sc-en-0062", rules=False, explain=True),
            idle.related("sc-en-0062", explain=True),
        )
    ]
    assert not any("freshness" in found for found in steps)


# --- pins ---

PINS = {"en": "sc-en-0069", "uk": "sc-uk-0005", "ru": "sc-ru-0027"}


@pytest.mark.parametrize("pinned", ["en", "uk", "ru"])
@pytest.mark.parametrize("languages", ["same", "any", "uk,ru"])
def test_pin_stood_under_articles_in_another_language(
    sample_index: Path, pinned: str, languages: str
) -> None:
    """It follows the languages of the block; where it does not stand, that is told."""
    model = with_rules(sample_index, {"pinned": [{"article": PINS[pinned]}]})
    for key in ("sc-en-0037", "sc-uk-0001", "sc-ru-0010"):
        taken = {"same": [key[3:5]], "any": ["en", "uk", "ru"], "uk,ru": ["uk", "ru"]}[languages]
        block = model.related(key, languages=languages, explain=True)
        verdict = model.why_not(key, PINS[pinned], languages=languages)

        stands = pinned in taken
        assert stands == (block.cards[0].origin == "pinned") == verdict.shown
        if not stands:
            said = {r.id: (r.step, r.reason) for r in block.removed}[PINS[pinned]]
            assert said == (verdict.step, verdict.reason)
            assert said[0] == "pinned"
            assert f"its language is {pinned}; asked for: {languages}" in said[1]


@pytest.mark.parametrize(("pinned", "under"), [("en", "uk"), ("uk", "ru"), ("ru", "en")])
def test_pin_whose_selector_names_a_language_stands_there(
    sample_index: Path, pinned: str, under: str
) -> None:
    """An editor who writes it means it; under no other language, its own neither."""
    pin = {"article": PINS[pinned], "under": {"lang": under}}
    model = with_rules(sample_index, {"pinned": [pin]})

    for key in ("sc-en-0037", "sc-uk-0001", "sc-ru-0010"):
        assert (key[3:5] == under) == (model.related(key).cards[0].id == PINS[pinned])


@pytest.mark.parametrize(
    ("key", "twin"), [("sc-ru-0001", "sc-en-0001"), ("sc-en-0001", "sc-uk-0001")]
)
def test_pin_was_the_translation_of_the_article(sample_index: Path, key: str, twin: str) -> None:
    """Whatever languages are asked for."""
    model = with_rules(sample_index, {"pinned": [{"article": twin}]})

    block = model.related(key, languages="any", explain=True)

    assert twin not in [card.id for card in block.cards]
    assert "it tells the same in another language" in {r.id: r.reason for r in block.removed}[
        twin
    ].removeprefix("is pinned here, but ")


def test_check_counts_where_a_pin_stands_and_warns_where_it_never_does(sample_index: Path) -> None:
    """By language; unless its selector names one, or the block takes several."""
    pins = [
        {"article": "sc-en-0069", "under": {"section": "weather"}},
        {"article": "sc-en-0069", "under": {"section": "weather", "lang": ["uk", "ru"]}},
        {"article": "sc-en-0069", "under": {"id": "sc-uk-0001"}},
        {"article": "sc-en-0069"},
    ]
    found = check_rules(with_rules(sample_index, {"pinned": pins}))
    every = check_rules(with_rules(sample_index, {"pinned": pins}, languages="any"))

    assert [8, 7, 0, 73] == [touched.articles for touched in found]
    assert [False, False, True, False] == [bool(touched.warnings) for touched in found]
    assert "it is in en" in found[2].warnings[0]
    assert [15, 7, 1, 144] == [touched.articles for touched in every]
    assert not any(touched.warnings for touched in every)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"no_links_to": [{"id": "sc-uk-9999"}]}, "there is no article 'sc-uk-9999'"),
        ({"blocked": [["sc-ru-0001", "sc-ru-0001"]]}, "the two are one article"),
        ({"no_links_from": [{"section": "спорт"}]}, "no article has the section 'спорт'. Known"),
        ({"no_links_to": [{"author": "Ірина Боднарь"}]}, "Did you mean 'Ірина Боднар'"),
        ({"no_links_to": [{"tag": "повинь"}]}, "Did you mean 'повінь'"),
        ({"no_links_to": [{"lang": "ua"}]}, None),
        (
            {
                "pinned": [{"article": "sc-en-0004", "under": {"section": "weather"}}],
                "apart": [{"label": "premium"}],
            },
            "apart (label premium) keeps it from all of them",
        ),
        (
            {
                "pinned": [{"article": "sc-en-0069", "under": {"section": "weather"}}],
                "no_links_from": [{"section": "weather"}],
            },
            "no_links_from (section weather) leaves no block there",
        ),
    ],
)
def test_check_warns_of_what_cannot_be_meant(
    sample_index: Path, rules: dict[str, Any], said: str | None
) -> None:
    """In the words and letters of the file, whatever the language."""
    found = [w for t in check_rules(with_rules(sample_index, rules)) for w in t.warnings]

    assert (said is None) == (not found)
    assert said is None or any(said in warning for warning in found)


def test_check_marks_what_is_over_without_a_warning(sample_index: Path) -> None:
    """An embargo or a pin of last year does no harm."""
    rules = {
        "embargo": [{"section": "food", "until": "2020-01-01"}],
        "pinned": [{"article": "sc-en-0069", "until": "2020-01-01"}, {"article": "sc-en-0069"}],
    }
    found = check_rules(with_rules(sample_index, rules))

    assert [True, True, False] == [touched.about.endswith(" (over)") for touched in found]
    assert not any(touched.warnings for touched in found)


# --- what is kept ---


def test_numbers_of_calls_were_kept_as_arrays(sample_index: Path) -> None:
    """A thousand weights and caps leave as little behind as one does."""
    counts = Popularity({"sc-en-0036": 10.0, "sc-en-0035": 3.0})
    model = Recommender.open(sample_index, popularity=counts)
    kept = model.answers.knowledge._kept
    model.related("sc-en-0037", popularity=0.5, max_listed=9)
    before = len(kept)

    for i in range(1, 1001):
        model.related("sc-en-0037", popularity=i / 1000, max_listed=i)

    assert before == len(kept)


def test_masks_that_every_call_needs_were_forgotten_with_those_of_one(
    sample_index: Path,
) -> None:
    """Drafts of a thousand regions push out each other, and not the rules."""
    model = with_rules(sample_index, {"same": ["region"], "no_links_to": [{"section": "food"}]})
    known = model.answers.knowledge
    selector = known.rules.to[0]
    mask = known.matching(selector)

    for i in range(1000):
        draft = {"title": "The bridge over the Ostra", "region": f"region-{i}"}
        model.related_to_article(draft, limit=1)

    assert mask is known.matching(selector)
    assert len(known._kept) <= 256
