"""Only one writes at a time, and a dead writer is in nobody's way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults.driver import run_module

_RACERS = 8
_TAKEOVER_SECONDS = 1.0


def check_races(root: Path, rounds: int) -> None:
    """Assert that each race has one winner, and one takes over within a second."""
    found = json.loads(run_module("tests.faults.racing", root, rounds, _RACERS))

    assert [(1, 1)] * rounds == [(winners, heirs) for winners, heirs, _ in found]
    assert max(seconds for _, _, seconds in found) < _TAKEOVER_SECONDS


def test_lock_of_eight_that_race_one_wins_and_one_takes_over(tmp_path: Path) -> None:
    """Eight processes at once; the holder is killed, another has the lock within a second."""
    check_races(tmp_path, 10)


@pytest.mark.full
def test_lock_of_eight_that_race_two_hundred_times_one_wins(tmp_path: Path) -> None:
    """The same, two hundred times."""
    check_races(tmp_path, 200)
