"""Which generations stay: holds of readers, clean-up, and what is never taken away."""

from __future__ import annotations

import copy
import errno
import fcntl
import gc
import os
import pickle
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from recommender._disk import Disk
from recommender.errors import StorageError
from recommender.index import keeping
from recommender.index.keeping import collect, discard, hold, is_held, problem_of
from recommender.index.manifest import current, generations, make_live, read_manifest, segments
from recommender.index.reader import Index
from recommender.index.settings import GenerationSettings
from tests.index.making import corpus_of, index_of

KEEP_ONE = GenerationSettings(keep=1, grace="0")
KEEP_TWO = GenerationSettings(keep=2, grace="0")


def _six(root: Path) -> Path:
    for i in range(6):
        index_of(root, corpus_of([{0: i + 1}, {0: 1, 1: i + 1}], n_terms=2))
    return root


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six generations of unlike articles that nobody changes."""
    return _six(tmp_path_factory.mktemp("sound") / "news")


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(sound, tmp_path / "news")
    return tmp_path / "news"


# --- holds ---


def test_hold_is_seen_until_it_is_closed(root: Path) -> None:
    """Closing twice is closing once."""
    held = hold(root, 2)

    assert held is not None
    assert (is_held(root, 2), is_held(root, 3)) == (True, False)
    held.close()
    held.close()
    assert not is_held(root, 2)


def test_hold_ends_with_the_object(root: Path) -> None:
    """Nobody has to remember to let go."""
    held = hold(root, 2)
    assert is_held(root, 2)

    del held
    gc.collect()

    assert not is_held(root, 2)


def test_open_index_holds_its_generation_and_no_other(root: Path) -> None:
    """From opening until the object is gone; a copy with other parts holds as well."""
    index = Index.open(root, generation=3)
    other = replace(index, compiled=False)
    del index
    gc.collect()

    assert [is_held(root, n) for n in (2, 3, 6)] == [False, True, False]
    assert other.n_docs == 2
    del other
    gc.collect()
    assert not is_held(root, 3)


def test_hold_of_two_threads_ends_with_the_second(root: Path) -> None:
    """Each has its own; letting one go leaves the other."""
    first, second = hold(root, 1), []
    thread = threading.Thread(target=lambda: second.append(hold(root, 1)))
    thread.start()
    thread.join()
    assert first is not None

    first.close()

    assert is_held(root, 1)
    second.clear()
    assert not is_held(root, 1)


FORKED = """
import os, sys
from pathlib import Path
from recommender.index.keeping import hold
held = hold(Path(sys.argv[1]), 2)
if os.fork():
    held.close()  # the parent lets go and ends
    os._exit(0)
print("child", flush=True)
sys.stdin.read()
os._exit(0)
"""


def test_hold_of_a_forked_child_outlives_its_parent(root: Path) -> None:
    """The lock ends with the last process that has it, and by itself."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKED, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"child\n"
        process.wait()
        assert is_held(root, 2)
        assert process.stdin is not None
        process.stdin.close()
        process.stdout.read()  # ends when the child has
    assert not is_held(root, 2)


HOLDER = """
import sys
from recommender.index.reader import Index
index = Index.open(sys.argv[1], generation=2)
print("open", flush=True)
sys.stdin.read()
"""


def test_hold_of_a_killed_process_is_gone(root: Path) -> None:
    """Another process's reader is seen; the system takes its lock back."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        assert is_held(root, 2)
        assert 2 not in collect(root, KEEP_ONE).generations
        process.kill()
        process.wait()
    assert not is_held(root, 2)


def test_hold_where_there_is_no_manifest_is_none(root: Path) -> None:
    """What is wrong is told by reading it."""
    assert hold(root, 99) is None
    assert not is_held(root, 99)


def test_hold_without_flock_is_none_and_nothing_is_held(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On file systems that know no such locks an index opens all the same."""

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)

    assert hold(root, 2) is None
    assert not is_held(root, 2)
    assert Index.open(root).n_docs == 2


