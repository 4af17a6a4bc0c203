"""Rewards: by hand, as the papers define them, and recomputed from the record of a backtest."""

from dataclasses import replace

import numpy as np
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.learning import Reward
from research.learning.worlds.rewards import REWARD_TERMS, Memory, Moments, compute_rewards

ONLY = {name: Reward(**({"objective": 0.0} | {name: 1.0})) for name in REWARD_TERMS}


ONE, NOTHING = np.ones(1), Moments(0.0, 0.0, 0.0)


def along(reward, navs, loss=0.0):
    """Rewards of one world that goes through these NAV, beside cash that earns nothing."""
    memory, paid = Memory.of(np.array(navs[:1]), ONE, NOTHING), []
    for nav in navs[1:]:
        one, memory = compute_rewards(reward, memory, np.full(1, loss), np.array([nav]), ONE)
        paid.append(float(one[0]))
    return np.array(paid)


def test_minus_the_loss_is_what_is_paid_by_default():
    np.testing.assert_array_equal(along(Reward(), [1.0, 1.2, 0.9], loss=0.003), -0.003)


def test_growth_adds_up_to_the_logarithm_of_wealth():
    assert along(ONLY["log_growth"], [1.0, 1.3, 0.7, 1.1]).sum() == pytest.approx(np.log(1.1))


def test_utility_is_return_less_half_the_aversion_times_its_square():
    reward = replace(ONLY["utility"], risk_aversion=4.0)
    np.testing.assert_allclose(along(reward, [1.0, 1.1, 0.99]), [0.1 - 2.0 * 0.01, -0.1 - 2.0 * 0.01])


def test_a_drawdown_costs_as_it_deepens_and_its_end_pays_nothing():
    np.testing.assert_allclose(along(ONLY["drawdown"], [1.0, 0.9, 0.8, 0.95, 1.2, 1.14]), [-0.1, -0.1, 0, 0, -0.05])


def test_terms_add_up_by_their_weights():
    navs, both = [1.0, 1.1, 0.9, 1.0], Reward(objective=0.5, log_growth=2.0, drawdown=3.0)
    expected = 0.5 * -0.01 + 2.0 * along(ONLY["log_growth"], navs) + 3.0 * along(ONLY["drawdown"], navs)
    np.testing.assert_allclose(along(both, navs, loss=0.01), expected)


@pytest.mark.parametrize("name", ["differential_sharpe", "differential_downside"])
def test_a_differential_ratio_is_the_slope_of_the_ratio_by_what_it_forgets(name):
    """Moody and Saffell define it as the derivative of the ratio by the rate of forgetting, at zero."""
    rng, reward = np.random.default_rng(0), replace(ONLY[name], memory=0.05)
    returns = rng.normal(0.01, 0.05, 200)
    memory = Memory.of(ONE, ONE, NOTHING)
    for r in returns[:-1]:
        _, memory = compute_rewards(reward, memory, np.zeros(1), memory.nav * (1.0 + r), ONE)
    last = returns[-1]
    paid, _ = compute_rewards(reward, memory, np.zeros(1), memory.nav * (1.0 + last), ONE)

    def ratio(rate):
        mean = memory.mean + rate * (last - memory.mean)
        if name == "differential_sharpe":
            return mean / np.sqrt(memory.square + rate * (last**2 - memory.square) - mean**2)
        return mean / np.sqrt(memory.downside + rate * (min(last, 0.0) ** 2 - memory.downside))

    assert paid[0] == pytest.approx(float((ratio(1e-6) - ratio(-1e-6))[0] / 2e-6), rel=1e-6)


def test_nothing_is_paid_for_a_ratio_before_there_is_a_spread():
    assert along(ONLY["differential_sharpe"], [1.0, 1.1])[0] == 0.0
    assert along(ONLY["differential_downside"], [1.0, 1.1, 1.2]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["differential_sharpe", "differential_downside"])
def test_all_decisions_are_paid_alike_and_none_for_staying_in_cash(name):
    """Of weekly normal returns over cash the first ten are paid as much as the others; in the mean near nothing."""
    rng, worlds = np.random.default_rng(1), 2_000
    excess, cash = rng.normal(0.0015, 0.02, (156, worlds)), 1.0005 ** np.arange(157)
    memory, paid = Memory.of(np.ones(worlds), np.ones(worlds), Moments.of(rng.normal(0.0015, 0.02, 10_000))), []
    for week, over in enumerate(excess):
        nav = memory.nav * (cash[week + 1] / cash[week] + over)
        one, memory = compute_rewards(ONLY[name], memory, np.zeros(worlds), nav, np.full(worlds, cash[week + 1]))
        paid.append(one)
    size = np.abs(paid).mean(axis=1)
    assert size.max() < 1.5 * size.min()
    assert np.max(np.abs(paid)) < 50.0 * size.mean()
    all_cash, _ = compute_rewards(ONLY[name], memory, np.zeros(worlds), memory.nav * 1.0005, memory.cash * 1.0005)
    assert np.abs(all_cash).mean() < 0.2 * size[-1]  # what cash earns is nobody's merit


@cases(
    "wrong, said",
    ({"objective": 0.0}, "no term of Reward has a weight"),
    ({"drawdown": -1.0}, "drawdown of Reward is -1.0"),
    ({"utility": float("nan")}, "utility of Reward is nan"),
    ({"memory": 0.0}, "memory of Reward is 0.0"),
)
def test_a_reward_that_says_nothing_is_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        Reward(**wrong)
