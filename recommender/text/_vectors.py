"""What numba has no word for: blocks of bytes, and unaligned words.

Each operation here is one LLVM operation (or a few on a vector), and so good for every processor;
``_vector_code.py`` writes it. None checks a bound: callers see to that there are ``BLOCK`` bytes,
or eight, where they point.
"""

from __future__ import annotations

from typing import Any, Final

from recommender._jit import intrinsic

__all__ = [
    "BLOCK",
    "ascii_masks",
    "choose",
    "fold_cyrillic",
    "item",
    "leading_zeros",
    "load_word",
    "prefetch",
    "punctuation_masks",
    "put",
    "store_word",
    "trailing_zeros",
]

BLOCK: Final = 64
"""Bytes that are folded at a time."""


def _code() -> Any:
    """Return the module that writes the instructions; it imports the compiler."""
    from recommender.text import _vector_code

    return _vector_code


@intrinsic
def load_word(typing: Any, array: Any, at: Any) -> Any:
    """Return the eight bytes from ``array[at]`` on as one little-endian number."""
    return _code().load_word(array, at)


@intrinsic
def store_word(typing: Any, array: Any, at: Any, value: Any) -> Any:
    """Write a number as the eight bytes from ``array[at]`` on."""
    return _code().store_word(array, at, value)


@intrinsic
def item(typing: Any, array: Any, at: Any) -> Any:
    """Return ``array[at]``; at is not negative, which an index proper would have to be asked."""
    return _code().item(array, at)


@intrinsic
def put(typing: Any, array: Any, at: Any, value: Any) -> Any:
    """Do ``array[at] = value``, as `item` reads."""
    return _code().put(array, at, value)


@intrinsic
def choose(typing: Any, condition: Any, one: Any, other: Any) -> Any:
    """Return one of two numbers of a kind, without a jump, which the other way may be made into."""
    return _code().choose(condition, one, other)


@intrinsic
def prefetch(typing: Any, array: Any, at: Any) -> Any:
    """Ask for ``array[at]``, which is going to be read and written."""
    return _code().prefetch(array, at)


@intrinsic
def trailing_zeros(typing: Any, value: Any) -> Any:
    """Return the place of the lowest set bit, 64 if there is none."""
    return _code().trailing_zeros(value)


@intrinsic
def leading_zeros(typing: Any, value: Any) -> Any:
    """Return how many bits above the highest set one are 0, 64 if none is set."""
    return _code().leading_zeros(value)


@intrinsic
def ascii_masks(typing: Any, array: Any, at: Any) -> Any:
    """Say what stands where in a block of ``array``.

    Returns bit masks, the first byte's bit lowest: ASCII letters; bytes that have bit 5, as small
    letters; digits; apostrophes; hyphens; digits and ASCII from ``%`` to ``/``; the hard characters
    ``/ @ _ + ``` and DEL; what is not ASCII.
    """
    return _code().ascii_masks(array, at)


@intrinsic
def punctuation_masks(typing: Any, array: Any, at: Any) -> Any:
    """Say where bytes stand that tell punctuation in a block.

    Returns bit masks: bytes D0 and D1; E2; 80; 98 and 99; 92 to 97, 9A and 9C to A7; C2; A0, AB
    and BB.
    """
    return _code().punctuation_masks(array, at)


@intrinsic
def fold_cyrillic(typing: Any, array: Any, at: Any, out: Any) -> Any:
    """Fold a block of ``array`` into ``out``, ASCII and the letters U+0400 to U+045F.

    Returns bit masks: first bytes of such letters; of capitals among them.
    """
    return _code().fold_cyrillic(array, at, out)
