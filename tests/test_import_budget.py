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


def test_opening_an_index_and_finding_an_article_load_no_compiler(sample_index: Path) -> None:
    """Modules with compiled loops import numba when a loop is called, and not before."""
    loaded = modules_after(
        "import recommender, recommender.builder, recommender.vectorize\n"
        "from recommender.index.reader import Index\n"
        "Index.warm_up = lambda self: None\n"
        f"model = recommender.open({str(sample_index)!r})\n"
        "model = model.answers\n"
        "assert model.find('sc-en-0001') is not None and model.find('nothing') is None\n"
        "assert model.index.card(0) and model.info().articles"
    )

    assert not loaded & {"numba", "llvmlite"}


def test_question_about_an_article_loads_no_analysis(sample_index: Path) -> None:
    """Cleaning, stemming and the language model are for drafts."""
    names = "sorted(m for m in sys.modules if m.startswith('recommender.'))"
    script = (
        f"import sys, json, recommender\nmodel = recommender.open({str(sample_index)!r})\n"
        f"model.related('sc-en-0001'); print(json.dumps({names}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )

    assert not set(json.loads(done.stdout.splitlines()[-1])) & {
        "recommender.ingest.clean",
        "recommender.ingest.sources",
        "recommender.text.analyzer",
        "recommender.text.language",
        "recommender.text.passages",
    }
