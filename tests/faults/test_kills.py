"""kill -9 at any instant: what was acknowledged stands, and nothing needs mending."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from tests.faults.driver import Driver
from tests.faults.operations import (
    OPERATIONS,
    Stage,
    Stages,
    check_recovers,
    check_sound,
)

_KILLS = 100  # of all operations together
_KILLS_FULL = 1000
_EXITS = 24


def seconds_of(driver: Driver, stage: Stage, area: Path) -> float:
    """Return how long an operation takes in a warm process."""
    ended = driver.run(stage.name, stage.set_up(area))
    assert ended.status == 0, ended.said
    return ended.seconds


def kill(driver: Driver, stage: Stage, area: Path, chance: random.Random, n: int) -> int:
    """Kill ``n`` times, at even odds over the time that it takes; return how many hit.

    What a killed process left is not removed before the next, until one got through.
    """
    seconds, hits, root = seconds_of(driver, stage, area), 0, stage.set_up(area)
    for i in range(1, n + 1):
        delay = chance.uniform(0, 1.1 * seconds)
        status = driver.run(stage.name, root, delay=delay).status
        assert status in (0, -signal.SIGKILL)
        hits += status != 0
        try:
            state = stage.is_old_or_new(root)
            if status == 0:
                assert state == stage.after, "what was acknowledged is lost"
            if i % 5 == 0:
                check_sound(root)
                check_recovers(root)
        except Exception as error:
            raise AssertionError(f"{stage.name}, kill {i} after {delay:.6f} s") from error
        if i % 5 == 0 or status == 0 or state != stage.before:
            root = stage.set_up(area)
    return hits


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_any_time_leaves_the_old_or_the_new_index(
    stages: Stages, driver: Driver, area: Path, name: str, seed: int
) -> None:
    """A hundred real processes of all operations, killed at random."""
    kill(driver, stages(name), area, random.Random(seed), _KILLS // len(OPERATIONS))


@pytest.mark.full
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_a_thousand_times_leaves_the_old_or_the_new_index(
    stages: Stages, driver: Driver, area: Path, name: str, seed: int
) -> None:
    """A thousand of them, and many were killed before they were done."""
    n = -(-_KILLS_FULL // len(OPERATIONS))

    assert n // 4 < kill(driver, stages(name), area, random.Random(seed), n)


@pytest.mark.parametrize("name", OPERATIONS)
def test_exit_at_some_steps_leaves_the_old_or_the_new_index(
    stages: Stages, driver: Driver, area: Path, name: str, seed: int
) -> None:
    """Processes that really end at a step, to see that pretending to is the same."""
    stage, chance = stages(name), random.Random(seed)
    numbers = range(1, len(stage.steps) + 1)
    for n in chance.sample(numbers, min(len(numbers), _EXITS // len(OPERATIONS))):
        root = stage.set_up(area)

        assert driver.run(name, root, step=n).status == 137, (seed, n)
        stage.is_old_or_new(root)
