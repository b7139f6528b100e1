"""What the search has no words for in numba: steps in vectors, and asking for memory ahead.

One step weighs columns of bytes and adds them up, one finds the sums that are good enough.
LLVM makes of them what the machine has (``pmaddwd`` on x86: two products and a sum in one step);
the result is the same plain arithmetic everywhere. The instructions are in ``_vector_code.py``.
"""

from __future__ import annotations

from typing import Any, Final

from recommender._jit import intrinsic

__all__ = [
    "CHUNK",
    "STEP",
    "TOGETHER",
    "add_columns",
    "could_reach",
    "prefetch",
    "reaching",
    "trailing_zeros",
]

STEP: Final = 32
"""Documents that one call of ``add_columns`` covers."""

TOGETHER: Final = 16
"""Columns that are best added at once."""

CHUNK: Final = 64
"""Documents that one call of ``reaching`` or ``could_reach`` looks at."""


@intrinsic
def add_columns(
    typing_context: Any, sums: Any, at: Any, data: Any, first: Any, places: Any, weights: Any
) -> Any:
    """Add weighted columns to ``sums[at : at + STEP]``.

    Parameters
    ----------
    sums : int32 array; at, first : int64
    data : uint8 array; places : an even number of int64: column ``i``'s STEP bytes begin at
        ``data[places[i] + first]``
    weights : half as many int32, the weights (0..32,767) of two columns each: the lower half is
        that of the first, the upper half that of the second
    """
    from numba import types

    from recommender.index._vector_code import write_add_columns

    return types.void(sums, at, data, first, places, weights), write_add_columns


@intrinsic
def prefetch(typing_context: Any, array: Any, at: Any) -> Any:
    """Ask for ``array[at]``, which is going to be read soon."""
    from numba import types

    from recommender.index._vector_code import write_prefetch

    return types.void(array, types.int64), write_prefetch


@intrinsic
def reaching(typing_context: Any, sums: Any, at: Any, factors: Any, first: Any, floor: Any) -> Any:
    """Return where ``sums[at + i] * factors[first + i]`` reaches the floor: bit ``i`` of a uint64.

    Parameters
    ----------
    sums : int32 array; factors : float32 array; CHUNK of both are read
    floor : float32
    """
    from numba import types

    from recommender.index._vector_code import write_reaching

    return types.uint64(sums, at, factors, first, types.float32), write_reaching


@intrinsic
def could_reach(
    typing_context: Any,
    sums: Any,
    at: Any,
    factors: Any,
    first: Any,
    floor: Any,
    bounds: Any,
    place: Any,
    weight: Any,
) -> Any:
    """Return as ``reaching`` where the sums do with ``weight`` times a byte of ``bounds`` more.

    Parameters
    ----------
    bounds : uint8 array, of which CHUNK are read from ``place`` on; weight : float32
    """
    from numba import types

    from recommender.index._vector_code import write_could_reach

    parameters = (sums, at, factors, first, types.float32, bounds, place, types.float32)
    return types.uint64(*parameters), write_could_reach


@intrinsic
def trailing_zeros(typing_context: Any, bits: Any) -> Any:
    """Return the place of the lowest bit of a uint64 that is set."""
    from numba import types

    from recommender.index._vector_code import write_trailing_zeros

    return types.int64(types.uint64), write_trailing_zeros
