"""The attributes of an asset: its class, its currency, its lot, the adjustment of its prices, and its end."""

import re
from collections import deque
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arguments import LARGEST_NUMBER, shown
from foundation.arrays import Array
from foundation.errors import DataError
from foundation.printable import has_unseen

Days = NDArray[np.datetime64]

SHUMWAY = -0.30  # mean delisting return of NYSE and AMEX stocks that were delisted for performance; Nasdaq's is lower
OFFER = (
    "A delisting needs the return from the last price to what holders were paid, and has no default: -1.0 where "
    "nothing was left, 0.0 where they were bought out at the last price, SHUMWAY = -0.30 for a performance delisting "
    "of unknown proceeds (Shumway 1997, The Delisting Bias in CRSP Data, for NYSE and AMEX). Write it beside the date: "
    "delisting_return=SHUMWAY in instruments_table, or delist(market, asset, date, SHUMWAY)."
)
LARGEST_EXIT = 1.0  # return of a delisting: more is a percentage that was written as a fraction
SMALLEST_LOT = 1e-9  # of a unit: a tenth of the smallest part of a bitcoin
CUT_OFF_EXAMPLE = "16:00 America/New_York"  # an example
TEXT_FACTS = ("asset_class", "sector", "currency", "adjustment")
TRADING = ("", "sell_only", "buy_only", "locked")  # what an asset may be traded in; nothing said is both ways
INSTRUMENT_COLUMNS = (
    "asset_class", "sector", "currency", "lot", "adjustment", "delisted", "delisting_return", "trading",
)  # fmt: skip


def instruments_table(assets: Sequence[str], **columns: object) -> pd.DataFrame:
    """A table of instruments with the house's columns; missing values get their neutral value.

    assets : n names.  columns : by name, one value for all assets or one for each.
    Raises : DataError for an unknown column, a value of the wrong kind, and a delisting without its return.

    >>> instruments_table(["SPY", "BTC"], lot=[1.0, 1e-8])["lot"].to_dict()
    {'SPY': 1.0, 'BTC': 1e-08}
    """
    unknown = [c for c in columns if c not in INSTRUMENT_COLUMNS]
    if unknown:
        raise DataError(
            f"unknown column of instruments: found {shown(unknown[0])}. Use {', '.join(INSTRUMENT_COLUMNS)}."
        )
    neutral = {"asset_class": "other", "sector": "", "currency": "USD", "lot": 1.0, "adjustment": "unknown"}
    neutral |= {"delisted": np.full(len(assets), np.datetime64("NaT", "us")), "delisting_return": np.nan, "trading": ""}
    given = {  # a column of objects takes half the time of one word for all
        name: np.full(len(assets), value, dtype=object) if isinstance(value, str) else value
        for name, value in (neutral | columns).items()
    }
    table = pd.DataFrame({name: given[name] for name in INSTRUMENT_COLUMNS}, index=pd.Index(assets, name="asset"))
    return checked_instruments(table, "the instruments")


