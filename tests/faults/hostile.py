"""A process that rewrites an index as somebody hostile would, and opens it each time in a child.

    python -m tests.faults.hostile ROOT BEGIN END

Whoever can write to a folder can compute digests: after each mutation all sizes, digests and names
are made right where they can be. A child with an audit hook opens the index, asks for every card
and every block, lists it and verifies it. Where arrays were exchanged or cut, which opening need
not see, it is verified first. Printed is, as JSON, how many mutations there were, how they ended,
and what went wrong: another error than the package's own for folders, another answer, anything
executed, loaded, started or written, a file opened outside of the folder, or a child that a signal
ended.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from recommender.config import Config
from recommender.errors import IndexFolderError
from recommender.index.check import verify_index
from recommender.index.manifest import current, generation_name
from recommender.index.reader import DegradedIndexWarning
from recommender.overview import index_overview
from recommender.recommend import Recommender
from recommender.versions import list_versions
from tests.faults.operations import state_of
from tests.index.forging import Change, change_manifest, resign

SECONDS = 30
CODE = "__import__('os').system('touch executed')"
PICKLE = b"cposix\nsystem\n(S'touch executed'\ntR."
NAMES = (
    *("../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b", "x\0y", "a\nb", "~root", "C:\\x"),
    *("../CURRENT", "file:///etc/passwd", "a" * 5000, "\ud800", "df.npy\u202e", "__class__", CODE),
    *("gen-00000001", "seg-0123456789abcdef", "../segments/seg-0123456789abcdef", "constructor"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 7, 2**31, 2**63, -(2**63), 2**64, 10**300, 1e308, -0.5),
    *(float("nan"), float("inf"), [], {}, [[]], [None], {"": None}, ["x"] * 3000, "x" * 100_000),
    *(NAMES[:6]),
    *(
        CODE,
        "!!python/object/apply:os.system ['touch executed']",
        PICKLE.decode(),
        *("%n%s{0.__class__}", "$(touch executed)", "<script>", "{{7*7}}"),
    ),
    *({"py/object": "os.system"}, {"__reduce__": [CODE]}, {"$ref": "/etc/passwd"}, "${jndi:x}"),
)


class Copy(NamedTuple):
    """An index to mutate."""

    root: Path
    rng: random.Random

    @property
    def own(self) -> Path:
        """The folder of the live generation."""
        return self.root / generation_name(current(self.root))

    @property
    def segments(self) -> list[Path]:
        """Its segments, in order."""
        plain = json.loads((self.own / "manifest.json").read_text(encoding="utf-8"))
        return [self.root / "segments" / name for name in plain["order"]]

    @property
    def arrays(self) -> list[Path]:
        """Every file of numbers."""
        return [path for folder in (self.own, *self.segments) for path in folder.glob("*.npy")]


# --- manifests ---


def _places(plain: Any, depth: int = 0) -> Iterator[tuple[Any, Any, int]]:
    """Yield each container with each key in it, and how deep that is."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(plain, dict):
        pairs = list(plain.items())
    elif isinstance(plain, list):
        pairs = list(enumerate(plain))
    for key, value in pairs:
        yield plain, key, depth
        yield from _places(value, depth + 1)


def _place(rng: random.Random, plain: Any) -> tuple[Any, Any]:
    """Return a container and a key in it: each depth is as likely as another."""
    every = list(_places(plain))
    depth = rng.choice(sorted({depth for *_, depth in every}))
    inside, key, _ = rng.choice([place for place in every if place[2] == depth])
    return inside, key


def _rewrite(copy: Copy, change: Change) -> None:
    change_manifest(copy.root, change)


def value(copy: Copy) -> None:
    """Another value in a place of the manifest."""

    def change(plain: dict[str, Any]) -> None:
        inside, key = _place(copy.rng, plain)
        inside[key] = copy.rng.choice(VALUES)

    _rewrite(copy, change)


def key(copy: Copy) -> None:
    """Another name for something."""

    def change(plain: dict[str, Any]) -> None:
        inside, old = _place(copy.rng, plain)
        if isinstance(inside, dict):
            inside[copy.rng.choice(NAMES)] = inside.pop(old)
        else:
            inside[old] = copy.rng.choice(NAMES)

    _rewrite(copy, change)


def drop(copy: Copy) -> None:
    """Something is left out."""

    def change(plain: dict[str, Any]) -> None:
        inside, old = _place(copy.rng, plain)
        del inside[old]

    _rewrite(copy, change)


