"""What policies are above the best possible loss: against the known optimum of two assets, and where it is not said."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import world

from backtests.comparison.above_best import AboveBest, above_best
from backtests.comparison.simulated_tests import SimulatedTests, covariance_of_test
from backtests.engine import Backtest, backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.inference.estimates import NotAvailable
from research.accounting import Costs
from research.allocation import FixedWeights
from research.rules import Calendar, Rule, Threshold
from research.rules.optimum.dynamic_programming import optimal_region

HELD = FixedWeights((0.6, 0.4))
COSTS = Costs.bps(2, commission=5, half_spread=5)


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read that was simulated before."""
    monkeypatch.setattr("backtests.comparison.kept_simulations.KeptSimulation.load", lambda self: None)


def played(costs: Costs = COSTS, **rules: Rule) -> tuple[dict[str, Backtest], Benchmark, SimulatedTests]:
    market = world(days=800, n=2, seed=4)
    found = {name: backtest(market, rule, costs, start=market.dates[300], name=name) for name, rule in rules.items()}
    tests = SimulatedTests(tuple(rules), *[np.ones((2, len(rules)))] * 5, np.ones(2), 2.0)
    return found, Benchmark.of(next(iter(found.values())), 5.0), tests


def test_no_rule_is_below_the_optimum_and_a_monthly_one_is_far_above() -> None:
    real, benchmark, tests = played(band=Threshold(HELD, 0.03, "edge"), monthly=Calendar(HELD, "month"))
    found = above_best(real, benchmark, tests)
    assert isinstance(found, AboveBest)
    covariance = covariance_of_test(real["band"], benchmark)
    optimum = 1e4 * optimal_region(HELD.weights, np.zeros(2), covariance, COSTS.total, 5.0, 1 / 252).value
    assert 0.97 * optimum < found.bound < optimum
    band, monthly = found.figures["band"], found.figures["monthly"]
    assert (1.0 + band.upper) * found.bound > optimum
    assert band.upper < monthly.lower
    assert found.sentence("band").startswith(f"band is at most {100 * band.upper:.0f} % above the best possible")
    assert f"every rule that holds no cash at least {found.bound:.3g}." in found.sentence("band")


def test_tickets_are_counted_over_the_first_nav() -> None:
    """Without cash each trade is of both assets and pays two tickets, which are the fee of one event."""
    rule = Threshold(HELD, 0.05, "edge")
    real, benchmark, tests = played(replace(COSTS, ticket=np.full(2, 2e-5)), band=rule)
    found = above_best(real, benchmark, tests)
    assert isinstance(found, AboveBest)
    problem = HELD.weights, np.zeros(2), covariance_of_test(real["band"], benchmark), COSTS.total, 5.0, 1 / 252
    optimum = 1e4 * optimal_region(*problem, ticket=4e-5).value
    assert 0.97 * optimum < found.bound < 1.001 * optimum
    assert found.bound > 1.2e4 * optimal_region(*problem).value


@pytest.mark.parametrize(("costs", "reason"), [
    (replace(COSTS, minimum=np.full(2, 1e-4)), "the bound does not count minimum"),
    (Costs.bps(2, commission=0), "trades without a cost"),
])  # fmt: skip
def test_where_the_bound_does_not_hold_the_reason_stands(costs: Costs, reason: str) -> None:
    found = above_best(*played(costs, band=Threshold(HELD, 0.03)))
    assert isinstance(found, NotAvailable)
    assert reason in found.reason


def test_where_no_policy_holds_a_fixed_target_it_is_not_said() -> None:
    real, benchmark, _ = played(band=Threshold(HELD, 0.03))
    found = above_best(real, benchmark, None)
    assert isinstance(found, NotAvailable)
    assert "the target moves" in found.reason
