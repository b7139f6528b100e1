"""Recommender on the bundled corpus, in three languages."""

from __future__ import annotations

import gc
import json
import os
import shutil
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import recommender
from recommender import Recommender
from recommender.article import to_json
from recommender.config import Config
from recommender.errors import (
    ConfigError,
    DamagedIndexError,
    IncompatibleIndexError,
    InputError,
    NotAnIndexError,
    UnknownArticleError,
)
from recommender.overview import index_overview
from recommender.updates import Updater
from tests.index.forging import change_manifest

ONE_OF_EACH = ["sc-en-0001", "sc-uk-0001", "sc-ru-0001"]


def records(sample: Path) -> dict[str, dict[str, Any]]:
    """Return the bundled articles by id."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    return {r["id"]: r for r in map(json.loads, lines)}


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_block_is_full_ordered_and_in_the_language_of_the_article(
    news: Recommender, key: str
) -> None:
    """Six different articles of the same language, best first, never the article itself."""
    block = news.related(key)

    ids = [card.id for card in block.cards]
    assert len(ids) == 6
    assert len(set(ids)) == 6
    assert key not in ids
    assert {card.lang for card in block.cards} == {block.source.lang}
    assert [1, 2, 3, 4, 5, 6] == [card.rank for card in block.cards]
    scores = [card.score for card in block.cards]
    assert sorted(scores, reverse=True) == scores


def test_block_of_every_article_holds_the_promises(news: Recommender) -> None:
    """No block of the corpus repeats an article, names its source, or mixes languages."""
    for doc in range(news.index.n_docs):
        block = news.related(news.index.article_id(doc), limit=10)
        ids = [card.id for card in block.cards]

        assert block.source.id not in ids
        assert len(set(ids)) == len(ids)
        assert {card.lang for card in block.cards} <= {block.source.lang}
        assert all(card.title and 0 <= card.score <= 1 for card in block.cards)
        assert all(card.score > 0 for card in block.cards if card.origin == "similar")


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_any_spelling_of_the_url_finds_the_article(
    news: Recommender, sample: Path, key: str
) -> None:
    """Scheme, www, tracking parameters and a trailing slash do not matter."""
    url = records(sample)[key]["url"]
    spellings = [
        url,
        url.replace("https://", "http://www."),
        f"{url}?utm_source=mail&fbclid=1",
        f"{url}/",
        url.removeprefix("https://"),
        f" {url}#comments",
    ]
    expected = to_json(news.related(key).cards)

    assert [expected] * len(spellings) == [to_json(news.related(s).cards) for s in spellings]


def test_unknown_article_names_the_id_and_shows_one(news: Recommender) -> None:
    """The error says what was asked for and what ids look like."""
    with pytest.raises(UnknownArticleError, match=r"'nope'.*Ids look like 'sc-"):
        news.related("nope")


def test_languages_any_may_answer_with_a_translation(news: Recommender) -> None:
    """The filter is a choice: any language, or named ones."""
    anyone = {c.lang for c in news.related("sc-uk-0001", languages="any", limit=100).cards}
    named = {c.lang for c in news.related("sc-uk-0001", languages="ru", limit=100).cards}

    assert len(anyone) > 1
    assert named == {"ru"}


def test_languages_of_no_language_is_refused(news: Recommender) -> None:
    """A typo in the language list is named."""
    with pytest.raises(ConfigError, match="klingon"):
        news.related("sc-en-0001", languages="klingon")


def test_threshold_and_exclude_ids_hold(news: Recommender) -> None:
    """Cards below the threshold and excluded ones never show; unknown ids are reported."""
    best = news.related("sc-en-0001").cards[0]

    block = news.related(
        "sc-en-0001",
        threshold=0.05,
        exclude_ids=[best.id, "gone"],
        limit=100,
        fallback="none",
    )

    assert best.id not in [card.id for card in block.cards]
    assert ("gone",) == block.missing_ids
    found = [news.explain("sc-en-0001", card.id).score for card in block.cards]
    assert found
    assert all(score >= 0.05 for score in found)


def test_limit_of_one_and_of_a_thousand(news: Recommender) -> None:
    """The extremes of the limit work; more than a thousand is refused."""
    assert len(news.related("sc-en-0001", limit=1).cards) == 1
    assert len(news.related("sc-en-0001", limit=1000).cards) > 20
    with pytest.raises(ConfigError, match="1001"):
        news.related("sc-en-0001", limit=1001)
    with pytest.raises(ConfigError, match="limit"):
        news.related("sc-en-0001", limit=0)


def test_unknown_option_names_the_nearest(news: Recommender) -> None:
    """A mistyped option is not ignored."""
    with pytest.raises(ConfigError, match="threshold"):
        news.related("sc-en-0001", treshold=0.1)
    with pytest.raises(ConfigError, match="similarity"):
        news.related("sc-en-0001", preset="similar")
    with pytest.raises(InputError, match="exclude_ids"):
        news.related("sc-en-0001", exclude_ids="sc-en-0002")


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_why_with_explain_sums_to_the_score(news: Recommender, key: str) -> None:
    """The shares of all shared terms are the card's score."""
    for card in news.related(key, explain=True).cards:
        assert sum(reason.share for reason in card.why) == pytest.approx(card.score, abs=1e-9)


