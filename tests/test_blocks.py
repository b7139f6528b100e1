"""Blocks of the bundled corpus, step by step: rules, ages, copies, stories, ladders, pages."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recommender
from recommender import Recommender
from recommender._strings import StringColumn
from recommender.article import Block
from recommender.config import Config, config_from
from recommender.errors import ConfigError, InputError, UnknownArticleError
from recommender.ranking.popularity import Popularity
from recommender.ranking.settings import PRESETS
from recommender.twins import twins_of
from recommender.updates import add_articles, delete_articles

DAY = 86_400
PLAIN: Mapping[str, Any] = {"smoothing": 0.0, "crowding": 0.0}
"""Scores are cosines; what smoothing makes of them is in ``test_smoothing.py``."""
LANGS = ("en", "uk", "ru")
ONE_OF_EACH = ("sc-en-0037", "sc-uk-0001", "sc-ru-0001")


def ids(block: Block) -> list[str]:
    """Return the ids of a block's cards."""
    return [card.id for card in block.cards]


def with_rules(model: Path, rules: Mapping[str, Any], **block: Any) -> Recommender:
    """Open an index under some rules."""
    return recommender.open(model, config=config_from({"rules": rules, "block": block}))


def everything(news: Recommender, **options: Any) -> Iterable[Block]:
    """Return the block of every article."""
    for doc in news.index.docs().tolist():
        yield news.related(news.index.article_id(doc), **options)


@pytest.fixture(scope="module")
def records(sample: Path) -> dict[str, dict[str, Any]]:
    """The articles of the bundled corpus by id."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


# --- presets ---


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_preset_similarity_is_a_plain_search(news: Recommender, key: str) -> None:
    """Nothing is removed but the article itself, and nothing is added."""
    index, doc = news.index, news.index.find(key)
    assert doc is not None
    from recommender.index.reader import Choice

    own = Choice(frozenset({index.language_code(doc)}))
    found = index.search(index.query_of(doc), 10, choice=own)

    block = news.related(key, preset="similarity", limit=10, **PLAIN)

    assert [index.article_id(int(d)) for d in found.docs] == ids(block)
    assert found.scores.tolist() == [card.score for card in block.cards]


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_every_preset_answers_for_articles_and_drafts(
    news: Recommender, records: dict[str, dict[str, Any]], preset: str, key: str
) -> None:
    """In its language, without itself, ranked by number."""
    record = records[key]
    now = "2026-06-30T12:00:00Z"
    for block in (
        news.related(key, preset=preset, now=now),
        news.related_to_text(record["title"], record["body"], preset=preset, now=now),
    ):
        assert list(range(1, len(block.cards) + 1)) == [card.rank for card in block.cards]
        assert len(set(ids(block))) == len(block.cards) <= 6
        assert {card.lang for card in block.cards} <= {record["lang"]}
    assert key not in ids(news.related(key, preset=preset))


def test_preset_of_the_settings_gives_way_to_settings_and_to_calls(sample_index: Path) -> None:
    """Call over settings over preset over default."""
    config = config_from({"block": {"preset": "news", "diversity": 0.5}})
    assert (0.5, "60d") == (config.block.diversity, config.block.half_life)

    model = recommender.open(sample_index, config=config)
    asked = model.answers.ask_for({"half_life": "1d"}).settings
    assert ("1d", 0.5, 3) == (asked.half_life, asked.diversity, asked.max_per_story)
    other = model.answers.ask_for({"preset": "background"}).settings
    assert ("0", False, 0.1) == (other.half_life, other.include_newer, other.diversity)


# --- dates ---


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_background_shows_only_earlier_coverage(news: Recommender, key: str) -> None:
    """Not a minute newer than the article."""
    block = news.related(key, preset="background", limit=20)
    index = news.index
    here = index.published(index.find(key) or 0)

    assert all(index.published(index.find(card.id) or 0) <= here for card in block.cards)


@pytest.mark.parametrize("half_life", ["1d", "7d", "60d"])
@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_half_life_gives_the_list_of_scoring_everything(
    news: Recommender, key: str, half_life: str
) -> None:
    """Similarity times one half for every half-life between article and card."""
    index = news.index
    doc = index.find(key) or 0
    query, here = index.query_of(doc), index.published(doc)
    days = float(half_life[:-1])
    worth = {}
    for other in index.docs().tolist():
        if other != doc and index.language_code(other) == index.language_code(doc):
            age = abs(index.published(other) - here) / DAY
            worth[other] = index.score(query, other) * 0.5 ** (age / days)
    expected = sorted((d for d in worth if worth[d] > 0), key=lambda d: (-worth[d], d))[:10]

    block = news.related(key, preset="similarity", half_life=half_life, limit=10, **PLAIN)

    assert [index.article_id(d) for d in expected] == ids(block)
    assert [worth[d] for d in expected] == pytest.approx([c.score for c in block.cards])


def test_max_age_from_the_article_and_from_now(news: Recommender) -> None:
    """On both sides of the article; from now only what is recent."""
    index = news.index
    here = index.published(index.find("sc-en-0037") or 0)
    asked: dict[str, Any] = {"max_age": "10d", "fallback": "none", "limit": 50}

    near = news.related("sc-en-0037", **asked)
    times = [index.published(index.find(key) or 0) for key in ids(near)]
    assert times
    assert all(abs(t - here) <= 10 * DAY for t in times)

    late = news.related("sc-en-0037", **asked, age_from="now", now="2026-06-30")
    assert late.cards
    assert all(card.published_at.month == 6 for card in late.cards if card.published_at)
    assert not news.related("sc-en-0037", **asked, age_from="now", now="2027-01-01").cards


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("half_life", "7 days", "half_life.*'7 days'"),
        ("half_life", "-1d", "half_life.*'-1d'"),
        ("max_age", "soon", "max_age.*'soon'"),
        ("limit", 0, "limit.*0"),
        ("limit", 1001, "1001"),
        ("diversity", 1.5, "diversity.*1.5"),
        ("duplicates", -0.1, "duplicates.*-0.1"),
        ("max_per_section", -1, "max_per_section.*-1"),
        ("age_from", "later", "age_from.*'later'"),
        ("version", "old", "version.*'old'"),
        ("fallback", "section,lates", "'lates'.*'latest'"),
        ("preset", "new", "'new'.*'news'"),
        ("now", "noon", "now is 'noon'"),
    ],
)
def test_options_that_cannot_be_are_refused_with_what_was_expected(
    news: Recommender, option: str, value: Any, said: str
) -> None:
    """The option, its value, the nearest that exists."""
    with pytest.raises((ConfigError, InputError), match=said):
        news.related("sc-en-0001", **{option: value})


def test_half_life_of_zero_is_none(news: Recommender) -> None:
    """0 = age does not matter; no division by it."""
    assert ids(news.related("sc-en-0001")) == ids(news.related("sc-en-0001", half_life="0"))


# --- one story once ---


def test_reprints_take_one_card_and_the_original_is_shown(
    news: Recommender, sample: Path, records: dict[str, dict[str, Any]]
) -> None:
    """Of the corpus's own reprints, no two stand in one block, nor one under the other."""
    pairs = [
        line.split("\t")[:2]
        for line in (sample / "judgements.tsv").read_text(encoding="utf-8").splitlines()
        if "\treprint\t" in line
    ]
    assert len(pairs) == 8
    for one, other in pairs:
        assert other not in ids(news.related(one, limit=50))
    for block in everything(news, limit=20):
        shown = set(ids(block))
        assert not [pair for pair in pairs if set(pair) <= shown]
        for card in block.cards:
            assert not set(card.copies) & shown
            if card.copies and card.label == "reprint":
                assert all(records[key].get("label") == "reprint" for key in card.copies)


