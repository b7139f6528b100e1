"""Scored documents on their way to becoming a block: two arrays, best first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Candidates"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Scored documents, best first, ties by smaller document number.

    Attributes
    ----------
    docs : (n,) int32
    scores : (n,) float64, cosine in 0..1
    """

    docs: NDArray[np.int32]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.docs)
