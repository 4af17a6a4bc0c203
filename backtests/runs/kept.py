"""Results kept for this user: a function that reads the same values is computed once.

A result is kept under a name made from the function, the content of its arguments, the code, the processor, and the
versions of Python and of the libraries that compute it. Nothing is kept where an argument holds a function, or a value
of a user's own class: `shipped_digest`. What is unused for four weeks is deleted (`foundation.private_store`).
"""

import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import ParamSpec, TypeVar

from backtests.runs.content import OUR_CODE, shipped_digest
from foundation.machine import processor_name
from foundation.private_store import UNREADABLE, folders_of, keep, opened, prune
from foundation.sets import version_of
from foundation.stored import sources_digest

KIND = "results"
MOST_KEPT = 1 << 28  # bytes
LIBRARIES = ("clarabel", "exchange_calendars", "highspy", "numba", "numpy", "pandas", "scipy", "scikit-learn")
P = ParamSpec("P")
T = TypeVar("T")


def kept(function: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """The result of a function that reads its arguments alone, taken from disk where it was computed before.

    function  : function of the workbench, whose result can be pickled.
    given, named : its arguments.
    Raises    : as the function does; an error is not kept.
    """
    content = shipped_digest(function.__module__, function.__qualname__, given, named)
    if content is None:
        return function(*given, **named)
    name = f"{function.__qualname__}-{_name(content)}"
    where, shipped = folders_of(KIND)
    for folder in (*where, *shipped):
        with suppress(OSError, *UNREADABLE):
            if (found := opened((folder / name).read_bytes(), folder, name)) is not None:
                result: T = pickle.loads(found)
                keep(where, name, found)  # which notes that it is used
                return result
    result = function(*given, **named)
    keep(where, name, pickle.dumps(result))
    prune(where, MOST_KEPT)
    return result


def _name(content: str) -> str:
    """The hash of all that a result depends on; the network of `Universal` is none of its fields."""
    from research.learning.universal.rule import trained

    versions = sys.implementation.cache_tag, processor_name(), *(version_of(name) for name in LIBRARIES)
    parts = content, sources_digest(OUR_CODE), versions, shipped_digest(trained())
    return sha256(repr(parts).encode()).hexdigest()[:32]
