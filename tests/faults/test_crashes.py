"""A process that is gone at any step leaves the index as it was, or as it was to be."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from recommender._disk import using
from tests.disks import CrashingDisk, ProcessGone
from tests.faults.operations import (
    OPERATIONS,
    Stage,
    Stages,
    check_recovers,
    check_sound,
)

_SAMPLED = 16
TELLING = {"rename", "mkdir", "sync_folder", "rmdir", "truncate"}


def crash(stage: Stage, area: Path, n: int, *, thorough: bool) -> bool:
    """Crash at step ``n`` and look at what is left; return whether there was such a step."""
    root = stage.set_up(area)
    gone = CrashingDisk(n)
    try:
        with using(gone):
            stage.operation.run(root)
    except ProcessGone:
        pass
    where = f"{stage.name}, step {n} ({gone.at}) of {len(stage.steps)}"
    try:
        state = stage.is_old_or_new(root)
        if gone.at is None:
            assert state == stage.after
        if thorough:
            check_sound(root)
            check_recovers(root)
    except Exception as error:
        raise AssertionError(where) from error
    return gone.at is not None


def telling_steps(stage: Stage, seed: int, n: int) -> list[int]:
    """Return steps where names change or are made durable first of all, others by chance."""
    chance = random.Random(seed)
    numbers = range(1, len(stage.steps) + 1)
    order = sorted(numbers, key=lambda i: (stage.steps[i - 1].kind not in TELLING, chance.random()))
    return sorted(order[:n])


def run_all(stage: Stage, area: Path, steps: Iterable[int], *, every: int) -> int:
    """Crash at each of the steps; return how many there were."""
    done = 0
    for done, n in enumerate(steps, 1):
        if not crash(stage, area, n, thorough=done % every == 0):
            return done
    return done


@pytest.mark.parametrize("name", OPERATIONS)
def test_crash_at_a_telling_step_leaves_the_old_or_the_new_index(
    stages: Stages, area: Path, name: str, seed: int
) -> None:
    """It opens without any command; what the dead process left is gone after the next build."""
    stage = stages(name)
    run_all(stage, area, telling_steps(stage, seed, _SAMPLED), every=4)


@pytest.mark.full
@pytest.mark.parametrize("name", OPERATIONS)
def test_crash_at_every_step_leaves_the_old_or_the_new_index(
    stages: Stages, area: Path, name: str
) -> None:
    """One step after another, until a run is not disturbed any more."""
    stage = stages(name)
    done = run_all(stage, area, range(1, 10_000), every=3)

    assert len(stage.steps) + 1 == done
