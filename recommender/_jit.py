"""The one way loops are compiled here: serial, without the GIL, kept in numba's cache.

Never numba's own threads (its ``parallel`` option): they do not survive ``fork``, and a forked
child that runs such a kernel is killed.
Compilation happens at the first call of a process whose cache is cold, not at import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["jit"]

jit: Callable[[Callable[..., Any]], Callable[..., Any]] = numba.njit(cache=True, nogil=True)