def more(copy: Copy) -> None:
    """Something that nobody asked for."""

    def change(plain: dict[str, Any]) -> None:
        inside, old = _place(copy.rng, plain)
        new = copy.rng.choice(VALUES)
        if isinstance(inside, dict):
            inside[copy.rng.choice(NAMES)] = new
        else:
            inside.insert(old, new)

    _rewrite(copy, change)


def deep(copy: Copy) -> None:
    """A value within lists within lists."""

    def change(plain: dict[str, Any]) -> None:
        inside, old = _place(copy.rng, plain)
        for _ in range(copy.rng.choice([2, 50, 400])):
            inside[old] = copy.rng.choice([[inside[old]], {"a": inside[old]}])

    _rewrite(copy, change)


def exchange(copy: Copy) -> None:
    """Two values of the manifest in each other's place."""

    def change(plain: dict[str, Any]) -> None:
        (one, a), (two, b) = _place(copy.rng, plain), _place(copy.rng, plain)
        one[a], two[b] = json.loads(json.dumps([two[b], one[a]]))

    _rewrite(copy, change)


def text(copy: Copy) -> None:
    """What is no JSON, or more of it than meets the eye; the digest is right where there is one."""
    path = copy.own / "manifest.json"
    good, rng = path.read_bytes(), copy.rng
    at = rng.randrange(len(good))
    line = rng.choice(
        [b'"generation": 99,', b'"min_reader": 99,', b'"files": {},', b'"order": [],']
    )
    made = rng.choice(
        [
            good.replace(b"{", b"{" + line, 1),  # the last of two keys counts
            good[:-3] + b"," + line[:-1] + b"\n}\n",
            good[:at] + rng.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\0"]) + good[at:],
            b"\xef\xbb\xbf" + good,
            good.decode().encode(rng.choice(["utf-16", "utf-32", "utf-7"])),
            good + good,
            good + rng.choice([b"x", b"}", PICKLE, b"\0" * 100]),
            b"[" * 100_000,
            b'{"a":' * 100_000,
            good.replace(b'"generation": ', b'"generation": ' + b"9" * 5000, 1),
            good.replace(b"{", b'{"' + b"k" * 3_000_000 + b'": 1,', 1),
            b"// " + good,
            PICKLE,
            CODE.encode(),
            good[:at],
            b"",
        ]
    )
    _replace(path, made)


def pointer(copy: Copy) -> None:
    """A pointer to elsewhere, with the digest of the live generation."""
    path, rng = copy.root / "CURRENT", copy.rng
    name, digest = path.read_text(encoding="utf-8").split()
    named = rng.choice([*NAMES, f"{name}/..", f"./{name}", f"{name}\0", "gen-99999999", name * 2])
    made = rng.choice([f"{named} {digest}\n", f"{named} {digest}", f"{name} {named}\n", named])
    _replace(path, made.encode("utf-8", "surrogatepass"))


# --- files ---


def _replace(path: Path, data: bytes) -> None:
    """Write a file anew: the copy's files are links to those of a sound index."""
    path.unlink()
    path.write_bytes(data)


