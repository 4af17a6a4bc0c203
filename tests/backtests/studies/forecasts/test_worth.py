"""What a forecast is worth: without one the target is held, a planted one earns, controls do not."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from simulated import world

from backtests.studies.forecasts.worth import MATCHED, WITH, WITHOUT, earned_views, tilted, worth
from foundation.errors import ConfigError
from research.allocation import FixedWeights, target_path
from research.forecast import Benchmark, Estimated, ForecastViews, Moments
from research.forecast.views.exchanged import Exchanged, circles
from research.market import Past
from research.portfolio import Portfolio, load_portfolio


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml", {"test_start": "2018-01-02"})


@dataclass(frozen=True)
class Foresight:
    """The return of the next 21 days: what no forecast may know."""

    rows: tuple[tuple[float, ...], ...]
    window: int = 63

    def predict(self, past: Past) -> Moments:
        return replace(Estimated(window=63).predict(past).over(21), mean=np.array(self.rows[past.t]))


def foresight(portfolio: Portfolio) -> Foresight:
    grown = np.cumprod(1.0 + portfolio.market.returns, axis=0)
    ahead = np.zeros_like(grown)
    ahead[:-21] = grown[21:] / grown[:-21] - 1.0
    return Foresight(tuple(map(tuple, ahead)))


def test_without_a_forecast_the_strategic_target_is_held(portfolio: Portfolio) -> None:
    prior = earned_views(portfolio, Estimated()).prior
    first = portfolio.market.row(portfolio.test_start)
    path = target_path(tilted(portfolio, prior), portfolio.market, first)
    np.testing.assert_allclose(path.rows[-1], portfolio.target, atol=1e-6)
    lent = replace(portfolio, strategic=FixedWeights((0.4, 0.3)))
    path = target_path(tilted(lent, earned_views(lent, Estimated()).prior), portfolio.market, first)
    np.testing.assert_allclose(path.rows[-1], (0.4, 0.3), atol=1e-6)
    with pytest.raises(ConfigError, match="Give a target without short assets"):
        earned_views(replace(portfolio, strategic=FixedWeights((1.2, -0.2))), Estimated())


def test_a_planted_forecast_earns_and_its_tilts_on_other_lines_do_not(portfolio: Portfolio) -> None:
    made = worth(portfolio, foresight(portfolio), draws=499)
    assert list(made.backtests) == [WITHOUT, WITH, MATCHED, "other assets 1"]
    assert made.difference.value > 1.0
    assert made.difference.p < 0.01
    assert made.controls[0] < 0.0
    figures = made.table()
    assert figures.loc[MATCHED, "volatility"] == pytest.approx(figures.loc[WITHOUT, "volatility"], rel=0.05)
    assert figures.loc[WITH, "Sharpe less without"] == made.difference.value
    assert "in 1 of 1 permutations" in made.sentence()
    assert all(one.reconcile().holds for one in made.backtests.values())


def test_exchanged_tilts_are_the_same_in_units_of_volatility() -> None:
    market = world(days=1500, n=4, seed=3)
    views = ForecastViews(Estimated(window=100), Benchmark(dict.fromkeys(market.assets, 0.25)), level=0.5)
    past = market.past(1499)
    prior, moved = (one.predict(past).over(21) for one in (views.prior, views))
    for circle in circles(market.assets, 6):
        other = Exchanged(views, circle).predict(past)
        tilts, theirs = ((one.mean - prior.mean) / prior.volatility for one in (moved, other))
        np.testing.assert_allclose(sorted(tilts), sorted(theirs), rtol=1e-9, atol=1e-15)
        for giver, taker in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert theirs[market.assets.index(taker)] == pytest.approx(tilts[market.assets.index(giver)], abs=1e-15)
    assert len(circles(market.assets, 100)) == 6


def test_views_are_measured_over_the_horizon_of_the_file() -> None:
    stated = {"forecasts": {"horizon": 5, "models": {"plain": {"kind": "estimated"}}}}
    weekly = load_portfolio("data/portfolios/sixty_forty.yaml", stated)
    assert earned_views(weekly, Estimated()).horizon == 5
