"""One hash over the inputs of a kernel's compiled code: the key under which the code is kept.

It holds what the compiler reads, and nothing else: the instructions of the kernel and of every kernel that it calls, in
whatever file they are, their options, and the values of the constants that they read. Line numbers, comments,
docstrings, annotations, paths and Python code that is not compiled are no part of it. It is taken from the functions
that are loaded, and not from their files, which may have been edited since; of what is read no closer, such as the
classes by which records are handed over, the whole file counts.
"""

import hashlib
import re
import sys
import time
from collections.abc import Iterator
from dis import hasconst, opmap
from functools import cache
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple, get_type_hints

import numpy as np
from numba.core import types
from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic

from foundation.compiled import forms, records
from foundation.compiled.calls import Linked, OnDemand

LOAD_GLOBAL, EXTENDED_ARG, RESUME, NOP = (opmap[name] for name in ("LOAD_GLOBAL", "EXTENDED_ARG", "RESUME", "NOP"))
AT_BEGIN = bytes([RESUME, 0])
CONSTANT_OPERATIONS, GLOBAL_OPERATIONS = (
    re.compile(b"%b*[%b]" % (re.escape(bytes([EXTENDED_ARG])), re.escape(bytes(wanted))), re.DOTALL)
    for wanted in (hasconst, [LOAD_GLOBAL])
)  # of the operations of a function, with the high bytes of their numbers before them
KNOWN_LIBRARIES = {"numba", "llvmlite", "numpy", "math", "operator", "builtins", "typing"}  # known by their versions
VALUE_TYPES = (bool, int, float, complex, str, bytes, type(None), type(...), np.generic)
STARTED = time.time()
# When the modules of this room were edited, as they are imported: by a clock that may be ahead of this machine's.
OWN_FILES = {path: path.stat().st_mtime_ns for path in Path(__file__).parent.glob("*.py")}


class EditedSince(Exception):
    """A module whose text counts was edited after this process began: the loaded text can no longer be read."""


class Described(NamedTuple):
    """One object that is read. text : its description, which changes with it.  read : objects that it reads itself."""

    text: str
    read: tuple[Any, ...] = ()


def content(kernel: Dispatcher | Linked | OnDemand) -> str:
    """Hash of all that compiled code of a kernel is made from, but for the types of its arguments.

    Raises : EditedSince.
    """
    return hashlib.sha256("\n".join(sorted(one.text for one in _reached(kernel))).encode()).hexdigest()


def called(kernel: Dispatcher | Linked | OnDemand) -> set[str]:
    """Names of all kernels that a kernel can call, itself included."""
    return {one.text.split()[1] for one in _reached(kernel) if one.text.startswith("kernel ")}


def signature_text(arguments: tuple[types.Type, ...]) -> str:
    """The types of a call, with the fields of named tuples: numba takes tuples with other fields for the same type."""
    return "; ".join(_type_text(kind) for kind in arguments)


def _reached(kernel: Dispatcher | Linked | OnDemand) -> Iterator[Described]:
    """A kernel and all that it reads, each once; of one on demand its own code, and of those that it calls none."""
    first: Any = kernel.called if isinstance(kernel, OnDemand) else kernel
    seen, left = {id(first)}, [first]
    while left:
        one = _described(left.pop())
        yield one
        fresh = {id(value): value for value in one.read if id(value) not in seen}
        seen.update(fresh)
        left.extend(fresh.values())


def _described(value: Any) -> Described:
    """The description of a kernel, intrinsic, function or module. Values are read each time: constants can change."""
    if isinstance(value, Dispatcher | Linked):
        options = sorted((name, _plain(option)) for name, option in value.targetoptions.items())
        one = _function(value.py_func)  # type: ignore[arg-type]  # a function, not any callable
        return Described(f"kernel {one.text} {options}", one.read)
    if isinstance(value, OnDemand):  # its code is not in that of its callers: only what it takes and gives
        return Described(
            f"on demand {name_of(value)} {get_type_hints(value.py_func)}",
            (sys.modules[OnDemand.__module__], forms, records),
        )
    if isinstance(value, _Intrinsic):
        return _function(value._defn)
    if isinstance(value, FunctionType):
        return _function(value)
    return Described(f"module {value.__name__} {_file_hash(value)}")


