"""The laws of markets in which intervals and decisions are measured, and the policies that are played in them.

Means and covariances are those of the test days of a shipped portfolio, whose assets, target, costs and calendar the
worlds have too. Nothing of the workbench was tuned to any of these laws.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from backtests.engine import backtest
from backtests.engine.result import Backtest
from backtests.laboratory.simulate import Laboratory
from foundation.arrays import Array
from foundation.errors import DataError
from research.accounting import Costs
from research.allocation import HRP, Allocation, FixedWeights
from research.learning import Universal
from research.portfolio import Portfolio
from research.risk import GBM, Garch, MertonJumps, Model, RegimeSwitching, StationaryBootstrap
from research.risk.simulation.streams import BLOCKS, stream
from research.rules import Calendar, Never, NoTradeRegion, Rule, Threshold

YEAR, PENALTY = 252.0, 5.0
BEFORE = 3_780  # days before a test: 15 years of history
ALPHA, BETA = 0.08, 0.90  # of each line: variances calm down in two months
CRISIS, CALM = 378.0, 1_134.0  # mean days of a long crisis, and between two
JUMPS = 2.0  # a year, which make half of the variance
EVERY, APART, DEGREES = 504.0, 0.5, 3.0  # mean days between breaks of volatility, spread of its logarithm, Student's
FUND_BLOCK, STOCK_BLOCK = 20.0, 125.0  # mean days
WITHIN = 0.85  # correlation within a cluster
WEEKS = 52.0  # rows a year


@dataclass(frozen=True, eq=False)
class Breaks:
    """Student's t of three degrees, with a volatility that breaks now and then to a level of its own.

    mean       : (n,) growth a year.
    covariance : (n, n) a year, the mean over levels.
    """

    mean: Array
    covariance: Array
    periods_per_year: float = YEAR

    def growths(self, paths: int, days: int, seed: int, first: int = 0) -> Array:
        """(paths, days, n) 1 + simple returns; arguments as in `research.risk.Model`."""
        root, n = np.linalg.cholesky(self.covariance / YEAR), len(self.mean)
        out = np.empty((paths, days, n))
        for k in range(paths):
            rng = stream(seed, first + k, BLOCKS)
            level = np.cumsum(rng.random(days) < 1.0 / EVERY)
            size = np.exp(APART * rng.standard_normal(level[-1] + 1) - APART**2)[level]  # its mean square is 1
            thick = np.sqrt((DEGREES - 2.0) / rng.chisquare(DEGREES, days))
            shocks = rng.standard_normal((days, n)) * (size * thick)[:, None]
            out[k] = np.exp(np.clip(shocks @ root.T + (self.mean - 0.5 * np.diag(self.covariance)) / YEAR, -0.6, 0.6))
        return out

    def returns(self, paths: int, days: int, seed: int, first: int = 0) -> Array:
        """(paths, days, n) simple returns, fraction."""
        return self.growths(paths, days, seed, first) - 1.0


def laws(portfolio: Portfolio) -> dict[str, Model]:
    """Seven laws by name, with the moments of the portfolio's test."""
    market = portfolio.market
    returns = market.returns[market.row(portfolio.test_start) :]
    covariance = np.cov(returns.T) * YEAR
    mean = np.log1p(returns).mean(axis=0) * YEAR + 0.5 * np.diag(covariance)
    means, n = np.array([mean + 0.05, mean - 0.15]), len(mean)
    moving = np.array([[0.99, 0.01], [0.03, 0.97]])
    staying = np.array([[1.0 - 1.0 / CALM, 1.0 / CALM], [1.0 / CRISIS, 1.0 - 1.0 / CRISIS]])
    return {
        "independent": GBM(mean, covariance, YEAR),
        "GARCH": Garch(mean, covariance, np.full(n, ALPHA), np.full(n, BETA), YEAR),
        "regimes": RegimeSwitching(means, np.array([0.5 * covariance, 2.5 * covariance]), moving, YEAR),
        "long crises": RegimeSwitching(means, np.array([0.5 * covariance, 2.5 * covariance]), staying, YEAR),
        "jumps": MertonJumps(mean, 0.5 * covariance, JUMPS, np.zeros(n), 0.5 * covariance / JUMPS, YEAR),
        "t3, breaks": Breaks(mean, covariance),
        "its own days": StationaryBootstrap(market, FUND_BLOCK),
    }


