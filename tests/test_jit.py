"""Compiled loops: loaded when called, kept on disk, never stale, in places that cannot be written.

Most tests run children that import a small package made of the two modules under test and a few
loops of its own, so that it can be edited, moved and locked.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recommender
from recommender import _jit, _strings
from recommender.index import scan

_HOME = Path(recommender.__file__).parent
_BASE = """
    from recommender._jit import intrinsic, jit

    STEP = 1

    @jit
    def twice(x):
        '''Double.'''
        return 2 * x

    @intrinsic
    def plus_one(context, x):
        from numba import types

        def generate(context, builder, signature, arguments):
            return builder.add(arguments[0], arguments[0].type(1))

        return x(x), generate
"""
_LOOPS = """
    from recommender import base
    from recommender._jit import inlined, jit
    from recommender.base import plus_one, twice

    @inlined
    def more(x):
        return twice(x) + base.STEP

    @jit
    def use(x):
        return plus_one(more(x))
"""
_CHILD = """
    import json, sys
    from recommender.loops import use
    before = "numba" in sys.modules
    result = use(20)
    from recommender._jit_cache import USE
    print(json.dumps([before, result, USE.compiled, USE.loaded, str(USE.folder)]))
"""


class Package:
    """A package of loops in a folder of its own, and children that call one."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "recommender"
        self.folder.mkdir()
        for name in ("_jit.py", "_jit_cache.py"):
            shutil.copy(_HOME / name, self.folder)
        self.write("__init__.py", "")
        self.write("base.py", _BASE)
        self.write("loops.py", _LOOPS)

    def write(self, name: str, text: str) -> None:
        """Put a module in its place."""
        (self.folder / name).write_text(textwrap.dedent(text), encoding="utf-8")

    def run(self, code: str = _CHILD, *, locked: bool = False, **env: str) -> tuple[Any, str]:
        """Return what a child printed as JSON, and its standard error."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "COV_"))}
        home = {"HOME": str(self.root / "home"), "XDG_CACHE_HOME": str(self.root / "home")}
        # Python's own byte code would be stale where a source changes twice in a second.
        home["PYTHONDONTWRITEBYTECODE"] = "1"
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            cwd=self.root,
            env={**clean, **home, **env},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            preexec_fn=_obey_permissions if locked else None,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), done.stderr


def _obey_permissions() -> None:
    """Make root obey permission bits as everybody does: without CAP_DAC_OVERRIDE after exec."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Package]:
    """A package that nothing has been compiled for."""
    yield Package(tmp_path)
    for folder in (tmp_path, *tmp_path.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)


@pytest.fixture
def lock(tmp_path: Path) -> Callable[[], None]:
    """A call that takes the right to write from every folder of the test."""
    if not sys.platform.startswith("linux"):
        pytest.skip("locks folders as Linux does")

    def take() -> None:
        for folder in (*tmp_path.rglob("*"), tmp_path):
            if folder.is_dir():
                folder.chmod(0o555)
        probe = [sys.executable, "-c", f"open({str(tmp_path / 'probe')!r}, 'w')"]
        if not subprocess.run(
            probe,
            check=False,
            capture_output=True,
            preexec_fn=_obey_permissions,
        ).returncode:
            pytest.skip("this user writes to locked folders, and cannot give that up")

    return take


NAMES = ["recommender.base.twice", "recommender.loops.more", "recommender.loops.use"]


def test_second_process_compiles_nothing(package: Package) -> None:
    """A loop with loops and an intrinsic of another module is compiled once, then loaded."""
    (before, result, compiled, loaded, folder), _ = package.run()
    assert (False, 42, NAMES, []) == (before, result, sorted(compiled), loaded)
    assert package.folder / "__pycache__" == Path(folder).parent

    (_, result, compiled, loaded, again), talk = package.run()
    assert (42, [], ["recommender.loops.use"], folder) == (result, compiled, loaded, again)
    assert talk == ""


