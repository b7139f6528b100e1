"""What the doctor sees."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest

from recommender.cli import main
from recommender.config import Config
from recommender.doctor import Finding, examine
from recommender.index.manifest import generation_name, writer_lock
from recommender.server_settings import ServerSettings


def found(model: Path, config: Config | None = None) -> dict[str, Finding]:
    """Return the findings by name."""
    return {finding.what: finding for finding in examine(model, config or Config())}


def test_doctor_finds_a_sound_index_sound(sample_index: Path) -> None:
    """And leaves nothing behind."""
    before = sorted(sample_index.rglob("*"))
    findings = found(sample_index)

    assert "generation 1, 144 articles" == findings["index"].found
    assert "none at work" == findings["writer"].found
    assert not [f for f in findings.values() if f.advice and f.what not in ("writing", "server")]
    assert before == sorted(sample_index.rglob("*"))


def test_doctor_sees_a_writer_at_work(sample_index: Path) -> None:
    """And who it is."""
    with writer_lock(sample_index):
        assert f"at work (pid {os.getpid()})" == found(sample_index)["writer"].found


def test_doctor_sees_a_damaged_index(sample_index: Path, tmp_path: Path) -> None:
    """Exit code 1, and what to do."""
    import shutil

    shutil.copytree(sample_index, tmp_path / "model")
    (tmp_path / "model" / generation_name(1) / "df.npy").write_bytes(b"")

    with pytest.raises(SystemExit) as end:
        main(["doctor", "--model", str(tmp_path / "model")])

    assert "verify" in found(tmp_path / "model")["index"].advice
    assert 1 == end.value.code


def test_doctor_sees_an_index_that_is_not_there(tmp_path: Path) -> None:
    """Nothing is made where it was looked for."""
    findings = found(tmp_path / "none" / "here")

    assert "build" in findings["index"].advice
    assert [] == list(tmp_path.iterdir())


def test_doctor_sees_an_index_that_is_too_old(sample_index: Path) -> None:
    """By the setting that turns readiness red."""
    end = time.monotonic() + 30
    config = Config(server=ServerSettings(stale_days=0.0000001))
    while not found(sample_index, config)["age"].advice and time.monotonic() < end:
        pass

    assert "stale_days" in found(sample_index, config)["age"].advice
    never = dataclasses.replace(config, server=ServerSettings(stale_days=0))
    assert "" == found(sample_index, never)["age"].advice