def stock_blocks(portfolio: Portfolio) -> dict[str, Model]:
    """Days of the portfolio's market in long blocks."""
    return {"stock blocks": StationaryBootstrap(portfolio.market, STOCK_BLOCK)}


def clusters(portfolio: Portfolio) -> dict[str, Model]:
    """Two clusters of assets, each of one correlation, with the means and variances of the portfolio's test."""
    model = laws(portfolio)["independent"]
    assert isinstance(model, GBM)
    sizes = np.sqrt(np.diag(model.covariance))
    half = np.arange(len(sizes)) < len(sizes) // 2
    alike = np.where(half[:, None] == half, WITHIN, 0.0)
    np.fill_diagonal(alike, 1.0)
    return {"clusters": GBM(model.mean, alike * np.outer(sizes, sizes), YEAR)}


def weekly(portfolio: Portfolio) -> dict[str, Model]:
    """Independent weeks with the moments of the portfolio's test."""
    model = laws(portfolio)["independent"]
    assert isinstance(model, GBM)
    return {"weekly rows": GBM(model.mean, model.covariance, WEEKS)}


def usual_rules(held: Allocation, year: float = YEAR) -> dict[str, Rule]:
    """Calendars, bands and the closed form on a target, by name; a year has so many rows."""
    return {
        "yearly": Calendar(held, "year"),
        "quarterly": Calendar(held, "quarter"),
        "monthly": Calendar(held, "month"),
        "band of 5 points": Threshold(held, band=0.05),
        "band of 2 points": Threshold(held, band=0.02),
        "band of 1 point": Threshold(held, band=0.01),
        "2 points, to the edge": Threshold(held, band=0.02, to="edge"),
        "closed form": NoTradeRegion(held, periods_per_year=year),
    }


def rules(portfolio: Portfolio, year: float = YEAR) -> dict[str, Rule]:
    """The policies by name; a year has so many rows."""
    held = FixedWeights(tuple(portfolio.target.tolist()))
    return {
        "never": Never(held),
        **usual_rules(held, year),
        "universal": Universal(held, schedule="week", periods_per_year=year),
        "HRP, band of 2 points": Threshold(HRP(window=252), band=0.02),
    }


@dataclass(frozen=True, eq=False)
class Tests:
    """Simulated tests of a portfolio in one law.

    portfolio : whose assets, target, costs and calendar they have.
    model     : the law.
    policies  : by name.
    days      : of a test.
    count     : of tests.
    before    : days of history before each.
    costs     : that all pay; by default the portfolio's.
    year      : rows of one.
    """

    portfolio: Portfolio
    model: Model
    policies: Mapping[str, Rule]
    days: int
    count: int
    before: int = BEFORE
    costs: Costs | None = None
    year: float = YEAR

    def __iter__(self) -> Iterator[dict[str, Backtest]]:
        """The backtests of each test, by policy."""
        laboratory = Laboratory(
            self.model,
            tuple(self.portfolio.target.tolist()),
            self.portfolio.costs,
            PENALTY,
            max(self.count, 2),
            self.before + self.days,
            seed=1,
            instruments=self.portfolio.market.instruments,
            calendar=self.portfolio.market.calendar,
            start="1995-01-03",
            periods_per_year=self.year,
        )
        costs = self.portfolio.costs if self.costs is None else self.costs
        for test in range(self.count):
            try:
                market = laboratory.market(test)
            except DataError:  # a price beyond what a market can have: one path of thirty years in a thousand
                continue
            start = market.dates[self.before + 1]
            yield {
                name: backtest(market, rule, costs, start=start, nav=self.portfolio.nav, lag=1, name=name)
                for name, rule in self.policies.items()
            }
