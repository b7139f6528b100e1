"""Articles come and go in an index that is in use: in Ukrainian, Russian and English."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import recommender
from recommender.config import Config
from recommender.errors import (
    IndexLockedError,
    InputError,
    NotAnIndexError,
    UnknownArticleError,
)
from recommender.export import related_rows
from recommender.index.check import verify_index
from recommender.index.manifest import current
from recommender.index.settings import UpdateSettings
from recommender.overview import blocks_with, index_overview
from recommender.recommend import Recommender
from recommender.text.settings import BoilerplateSettings
from recommender.updates import Updater, add_articles, delete_articles, merge_index
from recommender.weighting import WeightSettings

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "articles.jsonl"
ARTICLES: list[dict[str, Any]] = [
    json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()
][::3]
# A build finds boilerplate among its articles; an update keeps to what the last build found.
PLAIN = Config(boilerplate=BoilerplateSettings(enabled=False))
SEGMENTS = Config(
    boilerplate=BoilerplateSettings(enabled=False), updates=UpdateSettings(last_segment=1)
)
FRESH: dict[str, dict[str, Any]] = {
    "uk": {
        "id": "new-uk",
        "lang": "uk",
        "title": "Острянський міст відкрили повністю",
        "body": "Міст через Остру в Зарічному знову відкрито для вантажівок, тріщину усунули.",
    },
    "ru": {
        "id": "new-ru",
        "lang": "ru",
        "title": "Мост в Заречном открыли",
        "body": "Мост через Остру в Заречном снова открыт для грузовиков, трещину заделали.",
    },
    "en": {
        "id": "new-en",
        "lang": "en",
        "title": "Bridge over the Ostra reopens",
        "body": "The bridge over the Ostra in Zarichne is open to lorries again, its crack mended.",
    },
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An index of the sample's third."""
    recommender.build_index(ARTICLES, tmp_path / "news", config=PLAIN)
    return tmp_path / "news"


def searches(root: Path) -> dict[str, Any]:
    """Return what an exact search finds for every article."""
    rows = related_rows(Recommender.open(root), limit=8, mode="exact")
    return {row["id"]: (row["related"], row["scores"]) for row in rows}


# --- adding ---


@pytest.mark.parametrize("lang", ["uk", "ru", "en"])
def test_added_article_is_found_at_once_and_leads_to_older_ones(model: Path, lang: str) -> None:
    """In its language, by every way of asking."""
    report = add_articles([FRESH[lang]], model)
    news = recommender.open(model)

    assert (report.added, report.articles) == (1, len(ARTICLES) + 1)
    nearest = news.related(f"new-{lang}", limit=3).cards
    assert {card.lang for card in nearest} == {lang}
    back = news.related(nearest[0].id, limit=3)
    assert f"new-{lang}" in [card.id for card in back.cards]
    found = news.related_to_text(**text_of(lang), limit=3, preset="similarity")
    assert f"new-{lang}" in [card.id for card in found.cards]


def text_of(lang: str) -> dict[str, Any]:
    """Return a fresh article as a draft."""
    return {name: FRESH[lang][name] for name in ("title", "body", "lang")}


@pytest.mark.parametrize("config", [PLAIN, SEGMENTS])
def test_updated_index_answers_as_a_build_of_the_same_articles(
    model: Path, tmp_path: Path, config: Config
) -> None:
    """Ids and scores of every search, with one segment and with several."""
    standing = {article["id"]: article for article in ARTICLES}
    with Updater(model, config=config) as updater:
        for lang, gone in (("uk", ARTICLES[3]["id"]), ("ru", ARTICLES[9]["id"]), ("en", None)):
            changed = {**ARTICLES[20], "body": f"Another text about the bridge, {lang}."}
            updater.add([FRESH[lang], changed])
            updater.delete([gone] if gone else [])
            updater.commit()
            standing |= {f"new-{lang}": FRESH[lang], changed["id"]: changed}
            standing.pop(gone or "", None)
        assert len(updater.index.parts) == (1 if config is PLAIN else 4)
    recommender.build_index(list(standing.values()), tmp_path / "fresh", config=PLAIN)

    assert searches(model) == searches(tmp_path / "fresh")
    assert verify_index(model).healthy


