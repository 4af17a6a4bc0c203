"""Views from forecasts: moved by the share that came true, by nothing without skill, and never by the future."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypfopt import BlackLittermanModel
from simulated import world

from research.errors import ConfigError
from research.forecast import Estimated, ForecastViews, Moments
from research.forecast.forecast_views import measured_skill, toward
from research.market import Market, Past

DAYS = 2_000


@dataclass(frozen=True)
class Planted:
    """Knows a share of what the next 21 days bring beyond a mean of zero, by a market whose future is written down."""

    future: tuple[tuple[float, ...], ...]
    window: int = 63

    def predict(self, past: Past) -> Moments:
        plain = Estimated(window=self.window).predict(past).over(21)
        return replace(plain, mean=np.array(self.future[past.t]))


@dataclass(frozen=True)
class Still:
    """Expects nothing of each line."""

    window: int = 63

    def predict(self, past: Past) -> Moments:
        return replace(Estimated(window=self.window).predict(past), mean=np.zeros(len(past.assets)))


@pytest.fixture(scope="module")
def market() -> Market:
    return world(days=DAYS, n=5, seed=8)


def planted(market: Market, share: float, noise: float, seed: int = 1) -> Planted:
    """Forecasts that are the outcome to come plus noise: of what they say, `share` comes true."""
    grown = np.cumprod(1.0 + market.returns, axis=0)
    ahead = np.zeros_like(grown)
    ahead[:-21] = grown[21:] / grown[:-21] - 1.0
    drawn = np.random.default_rng(seed).normal(0.0, noise, ahead.shape)
    return Planted(tuple(map(tuple, ahead / share + drawn)))


def test_the_share_that_came_true_is_found_and_its_lower_bound_is_the_confidence(market: Market) -> None:
    found = ForecastViews(planted(market, 0.5, 0.0), Still(), level=0.5).measured(market.past(DAYS - 1))
    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert found.confidence == found.slope
    noisy = ForecastViews(planted(market, 1.0, 0.05), Still()).measured(market.past(DAYS - 1))
    signal = 0.01 * np.sqrt(21)
    assert noisy.slope == pytest.approx(signal**2 / (signal**2 + 0.05**2), abs=3.0 * noisy.error)
    assert noisy.confidence == pytest.approx(noisy.slope - 1.2815515655446004 * noisy.error, abs=1e-12)


def test_without_skill_nothing_is_moved_but_in_one_case_of_ten(market: Market) -> None:
    rng = np.random.default_rng(5)
    moved = sum(
        measured_skill(rng.normal(size=(120, 5)), rng.normal(size=(120, 5)), 1, 0.9).confidence > 0.0
        for _ in range(2_000)
    )
    assert 160 <= moved <= 270  # 10 %, a little more in small samples
    blind = ForecastViews(planted(market, -1.0, 0.0), Still())
    past = market.past(DAYS - 1)
    found = blind.predict(past)
    assert blind.measured(past).confidence == 0.0
    np.testing.assert_array_equal(found.mean, np.zeros(5))
    assert blind.measured(past).sentence().endswith("its views have a confidence of 0%.")


def test_too_few_outcomes_move_nothing_and_say_so(market: Market) -> None:
    views, past = ForecastViews(planted(market, 0.5, 0.0), Still()), market.past(600)
    np.testing.assert_array_equal(views.predict(past).mean, np.zeros(5))
    assert (
        views.measured(past).sentence().startswith("17 month ends with outcomes do not show what the forecast is worth")
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.99), st.floats(0.0, 0.5), st.integers(1, 4))
def test_views_are_those_of_a_peer_with_the_same_errors(seed: int, share: float, tau: float, said: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(6, 4)) * 0.1
    prior = Moments(
        tuple("ABCD"), rng.normal(0.0, 0.1, 4), root.T @ root + 1e-3 * np.eye(4), 252.0, pd.Timestamp("2020-01-01")
    )
    some = tuple(sorted(rng.permutation(4)[:said].tolist()))
    views = Moments(
        tuple("ABCD"[i] for i in some), rng.normal(0.0, 0.1, said), np.eye(said), 252.0, pd.Timestamp("2020-01-01")
    )
    found = toward(prior, views, share, tau)
    np.testing.assert_allclose(
        found.mean[list(some)], prior.mean[list(some)] + share * (views.mean - prior.mean[list(some)]), atol=1e-12
    )
    if tau > 1e-3:
        picks = np.eye(4)[list(some)]
        omega = (1.0 / share - 1.0) * tau * picks @ prior.covariance @ picks.T
        peer = BlackLittermanModel(
            prior.covariance, pi=prior.mean.reshape(-1, 1), P=picks, Q=views.mean.reshape(-1, 1), omega=omega, tau=tau
        )
        np.testing.assert_allclose(found.mean, peer.bl_returns().to_numpy(), atol=1e-9)
        np.testing.assert_allclose(found.covariance, peer.bl_cov().to_numpy(), atol=1e-9)


def test_the_prior_as_forecast_gives_the_prior_back(market: Market) -> None:
    past = market.past(DAYS - 1)
    found = ForecastViews(Still(), Still()).predict(past)
    np.testing.assert_array_equal(found.mean, np.zeros(5))
    assert np.isnan(ForecastViews(Still(), Still()).measured(past).slope)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"horizon": 0}, "horizon of ForecastViews is 0"),
        ({"fewest": 5}, "fewest of ForecastViews is 5: give a whole number, at least 12"),
        ({"level": 0.4}, "level of ForecastViews is 0.4"),
        ({"tau": -1.0}, "tau of ForecastViews is -1"),
    ],
)
def test_settings_outside_their_range_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ForecastViews(Estimated(), **wrong)  # type: ignore[arg-type]
