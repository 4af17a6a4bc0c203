"""Records handed over by their address, to kernels on demand and from Python.

A named tuple of arrays is some hundreds of numbers to numba, which hands each of them to each kernel that is called:
most of what it compiles then moves numbers. By its address a record is one number. Its fields are read like those of
the tuple itself, and records in it are addresses, too.

From Python, numba's code takes each array of a record over by itself. Here a few steps for each field are laid down as
numbers, and one small function follows them.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_getattr_generic
from numba.core.pythonapi import NativeValue, unbox
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic as _intrinsic
from numba.extending import models, register_model
from numba.np.numpy_support import as_dtype

from foundation.compiled.forms import settled

intrinsic: Any = _intrinsic  # what it makes is called from compiled code, with fewer arguments than it declares
BYTES, WORD = ir.IntType(8).as_pointer(), ir.IntType(64)


class Reference(types.Type):
    """The address of a named tuple. Its fields are read like those of the tuple itself; records in it are addresses."""

    def __init__(self, record: Any) -> None:
        """Refer to named tuples of one type."""
        self.record = record
        super().__init__(f"Reference({record})")

    @property
    def key(self) -> Any:
        """The named tuple: others, with other fields, may have the same name."""
        return self.record


@register_model(Reference)
class _ReferenceModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, manager[kind.record].get_value_type().as_pointer())


@intrinsic
def refer(typing: Any, record: Any) -> Any:
    """A reference to a named tuple, for many calls on demand: its arrays are laid down once, not at each call."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return laid_down(context, builder, record, values[0])

    return by_reference(record)(record), code


def by_reference(kind: Any) -> Any:
    """The type in which a value is handed over: records, and those in them, by reference, so that all have one code."""
    if isinstance(kind, types.NamedTuple | types.NamedUniTuple):
        return Reference(types.NamedTuple([by_reference(part) for part in kind.types], kind.instance_class))
    return settled(kind)


