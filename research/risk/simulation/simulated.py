"""Simulated paths as markets, and iteration over many paths in batches."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd

from foundation.arguments import day, is_number, is_whole, one_of, refuse
from foundation.arrays import Array, Mask
from foundation.errors import ConfigError
from research.market.calendars import EVERY, last_of, sessions
from research.market.instruments import instruments_table
from research.market.market import Market
from research.risk.simulation.models import Model
from research.risk.simulation.resampling import StationaryBootstrap
from research.risk.simulation.streams import check_batch

OPENING_PRICE = 100.0
LONGEST_STEP = {"day": 2, "week": 7, "month": 31, "quarter": 92, "year": 366}  # calendar days of one step, at most


def simulated_market(
    model: Model,
    days: int,
    seed: int,
    path: int = 0,
    cash: float | None = None,
    *,
    instruments: pd.DataFrame | None = None,
    calendar: str | None = None,
    start: str | pd.Timestamp = "2000-01-03",
    every: str = "day",
) -> Market:
    """One path of a model as a market of days + 1 sessions.

    Row 0 is the close before the first return: nothing is earned on it. The rest, returns[1:], are the bits of
    model.returns(paths, days, seed)[path]. Assets pay no dividends: a price is the asset's index, 100 at row 0. In a
    bootstrapped market an asset does not trade on a day that repeats one of its halts.
    model       : model of the returns.
    days        : steps of the path.
    seed        : seed of the random numbers.
    path        : number of the path.
    cash        : simple return of cash each step, fraction; by default none, in a bootstrapped market that of the days
                  drawn. A rate r a year, continuously compounded, is expm1(r / periods_per_year).
    instruments : (n, ·) names and classes of the assets (`instruments_table`); by default S1, S2 …, in a bootstrapped
                  market its own lines, without their delistings.
    calendar    : exchange calendar, by default XNYS, in a bootstrapped market its own.
    start       : row 0 is the first session on or after this date that ends a period `every`.
    every       : length of a step: "day", "week", "month", "quarter" or "year", from the last session of one to the
                  last session of the next. It should agree with the model's periods_per_year.
    Raises      : ConfigError for an argument out of range, instruments of another number of assets, or dates that the
                  calendar does not reach; DataError for returns that no market can have.
    """
    if not is_whole(path) or path < 0:
        refuse("path of a simulated market is", path, "give a whole number of 0 or more.")
    returns = model.returns(1, days, seed, path)[0]
    n = returns.shape[1]
    earned_by_cash, tradable = cash_and_halts(model, 1, days, n, seed, path, cash)
    if isinstance(model, StationaryBootstrap):
        instruments = staying(model.market.instruments) if instruments is None else instruments
        calendar = model.market.calendar if calendar is None else calendar
    if instruments is None:
        instruments = _numbered(n)
    if len(instruments) != n:
        raise ConfigError(
            f"instruments name {len(instruments)} assets ({', '.join(map(str, instruments.index))}) and the model has "
            f"{n}: give a row for each."
        )
    calendar = "XNYS" if calendar is None else calendar
    earned = np.vstack([np.zeros(n), returns])
    index: Array = np.cumprod(1.0 + earned, axis=0, dtype=np.float64)
    return Market(
        dates=_dates(days + 1, np.datetime64(day("start of a simulated market is", start), "D"), calendar, every),
        assets=tuple(instruments.index),
        returns=earned,
        tradable=np.vstack([np.ones(n, dtype=bool), tradable[0]]),
        cash=np.append(0.0, earned_by_cash[0]),
        instruments=instruments,
        prices=OPENING_PRICE * index,
        calendar=calendar,
        name=f"simulated by {type(model).__name__}, seed {seed}, path {path}",
    )


def cash_and_halts(
    model: Model, paths: int, days: int, n: int, seed: int, first: int = 0, cash: float | None = None
) -> tuple[Array, Mask]:
    """The returns of cash (paths, days), fraction, and which assets can trade (paths, days, n).

    Where all paths have the same, one stands for all: (1, days), (1, days, n).
    model  : model of the returns.
    paths  : number of paths.
    days   : steps of each path.
    n      : number of assets.
    seed   : seed of the random numbers.
    first  : number of the first path.
    cash   : simple return of cash each step, fraction; None as in `simulated_market`.
    Raises : ConfigError for a return of cash that is not a number above -1.
    """
    earned, tradable = np.zeros((1, days)), np.ones((1, days, n), dtype=bool)
    if isinstance(model, StationaryBootstrap):
        rows = model.rows(paths, days, seed, first)
        earned, tradable = model.market.cash[rows], model.market.tradable[rows]
    if cash is not None:
        if not is_number(cash) or cash <= -1.0:
            refuse("cash of a simulated market is", cash, "give its simple return each step, a fraction above -1.")
        earned = np.full((1, days), float(cash))
    return earned, tradable


def batches(model: Model, paths: int, days: int, seed: int, size: int = 256) -> Iterator[Array]:
    """The paths 0 to paths - 1 of a model in arrays (size, days, n), simple returns, fraction; the last may be shorter.

    Only one batch is in memory. Together they are model.returns(paths, days, seed), to the bit, whatever the size.
    Each can
    also be computed by itself, in any order or process: model.returns(size, days, seed, first).
    model  : model of the returns.
    paths  : number of paths.
    days   : steps of each path.
    seed   : seed of the random numbers.
    size   : number of paths of a batch.
    Raises : ConfigError for a number out of range, before the first batch.
    """
    check_batch(paths, days, seed, 0)
    if not is_whole(size) or size < 1:
        refuse("size of a batch is", size, "give a whole number of 1 or more.")
    return (model.returns(min(size, paths - first), days, seed, first) for first in range(0, paths, size))


def staying(instruments: pd.DataFrame) -> pd.DataFrame:
    """The instruments of a market without their delistings.

    instruments : (n, ·) table by asset, with the columns and units of `Market.instruments`.
    Returns     : the same table with empty `delisted` and `delisting_return`.
    """
    never = pd.Series(False, index=instruments.index)
    return instruments.assign(**{c: instruments[c].where(never) for c in ("delisted", "delisting_return")})


@lru_cache(maxsize=4)  # all paths of a simulation have the same assets, and the same dates
def _numbered(n: int) -> pd.DataFrame:
    """The instruments S1 to Sn; a market keeps a copy."""
    return instruments_table([f"S{i + 1}" for i in range(n)])


@lru_cache(maxsize=4)
def _dates(count: int, first: np.datetime64, calendar: str, every: str) -> pd.DatetimeIndex:
    """The first `count` last sessions of a period from the day `first` on. Raises ConfigError."""
    one_of("every of a simulated market is", every, EVERY)
    known = sessions(first, first + (count + 1) * LONGEST_STEP[every] + 14, calendar)
    ends = known[last_of(known, every, calendar)][:count]
    if len(ends) < count:
        raise ConfigError(
            f"calendar {calendar!r} has {len(ends)} last sessions of a {every} from {first} on, and {count} are "
            "needed: start earlier, simulate fewer days, or choose another calendar, such as 24/7."
        )
    return pd.DatetimeIndex(ends)
