"""The way from a kernel to its code: one form for all arguments that it can treat alike, optimised once.

numba compiles a kernel anew for an array that may not be written to, and for each constant that a kernel hands on. Both
are settled where a kernel is called, from Python and from kernels: an array counts as one that may be written to, and a
constant as a number. So what a kernel writes is said in its docstring, and not refused by the compiler.

numba optimises each function by itself, and then all that is linked together. The first takes seconds for functions
with large records, and the second finds the same: only that is done.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding
from numba import types
from numba.core import sigutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, CompileResult, compile_result
from numba.core.registry import CPUDispatcher


def settled(kind: Any) -> Any:
    """The type that a kernel is compiled for: with arrays that may be written to, and numbers for constants."""
    kind = types.unliteral(kind)
    if isinstance(kind, types.Array):
        return kind.copy(readonly=False)
    if isinstance(kind, types.NamedUniTuple):  # laid out as an array
        return types.NamedUniTuple(settled(kind.dtype), kind.count, kind.instance_class)
    if isinstance(kind, types.NamedTuple):
        return types.NamedTuple([settled(part) for part in kind.types], kind.instance_class)
    if isinstance(kind, types.UniTuple):
        return types.UniTuple(settled(kind.dtype), kind.count)
    if isinstance(kind, types.Tuple):
        return types.Tuple([settled(part) for part in kind.types])
    return kind


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """A dispatcher of numba that compiles for settled types."""

    settle = staticmethod(settled)  # how arguments are settled
    _cache: Any
    _insert: Any

    def _compilation_chain_init_hook(self) -> None:
        """Do nothing: numba would read what each installed package extends it by, which its compiler does itself."""

    def compile(self, sig: Any) -> Any:
        """The address of the code for a call of these types."""
        asked, returned = sigutils.normalize_signature(sig)
        given = tuple(map(self.settle, asked))
        with _no_search_for_garbage():
            address = super().compile(given if returned is None else returned(*given))
        if given != tuple(asked):  # calls from Python find it by the types as they are
            self._insert([kind._code for kind in asked], address, False)
        return address

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """The facts that a kernel which calls this one needs, for settled types."""
        _, folded = self.fold_argument_types(args, kws)
        return super().get_call_template(tuple(map(settled, folded)), {})


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """The compiler makes millions of objects that stay until it ends: a look through them is a tenth of its time."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """Code that is optimised when it is whole."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout


class _LinkedLibrary(_Library):
    """Code that is only copied into the code of others."""

    def _optimize_final_module(self) -> None:
        """Leave it to the kernel that has all of the code."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        return self

    def set_env(self, name: str, env: Any) -> None:
        pass


class _KeptLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code that was kept. numba's own form of it, which others copy, is read where a kernel that does is compiled."""

    def __init__(self, codegen: Any, kept: Any) -> None:
        name, _, (code, self._form) = kept
        super().__init__(codegen, name)
        self.enable_object_caching()
        self._set_compiled_object(code)
        self._finalize_final_module()

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            self._shared_module = llvmlite.binding.parse_bitcode(self._form)
        return self._shared_module


def rebuilt(context: Any, kept: Any, from_python: bool) -> CompileResult:
    """The code of a kernel, as `CompileResult._reduce` of numba gave it. from_python : whether Python can call it."""
    parts, about, environment, signature, _, _, _, begins, environments = kept
    for begin in begins:
        begin()
    library, codegen = _KeptLibrary(context.codegen(), parts), context.codegen()
    codegen._engine._defined_symbols |= {about.llvm_func_name, *[about.llvm_cpython_wrapper_name] * from_python}
    call = context.get_executable(library, about, environment)
    for each in environments:
        codegen.set_env(each.env_name, each)
    return compile_result(
        typing_context=context.typing_context, target_context=context, entry_point=call, environment=environment,
        signature=signature, objectmode=False, library=library, fndesc=about, referenced_envs=environments,
    )  # fmt: skip


class WholeCompiler(Compiler):  # type: ignore[misc]
    """numba's compiler, with code that is optimised when it is whole."""

    library = _Library

    def compile_extra(self, func: Any) -> Any:
        """The code of a function."""
        self.state.library = self.library(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class LinkedCompiler(WholeCompiler):
    """numba's compiler up to the code, which it leaves as it is."""

    library = _LinkedLibrary
