"""Imports of other libraries without what takes long and is not used."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any


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


def without_compiler_of_torch() -> AbstractContextManager[None]:
    """Optimisers of torch do not import torch._dynamo, the compiler of `torch.compile`, for more than a second.

    They import it to tell it what it must not compile (`disable`), and where a graph ends (`graph_break`). Without
    `torch.compile` there is nothing to tell.
    """
    return _instead("torch._dynamo", disable=lambda function, *_, **__: function, graph_break=lambda: None)


def without_statistics() -> AbstractContextManager[None]:
    """The import of cvxpy skips scipy.stats, which takes three quarters of it, until one atom asks for an entropy."""

    def entropy(*given: Any) -> Any:
        from scipy.stats import entropy

        return entropy(*given)

    return _instead("scipy.stats", entropy=entropy)


@contextmanager
def _instead(name: str, **given: Any) -> Iterator[None]:
    """Imports of a module find one with these attributes alone, unless it has been imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = ModuleType(name)
    vars(sys.modules[name]).update(given)
    try:
        yield
    finally:
        sys.modules.pop(name, None)
