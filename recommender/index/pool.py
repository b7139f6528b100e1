"""Links: the candidates that documents gained since the tables of their segments were made.

A table of neighbours is made with its segment and never changes. What comes later is linked in:
each new document to its nearest, and each of those back to the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Links"]


@dataclass(frozen=True, slots=True)
class Links:
    """Lists of documents, one for each document that has any.

    Attributes
    ----------
    docs : (n,) int32, ascending
    ptr : (n + 1,) int64, where each one's list begins
    ends : int32, the lists one after another, in no order, each document once
    """

    docs: NDArray[np.int32]
    ptr: NDArray[np.int64]
    ends: NDArray[np.int32]

    TYPES: ClassVar[Mapping[str, str]] = {"docs": "int32", "ptr": "int64", "ends": "int32"}

    @classmethod
    def none(cls) -> Links:
        """Return no links."""
        return cls(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int32))

    @classmethod
    def from_pairs(cls, docs: NDArray[Any], ends: NDArray[Any]) -> Links:
        """Return the links of some pairs, each once."""
        pairs = np.unique(np.asarray(docs, np.int64) << 32 | np.asarray(ends, np.int64))
        begins = pairs >> 32
        owners, counts = np.unique(begins, return_counts=True)
        ptr = np.concatenate([[0], np.cumsum(counts)])
        return cls(
            owners.astype(np.int32), ptr.astype(np.int64), (pairs & 0xFFFFFFFF).astype(np.int32)
        )

    def pairs(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return all links as pairs of documents."""
        return np.repeat(self.docs, np.diff(self.ptr)), np.asarray(self.ends)

    def of(self, doc: int) -> NDArray[np.int32]:
        """Return the documents that one was linked to."""
        place = int(np.searchsorted(self.docs, doc))
        if place == len(self.docs) or self.docs[place] != doc:
            return np.zeros(0, np.int32)
        return np.asarray(self.ends[self.ptr[place] : self.ptr[place + 1]])

    def renumbered(self, numbers: NDArray[np.int32]) -> Links:
        """Return the links under other numbers; -1 there is for documents that are no more."""
        docs, ends = (numbers[part] for part in self.pairs())
        kept = (docs >= 0) & (ends >= 0)
        return Links.from_pairs(docs[kept], ends[kept])
