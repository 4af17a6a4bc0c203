"""The three ways in which input can be wrong. Each message says what, where, the value found, and how to fix it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataError(ValueError):
    """What came in is wrong: a file, a date, a price, a name."""


class ConfigError(ValueError):
    """What was asked is wrong: a setting, a key, a parameter."""


class PolicyError(ValueError):
    """What a policy returned cannot be booked: weights that are not finite, of the wrong length, past a limit."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """An OSError within the block that names no file, such as that of a full disk, names `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