def test_explain_of_a_pair_is_the_card_s_similarity(news: Recommender) -> None:
    """Asked for a pair, the explanation has the score that a block of plain texts shows."""
    card = news.related("sc-uk-0001", smoothing=0.0, crowding=0.0).cards[0]

    explanation = news.explain("sc-uk-0001", card.id)

    assert explanation.score == card.score
    assert explanation.terms[0].share >= explanation.terms[-1].share


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_draft_with_the_text_of_an_article_finds_that_article(
    news: Recommender, sample: Path, key: str
) -> None:
    """A draft is counted as the build counts: an article pasted again finds itself first."""
    record = records(sample)[key]

    text = record["title"], record["body"]
    block = news.related_to_text(*text, lead=record["lead"], preset="similarity")

    assert block.source.id is None
    assert block.source.lang == record["lang"]
    assert key == block.cards[0].id
    assert block.cards[0].score > block.cards[1].score
    plain = news.related_to_text(
        *text, lead=record["lead"], preset="similarity", smoothing=0.0, crowding=0.0
    )
    assert plain.cards[0].score > 0.9


def test_draft_article_with_a_known_id_does_not_find_itself(
    news: Recommender, sample: Path
) -> None:
    """A corrected version of a published article is not offered to itself."""
    record = records(sample)["sc-en-0001"]

    block = news.related_to_article(record)

    assert "sc-en-0001" not in [card.id for card in block.cards]
    assert block.cards[0].id == news.related("sc-en-0001").cards[0].id


def test_draft_of_unknown_words_has_the_latest_news_or_nothing(news: Recommender) -> None:
    """Words that no article holds lead to no similar card, and to no error."""
    assert news.related_to_text("Qwrtzp xkcdvb", lang="en", fallback="none").cards == ()

    block = news.related_to_text("Qwrtzp xkcdvb", lang="en")
    assert block.fallback_used
    assert ["fallback"] * 6 == [card.origin for card in block.cards]


def test_draft_without_any_text_is_refused(news: Recommender) -> None:
    """An empty draft is named as such."""
    with pytest.raises(InputError, match="no title"):
        news.related_to_text("", "  ")


def test_threads_get_the_answers_of_one_thread(news: Recommender) -> None:
    """Sharing a Recommender between threads changes nothing."""
    keys = [news.index.article_id(doc) for doc in range(news.index.n_docs)] * 3
    expected = [to_json(news.related(key).cards) for key in keys]
    with ThreadPoolExecutor(4) as pool:
        assert expected == list(pool.map(lambda key: to_json(news.related(key).cards), keys))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_answers_as_its_parent(news: Recommender) -> None:
    """An opened index may be carried across fork."""
    expected = [card.id for card in news.related("sc-en-0001").cards]
    reading, writing = os.pipe()
    if os.fork() == 0:
        answer = json.dumps([card.id for card in news.related("sc-en-0001").cards])
        os.write(writing, answer.encode())
        os._exit(0)
    os.wait()

    assert expected == json.loads(os.read(reading, 65536))


