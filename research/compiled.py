"""How kernels are compiled, and where the compiled code is kept.

numba's disk cache does not notice that a *callee in another file* was edited: it goes on with the old machine code. The
cache folder is therefore named by a hash over the sources of every module that holds a kernel, and it is set here,
before any kernel is decorated. A checkout that cannot be written to falls back to numba's own user-wide folder.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])
ROOT = Path(__file__).parent.parent

FASTMATH = {"nnan", "nsz"}  # no `reassoc`, `contract` or `arcp`: however a kernel is inlined, it gives the same bits


def kernel_stamp() -> str:
    """First 16 hex of sha256 over the sources of all modules that import `compiled`, and numba's version."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted([*ROOT.glob("research/**/*.py"), *ROOT.glob("backtests/**/*.py")]):
        source = path.read_bytes()
        if b"research.compiled import" in source or path == Path(__file__):
            digest.update(source)
    return digest.hexdigest()[:16]


def set_cache_folder() -> None:
    """Point numba at `data/cache/kernels/<stamp>`, unless the user has set NUMBA_CACHE_DIR or it cannot be written."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    folder = ROOT / "data" / "cache" / "kernels" / kernel_stamp()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # numba sets its settings by name


set_cache_folder()


def compiled(function: F) -> F:
    """`numba.njit` as every kernel of the house uses it: cached on disk, free of the GIL, lazily typed."""
    return cast(F, numba.njit(function, cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy"))


def inlined(function: F) -> F:
    """`compiled`, and always inlined into kernels that call it: for what happens on every day, not only on some."""
    kernel = numba.njit(function, cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy", forceinline=True)
    return cast(F, kernel)