def test_hold_while_a_clean_up_removes_the_generation_gives_up(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits a moment, and leaves it to the reading to say that it is gone."""
    monkeypatch.setattr(keeping, "_PAUSE_SECONDS", 0.0)
    with keeping._alone(root, 2) as alone:
        assert alone
        assert hold(root, 2) is None
    assert hold(root, 2) is not None


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_hold_cannot_be_copied(root: Path, copied: object) -> None:
    """A copy would close the descriptor of somebody else."""
    with pytest.raises(TypeError, match="cannot be copied"):
        copied(hold(root, 2))  # type: ignore[operator]


AS_NOBODY = """
import os, sys
from pathlib import Path
from recommender.index.keeping import hold, is_held
os.setuid(65534)
held = hold(Path(sys.argv[1]), 2)
print(held is not None, is_held(Path(sys.argv[1]), 2), flush=True)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_hold_in_a_folder_one_may_only_read(sound: Path, public: Path) -> None:
    """Readers need no right to write."""
    shutil.copytree(sound, public / "news", copy_function=shutil.copyfile)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(public / "news")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "True True\n", done.stderr


# --- clean-up ---


def test_collect_keeps_the_newest_and_their_segments(root: Path) -> None:
    """What it reports is what it removed."""
    names = {n: set(read_manifest(root, n).segments) for n in generations(root)}

    done = collect(root, KEEP_TWO)

    assert (1, 2, 3, 4) == done.generations
    assert [5, 6] == generations(root) == list(done.kept)
    assert sorted(names[5] | names[6]) == segments(root)
    assert sorted(set.union(*(names[n] for n in done.generations))) == sorted(done.segments)
    assert done.freed_bytes > 0
    assert not list(root.glob("tmp-*"))


def test_collect_dry_run_says_the_same_and_removes_nothing(root: Path) -> None:
    """The two reports are equal."""
    before = sorted(root.rglob("*"))

    told = collect(root, KEEP_TWO, dry_run=True)

    assert before == sorted(root.rglob("*"))
    assert told == collect(root, KEEP_TWO)


def test_collect_keeps_the_live_one_and_its_parent(root: Path) -> None:
    """After a rollback the live one is not among the newest."""
    make_live(root, 3)

    done = collect(root, KEEP_ONE)

    assert (2, 3) == done.needed
    assert [2, 3, 6] == generations(root)
    assert Index.open(root).manifest.generation == 3


def test_collect_keeps_what_a_reader_holds(root: Path) -> None:
    """Until it lets go."""
    reader = Index.open(root, generation=2)

    done = collect(root, KEEP_ONE)

    assert (2,) == done.held
    assert [2, 5, 6] == generations(root)
    assert Index.open(root, generation=2).n_docs == reader.n_docs
    del reader
    gc.collect()
    assert (2,) == collect(root, KEEP_ONE).generations


def test_collect_keeps_what_was_live_within_the_grace(root: Path) -> None:
    """Counted from when it ceased to be live, not from when it was built."""
    for number in range(1, 7):
        os.utime(root / f"gen-{number:08d}", (0, 0))
    make_live(root, 2)
    make_live(root, 6)  # generation 2 is left now

    done = collect(root, replace(KEEP_ONE, grace="1h"))

    assert (2,) == done.recent
    assert [2, 5, 6] == generations(root)


def test_collect_with_nothing_live_removes_nothing(root: Path) -> None:
    """Nobody knows which one is needed."""
    (root / "CURRENT").write_text("rubbish", encoding="utf-8")

    done = collect(root, KEEP_ONE)

    assert ((), ()) == (done.generations, done.segments)
    assert 6 == len(generations(root)) == len(segments(root))


def test_collect_damaged_generation_takes_no_segment_away(root: Path) -> None:
    """What it names is unknown, so nothing is removed; and the clean-up does not fail."""
    (root / "gen-00000006" / "manifest.json").write_text("{", encoding="utf-8")
    make_live(root, 5)

    done = collect(root, KEEP_ONE)

    assert (6,) == done.unreadable
    assert ((1, 2, 3), ()) == (done.generations, done.segments)
    assert 6 == len(segments(root))
    assert Index.open(root).n_docs == 2


def test_collect_damaged_generation_does_not_count_as_kept(root: Path) -> None:
    """The newest that could serve are what is meant; an old damaged one goes like any other."""
    (root / "gen-00000001" / "manifest.json").write_text("{", encoding="utf-8")
    cut = root / "gen-00000004" / "df.npy"
    cut.write_bytes(cut.read_bytes()[:-1])

    done = collect(root, replace(KEEP_ONE, keep=3))

    assert "bytes" in problem_of(root, 4)
    assert (1, 2) == done.generations
    assert [3, 4, 5, 6] == generations(root)
    assert (4, 2) == (len(segments(root)), len(done.segments))


def test_collect_leaves_strangers_alone(root: Path) -> None:
    """Only what the project wrote is removed."""
    (root / "notes.txt").write_text("keep", encoding="utf-8")
    (root / "segments" / "backup").mkdir()

    collect(root, KEEP_ONE)

    assert (root / "notes.txt").exists()
    assert (root / "segments" / "backup").exists()


def test_collect_refused_by_the_disk_is_a_storage_error_and_publishing_goes_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for, it says so; after a build it is not the build's fault."""
    rename = Disk.rename

    def refused(self: Disk, old: Path, new: Path) -> None:
        if old.name.startswith("gen-"):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        rename(self, old, new)

    monkeypatch.setattr(Disk, "rename", refused)
    with pytest.raises(StorageError, match="Operation not permitted"):
        collect(root, KEEP_ONE)
    index_of(root, corpus_of([{0: 9}], n_terms=1), keeping=KEEP_ONE)

    assert 7 == current(root)


def test_discard_leaves_the_folder_as_it_was(root: Path) -> None:
    """A generation that is not wanted after all goes, with the segments it brought, no others."""
    files = sorted(p for p in root.rglob("*") if p.name != "LOCK")
    older = segments(root)
    index_of(root, corpus_of([{0: 7}], n_terms=1))
    make_live(root, 6)

    discard(root, read_manifest(root, 7), older=older)

    assert files == sorted(p for p in root.rglob("*") if p.name != "LOCK")


def test_discard_keeps_a_segment_that_was_there_before(root: Path) -> None:
    """The same articles again name the same segment."""
    index_of(root, corpus_of([{0: 6}, {0: 1, 1: 6}], n_terms=2))
    make_live(root, 6)

    discard(root, read_manifest(root, 7), older=segments(root))

    assert Index.open(root).manifest.generation == 6
