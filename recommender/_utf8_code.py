"""LLVM instructions behind ``_utf8.py``. Imports numba and llvmlite: loaded only to compile.

Each function returns the signature of an operation for the types of its arguments, and what writes
its instructions.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils

__all__ = ["characters", "narrow", "pair", "put", "width"]

BLOCK: Final = 32

_BYTE: Final = ir.IntType(8)
_PAIR: Final = ir.IntType(16)
_QUAD: Final = ir.IntType(32)
_WORD: Final = ir.IntType(64)
_TWO: Final = (0x80, (0xC0, 0x80))
_THREE: Final = (0x800, (0xE0, 0x80, 0x80))
_FOUR: Final = (0x10000, (0xF0, 0x80, 0x80, 0x80))
_FORMS: Final = {8: (_TWO,), 16: (_TWO, _THREE), 32: (_TWO, _THREE, _FOUR)}
"""Of characters of so many bits: from which on there are more bytes, and what marks each."""
_UNITS: Final = {1: types.uint8, 2: types.uint16, 4: types.uint32}


def width(string: Any) -> Any:
    """Write ``_utf8._width``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = _parts(context, builder, string, arguments).kind
        return builder.zext(kind, _WORD)

    return types.int64(string), generate


def characters(string: Any, width: Any) -> Any:
    """Write ``_utf8._characters``."""
    pointer = types.CPointer(_UNITS[width.literal_value])

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _parts(context, builder, string, arguments).data
        return builder.bitcast(data, context.get_value_type(pointer))

    return pointer(string, width), generate


def narrow(characters: Any, at: Any, out: Any, free: Any) -> Any:
    """Write ``_utf8._narrow``."""
    unit = ir.IntType(characters.dtype.bitwidth)
    units, narrowed = ir.VectorType(unit, BLOCK), ir.VectorType(_BYTE, BLOCK)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), units.as_pointer())
        text = builder.load(source, align=1)
        target = _place(context, builder, signature, arguments, 2, narrowed)
        # To as many bits as they have nothing is to be cut off.
        block = text if unit == _BYTE else builder.trunc(text, narrowed)
        builder.store(block, target, align=1)
        beyond = builder.icmp_unsigned(">", text, ir.Constant(units, [0x7F] * BLOCK))
        bits = builder.bitcast(beyond, ir.IntType(BLOCK))
        return builder.zext(builder.cttz(bits, ir.IntType(1)(0)), _WORD)

    return types.int64(characters, types.int64, out, types.int64), generate


def pair(characters: Any, at: Any, out: Any, free: Any) -> Any:
    """Write ``_utf8._pair``."""
    unit, half = ir.IntType(characters.dtype.bitwidth), BLOCK // 2
    units, pairs = ir.VectorType(unit, half), ir.VectorType(_PAIR, half)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def all_of(value: int, kind: Any = pairs) -> Any:
            return ir.Constant(kind, [value] * half)

        source = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), units.as_pointer())
        text = builder.load(source, align=1)
        value = text
        if unit.width < _PAIR.width:
            value = builder.zext(text, pairs)
        elif unit.width > _PAIR.width:
            value = builder.trunc(text, pairs)
        first = builder.or_(builder.lshr(value, all_of(6)), all_of(0xC0))
        last = builder.or_(builder.and_(value, all_of(0x3F)), all_of(0x80))
        block = builder.or_(first, builder.shl(last, all_of(8)))
        target = _place(context, builder, signature, arguments, 2, pairs)
        builder.store(block, target, align=1)
        moved = builder.sub(text, all_of(0x80, units))
        least = 0x800 - 0x80 if unit.width > _BYTE.width else 0x80
        other = builder.icmp_unsigned(">=", moved, all_of(least, units))
        bits = builder.zext(builder.bitcast(other, ir.IntType(half)), _WORD)
        return builder.cttz(builder.or_(bits, _WORD(1 << half)), ir.IntType(1)(0))

    return types.int64(characters, types.int64, out, types.int64), generate


def put(code: Any, out: Any, free: Any) -> Any:
    """Write ``_utf8._put``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = arguments[0]
        if code.bitwidth < _QUAD.width:
            value = builder.zext(value, _QUAD)
        word, length = value, _WORD(1)
        for least, form in _FORMS[code.bitwidth]:
            is_longer = builder.icmp_unsigned(">=", value, _QUAD(least))
            word = builder.select(is_longer, _joined(builder, value, form), word)
            # Which of two forms a character has cannot be foreseen: no jump.
            word.set_metadata("unpredictable", builder.module.add_metadata([]))
            length = builder.add(length, builder.zext(is_longer, _WORD))
        target = _place(context, builder, signature, arguments, 1, _QUAD)
        builder.store(word, target, align=1)
        return length

    return types.int64(code, out, types.int64), generate


def _joined(builder: Any, value: Any, form: tuple[int, ...]) -> Any:
    """Return the bytes of a character as a number, the first lowest; ``form`` has their marks."""
    word = None
    for i, mark in enumerate(form):
        bits = builder.lshr(value, _QUAD(6 * (len(form) - 1 - i)))
        bits = bits if i == 0 else builder.and_(bits, _QUAD(0x3F))
        byte = builder.shl(builder.or_(bits, _QUAD(mark)), _QUAD(8 * i))
        word = byte if word is None else builder.or_(word, byte)
    return word


def _parts(context: Any, builder: Any, string: Any, arguments: Any) -> Any:
    """Return what numba says of the string that is the first argument."""
    return cgutils.create_struct_proxy(string)(context, builder, value=arguments[0])


def _place(context: Any, builder: Any, signature: Any, arguments: Any, i: int, kind: Any) -> Any:
    """Return a pointer to ``kind`` at the byte of an array that arguments ``i``, ``i + 1`` name."""
    view = context.make_array(signature.args[i])(context, builder, arguments[i])
    return builder.bitcast(builder.gep(view.data, [arguments[i + 1]]), kind.as_pointer())
