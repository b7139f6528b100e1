"""Any source of articles to a stream of Article: the one place that knows every reader."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from recommender._settings import nearest
from recommender.article import Article
from recommender.errors import InputError, SourceNotFoundError
from recommender.ingest.formats import choose_format, format_of_suffix
from recommender.ingest.jsonlines import json_records
from recommender.ingest.pages import page_article
from recommender.ingest.records import article_from_record, plan_columns
from recommender.ingest.rejections import NoticeKind, RejectionReason, Rejections
from recommender.ingest.settings import DEFAULT_SETTINGS, IngestSettings
from recommender.ingest.sites import profiles_of
from recommender.ingest.streams import SourceFile, open_source
from recommender.ingest.tables import (
    NotArticlesError,
    arrow_records,
    csv_records,
    frame_records,
    is_arrow,
    is_frame,
    parquet_records,
)

__all__ = ["Place", "files_of", "read_articles"]

_MOST_NAMES = 1_000  # of columns remembered for a message


@dataclass(slots=True)
class Place:
    """Where reading is in its source.

    Attributes
    ----------
    records : met so far; a saved page is one
    passed : so many of the first are passed over: they were dealt with, and counted, before
    """

    records: int = 0
    passed: int = 0


def read_articles(
    source: Any,
    *,
    settings: IngestSettings = DEFAULT_SETTINGS,
    rejections: Rejections | None = None,
    place: Place | None = None,
) -> Iterator[Article]:
    """Read articles from anything that holds them, one at a time, in the order of the source.

    What cannot be read becomes a counted rejection and the rest is read on. Memory is bounded by
    the settings.

    Parameters
    ----------
    source : one of
        a path: JSONL (also one JSON array), CSV, TSV, Parquet, a saved HTML page or plain-text
        page, each but Parquet also as ``.gz``; a folder: all of these in it by name, saved pages
        also in folders below; "-": standard input, JSONL unless ``settings.format`` says otherwise;
        a pandas DataFrame; a pyarrow table; an iterable of mappings, Articles or paths
    settings : columns, format, limits
    rejections : collects what was rejected or mended; where it has no ``max_errors``, that of
        the settings holds
    place : is kept up to date; says how many records to pass over

    Returns
    -------
    iterator of Article; every id is non-empty, but the same id may come twice

    Raises
    ------
    SourceNotFoundError : at the call; a file, a folder or a profile is not there or cannot be read
    InputError : not a source; a file in no known format; a mapped column that no record has; a
        table without an id or a text column
    TooManyRejectionsError : past ``max_errors``
    MissingExtraError : Parquet or HTML without the extra that reads it

    Examples
    --------
    >>> [a.title for a in read_articles([{"id": 7, "headline": "Tea is back"}])]
    ['Tea is back']
    """
    found = Rejections() if rejections is None else rejections
    if found.max_errors is None:
        found.max_errors = settings.max_errors
    if settings.site_profiles:
        profiles_of(settings.site_profiles)  # a path that is not there is told at the call
    at = place or Place()
    found.muted = at.passed > 0
    reader = _Reader(settings, found, _Watch(settings), at)
    return reader.cleaned(reader.start(source))


class _Watch:
    """Remembers which columns the records had, to tell of a mapped column that none had."""

    def __init__(self, settings: IngestSettings) -> None:
        self._mapped = tuple(settings.columns.items())
        self._missing = dict(self._mapped)
        self._known: set[tuple[Any, ...]] = set()
        self._names: dict[str, None] = {}

    def see(self, record: Mapping[Any, Any]) -> None:
        if not self._missing:
            return
        names = tuple(record)
        if names in self._known:
            return
        if len(self._names) < _MOST_NAMES:
            self._known.add(names)
            self._names.update(dict.fromkeys(str(name) for name in names))
        for field in plan_columns(names, self._mapped, ()).fields:
            self._missing.pop(field, None)

    def check(self) -> None:
        """Raise InputError for the first mapped column that no record had."""
        if not self._names:
            return
        for field, column in self._missing.items():
            names = list(self._names)
            raise InputError(
                f"No record has the column {column!r} (mapped to {field})."
                f"{nearest(column, names[:200])} "
                f"Columns found: {', '.join(names[:40])}"
            )


@dataclass(frozen=True, slots=True)
class _Reader:
    """One run of reading: its settings, its collector, what it has seen."""

    settings: IngestSettings
    rejections: Rejections
    watch: _Watch
    place: Place

    def start(self, source: Any) -> Iterator[Article]:
        """Return the articles of any source; what can be checked at once is."""
        if isinstance(source, str | os.PathLike):
            return self.path(source)
        if is_frame(source):
            return self.records(frame_records(source, self.settings), None)
        if is_arrow(source):
            return self.records(arrow_records(source, self.settings), None)
        if isinstance(source, Mapping | Article):
            return self.entries([source])
        if isinstance(source, bytes | bytearray) or not isinstance(source, Iterable):
            raise InputError(
                f"{type(source).__name__} is not a source of articles; expected a path, a folder, "
                "'-', a DataFrame, an Arrow table, or an iterable of mappings or Articles"
            )
        if isinstance(source, list | tuple) and all(
            isinstance(s, str | os.PathLike) for s in source
        ):
            # Each is looked at now, so that a missing file is known before the first is read.
            return itertools.chain.from_iterable([self.path(entry) for entry in source])
        return self.entries(source)

    def path(self, source: str | os.PathLike[str]) -> Iterator[Article]:
        if source == "-":
            return self.file(None, "stdin", in_folder=False)
        path = Path(source)
        try:
            if path.is_dir():
                return self.folder(path)
            exists = path.exists()
        except (OSError, ValueError) as error:
            raise SourceNotFoundError(f"Cannot read {str(path)[:200]!r}: {error}.") from error
        if not exists:
            raise SourceNotFoundError(
                f"No file or folder {str(path)[:200]!r}; looked from {Path.cwd()}."
            )
        return self.file(path, _stem(path), in_folder=False)

    def folder(self, folder: Path) -> Iterator[Article]:
        paths, skipped = files_of(folder)
        for path in skipped:
            self._skip(path, "its suffix names no format that can be read")
        if not paths:
            self.rejections.notice(
                NoticeKind.EMPTY_FILE, "the folder holds no file to read", file=str(folder)
            )
        names = [_stem(path, folder) for path in paths]
        return itertools.chain.from_iterable(
            self.file(path, name, in_folder=True) for path, name in zip(paths, names, strict=True)
        )

    def file(self, path: Path | None, name: str, *, in_folder: bool) -> Iterator[Article]:
        if path is not None and self._is_quarantine(path):
            self._skip(path, "it is the quarantine file of this run")
            return
        with open_source(path, self.settings, self.rejections) as source:
            # What is read on is not empty: the last record passed over was an article.
            n_articles = int(self.place.records < self.place.passed)
            n_rejected = self.rejections.count
            try:
                for article in self._articles_of(source, path, name):
                    n_articles += 1
                    yield article
            except NotArticlesError as error:
                if not in_folder:
                    raise
                self._skip(Path(source.name), str(error))
                return
            source.finish()
            if not n_articles and self.rejections.count == n_rejected:
                self.rejections.notice(
                    NoticeKind.EMPTY_FILE, "the file holds no article", file=source.name
                )

    def _is_quarantine(self, path: Path) -> bool:
        """Whether what is rejected is written there: reading it would never end."""
        quarantine = self.rejections.quarantine
        return quarantine is not None and path.resolve() == quarantine.resolve()

    def _articles_of(self, source: SourceFile, path: Path | None, name: str) -> Iterator[Article]:
        kind = choose_format(source, path)
        if kind in ("html", "text"):
            if self._is_passed():
                return iter(())
            article = page_article(source, kind, name)
            return iter(() if article is None else (article,))
        if kind == "parquet":
            if path is None or source.gzip is not None:
                raise InputError(
                    f"{source.name}: Parquet is read from a plain file only; unpack it first"
                )
            rows = parquet_records(path, self.settings)
        else:
            rows = json_records(source) if kind == "jsonl" else csv_records(source, kind)
        return self.records(rows, source.name)

    def records(
        self, rows: Iterable[tuple[int, Mapping[Any, Any]]], file: str | None
    ) -> Iterator[Article]:
        for number, record in rows:
            self.watch.see(record)
            if self._is_passed():
                continue
            article = article_from_record(
                record, settings=self.settings, rejections=self.rejections, file=file, line=number
            )
            if article is not None:
                yield article

    def _is_passed(self) -> bool:
        """Count a record; return whether it was dealt with before."""
        place = self.place
        place.records += 1
        if place.records == place.passed:
            self.rejections.muted = False
        return place.records <= place.passed

    def entries(self, source: Iterable[Any]) -> Iterator[Article]:
        """Read an iterable whose entries may be of different kinds."""
        for number, entry in enumerate(source, start=1):
            if isinstance(entry, Mapping):
                yield from self.records([(number, entry)], None)
            elif isinstance(entry, Article):
                yield from self._checked(entry, number)
            elif isinstance(entry, str | os.PathLike):
                yield from self.path(entry)
            else:
                detail = f"a {type(entry).__name__}; expected a mapping, an Article or a path"
                self.rejections.add(RejectionReason.NOT_AN_OBJECT, detail, line=number)

    def _checked(self, article: Article, number: int) -> Iterator[Article]:
        """Hold a caller's Article to the same rules as a record."""
        stated = {f.name: getattr(article, f.name) for f in fields(Article)}
        image = article.image and asdict(article.image)
        plain = replace(self.settings, columns={}, extra_columns=())
        read = article_from_record(
            {**stated, "image": image}, settings=plain, rejections=self.rejections, line=number
        )
        if read is not None:
            yield replace(read, asides=article.asides, extra=article.extra)

    def cleaned(self, articles: Iterator[Article]) -> Iterator[Article]:
        """Clean each article, where the settings say so; check the columns at the end."""
        clean = _cleaner(self.settings)
        for article in articles:
            yield clean(article)
        if self.place.records < self.place.passed:
            raise InputError(
                f"The source holds {self.place.records:,} records; before the build was "
                f"interrupted it held {self.place.passed:,} or more. Build without resume."
            )
        self.watch.check()

    def _skip(self, path: Path, why: str) -> None:
        self.rejections.notice(NoticeKind.FILE_SKIPPED, why, file=str(path))


