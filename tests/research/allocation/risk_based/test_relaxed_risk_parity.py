"""Relaxed risk parity against Riskfolio-Lib, and against risk parity where nothing is relaxed."""

import numpy as np
import pytest

from research.allocation import RelaxedRiskParity, RiskParity
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.records import Constraints
from research.allocation.constraints.roots import root_of
from research.allocation.optimised.aims import return_limit
from research.allocation.risk_based.risk_parity import relaxed_risk_parity
from research.forecast import Estimated

EQUAL = np.full(20, 0.05)


def value(weights, covariance, penalty):
    """psi - gamma of the paper, from the weights."""
    variance = weights @ covariance @ weights + penalty * (weights**2 @ np.diag(covariance))
    least = (weights * (covariance @ weights) / EQUAL).min()
    return np.sqrt(variance) - np.sqrt(max(least, 0.0))


@pytest.mark.parametrize(("goal", "version", "penalty"), [(None, "C", 1.0), (0.2, "A", 0.0), (0.2, "C", 5.0)])
def test_weights_are_those_of_riskfolio(stocks, goal, version, penalty):
    import riskfolio

    theirs = riskfolio.Portfolio(returns=stocks, lowerret=None if goal is None else goal / 252.0)
    theirs.assets_stats(method_mu="hist", method_cov="hist")
    theirs.solvers = ["CLARABEL"]
    weights = theirs.rrp_optimization(version=version, l=penalty)["weights"].to_numpy()
    returns = stocks.to_numpy()
    mean, covariance = 252.0 * returns.mean(axis=0), 252.0 * np.cov(returns, rowvar=False)
    known = Known(tuple(stocks.columns), covariance=covariance)
    limits = build(Constraints(), known)
    if goal is not None:
        limits = limits.with_limits([*limits.limits, return_limit(mean, goal)])
    found = relaxed_risk_parity(limits, covariance, root_of(covariance, known.assets), EQUAL, penalty)
    assert found.weights == pytest.approx(weights, abs=1e-4)
    assert found.value == pytest.approx(value(found.weights, covariance, penalty), abs=1e-9)
    assert found.value <= value(weights, covariance, penalty) + 1e-9
    if goal is not None:
        assert mean @ found.weights == pytest.approx(goal, abs=1e-9)


def test_without_penalty_and_goal_it_is_risk_parity(noisy):
    forecast, budgets = Estimated(window=60), {"A00": 0.4}
    relaxed = RelaxedRiskParity(penalty=0.0, forecast=forecast, budgets=budgets).answer(noisy.past(200))
    assert relaxed.value == pytest.approx(0.0, abs=1e-9)
    expected = pytest.approx(RiskParity(forecast=forecast, budgets=budgets).target(noisy.past(200)), abs=1e-6)
    assert relaxed.weights == expected


def test_a_goal_of_return_binds_and_has_a_price(noisy):
    past, forecast = noisy.past(200), Estimated(window=60)
    moments = forecast.predict(past).over(252.0)
    free = RelaxedRiskParity(forecast=forecast).target(past)[:5] @ moments.mean
    goal = 0.5 * (free + moments.mean.max())
    answer = RelaxedRiskParity(goal, forecast=forecast).answer(past)
    assert answer.weights[:5] @ moments.mean == pytest.approx(goal, abs=1e-9)
    words = [one.limit for one in answer.binding]
    assert any(said.startswith("the expected return is at least") for said in words)
