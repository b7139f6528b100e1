"""Evaluating, comparing and judging from the command line."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from recommender.cli import main


@dataclass(frozen=True)
class Run:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.out)


def run(capsys: pytest.CaptureFixture[str], *args: object) -> Run:
    """Run the command line in this process."""
    with pytest.raises(SystemExit) as end:
        main([*map(str, args)])
    printed = capsys.readouterr()
    return Run(int(end.value.code or 0), printed.out, printed.err)


def test_evaluate_says_measures_and_writes(
    capsys: pytest.CaptureFixture[str], sample_index: Path, sample: Path, tmp_path: Path
) -> None:
    """A verdict, tables, a report, a table of queries; what was left out is told."""
    args = ("evaluate", "--model", sample_index, "--judgements", sample / "judgements.tsv")
    stories = ("--stories", sample / "stories.tsv")
    files = ("--report", tmp_path / "r.html", "--csv", tmp_path / "r.csv")
    shown = run(capsys, *args, *stories, *files)
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text("utf-8").splitlines()))

    assert 0 == shown.code
    assert "The lists are " in shown.out
    for words in ("ndcg@10", "alpha_ndcg@10", "near_copies", "coverage", "orphans"):
        assert words in shown.out
    assert "note: 490 judgements across languages, left out" in shown.err
    assert (tmp_path / "r.html").read_text("utf-8").startswith("<!doctype html>")
    assert len(rows) == 108
    assert {"id", "title", "section", "ndcg@10"} <= {*rows[0]}


def test_tables_stand_apart(
    capsys: pytest.CaptureFixture[str], sample_index: Path, sample: Path
) -> None:
    """An empty line before each, and no blank before its title."""
    args = ("--model", sample_index, "--judgements", sample / "judgements.tsv")
    shown = run(capsys, "evaluate", *args)

    for title in ("Quality", "Lists", "The archive"):
        assert f"\n\n{title}\n" in shown.out


def test_evaluate_as_json_has_every_figure_with_its_interval(
    capsys: pytest.CaptureFixture[str], sample_index: Path, tmp_path: Path
) -> None:
    """For programs, with a log and a run of their own."""
    run_file, log = tmp_path / "run.jsonl", tmp_path / "log.jsonl"
    out = run(capsys, "export", "--model", sample_index, "--limit", 5, "--out", run_file)
    assert 0 == out.code
    first = json.loads(run_file.read_text("utf-8").splitlines()[0])
    shown = first["related"][:3]
    row = {"query": first["id"], "shown": shown, "clicked": shown[:1], "propensity": [0.5] * 3}
    log.write_text(f"{json.dumps(row)}\n" * 3, "utf-8")
    args = ("--judgements", "back-references", "--run", run_file, "--log", log, "--json")
    found = run(capsys, "evaluate", "--model", sample_index, *args).json

    assert "run.jsonl" == found["run"]
    assert {"mean", "low", "high", "n"} == {*found["quality"]["mrr@10"]}
    assert 2.0 == found["off_policy"]["ips"]["mean"]
    assert [1.0, 0.0, 0.0] == [rate["rate"]["mean"] for rate in found["clicks"]]
    assert {"section", "language", "age", "length"} == {*found["groups"]}


def test_evaluate_replays_the_past(
    capsys: pytest.CaptureFixture[str], sample_index: Path, sample: Path
) -> None:
    """Fewer judgements count, and it is said how many were later."""
    args = ("evaluate", "--model", sample_index, "--judgements", sample / "judgements.tsv")
    found = run(capsys, *args, "--replay", "--json").json

    assert found["notices"]["judgements of what was published later, left out"] > 0
    assert "this index, replayed" == found["run"]


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        (("--judgements", "nowhere.txt"), 4, "There is no file nowhere.txt"),
        (("--judgements", "field:none"), 2, "No article has a field 'none'"),
        (("--judgements", "strangers.txt"), 2, "Nothing can be measured with strangers.txt"),
        (("--judgements", "grades.txt"), 2, "Line 1 of grades.txt has the grade '99'"),
        (("--judgements", "back-references", "--run", "twice.jsonl"), 2, "lists 'b' twice"),
        (("--judgements", "back-references", "--log", "bad.jsonl"), 2, "No row of bad.jsonl"),
        (("--judgements", "back-references", "--k", "0"), 2, "limit is 0"),
        (("--judgements", "back-references", "--report", "no/r.html"), 4, "There is no folder no"),
        (("--judgements", "back-references", "--preset", "none"), 2, "There is no preset 'none'"),
    ],
)
def test_evaluate_refuses_what_cannot_be_in_one_line(
    capsys: pytest.CaptureFixture[str],
    sample_index: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    code: int,
    why: str,
) -> None:
    """Each with its reason, and its exit code."""
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "strangers.txt": "x 0 y 1\n",
        "grades.txt": "sc-en-0001 0 sc-en-0002 99\n",
        "twice.jsonl": '{"id": "a", "related": ["b", "b"]}\n',
        "bad.jsonl": '{"query": "a", "item": "b", "position": -1, "clicked": 1}\n',
    }.items():
        (tmp_path / name).write_text(text, "utf-8")
    shown = run(capsys, "evaluate", "--model", sample_index, *args)

    assert (code, "") == (shown.code, shown.out)
    assert why in shown.err


def test_compare_says_which_is_better_and_where(
    capsys: pytest.CaptureFixture[str], sample_index: Path, tmp_path: Path
) -> None:
    """A file turned round against the index and its preset: a verdict, tables, a report."""
    path = tmp_path / "run.jsonl"
    run(capsys, "export", "--model", sample_index, "--limit", 10, "--out", path)
    lists = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    turned = [{"id": row["id"], "related": row["related"][::-1]} for row in lists]
    path.write_text("\n".join(map(json.dumps, turned)), "utf-8")
    args = ("--model", sample_index, "--judgements", "back-references", "--preset", "similarity")
    runs = (sample_index, f"{sample_index}:similarity", path)
    shown = run(capsys, "compare", *runs, *args, "--report", tmp_path / "c.html")
    found = run(capsys, "compare", *runs, *args, "--json").json

    assert 0 == shown.code
    assert "no difference: all 51 queries tie" in shown.out
    assert f"{sample_index} is better" in shown.out
    assert "Changed most" in (tmp_path / "c.html").read_text("utf-8")
    assert 3 == len(found["runs"])
    assert 15 == len(found["differences"])
    assert found["differences"][0]["p"] is None
    assert found["changed"][0]["now"] < found["changed"][0]["before"]


def test_compare_without_judgements_is_a_wrong_call(
    capsys: pytest.CaptureFixture[str], sample_index: Path
) -> None:
    """And so is one run alone."""
    bare = run(capsys, "compare", sample_index, sample_index, "--model", sample_index)
    args = ("--model", sample_index, "--judgements", "back-references")
    alone = run(capsys, "compare", sample_index, *args)

    assert (2, True) == (bare.code, "Give --judgements" in bare.err)
    assert (2, True) == (alone.code, "two runs or more" in alone.err)


def test_judge_makes_a_page_and_reads_marks_back(
    capsys: pytest.CaptureFixture[str], sample_index: Path, tmp_path: Path
) -> None:
    """From the page to qrels that evaluate takes."""
    page = tmp_path / "judge.html"
    made = run(capsys, "judge", "--model", sample_index, "--out", page, "--queries", 4)
    text = page.read_text("utf-8")
    assert (0, True) == (made.code, "4 articles with 20 candidates" in made.err)
    import re

    sheet = re.search('data-sheet="([^"]*)"', text)
    assert sheet is not None
    pairs = re.findall(r'data-query="([^"]*)" data-article="([^"]*)"', text)
    for judge, shift in (("ann", 0), ("bo", 1)):
        marks = [
            {"query": q, "article": a, "grade": min(3, i % 3 + shift * (i % 2))}
            for i, (q, a) in enumerate(pairs)
        ]
        file = {"form": "recommender-marks", "sheet": sheet[1], "judge": judge, "marks": marks}
        (tmp_path / f"{judge}.json").write_text(json.dumps(file), "utf-8")
    files = (tmp_path / "ann.json", tmp_path / "bo.json")
    args = ("--model", sample_index, "--out", tmp_path / "qrels.txt")
    read = run(capsys, "judge", "--read", *files, *args)
    alone = run(capsys, "judge", "--read", files[0], "--model", sample_index)
    found = run(capsys, "judge", "--read", *files, "--model", sample_index, "--json").json
    qrels = ("--judgements", tmp_path / "qrels.txt", "--any-language", "--json")
    again = run(capsys, "evaluate", "--model", sample_index, *qrels).json

    assert 0 == read.code
    assert "alpha" in read.out
    assert "There is no agreement to report: one judge only" in alone.out
    assert found["agreement"]["alpha"]["mean"] == pytest.approx(0.74, abs=0.2)
    assert found["runs"]["this index"]["ndcg@10"] == again["quality"]["ndcg@10"]


def test_judge_called_wrongly_says_how(
    capsys: pytest.CaptureFixture[str], sample_index: Path
) -> None:
    """Neither a page nor files."""
    nothing = run(capsys, "judge", "--model", sample_index)
    no_files = run(capsys, "judge", "--read", "--model", sample_index)

    assert (2, True) == (nothing.code, "--out judge.html" in nothing.err)
    assert (2, True) == (no_files.code, ", together with --read" in no_files.err)


MARKS = {
    "ann": [{"query": "sc-en-0001", "article": "sc-en-0002", "grade": 3}],
    "bo": [{"query": "sc-en-0001", "article": "sc-en-0004", "grade": 0}],
}


@pytest.fixture
def odd_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, and the current one, of what people hand in."""
    monkeypatch.chdir(tmp_path)
    card = {"query": "sc-en-0001", "item": "sc-en-0002", "clicked": 1}
    rows = [{**card, "position": position} for position in (0, -3, 2.5)]
    rows.append({**card, "item": "sc-en-0004", "position": 1, "clicked": 0})
    texts = {
        "one.txt": "sc-en-0001 0 sc-en-0002 1\n",
        "unknown.txt": "sc-en-0001 0 sc-en-0002 1\nsc-en-0001 0 nope 1\nzzz 0 sc-en-0002 1\n",
        "half.txt": "sc-en-0001 0 sc-en-0002 1.5\n",
        "zero.txt": "sc-en-0001 0 sc-en-0002 0\n",
        "later.txt": "sc-en-0003 0 sc-en-0004 1\n",
        "strangers.jsonl": '{"id": "zzz", "related": ["a"]}\n',
        "positions.jsonl": "".join(f"{json.dumps(row)}\n" for row in rows),
    }
    for name, marks in MARKS.items():
        file = {"form": "recommender-marks", "sheet": "s", "judge": name, "marks": marks}
        texts[f"{name}.json"] = json.dumps(file)
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def defined(out: str) -> list[str]:
    """Return the measures of the tables that have a figure."""
    rows = [line.split() for line in out.splitlines() if "@" in line]
    return [row[0] for row in rows if row[1] != "-"]


