"""Imports of other libraries without what takes long and is not used."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType


def without_grammars_of_addresses() -> AbstractContextManager[None]:
    """Imports of jsonschema skip rfc3987_syntax, which compiles grammars of internet addresses for a second.

    jsonschema does without it; the schema of a notebook has no such address. papermill imports it, and so does plotly
    when it shows a figure.
    """
    return _without("rfc3987_syntax")


def without_coverage_of_kernels() -> AbstractContextManager[None]:
    """The import of numba skips coverage, which takes a seventh of it, unless it is measuring already.

    numba would only tell it which lines of kernels were compiled.
    """
    return _without("coverage")


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Imports of a module fail, as if it were not installed, unless it has been imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it raises ImportError
    try:
        yield
    finally:
        del sys.modules[name]


@contextmanager
def without_compiler_of_torch() -> Iterator[None]:
    """Optimisers of torch do not import torch._dynamo, the compiler of `torch.compile`, for more than a second.

    They import it to tell it what it must not compile (`disable`), and where a graph ends (`graph_break`). Without
    `torch.compile` there is nothing to tell.
    """
    name = "torch._dynamo"
    if name in sys.modules:
        yield
        return
    nothing = ModuleType(name)
    nothing.disable = lambda function, *_, **__: function  # type: ignore[attr-defined]
    nothing.graph_break = lambda: None  # type: ignore[attr-defined]
    sys.modules[name] = nothing
    try:
        yield
    finally:
        sys.modules.pop(name, None)
