"""Worlds that look like a market: their moments, and what is tuned on them."""

from dataclasses import replace
from typing import Any

import new_york
import numpy as np
import pandas as pd
import pytest
from simulated import world

from backtests.comparison.fitting.tuning import tune
from backtests.comparison.fitting.tuning_on_simulated import calibrated, on_worlds
from backtests.sweeps import Choices, Setup, threshold
from foundation.errors import ConfigError
from research.accounting import Costs
from research.allocation import EqualWeights, FixedWeights
from research.market import instruments_table
from research.risk import GBM, simulated_market
from research.rules import Calendar, GroupThreshold, Never, Threshold, TrackingError
from research.rules.optimum.one_asset import best_half_width

P, SIGMA, COST, G = 0.6, 0.16, 0.001, 2.0


def sessions_of(days: int) -> pd.DatetimeIndex:
    return new_york.sessions("2015-01-02", "2019-12-31")[:days]


def test_worlds_have_the_moments_of_the_market() -> None:
    market = world(days=400, n=3, seed=4)
    model = calibrated(market, 252.0)
    d, returns = 1.0 / 252.0, market.returns[1:]
    means = np.exp(model.mean * d)
    np.testing.assert_allclose(means - 1.0, returns.mean(axis=0), atol=1e-15)
    covariance = np.outer(means, means) * np.expm1(model.covariance * d)
    np.testing.assert_allclose(model.covariance * d, np.cov(np.log1p(returns), rowvar=False), atol=1e-16)
    np.testing.assert_allclose(covariance, np.cov(returns, rowvar=False), atol=0.02 * covariance.max())


@pytest.fixture(scope="module")
def setup() -> Setup:
    """Thirty years of one asset of 16 % beside cash, ten of which are the test."""
    market = simulated_market(GBM([P * SIGMA**2], [[SIGMA**2]], 252), days=252 * 30, seed=9, start="1985-01-02")
    costs = Costs.bps(1, commission=10)
    return Setup.on(market, costs, FixedWeights((P,)), start=market.dates[252 * 20], tracking_penalty=G, lag=0)


def test_a_band_to_its_edge_tuned_on_worlds_is_that_of_the_closed_form(setup: Setup) -> None:
    """The volatility of the past is 16 % give or take 1 %; the best width depends on cost, target and penalty alone."""
    bands = tuple(np.geomspace(0.01, 0.1, 10).tolist())
    tuned = tune(Choices(threshold, band=bands, to=1.0), setup, measure=on_worlds(paths=100, years=10))
    best = best_half_width(P, COST, G, sigma=SIGMA, interval=1 / 252)
    nearest = min(bands, key=lambda band: abs(np.log(band / best)))
    assert abs(bands.index(tuned.policy.band) - bands.index(nearest)) <= 1
    assert tuned.card.trials == 10
    assert (tuned.card.tried["loss_error"] > 0.0).all()


def test_the_days_of_the_test_are_not_looked_at(setup: Setup) -> None:
    candidates = [Threshold(setup.strategic, band) for band in (0.02, 0.05)]
    one, rng = tune(candidates, setup, measure=on_worlds(paths=4, years=1)), np.random.default_rng(1)
    returns = setup.market.returns.copy()
    returns[252 * 20 :] = rng.normal(0.0, 0.05, returns[252 * 20 :].shape)

    other = replace(setup, market=replace(setup.market, returns=returns, prices=np.full(returns.shape, np.nan)))
    again = tune(candidates, other, measure=on_worlds(paths=4, years=1))
    np.testing.assert_array_equal(one.card.tried["loss"], again.card.tried["loss"])


