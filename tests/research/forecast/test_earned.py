"""Evidence of forecasts: bets that chance cannot win, views beyond the mean so far, and none of drift."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
from simulated import every_day
from statsmodels.api import GLS

from benchmarks.tilts_by_chance import DRIFT, NOISE, WINDOW, first_tilt, forecast_of, world
from research.forecast import Estimated, EWMAVolatility, Forecast, HARVolatility, Moments, Refitted
from research.forecast.earned import BET, Earned, e_value, e_values, earned, earned_of, tilt_returns, view_of
from research.forecast.estimated import means_so_far
from research.market import Market, Past, load_market


@dataclass(frozen=True)
class Told:
    """Means that are written down, a period, with the covariance of a window."""

    means: tuple[float, ...]
    window: int = 63

    def predict(self, past: Past) -> Moments:
        return replace(Estimated(window=self.window).predict(past), mean=np.array(self.means))


@pytest.fixture(scope="module")
def market() -> Market:
    return every_day(days=900, n=5, seed=3)


@pytest.fixture(scope="module")
def assets() -> Market:
    return load_market("multi_asset_daily").until("2014-12-31")


def test_the_stake_is_multiplied_by_one_plus_bet_times_return() -> None:
    by_hand = (1.0 + 0.5 * BET) * (1.0 - 6.0 * BET) * (1.0 + 4.0 * BET)
    assert e_value(np.array([0.5, -6.0, 9.0])) == pytest.approx(by_hand, rel=1e-12)
    assert e_values(np.array([4.0, -9.0, 4.0])).tolist() == [1.5, 0.0, 0.0]


@pytest.mark.parametrize("worst", [6.0, 8.0])
def test_rare_large_losses_do_not_make_a_fair_game_favourable(worst: float) -> None:
    """Returns of mean 0 and deviation 1: they gain 1 / worst in most months, and lose `worst` in one of 1 + worst²."""
    loses = 1.0 / (1.0 + worst**2)
    paths = np.array(list(product((1.0 / worst, -worst), repeat=10)))
    chance = np.where(paths < 0.0, loses, 1.0 - loses).prod(axis=1)
    assert chance @ np.array([e_value(path) for path in paths]) == pytest.approx(1.0, rel=1e-12)
    drawn = np.random.default_rng(0).random((1000, 360)) < loses
    reached = [e_values(path).max() >= 20.0 for path in np.where(drawn, -worst, 1.0 / worst)]
    assert 0.02 < np.mean(reached) <= 0.055  # exactly 4.1 % and 4.9 %


def test_the_stake_of_a_fair_coin_stays_one_on_average_and_seldom_grows() -> None:
    """All 2¹² records: the mean stake is 1 (a martingale), and Ville's inequality holds at each level."""
    records = np.array([e_values(np.array(path)) for path in product((-1.0, 1.0), repeat=12)])
    assert records.mean(axis=0) == pytest.approx(np.ones(12), rel=1e-12)
    highest = records.max(axis=1)
    for level in (1.2, 1.5, 2.0, 3.0):
        assert 0.0 < (highest >= level).mean() <= 1.0 / level


def test_a_view_is_the_remainder_of_a_regression_on_the_mean_so_far(market: Market) -> None:
    """Statsmodels' generalised least squares; the tilt is Markowitz': it sums to zero, and has a risk of one."""
    past = market.past(800)
    found = view_of(Told((0.002, -0.001, 0.0005, 0.0, 0.003)), past)
    regressors = np.column_stack([np.ones(5), means_so_far(past, np.array([800]))[0]])
    peer = GLS(found.forecast, regressors, sigma=found.covariance).fit()
    assert found.view == pytest.approx(peer.resid, rel=1e-8)
    best = np.linalg.solve(found.covariance, peer.resid)
    assert found.tilt == pytest.approx(best / np.sqrt(best @ found.covariance @ best), rel=1e-8)
    assert found.tilt @ regressors == pytest.approx([0.0, 0.0], abs=1e-10 * np.abs(found.tilt).sum())


