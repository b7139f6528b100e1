"""A long random life of an index: a writer that is killed now and then, and readers meanwhile.

    python -m tests.faults.soaking [--minutes M | --operations N] [--readers R] [--seed S]

Articles made of the bundled ones come, change and go; the index is merged, rolled back, cleared
away and built anew, each time by a child, and one child in four is killed with -9 at any instant.
After each operation the index must hold what a model says: what was acknowledged, and of what was
killed all or nothing. Readers go from generation to generation (``tests.faults.watching``). At the
end every list of the index, found exactly, is compared with that of a fresh build, and so is every
known neighbour after a merge. Printed is, as JSON, what was done, and what went wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from recommender import Recommender, build_index
from recommender.config import Config
from recommender.export import related_rows
from recommender.index.check import verify_index
from recommender.index.manifest import current, generations
from recommender.index.settings import GenerationSettings, UpdateSettings
from recommender.text.settings import BoilerplateSettings
from recommender.updates import Updater, add_articles, delete_articles, merge_index
from recommender.versions import clear_away, roll_back
from tests.faults.watching import Seen, Watcher, content

Rows = Mapping[str, Mapping[str, Any]]

MOST = 3_000
"""From so many articles on as many go as come."""
_SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "articles.jsonl"
_MEMORY = Path("/dev/shm")
_KILLED = 0.25
_CONFIG = Config(
    boilerplate=BoilerplateSettings(enabled=False),  # an update keeps to what a build found
    updates=UpdateSettings(last_segment=40, merge_factor=4),
    generations=GenerationSettings(keep=6, grace="0"),
)
_KEEP_FEW = GenerationSettings(keep=2, grace="0")


class Desk:
    """Where articles are made, of the bundled ones."""

    def __init__(self, rng: random.Random) -> None:
        self._rng, self._n = rng, 0
        lines = _SAMPLE.read_text(encoding="utf-8").splitlines()
        self._bundled: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def article(self, article_id: str | None = None) -> dict[str, Any]:
        """Return a new article, or a later version of one."""
        self._n += 1
        one = self._rng.choice(self._bundled)
        other = self._rng.choice([row for row in self._bundled if row["lang"] == one["lang"]])
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_772_000_000 + 60 * self._n))
        return {
            "id": article_id or f"n{self._n}",
            "lang": one["lang"],
            "title": f"{one['title']} {self._n}",
            "lead": other["lead"],
            "body": one["body"][: self._rng.randint(100, 1_500)] + "\n\n" + other["body"][:500],
            "published_at": stamp,
            "updated_at": stamp,
        }

    def some(self, least: int, most: int) -> list[dict[str, Any]]:
        """Return a few new articles."""
        return [self.article() for _ in range(self._rng.randint(least, most))]


class Life:
    """The index and the model of it.

    Attributes
    ----------
    rows : what must stand in the index now
    known : generation to every content that was ever live under its number
    """

    def __init__(self, root: Path, rng: random.Random) -> None:
        self.root, self.rng, self.desk = root, rng, Desk(rng)
        self.rows: dict[str, Mapping[str, Any]] = {row["id"]: row for row in self.desk.some(50, 50)}
        self.known: dict[int, dict[str, Rows]] = {}
        self.done: Counter[str] = Counter()
        self.killed: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}
        build_index(list(self.rows.values()), root, config=_CONFIG)
        self._note(self.rows)

    def _note(self, rows: Rows) -> None:
        number = current(self.root)
        first = max((n for n in self.known if n < number), default=number - 1) + 1
        for n in range(min(first, number), number + 1):
            self.known.setdefault(n, {})[content(rows)] = dict(rows)

    # --- operations: what a child does, and what stands when it has done it ---

    def add(self) -> tuple[Callable[[], object], Rows]:
        """Some come."""
        new = self.desk.some(1, 30)
        return lambda: add_articles(new, self.root, config=_CONFIG), {
            **self.rows,
            **{row["id"]: row for row in new},
        }

    def update(self) -> tuple[Callable[[], object], Rows]:
        """Some change."""
        ids = self.rng.sample(sorted(self.rows), min(len(self.rows), self.rng.randint(1, 10)))
        new = [self.desk.article(article_id) for article_id in ids]
        return lambda: add_articles(new, self.root, config=_CONFIG), {
            **self.rows,
            **{row["id"]: row for row in new},
        }

    def delete(self) -> tuple[Callable[[], object], Rows]:
        """Some go: all but a few now and then."""
        most = 12 if len(self.rows) < MOST else 60
        ids = self.rng.sample(sorted(self.rows), min(len(self.rows) - 5, self.rng.randint(1, most)))
        left = {key: row for key, row in self.rows.items() if key not in set(ids)}
        return lambda: delete_articles(ids, self.root, config=_CONFIG), left

    def mixed(self) -> tuple[Callable[[], object], Rows]:
        """Some come, change and go in one commit."""
        ids = self.rng.sample(sorted(self.rows), min(len(self.rows) - 5, 6))
        new = [*self.desk.some(1, 5), *map(self.desk.article, ids[3:])]

        def run() -> None:
            with Updater(self.root, config=_CONFIG) as updater:
                updater.add(new)
                updater.delete(ids[:3])
                updater.commit()

        left = {key: row for key, row in self.rows.items() if key not in ids[:3]}
        return run, {**left, **{row["id"]: row for row in new}}

    def merge(self) -> tuple[Callable[[], object], Rows]:
        """Segments become one."""
        return lambda: merge_index(self.root, config=_CONFIG), self.rows

    def gc(self) -> tuple[Callable[[], object], Rows]:
        """Old generations go."""
        return lambda: clear_away(self.root, _KEEP_FEW), self.rows

    def rollback(self) -> tuple[Callable[[], object], Rows]:
        """An older or newer generation is live."""
        kept = [n for n in generations(self.root) if len(self.known.get(n, ())) == 1]
        if not kept:
            return self.gc()
        number = self.rng.choice(kept)
        (rows,) = self.known[number].values()
        return lambda: roll_back(self.root, number), rows

    def rebuild(self) -> tuple[Callable[[], object], Rows]:
        """The nightly build."""
        rows = list(self.rows.values())
        self.rng.shuffle(rows)
        return lambda: build_index(rows, self.root, config=_CONFIG, force=True), self.rows

    # --- one step ---

    def step(self) -> None:
        """Do one operation, or kill it; compare the index with the model."""
        names = ["add"] * 9 + ["update"] * 6 + ["delete"] * 5 + ["mixed"] * 4
        names += ["merge", "gc", "rollback", "rollback", "rebuild"]
        name = self.rng.choice(names)
        run, after = getattr(self, name)()
        delay = None
        if self.rng.random() < _KILLED:
            delay = self.rng.uniform(0, 1.1 * self._seconds.get(name, 0.2))
        started = time.perf_counter()
        status = _in_child(run, delay)
        if status == 0:
            self.done[name] += 1
            self._seconds[name] = time.perf_counter() - started
        elif delay is not None and status == -signal.SIGKILL:
            self.killed[name] += 1
        else:
            raise AssertionError(f"{name} ended with {status}")
        before = self.rows
        self.rows = dict(self._standing(before, after, acknowledged=status == 0))
        self._note(self.rows)

    def _standing(self, before: Rows, after: Rows, *, acknowledged: bool) -> Rows:
        """Return which of the two the index holds; it must be one of them."""
        found = content(standing(self.root))
        if found == content(after):
            return after
        assert not acknowledged, "what was acknowledged is not there"
        assert found == content(before), "neither as before nor as after"
        return before


def standing(root: Path) -> Rows:
    """Return the cards that stand in the index."""
    index = Recommender.open(root).index
    return {index.article_id(doc): index.card(doc) for doc in index.docs().tolist()}


def _in_child(run: Callable[[], object], delay: float | None) -> int:
    """Run something in a child, killed after ``delay``; return how it ended, signals negative."""
    child = os.fork()
    if not child:
        status = 1
        try:
            run()
            status = 0
        finally:
            if status and delay is None:
                sys.excepthook(*sys.exc_info())
                sys.stderr.flush()
            os._exit(status)
    if delay is not None:
        time.sleep(delay)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# --- the end ---


def lists(root: Path, **options: Any) -> dict[str, Any]:
    """Return the list of every article."""
    return {row["id"]: row for row in related_rows(Recommender.open(root), limit=10, **options)}


def end(life: Life, fresh: Path) -> Iterator[str]:
    """Compare the index with one that was built of the same articles; yield what differs."""
    build_index(list(life.rows.values()), fresh, config=_CONFIG)
    exact = {"mode": "exact", "smoothing": 0.0, "crowding": 0.0}  # of the texts alone
    if lists(life.root, **exact) != lists(fresh, **exact):
        yield "the lists differ from those of a fresh build"
    merge_index(life.root, config=_CONFIG)
    if lists(life.root) != lists(fresh):
        yield "the known neighbours differ from those of a fresh build after a merge"
    yield from verify_index(life.root).problems
    clear_away(life.root, GenerationSettings(keep=1, grace="0"))
    if debris := _left(life.root) - {"tmp-build"}:  # the work of a killed build waits to be resumed
        yield f"debris was left: {sorted(debris)}"
    build_index(list(life.rows.values()), life.root, config=_CONFIG, force=True)
    if debris := _left(life.root):
        yield f"debris was left by a build: {sorted(debris)}"


def _left(root: Path) -> set[str]:
    """Return the names of what writers leave behind in an index."""
    return {path.name for path in root.iterdir() if path.name.startswith("tmp-")}


def unknown(life: Life, seen: Seen) -> Iterator[str]:
    """Yield what a reader saw that never stood in the index."""
    for generation, found in seen.contents:
        if found not in life.known.get(generation, {}):
            yield f"a reader saw generation {generation} with another content"


def live(root: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Let an index live; return what was done, seen, and wrong."""
    started = time.monotonic()
    life, wrong = Life(root / "news", random.Random(options.seed)), []
    watchers = [Watcher(life.root, options.seed + i) for i in range(options.readers)]
    operations = 0
    try:
        while (
            operations < options.operations
            if options.operations
            else (time.monotonic() - started < 60 * options.minutes)
        ):
            life.step()
            operations += 1
    except Exception as error:
        wrong.append(f"operation {operations}: {type(error).__name__}: {error}")
    seen = [watcher.stop() for watcher in watchers]
    for reader in seen:
        wrong += [*reader.wrong, *unknown(life, reader)]
    if not wrong:
        wrong += end(life, root / "fresh")
    return {
        "seed": options.seed,
        "seconds": round(time.monotonic() - started, 1),
        "done": dict(life.done),
        "killed": dict(life.killed),
        "articles": len(life.rows),
        "generation": max(life.known),
        "readers": [reader.told for reader in seen],
        "wrong": wrong[:20],
    }


def main() -> None:
    """Live, and tell; the exit code is 1 where something went wrong."""
    parser = argparse.ArgumentParser(description="A long random life of an index.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--operations", type=int, default=0, help="so many, however long it takes")
    parser.add_argument("--readers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    place = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        told = live(Path(folder), options)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    sys.exit(bool(told["wrong"]))


if __name__ == "__main__":
    main()
