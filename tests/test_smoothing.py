"""Scores that lean on what stands around both sides: by the definition, explained, kept right."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recommender
from recommender import Recommender
from recommender.config import config_from
from recommender.errors import ConfigError, InputError
from recommender.index.reader import Choice, Index, Query
from recommender.smoothing import Smoother
from recommender.updates import add_articles, delete_articles, merge_index

PLAIN: Mapping[str, Any] = {"preset": "similarity", "smoothing": 0.0, "crowding": 0.0}
SMOOTH: Mapping[str, Any] = {"preset": "similarity", "smoothing": 2.0, "crowding": 0.75}
ONE_OF_EACH = ("sc-en-0004", "sc-uk-0001", "sc-ru-0012")


def by_definition(
    index: Index, query: Query, own: Mapping[int, float], doc: int
) -> tuple[float, float]:
    """Return the smoothed score of a document, and what its crowd leaves of it.

    From the scores of pairs alone, each as a search would give it.
    """
    near = [
        (other, index.score(index.query_of(doc), other))
        for other in index.pool(doc).tolist()
        if not index.is_gone(other)
    ]
    near.sort(key=lambda pair: (-pair[1], index.published(pair[0]), pair[0]))
    theirs = leans(near)
    total = 0.0
    here: dict[int | None, float] = {None: 1.0}
    here |= {d: 2.0 * share for d, share in own.items()}
    there = {doc: 1.0, **{d: 2.0 * share for d, share in theirs.items()}}
    for one, weight in here.items():
        asked = query if one is None else index.query_of(one)
        for other, counter in there.items():
            total += weight * counter * index.score(asked, other)
    smoothed = total / sum(here.values()) / sum(there.values())
    far = [score for _, score in near[8:32:3]]
    crowd = sum(far) / max(1, len(far))
    return smoothed, smoothed * (1 + crowd / 0.1) ** -0.75


def leans(near: list[tuple[int, float]]) -> dict[int, float]:
    """Return the shares of the nearest three."""
    near = [pair for pair in near[:3] if pair[1] > 0.0]
    total = sum(score**2 for _, score in near)
    return {doc: near[0][1] * score**2 / total for doc, score in near}


def leans_of(index: Index, doc: int) -> dict[int, float]:
    """Return what an article leans on."""
    known = [d for d in index.pool(doc).tolist() if not index.is_gone(d)]
    near = [(d, index.score(index.query_of(doc), d)) for d in known]
    near.sort(key=lambda pair: (-pair[1], index.published(pair[0]), pair[0]))
    return leans(near)


def check(model: Recommender, key: str) -> None:
    """Compare the list of an article with the definition."""
    index, doc = model.index, model.index.find(key)
    assert doc is not None
    query, own = index.query_of(doc), leans_of(index, doc)
    cards = model.related(key, limit=10, **SMOOTH).cards

    assert cards
    assert [c.score for c in cards] == sorted((c.score for c in cards), reverse=True)
    for card in cards:
        other = index.find_id(card.id)
        assert other is not None
        assert card.score == pytest.approx(by_definition(index, query, own, other)[1], rel=1e-6)
    found = {card.id for card in cards}
    for other in index.pool(doc).tolist():
        if not index.is_gone(other) and index.article_id(other) not in found:
            assert by_definition(index, query, own, other)[1] <= cards[-1].score * (1 + 1e-6)


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_list_is_that_of_the_definition(news: Recommender, key: str) -> None:
    """Of the known neighbours none that is better is missing."""
    check(news, key)


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_nothing_smoothed_is_the_plain_list(news: Recommender, key: str) -> None:
    """The setting is a dial: at 0 scores are cosines and the order is theirs."""
    plain = news.related(key, limit=10, **PLAIN).cards
    index, doc = news.index, news.index.find(key)
    assert doc is not None

    assert plain
    for card in plain:
        assert card.score == index.score(index.query_of(doc), index.find_id(card.id) or 0)
    assert news.related(key, limit=10, **SMOOTH).cards != plain


def test_lonely_article_is_not_dragged_into_the_nearest_crowd(news: Recommender) -> None:
    """Who has nothing near leans on next to nothing: its score stays near its own."""
    index = news.index
    smoother = Smoother(index)
    docs = index.docs()
    total = {int(doc): sum(leans_of(index, int(doc)).values()) for doc in docs}
    for doc in sorted(total, key=lambda doc: total[doc])[:5]:
        leaning = smoother.leaning(index.query_of(doc), doc, Choice())
        assert leaning.shares.sum() == pytest.approx(total[doc], rel=1e-6)
        assert leaning.shares.sum() < 0.1


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_draft_of_an_article_is_ranked_as_a_text_that_leans_on_what_it_finds(
    news: Recommender, sample: Path, key: str
) -> None:
    """A draft has no known neighbours: it leans on its three nearest in its language."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    record = next(row for row in map(json.loads, lines) if row["id"] == key)
    draft = {name: record[name] for name in ("title", "lead", "body", "lang")}
    block = news.related_to_article(draft, limit=5, **SMOOTH)

    index, drafts = news.index, news.answers.drafts
    article, _ = drafts.read(draft)
    asked = drafts.query(article, drafts.language(article)[0])
    codes = index.language_codes([record["lang"]])
    near = index.search(asked, 3, choice=Choice(languages=codes))
    own = leans(list(zip(near.docs.tolist(), near.scores.tolist(), strict=True)))
    assert block.cards
    for card in block.cards:
        other = index.find_id(card.id)
        assert other is not None
        expected = by_definition(index, asked, own, other)[1]
        assert card.score == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_age_takes_from_the_smoothed_score(news: Recommender, key: str) -> None:
    """One half of it for every half-life between the two."""
    index, doc = news.index, news.index.find(key)
    assert doc is not None
    query, own = index.query_of(doc), leans_of(index, doc)
    cards = news.related(key, limit=10, half_life="60d", **SMOOTH).cards

    assert cards
    for card in cards:
        other = index.find_id(card.id)
        assert other is not None
        days = abs(index.published(other) - index.published(doc)) / 86_400
        expected = by_definition(index, query, own, other)[1] * 0.5 ** (days / 60)
        assert card.score == pytest.approx(expected, rel=1e-6)


