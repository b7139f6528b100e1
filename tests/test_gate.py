"""The gate: what is much worse than the live generation is not published, and nothing is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender import Config, build_index
from recommender.errors import RejectedBuildError
from recommender.gate import FEWEST, even_sample, judge
from recommender.index.manifest import current, generations, read_manifest
from recommender.index.settings import GenerationSettings
from recommender.ranking.settings import BlockSettings
from recommender.weighting import WeightSettings
from tests.index.making import corpus_of, index_of

Record = dict[str, Any]
LANGUAGES = ("uk", "ru", "en")


@pytest.fixture(scope="module")
def records(sample: Path) -> list[Record]:
    """The bundled articles."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(params=LANGUAGES)
def articles(request: pytest.FixtureRequest, records: list[Record]) -> list[Record]:
    """The bundled articles of one language."""
    return [r for r in records if r["lang"] == request.param]


def everything(root: Path) -> dict[str, bytes]:
    """All files and folders but the lock, with their bytes."""
    paths = (p for p in sorted(root.rglob("*")) if p.name != "LOCK")
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else b"" for p in paths}


def without_texts(articles: list[Record]) -> list[Record]:
    """The articles as an export writes them that has lost all but the titles."""
    lost = ("body", "lead", "tags", "image")
    return [{k: v for k, v in r.items() if k not in lost} for r in articles]


def strangers(articles: list[Record]) -> list[Record]:
    """Articles that share no word with one another, every third of them."""
    out = []
    for i, record in enumerate(articles):
        blank = {k: v for k, v in record.items() if k in ("id", "lang", "published_at")}
        out.append(record if i % 3 else {**blank, "title": f"слово{i}яяя wrd{i}qq"})
    return out


