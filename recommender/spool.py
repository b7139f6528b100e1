"""Articles on their way into an index: on disk, each field a run of UTF-8 to be mapped.

The spool keeps the texts out of memory. Articles are read once, from any stream; afterwards
the build knows how many there are, which were replaced by later versions, in which order they were
published and what recurs on every page, and only then counts the terms, straight from the mapped
bytes.
"""

from __future__ import annotations

import array
import contextlib
import hashlib
import itertools
import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recommender._disk import disk
from recommender._files import storage_errors
from recommender._strings import StringColumn
from recommender._urls import normalize_url, site_of
from recommender._utf8 import encode
from recommender.article import Article, to_json
from recommender.errors import StorageError
from recommender.index.reader import NO_DATE

__all__ = ["FIELDS", "Spool", "SpooledArticles", "SpooledRows", "sound_rows"]

FIELDS = ("title", "lead", "body", "caption", "tags")
_COLUMNS = (*FIELDS, "ids", "urls", "cards")
_EXCERPT_CHARS = 220


@dataclass(frozen=True, slots=True)
class SpooledArticles:
    """What was spooled, mapped from disk, in document order.

    Attributes
    ----------
    columns : the fields, ids, urls and cards as StringColumn, in the order they were read
    order : (n_docs,) int64, the row in ``columns`` of each document: by publishing time, then id;
        undated first
    langs : (n_rows,) language of each row
    sites : (n_rows,) int32, a number for each pair of site and language
    published : (n_rows,) int64 seconds, the smallest int64 = no date
    updated : when each row's version was made, or None
    digests : (n_rows,) uint64, of all that was read of the article
    site_languages : the main language of each site
    """

    columns: Mapping[str, StringColumn]
    order: NDArray[np.int64]
    langs: tuple[str, ...]
    sites: NDArray[np.int32]
    published: NDArray[np.int64]
    updated: tuple[datetime | None, ...]
    digests: NDArray[np.uint64]
    site_languages: Mapping[str, str]


class SpooledRows(NamedTuple):
    """What memory holds of articles whose texts were spooled.

    Attributes
    ----------
    said : lists of ids, languages, hosts, ``updated_at``; the unsure among the rows of the spool
    arrays : publishing times, digests, bytes in each column
    """

    said: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


