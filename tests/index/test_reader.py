"""Opening indexes: sound ones answer, damaged ones are named, and nothing dies by a signal."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from recommender.errors import DamagedIndexError, IncompatibleIndexError, IndexFolderError
from recommender.index.reader import Choice, Index
from recommender.index.segment import ARRAY_TYPES
from tests.index.forging import generation_folder, segment_folder
from tests.index.making import corpus_of, index_of

ROWS = [{0: 1, 2: 5}, {1: 1, 2: 1}, {0: 3, 1: 300}, {2: 1, 3: 9}]
ARRAYS = [f"{name}.npy" for name in sorted(ARRAY_TYPES)] + ["df.npy", "norms.npy"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small index that nobody changes."""
    root = tmp_path_factory.mktemp("sound") / "news"
    index_of(root, corpus_of(ROWS, n_terms=4))
    return root


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(sound, tmp_path / "news", copy_function=shutil.copyfile)
    return tmp_path / "news"


def file_of(root: Path, name: str) -> Path:
    """Return the path of an array's file."""
    own = generation_folder(root) / name
    return own if own.exists() else segment_folder(root) / name


def lengths(size: int) -> list[int]:
    """Where to cut a file: at its edges, in the header, at the data, in the middle."""
    return sorted({n for n in (0, 1, 8, 64, 127, 128, size // 2, size - 1) if n < size})


def places(size: int) -> list[int]:
    """Where to flip a bit."""
    return sorted({0, 6, 9, 20, 60, 127, 128, size // 2, size - 1} & set(range(size)))


def test_arrays_names_every_file_of_the_index(sound: Path) -> None:
    """No file escapes the tests below."""
    found = {p.name for p in sound.rglob("*") if p.is_file()}

    assert {*ARRAYS, "manifest.json", "CURRENT"} == found - {"LOCK"}


def test_sound_index_opens_either_way(sound: Path) -> None:
    """With digests compared and without."""
    for verify in (True, False):
        assert Index.open(sound, verify=verify).n_docs == 4
    assert Index.open(str(sound)).n_docs == 4


# --- damage, file by file ---


@pytest.mark.parametrize("name", [*ARRAYS, "manifest.json"])
def test_open_cut_file_is_damage_that_names_it(root: Path, name: str) -> None:
    """At every length, with digests and without: sizes are compared before anything is mapped."""
    path = file_of(root, name)
    content = path.read_bytes().rstrip(b"\n")  # a manifest without its last line end is whole
    for length in lengths(len(content)):
        path.write_bytes(content[:length])
        for verify in (True, False):
            with pytest.raises(DamagedIndexError, match=name):
                Index.open(root, verify=verify)


@pytest.mark.parametrize("name", ARRAYS)
def test_open_grown_file_is_damage_that_names_it(root: Path, name: str) -> None:
    """Bytes that do not belong there are noticed."""
    path = file_of(root, name)
    path.write_bytes(path.read_bytes() + b"\0")

    for verify in (True, False):
        with pytest.raises(DamagedIndexError, match=name):
            Index.open(root, verify=verify)


@pytest.mark.parametrize("name", [*ARRAYS, "manifest.json"])
def test_open_removed_file_is_damage_that_names_it(root: Path, name: str) -> None:
    """A file, or a folder in its place."""
    path = file_of(root, name)
    path.unlink()
    for verify in (True, False):
        with pytest.raises(DamagedIndexError, match=name):
            Index.open(root, verify=verify)
    path.mkdir()
    with pytest.raises(DamagedIndexError, match=name):
        Index.open(root)


def flipped(path: Path) -> Iterator[int]:
    """Flip one bit at several places of a file, one after another."""
    content = path.read_bytes()
    for place in places(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        path.write_bytes(bytes(changed))
        yield place


@pytest.mark.parametrize("name", ARRAYS)
def test_open_one_flipped_bit_is_damage_that_names_the_file(root: Path, name: str) -> None:
    """In the header and in the data."""
    for _ in flipped(file_of(root, name)):
        with pytest.raises(DamagedIndexError, match=name):
            Index.open(root, verify=True)


@pytest.mark.parametrize("name", ARRAYS)
def test_open_one_flipped_bit_unverified_opens_or_is_damage(root: Path, name: str) -> None:
    """Without digests a wrong header is still seen; nothing else is raised."""
    path = file_of(root, name)
    n_seen = 0
    for _ in flipped(path):
        said = _said(root)
        n_seen += said is not None

        assert said is None or name in said
    assert n_seen >= 1


def _said(root: Path) -> str | None:
    """Return what opening without digests complains of."""
    try:
        Index.open(root, verify=False)
    except DamagedIndexError as error:
        return str(error)
    return None


def test_open_manifest_with_any_flipped_bit_never_opens(root: Path) -> None:
    """Its own digest covers all of it; a flip in the format number may look like a newer one."""
    path = generation_folder(root) / "manifest.json"
    content = path.read_bytes()
    for place in range(0, len(content), 11):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 7
        if _json(bytes(changed)) == _json(content):
            continue  # white space
        path.write_bytes(bytes(changed))
        with pytest.raises((DamagedIndexError, IncompatibleIndexError), match=r"manifest\.json"):
            Index.open(root, verify=False)


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return content


@pytest.mark.parametrize("bit", range(8))
def test_open_pointer_with_any_flipped_bit_is_damage_or_the_same_name(root: Path, bit: int) -> None:
    """No flipped bit leads to anything but an error or the generation that was meant."""
    path = root / "CURRENT"
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        path.write_bytes(bytes(changed))
        try:
            index = Index.open(root)
        except IndexFolderError:
            continue
        assert changed.decode("latin-1").strip() == "gen-00000001"
        assert index.manifest.generation == 1


def test_open_two_files_swapped_is_damage(root: Path) -> None:
    """Every pair of files that differ, of the segment and of the generation."""
    folders = (segment_folder(root), generation_folder(root))
    for folder in folders:
        files = sorted(folder.glob("*.npy"))
        for i, one in enumerate(files):
            for other in files[i + 1 :]:
                if one.read_bytes() == other.read_bytes():
                    continue
                _swap(one, other)
                with pytest.raises(DamagedIndexError, match=f"{one.name}|{other.name}"):
                    Index.open(root)
                _swap(one, other)
    assert Index.open(root).n_docs == 4


def _swap(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def test_open_segment_that_is_gone_is_damage(root: Path) -> None:
    """The message names the folder."""
    folder = segment_folder(root)
    shutil.rmtree(folder)

    with pytest.raises(DamagedIndexError, match=folder.name):
        Index.open(root)


def test_open_file_that_cannot_be_read_is_damage(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing disk or a missing permission is named with its file, not a bare traceback."""

    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("recommender.index.manifest.file_record", fail)
    with pytest.raises(DamagedIndexError, match="cannot be read: Input/output error"):
        Index.open(root)


CUT_AND_OPEN = """
import sys
from pathlib import Path
from recommender.errors import DamagedIndexError
from recommender.index.reader import Index
root = Path(sys.argv[1])
n = 0
for path in sorted(root.rglob("*.npy")):
    content = path.read_bytes()
    for length in sorted({0, 1, 100, 128, len(content) // 2, len(content) - 1}):
        if length >= len(content):
            continue
        path.write_bytes(content[:length])
        try:
            index = Index.open(root, verify=False)
            index.search_rows(__import__("numpy").arange(index.n_docs, dtype="int32"), 3)
        except DamagedIndexError:
            n += 1
        else:
            sys.exit(f"opened {path} cut to {length}")
    path.write_bytes(content)
assert Index.open(root, verify=False).n_docs
print(n)
"""


def test_cut_files_unverified_never_kill_the_process(tmp_path: Path) -> None:
    """Files longer than a page, cut under the map's feet: an error, never SIGBUS."""
    rows = [{(d * 7 + i) % 900: 1 for i in range(20)} for d in range(800)]
    index_of(tmp_path / "news", corpus_of(rows, n_terms=900))
    project = Path(__file__).parents[2]

    ended = subprocess.run(
        [sys.executable, "-c", CUT_AND_OPEN, str(tmp_path / "news")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(project)},
    )

    assert ended.returncode == 0, (ended.returncode, ended.stderr)
    assert int(ended.stdout) > 4 * len(ARRAYS)


# --- what a reader holds ---


def test_open_older_generation_by_its_number(tmp_path: Path) -> None:
    """The live one is only the default."""
    index_of(tmp_path, corpus_of(ROWS, n_terms=4))
    index_of(tmp_path, corpus_of(ROWS[:2], n_terms=4))

    assert Index.open(tmp_path).n_docs == 2
    assert Index.open(tmp_path, generation=1).n_docs == 4
    with pytest.raises(DamagedIndexError, match="gen-00000009"):
        Index.open(tmp_path, generation=9)


def test_open_folder_that_was_moved_answers_the_same(root: Path, tmp_path: Path) -> None:
    """No path is written inside."""
    before = Index.open(root).search_rows(np.arange(4, dtype=np.int32), 3)
    root.rename(tmp_path / "elsewhere")
    after = Index.open(tmp_path / "elsewhere").search_rows(np.arange(4, dtype=np.int32), 3)

    assert before[0].tolist() == after[0].tolist()
    assert before[1].tolist() == after[1].tolist()


def test_open_does_not_write_to_the_folder(sound: Path) -> None:
    """An index may lie on a read-only disk."""
    before = sorted((str(p), p.stat().st_mtime_ns) for p in sound.rglob("*"))
    index = Index.open(sound)
    index.search(index.query_of(0), 3)

    assert before == sorted((str(p), p.stat().st_mtime_ns) for p in sound.rglob("*"))


def test_arrays_of_an_open_index_cannot_be_written_to(sound: Path) -> None:
    """No caller can damage the file through the map."""
    index = Index.open(sound)

    for array in [
        *index.parts[0].segment.arrays().values(),
        index.parts[0].statistics.df,
        index.parts[0].statistics.norms,
    ]:
        assert not array.flags.writeable


def test_built_at_is_utc(sound: Path) -> None:
    """Age is computed from it."""
    offset = Index.open(sound).built_at.utcoffset()

    assert offset is not None
    assert offset.total_seconds() == 0


def test_language_codes_unknown_language_has_none(sound: Path) -> None:
    """A wish for a language that the index does not hold finds nothing, and fails in nothing."""
    index = Index.open(sound)

    assert index.language_codes(["uk", "xx", "en"]) == {0, 2}
    assert index.language_codes([]) == frozenset()
    none = Choice(languages=index.language_codes(["xx"]))
    assert len(index.search(index.query_of(0), 3, choice=none)) == 0


@pytest.mark.parametrize("key", ["a2", " a2 ", "site.example/2", "https://www.SITE.example/2/#x"])
def test_find_by_id_or_any_spelling_of_the_url(sound: Path, key: str) -> None:
    """The id as published, the URL as it stands in an address bar."""
    assert Index.open(sound).find(key) == 2


@pytest.mark.parametrize("key", ["", " ", "a9", "A2", "site.example", "\ud800", "x" * 10_000, "\0"])
def test_find_what_is_not_there_is_none(sound: Path, key: str) -> None:
    """Whatever is asked for."""
    assert Index.open(sound).find(key) is None


def test_threads_sharing_an_index_get_the_answers_of_one(tmp_path: Path) -> None:
    """Each thread has scratch memory of its own."""
    rng = np.random.default_rng(5)
    rows = [{int(t): 1 for t in rng.integers(0, 60, 12)} for _ in range(600)]
    index = index_of(tmp_path, corpus_of(rows, n_terms=60))
    expected = [index.search(index.query_of(d), 5).docs.tolist() for d in range(600)]
    wrong: list[int] = []

    def ask() -> None:
        found = [index.search(index.query_of(d), 5).docs.tolist() for d in range(600)]
        wrong.extend(d for d in range(600) if found[d] != expected[d])

    _together([ask] * 4)

    assert wrong == []


def _together(calls: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_index_is_not_pickled_by_accident(sound: Path) -> None:
    """A process gets an index by opening it; sending one would copy every array."""
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(Index.open(sound))
