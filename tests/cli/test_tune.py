"""Tuning from the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.test_evaluation import run

ROOT = Path(__file__).parents[2]
SPOILED = "# ours\n[block]\nlimit = 4\nhalf_life = '2d'  # too short\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a settings file that is bad for the corpus."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recommender.toml").write_text(SPOILED, "utf-8")
    return tmp_path


def test_tune_says_what_is_better_and_writes_no_file(
    capsys: pytest.CaptureFixture[str], sample_index: Path, folder: Path
) -> None:
    """A verdict, the table of what was tried, the lines to paste."""
    args = ("--model", sample_index, "--judgements", "back-references", "--test-share", "0.4")
    shown = run(capsys, "tune", *args)
    found = run(capsys, "tune", *args, "--json").json

    assert 0 == shown.code
    for words in ("Tuned on ", "Better: ndcg@10 ", "Tried on the training part", "taken"):
        assert words in shown.out
    assert "To paste into recommender.toml:\n[block]\n" in shown.out
    assert 'half_life = "0"' in shown.out.splitlines()
    assert "note: 5 judgements across languages, left out" in shown.err
    assert SPOILED == (folder / "recommender.toml").read_text("utf-8")
    assert (True, "0") == (found["better"], found["chosen"]["half_life"])
    assert found["block"] == found["chosen"]
    assert {"mean", "low", "high", "n"} == {*found["test"]["found"]["difference"]}


def test_tune_writes_into_the_file_it_is_told_and_then_finds_nothing_more(
    capsys: pytest.CaptureFixture[str], sample_index: Path, folder: Path
) -> None:
    """Its other lines stay; where nothing is better it is left alone."""
    path = folder / "recommender.toml"
    args = ("--model", sample_index, "--judgements", "back-references", "--test-share", "0.4")
    first = run(capsys, "tune", *args, "--write", path)
    text = path.read_text("utf-8")
    again = run(capsys, "tune", *args, "--write", path)

    assert "settings of the block to " in first.err
    assert {"limit": 4, "half_life": "0"}.items() <= tomllib.loads(text)["block"].items()
    assert text.startswith("# ours\n[block]\n")
    assert "# too short" in text
    assert "Keep what you have: " in again.out
    assert f"Nothing is better, so {path} is left as it is" in again.err.replace("\n", "")
    assert text == path.read_text("utf-8")


def test_tune_shows_what_it_found_though_the_file_cannot_take_it(
    capsys: pytest.CaptureFixture[str], sample_index: Path, folder: Path
) -> None:
    """A file that is written otherwise is left alone, with the lines to put in."""
    path = folder / "dotted.toml"
    path.write_text("block.half_life = '2d'\n", "utf-8")
    args = ("--model", sample_index, "--judgements", "back-references", "--test-share", "0.4")
    shown = run(capsys, "tune", *args, "--config", path, "--write", path)

    assert 2 == shown.code
    assert "Better: ndcg@10 " in shown.out
    assert "it is left as it is. Put these in by hand:\n[block]\n" in shown.err
    assert "block.half_life = '2d'\n" == path.read_text("utf-8")


def test_tune_writes_before_its_reader_goes_away(sample_index: Path, folder: Path) -> None:
    """``recommender tune --write FILE | head -1`` writes FILE."""
    words = f"tune --model {sample_index} --judgements back-references --test-share 0.4"
    command = f"{sys.executable} -m recommender {words} --write recommender.toml | true"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, shell=True, check=True, cwd=folder, env=env, timeout=300)

    assert 'half_life = "0"' in (folder / "recommender.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        ((), 2, "Give --judgements"),
        (("--judgements", "few.txt"), 2, "expected 20 of 10 or more"),
        (("--judgements", "strangers.txt"), 2, "Nothing can be measured with strangers.txt"),
        (("--judgements", "back-references", "--measure", "ndgc"), 2, "Did you mean 'ndcg'?"),
        (("--judgements", "back-references", "--test-share", "1"), 2, "test_share is 1.0"),
        (("--judgements", "back-references", "--seed", "-1"), 2, "seed is -1"),
        (("--judgements", "back-references", "--write", "no/x.toml"), 4, "There is no folder no"),
        (("--judgements", "back-references", "--write", "few.txt"), 2, "is no valid TOML"),
    ],
)
def test_tune_refuses_what_cannot_be_in_one_line(
    capsys: pytest.CaptureFixture[str],
    sample_index: Path,
    folder: Path,
    args: tuple[str, ...],
    code: int,
    why: str,
) -> None:
    """Each with its reason and its exit code, and no file touched."""
    (folder / "few.txt").write_text("sc-en-0001 0 sc-en-0002 1\n", "utf-8")
    (folder / "strangers.txt").write_text("x 0 y 1\n", "utf-8")
    shown = run(capsys, "tune", "--model", sample_index, *args)

    assert (code, "") == (shown.code, shown.out)
    assert why in shown.err
    assert SPOILED == (folder / "recommender.toml").read_text("utf-8")
