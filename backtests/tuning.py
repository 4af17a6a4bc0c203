"""Choosing a threshold on the training days, by the J that the test will use, before the test is looked at."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtests.backtest import Backtest
from backtests.engine import backtest
from backtests.scores import Yardstick, losses
from research.accounting import Costs
from research.allocation import target_path
from research.errors import ConfigError
from research.market import Market
from research.rules import Threshold, TunedThreshold, Within


@dataclass(frozen=True)
class FittedThreshold(Threshold):
    """A threshold that was chosen on days up to `seen`: the engine refuses to play it from an earlier one."""

    seen: pd.Timestamp | None = None


@dataclass(frozen=True, eq=False)
class Tuned:
    """The threshold chosen, and all that were tried on the training days.

    policy : the candidate with the lowest J; the widest band, then the box nearest to target, among equals.
    tried : a row a candidate: band and destination (half-widths, fraction of NAV), J (bp a year).
    start : the first day that was played.  possible : the first that the allocation alone would have allowed; costs by
    the day that are known later than it move the start.
    """

    policy: FittedThreshold
    tried: pd.DataFrame
    start: pd.Timestamp
    possible: pd.Timestamp

    @property
    def moved(self) -> bool:
        """Were training days left out, since costs were not known on them?"""
        return self.start > self.possible


def tune(
    spec: TunedThreshold, market: Market, costs: Costs, yardstick: Yardstick, lag: int = 1, nav: float = 1.0
) -> Tuned:
    """Play every candidate of `spec` on `market`, which ends with the training days, and keep that of the lowest J.

    nav : wealth at the start, currency.  Costs by the day are charged from where they are known for all lines.
    Raises ConfigError when the training days are too short for the allocation, or for those costs.
    """
    targets = target_path(spec.allocation, market)
    complete = int(np.argmax(targets.row >= 0))
    first = max(complete, costs.known_from(market))
    if first >= len(market.dates) - 1:
        raise ConfigError(
            f"the training days end on {market.days[-1]}, before the spreads and impact of all lines are known: start "
            "the test later, or give shorter windows or another market."
        )
    rows = []
    for candidate in spec.candidates():
        played: Backtest = backtest(
            market, candidate, costs, start=market.dates[first + 1], targets=targets, lag=lag, nav=nav
        )
        rows.append((candidate.band, candidate.destination, float(losses(played, yardstick).mean())))
    tried = pd.DataFrame(rows, columns=["band", "destination", "J"])
    best = tried.sort_values(["J", "band", "destination"], ascending=[True, False, True], kind="stable").iloc[0]
    to = Within(float(best["destination"]))
    policy = FittedThreshold(spec.allocation, float(best["band"]), to, seen=market.dates[-1])
    return Tuned(policy, tried, market.dates[first + 1], market.dates[complete + 1])
