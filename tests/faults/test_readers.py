"""Readers see one whole generation, whoever publishes the next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults.driver import run_module

_READERS = 4


def check_readers(root: Path, generations: int) -> int:
    """Assert that no reader met an error or a mixture; return how many answers they had."""
    found = json.loads(run_module("tests.faults.reading", root, generations, _READERS))

    assert [[]] * _READERS == [errors for _, _, errors in found]
    assert all(editions > 1 for _, editions, _ in found)
    return sum(asked for asked, _, _ in found)


def test_readers_of_ten_generations_see_each_one_whole(tmp_path: Path) -> None:
    """Four processes open and ask while a fifth publishes; what was opened stays as it was."""
    assert check_readers(tmp_path, 10) > _READERS


@pytest.mark.full
def test_readers_of_five_hundred_generations_see_each_one_whole(tmp_path: Path) -> None:
    """The same, five hundred times."""
    assert check_readers(tmp_path, 500) > 500
