"""DeMiguel, Garlappi, Uppal (2009): sample mean-variance portfolios lose to 1/N, until samples are very long.

Section 5 of Optimal Versus Naive Diversification, its simulated economy of 25 assets: a factor with a premium of 8 %
and a volatility of 16 % a year, and 24 assets with betas from 0.5 to 1.5, no alphas, and own volatilities from 10 to
30 %. The numbers of its table are of one path of 24,000 months and are not repeated; the order of the three Sharpe
ratios is.
"""

import numpy as np
import pytest
from scipy.stats import wishart

from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.optimum import optimum
from research.allocation.constraints.records import Bounds, Constraints, Most
from research.allocation.constraints.roots import root_of
from research.allocation.optimised.aims import utility

FREE = Constraints(net=Bounds(least=-1e3, most=1e3), gross=Most(most=1e3), every_line=Bounds(least=-1e3, most=1e3))


@pytest.fixture(scope="module")
def economy():
    """Mean and covariance of 25 excess returns a month."""
    betas = np.append(1.0, np.linspace(0.5, 1.5, 24))
    own = np.append(0.0, np.random.default_rng(0).uniform(0.1, 0.3, 24))
    return betas * 0.08 / 12.0, (np.outer(betas, betas) * 0.16**2 + np.diag(own**2)) / 12.0


def sharpe(weights, mean, covariance):
    return float(mean @ weights / np.sqrt(weights @ covariance @ weights))


def expected(economy, months, draws):
    """Mean Sharpe ratio a month, out of sample, of the mean-variance weights of samples of so many months."""
    mean, covariance = economy
    rng = np.random.default_rng(months)
    names, found = tuple(f"L{i}" for i in range(25)), []
    for _ in range(draws):
        seen = wishart.rvs(months - 1, covariance / (months - 1), random_state=rng)
        guess = rng.multivariate_normal(mean, covariance / months)
        limits = build(FREE, Known(names))
        weights = optimum(limits, utility(guess, root_of(seen, names), 50.0)).weights
        found.append(sharpe(weights, mean, covariance))
    return float(np.mean(found))


def test_sample_mean_variance_loses_to_equal_weights_at_120_months_and_wins_far_out(economy):
    equal = sharpe(np.full(25, 1 / 25), *economy)
    best = sharpe(np.linalg.solve(economy[1], economy[0]), *economy)
    short, long = expected(economy, 120, 30), expected(economy, 120_000, 5)
    assert short < 0.5 * equal < equal < long < best
    assert best == pytest.approx(0.5 / 12**0.5, rel=1e-9)  # all of the premium is the factor's
