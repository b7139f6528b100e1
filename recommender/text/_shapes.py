"""What word types look like, told from their bytes: which need a closer look when analysed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled, inlined
from recommender._strings import StringColumn, as_bytes

__all__ = [
    "ALL_CYRILLIC",
    "ALL_LATIN",
    "BEGINS_WITH_DIGIT",
    "CYRILLIC",
    "LATIN",
    "NO_DIGIT",
    "WordShapes",
    "word_shapes",
]

LATIN: Final = 1
"""Holds a letter a-z, or one of the two others that look like Cyrillic ones: \u00eb, \u00ef."""

CYRILLIC: Final = 2
"""Holds a letter from U+0400 to U+052F."""

ALL_LATIN: Final = 4
"""Holds nothing but Latin letters and what joins them."""

ALL_CYRILLIC: Final = 8
"""Holds nothing but Cyrillic letters and what joins them."""

NO_DIGIT: Final = 16
"""Holds neither digit nor low line."""

BEGINS_WITH_DIGIT: Final = 32

_SOME: Final = LATIN | CYRILLIC
_ALL: Final = ALL_LATIN | ALL_CYRILLIC | NO_DIGIT
_PATTERNS: Final = {
    LATIN: "[a-z\u00eb\u00ef]",
    CYRILLIC: "[\u0400-\u052f]",
    ALL_LATIN: "[a-z\u00df-\u024f\u1e00-\u1eff'\u00b7-]",
    ALL_CYRILLIC: "[\u0400-\u052f'-]",
    NO_DIGIT: "[^\\d_]",
}
_N_CODES: Final = 0x2000


@dataclass(frozen=True, slots=True)
class WordShapes:
    """What was seen in some folded words.

    Attributes
    ----------
    flags : (n,) uint8
        An empty word has those of which it holds nothing else.
    n_characters : (n,) int32
    n_letters : (n,) int32
        Characters, apostrophes apart.
    """

    flags: NDArray[np.uint8]
    n_characters: NDArray[np.int32]
    n_letters: NDArray[np.int32]

    def has(self, flag: int) -> NDArray[np.bool_]:
        """Say which words have a flag."""
        found: NDArray[np.bool_] = (self.flags & flag) != 0
        return found


def word_shapes(words: StringColumn) -> WordShapes:
    """Return the shapes of folded words."""
    flags = np.zeros(len(words), np.uint8)
    n_characters, n_letters = (np.zeros(len(words), np.int32) for _ in range(2))
    _look(as_bytes(words.data), words.offsets, _character_flags(), flags, n_characters, n_letters)
    return WordShapes(flags, n_characters, n_letters)


@cache
def _character_flags() -> NDArray[np.uint8]:
    """Return the flags of the characters before ``_N_CODES``, then those of all others."""
    flags = np.zeros(_N_CODES + 1, np.uint8)
    characters = "".join(map(chr, range(_N_CODES)))
    for flag, pattern in _PATTERNS.items():
        flags[[match.start() for match in re.finditer(pattern, characters)]] |= flag
    flags[_N_CODES] = NO_DIGIT
    return flags


@inlined
def _code_at(data: Any, k: Any) -> Any:
    """Return the character at byte ``k``, ``_N_CODES`` for all that come after."""
    byte = np.int64(data[k])
    if byte < 0x80:
        return byte
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | np.int64(data[k + 1]) & 0x3F
    if byte > 0xE1:
        return np.int64(_N_CODES)
    tail = (np.int64(data[k + 1]) & 0x3F) << 6 | np.int64(data[k + 2]) & 0x3F
    return (byte & 0x0F) << 12 | tail


@compiled
def _look(
    data: Any, offsets: Any, table: Any, flags: Any, n_characters: Any, n_letters: Any
) -> None:
    for i in range(len(offsets) - 1):
        some, every = np.uint8(0), np.uint8(_ALL)
        n, n_apostrophes = 0, 0
        for k in range(offsets[i], offsets[i + 1]):
            if data[k] & 0xC0 != 0x80:
                found = table[_code_at(data, k)]
                some |= found
                every &= found
                n += 1
                n_apostrophes += data[k] == 0x27
        flag = some & np.uint8(_SOME) | every
        if offsets[i + 1] > offsets[i] and data[offsets[i]] <= 0x39:
            flag |= np.uint8(BEGINS_WITH_DIGIT)
        flags[i], n_characters[i], n_letters[i] = flag, n, n - n_apostrophes
