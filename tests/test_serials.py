"""Live blogs and series: one card for a live blog, the next part first, parts are no copies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import recommender
from recommender import Recommender
from recommender.article import Block
from recommender.config import config_from
from recommender.updates import add_articles, delete_articles

FLOOD: Mapping[str, str] = {
    "en": "flood river Verbove rescuers crest bridge villages dam pumps library Stavky sandbags "
    "evacuation meadow levee boats hydrologist Ruban gauge downpour reservoir sluice Hlyboke",
    "uk": "повінь річка Вербове рятувальники гребінь міст села дамба насоси бібліотека Ставки "
    "мішки евакуація луки вал човни гідролог Рубан водомір злива водосховище шлюз Глибоке",
    "ru": "паводок река Вербовое спасатели гребень мост сёла дамба насосы библиотека Ставки "
    "мешки эвакуация луга вал лодки гидролог Рубан водомер ливень водохранилище шлюз Глубокое",
}
REST: Mapping[str, str] = {
    "en": "parliament budget football goalkeeper vaccine orchestra harvest satellite pension tram",
    "uk": "парламент бюджет футбол воротар вакцина оркестр жнива супутник пенсія трамвай",
    "ru": "парламент бюджет футбол вратарь вакцина оркестр жатва спутник пенсия трамвай",
}
WORDS = {"en": "live", "uk": "Онлайн", "ru": "трансляция"}
LANGS = tuple(FLOOD)


def turned(lang: str, n: int) -> str:
    """Return a text on the flood: the same words in another order, and one of its own."""
    words = FLOOD[lang].split()
    words = words[n:] + words[:n]
    return f"{' '.join(words[::-1] if n % 2 else words)} n{n}."


def articles_of(lang: str) -> list[dict[str, Any]]:
    """Return a report of a flood, a live blog of three days, an old one, and a series; and others.

    All texts on the flood share nearly all of their words.
    """

    def made(n: int, key: str, day: int, **more: Any) -> dict[str, Any]:
        told = {"id": f"{lang}-{key}", "lang": lang, "title": f"{FLOOD[lang].split()[n]} {n}"}
        at = f"2026-03-{day:02d}T08:00:00Z"
        whole = {"body": turned(lang, n), "published_at": at, "section": "weather"}
        return {**told, **whole, **more}

    series = {"en": "Rivers", "uk": "Річки", "ru": "Реки"}[lang]
    rest = REST[lang].split()
    return [
        made(0, "report", 22),
        *(made(1 + n, f"live-{n}", 20 + n, label=WORDS[lang]) for n in range(3)),
        made(4, "live-old", 2, label=WORDS[lang]),
        *(made(4 + n, f"part-{n}", 1 + n, series=series) for n in range(1, 5)),
        *(made(9, f"other-{n}", 9, body=" ".join(rest[n:] + rest[:n])) for n in range(3)),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three languages of it."""
    place = tmp_path_factory.mktemp("serials") / "news"
    recommender.build([a for lang in LANGS for a in articles_of(lang)], place)
    return place


@pytest.fixture(scope="module")
def model(folder: Path) -> Recommender:
    """As a newsroom of three languages names its live blogs; nothing fills up."""
    block = {"live": "live, онлайн, трансляция", "fallback": "none"}
    return recommender.open(folder, config=config_from({"block": block}))


def told(block: Block) -> dict[str, tuple[str, ...]]:
    """Return the cards of a block, and what each stands for."""
    return {card.id: card.copies for card in block.cards}


# --- live blogs ---


@pytest.mark.parametrize("lang", LANGS)
def test_live_blog_takes_one_card_and_the_newest_instalment_is_shown(
    model: Recommender, lang: str
) -> None:
    """Earlier ones are under it; one of weeks before is another live blog."""
    found = told(model.related(f"{lang}-report", limit=20, duplicates=0))

    assert (f"{lang}-live-1", f"{lang}-live-0") == found[f"{lang}-live-2"]
    assert () == found[f"{lang}-live-old"]
    assert not {f"{lang}-live-0", f"{lang}-live-1"} & found.keys()
    for n in (0, 1):
        verdict = model.why_not(f"{lang}-report", f"{lang}-live-{n}", limit=20, duplicates=0)
        assert (False, "live") == (verdict.shown, verdict.step)
        assert f"{lang}-live-2" in verdict.reason


