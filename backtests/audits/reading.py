"""What a policy reads from elsewhere while it decides: files, hosts, other programs.

No other market changes what stands in a file or at a host. It may hold later days, so the look-ahead test cannot judge
a policy that reads there. The interpreter itself reports what is opened, connected and started (PEP 578). What a C
library opens by itself is not seen.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WATCHED = {  # event of the interpreter: what is read, and the place of its name among the arguments
    "open": ("the file", 0),
    "sqlite3.connect": ("the file", 0),
    "socket.connect": ("the host", 1),
    "socket.getaddrinfo": ("the host", 0),
    "subprocess.Popen": ("the output of", 0),
    "os.system": ("the output of", 0),
    "os.posix_spawn": ("the output of", 0),
}
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
    try:
        yield found
    finally:
        _lists[:] = [one for one in _lists if one is not found]


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _lists or event not in WATCHED:
        return
    kind, place = WATCHED[event]
    what = arguments[place]
    if isinstance(what, int) or CODE.search(str(what)) or (event == "open" and _writes(arguments[1])):
        return
    words = f"{kind} {what}"
    for found in _lists:
        if words not in found:
            found.append(words)


def _writes(mode: object) -> bool:
    """Is a file opened to be written alone?"""
    return isinstance(mode, str) and mode[:1] in "wax" and "+" not in mode