def _function(function: FunctionType) -> Described:
    """The instructions of a function, and the values of its names."""
    values: dict[str, Any] = dict(zip(function.__code__.co_freevars, _cells(function), strict=True))
    for name in _global_names(function.__code__):
        if name in function.__globals__:  # else it is built in
            values[name] = function.__globals__[name]
    read: list[Any] = []
    said = [f"{name}={_named(value, function, read)}" for name, value in sorted(values.items())]
    defaults = [_named(value, function, read) for value in function.__defaults__ or ()]
    return Described(f"{name_of(function)} {_instructions(function.__code__)} {defaults} {said}", tuple(read))


def _named(value: Any, reader: FunctionType, read: list[Any]) -> str:
    """A short text of the value of a name; values that must be read further are added to `read`."""
    if isinstance(value, VALUE_TYPES):
        return _plain(value)
    if isinstance(value, tuple):
        return f"{type(value).__qualname__}({', '.join(_named(item, reader, read) for item in value)})"
    if isinstance(value, np.ndarray):
        return f"{value.dtype.str}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields"):
        return f"{name_of(value)}{value._fields}{getattr(value, '_field_defaults', {})}"
    if _of_others(value):
        return name_of(value)
    if isinstance(value, Dispatcher | Linked | OnDemand | _Intrinsic | FunctionType):
        read.append(value)
        return name_of(value)
    home = value if isinstance(value, ModuleType) else sys.modules[getattr(value, "__module__", reader.__module__)]
    read.append(home)  # whatever it is: the text of its module, or of the one that reads it, says no less
    return home.__name__


@cache
def _instructions(code: CodeType) -> str:
    """The instructions of a function without its docstring and line numbers; with `python -OO` the same."""
    plain, constants = bytearray(code.co_code), []
    for place, number in _numbers(code, CONSTANT_OPERATIONS):  # by their places, of which a docstring takes one
        constant = code.co_consts[number]
        constants.append(_instructions(constant) if isinstance(constant, CodeType) else _plain(constant))
        plain[place] = 0
    said = bytes(plain).replace(AT_BEGIN + bytes([NOP, 0]), AT_BEGIN, 1).hex()  # what -OO leaves where a docstring was
    flags = code.co_flags & ~CO_OPTIMIZED  # which profilers and debuggers of some versions take away
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, flags
    return repr((code.co_name, counts, said, constants, code.co_names, code.co_varnames, code.co_freevars))


@cache
def _global_names(code: CodeType) -> set[str]:
    """The global names that a function reads, those of functions within it included."""
    names = {code.co_names[number >> 1] for _, number in _numbers(code, GLOBAL_OPERATIONS)}
    return names.union(*(_global_names(one) for one in code.co_consts if isinstance(one, CodeType)))


def _numbers(code: CodeType, operations: re.Pattern[bytes]) -> Iterator[tuple[int, int]]:
    """The numbers of some operations of a function, each with the place of its last byte in the code."""
    whole = code.co_code
    for found in operations.finditer(whole[::2]):
        number = int.from_bytes(whole[2 * found.start() + 1 : 2 * found.end() : 2], "big")
        yield 2 * found.end() - 1, number


def _cells(function: FunctionType) -> list[Any]:
    return [cell.cell_contents for cell in function.__closure__ or ()]


def _plain(value: Any) -> str:
    """A literal; sets in an order of their own, which else differs from process to process."""
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(repr, value)))}}}"
    return f"{type(value).__name__} {value!r}"


def name_of(value: Any) -> str:
    """Module and name of a function or class."""
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', getattr(value, '__name__', value))}"


def _of_others(value: Any) -> bool:
    """True for a module, function or class of a library, which is known by its version."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return isinstance(name, str) and name.partition(".")[0] in KNOWN_LIBRARIES


def _type_text(kind: types.Type) -> str:
    """The name of a type, with the fields and the code that it stands for."""
    if isinstance(kind, types.Dispatcher):
        return content(kind.dispatcher)
    inside = [*getattr(kind, "types", ()), getattr(kind, "dtype", None), getattr(kind, "record", None)]
    said = [_type_text(one) for one in inside if isinstance(one, types.Type)]
    if isinstance(kind, types.NamedTuple | types.NamedUniTuple):
        said.append(f"{name_of(kind.instance_class)}{kind.fields}")
    if not _of_others(type(kind)):
        said.append(_file_hash(sys.modules[type(kind).__module__]))
    return f"{kind}[{', '.join(said)}]" if said else str(kind)


@cache
def _file_hash(module: ModuleType) -> str:
    """Hash of the file of a module, for what is not read closer. Raises EditedSince."""
    path = Path(str(module.__file__))
    about = path.stat()
    if about.st_mtime_ns != OWN_FILES[path] if path in OWN_FILES else about.st_mtime > STARTED:
        raise EditedSince(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()
