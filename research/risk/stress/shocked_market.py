"""A market that goes on after its last close: one session with the returns of a shock, then sessions without any."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foundation.arrays import Array
from foundation.errors import DataError
from research.market.calendars import DAYS_PER_YEAR, sessions
from research.market.facts import extended
from research.market.market import Market

RECENT_ROWS = 21  # rows: the sessions to come have the median volume of these
DAILY_STEP = 2.0  # days a row, below which every session is one


def market_after(market: Market, returns: Array, rows: int, periods_per_year: float) -> Market:
    """The market with `rows` more rows: on the first, assets return what a shock gives them, and then nothing.

    market           : T days of n assets.
    returns          : (n,) simple returns of the first new row, fraction. An asset that cannot be traded on the last
                       day of the market keeps its mark, and cannot be traded on the new ones.
    rows             : number of new rows, at least 1.
    periods_per_year : of the market: new rows are sessions of its calendar, as far from one another as
                       those of a market with so many rows a year are.
    Raises           : ConfigError beyond the calendar's reach, and DataError for returns of another number of assets.

    Cash earns nothing on the new rows; there are no dividends and no splits; volumes are the medians of the last
    `RECENT_ROWS` rows, bars lie at the close, and facts stay as they were last known.
    """
    n = len(market.assets)
    if returns.shape != (n,):
        raise DataError(f"returns of a shock have shape {returns.shape}: give ({n},), one an asset.")
    tradable = market.tradable[-1]
    first = np.where(tradable, returns, 0.0)
    prices = np.repeat((market.prices[-1] * (1.0 + first))[None], rows, axis=0)
    flat = np.zeros((rows, n))
    flat[0] = first

    def with_rows(values: Array | None, new: Array) -> Array | None:
        return None if values is None else np.concatenate([values, new])

    volumes = market.volumes
    usual = flat if volumes is None else np.repeat(_usual(volumes)[None], rows, axis=0)
    bars = market.bars
    return replace(
        market,
        dates=pd.DatetimeIndex(np.concatenate([market.dates.to_numpy(), _next_days(market, rows, periods_per_year)])),
        returns=np.concatenate([market.returns, flat]),
        tradable=np.concatenate([market.tradable, np.repeat(tradable[None], rows, axis=0)]),
        cash=np.concatenate([market.cash, np.zeros(rows)]),
        prices=np.concatenate([market.prices, prices]),
        volumes=with_rows(volumes, usual),
        dividends=with_rows(market.dividends, np.zeros((rows, n))),
        splits=with_rows(market.splits, np.ones((rows, n))),
        bars=None if bars is None else {name: np.concatenate([bar, prices]) for name, bar in bars.items()},
        facts=extended(market.facts, rows),
    )


def _usual(volumes: Array) -> Array:
    """(n,) median volume of the last rows on which each asset has one, NaN where it has none."""
    recent = volumes[-RECENT_ROWS:]
    known = np.isfinite(recent).any(axis=0)
    usual = np.full(volumes.shape[1], np.nan)
    usual[known] = np.nanmedian(recent[:, known], axis=0)
    return usual


def _next_days(market: Market, rows: int, periods_per_year: float) -> NDArray[np.datetime64]:
    """The days of the next rows: sessions of a market with nearly daily rows, else the last session of each period."""
    last, period = market.days[-1], DAYS_PER_YEAR / periods_per_year
    reach = last + np.timedelta64(round(2 * rows * max(period, 1.0)) + 30, "D")
    known = sessions(last + np.timedelta64(1, "D"), reach, market.calendar)
    if period < DAILY_STEP:
        return known[:rows]
    ends = last + np.round(period * np.arange(1, rows + 1)).astype("timedelta64[D]")
    return known[np.searchsorted(known, ends, side="right") - 1]