class Spool:
    """Writes articles to a folder as they come; a context manager that closes its files.

    Parameters
    ----------
    folder : an existing folder, for this spool alone
    site_languages : the main language of sites, where it is known already
    rows : what ``rows_from`` said of the articles that stand in the folder already

    Raises
    ------
    StorageError : the disk refused
    """

    def __init__(
        self,
        folder: Path,
        site_languages: Mapping[str, str] | None = None,
        rows: Sequence[SpooledRows] = (),
    ) -> None:
        self._folder = folder
        self._site_languages = dict(site_languages or {})
        self._files: dict[str, BinaryIO] = {}
        self._ends = {c: array.array("q", [0]) for c in _COLUMNS}
        self._ids: list[str] = []
        self._langs: list[str] = []
        self._unsure: list[int] = []
        self._hosts: list[str] = []
        self._replaced: set[int] = set()
        self._published = array.array("q")
        self._updated: list[datetime | None] = []
        self._latest: dict[str, int] = {}
        self._digests = array.array("Q")
        for some in rows:
            self._take_back(some)
        try:
            with storage_errors(folder.parent):
                for name in _COLUMNS:
                    self._open(name)
        except StorageError:
            self._close()
            raise

    def _open(self, name: str) -> None:
        """Open a file to go on behind the articles that are there."""
        size = self._ends[name][-1]
        file = self._files[name] = disk().open(self._folder / name, "r+b" if size else "wb")
        if size:
            disk().truncate(file, size)
            file.seek(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        for file in self._files.values():
            # A full disk was reported where it happened; to be left unclosed is no news.
            with contextlib.suppress(OSError):
                file.close()

    def __len__(self) -> int:
        return len(self._langs)

    @property
    def n_bytes(self) -> int:
        """Bytes of text spooled, cards apart."""
        return sum(self._ends[f][-1] for f in FIELDS)

    def add(self, article: Article, lang: str, *, sure: bool = True) -> bool:
        """Append an article; return whether it replaced, or was older than, another of the same id.

        Of two articles with one id the later ``updated_at`` stands; where either has none, the
        later read.

        Parameters
        ----------
        lang : its language
        sure : False where that is a weak guess; ``finish`` gives it its site's main language

        Raises
        ------
        StorageError : the disk refused
        """
        texts = {
            **article.counted_texts(),
            "ids": article.id,
            "urls": normalize_url(article.url) if article.url else "",
            "cards": json.dumps(
                _card(article), ensure_ascii=False, separators=(",", ":"), default=_as_plain
            ),
        }
        row = len(self)
        encoded = {name: encode(text) for name, text in texts.items()}
        self._digests.append(_digest((encode(lang), *encoded.values())))
        with storage_errors(self._folder.parent):
            for name, data in encoded.items():
                self._files[name].write(data)
                self._ends[name].append(self._ends[name][-1] + len(data))
        self._ids.append(article.id)
        self._langs.append(lang)
        self._hosts.append(site_of(article.url))
        if not sure:
            self._unsure.append(row)
        when = article.published_at
        self._published.append(int(when.timestamp()) if when else NO_DATE)
        self._updated.append(article.updated_at)
        return self._settle(article.id, row)

    def _settle(self, article_id: str, row: int) -> bool:
        """Decide which version of an id stands."""
        before = self._latest.get(article_id)
        if before is None:
            self._latest[article_id] = row
            return False
        old, new = self._updated[before], self._updated[row]
        loser = row if old is not None and new is not None and new < old else before
        self._replaced.add(loser)
        if loser == before:
            self._latest[article_id] = row
        return True

    def discard(self, article_id: str) -> bool:
        """Take back the article of an id; return whether there was one."""
        row = self._latest.pop(article_id, None)
        if row is not None:
            self._replaced.add(row)
        return row is not None

    def rows_from(self, first: int) -> SpooledRows:
        """Hand what was written to the system; return what memory holds of rows from ``first``."""
        with storage_errors(self._folder.parent):
            for file in self._files.values():
                file.flush()
        said = {
            "ids": self._ids[first:],
            "langs": self._langs[first:],
            "hosts": self._hosts[first:],
            "unsure": self._unsure[bisect_left(self._unsure, first) :],
            "updated": [when and when.isoformat() for when in self._updated[first:]],
        }
        arrays: dict[str, NDArray[Any]] = {
            "published": np.array(self._published[first:], np.int64),
            "digests": np.array(self._digests[first:], np.uint64),
            **{c: np.diff(np.array(self._ends[c][first:], np.int64)) for c in _COLUMNS},
        }
        return SpooledRows(said, arrays)

    def _take_back(self, rows: SpooledRows) -> None:
        """Take over rows that stand in the folder already."""
        said, arrays = rows
        first = len(self)
        for name in _COLUMNS:
            ends = self._ends[name][-1] + np.cumsum(arrays[name], dtype=np.int64)
            self._ends[name].frombytes(ends.tobytes())
        self._published.frombytes(arrays["published"].tobytes())
        self._digests.frombytes(arrays["digests"].tobytes())
        self._updated += [when and datetime.fromisoformat(when) for when in said["updated"]]
        self._langs += said["langs"]
        self._hosts += said["hosts"]
        self._unsure += said["unsure"]
        self._ids += said["ids"]
        for row, article_id in enumerate(said["ids"], first):
            self._settle(article_id, row)

    def finish(self) -> SpooledArticles:
        """Close the files and map them."""
        with storage_errors(self._folder.parent):
            for file in self._files.values():
                file.close()
        columns = {c: self._map(c) for c in _COLUMNS}
        published = np.frombuffer(self._published, np.int64)
        standing = np.ones(len(self), bool)
        standing[list(self._replaced)] = False
        kept = np.flatnonzero(standing)
        by_id = sorted(range(len(kept)), key=lambda i: columns["ids"].bytes_at(int(kept[i])))
        kept = kept[by_id]
        order = kept[np.argsort(published[kept], kind="stable")]
        langs = self._settled_languages(kept)
        return SpooledArticles(
            columns,
            order,
            langs,
            self._sites(langs, kept),
            published,
            tuple(self._updated),
            np.frombuffer(self._digests, np.uint64),
            self._site_languages,
        )

    def _settled_languages(self, kept: NDArray[np.int64]) -> tuple[str, ...]:
        """Return every row's language, weak guesses replaced by the main language of their site.

        A site's main language is that of most of its articles when it was first settled.
        """
        unsure = set(self._unsure)
        votes: dict[str, Counter[str]] = defaultdict(Counter)
        for row in kept.tolist():
            if row not in unsure:
                votes[self._hosts[row]][self._langs[row]] += 1
        for host, count in sorted(votes.items()):
            commonest = min(count, key=lambda lang: (-count[lang], lang))
            self._site_languages.setdefault(host, commonest)
        langs = list(self._langs)
        for row in self._unsure:
            langs[row] = self._site_languages.get(self._hosts[row], langs[row])
        return tuple(langs)

    def _sites(self, langs: tuple[str, ...], kept: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return a number for each pair of site and language; a replaced row is its own site.

        Nothing can recur on a site of one article, so replaced versions add to no boilerplate.
        """
        pairs = sorted({(self._hosts[row], langs[row]) for row in kept.tolist()})
        number = {pair: i for i, pair in enumerate(pairs)}
        sites = np.arange(len(pairs), len(pairs) + len(self), dtype=np.int32)
        sites[kept] = [number[self._hosts[row], langs[row]] for row in kept.tolist()]
        return sites

    def _map(self, name: str) -> StringColumn:
        path = self._folder / name
        empty = path.stat().st_size == 0
        data = np.zeros(0, np.uint8) if empty else np.memmap(path, np.uint8, mode="r")
        return StringColumn(data, np.frombuffer(self._ends[name], np.int64))


def sound_rows(folder: Path, rows: Sequence[SpooledRows]) -> int:
    """Return how many of ``rows``, from the first on, stand in the folder as they were spooled.

    Every article is compared with its digest: after a power cut any part of it may be lost.
    """
    with contextlib.ExitStack() as opened:
        try:
            files = [opened.enter_context((folder / name).open("rb")) for name in _COLUMNS]
        except OSError:
            return 0
        sound = (_is_sound(files, some) for some in rows)
        return sum(itertools.takewhile(bool, sound))


def _is_sound(files: Sequence[BinaryIO], rows: SpooledRows) -> bool:
    """Compare the next articles of the files with their digests."""
    said, arrays = rows
    columns = []
    for name, file in zip(_COLUMNS, files, strict=True):
        offsets = np.concatenate(([0], np.cumsum(arrays[name]))).tolist()
        data = file.read(offsets[-1])
        columns.append([data[a:b] for a, b in itertools.pairwise(offsets)])
    found = (
        _digest((encode(lang), *texts))
        for lang, *texts in zip(said["langs"], *columns, strict=True)
    )
    return all(a == b for a, b in zip(found, arrays["digests"].tolist(), strict=True))


def _digest(texts: Iterable[bytes]) -> int:
    """Return a 64-bit number that tells two versions of an article apart."""
    digest = hashlib.blake2b(digest_size=8)
    for data in texts:
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return int.from_bytes(digest.digest(), "little")


def _card(article: Article) -> dict[str, Any]:
    """Return what a card needs of an article, without what is absent."""
    card = {
        "title": article.title,
        "lead": article.lead or _excerpt(article.body),
        "url": article.url,
        "section": article.section,
        "authors": article.authors,
        "tags": article.tags,
        "published_at": article.published_at,
        "updated_at": article.updated_at,
        "image": article.image,
        "label": article.label,
        "sensitive": article.sensitive,
        "links": article.links,
        "extra": article.extra,
    }
    return {name: to_json(value) for name, value in card.items() if value}


def _as_plain(value: Any) -> Any:
    """Return what JSON has no form for (a caller's own extra values) as a number, list or text."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value)


def _excerpt(body: str) -> str:
    """Return the beginning of the body, cut at a word, for articles without a lead."""
    first = " ".join(body[: 4 * _EXCERPT_CHARS].split())
    if len(first) <= _EXCERPT_CHARS:
        return first
    return first[:_EXCERPT_CHARS].rsplit(" ", 1)[0].rstrip(",;:–—-") + "…"
