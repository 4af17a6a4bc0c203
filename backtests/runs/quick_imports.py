"""Imports of the notebook machinery without what takes long and is not used."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_grammars_of_addresses() -> Iterator[None]:
    """Imports of jsonschema skip rfc3987_syntax, which compiles grammars of internet addresses for a second.

    jsonschema does without it; the schema of a notebook has no such address. papermill imports it, and so does plotly
    when it shows a figure.
    """
    name = "rfc3987_syntax"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it raises ImportError
    try:
        yield
    finally:
        del sys.modules[name]
