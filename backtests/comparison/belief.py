"""Losses and work of policies expected from a test and theory together, in markets as volatile as the test's.

Theory is the prior: the logarithms of expected J are normal round what simulated tests give, as far apart and as alike
as these are, `SPREAD` times over three years: so much do the 73 real cases of the study differ from what is simulated
for them (`python -m benchmarks.theory`). The test is the likelihood: the logarithms of J less that of the market's
variance err by their slowest waves (`backtests.inference.slow_waves`), together as the sums of months do, and by no
less than one simulated test does: a test in which a rule had little to do does not show how little. A few tests lose
most, so one test's logarithm is below that of the expected J, by as much as in simulated tests.

Days with a trade and orders are drawn in the same way, by the logarithm of their count and a half: the prior is that of
the same simulated tests, drawn with their J, and the count of the test errs as one simulated test does. A count that is
the same in all of them, as that of a calendar, is known. Logarithms are centred on theory's, as those of real losses
are: what is expected of a rule of which less is known is further above the middle.

Tax is in neither of the two: it follows from the gains of the test, which simulated markets do not have, and refunds
make it negative. Nor are other costs that simulated tests do not charge, such as impact. What the test was charged is
added, with a normal error by the same slowest waves.

Each policy is believed by its own theory and test, so that no other policy beside it changes its loss; only a rule of
which no test is simulated is moved as those are that have one, and its counts err as those of rare events. Draws are
shared, so that differences of two are known as well as the two are alike, and equal policies have equal draws. Taking
what the test shows of one policy as news of the others loses more: regrets in `benchmarks.decisions` are then up to a
third larger.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from backtests.comparison.simulated_tests import (
    SMALLEST_LOSS,
    SimulatedTests,
    costs_beside_tests,
    count_logs,
    elasticities,
)
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark, daily_costs, squared_market, target_returns
from backtests.inference.slow_waves import WAVES, SlowMeans, wave_transforms
from foundation.arrays import Array, Mask, owned
from foundation.dataclasses import dataclass, replace
from research.risk.measures import BPS

SPREAD, YEARS = 1.3, 3.0  # of real windows of three years round theory, in spreads of simulated ones
VAGUE = 1.0  # spread of the logarithm of J where theory says nothing
DRAWS = 4_000
BY_POLICY = ("cost", "squares", "days", "orders", "tax", "beside")  # of `DailyTerms`
SAME_LOGARITHM = 1e-9  # gap of logarithms below which a count is the same in all simulated tests
STEEPEST_SCALE = 5.0  # of a drawn scale of the test's errors: Student's tails beyond it are cut


@dataclass(frozen=True, eq=False)
class DailyTerms:
    """The costs of P policies, their distance from the target and their work on each of D days.

    names   : P policies.
    cost    : (D, P) bp of NAV a year, those that simulated tests charge too.
    squares : (D, P) squared tracking difference, a year.
    days    : (D, P) 1 on a day with a trade, else 0.
    orders  : (D, P) number of orders.
    market  : (D,) squared return of the strategic target, a year: its mean is the variance of the market in the test.
    year    : number of days in a year.
    tax     : (D, P) bp of NAV a year; negative where it is refunded.
    beside  : (D, P) bp of NAV a year, other costs that simulated tests do not charge; negative where they charge more.
    """

    names: tuple[str, ...]
    cost: Array
    squares: Array
    days: Array
    orders: Array
    market: Array
    year: float
    tax: Array
    beside: Array

    @classmethod
    def of(cls, backtests: Mapping[str, Backtest], benchmark: Benchmark) -> "DailyTerms":
        """The terms of backtests on the same days."""
        one, year, played = next(iter(backtests.values())), benchmark.periods_per_year, list(backtests.values())
        aim = target_returns(benchmark.strategic, one.market, one.first)
        tax = np.column_stack([each.tax_rate * (year * BPS) for each in played])
        beside = np.column_stack([costs_beside_tests(each) * (year * BPS) for each in played])
        return cls(
            names=tuple(backtests),
            cost=np.column_stack([daily_costs(each) for each in played]) - tax - beside,
            squares=np.column_stack([year * (each.gross_returns - aim) ** 2 for each in played]),
            days=np.column_stack([each.traded for each in played]).astype(float),
            orders=np.column_stack([each.daily_orders for each in played]),
            market=squared_market(benchmark, one),
            year=year,
            tax=tax,
            beside=beside,
        )

    def select(self, names: Sequence[str]) -> "DailyTerms":
        """Some of the policies."""
        numbers = [self.names.index(name) for name in names]
        return replace(self, names=tuple(names), **{each: getattr(self, each)[:, numbers] for each in BY_POLICY})

    def on(self, days: Mask) -> "DailyTerms":
        """Some of the days (D,), a mask."""
        return replace(self, market=self.market[days], **{each: getattr(self, each)[days] for each in BY_POLICY})

    @property
    def variance(self) -> float:
        """The variance of the market in the test, a year."""
        return float(self.market.mean())

    def losses(self, tracking_penalty: float, costs: float = 1.0) -> Array:
        """(D, P) daily terms of J as simulated tests have it, bp a year; trades as they were, at these costs."""
        found: Array = costs * self.cost + 0.5 * tracking_penalty * BPS * self.squares
        return found


@dataclass(frozen=True, eq=False)
class Beliefs:
    """K draws of what P policies lose and work, a year; read-only.

    j      : (K, P) bp of NAV.
    days   : (K, P) days with a trade.
    orders : (K, P) orders.
    """

    j: Array
    days: Array
    orders: Array


@lru_cache(maxsize=4)  # a verdict asks for the same draws at many prices of work
def belief(
    terms: DailyTerms,
    tests: SimulatedTests | None,
    tracking_penalty: float,
    *,
    costs: float = 1.0,
    volatility: float | None = None,
    draws: int = DRAWS,
) -> Beliefs:
    """J and work of the policies, drawn from what theory and test say of such a market; kept.

    terms            : daily terms of the test.
    tests            : simulated tests, of some of the policies or of none.
    tracking_penalty : price of squared tracking error.
    costs            : multiple of the costs, with the trades as they were; tax stays.
    volatility       : volatility of the market, a year; by default the test's, to which J is then rescaled. Tax and
                       other costs beside simulated tests are not, nor is work.
    draws            : number of draws.
    """
    tests = tests if terms.variance > 0.0 else None
    j = _losses(terms, tests, tracking_penalty, costs, volatility, draws)
    days, orders = (_counts(terms, tests, which, draws) for which in ("days", "orders"))
    return Beliefs(j, days, orders)


def _losses(
    terms: DailyTerms,
    tests: SimulatedTests | None,
    tracking_penalty: float,
    costs: float,
    volatility: float | None,
    draws: int,
) -> Array:
    """(draws, P) J, bp a year; arguments of `belief`."""
    count, variance = len(terms.names), terms.variance
    losses = np.maximum(terms.losses(tracking_penalty, costs), 0.0)
    elasticity = elasticities(terms.names, tests, tracking_penalty, costs).value
    measured = np.log(np.maximum(losses.mean(axis=0), SMALLEST_LOSS))
    mean, apart = measured.copy(), VAGUE * _normal(draws, count, seed=2)[:, _alike(terms)]
    spread, of_one = np.full(count, VAGUE), np.zeros(count)
    if tests is not None:
        of, of_tests = _places(terms, tests)
        found = tests.expected(variance, tests.logs(tracking_penalty, costs))
        left = found.left[:, of_tests]
        size = np.sqrt((left**2).sum(axis=0))
        wide = np.minimum(_spread(tests), VAGUE / np.maximum(size, SAME_LOGARITHM))  # no theory says less than nothing
        apart[:, of], spread[of], of_one[of] = _normal(draws, len(left)) @ (wide * left), wide * size, size
        of_one[of] *= _shorter(terms, tests)
        lift = np.full(count, np.unique(found.skew).mean())  # of a policy without a test, that of those that have one
        mean[of], lift[of] = found.log[of_tests], found.skew[of_tests]
        measured += lift
    slow = SlowMeans.of(losses, np.ones(count, dtype=bool), market=terms.market, elasticity=elasticity)
    months = slow.sums()
    scales = np.minimum(np.sqrt(WAVES / np.random.default_rng(0).chisquare(WAVES, draws)), STEEPEST_SCALE)[:, None]
    # A draw from the prior moved toward the test by the gain that the test's errors leave it (Matheron's rule).
    drawn, errors = mean + apart, np.maximum(scales * slow.errors, of_one)
    seen = measured + errors * (_normal(draws, months.shape[1], seed=1) @ _unit(months).T)
    gain = spread**2 / (spread**2 + errors**2)
    logs = drawn + gain * (seen - drawn)
    if volatility is not None and variance > 0.0:
        logs = logs + elasticity * (2.0 * np.log(volatility) - np.log(variance))
    j: Array = np.exp(logs)
    charged = terms.tax + costs * terms.beside
    if charged.any():
        away = scales * (_normal(draws, WAVES, seed=3) @ wave_transforms(charged)) / math.sqrt(WAVES)
        j += charged.mean(axis=0) + (away - away.mean(axis=0))
    return owned(j)


@lru_cache(maxsize=8)  # which follow from neither prices nor volatility
def _counts(terms: DailyTerms, tests: SimulatedTests | None, which: str, draws: int) -> Array:
    """(draws, P) days with a trade or orders a year; `which` is a field of the terms and of the tests."""
    counted = getattr(terms, which).sum(axis=0)
    years = len(terms.market) / terms.year
    measured, errors = count_logs(counted / years, years), 1.0 / np.sqrt(counted + 0.5)  # as of rare events
    logs = measured - 0.5 * errors**2 + errors * _normal(draws, len(counted), seed=4)[:, _alike(terms)]
    if tests is not None:
        of, of_tests = _places(terms, tests)
        found, spread = tests.expected(terms.variance, tests.count_logs(getattr(tests, which))), _spread(tests)
        left, error = found.left[:, of_tests], _shorter(terms, tests)
        drawn = found.log[of_tests] + _normal(draws, len(left)) @ (spread * left)
        seen = measured[of] + found.skew[of_tests] + _normal(draws, len(left), seed=5) @ (error * left)
        gain = np.where(np.abs(left).max(axis=0) > SAME_LOGARITHM, spread**2 / (error**2 + spread**2), 1.0)
        logs[:, of] = drawn + gain * (seen - drawn)
    return owned(np.maximum(np.exp(logs) - 0.5 / years, 0.0))


def _places(terms: DailyTerms, tests: SimulatedTests) -> tuple[list[int], list[int]]:
    """The places of the policies with simulated tests, among all and among those."""
    known = [name for name in terms.names if name in tests.names]
    return [terms.names.index(name) for name in known], [tests.names.index(name) for name in known]


def _spread(tests: SimulatedTests) -> float:
    """The distance of what is expected from theory, in spreads of simulated tests as long."""
    return SPREAD * math.sqrt(tests.years / YEARS)


def _shorter(terms: DailyTerms, tests: SimulatedTests) -> float:
    """The error of a test of these terms, in errors of a simulated one, which may be longer."""
    return math.sqrt(tests.years * terms.year / len(terms.market))


@lru_cache(maxsize=8)
def _alike(terms: DailyTerms) -> list[int]:
    """For each policy, the place of the first with the same daily terms: equal policies have equal draws."""
    first: dict[bytes, int] = {}
    columns = [b"".join(getattr(terms, each)[:, p].tobytes() for each in BY_POLICY) for p in range(len(terms.names))]
    return [first.setdefault(one, p) for p, one in enumerate(columns)]


@lru_cache(maxsize=16)  # one sheet asks for the same numbers a hundred times, at other prices
def _normal(draws: int, count: int, seed: int = 0) -> Array:
    """(draws, count) standard normal numbers, the first of which are the same for any count."""
    found = np.random.default_rng([seed, 2]).standard_normal((count, draws))
    found -= found.mean(axis=1, keepdims=True)  # so that few draws give the means of many
    found /= found.std(axis=1, keepdims=True)
    return owned(found.T)


def _unit(sums: Array) -> Array:
    """(P, K) with a mean of zero and a length of one each: normal numbers times it err as alike as the sums do."""
    gaps = sums - sums.mean(axis=1, keepdims=True)
    sizes = np.sqrt((gaps**2).sum(axis=1, keepdims=True))
    found: Array = gaps / np.where(sizes > 0.0, sizes, 1.0)
    return found
