"""Limits of the system on a command: its address space, and the threads and processes of its user.

Libraries answer too little of either with whatever comes: a missing library, a damaged file, an interruption, an abort.
So both are checked before a library is loaded, and a later error that comes from them is reported as such.
"""

import errno
from threading import Event, Thread

from foundation.errors import ConfigError
from foundation.machine import address_space, processors

LEAST_ADDRESSES = 5 * 2**28  # bytes of address space in which the libraries can be loaded
THREADS, OF_A_CORE = 32, 4  # threads and processes of a report, and those that libraries start besides for each core
SMALLER = "Ask for less: a smaller number of paths, draws, steps, seeds or workers, or a shorter portfolio."
SPACE = "Raise that limit (`ulimit -v unlimited`); reports need some 4 GiB."
NO_THREAD = (
    "The system starts no more threads or processes for this user: raise the limit (`ulimit -u`, or that of the "
    "container), or end other programs."
)


def check_limits() -> None:
    """Raise ConfigError where the address space or the number of threads is limited to less than commands need."""
    space = address_space()
    if space is not None and space < LEAST_ADDRESSES:
        raise ConfigError(
            f"The address space of this process is limited to {space >> 20:,} MiB, and the libraries alone take "
            f"{LEAST_ADDRESSES >> 20:,} MiB. {SPACE}"
        )
    if space is not None:  # of which each thread takes 72 MiB
        return
    ended, started = Event(), list[Thread]()
    try:
        for _ in range(THREADS + OF_A_CORE * processors()):
            started.append(Thread(target=ended.wait, daemon=True))
            started[-1].start()
    except RuntimeError as error:
        del started[-1]
        raise ConfigError(NO_THREAD) from error
    finally:
        ended.set()
        for thread in started:
            thread.join()


def limit_reached(error: Exception) -> str:
    """The limit of the system that an error comes from, and how to fix it, in a sentence; "" for another error."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EAGAIN or str(error) == "can't start new thread":
        return NO_THREAD
    if number not in (None, errno.ENOMEM):
        return ""
    space = address_space()
    if space is not None:
        return f"The command failed ({_text(error)}) with an address space of {space >> 20:,} MiB. {SPACE}"
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return f"The command needs more memory than this machine has ({_text(error)}). {SMALLER}"
    return ""


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
