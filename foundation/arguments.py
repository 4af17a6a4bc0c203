"""Arguments checked at the door: one that is of another kind than its name says is refused in a sentence.

In each function `subject` is the beginning of that sentence, the parameter and its verb, such as "lag is".
"""

import math
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import date
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from foundation.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import ValidationError

VALUE_LETTERS = 200  # characters of a value that a sentence has room for
WORDS_SHOWN = 400  # characters of the known words in a sentence
# Of any number that is read, but for zero: no product of a few of them overflows.
LARGEST_NUMBER, SMALLEST_NUMBER = 1e15, 1e-30
MOST_PENALTY = 1e6  # of g: a tracking error of 1 % a year would cost 50 times the portfolio


def refuse(subject: str, value: object, fix: str) -> NoReturn:
    """Raise ConfigError with the parameter, the value found, and the fix."""
    raise ConfigError(f"{subject} {shown(value)}: {fix}")


def shown(value: object) -> str:
    """A value as a message shows it: on one line, without control characters, cut at `VALUE_LETTERS` characters.

    >>> shown("one\\ntwo"), len(shown("x" * 1_000))
    ("'one\\\\ntwo'", 200)
    """
    if isinstance(value, str):  # what is cut off is not worth a copy
        return cut(repr(value[: 2 * VALUE_LETTERS]))
    try:
        return cut(repr(value))
    except (ValueError, RecursionError):  # a whole number of more than 4,300 digits, a list without end
        return f"a {type(value).__name__} too long to write"


def cut(text: str, most: int = VALUE_LETTERS) -> str:
    """A text on one line, with escapes for characters that are not printed, cut at `most` characters.

    >>> cut("a  b\\x1b[31m"), cut("abcdef", 5)
    ('a b\\\\x1b[31m', 'ab...')
    """
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(text[: 4 * most].split()))
    return line if len(line) <= most else f"{line[: most - 3]}..."


def first_line(error: BaseException) -> str:
    """The first line of the message of an error without its full stop; its class where it has no message."""
    return cut((str(error).strip() or type(error).__name__).partition("\n")[0].rstrip("."))


def first_fault(error: "ValidationError") -> str:
    """The place and the message of the first of pydantic's findings."""
    first = error.errors(include_url=False)[0]
    where = cut(".".join(map(str, first["loc"])))
    what = cut(first["msg"].removeprefix("Value error, "))
    return f"{where}: {what}" if where else what


def is_number(value: object) -> bool:
    """True for a finite number. True and False are no numbers, nor is text that looks like one.

    >>> [is_number(value) for value in (1, 0.5, True, "1", float("nan"))]
    [True, True, False, False, False]
    """
    if type(value) is float:  # nearly always
        return math.isfinite(value)
    try:
        return _is_real(value) and math.isfinite(value)  # type: ignore[arg-type]
    except OverflowError:
        return False


def is_whole(value: object) -> bool:
    """True for a whole number, such as 3; 3.0 is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_positive(**given: object) -> None:
    """Refuse a value that is no finite number above 0. Raises ConfigError."""
    for name, value in given.items():
        if not (is_number(value) and value > 0):  # type: ignore[operator]
            refuse(f"{name} is", value, "give a finite number above 0.")


def check_real(name: str, value: object) -> None:
    """Refuse a value that is no plain number; NaN and infinity are plain. Raises ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        refuse(f"{name} is", value, "give a plain number, such as 0.02.")


def floats(subject: str, value: object, fix: str) -> NDArray[np.float64]:
    """Numbers as an array of any shape, NaN and infinity allowed. Raises ConfigError for other values."""
    if isinstance(value, np.ndarray) and value.dtype == np.float64 and value.size:
        return value
    found: NDArray[Any] = np.asarray(value) if hasattr(value, "__array__") else np.asarray(value, dtype=object)
    real = found.dtype.kind in "iuf" or (found.dtype.kind == "O" and all(map(_is_real, found.ravel().tolist())))
    if not (real and found.size):
        refuse(subject, value, fix)
    try:
        return np.asarray(found, dtype=float)
    except OverflowError:
        refuse(subject, value, fix)


def one_of(subject: str, value: object, known: Collection[str]) -> None:
    """Refuse a value that is not one of the `known` words. Raises ConfigError."""
    if not isinstance(value, str) or value not in known:
        near = get_close_matches(str(value), known, n=1)
        refuse(subject, value, f"use one of {', '.join(known)}{f'; the nearest is {near[0]!r}' if near else ''}.")


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """The nearest known word, if one is near, and all of them, or as many as there is room for.

    >>> did_you_mean("spy", ["SPY"]), did_you_mean("x", map(str, range(1_000)))[-22:]
    ('Use SPY.', '100, 101 and 898 more.')
    """
    known = list(known)
    near, told = get_close_matches(str(word), known, n=1), cut(", ".join(known), 4 * WORDS_SHOWN)
    if len(told) > WORDS_SHOWN:
        whole = told[:WORDS_SHOWN].rpartition(", ")[0]
        told = f"{whole} and {len(known) - whole.count(', ') - 1:,} more"
    return (f"Did you mean {near[0]!r}? " if near else "") + f"Use {told}."


def day(subject: str, value: object) -> "pd.Timestamp":
    """A date without time or zone, from text (YYYY-MM-DD), a date or a timestamp. Raises ConfigError otherwise.

    >>> day("start is", "2020-01-02")
    Timestamp('2020-01-02 00:00:00')
    """
    import pandas as pd  # slow to import, and most checks need none of it

    found: object = pd.NaT
    if isinstance(value, date | np.datetime64) or (isinstance(value, str) and value[:4].isdigit()):
        with suppress(ValueError):
            found = pd.Timestamp(value)
    if not isinstance(found, pd.Timestamp):  # NaT is none
        refuse(subject, value, "write a date as YYYY-MM-DD.")
    if found.tz is not None or found != found.normalize():
        refuse(subject, value, "give a plain date, without time or zone.")
    return found


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
