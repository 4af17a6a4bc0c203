"""Reads of a policy from elsewhere while it decides: files, hosts, other programs, the environment, the clock.

No other market changes what stands there. It may tell of later days, so the look-ahead test cannot judge a policy that
reads there what it cannot change. Files of libraries and of the system, and programs that a library starts, tell of
none. The interpreter itself reports what is opened, connected and started
(PEP 578), and a profiler which clock the policy's own code calls: that of a library measures how long it takes. What a
C library opens by itself is not seen, nor the clock that it reads, such as `pandas.Timestamp.now` and
`numpy.datetime64("now")`, nor that of another thread, nor any while somebody else profiles.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import FrameType
from typing import Any

from foundation.files import DATA
from foundation.machine import PLACES_OF_LIBRARIES, SYSTEM_FOLDERS, is_library

INSTALLED_IN = ("site-packages", "dist-packages")
WATCHED = {  # event of the interpreter, or our own: what is read, and the place of its name among the arguments
    "open": ("the file", 0),
    "sqlite3.connect": ("the file", 0),
    "socket.connect": ("the host", 1),
    "socket.getaddrinfo": ("the host", 0),
    "subprocess.Popen": ("the output of", 0),
    "os.system": ("the output of", 0),
    "os.posix_spawn": ("the output of", 0),
    "rebalance.load_market": ("the market", 0),  # which is read from its files once, and from memory later
}
CLOCKS = (
    time.time, time.time_ns, time.localtime, time.gmtime, time.ctime, time.asctime, time.strftime, time.clock_gettime,
)  # fmt: skip
PLACES_OF_SYSTEM = (*SYSTEM_FOLDERS, f"{sys.prefix}/", f"{sys.base_prefix}/")
STARTS_OF_PROGRAMS = ("subprocess.Popen", "os.system", "os.posix_spawn")
ENVIRONMENT = type(os.environ).__getitem__.__code__
NOW = ("now", "today", "utcnow")  # of `datetime` and `date`
CODE = re.compile(r"\.(pyc?|so|nbi|nbc)(\.|$)")  # of modules that are imported while it decides

_lists: list[list[str]] = []  # of those who watch now; of all threads
_watching: list[bool] = []  # a hook of the interpreter cannot be taken away: there is one


@contextmanager
def watched() -> Iterator[list[str]]:
    """A list that is filled with what is read inside, in words, each once."""
    if not _watching:
        sys.addaudithook(_hear)
        _watching.append(True)
    found: list[str] = []
    _lists.append(found)
    profiled = sys.getprofile() is not None
    if not profiled:
        sys.setprofile(_see)
    try:
        yield found
    finally:
        if not profiled:
            sys.setprofile(None)
        _lists[:] = [one for one in _lists if one is not found]


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _lists or event not in WATCHED:
        return
    kind, place = WATCHED[event]
    what = arguments[place]
    if isinstance(what, int) or CODE.search(str(what)) or (event == "open" and _writes(arguments[1])):
        return
    if event == "open" and _tells_nothing(os.path.abspath(os.fsdecode(what))):
        return
    if event in STARTS_OF_PROGRAMS and is_library(_caller(sys._getframe(1))):
        return
    _tell(f"{kind} {what}")


def _tells_nothing(file: str) -> bool:
    """True for a file of a library or the system; prices that an installed workbench has among these tell of days."""
    return file.startswith((*PLACES_OF_LIBRARIES, *PLACES_OF_SYSTEM)) and not file.startswith(f"{DATA}/")


def source_of(kind: type) -> str:
    """The file of a class; "" for one that was typed in."""
    return getattr(sys.modules.get(kind.__module__), "__file__", None) or ""


def _caller(frame: FrameType | None) -> str:
    """The file of the code that called, outside the standard library."""
    while frame is not None and frame.f_code.co_filename.startswith(PLACES_OF_LIBRARIES[:2]):
        if any(name in frame.f_code.co_filename for name in INSTALLED_IN):
            break
        frame = frame.f_back
    return "" if frame is None else frame.f_code.co_filename


def _see(frame: FrameType, event: str, called: Any) -> None:
    if event == "call" and frame.f_code is ENVIRONMENT:
        asked: FrameType | None = frame
        while asked is not None and asked.f_code.co_filename in (
            os.__file__,
            "<frozen os>",
            "<frozen _collections_abc>",
        ):
            asked = asked.f_back
        if asked is not None and not asked.f_code.co_filename.startswith(PLACES_OF_LIBRARIES):
            _tell(f"the variable {frame.f_locals['key']} of the environment")
    if event != "c_call" or not (called in CLOCKS or (called.__name__ in NOW and _is_date(called.__self__))):
        return
    if not frame.f_code.co_filename.startswith(PLACES_OF_LIBRARIES):
        _tell(f"the clock ({called.__name__})")


def _is_date(owner: object) -> bool:
    return isinstance(owner, type) and issubclass(owner, date)


def _tell(words: str) -> None:
    for found in _lists:
        if words not in found:
            found.append(words)


def _writes(mode: object) -> bool:
    """True if a file is opened to be written alone."""
    return isinstance(mode, str) and mode[:1] in "wax" and "+" not in mode
