"""LLVM instructions behind ``vectors.py``. Imports llvmlite: loaded only to compile."""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir

__all__ = [
    "write_add_columns",
    "write_could_reach",
    "write_prefetch",
    "write_reaching",
    "write_trailing_zeros",
]

_STEP: Final = 32
_HALF: Final = _STEP // 2
_CHUNK: Final = 64
_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_F32: Final = ir.FloatType()


def write_add_columns(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Write one step of ``vectors.add_columns``."""
    sums, at, data, first, places, pairs = args
    sums_type, _, data_type, _, _, pairs_type = signature.args
    base = context.make_array(data_type)(context, builder, data).data
    totals = context.make_array(sums_type)(context, builder, sums).data
    columns = []
    for i in range(2 * pairs_type.count):
        place = builder.add(builder.extract_value(places, i), first)
        columns.append(_load(builder, builder.gep(base, [place]), _I8, _STEP))
    weights = [
        _pair_weights(builder, builder.extract_value(pairs, i)) for i in range(pairs_type.count)
    ]
    for begin in (0, _HALF):
        where = builder.gep(totals, [builder.add(at, ir.Constant(_I64, begin))])
        total = _load(builder, where, _I32, _HALF)
        for a, b, weight in zip(columns[::2], columns[1::2], weights, strict=True):
            total = builder.add(total, _products(builder, a, b, weight, begin))
        stored = builder.store(total, _vector_pointer(builder, where, _I32, _HALF))
        stored.align = 4
    return context.get_dummy_value()


def write_prefetch(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Write ``vectors.prefetch``: for reading, to be kept in every cache."""
    data = context.make_array(signature.args[0])(context, builder, args[0]).data
    pointer = builder.bitcast(builder.gep(data, [args[1]]), _I8.as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [_I8.as_pointer(), _I32, _I32, _I32])
    function = builder.module.declare_intrinsic("llvm.prefetch", [_I8.as_pointer()], kind)
    builder.call(function, [pointer, _I32(0), _I32(3), _I32(1)])
    return context.get_dummy_value()


def write_reaching(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Write ``vectors.reaching``."""
    sums, at, factors, first, floor = args
    totals = _totals(context, builder, signature.args[0], sums, at)
    factor = _factors(context, builder, signature.args[2], factors, first)
    return _at_least(builder, builder.fmul(totals, factor), floor)


def write_could_reach(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Write ``vectors.could_reach``."""
    sums, at, factors, first, floor, bounds, place, weight = args
    totals = _totals(context, builder, signature.args[0], sums, at)
    factor = _factors(context, builder, signature.args[2], factors, first)
    data = context.make_array(signature.args[5])(context, builder, bounds).data
    steps = builder.zext(
        _load(builder, builder.gep(data, [place]), _I8, _CHUNK), _vector(_I32, _CHUNK)
    )
    rest = builder.fmul(
        builder.sitofp(steps, _vector(_F32, _CHUNK)), _spread(builder, weight, _F32, _CHUNK)
    )
    return _at_least(builder, builder.fmul(builder.fadd(totals, rest), factor), floor)


def _totals(context: Any, builder: Any, kind: Any, sums: Any, at: Any) -> Any:
    """Return a chunk of the sums as floating-point numbers."""
    data = context.make_array(kind)(context, builder, sums).data
    whole = _load(builder, builder.gep(data, [at]), _I32, _CHUNK)
    return builder.sitofp(whole, _vector(_F32, _CHUNK))


def _factors(context: Any, builder: Any, kind: Any, factors: Any, first: Any) -> Any:
    """Return a chunk of what sums are multiplied by."""
    data = context.make_array(kind)(context, builder, factors).data
    return _load(builder, builder.gep(data, [first]), _F32, _CHUNK)


def _at_least(builder: Any, scores: Any, floor: Any) -> Any:
    """Return which scores of a chunk reach the floor, as the bits of a number."""
    return builder.bitcast(
        builder.fcmp_ordered(">=", scores, _spread(builder, floor, _F32, _CHUNK)), _I64
    )


def _spread(builder: Any, value: Any, element: Any, count: int) -> Any:
    """Return a vector that holds one value everywhere."""
    nothing = ir.Constant(_vector(element, count), ir.Undefined)
    one = builder.insert_element(nothing, value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(one, nothing, _mask([0] * count))


def write_trailing_zeros(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Write ``vectors.trailing_zeros``."""
    return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))


def _products(builder: Any, a: Any, b: Any, weights: Any, begin: int) -> Any:
    """Return a * weight + b * weight of half a step, as the pattern of a multiply-and-add."""
    alternating = [begin + k // 2 + (_STEP if k % 2 else 0) for k in range(_STEP)]
    wide = builder.zext(builder.shuffle_vector(a, b, _mask(alternating)), _vector(_I32, _STEP))
    product = builder.mul(wide, weights)
    nothing = ir.Constant(_vector(_I32, _STEP), ir.Undefined)
    even, odd = (
        builder.shuffle_vector(product, nothing, _mask(range(k, _STEP, 2))) for k in (0, 1)
    )
    return builder.add(even, odd)


def _pair_weights(builder: Any, pair: Any) -> Any:
    """Spread two 16-bit weights over a vector: first, second, first, second, ..."""
    spread = _spread(builder, pair, _I32, _HALF)
    return builder.sext(builder.bitcast(spread, _vector(_I16, _STEP)), _vector(_I32, _STEP))


def _load(builder: Any, pointer: Any, element: Any, count: int) -> Any:
    loaded = builder.load(_vector_pointer(builder, pointer, element, count))
    loaded.align = 1 if element == _I8 else 4
    return loaded


def _vector_pointer(builder: Any, pointer: Any, element: Any, count: int) -> Any:
    return builder.bitcast(pointer, _vector(element, count).as_pointer())


def _vector(element: Any, count: int) -> Any:
    return ir.VectorType(element, count)


def _mask(lanes: Any) -> Any:
    lanes = [ir.Constant(_I32, lane) for lane in lanes]
    return ir.Constant(_vector(_I32, len(lanes)), lanes)
