"""Facts and limits of this machine that systems give in different ways, or not at all: those of Linux and macOS.

No other module names what one of them lacks; `tests/test_machines.py` forbids it.
"""

import fcntl
import os
import platform
import re
import resource
import sys
import sysconfig
from pathlib import Path

OUR_PACKAGES = ("foundation", "research", "backtests", "desk")  # packages of this workbench
CODE_OF_OURS = tuple(f"{Path(__file__).parents[1] / name}/" for name in OUR_PACKAGES)
PLACES_OF_LIBRARIES = ("<frozen", *(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")))
SYSTEM_FOLDERS = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/")  # whose files are no user's


def is_library(file: str) -> bool:
    """True for the file of code of a library, and not of this workbench."""
    return file.startswith(PLACES_OF_LIBRARIES) and not file.startswith(CODE_OF_OURS)


def processors() -> int:
    """The number of processors that this process may use; where the system does not say so, that of all."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def forks_safely() -> bool:
    """True where a process may be forked that has imported numerical libraries: on Linux."""
    return sys.platform == "linux"


def processor_name() -> str:
    """Model and family of the processor, or its architecture."""
    try:
        info = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    model, family = (re.search(rf"^{key}\s*: (.+)$", info, re.MULTILINE) for key in ("model name", "cpu family"))
    return f"{model[1]}, family {family[1]}" if model and family else platform.machine()


def address_space() -> int | None:
    """Bytes to which the address space of this process is limited, or None."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def limit_address_space(most: int) -> None:
    """Limit the address space of this process to so many bytes. macOS has no such limit, and refuses to set one."""
    if sys.platform != "darwin":
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def peak_memory() -> int:
    """The most bytes that this process has held at once."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) << 10  # `getrusage` counts what the parent held, too


def peak_memory_of_children() -> int:
    """The most bytes that one of the child processes that have ended held at once."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def path_of(handle: int) -> str:
    """The path of an open file or folder."""
    if sys.platform == "darwin":
        return os.fsdecode(fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{handle}")
