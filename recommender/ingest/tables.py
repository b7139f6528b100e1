"""Table records: CSV and TSV row by row, Parquet and Arrow by batches, DataFrames by slices."""

from __future__ import annotations

import csv
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recommender._settings import nearest
from recommender.errors import InputError, MissingExtraError
from recommender.ingest.records import plan_columns
from recommender.ingest.rejections import NoticeKind, RejectionReason
from recommender.ingest.settings import IngestSettings
from recommender.ingest.streams import Line, SourceFile

__all__ = ["NotArticlesError", "arrow_records", "csv_records", "frame_records", "parquet_records"]

Record = tuple[int, Mapping[str, Any]]

_DELIMITERS = {"csv": ",;\t|", "tsv": "\t;|"}  # the first is the format's own
_BATCH_ROWS = 512
_BATCH_BYTES = 16 * 2**20
_LOOK_AT_LINES = 21
_MOST_RETRIES = 100  # of rows that swallowed others; bounds the work a hostile file can ask for
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotArticlesError(InputError):
    """The table has no column for an id, or none for a text."""


def check_header(names: Sequence[Any], place: str, settings: IngestSettings) -> None:
    """Refuse a table whose columns cannot make an article.

    Raises
    ------
    InputError : a mapped column is not there; the message lists those that are
    NotArticlesError : no id or url column, or no title, lead, body or html column
    """
    plan = plan_columns(tuple(names), tuple(settings.columns.items()), ())
    shown = ", ".join(repr(str(name)[:40]) for name in list(names)[:40]) or "none"
    for field, column in settings.columns.items():
        if field not in plan.fields:
            near = nearest(column, [str(name) for name in names][:200])
            raise InputError(
                f"{place} has no column {column!r} (mapped to {field}).{near} Its columns: {shown}"
            )
    has_text = any(field in plan.fields for field in ("title", "lead", "body", "html"))
    # A saved page names its own id.
    has_id = "id" in plan.fields or "html" in plan.fields
    if has_id and has_text:
        return
    wanted = [] if has_id else ["an id or url"]
    wanted += [] if has_text else ["a title, lead or body"]
    raise NotArticlesError(
        f"{place} has no column for {' nor for '.join(wanted)}. Its columns: {shown}. "
        "The first row must name the columns; other names are mapped with columns "
        "in the [ingest] settings, and a table without such a row is read with column_names"
    )


def csv_records(source: SourceFile, table_format: str) -> Iterator[Record]:
    """Yield (line number, row) of a CSV or TSV file.

    The first row names the columns, unless ``column_names`` does.

    A quote that is never closed would swallow the rows behind it. Where the lines swallowed look
    like rows, the first is read without quoting (or rejected, if that does not give as many cells
    as the header has) and reading goes on with the next line.

    Raises
    ------
    InputError, NotArticlesError : see check_header
    """
    # The module's own limit (128 KiB a cell) is global; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), source.settings.max_article_bytes))
    feed = _LineFeed(source)
    first = next((line for line in feed if line.strip()), None)
    if first is None:
        return
    feed.back(first)
    delimiter = _delimiter(first, _DELIMITERS[table_format], source.settings)
    rows = _Rows(feed, delimiter)
    names: list[str] | None = list(source.settings.column_names) or next(rows, None)
    if names is None:
        return  # a header that cannot be read has swallowed all, and was rejected
    header = [name.strip() for name in names]
    check_header(header, source.name, source.settings)
    rows.n_columns = len(header)
    for row in rows:
        if any(row):
            yield (
                rows.line,
                dict(zip(reversed(header), reversed(_as_long(row, header)), strict=True)),
            )


def _as_long(row: list[str], header: list[str]) -> list[str]:
    return row[: len(header)] + [""] * (len(header) - len(row))


def _delimiter(first: str, choices: str, settings: IngestSettings) -> str:
    """Return the delimiter that gives the header the most columns with a known name.

    Where there is no header, the one that gives as many cells as there are names.
    """
    mapped = tuple(settings.columns.items())
    n_names = len(settings.column_names)

    def known(delimiter: str) -> int:
        try:
            names = next(csv.reader([first], delimiter=delimiter))
        except csv.Error:  # the reader of the rows meets it again and rejects it
            return 0
        if n_names:
            return int(len(names) == n_names)
        return len(plan_columns(tuple(names), mapped, ()).fields)

    return max(choices, key=known)


