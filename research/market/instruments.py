"""What a line is: its class, its currency, the lot it trades in, which adjustment its prices carry, and its end."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from research.errors import DataError

UNBOOKED = (
    "A delisting is not booked yet, so wealth would be wrong: leave it empty and the line halted at its last price "
    "(missing='halt' where prices are read), or leave the asset out."
)
TEXTS = ("asset_class", "sector", "currency", "adjustment")
INSTRUMENT_COLUMNS = ("asset_class", "sector", "currency", "lot", "adjustment", "delisted", "delisting_return")


def instruments_table(assets: Sequence[str], **columns: object) -> pd.DataFrame:
    """A table of instruments with the house's columns; what is not given gets its neutral value.

    assets : n names.  columns : by name, one value for all assets or one for each.
    Raises : DataError for an unknown column, a value of the wrong kind, and a delisting, which is not booked yet.

    >>> instruments_table(["SPY", "BTC"], lot=[1.0, 1e-8])["lot"].to_dict()
    {'SPY': 1.0, 'BTC': 1e-08}
    """
    unknown = [c for c in columns if c not in INSTRUMENT_COLUMNS]
    if unknown:
        raise DataError(f"unknown column of instruments: found {unknown[0]!r}. Use {', '.join(INSTRUMENT_COLUMNS)}.")
    neutral = {"asset_class": "other", "sector": "", "currency": "USD", "lot": 1.0, "adjustment": "unknown"}
    neutral |= {"delisted": pd.NaT, "delisting_return": np.nan}
    table = pd.DataFrame(neutral | columns, index=pd.Index(assets, name="asset"))
    return checked_instruments(table[list(INSTRUMENT_COLUMNS)], "the instruments")


def checked_instruments(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """A copy with one type a column: text, float, or date. Raises DataError naming asset, column, value and mend.

    `delisted` and `delisting_return` are kept, and must be empty: a halt and an exit look alike, and nothing books one.
    """

    def refuse(good: pd.Series | NDArray[np.bool_], column: str, mend: str) -> None:
        if not good.all():
            row = int(np.argmin(good))
            raise DataError(f"{column} of {table.index[row]} in {where}: found {table[column].tolist()[row]!r}. {mend}")

    for column in TEXTS:
        refuse(table[column].map(lambda cell: isinstance(cell, str)), column, "Give it as text, empty if need be.")
    for column in ("delisted", "delisting_return"):
        refuse(table[column].isna(), column, UNBOOKED)
    dates = pd.to_datetime(table["delisted"]).astype("datetime64[us]")
    lots, ends = (pd.to_numeric(table[c], errors="coerce").astype(float) for c in ("lot", "delisting_return"))
    refuse(np.isfinite(lots) & (lots > 0.0), "lot", "A lot is a number of units above zero.")
    return table.assign(delisted=dates, lot=lots, delisting_return=ends)
