"""Losses of policies expected from a test and theory together, in markets as volatile as the test's.

Theory is the prior: the logarithms of expected J are normal round what simulated tests give, as far apart and as alike
as these are, `SPREAD` times over three years: so much do the 73 real cases of the study differ from what is simulated
for them (`python -m benchmarks.theory`). The test is the likelihood: the logarithms of J less that of the market's
variance err by their slowest waves (`backtests.inference.slow_waves`), together as the sums of months do. A few tests
lose most, so one test's logarithm is below that of the expected J, by as much as in simulated tests.

Tax is in neither of the two: it follows from the gains of the test, which simulated markets do not have, and refunds
make it negative. Nor are other costs that simulated tests do not charge, such as impact. What the test was charged is
added, with a normal error by the same slowest waves.

Each policy is believed by its own theory and test, so that no other policy beside it changes its loss; only a rule of
which no test is simulated is moved as those are that have one. Draws are shared, so that differences of two are known
as well as the two are alike. Taking what the test shows of one policy as news of the others loses more: regrets in
`benchmarks.decisions` are then up to a third larger.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from backtests.comparison.simulated_tests import SMALLEST_LOSS, SimulatedTests, costs_beside_tests, elasticities
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark, daily_costs, squared_market, target_returns
from backtests.inference.slow_waves import WAVES, SlowMeans, wave_transforms
from foundation.arrays import Array, Mask, owned
from research.risk.measures import BPS

SPREAD, YEARS = 1.3, 3.0  # of real windows of three years round theory, in spreads of simulated ones
VAGUE = 1.0  # spread of the logarithm of J where theory says nothing
DRAWS = 4_000
BY_POLICY = ("cost", "squares", "tax", "beside")  # of `DailyTerms`
STEEPEST = 5.0  # of a drawn scale of the test's errors: Student's tails beyond it are cut


@dataclass(frozen=True, eq=False)
class DailyTerms:
    """The costs of P policies and their distance from the target on each of D days.

    names   : P policies.
    cost    : (D, P) bp of NAV a year, those that simulated tests charge too.
    squares : (D, P) squared tracking difference, a year.
    market  : (D,) squared return of the strategic target, a year: its mean is the variance of the market in the test.
    year    : number of days in a year.
    tax     : (D, P) bp of NAV a year; negative where it is refunded.
    beside  : (D, P) bp of NAV a year, other costs that simulated tests do not charge; negative where they charge more.
    """

    names: tuple[str, ...]
    cost: Array
    squares: Array
    market: Array
    year: float
    tax: Array
    beside: Array

    @classmethod
    def of(cls, backtests: Mapping[str, Backtest], benchmark: Benchmark) -> "DailyTerms":
        """The terms of backtests on the same days."""
        one, year = next(iter(backtests.values())), benchmark.periods_per_year
        aim = target_returns(benchmark.strategic, one.market, one.first)
        tax = np.column_stack([played.tax_rate * (year * BPS) for played in backtests.values()])
        beside = np.column_stack([costs_beside_tests(played) * (year * BPS) for played in backtests.values()])
        cost = np.column_stack([daily_costs(played) for played in backtests.values()]) - tax - beside
        squares = np.column_stack([year * (played.gross_returns - aim) ** 2 for played in backtests.values()])
        return cls(tuple(backtests), cost, squares, squared_market(benchmark, one), year, tax, beside)

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


@lru_cache(maxsize=4)  # a verdict asks for the same draws at many prices of work
def belief(
    terms: DailyTerms,
    tests: SimulatedTests | None,
    tracking_penalty: float,
    *,
    costs: float = 1.0,
    volatility: float | None = None,
    draws: int = DRAWS,
) -> Array:
    """(draws, P) J of the policies, bp a year, drawn from what theory and test say of such a market; kept, read-only.

    terms            : daily terms of the test.
    tests            : simulated tests, of some of the policies or of none.
    tracking_penalty : price of squared tracking error.
    costs            : multiple of the costs, with the trades as they were; tax stays.
    volatility       : volatility of the market, a year; by default the test's, to which the losses are then rescaled.
                       Tax and other costs beside simulated tests are not.
    draws            : number of draws.
    """
    count, variance = len(terms.names), terms.variance
    losses = np.maximum(terms.losses(tracking_penalty, costs), 0.0)
    elasticity = elasticities(terms.names, tests, tracking_penalty, costs).value
    measured = np.log(np.maximum(losses.mean(axis=0), SMALLEST_LOSS))
    mean, apart = measured.copy(), VAGUE * _normal(draws, count, seed=2)
    spread = np.full(count, VAGUE)
    if tests is not None and variance > 0.0:
        known = [name for name in terms.names if name in tests.names]
        of, of_tests = ([names.index(name) for name in known] for names in (terms.names, tests.names))
        expected, skew, left = tests.expected(variance, tracking_penalty, costs)
        left = left[:, of_tests] * (SPREAD * math.sqrt(tests.years / YEARS))
        apart[:, of], spread[of] = _normal(draws, len(left)) @ left, np.sqrt((left**2).sum(axis=0))
        lift = np.full(count, skew.mean())  # of a policy without a simulated test, that of all that have one
        mean[of], lift[of] = expected[of_tests], skew[of_tests]
        measured += lift
    slow = SlowMeans.of(losses, np.ones(count, dtype=bool), market=terms.market, elasticity=elasticity)
    months = slow.sums()
    scales = np.minimum(np.sqrt(WAVES / np.random.default_rng(0).chisquare(WAVES, draws)), STEEPEST)[:, None]
    # A draw from the prior moved toward the test by the gain that the test's errors leave it (Matheron's rule).
    drawn, errors = mean + apart, scales * slow.errors
    seen = measured + errors * (_normal(draws, months.shape[1], seed=1) @ _unit(months).T)
    gain = spread**2 / (spread**2 + errors**2)
    logs = drawn + gain * (seen - drawn)
    if volatility is not None and variance > 0.0:
        logs = logs + elasticity * (2.0 * np.log(volatility) - np.log(variance))
    found: Array = np.exp(logs)
    charged = terms.tax + costs * terms.beside
    if charged.any():
        away = scales * (_normal(draws, WAVES, seed=3) @ wave_transforms(charged)) / math.sqrt(WAVES)
        found += charged.mean(axis=0) + (away - away.mean(axis=0))
    return owned(found)


@lru_cache(maxsize=16)  # one sheet asks for the same numbers a hundred times, at other prices
def _normal(draws: int, count: int, seed: int = 0) -> Array:
    """(draws, count) standard normal numbers, the first of which are the same for any count."""
    rng = np.random.default_rng([seed, 2])
    return owned(rng.standard_normal((count, draws)).T)


def _unit(sums: Array) -> Array:
    """(P, K) with a mean of zero and a length of one each: normal numbers times it err as alike as the sums do."""
    gaps = sums - sums.mean(axis=1, keepdims=True)
    sizes = np.sqrt((gaps**2).sum(axis=1, keepdims=True))
    found: Array = gaps / np.where(sizes > 0.0, sizes, 1.0)
    return found
