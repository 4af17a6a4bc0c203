"""Calls between compiled kernels: code is copied into the caller, or kept by itself and compiled on demand.

numba compiles a function to run from Python, and copies what came out into every kernel that calls it, where it is
compiled anew. Two forms of a kernel avoid most of that work.

*Linked* kernels are only copied: nothing is optimised, wrapped for Python or made machine code until the kernel that
Python calls has all of its code. Called from Python, they are compiled once more, as any other.

Kernels *on demand* are never copied: they are called at their address, which a call site finds out when it is first
reached, from the disk cache or by compiling. So a loop that may meet every cost, event and rule is compiled without
them, and a first backtest does not wait for code that it never runs. A caller in the cache depends on what such a
kernel takes and gives, and not on its code.
"""

import ctypes
import importlib
import pickle
import traceback
from _thread import interrupt_main
from collections.abc import Callable
from functools import cached_property
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.caching import NullCache
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, signature

from foundation.compiled.forms import LinkedCompiler
from foundation.compiled.records import BYTES, WORD, by_reference, handed_over, laid_down

Function = Callable[..., Any]
Options = dict[str, Any]
BARE: Options = {"no_cpython_wrapper": True}  # not to be called from Python
NUMBA_TYPES: dict[Any, types.Type] = {float: types.float64, int: types.int64, bool: types.boolean, NoneType: types.none}
RESOLVE = "rebalance_resolve"  # the name by which compiled code finds `_resolve`


def _for_python(made: Any) -> Any:
    """A dispatcher that takes records over by reference."""
    made.settle = handed_over
    return made


class Linked:
    """A kernel that is copied into the kernels that call it, and called like any function from Python."""

    def __init__(self, function: Function, options: Options, make: Callable[..., Any]) -> None:
        """Compile a function by `make`, which gives numba's dispatcher of it with options and a form."""
        self.py_func, self._options, self._make = function, options, make
        self.targetoptions = options | BARE  # of what is copied
        self.__doc__, self.__name__, self.__module__ = function.__doc__, function.__name__, function.__module__

    @cached_property
    def copied(self) -> Any:
        """The dispatcher of the kernel as it is copied."""
        made = self._make(self.py_func, self.targetoptions, LinkedCompiler)
        made._cache = NullCache()  # it is kept with the kernels that it is copied into
        return made

    @property
    def _numba_type_(self) -> types.Type:
        return types.Dispatcher(self.copied)

    @cached_property
    def dispatcher(self) -> Any:
        """The dispatcher that Python calls."""
        return _for_python(self._make(self.py_func, self._options))

    def __call__(self, *given: Any) -> Any:
        """The result of the kernel."""
        return self.dispatcher(*given)


class OnDemand:
    """A kernel that other kernels call at its address, and Python like any function."""

    def __init__(self, function: Function, options: Options, make: Callable[..., Any]) -> None:
        """Compile a function by `make`, as `Linked` does; its annotations state its arguments and result."""
        self.py_func, self._options, self._make = function, options, make
        self.__doc__, self.__name__, self.__module__ = function.__doc__, function.__name__, function.__module__

    @cached_property
    def called(self) -> Any:
        """The dispatcher of the code that is called."""
        return self._make(self.py_func, self._options | BARE)

    @cached_property
    def _numba_type_(self) -> types.Function:
        return _call_of(self)

    @cached_property
    def dispatcher(self) -> Any:
        """The dispatcher that Python calls: it calls the kernel as others do, so that there is one code for all."""
        code = self.py_func.__code__
        given = ", ".join(code.co_varnames[: code.co_argcount])
        call = eval(f"lambda {given}: kernel({given})", {"kernel": self})
        call.__module__, call.__name__, call.__qualname__ = self.__module__, self.__name__, self.py_func.__qualname__
        return _for_python(self._make(call, self._options))

    def __call__(self, *given: Any) -> Any:
        """The result of the kernel."""
        return self.dispatcher(*given)

    @cached_property
    def returned(self) -> types.Type:
        """The type of the kernel's result."""
        return _numba_type(get_type_hints(self.py_func)["return"])

    def address(self, given: tuple[types.Type, ...]) -> int:
        """The address of the code for arguments of these types, compiled if need be."""
        called = self.called  # another thread may make one, too
        called.compile(given)
        made: Any = called.overloads[given]
        if made.signature.return_type != self.returned:
            raise TypeError(f"{self.__name__} gives {made.signature.return_type}, and is annotated {self.returned}.")
        return int(made.library.get_pointer_to_function(made.fndesc.llvm_func_name))


