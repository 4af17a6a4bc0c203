"""The value of a unit of an asset, with dividends reinvested or paid out, at the close or at the open.

A dividend and a quote are per unit of their own day, so after that day's split: a unit of the day before becomes
`split` units, and is worth split × (close + dividend) at the close of an ex-date.
"""

import numpy as np

from foundation.arrays import Array
from foundation.errors import DataError
from research.market.data import MarketData


def dividend_yields(market: MarketData) -> Array:
    """(T, n) dividend over the mark of the same unit at the close before, fraction; zero where none is paid.

    It is dividend × split / previous quote, the splits of a halt before it included. The mark of a halt is that quote
    times what the asset has returned since: a converted asset moves with its exchange rate while it does not trade.
    Raises : DataError for a dividend that no quote precedes.
    """
    yields = np.zeros(market.shape)
    if market.dividends is None or not market.dividends.any():
        return yields
    rows = np.arange(len(yields))[:, None]
    last = np.maximum.accumulate(np.where(market.tradable, rows, -1), axis=0)
    t, i = np.nonzero(market.dividends)
    before = np.where(t > 0, last[t - 1, i], -1)
    quote = np.where(before >= 0, market.prices[before, i], np.nan)
    if np.isnan(quote).any():
        first = int(np.argmax(np.isnan(quote)))
        raise DataError(
            f"dividend without a quote before it for {market.assets[i[first]]} on {market.days[t[first]]} in market "
            f"{market.name!r}: found {market.dividends[t[first], i[first]]:g}. Give the quote of the session before, "
            "or leave the dividend out."
        )
    if market.splits is not None:
        halted = np.cumprod(market.splits, axis=0)
        quote /= market.splits[t, i] * (halted[t - 1, i] / halted[before, i])
    yields[t, i] = market.dividends[t, i] / (quote * (market.index[t - 1, i] / market.index[before, i]))
    return yields


def growth_of_price(market: MarketData, yields: Array) -> Array:
    """(T, n) what a unit grows by when its dividends are paid out: 1 + return - yield.

    market : T days of n assets.
    yields : (T, n) dividend over the previous quote, fraction.
    Raises : DataError for a dividend of the whole unit or more.
    """
    growth = 1.0 + market.returns - yields
    eaten = (yields > 0.0) & (growth <= 0.0)
    if eaten.any():
        t, i = np.argwhere(eaten)[0].tolist()
        raise DataError(
            f"dividend above what the unit is worth for {market.assets[i]} on {market.days[t]} in market "
            f"{market.name!r}: found {yields[t, i]:.4g} of the previous quote and a return of "
            f"{market.returns[t, i]:.4g}. Correct it: it is in currency for one unit, after that day's split."
        )
    return growth


def open_over_close(market: MarketData, dividends: Array | float) -> Array:
    """(T, n) ratio (open + dividend) / (close + dividend); 1 where an asset does not trade and stays at its mark.

    market    : T days of n assets.
    dividends : (T, n) currency per unit where the unit holds them at the open already; zero where they are paid out.
    Raises    : DataError for a market without opens, and for an open or a quote that is missing where an asset trades.
    """
    opens = (market.bars or {}).get("open")
    if opens is None:
        raise DataError(
            f"market {market.name!r} has no opens, the first is missing for {market.assets[0]} on {market.days[0]}: "
            "found no bars called 'open'. Give them, or trade at the close."
        )
    for name, values in {"open": opens, "quote": market.prices}.items():
        missing = market.tradable & np.isnan(values)
        if missing.any():
            t, i = np.argwhere(missing)[0].tolist()
            raise DataError(
                f"{name} missing for {market.assets[i]} on {market.days[t]} in market {market.name!r}: found nan, and "
                "it trades that day. Correct the source, leave the asset out, or trade at the close."
            )
    return np.where(market.tradable, (opens + dividends) / (market.prices + dividends), 1.0)
