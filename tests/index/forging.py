"""Indexes that lie consistently: changed by hand, with every size, digest and name made right."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.index.manifest import (
    _digest,
    current,
    folder_record,
    generation_name,
    segment_name,
)

Change = Callable[[dict[str, Any]], object]


def segment_folder(root: Path) -> Path:
    """Return the folder of the index's one segment."""
    (folder,) = (root / "segments").iterdir()
    return folder


def generation_folder(root: Path) -> Path:
    """Return the folder of the live generation."""
    return root / generation_name(current(root))


def read_array(root: Path, name: str) -> NDArray[Any]:
    """Return a copy of an array of the segment."""
    array: NDArray[Any] = np.load(segment_folder(root) / f"{name}.npy")
    return array


def own_array(root: Path, name: str) -> NDArray[Any]:
    """Return a copy of an array of the live generation."""
    array: NDArray[Any] = np.load(generation_folder(root) / f"{name}.npy")
    return array


def change_manifest(root: Path, change: Change) -> None:
    """Let ``change`` edit the manifest in place; its own digest and the pointer follow."""
    path = generation_folder(root) / "manifest.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain.pop("digest")
    change(plain)
    digest = _digest(plain)
    _write(path, json.dumps({**plain, "digest": digest}))
    _write(root / "CURRENT", f"{path.parent.name} {digest[:16]}\n")


def _write(path: Path, text: str) -> None:
    """Write a file anew: it may be a link to that of another index."""
    path.unlink()
    path.write_text(text, encoding="utf-8")


def forge(
    root: Path,
    *,
    segment: Mapping[str, NDArray[Any]] | None = None,
    own: Mapping[str, NDArray[Any]] | None = None,
    change: Change | None = None,
) -> None:
    """Replace arrays of the segment and of the generation; records, names and digests follow."""
    folder = segment_folder(root)
    for place, arrays in ((folder, segment), (generation_folder(root), own)):
        for name, array in (arrays or {}).items():
            np.save(place / f"{name}.npy", array, allow_pickle=False)
    resign(root, change)


def resign(root: Path, change: Change | None = None) -> None:
    """Make names and digests right, whatever stands in the folders of the live generation.

    ``change`` may edit the manifest after that.
    """

    def follow(plain: dict[str, Any]) -> None:
        named = [_renamed(root / "segments" / name) for name in plain["order"]]
        plain["segments"] = {folder.name: folder_record(folder) for folder in named}
        plain["order"] = [folder.name for folder in named]
        plain["files"] = folder_record(generation_folder(root))
        if change is not None:
            change(plain)

    change_manifest(root, follow)


def _renamed(folder: Path) -> Path:
    """Give a segment the name that its files have; return where it is now."""
    place = folder.with_name(segment_name(folder_record(folder)))
    return folder.rename(place) if place != folder else folder