def test_same_articles_twice_publish_nothing_the_second_time(model: Path) -> None:
    """To send the feed of the last days again is free."""
    add_articles([FRESH["uk"], FRESH["en"]], model)
    before = current(model)
    report = add_articles([FRESH["uk"], FRESH["en"], ARTICLES[0]], model)

    assert (report.added, report.updated, report.unchanged) == (0, 0, 3)
    assert report.generation == before == current(model)


def test_new_version_replaces_the_old_one_everywhere(model: Path) -> None:
    """Its words, its card, its place in the blocks of others."""
    add_articles([FRESH["en"]], model)
    changed = {**FRESH["en"], "title": "Museum shows Scythian gold", "body": "Gold in the museum."}
    report = add_articles([changed], model)
    news = recommender.open(model)

    assert (report.added, report.updated, report.articles) == (0, 1, len(ARTICLES) + 1)
    assert news.index.card(news.answers.doc_of("new-en"))["title"] == changed["title"]
    cards = [c for row in related_rows(news, limit=6) for c in row["related"]]
    assert "new-en" in cards
    assert news.related_to_text(**text_of("en"), limit=1).cards[0].id != "new-en"


@pytest.mark.parametrize(
    ("stands", "given", "verdict"),
    [
        ("2026-05-02T10:00:00Z", "2026-05-01T10:00:00Z", "older"),
        ("2026-05-02T10:00:00Z", "2026-05-03T10:00:00Z", "updated"),
        ("2026-05-02T10:00:00Z", None, "updated"),
        (None, "2026-05-01T10:00:00Z", "updated"),
    ],
)
def test_version_with_the_later_updated_at_stands(
    model: Path, stands: str | None, given: str | None, verdict: str
) -> None:
    """Where either has none, the one given later."""
    add_articles([{**FRESH["uk"], "updated_at": stands}], model)
    report = add_articles([{**FRESH["uk"], "title": "Інша назва", "updated_at": given}], model)

    assert getattr(report, verdict) == 1
    title = recommender.open(model).related("new-uk").source.title
    assert title == ("Інша назва" if verdict == "updated" else FRESH["uk"]["title"])


def test_bad_articles_are_counted_and_the_good_ones_added(model: Path) -> None:
    """Nothing good is lost."""
    report = add_articles([{"id": "empty"}, FRESH["ru"], {"title": "no id"}], model)

    assert report.added == 1
    assert sum(report.rejected.values()) == 2


def test_two_versions_in_one_commit_count_once(model: Path) -> None:
    """The later stands."""
    report = add_articles([FRESH["en"], {**FRESH["en"], "title": "Later"}], model)

    assert (report.added, report.notices) == (1, {"replaced-by-later-version": 1})
    assert recommender.open(model).related("new-en").source.title == "Later"


# --- deleting ---


def test_deleted_article_is_in_no_block_and_no_export_from_the_commit_on(model: Path) -> None:
    """And ``where`` proves it."""
    victim = ARTICLES[0]["id"]
    assert blocks_with(Recommender.open(model), victim)["blocks"]
    report = delete_articles([victim, "never-there"], model)
    news = recommender.open(model)

    assert (report.deleted, report.unknown) == (1, ("never-there",))
    assert all(victim not in row["related"] for row in related_rows(news, limit=50))
    assert victim not in [row["id"] for row in related_rows(news)]
    with pytest.raises(UnknownArticleError):
        news.related(victim)
    found = blocks_with(news, victim)
    assert (found["status"], found["blocks"]) in (("deleted", []), ("unknown", []))


def test_where_lists_the_blocks_that_exporting_lists(model: Path) -> None:
    """Of a large index with tombstones and links, and of one just built."""
    for _ in range(2):
        news = Recommender.open(model)
        rows = list(related_rows(news, limit=4))
        for row in rows[:10]:
            found = blocks_with(news, row["id"], limit=4)
            want = {other["id"] for other in rows if row["id"] in other["related"]}
            assert {block["id"] for block in found["blocks"]} == want
        with Updater(model, config=SEGMENTS) as updater:
            updater.add(list(FRESH.values()))
            updater.delete([rows[0]["id"]])
            updater.commit()