@pytest.mark.parametrize(
    ("old", "new"), [("return 2 * x", "return 3 * x"), ("STEP = 1", "STEP = 21")]
)
def test_loop_is_compiled_again_when_another_module_changes(
    package: Package, old: str, new: str
) -> None:
    """A loop or a constant of another module is part of the loop that uses it."""
    (_, first, *_), _ = package.run()
    package.write("base.py", _BASE.replace(old, new))

    (_, second, compiled, loaded, _), _ = package.run()

    assert (42, 62) == (first, second)
    assert (NAMES, []) == (sorted(compiled), loaded)


def test_loop_stays_compiled_when_a_module_that_it_does_not_import_changes(
    package: Package,
) -> None:
    """Nothing in such a module can change a loop, and compiling takes a minute."""
    package.write("pages.py", "TITLE = 1")
    package.run()
    package.write("pages.py", "TITLE = 2")

    (_, _, compiled, *_), _ = package.run()

    assert compiled == []


@pytest.mark.parametrize(
    "way",
    [
        "from recommender.constants import STEP",
        "from recommender import constants\nSTEP = constants.STEP",
        "from recommender.constants import (\n    OTHER,\n    STEP,\n)",
        "import recommender.constants as c\nSTEP = c.STEP",
        "from .constants import STEP",
    ],
)
def test_loop_is_compiled_again_when_a_module_behind_the_next_changes(
    package: Package, way: str
) -> None:
    """However a module without loops of its own is imported, what stands in it counts."""
    package.write("constants.py", "STEP, OTHER = 1, 0")
    package.write("base.py", textwrap.dedent(_BASE).replace("STEP = 1", way))
    (_, first, *_), _ = package.run()
    package.write("constants.py", "STEP, OTHER = 21, 0")

    (_, second, compiled, *_), _ = package.run()

    assert (42, 62) == (first, second)
    assert NAMES == sorted(compiled)


def test_upgrade_under_a_running_process_leaves_nothing_stale(package: Package) -> None:
    """Who loaded the old sources neither writes old loops for the new ones nor loads new loops."""
    upgrade = _BASE.replace("return 2 * x", "return 3 * x")
    running = f"""
        import pathlib, time
        import recommender.loops
        time.sleep(0.05)
        pathlib.Path({str(package.folder / "base.py")!r}).write_text({textwrap.dedent(upgrade)!r})
    """
    (_, old, compiled, _, folder), talk = package.run(
        textwrap.dedent(running) + textwrap.dedent(_CHILD)
    )
    assert (42, NAMES, "None") == (old, sorted(compiled), folder)
    assert "kernels.changed" in talk

    (_, new, compiled, _, _), _ = package.run()
    assert (62, NAMES) == (new, sorted(compiled))


def test_damaged_file_is_compiled_again(package: Package) -> None:
    """A file that was cut or changed is never executed."""
    (*_, folder), _ = package.run()
    kept = next(Path(folder).glob("recommender.loops.use-*"))
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])

    (_, result, compiled, _, _), talk = package.run()

    assert (42, ["recommender.loops.use"]) == (result, compiled)
    assert "kernels.damaged" in talk
    assert package.run()[0][2] == []


@pytest.mark.full
def test_old_sources_lose_their_folders(package: Package) -> None:
    """Editing again and again does not fill the disk: the latest few are kept."""
    for step in range(1, 8):
        package.write("base.py", _BASE.replace("STEP = 1", f"STEP = {step}"))
        package.run()

    assert len(list((package.folder / "__pycache__").glob("kernels-*"))) == 5


# --- folders that cannot be written ---


def test_locked_package_that_is_warm_loads(package: Package, lock: Callable[[], None]) -> None:
    """(a) What was compiled at installation is read from a folder nobody can write."""
    package.run()
    lock()

    (_, result, compiled, loaded, _), talk = package.run(locked=True)

    assert (42, [], ["recommender.loops.use"], "") == (result, compiled, loaded, talk)


def test_locked_package_that_is_cold_says_so_once(
    package: Package, lock: Callable[[], None]
) -> None:
    """(b) With no place at all loops are compiled in memory; one line says what to do."""
    lock()

    (_, result, compiled, _, folder), talk = package.run(locked=True)

    assert (42, NAMES, "None") == (result, sorted(compiled), folder)
    assert len(talk.splitlines()) == 1
    assert "recommender warm" in talk
    assert "NUMBA_CACHE_DIR" in talk


