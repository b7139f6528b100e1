"""Files that survive a crash."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommender import _files
from recommender._disk import Disk
from recommender._files import (
    file_record,
    map_array,
    replace_text,
    storage_errors,
    sync_files,
    write_array,
    write_json,
    write_text,
)
from recommender.errors import DamagedIndexError, StorageError


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64", "uint64", "float64"])
@pytest.mark.parametrize("length", [0, 1, 1000])
def test_map_array_gives_what_was_written(tmp_path: Path, dtype: str, length: int) -> None:
    """Any type, empty too; and nobody can write through the map."""
    array = np.arange(length).astype(dtype)
    write_array(tmp_path / "a.npy", array)

    mapped = map_array(tmp_path / "a.npy", dtype)

    assert array.tolist() == mapped.tolist()
    assert array.dtype == mapped.dtype
    assert not mapped.flags.writeable


def test_write_array_gives_the_same_bytes_for_the_same_values(tmp_path: Path) -> None:
    """A strided view and its copy are one file."""
    array = np.arange(20, dtype=np.int32)
    write_array(tmp_path / "a.npy", array[::2])
    write_array(tmp_path / "b.npy", array[::2].copy())

    assert file_record(tmp_path / "a.npy") == file_record(tmp_path / "b.npy")


def test_write_array_of_objects_is_refused(tmp_path: Path) -> None:
    """Objects would need pickle."""
    with pytest.raises(ValueError, match="allow_pickle"):
        write_array(tmp_path / "a.npy", np.array([{}, None], dtype=object))


def test_map_array_of_objects_is_refused_and_nothing_is_loaded(tmp_path: Path) -> None:
    """A file with pickled objects in it is damage, and its code never runs."""
    path = tmp_path / "a.npy"
    np.save(path, np.array([_Trap()], dtype=object), allow_pickle=True)

    with pytest.raises(DamagedIndexError, match=r"a\.npy"):
        map_array(path, "int64")


class _Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was loaded",))


def _with_header(text: str) -> bytes:
    """Return an array file of a hundred numbers whose header says something else."""
    raw = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(raw).to_bytes(2, "little") + raw + bytes(800)


def damaged_files() -> dict[str, bytes]:
    """Files that are no array."""
    whole = io.BytesIO()
    np.save(whole, np.arange(100))
    good = whole.getvalue()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.npy", good)
    return {
        "empty": b"",
        "rubbish": b"\x00\xff" * 80,
        "text": b"hello",
        "cut in the magic": good[:4],
        "cut in the header": good[:50],
        "cut in the data": good[:-1],
        "archive": archive.getvalue(),
        "broken archive": b"PK\x03\x04" + b"\0" * 50,
        "pickle": b"\x80\x04N.",
        "unclosed header": good.replace(b"'shape'", b"'shape"),
        "no such type": good.replace(b"<i8", b"<q9"),
        "huge shape": good.replace(b"(100,), }    ", b"(10**9,), }  ").replace(b"10**9", b"99999"),
        "shape beyond all numbers": _with_header(
            f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({2**70},), }}"
        ),
        "nested header": _with_header("(" * 9_000),
        "header of signs": _with_header("-" * 5_000 + "1"),
        "negative shape": good.replace(b"(100,)", b"(-10,)"),
        "other version": good[:6] + b"\x09" + good[7:],
        "other byte order": good.replace(b"<i8", b">i8"),
        "matrix": good.replace(b"(100,), }    ", b"(10, 10), }  "),
    }


@pytest.mark.parametrize("name", sorted(damaged_files()))
def test_map_array_of_a_damaged_file_names_it(tmp_path: Path, name: str) -> None:
    """One clear error, whatever the file holds."""
    path = tmp_path / "x.npy"
    path.write_bytes(damaged_files()[name])

    with pytest.raises(DamagedIndexError, match=r"x\.npy"):
        map_array(path, "int64")


@pytest.mark.filterwarnings("ignore:Data type alias:DeprecationWarning")  # numpy, of the damage
@hypothesis_settings(deadline=None, max_examples=300)
@given(place=st.integers(0, 127), byte=st.integers(0, 255))
def test_map_array_any_byte_of_the_header_changed_is_an_array_or_damage(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    """No changed header makes it fail in another way, or gives another type."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.npy"
    whole = io.BytesIO()
    np.save(whole, np.arange(100))
    content = bytearray(whole.getvalue())
    content[place] = byte
    path.write_bytes(bytes(content))
    try:
        array = map_array(path, "int64")
    except DamagedIndexError:
        return
    assert array.dtype == np.int64
    assert array.ndim == 1