# --- explained ---


@pytest.mark.parametrize("key", ONE_OF_EACH)
@pytest.mark.parametrize("preset", ["similarity", "news"])
def test_shares_and_stories_and_steps_sum_to_the_score(
    news: Recommender, key: str, preset: str
) -> None:
    """And the stories are named by their titles."""
    block = news.related(key, explain=True, preset=preset, smoothing=2.0, crowding=0.75)
    titles = {news.index.card(int(doc))["title"] for doc in news.index.docs()}
    similar = [card for card in block.cards if card.origin == "similar"]

    assert similar
    for card in similar:
        assert math.fsum(reason.share for reason in card.why) == pytest.approx(card.score)
        stories = [reason for reason in card.why if reason.kind == "story"]
        assert {reason.term for reason in stories} <= titles - {card.title}
        assert {"smoothing", "crowding"} <= {r.term for r in card.why if r.kind == "step"}
    assert any(reason.kind == "story" for card in similar for reason in card.why)


def test_story_under_embargo_is_not_named(tmp_path: Path) -> None:
    """What is not to be shown is leaned on, and not told."""
    words = ["bridge", "river", "crack", "lorry", "engineer", "girder", "detour", "ferry"]
    rows = [
        {
            "id": f"a{i}",
            "lang": "en",
            "title": f"Secret {i}" if i == 3 else f"Report {i}",
            "body": " ".join(words[i % 4 : i % 4 + 4] * 3) + f" token{i}",
            "published_at": f"2026-03-{i + 1:02}T08:00:00Z",
        }
        for i in range(8)
    ]
    rows[3]["embargo_until"] = "2031-01-01T00:00:00Z"
    model = recommender.build(rows, tmp_path / "news")

    told = [
        reason.term
        for row in rows
        for card in model.related(str(row["id"]), explain=True).cards
        for reason in card.why
    ]
    assert not [term for term in told if "Secret" in term]
    assert [term for term in told if "Report" in term]


def test_why_not_tells_the_score_that_ranks(news: Recommender) -> None:
    """It is that of the card, for a card."""
    for key in ONE_OF_EACH:
        for card in news.related(key, preset="news").cards:
            if card.origin == "similar":
                verdict = news.why_not(key, card.id, preset="news")
                assert verdict.shown
                assert verdict.score == pytest.approx(card.score, rel=1e-9)


# --- one answer, however the index lies ---