@pytest.mark.parametrize("forecast", [Refitted(HARVolatility()), EWMAVolatility()], ids=["har", "ewma"])
def test_a_forecast_whose_mean_is_the_mean_so_far_earns_exactly_nothing(assets: Market, forecast: Forecast) -> None:
    past = assets.past(len(assets.dates) - 1)
    assert not view_of(forecast, past).tilt.any()
    found = earned(forecast, past)
    assert (found.evidence, found.confidence, found.silent) == (1.0, 0.0, True)
    assert str(found) == "The forecast says nothing beyond the mean so far."


def test_the_ratio_has_the_error_of_lo_and_its_lower_bound_over_a_half_is_earned() -> None:
    x = np.tile([1.2, -0.8], 120)  # mean 0.2, in 20 years of months
    found = earned_of(np.column_stack([x, x]), 12.0)
    ratio = 0.2 / x.std(ddof=1)
    reach = 1.2815515655446004 * np.sqrt((1.0 + ratio**2 / 2.0) / 240.0)
    expected = pytest.approx([each * 12.0**0.5 for each in (ratio, ratio - reach, ratio + reach)], rel=1e-12)
    assert [found.ratio, found.lower, found.upper] == expected
    assert found.evidence > 20.0
    assert found.confidence == pytest.approx(found.lower / 0.5, rel=1e-12)
    assert replace(found, evidence=19.9).confidence == 0.0
    assert replace(found, lower=3.0).confidence == 1.0
    assert Earned().confidence == 0.0


def test_tilts_that_never_vary_measure_nothing() -> None:
    for alike in (0.0, 0.3):
        found = earned_of(np.full((24, 2), alike), 12.0)
        assert np.isnan(found.ratio)
        assert found.confidence == 0.0
        assert str(found) == "Its tilts returned the same in all of 24 months: it has earned no tilt."
    assert "Too few months are known (5)" in str(earned_of(np.full((5, 2), 0.3), 12.0))


def test_the_drift_of_one_of_two_assets_is_no_evidence() -> None:
    """A forecast that always prefers the better of two wins the first bets, and none beyond the mean so far."""
    rng = np.random.default_rng(0)
    whole = world(0)
    moves = np.column_stack([0.02 + 0.03 * rng.standard_normal(240), 0.03 * rng.standard_normal(240)])
    two = replace(
        whole, assets=("A", "B"), returns=moves, tradable=np.ones((240, 2), bool), prices=np.full((240, 2), np.nan),
        instruments=whole.instruments.iloc[:2],
    )  # fmt: skip
    past = two.past(239)
    returns, _ = tilt_returns(Told((0.5, 0.0), WINDOW), past)
    raw, beyond = (e_value(of) for of in returns.T)
    assert raw > 1e3
    assert beyond < 20.0
    assert earned(Told((0.5, 0.0), WINDOW), past).confidence == 0.0


def test_an_asset_that_is_always_preferred_has_no_expected_tilt() -> None:
    """Of three assets or more a tilt expects nothing of the mean so far: both bets are the same."""
    drawn = world(1, 120)
    returns, a_year = tilt_returns(forecast_of(DRIFT, drawn, 1), drawn.past(119))
    assert returns[:, 0] == pytest.approx(returns[:, 1], abs=1e-9)
    assert a_year == pytest.approx(12.0, abs=0.05)


def test_noise_earns_no_tilt_and_planted_skill_does() -> None:
    """Fixed seeds; `benchmarks/tilts_by_chance.py` measures the rates."""
    assert [first_tilt(NOISE, seed, 120)[0] for seed in range(6)] == [np.inf] * 6
    for seed in range(3):
        years, used = first_tilt(0.25, seed, 180)
        assert years < 15.0
        assert 0.0 < used <= 0.02 + 1e-9


def test_later_months_change_no_earlier_record(market: Market) -> None:
    told = Told((0.002, -0.001, 0.0005, 0.0, 0.003))
    early, _ = tilt_returns(told, market.past(500))
    late, _ = tilt_returns(told, market.past(899))
    assert len(late) > len(early) > 10
    assert np.array_equal(late[: len(early)], early)
