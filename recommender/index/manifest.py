"""Generations of an index: the folder's layout, its manifests, and the one pointer that moves.

models/news/
  LOCK                     held by the one writer
  CURRENT                  name of the live generation; replaced in one step
  gen-00000001/            immutable: manifest.json and the statistics of the collection
  segments/seg-.../        immutable: arrays that several generations may share
  tmp-...                  debris of a writer that died; nobody reads it, the next writer removes it
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from recommender._disk import disk
from recommender._files import (
    file_record,
    make_folder,
    replace_text,
    storage_errors,
    sync_files,
    sync_folder,
    write_json,
)
from recommender.errors import (
    DamagedIndexError,
    IncompatibleIndexError,
    IndexFolderError,
    IndexLockedError,
    NotAnIndexError,
    StorageError,
)
from recommender.index.kinds import wrong_kind

__all__ = [
    "FORMAT",
    "Manifest",
    "check_files",
    "current",
    "generations",
    "make_live",
    "read_manifest",
    "settle",
    "writer_lock",
]

FORMAT = 4
MIN_READER = 4
OLDEST = 4  # the oldest that can still be read; formats 1 to 3 were never released
FEATURES: frozenset[str] = frozenset()
_GENERATION = re.compile(r"gen-(\d{8})")
_POINTER = re.compile(r"gen-(\d{8}) ([0-9a-f]{16})")
_DEBRIS = re.compile(r"tmp-(?:spool|\d+-[0-9a-f]{8})")
_SEGMENT = re.compile(r"seg-[0-9a-f]{16}")
_TUPLES = ("languages", "order", "boilerplate", "features")
_FILE = re.compile(r"[a-z][a-z0-9_.]*")

Files = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation is made of.

    Attributes
    ----------
    generation : int
    built_at : str, ISO 8601 UTC
    package : str, version of the package that wrote it
    analysis : str, fingerprint of the text analysis; a query must be analysed the same way
    settings : mapping of section to settings, as the build used them
    languages : names of the language codes
    counts : articles, terms, postings
    report : what the build read, kept and rejected
    order : names of the segments, in the order of their documents' numbers
    segments : mapping of segment name to the record of its files
    files : record of this generation's own files
    boilerplate : passages kept out of the counts: text, articles, hash
    table : how the first segment's table of neighbours came to be: ``searched`` when the segment
        was made, or ``carried`` over from older ones
    """

    generation: int
    built_at: str
    package: str
    analysis: str
    settings: Mapping[str, Any]
    languages: tuple[str, ...]
    counts: Mapping[str, int]
    report: Mapping[str, Any]
    order: tuple[str, ...]
    segments: Mapping[str, Files]
    files: Files
    boilerplate: tuple[Mapping[str, Any], ...] = ()
    parent: int | None = None
    table: str = "searched"
    format: int = FORMAT
    min_reader: int = MIN_READER
    features: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as plain JSON types, with its own digest."""
        plain = json.loads(json.dumps(asdict(self)))
        return {**plain, "digest": _digest(plain)}


def generation_name(number: int) -> str:
    """Return the folder name of a generation."""
    return f"gen-{number:08d}"


def generations(root: Path) -> list[int]:
    """Return the numbers of the generations in ``root``, ascending."""
    if not root.is_dir():
        return []
    found = (_GENERATION.fullmatch(p.name) for p in root.iterdir() if p.is_dir())
    return sorted(int(m[1]) for m in found if m)


def segments(root: Path) -> list[str]:
    """Return the names of the segments in ``root``, in order."""
    home = root / "segments"
    if not home.is_dir():
        return []
    return sorted(p.name for p in home.iterdir() if _SEGMENT.fullmatch(p.name) and p.is_dir())


def current(root: Path) -> int:
    """Return the live generation's number.

    Raises
    ------
    NotAnIndexError : there is no index in ``root``
    DamagedIndexError : the pointer names no generation
    """
    pointer = root / "CURRENT"
    if not pointer.is_file():
        raise NotAnIndexError(
            f"{root} holds no index (no file CURRENT in it). "
            f"Build one with: recommender build ARTICLES --model {root}"
        )
    try:
        name = pointer.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
    except OSError as error:
        raise DamagedIndexError(f"{pointer} cannot be read: {error.strerror}") from error
    match = _POINTER.fullmatch(name)
    if not match:
        raise DamagedIndexError(
            f"{pointer} says {name[:60]!r}; expected a generation and the beginning of its "
            "manifest's digest, such as gen-00000001 0123456789abcdef."
        )
    _check_pointer(root, int(match[1]), match[2])
    return int(match[1])


def _check_pointer(root: Path, generation: int, digest: str) -> None:
    """Raise DamagedIndexError where a pointer names another generation than it was written for."""
    stored = _stored_digest(root, generation)
    if stored and stored[: len(digest)] != digest:
        raise DamagedIndexError(
            f"{root / 'CURRENT'} was not written for {generation_name(generation)}/manifest.json: "
            "one of the two was changed after it was written."
        )


def _stored_digest(root: Path, generation: int) -> str:
    """Return the digest that a manifest says it has; empty where there is none."""
    path = root / generation_name(generation) / "manifest.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def live(root: Path) -> int | None:
    """Return the live generation's number, or None where there is none, or no telling."""
    try:
        return current(root)
    except IndexFolderError:
        return None


