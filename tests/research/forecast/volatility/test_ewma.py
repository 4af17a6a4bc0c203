"""Variances with exponential weights against skfolio, over a horizon, with correlations of another estimator."""

import numpy as np
import pytest
from simulated import world
from skfolio.moments import EWCovariance

from foundation.errors import ConfigError, DataError
from research.forecast import Estimated, EWMAVolatility


def test_variances_are_those_of_skfolio_over_the_horizon() -> None:
    past = world(days=600).past(599)
    found = EWMAVolatility(23.0, horizon=5).predict(past)
    peer = EWCovariance(half_life=23.0, min_observations=1, nearest=False).fit(past.returns[-252:]).covariance_
    np.testing.assert_allclose(np.diag(found.covariance), 5.0 * np.diag(peer), rtol=1e-9)
    assert (found.horizon, found.seen) == (5, past.date)


def test_correlations_are_those_of_the_estimator_named() -> None:
    past = world(days=600).past(599)
    found, plain = (
        forecast.predict(past) for forecast in (EWMAVolatility(correlations="oas"), Estimated(covariance="oas"))
    )
    ours, its = (m.covariance / np.outer(m.volatility, m.volatility) for m in (found, plain))
    np.testing.assert_allclose(ours, its, rtol=1e-12)
    np.testing.assert_allclose(found.mean, 21.0 * past.returns[1:].mean(axis=0))


def test_what_is_outside_is_refused() -> None:
    with pytest.raises(ConfigError, match="half_life of EWMAVolatility is 0"):
        EWMAVolatility(0.0)
    with pytest.raises(ConfigError, match=r"horizon of EWMAVolatility is 1\.5"):
        EWMAVolatility(horizon=1.5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="correlations of EWMAVolatility is 'none'"):
        EWMAVolatility(correlations="none")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no asset has 252 returns"):
        EWMAVolatility().predict(world(days=200).past(199))