@pytest.mark.parametrize(("settings", "words"), [
    ({"paths": 1}, "paths is 1: give a whole number of paths, 2 or more"),
    ({"paths": "many"}, "paths is 'many': give a whole number"),
    ({"years": 0}, "years is 0: give a finite number above 0"),
    ({"years": "x"}, "years is 'x': give a finite number"),
    ({"warm_up": "x"}, "warm_up is 'x': give years, 0 or more"),
    ({"warm_up": -1}, "warm_up is -1: give years"),
    ({"seed": "x"}, "seed is 'x': give a whole number, 0 or more"),
    ({"seed": -1}, "seed is -1: give a whole number"),
])  # fmt: skip
def test_worlds_of_no_sense_are_refused_at_the_door(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        on_worlds(**settings)


def test_what_worlds_cannot_measure_is_refused(setup: Setup) -> None:
    with pytest.raises(ConfigError, match="hold the strategic target"):
        tune([Threshold(EqualWeights(), 0.02)], setup, measure=on_worlds(paths=4, years=1))
    with pytest.raises(ConfigError, match="5 days with returns of all its assets"):
        calibrated(world(days=6), 252.0)


def test_worlds_have_the_classes_and_names_of_the_arena() -> None:
    """One asset a class, and a payer by name: groups are assets, and nobody is called S1."""
    names, costs = ("AGG", "SPY"), Costs.bps(2, commission=5)
    market, table = world(days=600, n=2, seed=2), instruments_table(names, asset_class=["bonds", "stock"])
    market = replace(market, assets=names, instruments=table, calendar="XNYS", dates=sessions_of(600))
    target = FixedWeights((0.5, 0.5))
    setup = Setup.on(market, costs, target, start=market.dates[400])
    of_groups, of_lines, never, paid = (
        tune([rule], setup, measure=on_worlds(paths=6, years=2)).card.tried["loss"].iloc[0]
        for rule in (
            GroupThreshold(target, band=0.02), Threshold(target, 0.02), Never(target),
            Threshold(target, 0.02, lines="breaching", payer="AGG"),
        )
    )  # fmt: skip
    assert of_groups == pytest.approx(of_lines, rel=1e-9)
    assert of_groups < 0.9 * never
    assert paid < 0.9 * never


def test_tickets_are_worth_what_they_are_at_the_wealth_of_the_arena() -> None:
    """Ten of two million are five of one; both cost a rule that trades two assets daily more than no tickets do."""
    market = replace(world(days=600, n=2, seed=2), calendar="XNYS", dates=sessions_of(600))
    target = FixedWeights((0.5, 0.4))

    def cost(ticket: float, nav: float) -> float:
        costs = replace(Costs.bps(2, commission=5), ticket=np.full(2, ticket))
        setup = Setup.on(market, costs, target, start=market.dates[400], nav=nav)
        tuned = tune([Calendar(target, "day")], setup, measure=on_worlds(paths=4, years=1))
        return float(tuned.card.tried["cost"].iloc[0])

    assert cost(5.0, 1e6) == pytest.approx(cost(10.0, 2e6), rel=1e-9)
    assert 5.0 < cost(5.0, 1e6) - cost(0.0, 1e6) < 2 * 252 * 5e-6 * 1e4  # bp of a wealth that grows


def test_a_rule_that_estimates_needs_a_warm_up_in_years(setup: Setup) -> None:
    with pytest.raises(
        ConfigError, match=r"warm_up is 1\.0: a rule estimates from 252 returns: give 1\.1 years or more"
    ):
        tune([TrackingError(setup.strategic)], setup, measure=on_worlds(paths=4, years=1, warm_up=1.0))
    assert tune([TrackingError(setup.strategic)], setup, measure=on_worlds(paths=4, years=1)).card.trials == 1


def test_days_with_a_trade_on_worlds_are_priced_and_orders_are_not_counted(setup: Setup) -> None:
    candidates = [Threshold(setup.strategic, band) for band in (0.04, 0.3)]
    free, dear = (
        tune(candidates, replace(setup, day_cost=price), measure=on_worlds(paths=4, years=1)) for price in (0.0, 1e-3)
    )
    tried = dear.card.tried
    assert tried["work"].tolist() == pytest.approx((10.0 * tried["trading_days"]).tolist(), rel=1e-12)
    assert tried["loss"].tolist() == free.card.tried["loss"].tolist()
    assert (free.policy.band, dear.policy.band) == (0.04, 0.3)
    with pytest.raises(ConfigError, match="gave no column trades"):
        tune(candidates, replace(setup, order_cost=1e-6), measure=on_worlds(paths=4, years=1))