def test_copies_are_listed_under_their_card(news: Recommender) -> None:
    """The bridge's reprint stands under the report that it was made from, or the other way."""
    block = news.related("sc-en-0001", limit=20)

    groups = {card.id: card.copies for card in block.cards if card.copies}

    assert groups == {"sc-en-0002": ("sc-en-0003",), "sc-en-0066": ("sc-en-0065",)}


# --- variety ---


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_quotas_hold_in_every_block(news: Recommender, key: str) -> None:
    """At most so many of a section, an author, a story."""
    asked: dict[str, Any] = {"limit": 12, "fallback": "none"}
    block = news.related(key, **asked, max_per_section=1, max_per_author=1, max_per_story=1)

    sections = [card.section for card in block.cards]
    authors = [author for card in block.cards for author in card.authors]
    stories = [card.story_id for card in block.cards]
    for values in (sections, authors, stories):
        assert len(set(values)) == len(values)
    assert block.cards


def test_quota_fills_the_block_from_further_down(news: Recommender) -> None:
    """Others come in; the block is not shortened while there are any."""
    for block in everything(news, max_per_section=2):
        assert len(block.cards) == 6 or block.barred


# --- the ladder ---


def test_fallback_fills_from_the_section_then_from_the_site(news: Recommender) -> None:
    """A threshold that nothing reaches leaves the latest of the section, then of all."""
    for block in everything(news, threshold=1.0, limit=8):
        if block.barred:
            continue
        own = news.index.card(news.index.find(block.source.id or "") or 0)["section"]
        same = [card.section == own for card in block.cards]
        assert block.fallback_used
        assert {"fallback"} == {card.origin for card in block.cards}
        assert {"fallback"} == {card.role for card in block.cards}
        assert same == sorted(same, reverse=True)
        for part in (True, False):
            times = [
                card.published_at
                for card, is_own in zip(block.cards, same, strict=True)
                if is_own is part and card.published_at
            ]
            assert times == sorted(times, reverse=True)


def test_fallback_popular_is_by_counts_then_latest(sample_index: Path) -> None:
    """What is read most comes first; nobody's article is not popular."""
    counts = Popularity({"sc-en-0010": 5.0, "sc-en-0020": 50.0, "sc-uk-0001": 900.0, "gone": 1.0})
    model = Recommender.open(sample_index, popularity=counts)

    block = model.related("sc-en-0037", preset="popular", limit=3)
    assert ids(block)[:2] == ["sc-en-0020", "sc-en-0010"]
    assert block.cards[2].published_at == max(
        card.published_at for card in model.related("sc-en-0037", preset="latest").cards
        if card.published_at
    )  # fmt: skip


def test_popularity_lifts_what_is_read(sample_index: Path) -> None:
    """The same blocks but for the weight of the counts; effects sum to the score."""
    plain = Recommender.open(sample_index).related("sc-en-0037", limit=5, fallback="none", **PLAIN)
    last = ids(plain)[-1]
    model = Recommender.open(sample_index, popularity=Popularity({last: 1000.0}))

    asked: dict[str, Any] = {"limit": 5, "fallback": "none", "half_life": "30d", **PLAIN}
    lifted = model.related("sc-en-0037", popularity=0.9, explain=True, **asked)

    assert ids(lifted).index(last) < 4
    for card in lifted.cards:
        steps = {r.term: r.share for r in card.why if r.kind == "step"}
        assert {"freshness", "popularity"} == set(steps)
        assert all(share <= 0 for share in steps.values())
        assert sum(r.share for r in card.why) == pytest.approx(card.score, abs=1e-9)


