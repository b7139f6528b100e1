"""What may stand on a disk after the power went: a model of files, folders, and what was synced.

A file's bytes are safe once it was synced, a name once its folder was: a new name, one that is
gone, and one that moved, which is a single change and safe once either of its folders was synced.
Of everything else any part may be there. That is less than the usual file systems promise.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.disks import Step

_BLOCK = 512
NAMES = ("kept", "undone", "first ones kept", "any kept")
BYTES = ("kept", "lost", "cut", "zeroed", "in any order", "any")

Image = dict[str, bytes | None]
"""Path to bytes, None = a folder."""


@dataclass(eq=False)
class File:
    """A file: bytes that are safe, and what was written since, with its place.

    ``emptied`` says whether it was emptied before that.
    """

    safe: bytes = b""
    written: list[tuple[int, bytes]] = field(default_factory=list)
    emptied: bool = False

    def now(self) -> bytes:
        """Return what the running system reads."""
        return _apply(b"" if self.emptied else self.safe, self.written)

    def empty(self) -> None:
        """Forget all that it holds."""
        self.written.clear()
        self.emptied = True

    def sync(self) -> None:
        """Make safe what it holds."""
        self.safe = self.now()
        self.written.clear()
        self.emptied = False

    def after(self, how: str, chance: random.Random) -> bytes:
        """Return what may be read after the power was back."""
        if how == "any":
            how = chance.choice(BYTES[:-1])
        under, whole = b"" if self.emptied else self.safe, self.now()
        if how == "lost":
            return self.safe
        if how == "cut":
            return whole[: chance.randint(len(under), len(whole))]
        if how == "zeroed":
            return _apply(under, [(at, bytes(len(data))) for at, data in self.written])
        if how == "in any order":
            blocks = [
                (at + i, data[i : i + _BLOCK])
                for at, data in self.written
                for i in range(0, len(data), _BLOCK)
            ]
            there = [block for block in blocks if chance.random() < 0.5]
            return _apply(under, there, chance.choice((0, len(whole))))
        return whole


def _apply(under: bytes, written: Iterable[tuple[int, bytes]], size: int = 0) -> bytes:
    out = bytearray(under)
    for at, data in written:
        out.extend(bytes(max(0, at + len(data) - len(out))))
        out[at : at + len(data)] = data
    out.extend(bytes(max(0, size - len(out))))
    return bytes(out)


@dataclass(eq=False)
class Folder:
    """A folder: the names that are safe, and those of now."""

    safe: dict[str, File | Folder] = field(default_factory=dict)
    names: dict[str, File | Folder] = field(default_factory=dict)


@dataclass(eq=False)
class Change:
    """Names that change together: in which folder, which, and what they lead to then."""

    names: tuple[tuple[Folder, str, File | Folder | None], ...]


class Machine:
    """Goes through the steps of a run as a system does, and can lose its power after each.

    Parameters
    ----------
    area : what the paths of the steps are beneath
    start : what stands there safely at first
    """

    def __init__(self, area: Path, start: Path) -> None:
        self._area = area
        self._root = _read(start)
        self._pending: list[Change] = []
        self._files: dict[Path, File] = {}

    def do(self, step: Step) -> None:
        """Take a step."""
        getattr(self, f"_{step.kind}")(step)

    def _place(self, path: Path) -> tuple[Folder, str]:
        folder = self._root
        *above, name = path.relative_to(self._area).parts
        for part in above:
            below = folder.names[part]
            assert isinstance(below, Folder)
            folder = below
        return folder, name

    def _change(self, *names: tuple[Folder, str, File | Folder | None]) -> None:
        self._pending.append(Change(names))
        for folder, name, node in names:
            _set(folder.names, name, node)

    def _open(self, step: Step) -> None:
        folder, name = self._place(step.path)
        node = folder.names.get(name)
        if node is None:
            node = File()
            self._change((folder, name, node))
        assert isinstance(node, File)
        if step.more == "wb":
            node.empty()
        self._files[step.path] = node

    def _write(self, step: Step) -> None:
        node = self._files[step.path]
        node.written.append((len(node.now()), step.more))

    def _truncate(self, step: Step) -> None:
        self._files[step.path].empty()

    def _sync(self, step: Step) -> None:
        self._files[step.path].sync()

    def _sync_folder(self, step: Step) -> None:
        folder: File | Folder | None = self._root
        if step.path != self._area:
            above, name = self._place(step.path)
            folder = above.names[name]
        still = []
        for change in self._pending:
            if any(place is folder for place, _, _ in change.names):
                for place, name, node in change.names:
                    _set(place.safe, name, node)
            else:
                still.append(change)
        self._pending = still

    def _mkdir(self, step: Step) -> None:
        self._change((*self._place(step.path), Folder()))

    def _rename(self, step: Step) -> None:
        old, new = self._place(step.path), self._place(step.more)
        node = old[0].names[old[1]]
        self._change((*old, None), (*new, node))

    def _unlink(self, step: Step) -> None:
        self._change((*self._place(step.path), None))

    _rmdir = _unlink

    def lose_power(self, names: str, data: str, chance: random.Random) -> Image:
        """Return what may stand there afterwards."""
        kept = self._pending
        if names == "undone":
            kept = []
        elif names == "first ones kept":
            kept = kept[: chance.randint(0, len(kept))]
        elif names == "any kept":
            kept = [change for change in kept if chance.random() < 0.5]
        found: dict[int, dict[str, File | Folder]] = {}
        for change in kept:
            for folder, name, node in change.names:
                _set(found.setdefault(id(folder), dict(folder.safe)), name, node)
        image: Image = {}
        self._collect(self._root, "", found, data, chance, image)
        return image

    def _collect(
        self,
        folder: Folder,
        above: str,
        found: Mapping[int, Mapping[str, File | Folder]],
        data: str,
        chance: random.Random,
        image: Image,
    ) -> None:
        for name, node in sorted(found.get(id(folder), folder.safe).items()):
            if isinstance(node, File):
                image[above + name] = node.after(data, chance)
            else:
                image[above + name] = None
                self._collect(node, f"{above}{name}/", found, data, chance, image)


def _set(names: dict[str, File | Folder], name: str, node: File | Folder | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _read(folder: Path) -> Folder:
    """Return what stands in a folder, all of it safe."""
    names: dict[str, File | Folder] = {}
    for path in folder.iterdir():
        if path.is_dir():
            names[path.name] = _read(path)
        else:
            names[path.name] = File(path.read_bytes())
    return Folder(dict(names), names)


def write_image(image: Image, area: Path) -> None:
    """Put an image on the real disk, in a folder that is not there."""
    area.mkdir()
    for name, content in image.items():
        if content is None:
            (area / name).mkdir()
        else:
            (area / name).write_bytes(content)
