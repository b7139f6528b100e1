"""What a process loads: serving must stay light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("sklearn", "pandas", "joblib", "pyarrow", "lxml", "trafilatura", "rich", "click")


def modules_after(code: str) -> set[str]:
    """Return the packages a fresh interpreter holds after running ``code``."""
    names = "sorted({m.split('.')[0] for m in sys.modules})"
    script = f"{code}\nimport sys, json; print(json.dumps({names}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_loads_nothing_but_the_standard_library() -> None:
    """``import recommender`` costs next to nothing."""
    loaded = modules_after("import recommender")

    assert not loaded & {*HEAVY, "numpy", "numba"}


@pytest.mark.parametrize(
    "question", ["related('sc-en-0001')", "related_to_text('Bridge', 'closed')"]
)
def test_serving_process_holds_neither_scikit_learn_nor_pandas(
    sample_index: Path, question: str
) -> None:
    """Answering from an index, by id and for a draft, loads none of the heavy packages."""
    loaded = modules_after(
        f"import recommender\nmodel = recommender.open({str(sample_index)!r})\nmodel.{question}"
    )

    assert not loaded & set(HEAVY)


def test_help_of_the_command_line_loads_no_engine() -> None:
    """``--help`` is quick because commands are imported on use."""
    loaded = modules_after(
        "from click.testing import CliRunner\nfrom recommender.cli import cli\n"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0"
    )

    assert not loaded & {"numpy", "numba", "pandas", "sklearn"}