def laid_down(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """A value as it is handed over: the address of a record, after it and those in it are stored on the stack."""
    given = by_reference(kind)
    if not isinstance(given, Reference) or given == kind:
        return value
    place = cgutils.alloca_once(builder, context.get_value_type(given.record))
    for k, part in enumerate(kind.types):
        found = laid_down(context, builder, part, builder.extract_value(value, k))
        _lay_down(builder, found, cgutils.gep_inbounds(builder, place, 0, k))
    return _written(builder, place)


def _written(builder: Any, place: Any) -> Any:
    """The address of a record that is written from now on: no read of it is moved to an earlier place."""
    kind = ir.FunctionType(place.type, [place.type])
    return builder.asm(kind, "", "=r,0,~{memory}", [place], True)


def _lay_down(builder: Any, value: Any, place: Any) -> None:
    """Store a value number by number: whole records take the compiler long."""
    if not isinstance(value.type, ir.Aggregate):
        builder.store(value, place)
        return
    for k in range(len(value.type)):
        _lay_down(builder, builder.extract_value(value, k), cgutils.gep_inbounds(builder, place, 0, k))


@infer_getattr
class _Fields(AttributeTemplate):
    key = Reference

    def generic_resolve(self, kind: Any, name: str) -> Any:  # type: ignore[override]  # numba asks it with both
        if name not in kind.record.fields:
            return None
        return kind.record.types[kind.record.fields.index(name)]


@lower_getattr_generic(Reference)
def _field(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    read = builder.load(cgutils.gep_inbounds(builder, value, 0, kind.record.fields.index(name)))
    read.set_metadata("invariant.load", builder.module.add_metadata([]))  # no store in a loop may have changed it
    return read


# -- from Python -----------------------------------------------------------------------------------------------------

# What an item of a tuple from Python is. It is put where its step says in the block for a record and those in it.
ARRAY, FLOAT, INTEGER, TRUTH, RECORD, NOTHING = range(6)
STEP_OF = {types.float64: FLOAT, types.int64: INTEGER, types.boolean: TRUTH, types.none: NOTHING}
ITEM_SIZE = 3  # place of an array's item size among its numbers
FOLLOW = "rebalance_follow"


def handed_over(kind: Any) -> Any:
    """The type in which a kernel is given a value from Python: records of arrays and numbers by reference."""
    given = by_reference(kind)
    return given if isinstance(given, Reference) and _is_plain(given) else settled(kind)


def _is_plain(given: Any) -> bool:
    if isinstance(given, Reference):
        return all(map(_is_plain, given.record.types))
    return given in STEP_OF or isinstance(given, types.Array)


@unbox(Reference)
def _from_python(kind: Any, given: Any, c: Any) -> NativeValue:
    steps: list[int] = []
    size = _write_steps(steps, c.context, kind.record, 0)
    block = cgutils.alloca_once(c.builder, WORD, size=ir.Constant(WORD, size // 8))
    numbers = ir.Constant(ir.ArrayType(WORD, len(steps)), steps)
    first = cgutils.global_constant(c.builder, c.builder.module.get_unique_name("steps"), numbers)
    c.builder.call(_follow(c), [cgutils.gep_inbounds(c.builder, first, 0, 0), given, c.builder.bitcast(block, BYTES)])
    record = _written(c.builder, c.builder.bitcast(block, c.context.get_value_type(kind)))
    return NativeValue(record, is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


def _write_steps(steps: list[int], context: Any, record: Any, at: int) -> int:
    """Write the steps that take a record over to a place of the block; gives where the block goes on."""
    layout, data = context.get_value_type(record), context.target_data
    end = at + -(-context.get_abi_sizeof(layout) // 8) * 8
    steps.append(len(record.types))
    for k, part in enumerate(record.types):
        place = layout.get_element_offset(data, k)
        if isinstance(part, Reference):
            steps += [RECORD, at + place, end]
            end = _write_steps(steps, context, part.record, end)
        elif isinstance(part, types.Array):
            steps += [ARRAY, at + place, as_dtype(part.dtype).itemsize]
        else:
            steps += [STEP_OF[part], at + place, 0]
    return end


def _follow(c: Any) -> Any:
    """The function that follows the steps of a record; gives the address of the step after them."""
    kind = ir.FunctionType(WORD.as_pointer(), [WORD.as_pointer(), c.pyapi.pyobj, BYTES])
    function = cgutils.get_or_insert_function(c.builder.module, kind, FOLLOW)
    if function.is_declaration:
        function.linkage = "internal"
        _define_follow(c.context, function)
    return function


def _define_follow(context: Any, function: Any) -> None:
    builder = ir.IRBuilder(function.append_basic_block())
    api = context.get_python_api(builder)
    steps, given, block = function.args
    step = cgutils.alloca_once_value(builder, builder.gep(steps, [WORD(1)]))
    kind = ir.FunctionType(api.pyobj, [api.pyobj, WORD])
    item_of = cgutils.get_or_insert_function(builder.module, kind, "PyTuple_GetItem")

    with cgutils.for_range(builder, builder.load(steps)) as loop:
        here = builder.load(step)
        what, where, more = [builder.load(builder.gep(here, [WORD(k)])) for k in range(3)]
        item, place = builder.call(item_of, [given, loop.index]), builder.gep(block, [where])
        with builder.if_then(cgutils.is_null(builder, item), likely=False):  # too short, with an error set
            builder.ret(here)
        builder.store(builder.gep(here, [WORD(3)]), step)
        after = builder.append_basic_block()
        ways = builder.switch(what, after)

        def store(value: Any) -> None:
            builder.store(value, builder.bitcast(place, value.type.as_pointer()))

        def adapt() -> None:
            status = api.numba_array_adaptor(item, place)
            size = builder.load(builder.gep(builder.bitcast(place, WORD.as_pointer()), [WORD(ITEM_SIZE)]))
            bad = builder.or_(cgutils.is_not_null(builder, status), builder.icmp_unsigned("!=", size, more))
            with builder.if_then(bad, likely=False):
                api.err_set_string("PyExc_TypeError", "a record holds no array of the type that it is compiled for")

        def follow() -> None:
            store(builder.gep(block, [more]))
            builder.store(builder.call(function, [builder.load(step), item, block]), step)

        for code, take_over in (
            (ARRAY, adapt),
            (FLOAT, lambda: store(api.float_as_double(item))),
            (INTEGER, lambda: store(api.long_as_longlong(item))),
            (TRUTH, lambda: store(builder.trunc(api.object_istrue(item), ir.IntType(1)))),
            (RECORD, follow),
        ):
            begins = builder.append_basic_block()
            ways.add_case(WORD(code), begins)
            with builder.goto_block(begins):
                take_over()
                builder.branch(after)
        builder.position_at_end(after)
    builder.ret(builder.load(step))
