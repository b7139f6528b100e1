"""The generations of an index: which there are, going back to one, clearing away, comparing two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender.errors import IndexFolderError, InputError, NotAnIndexError
from recommender.gate import even_sample
from recommender.index.keeping import Collected, collect, folder_bytes, is_held, problem_of
from recommender.index.manifest import (
    Files,
    Manifest,
    current,
    generation_name,
    generations,
    live,
    make_live,
    read_manifest,
    writer_lock,
)
from recommender.index.reader import Index
from recommender.index.settings import GenerationSettings
from recommender.recommend import Recommender

__all__ = [
    "MOST_COMPARED",
    "Changed",
    "Difference",
    "Rollback",
    "Version",
    "clear_away",
    "compare",
    "known_generation",
    "list_versions",
    "roll_back",
]

T = TypeVar("T")

MOST_COMPARED = 5000
_EXAMPLES = 5


# --- which there are ---


@dataclass(frozen=True, slots=True)
class Version:
    """One kept generation.

    Attributes
    ----------
    generation : int
    is_live : bool
    is_held : whether a reader, in any process, has it open; not known where there is no ``flock``
    built_at : str, ISO 8601 UTC
    parent : generation that was live before it was built
    package : version that built it
    change : what made it: ``kind`` (build, add, delete, merge ...) and its counts
    forced : whether it was published whatever the gate would have said
    articles, terms : int
    own_bytes : of its own files and of segments that no other generation names
    shared_bytes : of segments that others name too
    problem : why it cannot be used; empty when every file is there and of its size

    What a damaged manifest does not tell is None.
    """

    generation: int
    is_live: bool
    is_held: bool
    built_at: str | None
    parent: int | None
    package: str | None
    change: Mapping[str, Any]
    forced: bool
    articles: int | None
    terms: int | None
    own_bytes: int
    shared_bytes: int
    problem: str


def list_versions(model: str | Path) -> tuple[Version, ...]:
    """Return every kept generation of the index in folder ``model``, newest first.

    Sizes of files are compared with the manifests, not their digests, which ``verify`` does.

    Raises
    ------
    NotAnIndexError : there is none
    """
    root = Path(model)
    numbers = _numbers(root)
    manifests = {n: _manifest_or_problem(root, n) for n in numbers}
    readable = [m for m in manifests.values() if isinstance(m, Manifest)]
    named = Counter(name for manifest in readable for name in manifest.segments)
    newest = live(root)
    return tuple(
        _version(root, n, manifests[n], is_live=n == newest, named=named) for n in reversed(numbers)
    )


def _numbers(root: Path) -> list[int]:
    """Return the numbers of all generations, or raise NotAnIndexError."""
    numbers = generations(root)
    if not numbers:
        current(root)  # says what is wrong with the folder
        raise NotAnIndexError(f"{root} holds no generation of an index.")
    return numbers


def _manifest_or_problem(root: Path, generation: int) -> Manifest | str:
    try:
        return read_manifest(root, generation)
    except IndexFolderError as error:
        return str(error)


def _version(
    root: Path,
    generation: int,
    manifest: Manifest | str,
    *,
    is_live: bool,
    named: Mapping[str, int],
) -> Version:
    own = root / generation_name(generation)
    if isinstance(manifest, str):
        blank = Version(
            generation, is_live, False, None, None, None, {}, False, None, None, 0, 0, manifest
        )
        return replace(blank, is_held=is_held(root, generation), own_bytes=folder_bytes(own))
    sizes = {name: _bytes(files) for name, files in manifest.segments.items()}
    shared = sum(n_bytes for name, n_bytes in sizes.items() if named[name] > 1)
    return Version(
        generation=generation,
        is_live=is_live,
        is_held=is_held(root, generation),
        built_at=manifest.built_at,
        parent=manifest.parent,
        package=manifest.package,
        change=dict(manifest.report.get("change", {"kind": "build"})),
        forced=bool(manifest.report.get("forced", False)),
        articles=manifest.counts["articles"],
        terms=manifest.counts["terms"],
        own_bytes=_bytes(manifest.files) + sum(sizes.values()) - shared,
        shared_bytes=shared,
        problem=problem_of(root, generation),
    )


def _bytes(files: Files) -> int:
    return sum(int(record["bytes"]) for record in files.values())


# --- going back ---


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a rollback did.

    Attributes
    ----------
    live : generation that is live now
    before : the one that was; the same, where nothing had to move; None = the pointer was damaged
    built_at : str, ISO 8601 UTC, of the live one
    articles : int, in it
    """

    live: int
    before: int | None
    built_at: str
    articles: int


