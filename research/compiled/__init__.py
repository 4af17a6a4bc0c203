"""How kernels are compiled.

Compiled code is kept (`research.compiled.store`) by a hash over what it was made from (`research.compiled.content`):
numba's own cache does not notice that a *callee in another file* was edited, and goes on with the old machine code.
What is not kept yet is compiled when it is first called, and says so (`research.compiled.notice`).
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from research.compiled.notice import announce
from research.compiled.store import KernelStore

F = TypeVar("F", bound=Callable[..., Any])

FASTMATH = {"nnan", "nsz"}  # no `reassoc`, `contract` or `arcp`: however a kernel is inlined, it gives the same bits
OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": FASTMATH, "error_model": "numpy"}
# Counting references to the arrays of a call costs as much as a trade does; a kernel that counts none cannot allocate.
LEAN: dict[str, Any] = OPTIONS | {"_nrt": False}

announce()


def compiled(function: F) -> F:
    """`numba.njit` as every kernel of the house uses it: kept on disk, free of the GIL, lazily typed."""
    return _kept(function, OPTIONS)


def lean(function: F) -> F:
    """`compiled`, for kernels that allocate nothing and set no slice: numba refuses what does."""
    return _kept(function, LEAN)


def into(kernel: F) -> F:
    """What a kernel does, inlined into the one that calls this: where handing arrays over would take half of the time.

    It is kept with that kernel only: on disk two forms of one function have one name.
    """
    return cast(F, numba.njit(kernel.py_func, forceinline=True, **LEAN))  # type: ignore[attr-defined]


def inlined(function: F) -> F:
    """`lean`, and always inlined into kernels that call it: for what happens on every day, not only on some."""
    return _kept(function, LEAN | {"forceinline": True})


def _kept(function: F, options: dict[str, Any]) -> F:
    kernel: Any = numba.njit(function, **options)
    kernel._cache = KernelStore(kernel)  # what numba's `cache=True` sets, with its own
    return cast(F, kernel)
