"""Disks for tests: every operation is a step that can be counted, recorded, refused, or the last.

None of them waits for the real disk: to sync is a step and nothing more.
"""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from recommender._disk import Disk


class Step(NamedTuple):
    """One operation: what is done, to which path, and with what (data, another path)."""

    kind: str
    path: Path
    more: Any = None


class ProcessGone(BaseException):
    """Nobody catches it, and what runs while it passes changes the disk no more."""


class SteppedDisk(Disk):
    """A disk that goes step by step; ``step`` says whether one is done, or raises.

    Kinds are open, write, truncate, sync, sync_folder, mkdir, rename, unlink, rmdir. A tree is
    removed in the order of names.
    """

    def step(self, step: Step) -> bool:
        """Return whether to do it."""
        return True

    def open(self, path: Path, mode: str = "wb", *, buffering: int = -1) -> BinaryIO:
        """Open a file whose every write is a step."""
        done = self.step(Step("open", path, mode))
        raw = _SteppedFile(self, path, mode if done else "wb", real=done)
        return cast(BinaryIO, raw if buffering == 0 else io.BufferedWriter(raw))

    def truncate(self, file: BinaryIO, size: int = 0) -> None:
        """See Disk."""
        if self.step(Step("truncate", Path(file.name), size)):
            super().truncate(file, size)

    def sync(self, file: BinaryIO) -> None:
        """See Disk."""
        file.flush()
        self.step(Step("sync", Path(file.name)))

    def sync_folder(self, folder: Path) -> None:
        """See Disk."""
        self.step(Step("sync_folder", folder))

    def mkdir(self, folder: Path) -> None:
        """See Disk."""
        if self.step(Step("mkdir", folder)):
            super().mkdir(folder)

    def rename(self, old: Path, new: Path) -> None:
        """See Disk."""
        if self.step(Step("rename", old, new)):
            super().rename(old, new)

    def unlink(self, path: Path) -> None:
        """See Disk."""
        if self.step(Step("unlink", path)):
            super().unlink(path)

    def remove_tree(self, folder: Path, *, ignore_errors: bool = False) -> None:
        """Remove it one by one, in the order of names."""
        try:
            inside = sorted(folder.iterdir())
        except FileNotFoundError:
            if ignore_errors:
                return
            raise
        for path in inside:
            if path.is_dir() and not path.is_symlink():
                self.remove_tree(path, ignore_errors=ignore_errors)
            else:
                self._ignoring(ignore_errors, Step("unlink", path))
        self._ignoring(ignore_errors, Step("rmdir", folder))

    def _ignoring(self, ignore_errors: bool, step: Step) -> None:
        try:
            if self.step(step):
                step.path.rmdir() if step.kind == "rmdir" else step.path.unlink()
        except OSError:
            if not ignore_errors:
                raise

    def torn(self, step: Step) -> bytes:
        """Return what of a write that was refused arrives all the same."""
        return b""


class _SteppedFile(io.RawIOBase):
    """A file of a stepped disk; without ``real`` it leads nowhere."""

    def __init__(self, disk: SteppedDisk, path: Path, mode: str, *, real: bool) -> None:
        self._disk = disk
        self.name = str(path)
        self.mode = mode
        self._file = (path if real else Path(os.devnull)).open(mode, buffering=0)

    def write(self, data: Any) -> int:
        step = Step("write", Path(self.name), bytes(data))
        try:
            done = self._disk.step(step)
        except BaseException:
            self._file.write(self._disk.torn(step))
            raise
        if done:
            self._file.write(step.more)
        return len(step.more)

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def fileno(self) -> int:
        if self.mode == "wb":
            raise io.UnsupportedOperation  # else numpy would write past the steps
        return self._file.fileno()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def truncate(self, size: int | None = None) -> int:
        return self._file.truncate(size)

    def readable(self) -> bool:
        return self._file.readable()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


class RecordingDisk(SteppedDisk):
    """A disk that writes down every step."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def step(self, step: Step) -> bool:
        """Write it down."""
        self.steps.append(step)
        return True


class CrashingDisk(SteppedDisk):
    """The process is gone at step ``last`` (from 1): half of a write arrives, and nothing after."""

    def __init__(self, last: int) -> None:
        self.left = last
        self.at: Step | None = None

    def step(self, step: Step) -> bool:
        """Count."""
        self.left -= 1
        if self.left == 0:
            self.at = step
            self.gone()
        return self.left > 0

    def gone(self) -> None:
        """End the process, or what stands for it."""
        raise ProcessGone

    def torn(self, step: Step) -> bytes:
        """Return the first half."""
        data: bytes = step.more
        return data[: len(data) // 2] if step is self.at else b""


class FailingDisk(SteppedDisk):
    """Step ``first`` (from 1) is refused with ``code``; where ``lasting``, files grow no more."""

    def __init__(self, first: int, code: int = errno.EIO, *, lasting: bool = False) -> None:
        self.left, self.code, self.lasting = first, code, lasting
        self.at: Step | None = None

    def step(self, step: Step) -> bool:
        """Count."""
        self.left -= 1
        again = self.left < 0 and self.lasting and step.kind in {"open", "write", "mkdir"}
        if self.left == 0 or again:
            self.at = self.at or step
            raise OSError(self.code, os.strerror(self.code))
        return True

    def torn(self, step: Step) -> bytes:
        """Return the first half."""
        data: bytes = step.more
        return data[: len(data) // 2]
