"""Nothing in an index can execute, whoever wrote it and however well it is signed."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from recommender._disk import using
from recommender.config import Config
from recommender.index.settings import UpdateSettings
from recommender.updates import Updater
from tests.disks import SteppedDisk
from tests.faults import hostile
from tests.faults.driver import run_module
from tests.faults.operations import ARTICLES, build

_SAMPLED, _FULL, _SHARDS = 60, 1_000, 2
_OWN_SEGMENTS = Config(updates=UpdateSettings(last_segment=0))


@pytest.fixture
def root(area: Path) -> Path:
    """An index of three segments, of which articles are gone, in its third generation."""
    root = area / "news"
    area.mkdir()
    with using(SteppedDisk()):
        build(ARTICLES[:9], root)
        with Updater(root, config=_OWN_SEGMENTS) as updater:
            for rows in (ARTICLES[9:12], ARTICLES[12:15]):
                updater.add(rows)
                updater.delete([ARTICLES[0]["id"]])
                updater.commit()
            assert len(updater.index.parts) == 3
    return root


def check_mutations(root: Path, numbers: Iterable[int]) -> int:
    """Assert that each was refused, or changes no answer; return how many there were."""
    begin, *_, last = numbers
    done, counts, wrong = json.loads(run_module("tests.faults.hostile", root, begin, last + 1))

    assert [] == wrong
    assert counts["refused"] + counts.get("named", 0) > done // 2
    return int(done)


def test_hostile_index_is_refused_and_executes_nothing(root: Path, seed: int) -> None:
    """Names that lead out, wrong types, code, pickles, pipes: an error of ours, or no difference.

    Nothing is run, loaded, started or written, and nothing outside of the folder is read.
    """
    assert _SAMPLED == check_mutations(root, range(seed, seed + _SAMPLED))


@pytest.mark.full
@pytest.mark.parametrize("shard", range(_SHARDS))
def test_hostile_index_of_a_thousand_is_refused_and_executes_nothing(
    root: Path, shard: int
) -> None:
    """The same, at length."""
    n = _FULL // _SHARDS

    assert n == check_mutations(root, range(shard * n, shard * n + n))


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda _: exec("1"), "exec"),
        (lambda _: os.system("true"), "os.system"),
        (lambda _: pickle.loads(hostile.PICKLE), "pickle.find_class"),
        (lambda root: (root / ".." / "beside").open("rb"), "open"),
        (lambda root: (root / "new").open("wb"), "open"),
        (lambda _: os.kill(os.getpid(), 9), "ended with -9"),
        (lambda _: int("x"), "ValueError"),
    ],
)
def test_hostile_campaign_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], object], said: str
) -> None:
    """It sees what it is for: what is run, opened elsewhere or written, a signal, another error."""
    monkeypatch.setattr(hostile, "_result", lambda root, _, **__: act(root) and "same")

    assert said in hostile.opened(tmp_path, None, lies=False)
