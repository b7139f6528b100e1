"""The operations that change a disk, in one place: every writer of an index goes through here.

Another disk can be put in the place of the system's (``using``), which is how tests let any one
operation fail, lose what it wrote, or be the last before the power goes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

__all__ = ["Disk", "disk", "using"]


class Disk:
    """The system's own: every method is what it is called, and raises OSError."""

    def open(self, path: Path, mode: str = "wb", *, buffering: int = -1) -> BinaryIO:
        """Open a file to write bytes to."""
        return cast(BinaryIO, path.open(mode, buffering=buffering))

    def truncate(self, file: BinaryIO, size: int = 0) -> None:
        """Cut a file that is open back to its first bytes."""
        file.truncate(size)

    def sync(self, file: BinaryIO) -> None:
        """Make what was written to a file durable."""
        file.flush()
        os.fsync(file.fileno())

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def mkdir(self, folder: Path) -> None:
        """Make a folder in one that is there."""
        folder.mkdir()

    def rename(self, old: Path, new: Path) -> None:
        """Give a file or folder another name in one step; a file of that name is replaced."""
        old.replace(new)

    def unlink(self, path: Path) -> None:
        """Remove a file or a link."""
        path.unlink()

    def remove_tree(self, folder: Path, *, ignore_errors: bool = False) -> None:
        """Remove a folder and all in it; where errors are ignored, what can be removed."""
        shutil.rmtree(folder, ignore_errors=ignore_errors)


_used = Disk()


def disk() -> Disk:
    """Return the disk to write to."""
    return _used


@contextlib.contextmanager
def using(other: Disk) -> Iterator[None]:
    """Put another disk in the place of the one in use; for one thread, and for tests."""
    global _used
    before, _used = _used, other
    try:
        yield
    finally:
        _used = before
