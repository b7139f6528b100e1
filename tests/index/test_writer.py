"""Writing generations: the same bytes for the same articles, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender._disk import Disk, using
from recommender._strings import StringColumn
from recommender.errors import StorageError
from recommender.index import manifest as manifest_module
from recommender.index.check import verify_index
from recommender.index.lengths import weighed
from recommender.index.manifest import current, generations, writer_lock
from recommender.index.publisher import write_generation
from recommender.index.reader import Index
from recommender.index.settings import GenerationSettings
from recommender.index.writer import make_segment
from recommender.weighting import WeightSettings
from tests.disks import FailingDisk
from tests.index.forging import segment_folder
from tests.index.making import ABOUT, corpus_of, index_of

ROWS = [{0: 1, 2: 5}, {1: 1, 2: 1}, {0: 3, 1: 300}]
SMALL = corpus_of(ROWS, n_terms=3)
KEEP_THREE = GenerationSettings(keep=3, grace="0")


def other_corpus(i: int) -> Any:
    """A corpus unlike those of other ``i``."""
    return corpus_of([{0: i + 1}, {0: 1, 1: i + 1}], n_terms=2)


def everything(root: Path) -> dict[str, bytes]:
    """All files of a folder but the lock."""
    files = (p for p in root.rglob("*") if p.is_file() and p.name != "LOCK")
    return {str(p.relative_to(root)): p.read_bytes() for p in files}


def segments(root: Path) -> list[str]:
    """Names in the folder of segments."""
    return sorted(p.name for p in (root / "segments").iterdir())


# --- what is written ---


def test_build_and_open_gives_the_same_arrays(tmp_path: Path) -> None:
    """What the reader maps is what the writer made."""
    index = index_of(tmp_path, SMALL)
    segment = make_segment(SMALL, WeightSettings())
    whole = weighed(segment, index.collection.tf, index.collection.idf_squared)

    assert segment.df.tolist() == index.collection.df.tolist()
    for name, array in whole.arrays().items():
        assert array.tolist() == index.parts[0].segment.arrays()[name].tolist()


def test_build_and_open_gives_the_articles(tmp_path: Path) -> None:
    """By number, id and URL in any spelling."""
    index = index_of(tmp_path, SMALL)

    assert index.n_docs == 3
    assert [index.article_id(d) for d in range(3)] == ["a0", "a1", "a2"]
    assert [index.find(f"a{d}") for d in range(4)] == [0, 1, 2, None]
    assert index.find("https://www.site.example/1/?utm_source=x") == 1
    assert index.find("") is None
    assert index.card(2) == {"title": "Title 2"}
    assert index.language(0) == "en"
    assert index.manifest.counts == {"articles": 3, "terms": 3, "postings": 6}


@pytest.mark.parametrize("rows", [[], [{}], [{}, {0: 1}]])
def test_build_corpus_of_next_to_nothing_is_a_sound_index(
    tmp_path: Path, rows: list[dict[int, int]]
) -> None:
    """No articles, an article without words: an index all the same."""
    index = index_of(tmp_path, corpus_of(rows, n_terms=2))

    assert len(rows) == index.n_docs
    assert verify_index(tmp_path).problems == ()


def test_two_builds_of_one_corpus_are_one_set_of_files(tmp_path: Path) -> None:
    """Equal names, equal digests, in different folders."""
    one = index_of(tmp_path / "a", SMALL).manifest
    two = index_of(tmp_path / "b", corpus_of(ROWS, n_terms=3)).manifest

    assert one.segments == two.segments
    assert one.files == two.files


def test_weights_are_in_nothing_of_a_segment_but_the_lengths(tmp_path: Path) -> None:
    """Counts are stored, weights are made of them later: other settings, the same arrays."""
    one = index_of(tmp_path / "a", SMALL).manifest
    two = index_of(tmp_path / "b", SMALL, WeightSettings(use_idf=False, max_df=0.9)).manifest
    (ours,), (theirs,) = one.segments.values(), two.segments.values()

    differing = {name for name in ours if ours[name] != theirs[name]}
    assert differing == {"idf_squared.npy", "norms.npy"}
    assert one.files == two.files


def test_second_build_of_one_corpus_shares_its_segment(tmp_path: Path) -> None:
    """Equal bytes are stored once; the generations count up."""
    first = index_of(tmp_path, SMALL).manifest
    second = index_of(tmp_path, SMALL).manifest

    assert first.segments == second.segments
    assert segments(tmp_path) == list(first.segments)
    assert (first.generation, second.generation) == (1, 2)
    assert (first.parent, second.parent) == (None, 1)


def test_columns_that_are_slices_are_written_as_they_read(tmp_path: Path) -> None:
    """A corpus may share its bytes with a larger one."""
    ids = StringColumn.from_strings(["skip", "a0", "a1", "a2", "skip"]).rows(1, 4)
    index = index_of(tmp_path, replace(SMALL, ids=ids))

    assert list(index.parts[0].segment.ids) == ["a0", "a1", "a2"]
    assert verify_index(tmp_path).problems == ()


def test_report_with_a_file_name_that_is_no_utf8_is_written(tmp_path: Path) -> None:
    """A source may have any bytes in its name; the build is not lost for that."""
    name = os.fsdecode(b"news-\xff.jsonl")
    write_generation(
        tmp_path,
        SMALL,
        weights=WeightSettings(),
        about={**ABOUT, "report": {"source": name}},
        languages=["en"],
    )

    assert name == Index.open(tmp_path).manifest.report["source"]


# --- generations ---


def test_generations_count_up_and_the_pointer_moves(tmp_path: Path) -> None:
    """Each build is the next number, and the live one."""
    for i in range(5):
        index_of(tmp_path, other_corpus(i))

        assert current(tmp_path) == i + 1
        name, digest = (tmp_path / "CURRENT").read_text(encoding="utf-8").split()
        plain = json.loads((tmp_path / name / "manifest.json").read_text(encoding="utf-8"))
        assert name == f"gen-{i + 1:08d}"
        assert digest == plain["digest"][:16]


def test_generations_beyond_those_to_keep_are_removed_with_their_segments(tmp_path: Path) -> None:
    """Older ones and segments that no kept one names are removed; the kept ones still open."""
    kept: list[str] = []
    for i in range(6):
        kept += index_of(tmp_path, other_corpus(i), keeping=KEEP_THREE).manifest.segments

    assert generations(tmp_path) == [4, 5, 6]
    assert sorted(kept[-3:]) == segments(tmp_path)
    for number in (4, 5, 6):
        assert Index.open(tmp_path, generation=number).manifest.generation == number


def test_reader_of_an_older_generation_keeps_answering(tmp_path: Path) -> None:
    """Even when its files are gone, as where a file system has no locks, it keeps what it maps."""
    reader = index_of(tmp_path, SMALL)
    assert reader._hold is not None
    reader._hold.close()
    before = [reader.search(reader.query_of(d), 5).docs.tolist() for d in range(3)]
    for i in range(5):
        index_of(tmp_path, other_corpus(i), keeping=KEEP_THREE)
    assert generations(tmp_path) == [4, 5, 6]

    assert before == [reader.search(reader.query_of(d), 5).docs.tolist() for d in range(3)]
    assert reader.card(2) == {"title": "Title 2"}


def test_debris_of_a_dead_writer_is_removed_by_the_next(tmp_path: Path) -> None:
    """Folders, files and orphan segments; a link is unhooked, not followed."""
    index_of(tmp_path, SMALL)
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "precious").write_text("x", encoding="utf-8")
    (tmp_path / "tmp-1-0123abcd" / "segment").mkdir(parents=True)
    (tmp_path / "tmp-1-0123abcd" / "segment" / "x.npy").write_bytes(b"x" * 100)
    (tmp_path / "tmp-2-0123abcd").write_text("x", encoding="utf-8")
    (tmp_path / "tmp-3-0123abcd").symlink_to(outside, target_is_directory=True)
    (tmp_path / "segments" / "seg-0123456789abcdef").mkdir()

    with writer_lock(tmp_path):
        index_of(tmp_path, SMALL)

    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "CURRENT",
        "LOCK",
        "gen-00000001",
        "gen-00000002",
        "segments",
    ]
    assert len(segments(tmp_path)) == 1
    assert (outside / "precious").exists()


# --- building over damage ---


def test_build_after_a_crash_before_the_first_pointer_succeeds(tmp_path: Path) -> None:
    """A first build that died just before CURRENT was written does not block the folder."""
    index_of(tmp_path, SMALL)
    (tmp_path / "CURRENT").unlink()

    index = index_of(tmp_path, SMALL)

    assert index.manifest.generation == 2
    assert index.manifest.parent is None


def test_build_over_a_pointer_with_rubbish_succeeds(tmp_path: Path) -> None:
    """Building again is the way out of damage."""
    index_of(tmp_path, SMALL)
    (tmp_path / "CURRENT").write_text("rubbish", encoding="utf-8")

    assert index_of(tmp_path, SMALL).manifest.generation == 2


def test_build_over_a_damaged_older_generation_succeeds(tmp_path: Path) -> None:
    """A generation that nobody reads any more cannot make a build fail after it was published."""
    index_of(tmp_path, SMALL)
    (tmp_path / "gen-00000001" / "manifest.json").write_text("{", encoding="utf-8")

    assert index_of(tmp_path, other_corpus(1)).manifest.generation == 2
    assert verify_index(tmp_path).problems == ()


@pytest.mark.parametrize("damage", ["changed", "cut", "removed"])
def test_build_over_a_damaged_segment_of_the_same_articles_mends_it(
    tmp_path: Path, damage: str
) -> None:
    """The damaged folder is replaced, not taken for what was to be written."""
    index_of(tmp_path, SMALL)
    path = segment_folder(tmp_path) / "ids.data.npy"
    content = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "cut" else content[:-1] + b"?")

    index_of(tmp_path, SMALL)

    assert content == path.read_bytes()
    assert verify_index(tmp_path).problems == ()
    assert not list(tmp_path.glob("tmp-*"))


# --- a disk that refuses ---


def _faults(root: Path, start: Path, *, every: int = 1) -> Iterator[str]:
    """Build over a copy of ``start``, refusing a later step each time; yield what was said."""
    for first in range(1, 2000, every):
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(start, root, copy_function=shutil.copyfile)
        full = FailingDisk(first, (errno.ENOSPC, errno.EROFS, errno.EIO)[first % 3])
        try:
            with using(full):
                write_generation(
                    root, SMALL, weights=WeightSettings(), about=ABOUT, languages=["en"]
                )
        except StorageError as error:
            refused = error
        else:
            if full.at is None:
                return
            continue  # nothing but debris could not be removed
        assert refused.exit_code == 7
        assert str(root) in str(refused)
        yield str(refused)
    pytest.fail("no build succeeded")


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.full)])
def test_disk_that_refuses_at_any_step_leaves_the_old_generation(
    tmp_path: Path, every: int
) -> None:
    """StorageError at every step, no debris, and the index that was there serves as before."""
    root, start = tmp_path / "news", tmp_path / "start"
    index_of(start, other_corpus(1))
    before = everything(start / "gen-00000001")
    steps = 0
    for said in _faults(root, start, every=every):
        steps += every

        assert before == everything(root / "gen-00000001")
        live = Index.open(root).manifest.generation
        assert (live == 1) == ("Nothing was published" in said)
        assert (live != 1) == (f"CURRENT now says 'gen-{live:08d} " in said)
        assert not [p for p in root.iterdir() if p.name.startswith("tmp-")]
    assert steps > 60
    assert Index.open(root).n_docs == 3
    assert verify_index(root).problems == ()


def test_disk_that_refuses_the_first_build_leaves_no_index(tmp_path: Path) -> None:
    """Nothing half-written looks like an index, up to the step that publishes."""
    root, start = tmp_path / "news", tmp_path / "start"
    start.mkdir()
    for said in _faults(root, start, every=5):
        assert (root / "CURRENT").exists() == ("CURRENT now says" in said)
    assert verify_index(root).problems == ()


LIMITED_BUILD = """
import resource, signal, sys
from pathlib import Path
from recommender.errors import StorageError
from recommender.index.publisher import write_generation
from recommender.weighting import WeightSettings
from tests.index.making import ABOUT, corpus_of
corpus = corpus_of([{i: 1 for i in range(d, d + 50)} for d in range(200)], n_terms=250)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_generation(Path(sys.argv[1]), corpus, weights=WeightSettings(), about=ABOUT,
                     languages=["en"])
