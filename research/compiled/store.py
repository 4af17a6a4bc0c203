"""Where compiled code is kept: a file for each kernel and the types that it was called with, named by its content.

The name holds the hash of what the code was made from (`content`), the types, the processor, and the versions of
Python, numba and LLVM, but no path and no time. So a moved or copied folder goes on with what it has, an edit that
changes no kernel compiles nothing, and nobody needs an index: a file is written beside its place and renamed, so that
one which is there is whole, however many processes write and wherever they are killed.
"""

import os
import pickle
import shutil
import sys
import time
import uuid
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import llvmlite
import numba
from numba.core import sigutils
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target
from numba.core.serialize import dumps

from research.compiled.content import EditedSince, content, name_of, signature_text
from research.compiled.turn import Turn

TURN = Turn()
ROOT = Path(__file__).parents[2]
VERSIONS = (sys.implementation.cache_tag, numba.__version__, llvmlite.__version__)
DAY = 86_400.0  # seconds
UNUSED = 28 * DAY  # after which kept code is deleted
MOST = 1 << 30  # bytes of kept code in a folder
UNREADABLE = (EOFError, ValueError, LookupError, AttributeError, ImportError, TypeError, pickle.UnpicklingError)


def folders() -> tuple[list[Path], list[Path]]:
    """Where code may be kept, and where besides it is looked for.

    It is kept in the checkout, so that it moves along with the folder, and in the user's cache directory, where other
    checkouts find it. What `make` starts has its cache directory in the checkout, and keeps nothing outside. Where
    the user has set NUMBA_CACHE_DIR, it is kept and looked for there only.
    """
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(chosen) / "kernels"], []
    below = Path("rebalance-workbench") / "kernels"
    named, home = Path(os.environ.get("XDG_CACHE_HOME", "")), Path(os.path.expanduser("~/.cache"))
    users = named if named.is_absolute() else home
    kept = [ROOT / "data" / "cache" / "kernels"]
    if users.is_absolute() and not users.is_relative_to(ROOT):  # there may be no home
        kept.append(users / below)
    return kept, [home / below] if home.is_absolute() and home != users else []


class KernelStore(_Cache):  # type: ignore[misc]
    """The kept code of one kernel, as numba asks for it.

    used : names of the files of which this process had code, by the name of their kernel.
    """

    used: ClassVar[dict[str, set[str]]] = {}

    def __init__(self, kernel: Dispatcher) -> None:
        self.kernel = kernel

    @property
    def cache_path(self) -> str:
        """The first folder where code may be kept."""
        return str(folders()[0][0])

    def enable(self) -> None:
        """Nothing to do: code is kept wherever a folder can be written to."""

    disable = flush = enable

    def load_overload(self, sig: Any, target_context: Any) -> CompileResult | None:
        """The code for these types; None where none is kept, or what is kept cannot be read."""
        target_context.refresh()
        try:
            name = self._name(sig, target_context.codegen())
        except EditedSince:
            return None
        found = self._find(name, target_context)
        if found is None and TURN.take(self._lock(name), self.kernel.py_func.__name__):
            found = self._find(name, target_context)
        if found is not None:
            TURN.give_back(self._lock(name))
        return found

    def _find(self, name: str, target_context: Any) -> CompileResult | None:
        kept, looked = folders()
        for folder in (*kept, *looked):
            try:
                code = (folder / name).read_bytes()
                found = CompileResult._rebuild(target_context, *pickle.loads(code))
            except OSError:
                continue
            except UNREADABLE:  # such as after a power cut
                with suppress(OSError):
                    (folder / name).unlink()
                continue
            keep(kept, name, code)
            self._note(name)
            return found
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep code for these types, unless it holds addresses, which another process cannot use."""
        try:
            name = self._name(sig, data.codegen)
        except EditedSince:
            TURN.give_back()
            return
        if not data.library.has_dynamic_globals:
            keep(folders()[0], name, dumps(data._reduce()))
            self._note(name)
        TURN.give_back(self._lock(name))

    @staticmethod
    def _lock(name: str) -> Path:
        return folders()[0][0] / f".{name}.lock"

    def _note(self, name: str) -> None:
        self.used.setdefault(name_of(self.kernel.py_func), set()).add(name)

    def _name(self, sig: Any, codegen: Any) -> str:
        arguments, _ = sigutils.normalize_signature(sig)
        parts = content(self.kernel), signature_text(arguments), codegen.magic_tuple(), VERSIONS
        function = self.kernel.py_func
        return f"{function.__module__}.{function.__qualname__}-{sha256(repr(parts).encode()).hexdigest()[:32]}"


def processor() -> str:
    """The processor that code is compiled for, and the versions of what compiles it."""
    return repr((cpu_target.target_context.codegen().magic_tuple(), VERSIONS))


def keep(where: list[Path], name: str, code: bytes) -> None:
    """Write code into each folder that lacks it, and note where it is there that it was used; what cannot be is not."""
    for folder in where:
        path, draft = folder / name, folder / f".{name}.{uuid.uuid4().hex}"
        try:
            if path.exists():
                if time.time() - path.stat().st_mtime > DAY:
                    os.utime(path)
                continue
            folder.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_bytes(code)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError:
            continue


def prune(where: list[Path], most: int = MOST) -> None:
    """Delete code that was not used for four weeks, and the longest unused where there are more than `most` bytes.

    Drafts that a killed process left, and folders that earlier versions kept code in, go by their age likewise.
    """
    for folder in where:
        try:
            found = [(path, path.stat()) for path in folder.iterdir()]
        except OSError:  # there is none, or another process is at it
            continue
        size = 0
        for path, facts in sorted(found, key=lambda one: -one[1].st_mtime):
            size += facts.st_size
            if size <= most and time.time() - facts.st_mtime <= UNUSED:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