def test_open_of_no_folder_says_how_to_build(tmp_path: Path) -> None:
    """A missing index is an error with the command that makes one."""
    with pytest.raises(NotAnIndexError, match="recommender build"):
        recommender.open(tmp_path / "nothing")


def test_index_of_another_text_analysis_is_refused(news: Recommender) -> None:
    """An index whose terms would not be found any more is not silently answered from."""
    manifest = replace(news.index.manifest, analysis="0" * 64)
    with pytest.raises(IncompatibleIndexError, match="Build the index again"):
        Recommender(replace(news.index, manifest=manifest))


def test_reasons_are_words_as_people_write_them(news: Recommender) -> None:
    """Terms are shown as they stand in the texts, not as stems."""
    texts = " ".join(
        f"{c.title} {c.lead}" for key in ONE_OF_EACH for c in (*news.related(key, limit=50).cards,)
    )
    shown = {r.term for key in ONE_OF_EACH for c in news.related(key).cards for r in c.why}

    in_titles = sum(term.lower() in texts.lower() for term in shown)
    assert in_titles / len(shown) > 0.5
    assert any(term[:1].isupper() for term in shown)


@pytest.mark.parametrize("word", ["Bridge", "Міст", "Мост"])
def test_draft_of_one_word_finds_articles(news: Recommender, word: str) -> None:
    """A text too short to tell its language is searched in all of them."""
    block = news.related_to_text(word)

    assert block.cards
    assert word.lower()[:3] in " ".join(r.term for r in block.cards[0].why).lower()


def test_key_that_is_no_text_is_refused(news: Recommender) -> None:
    """A number is not taken for an id, and not a crash either."""
    with pytest.raises(InputError, match="'5'"):
        news.related(5)  # type: ignore[arg-type]


def test_draft_article_with_its_id_under_another_name_does_not_find_itself(
    news: Recommender, sample: Path
) -> None:
    """An alias of the id, or the URL alone, says as well which article it is."""
    record = records(sample)["sc-en-0001"]
    for name, value in (("article_id", record["id"]), ("url", record["url"])):
        kept = {k: v for k, v in record.items() if k not in ("id", "url")}

        block = news.related_to_article({**kept, name: value})

        assert "sc-en-0001" not in [card.id for card in block.cards]


@pytest.mark.parametrize(
    ("section", "value"),
    [("text", {"stop_words": [["x"]]}), ("text", {"stemming": 5}), ("boilerplate", {"x": 1})],
)
def test_index_with_settings_that_cannot_be_is_damaged_not_a_bad_call(
    sample_index: Path, tmp_path: Path, section: str, value: dict[str, Any]
) -> None:
    """Found with hostile manifests: a ConfigError, exit code 2, as if the caller had erred."""
    root = tmp_path / "news"
    shutil.copytree(sample_index, root)
    change_manifest(root, lambda plain: plain["settings"][section].update(value))

    for opened in (Recommender.open, Updater):
        with pytest.raises(DamagedIndexError, match=r"settings that cannot be: .*Build the index"):
            opened(root)


def test_index_whose_report_lacks_everything_can_be_inspected(
    sample_index: Path, tmp_path: Path
) -> None:
    """Found with hostile manifests: a bare KeyError."""
    root = tmp_path / "news"
    shutil.copytree(sample_index, root)
    change_manifest(root, lambda plain: plain.update(report={}))

    assert {} == index_overview(Recommender.open(root), Config(), {})["languages"]


def test_generation_that_was_let_go_was_held_until_the_collector_came(sample_index: Path) -> None:
    """A reader that is done holds nothing: a writer may clear its generation away at once."""
    gc.disable()
    try:
        model = Recommender.open(sample_index)
        for key in ONE_OF_EACH:
            model.related(key, preset="news", explain=True, languages="any")
            model.story(key)
        index = weakref.ref(model.index)
        del model

        assert index() is None
    finally:
        gc.enable()
