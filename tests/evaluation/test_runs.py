"""Runs: from files, from a model, replayed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recommender import Recommender
from recommender.errors import InputError
from recommender.evaluation.runs import Run, live_run, read_run, replayed_run
from recommender.export import export_jsonl


def test_exported_lists_are_the_lists_of_the_model(news: Recommender, tmp_path: Path) -> None:
    """What export writes and what the model is asked for live are one run."""
    export_jsonl(news, tmp_path / "run.jsonl", limit=7)
    read, live = read_run(tmp_path / "run.jsonl"), live_run(news, limit=7)

    assert read.lists == live.lists
    assert read.scores == live.scores
    assert read.copies == live.copies


def test_copies_of_the_model_are_those_of_its_blocks(news: Recommender) -> None:
    """In every language, live and replayed: each under its card, and no other."""
    run = live_run(news, limit=6)
    languages = {news.index.language(news.answers.doc_of(query)) for query in run.copies}
    for query in run.lists:
        cards = news.related(query, limit=6).cards
        assert run.copies.get(query, {}) == {c.id: c.copies for c in cards if c.copies}

    assert {"uk", "ru", "en"} == languages
    assert not live_run(news, limit=6, preset="similarity").copies
    replayed = replayed_run(news, run.lists, limit=6)
    assert any(replayed.copies.values())
    assert {*replayed.copies} <= {*replayed.lists}


def test_trec_run_is_ordered_by_score_then_rank(tmp_path: Path) -> None:
    """Lines may stand in any order; the rank decides ties."""
    path = tmp_path / "run.txt"
    path.write_text("q Q0 c 3 1.0 t\nq Q0 b 2 2.0 t\nq Q0 a 1 2.0 t\np Q0 q 1 5 t\n", "utf-8")

    assert {"q": ("a", "b", "c"), "p": ("q",)} == read_run(path).lists


def test_article_in_its_own_list_is_left_out_and_counted(tmp_path: Path) -> None:
    """A page does not recommend itself."""
    path = tmp_path / "run.jsonl"
    path.write_text('{"id": "a", "related": ["a", "b"], "scores": [1.0, 0.5]}', "utf-8")
    found = read_run(path)

    assert (("b",), (0.5,), [1]) == (
        found.lists["a"],
        found.scores["a"],
        list(found.notices.values()),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ('{"id": "a", "related": ["b", "b"]}', "Line 1 of .* lists 'b' twice for 'a'"),
        (
            '{"id": "a", "related": []}\n{"id": "a", "related": ["b"]}',
            "Line 2 .* second list of 'a'",
        ),
        ('{"id": "a"}', "Line 1 of .* is no list"),
        ('{"id": "a", "related": ["b"], "scores": [1, 2]}', "a score for each of its 1"),
        ('{"id": "a", "related": ["b"], "scores": ["x"]}', "has the score 'x'"),
        ('{"id": "a", "related": ["b"], "scores": [NaN]}', "has the score nan"),
        ('{"id": "a", "related": ["b"], "copies": ["c"]}', "has copies that are none"),
        ('{"id": "a", "related": ["b"], "copies": {"b": "c"}}', "has copies that are none"),
        ("q Q0 a 1 2.0 t\nq Q0 a 2 1.0 t\n", "Line 2 of .* lists 'a' twice for 'q'"),
        ("q Q0 a 1 2.0\n", "has 5 columns; a TREC run has 6"),
        ("q Q0 a x 2.0 t\n", "has the rank 'x'"),
        ("q Q0 a 1 much t\n", "has the score 'much'"),
    ],
)
def test_run_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, text: str, why: str
) -> None:
    """Repeats above all: they would count a hit twice."""
    path = tmp_path / "run"
    path.write_text(text, "utf-8")

    with pytest.raises(InputError, match=why):
        read_run(path)


def test_replayed_lists_hold_only_what_was_published_before(news: Recommender) -> None:
    """As it was when the article appeared: nothing from its future, the best of its past."""
    index = news.index
    keys = [index.article_id(int(doc)) for doc in index.docs()[::6]]
    replayed = replayed_run(news, keys, limit=5)
    deep = live_run(news, limit=200)
    n_later = 0
    for key in keys:
        when = index.published(news.answers.doc_of(key))
        days = {item: index.published(news.answers.doc_of(item)) for item in deep.lists[key]}
        n_later += sum(day >= when for day in days.values())
        assert replayed.lists[key] == tuple(i for i in deep.lists[key] if days[i] < when)[:5]

    assert n_later > 0


def test_undated_article_cannot_be_replayed_and_is_counted(tmp_path: Path) -> None:
    """Nobody knows what was before it."""
    import recommender

    rows = [
        {"id": "a", "title": "Bridge closed to lorries", "date": "2026-01-02"},
        {"id": "b", "title": "Bridge closed again", "date": "2026-01-03"},
        {"id": "c", "title": "Bridge and lorries"},
    ]
    model = recommender.build(rows, tmp_path / "m")
    found = replayed_run(model, ["a", "b", "c"], limit=5)

    assert {"a", "b"} == {*found.lists}
    assert "a" in found.lists["b"]
    assert "b" not in found.lists["a"]
    assert [1] == list(found.notices.values())


def test_where_keeps_scores_beside_their_cards() -> None:
    """What is left out takes its score along."""
    copies = {"q": {"a": ("b", "d")}}
    run = Run("r", {"q": ("a", "b", "c")}, {"q": (3.0, 2.0, 1.0)}, copies=copies)
    found = run.where(lambda query, item: item != "b", "left out")

    assert (("a", "c"), (3.0, 1.0), {"left out": 1}) == (
        found.lists["q"],
        found.scores["q"],
        dict(found.notices),
    )
    assert {"q": {"a": ("d",)}} == found.copies


def test_lists_of_numbers_are_read_as_ids(tmp_path: Path) -> None:
    """Ids that an export wrote as numbers are the ids that an index has."""
    path = tmp_path / "run.jsonl"
    path.write_text(json.dumps({"id": 7, "related": [8, 9]}), "utf-8")

    assert {"7": ("8", "9")} == read_run(path).lists
