"""Mend text that no later step could carry: surrogates, control characters, broken bytes."""

from __future__ import annotations

import re
from collections.abc import Callable

from recommender.ingest.rejections import NoticeKind

__all__ = ["Note", "decode", "judge_broken", "repair_text"]

Note = Callable[[NoticeKind, str], None]

_BOM = "\ufeff"
# Form feed and vertical tab end a line; the rest of C0 (and DEL) is no text at all.
_CONTROLS = "".join(map(chr, (*range(9), *range(14, 32), 127)))
_REMOVE = {ord(c): None for c in _CONTROLS} | {11: "\n", 12: "\n"}
_REMOVE |= dict.fromkeys(range(128, 160)) | {0x85: "\n"}  # C1; its NEL ends a line
_C1 = re.compile("[\x80-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_GOOD_PER_BROKEN = (
    20  # well-formed multi-byte characters for each broken byte: then it is that encoding
)


def repair_text(text: str, note: Note) -> str:
    r"""Return ``text`` without what breaks later steps; a sound text comes back as it is.

    Lone surrogates become U+FFFD; NUL and other controls but \n and \t go; CRLF and CR become
    \n; a byte order mark at the start goes. Nothing else is altered.
    """
    mended = text
    if not text.isascii():
        mended = _without_surrogates(text, note)
        mended = mended.removeprefix(_BOM)
    if "\r" in mended:
        mended = mended.replace("\r\n", "\n").replace("\r", "\n")
    if not mended.isprintable() and _has_controls(mended):
        note(NoticeKind.CONTROLS_REMOVED, "control characters removed")
        mended = mended.translate(_REMOVE)
    return mended


def decode(line: bytes, encoding: str, note: Note) -> str | None:
    """Return the bytes as text, or None where they are not in ``encoding``.

    A few broken bytes amid plenty of well-formed multi-byte text (a character cut in half by a
    database) are replaced by U+FFFD, with a notice: that text is in the stated encoding and worth
    keeping.
    """
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return judge_broken(line.decode(encoding, "surrogateescape"), note)


def judge_broken(text: str, note: Note) -> str | None:
    """Replace bytes that came by ``surrogateescape``; return None where they are too many."""
    broken = sum(map(len, _SURROGATES.findall(text)))
    if not broken:
        return text
    sound = len(text) - len(text.encode("ascii", "ignore")) - broken
    if sound < _GOOD_PER_BROKEN * broken:
        return None
    note(NoticeKind.BYTES_REPLACED, f"{broken} broken bytes replaced")
    return _SURROGATES.sub("\ufffd", text)


def _has_controls(text: str) -> bool:
    # One search by "in" for each costs a quarter of one regular expression for all.
    for control in _CONTROLS:
        if control in text:
            return True
    if not text.isascii() and _C1.search(text):
        return True
    return "\x0b" in text or "\x0c" in text


def _without_surrogates(text: str, note: Note) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        note(NoticeKind.SURROGATES_REPLACED, "lone surrogates replaced")
        # By way of UTF-16, so that two halves that belong together become the character they meant.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
