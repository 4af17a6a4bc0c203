"""Weights of an allocation from a table of prices, in one call."""

import warnings
from dataclasses import fields, is_dataclass, replace
from operator import is_
from typing import Any

import numpy as np
import pandas as pd

from foundation.arguments import refuse
from research.allocation.allocation import Allocation, answer_of
from research.market import market_from_frame
from research.market.calendars import YEARLY, Days, has_rows_a_year, row_name, rows_a_year, sessions
from research.market.notes import Note
from research.market.reading.sources import Missing
from research.market.reading.tables import table_of


def weights_from_prices(
    allocation: Allocation, prices: pd.DataFrame, missing: Missing = "error", calendar: str | None = None
) -> pd.Series:
    """The target of an allocation at the close of the last row of prices, by name; fraction of NAV, cash is the rest.

    allocation : allocation; a window of T returns needs T + 1 prices. Its `periods_per_year` are those of the dates.
    prices     : (T, n) total-return (dividend-adjusted) prices, dates down, empty before an asset is listed.
    missing    : "error", or "halt" for an asset without a price on some days since, as of `market_from_frame`.
    calendar   : exchange calendar of the rows, as of `market_from_frame`; by default XNYS where all are its sessions,
                 else "24/5", such as weekdays or ends of months, or "24/7" where a row is on a weekend.
    Warns      : for an asset that is left out, since it did not move.
    Raises     : as `market_from_frame`; what the allocation raises.

    >>> prices = pd.DataFrame({"A": [1.0, 1.1, 1.0], "B": [1.0, 1.2, 1.0]}, pd.bdate_range("2024-01-02", periods=3))
    >>> from research.allocation import InverseVolatility
    >>> weights_from_prices(InverseVolatility(window=2), prices).round(2).to_dict()
    {'A': 0.66, 'B': 0.34}
    """
    if isinstance(allocation, type) or not hasattr(allocation, "target"):
        refuse(
            "allocation of weights_from_prices is", allocation, "give one with its settings, such as HRP(window=252)."
        )
    calendar = calendar or _calendar_of(table_of(prices).days)
    market = market_from_frame(prices, missing=missing, calendar=calendar)
    answer = answer_of(at_year_of(market.days, allocation), market.past(len(market.dates) - 1))
    for note in (note for note in answer.notes if isinstance(note, Note)):
        warnings.warn(f"{note}.", stacklevel=2)
    return pd.Series(answer.weights, index=list(market.assets), name=type(allocation).__name__)


def at_year_of(days: Days, record: Any) -> Any:
    """An allocation whose `periods_per_year`, and those of all that it holds, are the rows a year of dates (T,).

    Those that agree with the dates stay, and so do those that dates with gaps, as of a cross-validation, do not refute.
    """
    if isinstance(record, tuple):
        parts = tuple(at_year_of(days, one) for one in record)
        return record if all(map(is_, parts, record)) else parts
    if not is_dataclass(record) or isinstance(record, type):
        return record
    before = {f.name: getattr(record, f.name) for f in fields(record) if f.init}
    after = {name: at_year_of(days, value) for name, value in before.items()}
    given, year = before.get("periods_per_year"), rows_a_year(days)
    if given is not None and not has_rows_a_year(days, given) and (year in YEARLY or row_name(year) != row_name(given)):
        after["periods_per_year"] = year
    changed = {name: value for name, value in after.items() if value is not before[name]}
    return replace(record, **changed) if changed else record


def _calendar_of(days: Days) -> str:
    """The narrowest calendar of which all days (T,) are sessions."""
    if np.isin(days.astype("int64"), sessions(days[0], days[-1], "XNYS").astype("int64")).all():
        return "XNYS"
    return "24/5" if np.is_busday(days).all() else "24/7"