def _cleaner(settings: IngestSettings) -> Callable[[Article], Article]:
    if not settings.clean:
        return _same
    from recommender.ingest.clean import clean_article

    return clean_article


def _same(article: Article) -> Article:
    return article


def _stem(path: Path, folder: Path | None = None) -> str:
    """Return the name of a page's file without its suffixes; below a folder with the way to it."""
    name = path.name
    for suffix in reversed(path.suffixes[-2:]):
        if suffix.lower() == ".gz" or format_of_suffix(Path(f"x{suffix}")):
            name = name.removesuffix(suffix)
    inside = path.parent.relative_to(folder).parts if folder is not None else ()
    return "/".join((*inside, name or path.name))


def files_of(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files to read and those passed over, each by name; pages below as well."""
    read: list[Path] = []
    skipped: list[Path] = []
    walk = os.walk(folder, onerror=partial(_cannot_list, folder))
    for place, folders, files in walk:
        here = Path(place)
        folders[:] = [name for name in folders if _may_hold_pages(name, files)]
        for name in files:
            if name.startswith((".", "_")):
                continue
            kind = format_of_suffix(Path(name))
            if here != folder and kind != "html":
                continue
            (skipped if kind is None else read).append(here / name)
    return (
        sorted(read, key=lambda path: path.relative_to(folder).parts),
        sorted(skipped),
    )


def _may_hold_pages(name: str, beside: list[str]) -> bool:
    """Leave out hidden folders and what a browser saves beside a page ("NAME_files")."""
    page = name.removesuffix("_files")
    saved = page != name and (f"{page}.html" in beside or f"{page}.htm" in beside)
    return not name.startswith(".") and not saved


def _cannot_list(folder: Path, error: OSError) -> None:
    raise SourceNotFoundError(
        f"Cannot list {error.filename or folder}: {error.strerror}."
    ) from error
