"""LLVM instructions behind ``_vectors.py``. Imports numba and llvmlite: loaded only to compile.

Each function returns the signature of an operation for the types of its arguments, and what writes
its instructions.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba import types

__all__ = [
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

_BYTE: Final = ir.IntType(8)
_WORD: Final = ir.IntType(64)
_VECTOR: Final = ir.VectorType(_BYTE, BLOCK)


def load_word(array: Any, at: Any) -> Any:
    """Write ``_vectors.load_word``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _address(context, builder, signature, arguments, _WORD)
        return builder.load(pointer, align=1)

    return types.uint64(array, at), generate


def store_word(array: Any, at: Any, value: Any) -> Any:
    """Write ``_vectors.store_word``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _address(context, builder, signature, arguments, _WORD)
        builder.store(arguments[2], pointer, align=1)
        return context.get_dummy_value()

    return types.void(array, at, types.uint64), generate


def item(array: Any, at: Any) -> Any:
    """Write ``_vectors.item``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load(builder.gep(view.data, [arguments[1]]))

    return array.dtype(array, types.int64), generate


def put(array: Any, at: Any, value: Any) -> Any:
    """Write ``_vectors.put``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        builder.store(arguments[2], builder.gep(view.data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64, array.dtype), generate


def choose(condition: Any, one: Any, other: Any) -> Any:
    """Write ``_vectors.choose``."""
    kind = types.unliteral(one)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen = builder.select(*arguments)
        chosen.set_metadata("unpredictable", builder.module.add_metadata([]))
        return chosen

    return kind(types.boolean, kind, kind), generate


def prefetch(array: Any, at: Any) -> Any:
    """Write ``_vectors.prefetch``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(view.data, [arguments[1]])
        pointer = builder.bitcast(place, _BYTE.as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [_BYTE.as_pointer()], kind)
        builder.call(function, [pointer, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def trailing_zeros(value: Any) -> Any:
    """Write ``_vectors.trailing_zeros``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), generate


def leading_zeros(value: Any) -> Any:
    """Write ``_vectors.leading_zeros``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), generate


def ascii_masks(array: Any, at: Any) -> Any:
    """Write ``_vectors.ascii_masks``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        text = _load_block(context, builder, signature, arguments)
        block, small = _Block(builder, text), _Block(builder, builder.or_(text, _all(0x20)))
        slash_or_plus = _Block(builder, builder.or_(text, _all(0x04))).among(b"/")
        at_or_grave = small.among(b"`")
        masks = [
            small.between(0x61, 0x7A),
            builder.icmp_signed("<", builder.shl(text, _all(2)), _all(0)),
            block.between(0x30, 0x39),
            block.among(b"'"),
            block.among(b"-"),
            block.between(0x25, 0x39),
            builder.or_(builder.or_(slash_or_plus, at_or_grave), block.among(b"_")),
            block.between(0x80, 0xFF),
        ]
        return _bit_masks(context, builder, signature, masks)

    return types.UniTuple(types.uint64, 8)(array, at), generate


def punctuation_masks(array: Any, at: Any) -> Any:
    """Write ``_vectors.punctuation_masks``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        text = _load_block(context, builder, signature, arguments)
        block = _Block(builder, text)
        quotes = builder.or_(block.between(0x9C, 0xA7), block.among(b"\x9a"))
        masks = [
            block.between(0xD0, 0xD1),
            block.among(b"\xe2"),
            block.among(b"\x80"),
            block.between(0x98, 0x99),
            builder.or_(block.between(0x92, 0x97), quotes),
            block.among(b"\xc2"),
            block.among(b"\xa0\xab\xbb"),
        ]
        return _bit_masks(context, builder, signature, masks)

    return types.UniTuple(types.uint64, 7)(array, at), generate


def fold_cyrillic(array: Any, at: Any, out: Any) -> Any:
    """Write ``_vectors.fold_cyrillic``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        text = _load_block(context, builder, signature, arguments)
        here, before = _Block(builder, text), _Block(builder, _moved(builder, text, -1))
        after = _Block(builder, _moved(builder, text, 1))
        _store_block(context, builder, signature, arguments, _folded(builder, here, before, after))
        lead, second = here.among(b"\xd0"), here.among(b"\xd1")
        masks = [
            builder.or_(
                builder.and_(lead, after.between(0x80, 0xBF)),
                builder.and_(second, after.between(0x80, 0x9F)),
            ),
            builder.and_(lead, after.between(0x80, 0xAF)),
        ]
        return _bit_masks(context, builder, signature, masks)

    return types.UniTuple(types.uint64, 2)(array, at, out), generate


class _Block:
    """Comparisons of the bytes of a block; each gives a vector of bits."""

    def __init__(self, builder: Any, text: Any) -> None:
        self.text = text
        self._builder = builder

    def among(self, characters: bytes) -> Any:
        """Say where one of ``characters`` stands."""
        found = None
        for character in characters:
            same = self._builder.icmp_unsigned("==", self.text, _all(character))
            found = same if found is None else self._builder.or_(found, same)
        return found

    def between(self, first: int, last: int) -> Any:
        """Say where a byte from ``first`` to ``last`` stands."""
        # As signed numbers: processors have no comparison of unsigned ones.
        moved = self._builder.sub(self.text, _all(first ^ 0x80))
        return self._builder.icmp_signed("<=", moved, _all(last - first ^ 0x80))


def _folded(builder: Any, here: _Block, before: _Block, after: _Block) -> Any:
    """Return the block in lower case, with Cyrillic io as ie.

    D0 80..8F become D1 90..9F, D0 90..9F become D0 B0..BF, D0 A0..AF become D1 80..8F; D0 81 and
    D1 91 become D0 B5.
    """

    def chosen(where: Any, value: Any, other: Any) -> Any:
        return builder.select(where, value, other)

    first, second = here.among(b"\xd0"), here.among(b"\xd1")
    under_first, under_second = before.among(b"\xd0"), before.among(b"\xd1")
    moves = builder.or_(after.between(0x80, 0x8F), after.between(0xA0, 0xAF))
    io = builder.or_(
        builder.and_(under_first, here.among(b"\x81")),
        builder.and_(under_second, here.among(b"\x91")),
    )
    io_lead = builder.or_(
        builder.and_(first, after.among(b"\x81")), builder.and_(second, after.among(b"\x91"))
    )
    shift = chosen(builder.and_(first, moves), _all(1), _all(0))
    for begin, end, distance in ((0x80, 0x8F, 0x10), (0x90, 0x9F, 0x20), (0xA0, 0xAF, 0xE0)):
        where = builder.and_(under_first, here.between(begin, end))
        shift = chosen(where, _all(distance), shift)
    text = builder.add(here.text, shift)
    text = chosen(io, _all(0xB5), chosen(io_lead, _all(0xD0), text))
    return chosen(here.between(0, 0x7F), builder.or_(here.text, _all(0x20)), text)


def _moved(builder: Any, text: Any, n: int) -> Any:
    """Return the block whose byte ``i`` is byte ``i + n`` of ``text``; 0 past its bounds."""
    places = [i + n if 0 <= i + n < BLOCK else BLOCK for i in range(BLOCK)]
    indices = ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), places)
    return builder.shuffle_vector(text, _all(0), indices)


def _load_block(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    pointer = _address(context, builder, signature, arguments, _VECTOR)
    return builder.load(pointer, align=1)


def _store_block(context: Any, builder: Any, signature: Any, arguments: Any, block: Any) -> None:
    """Write a block to the beginning of the third argument."""
    view = context.make_array(signature.args[2])(context, builder, arguments[2])
    builder.store(block, builder.bitcast(view.data, _VECTOR.as_pointer()), align=1)


def _bit_masks(context: Any, builder: Any, signature: Any, masks: Any) -> Any:
    bits = [builder.bitcast(mask, _WORD) for mask in masks]
    return context.make_tuple(builder, signature.return_type, bits)


def _all(byte: int) -> Any:
    """Return a block of one byte."""
    return ir.Constant(_VECTOR, [byte] * BLOCK)


def _address(context: Any, builder: Any, signature: Any, arguments: Any, kind: Any) -> Any:
    """Return a pointer to ``kind`` at the byte that the first two arguments name."""
    view = context.make_array(signature.args[0])(context, builder, arguments[0])
    pointer = builder.gep(view.data, [arguments[1]])
    return builder.bitcast(pointer, kind.as_pointer())
