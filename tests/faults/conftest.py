"""What the campaigns share."""

from __future__ import annotations

import gc
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.driver import Driver
from tests.faults.operations import Stages


@pytest.fixture(scope="session")
def stages(fast_folder: Path) -> Stages:
    """The stage of each operation by its name."""
    folder = fast_folder / "stages"
    folder.mkdir()
    return Stages(folder)


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """A warm process that does as it is told."""
    with Driver() as driver:
        yield driver


@pytest.fixture
def area(fast_folder: Path) -> Iterator[Path]:
    """The name of a folder that is not there, on the disk of the stages.

    An index that another test left in the circle of an error and its frames is let go of first: its
    generations would be in use, and the next process would do fewer steps than it is expected to.
    """
    gc.collect()
    with tempfile.TemporaryDirectory(dir=fast_folder) as folder:
        yield Path(folder) / "area"


@pytest.fixture
def seed() -> int:
    """Where chance begins; RECOMMENDER_FAULT_SEED plays a failure again."""
    return int(os.environ.get("RECOMMENDER_FAULT_SEED", random.SystemRandom().randrange(10**6)))