def test_map_array_missing_file_is_damage(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(DamagedIndexError, match=r"gone\.npy"):
        map_array(tmp_path / "gone.npy", "int64")


def test_file_record_is_size_and_digest(tmp_path: Path) -> None:
    """Of files longer than a chunk, too."""
    content = b"\x01\x02\x03" * 1_000_000
    (tmp_path / "x").write_bytes(content)

    expected = {"bytes": 3_000_000, "sha256": hashlib.sha256(content).hexdigest()}
    assert expected == file_record(tmp_path / "x")


def test_write_json_bytes_depend_on_the_value_alone(tmp_path: Path) -> None:
    """The order in which keys were added leaves no trace; Cyrillic stays readable."""
    write_json(tmp_path / "a", {"б": 1, "а": [2, {"y": 1, "x": 2}]})
    write_json(tmp_path / "b", {"а": [2, {"x": 2, "y": 1}], "б": 1})

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert "б" in (tmp_path / "a").read_text(encoding="utf-8")


def test_write_json_of_a_file_name_that_is_no_utf8_comes_back(tmp_path: Path) -> None:
    """Reports hold file names, and those may hold any byte."""
    name = os.fsdecode(b"news-\xff.jsonl")
    write_json(tmp_path / "a", {"source": name})

    assert {"source": name} == json.loads((tmp_path / "a").read_text(encoding="utf-8"))


def test_replace_text_puts_the_new_text_and_leaves_nothing_beside(tmp_path: Path) -> None:
    """One file, the new text."""
    replace_text(tmp_path / "CURRENT", "old\n")
    replace_text(tmp_path / "CURRENT", "new\n")

    assert (tmp_path / "CURRENT").read_text(encoding="utf-8") == "new\n"
    assert [p.name for p in tmp_path.iterdir()] == ["CURRENT"]


def test_replace_text_that_fails_leaves_the_old_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that refuses to sync changes nothing that readers see."""
    replace_text(tmp_path / "CURRENT", "old\n")

    monkeypatch.setattr(Disk, "sync", _refuse)
    with pytest.raises(OSError, match="Input/output"):
        replace_text(tmp_path / "CURRENT", "new\n")

    assert (tmp_path / "CURRENT").read_text(encoding="utf-8") == "old\n"


def test_replace_text_that_is_not_confirmed_says_that_the_new_text_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the one step, no error may claim that nothing happened."""
    replace_text(tmp_path / "CURRENT", "old\n")

    monkeypatch.setattr(_files, "sync_folder", _refuse)
    with pytest.raises(StorageError, match="CURRENT now says 'new', but the disk did not confirm"):
        replace_text(tmp_path / "CURRENT", "new\n")

    assert (tmp_path / "CURRENT").read_text(encoding="utf-8") == "new\n"


def _refuse(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("write", ["arrays", "text", "json", "replace"])
def test_every_write_is_synced_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    """What was written is on the disk: the file itself, and for a replacement its folder after.

    Arrays are many: they are synced together when all are written, and their folder after.
    """
    synced: list[str] = []

    def note(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)

    monkeypatch.setattr(os, "fsync", note)
    if write == "arrays":
        for name in ("y", "x"):
            write_array(tmp_path / name, np.arange(3))
        assert synced == []
        sync_files(tmp_path)
    elif write == "text":
        write_text(tmp_path / "x", "text")
    elif write == "json":
        write_json(tmp_path / "x", {})
    else:
        replace_text(tmp_path / "x", "text")

    expected = {"arrays": ["x", "y", tmp_path.name], "replace": ["x.tmp", tmp_path.name]}
    assert synced == expected.get(write, ["x"])


def test_storage_errors_name_the_folder_and_what_to_do(tmp_path: Path) -> None:
    """The system's reason is shown, and the exit code is that of a full disk."""
    with pytest.raises(StorageError) as caught, storage_errors(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    message = str(caught.value)
    assert str(tmp_path) in message
    assert "No space left on device" in message
    assert "Free space or choose another folder" in message
    assert caught.value.exit_code == 7


def test_storage_errors_leave_other_errors_alone(tmp_path: Path) -> None:
    """A StorageError is not wrapped twice, a bug stays a bug."""
    first = StorageError("first")
    with pytest.raises(StorageError, match="first") as caught, storage_errors(tmp_path):
        raise first
    assert caught.value is first
    with pytest.raises(KeyError), storage_errors(tmp_path):
        raise KeyError("x")
