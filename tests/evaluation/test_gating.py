"""The gate by judgements: builds whose stories were destroyed do not go live, others do."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recommender import Config, Recommender, build_index
from recommender.errors import InputError, RejectedBuildError, SourceNotFoundError
from recommender.evaluation.catalog import Catalog
from recommender.evaluation.comparing import compare
from recommender.evaluation.derived import judgements_of
from recommender.evaluation.measuring import fitting
from recommender.evaluation.runs import live_run
from recommender.evaluation.settings import EvaluationSettings
from recommender.gate import Figure
from recommender.index.manifest import current
from recommender.index.reader import Index
from recommender.index.settings import GenerationSettings
from recommender.text.settings import text_fingerprint
from tests.test_gate import everything

Record = dict[str, Any]
LANGUAGES = ("uk", "ru", "en")
OPEN = {"max_shrink": 1.0, "max_empty": 1.0, "max_relevance_drop": 1.0}


@pytest.fixture(scope="module")
def records(sample: Path) -> list[Record]:
    """The bundled articles."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(params=LANGUAGES)
def articles(request: pytest.FixtureRequest, records: list[Record]) -> list[Record]:
    """The bundled articles of one language."""
    return [r for r in records if r["lang"] == request.param]


def judging(judgements: object, **limits: float) -> Config:
    """Settings by which nothing but the judges refuse."""
    generations: Any = {**OPEN, "judgements": str(judgements), **limits}
    return Config(generations=GenerationSettings(**generations))


@pytest.fixture
def tagged(articles: list[Record], tmp_path: Path) -> Path:
    """Judgements of many articles of a language: who shares a tag belongs together."""
    path = tmp_path / "qrels.txt"
    pairs = [(a, b) for a in articles for b in articles if a is not b]
    same = [(a["id"], b["id"]) for a, b in pairs if {*a["tags"]} & {*b["tags"]}]
    path.write_text("".join(f"{query} 0 {other} 1\n" for query, other in same), "utf-8")
    return path


def swapped(articles: list[Record]) -> list[Record]:
    """The articles as an export writes them that gives each the texts of another."""
    names = ("title", "lead", "body", "tags")
    order = [*range(len(articles))]
    random.Random(20260301).shuffle(order)
    return [
        {**article, **{name: articles[i].get(name) for name in names}}
        for article, i in zip(articles, order, strict=True)
    ]


def beheaded(articles: list[Record]) -> list[Record]:
    """The articles with the same twenty words for a text, and their titles lost."""
    same = "The newsroom reports. Редакція повідомляє. Редакция сообщает."
    blank: Record = {"lead": None, "tags": []}
    return [{**r, **blank, "title": f"№ {i}", "body": same} for i, r in enumerate(articles)]


DESTROYED: dict[str, Callable[[list[Record]], list[Record]]] = {
    "texts of other articles": swapped,
    "one text for all": beheaded,
}


@pytest.mark.parametrize("case", DESTROYED)
def test_build_that_destroyed_the_stories_is_refused_unless_forced(
    articles: list[Record], tagged: Path, tmp_path: Path, case: str
) -> None:
    """In each language; the message has figures and p, nothing is left, and --force publishes."""
    config, model = judging(tagged), tmp_path / "model"
    build_index(articles, model, config=config)
    before = everything(model)

    with pytest.raises(RejectedBuildError, match="max_quality_drop") as caught:
        build_index(DESTROYED[case](articles), model, config=config)

    said = str(caught.value)
    for words in ("generation 1 of", "nDCG@10 by qrels.txt is 0.", "instead of", "p 0.0"):
        assert words in said
    assert "--force" in said
    assert before == everything(model)

    forced = build_index(DESTROYED[case](articles), model, config=config, force=True)
    assert (2, True) == (current(model), forced.forced)
    assert 1 == len(forced.gate.complaints)


def test_build_of_the_same_articles_passes_with_all_queries_tied(
    articles: list[Record], sample: Path, tmp_path: Path
) -> None:
    """And the report says what was compared."""
    config = judging(sample / "judgements.tsv")
    first = build_index(articles, tmp_path, config=config)
    again = build_index(articles[::-1], tmp_path, config=config)
    figure = again.gate.figures[-1]

    assert () == first.gate.figures
    assert (2, ()) == (current(tmp_path), again.gate.complaints)
    assert (figure.live, None, 0.0) == (figure.new, figure.p, figure.loss)
    assert "all tie" in figure.shown
    assert figure.notices["judgements that name no article of the index"] > 0


def test_build_of_a_day_passes(records: list[Record], sample: Path, tmp_path: Path) -> None:
    """A few articles more, a few less, a few changed."""
    config = judging(sample / "judgements.tsv")
    build_index(records[3:-6], tmp_path, config=config)
    changed = [{**r, "title": r["title"] + "!"} for r in records[6:9]]
    report = build_index([*changed, *records[9:]], tmp_path, config=config)

    assert () == report.gate.complaints
    assert "judged quality" == report.gate.figures[-1].name


