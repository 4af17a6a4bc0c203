"""Weights of bootstrapped inputs: their spread is that of the law, and nothing else moves."""

import numpy as np
import pytest
from simulated import world

from foundation.errors import ConfigError, PolicyError
from research.allocation import HRP, EqualWeights, InverseVolatility, MeanVariance
from research.allocation.constraints import Constraints, Most
from research.allocation.weight_intervals import WeightIntervals, weight_intervals
from research.forecast import Estimated

WINDOW = 252


def test_spread_of_inverse_volatility_is_that_of_normal_returns() -> None:
    """Of two assets w = 1 / (1 + s1 / s2): the logarithm of s1 / s2 has variance 1 / T, and the weight 1 / (16 T)."""
    found = weight_intervals(InverseVolatility(WINDOW), world(300, 2), draws=400, mean_block=1.0)
    assert found.drawn[:, 0].std() == pytest.approx(1.0 / (4.0 * WINDOW**0.5), rel=0.15)
    assert found.drawn.sum(axis=1) == pytest.approx(np.ones(400), abs=1e-9)
    assert found.unsolved == 0


def test_draws_are_of_their_seed_and_weights_are_those_of_the_day() -> None:
    market, model = world(300, 3), HRP(window=100)
    one, again, other = (weight_intervals(model, market, 20, seed=seed) for seed in (1, 1, 2))
    assert one.drawn.tolist() == again.drawn.tolist()
    assert one.drawn.tolist() != other.drawn.tolist()
    assert one.weights.tolist() == model.target(market.past(299)).tolist()


def test_days_before_the_window_and_the_order_of_columns_change_nothing() -> None:
    market, model = world(300, 3), HRP(window=100)
    drawn = weight_intervals(model, market, 20).drawn
    turned = weight_intervals(model, market.select(["C", "A", "B"]), 20).drawn
    assert turned[:, [1, 2, 0]] == pytest.approx(drawn, abs=1e-12)


def test_longer_blocks_of_a_constant_law_hold_as_much() -> None:
    found = weight_intervals(InverseVolatility(WINDOW), world(300, 2), draws=100, mean_block=21.0)
    table = found.table()
    assert (table["lower"] < table["mean"]).all()
    assert (table["mean"] < table["upper"]).all()
    assert 0.0 < found.spread < 0.05


def test_spread_is_one_way_turnover() -> None:
    drawn = np.array([[0.6, 0.4], [0.4, 0.6]])
    assert WeightIntervals(("A", "B"), np.array([0.5, 0.5]), drawn, 0).spread == pytest.approx(0.1)


def test_a_turnover_is_counted_from_the_target_before() -> None:
    market, before = world(300, 3), np.array([0.2, 0.3, 0.5])
    model = MeanVariance(forecast=Estimated(window=100), constraints=Constraints(turnover=Most(most=0.02)))
    found = weight_intervals(model, market, 20, previous=before)
    assert found.weights.tolist() == model.answer(market.past(299), before).weights.tolist()
    assert np.abs(found.drawn - before).max() <= 0.02 + 1e-8
    assert np.abs(weight_intervals(model, market, 20).weights - before).max() > 0.1


def test_what_has_no_interval_is_refused() -> None:
    market = world(300, 2)
    with pytest.raises(ConfigError, match="estimates nothing from a window"):
        weight_intervals(EqualWeights(), market)
    with pytest.raises(ConfigError, match="draws is 5"):
        weight_intervals(HRP(window=100), market, 5)
    with pytest.raises(ConfigError, match="mean_block is 0"):
        weight_intervals(HRP(window=100), market, 20, mean_block=0)
    with pytest.raises(PolicyError):
        weight_intervals(MeanVariance(upper=0.4), market, 20)
