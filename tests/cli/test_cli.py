"""The command line, as a person and as a program meets it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recommender import Recommender
from recommender.article import to_json
from tests.cli.running import run


def test_build_then_related_shows_a_block(sample: Path, tmp_path: Path) -> None:
    """The two commands of the README: a summary, then a block with reasons."""
    built = run("build", sample / "articles.jsonl", "--model", tmp_path / "m", cold=True)
    shown = run("related", "sc-en-0001", "--model", tmp_path / "m", "--limit", 3, cold=True)

    assert (0, 0) == (built.code, shown.code)
    for word in ("articles", "languages", "terms", "time", "memory", "boilerplate"):
        assert word in built.out
    assert shown.out.count("why:") == 3


def test_related_json_is_the_block_of_the_library(sample_index: Path, news: Recommender) -> None:
    """The command prints the very cards that Python returns."""
    printed = run("related", "sc-uk-0001", "--model", sample_index, "--json").json

    assert to_json(news.related("sc-uk-0001").cards) == printed["cards"]
    assert printed["index"]["articles"] == news.index.n_docs


def test_related_draft_from_file_and_from_standard_input(
    sample_index: Path, tmp_path: Path
) -> None:
    """A draft comes from a file or from -, title on the first line."""
    text = "Міст у Зарічному закрили\n\nНа опорі знайшли тріщину."
    draft = tmp_path / "draft.txt"
    draft.write_text(text, encoding="utf-8")

    one = run("related", "--text", draft, "--model", sample_index, "--json").json
    other = run("related", "--text", "-", "--model", sample_index, "--json", stdin=text).json

    assert one["source"] == {
        "id": None,
        "url": None,
        "lang": "uk",
        "title": "Міст у Зарічному закрили",
    }
    assert one["cards"] == other["cards"] != []


def test_export_writes_the_run_file_of_the_contract(
    sample_index: Path, news: Recommender, tmp_path: Path
) -> None:
    """A line an article: id, related ids best first, scores; the lists that blocks have."""
    out = tmp_path / "run.jsonl"
    args = ("--preset", "similarity", "--limit", 10, "--format", "jsonl", "--out", out)
    done = run("export", "--model", sample_index, *args)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]

    assert done.code == 0
    assert news.index.n_docs == len(rows)
    for row in rows:
        cards = news.related(row["id"], limit=10, preset="similarity").cards
        assert [card.id for card in cards] == row["related"]
        assert [card.score for card in cards] == row["scores"]


def test_export_to_standard_output_does_not_depend_on_workers(sample_index: Path) -> None:
    """One worker and two print the same lines."""
    one = run("export", "--model", sample_index, "--jobs", 1)
    two = run("export", "--model", sample_index, "--jobs", 2)

    assert one.out == two.out
    assert len(one.out.splitlines()) > 100


def test_verify_sound_index_ends_with_0_and_damaged_with_5(
    sample_index: Path, tmp_path: Path
) -> None:
    """One flipped bit in any file is named."""
    broken = tmp_path / "broken"
    shutil.copytree(sample_index, broken)
    victim = next(broken.glob("segments/*/postings.docs.npy"))
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)

    assert run("verify", "--model", sample_index).code == 0
    found = run("verify", "--model", broken)
    assert found.code == 5
    assert "postings.docs.npy" in found.err
    assert run("related", "sc-en-0001", "--model", broken).code == 5


def test_inspect_lists_counts_boilerplate_and_settings_with_their_origin(
    sample_index: Path, tmp_path: Path
) -> None:
    """Everything about an index can be seen, and where each setting came from."""
    (tmp_path / "recommender.toml").write_text("[block]\nlimit = 4\n", encoding="utf-8")

    found = run(
        "inspect",
        "--model",
        sample_index,
        "--json",
        cwd=tmp_path,
        RECOMMENDER_BLOCK_THRESHOLD="0.1",
    ).json
    drawn = run("inspect", "--model", sample_index)

    assert {"en", "ru", "uk"} == set(found["languages"])
    assert found["boilerplate"]
    assert found["settings"]["block.limit"] == {"value": 4, "origin": "file recommender.toml"}
    assert found["settings"]["block.threshold"] == {"value": 0.1, "origin": "environment"}
    assert found["settings"]["fields.title"]["origin"] == "the index"
    assert found["settings"]["ingest.encoding"]["origin"] == "default"
    assert "Boilerplate" in drawn.out


def test_inspect_of_an_article_shows_its_heaviest_terms(sample_index: Path) -> None:
    """One article: what its card holds and what it is about."""
    found = run("inspect", "sc-en-0001", "--model", sample_index, "--json").json

    assert found["id"] == "sc-en-0001"
    assert found["terms"]


def test_explain_shares_sum_to_the_score(sample_index: Path, news: Recommender) -> None:
    """Asked why, the command answers with terms and shares."""
    other = news.related("sc-ru-0001").cards[0].id
    found = run("explain", "sc-ru-0001", other, "--model", sample_index, "--json").json

    assert sum(t["share"] for t in found["terms"]) == pytest.approx(found["score"])


def test_settings_file_and_environment_choose_the_block(sample_index: Path, tmp_path: Path) -> None:
    """Argument over environment over file over default."""
    (tmp_path / "recommender.toml").write_text("[block]\nlimit = 2\n", encoding="utf-8")
    ask = ("related", "sc-en-0001", "--model", sample_index, "--json")

    def cards(*args: object, **env: str) -> int:
        return len(run(*ask, *args, cwd=tmp_path, cold=False, **env).json["cards"])

    assert cards() == 2
    assert cards(RECOMMENDER_BLOCK_LIMIT="3") == 3
    assert cards("--limit", 4, RECOMMENDER_BLOCK_LIMIT="3") == 4


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["related", "nope"], 4, "nope"),
        (["related"], 2, "--text"),
        (["related", "sc-en-0001", "--limit", "0"], 2, "limit"),
        (["related", "sc-en-0001", "--preset", "x"], 2, "similarity"),
        (["related", "--text", "/no/such/file"], 4, "/no/such/file"),
        (["export", "--out", "/no/such/folder/x"], 4, "/no/such/folder"),
        (["inspect", "--config", "/no/such.toml"], 4, "/no/such.toml"),
    ],
)
def test_mistake_ends_with_its_code_and_one_clear_line(
    sample_index: Path, args: list[str], code: int, said: str
) -> None:
    """Each mistake has its exit code and a message that names it."""
    done = run(*args, "--model", sample_index)

    assert (code, True, "") == (done.code, said in done.err, done.out)


def test_build_of_no_file_ends_with_4(tmp_path: Path) -> None:
    """A source that is not there."""
    done = run("build", tmp_path / "nothing.jsonl", "--model", tmp_path / "m")

    assert done.code == 4
    assert "nothing.jsonl" in done.err


def test_unknown_command_names_the_nearest() -> None:
    """A typo in the command is met with the right one."""
    done = run("biuld")

    assert done.code == 2
    assert "build" in done.err


def test_unknown_setting_names_the_nearest(sample_index: Path, tmp_path: Path) -> None:
    """A typo in the settings file is a mistake, not silence."""
    (tmp_path / "c.toml").write_text("[block]\nlimmit = 3\n", encoding="utf-8")
    done = run("related", "sc-en-0001", "--model", sample_index, "--config", tmp_path / "c.toml")

    assert done.code == 2
    assert "'limit'" in done.err


def test_folder_that_is_no_index_ends_with_5(tmp_path: Path) -> None:
    """Neither an empty folder nor a missing one is an index."""
    assert run("related", "x", "--model", tmp_path).code == 5
    assert run("verify", "--model", tmp_path / "none").code == 5


def test_build_with_bad_lines_keeps_the_good_and_ends_with_3(sample: Path, tmp_path: Path) -> None:
    """Broken lines are named with file and line and put aside; the rest is published."""
    lines = (sample / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    source = tmp_path / "mixed.jsonl"
    source.write_text("\n".join([*lines[:30], "{broken", '{"title": "no id"}']), encoding="utf-8")
    bad = tmp_path / "bad.jsonl"

    done = run("build", source, "--model", tmp_path / "m", "--quarantine", bad, "--json")

    assert done.code == 3
    assert done.json["kept"] == 30
    assert {"broken-json": 1, "missing-id": 1} == done.json["rejected"]
    kept = [json.loads(line) for line in bad.read_text(encoding="utf-8").splitlines()]
    assert [31, 32] == [row["line"] for row in kept]


def test_build_past_max_errors_ends_with_8_and_publishes_nothing(tmp_path: Path) -> None:
    """The gate on rejections."""
    source = tmp_path / "bad.jsonl"
    source.write_text('{"id": "1", "title": "Good"}\n{\n{\n', encoding="utf-8")

    done = run("build", source, "--model", tmp_path / "m", "--max-errors", 1)

    assert done.code == 8
    assert not (tmp_path / "m").exists()


def test_build_reads_standard_input_and_gz(sample: Path, tmp_path: Path) -> None:
    """JSON lines through a pipe, and packed, are the same corpus."""
    text = (sample / "articles.jsonl").read_text(encoding="utf-8")
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(text.encode()))

    piped = run("build", "-", "--model", tmp_path / "a", "--json", stdin=text).json
    unpacked = run("build", packed, "--model", tmp_path / "b", "--json").json

    for key in ("kept", "terms", "postings", "languages"):
        assert piped[key] == unpacked[key]


def test_no_color_and_pipes_print_no_escape_codes(sample_index: Path) -> None:
    """What is not a terminal gets plain text."""
    shown = run("related", "sc-en-0001", "--model", sample_index, NO_COLOR="1")

    assert "\x1b" not in shown.out + shown.err


def test_output_into_a_closed_pipe_is_silent(sample_index: Path) -> None:
    """``| head -1`` ends without a word."""
    command = f"{sys.executable} -m recommender export --model {sample_index} | head -1"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )

    assert done.stdout.startswith('{"id":')
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_completes_commands(shell: str) -> None:
    """Each shell gets a script; the program answers what it asks."""
    assert "_RECOMMENDER_COMPLETE" in run("completion", shell).out


def test_version_and_help_end_with_0() -> None:
    """The first two things anyone types."""
    assert run("--version", cold=True).out.startswith("recommender ")
    for command in (
        "build",
        "related",
        "explain",
        "export",
        "inspect",
        "verify",
        "warm",
        "completion",
    ):
        shown = run(command, "--help")
        assert shown.code == 0
        assert "Example" in shown.out


@pytest.mark.full
def test_warm_compiles_into_the_cache_that_is_named(tmp_path: Path) -> None:
    """An installation step leaves nothing to compile for the first reader."""
    done = run("warm", cold=True, NUMBA_CACHE_DIR=str(tmp_path))

    assert done.code == 0
    assert f"kept in {tmp_path}" in done.err
    assert len(list(tmp_path.rglob("*.kernel"))) > 10

    again = run("warm", cold=True, NUMBA_CACHE_DIR=str(tmp_path))
    assert "Compiled 0 loops" in again.err
