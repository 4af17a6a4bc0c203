"""Volatility, CVaR and drawdown with what is not known of them: intervals, paired differences, predictive ranges.

Risk has a long memory: where GARCH variance takes two months to calm down (alpha + beta 0.98), a bootstrap in blocks
of 20 days gives 95 % intervals of volatility that hold the true one in 63 to 70 % of histories of four to eight years,
and calls equal volatilities different in 29 to 32 %. Errors come from the slowest waves of a series alone, with as few
degrees of freedom as there are waves (`backtests.inference.slow_waves`; docs/evidence.md has what they cover).
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from backtests.inference.block_draws import HOUSE, Resampling, geometric_lengths, length_of
from backtests.inference.estimates import Estimate, EstimateWithTest
from backtests.inference.sharpe_inference import check_interval_level, checked_pair, checked_series
from backtests.inference.slow_waves import WAVES, quantile, wave_error
from foundation.arguments import check_positive
from foundation.arrays import Array, Rows
from foundation.compiled import compiled
from foundation.errors import DataError
from research.risk import cvar, max_drawdown, nav_path, volatility

RISK_OBSERVATIONS = 250  # observations: the shortest of three waves is then eight months long
RISK_LEVEL = 0.95  # level of CVaR
SERIES_TOLERANCE = 1e-12  # of the largest return: series that differ by less are one


def risk_with_error(returns: ArrayLike, periods_per_year: float, *, level: float = 0.95) -> Mapping[str, Estimate]:
    """Volatility ("volatility", a year) and CVaR 95 % ("cvar95", a period) of a series, each with its interval.

    returns          : (T,) simple returns, fraction.
    periods_per_year : number of periods by which volatility is annualised.
    level            : level of the intervals, which are symmetric in logarithms.
    Raises           : DataError for fewer than 250 periods, for returns that do not vary, and where
                       the worst twentieth of the periods are gains on average; ConfigError for periods or level.
    """
    x = checked_series(returns, "returns", RISK_OBSERVATIONS)
    check_positive(periods_per_year=periods_per_year)
    check_interval_level(level)
    sigma, tail = volatility(x, periods_per_year), cvar(x, RISK_LEVEL)
    if tail <= 0.0:
        raise DataError(f"returns: the worst 5 % of {len(x)} are gains of {-tail:.3g} on average: no risk is in them.")
    return {
        "volatility": _in_logarithms(sigma, wave_error(_on_log_volatility(x)), level),
        "cvar95": _in_logarithms(tail, wave_error(_on_cvar(x)) / tail, level),
    }


def risk_difference(
    one: ArrayLike, two: ArrayLike, periods_per_year: float, *, level: float = 0.95
) -> Mapping[str, EstimateWithTest]:
    """Volatility and CVaR of one series less those of another on the same periods, with intervals and tests.

    one, two         : (T,) simple returns of the same periods, fraction.
    periods_per_year : number of periods by which volatility is annualised.
    level            : level of the intervals, which the tests invert.
    Raises           : DataError as `risk_with_error`, and for identical series: no test of a difference exists;
                       ConfigError for periods or level.
    """
    x, y = checked_pair(one, two, RISK_OBSERVATIONS)
    check_positive(periods_per_year=periods_per_year)
    check_interval_level(level)
    if float(np.abs(x - y).max()) <= SERIES_TOLERANCE * float(np.abs(x).max()):
        raise DataError("the two series are identical, and no test of a difference exists. Compare different policies.")
    pair = [volatility(s, periods_per_year) for s in (x, y)]
    on_volatility = pair[0] * _on_log_volatility(x) - pair[1] * _on_log_volatility(y)
    return {
        "volatility": _tested(pair[0] - pair[1], on_volatility, level),
        "cvar95": _tested(cvar(x, RISK_LEVEL) - cvar(y, RISK_LEVEL), _on_cvar(x) - _on_cvar(y), level),
    }


def predicted_cvar(returns: ArrayLike, *, level: float = 0.95) -> Estimate:
    """CVaR 95 % of a series, a period, and a *predictive range* of that of another history as long.

    returns : (T,) simple returns, fraction.
    level   : level of the range, which is symmetric in logarithms.
    Raises  : the errors of `risk_with_error`.

    The other history strays from the truth as far as this one does: its variance about this estimate is twice the
    estimate's own, and the range √2 times as wide as the interval of `risk_with_error`.
    """
    found = risk_with_error(returns, 1.0, level=level)["cvar95"]
    return _in_logarithms(found.value, math.sqrt(2.0) * found.error / found.value, level)


def _in_logarithms(value: float, relative: float, level: float) -> Estimate:
    wide = math.exp(quantile(level) * relative)
    return Estimate(value, value / wide, value * wide, level, value * relative)


def _tested(value: float, influence: Array, level: float) -> EstimateWithTest:
    from scipy.special import stdtr

    error = wave_error(influence)
    p, half = 1.0 if error == 0.0 else 2.0 * float(stdtr(WAVES, -abs(value) / error)), quantile(level) * error
    return EstimateWithTest(value, value - half, value + half, level, error, p=p)


def _on_log_volatility(x: Array) -> Array:
    """(T,) influence of each period on the logarithm of the standard deviation: (z² − 1) / 2."""
    around = x - x.mean()
    return 0.5 * (around**2 / np.mean(around**2) - 1.0)


def _on_cvar(x: Array) -> Array:
    """(T,) influence on CVaR: max(loss − VaR, 0) / (1 − level), less its mean.

    Source : Rockafellar and Uryasev (2002), whose minimum over VaR makes that of VaR vanish; Chen (2008), Nonparametric
             estimation of expected shortfall.
    """
    beyond = np.maximum(-x - np.quantile(-x, RISK_LEVEL), 0.0) / (1.0 - RISK_LEVEL)
    return beyond - beyond.mean()


# -- drawdown --------------------------------------------------------------------------------------------------------


def predicted_drawdown(returns: ArrayLike, resampling: Resampling = HOUSE, level: float = 0.95) -> Estimate:
    """The maximum drawdown of a series, and a *predictive range* of that of another history as long.

    returns    : (T,) simple returns, fraction.
    resampling : resampling of the days.
    level      : level of the range.
    Raises     : DataError for fewer than 250 periods or two blocks, for returns that lose everything or
                 do not vary; ConfigError for the level.

    A history has no true drawdown to be covered. The range is of histories that are drawn from draws: once for the
    uncertainty of the mean and the variance, and once for the course of the next history.
    """
    check_interval_level(level)
    x = checked_history(returns, resampling)
    return in_range(x, twice_drawn_drawdowns(x[:, None], resampling)[:, 0], level)


def checked_history(returns: ArrayLike, resampling: Resampling) -> Array:
    """A series (T,) with predictable drawdowns. Raises DataError as `predicted_drawdown`.

    returns    : (T,) simple returns, fraction.
    resampling : resampling of the days.
    """
    x = checked_series(returns, "returns", max(RISK_OBSERVATIONS, 2 * resampling.block))
    if x.min() <= -1.0:
        raise DataError(f"returns: row {int(np.argmin(x))} loses everything, and no history goes on after it.")
    return x


def in_range(returns: Array, drawn: Array, level: float) -> Estimate:
    """The maximum drawdown of a series, with the range of drawn ones.

    returns : (T,) simple returns, fraction.
    drawn   : (reps,) maximum drawdowns of drawn histories, fraction.
    level   : level of the range.
    """
    return Estimate.of_draws(max_drawdown(nav_path(returns)).depth, drawn, level)


def twice_drawn_drawdowns(returns: Array, resampling: Resampling) -> Array:
    """(reps, P) maximum drawdown, fraction, never positive, of draws of draws; the same days for all P series.

    returns    : (T, P) simple returns above −1, fraction. An additional series changes no bit of the others.
    resampling : resampling of the days; blocks of each of the two draws are twice as long, so that both together have
                 its mean.
    """
    days, count = returns.shape
    longer, guide = geometric_lengths(2 * resampling.block, days)
    depths, rng = np.empty((resampling.reps, count)), np.random.default_rng(resampling.seed)
    logs = np.ascontiguousarray(np.log1p(returns).T)
    _draw_twice(logs, rng, longer, guide, np.empty((2, days), dtype=np.int64), depths)
    return np.expm1(depths)


@compiled
def _draw_twice(logs: Array, rng: np.random.Generator, longer: Array, guide: Rows, rows: Rows, depths: Array) -> None:
    """Write (reps, P) the deepest fall of log wealth (P, T) on a draw of a draw; `rows` (2, T) is scratch for days."""
    count, days = logs.shape
    for r in range(len(depths)):
        for draw in range(2):
            filled = 0
            while filled < days:
                row = int(rng.random() * days) % days
                length = min(length_of(rng.random(), longer, guide), days - filled)
                for _ in range(length):
                    rows[draw, filled] = row
                    filled += 1
                    row = row + 1 if row + 1 < days else 0
        for p in range(count):
            wealth = peak = deepest = 0.0
            for t in range(days):
                wealth += logs[p, rows[0, rows[1, t]]]
                peak = max(peak, wealth)
                deepest = min(deepest, wealth - peak)
            depths[r, p] = deepest
