"""Values told apart by their content: markets, dataclasses, arrays, tables and plain values."""

import hashlib
import pickle
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from foundation.compiled.content import name_of
from research.market import Market

OUR_CODE = ("foundation", "research", "backtests")  # packages whose classes hold in their fields all that they are
PLAIN = (str, int, float, bytes, pd.Timestamp, np.generic, type, type(None), type(pd.NaT))  # told by their `repr`


def content_digest(*values: object) -> str:
    """The sha256, hex, of the content of values.

    A value of an unknown kind counts by its pickle, which may differ for equal values.

    >>> content_digest(1.0, "SPY") == content_digest(1.0, "SPY"), content_digest(1.0) == content_digest(1)
    (True, False)
    """
    return _digest(values, lambda value: True)


def shipped_digest(*values: object) -> str | None:
    """`content_digest`; None where they hold a function, or a value of an unknown kind or of a user's own class.

    Such a value may read a file, or be another tomorrow under the same name.

    >>> shipped_digest(1.0) == content_digest(1.0), shipped_digest([len])
    (True, None)
    """
    try:
        return _digest(values, _is_shipped)
    except _Unknown:
        return None


class _Unknown(Exception):
    """A value of which the content is not known."""


def _is_shipped(value: object) -> bool:
    own = value if isinstance(value, type) else type(value)
    ours = own.__module__.partition(".")[0] in (*OUR_CODE, "builtins", "numpy", "pandas")
    return ours and (isinstance(value, PLAIN) or _parts(value) is not None)


def _digest(values: tuple[object, ...], is_known: Callable[[object], bool]) -> str:
    """The digest of values. Raises `_Unknown` for one that is not known."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        """Add the content of a value, with its type and size, so that different values differ."""
        if not is_known(value):
            raise _Unknown
        parts = _parts(value)
        if parts is None:
            content = repr(value).encode() if isinstance(value, PLAIN) else pickle.dumps(value)
            digest.update(f"{name_of(type(value))} {len(content)} ".encode() + content)
            return
        digest.update(f"{name_of(type(value))} {len(parts)} ".encode())
        for part in parts:
            add(part)

    for value in values:
        add(value)
    return digest.hexdigest()


def _parts(value: Any) -> list[Any] | None:
    """The values of which one is made up; None of one that has no parts."""
    if isinstance(value, Market):
        return [value.fingerprint, [str(note) for note in value.notes]]
    if is_dataclass(value) and not isinstance(value, type):
        return [part for f in fields(value) for part in (f.name, getattr(value, f.name))]
    if isinstance(value, Mapping):
        return [part for item in value.items() for part in item]
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return [str(value.dtype), value.shape, value.tobytes()]
    if isinstance(value, pd.DataFrame):
        return [value.columns, value.index, *(value[column].to_numpy() for column in value)]
    if isinstance(value, pd.Series | pd.Index):
        index = [value.index] if isinstance(value, pd.Series) else [getattr(value, "freqstr", None)]
        return [str(value.dtype), value.name, *index, *value]
    return list(value) if isinstance(value, np.ndarray | list | tuple) else None
