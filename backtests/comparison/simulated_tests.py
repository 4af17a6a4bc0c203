"""Theoretical losses of rules in simulated tests, on the dates, with the assets and at the costs of the test.

Returns are normal, with the covariance of the days of the test and a variance that moves slowly round it. Each test has
a growth of its own, such that any portfolio has a Sharpe ratio that is normal round 0, and smaller over many years
(`SHARPE_RATIOS`): what is seldom rebalanced drifts with it. The growth of the real test is in none of them, since its
losses tell it already: what theory took from it would be counted twice. What a rule loses in such a market follows from
the rule, the target and the costs alone. There is no tax: it follows from gains, and much of these from prices paid
before. Nor is there what follows from volumes, quotes or the day: impact, commissions by the unit, spreads other than
their median, flows and harvests (`costs_beside_tests`).

Three things are learned from it: how the loss grows with the market's variance (its elasticity, by which a loss is
stated at one volatility), how large it is to be expected, with its days and orders and the spread between tests
(`backtests.comparison.belief` weighs these against the real test), and how often a test as long keeps limits.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from backtests.comparison.kept_simulations import KeptSimulation
from backtests.engine.result import Backtest
from backtests.engine.run import backtest
from backtests.evaluation.benchmark import Benchmark, target_returns
from backtests.evaluation.metrics import Measured, days_outside
from backtests.inference.long_run import UNTOLD, Elasticity
from foundation.arrays import Array
from foundation.dataclasses import dataclass, replace
from foundation.errors import InputError
from research.accounting import Costs, Execution
from research.accounting.cost_parameters import COMMISSION, HALF_SPREAD, IMPACT, TAX
from research.allocation import Allocation, EqualWeights, FixedWeights, target_path
from research.market import Market
from research.market.frequency import sample_rows
from research.risk import StochasticVolatility
from research.risk.measures import BPS
from research.risk.simulation.simulated import staying
from research.rules.protocol import compiled_rule, held_by, traits

TESTS = 100
SPREAD, HALF_LIFE = 0.7, 0.5  # of the logarithm of the variance, and years: as of shares (Jacquier, Polson and Rossi)
SEED = 1
SHARPE_RATIOS = 0.4, 1.3  # a year, spreads between tests: of what lasts, and over √years of what passes
FEWEST_DAYS = 20  # days of the test on which all assets are listed, below which a covariance says nothing
ROWS_BEFORE = 252  # days before a test: a rule gets the same tests beside any other
SMALLEST_LOSS = 1e-6  # bp a year: a loss below it is none
RULE_FIGURES = ("cost", "squares", "days", "orders", "outside")  # of `SimulatedTests`
LEAST_SHARE = 0.01  # of the mean loss: a test in which a rule did nothing counts as this much


@dataclass(frozen=True, eq=False)
class SimulatedTests:
    """P rules in S simulated tests, each as long as the real one.

    names    : P rules.
    cost     : (S, P) bp of NAV a year, without tax.
    squares  : (S, P) squared tracking difference, a year.
    days     : (S, P) days with a trade, a year.
    orders   : (S, P) orders a year.
    outside  : (S, P) share of days on which an asset is outside its range.
    variance : (S,) variance of the strategic target, a year.
    years    : years of a test.
    """

    names: tuple[str, ...]
    cost: Array
    squares: Array
    days: Array
    orders: Array
    outside: Array
    variance: Array
    years: float

    def keeping(self, tracking_error: float | None, days_outside: float) -> dict[str, float]:
        """The share of tests in which each rule keeps limits, by name.

        tracking_error : most, fraction a year; None for no limit.
        days_outside   : most, share of the days.
        """
        kept = self.outside <= days_outside
        if tracking_error is not None:
            kept &= np.sqrt(self.squares) <= tracking_error
        return dict(zip(self.names, kept.mean(axis=0).tolist(), strict=True))

    def logs(self, tracking_penalty: float, costs: float = 1.0) -> Array:
        """(S, P) logarithm of the loss J, bp a year; trades as they were, at this multiple of the costs."""
        losses = costs * self.cost + 0.5 * tracking_penalty * BPS * self.squares
        found: Array = np.log(np.maximum(losses, np.maximum(LEAST_SHARE * losses.mean(axis=0), SMALLEST_LOSS)))
        return found

    @cached_property
    def _apart(self) -> Array:
        """(S,) logarithm of the variance, less its mean."""
        logs = np.log(self.variance)
        found: Array = logs - logs.mean()
        return found

    def elasticities(self, tracking_penalty: float, costs: float = 1.0) -> Array:
        """(P,) by how many per cent the loss grows with a variance that is one per cent higher."""
        return self._slopes(self.logs(tracking_penalty, costs))

    def elasticity_errors(self, tracking_penalty: float, costs: float = 1.0) -> Array:
        """(P,) their standard errors."""
        left = self._left(self.logs(tracking_penalty, costs))
        found: Array = np.sqrt((left**2).sum(axis=0) / (len(left) - 2) / (self._apart @ self._apart))
        return found

    def expected(self, variance: float, logs: Array) -> "ExpectedFigures":
        """The average of such tests in a market of this variance a year.

        variance : of the market, a year.
        logs     : (S, P) logarithms of a figure, such as `logs` and `count_logs` give.
        """
        left = self._left(logs)
        gap = np.log(variance) - np.log(self.variance).mean()
        usual = logs.mean(axis=0) + self._slopes(logs) * gap
        skew: Array = np.log(np.exp(left).mean(axis=0))
        return ExpectedFigures(usual + skew, skew, left / np.sqrt(len(left) - 2))

    def count_logs(self, a_year: Array) -> Array:
        """(S, P) logarithm of a yearly count such as `days`, (S, P), half of one added in each test."""
        return count_logs(a_year, self.years)

    def _slopes(self, logs: Array) -> Array:
        found: Array = self._apart @ logs / (self._apart @ self._apart)
        return found

    def _left(self, logs: Array) -> Array:
        """(S, P) logarithms less what the variance explains."""
        found: Array = logs - logs.mean(axis=0) - np.outer(self._apart, self._slopes(logs))
        return found


@dataclass(frozen=True, eq=False)
class ExpectedFigures:
    """Figures of P rules in a market of one variance, by simulated tests.

    log  : (P,) logarithm of the expected value, such as v^e·E[J/V^e].
    skew : (P,) how far it is above the expected logarithm of one test.
    left : (S, P) gaps between tests, whose squares sum to their variance.
    """

    log: Array
    skew: Array
    left: Array


def count_logs(a_year: Array, years: float) -> Array:
    """The logarithm of yearly counts, half of one added in a test of so many years: a count of none has one too."""
    found: Array = np.log(a_year + 0.5 / years)
    return found


def simulated_tests(played: Mapping[str, Backtest], benchmark: Benchmark) -> SimulatedTests | None:
    """Play the compiled ones among policies that hold the strategic target in simulated tests.

    None where no policy is left, where that target is no fixed one, or where too few days of the test have all assets.
    A policy that cannot be played in one of them is left out.
    played    : the real backtests of one market and test, whose policies, dates, assets, costs, lag and opening NAV the
                simulated ones have; without whole lots, orders at the open, flows and volumes.
    benchmark : benchmark with the strategic target.
    """
    one = next(iter(played.values()))
    known = {name: each.policy for name, each in played.items() if _is_played(each.policy, benchmark)}
    covariance = covariance_of_test(one, benchmark)
    if not known or covariance is None:
        return None
    held = held_by(next(iter(known.values())))
    assert held is not None
    market, year = one.market, one.periods_per_year
    before = min(one.first, max(sample_rows(ROWS_BEFORE, year), *(traits(policy).window for policy in known.values())))
    start = one.first - before
    model = StochasticVolatility(np.zeros(len(covariance)), covariance, SPREAD, HALF_LIFE, year)
    costs = costs_of_tests(one)
    execution = Execution(minimum_trade=one.execution.minimum_trade, days=one.execution.days)
    still = _still(market, start)
    ranges = benchmark.lower, benchmark.upper
    terms = still, before, model, SHARPE_RATIOS, TESTS, SEED, costs, one.wealth, one.lag, execution, year, *ranges
    files = {name: KeptSimulation(policy, *terms) for name, policy in known.items()}
    found = {name: kept for name, file in files.items() if (kept := file.load()) is not None}
    missing = {name: policy for name, policy in known.items() if name not in found}
    if missing:
        conditions = {"nav": one.wealth, "lag": one.lag, "execution": execution, "periods_per_year": year}
        of_rules, variance = _played(missing, held, still, before, model, costs, benchmark, conditions)
        for p, name in enumerate(missing):
            figures = {part: of_all[:, p].copy() for part, of_all in of_rules.items()}
            found[name] = files[name].save(**figures, variance=variance)
    names = tuple(name for name in known if not np.isnan(found[name]["cost"]).any())
    if not names:
        return None
    parts = {part: np.column_stack([found[name][part] for name in names]) for part in RULE_FIGURES}
    years = (len(still.dates) - 1 - before) / year
    return SimulatedTests(names, **parts, variance=found[names[0]]["variance"], years=years)


def _played(
    policies: Mapping[str, Any], held: Allocation, still: Market, before: int, model: StochasticVolatility,
    costs: Costs, benchmark: Benchmark, conditions: Mapping[str, Any],
) -> tuple[dict[str, Array], Array]:  # fmt: skip
    """(S, P) figures and (S,) variance, as in `SimulatedTests`; NaN of a policy that cannot be played.

    policies   : P policies, by name.
    held       : the allocation that they hold.
    still      : market of the tests without their returns, whose tests begin after row `before`.
    benchmark  : benchmark with the ranges of the assets.
    conditions : arguments of `backtest`.
    """
    shape, year, days, n = (TESTS, len(policies)), model.periods_per_year, len(still.dates) - 1, len(still.assets)
    figures, variance = {part: np.full(shape, np.nan) for part in RULE_FIGURES}, np.empty(TESTS)
    targets = target_path(held, still, start=before)  # the same in each, as the assets and dates are
    sizes, vectors = np.linalg.eigh(model.covariance)
    lasting, passing = SHARPE_RATIOS
    growth = np.hypot(lasting, passing / np.sqrt((days - before) / year)) * vectors * np.sqrt(np.maximum(sizes, 0.0))
    left = dict(enumerate(policies.items()))
    for test in range(TESTS):
        grown = np.exp(growth @ np.random.default_rng([SEED, test]).standard_normal(n) / year)
        moved = (1.0 + model.returns(1, days, SEED, test)[0]) * grown - 1.0
        drawn = still.with_returns(np.vstack([still.returns[:1], moved]))
        aim = target_returns(targets, drawn, before)
        variance[test] = year * float(aim @ aim) / len(aim)
        for p, (name, policy) in tuple(left.items()):
            try:
                found = backtest(
                    drawn, policy, costs, start=still.dates[before + 1], targets=targets, name=name, **conditions
                )
            except InputError:
                del left[p]
                continue
            measured = Measured(found, benchmark)
            figures["cost"][test, p] = year * BPS * found.cost_rate.mean()
            figures["squares"][test, p] = year * np.mean((found.gross_returns - aim) ** 2)
            figures["days"][test, p] = len(found.trading_days) / measured.years
            figures["orders"][test, p] = found.orders / measured.years
            figures["outside"][test, p] = days_outside(measured)
    return figures, variance


def costs_of_tests(played: Backtest) -> Costs:
    """The costs of simulated tests: those of a backtest, without what follows from gains, volumes, quotes or the day.

    A spread by the day is its median. Raises DataError for an asset without a known spread on any day.
    """
    costs = replace(played.costs, tax=None)
    if not costs.needs_market:
        return costs
    usual = costs.simplified(played.market, 1.0)
    return replace(costs, half_spread=usual.half_spread, per_unit=usual.per_unit, impact=None)


def costs_beside_tests(played: Backtest) -> Array:
    """(D,) costs of each test day that simulated tests do not charge, over `wealth_charged`; tax apart.

    Impact, commissions by the unit, and what spreads by the day are above their median, below zero where below it; and
    all that is charged for flows, harvests and exits.
    """
    costs, book, same = played.costs, played.ledger, costs_of_tests(played)
    notional = np.abs(book.trades)
    beside = book.charges[:, IMPACT].copy()
    if costs.per_unit.any():
        usual = np.maximum(same.commission * notional, np.where(notional > 0.0, same.minimum, 0.0))
        beside += book.charges[:, COMMISSION] - usual
    if costs.half_spread.ndim > 1:
        beside += book.charges[:, HALF_SPREAD] - same.half_spread * notional
    others = book.part_of < 0
    beside[others] = book.charges[others, :TAX].sum(axis=1)
    return played.rate_of(beside.sum(axis=1))


def _is_played(policy: object, benchmark: Benchmark) -> bool:
    """True if a policy runs compiled and holds the strategic target, whatever prices do."""
    held = held_by(policy)
    fixed = type(held) in (FixedWeights, EqualWeights) and repr(held) == benchmark.strategic.allocation
    return fixed and compiled_rule(policy) is not None


def elasticities(
    names: Sequence[str], tests: SimulatedTests | None, tracking_penalty: float, costs: float = 1.0
) -> Elasticity:
    """The elasticity of each policy's J to the variance of the market; 1 where no test was simulated, as of bands."""
    value, error = np.ones(len(names)), np.full(len(names), UNTOLD)
    if tests is not None:
        known = [names.index(name) for name in tests.names if name in names]
        own = [tests.names.index(names[p]) for p in known]
        value[known] = tests.elasticities(tracking_penalty, costs)[own]
        error[known] = tests.elasticity_errors(tracking_penalty, costs)[own]
    return Elasticity(value, error)


def covariance_of_test(played: Backtest, benchmark: Benchmark) -> Array | None:
    """(n, n) of the log returns of the test, a year, on days on which all assets of the target are listed, or None."""
    market, held = played.market, benchmark.strategic.rows[-1] != 0.0
    whole = market.listed[played.first + 1 :][:, held].all(axis=1)
    if whole.sum() < FEWEST_DAYS:
        return None
    returns = market.returns[played.first + 1 :][whole]
    return np.atleast_2d(np.cov(np.log1p(returns), rowvar=False)) * played.periods_per_year


def _still(market: Market, start: int) -> Market:
    """The rows of a market from `start` on, on which no asset moves: without quotes, and assets trade every day."""
    shape = len(market.dates) - start, len(market.assets)
    return Market(
        dates=market.dates[start:],
        assets=market.assets,
        returns=np.zeros(shape),
        tradable=np.ones(shape, dtype=bool),
        cash=np.append(0.0, market.cash[start + 1 :]),
        instruments=staying(market.instruments),
        prices=np.full(shape, np.nan),
        calendar=market.calendar,
        name=f"a test that might have been of {market.name}",
    )
