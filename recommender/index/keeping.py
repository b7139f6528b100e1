"""Which generations stay: readers hold what they read, clean-up removes what nobody needs.

A reader holds its generation by a shared lock (``flock``) on the manifest, which the system takes
back when the process ends, however it ends. Clean-up asks for the same lock alone, without waiting.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from recommender._disk import disk
from recommender._files import storage_errors
from recommender.errors import IndexFolderError
from recommender.index.manifest import (
    Manifest,
    check_files,
    generation_name,
    generations,
    live,
    read_manifest,
    scratch_folder,
    segments,
)
from recommender.index.settings import GenerationSettings

__all__ = [
    "Collected",
    "Hold",
    "collect",
    "discard",
    "folder_bytes",
    "hold",
    "is_held",
    "problem_of",
]

_TRIES, _PAUSE_SECONDS = 20, 0.005  # a clean-up keeps the lock for the time of removing a folder


class Hold:
    """A reader's claim on a generation: until it is closed, or gone, no clean-up removes that.

    Threads share it. A forked child holds too, until it ends or closes its own.

    Parameters
    ----------
    handle : descriptor that holds the lock
    """

    __slots__ = ("_handle",)

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def close(self) -> None:
        """Let go. The lock of a parent or a child process stays."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    __del__ = close

    def __reduce__(self) -> str:
        raise TypeError("A hold on a generation belongs to its process and cannot be copied.")