def test_delete_of_all_leaves_an_index_that_can_be_filled_again(model: Path) -> None:
    """Nothing is found, nothing fails."""
    report = delete_articles([article["id"] for article in ARTICLES], model)
    assert (report.articles, report.deleted) == (0, len(ARTICLES))
    assert not list(related_rows(recommender.open(model)))

    add_articles([FRESH["uk"], {**FRESH["uk"], "id": "other"}], model)
    cards = recommender.open(model).related("new-uk", preset="similarity").cards
    assert [card.id for card in cards] == ["other"]
    assert verify_index(model).healthy


def test_deleted_and_added_again_is_a_new_article(model: Path) -> None:
    """Whatever its date."""
    add_articles([{**FRESH["en"], "updated_at": "2026-05-02T10:00:00Z"}], model)
    delete_articles(["new-en"], model)
    report = add_articles([{**FRESH["en"], "updated_at": "2026-05-01T10:00:00Z"}], model)

    assert report.added == 1


@pytest.mark.parametrize("ids", ["new-en", [1], [None]])
def test_ids_that_are_no_list_of_texts_are_refused(model: Path, ids: Any) -> None:
    """A text is many letters, none of them an id."""
    with pytest.raises(InputError):
        delete_articles(ids, model)
    assert current(model) == 1


# --- an updater kept open ---


def test_nothing_is_seen_before_the_commit_and_nothing_of_what_was_not_committed(
    model: Path,
) -> None:
    """A commit makes all of it visible together."""
    with Updater(model) as updater:
        updater.add([FRESH["uk"]])
        updater.delete([ARTICLES[0]["id"]])
        assert current(model) == 1
        updater.commit()
        assert current(model) == 2
        updater.add([FRESH["ru"]])
        updater.add([FRESH["en"]])
        updater.delete(["new-ru"])
        report = updater.commit()
        assert (report.added, report.unknown) == (1, ("new-ru",))
        updater.add([FRESH["ru"]])

    news = recommender.open(model)
    assert news.answers.find("new-ru") is None
    assert news.answers.find("new-en") is not None
    assert not list(model.glob("tmp-*"))


def test_second_writer_is_told_who_holds_the_index(model: Path) -> None:
    """One writer; its lock goes with it."""
    with Updater(model), pytest.raises(IndexLockedError, match=f"pid {os.getpid()}"):
        Updater(model)
    Updater(model).close()


