"""Views from forecasts: moved by the share that came true, by nothing without skill, and never by the future."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypfopt import BlackLittermanModel
from simulated import every_day

from foundation.errors import ConfigError
from research.forecast import Estimated, ForecastViews, Moments
from research.forecast.views.forecast_views import MeasuredSkill, Share, measured_share, toward
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
    """Expects nothing of each asset."""

    window: int = 63

    def predict(self, past: Past) -> Moments:
        return replace(Estimated(window=self.window).predict(past), mean=np.zeros(len(past.assets)))


@pytest.fixture(scope="module")
def market() -> Market:
    return every_day(days=DAYS, n=5, seed=8)


def planted(market: Market, share: float, noise: float, seed: int = 1) -> Planted:
    """Forecasts that are the outcome to come plus noise: of what they say, `share` comes true."""
    grown = np.cumprod(1.0 + market.returns, axis=0)
    ahead = np.zeros_like(grown)
    ahead[:-21] = grown[21:] / grown[:-21] - 1.0
    drawn = np.random.default_rng(seed).normal(0.0, noise, ahead.shape)
    return Planted(tuple(map(tuple, ahead / share + drawn)))


def test_the_share_that_came_true_is_found_and_its_lower_bound_is_the_confidence(market: Market) -> None:
    found = ForecastViews(planted(market, 0.5, 0.0), Still(), level=0.5).measured(market.past(DAYS - 1))
    for share in (found.level, found.differences):
        assert share.slope == pytest.approx(0.5, abs=0.02)
        assert share.confidence == share.slope
    noisy = ForecastViews(planted(market, 1.0, 0.05), Still()).measured(market.past(DAYS - 1)).differences
    signal = 0.01 * np.sqrt(21)
    assert noisy.slope == pytest.approx(signal**2 / (signal**2 + 0.05**2), abs=3.0 * noisy.error)
    assert noisy.confidence == pytest.approx(noisy.slope - 1.2815515655446004 * noisy.error, abs=1e-12)


def test_a_right_level_is_not_trusted_for_differences_nor_the_other_way_round(market: Market) -> None:
    told = np.array(planted(market, 1.0, 0.0).future)
    noise = np.random.default_rng(2).normal(0.0, 0.03, told.shape)
    level = told.mean(axis=1, keepdims=True) + noise - noise.mean(axis=1, keepdims=True)
    differences = told - told.mean(axis=1, keepdims=True) + noise.mean(axis=1, keepdims=True)
    for future, right, wrong in ((level, "level", "differences"), (differences, "differences", "level")):
        found = ForecastViews(Planted(tuple(map(tuple, future))), Still()).measured(market.past(DAYS - 1))
        assert getattr(found, right).confidence > 0.8
        assert getattr(found, wrong).confidence < 0.1


def test_without_skill_nothing_is_moved_but_in_one_case_of_ten(market: Market) -> None:
    rng = np.random.default_rng(5)
    moved = sum(
        measured_share(rng.normal(size=(120, 5)), rng.normal(size=(120, 5)), 1, 0.9).confidence > 0.0
        for _ in range(2_000)
    )
    assert 160 <= moved <= 270  # 10 %, a little more in small samples
    blind = ForecastViews(planted(market, -1.0, 0.0), Still())
    past = market.past(DAYS - 1)
    assert blind.measured(past).level.confidence == blind.measured(past).differences.confidence == 0.0
    np.testing.assert_array_equal(blind.predict(past).mean, np.zeros(5))
    assert blind.measured(past).sentence().count("(confidence 0%)") == 2


def test_too_few_outcomes_move_nothing_and_say_so(market: Market) -> None:
    views, past = ForecastViews(planted(market, 0.5, 0.0), Still()), market.past(600)
    np.testing.assert_array_equal(views.predict(past).mean, np.zeros(5))
    said = views.measured(past).sentence()
    assert "on 17 month ends" in said
    assert said.count("nothing is known") == 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(1e-3, 0.5), st.integers(1, 4))
def test_views_are_those_of_a_peer_with_the_same_errors(
    seed: int, level: float, differences: float, tau: float, said: int
) -> None:
    """The peer's views: the level that minimises variance, and differences that are independent of it."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(6, 4)) * 0.1
    sigma, some = root.T @ root + 1e-3 * np.eye(4), np.sort(rng.permutation(4)[:said])
    day = pd.Timestamp("2020-01-01")
    prior = Moments(tuple("ABCD"), rng.normal(0.0, 0.1, 4), sigma, 252.0, day)
    views = Moments(tuple("ABCD"[i] for i in some), rng.normal(0.0, 0.1, said), np.eye(said), 252.0, day)
    found = toward(prior, views, MeasuredSkill(99, Share(1, 1, level), Share(1, 1, differences)), tau)
    of = sigma[np.ix_(some, some)]
    half = np.linalg.inv(np.linalg.cholesky(of))  # half @ of @ half' is the identity
    basis, _ = np.linalg.qr(np.column_stack([half.sum(axis=1), rng.normal(size=(said, said - 1))]))
    picks = np.zeros((said, 4))
    picks[:, some] = basis.T @ half
    shares = np.array([level, *[differences] * (said - 1)])
    peer = BlackLittermanModel(
        sigma, pi=prior.mean.reshape(-1, 1), P=picks, Q=(picks[:, some] @ views.mean).reshape(-1, 1),
        omega=np.diag(tau * (1.0 / shares - 1.0)), tau=tau,
    )  # fmt: skip
    np.testing.assert_allclose(found.mean, peer.bl_returns().to_numpy(), atol=1e-8)
    np.testing.assert_allclose(found.covariance, peer.bl_cov().to_numpy(), atol=1e-8)


def test_one_share_for_both_moves_each_mean_by_it() -> None:
    rng = np.random.default_rng(4)
    root, day = rng.normal(size=(9, 3)), pd.Timestamp("2020-01-01")
    prior = Moments(tuple("ABC"), rng.normal(size=3), root.T @ root, 1.0, day)
    views = Moments(tuple("ABC"), rng.normal(size=3), np.eye(3), 1.0, day)
    found = toward(prior, views, MeasuredSkill(99, Share(1, 1, 0.3), Share(1, 1, 0.3)), 0.05)
    np.testing.assert_allclose(found.mean, 0.7 * prior.mean + 0.3 * views.mean, atol=1e-12)


def test_the_prior_as_forecast_gives_the_prior_back(market: Market) -> None:
    past, same = market.past(DAYS - 1), ForecastViews(Still(), Still())
    np.testing.assert_array_equal(same.predict(past).mean, np.zeros(5))
    assert np.isnan([same.measured(past).level.slope, same.measured(past).differences.slope]).all()


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