class Payload:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what is called."""
        return os.system, ("touch executed",)


def _pickled() -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([Payload()], dtype=object), allow_pickle=True)
    return file.getvalue()


def _with_header(header: str, rest: bytes, version: bytes = b"\x01\x00") -> bytes:
    raw = header.encode("utf-8", "surrogatepass") + b"\n"
    size = len(raw).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + size + raw + rest


def _saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _zipped(array: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, array=array)
    return file.getvalue()


def _bad_headers(array: Any, rest: bytes) -> list[bytes]:
    head = f"{{'descr': '{array.dtype.str}', 'fortran_order': False, 'shape': ({len(array)},), }}"
    return [
        _with_header(CODE, rest),
        _with_header(head.replace("False", CODE), rest),
        _with_header(head.replace("'descr'", f"{CODE}: 1, 'descr'"), rest),
        _with_header(head.replace(str(array.dtype.str), "|O"), rest),
        _with_header(head.replace(str(array.dtype.str), "os.system"), rest),
        _with_header(head.replace(str(array.dtype.str), "i4, (2,)f8, O"), rest),
        _with_header(head.replace(f"({len(array)},)", f"({2**62},)"), rest),
        _with_header(head.replace(f"({len(array)},)", f"({2**70},)"), rest),
        _with_header(head.replace(f"({len(array)},)", "(-1,)"), rest),
        _with_header(head.replace(f"({len(array)},)", "(True,)"), rest),
        _with_header(head.replace(f"({len(array)},)", "(" * 90 + ")" * 90), rest),
        _with_header("(" * 9000, rest),
        _with_header("{'descr': " + "[" * 300 + "]" * 300 + "}", rest),
        _with_header("-" * 5000 + "1", rest),
        _with_header("{" * 20_000, rest, b"\x02\x00"),
        _with_header(head, rest, b"\x03\x00"),
        _with_header(head, rest, b"\x09\x09"),
        _with_header(head + "\0", rest),
        _with_header("\ud800", rest, b"\x03\x00"),
        _with_header(head, rest)[:20],
    ]


def array(copy: Copy) -> None:
    """No array, one of objects, of another type or form; digests and names follow."""
    path, rng = copy.rng.choice(copy.arrays), copy.rng
    good: Any = np.load(path)
    rest = good.tobytes()
    dtype = rng.choice(["float32", "complex128", "bool", "S3", "U2", "M8[s]", ">i4", ">i8", "V4"])
    made = [
        *(_pickled(), PICKLE, b"", b"\x93NUMPY", CODE.encode(), b"PK\x03\x04", _zipped(good)),
        *(_saved(good[None]), _saved(np.array(5)), _saved(np.zeros((0, 3), good.dtype))),
        *(_saved(np.zeros(len(good), dtype)), _saved(good.astype(good.dtype.newbyteorder()))),
        _saved(np.zeros(3, [("a", "i4"), ("b", "f8")])),
    ]
    _replace(path, rng.choice([rng.choice(made), rng.choice(_bad_headers(good, rest))]))
    resign(copy.root)


def length(copy: Copy) -> None:
    """An array of the right type that is shorter or longer than the others make it."""
    path, rng = copy.rng.choice(copy.arrays), copy.rng
    good: Any = np.load(path)
    n = len(good)
    made = rng.choice([good[: n // 2], good[:-1], good[1:], good[:0], np.resize(good, n + 1)])
    _replace(path, _saved(np.resize(made, 3 * n + 7) if rng.random() < 0.2 else made))
    resign(copy.root)


def files(copy: Copy) -> None:
    """Two files under each other's name, in one folder or two; digests and names follow."""
    one, two = copy.rng.sample(copy.arrays, 2)
    if copy.rng.random() < 0.5:
        same = [path for path in copy.arrays if path.name == one.name and path != one]
        two = copy.rng.choice(same or [two])
    first, second = one.read_bytes(), two.read_bytes()
    _replace(one, second)
    _replace(two, first)
    resign(copy.root)


def segments(copy: Copy) -> None:
    """Segments in another order, one twice, one left out, or one of another generation."""
    every = [path.name for path in (copy.root / "segments").iterdir()]

    def change(plain: dict[str, Any]) -> None:
        order = list(plain["order"])
        orders = [order[::-1], order[:-1], [*order, order[0]]]
        order = copy.rng.choice(orders)
        if copy.rng.random() < 0.5:
            order[copy.rng.randrange(len(order))] = copy.rng.choice(every)
        known = {**_all_segments(copy.root), **plain["segments"]}
        plain.update(order=order, segments={name: known[name] for name in order})

    _rewrite(copy, change)


def _all_segments(root: Path) -> dict[str, Any]:
    """Return the record of every segment that any generation names."""
    out: dict[str, Any] = {}
    for path in root.glob("gen-*/manifest.json"):
        out |= json.loads(path.read_text(encoding="utf-8"))["segments"]
    return out


def place(copy: Copy) -> None:
    """Something else than a file where a file should be."""
    path = copy.rng.choice([*copy.arrays, copy.own / "manifest.json", copy.root / "CURRENT"])
    path.unlink()
    made = copy.rng.choice(["folder", "pipe", "zero", "loop", "outside"])
    if made == "folder":
        path.mkdir()
    elif made == "pipe":
        os.mkfifo(path)
    else:
        ends = {"zero": "/dev/zero", "loop": path.name, "outside": "/etc/hostname"}
        path.symlink_to(ends[made])


MUTATIONS: tuple[Callable[[Copy], None], ...] = (
    *(value, key, drop, more, deep, exchange, text, pointer, array, length, files, segments, place),
    *(value, array),  # of which there are most
)
LIES = {files, length}
"""What opening need not see, and an audit names: arrays that do not fit each other."""
OTHER_ANSWERS = {*LIES, segments, exchange}
"""What may make another index that is sound as far as can be told: its content was exchanged."""


# --- opening ---

_ALARMS = (
    *("exec", "import", "marshal.", "pickle.", "os.", "subprocess.", "socket.", "ctypes."),
    *("code.__new__", "shutil.", "tempfile.", "urllib.", "pty.", "signal.pthread_kill"),
)
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
"""Not O_RDWR: to lock a file takes one that can be written to. What is written is seen after."""
_HARMLESS = {"os.listdir", "os.scandir", "os.walk", "os.fwalk"}


