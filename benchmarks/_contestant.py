"""What a contestant of the engine benchmark is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Answers", "Contestant", "csr_bytes"]

Answers = list[NDArray[Any]]


@dataclass(frozen=True)
class Contestant:
    """Something that was set up and can be asked.

    Attributes
    ----------
    ask : docs and threads to the nearest documents of each; may hold the document itself
    inside : what the timing of an answer holds
    n_bytes : bytes of the index, 0 = not known
    keep : what must live as long
    """

    ask: Callable[[NDArray[np.int32], int], Answers]
    inside: str
    n_bytes: int = 0
    keep: tuple[Any, ...] = field(default=(), repr=False)


def csr_bytes(matrix: Any) -> int:
    """Return the bytes of a scipy CSR matrix."""
    return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)
