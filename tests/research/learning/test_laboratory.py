"""In a market whose optimum is known, what is learned comes near it, and beats the tuned threshold to target."""

from dataclasses import replace

import numpy as np
import pytest
from learned import COSTS, PENALTY, TARGET, YEAR, two_lines

from backtests.comparison.fitting.tuning import tune
from backtests.engine import backtest
from backtests.evaluation.benchmark import Benchmark, losses
from backtests.sweeps import Setup
from research.allocation import target_path
from research.learning import Learned, PPOSettings, train
from research.learning.learners.reinforcement import learn
from research.learning.worlds.rollouts import closed_form, evaluate
from research.learning.worlds.training_days import scales, training_days
from research.rules import TunedThreshold

STEPS, PPO = 131_072, PPOSettings(worlds=256, rollout=16, batch=2048)


@pytest.fixture(scope="module")
def market():
    return two_lines(252 * 100, seed=1)


@pytest.fixture(scope="module")
def past(market):
    """Forty years to learn and to tune on."""
    return market.until(market.dates[252 * 40])


def strategic(market):
    return Benchmark(target_path(TARGET, market), np.zeros(2), np.ones(2), PENALTY, YEAR)


def test_what_is_learned_beats_the_threshold_to_target_tuned_on_the_same_days(market, past):
    """Over the sixty years that follow, under the same shocks."""
    bands = tuple(np.geomspace(0.01, 0.1, 12).round(4).tolist())
    setup = Setup.on(market, COSTS, TARGET, market.dates[252 * 40 + 1], tracking_penalty=PENALTY, periods_per_year=YEAR)
    tuned = tune(TunedThreshold(TARGET, bands=bands, to=(0.0,)), setup).policy
    assert bands[0] < tuned.band < bands[-1]
    spec = Learned(TARGET, steps=STEPS // 2, seeds=(1,), learner="ppo", ppo=PPO)
    learned = train(spec, past, COSTS, PENALTY, YEAR, workers=1).policy
    of_learned, of_tuned = (
        losses(backtest(market, policy, COSTS, start=market.dates[252 * 40 + 1]), strategic(market)).mean()
        for policy in (learned, tuned)
    )
    assert of_learned < 0.85 * of_tuned


def test_it_finds_its_way_from_boxes_three_times_too_wide(past):
    """Action zero is far from the optimum here, so that what is gained is learned and not given."""
    spec = Learned(TARGET, steps=STEPS, learner="ppo", ppo=PPO)
    days = training_days(spec, past, COSTS, PENALTY, YEAR)
    measured = days.scales
    wide = scales(measured.target, 3.0 * measured.half_width, measured.covariance, measured.volatility)
    result = learn(replace(days, scales=wide), spec, 1, lambda done: None)
    optimal = evaluate(days, 0, closed_form(days))
    assert result.curve[0][1] > 2.3 * optimal
    assert result.losses[0] < 1.2 * optimal
