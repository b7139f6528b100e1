"""Pages and tables to files: whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from recommender._disk import disk
from recommender._files import storage_errors, write_text
from recommender.errors import InputError, SourceNotFoundError

__all__ = ["check_place", "write_table", "write_whole"]


def check_place(path: Path | None) -> None:
    """Refuse a place where no file can be, before the work is done.

    Raises
    ------
    SourceNotFoundError : its folder is not there
    InputError : it is a folder
    """
    if path is None:
        return
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected the name of a file to write.")
    if not path.parent.is_dir():
        raise SourceNotFoundError(f"There is no folder {path.parent} to write {path.name} into.")


def write_whole(path: Path, text: str) -> None:
    """Put ``text`` at ``path`` in one step.

    Raises
    ------
    SourceNotFoundError, InputError : as ``check_place``
    StorageError : the disk refused
    """
    check_place(path)
    with storage_errors(path.parent):
        if path.exists() and not path.is_file():  # a pipe or a device
            with disk().open(path) as file:
                file.write(text.encode("utf-8", "backslashreplace"))
            return
        beside = path.with_name(path.name + ".tmp")
        write_text(beside, text)
        disk().rename(beside, path)


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as CSV with a head and return how many; what is not defined is an empty cell.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    out, n = io.StringIO(), 0
    writer = None
    for n, row in enumerate(rows, 1):
        writer = writer or csv.DictWriter(out, list(row), lineterminator="\n")
        if n == 1:
            writer.writeheader()
        writer.writerow({name: _cell(value) for name, value in row.items()})
    write_whole(path, out.getvalue())
    return n


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\0")):
        return f"'{value}"
    return value
