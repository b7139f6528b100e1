"""A process that reads an index for a long time, moves with its generations, and watches itself.

It refreshes, or opens the index anew, and asks: the content of a generation is told to the one who
started it, who knows what stood there; each block must hold articles of its own generation, with
the scores of a search, and be the same when it is asked for again. Memory of its own must not grow
with the number of generations it has seen, and no file stay open of those that it has left.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import signal
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from recommender import Recommender
from recommender.index.reader import DegradedIndexWarning

_PAUSE = 0.01
_ROUNDS_TO_WARM_UP = 20
_MORE_BYTES = 64 * 2**20


def content(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a digest of which articles stand, in which version."""
    told = sorted((key, row["title"]) for key, row in rows.items())
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


class Seen(NamedTuple):
    """What a reader saw.

    Attributes
    ----------
    contents : pairs of a generation and a content; wrong : what must not be
    told : counts, memory and files, for people
    """

    contents: list[tuple[int, str]]
    wrong: list[str]
    told: dict[str, Any]


class Watcher:
    """A reader, from outside: it begins at once and says what it saw when it is stopped."""

    def __init__(self, root: Path, seed: int) -> None:
        self._hear, said = os.pipe()
        self._child = os.fork()
        if not self._child:
            os.close(self._hear)
            try:
                _Reader(root, seed).run(said)
            finally:
                os._exit(1)
        os.close(said)

    def stop(self) -> Seen:
        """Stop it; return what it saw."""
        os.kill(self._child, signal.SIGTERM)
        with os.fdopen(self._hear) as pipe:
            text = pipe.read()
        _, status = os.waitpid(self._child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code or not text:
            return Seen([], [f"a reader ended with {code}"], {})
        contents, wrong, told = json.loads(text)
        return Seen([(n, found) for n, found in contents], wrong, told)


class _Reader:
    def __init__(self, root: Path, seed: int) -> None:
        self._root, self._rng, self._stopped = root, random.Random(seed), False
        self._contents: set[tuple[int, str]] = set()
        self._wrong: list[str] = []
        self._asked = self._rounds = 0
        self._bytes: list[int] = []
        self._files: list[int] = []

    def run(self, said: int) -> NoReturn:
        """Read until told to stop, and say what was seen."""
        signal.signal(signal.SIGTERM, self._stop)
        warnings.simplefilter("error", DegradedIndexWarning)
        before = _open_files()
        model = Recommender.open(self._root)
        while not self._stopped:
            try:
                model = self._round(model)
            except Exception as error:
                self._wrong.append(f"{type(error).__name__}: {str(error)[:300]}")
            self._rounds += 1
            time.sleep(_PAUSE)
        del model
        gc.collect()
        if _open_files() > before:
            self._wrong.insert(0, f"{_open_files() - before} files stayed open")
        told = [sorted(self._contents), [*self._wrong[:5], *self._grown()], self._told()]
        with os.fdopen(said, "w") as pipe:
            pipe.write(json.dumps(told))
        os._exit(0)

    def _stop(self, *_: object) -> None:
        self._stopped = True

    def _round(self, model: Recommender) -> Recommender:
        """Move to the newest generation, ask, and return the model to go on with."""
        if self._rng.random() < 0.2:
            model = Recommender.open(self._root)
        else:
            model.refresh()
        index = model.index
        rows = {index.article_id(doc): index.card(doc) for doc in index.docs().tolist()}
        self._contents.add((index.manifest.generation, content(rows)))
        for key in self._rng.sample(sorted(rows), min(len(rows), 5)):
            self._ask(model, key, rows)
        self._bytes.append(_own_bytes())
        self._files.append(_open_files())
        return model

    def _ask(self, model: Recommender, key: str, rows: Mapping[str, Any]) -> None:
        mode = self._rng.choice(["auto", "exact"])
        plain: dict[str, Any] = {}
        if self._rng.random() < 0.5:
            plain = {"smoothing": 0.0, "crowding": 0.0}
        one, other = (model.related(key, limit=6, mode=mode, **plain) for _ in range(2))
        index, doc = model.index, model.index.find_id(key)
        assert doc is not None
        assert one.cards == other.cards, f"two answers for {key}"
        query = index.query_of(doc)
        for card in one.cards:
            assert card.id != key
            assert card.title == rows[card.id]["title"], f"{card.id} of another version"
            if plain:
                assert card.score == index.score(query, index.find_id(card.id) or 0)
        self._asked += 2

    def _grown(self) -> list[str]:
        """Return by how much its memory grew, from when it had warmed up, if that is too much."""
        quarter = len(self._bytes) // 4
        if quarter <= _ROUNDS_TO_WARM_UP:
            return []
        more = max(self._bytes[-quarter:]) - max(self._bytes[_ROUNDS_TO_WARM_UP:quarter])
        return [f"{more:,} more bytes of memory at the end"] if more > _MORE_BYTES else []

    def _told(self) -> dict[str, Any]:
        warm = slice(min(_ROUNDS_TO_WARM_UP, len(self._files) - 1), None)
        return {
            "rounds": self._rounds,
            "blocks": self._asked,
            "contents": len(self._contents),
            "files": [self._files[warm][0], max(self._files)] if self._files else [],
            "own_megabytes": [
                round(n / 2**20) for n in (self._bytes[warm][0], max(self._bytes), self._bytes[-1])
            ]
            if self._bytes
            else [],
        }


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _own_bytes() -> int:
    """Return the memory of this process that is no file's."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
