"""Figures of a return series: growth, risk, and the loss J of following a target, one number each.

Every function takes plain arrays of shape (T,) and checks them: finite, of one length, and long enough for the number
to exist. A number that is not defined (the Sharpe ratio of a constant series) raises; nothing gives NaN. A `nav`
starts with the close before the first return, so T returns make a `nav` of T + 1 rows (`nav_path`).
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foundation.arguments import shown
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError, DataError
from foundation.tolerances import SERIES
from research.market.calendars import DAYS_PER_YEAR
from research.risk.series import (
    compounding,
    excess_returns,
    nav_rows,
    one_series,
    per_year,
    refuse_row,
    same_dates,
    tail_losses,
    two_series,
)

BPS = 1e4
TRACKING_PENALTY = 5.0  # of J, where nothing else is said: a tracking error of 1 % a year then costs 2.5 bp a year


def nav_path(returns: ArrayLike) -> Array:
    """(T + 1,) NAV that starts at 1 and earns simple returns (T,), fraction.

    Raises DataError for a return of -1 or less.

    >>> nav_path([0.10, -0.50]).round(4).tolist()
    [1.0, 1.1, 0.55]
    """
    r = compounding(returns)
    return np.concatenate([[1.0], np.cumprod(1.0 + r)])


def growth(nav: ArrayLike, span_days: float) -> float:
    """Annual growth rate of `nav` (T + 1,) over `span_days` calendar days from its first row to its last, fraction.

    A year is 365.25 days: (last / first) ** (365.25 / span_days) - 1. Raises DataError for a NAV that is not positive,
    ConfigError for a span that is not.

    >>> round(growth([100.0, 90.0, 121.0], span_days=2 * 365.25), 12)
    0.1
    """
    path = nav_rows(nav, at_least=2)
    if not (np.isfinite(span_days) and span_days > 0):
        raise ConfigError(
            f"growth needs the calendar days from the first to the last NAV: found {shown(span_days)}. "
            "Give a positive number."
        )
    return float(np.expm1(np.log(path[-1] / path[0]) * DAYS_PER_YEAR / span_days))


def money_weighted(start: float, flows: ArrayLike, end: float, dates: ArrayLike) -> float:
    """Annual money-weighted return: the internal rate of return of `start`, `flows` and `end`, fraction.

    A year is 365.25 days.
    start  : NAV at the first date, currency.
    flows  : (T,) deposits (positive) and withdrawals (negative) at the close of each date after the first, currency.
    end    : NAV at the last date, currency.
    dates  : (T + 1,).
    Raises : DataError where no rate between factors of 1e-12 and 1e12 a year solves it.

    >>> days = np.array(["2020-01-01", "2021-01-01", "2022-01-01"], dtype="datetime64[D]")
    >>> round(money_weighted(100.0, [100.0, 0.0], 220.0 * 1.1 - 11.0, days), 4)   # 100 for two years, 100 for one
    0.1
    """
    from scipy.optimize import brentq

    days = np.asarray(dates, dtype="datetime64[D]").astype(np.int64)
    amounts = np.concatenate([[start], one_series(flows, "flows", at_least=1)])
    left = (days[-1] - days) / DAYS_PER_YEAR
    widest = min(np.log(1e12), 600.0 / left[0])  # what a float can hold over the whole time
    log_rates = (-widest, widest)

    def short(log_rate: float) -> float:
        return float(np.sum(amounts * np.exp(log_rate * left)) - end)

    if np.sign(short(log_rates[0])) * np.sign(short(log_rates[1])) > 0:
        raise DataError(
            f"no annual rate turns {start:,.2f} and flows of {amounts[1:].sum():,.2f} into {end:,.2f} over "
            f"{left[0]:.2f} years: check the flows, or take a longer period."
        )
    return float(np.expm1(brentq(short, *log_rates, xtol=1e-14)))


def calendar_years(dates: NDArray[np.datetime64], returns: ArrayLike) -> tuple[NDArray[np.int64], Array]:
    """Years (Y,) in which a return ended, and the compound return of each (Y,), fraction.

    dates   : (T,) close at which each return ends, increasing; the first and the last year may be incomplete.
    returns : (T,) simple returns, fraction.
    Raises  : DataError for dates that do not increase, or of another number than returns.

    >>> days = np.array(["2019-12-31", "2020-01-02", "2020-12-31"], dtype="datetime64[D]")
    >>> years, values = calendar_years(days, [0.01, 0.10, 0.20])
    >>> years.tolist(), values.round(4).tolist()
    ([2019, 2020], [0.01, 0.32])
    """
    years, values = _calendar(dates, returns, "Y")
    return years.astype(np.int64) + 1970, values


def calendar_months(dates: NDArray[np.datetime64], returns: ArrayLike) -> tuple[NDArray[np.datetime64], Array]:
    """Months (M,), datetime64[M], in which a return ended, and the compound return of each (M,), fraction.

    dates   : (T,) close at which each return ends, increasing; the first and the last month may be incomplete.
    returns : (T,) simple returns, fraction.
    Raises  : DataError for dates that do not increase, or of another number than returns.

    >>> days = np.array(["2019-12-31", "2020-01-02", "2020-01-31"], dtype="datetime64[D]")
    >>> months, values = calendar_months(days, [0.01, 0.10, 0.20])
    >>> months.astype(str).tolist(), values.round(4).tolist()
    (['2019-12', '2020-01'], [0.01, 0.32])
    """
    return _calendar(dates, returns, "M")


def _calendar(
    dates: NDArray[np.datetime64], returns: ArrayLike, unit: Literal["Y", "M"]
) -> tuple[NDArray[np.datetime64], Array]:
    """Years or months in which a return ended, and the compound return of each."""
    import pandas as pd  # slow to import

    r = compounding(returns)
    days = np.asarray(dates, dtype="datetime64[D]")
    if isinstance(returns, pd.Series) and isinstance(returns.index, pd.DatetimeIndex) and days.shape == r.shape:
        ends = pd.DatetimeIndex(returns.index).to_numpy().astype("datetime64[D]")
        same_dates(dates=pd.Series(r, days), returns=pd.Series(r, ends))
    if days.shape != r.shape or np.isnat(days).any() or (np.diff(days) <= np.timedelta64(0, "D")).any():
        raise DataError(
            f"calendar {'years' if unit == 'Y' else 'months'} need one increasing date per return: found dates of "
            f"shape {days.shape} for returns of shape {r.shape}. Sort them and drop repeated ones."
        )
    periods, first = np.unique(days.astype(f"datetime64[{unit}]"), return_index=True)
    return periods, np.multiply.reduceat(1.0 + r, first) - 1.0


def volatility(returns: ArrayLike, periods_per_year: float) -> float:
    """Standard deviation of `returns` (T,), ddof 1, times sqrt(periods_per_year): fraction a year.

    >>> round(volatility([0.01, -0.01, 0.01, -0.01], periods_per_year=3), 12)
    0.02
    """
    return float(np.std(one_series(returns, "returns", at_least=2), ddof=1)) * math.sqrt(per_year(periods_per_year))


def sharpe(returns: ArrayLike, cash: ArrayLike, periods_per_year: float) -> float:
    """Mean of `returns` over `cash` (both (T,)), over its standard deviation (ddof 1), times sqrt(periods_per_year).

    Raises DataError when the excess over cash does not vary.

    >>> round(sharpe([0.03, 0.01, 0.03, 0.01], [0.01] * 4, periods_per_year=12), 12)
    3.0
    """
    excess = excess_returns(returns, cash)
    if np.ptp(excess) <= SERIES:
        raise DataError(
            f"the Sharpe ratio is not defined: all {len(excess)} excess returns are {excess[0]:.3g}. "
            "Leave out a series that only holds cash."
        )
    return float(excess.mean() / np.std(excess, ddof=1)) * math.sqrt(per_year(periods_per_year))


def sortino(returns: ArrayLike, cash: ArrayLike, periods_per_year: float) -> float:
    """Mean of `returns` over `cash` (both (T,)), over its downside deviation, times sqrt(periods_per_year).

    The downside deviation is against cash: sqrt(mean(min(excess, 0)²)) over all T periods, gains counting as zero.
    Raises DataError when no period fell short of cash.
    Source : Sortino and Price (1994), Performance Measurement in a Downside Risk Framework.

    >>> round(sortino([0.03, 0.00, 0.03, 0.00], [0.01] * 4, periods_per_year=8), 12)
    2.0
    """
    excess = excess_returns(returns, cash)
    downside = float(np.sqrt(np.mean(np.minimum(excess, 0.0) ** 2)))
    if downside <= SERIES:
        raise DataError(
            f"the Sortino ratio is not defined: none of {len(excess)} returns is below cash. Take a longer "
            "period, or leave it out."
        )
    return float(excess.mean()) / downside * math.sqrt(per_year(periods_per_year))


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall of a NAV: `depth` (fraction, never positive) and the rows of its NAV where it began and ended.

    peak     : last row at the maximum from which it fell.      trough : first row at the bottom.
    recovery : first row after the trough at or above the peak, or None while it is still under water.
    A NAV that never falls has depth 0 and all three rows 0.
    """

    depth: float
    peak: int
    trough: int
    recovery: int | None


