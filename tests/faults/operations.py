"""What the campaigns do to an index, and what must stand before and after.

To add an operation, add a line to ``OPERATIONS``: its name, what to call with the folder of the
index, and the articles (id to title) that stand once it has returned. Every campaign then covers
it: a crash, an error or the loss of power at each of its steps, and kills at any time. It begins
with an index of three generations that holds ``HELD``; with ``fresh=True`` there is none. What it
does must depend on nothing but the index, and go through ``recommender._disk``.

    "delete": Operation(lambda root: delete(root, ["sc-en-0001"]), without(HELD, "sc-en-0001")),
    "merge": Operation(merge, HELD),

``state_of`` is how an index is compared: every card and every block. What an undisturbed run leaves
is the state after; its articles must be those of the line above.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from recommender import Recommender, build_index
from recommender._disk import using
from recommender.config import Config
from recommender.errors import NotAnIndexError
from recommender.export import related_rows
from recommender.index.check import verify_index
from recommender.index.manifest import (
    check_files,
    current,
    generation_name,
    generations,
    read_manifest,
)
from recommender.index.settings import GenerationSettings
from recommender.updates import Updater, add_articles, delete_articles, merge_index
from recommender.versions import clear_away, roll_back
from tests.disks import RecordingDisk, Step, SteppedDisk

Titles = Mapping[str, str]

_SAMPLE = Path(__file__).parents[2] / "data" / "sample" / "articles.jsonl"
_BODY_CHARS = 400


def _articles() -> list[dict[str, Any]]:
    """Return eight articles of each language in turn, their bodies cut short."""
    rows = [json.loads(line) for line in _SAMPLE.read_text(encoding="utf-8").splitlines()]
    by_language = [
        list(islice((r for r in rows if r["lang"] == lang), 9)) for lang in ("uk", "ru", "en")
    ]
    mixed = [row for three in zip(*by_language, strict=True) for row in three]
    return [{**row, "body": row["body"][:_BODY_CHARS]} for row in mixed]


def titles(rows: list[dict[str, Any]]) -> Titles:
    """Return the articles as a model: id to title."""
    return {row["id"]: row["title"] for row in rows}


def without(held: Titles, *ids: str) -> Titles:
    """Return a model that lacks some articles."""
    return {key: title for key, title in held.items() if key not in ids}


ARTICLES = _articles()
_EARLIER = (ARTICLES[:20], ARTICLES[:21], ARTICLES[:22])
_OTHER = ARTICLES[3:24]
_FEW = ARTICLES[:4]
_NEW = [{**ARTICLES[0], "title": "Another title"}, *ARTICLES[22:24]]
_GONE = [row["id"] for row in ARTICLES[5:8]]
HELD = titles(_EARLIER[-1])
_FEW_ARE_KEPT = GenerationSettings(keep=2, grace="0")
_KEEPING_FEW = Config(generations=_FEW_ARE_KEPT)


def build(rows: list[dict[str, Any]], root: Path) -> None:
    """Build an index as every campaign does."""
    build_index(rows, root, config=_KEEPING_FEW, force=True)


@dataclass(frozen=True)
class Operation:
    """Something that changes an index.

    Attributes
    ----------
    run : called with the folder of the index
    after : id to title of the articles that stand when it has returned
    fresh : whether it begins without an index
    """

    run: Callable[[Path], object]
    after: Titles
    fresh: bool = False


OPERATIONS = {
    "build": Operation(lambda root: build(_OTHER, root), titles(_OTHER)),
    "first": Operation(lambda root: build(_FEW, root), titles(_FEW), fresh=True),
    "add": Operation(
        lambda root: add_articles(_NEW, root, config=_KEEPING_FEW), {**HELD, **titles(_NEW)}
    ),
    "delete": Operation(lambda root: delete_articles(_GONE, root), without(HELD, *_GONE)),
    "merge": Operation(merge_index, HELD),
    "rollback": Operation(lambda root: roll_back(root, 2), titles(_EARLIER[-2])),
    "gc": Operation(lambda root: clear_away(root, GenerationSettings(keep=1, grace="0")), HELD),
}


@dataclass(frozen=True)
class State:
    """What an index answers: the card of every article, and its block with scores."""

    cards: Mapping[str, Any]
    blocks: Mapping[str, Any]

    @property
    def titles(self) -> Titles:
        """The articles as a model has them."""
        return {key: card["title"] for key, card in self.cards.items()}


def state_of(root: Path) -> State | None:
    """Open the index and ask for everything; None = there is none."""
    try:
        model = Recommender.open(root)
    except NotAnIndexError:
        return None
    blocks = {row.pop("id"): row for row in related_rows(model, limit=3)}
    docs = {key: model.index.find(key) for key in blocks}
    return State({key: model.index.card(doc or 0) for key, doc in docs.items()}, blocks)


@dataclass(frozen=True)
class Stage:
    """An operation with all that a campaign compares with.

    Attributes
    ----------
    start : folder that holds the index as it is before, or nothing
    before, after : states; None = no index
    steps : of a run that nobody disturbed, with paths beneath ``area``
    area : where that was
    """

    name: str
    operation: Operation
    start: Path
    before: State | None
    after: State | None
    steps: tuple[Step, ...]
    area: Path

    def set_up(self, area: Path) -> Path:
        """Put the start into an area, whatever was there; return the folder of the index.

        Files are linked, not copied: whoever changed a published one in place would be noticed.
        """
        shutil.rmtree(area, ignore_errors=True)
        shutil.copytree(self.start, area, copy_function=os.link)
        return area / "news"

    def copy_to(self, area: Path) -> Path:
        """Copy the start to another disk; return the folder of the index."""
        shutil.copytree(self.start, area, copy_function=shutil.copyfile)
        return area / "news"

    def is_old_or_new(self, root: Path) -> State | None:
        """Return the state of the index; it must be that before or that after."""
        state = state_of(root)
        assert state in (self.before, self.after), "neither as before nor as after"
        return state


class Stages:
    """The stages of all operations, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Stage] = {}

    def __call__(self, name: str) -> Stage:
        """Return a stage."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _start(self, *, fresh: bool) -> Path:
        start = self._folder / ("fresh" if fresh else "start")
        if not start.exists():
            start.mkdir()
            if not fresh:
                with using(SteppedDisk()):
                    build(_EARLIER[0], start / "news")
                    for rows in _EARLIER[1:]:
                        with Updater(start / "news") as updater:  # it does not merge by itself
                            updater.add(rows)
                            updater.commit()
        return start

    def _make(self, name: str) -> Stage:
        operation = OPERATIONS[name]
        start, area = self._start(fresh=operation.fresh), self._folder / name
        shutil.copytree(start, area)
        before, recorded = state_of(area / "news"), RecordingDisk()
        with using(recorded):
            operation.run(area / "news")
        after = state_of(area / "news")
        assert after is not None
        assert operation.after == after.titles
        assert (None if operation.fresh else HELD) == (before and before.titles)
        return Stage(name, operation, start, before, after, tuple(recorded.steps), area)


def check_sound(root: Path) -> None:
    """Assert that an audit of the live generation, if there is one, finds nothing."""
    if (root / "CURRENT").exists():
        assert () == verify_index(root).problems


def check_recovers(root: Path) -> None:
    """Assert that the next build publishes its articles, and removes all that a dead one left."""
    with using(SteppedDisk()):
        build(_OTHER, root)
    state = state_of(root)
    assert state is not None
    assert titles(_OTHER) == state.titles
    numbers = generations(root)
    assert current(root) in numbers
    allowed = {"CURRENT", "LOCK", "segments", *map(generation_name, numbers)}
    assert set() == {path.name for path in root.iterdir()} - allowed
    named = set()
    for number in numbers:
        manifest = read_manifest(root, number)
        check_files(root / generation_name(number), manifest.files, digests=False)
        for name, files in manifest.segments.items():
            check_files(root / "segments" / name, files, digests=False)
            named.add(name)
    assert named == {path.name for path in (root / "segments").iterdir()}