def test_counts_of_the_settings_are_read(sample_index: Path, tmp_path: Path) -> None:
    """From the file that [popularity] names."""
    table = tmp_path / "views.csv"
    table.write_text("id,count\nsc-en-0010,5\n", encoding="utf-8")
    config = config_from({"popularity": {"counts": str(table)}})

    block = recommender.open(sample_index, config=config).related("sc-en-0037", preset="popular")

    assert block.cards[0].id == "sc-en-0010"


def test_refresh_reads_counts_again_when_their_file_changed(
    sample_index: Path, tmp_path: Path
) -> None:
    """Counts are written every hour, generations need not be."""
    table = tmp_path / "views.csv"
    table.write_text("id,count\nsc-en-0010,5\n", encoding="utf-8")
    config = config_from({"popularity": {"counts": str(table)}})
    model = recommender.open(sample_index, config=config)
    assert model.related("sc-en-0037", preset="popular").cards[0].id == "sc-en-0010"

    table.write_text("id,count\nsc-en-0020,50\n", encoding="utf-8")
    assert not model.refresh()
    assert model.related("sc-en-0037", preset="popular").cards[0].id == "sc-en-0020"


# --- rules ---


def test_sensitive_has_no_block_and_is_no_card(
    news: Recommender, records: dict[str, dict[str, Any]]
) -> None:
    """The legally sensitive pieces: neither source nor target, in all presets but similarity."""
    sensitive = {key for key, record in records.items() if record.get("sensitive")}
    assert len(sensitive) == 4
    for key in sensitive:
        block = news.related(key, explain=True)
        assert block.cards == ()
        assert "sensitive" in (block.barred or "")
    for preset in ("", "news", "background", "latest"):
        for block in everything(news, limit=30, preset=preset):
            assert not sensitive & set(ids(block))


def test_rules_of_links_from_and_to(sample_index: Path) -> None:
    """Two lists: what has no block may be a card, and the other way."""
    model = with_rules(
        sample_index,
        {"no_links_from": [{"section": "FOOD"}], "no_links_to": [{"section": "sport"}]},
    )
    for block in everything(model, limit=30):
        own = model.index.card(model.index.find(block.source.id or "") or 0)["section"]
        assert (block.barred is not None and "no_links_from" in block.barred) == (
            own == "food" or "sensitive" in (block.barred or "")
        ) or "sensitive" in (block.barred or "")
        assert "sport" not in {card.section for card in block.cards}
    assert any(
        card.section == "food" for block in everything(model, limit=30) for card in block.cards
    )


def test_apart_keeps_sponsored_and_journalism_apart_in_both_directions(
    sample_index: Path, records: dict[str, dict[str, Any]]
) -> None:
    """Under the sponsored only the sponsored, and nowhere else."""
    model = with_rules(sample_index, {"apart": [{"label": "sponsored"}]})
    for block in everything(model, limit=40):
        own = records[block.source.id or ""].get("label") == "sponsored"
        for card in block.cards:
            assert (card.label == "sponsored") == own


def test_blocked_pairs_never_stand_together(sample_index: Path, news: Recommender) -> None:
    """In neither direction; the next one takes the place."""
    first = ids(news.related("sc-en-0037"))[0]
    model = with_rules(sample_index, {"blocked": [["sc-en-0037", first]]})

    assert first not in ids(model.related("sc-en-0037", limit=50))
    assert "sc-en-0037" not in ids(model.related(first, limit=50))
    assert len(model.related("sc-en-0037").cards) == 6


def test_pinned_stands_first_where_and_while_it_is_meant(sample_index: Path) -> None:
    """In its section, between its dates, not under itself; a rule against it wins, and is told."""
    pin = {
        "article": "sc-en-0010",
        "under": {"section": "world"},
        "from": "2026-06-01",
        "until": "2026-07-01",
    }
    model = with_rules(sample_index, {"pinned": [pin]})
    inside, after = "2026-06-15", "2026-07-01"

    block = model.related("sc-en-0037", now=inside)
    assert ("sc-en-0010", "pinned") == (block.cards[0].id, block.cards[0].origin)
    assert len(block.cards) == 6
    assert "pinned" not in {c.origin for c in model.related("sc-en-0037", now=after).cards}
    assert "pinned" not in {c.origin for c in model.related("sc-en-0001", now=inside).cards}
    assert "sc-en-0010" not in ids(model.related("sc-en-0010", now=inside))

    both = with_rules(sample_index, {"pinned": [pin], "blocked": [["sc-en-0010", "sc-en-0037"]]})
    block = both.related("sc-en-0037", now=inside, explain=True)
    assert "sc-en-0010" not in ids(block)
    said = [r for r in block.removed if r.id == "sc-en-0010"]
    assert said
    assert "blocked" in said[0].reason


def test_evergreen_and_half_lives_of_sections(sample_index: Path) -> None:
    """Recipes do not age; politics ages in a day."""
    rules = {"evergreen": [{"section": "food"}], "half_life": {"world": "1d"}}
    model = with_rules(sample_index, rules)
    effects = {}
    for key in ("sc-en-0037", "sc-uk-0001", "sc-en-0050"):
        asked: dict[str, Any] = {"half_life": "10d", "limit": 60, "fallback": "none", **PLAIN}
        block = model.related(key, explain=True, **asked)
        for card in block.cards:
            share = sum(r.share for r in card.why if r.kind == "term")
            effects[key, card.id] = (card.section, card.score / share, card.published_at)
    for (key, _), (section, factor, published) in effects.items():
        source = model.index.published(model.index.find(key) or 0)
        age = abs(published.timestamp() - source) / DAY if published else 0.0
        life = {"food": None, "world": 1.0}.get(section or "", 10.0)
        assert factor == pytest.approx(1.0 if life is None else 0.5 ** (age / life), rel=1e-6)