@pytest.mark.parametrize("lang", LANGS)
def test_under_a_live_blog_its_other_instalments_take_one_card(
    model: Recommender, lang: str
) -> None:
    """The reader of the first day is led to the last one."""
    found = told(model.related(f"{lang}-live-0", limit=20, duplicates=0))

    assert (f"{lang}-live-1",) == found[f"{lang}-live-2"]


@pytest.mark.parametrize("options", [{"live": "none"}, {"live": "video"}, {"preset": "similarity"}])
def test_live_blogs_are_as_others_where_none_are_told_apart(
    model: Recommender, options: dict[str, Any]
) -> None:
    """Three instalments, three cards."""
    found = told(model.related("uk-report", limit=20, duplicates=0, **options))

    assert {"uk-live-0", "uk-live-1", "uk-live-2"} <= found.keys()


def test_live_blog_by_type_and_by_series(tmp_path: Path) -> None:
    """A type says it too; a series holds one together where no story does."""
    articles = [dict(article) for article in articles_of("en")]
    for article in articles:
        if article.get("label") == "live":
            article.update(label=None, type="LIVE", series="flood live")
    recommender.build(articles, tmp_path / "news")
    model = recommender.open(tmp_path / "news")

    found = told(model.related("en-report", limit=20, duplicates=0, same_story=0))

    assert ("en-live-1", "en-live-0") == found["en-live-2"]


def test_instalment_is_no_card_beside_a_pinned_one(folder: Path) -> None:
    """Nor does the ladder add one."""
    rules = {"pinned": [{"article": "uk-live-1"}]}
    block = {"live": "онлайн"}
    model = recommender.open(folder, config=config_from({"rules": rules, "block": block}))

    found = model.related("uk-report", limit=30, duplicates=0, threshold=0.5, explain=True)

    assert ("uk-live-1", "pinned") == (found.cards[0].id, found.cards[0].origin)
    assert not {"uk-live-0", "uk-live-2"} & told(found).keys()
    steps = {r.id: r.step for r in found.removed}
    assert {"live"} == {steps[key] for key in ("uk-live-0", "uk-live-2") if key in steps}


def test_instalments_are_shown_once_on_a_page(model: Recommender) -> None:
    """What a card stands for is no card of a later block."""
    options = {"limit": 4, "duplicates": 0}
    page = model.related_page("ru-report", {"a": options, "b": options, "c": options})

    shown = [one for block in page.values() for k, v in told(block).items() for one in (k, *v)]
    assert len(set(shown)) == len(shown)


# --- series ---


@pytest.mark.parametrize("lang", LANGS)
def test_next_part_of_a_series_comes_first(model: Recommender, lang: str) -> None:
    """By publishing time, in its language; under the last one nothing does."""
    for n in range(1, 4):
        block = model.related(f"{lang}-part-{n}")
        assert (f"{lang}-part-{n + 1}", "series") == (block.cards[0].id, block.cards[0].origin)
        verdict = model.why_not(f"{lang}-part-{n}", f"{lang}-part-{n + 1}")
        assert verdict.shown
        assert "the next part of the series" in verdict.reason
    assert "series" not in {c.origin for c in model.related(f"{lang}-part-4").cards}
    assert "series" not in {c.origin for c in model.related(f"{lang}-report").cards}


def test_parts_of_a_series_were_taken_for_copies(model: Recommender) -> None:
    """They share nearly all of these texts, and yet each is a card."""
    found = told(model.related("en-part-2", limit=20))

    assert {"en-part-1", "en-part-3", "en-part-4"} <= found.keys()
    assert not {one for others in found.values() for one in others if "part" in one}