@pytest.mark.usefixtures("odd_files")
def test_unknown_ids_are_counted_and_shown(
    capsys: pytest.CaptureFixture[str], sample_index: Path
) -> None:
    """In the talk of the command, in its JSON, and in the report."""
    args = ("evaluate", "--model", sample_index, "--judgements", "unknown.txt")
    shown = run(capsys, *args, "--report", "r.html")
    found = run(capsys, *args, "--json").json

    for words in (
        "judgements that name no article of the index",
        "queries that are no article of the index",
    ):
        assert f"note: 1 {words}" in shown.err
        assert 1 == found["notices"][words]
        assert words in Path("r.html").read_text("utf-8")
    assert "That rests on 1 judged article only" in shown.out


@pytest.mark.usefixtures("odd_files")
def test_log_with_impossible_positions_is_told_and_the_rest_is_used(
    capsys: pytest.CaptureFixture[str], sample_index: Path
) -> None:
    """Three of four rows; what cannot be estimated is no 0."""
    shown = run(capsys, "evaluate", "--model", sample_index, "--log", "positions.jsonl")
    found = run(capsys, "evaluate", "--model", sample_index, "--log", "positions.jsonl", "--json")

    assert "3 rows with a position that is no whole number from 1 to 1,000" in shown.err
    assert "(first in line 1)" in shown.err
    assert "What these lists would have got cannot be said" in shown.out
    assert found.json["off_policy"]["ips"]["mean"] is None
    assert found.json["off_policy"]["effective"] is None


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("--judgements", "half.txt"), "Line 1 of half.txt has the grade '1.5'"),
        (("--judgements", "zero.txt"), "1 queries without any relevant article"),
        (("--judgements", "later.txt", "--replay"), "published later, left out"),
        (("--judgements", "one.txt", "--run", "strangers.jsonl"), "no list of any of the judged"),
    ],
)
@pytest.mark.usefixtures("odd_files")
def test_nothing_left_to_measure_is_said_and_no_figure_is_printed(
    capsys: pytest.CaptureFixture[str], sample_index: Path, args: tuple[str, ...], why: str
) -> None:
    """Each with its reason, and exit code 2."""
    shown = run(capsys, "evaluate", "--model", sample_index, *args)

    assert (2, "") == (shown.code, shown.out)
    assert why in shown.err


