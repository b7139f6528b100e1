"""Where the power goes at any moment, the index is as it was or as it was to be."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.disks import Step
from tests.faults.operations import OPERATIONS, Stage, Stages, check_recovers, check_sound
from tests.faults.power import BYTES, NAMES, Image, Machine, write_image

_SAMPLED = 150  # images in all, of every operation together
_EACH = 3  # images of every moment, in the long run

Moment = tuple[int, str, str, int]
"""Steps taken, what becomes of names and of bytes, seed."""


def some_moments(stage: Stage, seed: int, n: int) -> Iterator[Moment]:
    """Yield moments by chance: all of the kinds at the end, and most while it is published."""
    chance, end = random.Random(seed), len(stage.steps)
    published = next(i for i, s in enumerate(stage.steps) if s.path.name == "manifest.json")
    for _ in range(n):
        low, high = chance.choice(((0, end), (published, end), (end, end)))
        yield (
            chance.randint(low, high),
            chance.choice(NAMES),
            chance.choice(BYTES),
            chance.randrange(10**6),
        )


def all_moments(stage: Stage, seed: int) -> Iterator[Moment]:
    """Yield every moment, several times, each kind in turn."""
    chance = random.Random(seed)
    for done in range(len(stage.steps) + 1):
        for i in range(_EACH):
            kinds = NAMES[(done + i) % len(NAMES)], BYTES[(done + i) % len(BYTES)]
            yield done, *kinds, chance.randrange(10**6)


def images(
    stage: Stage, steps: Iterable[Step], moments: Iterable[Moment]
) -> Iterator[tuple[Moment, Image]]:
    """Yield what may stand on the disk at each of the moments."""
    machine, taken = Machine(stage.area, stage.start), 0
    left = list(steps)
    for moment in sorted(moments):
        for step in left[taken : moment[0]]:
            machine.do(step)
        taken = moment[0]
        yield moment, machine.lose_power(moment[1], moment[2], random.Random(moment[3]))


def check_image(stage: Stage, image: Image, area: Path, *, over: bool, thorough: bool) -> None:
    """Assert that an image is the index before or after; after only, once it was over."""
    write_image(image, area)
    try:
        state = stage.is_old_or_new(area / "news")
        if over:
            assert state == stage.after, "what was acknowledged is lost"
        if thorough:
            check_sound(area / "news")
            check_recovers(area / "news")
    finally:
        shutil.rmtree(area)


def check_images(stage: Stage, moments: Iterable[Moment], area: Path, *, every: int) -> int:
    """Check the images of all moments; return how many there were that differ."""
    seen: set[tuple[str, bool]] = set()
    for moment, image in images(stage, stage.steps, moments):
        over = moment[0] == len(stage.steps)
        key = hashlib.sha256(repr(sorted(image.items())).encode()).hexdigest(), over
        if key in seen:
            continue
        seen.add(key)
        try:
            check_image(stage, image, area, over=over, thorough=len(seen) % every == 0)
        except Exception as error:
            done = stage.steps[: moment[0]]
            raise AssertionError(f"{stage.name}, {moment}, last step {done[-1:]}") from error
    return len(seen)


@pytest.mark.parametrize("name", OPERATIONS)
def test_power_loss_at_some_moments_leaves_the_old_or_the_new_index(
    stages: Stages, area: Path, name: str, seed: int
) -> None:
    """What was not synced is gone, cut, empty, mixed up, or there; what was acknowledged stands."""
    stage = stages(name)
    n = _SAMPLED // len(OPERATIONS)

    check_images(stage, some_moments(stage, seed, n), area, every=8)


@pytest.mark.full
@pytest.mark.parametrize("name", OPERATIONS)
def test_power_loss_at_every_moment_leaves_the_old_or_the_new_index(
    stages: Stages, area: Path, name: str, seed: int
) -> None:
    """The same after each step, in several ways."""
    stage = stages(name)
    found = check_images(stage, all_moments(stage, seed), area, every=8)

    assert len(stage.steps) < found


@pytest.mark.parametrize("missing", ["sync", "sync_folder"])
def test_power_loss_is_noticed_where_nothing_is_synced(
    stages: Stages, area: Path, missing: str
) -> None:
    """The campaign sees what it is for: a writer that leaves a kind of step out loses articles."""
    stage = stages("build")
    steps = [step for step in stage.steps if step.kind != missing]
    (names, data) = ("kept", "lost") if missing == "sync" else ("undone", "kept")
    ((_, image),) = images(stage, steps, [(len(steps), names, data, 0)])

    with pytest.raises(Exception, match=r"manifest|acknowledged|CURRENT"):
        check_image(stage, image, area, over=True, thorough=False)