def roll_back(model: str | Path, generation: int | None = None) -> Rollback:
    """Make another generation the live one, after it has been checked and asked.

    Every file is compared with its digest. Nothing moves unless all is well. Readers that are open
    keep what they have. Going forward again is the same, with the newer number.

    Parameters
    ----------
    generation : None = the one that was live before the live one was built, or if that is gone, the
        next older one

    Raises
    ------
    InputError : there is no such generation, or no older one
    DamagedIndexError, IncompatibleIndexError : it cannot be used; nothing moved
    NotAnIndexError, IndexLockedError, StorageError
    """
    root = Path(model)
    _numbers(root)
    with writer_lock(root):
        before = live(root)
        target = _before(root) if generation is None else known_generation(root, generation)
        found = _sound(root, target, before)
        if target != before:
            make_live(root, target)
    return Rollback(target, before, found.manifest.built_at, found.n_articles)


def known_generation(model: str | Path, generation: int) -> int:
    """Return a generation's number.

    Raises
    ------
    InputError : there is none of that number; the message lists those there are
    NotAnIndexError : there is no index
    """
    root = Path(model)
    numbers = _numbers(root)
    if generation not in numbers:
        kept = ", ".join(map(str, numbers))
        raise InputError(f"There is no generation {generation} of {root}. Kept: {kept}.")
    return generation


def _before(root: Path) -> int:
    """Return the parent of the live generation if that is kept, else the next older one."""
    newest, numbers = _live_or_choose(root), _numbers(root)
    try:
        parent = read_manifest(root, newest).parent
    except IndexFolderError:
        parent = None
    if parent in numbers:
        return int(parent or 0)
    older = [n for n in numbers if n < newest]
    if not older:
        raise InputError(
            f"No generation of {root} is older than the live one, {newest}. "
            f"Kept: {', '.join(map(str, numbers))}."
        )
    return older[-1]


def _live_or_choose(root: Path) -> int:
    try:
        return current(root)
    except IndexFolderError as error:
        kept = ", ".join(map(str, _numbers(root)))
        raise type(error)(f"{error} Or name one of those that are kept: {kept}.") from error


def _sound(root: Path, target: int, before: int | None) -> Index:
    """Return a generation, opened as readers will and asked about its last article."""
    try:
        index = Index.open(root, generation=target, compiled=False)
        model = Recommender(index)  # was it built with this text analysis?
        for doc in index.docs()[-1:].tolist():
            model.related(index.article_id(doc))
    except IndexFolderError as error:
        stays = "" if before is None else f", generation {before} stays live"
        raise type(error)(f"{error} Nothing was moved{stays}.") from error
    return index


# --- clearing away ---


def clear_away(
    model: str | Path, settings: GenerationSettings | None = None, *, dry_run: bool = False
) -> Collected:
    """Remove generations beyond those to keep, and segments that none of the others names.

    Parameters
    ----------
    dry_run : remove nothing, and take no lock

    Raises
    ------
    NotAnIndexError, DamagedIndexError : nothing is live
    IndexLockedError, StorageError
    """
    root, chosen = Path(model), settings or GenerationSettings()
    current(root)
    if dry_run:
        return collect(root, chosen, dry_run=True)
    with writer_lock(root):
        return collect(root, chosen)


# --- comparing ---