def drawdown(nav: ArrayLike) -> Array:
    """(T + 1,) NAV over its running peak, minus 1: zero at a new peak, negative under water.

    >>> drawdown([1.0, 2.0, 1.5, 2.5]).tolist()
    [0.0, 0.0, -0.25, 0.0]
    """
    path = nav_rows(nav, at_least=1)
    return path / np.maximum.accumulate(path) - 1.0


def max_drawdown(nav: ArrayLike) -> Drawdown:
    """The deepest fall of `nav` (T + 1,) from a running peak, the first of several equally deep ones.

    >>> max_drawdown([1.0, 2.0, 1.5, 1.0, 1.8, 2.0])
    Drawdown(depth=-0.5, peak=1, trough=3, recovery=5)
    >>> max_drawdown([1.0, 2.0, 1.0]).recovery is None
    True
    """
    path = nav_rows(nav, at_least=1)
    under = drawdown(path)
    trough = int(np.argmin(under))
    if under[trough] == 0.0:
        return Drawdown(0.0, 0, 0, 0)
    peak = trough - int(np.argmax(path[trough::-1] == path[: trough + 1].max()))
    back = np.flatnonzero(path[trough:] >= path[peak])
    return Drawdown(float(under[trough]), peak, trough, trough + int(back[0]) if back.size else None)


