"""The contract: a file that is true, and a service that keeps to it whatever is asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks._load import Running
from recommender.server.places import OPEN, PLACES
from tests.server.asking import ask

_EXAMPLES = int(os.environ.get("RECOMMENDER_CONTRACT_EXAMPLES", "850"))
"""Questions of each address and phase."""

FILE = Path(__file__).resolve().parent.parent.parent / "docs" / "openapi.json"


def test_file_of_the_contract_is_what_the_service_tells(
    locked: Running, keys: dict[str, str]
) -> None:
    """Who generates a client from the file gets what answers."""
    found = ask(locked.port, "/openapi.json", key=keys["read"])

    assert json.loads(FILE.read_text(encoding="utf-8")) == found.json


def test_contract_names_every_address_and_its_methods() -> None:
    """And what is told of keys is what the guard asks."""
    told = json.loads(FILE.read_text(encoding="utf-8"))["paths"]
    places = {
        path: place for path, place in PLACES.items() if path not in ("/openapi.json", "/docs")
    }

    assert {path: {m.lower() for m in place.scopes} for path, place in places.items()} == {
        path: set(methods) for path, methods in told.items()
    }
    for path, methods in told.items():
        for method, one in methods.items():
            is_open = places[path].scopes[method.upper()] == OPEN
            assert is_open == ("security" not in one)


def test_contract_has_no_reference_that_leads_nowhere() -> None:
    """Generators stop at the first."""
    text = FILE.read_text(encoding="utf-8")
    schemas = json.loads(text)["components"]["schemas"]

    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) <= set(schemas)


@pytest.mark.full
@pytest.mark.parametrize("with_key", [True, False])
def test_contract_holds_whatever_is_asked(
    sample_index: Path, tmp_path: Path, keys: dict[str, str], with_key: bool
) -> None:
    """Ten thousand questions made of the contract, and of what breaks it: never 5xx."""
    import shutil

    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from recommender.server.keys import add_key

    shutil.copytree(sample_index, tmp_path / "model")
    path = tmp_path / "keys.json"
    _, secret = add_key(path, "all", ["read", "write", "admin"])
    # A deadline that no stall of a busy machine reaches: 503 would be right there.
    settings: dict[str, object] = {"deadline_seconds": 60, "drain_seconds": 0}
    if with_key:
        settings["keys"] = path
    with Running(tmp_path / "model", feedback=tmp_path / "feedback.jsonl", **settings) as running:
        command = [
            str(Path(sys.executable).with_name("st")),
            "--config-file",
            str(Path(__file__).with_name("schemathesis.toml")),
            "run",
            f"http://127.0.0.1:{running.port}/openapi.json",
            "--max-examples",
            str(_EXAMPLES),
            "--seed",
            "20261130",
            "--no-color",
        ]
        if with_key:
            command += ["--header", f"Authorization: Bearer {secret}"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=3000
        )

    assert 0 == done.returncode, done.stdout[-6000:] + done.stderr[-2000:]
    told = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert told is not None, done.stdout[-6000:]
    assert int(told[1]) == int(told[2]) >= min(10_000, 10 * _EXAMPLES)