@pytest.mark.full
def test_locked_package_uses_the_home_of_its_user(
    package: Package, lock: Callable[[], None]
) -> None:
    """A user with a home keeps compiled loops there."""
    home = package.root / "home"
    home.mkdir()
    lock()
    home.chmod(0o755)

    (_, _, compiled, _, folder), talk = package.run(locked=True)
    assert (NAMES, home / "numba", "") == (sorted(compiled), Path(folder).parent, talk)

    assert package.run(locked=True)[0][2] == []


def test_cache_dir_that_does_not_exist_is_made(package: Package) -> None:
    """(c) NUMBA_CACHE_DIR is made, filled, and read by the next process."""
    named = package.root / "a" / "b"
    (_, _, compiled, _, folder), _ = package.run(NUMBA_CACHE_DIR=str(named))
    assert (NAMES, named) == (sorted(compiled), Path(folder).parent)
    assert not list(package.folder.rglob("*.kernel"))

    assert package.run(NUMBA_CACHE_DIR=str(named))[0][2] == []


@pytest.mark.full
def test_cache_dir_gets_what_the_package_has(package: Package) -> None:
    """A folder that is named after warming holds all that was used, so that it can be copied."""
    package.run()
    named = package.root / "named"

    (_, _, compiled, _, folder), _ = package.run(NUMBA_CACHE_DIR=str(named))

    assert ([], named) == (compiled, Path(folder).parent)
    assert list(named.rglob("recommender.loops.use-*.kernel"))


def test_cache_dir_that_is_a_file_is_named_and_passed_over(package: Package) -> None:
    """(c) A NUMBA_CACHE_DIR that cannot be a folder is told in a line; the next place serves."""
    named = package.root / "file"
    named.write_text("")

    (_, result, compiled, _, folder), talk = package.run(NUMBA_CACHE_DIR=str(named))

    assert (42, NAMES) == (result, sorted(compiled))
    assert package.folder / "__pycache__" == Path(folder).parent
    assert len(talk.splitlines()) == 1
    assert f"NUMBA_CACHE_DIR={named}" in talk


# --- the objects ---


def test_kernel_called_from_many_threads_at_once_is_made_once(package: Package) -> None:
    """The first calls may come together."""
    many = """
        import json, threading
        from concurrent.futures import ThreadPoolExecutor
        from recommender.loops import use
        barrier = threading.Barrier(8)
        def call(i):
            barrier.wait()
            return use(i)
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(call, range(8)))
        from recommender._jit_cache import USE
        print(json.dumps([results, sorted(USE.compiled)]))
    """
    (results, compiled), _ = package.run(many)

    assert ([2 * i + 2 for i in range(8)], NAMES) == (results, compiled)


@pytest.mark.full
def test_kernel_without_compilation_is_the_function(package: Package) -> None:
    """NUMBA_DISABLE_JIT=1 runs loops as Python, for debuggers and coverage."""
    child = """
        import json
        from recommender.base import twice
        print(json.dumps(twice(4)))
    """
    assert package.run(child, NUMBA_DISABLE_JIT="1")[0] == 8


def test_kernel_is_the_function_to_whoever_looks() -> None:
    """Name, docstring and the Python function are those of the source; pickles keep identity."""
    kernel: Any = scan.search

    assert kernel.__doc__.startswith("Find the k nearest")
    assert "search" == kernel.__name__ == kernel.__wrapped__.__name__
    assert kernel.py_func is kernel.__wrapped__
    assert pickle.loads(pickle.dumps(kernel)) is kernel
    assert "recommender.index.scan.search" in repr(kernel)


def test_kernel_is_callable_from_threads_in_this_process() -> None:
    """Threads that share a kernel get the answers of one."""
    column = _strings.StringColumn.from_strings(["a", "bc", ""])
    taken: list[list[str]] = []

    def take() -> None:
        taken.append(list(column.take(np.array([1, 0]))))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [["bc", "a"]] * 4 == taken


def test_intrinsic_is_only_for_loops() -> None:
    """Called from Python it says what it is."""

    @_jit.intrinsic(prefer_literal=True)
    def nothing(context: Any, x: Any) -> Any:
        """Do nothing."""

    with pytest.raises(NotImplementedError, match="only from a compiled loop"):
        nothing(1)
