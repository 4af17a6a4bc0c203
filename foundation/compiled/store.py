"""The store of compiled code: a file for each kernel and the types it was called with, named by its content.

The name holds the hash of what the code was made from (`content`), the types, the processor, and the versions of
Python, numba and LLVM, but no path and no time. So a moved or copied folder goes on with what it has, an edit that
changes no kernel compiles nothing, and nobody needs an index.

Kept code runs when it is read: `foundation.private_store` says where from it may be.
"""

import fcntl
import os
import pickle
import sys
import time
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import llvmlite.binding
import numba
from numba.core import sigutils
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target
from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]  # it is compiled
from numba.core.serialize import dumps

from foundation.compiled.content import EditedSince, content, name_of, signature_text
from foundation.compiled.forms import rebuilt
from foundation.private_store import UNREADABLE, folders_of, keep, note_use, unsealed
from foundation.progress import bar

# seconds, after which a kernel is compiled all the same: the other process may have been suspended
COMPILE_PATIENCE = 900.0
LOOK_SECONDS = 0.05  # seconds between two looks


class CompileTurn:
    """The lock of this process: it compiles a kernel, and others that need it then wait for its code.

    Only the kernel with which a compilation begins is locked, and none that it calls: so nobody waits in a circle. The
    lock goes with its process, however that ends. numba compiles in one thread at a time.
    """

    def __init__(self) -> None:
        self.path: Path | None = None

    def take(self, path: Path, name: str) -> bool:
        """Wait until no other process compiles what the lock file `path` stands for; gives True where one did.

        Nothing happens within a compilation that has its turn, or where no file can be locked.
        """
        if self.path is not None:
            return False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return False
        self.path = path
        if self._locked():
            return False
        until = time.monotonic() + COMPILE_PATIENCE
        with bar(None, f"waiting for another process that compiles {name}"):
            while not self._locked() and time.monotonic() < until:
                time.sleep(LOOK_SECONDS)
        return True

    def give_back(self, path: Path | None = None) -> None:
        """Let others go on, whether the code is kept or there is none; with `path` only where the turn is its."""
        if self.path is not None and path in (None, self.path):
            with suppress(OSError):
                self.path.unlink()
            os.close(self.file)
            self.path = None

    def _locked(self) -> bool:
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


TURN = CompileTurn()
FILE_FORM = 2  # of a kept file: a digest, then the code
VERSIONS = (sys.implementation.cache_tag, numba.__version__, llvmlite.__version__, FILE_FORM)


def folders() -> tuple[list[Path], list[Path]]:
    """The folders in which code may be kept, and further folders in which it is looked for: `folders_of`."""
    return folders_of("kernels")


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
        """Do nothing: code is kept wherever a folder can be written to."""

    disable = flush = enable

    def load_overload(self, sig: Any, target_context: Any) -> CompileResult | None:
        """The code for these types; None where none is kept, or where it cannot be read.

        numba would first load all that it compiles with, which takes each process 0.3 s: kept code needs none of it.
        """
        try:
            name = self._name(sig)
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
        from_python = "no_cpython_wrapper" not in self.kernel.targetoptions
        for folder in (*kept, *looked):
            try:
                code = unsealed((folder / name).read_bytes(), folder, name)
                if code is not None:
                    _tell_addresses()
                    found = rebuilt(target_context, pickle.loads(code), from_python)
                    note_use(kept, folder, name, code)
                    self._note(name)
                    return found
            except OSError:
                continue
            except UNREADABLE:  # such as after a power cut
                with suppress(OSError):
                    (folder / name).unlink()
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep code for these types, unless it holds addresses, which another process cannot use."""
        try:
            name = self._name(sig)
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

    def _name(self, sig: Any) -> str:
        arguments, _ = sigutils.normalize_signature(sig)
        parts = content(self.kernel), signature_text(arguments), processor()
        function = self.kernel.py_func
        return f"{function.__module__}.{function.__qualname__}-{sha256(repr(parts).encode()).hexdigest()[:32]}"


@cache
def _tell_addresses() -> None:
    """Tell LLVM where the functions are by which kernels allocate arrays; numba also compiles some, to copy."""
    for name, address in _nrt_python.c_helpers.items():
        llvmlite.binding.add_symbol(name if name[0] == "_" else f"NRT_{name}", address)


@cache
def processor() -> str:
    """The processor that code is compiled for, and the versions of its compilers."""
    return repr((cpu_target.target_context.codegen().magic_tuple(), VERSIONS))
