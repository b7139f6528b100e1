"""How text loops are compiled, and what numba has no word for: blocks of bytes, unaligned words.

Each intrinsic here is one LLVM operation (or a few on a vector), written in LLVM's own language and
so good for every processor. None checks a bound: callers leave ``SLACK`` bytes to read.

Loops are compiled on first use, not with declared signatures: those would compile while importing.
``_nrt=False`` leaves out the counting of references to arrays, which took more time than the
reading; so nothing that is compiled with it may allocate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

__all__ = [
    "BLOCK",
    "SLACK",
    "block_masks",
    "compiled",
    "inlined",
    "leading_zeros",
    "load_word",
    "prefetch_row",
    "store_word",
    "trailing_zeros",
]

BLOCK: Final = 64
"""Bytes that `block_masks` looks at."""

SLACK: Final = BLOCK + 16
"""Bytes that must be there from where a block is read: the last key may begin at its end."""

F = TypeVar("F", bound=Callable[..., object])
_NO_COUNTING: Final[dict[str, Any]] = {"_nrt": False}

_BYTE: Final = ir.IntType(8)
_WORD: Final = ir.IntType(64)
_VECTOR: Final = ir.VectorType(_BYTE, BLOCK)


def compiled(function: F) -> F:
    """Compile ``function`` on its first call; other threads run while it runs."""
    return cast("F", njit(cache=True, nogil=True, **_NO_COUNTING)(function))


def inlined(function: F) -> F:
    """Compile ``function`` into each of its callers."""
    return cast("F", njit(cache=True, nogil=True, forceinline=True, **_NO_COUNTING)(function))


@intrinsic
def load_word(typing: Any, array: Any, at: Any) -> Any:
    """Return the eight bytes from ``array[at]`` on as one little-endian number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _address(context, builder, signature, arguments, _WORD)
        return builder.load(pointer, align=1)

    return types.uint64(array, at), generate


@intrinsic
def store_word(typing: Any, array: Any, at: Any, value: Any) -> Any:
    """Write a number as the eight bytes from ``array[at]`` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _address(context, builder, signature, arguments, _WORD)
        builder.store(arguments[2], pointer, align=1)
        return context.get_dummy_value()

    return types.void(array, at, types.uint64), generate


@intrinsic
def prefetch_row(typing: Any, array: Any, row: Any) -> Any:
    """Ask for ``array[row]`` of a two-dimensional array, which is going to be read and written."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(view.strides, 0)
        start = builder.bitcast(view.data, _BYTE.as_pointer())
        pointer = builder.gep(start, [builder.mul(arguments[1], stride)])
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [_BYTE.as_pointer()], kind)
        builder.call(function, [pointer, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@intrinsic
def trailing_zeros(typing: Any, value: Any) -> Any:
    """Return the place of the lowest set bit, 64 if there is none."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), generate


@intrinsic
def leading_zeros(typing: Any, value: Any) -> Any:
    """Return how many bits above the highest set one are 0, 64 if none is set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), generate


@intrinsic
def block_masks(typing: Any, array: Any, at: Any) -> Any:
    """Return bit masks over ``array[at:at + BLOCK]``, the first byte's bit lowest.

    They are: ASCII letters; capitals among them; digits; apostrophes; hyphens; what else stands
    inside a run (``.`` and ``%``); colons; and hard bytes: what is not ASCII, and the characters
    ``/ @ _ + ```.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _address(context, builder, signature, arguments, _VECTOR)
        masks = _masks(builder, builder.load(pointer, align=1))
        bits = [builder.bitcast(mask, _WORD) for mask in masks]
        return context.make_tuple(builder, signature.return_type, bits)

    return types.UniTuple(types.uint64, 8)(array, at), generate


def _masks(builder: Any, text: Any) -> list[Any]:
    """Return the masks of a block as vectors of bits."""

    def among(characters: str) -> Any:
        found = builder.icmp_unsigned("==", text, _all(ord(characters[0])))
        for character in characters[1:]:
            same = builder.icmp_unsigned("==", text, _all(ord(character)))
            found = builder.or_(found, same)
        return found

    def between(vector: Any, first: str, n: int) -> Any:
        return builder.icmp_unsigned("<", builder.sub(vector, _all(ord(first))), _all(n))

    foreign = builder.icmp_signed("<", text, _all(0))
    return [
        between(builder.or_(text, _all(0x20)), "a", 26),
        between(text, "A", 26),
        between(text, "0", 10),
        among("'"),
        among("-"),
        among(".%"),
        among(":"),
        builder.or_(foreign, among("/@_+`")),
    ]


def _all(byte: int) -> Any:
    """Return a block of one byte."""
    return ir.Constant(_VECTOR, [byte] * BLOCK)


def _address(context: Any, builder: Any, signature: Any, arguments: Any, kind: Any) -> Any:
    """Return a pointer to ``kind`` at the byte that the first two arguments name."""
    view = context.make_array(signature.args[0])(context, builder, arguments[0])
    pointer = builder.gep(view.data, [arguments[1]])
    return builder.bitcast(pointer, kind.as_pointer())