def var(returns: ArrayLike, level: float = 0.95) -> float:
    """Historical value at risk of one period: the smallest loss x with P(loss <= x) >= `level`; a loss is positive.

    It is the lower `level`-quantile of the T losses: with k = floor((1 - level)·T), the (k + 1)-th largest of them, no
    interpolation. Raises DataError when (1 - level)·T < 1: then no whole observation lies in the tail.

    >>> var([-0.05, -0.04, -0.03, -0.02, *[0.01] * 16], level=0.90)
    0.03
    """
    losses, whole, _ = tail_losses(returns, level)
    return float(losses[whole])


def cvar(returns: ArrayLike, level: float = 0.95) -> float:
    """Historical expected shortfall of one period: the mean of the worst (1 - level)·T losses; a loss is positive.

    Exactly that share of the sample is averaged: with k = floor((1 - level)·T), the k largest losses count whole and
    the next one, which is `var`, by the fraction left. This is min over c of c + mean(max(loss - c, 0)) / (1 - level):
    coherent, never below `var`, continuous in `level`. Raises as `var` does.
    Source : Rockafellar and Uryasev (2002), Conditional value-at-risk for general loss distributions, Proposition 8;
             Acerbi and Tasche (2002), On the coherence of expected shortfall.

    >>> round(cvar([-0.05, -0.04, -0.03, -0.02, *[0.01] * 16], level=0.90), 12)   # the two worst
    0.045
    >>> round(cvar([-0.05, -0.04, *[0.01] * 13], level=0.90), 12)                  # the worst, and half of the next
    0.046666666667
    """
    losses, whole, mass = tail_losses(returns, level)
    return float(losses[:whole].sum() + (mass - whole) * losses[whole]) / mass


def tracking_error(active: ArrayLike, periods_per_year: float) -> float:
    """Standard deviation of active returns (T,), portfolio minus benchmark, ddof 1, annualised: fraction a year.

    >>> round(tracking_error([0.002, 0.0, 0.002, 0.0], periods_per_year=12), 12)
    0.004
    """
    spread = float(np.std(one_series(active, "active returns", at_least=2), ddof=1))
    return spread * math.sqrt(per_year(periods_per_year))


def daily_loss(
    cost: ArrayLike, active: ArrayLike, tracking_penalty: float, periods_per_year: float, refunded: ArrayLike = 0.0
) -> Array:
    """(T,) the daily terms of J, in bp of NAV a year: periods_per_year·10⁴·(cost + g/2·active²). Their mean is J.

    cost   : (T,) cost of each day over NAV before its trade, fraction; negative by no more than is refunded.
    active : (T,) return before costs less that of the strategic target, fraction; not demeaned.
    tracking_penalty : g; at 5, a tracking error of 1 % a year costs 2.5 bp a year.
    periods_per_year : 252 for daily returns.
    refunded : (T,) or one number: tax refunded that day, part of `cost`, fraction.
    Raises : DataError for a negative cost or series of different lengths; ConfigError for a negative tracking_penalty.

    >>> daily_loss([0.0, 0.0002], [0.01, 0.0], tracking_penalty=5.0, periods_per_year=1.0).round(9).tolist()
    [2.5, 2.0]
    """
    same_dates(**{"cost": cost, "active returns": active, "refunded": refunded})
    c, a = two_series(cost, "cost", active, "active returns", at_least=1)
    before = c + (1.0 + SERIES) * np.asarray(refunded)  # sums of charges, added in another order
    refuse_row(before < 0.0, c, "cost", "is negative: give costs of zero or more")
    if not (np.isfinite(tracking_penalty) and tracking_penalty >= 0.0):
        raise ConfigError(
            f"tracking_penalty must be zero or more: found {shown(tracking_penalty)}. Correct tracking_penalty in the "
            "portfolio file."
        )
    return per_year(periods_per_year) * BPS * (c + 0.5 * tracking_penalty * a**2)


def loss(cost: ArrayLike, active: ArrayLike, tracking_penalty: float, periods_per_year: float) -> float:
    """The rebalancing loss J, bp of NAV a year: trading costs plus tracking penalty.

    cost   : (T,) cost of each day over NAV before its trade, fraction.
    active : (T,) return before costs less that of the strategic target, fraction; not demeaned.
    tracking_penalty : g; at 5, a tracking error of 1 % a year costs 2.5 bp a year.
    periods_per_year : 252 for daily returns.
    Raises : as `daily_loss`.

    >>> round(loss([0.0, 0.0002], [0.01, 0.0], tracking_penalty=5.0, periods_per_year=1.0), 9)
    2.25
    """
    return float(daily_loss(cost, active, tracking_penalty, periods_per_year).mean())