def test_figure_is_that_of_compare(records: list[Record], sample: Path, tmp_path: Path) -> None:
    """Whoever asks ``compare`` for the two generations is told the same."""
    config = judging(sample / "judgements.tsv", max_quality_drop=1.0)
    build_index(records, tmp_path, config=config)
    figure = build_index(swapped(records), tmp_path, config=config).gate.figures[-1]

    old, new = (Index.open(tmp_path, generation=n) for n in (1, 2))
    catalog, how = Catalog(old), EvaluationSettings()
    truth = fitting(judgements_of(str(sample / "judgements.tsv"), catalog), catalog, how)
    runs = [
        live_run(Recommender(i, config), name=str(n), limit=10) for n, i in enumerate((old, new))
    ]
    found = compare(runs, truth)

    assert [figure.live, figure.new] == [own["ndcg@10"].mean for own in found.quality]
    assert figure.p == found.differences[0].found.p


def test_drop_must_be_both_large_and_sure() -> None:
    """A large one of few queries may be chance, a sure one of many may be small."""

    def refused(loss: float, p: float | None) -> bool:
        return Figure("q", 1.0, 1.0 - loss, loss, 0.05, "max_quality_drop", "", p).is_refused

    assert refused(0.2, 0.001)
    assert not refused(0.2, 0.05)
    assert not refused(0.05, 0.001)
    assert not refused(-0.2, 0.001)
    assert refused(0.2, None)


@pytest.mark.parametrize("rule", ["back-references", "sections", "tags"])
def test_rules_judge_too(records: list[Record], tmp_path: Path, rule: str) -> None:
    """By what the live generation knows: a build that lost the links does not judge itself."""
    config = judging(rule)
    build_index(records, tmp_path, config=config)
    worse = [{**r, "links": []} for r in swapped(records)]

    with pytest.raises(RejectedBuildError, match="max_quality_drop"):
        build_index(worse, tmp_path, config=config)


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        (None, SourceNotFoundError, r"\[generations\] judgements: There is no file"),
        ("", InputError, "holds no judgement|is empty"),
        ("a 0 b 99\n", InputError, "has the grade '99'"),
        ("a 0 b 1\na 0 b\n", InputError, "has 3 columns"),
    ],
)
def test_broken_judgements_are_told_before_the_build_begins(
    records: list[Record], tmp_path: Path, text: str | None, error: type[Exception], why: str
) -> None:
    """No article is read, and no folder is made."""
    path, read = tmp_path / "judgements", []
    if text is not None:
        path.write_text(text, "utf-8")
    source = (read.append(r["id"]) or r for r in records)  # type: ignore[func-returns-value]

    with pytest.raises(error, match=why):
        build_index(source, tmp_path / "model", config=judging(path), force=True)

    assert [] == read
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("judged", "renamed", "why"),
    [
        ("x 0 y 1\n", "", "1 queries that are no article of the index"),
        ("sc-en-0001 0 sc-en-0002 0\n", "", "queries without any relevant article"),
        ("sc-en-0001 0 sc-en-0002 1\n", "new-", "1 queries that are no article of the index"),
    ],
)
def test_judgements_that_both_generations_cannot_meet_refuse_unless_forced(
    records: list[Record], tmp_path: Path, judged: str, renamed: str, why: str
) -> None:
    """Unknown ids, nothing relevant, an export that has other ids since: never a silent pass."""
    (tmp_path / "qrels.txt").write_text(judged, "utf-8")
    config, model = judging(tmp_path / "qrels.txt"), tmp_path / "model"
    build_index(records, model, config=config)
    other = [{**r, "id": f"{renamed}{r['id']}"} for r in records]

    with pytest.raises(RejectedBuildError, match=why) as caught:
        build_index(other, model, config=config)

    assert "[generations] judgements: Nothing can be measured with qrels.txt" in str(caught.value)
    assert "--force" in str(caught.value)
    assert 2 == build_index(other, model, config=config, force=True).generation


def test_live_generation_of_another_text_analysis_is_noted_and_refuses_nothing(
    records: list[Record], sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who upgrades cannot ask the old one for its lists; the other figures hold."""
    config = judging(sample / "judgements.tsv")
    build_index(records, tmp_path, config=config)
    monkeypatch.setattr("recommender.text.settings.ANALYSIS_VERSION", 10_000)
    text_fingerprint.cache_clear()
    try:
        report = build_index(records, tmp_path, config=config)
    finally:
        text_fingerprint.cache_clear()

    assert 2 == current(tmp_path)
    assert 3 == len(report.gate.figures)
    assert "generation 1 was not asked for its lists" in report.gate.notes[0]


def test_build_with_judgements_loads_neither_pandas_nor_scikit_learn(
    sample: Path, tmp_path: Path
) -> None:
    """Comparing costs a build no more than it must."""
    judged, articles = sample / "judgements.tsv", sample / "articles.jsonl"
    script = (
        "import sys, recommender\n"
        "from recommender.index.settings import GenerationSettings as Settings\n"
        f"config = recommender.Config(generations=Settings(judgements={str(judged)!r}))\n"
        "for _ in range(2):\n"
        f"    made = recommender.build_index({str(articles)!r}, {str(tmp_path)!r}, config=config)\n"
        "assert 4 == len(made.gate.figures)\n"
        "assert not {'pandas', 'sklearn', 'pyarrow'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
