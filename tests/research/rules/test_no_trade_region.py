"""The closed-form half-width against the problem that it solves, and against the published formula for one asset."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

from research.accounting import Costs, Trade, View
from research.allocation import FixedWeights, target_path
from research.market import Market
from research.market.market import instruments_table
from research.rules import NoTradeRegion
from research.rules.no_trade_region import half_widths


@pytest.mark.parametrize("weight", [0.1, 0.4, 0.6, 0.9])
def test_for_one_line_it_is_the_published_formula(weight: float) -> None:
    """Janecek and Shreve (2004): (3 / (2 p) theta^2 (1 - theta)^2 lambda)^(1/3), risk aversion p, cost lambda."""
    h = half_widths(np.array([weight]), np.array([[0.04]]), np.array([1e-3]), tracking_penalty=3.0)
    assert h[0] == pytest.approx((3.0 / 6.0 * weight**2 * (1.0 - weight) ** 2 * 1e-3) ** (1.0 / 3.0), rel=1e-12)


def test_it_is_the_width_at_which_trading_costs_what_tracking_does() -> None:
    """A gap that is kept within h by reflection is spread evenly over [-h, h]: its square is h^2/3 on average.

    It widens with variance a^2 a year, and is pushed back by a^2 / (2 h) a year, at cost c. What is paid in all,
    c a^2 / (2 h) + g/2 S h^2 / 3, is least at h.
    """
    w = np.array([0.3, 0.5])
    cov = np.array([[0.04, 0.012], [0.012, 0.0625]])
    cost, tracking_penalty = np.array([1e-3, 4e-4]), 5.0
    found = half_widths(w, cov, cost, tracking_penalty)
    for i in range(2):
        own = np.eye(2)[i]
        widening = w[i] ** 2 * (own - w) @ cov @ (own - w)

        def paid(h: float, i: int = i, widening: float = widening) -> float:
            return float(cost[i] * widening / (2.0 * h) + tracking_penalty / 2.0 * cov[i, i] * h**2 / 3.0)

        best = minimize_scalar(paid, bounds=(1e-4, 0.2), method="bounded", options={"xatol": 1e-10})
        assert found[i] == pytest.approx(best.x, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_published_formula_for_a_position_that_moves(seed: int) -> None:
    """Martin (2012): half-width^3 = 3 c v^2 / (2 gamma sigma^2), where v^2 is the variance a year of the best position.

    Here the position wanted, less the one held, moves as the simulated weights do when prices move.
    """
    rng = np.random.default_rng(seed)
    w, mix = rng.dirichlet(np.full(4, 3.0))[:3], 0.2 * rng.normal(size=(3, 3))
    returns = 1e-4 * rng.normal(size=(200_000, 3)) @ mix
    covariance, cost = np.cov(returns.T), np.array([1e-3, 2e-3, 5e-4])
    gap = w * (1.0 + returns) / (1.0 + returns @ w)[:, None] - w
    published = np.cbrt(3.0 * cost * gap.var(axis=0, ddof=1) / (2.0 * 5.0 * covariance.diagonal()))
    assert half_widths(w, covariance, cost, 5.0) == pytest.approx(published, rel=1e-3)


def test_it_has_no_unit_of_time() -> None:
    w, cov, cost = np.array([0.3, 0.5]), np.array([[0.04, 0.01], [0.01, 0.09]]), np.array([1e-3, 2e-3])
    assert half_widths(w, cov / 252.0, cost, 5.0) == pytest.approx(half_widths(w, cov, cost, 5.0), rel=1e-13)


def test_a_line_without_target_or_cost_has_no_room() -> None:
    h = half_widths(np.array([0.0, 0.5, 0.4]), np.diag([0.04, 0.04, 0.04]), np.array([1e-3, 0.0, 1e-3]), 5.0)
    assert h[:2].tolist() == [0.0, 0.0]
    assert h[2] > 0.0


def test_a_given_covariance_takes_the_spreads_of_each_months_end_as_an_estimated_one_does() -> None:
    """Half-widths go with the cube root of the spread of the last month's end, compiled and day by day."""
    days, row = pd.bdate_range("2020-01-06", periods=70), np.zeros((70, 2))
    market = Market(
        days, ("A", "B"), row, np.ones((70, 2), dtype=bool), row[:, 0], instruments_table(("A", "B")),
        np.full((70, 2), np.nan), calendar="24/5", name="made",
    )  # fmt: skip
    spread = np.linspace(1e-3, 8e-3, 70)[:, None] * np.ones(2)
    costs, held = Costs(np.zeros(2), spread), FixedWeights((0.5, 0.3))
    rule = NoTradeRegion(held, narrowed=False, covariance=((0.04, 0.0), (0.0, 0.09)))
    bands = rule.no_trade_bands(market, target_path(held, market), costs)
    ends = [0, *(int(t) for t in np.flatnonzero(market.scheduled("month")))]
    for t in (5, 30, 69):
        then = spread[max(end for end in ends if end <= t)]
        expected = half_widths(np.array(held.weights), np.diag([0.04, 0.09]), then, 5.0)
        k = bands.in_force(t, 99)
        assert bands.trigger_upper[k] - held.weights == pytest.approx(expected, rel=1e-12)
        weights = np.array(held.weights) + 2.0 * expected
        view = View(
            market.past(t), np.array(held.weights), weights, 1.0 - weights.sum(), 1.0, np.ones(1), 9, costs.until(t + 1)
        )
        answer = rule.decide(view)
        assert isinstance(answer, Trade)
        assert answer.upper == pytest.approx(bands.upper[k], rel=1e-12)
