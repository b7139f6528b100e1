"""Opening indexes: sound ones answer, damaged ones are named, and nothing dies by a signal."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from recommender.errors import DamagedIndexError, IncompatibleIndexError, IndexFolderError
from recommender.index.manifest import FORMAT, OLDEST, read_manifest
from recommender.index.opening import GENERATION_TYPES
from recommender.index.reader import Choice, DegradedIndexWarning, Index
from recommender.index.segment import ARRAY_TYPES
from tests.index.forging import generation_folder, segment_folder
from tests.index.making import corpus_of, index_of

ROWS = [{0: 1, 2: 5}, {1: 1, 2: 1}, {0: 3, 1: 300}, {2: 1, 3: 9}]
ARRAYS = [
    *(f"segment/{name}.npy" for name in sorted(ARRAY_TYPES)),
    *(f"generation/{name}.npy" for name in sorted(GENERATION_TYPES)),
]
MANIFEST = "generation/manifest.json"


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
    """Return the path of a file of the segment or of the generation."""
    folder, _, file = name.partition("/")
    return (generation_folder(root) if folder == "generation" else segment_folder(root)) / file


def naming(path: Path) -> str:
    """Return the pattern of a message that names a file."""
    return re.escape(str(path))


def lengths(size: int) -> list[int]:
    """Where to cut a file: at its edges, in the header, at the data, in the middle."""
    return sorted({n for n in (0, 1, 8, 64, 127, 128, size // 2, size - 1) if n < size})


def places(size: int) -> list[int]:
    """Where to flip a bit."""
    return sorted({0, 6, 9, 20, 60, 127, 128, size // 2, size - 1} & set(range(size)))


def test_arrays_names_every_file_of_the_index(sound: Path) -> None:
    """No file escapes the tests below."""
    found = {p for p in sound.rglob("*") if p.is_file() and p.name != "LOCK"}
    named = {file_of(sound, name) for name in (*ARRAYS, MANIFEST)}

    assert {*named, sound / "CURRENT"} == found


def test_sound_index_opens_either_way(sound: Path) -> None:
    """With digests compared and without."""
    for verify in (True, False):
        assert Index.open(sound, verify=verify).n_docs == 4
    assert Index.open(str(sound)).n_docs == 4


# --- damage, file by file ---


@pytest.mark.parametrize("name", [*ARRAYS, MANIFEST])
def test_open_cut_file_is_damage_that_names_it(root: Path, name: str) -> None:
    """At every length, with digests and without: sizes are compared before anything is mapped."""
    path = file_of(root, name)
    content = path.read_bytes().rstrip(b"\n")  # a manifest without its last line end is whole
    for length in lengths(len(content)):
        path.write_bytes(content[:length])
        for verify in (True, False):
            with pytest.raises(DamagedIndexError, match=naming(path)):
                Index.open(root, verify=verify)


@pytest.mark.parametrize("name", ARRAYS)
def test_open_grown_file_is_damage_that_names_it(root: Path, name: str) -> None:
    """Bytes that do not belong there are noticed."""
    path = file_of(root, name)
    path.write_bytes(path.read_bytes() + b"\0")

    for verify in (True, False):
        with pytest.raises(DamagedIndexError, match=naming(path)):
            Index.open(root, verify=verify)


@pytest.mark.parametrize("name", [*ARRAYS, MANIFEST])
def test_open_removed_file_is_damage_that_names_it(root: Path, name: str) -> None:
    """A file, or a folder in its place."""
    path = file_of(root, name)
    path.unlink()
    for verify in (True, False):
        with pytest.raises(DamagedIndexError, match=naming(path)):
            Index.open(root, verify=verify)
    path.mkdir()
    with pytest.raises(DamagedIndexError, match=naming(path)):
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
    path = file_of(root, name)
    for _ in flipped(path):
        with pytest.raises(DamagedIndexError, match=naming(path)):
            Index.open(root, verify=True)


@pytest.mark.parametrize("name", ARRAYS)
def test_open_one_flipped_bit_unverified_opens_or_is_damage(root: Path, name: str) -> None:
    """Without digests a wrong header is still seen; nothing else is raised."""
    path = file_of(root, name)
    n_seen = 0
    for _ in flipped(path):
        said = _said(root)
        n_seen += said is not None

        assert said is None or str(path) in said
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
    """No flipped bit leads to anything but an error or the generation that was meant.

    Where the pointer does not say so any more it is the newest that is sound, and a warning tells.
    """
    path = root / "CURRENT"
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        path.write_bytes(bytes(changed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegradedIndexWarning)
            try:
                index = Index.open(root)
            except IndexFolderError:
                continue
        assert index.manifest.generation == 1
        assert index.degraded


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


# --- damage of the newest of several ---


@pytest.fixture
def two(root: Path) -> Path:
    """A second generation, of other articles, upon the sound one."""
    index_of(root, corpus_of(ROWS[:2], n_terms=4))
    return root


def _damage(root: Path, how: str, generation: int) -> Path:
    """Damage a generation, or the segment that it alone names; return the file."""
    manifest = read_manifest(root, generation)
    folder = root / f"gen-{generation:08d}"
    if how == "segment":
        (name,) = manifest.segments
        path = root / "segments" / name / "ids.data.npy"
    else:
        path = folder / {"manifest": "manifest.json", "statistics": "df.npy"}[how]
    path.write_bytes(path.read_bytes()[:-2])
    return path


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("how", ["segment", "manifest", "statistics"])
def test_open_damaged_newest_generation_gives_the_sound_one_before_and_a_warning(
    two: Path, how: str, verify: bool
) -> None:
    """Who serves pages goes on; the warning and the index name the damage and what is used."""
    path = _damage(two, how, 2)
    words = rf"{naming(path)}.*[^.]\. Generation 1 is used in its stead\. Build the index again\."

    with pytest.warns(DegradedIndexWarning, match=words):
        index = Index.open(two, verify=verify)

    assert (index.manifest.generation, index.n_docs) == (1, 4)
    assert re.search(words, index.degraded)
    assert [index.article_id(d) for d in range(4)] == ["a0", "a1", "a2", "a3"]
    assert len(index.search(index.query_of(0), 3)) == 3


def test_open_sound_generation_is_not_degraded(two: Path) -> None:
    """Whatever the older ones are."""
    _damage(two, "segment", 1)

    assert Index.open(two).degraded == ""
    assert Index.open(two).manifest.generation == 2


@pytest.mark.parametrize("how", ["segment", "manifest", "statistics"])
def test_open_generations_that_are_all_damaged_is_the_damage_of_the_newest(
    two: Path, how: str
) -> None:
    """There is nothing to fall back to."""
    _damage(two, how, 1)
    path = _damage(two, "statistics", 2)

    with pytest.raises(DamagedIndexError, match=naming(path)):
        Index.open(two)


def test_open_damaged_generation_by_its_number_is_damage(two: Path) -> None:
    """Who names a generation gets that or an error."""
    path = _damage(two, "segment", 2)

    with pytest.raises(DamagedIndexError, match=naming(path)):
        Index.open(two, generation=2)
    assert Index.open(two, generation=1).degraded == ""


def test_open_never_falls_back_upon_a_generation_that_was_not_published(two: Path) -> None:
    """A newer folder than the pointer names is of a writer that died before it was done."""
    (two / "gen-00000002").rename(two / "gen-00000003")
    _damage(two, "segment", 1)

    with pytest.raises(DamagedIndexError, match="gen-00000002"):
        Index.open(two)


def test_open_damaged_newest_with_an_older_format_before_is_damage(two: Path) -> None:
    """What this version cannot read is nothing to fall back to."""
    path = two / "gen-00000001" / "manifest.json"
    text = path.read_text(encoding="utf-8")
    older = text.replace(f'"format": {FORMAT}', f'"format": {OLDEST - 1}')
    path.write_text(older, encoding="utf-8")
    path = _damage(two, "segment", 2)

    with pytest.raises(DamagedIndexError, match=naming(path)):
        Index.open(two)


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
    (part,) = index.parts

    for array in [
        *part.segment.arrays().values(),
        part.statistics.df,
        index.collection.df,
        index.links.ptr,
    ]:
        assert not array.flags.writeable
    assert not np.shares_memory(part.statistics.norms, part.segment.norms)  # which may be completed


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
