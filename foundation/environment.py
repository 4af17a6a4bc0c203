"""Variables of the environment for a while."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def set_within(name: str, value: str) -> Iterator[None]:
    """A variable of the environment has a value within the block, and the one that it had, or none, after it."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
