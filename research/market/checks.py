"""The conventions of a market, checked when it is made; errors name asset, date and value."""

import numpy as np
import pandas as pd

from foundation.arguments import LARGEST_NUMBER, SMALLEST_NUMBER, cut, shown
from foundation.arrays import within
from foundation.errors import DataError
from foundation.names import ASSET_FIX, asset_fault
from foundation.printable import has_unseen
from research.market.data import MarketData
from research.market.instruments import INSTRUMENT_COLUMNS

PANELS = ("returns", "tradable", "prices", "volumes", "dividends", "splits")  # the arrays of shape (T, n)
SPLIT = 1e6  # units for one, or one for so many units
PRICE_PANELS = ("open", "high", "low")
RUN = 21  # rows whose mean gap is compared
UNEVEN = 2.8  # the widest mean gap over the narrowest from which rows are of two kinds


def check_labels(market: MarketData) -> None:
    """Raise DataError for dates, names and instruments that do not fit each other."""
    where = f"market {shown(market.name)}"
    if not isinstance(market.dates, pd.DatetimeIndex):
        raise DataError(f"dates of {where} are a {type(market.dates).__name__}: make them a DatetimeIndex.")
    if market.dates.tz is not None or (market.dates.to_numpy() != market.days).any():
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
    _check_even(market, where)
    _check_words(market, where)
    _check_assets(market.assets, where)
    table = market.instruments
    if tuple(table.index.tolist()) != market.assets or not set(INSTRUMENT_COLUMNS) <= set(table.columns):
        raise DataError(
            f"instruments of {where} must have a row for each of {cut(', '.join(market.assets))}, in this order, and "
            f"the columns {', '.join(INSTRUMENT_COLUMNS)}: found {cut(', '.join(map(str, table.index)))}. Use "
            "instruments_table."
        )


def _check_even(market: MarketData, where: str) -> None:
    """Raise DataError for rows that are days in one part and months in another: no figure a year would hold.

    A hole in the data is the widest gap of a run of rows, which is left out.
    """
    gaps = np.diff(market.days).astype(np.int64)
    if len(gaps) <= RUN:
        return
    runs = np.vstack([gaps[: len(gaps) - len(gaps) % RUN].reshape(-1, RUN), gaps[-RUN:]])
    usual = (runs.sum(axis=1) - runs.max(axis=1)) / (RUN - 1)
    if usual.max() < UNEVEN * usual.min():
        return
    later = int(np.argmax(np.abs(np.log(usual / usual[0]))))
    raise DataError(
        f"rows of {where} are not of one frequency: from {market.days[0]} on there is one every {usual[0]:.2g} days, "
        f"round {market.days[min(later * RUN, len(gaps))]} one every {usual[later]:.2g}. Give rows of one frequency, "
        "or cut the others off."
    )


def _check_words(market: MarketData, where: str) -> None:
    """Raise DataError for a name or a calendar of a market that is no plain text."""
    for what, text in (("name", market.name), ("calendar", market.calendar)):
        if not isinstance(text, str) or has_unseen(text):
            raise DataError(f"{what} of {where} is no plain text: found {shown(text)}. Write it on one line.")


def _check_assets(assets: tuple[str, ...], where: str) -> None:
    """Raise DataError for a name that is missing, repeated, or no name."""
    seen: set[str] = set()
    for column, asset in enumerate(assets):
        if not isinstance(asset, str) or not asset.strip():
            raise DataError(f"column {column} of {where} has no name: found {shown(asset)}. Name every asset.")
        if fault := asset_fault(asset):
            raise DataError(f"the name of column {column} of {where} {fault}: found {shown(asset)}. {ASSET_FIX}")
        if asset in seen:
            raise DataError(f"asset {asset!r} appears twice in {where} (column {column}). Rename or drop one.")
        seen.add(asset)


def check_shapes(market: MarketData) -> None:
    """Raise DataError for arrays that are not dates by assets."""
    where, bars = f"market {market.name!r}", market.bars or {}
    for name, values in {**{name: getattr(market, name) for name in PANELS}, **bars}.items():
        if values is not None and values.shape != market.shape:
            raise DataError(f"{name} of {where} have shape {values.shape}: give {market.shape}, dates by assets.")
    if market.cash.shape != market.shape[:1]:
        raise DataError(f"cash of {where} has shape {market.cash.shape}: give {market.shape[:1]}, one a date.")
    if not set(bars) <= set(PRICE_PANELS):
        raise DataError(f"bars of {where} are called {', '.join(bars)}: use {', '.join(PRICE_PANELS)}.")


