"""Notebooks run, cell after cell, as they stand; they hold nothing but their cells."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

RUN = """
import ast, json, pathlib, sys
cells = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]
names = {"__name__": "__main__"}
for cell in cells:
    if cell["cell_type"] != "code":
        continue
    tree = ast.parse("".join(cell["source"]), cell["id"])
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, cell["id"], "exec"), names)
    if last is not None:  # a notebook shows it
        print(eval(compile(ast.Expression(last.value), cell["id"], "eval"), names))
"""


def notebook(path: Path) -> dict[str, Any]:
    """Return a notebook as its file has it."""
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_cells_of_the_notebook_run_in_order(path: Path, tmp_path: Path) -> None:
    """In a copy of the checkout, with every warning an error; the last cell names the report."""
    for folder in ("data/sample", "docs/notebooks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    place = tmp_path / "docs" / "notebooks"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, path.name],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert (0, "") == (done.returncode, done.stderr)
    report = Path(done.stdout.splitlines()[-1])
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name] == [left.name for left in place.iterdir()]
    shutil.rmtree(report.parent)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_of_format_4_and_holds_no_output(path: Path) -> None:
    """What was once shown would rot; the file is as Jupyter writes it, so that diffs are small."""
    found = notebook(path)
    cells = found["cells"]

    assert (4, 5) == (found["nbformat"], found["nbformat_minor"])
    assert {"cells", "metadata", "nbformat", "nbformat_minor"} == {*found}
    assert len({cell["id"] for cell in cells}) == len(cells)
    for cell in cells:
        keys = {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            keys |= {"execution_count", "outputs"}
            assert ([], None) == (cell["outputs"], cell["execution_count"])
        assert keys == {*cell}
        assert cell["source"]
        assert all(line.endswith("\n") for line in cell["source"][:-1])
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    assert text == path.read_text(encoding="utf-8")
