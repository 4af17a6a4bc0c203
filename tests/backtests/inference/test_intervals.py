"""Cost, turnover and tracking error with intervals: closed forms, and what is known from below only."""

import math

import numpy as np
import pytest
from scipy import stats

from backtests.engine import backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.metrics import METRICS, Measured
from backtests.inference.estimates import Estimate, NotAvailable
from backtests.inference.intervals import SLOW_METRICS, slow_figures
from backtests.inference.slow_waves import WAVES, wave_error
from research.accounting import Costs
from research.allocation import FixedWeights
from research.risk import GBM, simulated_market
from research.rules import Calendar, Never, Rule

HELD = FixedWeights((0.6, 0.4))


def measured(rule: Rule) -> Measured:
    market = simulated_market(GBM(np.array([0.06, 0.03]), np.diag([0.04, 0.01]), 252.0), 1_000, seed=1)
    played = backtest(market, rule, Costs.bps(2, commission=2, half_spread=3))
    return Measured(played, Benchmark.of(played, 5.0))


def test_values_are_those_of_the_registry() -> None:
    one = measured(Calendar(HELD, "month"))
    found = slow_figures(one, limited=True, level=0.95)
    for metric in SLOW_METRICS:
        each, of = found[metric], METRICS[metric].of
        assert isinstance(each, Estimate)
        assert of is not None
        assert each.value == pytest.approx(of(one), rel=1e-12)
        assert each.lower < each.value < each.upper


def test_the_interval_of_tracking_error_is_the_root_of_that_of_its_square() -> None:
    one = measured(Calendar(HELD, "week"))
    found, square = slow_figures(one, limited=True, level=0.95)["tracking_error"], one.active - one.active.mean()
    reach = stats.t(WAVES).ppf(0.975) * wave_error(square**2) / np.mean(square**2) / 2.0
    assert isinstance(found, Estimate)
    ends = [found.value * math.exp(-reach), found.value * math.exp(reach)]
    assert [found.lower, found.upper] == pytest.approx(ends, rel=1e-9)


def test_tracking_of_what_has_not_shown_its_limit_is_known_from_below_only() -> None:
    found = slow_figures(measured(Calendar(HELD, "quarter")), limited=False, level=0.95)
    for metric in SLOW_METRICS:
        each = found[metric]
        assert isinstance(each, Estimate)
        assert math.isinf(each.upper) == metric.startswith("tracking_error")


def test_what_never_traded_has_no_interval_of_cost_and_turnover() -> None:
    found = slow_figures(measured(Never(HELD)), limited=False, level=0.95)
    assert found["cost"] == found["turnover"] == NotAvailable("it never traded")
