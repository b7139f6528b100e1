"""A process that damages a file of an index in every way, and opens the index each time.

    python -m tests.faults.damaging ROOT KIND N SEED
    python -m tests.faults.damaging ROOT KIND all PART PARTS

Kinds are bits (each bit flipped), cuts (each shorter length) and others (missing, zeroed, one byte
longer, in the place of another file). Whatever is damaged must be refused with the file's name.
Where all are tried, nothing is opened in the stead of what is refused: that takes most of the time.
Printed is, as JSON, how many there were, and what was not refused so: a damage that the answers
do not show at all is told apart.
"""

from __future__ import annotations

import json
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from recommender.errors import IndexFolderError
from recommender.index.manifest import current, generation_name, read_manifest
from recommender.index.reader import DegradedIndexWarning, Index
from tests.faults.operations import state_of


class Damage(NamedTuple):
    """What a file is made to hold, given what it held: None = it is not there."""

    path: Path
    what: str
    change: Callable[[bytes], bytes | None]


def live_files(root: Path) -> list[Path]:
    """Return every file that the live generation is read from."""
    number = current(root)
    manifest, own = read_manifest(root, number), root / generation_name(number)
    parts = [root / "segments" / name / f for name, fs in manifest.segments.items() for f in fs]
    return [root / "CURRENT", own / "manifest.json", *(own / f for f in manifest.files), *parts]


def _flip(good: bytes, bit: int) -> bytes:
    content = bytearray(good)
    content[bit // 8] ^= 1 << bit % 8
    return bytes(content)


def _cut(good: bytes, length: int) -> bytes:
    return good[:length]


def _exchange(_: bytes, other: Path) -> bytes:
    return other.read_bytes()


def _bits(path: Path, _: Sequence[Path]) -> Iterator[Damage]:
    for bit in range(8 * path.stat().st_size):
        yield Damage(path, f"bit {bit}", partial(_flip, bit=bit))


def _cuts(path: Path, _: Sequence[Path]) -> Iterator[Damage]:
    for length in range(path.stat().st_size):
        yield Damage(path, f"cut to {length}", partial(_cut, length=length))


def _others(path: Path, others: Sequence[Path]) -> Iterator[Damage]:
    yield Damage(path, "missing", lambda _: None)
    yield Damage(path, "longer", lambda good: good + b"\0")
    yield Damage(path, "zeroed", lambda good: bytes(len(good)))
    yield Damage(path, "end zeroed", lambda good: good[: len(good) // 2].ljust(len(good), b"\0"))
    for other in others:
        if other.read_bytes() != path.read_bytes():
            yield Damage(path, f"replaced by {other.name}", partial(_exchange, other=other))


KINDS = {"bits": _bits, "cuts": _cuts, "others": _others}


def chosen(root: Path, kind: str, how: list[str]) -> Iterator[Damage]:
    """Yield the damages that were asked for."""
    files = live_files(root)
    if how[0] == "all":
        part, parts = int(how[1]), int(how[2])
        every = (damage for path in files for damage in KINDS[kind](path, files))
        yield from islice(every, part, None, parts)
        return
    chance, ways = random.Random(int(how[1])), {p: [*KINDS[kind](p, files)] for p in files}
    for path in chance.choices(files, k=int(how[0])):
        yield chance.choice(ways[path])


def _opened(root: Path, *, alone: bool) -> object:
    """Return what the index answers; ``alone`` = where the live generation can be opened."""
    if alone:
        Index.open(root, generation=current(root), compiled=False)
    return state_of(root)


def try_out(root: Path, damage: Damage, truth: object, *, alone: bool) -> str:
    """Damage a file, open the index, mend it; return what is wrong with that, or nothing."""
    good = damage.path.read_bytes()
    content = damage.change(good)
    try:
        if content is None:
            damage.path.unlink()
        elif content == good:
            return ""  # a file of zeros that was zeroed
        else:
            damage.path.write_bytes(content)
        try:
            state = _opened(root, alone=alone)
        except (IndexFolderError, DegradedIndexWarning) as error:
            named = damage.path.name in str(error) or damage.path.name == "CURRENT"
            return "" if named else f"another file was blamed: {error}"
        if state is None:  # says that there is no index, and names the pointer that is missing
            return "" if damage.path.name == "CURRENT" else "no index"
        return "harmless" if state == truth else "other answers"
    finally:
        beside = damage.path.with_name("beside")
        beside.write_bytes(good)
        os.replace(beside, damage.path)  # noqa: PTH105


def main() -> None:
    """Damage and open, over and over."""
    root, kind, *how = Path(sys.argv[1]), *sys.argv[2:]
    warnings.simplefilter("error", DegradedIndexWarning)  # an older generation is no answer here
    truth = state_of(root)
    done, wrong, harmless = 0, [], []
    for damage in chosen(root, kind, how):
        done += 1
        said = try_out(root, damage, truth, alone=how[0] == "all")
        where = f"{damage.path.relative_to(root)}, {damage.what}"
        if said == "harmless":
            harmless.append(where)
        elif said:
            wrong.append(f"{where}: {said}")
    sys.stdout.write(json.dumps([done, wrong, harmless]))


if __name__ == "__main__":
    main()
