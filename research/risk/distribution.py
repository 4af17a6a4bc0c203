"""The shape of a return series and its tails: skewness, kurtosis, Omega, and losses at a level by four methods.

A loss is positive, as in `research.risk.measures`, whose `var` and `cvar` are the historical ones. A figure that the
series does not have raises DataError with the reason; nothing gives NaN. How other libraries define the same names is
in docs/metrics.md.
"""

import math
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from foundation.arrays import Array
from foundation.errors import DataError
from foundation.tolerances import SERIES
from research.risk.drawdowns import cdar
from research.risk.measures import cvar, nav_path, var
from research.risk.series import check_level, check_rising, excess_returns, one_series

TAIL_LEVELS = (0.95, 0.99)
# standard normal quantile of one in 10,000: from there on a Cornish–Fisher quantile has to rise
FARTHEST_QUANTILE = -3.72


def skewness(returns: ArrayLike) -> float:
    """Third central moment of `returns` (T,) over the cube of their standard deviation, both over T: g₁.

    It is the moment of the sample, without the factor sqrt(T·(T - 1)) / (T - 2) of pandas. Raises DataError for a
    series that does not vary.
    Source : Joanes and Gill (1998), Comparing measures of sample skewness and kurtosis: g₁.

    >>> round(skewness([0.0, 0.0, 0.0, 0.04]), 12) == round(2 / 3**0.5, 12)
    True
    """
    return _moment(returns, 3, "skewness")


def excess_kurtosis(returns: ArrayLike) -> float:
    """Fourth central moment of `returns` (T,) over their squared variance, both over T, less 3: g₂, of a normal zero.

    It is the moment of the sample, without the correction of pandas. Raises DataError for a series that does not vary.
    Source : Joanes and Gill (1998), Comparing measures of sample skewness and kurtosis: g₂.

    >>> round(excess_kurtosis([-0.01, 0.01, -0.01, 0.01]), 12)   # of two equally likely values: the least there is
    -2.0
    """
    return _moment(returns, 4, "kurtosis") - 3.0


def omega(returns: ArrayLike, cash: ArrayLike) -> float:
    """Sum of the gains of `returns` over `cash` (both (T,)) over the sum of their shortfalls below it.

    Raises DataError where no return is below cash.
    Source : Keating and Shadwick (2002), A Universal Performance Measure; the threshold is cash.

    >>> round(omega([0.03, 0.00, 0.02, 0.00], [0.01] * 4), 12)
    1.5
    """
    excess = excess_returns(returns, cash)
    short = float(-np.minimum(excess, 0.0).sum())
    if short <= SERIES * len(excess):
        raise DataError(f"the Omega ratio is not defined: none of {len(excess)} returns is below cash.")
    return float(np.maximum(excess, 0.0).sum()) / short


def hit_rate(returns: ArrayLike) -> float:
    """Share of all `returns` (T,) that are gains, fraction; a return of zero, or of rounding (1e-14), is none.

    >>> hit_rate([0.01, 0.0, -0.02, 0.03])
    0.5
    """
    return float((one_series(returns, "returns", at_least=1) > SERIES).mean())


def tail_ratio(returns: ArrayLike) -> float:
    """The 95 % quantile of `returns` (T,) over minus their 5 % quantile, both interpolated linearly.

    Raises DataError below 20 returns, and where the upper quantile is no gain or the lower no loss.
    Source : empyrical and pyfolio, `tail_ratio`.

    >>> round(tail_ratio([-0.02] * 2 + [0.0] * 16 + [0.03] * 2), 12)
    1.5
    """
    low, high = np.quantile(one_series(returns, "returns", at_least=20), [0.05, 0.95])
    if not low < 0.0 < high:
        raise DataError(
            f"the tail ratio is not defined: the 5 % and 95 % quantiles of the returns are {low:.3g} and {high:.3g}, "
            "where a loss and a gain are compared."
        )
    return float(-high / low)


