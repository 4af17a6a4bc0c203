"""A GARCH(1,1) by maximum likelihood, against arch on real assets and against the law that simulated one."""

import numpy as np
import pytest

from foundation.errors import DataError
from research.portfolio import load_portfolio
from research.risk import Garch
from research.risk.simulation.garch_fit import _loss, fit_garch


@pytest.fixture(scope="module")
def market():
    return load_portfolio("data/portfolios/global_multi_asset.yaml").market


@pytest.mark.parametrize("name", ["SPY", "AGG", "GLD", "BTC", "VNQ"])
def test_real_lines_have_the_fit_of_arch(market, name):
    from arch.univariate import GARCH, ZeroMean

    series = np.log1p(market.returns[1460:, market.assets.index(name)])
    shocks = series - series.mean()
    found = fit_garch(shocks, name)
    size = shocks.std()
    peer = ZeroMean(shocks / size, volatility=GARCH(1, 0, 1), rescale=False).fit(
        disp="off", backcast=1.0, tol=1e-10, options={"maxiter": 1000}
    )
    omega, alpha, beta = np.asarray(peer.params)
    assert found.likelihood >= peer.loglikelihood - len(shocks) * np.log(size) - 0.1
    assert found.alpha == pytest.approx(alpha, abs=0.01)
    assert found.beta == pytest.approx(beta, abs=0.01)
    ahead = np.sqrt(omega + alpha * (shocks[-1] / size) ** 2 + beta * peer.conditional_volatility[-1] ** 2)
    assert np.sqrt(found.following) == pytest.approx(size * ahead, rel=0.01)


def test_the_law_that_simulated_a_line_is_found_again():
    law = Garch(np.array([0.05]), np.array([[0.04]]), 0.08, 0.90, 252.0)
    shocks = np.log1p(law.returns(1, 20_000, seed=4)[0, :, 0])
    found = fit_garch(shocks - shocks.mean(), "A")
    assert found.alpha == pytest.approx(0.08, abs=0.015)
    assert found.beta == pytest.approx(0.90, abs=0.02)
    assert found.omega / (1.0 - found.alpha - found.beta) == pytest.approx(0.04 / 252.0, rel=0.1)


def test_the_gradient_is_that_of_differences():
    shocks = np.random.default_rng(0).standard_normal(400)
    at, scratch, step = np.array([0.05, 0.1, 0.8]), np.empty(400), 1e-6
    found = _loss(shocks, *at, scratch)[1:]
    for k in range(3):
        ends = [_loss(shocks, *(at + sign * step * np.eye(3)[k]), scratch)[0] for sign in (1.0, -1.0)]
        assert found[k] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)


def test_independent_shocks_have_next_to_no_news():
    found = fit_garch(np.random.default_rng(1).normal(0.0, 0.01, 5_000), "A")
    assert found.alpha < 0.03
    assert np.sqrt(found.following) == pytest.approx(0.01, rel=0.1)


def test_a_line_that_does_not_vary_is_refused():
    with pytest.raises(DataError, match="A does not vary over 300 days"):
        fit_garch(np.zeros(300), "A")
