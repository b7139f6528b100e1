"""Files that survive a crash: written whole, synced, digested, mapped read-only."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from recommender._disk import disk
from recommender.errors import DamagedIndexError, StorageError

__all__ = [
    "file_record",
    "keep_work",
    "kept_work",
    "make_folder",
    "map_array",
    "replace_text",
    "storage_errors",
    "sync_files",
    "sync_folder",
    "write_array",
    "write_bytes",
    "write_json",
    "write_text",
]

_CHUNK = 1 << 20


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn an ``OSError`` of writing into StorageError, which names the folder and what to do."""
    try:
        yield
    except (StorageError, BrokenPipeError):
        raise  # a reader that went away is no fault of the disk
    except OSError as error:
        raise StorageError(
            f"Cannot write to {folder}: {error.strerror or error}. Nothing was published and "
            "the index that was there is untouched. Free space or choose another folder, "
            "then run it again."
        ) from error


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write ``array`` as ``.npy``; it is durable after ``sync_files`` of its folder.

    Many files that are synced one after another when all are written cost little more than one.
    """
    with disk().open(path) as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


_NO_ARRAY = (
    *(ValueError, OSError, EOFError, TypeError, SyntaxError, TokenError),
    *(OverflowError, RecursionError, MemoryError),  # a header of huge numbers, or nested deeply
)


def map_array(path: Path, dtype: DTypeLike) -> NDArray[Any]:
    """Map a ``.npy`` file of one dimension read-only.

    Raises
    ------
    DamagedIndexError : no array, or not one of ``dtype``; compiled loops trust what they are given
    """
    try:
        # Not np.load: it would look into archives too.
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except _NO_ARRAY as error:
        raise DamagedIndexError(f"{path} is not a readable array: {error}") from error
    if array.dtype != np.dtype(dtype) or array.ndim != 1:
        raise DamagedIndexError(
            f"{path} holds {array.dtype} of shape {array.shape}; expected a row of {dtype!s}."
        )
    # A plain view of the mapping: every slice of a np.memmap costs a microsecond more.
    return array.view(np.ndarray)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` and sync it."""
    with disk().open(path) as file:
        file.write(data)
        disk().sync(file)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 and sync it; a lone surrogate is written as its JSON escape."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON whose bytes depend on nothing but the value."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def keep_work(path: Path, about: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Keep work that could be done again: it is there whole or, for ``kept_work``, not at all.

    Nothing is synced, so that to keep it costs next to nothing; a digest at the end tells whether
    all of it reached the disk.

    Parameters
    ----------
    about : anything that JSON holds
    arrays : by name, of one dimension
    """
    layout = {name: [array.dtype.str, len(array)] for name, array in arrays.items()}
    head = json.dumps([about, layout], separators=(",", ":")).encode("ascii")
    digest = hashlib.sha256()
    beside = path.with_name(path.name + ".part")
    size = len(head).to_bytes(8, "little")
    parts: list[bytes | memoryview] = [size, head, *map(_bytes_of, arrays.values())]
    with disk().open(beside) as file:
        for part in parts:
            digest.update(part)
            file.write(part)
        file.write(digest.digest())
    disk().rename(beside, path)


def kept_work(path: Path) -> tuple[Any, dict[str, NDArray[Any]]] | None:
    """Return what was kept at ``path``; None where it is not there or not whole."""
    try:
        data = memoryview(path.read_bytes())
    except OSError:
        return None
    body = data[: -hashlib.sha256().digest_size]
    if hashlib.sha256(body).digest() != data[len(body) :]:
        return None
    at = 8 + int.from_bytes(body[:8], "little")
    about, layout = json.loads(bytes(body[8:at]))
    arrays = {}
    for name, (dtype, n) in layout.items():
        # Copied: compiled loops want arrays that begin where their numbers may.
        arrays[name] = np.frombuffer(body, dtype, n, at).copy()
        at += arrays[name].nbytes
    return about, arrays


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).view(np.uint8).data


def replace_text(path: Path, text: str) -> None:
    """Put ``text`` at ``path`` in one step: readers see the old file or the new one.

    Raises
    ------
    OSError : readers see the old file
    StorageError : readers see the new one, but the disk did not confirm it
    """
    beside = path.with_name(path.name + ".tmp")
    write_text(beside, text)
    disk().rename(beside, path)
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(
            f"{path} now says {text.strip()!r}, but the disk did not confirm it "
            f"({error.strerror or error}): after a power cut it may say what it said before. "
            "Check the disk."
        ) from error


def sync_files(folder: Path) -> None:
    """Make the files in ``folder`` durable, and their names."""
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            disk().sync(file)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    disk().sync_folder(folder)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing, and their names durable."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        disk().mkdir(folder)
    except FileExistsError:
        if not folder.is_dir():  # else another process was quicker
            raise
    sync_folder(folder.parent)


def file_record(path: Path) -> dict[str, Any]:
    """Return size in bytes and SHA-256 of a file, as manifests hold them."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}
