"""Generations, manifests, the pointer and the lock."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from recommender.errors import (
    DamagedIndexError,
    IncompatibleIndexError,
    IndexFolderError,
    IndexLockedError,
    NotAnIndexError,
    StorageError,
)
from recommender.index.manifest import (
    OLDEST,
    current,
    generations,
    read_manifest,
    writer_lock,
)
from recommender.index.reader import DegradedIndexWarning, Index
from tests.index.forging import change_manifest, generation_folder, segment_folder
from tests.index.making import corpus_of, index_of

ROWS = [{0: 1, 1: 2}, {1: 1}, {0: 3}]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small index that nobody changes."""
    root = tmp_path_factory.mktemp("sound") / "news"
    index_of(root, corpus_of(ROWS, n_terms=2))
    return root


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(sound, tmp_path / "news", copy_function=shutil.copyfile)
    return tmp_path / "news"


# --- the pointer ---


@pytest.mark.parametrize("kind", ["missing", "empty", "file", "other"])
def test_current_folder_without_an_index_says_how_to_build_one(tmp_path: Path, kind: str) -> None:
    """No folder, an empty one, a file, a folder of something else: the same clear answer."""
    root = tmp_path / "x"
    if kind == "file":
        root.write_text("x", encoding="utf-8")
    elif kind != "missing":
        root.mkdir()
    if kind == "other":
        (root / "holiday.jpg").write_bytes(b"x")

    for opened in (current, Index.open):
        with pytest.raises(NotAnIndexError, match="recommender build ARTICLES --model") as caught:
            opened(root)
        assert str(root) in str(caught.value)
        assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "\n",
            "rubbish",
            "../../x",
            "gen-1",
            "gen-000000001",
            "gen-00000001/..",
            "/etc/passwd",
        ),
        *("gen-00000001\ngen-00000002", "gen-\0", "x" * 100_000, "\ud800"),
    ],
)
def test_current_pointer_with_rubbish_is_damage(root: Path, text: str) -> None:
    """Nothing but a generation and its digest is followed; a long text is not shown whole.

    The newest generation serves in its stead, with a warning; where there is none it is an error.
    """
    (root / "CURRENT").write_text(text, encoding="utf-8", errors="surrogatepass")
    words = "CURRENT says .*; expected a generation and the beginning of its manifest's digest"

    with pytest.raises(DamagedIndexError, match=words) as caught:
        current(root)
    assert len(str(caught.value)) < 400 + len(str(root))
    with pytest.warns(DegradedIndexWarning, match=words):
        assert Index.open(root).manifest.generation == 1
    shutil.rmtree(root / "gen-00000001")
    with pytest.raises(DamagedIndexError, match=words):
        Index.open(root)


def test_current_pointer_to_a_generation_that_is_gone_is_damage(root: Path) -> None:
    """The missing manifest is named; an older generation serves, if there is one."""
    (root / "CURRENT").write_text("gen-00000007 0123456789abcdef\n", encoding="utf-8")

    with pytest.warns(DegradedIndexWarning, match=r"gen-00000007/manifest\.json"):
        assert Index.open(root).manifest.generation == 1
    shutil.rmtree(root / "gen-00000001")
    with pytest.raises(DamagedIndexError, match=r"gen-00000007/manifest\.json"):
        Index.open(root)


def test_current_pointer_that_was_written_for_another_generation_is_damage(root: Path) -> None:
    """A number changed, or a manifest replaced, does not pass for the live one."""
    index_of(root, corpus_of([{0: 1}], n_terms=1))
    text = (root / "CURRENT").read_text(encoding="utf-8")
    (root / "CURRENT").write_text(text.replace("gen-00000002", "gen-00000001"), encoding="utf-8")

    with pytest.raises(DamagedIndexError, match=r"was not written for gen-00000001/manifest\.json"):
        current(root)


def test_generations_counts_only_generations(root: Path) -> None:
    """Debris and strangers in the folder are no generations."""
    for name in ("gen-x", "gen-00000009.old", "tmp-1", "gen-0000001"):
        (root / name).mkdir()
    (root / "gen-00000008").write_text("a file", encoding="utf-8")

    assert generations(root) == [1]
    assert generations(root / "nowhere") == []


# --- the manifest ---


