"""Processes that read an index while another publishes one generation after the other.

    python -m tests.faults.reading ROOT GENERATIONS READERS

Every card of generation k says "edition k". A reader opens the index, asks for every block and
every card, and asks again what it had opened before. Printed is, as JSON, for each reader: how
often it asked, how many editions it saw, and what went wrong.
"""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

from recommender import Recommender, build_index
from recommender._disk import using
from recommender.export import related_rows
from recommender.index.reader import DegradedIndexWarning
from tests.disks import SteppedDisk

_TITLES = (
    "Bridge over the river closed",
    "Міст через річку закрито",
    "Мост через реку закрыт",
    "Bridge over the river opened",
    "Міст через річку відкрито",
    "Мост через реку открыт",
)
_WORD = re.compile(r"edition (\d+)")


def publish(root: Path, edition: int) -> None:
    """Publish a generation that says which it is, in every card."""
    rows = [
        {"id": str(i), "title": title, "lead": f"edition {edition}"}
        for i, title in enumerate(_TITLES[: 4 + edition % 3])
    ]
    with using(SteppedDisk()):  # which does not wait: more generations in less time
        build_index(rows, root)


def edition_of(model: Recommender) -> int:
    """Ask for all there is; return the edition, which must be one."""
    rows = list(related_rows(model, limit=3))
    said = {int(_WORD.findall(model.index.card(doc)["lead"])[0]) for doc in range(len(rows))}
    (edition,) = said
    assert len(rows) == 4 + edition % 3, f"edition {edition} with {len(rows)} articles"
    known = {row["id"] for row in rows}
    assert all(known.issuperset(row["related"]) for row in rows)
    assert edition + 1 == model.index.manifest.generation
    return edition


def _read(root: Path, stop: int, said: int) -> NoReturn:
    """Open and ask until told to stop, and say what was seen."""
    seen, errors, asked, before = [0], [], 0, Recommender.open(root)
    os.set_blocking(stop, False)
    warnings.simplefilter("error", DegradedIndexWarning)
    while not _ended(stop):
        try:
            model = Recommender.open(root)
            seen.append(edition_of(model))
            assert seen[-2] <= seen[-1], f"edition {seen[-1]} after {seen[-2]}"
            assert edition_of(before) <= seen[-1]
            before, asked = model, asked + 2
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    os.write(said, json.dumps([asked, len({*seen}), errors[:5]]).encode())
    os._exit(0)


def _ended(stop: int) -> bool:
    try:
        return os.read(stop, 1) == b""
    except BlockingIOError:
        return False


def _reader(root: Path, stop: int, go: int) -> int:
    """Start a reader; return where it will say what it saw."""
    hear, said = os.pipe()
    if not os.fork():
        os.close(go)
        try:
            _read(root, stop, said)
        finally:
            os._exit(1)
    os.close(said)
    return hear


def main() -> None:
    """Publish while others read."""
    root, generations, readers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    publish(root, 0)
    edition_of(Recommender.open(root))
    stop, go = os.pipe()
    hearing = [_reader(root, stop, go) for _ in range(readers)]
    for edition in range(1, generations + 1):
        publish(root, edition)
    os.close(go)
    found: list[Any] = []
    for hear in hearing:
        with os.fdopen(hear) as pipe:
            found.append(json.loads(pipe.read() or '[0, 0, ["died"]]'))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
