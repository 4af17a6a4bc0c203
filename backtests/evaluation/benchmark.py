"""Benchmark of a portfolio's policies: its strategic target, its ranges, and the price of tracking error.

The policy or series that the file names for comparison is their `comparator`. `target_returns` is
the return of a target that costs nothing; `losses` are the daily terms of J against it.
"""

from typing import TYPE_CHECKING

import numpy as np

from backtests.evaluation.comparator import STRATEGIC_TARGET, Comparator
from foundation.arrays import Array
from foundation.dataclasses import dataclass
from research.risk import daily_loss
from research.risk.measures import BPS

if TYPE_CHECKING:
    from backtests.engine.result import Backtest
    from research.allocation import TargetPath
    from research.market import Market


@dataclass(frozen=True, eq=False)
class Benchmark:
    """The benchmark by which all policies of one comparison are measured.

    strategic        : target path of the file's static target, rebalanced daily at no cost.
    lower            : (n,) lower end of the range of each asset, fraction of NAV.
    upper            : (n,) upper end of the range of each asset, fraction of NAV.
    tracking_penalty : price of tracking error (`research.risk.daily_loss`).
    periods_per_year : number of periods by which figures are annualised.
    comparator       : base of beta and the other relative figures; None for the strategic target.
    """

    strategic: "TargetPath"
    lower: Array
    upper: Array
    tracking_penalty: float
    periods_per_year: float
    comparator: Comparator | None = None

    @classmethod
    def of(cls, backtest: "Backtest", tracking_penalty: float) -> "Benchmark":
        """A backtest's own target, without ranges."""
        anywhere = np.full(len(backtest.market.assets), np.inf)
        return cls(backtest.targets, -anywhere, anywhere, tracking_penalty, backtest.periods_per_year)

    @property
    def compared_with(self) -> str:
        """The base of relative figures, in words."""
        return STRATEGIC_TARGET if self.comparator is None else self.comparator.name

    @property
    def has_ranges(self) -> bool:
        """True if any asset has a range that it could leave."""
        return bool(np.isfinite([self.lower, self.upper]).any())


def target_returns(targets: "TargetPath", market: "Market", first: int) -> Array:
    """(D,) return of the target in force at yesterday's close, rebalanced daily at no cost, after row `first`."""
    returns, row = market.returns[first + 1 :], targets.row[first:-1]
    rows = np.broadcast_to(targets.rows[0], returns.shape) if len(targets.rows) == 1 else targets.rows[row]
    cash = (1.0 - targets.rows.sum(axis=1))[row]
    return np.einsum("ti,ti->t", rows, returns) + cash * market.cash[first + 1 :]


def squared_market(benchmark: Benchmark, backtest: "Backtest") -> Array:
    """(D,) squared return of the strategic target, a year: its mean is the variance of the market in the test."""
    returns = target_returns(benchmark.strategic, backtest.market, backtest.first)
    return benchmark.periods_per_year * returns**2


def market_history(benchmark: Benchmark, backtest: "Backtest") -> Array:
    """(H,) the same of all days up to the end of the test since its assets are listed; H is at least the test's D."""
    market, held = backtest.market, benchmark.strategic.rows[-1] != 0.0
    begun = min(int(np.argmax(market.listed[:, held].all(axis=1))), backtest.first)
    return benchmark.periods_per_year * target_returns(benchmark.strategic, market, begun) ** 2


def comparator_in_test(benchmark: Benchmark, backtest: "Backtest") -> Comparator:
    """The base of a backtest's relative figures, with its returns; the strategic target if the file names none."""
    if benchmark.comparator is not None:
        return benchmark.comparator
    return Comparator(STRATEGIC_TARGET, target_returns(benchmark.strategic, backtest.market, backtest.first))


def daily_costs(backtest: "Backtest") -> Array:
    """(D,) costs over NAV before each trade, bp a year: their mean is the part of J that is cost."""
    found: Array = backtest.cost_rate * (backtest.periods_per_year * BPS)
    return found


def losses(backtest: "Backtest", benchmark: Benchmark, active: Array | None = None) -> Array:
    """(D,) the daily terms of J, bp a year.

    active : (D,) returns before costs less those of the strategic target, if they are known, fraction.
    """
    if active is None:
        active = backtest.gross_returns - target_returns(benchmark.strategic, backtest.market, backtest.first)
    refunded = np.maximum(-backtest.tax_rate, 0.0)
    return daily_loss(backtest.cost_rate, active, benchmark.tracking_penalty, benchmark.periods_per_year, refunded)


def active_returns(backtest: "Backtest", benchmark: Benchmark) -> Array:
    """(D,) return net of costs less that of the strategic target, which costs nothing."""
    return backtest.net_returns - target_returns(benchmark.strategic, backtest.market, backtest.first)
