"""A warm process that runs operations in children of its own, and kills them when told to.

    python -m tests.faults.driver

It reads one order a line from standard input and answers each with a line, both JSON:

    {"name": "build", "root": "/tmp/x/news", "step": 17}       os._exit(137) at the 17th step
    {"name": "build", "root": "/tmp/x/news", "delay": 0.031}   kill -9 after so many seconds
    {"name": "build", "root": "/tmp/x/news", "limit": 1000}    no file may have more bytes
    {"name": "build", "root": "/tmp/x/news"}                   until it ends
    -> {"status": -9, "seconds": 0.0312, "said": ""}

An error of the package's own ends a child with its exit code; what it said is in the answer.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from recommender._disk import Disk, using
from recommender.errors import RecommenderError
from tests.disks import CrashingDisk
from tests.faults.operations import OPERATIONS, Stages

_KILLED = 137


class EndingDisk(CrashingDisk):
    """The process really is gone."""

    def gone(self) -> None:
        """End it as kill -9 would: nothing is flushed, nothing cleaned up."""
        os._exit(_KILLED)


def _child(order: dict[str, Any], said: int) -> NoReturn:
    status = 1
    try:
        if "limit" in order:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["limit"], order["limit"]))
        with using(EndingDisk(order["step"]) if "step" in order else Disk()):
            OPERATIONS[order["name"]].run(Path(order["root"]))
        status = 0
    except RecommenderError as error:
        os.write(said, str(error).encode())
        status = error.exit_code
    finally:
        sys.stderr.flush()
        os._exit(status)


def _obey(order: dict[str, Any]) -> dict[str, Any]:
    """Run an operation in a child and return how it ended, a signal as a negative number."""
    reading, writing = os.pipe()
    started = time.perf_counter()
    child = os.fork()
    if not child:
        _child(order, writing)
    os.close(writing)
    if "delay" in order:
        time.sleep(order["delay"])
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    seconds = time.perf_counter() - started
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    return {"status": os.waitstatus_to_exitcode(status), "seconds": seconds, "said": said}


def main() -> None:
    """Obey until there are no more orders."""
    with tempfile.TemporaryDirectory() as folder:
        stages = Stages(Path(folder))
        for line in sys.stdin:
            order = json.loads(line)
            stages(order["name"])  # whatever is loaded and compiled for it, is before the fork
            sys.stdout.write(json.dumps(_obey(order)) + "\n")
            sys.stdout.flush()


HOME = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    """Return that of a child: it finds the package and the tests, and starts no threads."""
    return {**os.environ, "PYTHONPATH": str(HOME), "OPENBLAS_NUM_THREADS": "1"}


def run_module(name: str, *arguments: object) -> str:
    """Run a module in a process of its own and return what it printed; it must end well."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=HOME,
        env=environment(),
    )
    said = f"{ended.stdout}\n{ended.stderr}"
    assert ended.returncode == 0, f"{name} {arguments} ended with {ended.returncode}:\n{said}"
    return ended.stdout


class Ended(NamedTuple):
    """How a child ended."""

    status: int
    seconds: float
    said: str


class Driver:
    """The driver as those see it who give the orders; a context manager."""

    def __enter__(self) -> Driver:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.faults.driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HOME,
            env=environment(),
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, name: str, root: Path, **how: float) -> Ended:
        """Run an operation in a child that is disturbed as ``how`` says."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"name": name, "root": str(root), **how}) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


if __name__ == "__main__":
    main()
