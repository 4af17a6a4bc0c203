"""The store of compiled code: a file for each kernel and the types it was called with, named by its content.

The name holds the hash of what the code was made from (`content`), the types, the processor, and the versions of
Python, numba and LLVM, but no path and no time. So a moved or copied folder goes on with what it has, an edit that
changes no kernel compiles nothing, and nobody needs an index: a file is written beside its place and renamed, so that
one which is there is whole, however many processes write and wherever they are killed.

Kept code runs when it is read. So it is read only from a folder in which nobody else may write, and only if its digest
is right, which is keyed by a file in the folder that nobody else may read. All other code is compiled anew.
"""

import fcntl
import hmac
import os
import pickle
import shutil
import stat
import sys
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, ClassVar

import llvmlite
import numba
from numba.core import sigutils
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from foundation.compiled.content import EditedSince, content, name_of, signature_text
from foundation.files import ROOT, write_private, written_alone
from foundation.progress import bar

PATIENCE = 900.0  # seconds, after which a kernel is compiled all the same: the other process may have been suspended
LOOK = 0.05  # seconds between two looks


class Turn:
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
        until = time.monotonic() + PATIENCE
        with bar(None, f"waiting for another process that compiles {name}"):
            while not self._locked() and time.monotonic() < until:
                time.sleep(LOOK)
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


TURN = Turn()
FORM = 2  # of a kept file: a digest, then the code
VERSIONS = (sys.implementation.cache_tag, numba.__version__, llvmlite.__version__, FORM)
DAY = 86_400.0  # seconds
UNUSED = 28 * DAY  # after which kept code is deleted
MOST_BYTES = 1 << 30  # bytes of kept code in a folder
KEY, SIZE = ".key", 32  # name of the file of a folder's key; bytes of a key and of a digest
UNREADABLE = (EOFError, ValueError, LookupError, AttributeError, ImportError, TypeError, pickle.UnpicklingError)


def folders() -> tuple[list[Path], list[Path]]:
    """The folders in which code may be kept, and further folders in which it is looked for.

    It is kept once for a user, so that a second checkout compiles nothing: in the cache directory, or where
    NUMBA_CACHE_DIR says. A cache directory within the checkout, as `make` has one, counts as none stated. A checkout
    may be shipped with code, as in an image, which is looked for, and used alone where there is no home to write to.
    """
    shipped = [ROOT / "data" / "cache" / "kernels"]
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(chosen) / "kernels"], []
    stated, home = Path(os.environ.get("XDG_CACHE_HOME", "")), Path(os.path.expanduser("~/.cache"))
    users = (
        (stated if stated.is_absolute() and not stated.is_relative_to(ROOT) else home)
        / "rebalance-workbench"
        / "kernels"
    )
    return ([users], shipped) if users.is_absolute() and _can_write(users) else (shipped, [])


def _can_write(folder: Path) -> bool:
    """True where a folder can be written to, or made."""
    place = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # False where it may not look
    return os.path.isdir(place) and os.access(place, os.W_OK)


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
        rtsys.initialize(target_context)  # the functions by which kernels allocate arrays
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
                code = opened((folder / name).read_bytes(), folder, name)
                found = None if code is None else CompileResult._rebuild(target_context, *pickle.loads(code))
            except OSError:
                continue
            except UNREADABLE:  # such as after a power cut
                with suppress(OSError):
                    (folder / name).unlink()
                continue
            if code is None:
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
    """The processor that code is compiled for, and the versions of its compilers."""
    return repr((cpu_target.target_context.codegen().magic_tuple(), VERSIONS))


def opened(sealed: bytes, folder: Path, name: str) -> bytes | None:
    """The code in a kept file; None where others may have changed it, or its digest is wrong.

    Raises : OSError where the folder or its key cannot be read.
    """
    digest, code = sealed[:SIZE], sealed[SIZE:]
    key = _key(folder) if written_alone(folder, _owner()) else None
    return code if key is not None and hmac.compare_digest(digest, _digest(key, name, code)) else None


def keep(where: list[Path], name: str, code: bytes) -> None:
    """Write code into each folder that lacks it, and note its use in the others; errors of writing are ignored.

    Code with a wrong digest is written over.
    """
    for folder in where:
        path = folder / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid == os.geteuid():
                folder.chmod(0o700)
            if not written_alone(folder, _owner()):
                continue
            if path.exists() and opened(path.read_bytes(), folder, name) is not None:
                if time.time() - path.stat().st_mtime > DAY:
                    os.utime(path)
                continue
            key = _key(folder) or _new_key(folder)
            write_private(path, _digest(key, name, code) + code)
        except OSError:
            continue


def _digest(key: bytes, name: str, code: bytes) -> bytes:
    """The digest of code that is kept under a name."""
    return hmac.digest(key, name.encode() + b"\0" + code, "sha256")


def _key(folder: Path) -> bytes | None:
    """The key of a folder; None where there is none that nobody else may read."""
    path = folder / KEY
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    about = path.stat()
    alone = about.st_uid in (os.geteuid(), _owner()) and not about.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return key if alone and len(key) == SIZE else None


def _new_key(folder: Path) -> bytes:
    """Make a key for a folder that has none; of processes that do so at once, one makes it."""
    draft = folder / f".key.{token_hex(16)}"
    if _key(folder) is None:  # others may have read the one that is there
        (folder / KEY).unlink(missing_ok=True)
    write_private(draft, os.urandom(SIZE))
    try:
        os.link(draft, folder / KEY)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        draft.replace(folder / KEY)
    finally:
        draft.unlink(missing_ok=True)
    return (folder / KEY).read_bytes()


def _owner() -> int:
    """The user that owns this code: whoever runs it trusts that user."""
    return Path(__file__).stat().st_uid


def prune(where: list[Path], most: int = MOST_BYTES) -> None:
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
            if path.name == KEY:
                continue
            size += facts.st_size
            if size <= most and time.time() - facts.st_mtime <= UNUSED:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