def read_manifest(root: Path, generation: int) -> Manifest:
    """Read and check the manifest of a generation.

    Raises
    ------
    DamagedIndexError : missing, no JSON, or not what its digest says
    IncompatibleIndexError : written by a newer format or with features this version does not know
    """
    path = root / generation_name(generation) / "manifest.json"
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        digest = plain.pop("digest")
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise DamagedIndexError(f"{path} is missing or no manifest: {error}") from error
    _check_readable(path, plain)
    if digest != _digest(plain):
        raise DamagedIndexError(
            f"{path} does not match its own digest: it was changed after it was written."
        )
    try:
        wrong = wrong_kind(plain)
        manifest = Manifest(**{**plain, **{k: tuple(plain[k]) for k in _TUPLES}})
        if not wrong:
            _check_names(path, manifest)
    except (TypeError, KeyError, AttributeError) as error:
        raise DamagedIndexError(f"{path} lacks a field of its format: {error}") from error
    if wrong:
        raise DamagedIndexError(f"{path} has something else than its format says as {wrong}.")
    if manifest.generation != generation:
        raise DamagedIndexError(f"{path} is the manifest of generation {manifest.generation!r}.")
    return manifest


def _check_names(path: Path, manifest: Manifest) -> None:
    """Refuse names that could lead out of the index, and records that say nothing."""
    for name in (*manifest.segments, *manifest.order):
        if not isinstance(name, str) or not _SEGMENT.fullmatch(name):
            raise DamagedIndexError(
                f"{path} names {str(name)[:60]!r}; expected a segment such as seg-0123456789abcdef."
            )
    for files in (manifest.files, *manifest.segments.values()):
        for name, record in files.items():
            if not _FILE.fullmatch(name):
                raise DamagedIndexError(
                    f"{path} names {name[:60]!r}, which is not a plain file name."
                )
            if not isinstance(record["bytes"], int) or not isinstance(record["sha256"], str):
                raise DamagedIndexError(f"{path} has no usable record of {name}.")


def _check_readable(path: Path, plain: Mapping[str, Any]) -> None:
    needs = plain.get("min_reader")
    features = plain.get("features", ())
    if not isinstance(needs, int) or not isinstance(features, list | tuple):
        raise DamagedIndexError(f"{path} names no format.")
    if isinstance(plain.get("format"), int) and plain["format"] < OLDEST:
        reads = f"format {FORMAT}" if OLDEST == FORMAT else f"formats {OLDEST} to {FORMAT}"
        raise IncompatibleIndexError(
            f"{path} is of format {plain['format']}, which this version does not read any more; "
            f"it reads {reads}. Build the index again."
        )
    unknown = sorted(set(map(str, features)) - FEATURES)
    if needs > FORMAT or unknown:
        what = f"format {needs}" if needs > FORMAT else f"features {', '.join(unknown)}"
        raise IncompatibleIndexError(
            f"{path} needs {what}; this version reads format {FORMAT}. "
            "Upgrade the package, or build the index again with this version."
        )


def check_files(folder: Path, files: Files, *, digests: bool) -> None:
    """Compare the files of a folder with their records.

    Sizes are always compared before anything is mapped: a file cut short under a memory map would
    kill the process.

    Raises
    ------
    DamagedIndexError : names the first file that is missing, cut, or changed
    """
    for name, record in sorted(files.items()):
        path = folder / name
        try:
            if not path.is_file():
                raise DamagedIndexError(f"{path} is missing.")
            size = path.stat().st_size
            if size != record["bytes"]:
                raise DamagedIndexError(
                    f"{path} has {size:,} bytes; its manifest says {record['bytes']:,}."
                )
            changed = digests and file_record(path)["sha256"] != record["sha256"]
        except OSError as error:
            raise DamagedIndexError(f"{path} cannot be read: {error.strerror}") from error
        if changed:
            raise DamagedIndexError(f"{path} was changed after it was written (SHA-256 differs).")