class _LineFeed:
    """Gives the csv reader its lines, remembers those of the row at hand, and takes lines back."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.row: list[tuple[int, str]] = []
        self.row_size = 0
        self.ended = False
        self._lines = source.lines()
        self._returned: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.too_large:
            raise csv.Error("row too large")
        number, text = self._returned.popleft() if self._returned else self._read()
        self.row.append((number, text))
        self.row_size += len(text)
        return text

    def _read(self) -> tuple[int, str]:
        for line in self._lines:
            text = self.source.text(line)
            if text is not None:
                return line.number, text
        self.ended = True
        raise StopIteration

    @property
    def too_large(self) -> bool:
        return self.row_size > self.source.settings.max_article_bytes

    def skip_quoted(self) -> None:
        """Pass over the rest of a quoted cell: up to a line with an odd number of quotes."""
        self.begin_row()
        for text in self:
            self.begin_row()
            if text.count('"') % 2:
                return

    def begin_row(self) -> None:
        self.row, self.row_size, self.ended = [], 0, False

    def back(self, text: str) -> None:
        """Return the one line read so far, to be read again."""
        self._returned.append((self.row[-1][0], text))
        self.begin_row()

    def back_to_second(self) -> None:
        """Return all lines of the row but its first."""
        self._returned.extendleft(reversed(self.row[1:]))


class _Rows:
    """Rows of a CSV file, as lists of cells; ``line`` is where the last one began."""

    def __init__(self, feed: _LineFeed, delimiter: str) -> None:
        self._feed = feed
        self._source = feed.source
        self._delimiter = delimiter
        self._reader = csv.reader(feed, delimiter=delimiter)
        self._retries = 0
        self.n_columns: int | None = None
        self.line = 1

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        while True:
            row = self._next_row()
            if row is not None:
                return row

    def _next_row(self) -> list[str] | None:
        """Return a sound row, or None after dealing with one that is not."""
        feed = self._feed
        feed.begin_row()
        try:
            row = next(self._reader)
        except csv.Error as error:
            return self._take_apart(f"{error}")
        self.line = feed.row[0][0]
        # The reader asked for more lines and there were none: a quote was never closed.
        if feed.ended:
            return self._take_apart("a quote is never closed")
        return self._checked(row)

    def _checked(self, row: list[str]) -> list[str] | None:
        if self.n_columns is None or len(row) == self.n_columns or not row:
            return row
        surplus = row[self.n_columns :]
        if any(surplus):
            return self._take_apart(f"{len(row)} cells, the header has {self.n_columns}")
        if not surplus and len(self._feed.row) > 1:
            return self._take_apart(
                f"{len(row)} cells in several lines, the header has {self.n_columns}"
            )
        if not surplus:
            detail = f"{len(row)} cells, the header has {self.n_columns}"
            self._notice(NoticeKind.SHORT_ROW, detail)
        return row

    def _take_apart(self, why: str) -> list[str] | None:
        feed = self._feed
        if not feed.row or (self._source.fault is not None and feed.ended):
            return None  # the end that was lost; finish() reports it
        self.line, text = feed.row[0]
        if self._retries < _MOST_RETRIES and self._swallowed_rows():
            self._retries += 1
            feed.back_to_second()
            cells = text.rstrip("\r\n").split(self._delimiter)
            if len(cells) == self.n_columns:
                self._notice(NoticeKind.STRAY_QUOTE, why)
                return cells
        elif feed.too_large:
            limit = self._source.settings.max_article_bytes
            self._reject(RejectionReason.TOO_LARGE, f"longer than max_article_bytes ({limit:,})")
            feed.skip_quoted()
            return None
        self._reject(RejectionReason.BROKEN_ROW, why)
        return None

    def _swallowed_rows(self) -> bool:
        """Whether the lines behind the row's first look like rows of their own, not like prose."""
        lines = [text for _, text in self._feed.row[1:_LOOK_AT_LINES]]
        alike = sum(self._n_cells(line) == self.n_columns for line in lines)
        return bool(lines) and 2 * alike >= len(lines)

    def _n_cells(self, line: str) -> int:
        try:
            return len(next(csv.reader([line], delimiter=self._delimiter), []))
        except csv.Error:
            return 0

    def _notice(self, kind: NoticeKind, detail: str) -> None:
        self._source.rejections.notice(kind, detail, file=self._source.name, line=self.line)

    def _reject(self, reason: RejectionReason, detail: str) -> None:
        lines = "".join(text[: 2**16] for _, text in self._feed.row[:100])
        raw = Line(self.line, lines[: 2**16].encode("utf-8", "replace"), whole=True)
        self._source.reject(reason, detail, raw)


