"""The command line in processes of its own, which a warm one forks: none has to load the package.

    python -m tests.cli.running

It reads one order a line from standard input, JSON: arguments, environment, folder, and the files
that are standard input, output and error. It answers each with a line: the exit code. A child runs
``recommender.cli.main`` as ``python -m recommender`` does.
"""

from __future__ import annotations

import atexit
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

HOME = Path(__file__).parents[2]
_SAMPLE = HOME / "data" / "sample" / "articles.jsonl"
_STREAMS = (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY))


@dataclass(frozen=True)
class Run:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.out)


def run(
    *args: object, stdin: str | None = None, cwd: Path | None = None, cold: bool = False, **env: str
) -> Run:
    """Run the real program in a process of its own.

    Parameters
    ----------
    cold : start an interpreter for it, as a shell would
    """
    environment = {**os.environ, "PYTHONPATH": str(HOME), **env}
    words, place = [str(arg) for arg in args], str(cwd or Path.cwd())
    ended = (_cold if cold else _warm)(words, stdin or "", place, environment)
    assert "Traceback" not in ended.err, ended.err
    return ended


def _cold(args: list[str], stdin: str, cwd: str, env: dict[str, str]) -> Run:
    done = subprocess.run(
        [sys.executable, "-m", "recommender", *args],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        timeout=300,
        env=env,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def _warm(args: list[str], stdin: str, cwd: str, env: dict[str, str]) -> Run:
    server = _server()
    assert server.stdin
    assert server.stdout
    with tempfile.TemporaryDirectory() as folder:
        files = {name: f"{folder}/{name}" for name, _ in _STREAMS}
        for path in files.values():
            Path(path).write_text(stdin if path.endswith("stdin") else "", encoding="utf-8")
        order = {"args": args, "cwd": cwd, "env": env, "files": files}
        server.stdin.write(json.dumps(order) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        out, err = (Path(files[n]).read_text(encoding="utf-8") for n in ("stdout", "stderr"))
    return Run(code, out, err)


@cache
def _server() -> subprocess.Popen[str]:
    """Start the warm process; it ends when its standard input is closed."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.running"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=HOME,
        env={**os.environ, "PYTHONPATH": str(HOME), "OPENBLAS_NUM_THREADS": "1"},
    )
    atexit.register(server.communicate)
    return server


# --- the warm process ---


def _load() -> None:
    """Load and compile what commands need, by doing what they do."""
    from recommender import Recommender, add_articles, build_index
    from recommender import cli as program
    from recommender.export import related_rows
    from recommender.index.check import verify_index

    for name in program._COMMANDS:
        importlib.import_module(f"recommender.cli.{name.replace('-', '_')}")
    rows = [json.loads(line) for line in _SAMPLE.read_text(encoding="utf-8").splitlines()[:20]]
    with tempfile.TemporaryDirectory() as folder:
        build_index(rows[1:], folder)
        add_articles(rows[:1], folder)
        list(related_rows(Recommender.open(folder)))
        verify_index(folder)


def _stream(number: int) -> io.TextIOWrapper:
    """Return a standard stream, made anew upon its number."""
    if number == 0:
        return io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), "utf-8")
    raw = io.FileIO(number, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8")


def _child(order: dict[str, Any]) -> NoReturn:
    """Become a process that was started with these arguments, and run the program."""
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    for number, (name, flags) in enumerate(_STREAMS):
        os.dup2(os.open(order["files"][name], flags), number)
    sys.stdin, sys.stdout, sys.stderr = (_stream(i) for i in range(3))
    sys.argv = [str(HOME / "recommender" / "__main__.py"), *order["args"]]
    code: Any = 1
    try:
        from recommender.cli import main

        main()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Obey until there are no more orders."""
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    _load()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _child(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
