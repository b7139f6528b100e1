"""Adding, deleting and merging from the command line: what is said, and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from recommender import build_index
from recommender.index.manifest import current, writer_lock
from tests.cli.running import run

NEW: list[dict[str, Any]] = [
    {"id": "new-uk", "lang": "uk", "title": "Острянський міст відкрили", "body": "Міст відкрито."},
    {"id": "new-ru", "lang": "ru", "title": "Мост в Заречном открыли", "body": "Мост открыт."},
    {"id": "new-en", "lang": "en", "title": "Ostra bridge reopens", "body": "The bridge is open."},
]


@pytest.fixture(scope="module")
def published(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the bundled articles."""
    root = tmp_path_factory.mktemp("published") / "news"
    build_index(sample / "articles.jsonl", root)
    return root


@pytest.fixture
def root(published: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(published, tmp_path / "news")
    return tmp_path / "news"


@pytest.fixture
def today(tmp_path: Path) -> Path:
    """New articles in a file, one of them unusable."""
    path = tmp_path / "today.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in [*NEW, {"id": "empty"}]]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_add_says_what_was_added_and_ends_with_3_for_a_rejected_one(
    root: Path, today: Path
) -> None:
    """The good ones are in; the second time there is nothing to change."""
    first, second = (run("add", today, "--model", root) for _ in range(2))

    assert (first.code, second.code) == (3, 3)
    assert "3 added in" in first.out
    assert "147 articles in generation 2" in first.out
    assert "empty-text (id 'empty')" in first.err
    assert "nothing to change; 147 articles in generation 2" in second.out
    assert "3 stand in the index just as given" in second.err
    block: Any = run("related", "new-uk", "--model", root, "--json").json
    assert {card["lang"] for card in block["cards"]} == {"uk"}


def test_add_from_a_pipe_in_json(root: Path) -> None:
    """A site's backend hands over one article."""
    line = json.dumps(NEW[1], ensure_ascii=False)
    report: Any = run("add", "-", "--model", root, "--json", stdin=line).json

    assert (report["added"], report["generation"], report["articles"]) == (1, 2, 145)


def test_add_where_there_is_no_index_says_how_to_build_one(tmp_path: Path, today: Path) -> None:
    """And makes no folder."""
    said = run("add", today, "--model", tmp_path / "none")

    assert said.code == 5
    assert "recommender build" in said.err
    assert not (tmp_path / "none").exists()


def test_delete_and_where_prove_that_an_article_is_nowhere(root: Path, today: Path) -> None:
    """Unknown ids are named and do no harm."""
    run("add", today, "--model", root)
    assert "new-uk stands in" in run("where", "new-uk", "--model", root).out
    said = run("delete", "new-uk", "typo", "--model", root)
    after: Any = run("where", "new-uk", "--model", root, "--json").json

    assert said.code == 0
    assert "1 deleted in" in said.out
    assert "1 to delete not in the index: 'typo'" in said.err
    assert after["blocks"] == []
    assert run("related", "new-uk", "--model", root).code == 4
    assert "stands in no block" in run("where", "typo", "--model", root).out


def test_delete_reads_ids_from_a_pipe(root: Path) -> None:
    """A line each; - goes with no other id."""
    piped = run("delete", "-", "--model", root, stdin="sc-uk-0001\n\nsc-ru-0001\n")
    mixed = run("delete", "-", "sc-en-0001", "--model", root)

    assert "2 deleted in" in piped.out
    assert mixed.code == 2
    assert current(root) == 2


def test_merge_says_what_it_made(root: Path, today: Path) -> None:
    """One segment, sound, of as many articles."""
    run("add", today, "--model", root)
    said = run("merge", "--model", root)

    assert "one segment of 147 articles in generation 3" in said.out
    assert run("verify", "--model", root).code == 0


@pytest.mark.parametrize("command", [["add", "x.jsonl"], ["delete", "x"], ["merge"]])
def test_second_writer_is_refused_with_its_own_exit_code(root: Path, command: list[str]) -> None:
    """Exit code 6; nothing changes."""
    with writer_lock(root):
        assert run(*command, "--model", root).code == 6
    assert current(root) == 1


def test_damaged_live_generation_takes_no_updates(root: Path, today: Path) -> None:
    """To go on from the one before would lose what came after it: exit code 5, and what to do."""
    run("add", today, "--model", root)
    (root / "gen-00000002" / "df.npy").unlink()
    said = run("delete", "new-ru", "--model", root)

    assert said.code == 5
    assert "df.npy is missing" in said.err
    assert current(root) == 2
    assert run("rollback", "--model", root).code == 0
    assert run("delete", "sc-uk-0001", "--model", root).code == 0