def gaussian_var(returns: ArrayLike, level: float = 0.95) -> float:
    """Value at risk of one period of a normal distribution with the mean and the volatility of `returns` (T,).

    -(mean + z·deviation), z the normal quantile of 1 - level, ddof 1: fraction, a loss is positive.
    Raises : DataError below two returns, ConfigError for a level outside 0 to 1.
    Source : J.P. Morgan and Reuters (1996), RiskMetrics Technical Document.

    >>> round(gaussian_var([-0.01, 0.01, -0.01, 0.01], level=0.95), 6)
    0.018993
    """
    mean, deviation = _mean_and_deviation(returns)
    return -(mean + _quantile(level) * deviation)


def gaussian_cvar(returns: ArrayLike, level: float = 0.95) -> float:
    """Expected shortfall of one period of a normal distribution with the mean and the volatility of `returns` (T,).

    deviation·φ(z) / (1 - level) - mean, ddof 1: fraction, a loss is positive. Raises as `gaussian_var` does.
    Source : McNeil, Frey and Embrechts (2005), Quantitative Risk Management, example 2.18.

    >>> round(gaussian_cvar([-0.01, 0.01, -0.01, 0.01], level=0.95), 6)
    0.023818
    """
    mean, deviation = _mean_and_deviation(returns)
    return deviation * _density(_quantile(level)) / (1.0 - level) - mean


def cornish_fisher_var(returns: ArrayLike, level: float = 0.95) -> float:
    """Value at risk of one period by the normal quantile z, moved by skewness S and excess kurtosis K of `returns`.

    -(mean + deviation·(z + (z² - 1)·S/6 + (z³ - 3z)·K/24 - (2z³ - 5z)·S²/36)): fraction, a loss is positive. ddof 1.
    Raises : as `gaussian_var` does; DataError for a series that does not vary, and where the expansion does not order
             losses: its quantile has to rise from one in 10,000 (z of -3.72) to the level.
    Source : Favre and Galeano (2002), Mean-Modified Value-at-Risk Optimization with Hedge Funds; the domain: Maillard
             (2012), A User's Guide to the Cornish Fisher Expansion.
    """
    mean, deviation = _mean_and_deviation(returns)
    skew, kurtosis = _expansion(returns, level)
    z = _quantile(level)
    moved = z + (z**2 - 1) * skew / 6 + (z**3 - 3 * z) * kurtosis / 24 - (2 * z**3 - 5 * z) * skew**2 / 36
    return -(mean + deviation * moved)


def cornish_fisher_cvar(returns: ArrayLike, level: float = 0.95) -> float:
    """Expected shortfall of one period by the quantiles of `cornish_fisher_var`: their mean beyond the level.

    deviation·φ(z) / (1 - level)·(1 + z·S/6 + (z² - 1)·K/24 - (2z² - 1)·S²/36) - mean: fraction, a loss is positive.
    Raises : as `cornish_fisher_var` does.
    Source : Maillard (2012), A User's Guide to the Cornish Fisher Expansion. (PerformanceAnalytics averages an
             Edgeworth expansion instead: Boudt, Peterson and Croux 2008.)
    """
    mean, deviation = _mean_and_deviation(returns)
    skew, kurtosis = _expansion(returns, level)
    z = _quantile(level)
    moved = 1.0 + z * skew / 6 + (z**2 - 1) * kurtosis / 24 - (2 * z**2 - 1) * skew**2 / 36
    return deviation * _density(z) / (1.0 - level) * moved - mean


