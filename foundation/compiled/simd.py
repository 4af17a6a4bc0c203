"""Neighbouring lanes as one number: `WIDTH` floats in one register, for compiled code that reads like that of one lane.

Loops over lanes are vectorised only where the compiler can prove that no two arrays overlap, and keep their sums in
memory. A `Vector` is what they would become: arithmetic is done lane by lane, in the order in which it is written, so
that each lane has the bits of the scalar code. Processors with narrower registers take it in parts.

    held = load(units, o)                              # lanes o to o + WIDTH - 1
    store(units, o, where(held > most, most, held))    # a comparison gives a mask; & | join masks
"""

import operator
from typing import Any, ClassVar, TypeAlias

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_builtin, lower_cast
from numba.core.typeconv import Conversion
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic as _intrinsic
from numba.extending import models, register_model

from foundation.compiled import OPTIONS

WIDTH = 8
Vector: TypeAlias = Any  # what the type checker knows of it
Number: TypeAlias = Any  # a float, or a `Vector`: for functions that serve one and many
Mask: TypeAlias = Any
intrinsic: Any = _intrinsic  # what it makes is called from compiled code, with fewer arguments than it declares
FLAGS = tuple(sorted(OPTIONS["fastmath"]))


class _Vector(types.Type):
    def can_convert_from(self, typing: Any, other: types.Type) -> Conversion | None:
        """A number stands for `WIDTH` equal ones."""
        return Conversion.safe if other in (types.float64, types.int64) else None


class _Mask(types.Type):
    pass


VECTOR, MASK = _Vector("Vector"), _Mask("Mask")
FLOATS, BITS = ir.VectorType(ir.DoubleType(), WIDTH), ir.VectorType(ir.IntType(1), WIDTH)


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


@register_model(_Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, BITS)


def _splat(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(FLOATS, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), None)
    return builder.shuffle_vector(one, ir.Constant(FLOATS, ir.Undefined), zeros)


@lower_cast(types.float64, VECTOR)
@lower_cast(types.int64, VECTOR)
def _from_number(context: Any, builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    return _splat(builder, context.cast(builder, value, given, types.float64))


def _define(operation: Any, result: Any, kind: Any, emit: Any) -> None:
    """Teach the compiler an operator on two vectors, or two masks."""

    @infer_global(operation)
    class _Template(ConcreteTemplate):
        cases: ClassVar = [signature(result, kind, kind)]

    @lower_builtin(operation, kind, kind)
    def _code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit(builder, *arguments)


for _operation, _name in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _define(_operation, VECTOR, VECTOR, lambda builder, a, b, name=_name: getattr(builder, name)(a, b, flags=FLAGS))
for _operation, _sign in (
    (operator.gt, ">"), (operator.ge, ">="), (operator.lt, "<"), (operator.le, "<="), (operator.eq, "=="),
    (operator.ne, "!="),
):  # fmt: skip
    _define(_operation, MASK, VECTOR, lambda builder, a, b, sign=_sign: builder.fcmp_ordered(sign, a, b, flags=FLAGS))
_define(operator.and_, MASK, MASK, lambda builder, a, b: builder.and_(a, b))
_define(operator.or_, MASK, MASK, lambda builder, a, b: builder.or_(a, b))


def _place(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Pointer to the vector that begins at an index of an array."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), FLOATS.as_pointer())


@intrinsic
def load(typing: Any, array: Any, o: Any) -> Any:
    """The lanes from index o of a flat array on."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_place(context, builder, signature, arguments), align=8)

    return VECTOR(array, types.int64), code


@intrinsic
def store(typing: Any, array: Any, o: Any, value: Any) -> Any:
    """Write lanes from index o of a flat array on."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _place(context, builder, signature, arguments), align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, VECTOR), code


@intrinsic
def fill(typing: Any, value: Any) -> Any:
    """A number in all lanes."""
    return VECTOR(types.float64), lambda context, builder, signature, arguments: _splat(builder, arguments[0])


@intrinsic
def where(typing: Any, mask: Any, yes: Any, no: Any) -> Any:
    """`yes` where the mask is set, else `no`; of vectors, or of numbers."""
    condition, kind = (MASK, VECTOR) if mask is MASK else (types.boolean, types.float64)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return kind(condition, kind, kind), code


def _either(sign: str) -> Any:
    """The one of two numbers, or of two vectors lane by lane, that comes first by this sign."""

    @intrinsic
    def chosen(typing: Any, a: Any, b: Any) -> Any:
        kind = VECTOR if VECTOR in (a, b) else types.float64

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.select(builder.fcmp_ordered(sign, *arguments, flags=FLAGS), *arguments)

        return kind(kind, kind), code

    return chosen


minimum, maximum = _either("<"), _either(">")


@intrinsic
def magnitude(typing: Any, value: Any) -> Any:
    """Absolute value, of a number or in each lane."""
    kind, name = (FLOATS, f"v{WIDTH}f64") if value is VECTOR else (ir.DoubleType(), "f64")

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), f"llvm.fabs.{name}")
        return builder.call(made, arguments)

    return value(value), code


@intrinsic
def bits(typing: Any, mask: Any) -> Any:
    """The mask as an integer: bit c is lane c, and 0 that no lane is set."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(WIDTH)), ir.IntType(64))

    return types.int64(MASK), code


@intrinsic
def mask(typing: Any, value: Any) -> Any:
    """The mask whose lane c is bit c of an integer."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.trunc(arguments[0], ir.IntType(WIDTH)), BITS)

    return MASK(types.int64), code