def test_evergreen_is_exempt_from_max_age(sample_index: Path) -> None:
    """A recipe of March under an article of June."""
    model = with_rules(sample_index, {"evergreen": [{"section": "food"}]})

    found = model.related("sc-en-0037", max_age="3d", limit=60, fallback="none").cards

    far = [c for c in found if c.published_at and abs(c.published_at.month - 6) > 0]
    assert {"food"} >= {card.section for card in far}
    index = model.index
    here = index.published(index.find("sc-en-0037") or 0)
    for card in found:
        away = abs(index.published(index.find(card.id) or 0) - here)
        assert card.section == "food" or away <= 3 * DAY


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of articles with embargoes, regions, no titles, no dates and future dates."""
    words = ("bridge", "river", "city", "flood", "repair", "traffic", "mayor", "steel")
    places = {"kyiv": "Kyiv", "lviv": "L"}
    until = {"secret": "2026-02-01", "ever": "when ready"}
    rows = [
        {
            "id": key,
            "title": "" if key == "untitled" else f"Bridge {key}",
            "body": " ".join(f"The {word} of {key} number {i}." for i, word in enumerate(words)),
            "lang": "en",
            "section": "city",
            "published_at": {"future": "2026-03-01", "undated": ""}.get(key, "2026-01-10T10:00Z"),
            "region": places.get(key, ""),
            "embargo_until": until.get(key, ""),
        }
        for key in ("plain", "kyiv", "lviv", "secret", "ever", "future", "untitled", "undated")
    ]
    folder = tmp_path_factory.mktemp("marked")
    recommender.build(rows, folder)
    return folder


NEAR: dict[str, Any] = {"duplicates": 0.0, "fallback": "none", "limit": 20}


def test_embargo_holds_until_its_moment(marked: Path) -> None:
    """By the article's own column; one that cannot be read holds for ever."""
    model = recommender.open(marked)

    before = ids(model.related("plain", now="2026-01-31T23:59:59Z", **NEAR))
    after = ids(model.related("plain", now="2026-02-01", **NEAR))

    assert not {"secret", "ever"} & set(before)
    assert "secret" in after
    assert "ever" not in after


def test_embargo_of_the_rules_and_of_the_future(marked: Path) -> None:
    """A rule names an article or a section; what is dated later is not published yet."""
    rules = {"embargo": [{"region": "kyiv", "until": "2026-05-01"}]}
    model = with_rules(marked, rules)

    assert "kyiv" not in ids(model.related("plain", now="2026-04-30", **NEAR))
    assert "kyiv" in ids(model.related("plain", now="2026-05-01", **NEAR))
    assert "future" not in ids(model.related("plain", now="2026-02-28", **NEAR))
    assert "future" in ids(model.related("plain", now="2026-03-02", **NEAR))


def test_same_region_where_both_have_one(marked: Path) -> None:
    """An article without a region fits everywhere."""
    model = with_rules(marked, {"same": ["region"]})

    assert "lviv" not in ids(model.related("kyiv", **NEAR))
    assert "plain" in ids(model.related("kyiv", **NEAR))
    assert {"kyiv", "lviv"} <= set(ids(model.related("plain", **NEAR)))


def test_untitled_is_no_card_and_undated_has_no_age(marked: Path) -> None:
    """Without a title nothing can be shown; without a date nothing can be fresh."""
    model = recommender.open(marked)

    assert "untitled" not in ids(model.related("plain", **NEAR))
    assert "untitled" in ids(model.related("plain", preset="similarity", limit=20))
    assert "undated" in ids(model.related("plain", **NEAR))
    assert "undated" not in ids(model.related("plain", **NEAR, half_life="7d"))
    assert "undated" not in ids(model.related("plain", **NEAR, max_age="900d"))
    # Under an undated article age says nothing.
    assert "plain" in ids(model.related("undated", **NEAR, half_life="1d", max_age="1d"))


# --- languages ---


def test_languages_in_order_fill_one_after_the_other(news: Recommender) -> None:
    """First all that the first language has, then the next."""
    block = news.related("sc-uk-0001", languages="ru,uk", limit=60, fallback="none")

    langs = [card.lang or "" for card in block.cards]
    assert {"ru", "uk"} == set(langs)
    assert langs == sorted(langs)


@pytest.mark.parametrize("key", ["sc-en-0009", "sc-uk-0001", "sc-ru-0001"])
def test_any_language_never_shows_a_translation_of_the_article(
    news: Recommender, sample: Path, key: str
) -> None:
    """The same told in another language is no news; asked for, it is named."""
    block = news.related(key, languages="any", limit=60, twins=True, explain=True)

    twins = {twin.id for twin in block.twins}
    assert twins
    assert not twins & set(ids(block))
    assert twins <= {removal.id for removal in block.removed if removal.step == "twins"}
    judged = (sample / "judgements.tsv").read_text(encoding="utf-8")
    assert any(f"{key}\t{twin}\ttranslation" in judged for twin in twins)


# --- pages ---


def test_page_has_no_card_twice(news: Recommender) -> None:
    """Blocks choose one after another; what the page shows is left out; none starves."""
    for key in ONE_OF_EACH:
        shown = ids(news.related(key))[:2]
        page = news.related_page(
            key,
            {"more": {"limit": 4}, "background": {"preset": "background"}, "site": {"limit": 5}},
            exclude_ids=shown,
        )
        every = [card for block in page.values() for card in ids(block)]

        assert ["more", "background", "site"] == list(page)
        assert len(set(every)) == len(every)
        assert not {*shown, key} & set(every)
        assert (4, 5) == (len(page["more"].cards), len(page["site"].cards))


def test_page_shows_no_copy_of_what_it_shows(news: Recommender) -> None:
    """A reprint of an excluded card is the same story twice."""
    block = news.related("sc-en-0001", exclude_ids=["sc-en-0002"], limit=40)

    assert not {"sc-en-0002", "sc-en-0003"} & set(ids(block))


