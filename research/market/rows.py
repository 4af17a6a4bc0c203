"""Rows of prices as they were published: the bar of one asset and session, with its source and when it was known.

Quotes are as traded on their day: a later split changes none of them, and is one row. The total return from a row to
the next is split × (close + dividend) / previous close - 1, with the split and the dividend of the later row.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from foundation.arguments import FIRST_DAY, LARGEST_NUMBER, LAST_DAY, shown
from foundation.arrays import Array
from foundation.errors import DataError
from foundation.printable import has_unseen
from research.market.calendars import Days
from research.market.checks import SPLIT

BARS = ("open", "high", "low", "close", "volume")
NUMBERS = (*BARS, "split", "dividend")
TEXTS = ("currency", "source")
ROW_COLUMNS = ("asset_id", "session", *NUMBERS, *TEXTS, "fetched_at")
HUNDREDTHS = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ZAC": "ZAR", "ILA": "ILS"}  # quoted in hundredths of these
ROUNDING = 2e-6  # relative: a source's later answer that differs by less is the same number, rounded otherwise


def price_rows(
    asset_id: str | Sequence[str],
    sessions: ArrayLike,
    close: ArrayLike,
    *,
    currency: str,
    source: str,
    fetched_at: np.datetime64,
    **numbers: ArrayLike,
) -> pd.DataFrame:
    """A table of rows with all columns, checked (`checked_rows`).

    asset_id : one for all rows, or one for each.
    sessions : (R,) days.
    close    : (R,) currency per unit as traded that day; NaN where the source has no bar of that session.
    currency : code of three capital letters, or of hundredths (GBp, ZAc, ILA), which become units.
    fetched_at : the moment, in UTC, at which the rows were known.
    numbers  : open, high, low, volume (units), split (units after for one before, 1 for none) and dividend (currency
               per unit after that day's split, 0 for none), each one for all rows or (R,).
    Raises   : as `checked_rows`.
    """
    days = np.asarray(sessions, dtype="datetime64[D]")
    neutral: dict[str, Any] = {**dict.fromkeys(BARS, np.nan), "split": 1.0, "dividend": 0.0}
    given = neutral | numbers | {"close": close}
    rows = pd.DataFrame({name: np.broadcast_to(np.asarray(v, dtype=float), len(days)) for name, v in given.items()})
    part = 0.01 if currency in HUNDREDTHS else 1.0
    for name in ("open", "high", "low", "close", "dividend") if part != 1.0 else ():
        rows[name] *= part
    stamped = rows.assign(
        asset_id=asset_id, session=days.astype("datetime64[s]"), currency=HUNDREDTHS.get(currency, currency),
        source=source, fetched_at=fetched_at.astype("datetime64[us]"),
    )  # fmt: skip
    return checked_rows(stamped[list(ROW_COLUMNS)].astype(dict.fromkeys(("asset_id", *TEXTS), object)), source)


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

    for column in ("asset_id", *TEXTS):
        texts = {text: not isinstance(text, str) or has_unseen(text) for text in rows[column].unique().tolist()}
        texts[""] = column == "asset_id"
        refuse(rows[column].map(texts).to_numpy(bool), column, "Give plain text on one line.")
    days = rows["session"]
    refuse(~((days >= FIRST_DAY) & (days <= LAST_DAY)), "session", f"Give days of {FIRST_DAY.year} to {LAST_DAY.year}.")
    for column in NUMBERS:
        refuse(rows[column].abs() > LARGEST_NUMBER, column, f"Give a number of at most {LARGEST_NUMBER:g}.")
    refuse(rows["volume"] < 0.0, "volume", "A volume is zero or above.")
    refuse(~(rows["dividend"] >= 0.0), "dividend", "A dividend is zero or above.")
    refuse(~((rows["split"] <= SPLIT) & (rows["split"] >= 1 / SPLIT)), "split", f"It is 1 / {SPLIT:g} to {SPLIT:g}.")
    rows = rows.sort_values(["asset_id", "session", "fetched_at"], kind="stable", ignore_index=True)
    double = rows.duplicated(["asset_id", "session", "fetched_at"]).to_numpy()
    if double.any():
        row = rows.iloc[int(np.argmax(double))]
        raise DataError(
            f"two rows of {row['asset_id']} on {row['session']:%Y-%m-%d} from {where}: found closes "
            f"{rows['close'].iloc[int(np.argmax(double)) - 1]:g} and {row['close']:g}. Keep one row a session."
        )
    return rows


def _cell(found: object) -> str:
    return repr(float(found)) if isinstance(found, float) else shown(str(found))


def as_traded(split: Array) -> Array:
    """(R,) factors that turn quotes adjusted for all later splits into quotes as traded, of one asset.

    split : (R,) units after for one before, in order of the sessions.
    Returns : (R,) the product of the splits of later rows. A volume is divided by it.

    >>> as_traded(np.array([1.0, 4.0, 1.0])).tolist()
    [4.0, 1.0, 1.0]
    """
    later = np.append(np.cumprod(split[::-1])[::-1][1:], 1.0)
    return np.asarray(later)


def growth(close: Array, split: Array, dividend: Array) -> Array:
    """(R,) total growth of one asset from the bar before, 1 for the first: split × (close + dividend) / that close.

    close, split, dividend : (R,) of bars that all have a close, in order.
    """
    grown = np.ones(len(close))
    grown[1:] = split[1:] * (close[1:] + dividend[1:]) / close[:-1]
    return grown


def sessions_of(rows: pd.DataFrame) -> Days:
    """(R,) the sessions of rows, as days."""
    return rows["session"].to_numpy().astype("datetime64[D]")
