"""Dynamic correlations: a simulated law found again, the likelihood by scipy, the horizon by hand."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from simulated import market_of, world

from foundation.errors import ConfigError, DataError
from research.forecast import DynamicCorrelations
from research.forecast.volatility.dcc import fitted_dynamics, standardised
from research.forecast.volatility.garch_kernel import following_correlation, pair_loss
from research.market import Market

NEWS, MEMORY = 0.04, 0.94
TARGET = np.array([[1.0, 0.6, 0.2], [0.6, 1.0, -0.3], [0.2, -0.3, 1.0]])


def step(q: np.ndarray, z: np.ndarray) -> np.ndarray:
    return (1.0 - NEWS - MEMORY) * TARGET + NEWS * np.outer(z, z) + MEMORY * q


def correlation(q: np.ndarray) -> np.ndarray:
    return q / np.sqrt(np.outer(np.diag(q), np.diag(q)))


@pytest.fixture(scope="module")
def shocks() -> tuple[np.ndarray, np.ndarray]:
    """Shocks (T, 3) of the law, and the correlation of each day."""
    rng = np.random.default_rng(0)
    q, found, laws = TARGET, np.empty((6_000, 3)), np.empty((6_000, 3, 3))
    for t in range(6_000):
        laws[t] = correlation(q)
        found[t] = np.linalg.cholesky(laws[t]) @ rng.standard_normal(3)
        q = step(q, found[t])
    return found, laws


def test_the_law_that_simulated_shocks_is_found_again(shocks: tuple[np.ndarray, np.ndarray]) -> None:
    news, memory = fitted_dynamics(shocks[0], np.corrcoef(shocks[0], rowvar=False))
    assert news == pytest.approx(NEWS, abs=0.01)
    assert memory == pytest.approx(MEMORY, abs=0.02)


def test_the_loss_is_that_of_pairs_of_normals(shocks: tuple[np.ndarray, np.ndarray]) -> None:
    z, total, q = shocks[0][:50], 0.0, TARGET
    for one in z:
        r = correlation(q)
        for i, j in ((1, 0), (2, 0), (2, 1)):
            joint = multivariate_normal(cov=r[np.ix_((i, j), (i, j))]).logpdf(one[[i, j]])
            total -= joint + np.log(2.0 * np.pi)
        q = step(q, one)
    assert pair_loss(z, TARGET, NEWS, MEMORY) == pytest.approx(total / 2.0, rel=1e-10)
    np.testing.assert_allclose(following_correlation(z, TARGET, NEWS, MEMORY), correlation(q), rtol=1e-12)


def test_correlations_of_tomorrow_are_near_the_true_ones(shocks: tuple[np.ndarray, np.ndarray]) -> None:
    z, laws = shocks
    market = market_of(np.vstack([np.zeros(3), 0.01 * z]))
    fitted = DynamicCorrelations(horizon=1).fit(market.past(3_000))
    errors, plain = [], []
    for t in range(3_000, 5_990, 50):
        found = fitted.predict(market.past(t))
        errors.append(found.covariance / np.outer(found.volatility, found.volatility) - laws[t])
        plain.append(fitted.target - laws[t])
    assert np.abs(errors).mean() < 0.5 * np.abs(plain).mean()


def test_over_a_horizon_correlations_come_back_to_their_target() -> None:
    past = world(days=1_400, n=3, seed=2).past(1_399)
    one, many = (DynamicCorrelations(horizon=h).fit(past) for h in (1, 3))
    assert (one.news, one.memory) == (many.news, many.memory)
    tomorrow = one.predict(past)
    first = tomorrow.covariance / np.outer(tomorrow.volatility, tomorrow.volatility)
    deviations = np.sqrt(one.laws.ahead(one.laws.variances(past)[-1], 3))
    both = one.news + one.memory
    by_hand = sum(np.outer(d, d) * (one.target + both**k * (first - one.target)) for k, d in enumerate(deviations))
    np.testing.assert_allclose(many.predict(past).covariance, by_hand, rtol=1e-10)
    expected = pytest.approx(1.0, abs=0.05)
    assert standardised(past, one.laws, one.laws.variances(past), np.arange(3), 1_260).std() == expected


def test_a_line_listed_after_the_fit_is_left_out_with_a_note(facts_market: Market) -> None:
    model = DynamicCorrelations(estimate=100, window=300)
    found = model.fit(facts_market.past(500)).predict(facts_market.past(799))
    assert "VWO" not in found.assets
    assert found.notes[-1] == "VWO is left out: it had too few returns at the fit of 2016-05-19."


def test_one_line_alone_and_a_short_window_are_refused() -> None:
    with pytest.raises(DataError, match="A alone has no correlations"):
        DynamicCorrelations(window=300).fit(world(days=500, n=1).past(499))
    with pytest.raises(ConfigError, match=r"window of DynamicCorrelations is 30: give .* at least 252"):
        DynamicCorrelations(window=30)