def test_read_manifest_gives_what_was_written(root: Path) -> None:
    """Every field, of the same types."""
    written = Index.open(root).manifest

    assert written == read_manifest(root, 1)
    assert isinstance(written.languages, tuple)


def _set(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda plain: plain.update(values)


@pytest.mark.parametrize(
    "change",
    [_set(min_reader=99), _set(features=["vectors"]), _set(min_reader=99, surprise={"a": 1})],
)
def test_read_manifest_of_a_newer_format_is_incompatible(
    root: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    """Not damage: the message says that a newer package is needed."""
    change_manifest(root, change)

    with pytest.raises(IncompatibleIndexError, match="Upgrade the package"):
        Index.open(root)


@pytest.mark.parametrize("older", range(1, OLDEST))
def test_read_manifest_of_an_older_format_says_to_build_the_index_again(
    root: Path, older: int
) -> None:
    """Before any array is mapped, which that format had otherwise."""
    change_manifest(root, _set(format=older, min_reader=older))

    with pytest.raises(IncompatibleIndexError, match=f"format {older}.*Build the index again") as e:
        Index.open(root)
    assert f"formats {OLDEST} to {OLDEST}" not in str(e.value)


def test_read_manifest_changed_by_hand_does_not_match_its_digest(root: Path) -> None:
    """One number edited in an editor is noticed."""
    path = generation_folder(root) / "manifest.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"articles": 3', '"articles": 4'), encoding="utf-8")

    with pytest.raises(DamagedIndexError, match="does not match its own digest") as caught:
        Index.open(root, verify=False)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "[]", "[1]", "5", '"text"', "{}", '{"digest": 1}', "[" * 100_000, "\0"),
        *('{"digest": "x", "min_reader": "1"}', '{"digest": "x", "min_reader": 1, "features": 5}'),
    ],
)
def test_read_manifest_that_is_none_is_damage(root: Path, text: str) -> None:
    """Whatever stands in the file."""
    (generation_folder(root) / "manifest.json").write_text(text, encoding="utf-8")

    with pytest.raises(DamagedIndexError, match=r"manifest\.json"):
        Index.open(root)


FIELDS = (
    "generation built_at package analysis settings languages counts report order segments files"
)


@pytest.mark.parametrize("field", [*FIELDS.split(), "boilerplate", "features", "min_reader"])
def test_read_manifest_lacking_a_field_is_damage(root: Path, field: str) -> None:
    """Its own digest may be right: a field of the format is missing all the same."""
    change_manifest(root, lambda plain: plain.pop(field))

    with pytest.raises(DamagedIndexError, match=r"manifest\.json"):
        Index.open(root)


@pytest.mark.parametrize("field", ["order", "segments", "files", "settings", "generation"])
@pytest.mark.parametrize("value", [None, 5, "text", [1], {"a": 1}, {"seg-0123456789abcdef": 5}])
def test_read_manifest_with_a_field_of_another_kind_is_damage(
    root: Path, field: str, value: Any
) -> None:
    """Never a bare traceback."""
    change_manifest(root, _set(**{field: value}))

    with pytest.raises(DamagedIndexError, match=r"manifest\.json"):
        Index.open(root)


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        *[((), "built_at", "yesterday"), ((), "built_at", "0001-01-01"), ((), "package", 5)],
        *[((), "languages", "en"), ((), "languages", [1]), ((), "parent", "1"), ((), "table", [])],
        *[((), "boilerplate", [{"text": "x"}]), ((), "boilerplate", [5]), ((), "analysis", None)],
        *[(("settings",), "text", []), (("counts",), "terms", "many"), ((), "counts", {})],
        *[(("report",), "languages", ["en"]), (("report",), "rejected", {"x": "y"})],
        *[(("report",), "site_languages", {"x": 1}), (("report",), "change", None)],
    ],
)
def test_read_manifest_of_a_wrong_kind_is_damage_however_well_it_is_signed(
    root: Path, place: tuple[str, ...], name: str, value: Any
) -> None:
    """Found with hostile manifests: listing or inspecting them ended with a bare TypeError."""

    def change(plain: dict[str, Any]) -> None:
        for step in place:
            plain = plain[step]
        plain[name] = value

    change_manifest(root, change)

    with pytest.raises(DamagedIndexError, match=r"manifest\.json has something else .* as \w+"):
        Index.open(root)


