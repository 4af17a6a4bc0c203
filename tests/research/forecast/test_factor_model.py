"""A covariance by betas to named factors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated import market_of

from foundation.errors import ConfigError, DataError
from research.forecast import FactorModel
from research.forecast.factor_model import factor_covariance
from research.market.factors import factors_of


def planted(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Two factors, and returns of three assets with betas (1, 0), (0.5, 1), (0, 2) and residuals orthogonal to all."""
    columns = np.random.default_rng(3).standard_normal((rows, 6))
    apart = np.linalg.qr(np.column_stack([np.ones(rows), columns]))[0][:, 1:] * (rows - 1) ** 0.5  # variance 1, ddof 1
    factors = 0.01 * apart[:, :2]
    return factors, factors @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 2.0]]) + 0.002 * apart[:, 3:]


def test_the_covariance_of_planted_betas_is_that_of_the_closed_form() -> None:
    factors, returns = planted(60)
    betas = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 2.0]])
    expected = 1e-4 * betas.T @ betas + 4e-6 * 59 / 57 * np.eye(3)
    np.testing.assert_allclose(factor_covariance(returns, factors), expected, rtol=1e-10, atol=1e-16)


def test_it_sees_the_rows_of_its_window_alone_and_says_what_is_missing() -> None:
    factors, returns = planted(60)
    market = market_of(np.vstack([np.zeros(3), returns]))
    frame = pd.DataFrame(factors, index=market.dates[1:], columns=["market", "value"])
    model, past = FactorModel(factors_of(frame), window=60), market.past(60)
    assert np.array_equal(model.predict(past).covariance, factor_covariance(returns, factors))
    assert np.array_equal(model.known(past, np.array([59, 60])), [False, True])
    assert model.predict(past).seen == past.date
    with pytest.raises(DataError, match=r"has no return of market, value on .*: it runs from .* Give a longer file"):
        FactorModel(factors_of(frame.iloc[1:]), window=60).predict(past)
    with pytest.raises(DataError, match=r"needs the returns of named factors.* Add `factors: FILE.csv`"):
        FactorModel(window=60).predict(past)
    with pytest.raises(DataError, match="4 returns are too few for the betas to 2 factors: give more than 4"):
        factor_covariance(returns[:4], factors[:4])
    with pytest.raises(DataError, match="follows from the others"):
        factor_covariance(returns, np.column_stack([factors[:, 0], 2.0 * factors[:, 0]]))
    with pytest.raises(ConfigError, match="window of FactorModel is 1"):
        replace(model, window=1)
