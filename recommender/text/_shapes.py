"""What word types look like, told from their bytes: which need a closer look when analysed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled
from recommender._strings import StringColumn, read_only

__all__ = ["BEGINS_WITH_DIGIT", "CYRILLIC", "LATIN", "WordShapes", "word_shapes"]

LATIN: Final = 1
"""Holds a letter a-z, or one of the two others that look like Cyrillic ones: \u00eb, \u00ef."""

CYRILLIC: Final = 2
"""Holds a letter from U+0400 to U+052F."""

BEGINS_WITH_DIGIT: Final = 4


@dataclass(frozen=True, slots=True)
class WordShapes:
    """What was seen in some folded words.

    Attributes
    ----------
    flags : (n,) uint8
    n_letters : (n,) int32
        Characters, apostrophes apart.
    """

    flags: NDArray[np.uint8]
    n_letters: NDArray[np.int32]

    def has(self, flag: int) -> NDArray[np.bool_]:
        """Say which words have a flag."""
        found: NDArray[np.bool_] = (self.flags & flag) != 0
        return found


def word_shapes(words: StringColumn) -> WordShapes:
    """Return the shapes of folded words."""
    shapes = WordShapes(np.zeros(len(words), np.uint8), np.zeros(len(words), np.int32))
    _look(read_only(words.data), words.offsets, shapes.flags, shapes.n_letters)
    return shapes


@compiled
def _look(data: Any, offsets: Any, flags: Any, n_letters: Any) -> None:
    for i in range(len(offsets) - 1):
        flag, n = 0, 0
        for k in range(offsets[i], offsets[i + 1]):
            byte = data[k]
            n += byte & 0xC0 != 0x80 and byte != 0x27
            if 0x61 <= byte <= 0x7A:
                flag |= LATIN
            elif 0xD0 <= byte <= 0xD3 or (byte == 0xD4 and data[k + 1] < 0xB0):
                flag |= CYRILLIC
            elif byte == 0xC3 and (data[k + 1] == 0xAB or data[k + 1] == 0xAF):
                flag |= LATIN
        if offsets[i + 1] > offsets[i] and data[offsets[i]] <= 0x39:
            flag |= BEGINS_WITH_DIGIT
        flags[i], n_letters[i] = flag, n
