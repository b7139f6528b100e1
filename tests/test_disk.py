"""The one place through which an index is written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import recommender
from recommender import Recommender, build_index, export_jsonl
from recommender._disk import Disk, disk, using
from tests.disks import RecordingDisk

PACKAGE = Path(str(recommender.__file__)).parent
CHANGES = {
    *("mkdir", "rmdir", "unlink", "rename", "rmtree", "truncate", "touch", "fsync", "tofile"),
    *("write_bytes", "write_text", "symlink_to", "hardlink_to", "copyfile", "copytree", "move"),
}
ALLOWED = {"_disk.py", "_jit_cache.py"}  # compiled loops are kept by rules of their own


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(PACKAGE.rglob("*.py")) if p.name not in ALLOWED],
    ids=lambda p: str(p.relative_to(PACKAGE)),
)
def test_sources_change_the_disk_only_through_the_one_place(path: Path) -> None:
    """What goes past it would be tested by no fault."""
    assert [] == list(_past_it(ast.parse(path.read_text(encoding="utf-8"))))


def _past_it(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        text = ast.unparse(node)
        through = ast.unparse(node.func.value) == "disk()"
        # A path is replaced with one argument, a string with two, a date with named ones.
        replaced = node.func.attr == "replace" and len(node.args) == 1 and not node.keywords
        opened = node.func.attr in {"open", "fdopen"} and any(
            isinstance(a, ast.Constant) and set(str(a.value)) & set("wax+") for a in node.args[:2]
        )
        if not through and (node.func.attr in CHANGES or replaced or opened):
            yield text


def test_using_another_disk_ends_with_its_block() -> None:
    """However it ends."""
    before, other = disk(), Disk()

    with pytest.raises(KeyError) as caught, using(other):
        raise KeyError(disk())

    assert caught.value.args == (other,)
    assert disk() is before


def test_build_and_export_through_another_disk_are_the_same_files(tmp_path: Path) -> None:
    """Step by step or as the system does it: the same bytes, and every one of them was a step."""
    rows = [{"id": str(i), "title": f"The bridge over river {i % 3}"} for i in range(9)]
    build_index(rows, tmp_path / "system")
    export_jsonl(Recommender.open(tmp_path / "system"), tmp_path / "system.jsonl")
    other = RecordingDisk()
    with using(other):
        build_index(rows, tmp_path / "steps")
        export_jsonl(Recommender.open(tmp_path / "steps"), tmp_path / "steps.jsonl")

    expected, found = (
        {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.npy")}
        for folder in (tmp_path / "system", tmp_path / "steps")
    )
    assert expected == found
    assert (tmp_path / "system.jsonl").read_bytes() == (tmp_path / "steps.jsonl").read_bytes()
    opened = {step.path.name for step in other.steps if step.kind == "open"}
    renamed = {step.more.name for step in other.steps if step.kind == "rename"}
    assert {p.name for p in (tmp_path / "steps").rglob("*") if p.is_file()} <= opened | renamed
