"""The loss J at other variances of the market than that of a test, such as the long-run one."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from backtests.inference.estimates import Estimate
from backtests.inference.slow_waves import SlowMeans, quantile, wave_error
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from foundation.paper.wording import percent

UNTOLD = 0.3  # error of an elasticity that no theory gives: so far apart are those of bands and calendars


@dataclass(frozen=True, eq=False)
class Elasticity:
    """The percentage by which J of P policies grows with a variance of the market that is one per cent higher.

    value : (P,).
    error : (P,) standard errors.
    """

    value: Array
    error: Array


@dataclass(frozen=True)
class LongRun:
    """J of policies in the market of all history.

    tested     : volatility of the market in the test, a year, at which J and its intervals are stated.
    volatility : volatility of the market over windows of history as long as the test, a year.
    figures    : J at that volatility by policy, bp a year, with its interval.
    """

    tested: float
    volatility: float
    figures: Mapping[str, Estimate]

    @property
    def at_test(self) -> str:
        """The volatility at which intervals of J are stated, in words."""
        return f"at {percent(self.tested)} volatility"

    @property
    def at_history(self) -> str:
        """The volatility at which the figures are stated, in words."""
        return f"at {percent(self.volatility)} volatility"


def long_run(
    names: Sequence[str], losses: SlowMeans, elasticity: Elasticity, history: Array, days: int, level: float
) -> LongRun:
    """J of tests of this length on average over all history, and not in this one alone.

    J grows as a power of the variance of the market: its long-run mean is J / V^e times the mean of V^e over windows.
    It errs as J at the variance of the test does, as the mean of the variance over history does, and, the further that
    is from the test, as the elasticity e does.

    names      : names of the P policies.
    losses     : their J in the test.
    elasticity : elasticity of each J to the variance.
    history    : (H,) squared returns of the market, a year, up to the end of the test; H >= days.
    days       : number of days of the test.
    level      : level of the intervals.
    """
    summed = np.concatenate([[0.0], np.cumsum(history)])
    windows = (summed[days:] - summed[:-days]) / days
    tested = float(windows[-1])
    if not tested > 0.0:
        return LongRun(0.0, 0.0, {name: losses.figure(p, level) for p, name in enumerate(names)})
    error, figures = wave_error(history / history.mean()), {}
    for p, name in enumerate(names):
        power, value = float(elasticity.value[p]), float(losses.means[p])
        if value < 0.0:  # refunds of tax do not grow with the variance
            figures[name] = losses.figure(p, level)
            continue
        moved = math.log(np.mean((windows / tested) ** power))
        away = moved / power * float(elasticity.error[p]) if power else 0.0
        own = math.sqrt(float(losses.errors[p] ** 2) + (power * error) ** 2 + away**2)
        both, there = bool(losses.known[p]), value * math.exp(moved)
        wide = math.exp(quantile(level, both=both) * own)
        figures[name] = Estimate(there, there / wide, there * wide if both else math.inf, level, there * own)
    return LongRun(math.sqrt(tested), math.sqrt(float(windows.mean())), figures)