CASES: dict[str, tuple[Callable[[list[Record]], list[Record]], str]] = {
    "cut short": (lambda articles: articles[: len(articles) * 3 // 5], "max_shrink"),
    "without texts": (without_texts, "max_relevance_drop"),
    "strangers": (strangers, "max_empty"),
}


@pytest.mark.parametrize("case", CASES)
def test_build_much_worse_is_refused_and_leaves_nothing(
    articles: list[Record], case: str, tmp_path: Path
) -> None:
    """The message names figures, limit and the way out; the folder is as it was, byte by byte."""
    worsen, limit = CASES[case]
    build_index(articles, tmp_path)
    before = everything(tmp_path)

    with pytest.raises(RejectedBuildError, match=limit) as caught:
        build_index(worsen(articles), tmp_path)

    assert 9 == caught.value.exit_code
    for words in ("generation 1 of", "stays live", "instead of", "--force"):
        assert words in str(caught.value)
    assert before == everything(tmp_path)


def test_build_as_good_is_published(articles: list[Record], tmp_path: Path) -> None:
    """A day's work: a few articles more, a few less, a few changed."""
    build_index(articles[1:], tmp_path)
    changed = [{**r, "title": r["title"] + "!"} for r in articles[:3]]

    report = build_index([*changed, *articles[3:-2]], tmp_path)

    assert 2 == current(tmp_path) == report.generation
    assert not report.forced
    assert 1 == report.gate.compared_with
    assert {"articles", "without any card", "best card"} == {f.name for f in report.gate.figures}
    assert () == report.gate.complaints


def test_build_forced_is_published_and_recorded(articles: list[Record], tmp_path: Path) -> None:
    """What the gate would have said is in the report, and the manifest remembers."""
    build_index(articles, tmp_path)

    report = build_index(articles[:12], tmp_path, force=True)

    assert 2 == current(tmp_path)
    assert report.forced
    assert any("max_shrink" in complaint for complaint in report.gate.complaints)
    assert read_manifest(tmp_path, 2).report["forced"] is True
    assert read_manifest(tmp_path, 1).report["forced"] is False


def test_build_after_a_refused_one_takes_its_number(records: list[Record], tmp_path: Path) -> None:
    """A number that nobody has seen is free."""
    build_index(records, tmp_path)
    with pytest.raises(RejectedBuildError):
        build_index(records[:50], tmp_path)

    assert 2 == build_index(records[:140], tmp_path).generation


def test_build_refused_keeps_a_segment_that_an_older_generation_has(
    records: list[Record], tmp_path: Path
) -> None:
    """The articles of an older generation again: its files are not the refused build's."""
    build_index(records[:60], tmp_path)
    build_index(records, tmp_path)
    before = everything(tmp_path)

    with pytest.raises(RejectedBuildError):
        build_index(records[:60], tmp_path)

    assert before == everything(tmp_path)


def test_first_build_and_few_articles_meet_no_gate(records: list[Record], tmp_path: Path) -> None:
    """There is nothing to compare with; of a handful, each is a large share."""
    first = build_index(records[: FEWEST - 1], tmp_path)
    second = build_index(records[:2], tmp_path)

    assert (None, None) == (first.gate.compared_with, second.gate.compared_with)
    assert [1, 2] == generations(tmp_path)


def test_build_over_a_damaged_live_generation_meets_no_gate(
    records: list[Record], tmp_path: Path
) -> None:
    """Any build mends it."""
    build_index(records, tmp_path)
    (tmp_path / "gen-00000001" / "df.npy").write_bytes(b"")

    assert build_index(records[:30], tmp_path).gate.compared_with is None


@pytest.mark.parametrize("setting", ["max_shrink", "max_empty", "max_relevance_drop"])
def test_limit_of_one_never_refuses(records: list[Record], tmp_path: Path, setting: str) -> None:
    """Each limit is a setting; all at 1 let anything pass."""
    all_open = {"max_shrink": 1.0, "max_empty": 1.0, "max_relevance_drop": 1.0}
    build_index(records, tmp_path)
    worse = strangers(without_texts(records))[:100]

    limits = GenerationSettings(**{**all_open, setting: 0.001})  # type: ignore[arg-type]
    with pytest.raises(RejectedBuildError, match=setting) as caught:
        build_index(worse, tmp_path, config=Config(generations=limits))
    assert str(caught.value).count("(limit 0.1%") == 1

    limits = GenerationSettings(**all_open)  # type: ignore[arg-type]
    assert 2 == build_index(worse, tmp_path, config=Config(generations=limits)).generation


def test_refusal_names_the_settings_that_changed(records: list[Record], tmp_path: Path) -> None:
    """A setting that takes the words away is found quickly."""
    build_index(records, tmp_path)

    with pytest.raises(RejectedBuildError, match=r"Settings that changed since: weights\.min_df\."):
        build_index(records, tmp_path, config=Config(weights=WeightSettings(min_df=40)))


def test_threshold_of_blocks_is_what_counts_as_a_card(
    records: list[Record], tmp_path: Path
) -> None:
    """An article whose nearest are below the threshold has an empty block."""
    config = Config(block=BlockSettings(threshold=0.9))
    build_index(records, tmp_path, config=config)

    figures = {f.name: f for f in build_index(records, tmp_path, config=config).gate.figures}

    assert figures["without any card"].live > 0.5
    assert 0.0 == figures["without any card"].loss


def test_judge_other_ids_leave_relevance_out(tmp_path: Path) -> None:
    """Where the same articles cannot be found again, only what can be compared is."""
    index_of(tmp_path / "a", corpus_of([{0: 1, 1: i + 1} for i in range(40)], n_terms=2))
    new = index_of(tmp_path / "b", corpus_of([{0: 1}] * 19, n_terms=1))

    verdict = judge(tmp_path / "a", new, GenerationSettings())

    assert ["articles", "without any card"] == [f.name for f in verdict.figures]


@given(n=st.integers(0, 5000), most=st.integers(1, 600))
def test_even_sample_is_spread_distinct_and_ascending(n: int, most: int) -> None:
    """All of few; of many, one of every stretch, the same in every run."""
    places = even_sample(n, most)

    assert min(n, most) == len(places)
    assert np.array_equal(places, even_sample(n, most))
    assert (np.diff(places) > 0).all()
    bounds = np.arange(most + 1) * n // most
    if n > most:
        assert (places >= bounds[:-1]).all()
        assert (places < bounds[1:]).all()