except StorageError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_disk_limit_of_the_system_ends_with_exit_code_seven(tmp_path: Path) -> None:
    """The real thing: the kernel refuses to let a file grow."""
    index_of(tmp_path, SMALL)
    before = everything(tmp_path)

    ended = subprocess.run(
        [sys.executable, "-c", LIMITED_BUILD, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )

    assert ended.returncode == 7, ended.stderr
    assert "Nothing was published" in ended.stdout
    assert before == everything(tmp_path)


def test_interrupted_build_leaves_no_debris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle cleans up behind itself."""
    index_of(tmp_path, SMALL)
    before = everything(tmp_path)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(manifest_module, "write_json", interrupt)
    with pytest.raises(KeyboardInterrupt), writer_lock(tmp_path):
        index_of(tmp_path, SMALL)

    assert before == everything(tmp_path)


def test_nothing_is_published_before_everything_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that reads back differently from what was recorded never goes live."""
    index_of(tmp_path, other_corpus(1))
    rename = Disk.rename

    def flip(self: Disk, old: Path, new: Path) -> None:
        rename(self, old, new)
        if old.name == "segment":
            path = new / "postings.codes.npy"
            path.write_bytes(path.read_bytes()[:-1] + b"\x77")

    monkeypatch.setattr(Disk, "rename", flip)
    with pytest.raises(StorageError, match="SHA-256 differs"):
        index_of(tmp_path, SMALL)

    assert Index.open(tmp_path).manifest.generation == 1
    assert np.array_equal(generations(tmp_path), [1])


def test_generation_that_cannot_answer_never_goes_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pointer moves only after the new generation has answered a question."""
    index_of(tmp_path, corpus_of([{0: 1}, {0: 2}], n_terms=1))

    def broken(*_: object) -> None:
        raise ValueError("no answer")

    monkeypatch.setattr(Index, "warm_up", broken)
    with pytest.raises(ValueError, match="no answer"):
        index_of(tmp_path, corpus_of([{0: 1}, {0: 2}, {0: 3}], n_terms=1))

    assert Index.open(tmp_path).n_docs == 2
    assert not (tmp_path / "gen-00000002").exists()