def test_folder_without_an_index_is_left_as_it_is(tmp_path: Path) -> None:
    """No folder is made where there is nothing to add to."""
    with pytest.raises(NotAnIndexError):
        add_articles([FRESH["uk"]], tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_merge_into_one_segment_is_what_a_build_makes(model: Path, tmp_path: Path) -> None:
    """Blocks too: the neighbours are found anew."""
    with Updater(model, config=SEGMENTS) as updater:
        for article in FRESH.values():
            updater.add([article])
            updater.commit()
    report = merge_index(model)
    every = [*ARTICLES, *FRESH.values()]
    recommender.build_index(every, tmp_path / "fresh", config=PLAIN)
    merged, fresh = Recommender.open(model), Recommender.open(tmp_path / "fresh")

    assert report.segments == 1
    assert merged.index.is_fresh
    assert list(related_rows(merged)) == list(related_rows(fresh))


def test_merge_leaves_no_runs_of_neighbours_behind(model: Path) -> None:
    """They are kept only until the table is published."""
    merge_index(model)

    assert not list(model.glob("tmp-*"))


# --- readers ---


def test_refresh_moves_to_the_newest_and_says_so(model: Path) -> None:
    """A reader keeps its generation until then."""
    news = recommender.open(model)
    assert not news.refresh()
    before = news.answers
    add_articles([FRESH["uk"]], model)

    assert news.answers.find("new-uk") is None
    assert news.refresh()
    assert not news.refresh()
    assert news.answers.find("new-uk") is not None
    assert before.find("new-uk") is None  # a call under way keeps what it began with


def test_what_is_known_of_an_article_stays_with_it_in_the_next_generation(model: Path) -> None:
    """Known facts go on with their segment, also when its documents have other numbers by then."""
    news = recommender.open(model)
    add = {"title": "Bridge", "lang": "en", "published_at": "2026-06-01"}
    with Updater(model) as updater:
        for i in range(3):
            updater.add([{**add, "id": f"of-{i}", "section": f"Section {i}"}])
            updater.delete([f"of-{i - 1}"])
            updater.commit()
            news.refresh()
            known, fresh = news.answers.knowledge, recommender.open(model).answers.knowledge
            for doc in news.index.docs().tolist():
                assert fresh.facts_of(doc) == known.facts_of(doc)
            ours = known.facts_of(news.answers.doc_of(f"of-{i}"))
            assert (f"section {i}",) == ours["section"]


def test_refresh_of_one_that_was_made_of_an_index_is_refused(model: Path) -> None:
    """It has no folder to look at."""
    with pytest.raises(InputError):
        Recommender(recommender.open(model).index).refresh()


def test_threads_ask_while_others_publish_and_refresh(model: Path) -> None:
    """Every block is of one generation, with as many articles as that has."""
    news, wrong = recommender.open(model), list[str]()
    sizes = {1: len(ARTICLES)}
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            block = news.related(ARTICLES[1]["id"], limit=5)
            if sizes.get(block.index.generation, block.index.articles) != block.index.articles:
                wrong.append(f"{block.index}")

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(6):
        sizes[i + 2] = len(ARTICLES) + i + 1
        add_articles([{**FRESH["en"], "id": f"n{i}"}], model)
        news.refresh()
    done.set()
    for thread in threads:
        thread.join()

    assert not wrong
    assert news.index.n_articles == len(ARTICLES) + 6


def test_forked_child_keeps_its_generation_and_can_refresh(model: Path) -> None:
    """Children of a server that was loaded before the fork."""
    news = recommender.open(model)
    add_articles([FRESH["uk"]], model)
    pid = os.fork()
    if not pid:
        own = news.answers.find("new-uk") is None and bool(news.related(ARTICLES[1]["id"]).cards)
        os._exit(0 if own and news.refresh() and news.related("new-uk").cards else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


# --- statistics, overview ---


def test_frozen_statistics_and_their_drift_are_told(tmp_path: Path) -> None:
    """What a word weighed when the index was built, and how far that is from today."""
    config = Config(weights=WeightSettings(statistics="frozen"), updates=UpdateSettings(0))
    root = tmp_path / "news"
    recommender.build_index(ARTICLES, root, config=config)
    before = recommender.open(root).explain(ARTICLES[0]["id"], ARTICLES[1]["id"]).score
    with Updater(root, config=config) as updater:
        updater.add([{**FRESH["en"], "id": f"n{i}"} for i in range(20)])
        updater.commit()
    news = Recommender.open(root)
    found = index_overview(news, Config(), {})

    assert news.explain(ARTICLES[0]["id"], ARTICLES[1]["id"]).score == before
    assert found["search"]["statistics"].startswith("frozen; a word's weight is off by")
    assert found["index"]["segments"] == 2


def ids(news: Recommender) -> Iterator[str]:
    """Yield the ids of an index."""
    yield from (news.index.article_id(doc) for doc in news.index.docs().tolist())


def test_languages_are_counted_and_new_ones_get_a_code(model: Path) -> None:
    """Codes of older segments stay what they were."""
    polish = {"id": "pl", "lang": "pl", "title": "Most otwarty", "body": "Most na Ostrze otwarty."}
    with Updater(model, config=SEGMENTS) as updater:
        updater.add([polish])
        updater.commit()
        updater.delete(["pl"])
        updater.add([FRESH["uk"]])
        updater.commit()
    news = Recommender.open(model)
    languages = index_overview(news, Config(), {})["languages"]

    assert sum(languages.values()) == len(ARTICLES) + 1 == len(list(ids(news)))
    assert "pl" not in languages
    assert {card.lang for card in news.related("new-uk").cards} == {"uk"}
