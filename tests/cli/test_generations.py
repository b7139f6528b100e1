"""Generations from the command line: what is said, how it ends, what it leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recommender import build_index
from recommender.index.manifest import current, generations, read_manifest, writer_lock
from tests.cli.running import run


@pytest.fixture(scope="module")
def lines(sample: Path) -> list[str]:
    """The bundled articles as JSON lines."""
    return (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


@pytest.fixture(scope="module")
def published(lines: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three generations."""
    root = tmp_path_factory.mktemp("published") / "news"
    for n in (120, 132, 144):
        build_index([json.loads(line) for line in lines[:n]], root)
    return root


@pytest.fixture
def root(published: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(published, tmp_path / "news")
    return tmp_path / "news"


def test_versions_lists_each_and_marks_the_live_one(root: Path) -> None:
    """A line a generation for people, the same for programs."""
    shown = run("versions", "--model", root)
    printed: Any = run("versions", "--model", root, "--json").json

    rows = [line.split() for line in shown.out.splitlines()[2:]]
    assert [["3", "live"], ["2"], ["1"]] == [
        [word for word in row[:2] if word.isalnum()] for row in rows
    ]
    assert [3, 2, 1] == [v["generation"] for v in printed]
    assert [144, 132, 120] == [v["articles"] for v in printed]
    assert (0, "") == (shown.code, shown.err)


def test_versions_names_what_is_damaged(root: Path) -> None:
    """The list goes to standard output, the problem to standard error; so does advice."""
    (root / "gen-00000002" / "df.npy").unlink()
    (root / "CURRENT").write_text("rubbish", encoding="utf-8")

    shown = run("versions", "--model", root)

    assert "damaged" in shown.out
    assert "generation 2: " in shown.err
    assert "df.npy is missing" in shown.err
    assert "No generation is live. Choose one" in shown.err


def test_rollback_and_forward_again(root: Path) -> None:
    """What is live now is said, with the way back; programs get it as JSON."""
    back = run("rollback", "--model", root)
    assert "generation 2 is live now, it was 3 (132 articles" in back.out
    assert "recommender rollback 3 --model" in back.err
    assert 2 == current(root)

    forward: Any = run("rollback", 3, "--model", root, "--json").json
    assert (3, 2, 144) == (forward["live"], forward["before"], forward["articles"])
    again = run("rollback", 3, "--model", root)
    assert "is live already" in again.out
    assert run("verify", "--model", root, "--generation", 2).code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["rollback", "9"], 2, "There is no generation 9"),
        (["rollback", "two"], 2, "not a valid integer"),
        (["rollback", "1", "2"], 2, "unexpected extra argument"),
        (["diff", "7"], 2, "There is no generation 7"),
        (["diff", "--sample", "0"], 2, "sample is 0"),
        (["diff", "--limit", "0"], 2, "limit is 0"),
        (["gc", "--keep", "0"], 2, "keep is 0"),
        (["gc", "--grace", "soon"], 2, "grace is 'soon'; expected a time such as"),
        (["gc", "--grace", ""], 2, "grace is ''"),
        (["verify", "--generation", "5"], 2, "There is no generation 5"),
        (["verify", "--generation", "1", "--all"], 2, "either --generation N or --all"),
        (["rolback"], 2, "Did you mean 'rollback'?"),
    ],
)
def test_mistake_ends_with_its_code_and_moves_nothing(
    published: Path, words: list[str], code: int, said: str
) -> None:
    """One clear line on standard error."""
    before = sorted(published.rglob("*"))

    ended = run(*words, "--model", published)

    assert code == ended.code
    assert said in ended.err
    assert (before, 3) == (sorted(published.rglob("*")), current(published))


@pytest.mark.parametrize("command", ["versions", "rollback", "gc", "diff"])
def test_folder_that_is_no_index_ends_with_5(tmp_path: Path, command: str) -> None:
    """And is not made."""
    ended = run(command, "--model", tmp_path / "nothing")

    assert 5 == ended.code
    assert "holds no index" in ended.err
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["rollback", "gc"])
def test_command_while_another_writes_ends_with_6(root: Path, command: str) -> None:
    """It does not wait, and names the process."""
    with writer_lock(root):
        ended = run(command, "--model", root)

    assert 6 == ended.code
    assert f"pid {os.getpid()}" in ended.err


AS_NOBODY = """
import logging, os, sys
import recommender.cli, recommender.cli.rollback, recommender.cli.gc, recommender.cli.versions
os.setuid(65534)
recommender.cli.main(sys.argv[1:])
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("command", "code"), [("rollback", 7), ("gc", 7), ("versions", 0)])
def test_command_in_a_read_only_folder(
    published: Path, public: Path, command: str, code: int
) -> None:
    """What would write ends with 7 and the system's reason; what reads does not mind."""
    shutil.copytree(published, public / "news", copy_function=shutil.copyfile)

    ended = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, command, "--model", str(public / "news")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )

    assert code == ended.returncode, ended.stderr
    assert ("Permission denied" in ended.stderr) == bool(code)
    assert 3 == current(public / "news")