def test_reprint_of_a_part_is_a_copy(tmp_path: Path) -> None:
    """Its label says so, though it names the series."""
    articles = articles_of("uk")
    again = {**articles[7], "id": "uk-again", "label": "reprint"}
    recommender.build([*articles, again], tmp_path / "news")
    model = recommender.open(tmp_path / "news")

    found = told(model.related("uk-part-4", limit=20))

    assert "uk-again" not in found
    assert "uk-part-3" in found


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ({}, "uk-part-3"),
        ({"next_in_series": False}, None),
        ({"include_newer": False}, None),
        ({"preset": "background"}, None),
        ({"preset": "latest"}, None),
        ({"preset": "similarity"}, None),
        ({"exclude_ids": ["uk-part-3"]}, None),
        ({"preset": "news"}, "uk-part-3"),
        ({"limit": 1}, "uk-part-3"),
        ({"languages": "ru"}, None),
        ({"languages": "any"}, "uk-part-3"),
    ],
)
def test_next_part_comes_where_the_block_takes_it(
    model: Recommender, options: dict[str, Any], first: str | None
) -> None:
    """Dates, languages and what the page has hold for it too."""
    block = model.related("uk-part-2", **options)

    assert ([first] if first else []) == [c.id for c in block.cards if c.origin == "series"]


def test_next_part_that_may_not_be_shown_is_passed_over(folder: Path) -> None:
    """An embargo on part three leads on to part four; and a quota counts it."""
    rules = {"embargo": [{"id": "ru-part-3", "until": "2100-01-01"}]}
    model = recommender.open(folder, config=config_from({"rules": rules}))

    found = [card.id for card in model.related("ru-part-2", limit=20, max_per_series=1).cards]

    assert "ru-part-4" == found[0]
    assert not {"ru-part-1", "ru-part-3"} & set(found)


def test_draft_of_a_part_leads_to_the_part_after_it(model: Recommender) -> None:
    """By its date and series, spelt as it may be."""
    draft = {
        "title": "Rivers, part two and a half",
        "series": " RIVERS ",
        "lang": "en",
        "published_at": "2026-03-03T12:00:00Z",
    }

    block = model.related_to_article({**draft, "body": turned("en", 11)})

    assert ("en-part-3", "series") == (block.cards[0].id, block.cards[0].origin)


def test_part_that_is_added_or_deleted_moves_the_next_one_at_once(tmp_path: Path) -> None:
    """Nothing of a series is remembered beyond its generation."""
    articles = articles_of("en")
    recommender.build(articles, tmp_path / "news")
    model = recommender.open(tmp_path / "news")
    assert model.related("en-part-2").cards[0].id == "en-part-3"

    delete_articles(["en-part-3"], tmp_path / "news")
    model.refresh()
    assert model.related("en-part-2").cards[0].id == "en-part-4"

    between = {**articles[6], "id": "en-part-2b", "published_at": "2026-03-03T20:00:00Z"}
    add_articles([between], tmp_path / "news")
    model.refresh()
    assert model.related("en-part-2").cards[0].id == "en-part-2b"


def test_rules_may_name_a_series(folder: Path) -> None:
    """As any field."""
    rules = {"no_links_to": [{"series": "rivers"}]}
    model = recommender.open(folder, config=config_from({"rules": rules}))

    assert not [c for c in model.related("en-part-1", limit=20).cards if "part" in c.id]


def test_sample_blocks_are_the_same_without_live_blogs_and_series(news: Recommender) -> None:
    """Where there are none of several instalments, these steps change nothing."""
    for doc in news.index.docs().tolist():
        key = news.index.article_id(doc)
        plain = news.related(key, live="none", next_in_series=False)

        assert json.dumps(told(plain)) == json.dumps(told(news.related(key)))


def test_export_lists_earlier_instalments_under_their_card(model: Recommender) -> None:
    """As a block does."""
    from recommender.export import related_rows

    rows = {row["id"]: row for row in related_rows(model, limit=6)}

    for key, row in rows.items():
        under = {card: list(copies) for card, copies in told(model.related(key)).items() if copies}
        assert under == row.get("copies", {})
    assert any(row.get("copies") for row in rows.values())
