"""Sharpe ratios of policies on the same days: the error of each by Lo, the difference of any two by Ledoit and Wolf.

Each is found when it is first asked for, and kept: a sheet asks for the same pair several times.
"""

import math
from collections.abc import Sequence

import numpy as np

from backtests.evaluation.metrics import METRICS
from backtests.inference.block_draws import Resampling
from backtests.inference.estimates import Estimate, NotAvailable, or_why_not
from backtests.inference.sharpe_inference import (
    SharpeDifference,
    SharpeEstimate,
    ledoit_wolf,
    memmel,
    sharpe_with_error,
)
from foundation.arrays import Array
from foundation.dataclasses import dataclass, field
from research.risk import sharpe


@dataclass(frozen=True, eq=False)
class PairedSharpe:
    """Sharpe ratios of P policies on T days.

    excess           : (P, T) returns over cash, net of costs, fraction: a row for each policy.
    periods_per_year : number of periods by which ratios are annualised.
    resampling       : resampling of the days; the blocks of Ledoit and Wolf are of equal length.
    """

    excess: Array
    periods_per_year: float
    resampling: Resampling
    _found: dict[tuple[int, int, float], SharpeDifference | NotAvailable] = field(
        default_factory=dict, init=False, repr=False
    )

    def own(self, policy: int, level: float) -> SharpeEstimate | NotAvailable:
        """The ratio of a policy by Lo (2002), annualised with its autocorrelation.

        policy : its row.
        level  : level of the interval.
        """
        return or_why_not(lambda: sharpe_with_error(self.excess[policy], self.periods_per_year, level=level))

    def interval(self, policy: int, level: float) -> Estimate:
        """The ratio of a policy annualised by √periods_per_year, as tables have it, with Lo's error; or with NaN.

        policy : its row.
        level  : level of the interval.
        """
        value, found = self._ratio(policy), self.own(policy, level)
        if isinstance(found, NotAvailable):
            return Estimate(value, math.nan, math.nan, level)
        plain = found.times(math.sqrt(self.periods_per_year) / found.scale)
        return Estimate(value, plain.lower, plain.upper, level, plain.error)

    def between(self, one: int, two: int, level: float) -> SharpeDifference | NotAvailable:
        """The ratio of policy `one` less that of `two`, by Ledoit and Wolf (2008).

        one, two : rows.
        level    : level of the interval, which is that of the test.
        """
        if (one, two, level) not in self._found:
            x, y = self.excess[one], self.excess[two]
            self._found[one, two, level] = or_why_not(
                lambda: ledoit_wolf(x, y, self.periods_per_year, resampling=self.resampling, level=level)
            )
        return self._found[one, two, level]

    def memmel(self, one: int, two: int, level: float) -> SharpeDifference | NotAvailable:
        """The difference as for independent normal days, by Memmel (2003).

        one, two : rows.
        level    : level of the interval.
        """
        x, y = self.excess[one], self.excess[two]
        return or_why_not(lambda: memmel(x, y, self.periods_per_year, level=level))

    def tests(self, policies: Sequence[int], base: int, level: float) -> tuple[Array, Array]:
        """(P,) p and half-width of the differences of policies to `base`.

        NaN where there is no test; 1 and 0 for equal ratios, which are those of the same or of leveraged returns.
        policies : rows.
        base     : row of the reference.
        level    : level of the intervals.
        """
        p, half = np.full(len(policies), np.nan), np.full(len(policies), np.nan)
        for k, policy in enumerate(policies):
            found = self.between(policy, base, level)
            if not isinstance(found, NotAvailable):
                p[k], half[k] = found.p, 0.5 * (found.upper - found.lower)
            elif abs(self._ratio(policy) - self._ratio(base)) <= (METRICS["sharpe"].rounding or 0.0):
                p[k], half[k] = 1.0, 0.0
        return p, half

    def _ratio(self, policy: int) -> float:
        return sharpe(self.excess[policy], np.zeros(self.excess.shape[1]), self.periods_per_year)