def _numba_type(hint: Any) -> types.Type:
    """The numba type of an annotation: numbers, None, and tuples of them."""
    if get_origin(hint) is tuple:
        return types.Tuple([_numba_type(part) for part in get_args(hint)])
    return NUMBA_TYPES[hint]


def _call_of(kernel: OnDemand) -> types.Function:
    """The type of the kernel for the compiler: the result of a call, and the code of the call."""
    hints = list(get_type_hints(kernel.py_func).values())[:-1]

    class Call(AbstractTemplate):
        key = kernel

        def generic(self, args: Any, kws: Any) -> Any:
            assert not kws, f"{kernel.__name__} is called with positions only"
            given = [NUMBA_TYPES.get(hint, types.unliteral(arg)) for hint, arg in zip(hints, args, strict=True)]
            return signature(kernel.returned, *given)

    @lower_builtin(kernel, types.VarArg(types.Any))
    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        given = tuple(map(by_reference, signature.args))
        handed = [laid_down(context, builder, *each) for each in zip(signature.args, values, strict=True)]
        made = context.call_conv.get_function_type(signature.return_type, given)
        address = _address(builder, pickle.dumps((kernel.__module__, kernel.__name__, given)))
        with cgutils.if_unlikely(builder, builder.icmp_unsigned("==", address, ir.Constant(BYTES, None))):
            message = f"{kernel.__name__} could not be compiled: see above."
            context.call_conv.return_user_exc(builder, RuntimeError, (message,))
        status, result = context.call_conv.call_function(
            builder, builder.bitcast(address, made.as_pointer()), signature.return_type, given, handed
        )
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return result

    return types.Function(Call)


def _address(builder: Any, asked: bytes) -> Any:
    """The address of the kernel asked for, kept at the call site; null where it could not be compiled."""
    module = builder.module
    place = cgutils.add_global_variable(module, BYTES, module.get_unique_name("on_demand"))
    place.linkage, place.initializer = "internal", ir.Constant(BYTES, None)
    known = builder.load(place)
    kept = cgutils.alloca_once_value(builder, known)
    with cgutils.if_unlikely(builder, builder.icmp_unsigned("==", known, ir.Constant(BYTES, None))):
        words = cgutils.global_constant(module, module.get_unique_name("asked"), cgutils.make_bytearray(asked))
        resolve = cgutils.get_or_insert_function(module, ir.FunctionType(BYTES, [BYTES, WORD]), RESOLVE)
        found = builder.call(resolve, [builder.bitcast(words, BYTES), ir.Constant(WORD, len(asked))])
        builder.store(found, place)
        builder.store(found, kept)
    return builder.load(kept)


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t)
def _resolve(words: int, size: int) -> int:
    """The address of the kernel that compiled code asks for, or 0: no exception passes through compiled code."""
    try:
        module, name, given = pickle.loads(ctypes.string_at(words, size))
        return getattr(importlib.import_module(module), name).address(given)  # type: ignore[no-any-return]
    except KeyboardInterrupt:
        interrupt_main()
    except BaseException:
        traceback.print_exc()
    return 0


llvmlite.binding.add_symbol(RESOLVE, ctypes.cast(_resolve, ctypes.c_void_p).value)
