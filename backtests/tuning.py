"""Choosing a threshold on the training days, by the J that the test will use, before the test is looked at."""

from dataclasses import dataclass

import pandas as pd

from backtests.backtest import Backtest
from backtests.engine import backtest
from backtests.scores import Yardstick, losses
from research.accounting import Costs
from research.allocation import target_path
from research.market import Market
from research.rules import Threshold, TunedThreshold, Within


@dataclass(frozen=True, eq=False)
class Tuned:
    """The threshold chosen, and all that were tried on the training days.

    policy : the candidate with the lowest J; the widest band, then the box nearest to target, among equals.
    tried : a row a candidate: band and destination (half-widths, fraction of NAV), J (bp a year).
    seen : last date of the training days.
    """

    policy: Threshold
    tried: pd.DataFrame
    seen: pd.Timestamp


def tune(spec: TunedThreshold, market: Market, costs: Costs, yardstick: Yardstick, lag: int = 1) -> Tuned:
    """Play every candidate of `spec` on `market`, which ends with the training days, and keep that of the lowest J.

    Raises ConfigError when the training days are too short for the allocation.
    """
    targets = target_path(spec.allocation, market)
    rows = []
    for candidate in spec.candidates():
        played: Backtest = backtest(market, candidate, costs, targets=targets, lag=lag)
        rows.append((candidate.band, candidate.destination, float(losses(played, yardstick).mean())))
    tried = pd.DataFrame(rows, columns=["band", "destination", "J"])
    best = tried.sort_values(["J", "band", "destination"], ascending=[True, False, True], kind="stable").iloc[0]
    chosen = Threshold(spec.allocation, float(best["band"]), Within(float(best["destination"])))
    return Tuned(chosen, tried, market.dates[-1])