@pytest.mark.parametrize("key", ["sc-uk-0001", "sc-uk-0006"])
def test_ordered_languages_show_no_translation_of_the_article(news: Recommender, key: str) -> None:
    """Neither does any."""
    twins = {twin.id for twin in news.related(key, twins=True).twins}

    assert twins
    for languages in ("uk,ru,en", "ru", "any"):
        assert not twins & set(ids(news.related(key, languages=languages, limit=60)))


def test_no_two_cards_tell_the_same_in_two_languages(news: Recommender, sample: Path) -> None:
    """Whatever languages are asked for."""
    name, find = news.index.article_id, news.index.find
    for key in ("sc-uk-0010", "sc-en-0037", "sc-ru-0012", "sc-uk-0001"):
        for languages in ("any", "ru,en"):
            shown = ids(news.related(key, languages=languages, limit=80))
            assert len({card[3:5] for card in shown}) > 1
            for card in shown:
                twins = {name(twin) for twin in twins_of(news.index, find(card) or 0)}
                assert not twins & set(shown), (key, card)


def test_page_without_blocks_is_refused(news: Recommender) -> None:
    """A list of names is no mapping of options."""
    with pytest.raises(InputError, match="mapping"):
        news.related_page("sc-en-0001", {})
    with pytest.raises(InputError, match="one text"):
        news.related_page("sc-en-0001", {"a": {}}, exclude_ids="sc-en-0002")


def test_several_articles_have_one_block_without_them(news: Recommender) -> None:
    """A reader's history: none of it is recommended again."""
    keys = ["sc-en-0001", "sc-en-0037", "nobody"]

    block = news.related_to_several(keys)

    assert ("nobody",) == block.missing_ids
    assert not set(keys) & set(ids(block))
    near = {card for key in keys[:2] for card in ids(news.related(key))}
    assert len(near & set(ids(block))) >= 3
    with pytest.raises(UnknownArticleError, match="None of the 1"):
        news.related_to_several(["nobody"])
    with pytest.raises(InputError, match="list of article ids"):
        news.related_to_several("sc-en-0001")


def test_exclude_ids_of_a_hundred_thousand_are_looked_up_in_a_moment(news: Recommender) -> None:
    """As many as a page may know; the unknown are told."""
    many = [f"gone-{i}" for i in range(100_000)]

    block = news.related("sc-en-0001", exclude_ids=[*many, "sc-en-0002"])

    assert len(block.missing_ids) == 100_000
    assert "sc-en-0002" not in ids(block)


# --- why, and why not ---


def test_why_not_says_for_every_article_what_became_of_it(news: Recommender) -> None:
    """Shown with its rank, or left out by a step; and never both."""
    for key in ONE_OF_EACH:
        block = news.related(key, preset="news")
        ranks = {card.id: card.rank for card in block.cards}
        under = {copy for card in block.cards for copy in card.copies}
        for doc in news.index.docs().tolist():
            other = news.index.article_id(doc)
            verdict = news.why_not(key, other, preset="news")
            assert verdict.shown == (other in ranks)
            if verdict.shown:
                assert ranks[other] == verdict.rank
                assert verdict.step is None
            else:
                assert verdict.step
                assert verdict.reason
                if other in under:
                    assert verdict.step == "duplicates"


@pytest.mark.parametrize(
    ("other", "options", "step", "said"),
    [
        ("sc-en-0037", {}, "itself", "itself"),
        ("sc-uk-0001", {}, "languages", "uk"),
        ("sc-en-0038", {"exclude_ids": ["sc-en-0038"]}, "exclude_ids", "call"),
        ("sc-en-0038", {"preset": "background"}, "include_newer", "newer"),
        ("sc-en-0001", {"max_age": "5d"}, "max_age", "max_age"),
        ("sc-en-0038", {"threshold": 0.9, "fallback": "none"}, "threshold", "0.9"),
        ("sc-en-0001", {"limit": 3}, "limit", "3 others come before it"),
        ("sc-en-0006", {"limit": 1, "preset": "similarity"}, "limit", "by score"),
    ],
)
def test_why_not_names_the_step(
    news: Recommender, other: str, options: dict[str, Any], step: str, said: str
) -> None:
    """Each step in its words."""
    verdict = news.why_not("sc-en-0037", other, **options)

    assert not verdict.shown
    assert step == verdict.step
    assert said in verdict.reason


def test_explained_block_names_what_rules_left_out(sample_index: Path) -> None:
    """Near articles that no rule would let in, each with its rule."""
    model = with_rules(sample_index, {"no_links_to": [{"section": "world"}]})

    block = model.related("sc-en-0037", explain=True)

    said = {removal.id: removal for removal in block.removed}
    assert said["sc-en-0038"].step == "rules"
    assert "no_links_to: section world" in said["sc-en-0038"].reason
    assert not set(said) & set(ids(block))


# --- stories ---


def test_story_lists_its_articles_in_time(news: Recommender) -> None:
    """The NATO meeting, asked from any of its articles."""
    name, cards = news.story("sc-en-0037")

    assert {"sc-en-0035", "sc-en-0036", "sc-en-0037", "sc-en-0038"} == {c.id for c in cards}
    assert name == cards[0].id
    times = [card.published_at for card in cards if card.published_at]
    assert times == sorted(times)
    for card in cards:
        assert news.story(card.id)[0] == name
        assert card.story_id == name


# --- life ---


