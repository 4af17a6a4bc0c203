"""Laws of the returns to come: what they keep of the past, their seeds, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest

from foundation.errors import DataError
from research.portfolio import load_portfolio
from research.risk.simulation.future_laws import BLOCK_PATHS, fit_filtered, future_laws, sample
from research.risk.simulation.models import Garch
from research.risk.simulation.simulated import simulated_market

NAMES = ["stationary bootstrap", "two regimes", "filtered historical"]


@pytest.fixture(scope="module")
def market():
    return load_portfolio("data/portfolios/sixty_forty.yaml").market


@pytest.fixture(scope="module")
def laws(market):
    return future_laws(market, 252.0)[0]


def test_the_bootstrap_comes_first(laws):
    assert list(laws) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_block_has_the_same_bits_whenever_it_is_drawn(laws, name):
    law = laws[name]
    law.growths(0, 30, seed=7)
    again = law.growths(3, 30, seed=7)
    assert again.shape == (BLOCK_PATHS, 30, 2)
    assert again.tobytes() == law.growths(3, 30, seed=7).tobytes()
    assert again.tobytes() != law.growths(2, 30, seed=7).tobytes()
    assert again.tobytes() != law.growths(3, 30, seed=8).tobytes()


def from_the_regime_of_today(regimes) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation over the days of a year that begins in the regime of today, by the chain's own powers."""
    chances, shares = regimes.today.copy(), np.zeros(2)
    for _ in range(252):
        chances = chances @ regimes.transition
        shares += chances / 252
    mean = shares @ regimes.means
    squares = np.array([np.diag(covariance) for covariance in regimes.covariances]) + regimes.means**2
    return mean, np.sqrt(shares @ squares - mean**2)


@pytest.mark.parametrize("name", NAMES)
def test_mean_volatility_and_correlation_are_those_of_the_past(laws, market, name):
    past = np.log1p(sample(market, 252.0)[1])
    drawn = np.concatenate([np.log(laws[name].growths(block, 252, seed=1)) for block in range(6)])
    error = past.std(axis=0) / np.sqrt(drawn[..., 0].size)
    slack = 6.0 if name == "stationary bootstrap" else 4.0  # days of a block are drawn together
    year = drawn.reshape(-1, 2)
    mean, deviation = past.mean(axis=0), past.std(axis=0)
    if name == "two regimes":
        mean, deviation = from_the_regime_of_today(laws[name].regimes)
    assert (abs(year.mean(axis=0) - mean) < slack * error + 2e-5).all()
    np.testing.assert_allclose(year.std(axis=0), deviation, rtol=0.30 if name == "filtered historical" else 0.04)
    together = laws[name].shocks if name == "filtered historical" else past  # its correlations are those of shocks
    assert np.corrcoef(year.T)[0, 1] == pytest.approx(np.corrcoef(together.T)[0, 1], abs=0.06)


def test_filtered_simulation_starts_from_the_volatility_of_today(market):
    returns = np.log1p(sample(market, 252.0)[1])
    calm, wild = returns.copy(), returns.copy()
    calm[-60:] *= 0.2
    wild[-60:] *= 3.0
    ahead = [np.log(fit_filtered(r, market.assets).growths(0, 5, seed=1)).std() for r in (calm, wild)]
    assert ahead[1] > 3.0 * ahead[0]


def test_a_garch_that_simulated_a_line_is_found_again():
    law = Garch(np.array([0.05]), np.array([[0.04]]), 0.08, 0.90, 252.0)
    found = fit_filtered(np.log1p(law.returns(1, 12_000, seed=4)[0]), ("A",))
    assert found.alpha[0] == pytest.approx(0.08, abs=0.02)
    assert found.beta[0] == pytest.approx(0.90, abs=0.03)
    assert abs(found.shocks.mean()) < 1e-12
    assert found.shocks.std() == pytest.approx(1.0, abs=1e-12)


def test_no_variance_to_come_exceeds_the_largest_of_the_past(market):
    law = fit_filtered(0.01 * np.random.default_rng(5).standard_t(2.5, (3_000, 1)), ("A",))
    drawn = np.log(np.concatenate([law.growths(block, 252, seed=1) for block in range(6)]))
    assert np.abs(drawn - law.mean).max() <= np.sqrt(law.largest[0]) * np.abs(law.shocks).max() * (1.0 + 1e-12)
    assert law.largest[0] >= law.variance[0]


def test_too_few_returns_are_refused(market):
    young = market.until(market.dates[0] + np.timedelta64(200, "D"))
    with pytest.raises(DataError, match=r"need 252\."):
        future_laws(young, 252.0)


def test_a_line_that_has_left_is_refused(market):
    table = market.instruments.copy()
    left = table.assign(delisted=[market.dates[-5], None], delisting_return=[0.0, np.nan])
    tradable, returns = market.tradable.copy(), market.returns.copy()
    tradable[-5:, 0], returns[-5:, 0] = False, 0.0
    gone = replace(market, instruments=left, tradable=tradable, returns=returns)
    with pytest.raises(DataError, match=f"{market.assets[0]} is not listed at the last close"):
        future_laws(gone, 252.0)


def test_a_simulated_market_has_laws_too():
    law = Garch(np.array([0.05, 0.02]), np.array([[0.04, 0.005], [0.005, 0.01]]), 0.08, 0.90, 252.0)
    laws, refused = future_laws(simulated_market(law, 600, seed=1), 252.0)
    assert (list(laws), refused) == (NAMES, {})


def test_a_law_that_cannot_be_fitted_is_left_out_alone_and_says_why(market):
    still = market.returns.copy()
    still[:, 1] = 0.0
    laws, refused = future_laws(replace(market, returns=still), 252.0)
    assert list(laws) == NAMES[:1]
    assert "AGG does not vary over" in refused["two regimes"]
    assert refused["filtered historical"].endswith("no GARCH can be fitted to it.")
