"""Any flipped bit, any cut or missing file is named before the index can answer from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recommender._disk import using
from tests.disks import SteppedDisk
from tests.faults.damaging import live_files
from tests.faults.driver import run_module
from tests.faults.operations import build

_PARTS = 4
_SAMPLED = {"bits": 250, "cuts": 80, "others": 60}
_ROWS = [{"id": "1", "title": "Міст"}, {"id": "2", "title": "Мост", "lead": "Bridge"}]


@pytest.fixture
def root(area: Path) -> Path:
    """A small index of two generations, so that the pointer can go wrong to a good one."""
    with using(SteppedDisk()):
        for n in (1, 2):
            build(_ROWS[:n], area)
    return area


def check_damages(root: Path, kind: str, *how: object) -> int:
    """Assert that each damage was refused by name; return how many there were.

    Only a pointer or a manifest without its last line's end may pass, since it says the same.
    """
    done, wrong, harmless = json.loads(run_module("tests.faults.damaging", root, kind, *how))

    assert [] == wrong, how
    assert {"CURRENT, cut", "manifest.json, cut"} >= {
        place.rpartition("/")[2].rpartition(" to ")[0] for place in harmless
    }
    assert len({*harmless}) <= 2
    return int(done)


@pytest.mark.parametrize("kind", _SAMPLED)
def test_damage_by_chance_is_named_before_an_answer(root: Path, kind: str, seed: int) -> None:
    """A flipped bit, a cut, a file that is missing or another's: an error says which file it is."""
    assert check_damages(root, kind, _SAMPLED[kind], seed) == _SAMPLED[kind]


@pytest.mark.full
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_flipped_bit_of_an_index_is_named_before_an_answer(root: Path, part: int) -> None:
    """Each bit of each file."""
    bits = 8 * sum(path.stat().st_size for path in live_files(root))

    done = check_damages(root, "bits", "all", part, _PARTS)

    assert bits // _PARTS <= done <= bits // _PARTS + 1


@pytest.mark.full
@pytest.mark.parametrize("kind", ["cuts", "others"])
def test_every_cut_or_exchanged_file_is_named_before_an_answer(root: Path, kind: str) -> None:
    """Each length of each file; each file in the place of each other."""
    assert check_damages(root, kind, "all", 0, 1) > 1000