def test_deleted_and_added_articles_move_at_once(sample: Path, tmp_path: Path) -> None:
    """Marks, stories and ladders follow the index; what is known of old segments is shared."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    articles = [json.loads(line) for line in lines]
    model = recommender.build(articles, tmp_path / "news")
    first = ids(model.related("sc-en-0037"))[0]
    new = {
        **next(a for a in articles if a["id"] == first),
        "id": "new",
        "url": None,
        "title": "Quite another headline about the meeting in Tallinn",
        "published_at": "2026-06-29T12:00:00Z",
    }
    delete_articles([ids(model.related("sc-en-0037"))[1]], tmp_path / "news")
    add_articles([new], tmp_path / "news")
    assert model.refresh()

    block = model.related("sc-en-0037")
    assert "new" in ids(block)
    card = next(card for card in block.cards if card.id == "new")
    assert first in card.copies
    assert set(model.answers.knowledge._marks) == set(model.index.manifest.order)
    latest = model.related("sc-en-0037", preset="latest", limit=50)
    assert "new" in ids(latest)


def test_rebuilt_index_gives_the_blocks_of_the_grown_one(sample: Path, tmp_path: Path) -> None:
    """Every step, not only the search: ids, scores, roles and stories after adds and deletes."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    articles = [json.loads(line) for line in lines]
    recommender.build(articles[:120], tmp_path / "grown")
    add_articles(articles[120:], tmp_path / "grown")
    gone = [article["id"] for article in articles[5:140:15]]
    delete_articles(gone, tmp_path / "grown")
    grown = recommender.open(tmp_path / "grown")
    fresh = recommender.build([a for a in articles if a["id"] not in gone], tmp_path / "fresh")

    options: list[dict[str, Any]] = [
        {"mode": "exact", "same_story": 0.0, **PLAIN},
        {"mode": "exact", "preset": "background", "same_story": 0.0, "max_per_section": 2, **PLAIN},
        {"preset": "latest", "same_story": 0.0},
    ]
    for asked in options:
        for doc in fresh.index.docs().tolist():
            key = fresh.index.article_id(doc)
            one, other = grown.related(key, **asked), fresh.related(key, **asked)
            assert ids(one) == ids(other)
            assert [c.score for c in one.cards] == [c.score for c in other.cards]
            assert [c.copies for c in one.cards] == [c.copies for c in other.cards]


# --- symptoms that were mended ---


def text_of(key: str, number: int = 0) -> str:
    """Return a text that shares most words with others, and has some of its own."""
    words = ("bridge", "river", "city", "flood", "repair", "traffic", "mayor", "steel")
    return " ".join(f"The {word} of {key} {number}." for word in words)


