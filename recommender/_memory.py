"""Giving memory back to the system, which the allocator would keep for later."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

__all__ = ["give_back"]


def give_back() -> None:
    """Return freed memory to the system, where the C library can (glibc); else do nothing.

    A build frees many arrays of a few megabytes. glibc keeps such for allocations to come, and
    those that come are larger and take new memory.
    """
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    try:
        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library; Windows names none so
        return lambda _: None
    return trim
