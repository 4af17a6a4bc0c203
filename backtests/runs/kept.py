"""Results kept for this user: a function that reads the same values is computed once.

A result is kept under a name made from the function, the content of its arguments, the code, the processor, and the
versions of Python and of the libraries that compute it. Nothing is kept where an argument holds a function, or a value
of a user's own class: `shipped_digest`. What is unused for four weeks is deleted (`foundation.private_store`).
"""

import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from typing import ParamSpec, TypeVar

from backtests.runs.content import OUR_CODE, shipped_digest
from foundation.compiled.store import processor
from foundation.private_store import UNREADABLE, folders_of, keep, note_use, prune, unsealed
from foundation.sets import installed_versions
from foundation.stored import sources_digest
from foundation.threads import one_blas_thread
from research.allocation.kept_paths import ALLOCATION_LIBRARIES

RESULTS_KIND = "results"
MOST_KEPT = 1 << 28  # bytes
RESULT_LIBRARIES = (*ALLOCATION_LIBRARIES, "numba", "pandas")
UNPICKLED = (TypeError, AttributeError, pickle.PicklingError)
P = ParamSpec("P")
T = TypeVar("T")
sources_digest(OUR_CODE)  # of the code that this process has, before it is edited


def kept(function: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """The result of a function that reads its arguments alone, taken from disk where it was computed before.

    It is computed in one BLAS thread: their number moves the last digits, and of a few numbers a second waits busily.
    function  : function of the workbench, whose result can be pickled.
    given, named : its arguments.
    Raises    : as the function does; an error is not kept.
    """
    told = shipped_digest(function.__module__, function.__qualname__, given, named)
    if told is None:
        with one_blas_thread():
            return function(*given, **named)
    name = f"{function.__qualname__}-{sha256(f'{told} {_here()}'.encode()).hexdigest()[:32]}"
    where, shipped = folders_of(RESULTS_KIND)
    for folder in (*where, *shipped):
        with suppress(OSError, *UNREADABLE):
            if (found := unsealed((folder / name).read_bytes(), folder, name)) is not None:
                result: T = pickle.loads(found)
                note_use(where, folder, name, found)
                return result
    with one_blas_thread():
        result = function(*given, **named)
    with suppress(*UNPICKLED):  # else it is computed each time
        content = pickle.dumps(result)
        if len(content) <= MOST_KEPT:
            keep(where, name, content)
            prune(where, MOST_KEPT)
        return pickle.loads(content)  # as it will be read
    return result


@cache
def _here() -> str:
    """All that a result depends on beside its arguments; the network of `Universal` is none of its fields."""
    from research.learning.universal.rule import trained

    versions = sys.version, processor(), installed_versions(RESULT_LIBRARIES)
    return repr((sources_digest(OUR_CODE), versions, shipped_digest(trained())))
