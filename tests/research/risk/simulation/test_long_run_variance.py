"""Long-run variances against statsmodels, arch and closed forms."""

import math

import numpy as np
import pytest

from research.risk.simulation.long_run_variance import (
    autocovariances,
    long_run_variance,
    newey_west,
    quadratic_spectral,
)


def autoregressive(rho: float, periods: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(periods)
    for t in range(1, periods):
        noise[t] += rho * noise[t - 1]
    return noise


def test_the_weights_of_newey_and_west_are_those_of_statsmodels() -> None:
    import statsmodels.api as sm

    x = autoregressive(0.4, 500)
    for lags in (0, 3, 10):
        fit = sm.OLS(x, np.ones(500)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
        assert math.sqrt(newey_west(x, lags) / 500) == pytest.approx(float(fit.bse[0]), rel=1e-10)


def test_the_quadratic_spectral_kernel_is_that_of_arch() -> None:
    from arch.covariance.kernel import QuadraticSpectral

    x = autoregressive(0.5, 400)
    x -= x.mean()
    for bandwidth in (1.7, 6.0, 25.0):
        theirs = QuadraticSpectral(x, bandwidth=bandwidth, center=False).cov.long_run.squeeze()
        assert quadratic_spectral(x, bandwidth) == pytest.approx(float(theirs), rel=1e-6)


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.5])
def test_the_long_run_variance_of_an_ar1(rho: float) -> None:
    assert long_run_variance(autoregressive(rho, 100_000)) == pytest.approx(1 / (1 - rho) ** 2, rel=0.05)


def test_autocovariances_by_hand() -> None:
    assert autocovariances(np.array([1.0, -1.0, 1.0, -1.0]), 2).tolist() == [1.0, -0.75, 0.5]