def test_language_that_the_manifest_does_not_name_is_damage_when_it_is_asked_for(
    root: Path,
) -> None:
    """Found with hostile manifests: a bare IndexError."""
    change_manifest(root, _set(languages=[]))
    index = Index.open(root)

    with pytest.raises(DamagedIndexError, match="Document 0 has the language 0"):
        index.language(0)


@pytest.mark.parametrize("weights", [None, {"max_df": 7.5}, {"unknown": 1}, "x", []])
def test_open_manifest_without_usable_weights_is_damage(root: Path, weights: Any) -> None:
    """The settings of the build decide what the arrays mean."""
    change_manifest(root, lambda plain: plain["settings"].update(weights=weights))

    with pytest.raises(DamagedIndexError, match=r"manifest\.json"):
        Index.open(root)


def test_read_manifest_of_another_generation_is_damage(root: Path) -> None:
    """A generation copied under another name is not taken for it."""
    (root / "gen-00000001").rename(root / "gen-00000005")
    text = (root / "CURRENT").read_text(encoding="utf-8")
    (root / "CURRENT").write_text(text.replace("gen-00000001", "gen-00000005"), encoding="utf-8")

    with pytest.raises(DamagedIndexError, match="is the manifest of generation 1"):
        Index.open(root)


HOSTILE = ["../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b", "x\0y", "a\nb", "../CURRENT"]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were looked at, as they are looked at."""
    seen: list[str] = []
    for name in ("file_record", "check_files"):
        monkeypatch.setattr(f"recommender.index.manifest.{name}", lambda *a, **k: seen.append(a[0]))
    monkeypatch.setattr("recommender.index.reader.check_files", lambda *a, **k: seen.append(a[0]))
    return seen


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", ["files", "segments"])
def test_open_hostile_file_name_is_refused_before_anything_is_opened(
    root: Path, opened: list[str], name: str, place: str
) -> None:
    """A manifest cannot make the reader look outside its folder."""

    def add(plain: dict[str, Any]) -> None:
        files = plain["files"] if place == "files" else next(iter(plain["segments"].values()))
        files[name] = {"bytes": 1, "sha256": "0"}

    change_manifest(root, add)

    with pytest.raises(DamagedIndexError, match="not a plain file name"):
        Index.open(root, verify=False)
    assert opened == []


@pytest.mark.parametrize("name", [*HOSTILE, "seg-0123", "seg-0123456789ABCDEF", "seg-" + "0" * 17])
@pytest.mark.parametrize("fields", [("segments", "order"), ("segments",), ("order",)])
def test_open_hostile_segment_name_is_refused_before_anything_is_opened(
    root: Path, opened: list[str], name: str, fields: tuple[str, ...]
) -> None:
    """Only seg- and sixteen hexadecimal digits lead anywhere."""

    def change(plain: dict[str, Any]) -> None:
        (files,) = plain["segments"].values()
        named = {"segments": {name: files}, "order": [name]}
        plain.update({field: named[field] for field in fields})

    change_manifest(root, change)

    with pytest.raises(DamagedIndexError, match="expected a segment such as"):
        Index.open(root, verify=False)
    assert opened == []


@pytest.mark.parametrize(
    ("place", "name"),
    [
        *[("files", "df.npy"), ("files", "numbers.npy"), ("files", "links.ptr.npy")],
        *[("segments", "postings.docs.npy"), ("segments", "norms.npy")],
    ],
)
def test_open_manifest_that_does_not_list_a_file_is_damage(
    root: Path, place: str, name: str
) -> None:
    """A file without a record would be mapped unchecked."""

    def drop(plain: dict[str, Any]) -> None:
        files = plain["files"] if place == "files" else next(iter(plain["segments"].values()))
        files.pop(name)

    change_manifest(root, drop)

    with pytest.raises(DamagedIndexError, match=f"does not list {name}"):
        Index.open(root)


def _name_segments(root: Path, names: Sequence[str], order: Sequence[Any]) -> None:
    """Let a manifest name the one segment several times, each name leading to it."""
    folder = segment_folder(root)
    for name in names:
        (root / "segments" / name).symlink_to(folder, target_is_directory=True)

    def change(plain: dict[str, Any]) -> None:
        (files,) = plain["segments"].values()
        plain.update(segments=dict.fromkeys(names, files), order=list(order))

    change_manifest(root, change)


A, B = "seg-000000000000000a", "seg-000000000000000b"


@pytest.mark.parametrize(
    ("names", "order"),
    [
        *[([], []), ([A], []), ([], [A]), ([A], [B]), ([A, B], [A]), ([A], [A, B])],
        *[([A], [A, A]), ([A, B], [A, A]), ([A], [[A]]), ([A, B], [1, A]), ([A], [None])],
        *[([A], A), ([A], [{"a": 1}])],
    ],
)
def test_open_manifest_that_does_not_name_each_segment_once_in_order_is_damage(
    root: Path, names: list[str], order: list[Any]
) -> None:
    """One or more, and where each one's documents begin follows from the order."""
    _name_segments(root, names, order)

    with pytest.raises(DamagedIndexError, match=r"manifest\.json"):
        Index.open(root)


