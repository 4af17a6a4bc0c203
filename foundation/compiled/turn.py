"""One process compiles a kernel, and others that need it at the same time wait for its code instead of doing the same.

Only the kernel with which a compilation begins is locked, and none that it calls: so nobody waits in a circle. The lock
goes with its process, however that ends.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from foundation.progress import bar

PATIENCE = 900.0  # seconds, after which a kernel is compiled all the same: the other process may have been suspended
LOOK = 0.05  # seconds between two looks


class Turn:
    """The lock of this process. numba compiles in one thread at a time."""

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
