"""A covariance taken apart: the one symmetric root of its correlations."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from research.risk.simulation.covariances import taken_apart


@pytest.mark.parametrize("n", [1, 2, 12])
def test_the_root_is_the_symmetric_one_that_scipy_finds(n):
    x = np.random.default_rng(n).normal(size=(40, n)) * np.geomspace(1e-3, 10.0, n)
    covariance = np.atleast_2d(np.cov(x, rowvar=False))
    volatility, root = taken_apart(covariance, "covariance")
    np.testing.assert_allclose(volatility, x.std(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(root, root.T, atol=1e-14)
    np.testing.assert_allclose(root, sqrtm(covariance / np.outer(volatility, volatility)), atol=1e-12)


def test_a_singular_covariance_has_a_root_and_so_has_none_at_all():
    volatility, root = taken_apart(np.array([[4.0, 2.0], [2.0, 1.0]]), "covariance")
    np.testing.assert_allclose(volatility[:, None] * root @ root.T * volatility, [[4.0, 2.0], [2.0, 1.0]], atol=1e-12)
    np.testing.assert_allclose(taken_apart(np.zeros((2, 2)), "covariance")[0], 0.0)


def test_a_root_does_not_depend_on_the_order_of_the_lines():
    covariance, order = np.cov(np.random.default_rng(1).normal(size=(40, 5)), rowvar=False), [3, 0, 4, 1, 2]
    root, other = (taken_apart(c, "covariance")[1] for c in (covariance, covariance[np.ix_(order, order)]))
    np.testing.assert_allclose(other, root[np.ix_(order, order)], atol=1e-12)
