"""Killing a job at any of its file operations, and asking who lives on.

A job runs in a fork of this process, which kills itself before operation number `at` below a folder: before a file is
created, opened to be written, half written, synced, renamed or deleted, and before a folder is made, renamed or
deleted. The job is the real one; only the fork's file functions count.
"""

import builtins
import gc
import io
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
Job = Callable[[], object]


def points(job: Job, start: Path, folder: Path) -> Iterator[int]:
    """Kill the job before each of its file operations below `folder`, which begins as `start` is; gives their numbers.

    The folder is as the kill left it while the caller has the number. It ends when the job has no further operation.
    """
    for at in range(100_000):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(start, folder)
        if not _killed(job, folder, at):
            return
        yield at


def contents(folder: Path) -> dict[str, bytes | None]:
    """Each file below a folder with its bytes, hidden ones too; folders with None."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def _killed(job: Job, folder: Path, at: int) -> bool:
    """Run the job in a fork of this process, which is killed before operation `at`; False where it ends before that."""
    process = os.fork()
    if process == 0:
        gc.disable()  # which would touch, and so copy, all memory that is shared with this process
        try:
            _count(folder.resolve(), at)
            job()
        except BaseException as error:
            print(f"the job failed: {error!r}", file=sys.stderr, flush=True)
            os._exit(3)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert status in (0, -signal.SIGKILL), f"exit status {status} of the job at operation {at}"
    return status != 0


def _count(folder: Path, at: int) -> None:
    """Kill this process before its operation number `at` below a folder."""
    done = 0

    def count() -> None:
        nonlocal done
        if done == at:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1

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
        path = os.readlink(f"/proc/self/fd/{path}")
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    base = os.readlink(f"/proc/self/fd/{within}") if isinstance(within, int) and within >= 0 else ""
    return Path(os.path.abspath(Path(base, os.fsdecode(path)))).is_relative_to(folder)


# -- processes -------------------------------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(path.parent.name))
    return found


def alive(pid: int) -> bool:
    """Is it there, and not only its entry in the table of processes?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
