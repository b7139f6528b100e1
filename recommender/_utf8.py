"""Strings to UTF-8: one by Python's encoder, many by a compiled loop that is quicker.

Python keeps a string in one, two or four bytes a character, as the largest of them needs. numba
hands a string to a loop as it lies in memory; there a block of ASCII is narrowed at once, and the
characters between such blocks are written one by one, without a jump.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._jit import inlined, intrinsic, jit

__all__ = ["encode", "encode_all"]

BLOCK: Final = 32
"""Characters narrowed together."""

HALF_BLOCK: Final = 16
"""Characters written in two bytes together."""

PORTION: Final = 1 << 17
"""Characters joined at a time: they and their UTF-8 stay near the processor."""

_MOST: Final = 4  # bytes of a character; so many are written whatever it is
_FEW, _SOME = 4, 16  # see `_write`


def encode(string: str) -> bytes:
    """Return ``string`` as UTF-8; a lone surrogate becomes U+FFFD."""
    try:
        return string.encode("utf-8")
    except UnicodeEncodeError:
        return string.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def encode_all(strings: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return what `encode` makes of strings, one after another, and where each begins and ends.

    Returns
    -------
    (n_bytes,) uint8, (n + 1,) int64
    """
    ends = np.zeros(len(strings) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, strings), np.int64, len(strings)), out=ends[1:])
    offsets = np.zeros(len(strings) + 1, np.int64)
    out = np.empty(0, np.uint8)
    for begin, stop in _portions(ends):
        joined, free = "".join(strings[begin:stop]), int(offsets[begin])
        if free + _MOST * len(joined) > len(out):
            out = _longer(out, free, int(ends[begin]), int(ends[-1]), len(joined))
        stops, places = ends[begin + 1 : stop + 1] - ends[begin], offsets[begin : stop + 1]
        if not _encode(joined, stops, out, places):
            _encode_each(strings[begin:stop], out, places)
    return out[: offsets[-1]], offsets


def _longer(
    out: NDArray[np.uint8], free: int, n_done: int, n_characters: int, n_next: int
) -> NDArray[np.uint8]:
    """Return a copy with room for what comes next, and for the rest if that is as what was done."""
    rest = (n_characters - n_done) * free // n_done if n_done else 0
    longer = np.empty(free + max(_MOST * n_next, rest * 17 // 16) + _MOST * PORTION, np.uint8)
    longer[:free] = out[:free]
    return longer


def _portions(ends: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield where portions of about PORTION characters begin and end."""
    cuts = np.flatnonzero(np.diff(ends[:-1] // PORTION, prepend=-1)).tolist()
    return pairwise([*cuts, len(ends) - 1])


def _encode_each(
    strings: Sequence[str], out: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> None:
    """Do as `_encode` does, for strings that hold surrogates."""
    rows = [encode(string) for string in strings]
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    offsets[1:] += offsets[0]
    out[offsets[0] : offsets[-1]] = np.frombuffer(b"".join(rows), np.uint8)


@jit
def _encode(joined: str, stops: Any, out: Any, offsets: Any) -> Any:
    """Write the strings that end at the characters ``stops`` to ``out[offsets[0]:]``.

    Fills in the other offsets. False if there is a surrogate, for which UTF-8 has no form.
    """
    width = _width(joined)
    if width == 1:
        return _write(_characters(joined, 1), stops, out, offsets)
    if width == 2:
        return _write(_characters(joined, 2), stops, out, offsets)
    return _write(_characters(joined, 4), stops, out, offsets)


@inlined
def _write(characters: Any, stops: Any, out: Any, offsets: Any) -> Any:
    """Do as `_encode` does.

    A character that is not ASCII is written by itself. After more than a few of ASCII more of it
    follows; else the text may be in another script, and runs of two bytes a character are looked
    for, with one other between them. Where there are none, some characters are written singly.
    """
    n = stops[len(stops) - 1]
    at, free = np.int64(0), offsets[0]
    has_surrogate = False
    for row in range(len(stops)):
        stop = stops[row]
        while at < stop:
            plain = np.int64(0)
            while at + BLOCK <= n:
                plain = _narrow(characters, at, out, free)
                if plain < BLOCK or at + BLOCK > stop:
                    break
                at += BLOCK
                free += BLOCK
                plain = np.int64(0)
            plain = min(plain, stop - at)
            at += plain
            free += plain
            singles = 1
            while at < stop:
                last = min(stop, at + singles)
                while at < last:
                    code = characters[at]
                    has_surrogate |= code >> 11 == 0xD800 >> 11
                    free += _put(code, out, free)
                    at += 1
                if plain > _FEW or singles > 1 or at + HALF_BLOCK > n:
                    break
                paired = min(_pair(characters, at, out, free), stop - at)
                at += paired
                free += 2 * paired
                singles = 1 if paired > 0 else _SOME
        offsets[row + 1] = free
    return not has_surrogate


def _code() -> Any:
    """Return the module that writes the instructions; it imports the compiler."""
    from recommender import _utf8_code

    return _utf8_code


@intrinsic
def _width(typing: Any, string: Any) -> Any:
    """Return the bytes of each character of a string: 1, 2 or 4."""
    return _code().width(string)


@intrinsic(prefer_literal=True)
def _characters(typing: Any, string: Any, width: Any) -> Any:
    """Return a pointer to the characters of a string, which have ``width`` bytes."""
    return _code().characters(string, width)


@intrinsic
def _narrow(typing: Any, characters: Any, at: Any, out: Any, free: Any) -> Any:
    """Write a block of characters from ``at`` on as bytes to ``out[free:]``.

    Returns how many before the first that is not ASCII: so many bytes count.
    """
    return _code().narrow(characters, at, out, free)


@intrinsic
def _pair(typing: Any, characters: Any, at: Any, out: Any, free: Any) -> Any:
    """Write half a block of characters from ``at`` on, in two bytes each, to ``out[free:]``.

    Returns how many before the first that has another length: so many count.
    """
    return _code().pair(characters, at, out, free)


@intrinsic
def _put(typing: Any, code: Any, out: Any, free: Any) -> Any:
    """Write a character to ``out[free:]``; return how many of the four bytes written count."""
    return _code().put(code, out, free)
