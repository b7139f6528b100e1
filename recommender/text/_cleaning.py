"""Rows cleaned as `normalize.clean` does: a loop drops what is invisible, Python does the rest.

Nearly all rows that need cleaning hold nothing else than invisible characters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender._jit import compiled
from recommender._strings import StringColumn, as_bytes
from recommender.text import normalize as nz
from recommender.text._scan import decode
from recommender.text._wordsets import replace_rows

__all__ = ["clean_rows"]


def clean_rows(
    data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> StringColumn:
    """Return rows of well-formed UTF-8 without invisible characters, composed (NFC)."""
    out, offsets = (
        np.empty(int((ends - begins).sum()), np.uint8),
        np.zeros(len(begins) + 1, np.int64),
    )
    is_left = np.zeros(len(begins), np.bool_)
    table = nz.character_table(is_clean=True)
    _drop(as_bytes(data), begins.copy(), ends.copy(), table, out, offsets, is_left)
    left = np.flatnonzero(is_left)
    texts = (bytes(data[begins[i] : ends[i]]).decode("utf-8") for i in left)
    others = StringColumn.from_strings([nz.clean(text) for text in texts])
    return replace_rows(StringColumn(out[: offsets[-1]], offsets), left, others)


@compiled
def _drop(
    data: Any, begins: Any, ends: Any, table: Any, out: Any, offsets: Any, is_left: Any
) -> None:
    """Copy rows without what is removed; say which hold more that has to be cleaned."""
    free = 0
    for row in range(len(begins)):
        p = begins[row]
        while p < ends[row]:
            code, after = decode(data, p)
            entry = np.int64(table[code]) if code < nz.TABLE_SIZE else np.int64(nz.UNSTABLE)
            if entry & nz.REMOVED == 0:
                is_left[row] |= entry & nz.UNSTABLE != 0
                while p < after:
                    out[free] = data[p]
                    free += 1
                    p += 1
            p = after
        offsets[row + 1] = free
