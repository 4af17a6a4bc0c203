"""Robust CVaR against skfolio, a programme stated in cvxpy, and the limits of its radius."""

import cvxpy as cp
import numpy as np
import pytest

from foundation.errors import DataError
from research.allocation import RobustCVaR
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.records import Bounds, Constraints
from research.allocation.risk_based.minimum_risk import reliable_radius, robust_cvar


@pytest.fixture(scope="module")
def six(stocks):
    return stocks.iloc[-60:, :6]


def limits(returns, **more):
    return build(Constraints(**more), Known(tuple(returns.columns)))


@pytest.mark.parametrize("radius", [0.0, 0.0005, 0.005])
def test_weights_are_those_of_the_programme_of_esfahani_and_kuhn(six, radius):
    """Equation 27 with all returns as the support: a multiplier of the distance, and a loss of two pieces a session."""
    values, level, aversion = six.to_numpy(), 0.9, 2.0
    weights, at_risk, price, loss = cp.Variable(6), cp.Variable(), cp.Variable(), cp.Variable(60)
    steep = 1.0 + aversion / (1.0 - level)
    limited = [
        cp.sum(weights) == 1, weights >= 0, weights <= 0.5,
        -values @ weights + aversion * at_risk <= loss,
        -steep * values @ weights + aversion * (1.0 - 1.0 / (1.0 - level)) * at_risk <= loss,
        cp.norm(weights, "inf") <= price, steep * cp.norm(weights, "inf") <= price,
    ]  # fmt: skip
    programme = cp.Problem(cp.Minimize(radius * price + cp.sum(loss) / 60), limited)
    programme.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    found = robust_cvar(limits(six, every_line=Bounds(least=0.0, most=0.5)), values, level, radius, aversion)
    assert -found.value == pytest.approx(programme.value, abs=1e-9)
    assert found.weights == pytest.approx(weights.value, abs=1e-5)


def test_weights_are_those_of_skfolio_where_no_return_comes_near_a_total_loss(six):
    from skfolio.optimization import DistributionallyRobustCVaR

    theirs = DistributionallyRobustCVaR(
        risk_aversion=1.0, cvar_beta=0.9, wasserstein_ball_radius=1e-5, max_weights=0.5
    ).fit(six)
    found = robust_cvar(limits(six, every_line=Bounds(least=0.0, most=0.5)), six.to_numpy(), 0.9, 1e-5, 1.0)
    assert found.weights == pytest.approx(theirs.weights_, abs=2e-3)


def test_a_large_radius_gives_equal_weights(six):
    found = robust_cvar(limits(six), six.to_numpy(), 0.95, 10.0, 1.0)
    assert found.weights == pytest.approx(np.full(6, 1 / 6), abs=1e-7)


def test_the_allocation_keeps_its_bounds_and_says_what_binds(noisy):
    answer = RobustCVaR(window=60, upper={"A00": 0.2}).answer(noisy.past(150))
    assert answer.weights.sum() == pytest.approx(1.0, abs=1e-9)
    assert answer.weights[0] == pytest.approx(0.2, abs=1e-8)
    assert "A00 is at most 20.00 % of NAV" in [one.limit for one in answer.binding]


def test_without_a_radius_a_window_needs_more_returns_than_lines(make_market):
    past = make_market(np.random.default_rng(0).normal(0.0, 0.01, (60, 40))).past(59)
    with pytest.raises(DataError, match="window of RobustCVaR has 30 returns for 40 assets: it needs more returns"):
        RobustCVaR(window=30, radius=0.0).answer(past)
    assert RobustCVaR(window=30, radius=10.0).target(past) == pytest.approx(np.full(40, 1 / 40), abs=1e-7)


def test_the_default_radius_makes_the_worst_case_of_equal_weights_as_reliable_as_the_bootstrap_says(stocks):
    """Its worst case adds 1.64 standard errors of the risk in the window, which draws of its days give too."""
    values, level, aversion = stocks.iloc[:, :10].to_numpy(), 0.9, 1.0
    losses = -values.mean(axis=1)

    def risk(sample):
        at_risk = np.quantile(sample, level)
        return sample.mean() + aversion * (at_risk + np.maximum(sample - at_risk, 0.0).mean() / (1.0 - level))

    rng = np.random.default_rng(3)
    drawn = [risk(losses[rng.integers(0, len(losses), len(losses))]) for _ in range(1_000)]
    added = reliable_radius(values, level, aversion) * (1.0 + aversion / (1.0 - level)) / 10
    assert added == pytest.approx(1.645 * np.std(drawn), rel=0.1)
    assert np.mean(risk(losses) + added > np.array(drawn)) == pytest.approx(0.95, abs=0.02)


def test_the_default_radius_falls_with_the_root_of_the_window_and_is_no_equal_weights(stocks):
    values = stocks.iloc[:, :6].to_numpy()
    long = reliable_radius(np.tile(values, (4, 1)), 0.95, 1.0)
    assert long == pytest.approx(reliable_radius(values, 0.95, 1.0) / 2.0, rel=0.01)
    found = robust_cvar(limits(stocks.iloc[:, :6]), values, 0.95, reliable_radius(values, 0.95, 1.0), 1.0).weights
    spread = robust_cvar(limits(stocks.iloc[:, :6]), values, 0.95, 0.02, 1.0).weights
    assert spread == pytest.approx(np.full(6, 1 / 6), abs=0.01)  # the default of skfolio
    assert found.max() - found.min() > 0.1