@contextlib.contextmanager
def writer_lock(root: Path) -> Iterator[None]:
    """Hold the index's one writer lock; the system frees it when its holder ends, however it ends.

    What a writer that died left behind is removed first.

    Raises
    ------
    IndexLockedError : another process writes to this index now
    StorageError : the folder cannot be made or written to
    """
    with storage_errors(root):
        make_folder(root)
        file = disk().open(root / "LOCK", "a+b", buffering=0)
    with file:
        with storage_errors(root):
            _take_lock(root, file)
            remove_debris(root)
        yield


def _take_lock(root: Path, file: BinaryIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(200).decode("utf-8", "replace").strip() or "unknown process"
        raise IndexLockedError(
            f"{root} is being written by another process ({holder}). Wait for it, or stop it."
        ) from None
    disk().truncate(file)
    file.write(f"pid {os.getpid()}\n".encode())


def scratch_folder(root: Path) -> Path:
    """Return the path of a folder that is debris once its writer has died."""
    return root / f"tmp-{os.getpid()}-{secrets.token_hex(4)}"


def remove_debris(root: Path) -> None:
    """Remove what writers that died left behind, and nothing else. Call with the lock held."""
    for path in root.glob("tmp-*"):
        if not _DEBRIS.fullmatch(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            disk().remove_tree(path, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                disk().unlink(path)


def settle(root: Path, staged: Path, manifest: Manifest, segments: Mapping[str, Path]) -> Path:
    """Put a staged generation in its place, durable and read back; the pointer does not move yet.

    Parameters
    ----------
    staged : folder with the generation's own files, inside ``root``
    segments : segment name to the folder it was written to, inside ``root``

    Returns
    -------
    Path of the generation's folder
    """
    with storage_errors(root):
        home = root / "segments"
        make_folder(home)
        for name, folder in segments.items():
            sync_files(folder)
            _settle(folder, home / name, manifest.segments[name])
        sync_folder(home)
        write_json(staged / "manifest.json", manifest.to_json())
        sync_files(staged)
        _read_back(root, staged, manifest, segments)
        place = root / generation_name(manifest.generation)
        disk().rename(staged, place)
        sync_folder(root)
        return place


def make_live(root: Path, generation: int) -> None:
    """Move the pointer: readers that open the index from now on get this generation."""
    with storage_errors(root):
        _note_leaving(root)
        digest = _stored_digest(root, generation)[:16]
        replace_text(root / "CURRENT", f"{generation_name(generation)} {digest}\n")


def _note_leaving(root: Path) -> None:
    """Set the time of the live generation's folder: that it was live until now.

    Clean-up counts its grace from there, for readers that have just read the pointer.
    """
    number = live(root)
    if number is not None:
        with contextlib.suppress(OSError):  # a folder of somebody else, or none
            os.utime(root / generation_name(number))


def _read_back(root: Path, staged: Path, manifest: Manifest, segments: Iterable[str]) -> None:
    """Raise StorageError unless every new file reads back as it was written."""
    try:
        for name in segments:
            check_files(root / "segments" / name, manifest.segments[name], digests=True)
        check_files(staged, manifest.files, digests=True)
    except DamagedIndexError as error:
        raise StorageError(
            f"The disk gives back other bytes than were written: {error} "
            "Nothing was published. Check the disk, then run it again."
        ) from error


def _settle(folder: Path, place: Path, files: Files) -> None:
    """Move a segment to its place, unless the same bytes were published there before."""
    if place.exists():
        try:
            check_files(place, files, digests=True)
        except DamagedIndexError:
            # Building again mends a damaged segment; who has it mapped keeps what he has.
            disk().rename(place, folder.with_name("damaged"))
        else:
            disk().remove_tree(folder)
            return
    disk().rename(folder, place)


def segment_name(files: Files) -> str:
    """Return a segment's name, a digest of its files: equal bytes have equal names."""
    return "seg-" + _digest({k: v["sha256"] for k, v in files.items()})[:16]


def folder_record(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the record of every file in ``folder``."""
    return {p.name: file_record(p) for p in sorted(folder.iterdir()) if p.name != "manifest.json"}


def _digest(plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(
        json.dumps(plain, sort_keys=True, ensure_ascii=False).encode("utf-8", "backslashreplace")
    ).hexdigest()
