"""A disk that refuses, at any step or because it is full: said so, and the index serves on."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recommender._disk import using
from recommender.errors import StorageError
from tests.disks import FailingDisk
from tests.faults.driver import Driver, Ended
from tests.faults.operations import (
    OPERATIONS,
    Stage,
    Stages,
    check_recovers,
    check_sound,
    state_of,
)

_SAMPLED = 80  # steps, of all operations together
CODES = (errno.EIO, errno.ENOSPC)


def refuse(stage: Stage, area: Path, n: int, code: int, *, lasting: bool, thorough: bool) -> bool:
    """Refuse step ``n`` and look at what is left; return whether there was such a step."""
    root, refusing, said = stage.set_up(area), FailingDisk(n, code, lasting=lasting), None
    try:
        with using(refusing):
            stage.operation.run(root)
    except StorageError as error:
        said = error
    try:
        state = stage.is_old_or_new(root)
        if said is None:
            assert state == stage.after
        else:
            assert said.exit_code == 7
            published = "did not confirm" in str(said)
            assert published or state == stage.before
        if thorough:
            check_sound(root)
            check_recovers(root)
    except Exception as error:
        where = f"{stage.name}, step {n} ({refusing.at}), {os.strerror(code)}, {lasting=}"
        raise AssertionError(where) from error
    return refusing.at is not None


@pytest.mark.parametrize("name", OPERATIONS)
def test_refused_at_some_steps_leaves_an_index_that_serves(
    stages: Stages, area: Path, name: str, seed: int
) -> None:
    """An I/O error or a full disk is exit code 7; the next run leaves no debris."""
    stage, chance = stages(name), random.Random(seed)
    numbers = range(1, len(stage.steps) + 1)
    chosen = chance.sample(numbers, min(len(numbers), _SAMPLED // len(OPERATIONS)))
    reached = 0
    for i, n in enumerate(chosen):
        code, lasting = CODES[i % 2], chance.random() < 0.5
        reached += refuse(stage, area, n, code, lasting=lasting, thorough=i % 4 == 0)
    # A run may have fewer steps than the one that was recorded: where clean-up finds a generation
    # in use it leaves it.
    assert 2 * reached > len(chosen), f"seed {seed}"


@pytest.mark.full
@pytest.mark.parametrize("code", CODES, ids=lambda code: errno.errorcode[code])
@pytest.mark.parametrize("name", OPERATIONS)
def test_refused_at_every_step_leaves_an_index_that_serves(
    stages: Stages, area: Path, name: str, code: int
) -> None:
    """One step after another, once or for good, until a run is not disturbed any more."""
    stage, n = stages(name), 1
    while refuse(stage, area, n, code, lasting=code == errno.ENOSPC, thorough=n % 4 == 0):
        n += 1

    assert len(stage.steps) < n


# --- a disk that is full in earnest ---


def check_refused(stage: Stage, root: Path, ended: Ended) -> None:
    """Assert that an operation was refused and the index is as before.

    What writes next to nothing may have found the room: then the index is as after.
    """
    if ended.status == 0 and stage.name not in {"build", "first"}:
        assert state_of(root) == stage.after
        return
    assert ended.status == 7, ended.said
    assert "Nothing was published" in ended.said
    assert state_of(root) == stage.before


@contextmanager
def small_disk() -> Iterator[Path]:
    """A real disk of four megabytes, in memory.

    Not in pytest's own folder: one that a killed run left mounted would stop it from clearing up.
    """
    place = Path(tempfile.mkdtemp(prefix="recommender-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        place.rmdir()
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


@pytest.mark.parametrize("name", [n for n, o in OPERATIONS.items() if not o.fresh])
@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
def test_full_disk_of_four_megabytes_leaves_an_index_that_serves(
    stages: Stages, driver: Driver, name: str
) -> None:
    """Exit code 7 while it is full, the old answers throughout; done once there is room."""
    stage = stages(name)
    with small_disk() as disk:
        root = stage.copy_to(disk / "area")
        free = os.statvfs(disk)
        filler = disk / "filler"
        filler.write_bytes(b"x" * ((free.f_bavail - 12) * free.f_bsize))

        check_refused(stage, root, driver.run(name, root))
        filler.unlink()
        assert driver.run(name, root).status == 0
        assert state_of(root) == stage.after
        check_recovers(root)


@pytest.mark.parametrize("name", OPERATIONS)
def test_file_that_may_not_grow_leaves_an_index_that_serves(
    stages: Stages, driver: Driver, area: Path, name: str
) -> None:
    """The system's limit of a file's size, which needs no rights: exit code 7 as well."""
    stage = stages(name)
    root = stage.set_up(area)

    check_refused(stage, root, driver.run(name, root, limit=1000))


@pytest.mark.full
@pytest.mark.skipif(shutil.which("fiu-run") is None, reason="libfiu is not installed: fiu-utils")
@pytest.mark.parametrize("call", ["rw/write", "sync/fsync", "dir/rename"])
def test_calls_that_libfiu_lets_fail_leave_the_old_or_the_new_index(
    stages: Stages, area: Path, sample: Path, call: str
) -> None:
    """The C library refuses, below all of our code: exit code 7, or the build is done."""
    stage = stages("build")
    for percent in range(1, 9):
        root = stage.copy_to(area / f"{percent}")
        fault = f"enable_random name=posix/io/{call},probability=0.{percent:02}"
        build = [sys.executable, "-m", "recommender", "build", str(sample / "articles.jsonl")]
        done = subprocess.run(
            ["fiu-run", "-x", "-c", fault, *build, "--model", str(root), "--force"],
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode in (0, 7), done.stderr
        check_sound(root)
