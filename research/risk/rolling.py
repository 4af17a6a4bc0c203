"""Measures of a return series over a window that moves with it: volatility, Sharpe ratio and tracking error.

Each is the measure of the same name in `research.risk.measures`, of the `window` returns up to a day: T returns give
T - window + 1 values, the first for the window that ends at row window - 1. Nothing gives NaN.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from foundation.arguments import shown
from foundation.arrays import Array
from foundation.errors import ConfigError, DataError
from foundation.tolerances import SERIES
from research.risk.decomposition.factors import rolling_betas
from research.risk.series import excess_returns, one_series, per_year, same_dates


def rolling_volatility(returns: ArrayLike, window: int, periods_per_year: float) -> Array:
    """(T - window + 1,) standard deviation of each `window` of `returns` (T,), ddof 1, annualised: fraction a year.

    window : returns in each, two at least.
    Raises : DataError for fewer returns than `window`; ConfigError for a window below two.

    >>> rolling_volatility([0.01, -0.01, 0.01, 0.01], window=2, periods_per_year=2).round(6).tolist()
    [0.02, 0.02, 0.0]
    """
    return _deviation(_windows(returns, "returns", window)) * math.sqrt(per_year(periods_per_year))


def rolling_tracking_error(active: ArrayLike, window: int, periods_per_year: float) -> Array:
    """(T - window + 1,) standard deviation of each `window` of active returns (T,), ddof 1, annualised.

    window : active returns in each, two at least.
    Raises : as `rolling_volatility`.

    >>> rolling_tracking_error([0.002, 0.0, 0.002], window=2, periods_per_year=2).round(6).tolist()
    [0.002, 0.002]
    """
    return _deviation(_windows(active, "active returns", window)) * math.sqrt(per_year(periods_per_year))


def rolling_sharpe(returns: ArrayLike, cash: ArrayLike, window: int, periods_per_year: float) -> Array:
    """(T - window + 1,) Sharpe ratio of each `window` of `returns` over `cash` (both (T,)), annualised.

    window : returns in each, two at least.
    Raises : as `rolling_volatility`; DataError where the excess over cash does not vary in some window.

    >>> rolling_sharpe([0.03, 0.01, 0.03], [0.01] * 3, window=2, periods_per_year=2).round(6).tolist()
    [1.0, 1.0]
    """
    found = _windows(excess_returns(returns, cash), "returns", window)
    spread = _deviation(found)
    if (spread <= SERIES).any():
        row = int(np.argmax(spread <= SERIES))
        raise DataError(
            f"the rolling Sharpe ratio is not defined: the {window} excess returns up to row {row + window - 1} are "
            f"all {found[row, 0]:.3g}. Take a longer window, or leave out a series that only holds cash."
        )
    return found.mean(axis=1) / spread * math.sqrt(per_year(periods_per_year))


def _windows(values: ArrayLike, name: str, window: int) -> Array:
    """(T - window + 1, window) the windows of `values` (T,), a view."""
    if window != int(window) or window < 2:
        raise ConfigError(f"a rolling window holds two returns or more: found {shown(window)}. 252 is a year of days.")
    series = one_series(values, name, at_least=1)
    if len(series) < window:
        raise DataError(
            f"a window of {window} {name} needs as many: found {len(series)}. Take a longer period or a shorter window."
        )
    return sliding_window_view(series, window)


def _deviation(windows: Array) -> Array:
    """(k,) standard deviation of each row of `windows` (k, window), ddof 1."""
    return np.std(windows, axis=1, ddof=1)


def rolling_beta(returns: ArrayLike, benchmark: ArrayLike, cash: ArrayLike, window: int) -> Array:
    """(T - window + 1,) slope of each `window` of `returns` on `benchmark`, both over `cash`, all (T,).

    window : returns in each, two at least.
    Raises : DataError for fewer returns than `window`, and where the benchmark gains the same on cash in every period
             of some window; ConfigError for a window below two.
    Source : `research.risk.beta` of each window.

    >>> rolling_beta([0.02, -0.01, 0.0, 0.03], [0.01, -0.005, 0.0, 0.01], [0.0] * 4, window=2).round(12).tolist()
    [2.0, 2.0, 3.0]
    """
    same_dates(returns=returns, benchmark=benchmark, cash=cash)
    own, other = excess_returns(returns, cash), excess_returns(benchmark, cash)
    x = _windows(other, "returns", window)
    still = np.ptp(x, axis=1) <= SERIES
    if still.any():
        row = int(np.argmax(still))
        raise DataError(
            f"the rolling beta is not defined: the benchmark gains {x[row, 0]:.3g} on cash in all {window} periods up "
            f"to row {row + window - 1}."
        )
    return rolling_betas(own, other[:, None], window)[:, 0]