def _watch(root: Path, seen: list[str]) -> None:
    """Write down, from now on, what nobody who only reads an index does."""
    home = os.path.realpath(root)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            name = os.fsdecode(path) if isinstance(path, str | bytes) else ""
            outside = name and not os.path.normpath(os.path.join(home, name)).startswith(home)  # noqa: PTH118
            if outside or flags & _WRITING:
                seen.append(f"open {name[:80]!r} {mode} {flags}")
        elif event == "compile":
            if arguments[1] != "<unknown>":  # ast.literal_eval, which runs nothing
                seen.append(f"compile {arguments[1]!r}")
        elif event.startswith(_ALARMS) and event not in _HARMLESS:
            seen.append(f"{event} {str(arguments)[:80]}")

    sys.addaudithook(hook)


def _asked(root: Path) -> object:
    """Open the index and ask for all there is; the answers."""
    state = state_of(root)
    model = Recommender.open(root)
    index_overview(model, Config(), {})
    verify_index(root)
    return state


def _result(root: Path, truth: object, *, lies: bool) -> str:
    """Open the index; return how that ended."""
    try:
        if lies and verify_index(root).problems:
            return "named"
        answers = _asked(root)
        list_versions(root)
    except (IndexFolderError, DegradedIndexWarning) as error:
        return "refused" if str(error).strip() else "an error without words"
    if answers is None:
        return "refused"
    return "same" if answers == truth else "other"


def _child(root: Path, truth: object, said: int, *, lies: bool) -> NoReturn:
    """Open the index, and say how that ended."""
    seen: list[str] = []
    signal.alarm(SECONDS)
    os.chdir(root)
    _watch(root, seen)
    try:
        result = _result(root, truth, lies=lies)
        alarms = seen[:5]
    except BaseException as error:
        alarms = seen[:5]
        last = traceback.extract_tb(error.__traceback__)[-1]
        result = f"{type(error).__name__}: {str(error)[:200]} ({last.filename}:{last.lineno})"
    if alarms:
        result = f"{result}; {alarms}"
    os.write(said, result.encode("utf-8", "backslashreplace"))
    os._exit(0)


def opened(root: Path, truth: object, *, lies: bool) -> str:
    """Return how the opening ended in a child."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with suppress(BaseException):
            _child(root, truth, writing, lies=lies)
        os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode("utf-8", "backslashreplace")
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return said if code == 0 else f"the child ended with {code}"


def _listing(folder: Path) -> set[tuple[str, int, int, int]]:
    """Return what is in a folder, and when it was last written to."""
    found = [(str(path), path.lstat()) for path in folder.rglob("*")]
    return {(name, about.st_ino, about.st_size, about.st_mtime_ns) for name, about in found}


def _weights(root: Path) -> object:
    """Return how the live generation says that words are weighed: another way is another index."""
    place = root / generation_name(current(root)) / "manifest.json"
    return json.loads(place.read_bytes())["settings"]["weights"]


def try_out(start: Path, area: Path, number: int, truth: object) -> tuple[str, str]:
    """Mutate a copy and open it; return which mutation it was, and how that ended."""
    rng = random.Random(number)
    mutate = MUTATIONS[number % len(MUTATIONS)]
    shutil.rmtree(area, ignore_errors=True)
    shutil.copytree(start, area / "news", copy_function=os.link)
    mutate(Copy(area / "news", rng))
    before = _listing(area)
    result = opened(area / "news", truth, lies=mutate in LIES)
    if _listing(area) != before:
        result += "; files were written, or came or went"
    if result == "other" and (
        mutate in OTHER_ANSWERS or (mutate is value and _weights(area / "news") != _weights(start))
    ):
        result = "exchanged"
    return mutate.__name__, result


def main() -> None:
    """Mutate and open, over and over."""
    start, begin, end = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("error", DegradedIndexWarning)  # an older generation is no answer here
    truth = _asked(start)
    list_versions(start)
    counts: dict[str, int] = {}
    wrong = []
    for number in range(begin, end):
        name, result = try_out(start, start.with_name("area"), number, truth)
        if result not in ("refused", "named", "same", "exchanged"):
            wrong.append(f"{number} {name}: {result}")
            result = "wrong"
        counts[result] = counts.get(result, 0) + 1
    sys.stdout.write(json.dumps([end - begin, counts, wrong]))


if __name__ == "__main__":
    main()