def parquet_records(path: Path, settings: IngestSettings) -> Iterator[Record]:
    """Yield (row number, row) of a Parquet file, a few rows of a row group at a time.

    Raises
    ------
    InputError : the file is damaged or cut off; see also check_header
    MissingExtraError : pyarrow is not installed
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "parquet") from error
    try:
        with pq.ParquetFile(path) as file:
            check_header(file.schema_arrow.names, str(path), settings)
            batches = file.iter_batches(batch_size=_batch_rows(file.metadata))
            yield from _batch_records(batches)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read as Parquet: {str(error)[:300]}") from error


def _batch_rows(metadata: Any) -> int:
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    row_bytes = max((g.total_byte_size // max(g.num_rows, 1) for g in groups), default=0)
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(row_bytes, 1)))


def arrow_records(table: Any, settings: IngestSettings) -> Iterator[Record]:
    """Yield (row number, row) of a pyarrow Table, RecordBatch or RecordBatchReader."""
    check_header(table.schema.names, "the Arrow table", settings)
    if hasattr(table, "to_batches"):
        return _batch_records(iter(table.to_batches(max_chunksize=_BATCH_ROWS)))
    if hasattr(table, "read_next_batch"):
        return _batch_records(iter(table))
    return _batch_records(
        table.slice(at, _BATCH_ROWS) for at in range(0, table.num_rows, _BATCH_ROWS)
    )


def _batch_records(batches: Iterator[Any]) -> Iterator[Record]:
    number = 0
    for batch in batches:
        names = batch.schema.names
        columns = [_cells(column) for column in batch.columns]
        for row in zip(*columns, strict=True):
            number += 1
            # Reversed, so that the first of two columns of one name is the one that counts.
            yield number, dict(zip(reversed(names), reversed(row), strict=True))


def _cells(column: Any) -> list[Any]:
    """Return an Arrow column as Python values; a time that no datetime can hold as a text."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        if pa.types.is_date32(column.type):
            return [_moment(days, 86_400_000_000) for days in column.cast(pa.int32()).to_pylist()]
        unit = {"s": 10**6, "ms": 10**3, "us": 1, "ns": 0}[getattr(column.type, "unit", "ms")]
        return [_moment(ticks, unit) for ticks in column.cast(pa.int64()).to_pylist()]
    try:
        cells = column.to_pylist()
    except UnicodeDecodeError:
        cells = column.cast(pa.large_binary()).to_pylist()
    return [_as_text(cell) if isinstance(cell, bytes) else cell for cell in cells]


def _as_text(cell: bytes) -> str | bytes:
    """Return bytes that are UTF-8 as text; others as they are (a page in its own encoding)."""
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell


def _moment(ticks: int | None, micros: int) -> datetime | str | None:
    if ticks is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=ticks * micros if micros else ticks // 1000)
    except OverflowError:
        return f"out of range ({ticks})"  # as a bare number it would be read as another time


def frame_records(frame: Any, settings: IngestSettings) -> Iterator[Record]:
    """Yield (row number, row) of a pandas DataFrame; a named index is a column too."""
    levels = [i for i, name in enumerate(frame.index.names) if name is not None]
    names = [*frame.columns, *(frame.index.names[i] for i in levels)]
    if names:
        check_header(names, "the DataFrame", settings)
    for start in range(0, len(frame), _BATCH_ROWS):
        part = frame.iloc[start : start + _BATCH_ROWS]
        columns = [part.iloc[:, j].tolist() for j in range(part.shape[1])]
        columns += [part.index.get_level_values(i).tolist() for i in levels]
        for offset, row in enumerate(zip(*columns, strict=True)):
            yield start + offset + 1, dict(zip(reversed(names), reversed(row), strict=True))


def is_frame(source: object) -> bool:
    """Whether this is a pandas DataFrame, found out without importing pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(source, pandas.DataFrame)


def is_arrow(source: object) -> bool:
    """Whether this is a pyarrow table of some kind, found out without importing pyarrow."""
    pa = sys.modules.get("pyarrow")
    return pa is not None and isinstance(source, pa.Table | pa.RecordBatch | pa.RecordBatchReader)