def evar(returns: ArrayLike, level: float = 0.95) -> float:
    """Entropic value at risk of one period, by Riskfolio-Lib: the least upper bound of CVaR by exponential moments.

    inf over x > 0 of x·ln(mean(exp(loss / x)) / (1 - level)): fraction, a loss is positive, never below `cvar`.
    Riskfolio-Lib takes seconds to import and solves a cone program: it is not computed for each report.
    Raises : DataError for a series that is not finite, ConfigError for a level outside 0 to 1.
    Source : Ahmadi-Javid (2012), Entropic Value-at-Risk: A New Coherent Risk Measure.
    """
    series = one_series(returns, "returns", at_least=2)
    check_level(level)
    from riskfolio.src.RiskFunctions import EVaR_Hist

    return float(EVaR_Hist(series[:, None], alpha=1.0 - level)[0])


def tail_table(returns: ArrayLike, levels: tuple[float, ...] = TAIL_LEVELS) -> pd.DataFrame:
    """Losses of one period by every method, fraction: a row a measure, a column a level, and why one is missing.

    returns : (T,) simple returns, fraction.
    levels  : between 0 and 1.
    EVaR takes seconds. A figure that the series does not have is None, with its reason in the column "not available".
    """
    check_rising(returns, "returns")
    measures = {
        "VaR, historical": lambda level: var(returns, level),
        "VaR, Gaussian": lambda level: gaussian_var(returns, level),
        "VaR, Cornish–Fisher": lambda level: cornish_fisher_var(returns, level),
        "CVaR, historical": lambda level: cvar(returns, level),
        "CVaR, Gaussian": lambda level: gaussian_cvar(returns, level),
        "CVaR, Cornish–Fisher": lambda level: cornish_fisher_cvar(returns, level),
        "EVaR": lambda level: evar(returns, level),
        "CDaR": lambda level: cdar(nav_path(returns), level),
    }
    rows: dict[str, list[float | str | None]] = {}
    for name, measure in measures.items():
        found: list[float | str | None] = []
        reasons: dict[str, None] = {}
        for level in levels:
            try:
                found.append(measure(level))
            except DataError as error:
                found.append(None)
                reasons[str(error)] = None
        rows[name] = [*found, " ".join(reasons)]
    columns = [*(f"{level:.4g}" for level in levels), "not available"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=object)


def _moment(returns: ArrayLike, order: int, name: str) -> float:
    """Central moment of an order over that power of the standard deviation. Raises DataError for a constant series."""
    series = one_series(returns, "returns", at_least=2)
    if np.ptp(series) <= SERIES:
        raise DataError(f"the {name} is not defined: all {len(series)} returns are {series[0]:.3g}.")
    apart: Array = series - series.mean()
    return float(np.mean(apart**order)) / float(np.mean(apart**2)) ** (order / 2)


def _mean_and_deviation(returns: ArrayLike) -> tuple[float, float]:
    series = one_series(returns, "returns", at_least=2)
    return float(series.mean()), float(np.std(series, ddof=1))


def _expansion(returns: ArrayLike, level: float) -> tuple[float, float]:
    """Skewness and excess kurtosis. Raises DataError where quantiles by them do not rise up to that of the level."""
    skew, kurtosis = skewness(returns), excess_kurtosis(returns)
    a, b, c = kurtosis / 8 - skew**2 / 6, skew / 3, 1.0 - kurtosis / 8 + 5 * skew**2 / 36  # its slope: a·z² + b·z + c
    quantile = _quantile(level)
    ends = [min(FARTHEST_QUANTILE, quantile), quantile]
    lowest = -b / (2 * a) if a > 0.0 else ends[0]
    at = [*ends, lowest] if ends[0] < lowest < ends[1] else ends
    if min(a * z**2 + b * z + c for z in at) <= 0.0:
        raise DataError(
            f"the Cornish–Fisher expansion does not order losses at a skewness of {skew:.2f} and an excess kurtosis of "
            f"{kurtosis:.2f}: take the historical figure."
        )
    return skew, kurtosis


def _quantile(level: float) -> float:
    """The quantile of a standard normal at 1 - level. Raises ConfigError for a level outside 0 to 1."""
    check_level(level)
    return NormalDist().inv_cdf(1.0 - level)


def _density(z: float) -> float:
    return math.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
