"""Clocks, memory and the machine: what every row of the engine benchmark is measured with."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpora import ROOT
from recommender._jit import jit

__all__ = ["bandwidth", "machine", "memory", "seconds", "spread", "thread_limits"]

PACKAGES = (
    "numpy",
    "numba",
    "scipy",
    "scikit-learn",
    "sparse-dot-topn",
    "bm25s",
    "gensim",
    "tantivy",
    "pyseismic-lsr",
)
_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "TOKIO_WORKER_THREADS",
)


def seconds(work: Callable[[], Any], repeats: int, *, threads: int = 1) -> tuple[list[float], Any]:
    """Return the seconds of each run, and what the last returned.

    One thread: processor time of the whole process, which other work on the machine disturbs less,
    and which counts every thread that a library starts all the same. More: time by the clock.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    taken, result = [], None
    for _ in range(repeats):
        start = clock()
        result = work()
        taken.append(clock() - start)
    return taken, result


def spread(taken: list[float]) -> dict[str, float]:
    """Return least, median and most."""
    return {"min": min(taken), "median": statistics.median(taken), "max": max(taken)}


def memory() -> dict[str, int]:
    """Return bytes: resident now, its peak, and what is resident and no file's."""
    names = {"VmRSS": "now", "VmHWM": "peak", "RssAnon": "anonymous"}
    lines = Path("/proc/self/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines)
    return {names[key]: int(rest.split()[0]) * 1024 for key, rest in pairs if key in names}


def forget_peak() -> None:
    """Let the peak of resident memory begin anew (Linux; elsewhere it stays what it was)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def thread_limits(threads: int) -> dict[str, str]:
    """Return an environment in which libraries start no more threads than these."""
    return {**os.environ, **dict.fromkeys(_LIMITS, str(threads))}


@jit
def _read(array: Any) -> Any:
    total = np.uint64(0)
    for i in range(array.size):
        total += array[i]
    return total


def bandwidth(megabytes: int = 512) -> float:
    """Return the bytes a second of a plain sequential read, one thread, best of five."""
    array = np.ones(megabytes * 131_072, np.uint64)
    _read(array[:8])
    taken, _ = seconds(lambda: _read(array), 5)
    return array.nbytes / min(taken)


def machine() -> dict[str, Any]:
    """Return commit, processor and versions."""
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return {
        "commit": git.stdout.strip() or "unknown",
        "machine": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "load_before": os.getloadavg()[0],
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
