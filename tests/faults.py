"""Killing a job at any of its file operations, and asking who lives on.

A kill ends a job before one of its operations below a folder: before a file is created, opened to be written, half
written, synced, renamed or deleted, and before a folder is made, renamed or deleted. What such a kill leaves is what
the system holds at that moment, so that one run of the job, in a fork of this process, gives what each of its kills
leaves: the folder is copied before each operation. At the eleventh operation, and at every fortieth from there, the job
is killed in fact, and what that leaves is compared with the copy. The job is the real one; only the fork's file
functions count.
"""

import builtins
import ctypes
import gc
import io
import os
import re
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import psutil

from foundation.machine import path_of

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
KILLED = range(10, 100_000, 40)  # the operations at which a job is killed in fact
CAPABILITY_OF_ROOT, PR_CAPBSET_DROP = 1, 24  # CAP_DAC_OVERRIDE: to write whatever the permissions say
Job = Callable[[], object]


def points(job: Job, start: Path, folder: Path, states: Path) -> Iterator[int]:
    """Each file operation of the job below `folder`, which begins as `start` is; gives their numbers.

    The folder is as a kill before the operation leaves it while the caller has the number.
    states : a new folder, for what the kills leave.
    """
    _put(start, folder)
    states.mkdir()
    status = _ends(job, folder, lambda at: shutil.copytree(folder, states / str(at), copy_function=shutil.copyfile))
    assert status == 0, f"exit status {status} of the job"
    for at in range(len(os.listdir(states))):
        if at in KILLED:
            _put(start, folder)
            status = _ends(job, folder, partial(_kill, at))
            assert status == -signal.SIGKILL, f"exit status {status} of the job at operation {at}"
            assert _lengths(folder) == _lengths(states / str(at)), f"killed at operation {at}"
        shutil.rmtree(folder)
        (states / str(at)).rename(folder)
        yield at


def _put(state: Path, folder: Path) -> None:
    """Make a folder what another one is."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(state, folder)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Each file below a folder with its bytes, hidden ones too; folders with None."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def without_drafts(folder: Path) -> dict[str, bytes | None]:
    """What a folder holds; of drafts that there are some, since nobody reads them, whatever is in them."""
    found = contents(folder)
    drafts = {name: re.sub(r"\.[0-9a-f]{16}\.part$", ".part", name) for name in found}
    return {draft: None if draft != name else found[name] for name, draft in drafts.items()}


def _lengths(folder: Path) -> dict[str, int | None]:
    """The number of bytes of each file: times in a manifest, or the order of a record, differ between two runs."""
    return {name: content and len(content) for name, content in without_drafts(folder).items()}


def _ends(job: Job, folder: Path, before: Callable[[int], object]) -> int:
    """Run the job in a fork of this process, `before` before each of its operations; gives its exit status."""
    process = os.fork()
    if process == 0:
        gc.disable()  # which would touch, and so copy, all memory that is shared with this process
        try:
            _count(folder.resolve(), before)
            job()
        except BaseException as error:
            print(f"the job failed: {error!r}", file=sys.stderr, flush=True)
            os._exit(3)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _kill(at: int, operation: int) -> None:
    """Kill this process before its operation number `at`."""
    if operation == at:
        os.kill(os.getpid(), signal.SIGKILL)


def _count(folder: Path, before: Callable[[int], object]) -> None:
    """Call `before` with its number before each operation of this process below a folder."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        before(done - 1)

    def heard(event: str, given: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(given[2], int) and given[2] & WRITING
        relative_to = given[-1] if event in ("os.remove", "os.rmdir", "os.mkdir") else -1
        if (event in CHANGES or writes) and _is_below(folder, given[0], relative_to):
            count()

    real_open = builtins.open

    def torn_open(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> IO[Any]:
        opened = real_open(file, mode, *args, **kwargs)
        if "w" in mode and _is_below(folder, file):
            whole = opened.write

            def write(content: Any) -> int:
                half = len(content) // 2
                whole(content[:half])
                opened.flush()
                count()
                return half + whole(content[half:])

            opened.write = write  # type: ignore[method-assign]
        return opened

    builtins.open = io.open = torn_open  # type: ignore[assignment]  # the second is that of `os.fdopen`
    os.fsync = lambda _: count()  # type: ignore[assignment]  # a kill is no power cut: the disk has time
    sys.addaudithook(heard)


def _is_below(folder: Path, path: Any, within: Any = -1) -> bool:
    """Is an open file or a path below a folder? A path may be relative to an open folder, as in `shutil.rmtree`."""
    if isinstance(path, int):
        path = path_of(path)
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    base = path_of(within) if isinstance(within, int) and within >= 0 else ""
    return Path(os.path.abspath(Path(base, os.fsdecode(path)))).is_relative_to(folder)


# -- disks -----------------------------------------------------------------------------------------------------------


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """No process writes a file of more bytes than `size`: a quota, or what is left of a disk."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


# -- processes -------------------------------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


@contextmanager
def workers_forked_after(*modules: str) -> Iterator[None]:
    """Workers of clusters that start in the block are forks of one process, which imports what they need once."""
    from dask import config
    from distributed.utils import get_mp_context

    with config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        get_mp_context().set_forkserver_preload(["distributed", *modules])
        yield


def alive(pid: int) -> bool:
    """Is it there, and not only its entry in the table of processes?"""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def as_any_user() -> None:
    """Root, too, may then write only where the permissions say so."""
    if os.geteuid() == 0 and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAPABILITY_OF_ROOT, 0, 0, 0)