@pytest.mark.usefixtures("odd_files")
def test_comparison_where_all_tie_has_no_p_and_no_winner(
    capsys: pytest.CaptureFixture[str], sample_index: Path
) -> None:
    """Of one query, and of many."""
    both = ("compare", sample_index, sample_index, "--model", sample_index, "--judgements")
    one, many = run(capsys, *both, "one.txt"), run(capsys, *both, "back-references")
    found = run(capsys, *both, "one.txt", "--json").json

    assert "no difference: the one query ties" in one.out
    assert "no difference: all 51 queries tie" in many.out
    assert {None} == {row["p"] for row in found["differences"]}
    assert {None} == {row["p_holm"] for row in found["differences"]}
    assert {None} == {row["effect"] for row in found["differences"]}


@pytest.mark.usefixtures("odd_files")
def test_judges_who_cannot_agree_get_no_alpha_and_nothing_relevant_no_figure(
    capsys: pytest.CaptureFixture[str], sample_index: Path
) -> None:
    """One judge; two without a pair in common; one who found nothing relevant."""
    args = ("judge", "--model", sample_index, "--read")
    alone = run(capsys, *args, "bo.json")
    apart = run(capsys, *args, "ann.json", "bo.json")

    assert "one judge only: nobody to agree with" in alone.out
    assert "no two judges marked the same pair" in apart.out
    for shown in (alone, apart):
        assert ["alpha", "-"] in [line.split() for line in shown.out.splitlines()]
    assert [] == defined(alone.out)
    assert "note: 1 queries without any relevant article" in alone.err
    assert "ndcg@10" in defined(apart.out)