def made(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Build an index of English articles of January and return its folder."""
    given = {"lang": "en", "section": "city", "published_at": "2026-01-10T10:00Z"}
    recommender.build([{**given, "title": f"Bridge {row['id']}", **row} for row in rows], folder)
    return folder


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index whose ids have capitals and accents, and whose articles have addresses."""
    keys = ("AB-1", "AB-2", "ab-3", "плї")
    site = "https://x.example/"
    rows = [{"id": key, "url": site + str(i), "body": text_of(key)} for i, key in enumerate(keys)]
    return made(tmp_path_factory.mktemp("named"), rows)


@pytest.mark.parametrize("key", ["AB-1", "пл\u0456\u0308"])
@pytest.mark.parametrize("rule", ["no_links_to", "embargo"])
def test_rule_of_an_id_with_capitals_or_accents_was_not_heeded(
    named: Path, key: str, rule: str
) -> None:
    """An embargo of one article by its id, in any Unicode spelling of it."""
    until = {"until": "2100-01-01"} if rule == "embargo" else {}
    model = with_rules(named, {rule: [{"id": key, **until}]})
    meant = model.answers.find(key)
    assert meant is not None

    shown = ids(model.related("ab-3", **NEAR))

    assert len(shown) == 2
    assert model.index.article_id(meant) not in shown


@pytest.mark.parametrize("pair", [("AB-1", "AB-2"), ("https://x.example/0", "AB-2")])
def test_blocked_pair_stood_together_in_one_direction(named: Path, pair: tuple[str, str]) -> None:
    """Of two ids, or of an address and an id."""
    model = with_rules(named, {"blocked": [pair]})

    assert "AB-2" not in ids(model.related("AB-1", **NEAR))
    assert "AB-1" not in ids(model.related("AB-2", **NEAR))
    together = model.related_to_several(["AB-1", "ab-3"], **NEAR)
    assert ids(together) == ["плї"]


def test_rule_of_the_same_language_broke_every_block(news: Recommender, sample_index: Path) -> None:
    """It is a field like another; only ids cannot agree."""
    from recommender.rulecheck import check_rules

    model = with_rules(sample_index, {"same": ["lang"]})

    block = model.related("sc-en-0037", languages="any", limit=30)
    assert {"en"} == {card.lang for card in block.cards}
    assert 144 == check_rules(model)[0].articles
    with pytest.raises(ConfigError, match="same names 'id'"):
        with_rules(sample_index, {"same": ["id"]})


def test_twin_and_story_showed_what_is_under_embargo(sample_index: Path) -> None:
    """Neither names an article that is not to be shown yet; asked for itself, it may be."""
    hidden = [{"lang": "uk", "until": "2100-01-01"}, {"id": "sc-en-0036", "until": "2100-01-01"}]
    model = with_rules(sample_index, {"embargo": hidden})

    assert "uk" not in {t.lang for t in model.related("sc-en-0009", twins=True).twins}
    assert "sc-en-0036" not in {card.id for card in model.story("sc-en-0037")[1]}
    assert "sc-en-0036" in {card.id for card in model.story("sc-en-0036")[1]}


@pytest.mark.parametrize("now", [float("nan"), float("inf"), float("-inf"), 10**400])
def test_moment_that_is_none_lifted_embargoes(marked: Path, now: float) -> None:
    """It is refused."""
    with pytest.raises(InputError, match="expected a moment"):
        recommender.open(marked).related("plain", now=now, **NEAR)


def test_several_sensitive_articles_had_a_block(news: Recommender) -> None:
    """One of them among others of a history does no harm."""
    keys = [news.index.article_id(int(d)) for d in news.answers.knowledge.sensitive[:2]]

    assert "sensitive" in (news.related_to_several(keys).barred or "")
    assert news.related_to_several([*keys, "sc-en-0037"]).cards


def test_several_articles_of_two_languages_had_cards_of_a_third(news: Recommender) -> None:
    """The languages of a history are all its own."""
    block = news.related_to_several(["sc-en-0037", "sc-uk-0001"], limit=100)

    assert {"en", "uk"} == {card.lang for card in block.cards}


def test_pin_vanished_under_an_evergreen_rule_or_a_cap_on_hubs(sample_index: Path) -> None:
    """Dates and hubs are no rules: an editor's pin stands before them."""
    rules = {"pinned": [{"article": "sc-en-0001"}], "evergreen": [{"section": "food"}]}
    model = with_rules(sample_index, rules)

    assert ids(model.related("sc-en-0037", max_age="5d"))[0] == "sc-en-0001"
    assert ids(model.related("sc-en-0037", max_listed=1))[0] == "sc-en-0001"


@pytest.mark.parametrize(
    ("key", "other", "options", "step"),
    [
        ("sc-en-0001", "sc-en-0037", {"max_age": "5d"}, "max_age"),
        ("sc-en-0037", "sc-en-0038", {"max_listed": 1}, "max_listed"),
        ("sc-en-0037", "sc-en-0001", {"half_life": "30m"}, "freshness"),
    ],
)
def test_why_not_named_another_step(
    news: Recommender, key: str, other: str, options: dict[str, Any], step: str
) -> None:
    """What is newer than max_age allows is not newer than the article."""
    assert step == news.why_not(key, other, fallback="none", **options).step


def test_why_not_under_evergreen_rules_named_the_rules(sample_index: Path) -> None:
    """It was max_age."""
    model = with_rules(sample_index, {"evergreen": [{"section": "food"}]})

    assert model.why_not("sc-en-0037", "sc-en-0001", max_age="5d").step == "max_age"


@pytest.mark.parametrize(
    "options", [{"max_age": "5d"}, {"include_newer": False}, {"max_listed": 12}]
)
def test_export_of_the_plain_preset_left_dates_and_hubs_unheeded(
    news: Recommender, options: dict[str, Any]
) -> None:
    """Its lists are those of the blocks."""
    from recommender.export import related_rows

    asked = {"preset": "similarity", **options}
    for row in related_rows(news, **asked):
        assert row["related"] == ids(news.related(row["id"], **asked))


@pytest.mark.parametrize("neighbours", [0, 32])
@pytest.mark.parametrize("half_life", ["20m", "1h", "6h"])
def test_short_half_life_lost_what_is_far_away(
    sample: Path, tmp_path: Path, neighbours: int, half_life: str
) -> None:
    """The list of scoring everything, with a table of neighbours and without."""
    config = config_from({"search": {"neighbours": neighbours}})
    model = recommender.build(sample / "articles.jsonl", tmp_path / "news", config=config)
    index, life = model.index, {"20m": 1200, "1h": 3600, "6h": 21_600}[half_life]
    for key in ONE_OF_EACH:
        doc = index.find(key) or 0
        query, here = index.query_of(doc), index.published(doc)
        worth = {}
        for other in index.docs().tolist():
            left = 0.5 ** (abs(index.published(other) - here) / life)
            same = index.language_code(other) == index.language_code(doc)
            if other != doc and same and left >= 0.5**64:
                worth[other] = index.score(query, other) * left
        expected = sorted((d for d in worth if worth[d] > 0), key=lambda d: (-worth[d], d))

        block = model.related(key, preset="similarity", half_life=half_life, limit=40, **PLAIN)

        assert [index.article_id(d) for d in expected[:40]] == ids(block)


def test_fresh_and_unlike_ones_crowded_out_what_reaches_the_threshold(tmp_path: Path) -> None:
    """A hundred of today with one word of it, and eight of last month with all."""
    old = [{"id": f"old-{i}", "body": text_of("x", i), "published_at": "2026-01-01"}
           for i in range(8)]  # fmt: skip
    new = [
        {
            "id": f"new-{i}",
            "title": f"Bridge a{i}",
            "body": " ".join(f"w{i}x{j}" for j in range(60)),
            "published_at": "2026-01-31",
        }
        for i in range(100)
    ]
    asked = {"id": "asked", "body": text_of("x", 9), "published_at": "2026-01-31"}
    model = recommender.open(made(tmp_path / "news", [*old, *new, asked]))

    block = model.related("asked", **NEAR | {"limit": 6}, threshold=0.3, half_life="1d")

    assert len(block.cards) == 6
    assert all(key.startswith("old") for key in ids(block))


def test_ladder_ended_where_the_latest_are_by_one_author(tmp_path: Path) -> None:
    """An agency's last three hundred pieces, and eight by others before them."""
    rows = [
        {
            "id": f"a{i:03}",
            "title": f"t{i}",
            "body": f"x{i} y{i} z{i}",
            "authors": ["Agency"] if i > 8 else [f"Author {i}"],
            "published_at": f"2026-01-{1 + i // 24:02}T{i % 24:02}:00Z",
        }
        for i in range(309)
    ]
    model = recommender.open(made(tmp_path / "news", rows))

    block = model.related("a200", max_per_author=1)

    assert ids(block) == ["a308", "a008", "a007", "a006", "a005", "a004"]


@pytest.mark.parametrize("options", [5, None, ["limit"]])
def test_page_with_a_block_that_is_no_mapping_crashed(news: Recommender, options: Any) -> None:
    """The block is named."""
    with pytest.raises(InputError, match="'more'"):
        news.related_page("sc-en-0001", {"more": options})


def test_page_with_options_of_explain_and_no_ids_crashed(news: Recommender) -> None:
    """Both are options of a block like others."""
    page = news.related_page("sc-en-0001", {"a": {"explain": True, "exclude_ids": None}, "b": {}})

    assert len(page["a"].cards[0].why) > len(page["b"].cards[0].why)
    with pytest.raises(InputError, match="exclude_ids is 5"):
        news.related("sc-en-0001", exclude_ids=5)


def test_story_depended_on_the_article_that_was_asked(news: Recommender) -> None:
    """All its articles tell the same list: each goes on with another of it."""
    stories = news.answers.knowledge.stories(0.1)
    firsts = stories.firsts(news.index.docs().tolist())
    for doc, first in firsts.items():
        own = {other for other, begin in firsts.items() if begin == first}
        assert own == set(stories.members(doc))


def test_knowledge_kept_what_is_of_no_use(sample: Path, tmp_path: Path) -> None:
    """Columns of segments that are gone, and stories for every threshold ever asked for."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    articles = [json.loads(line) for line in lines]
    model = recommender.build(articles[:100], tmp_path / "news")
    for article in articles[100:104]:
        add_articles([article], tmp_path / "news")
        model.refresh()
        model.related("sc-en-0001")
    for i in range(100):
        model.answers.knowledge.stories(0.2 + i / 1000)

    known = model.answers.knowledge
    assert set(known._marks) == set(model.index.manifest.order)
    assert len(known._stories) < 50


# --- a block's promises ---


def test_no_block_holds_what_it_must_not(sample_index: Path, news: Recommender) -> None:
    """Whatever is asked: no repeats, not itself, no sensitive, blocked or other-language card."""
    check_promises(sample_index, seed=1, n_cards=6_000)


@pytest.mark.full
def test_no_block_of_a_million_cards_holds_what_it_must_not(sample_index: Path) -> None:
    """The same at length."""
    check_promises(sample_index, seed=2, n_cards=1_000_000)


def check_promises(model_path: Path, *, seed: int, n_cards: int) -> None:
    """Ask for blocks at random until so many cards were seen."""
    rng = np.random.default_rng(seed)
    plain = recommender.open(model_path)
    every = [plain.index.article_id(int(doc)) for doc in plain.index.docs()]
    seen = 0
    while seen < n_cards:
        pairs = rng.choice(every, (6, 2)).tolist()
        rules: dict[str, Any] = {
            "blocked": [pair for pair in pairs if pair[0] != pair[1]],
            "no_links_to": [{"section": str(rng.choice(["sport", "food", "world"]))}],
            "apart": [{"label": "sponsored"}],
            "embargo": [{"id": str(rng.choice(every)), "until": "2100-01-01"}],
            "pinned": [{"article": str(rng.choice(every))}],
        }
        model = with_rules(model_path, rules)
        for _ in range(100):
            seen += _check_one(model, rng, every, rules)


def _check_one(
    model: Recommender, rng: np.random.Generator, every: list[str], rules: Mapping[str, Any]
) -> int:
    key = str(rng.choice(every))
    excluded = rng.choice(every, int(rng.integers(0, 40))).tolist()
    options: dict[str, Any] = {
        "limit": int(rng.integers(1, 60)),
        "preset": str(rng.choice(["news", "background", "evergreen", "latest"])),
        "languages": str(rng.choice(["same", "any", "uk,ru"])),
        "diversity": float(rng.choice([0.0, 0.3])),
        "max_per_section": int(rng.choice([0, 2])),
        "exclude_ids": excluded,
    }
    block = model.related(key, **options)
    shown = [*ids(block)]
    told = [*shown, *(copy for card in block.cards for copy in card.copies)]
    lang = block.source.lang
    sets: dict[str, set[str | None]] = {"same": {lang}, "any": {*LANGS}, "uk,ru": {"uk", "ru"}}
    allowed = sets[options["languages"]]
    blocked = {other for pair in rules["blocked"] if key in pair for other in pair}
    assert len(set(told)) == len(told)
    assert not {key, *excluded, *blocked} & set(told)
    assert rules["embargo"][0]["id"] not in told
    for card in block.cards:
        doc = model.index.find(card.id)
        assert doc is not None
        assert not model.index.is_gone(doc)
        assert card.title
        assert card.section != rules["no_links_to"][0]["section"]
        assert card.lang in allowed
        assert doc not in model.answers.knowledge.sensitive
    return len(block.cards)


def test_settings_of_the_block_are_all_documented() -> None:
    """Each has a default, and a line in its docstring."""
    from recommender.ranking.settings import BlockSettings

    for each in dataclasses.fields(BlockSettings):
        assert f"    {each.name} : " in (BlockSettings.__doc__ or "")
    assert Config().block == BlockSettings()


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_first_block_of_a_generation_read_every_card(
    sample_index: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """What rules and marks ask of all cards is read before a worker is asked."""
    rules = {"no_links_to": [{"section": "Sport"}], "apart": [{"label": "sponsored"}]}
    model = with_rules(sample_index, rules, preset="news")
    model.answers.prepare()
    read, whole = [], StringColumn.__iter__

    def counted(column: StringColumn) -> Iterator[str]:
        read.append(len(column))
        return whole(column)

    monkeypatch.setattr(StringColumn, "__iter__", counted)

    block = model.related(key)

    assert block.cards
    assert not read
    assert ids(block) == ids(with_rules(sample_index, rules, preset="news").related(key))
    assert read, "the other one was asked before it had learnt anything"


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_more_reasons_than_fit_into_memory_are_all_there_are(sample_index: Path, key: str) -> None:
    """A caller's number sizes no array: there are as many terms as are shared."""
    model = Recommender.open(sample_index)

    few, many = model.related(key, why=1000), model.related(key, why=2**62)

    assert few.cards == many.cards