def test_gc_tells_what_it_removes_and_a_dry_run_what_it_would(root: Path) -> None:
    """Numbers, segments and bytes."""
    dry = run("gc", "--model", root, "--keep", 1, "--grace", 0, "--dry-run")
    assert "would remove generation 1 and 1 segment, " in dry.out
    assert [1, 2, 3] == generations(root)

    done = run("gc", "--model", root, "--keep", 1, "--grace", 0)
    assert "removed generation 1 and 1 segment, " in done.out
    assert "generations 2, 3 kept" in done.out
    assert [2, 3] == generations(root)

    printed: Any = run("gc", "--model", root, "--keep", 1, "--grace", 0, "--json").json
    assert ([], [2, 3]) == (printed["generations"], printed["kept"])


def test_gc_follows_the_settings_and_says_why_it_leaves(root: Path, tmp_path: Path) -> None:
    """A settings file, the environment, an option, in this order of weight."""
    (tmp_path / "recommender.toml").write_text("[generations]\nkeep = 1\n", encoding="utf-8")

    recent = run("gc", "--model", root, cwd=tmp_path)
    assert "generation 1: kept, live less than the grace ago" in recent.err
    kept = run("gc", "--model", root, "--keep", 3, cwd=tmp_path, RECOMMENDER_GENERATIONS_GRACE="0")
    assert "nothing to remove" in kept.out
    gone = run("gc", "--model", root, cwd=tmp_path, RECOMMENDER_GENERATIONS_GRACE="0")
    assert "removed generation 1" in gone.out


def test_diff_shows_figures_and_examples(root: Path) -> None:
    """For people and for programs."""
    shown = run("diff", 1, "--model", root)
    printed: Any = run("diff", 1, 3, "--model", root, "--json").json

    assert "generation 1 to 3" in shown.out
    assert "120 before, 144 now" in shown.out
    assert "Most changed" in shown.out
    assert (24, 0, 120) == (printed["added"], printed["removed"], printed["compared"])
    assert printed["examples"][0]["id"] in shown.out


def test_diff_says_that_it_is_a_sample(root: Path) -> None:
    """Figures of a part are not taken for those of all."""
    shown = run("diff", "--model", root, "--sample", 20)

    assert "an even sample of 20 of the 132 articles of both" in shown.out


def test_verify_all_names_the_generation_of_a_problem(root: Path) -> None:
    """Each kept generation is audited; one bad one is exit code 5."""
    (name,) = read_manifest(root, 1).segments
    place = root / "segments" / name / "ids.data.npy"
    place.write_bytes(place.read_bytes()[:-1] + b"\x00")

    ended = run("verify", "--model", root, "--all")

    assert 5 == ended.code
    assert 2 == ended.out.count("is sound")
    assert "problem: generation 1: " in ended.err


def test_build_much_worse_ends_with_9_unless_forced(
    root: Path, lines: list[str], tmp_path: Path
) -> None:
    """The figures are named in either case."""
    (tmp_path / "half.jsonl").write_text("".join(lines[:72]), encoding="utf-8")

    refused = run("build", tmp_path / "half.jsonl", "--model", root)
    assert 9 == refused.code
    assert "72 articles instead of 144 (−50.0%) (limit 20%" in refused.err
    assert 3 == current(root)

    forced = run("build", tmp_path / "half.jsonl", "--model", root, "--force", "--json")
    assert (0, 4) == (forced.code, current(root))
    assert forced.json["forced"] is True
    assert forced.json["gate"]["compared_with"] == 3
    assert "forced" in run("versions", "--model", root).out


def test_build_says_what_the_judges_think_and_ends_with_9_where_it_is_much_worse(
    root: Path, lines: list[str], tmp_path: Path
) -> None:
    """The figure is told when it is good, too; a file that is not there is exit code 4."""
    articles = [json.loads(line) for line in lines]
    mixed = [
        {**a, "title": b["title"], "body": b["body"]}
        for a, b in zip(articles, articles[::-1], strict=True)
    ]
    for name, rows in (("same", articles), ("mixed", mixed)):
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    judged: Any = {"RECOMMENDER_GENERATIONS_JUDGEMENTS": "back-references"}

    same = run("build", tmp_path / "same.jsonl", "--model", root, **judged)
    refused = run("build", tmp_path / "mixed.jsonl", "--model", root, **judged)
    forced = run("build", tmp_path / "mixed.jsonl", "--model", root, "--force", **judged)
    missing: Any = {"RECOMMENDER_GENERATIONS_JUDGEMENTS": "nowhere.txt"}
    nowhere = run("build", tmp_path / "same.jsonl", "--model", root, **missing)

    assert (0, 9, 0, 4) == (same.code, refused.code, forced.code, nowhere.code)
    assert "51 articles, all tie)" in same.out
    assert "note: 5 judgements across languages, left out" in same.err
    assert "(limit 5%, [generations] max_quality_drop)" in refused.err
    assert "forced: nDCG@10 by back references is 0." in forced.err
    assert "[generations] judgements: There is no file nowhere.txt" in nowhere.err
    assert 5 == current(root)
