"""The closed-form half-width against the problem that it solves, and against the published formula for one asset."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

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
