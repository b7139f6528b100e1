"""Services that run while the tests ask: one open to this machine, one with keys."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks._load import Running
from recommender.server.keys import add_key


@pytest.fixture(scope="session")
def model(sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the bundled corpus that tests may change."""
    folder = tmp_path_factory.mktemp("served") / "model"
    shutil.copytree(sample_index, folder)
    return folder


@pytest.fixture(scope="session")
def feedback_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the open service writes feedback."""
    return tmp_path_factory.mktemp("feedback") / "feedback.jsonl"


@pytest.fixture(scope="session")
def service(model: Path, feedback_file: Path) -> Iterator[Running]:
    """A service without keys, with small limits."""
    with Running(
        model,
        poll_seconds=0.1,
        body_seconds=0.5,
        max_body_kb=100,
        gzip_bodies="true",
        feedback=feedback_file,
        log_requests="all",
        drain_seconds=0,
    ) as running:
        yield running


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Secrets by name, and under "file" where their digests are."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    made = {scope: add_key(path, scope, [scope])[1] for scope in ("read", "write", "admin")}
    return {**made, "file": str(path)}


@pytest.fixture(scope="session")
def locked(
    sample_index: Path, keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A service with keys."""
    folder = tmp_path_factory.mktemp("locked") / "model"
    shutil.copytree(sample_index, folder)
    with Running(
        folder, poll_seconds=0.1, keys=keys["file"], stale_days=0.00001, drain_seconds=0
    ) as running:
        yield running