def test_open_manifest_of_more_segments_than_have_numbers_is_damage(root: Path) -> None:
    """The terms of each further segment have the collection's numbers in a file."""
    _name_segments(root, [A, B], [B, A])

    with pytest.raises(DamagedIndexError, match=r"numbers\.npy holds 0 numbers; expected 2"):
        Index.open(root)


# --- the lock ---

HOLD = """
import sys, signal
from pathlib import Path
from recommender.index.manifest import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def _holder(root: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_writer_lock_second_process_is_told_who_holds_it(tmp_path: Path) -> None:
    """Exit code 6, the holder's number, and no waiting; a killed holder leaves the lock free."""
    process = _holder(tmp_path)
    try:
        with pytest.raises(IndexLockedError, match=f"pid {process.pid}") as caught:
            writer_lock(tmp_path).__enter__()
        assert caught.value.exit_code == 6
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL

    with writer_lock(tmp_path):
        assert (tmp_path / "LOCK").read_text(encoding="utf-8") == f"pid {os.getpid()}\n"


def test_writer_lock_is_free_after_an_error(tmp_path: Path) -> None:
    """However the block ends."""
    with pytest.raises(KeyError), writer_lock(tmp_path):
        raise KeyError("x")
    with writer_lock(tmp_path), pytest.raises(IndexLockedError), writer_lock(tmp_path):
        pass


def test_writer_lock_makes_the_folder(tmp_path: Path) -> None:
    """The first build needs no preparation."""
    with writer_lock(tmp_path / "models" / "news"):
        assert (tmp_path / "models" / "news" / "LOCK").exists()


def test_writer_lock_readers_need_none(root: Path) -> None:
    """An index opens while it is being written."""
    with writer_lock(root):
        assert Index.open(root).n_docs == 3


def test_writer_lock_where_no_folder_can_be_is_a_storage_error(tmp_path: Path) -> None:
    """A file in the way, exit code 7."""
    (tmp_path / "file").write_text("x", encoding="utf-8")

    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="Cannot write to") as caught:
            writer_lock(place).__enter__()
        assert caught.value.exit_code == 7


LOCK_AS_NOBODY = """
import os, sys
from pathlib import Path
from recommender.errors import StorageError
from recommender.index.manifest import writer_lock
os.setuid(65534)
try:
    writer_lock(Path(sys.argv[1])).__enter__()
except StorageError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_writer_lock_in_a_folder_one_may_not_write_to_is_a_storage_error(root: Path) -> None:
    """Exit code 7 and the system's reason."""
    ended = subprocess.run(
        [sys.executable, "-c", LOCK_AS_NOBODY, str(root)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 7, ended.stderr
    assert "Permission denied" in ended.stdout


def test_every_index_error_is_an_index_folder_error() -> None:
    """One except clause catches whatever is wrong with a folder."""
    for error in (NotAnIndexError, DamagedIndexError, IncompatibleIndexError, IndexLockedError):
        assert issubclass(error, IndexFolderError)


def test_manifest_file_is_readable_for_people(root: Path) -> None:
    """Indented JSON with sorted keys: two generations can be compared with diff."""
    text = (generation_folder(root) / "manifest.json").read_text(encoding="utf-8")
    plain = json.loads(text)

    assert list(plain) == sorted(plain)
    assert text.count("\n") > 20
