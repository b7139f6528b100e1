"""Where compiled loops are kept, and when they are stale. Imports numba: load it only to compile.

numba's own cache looks at the file of one function only: it serves a stale loop when a loop or a
constant of another module has changed, it does not read from a folder it cannot write, it fails
where it finds no place at all, and two processes that fill it at once can mix up its entries. So
compiled code is kept here by these rules:

- A folder ``kernels-STAMP`` holds it; the stamp covers every source file of the package that holds
  loops, and all that these import, and the versions of numba, llvmlite, numpy and Python. Another
  source or version is another folder.
- A file holds one version of one loop: for its types, the processor and its instructions. It is
  written whole or not at all, and read only if its digest fits.
- A process whose package has changed on disk since it started neither reads nor writes.
- Read is whatever is there, writable or not; written is the first folder that can be. Where none
  can be, loops are compiled in memory, and the log says so once.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import os
import pickle
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import llvmlite
import numba
import numpy as np
from numba.core import caching, config
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.serialize import dumps
from numba.extending import intrinsic
from numba.misc.appdirs import AppDirs

__all__ = ["LOCK", "USE", "Use", "make_dispatcher", "make_intrinsic", "places"]

LOCK: Final = global_compiler_lock
"""numba's own, so that no thread holds one lock and waits for the other."""

_log = logging.getLogger(__name__)
_DIGEST_BYTES: Final = 32
_INIT: Final = "__init__.py"
_LOOPS: Final = re.compile(rb"^@(?:jit|compiled|inlined|intrinsic)\b|_jit import", re.MULTILINE)
_IMPORTS: Final = re.compile(
    rb"^\s*(?:from|import)\s+([\w.]+)(?:\s+import\s+(\([^)]*\)|[^\n]*))?", re.MULTILINE
)
_NAME: Final = re.compile(rb"\w+")
_FOLDERS_KEPT: Final = 4  # of earlier sources: an upgrade taken back need not compile again


@dataclass
class Use:
    """What this process loaded and compiled.

    Attributes
    ----------
    loaded, compiled : names of loops, one for each version of their types
    folder : where compiled code was last read or written; None = nowhere
    """

    loaded: list[str] = field(default_factory=list)
    compiled: list[str] = field(default_factory=list)
    folder: Path | None = None


USE: Final = Use()


def make_dispatcher(
    function: Callable[..., Any], options: dict[str, Any], *, started: float
) -> Any:
    """Return numba's dispatcher of ``function``, with this module's cache.

    ``started`` is when this process began to load its sources, in seconds of ``time.time``.
    """
    _skip_blas()
    made = numba.njit(nogil=True, **options)(function)
    if hasattr(made, "_cache"):  # not so with NUMBA_DISABLE_JIT=1
        made._cache = KernelCache(function, started)
    return made


