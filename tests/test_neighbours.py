"""The neighbour table: what a search finds, whoever makes it, and however often he is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender import neighbours as module
from recommender.errors import StorageError
from recommender.index.reader import Index
from recommender.index.settings import SearchSettings
from recommender.neighbours import all_neighbours, runs_of
from tests.index.making import corpus_of, memory_index
from tests.index.test_search import random_rows

N_DOCS = 1024 * 3 + 17
SETTINGS = SearchSettings(neighbours=4)


@pytest.fixture(scope="module")
def index() -> Index:
    """Three runs and a bit, of two languages."""
    rng = np.random.default_rng(3)
    rows = random_rows(rng, N_DOCS, 3000)
    languages = rng.integers(0, 2, N_DOCS).tolist()
    made = memory_index(corpus_of(rows, n_terms=3000, languages=languages))
    settings = {"weights": {"max_df": 1.0}}
    return replace(made, manifest=replace(made.manifest, settings=settings))


@pytest.fixture(scope="module")
def expected(index: Index) -> NDArray[np.int32]:
    """The table, searched in one go."""
    return index.search_rows(np.arange(N_DOCS, dtype=np.int32), 4)[0].ravel()


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first documents of the runs that were searched, as they are searched."""
    seen: list[int] = []
    search = Index.search_rows

    def counted(self: Index, docs: NDArray[np.int32], k: int, **named: Any) -> Any:
        seen.append(int(docs[0]))
        assert len(docs) == min(1024, N_DOCS - int(docs[0]))
        return search(self, docs, k, **named)

    monkeypatch.setattr(Index, "search_rows", counted)
    return seen


def stop_after(n: int) -> Callable[[int, int], None]:
    """Return a progress that is interrupted once ``n`` documents are done."""

    def progress(done: int, _: int) -> None:
        if done >= n:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("jobs", [1, 3])
def test_all_neighbours_are_those_of_a_search(
    index: Index, expected: NDArray[np.int32], tmp_path: Path, jobs: int
) -> None:
    """The same bytes from one thread and from three."""
    told: list[tuple[int, int]] = []

    found = all_neighbours(
        index, SETTINGS, tmp_path / "so-far", jobs=jobs, progress=lambda *said: told.append(said)
    )

    assert (str(found.dtype), found.shape) == ("int32", (4 * N_DOCS,))
    assert expected.tobytes() == found.tobytes()
    assert told == [(min(n, N_DOCS), N_DOCS) for n in (0, 1024, 2048, 3072, N_DOCS)]


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_all_neighbours_look_as_hard_as_they_are_told(
    index: Index, tmp_path: Path, mode: str
) -> None:
    """Exactly, or at the telling words of each article."""
    settings = SearchSettings(mode, coverage=0.2, candidates=4, neighbours=3)
    every = np.arange(N_DOCS, dtype=np.int32)

    found = all_neighbours(index, settings, tmp_path / "so-far")

    assert index.search_rows(every, 3, effort=settings)[0].ravel().tolist() == found.tolist()


@pytest.mark.parametrize("done", [0, 1024, 2048, N_DOCS])
def test_all_neighbours_go_on_where_they_were_stopped(
    index: Index,
    expected: NDArray[np.int32],
    tmp_path: Path,
    searched: list[int],
    done: int,
) -> None:
    """Only what is left is searched, and the table is the same."""
    with pytest.raises(KeyboardInterrupt):
        all_neighbours(index, SETTINGS, tmp_path / "so-far", progress=stop_after(done))
    kept = sorted(int(p.stem) for p in (tmp_path / "so-far").glob("*.run"))
    assert kept == [first for first in (0, 1024, 2048, 3072) if first < done]
    searched.clear()
    told: list[int] = []

    found = all_neighbours(
        index, SETTINGS, tmp_path / "so-far", progress=lambda n, _: told.append(n)
    )

    assert expected.tobytes() == found.tobytes()
    assert searched == [first for first in (0, 1024, 2048, 3072) if first >= done]
    assert told[0] == done
    assert told[-1] == N_DOCS


@pytest.mark.parametrize("damage", ["short", "half", "unnamed"])
def test_all_neighbours_do_not_take_half_a_run(
    index: Index, expected: NDArray[np.int32], tmp_path: Path, searched: list[int], damage: str
) -> None:
    """A run that is not whole is searched again."""
    folder = tmp_path / "so-far"
    all_neighbours(index, SETTINGS, folder)
    run = folder / f"{1024:010}.run"
    if damage == "short":
        run.write_bytes(run.read_bytes()[:-4])
    elif damage == "half":
        run.rename(run.with_suffix(".part"))
    else:
        run.unlink()
    searched.clear()

    assert expected.tobytes() == all_neighbours(index, SETTINGS, folder).tobytes()
    assert searched == [1024]


def _another_segment(index: Index) -> Index:
    return replace(index, manifest=replace(index.manifest, segments={"seg-1": {}}))


def _other_weights(index: Index) -> Index:
    return replace(index, manifest=replace(index.manifest, settings={"weights": {"max_df": 0.5}}))


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        (_another_segment, SETTINGS),
        (_other_weights, SETTINGS),
        (lambda index: index, SearchSettings("fast", neighbours=4)),
        (lambda index: index, SearchSettings(neighbours=4, fast_above=100)),
    ],
)
def test_all_neighbours_of_anything_else_start_anew(
    index: Index,
    tmp_path: Path,
    searched: list[int],
    change: Callable[[Index], Index],
    settings: SearchSettings,
) -> None:
    """Other articles, other weights, other settings: nothing is taken over."""
    with pytest.raises(KeyboardInterrupt):
        all_neighbours(index, SETTINGS, tmp_path / "so-far", progress=stop_after(1024))
    searched.clear()

    all_neighbours(change(index), settings, tmp_path / "so-far")

    assert searched == [0, 1024, 2048, 3072]


def test_all_neighbours_of_nobody_or_none(index: Index, tmp_path: Path) -> None:
    """No articles, or none asked for: an empty table, and no folder for the latter."""
    empty = memory_index(corpus_of([], n_terms=0))
    empty = replace(empty, manifest=replace(empty.manifest, settings={"weights": {}}))

    assert all_neighbours(empty, SETTINGS, tmp_path / "a").tolist() == []
    assert all_neighbours(index, SearchSettings(neighbours=0), tmp_path / "b").tolist() == []
    assert not (tmp_path / "b").exists()


def test_all_neighbours_on_a_disk_that_refuses_is_a_storage_error(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full while a run is kept; what was kept before is still there."""
    keep = module._keep

    def full(place: Path, found: NDArray[np.int32]) -> None:
        if place.stem != f"{0:010}":
            raise OSError(28, "No space left on device")
        keep(place, found)

    monkeypatch.setattr(module, "_keep", full)
    with pytest.raises(StorageError, match="No space left"):
        all_neighbours(index, SETTINGS, tmp_path / "so-far")

    assert [p.name for p in (tmp_path / "so-far").glob("*.run")] == [f"{0:010}.run"]


def test_runs_of_come_in_order(index: Index) -> None:
    """However many threads, and whatever the size of a run."""
    runs = [np.arange(n, n + 1 + n % 7, dtype=np.int32) for n in range(0, 200, 7)]

    found = list(runs_of(lambda docs: index.search_rows(docs, 2), runs, jobs=3))

    assert [docs.tolist() for docs, _, _ in found] == [docs.tolist() for docs in runs]
    assert all(len(docs) == len(found) == len(scores) for docs, found, scores in found)