def is_cut_off(text: str) -> bool:
    """True for a time of day with its time zone, until which orders of a mutual fund are dealt at the next NAV.

    >>> is_cut_off(CUT_OFF_EXAMPLE), is_cut_off("16:00")
    (True, False)
    """
    clock, _, zone = text.partition(" ")
    try:
        return bool(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", clock) and ZoneInfo(zone))
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return False


@lru_cache(maxsize=4)
def neutral_table(assets: tuple[str, ...], currency: str, adjustment: tuple[str, ...]) -> pd.DataFrame:
    """The table of assets of which no more is known, as `instruments_table` gives it; nobody may change it.

    assets, adjustment : n.
    """
    table = instruments_table(assets, currency=currency, adjustment=list(adjustment))
    _CHECKED.appendleft(table)
    return table


_CHECKED: deque[pd.DataFrame] = deque(maxlen=3)  # the last tables: of a simulation, and of a market cut before an exit


def checked_instruments(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """A copy with one type a column: text, float, or date.

    table  : (n, ·) table by asset, with the columns and units of `Market.instruments`; delisted and delisting_return
             both or neither, the return a fraction, -1 or above.
    where  : name of the table in messages.
    Raises : DataError naming asset, column, value and fix.
    """
    known = tuple(_CHECKED)  # a copy: another thread may append
    if any(table is one for one in known) or any(table.equals(one) for one in known):
        return table.copy(deep=False)
    found = _checked(table, where)
    _CHECKED.appendleft(found.copy(deep=True))  # of its own: whoever has `found` may change it
    return found


def _checked(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """The table with one type a column, after all checks."""

    def refuse(good: NDArray[np.bool_] | list[bool], column: str, fix: str) -> None:
        if not np.all(good):
            row = int(np.argmin(good))
            found = shown(table[column].tolist()[row])
            raise DataError(f"{column} of {table.index[row]} in {where}: found {found}. {fix}")

    for column in TEXT_FACTS:
        plain = [isinstance(cell, str) and not has_unseen(cell) for cell in table[column].tolist()]
        refuse(plain, column, "Give it as text on one line, empty if need be.")
    words = f"Use {', '.join(TRADING[1:])}, or leave it empty."
    table = table if "trading" in table else table.assign(trading="")
    known = [isinstance(cell, str) and cell in TRADING for cell in table["trading"].tolist()]
    refuse(known, "trading", words)
    lots, ends = _floats(table["lot"]), _floats(table["delisting_return"])
    fix = f"A lot is a number of units above zero, {SMALLEST_LOT:g} to {LARGEST_NUMBER:g}."
    refuse((lots >= SMALLEST_LOT) & (lots <= LARGEST_NUMBER), "lot", fix)
    dates, left = table["delisted"], table["delisted"].notna().to_numpy()
    stated = table["delisting_return"].notna().to_numpy()
    if left.any():
        dates = pd.Series([_plain_date(cell) for cell in dates], table.index, dtype="datetime64[us]")
        refuse(dates.notna().to_numpy() | ~left, "delisted", "Write the date as YYYY-MM-DD, or leave it empty.")
        refuse(~left | stated, "delisting_return", OFFER)
        fix = f"It is a fraction of the last mark, -1 to {LARGEST_EXIT:g}: -0.3 is a loss of 30 %."
        refuse(~left | ((ends >= -1.0) & (ends <= LARGEST_EXIT)), "delisting_return", fix)
    refuse(left | ~stated, "delisting_return", "Give the date too, as `delisted`.")
    checked: dict[str, Any] = {"delisted": dates.astype("datetime64[us]"), "lot": lots, "delisting_return": ends}
    return table.assign(**{name: column for name, column in checked.items() if column.dtype != table[name].dtype})


def exit_rows(instruments: pd.DataFrame, days: Days) -> NDArray[np.int64]:
    """(n,) row of the first session on or after each asset's delisting, T (rows of `days`) where the data has none.

    instruments : (n, ·) table by asset, with a column `delisted`, dates or empty.
    days        : (T,) increasing sessions.
    """
    return np.searchsorted(days, instruments["delisted"].to_numpy().astype("datetime64[D]")).astype(np.int64)


def _floats(column: pd.Series) -> Array:
    """(n,) the column as floats, NaN for what is no number."""
    numbers = column if column.dtype == float else pd.to_numeric(column, errors="coerce").astype(float)
    return np.asarray(numbers, dtype=float)


def _plain_date(cell: object) -> pd.Timestamp:
    """The cell as a date, NaT when it is empty or no date without time and zone."""
    if not isinstance(cell, str | date | np.datetime64):  # a pandas Timestamp is a `date`, and so is NaT
        return pd.NaT  # type: ignore[return-value]
    stamp = pd.to_datetime(cell, format="%Y-%m-%d", errors="coerce") if isinstance(cell, str) else pd.Timestamp(cell)
    plain = pd.notna(stamp) and stamp.tz is None and stamp == stamp.normalize()
    return stamp if plain else pd.NaT  # type: ignore[return-value]
