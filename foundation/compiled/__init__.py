"""Compilation of kernels.

Compiled code is kept (`foundation.compiled.store`) by a hash over its inputs
(`foundation.compiled.content`): numba's own cache does not notice that a *callee in another file* was edited, and goes
on with the old machine code. Code that is not kept yet is compiled when it is first called, with a notice
(`foundation.compiled.notice`). How kernels call each other is in `foundation.compiled.calls`.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from foundation.quick_imports import without_coverage_of_kernels

with without_coverage_of_kernels():
    import numba  # noqa: F401

from foundation.compiled.calls import Linked, OnDemand
from foundation.compiled.forms import Kernel, WholeCompiler
from foundation.compiled.notice import announce
from foundation.compiled.records import refer
from foundation.compiled.store import KernelStore

__all__ = ["compiled", "inlined", "inlined_copy", "linked", "on_demand", "refer"]

F = TypeVar("F", bound=Callable[..., Any])

FASTMATH = {"nnan", "nsz"}  # no `reassoc`, `contract` or `arcp`: however a kernel is inlined, it gives the same bits
# No kernel is called as a C function, so none is wrapped as one.
OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": FASTMATH, "error_model": "numpy", "nopython": True}
OPTIONS |= {"boundscheck": None, "no_cfunc_wrapper": True}
# Counting references to the arrays of a call costs as much as a trade does; a kernel that counts none cannot allocate.
LEAN: dict[str, Any] = OPTIONS | {"_nrt": False}

announce()


def compiled(function: F) -> F:
    """`numba.njit` as every kernel of the house uses it: kept on disk, free of the GIL, lazily typed."""
    return cast(F, _kept(function, OPTIONS))


def linked(function: F) -> F:
    """`compiled`, for kernels that allocate nothing and set no slice (numba refuses others); linked into callers.

    It gives numbers only: it counts no references, so a `compiled` caller would free an array that it gave twice.
    A record that Python gives it comes by its address: it has fields, and cannot be unpacked.
    """
    return cast(F, Linked(function, LEAN, _kept))


def inlined(function: F) -> F:
    """`linked`, and always inlined into kernels that call it: for work of every day, not only of some days."""
    return cast(F, Linked(function, LEAN | {"forceinline": True}, _kept))


def on_demand(function: F) -> F:
    """`linked`, and compiled by itself when first called: for code that many kernels call, or some on few days."""
    return cast(F, OnDemand(function, LEAN, _kept))


def inlined_copy(kernel: F) -> F:
    """A kernel inlined into the one that calls this: where handing arrays over would take half of the time."""
    return inlined(kernel.py_func)  # type: ignore[attr-defined, no-any-return]


def _kept(function: F, options: dict[str, Any], form: type[WholeCompiler] = WholeCompiler) -> Any:
    """A dispatcher of numba with kept code."""
    kernel = Kernel(function, {}, {**options}, form)
    kernel._cache = KernelStore(kernel)  # what numba's `cache=True` sets, with its own
    return kernel
