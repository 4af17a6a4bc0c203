"""Rows of prices as they were published: the bar of one asset and session, with its source and when it was known.

Quotes are as traded on their day: a later split changes none of them, and is one row. The total return from a row to
the next is split × (close + dividend) / previous close - 1, with the split and the dividend of the later row.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from foundation.arguments import LARGEST_NUMBER, shown
from foundation.arrays import Array, Mask
from foundation.errors import DataError
from foundation.printable import has_unseen
from research.market.calendars import Days
from research.market.checks import SPLIT

BARS = ("open", "high", "low", "close", "volume")
NUMBERS = (*BARS, "split", "dividend")
PER_UNIT = ("open", "high", "low", "close", "dividend")  # numbers in currency per unit
TEXT_FIELDS = ("currency", "source")
ROW_COLUMNS = ("asset_id", "session", *NUMBERS, *TEXT_FIELDS, "fetched_at")
HUNDREDTHS = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ZAC": "ZAR", "ILA": "ILS"}  # quoted in hundredths of these
UNDATED = np.datetime64("NaT", "us")  # of rows that no store has
FIRST_DAY, LAST_DAY = pd.Timestamp("1800-01-01"), pd.Timestamp("2199-12-31")  # of any date that is read
SOURCE_ROUNDING = 2e-6  # relative: a source's later answer that differs by less is the same number, rounded otherwise


def price_rows(
    asset_id: ArrayLike,
    sessions: ArrayLike,
    close: ArrayLike,
    *,
    currency: ArrayLike,
    source: str,
    fetched_at: np.datetime64,
    **numbers: ArrayLike,
) -> pd.DataFrame:
    """A table of rows with all columns, checked (`checked_rows`): here what others wrote becomes rows.

    asset_id : one for all rows, or one for each.
    sessions : (R,) days.
    close    : (R,) currency per unit as traded that day; NaN where the source has no bar of that session.
    currency : code of three capital letters, or of hundredths (GBp, ZAc, ILA), which become units; one for all rows, or
               one for each.
    fetched_at : the moment, in UTC, at which the rows were known.
    numbers  : open, high, low, volume (units), split (units after for one before, 1 for none) and dividend (currency
               per unit after that day's split, 0 for none), each one for all rows or (R,).
    Raises   : as `checked_rows`.
    """
    days = np.asarray(sessions, dtype="datetime64[D]")
    neutral: dict[str, Any] = {**dict.fromkeys(BARS, np.nan), "split": 1.0, "dividend": 0.0}
    given = neutral | numbers | {"close": close}
    count, codes = len(days), np.asarray(currency, dtype=object)
    texts = {"asset_id": asset_id, "currency": codes, "source": source}
    columns: dict[str, Any] = {name: np.broadcast_to(np.asarray(given[name], dtype=float), count) for name in NUMBERS}
    columns |= {name: _repeated(text, count) for name, text in texts.items()}
    if set(codes.ravel().tolist()) & HUNDREDTHS.keys():
        columns |= {name: columns[name] * currency_units(codes) for name in PER_UNIT}
        columns["currency"] = [HUNDREDTHS.get(code, code) for code in columns["currency"].tolist()]
    columns["session"] = days.astype("datetime64[s]")
    columns["fetched_at"] = np.full(count, fetched_at.astype("datetime64[us]"))
    return checked_rows(pd.DataFrame({name: columns[name] for name in ROW_COLUMNS}), source)


def currency_units(codes: ArrayLike) -> Array:
    """Units of currency, of the shape of the codes, for one of a number in their currencies: 0.01 for hundredths."""
    return np.where(np.isin(np.asarray(codes, dtype=object), [*HUNDREDTHS]), 0.01, 1.0)


def checked_rows(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """The rows, sorted by asset, session and moment.

    rows   : (R, ·) table with `ROW_COLUMNS`.
    where  : name of their origin in messages.
    Raises : DataError naming asset, session, column, value and fix: for a number that is infinite or past the largest,
             a volume or dividend below zero, a split that is no number from 1e-6 to 1e6, a session out of bounds, and
             two rows of one asset, session and moment. A close may be of any sign: a rate is a series too.
    """
    if tuple(rows.columns) != ROW_COLUMNS:
        raise DataError(f"rows of {where} have the columns {', '.join(map(str, rows.columns))}: give {ROW_COLUMNS}.")

    def refuse(bad: ArrayLike, column: str, fix: str) -> None:
        if np.any(bad):
            row = rows.iloc[int(np.argmax(bad))]
            place = f"{shown(row['asset_id'])[1:-1]} on {str(row['session'])[:10]}"
            raise DataError(f"{column} of {place} from {where}: found {_cell(row[column])}. {fix}")

    for column in ("asset_id", *TEXT_FIELDS):
        found = rows[column].unique().tolist()
        wrong = [text for text in found if not isinstance(text, str) or has_unseen(text)]
        if wrong or (column == "asset_id" and "" in found):
            refuse(rows[column].isin([*wrong, ""]), column, "Give plain text on one line.")
    days, bounds = rows["session"].to_numpy(), (FIRST_DAY.to_datetime64(), LAST_DAY.to_datetime64())
    fix = f"Give days of {FIRST_DAY.year} to {LAST_DAY.year}."
    refuse(~((days >= bounds[0]) & (days <= bounds[1])), "session", fix)
    values = {name: rows[name].to_numpy() for name in NUMBERS}
    for name, of_rows in values.items():
        refuse(np.abs(of_rows) > LARGEST_NUMBER, name, f"Give a number of at most {LARGEST_NUMBER:g}.")
    refuse(values["volume"] < 0.0, "volume", "A volume is zero or above.")
    refuse(~(values["dividend"] >= 0.0), "dividend", "A dividend is zero or above.")
    refuse(
        ~((values["split"] <= SPLIT) & (values["split"] >= 1 / SPLIT)), "split", f"It is {1 / SPLIT:g} to {SPLIT:g}."
    )
    key = [rows["fetched_at"].to_numpy(), days, pd.factorize(rows["asset_id"], sort=True)[0]]
    order = np.lexsort(key)
    if (order[1:] < order[:-1]).any():
        rows, key = rows.take(order), [part[order] for part in key]
    rows = rows.reset_index(drop=True)
    again = np.append(False, np.logical_and.reduce([part[1:] == part[:-1] for part in key]))
    if again.any():
        t = int(np.argmax(again))
        first, second = rows["close"].iloc[[t - 1, t]]
        raise DataError(
            f"two rows of {rows['asset_id'].iloc[t]} on {rows['session'].iloc[t]:%Y-%m-%d} from {where}: found closes "
            f"{first:g} and {second:g}. Keep one row a session."
        )
    return rows


def _repeated(texts: ArrayLike, count: int) -> Any:
    """(R,) texts, one for all rows or one for each."""
    if isinstance(texts, str):
        return pd.array([texts], dtype="str").take(np.zeros(count, dtype=np.int64))  # else pandas reads each again
    return np.broadcast_to(np.asarray(texts, dtype=object), count)


def _cell(found: object) -> str:
    return repr(float(found)) if isinstance(found, float) else shown(str(found))


def bar_growth(close: Array, split: Array, dividend: Array) -> Array:
    """(R,) total growth of one asset from the bar before, 1 for the first: split × (close + dividend) / that close.

    close, split, dividend : (R,) of bars that all have a close, in order.
    """
    grown = np.ones(len(close))
    grown[1:] = split[1:] * (close[1:] + dividend[1:]) / close[:-1]
    return grown


def differs(one: Array, other: Array) -> Mask:
    """True for numbers (R,) or (R, k) that differ by more than `SOURCE_ROUNDING`; NaN differs from a number alone."""
    with np.errstate(invalid="ignore"):
        near = np.abs(one - other) <= SOURCE_ROUNDING * np.maximum(np.abs(one), np.abs(other))
    return np.asarray(~(near | (np.isnan(one) & np.isnan(other))))


def sessions_of(rows: pd.DataFrame) -> Days:
    """(R,) the sessions of rows, as days."""
    return rows["session"].to_numpy().astype("datetime64[D]")