@dataclass(frozen=True, slots=True)
class Changed:
    """An article whose block is another one in the newer generation.

    Attributes
    ----------
    id, title : str
    overlap : share of the longer block that both have, 0..1
    lost, gained : tuple of (id, title), cards that only the older or the newer block has
    """

    id: str
    title: str
    overlap: float
    lost: tuple[tuple[str, str], ...]
    gained: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How two generations differ.

    Attributes
    ----------
    older, newer : generations
    articles : in each
    added, removed : articles that only the newer, or the older, has
    limit : cards in the blocks that were compared
    shared : articles of both
    compared : of these, how many were compared: all, or a sample; what follows is of them
    changed : articles with another card (title, lead, section, date ...)
    blocks_changed : articles whose block has other ids, or the same in another order
    share_changed : the same as a share of those compared
    mean_overlap : mean share of the longer block that both blocks have; 1 for two empty ones
    lost_all, gained_first : articles that had cards and have none; had none and have some
    examples : tuple of Changed, the most changed first
    """

    older: int
    newer: int
    articles: tuple[int, int]
    added: int
    removed: int
    limit: int
    shared: int
    compared: int
    changed: int
    blocks_changed: int
    share_changed: float
    mean_overlap: float
    lost_all: int
    gained_first: int
    examples: tuple[Changed, ...]


def compare(
    model: str | Path,
    older: int | None = None,
    newer: int | None = None,
    *,
    limit: int = 6,
    most: int = MOST_COMPARED,
) -> Difference:
    """Compare the articles and the blocks of two generations.

    Blocks are those of the preset ``similarity``: nearest articles in the same language.

    Parameters
    ----------
    older : None = the one that was live before the live one
    newer : None = the live one
    limit : cards in a block
    most : articles of both that are compared at most: if there are more, an even sample by seed

    Raises
    ------
    InputError : there is no such generation, or ``most`` is below 1
    NotAnIndexError, DamagedIndexError, IncompatibleIndexError
    """
    root = Path(model)
    if most < 1:
        raise InputError(f"sample is {most!r}; expected a whole number, 1 or more.")
    second = known_generation(root, current(root) if newer is None else newer)
    first = _before(root) if older is None else known_generation(root, older)
    old, new = (Index.open(root, generation=number) for number in (first, second))
    pair = _Pair(old, new, limit, most)
    return Difference(
        older=first,
        newer=second,
        articles=(len(pair.old_ids), len(pair.new_ids)),
        added=len(pair.new_ids) - len(pair.shared),
        removed=len(pair.old_ids) - len(pair.shared),
        limit=limit,
        shared=len(pair.shared),
        compared=len(pair.keys),
        changed=sum(a != b for a, b in pair.each(_Side.card)),
        **pair.of_blocks(),
    )


class _Pair:
    """The same articles in two generations, place by place."""

    def __init__(self, old: Index, new: Index, limit: int, most: int) -> None:
        self.old_ids, self.new_ids = _ids(old), _ids(new)
        self.shared = [key for key in self.old_ids if key in self.new_ids]
        self.keys = [self.shared[i] for i in even_sample(len(self.shared), most).tolist()]
        self._old = _Side(old, [self.old_ids[key] for key in self.keys], limit)
        self._new = _Side(new, [self.new_ids[key] for key in self.keys], limit)

    def each(self, what: Callable[[_Side, int], T]) -> Iterator[tuple[T, T]]:
        """Yield something of each article in the older and in the newer generation."""
        for place in range(len(self.keys)):
            yield what(self._old, place), what(self._new, place)

    def of_blocks(self) -> dict[str, Any]:
        """Return those fields of a Difference that tell of blocks."""
        blocks = list(self.each(_Side.block))
        overlaps = [_overlap(a, b) for a, b in blocks]
        moved = [place for place, (a, b) in enumerate(blocks) if a != b]
        moved.sort(key=lambda place: (overlaps[place], self.keys[place]))
        return {
            "blocks_changed": len(moved),
            "share_changed": round(len(moved) / max(1, len(blocks)), 4),
            "mean_overlap": round(float(np.mean(overlaps or [1.0])), 4),
            "lost_all": sum(bool(a) and not b for a, b in blocks),
            "gained_first": sum(bool(b) and not a for a, b in blocks),
            "examples": tuple(self._example(place) for place in moved[:_EXAMPLES]),
        }

    def _example(self, place: int) -> Changed:
        before, now = self._old.block(place), self._new.block(place)
        return Changed(
            id=self.keys[place],
            title=self._new.title(place),
            overlap=round(_overlap(before, now), 4),
            lost=self._old.titles(key for key in before if key not in now),
            gained=self._new.titles(key for key in now if key not in before),
        )


class _Side:
    """The compared articles in one generation: their documents and blocks, place by place."""

    def __init__(self, index: Index, docs: list[int], limit: int) -> None:
        self._index = index
        self._docs = docs
        self._blocks = list(_blocks(index, np.array(docs, np.int32), limit))

    def block(self, place: int) -> tuple[str, ...]:
        """Return the ids of an article's block, best first."""
        return self._blocks[place]

    def card(self, place: int) -> dict[str, Any]:
        """Return the stored card of an article, with its language."""
        doc = self._docs[place]
        return {**self._index.card(doc), "lang": self._index.language(doc)}

    def title(self, place: int) -> str:
        """Return an article's title."""
        return _title(self._index, self._docs[place])

    def titles(self, ids: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Return the articles of a block with their titles."""
        docs = [(key, self._index.find(key)) for key in ids]
        return tuple((key, _title(self._index, doc)) for key, doc in docs if doc is not None)


def _title(index: Index, doc: int) -> str:
    return str(index.card(doc).get("title", ""))


def _ids(index: Index) -> dict[str, int]:
    return {index.article_id(doc): doc for doc in index.docs().tolist()}


def _blocks(index: Index, docs: NDArray[np.int32], limit: int) -> Iterator[tuple[str, ...]]:
    """Yield the ids of each document's block, best first."""
    for row in index.related_rows(docs, limit, effort=index.search_settings)[0]:
        yield tuple(index.article_id(doc) for doc in row[row >= 0].tolist())


def _overlap(a: tuple[str, ...], b: tuple[str, ...]) -> float:
    longer = max(len(a), len(b))
    return len({*a} & {*b}) / longer if longer else 1.0
