"""How kernels are compiled, and where the compiled code is kept.

numba's disk cache does not notice that a *callee in another file* was edited: it goes on with the old machine code. The
cache folder is therefore named by a hash over the sources of every module that holds a kernel, and it is set here,
before any kernel is decorated. Where the checkout cannot be written to, a folder of that name in the user's cache
directory serves; where that cannot be written to either, nothing is kept: numba's own folders have no such name.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])
ROOT = Path(__file__).parent.parent

IMPORT = re.compile(rb"^from ((?:research|backtests)\.[\w.]+) import", re.MULTILINE)

FASTMATH = {"nnan", "nsz"}  # no `reassoc`, `contract` or `arcp`: however a kernel is inlined, it gives the same bits


def kernel_sources() -> dict[Path, bytes]:
    """All modules that hold a kernel, and those that they import from: compiled code holds the values of constants."""
    sources = {p: p.read_bytes() for room in ("research", "backtests") for p in ROOT.glob(f"{room}/**/*.py")}
    kernels = {p for p, source in sources.items() if b"research.compiled import" in source or p == Path(__file__)}
    imported = {
        ROOT / (name.decode().replace(".", "/") + ".py") for p in kernels for name in IMPORT.findall(sources[p])
    }
    return {path: sources[path] for path in sorted((kernels | imported) & set(sources))}


def kernel_stamp() -> str:
    """First 16 hex of sha256 over numba's version and `kernel_sources`."""
    digest = hashlib.sha256(numba.__version__.encode())
    for source in kernel_sources().values():
        digest.update(source)
    return digest.hexdigest()[:16]


def cache_folders(stamp: str) -> list[Path]:
    """Where the code of this stamp may be kept, best first: in the checkout, else in the user's cache directory."""
    homes = [Path(os.environ.get("XDG_CACHE_HOME", "")), Path(os.path.expanduser("~/.cache"))]
    users = [home / "rebalance-workbench" for home in homes if home.is_absolute()][:1]  # none where there is no home
    return [folder / "kernels" / stamp for folder in (ROOT / "data" / "cache", *users)]


def can_be_written(folder: Path) -> bool:
    """Can files be made in this folder, which is made if need be?"""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def first_writable(folders: Iterable[Path], writable: Callable[[Path], bool] = can_be_written) -> Path | None:
    """The first folder that can be written to, or None."""
    return next((folder for folder in folders if writable(folder)), None)


def set_cache_folder() -> bool:
    """Point numba at the first stamped folder that can be written to, unless the user has set NUMBA_CACHE_DIR.

    Returns : may compiled code be kept? Not where no such folder can be written to.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return True
    folder = first_writable(cache_folders(kernel_stamp()))
    if folder is not None:
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # numba sets its settings by name
    return folder is not None


KEPT = set_cache_folder()


OPTIONS: dict[str, Any] = {"cache": KEPT, "nogil": True, "fastmath": FASTMATH, "error_model": "numpy"}
# Counting references to the arrays of a call costs as much as a trade does; a kernel that counts none cannot allocate.
LEAN: dict[str, Any] = OPTIONS | {"_nrt": False}


def compiled(function: F) -> F:
    """`numba.njit` as every kernel of the house uses it: cached on disk, free of the GIL, lazily typed."""
    return cast(F, numba.njit(function, **OPTIONS))


def lean(function: F) -> F:
    """`compiled`, for kernels that allocate nothing and set no slice: numba refuses what does."""
    return cast(F, numba.njit(function, **LEAN))


def into(kernel: F) -> F:
    """What a kernel does, inlined into the one that calls this: where handing arrays over would take half of the time.

    It is kept with that kernel only: on disk two forms of one function have one name.
    """
    return cast(F, numba.njit(kernel.py_func, forceinline=True, **(LEAN | {"cache": False})))  # type: ignore[attr-defined]


def inlined(function: F) -> F:
    """`lean`, and always inlined into kernels that call it: for what happens on every day, not only on some."""
    return cast(F, numba.njit(function, forceinline=True, **LEAN))