def hold(root: Path, generation: int) -> Hold | None:
    """Hold a generation, or return None where that cannot be.

    It cannot where there is no manifest, which reading it will tell, and on file systems without
    ``flock``; there the grace of a clean-up must be longer than any reader needs.
    """
    handle = _opened(root, generation, os.O_RDONLY)
    if handle is None:
        return None
    for _ in range(_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            break
        else:
            return Hold(handle)
    os.close(handle)
    return None


def is_held(root: Path, generation: int) -> bool:
    """Tell whether a reader, in this process or another, holds a generation."""
    with _alone(root, generation) as alone:
        return not alone


@contextlib.contextmanager
def _alone(root: Path, generation: int) -> Iterator[bool]:
    """Yield whether nobody holds a generation; nobody can take hold of it meanwhile."""
    handle = _opened(root, generation, os.O_RDWR)  # some file systems lock only what can be written
    if handle is None:
        handle = _opened(root, generation, os.O_RDONLY)
    if handle is None:
        yield True
        return
    try:
        yield _locks(handle)
    finally:
        os.close(handle)


def _locks(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no flock here: nobody can hold either
        return True
    return True


def _opened(root: Path, generation: int, flags: int) -> int | None:
    try:
        return os.open(root / generation_name(generation) / "manifest.json", flags | os.O_CLOEXEC)
    except OSError:
        return None


# --- clean-up ---


@dataclass(frozen=True, slots=True)
class Collected:
    """What a clean-up removed, or would remove, and why it left what it left.

    Attributes
    ----------
    generations : numbers removed
    segments : names removed
    freed_bytes : int
    kept : numbers that stay
    needed : of these, beyond those to keep, but live, or the one that the live one came from
    held : of these, beyond those to keep, but readers hold them
    recent : of these, beyond those to keep, but live less than the grace ago
    unreadable : of these, damaged or of another version: since nobody knows which segments they
        name, no segment was removed
    """

    generations: tuple[int, ...]
    segments: tuple[str, ...]
    freed_bytes: int
    kept: tuple[int, ...]
    needed: tuple[int, ...]
    held: tuple[int, ...]
    recent: tuple[int, ...]
    unreadable: tuple[int, ...]


def collect(root: Path, settings: GenerationSettings, *, dry_run: bool = False) -> Collected:
    """Remove generations beyond those to keep, and segments that none of the others names.

    The newest ``settings.keep`` stay, not counting damaged ones, which would be no use; so do the
    live one and the one it came from, those that a reader holds, and those that were live less than
    the grace ago. Call with the writer lock held, unless it is a ``dry_run``.

    Raises
    ------
    StorageError : the disk refused; what was removed until then stays removed
    """
    beyond, needed = _beyond(root, settings.keep), _needed(root)
    spare = beyond - needed
    recent = {n for n in spare if _idle_seconds(root, n) < settings.grace_seconds}
    removed, held, freed = set[int](), set[int](), 0
    with storage_errors(root):
        for number in sorted(spare - recent):
            with _alone(root, number) as alone:
                if not alone:
                    held.add(number)
                    continue
                removed.add(number)
                freed += _remove(root, root / generation_name(number), dry_run)
        kept = [n for n in generations(root) if n not in removed]
        named, unreadable = _named(root, kept)
        unused = [] if unreadable or live(root) is None else _unused(root, named)
        freed += sum(_remove(root, root / "segments" / name, dry_run) for name in unused)
    return Collected(
        generations=tuple(sorted(removed)),
        segments=tuple(unused),
        freed_bytes=freed,
        kept=tuple(kept),
        needed=tuple(sorted(beyond & needed)),
        held=tuple(sorted(held)),
        recent=tuple(sorted(recent)),
        unreadable=tuple(unreadable),
    )


def _beyond(root: Path, keep: int) -> set[int]:
    """Return the generations older than the newest ``keep`` sound ones; nothing live, none."""
    every = generations(root)
    sound = (n for n in reversed(every) if not problem_of(root, n))
    newest = list(islice(sound, keep))
    oldest = newest[-1] if len(newest) == keep and live(root) is not None else 0
    return {n for n in every if n < oldest}


def _needed(root: Path) -> set[int]:
    """Return the live generation and the one it came from."""
    newest = live(root)
    parent = None if newest is None else _parent(root, newest)
    return {n for n in (newest, parent) if n is not None}


def problem_of(root: Path, generation: int) -> str:
    """Return why a generation cannot be used, without reading all of it; "" where it can.

    That its manifest is sound, and every file there and of its size, is what is looked at.
    """
    try:
        manifest = read_manifest(root, generation)
        check_files(root / generation_name(generation), manifest.files, digests=False)
        for name, files in manifest.segments.items():
            check_files(root / "segments" / name, files, digests=False)
    except IndexFolderError as error:
        return str(error)
    return ""


def _parent(root: Path, generation: int) -> int | None:
    try:
        return read_manifest(root, generation).parent
    except IndexFolderError:
        return None


def _idle_seconds(root: Path, generation: int) -> float:
    """Return how long ago a generation was live last: publishing notes it as its folder's time."""
    try:
        return time.time() - (root / generation_name(generation)).stat().st_mtime
    except OSError:
        return 0.0


def _named(root: Path, numbers: Collection[int]) -> tuple[set[str], list[int]]:
    """Return the segments that generations name, and the generations that do not tell."""
    named, unreadable = set[str](), []
    for number in numbers:
        try:
            named.update(read_manifest(root, number).segments)
        except IndexFolderError:
            unreadable.append(number)
    return named, unreadable


def _unused(root: Path, named: Collection[str]) -> list[str]:
    return [name for name in segments(root) if name not in named]


def _remove(root: Path, folder: Path, dry_run: bool) -> int:
    """Remove a folder in one step as others see it; return its bytes."""
    n_bytes = folder_bytes(folder)
    if not dry_run:
        aside = scratch_folder(root)
        disk().rename(folder, aside)
        disk().remove_tree(aside, ignore_errors=True)  # what stays is debris, for the next writer
    return n_bytes


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def discard(root: Path, manifest: Manifest, *, older: Collection[str]) -> None:
    """Remove a generation that was written and never went live, and the segments it brought.

    Parameters
    ----------
    older : segments that were there before it was written
    """
    disk().remove_tree(root / generation_name(manifest.generation), ignore_errors=True)
    for name in manifest.segments:
        if name not in older:
            disk().remove_tree(root / "segments" / name, ignore_errors=True)
