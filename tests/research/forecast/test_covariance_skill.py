"""Losses of covariances against skfolio's evaluation of covariance forecasts."""

from types import SimpleNamespace

import numpy as np
import pytest
from simulated import world
from skfolio.metrics import mahalanobis_calibration_ratio, portfolio_variance_qlike_loss

from research.errors import DataError
from research.forecast import EWMAVolatility
from research.forecast.covariance_skill import calibration, portfolio_qlike
from research.forecast.moments import Moments

MARKET = world(days=600, n=4)
MOMENTS = EWMAVolatility(horizon=21).predict(MARKET.past(500))
CAME = MARKET.returns[501:522]
PEER = SimpleNamespace(covariance_=MOMENTS.covariance / 21.0)  # skfolio's are of one period


@pytest.mark.parametrize("weights", [None, np.array([0.4, 0.3, 0.2, 0.1])])
def test_the_loss_of_a_portfolio_is_that_of_skfolio_but_for_what_no_forecast_moves(weights: np.ndarray | None) -> None:
    held = 1.0 / MOMENTS.volatility if weights is None else weights
    squares = np.square(CAME @ (held / held.sum())).sum()
    its = portfolio_variance_qlike_loss(PEER, CAME, portfolio_weights=weights)
    assert portfolio_qlike(MOMENTS, CAME, weights) == pytest.approx(its - np.log(squares) - 1.0, rel=1e-10)


def test_calibration_is_that_of_skfolio() -> None:
    assert calibration(MOMENTS, CAME) == pytest.approx(mahalanobis_calibration_ratio(PEER, CAME), rel=1e-10)


def test_a_covariance_that_is_right_is_calibrated() -> None:
    rng = np.random.default_rng(2)
    law = Moments(("A", "B"), np.zeros(2), 3.0 * np.array([[1.0, 0.5], [0.5, 2.0]]), 3, MARKET.dates[0])
    draws = rng.multivariate_normal(np.zeros(2), law.covariance / 3.0, size=(20_000, 3))
    assert np.mean([calibration(law, draw) for draw in draws]) == pytest.approx(1.0, abs=0.02)


def test_returns_of_another_shape_and_a_singular_covariance_are_refused() -> None:
    with pytest.raises(DataError, match=r"returns have the shape \(20, 4\): moments of 4 lines over 21 periods need"):
        portfolio_qlike(MOMENTS, CAME[:20])
    singular = Moments(("A", "B"), np.zeros(2), np.ones((2, 2)), 1, MARKET.dates[0])
    with pytest.raises(DataError, match="covariance of A, B up to 2020-01-01 has no inverse"):
        calibration(singular, np.ones((1, 2)))
