"""Rows of small files that people and other programs write: tables, JSON lines, plain or packed."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

from recommender.errors import InputError, SourceNotFoundError

__all__ = [
    "Row",
    "column",
    "fail",
    "first_line",
    "first_row",
    "lines_of",
    "rows_of",
    "whole_number",
]

_LONGEST_CELL = 100_000

Row = tuple[int, Mapping[str, Any]]
"""Line number, and the value of each column."""


def lines_of(path: Path) -> Generator[tuple[int, str], None, None]:
    """Yield the lines of a UTF-8 file that are not blank, with their numbers; ``.gz`` is unpacked.

    Raises
    ------
    SourceNotFoundError : it cannot be read
    InputError : it is no UTF-8 text, or no gzip file
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        how: Any = gzip.open if packed else open
        with how(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}).") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip file: {error}.") from error
    except OSError as error:
        raise SourceNotFoundError(f"Cannot read {path}: {error.strerror}.") from error


def first_line(path: Path) -> str:
    """Return the first line of a file that is not blank, "" where there is none."""
    with closing(lines_of(path)) as lines:
        return next(lines, (0, ""))[1]


def first_row(path: Path) -> Mapping[str, Any]:
    """Return the first row of a file, nothing where there is none."""
    with closing(rows_of(path)) as rows:
        return next(rows, (0, {}))[1]


def rows_of(path: Path) -> Generator[Row, None, None]:
    """Yield the rows of a file of JSON lines, or of a TSV or CSV file with a head.

    Raises
    ------
    SourceNotFoundError, InputError : as ``lines_of``; a broken line
    """
    with closing(lines_of(path)) as lines:
        yield from _rows(path, lines)


def _rows(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[Row]:
    first = next(lines, None)
    if first is None:
        raise InputError(f"{path} is empty; expected a row a line.")
    if first[1].lstrip().startswith(("{", "[")):
        yield _object(path, *first)
        for number, line in lines:
            yield _object(path, number, line)
        return
    mark = "\t" if "\t" in first[1] else ";" if first[1].count(";") > first[1].count(",") else ","
    heads = [name.strip().casefold() for name in _cells(path, *first, mark)]
    for number, line in lines:
        cells = _cells(path, number, line, mark)
        if len(cells) > len(heads):
            fail(path, number, f"has {len(cells)} columns; expected {len(heads)}, as in the head")
        yield number, dict(zip(heads, cells, strict=False))


def _cells(path: Path, number: int, line: str, mark: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=mark))
    except csv.Error as error:
        fail(path, number, f"cannot be read ({error})")
    longest = max(map(len, cells), default=0)
    if longest > _LONGEST_CELL:
        fail(path, number, f"cannot be read (a cell of {longest:,} characters)")
    return cells


def _object(path: Path, number: int, line: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        fail(path, number, f"is no JSON ({error})")
    if not isinstance(value, dict):
        fail(path, number, f"holds a JSON {type(value).__name__}; expected an object")
    return number, {str(name).casefold(): part for name, part in value.items()}


def column(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return the value of the first of some columns that is there and not empty, or None."""
    for name in names:
        if row.get(name) not in (None, ""):
            return row[name]
    return None


def whole_number(value: Any) -> int | None:
    """Return a whole number written in any usual way, or None."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**53 else None


def fail(path: Path, number: int, what: str) -> NoReturn:
    """Raise InputError about a line of a file."""
    raise InputError(f"Line {number:,} of {path} {what}.")
