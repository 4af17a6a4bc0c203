"""The smoothed-regime check: what a policy gains from regimes that were smoothed over the future.

Many packages return smoothed probabilities of turbulence, and papers plot them; each has used the days that follow. A
policy that trades on them leaves before the fall. Here it is compared with the policy on filtered probabilities, and
with benchmarks of the same mean exposure: constant exposure and a volatility target.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from backtests.studies.audits.exposure_evidence import (
    ALWAYS_INVESTED,
    ExposureEvidence,
    difference_words,
    played_with_benchmarks,
)
from backtests.studies.audits.look_ahead import LookAhead
from backtests.studies.audits.portfolio_audit import audit_policy
from foundation.arrays import Array, frozen
from foundation.dataclasses import dataclass
from foundation.paper.wording import percent
from research.allocation import Allocation, RegimeExposure
from research.allocation.estimated import EstimationSchedule
from research.forecast import MarkovRegimes, MarkovSwitching, history
from research.market import Market, Past
from research.portfolio import Portfolio
from research.rules import Calendar

SMOOTHED, FILTERED = "regimes, smoothed", "regimes, filtered"


@dataclass(frozen=True, eq=False)
class SmoothedExposure:
    """`RegimeExposure` with probabilities that were known only at the end of the market.

    It measures the look-ahead bias.

    allocation : the portfolio to hold when calm.
    turbulent  : (T,) probability of turbulence on each day of one market, smoothed over all of its days.
    schedule   : schedule by which targets are made.
    """

    allocation: Allocation
    turbulent: Array
    schedule: EstimationSchedule = "week"

    @classmethod
    def on(
        cls, market: Market, allocation: Allocation, regimes: MarkovRegimes, schedule: EstimationSchedule = "week"
    ) -> "SmoothedExposure":
        """The allocation with probabilities smoothed over the whole `market`.

        market     : market of T days.
        allocation : the portfolio to hold when calm.
        regimes    : the fitted regime model.
        schedule   : schedule by which targets are made.
        """
        turbulent = on_dates(market, regimes.line, regimes.smoothed_knowing_the_future)
        return cls(allocation, frozen(turbulent.to_numpy()), schedule)

    @property
    def window(self) -> int:
        """Number of returns that the portfolio's allocation needs."""
        return self.allocation.window

    def target(self, past: Past) -> Array:
        """(n,) weights of the portfolio, fraction of NAV, times the probability of calm."""
        return (1.0 - float(self.turbulent[past.t])) * self.allocation.target(past)

    def __repr__(self) -> str:
        """Its settings without the probabilities."""
        return f"SmoothedExposure({self.allocation!r}, schedule={self.schedule!r})"


@dataclass(frozen=True, eq=False, repr=False)
class SmoothedRegimeCheck(ExposureEvidence):
    """The value of a portfolio with exposure by smoothed and by filtered regimes, on the same days, net of costs.

    regimes  : the fitted regime model.
    policies : by name, a function from a market to the policy.
    """

    regimes: MarkovRegimes
    policies: Mapping[str, Callable[[Market], Calendar]]

    @property
    def probabilities(self) -> pd.DataFrame:
        """(D, 2) probability of turbulence on each day of the test, smoothed and filtered."""
        market, line = self.portfolio.market, self.regimes.line
        columns = {
            SMOOTHED: on_dates(market, line, self.regimes.smoothed_knowing_the_future),
            FILTERED: on_dates(market, line, self.regimes.filtered),
        }
        return pd.DataFrame(columns).loc[self.backtests[ALWAYS_INVESTED].dates[1:]]

    def audit(self, name: str) -> LookAhead:
        """The look-ahead test of the policy by smoothed or by filtered regimes, on six of its decision days."""
        return audit_policy(self.portfolio, self.policies[name], days=6)

    def answer(self, smoothed: LookAhead, filtered: LookAhead) -> str:
        """The conclusion in words, with its limitations.

        smoothed, filtered : the look-ahead test of each policy.
        """
        whole = self.evidence.figures("sharpe")[ALWAYS_INVESTED].value
        of = self.differences
        worth = [
            f"{percent(of[name].value / whole, signed=True)} ({difference_words(of[name])})"
            for name in (SMOOTHED, FILTERED)
        ]
        difference = self.evidence.against(FILTERED).differences("sharpe")[SMOOTHED]
        results = ["fails" if audit.found else "passes" for audit in (smoothed, filtered)]
        first, last = self.backtests[ALWAYS_INVESTED].dates[[1, -1]]
        return (
            f"**Exposure by regimes of {self.regimes.line} changes the Sharpe ratio of {self.portfolio.name} by "
            f"{worth[0]} if regimes are smoothed over the future, and by {worth[1]} if they are filtered, as known on "
            f"each day.** The difference, {difference_words(difference)}, is due to look-ahead alone. The first policy "
            f"{results[0]} the look-ahead test, the second {results[1]} it. Limitations: one portfolio, the regimes of "
            f"one asset, one regime model, one test from {first:%Y-%m-%d} to {last:%Y-%m-%d}, with wide intervals. A "
            "policy that passes the look-ahead test is not necessarily good, and the test checks some days, not all."
        )


def check_smoothed_regimes(
    portfolio: Portfolio,
    line: str,
    fitted_until: str | pd.Timestamp,
    schedule: EstimationSchedule = "week",
    draws: int = 10_000,
) -> SmoothedRegimeCheck:
    """Compare `portfolio` always invested with exposures by smoothed and by filtered regimes of one asset.

    portfolio    : portfolio with market, costs and strategic target.
    line         : the asset whose regimes are fitted.
    fitted_until : last day of the fit, at least a period of `schedule` before the test. Both policies use the same
                   fitted model from then on; they differ only in the returns that their probabilities have seen.
    schedule     : schedule by which targets are made and traded.
    draws        : number of draws of the bootstrap.
    Raises       : the errors of `MarkovSwitching.fit`, `backtest` and `evidence_between`.
    """
    market, held = portfolio.market, portfolio.strategic
    regimes = MarkovSwitching(line).fit(market.past(market.row(fitted_until)))

    def rule(allocation: Allocation) -> Calendar:
        return Calendar(allocation, schedule)

    policies: dict[str, Callable[[Market], Calendar]] = {
        SMOOTHED: lambda market: rule(SmoothedExposure.on(market, held, regimes, schedule)),
        FILTERED: lambda _: rule(RegimeExposure(held, regimes, schedule)),
    }

    found = played_with_benchmarks(portfolio, policies, schedule, draws, short=lambda name: name.partition(", ")[2])
    return SmoothedRegimeCheck(**vars(found), regimes=regimes, policies=policies)


def on_dates(market: Market, line: str, probability: Callable[[Array], Array]) -> pd.Series:
    """(T,) the probability of turbulence on each date of the market; NaN where it has none.

    market      : T days.
    line        : the asset.
    probability : function from all returns of the asset (D,), simple, to probabilities of its regimes (D, k).
    """
    known = probability(history(market.past(len(market.dates) - 1), line))[:, -1]
    listed = np.flatnonzero(market.listed[:, market.assets.index(line)])
    return pd.Series(known, index=market.dates[listed[1:]]).reindex(market.dates)
