"""What a build will take, told before it begins: guessed from the sizes of the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Estimate", "estimate", "text_bytes"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a build of this much text is likely to take."""

    text_bytes: int
    seconds: float
    memory_bytes: int
    disk_bytes: int


# Measured by benchmarks/build.py on one core; only ever shown as an estimate.
_BYTES_PER_SECOND = 8e6
_MEMORY_PER_BYTE = 4.5
_MEMORY_AT_LEAST = 250e6
_DISK_PER_BYTE = 1.5
_PACKED = {".gz": 3.2, ".parquet": 3.6}
_WORTH_TELLING = 30e6


def estimate(source: Any) -> Estimate | None:
    """Return what a build of these files will take; None where it is little or unknown."""
    text = text_bytes(source)
    if text < _WORTH_TELLING:
        return None
    return Estimate(
        text_bytes=int(text),
        seconds=text / _BYTES_PER_SECOND,
        memory_bytes=int(_MEMORY_AT_LEAST + text * _MEMORY_PER_BYTE),
        disk_bytes=int(text * _DISK_PER_BYTE),
    )


def text_bytes(source: Any) -> float:
    """Return about how much text a path, or several, hold; 0 for what is no file."""
    sources = [source] if isinstance(source, str | Path) else source
    if not isinstance(sources, list | tuple):
        return 0.0
    paths = [Path(s) for s in sources if isinstance(s, str | Path) and str(s) != "-"]
    files = [file for path in paths for file in _files_of(path)]
    return sum(file.stat().st_size * _PACKED.get(file.suffix, 1.0) for file in files)


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        return [p for p in path.rglob("*") if p.is_file()]
    return [path] if path.is_file() else []