def check_values(market: MarketData) -> None:
    """Raise DataError for impossible values, and for delistings that do not agree with trading and returns."""

    def refuse(bad: np.ndarray, what: str, values: np.ndarray, fix: str) -> None:
        if bad.any():
            t, *line = np.argwhere(bad)[0]
            whose = f" for {market.assets[line[0]]}" if line else ""
            found = float(values[(t, *line)])
            raise DataError(f"{what}{whose} on {market.days[t]} in market {market.name!r}: found {found!r}. {fix}")

    finite = "Correct the source: it is finite and above"
    large = f"Correct the source: it is at most {LARGEST_NUMBER:g}."
    exit_day = np.arange(len(market.dates))[:, None] == market.exits if _check_exits(market) else np.False_
    if not (market.returns.min() > -1.0 and market.returns.max() <= LARGEST_NUMBER):  # NaN is neither
        missing = ~np.isfinite(market.returns)
        refuse(missing, "return missing", market.returns, "Correct the source, or leave the asset out.")
        refuse((market.returns <= -1.0) & ~exit_day, "impossible return", market.returns, f"{finite} -1.")
        refuse(market.returns > LARGEST_NUMBER, "impossible return", market.returns, large)
    early = market.listed[:0] if market.listed.all() else ~market.listed & (market.returns != 0.0) & ~exit_day
    refuse(early, "return before listing", market.returns, "Set it to zero.")
    refuse(~(np.isfinite(market.cash) & (market.cash > -1.0)), "impossible cash return", market.cash, f"{finite} -1.")
    _check_growth(market)
    bars = market.bars or {}
    priced = {"price": market.prices, **bars}.items()
    for name, values in [each for each in priced if not within(each[1], SMALLEST_NUMBER, LARGEST_NUMBER)]:
        refuse((values <= 0.0) | np.isinf(values), f"impossible {name}", values, f"{finite} zero.")
        refuse(values > LARGEST_NUMBER, f"impossible {name}", values, large)
    nonnegative = "Correct the source: it is zero or above."
    if (panel := market.volumes) is not None:
        refuse((panel < 0.0) | np.isinf(panel), "impossible volume", panel, nonnegative)
        refuse(panel > LARGEST_NUMBER, "impossible volume", panel, large)
    if (panel := market.dividends) is not None:
        refuse(~(np.isfinite(panel) & (panel >= 0.0)), "impossible dividend", panel, nonnegative)
        refuse(panel > LARGEST_NUMBER, "impossible dividend", panel, large)
        refuse((panel != 0.0) & ~market.listed, "dividend of an asset that is not listed", panel, "Set it to zero.")
    if (panel := market.splits) is not None:
        refuse(~(np.isfinite(panel) & (panel > 0.0)), "impossible split factor", panel, f"{finite} zero, 1 for none.")
        refuse(np.maximum(panel, 1.0 / panel) > SPLIT, "impossible split factor", panel, f"It is at most {SPLIT:,.0f}.")
    if {"high", "low"} <= set(bars):
        refuse(bars["high"] < bars["low"], "high below low", bars["high"], "Correct the source.")


def _check_growth(market: MarketData) -> None:
    """Raise DataError for returns whose product no float can hold: wealth is such a product."""
    with np.errstate(over="ignore", invalid="ignore"):
        growth = market.index[-1]
        cash = float(np.prod(1.0 + market.cash))
    bad = ~np.isfinite(growth) | (growth == 0.0)
    if bad.any():
        bad &= ~((growth == 0.0) & (market.returns == -1.0).any(axis=0))
    if not (np.isfinite(cash) and cash > 0.0):
        raise DataError(
            f"returns of cash in market {market.name!r} multiply to {cash:g} from {market.days[0]} to "
            f"{market.days[-1]}: found returns of {market.cash.min():g} to {market.cash.max():g}. Correct the source."
        )
    if bad.any():
        i = int(np.argmax(bad))
        raise DataError(
            f"returns of {market.assets[i]} in market {market.name!r} multiply to {growth[i]:g} from {market.days[0]} "
            f"to {market.days[-1]}: found returns of {market.returns[:, i].min():g} to {market.returns[:, i].max():g}. "
            "Correct the source."
        )


def missing_from(market: MarketData, values: np.ndarray, first: int) -> tuple[int, int] | None:
    """The first row and asset, from row `first` on, where a tradable asset has none of `values` (T, n); or None."""
    missing = np.isnan(values) & market.tradable
    missing[:first] = False
    if not missing.any():
        return None
    t, i = np.argwhere(missing)[0].tolist()
    return t, i


def _check_exits(market: MarketData) -> bool:
    """Raise DataError for a delisting that does not agree with the asset's trading and returns."""
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