def make_intrinsic(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Return the type of an intrinsic."""
    made = intrinsic(**options)(function) if options else intrinsic(function)
    context = cpu_target.typing_context
    context.refresh()
    return context.resolve_value_type(made)


@cache
def _skip_blas() -> None:
    """Spare the first loop the import of scipy.linalg, a quarter of a second.

    numba imports it only to see whether it is there, which it is, and again before any use of it.
    """
    with suppress(ImportError, AttributeError):  # in another version of numba
        from numba.np import linalg

        ensure_blas = linalg.ensure_blas
        linalg.ensure_blas = lambda: None
        try:
            import numba.np.arraymath  # noqa: F401
        finally:
            linalg.ensure_blas = ensure_blas


class KernelCache(caching._Cache):  # type: ignore[misc]
    """The versions of one loop on disk, as a dispatcher of numba asks for them."""

    def __init__(self, function: Callable[..., Any], started: float) -> None:
        self._function = function
        self._started = started
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """Return the folder looked at first."""
        return next((str(folder) for folder in self._folders()), None)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled version for these types, None where there is none."""
        target_context.refresh()
        key = self._key(sig, target_context.codegen())
        for folder in self._folders():
            payload = _read(folder / self._file(key), key)
            if payload is not None:
                USE.loaded.append(self._name)
                USE.folder = _copied(folder, self._file(key))
                return CompileResult._rebuild(target_context, *payload)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled version where there is a place for it."""
        USE.compiled.append(self._name)
        if data.lifted or data.library.has_dynamic_globals:
            return
        key = self._key(sig, data.codegen)
        content = dumps((key, data._reduce()))
        refusals = []
        for folder in self._folders():
            try:
                _write(folder / self._file(key), content)
            except OSError as error:
                refusals.append(f"{folder.parent} ({error.strerror or error})")
                _tell_of_cache_dir(folder, error)
            else:
                USE.folder = folder
                return
        if refusals:
            _tell_of_no_place("; ".join(refusals))

    def enable(self) -> None:
        """Look at the disk."""
        self._enabled = True

    def disable(self) -> None:
        """Leave the disk alone."""
        self._enabled = False

    def flush(self) -> None:
        """Forget nothing: what is kept is never stale."""

    def _folders(self) -> tuple[Path, ...]:
        return _folders(inspect.getfile(self._function), self._started) if self._enabled else ()

    def _key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        code = self._function.__code__.co_code
        cells = [cell.cell_contents for cell in self._function.__closure__ or ()]
        held = dumps(cells) if cells else b""
        return self._name, sig, codegen.magic_tuple(), code, held

    def _file(self, key: tuple[Any, ...]) -> str:
        told = "\0".join(map(repr, key))
        return f"{self._name}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.kernel"


# --- files ---


def _read(path: Path, key: tuple[Any, ...]) -> Any:
    """Return what is kept for ``key``; None if nothing is, or it is damaged."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    digest, content = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        _log.warning("kernels.damaged path=%s: compiled again", path)
        return None
    found, payload = pickle.loads(content)
    if found != key:
        return None
    caching._cache_log("[cache] data loaded from %r", str(path))
    return payload


def _write(path: Path, content: bytes) -> None:
    """Put a file in its place whole."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_old(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    caching._cache_log("[cache] data saved to %r", str(path))


def _drop_old(kept: Path) -> None:
    """Remove what was compiled from earlier sources, the latest few apart."""
    with suppress(OSError):
        folders = [path for path in kept.parent.glob("kernels-*") if path != kept]
        folders.sort(key=lambda path: path.stat().st_mtime)
        for folder in folders[: -_FOLDERS_KEPT or None]:
            shutil.rmtree(folder, ignore_errors=True)


def _copied(folder: Path, name: str) -> Path:
    """Copy a file to ``NUMBA_CACHE_DIR``, which is to hold all there is; return where it is now."""
    if not config.CACHE_DIR or folder.parent == Path(config.CACHE_DIR):
        return folder
    named = Path(config.CACHE_DIR) / folder.name
    try:
        _write(named / name, (folder / name).read_bytes()[_DIGEST_BYTES:])
    except OSError as error:
        _tell_of_cache_dir(named, error)
        return folder
    return named


# --- places ---


def places() -> tuple[Path, ...]:
    """Return where the loops of this package are kept or may be, the first choice first."""
    return _folders(__file__, time.time())


@cache
def _folders(file: str, started: float) -> tuple[Path, ...]:
    """Return where the loops of a source file may be kept, the first choice first."""
    stamp = _stamp(Path(file), started)
    if stamp is None:
        return ()
    home = _package_of(Path(file)) or Path(file).parent
    own = AppDirs(appname="numba", appauthor=False).user_cache_dir
    roots = [config.CACHE_DIR, home / "__pycache__", own]
    return tuple(Path(root) / f"kernels-{stamp}" for root in roots if root)


@cache
def _stamp(file: Path, started: float) -> str | None:
    """Return what changes with every source that could change a loop; None = it cannot be told."""
    versions = (numba.__version__, llvmlite.__version__, np.__version__, sys.implementation)
    own, ours = _package_of(file), _package_of(Path(__file__))
    try:
        parts = [_digest(ours, started)] if ours else []
        if own != ours:
            parts.append(_digest(own or file, started))
    except OSError:
        return None  # a prompt, an archive: no source to look at
    if None in parts:
        return None
    return hashlib.sha256(repr((versions, parts)).encode()).hexdigest()[:16]


@cache
def _digest(place: Path, started: float) -> str | None:
    """Return the digest of a package's sources, or of a file; None if it changed under us."""
    digest = hashlib.sha256()
    for path in _sources(place) if place.is_dir() else [place]:
        if path.stat().st_ctime > started:
            _log.warning(
                "kernels.changed path=%s: it changed while this process ran, whose loops are "
                "therefore compiled in memory only. Start the process again.",
                path,
            )
            return None
        digest.update(f"\0{path.relative_to(place.parent).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(package: Path) -> list[Path]:
    """Return the files of a package that can change a loop: those with loops, and what they import.

    The ``__init__`` of a package counts where it is imported by name. That it runs before a module
    of its package is imported changes no loop.
    """
    texts = {path: path.read_bytes() for path in sorted(package.rglob("*.py"))}
    found: set[Path] = set()
    left = [path for path, text in texts.items() if _LOOPS.search(text)]
    while left:
        path = left.pop()
        if path in found:
            continue
        found.add(path)
        for module, names in _IMPORTS.findall(texts[path]):
            if module.startswith(b"."):
                return list(texts)  # not how this package imports; what is meant is not worked out
            place = package.parent.joinpath(*module.decode().split("."))
            inside = [place / name.decode() for name in _NAME.findall(names)]
            several = [p for one in (place, *inside) for p in (one.with_suffix(".py"), one / _INIT)]
            left += [one for one in several if one in texts]
    return sorted(found)


@cache
def _package_of(file: Path) -> Path | None:
    """Return the folder of the outermost package that holds a file."""
    inside = list(takewhile(lambda folder: (folder / _INIT).is_file(), file.parents))
    return inside[-1] if inside else None


# --- telling ---


@cache
def _tell_of_no_place(refusals: str) -> None:
    _log.warning(
        "kernels.not_kept tried=%s: compiled loops cannot be kept, and every process compiles them "
        "again, which takes up to a minute. Run `recommender warm` where the package is installed, "
        "or set NUMBA_CACHE_DIR to a folder that this user can write.",
        refusals,
    )


def _tell_of_cache_dir(folder: Path, error: OSError) -> None:
    if config.CACHE_DIR and folder.parent == Path(config.CACHE_DIR):
        _tell_once_of_cache_dir(str(folder.parent), error.strerror or str(error))


@cache
def _tell_once_of_cache_dir(folder: str, reason: str) -> None:
    _log.warning(
        "kernels.cache_dir NUMBA_CACHE_DIR=%s: cannot be written (%s); the next place is tried. "
        "Expected a folder that this user can write or create.",
        folder,
        reason,
    )