@pytest.mark.parametrize("key", ONE_OF_EACH)
def test_process_without_compiled_loops_gives_the_same_block(
    sample_index: Path, news: Recommender, key: str
) -> None:
    """To the last bit of the scores."""
    from recommender.answers import Answers

    plain = Answers(Index.open(sample_index, compiled=False))
    assert plain.related(key, explain=True).cards == news.related(key, explain=True).cards


def test_articles_that_come_and_go_are_leaned_on_at_once(sample: Path, tmp_path: Path) -> None:
    """By the definition, after adding, deleting and merging; a merge gives a build's lists."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    few = {"last_segment": 8, "merge_factor": 2}
    config = config_from({"updates": few, "boilerplate": {"enabled": False}})
    root = tmp_path / "grown"
    recommender.build(rows[:100], root, config=config)
    add_articles(rows[100:], root, config=config)
    gone = rows[3]["id"]
    delete_articles([gone], root, config=config)
    model = recommender.open(root)
    assert len(model.index.parts) > 1
    for key in ONE_OF_EACH:
        check(model, key)
        stories = [
            reason.term
            for card in model.related(key, explain=True).cards
            for reason in card.why
            if reason.kind == "story"
        ]
        assert rows[3]["title"] not in stories

    merge_index(root, config=config)
    left = [row for row in rows if row["id"] != gone]
    fresh = recommender.build(left, tmp_path / "fresh", config=config)
    merged = recommender.open(root)
    for key in ONE_OF_EACH:
        grown, built = (model.related(key, **SMOOTH).cards for model in (merged, fresh))
        assert [(c.id, c.score) for c in grown] == [(c.id, c.score) for c in built]


def test_mixed_scores_are_the_sum_of_the_scores(news: Recommender) -> None:
    """With one inner product instead of several; compiled or not."""
    index = news.index
    docs = index.docs()[::7]
    queries = [index.query_of(int(doc)) for doc in docs[:4]]
    queries.append(Query(np.zeros(0, np.int32), np.zeros(0, np.uint8)))
    several = [1.0, 0.5, 0.25, 2.0, 1.0]

    rows = index.rows_with(queries[4], docs[:4])
    order = [several[4], *several[:4]]
    mixed = index.mixed_scores(rows, order, docs)
    plain = replace(index, compiled=False).mixed_scores(rows, order, docs)

    expected = [
        sum(w * index.score(q, int(doc)) for q, w in zip(queries, several, strict=True))
        for doc in docs
    ]
    assert mixed == pytest.approx(expected, abs=1e-9)
    assert mixed.tolist() == plain.tolist()
    assert index.mixed_scores(rows, order, docs[:0]).tolist() == []


def test_index_without_known_neighbours_smooths_nothing(sample: Path, tmp_path: Path) -> None:
    """There is nothing to lean on: the list is that of the texts."""
    config = config_from({"search": {"neighbours": 0}})
    model = recommender.build(sample / "articles.jsonl", tmp_path / "news", config=config)
    for key in ONE_OF_EACH:
        assert model.related(key, **SMOOTH).cards == model.related(key, **PLAIN).cards


@pytest.mark.parametrize("value", [-1, math.nan, 101, math.inf])
@pytest.mark.parametrize("name", ["smoothing", "crowding"])
def test_weights_that_cannot_be_are_refused(news: Recommender, name: str, value: float) -> None:
    """With the value, and what was expected."""
    options: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=f"{name} is .*between 0 and 100"):
        news.related("sc-en-0001", **options)


def test_weight_that_is_no_number_is_refused(news: Recommender) -> None:
    """As every option."""
    with pytest.raises((ConfigError, InputError), match="smoothing"):
        news.related("sc-en-0001", smoothing="much")


def test_draft_under_a_threshold_leaned_on_what_reached_it_alone(
    news: Recommender, sample: Path
) -> None:
    """A threshold chooses cards; it does not change what they score."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    for key in ONE_OF_EACH:
        record = next(row for row in map(json.loads, lines) if row["id"] == key)
        draft = {name: record[name] for name in ("title", "lead", "body", "lang")}
        every = {c.id: c.score for c in news.related_to_article(draft, limit=9, **SMOOTH).cards}
        few = news.related_to_article(draft, limit=9, threshold=0.2, **SMOOTH).cards

        assert 0 < len(few) < len(every)
        assert [every[card.id] for card in few] == [card.score for card in few]
