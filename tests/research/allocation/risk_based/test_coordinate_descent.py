"""Risk budgets by coordinate descent against their definition and a closed form."""

import numpy as np
import pytest

from research.allocation.risk_based.coordinate_descent import of_budgets


@pytest.mark.parametrize("n", [2, 7, 60])
def test_contributions_are_the_budgets(n):
    rng = np.random.default_rng(n)
    loadings = rng.normal(size=(n, 3))
    covariance = 0.02 * loadings @ loadings.T + np.diag(rng.uniform(0.001, 0.09, n))
    budgets = rng.dirichlet(np.ones(n))
    v = of_budgets(covariance, budgets)
    assert (v > 0.0).all()
    assert v * (covariance @ v) == pytest.approx(budgets, rel=1e-10)


def test_two_equal_budgets_are_in_inverse_proportion_to_volatility():
    v = of_budgets(np.array([[0.04, -0.006], [-0.006, 0.01]]), np.array([0.5, 0.5]))
    assert v[1] / v[0] == pytest.approx(2.0, rel=1e-12)  # whatever the correlation: Maillard and others (2010)
