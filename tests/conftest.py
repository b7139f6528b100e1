"""What every test may ask for: folders of real texts, the bundled corpus, a seeded generator."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from recommender import Recommender

ROOT = Path(__file__).resolve().parent.parent
MEMORY = Path("/dev/shm")
EVALUATION = Path(os.environ.get("RECOMMENDER_EVALUATION_DATA", ROOT.parent / "shared"))


def _present(path: Path) -> Path:
    if not path.exists():
        pytest.skip(
            f"evaluation material is not on this machine: {path} (RECOMMENDER_EVALUATION_DATA)"
        )
    return path


@pytest.fixture(scope="session")
def datasets() -> Path:
    """The folder of real articles with relevance truth; it is no part of the project."""
    return _present(EVALUATION / "datasets")


@pytest.fixture(scope="session")
def seed_page() -> str:
    """The plain-text article page that the product was imagined from."""
    return next(_present(EVALUATION / "seed").glob("*.txt")).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def sample() -> Path:
    """The bundled corpus."""
    return ROOT / "data" / "sample"


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that gives the same numbers in every run."""
    return np.random.default_rng(20260301)


@pytest.fixture(scope="session")
def sample_index(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the bundled corpus, built once a session."""
    from recommender import build_index

    folder = tmp_path_factory.mktemp("sample-index")
    build_index(sample / "articles.jsonl", folder)
    return folder


@pytest.fixture(scope="session")
def news(sample_index: Path) -> Recommender:
    """The bundled corpus's index, opened."""
    return Recommender.open(sample_index)


@pytest.fixture(scope="session")
def fast_folder() -> Iterator[Path]:
    """A folder in memory where there is one: campaigns make a hundred thousand files."""
    place = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that any user of the machine can read; pytest's own are for one user only."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
