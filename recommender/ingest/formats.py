"""Which format a file is in: what is asked for or its suffix says, held against its first bytes."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

from recommender.errors import InputError
from recommender.ingest.rejections import NoticeKind
from recommender.ingest.streams import SourceFile

__all__ = ["SUFFIXES", "choose_format", "format_of_suffix"]

SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".html": "html",
    ".htm": "html",
    ".txt": "text",
}

_MAGIC = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a zip archive (or an Excel file)",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"ARROW1": "an Arrow file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}

_BOM = codecs.BOM_UTF8
_NO_TEXT = bytes((*range(9), *range(14, 32)))


def format_of_suffix(path: Path) -> str | None:
    """Return the format a name promises, ``.gz`` put aside; None where it promises none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1]) if suffixes else None


def choose_format(source: SourceFile, path: Path | None) -> str:
    """Return the format to read ``source`` in.

    A stated format (``settings.format``) that the content contradicts is an error. A suffix that it
    contradicts gives way, with a notice, where the content is certain (Parquet, JSON objects, a
    page).

    Raises
    ------
    InputError : the content is none of the formats, or contradicts the stated one
    """
    stated = source.settings.format
    promised = stated or (format_of_suffix(path) if path is not None else "jsonl")
    found, words = _look(source.head)
    if promised is None:
        return found or _guess_table(source)
    # Damaged packing gives any bytes at all; what can be read of it is, and the damage is reported.
    damaged = found is None and source.fault is not None
    if damaged or _agree(promised, found, words, source.head):
        return promised
    suffix = (
        f"format={stated!r}" if stated else f"its suffix {''.join(path.suffixes) if path else ''!r}"
    )
    if stated or found is None:
        raise InputError(
            f"{source.name} looks like {words}, but {suffix} says {promised}. "
            "Name the file for what it is, or set format="
        )
    detail = f"{suffix} says {promised}, it is {words}: read as {found}"
    source.rejections.notice(NoticeKind.OTHER_FORMAT, detail, file=source.name)
    return found


def _look(head: bytes) -> tuple[str | None, str]:
    """Return the format that the first bytes prove, or None, and what they look like in words."""
    for magic, words in _MAGIC.items():
        if head.startswith(magic):
            return ("parquet" if words == "Parquet" else None), words
    start = head.removeprefix(_BOM).lstrip()
    if _is_json(start):
        return "jsonl", "JSON"
    opening = start[:1_000].lower()
    if opening.startswith((b"<!doctype html", b"<html")) or b"<html" in opening[:1_000]:
        return "html", "an HTML page"
    if opening.startswith((b"<?xml", b"<rss", b"<feed")):
        return None, "XML"
    if _is_binary(start[:1_000]):
        return None, "binary data"
    return None, "plain text"


def _is_binary(start: bytes) -> bool:
    """Whether more than a tenth are control bytes; a few NULs are a fault within a text."""
    n_controls = len(start) - len(start.translate(None, _NO_TEXT))
    return n_controls > max(len(start) // 10, 16)


def _is_json(start: bytes) -> bool:
    """Whether the text begins with a JSON object, an array of them, or a line that holds one."""
    line = start.split(b"\n", 1)[0].strip()
    if line in (b"{", b"[", b"[{"):
        return True
    if not line.startswith((b"{", b"[")):
        return False
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        # A line longer than the head, or a broken one: what an object's first key looks like
        # decides.
        return line.lstrip(b"[{ \t").startswith(b'"') and b":" in line


def _agree(promised: str, found: str | None, words: str, head: bytes) -> bool:
    if not head.removeprefix(_BOM).strip() or promised == found:
        return True
    if promised == "jsonl":
        return found is None and words == "plain text" and _some_line_is_json(head)
    if promised in ("csv", "tsv", "text"):
        return found is None and words == "plain text"
    if promised == "html":
        # Saved pages begin with anything: a comment, a head without <html>, an XHTML declaration.
        return found is None and words in ("plain text", "XML") and b"<" in head
    return False


def _some_line_is_json(head: bytes) -> bool:
    """Whether any line begins as JSON does: one broken line at the top makes no other file."""
    return any(line.lstrip().startswith((b"{", b"[")) for line in head.splitlines())


def _guess_table(source: SourceFile) -> str:
    first = source.head.split(b"\n", 1)[0]
    _, words = _look(source.head)
    if words == "plain text" and b"\t" in first:
        return "tsv"
    if words == "plain text" and (b"," in first or b";" in first):
        return "csv"
    if not source.head.removeprefix(_BOM).strip():
        return "jsonl"
    raise InputError(
        f"{source.name} has no suffix that names a format and looks like {words}. "
        "Set format= to one of jsonl, csv, tsv, parquet, html, text"
    )
