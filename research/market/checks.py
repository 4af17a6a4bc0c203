"""The conventions of a market, checked when it is made; errors name asset, date and value."""

import numpy as np
import pandas as pd

from research.errors import DataError
from research.market.data import MarketData
from research.market.instruments import INSTRUMENT_COLUMNS

PANELS = ("returns", "tradable", "prices", "volumes", "dividends", "splits")  # the arrays of shape (T, n)
BARS = ("open", "high", "low")


def check_labels(market: MarketData) -> None:
    """Raise DataError for dates, names and instruments that do not fit each other."""
    where = f"market {market.name!r}"
    if not isinstance(market.dates, pd.DatetimeIndex):
        raise DataError(f"dates of {where} are a {type(market.dates).__name__}: make them a DatetimeIndex.")
    if market.dates.tz is not None or (market.dates != market.dates.normalize()).any():
        raise DataError(f"dates of {where} carry a time or a zone: give plain session dates.")
    if len(market.dates) < 2 or not market.assets:
        raise DataError(
            f"{where} has {len(market.dates)} dates and {len(market.assets)} assets: give two and one at least."
        )
    late = np.flatnonzero(market.days[1:] <= market.days[:-1]) + 1
    if len(late):
        day, row = market.days[late[0]], late[0]
        word = "appears twice" if day == market.days[row - 1] else "stands after a later date"
        raise DataError(f"date {day} {word} in {where} (row {row}). Sort the dates and keep one row a date.")
    seen: set[str] = set()
    for column, asset in enumerate(market.assets):
        if not isinstance(asset, str) or not asset.strip():
            raise DataError(f"column {column} of {where} has no name: found {asset!r}. Name every asset.")
        if asset in seen:
            raise DataError(f"asset {asset!r} appears twice in {where} (column {column}). Rename or drop one.")
        seen.add(asset)
    table = market.instruments
    if tuple(table.index) != market.assets or not set(INSTRUMENT_COLUMNS) <= set(table.columns):
        raise DataError(
            f"instruments of {where} must have a row for each of {', '.join(market.assets)}, in this order, and the "
            f"columns {', '.join(INSTRUMENT_COLUMNS)}: found {', '.join(map(str, table.index))}. Use instruments_table."
        )


def check_shapes(market: MarketData) -> None:
    """Raise DataError for arrays that are not dates by assets."""
    where, bars = f"market {market.name!r}", market.bars or {}
    for name, values in {**{name: getattr(market, name) for name in PANELS}, **bars}.items():
        if values is not None and values.shape != market.shape:
            raise DataError(f"{name} of {where} have shape {values.shape}: give {market.shape}, dates by assets.")
    if market.cash.shape != market.shape[:1]:
        raise DataError(f"cash of {where} has shape {market.cash.shape}: give {market.shape[:1]}, one a date.")
    if not set(bars) <= set(BARS):
        raise DataError(f"bars of {where} are called {', '.join(bars)}: use {', '.join(BARS)}.")


def check_values(market: MarketData) -> None:
    """Raise DataError for impossible values, and for delistings that do not agree with trading and returns."""

    def refuse(bad: np.ndarray, what: str, values: np.ndarray, fix: str) -> None:
        if bad.any():
            t, *line = np.argwhere(bad)[0]
            whose = f" for {market.assets[line[0]]}" if line else ""
            found = float(values[(t, *line)])
            raise DataError(f"{what}{whose} on {market.days[t]} in market {market.name!r}: found {found!r}. {fix}")

    finite = "Correct the source: it is finite and above"
    exit_day = np.arange(len(market.dates))[:, None] == market.exits if _check_exits(market) else np.False_
    refuse(
        ~np.isfinite(market.returns), "return missing", market.returns, "Correct the source, or leave the asset out."
    )
    refuse((market.returns <= -1.0) & ~exit_day, "impossible return", market.returns, f"{finite} -1.")
    early = ~market.listed & (market.returns != 0.0) & ~exit_day
    refuse(early, "return before listing", market.returns, "Set it to zero.")
    refuse(~(np.isfinite(market.cash) & (market.cash > -1.0)), "impossible cash return", market.cash, f"{finite} -1.")
    bars = market.bars or {}
    for name, values in {"price": market.prices, **bars}.items():
        refuse((values <= 0.0) | np.isinf(values), f"impossible {name}", values, f"{finite} zero.")
    nonnegative = "Correct the source: it is zero or above."
    if (panel := market.volumes) is not None:
        refuse((panel < 0.0) | np.isinf(panel), "impossible volume", panel, nonnegative)
    if (panel := market.dividends) is not None:
        refuse(~(np.isfinite(panel) & (panel >= 0.0)), "impossible dividend", panel, nonnegative)
        refuse((panel != 0.0) & ~market.listed, "dividend of a line that is not listed", panel, "Set it to zero.")
    if (panel := market.splits) is not None:
        refuse(~(np.isfinite(panel) & (panel > 0.0)), "impossible split factor", panel, f"{finite} zero, 1 for none.")
    if {"high", "low"} <= set(bars):
        refuse(bars["high"] < bars["low"], "high below low", bars["high"], "Correct the source.")


def missing_from(market: MarketData, values: np.ndarray, first: int) -> tuple[int, int] | None:
    """The first row and line, from row `first` on, where a tradable line has none of `values` (T, n); or None."""
    missing = np.isnan(values) & market.tradable
    missing[:first] = False
    if not missing.any():
        return None
    t, i = np.argwhere(missing)[0].tolist()
    return t, i


def _check_exits(market: MarketData) -> bool:
    """Raise DataError for a delisting that does not agree with what the line traded and returned."""
    where, table = f"in market {market.name!r}", market.instruments
    leaving = np.flatnonzero(market.exits < len(market.dates)).tolist()
    for i in leaving:
        asset, row, stated = market.assets[i], int(market.exits[i]), float(table["delisting_return"].iloc[i])
        whose = f"for {asset} on {market.days[row]} {where}"
        traded = np.flatnonzero(market.tradable[:, i])
        if not len(traded) or traded[-1] >= row:
            last = f"it trades until {market.days[traded[-1]]}" if len(traded) else "it never trades"
            raise DataError(
                f"delisted of {asset} {where}: found {table['delisted'].iloc[i]:%Y-%m-%d}, and {last}. Give the first "
                "day on which it has no price any more, or a later one."
            )
        if market.returns[row, i] != stated:
            raise DataError(
                f"return on the day of exit {whose}: found {float(market.returns[row, i])!r}, and the instruments say "
                f"{stated!r}. Use delist, which books it."
            )
        after = np.flatnonzero(market.returns[row + 1 :, i])
        if len(after):
            t = row + 1 + int(after[0])
            raise DataError(
                f"return after an exit for {asset} on {market.days[t]} {where}: found {float(market.returns[t, i])!r}. "
                "Set it to zero."
            )
    return bool(leaving)
