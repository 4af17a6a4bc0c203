"""The day of each entry of a collection: it is one, or stands beside what the entry says.

Days are dates, periods, texts such as 2020-01-31, 31/01/2020 or one that has such a date in it, and whole numbers that
count days or seconds or are written as 20200131. A record's day is its first part that is one.
"""

import re
from collections.abc import Mapping, Sequence, Set
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from research.market.calendars import Days

IN_TEXT = re.compile(r"(?<!\d)((?:19|20)\d\d-[01]\d-[0-3]\d)(?!\d)")
AS_TEXT = re.compile(
    r"(?:19|20)\d\d[01]\d[0-3]\d|(?:19|20)\d\d[-/.][01]\d(?:[-/.][0-3]\d)?|[0-3]?\d[-/.][01]?\d[-/.](?:19|20)\d\d"
)
DAY_NUMBERS = (  # that are days: more than, less than, and how they count
    (7.0e5, 8.0e5, "D"), (1.9e7, 2.2e7, "%Y%m%d"), (3e8, 4.2e9, "s"), (3e11, 4.2e12, "ms"), (3e14, 4.2e15, "us"),
    (3e17, 4.2e18, "ns"),
)  # fmt: skip
EPOCH_DAY = date(1970, 1, 1).toordinal()
PLAIN_VALUES = (bool, int, float, complex, type(None), type, np.generic, date, pd.Period, pd.Timedelta)
DATED = (date, np.datetime64, pd.Period, str)
MOST_ENTRIES = 2_000_000  # entries of a table that is looked into
DATE_PARTS = 100  # parts of an entry, at most


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of an object by name, of its slots and its dictionary."""
    slots = [vars(base).get("__slots__", ()) for base in type(value).__mro__]
    names = [name for some in slots for name in ((some,) if isinstance(some, str) else some)]
    found = {name: getattr(value, name) for name in names if hasattr(value, name)}
    own = getattr(value, "__dict__", None)
    return found | own if isinstance(own, dict) else found


def has_parts(value: Any) -> bool:
    """True for a collection, and for an object that has fields."""
    if isinstance(value, (*PLAIN_VALUES, str, bytes, np.ndarray)):
        return False
    return isinstance(value, Mapping | tuple | list | pd.Series) or bool(fields_of(value))


def day_in(entry: Any) -> np.datetime64 | None:
    """The day of an entry, which is one or has one among its parts; None for none."""
    if isinstance(entry, DATED):
        return _day(entry)
    if isinstance(entry, PLAIN_VALUES) or not has_parts(entry):
        return None
    if isinstance(entry, Mapping | tuple | list):
        parts: Sequence[Any] = list(entry.values() if isinstance(entry, Mapping) else entry)[:DATE_PARTS]
    else:
        parts = list(fields_of(entry).values())
    days = (_day(part) for part in parts if isinstance(part, DATED))
    return next((one for one in days if one is not None), None)


def days_of_entries(entries: Any) -> Days | None:
    """(L,) the day of each entry of a sequence, an index or a column; None unless all have one.

    A missing one is NaT.
    """
    if not 0 < len(entries) <= MOST_ENTRIES:
        return None
    if isinstance(entries, pd.MultiIndex):
        levels = (days_of_entries(entries.get_level_values(k)) for k in range(entries.nlevels))
        return next((days for days in levels if days is not None), None)
    if isinstance(entries, pd.PeriodIndex):
        entries = entries.to_timestamp()
    kind = getattr(getattr(entries, "dtype", None), "kind", "O")
    if kind == "M":
        dates = pd.DatetimeIndex(entries).tz_localize(None)
        return dates.to_numpy().astype("datetime64[ns]")
    if kind in "iu":
        return _days_of_numbers(np.asarray(entries))
    return None if kind not in "OUST" or getattr(entries, "ndim", 1) != 1 else _days_of_list(list(entries))


def has_days_after(value: Any, day: pd.Timestamp) -> bool:
    """True for a collection with days after this one, whether or not it has anything beside them."""
    if isinstance(value, pd.Series | pd.DataFrame):
        value = value.index
    listed = isinstance(value, list | tuple | Set | Mapping | pd.Index) or (
        isinstance(value, np.ndarray) and value.ndim == 1
    )
    days = days_of_entries(value if isinstance(value, pd.Index | np.ndarray) else list(value)) if listed else None
    return days is not None and bool((days > day.to_datetime64()).any())


@lru_cache(maxsize=100_000)
def _day(value: Any) -> np.datetime64 | None:
    try:
        if isinstance(value, str):
            if not (found := IN_TEXT.search(value)) and not AS_TEXT.fullmatch(value):
                return None
            value = found[1] if found else pd.to_datetime(value, dayfirst=value[2:3] in "-/.")
        made = value.to_timestamp() if isinstance(value, pd.Period) else pd.Timestamp(value)
        return None if pd.isna(made) else made.tz_localize(None).to_datetime64().astype("datetime64[ns]")
    except (ValueError, TypeError, OverflowError):
        return None


def _days_of_list(entries: list[Any]) -> Days | None:
    """The same of a list, in which all entries have a day or begin with a number that is one."""
    if day_in(entries[0]) is not None:
        days = [day_in(entry) for entry in entries]
        return None if any(one is None for one in days) else np.array(days, dtype="datetime64[ns]")
    heads = [entry[0] if isinstance(entry, tuple | list) and len(entry) else entry for entry in entries]
    whole = all(isinstance(head, int | np.integer) and not isinstance(head, bool) for head in heads)
    return _days_of_numbers(np.array(heads, dtype=float)) if whole else None


def _days_of_numbers(numbers: np.ndarray) -> Days | None:
    """The days that whole numbers are; None if they are none, or all the same."""
    if numbers.min() == numbers.max():
        return None
    how = next((how for least, most, how in DAY_NUMBERS if least < numbers.min() and numbers.max() < most), None)
    if how is None:
        return None
    whole = numbers.astype(np.int64)
    if how == "%Y%m%d":
        made = pd.to_datetime(pd.Series(whole).astype(str), format=how, errors="coerce").to_numpy()
        return None if np.isnat(made).any() else made.astype("datetime64[ns]")
    return (whole - EPOCH_DAY if how == "D" else whole).astype(f"datetime64[{how}]").astype("datetime64[ns]")
