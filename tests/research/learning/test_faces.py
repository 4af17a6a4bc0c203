"""One kernel, several faces: gymnasium, many worlds, and the engine; and rewards recomputed from its record."""

from dataclasses import replace
from functools import partial

import gymnasium
import numpy as np
import pytest
from cases import cases
from gymnasium.utils.env_checker import check_env
from learned import any_network, replayed

from backtests.engine import backtest
from backtests.engine.result import Backtest
from backtests.evaluation.benchmark import Benchmark, losses
from foundation.errors import ConfigError, PolicyError
from research.accounting import Costs
from research.allocation import FixedWeights, target_path
from research.learning import LearnedPolicy, Reward
from research.learning.worlds.environment import RebalancingEnv, RebalancingWorlds
from research.learning.worlds.rewards import REWARD_TERMS, Moments
from research.learning.worlds.rollouts import action_function
from research.learning.worlds.training_days import training_days
from research.learning.worlds.worlds import RewardedWorlds, Worlds
from research.rules.networks.actions import action_size
from research.rules.networks.features import LOOKBACK
from research.rules.networks.names import ACTIONS

WEEKS, ALL = 80, Reward(**dict.fromkeys(REWARD_TERMS, 1.0))
STAYS = {"exposure": 1.0, "weights": 0.0}  # to ask for the target


def from_the_record(played: Backtest, spec, start: Moments) -> np.ndarray:
    """The rewards of each week, from NAV and the daily terms of J of a backtest: written again, a week at a time."""
    strategic = Benchmark(target_path(spec.allocation, played.market), np.zeros(8), np.ones(8), 5.0, 252)
    weekly = (losses(played, strategic) / 252e4).reshape(-1, 5).sum(axis=1)
    nav, cash = played.ledger.nav[::5] / played.ledger.nav[0], np.cumprod(1.0 + played.market.cash)[played.first :: 5]
    a, b, d = start
    paid, high = [], 1.0
    for loss, before, after, earned in zip(weekly, nav[:-1], nav[1:], cash[1:] / cash[:-1], strict=True):
        r = after / before - 1.0
        total = -loss + np.log(after / before) + r - 2.5 * r**2
        r = after / before - earned
        depth_before, high_after = 1.0 - before / high, max(high, after)
        total -= max(1.0 - after / high_after - depth_before, 0.0)
        if b - a**2 > 1e-12:
            total += (b * (r - a) - 0.5 * a * (r**2 - b)) / (b - a**2) ** 1.5
        if d > 1e-12:
            total += (r - a / 2) / d**0.5 if r > 0 else (d * (r - a / 2) - a * r**2 / 2) / d**1.5
        a, b, d, high = a + 0.02 * (r - a), b + 0.02 * (r**2 - b), d + 0.02 * (min(r, 0.0) ** 2 - d), high_after
        paid.append(total)
    return np.array(paid)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("lag", [1, 3])
def test_every_face_and_the_engine_agree_on_the_same_actions(action, lag, spec, real, costs, standard):
    spec = replace(spec, action=action, episode=WEEKS)
    days = training_days(spec, real, costs, 5.0, 252, lag)
    net = any_network(8, seed=5, answers=action_size(action, 8))
    answer = action_function(net, standard)
    one = RebalancingEnv(days, standard, 1.0, episode=WEEKS, reward=ALL)
    seen, _ = one.reset(seed=7)
    many = RebalancingWorlds(days, standard, 1.0, worlds=3, episode=WEEKS, seed=7, reward=ALL)
    many.reset()
    world = Worlds(days, np.array([len(days.share) - 1]), WEEKS, seed=7)
    many._rewarded.worlds.state.kind[:] = world.state.kind[0]
    many._rewarded.worlds.state.target[:] = world.state.target[0]
    many._rewarded.worlds.open_on(np.arange(3), np.tile(world.state.drawn, (3, 1)))
    many._left[:] = WEEKS
    market = replayed(days, world)
    paid, nav, rewards, batched = RewardedWorlds(world, standard, ALL, 1.0), [], [], []
    for week in range(WEEKS):
        numbers = answer(world.features(world.everyone))
        if week == 0 and action in STAYS:  # a world decides at its opening, and a backtest after it
            numbers[:] = STAYS[action]
        rewards.append(paid.act(numbers)[0])
        nav.append(world.nav[0])
        chosen = int(numbers[0, 0] > 0.0) if action == "hold_or_trade" else numbers[0]
        seen, reward, ended, cut, info = one.step(chosen)
        assert (ended, cut) == (False, week == WEEKS - 1)
        assert reward == pytest.approx(rewards[-1], rel=1e-12)
        assert info["nav"] == nav[-1]
        assert one.observation_space.contains(seen)
        batched.append(many.step(np.repeat(np.asarray(chosen)[None], 3, axis=0))[1])
    np.testing.assert_array_equal(np.array(batched)[:, 1], np.array(rewards, np.float32))

    policy = LearnedPolicy(
        spec.allocation, "week", real.assets, market.dates[0], days.scales, standard, net, {}, action
    )
    played = backtest(market, policy, costs, start=market.dates[LOOKBACK], lag=lag)
    assert len(played.booked) > 5
    np.testing.assert_allclose(played.ledger.nav[5::5] / played.ledger.nav[0], nav, rtol=1e-12)
    np.testing.assert_allclose(from_the_record(played, spec, days.moments), rewards, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("action", ACTIONS)
def test_gymnasium_takes_it(action, spec, real, costs, standard, recwarn):
    days = training_days(replace(spec, action=action), real, costs, 5.0, 252)
    check_env(RebalancingEnv(days, standard, 1e3, episode=5), skip_render_check=True)
    assert [str(w.message) for w in recwarn if issubclass(w.category, UserWarning)] == []


def test_a_seed_opens_the_same_world_again(days, standard):
    env = RebalancingEnv(days, standard, 1e3, episode=4)
    first, again, other = ([env.reset(seed=s)[0], *(env.step(np.zeros(8))[0] for _ in range(4))] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (np.array(first) != np.array(other)).any()


def test_an_end_is_truncation_and_there_is_nothing_after_it(days, standard):
    env = RebalancingEnv(days, standard, 1e3, episode=2)
    with pytest.raises(PolicyError, match="not started: call reset"):
        env.step(np.zeros(8))
    env.reset(seed=0)
    assert env.step(np.zeros(8))[2:4] == (False, False)
    assert env.step(np.zeros(8))[2:4] == (False, True)
    with pytest.raises(PolicyError, match="the episode has ended"):
        env.step(np.zeros(8))


def test_an_episode_of_nothing_is_refused(days, standard):
    with pytest.raises(ConfigError, match="episode is 0: give a whole number, 1 or more"):
        RebalancingEnv(days, standard, 1e3, episode=0)
    for given in ({"episode": 0}, {"episode": -3}, {"episode": 2.5}, {"worlds": 0}):
        with pytest.raises(ConfigError, match=f"{next(iter(given))} is .*: give a whole number, 1 or more"):
            RebalancingWorlds(days, standard, 1e3, **({"worlds": 2, "episode": 4, "seed": 1} | given))
    with pytest.raises(ConfigError, match="kind is 5: give the index of one of the 2 targets"):
        RebalancingEnv(days, standard, 1e3, episode=4, kind=5)


def test_what_was_measured_on_other_days_is_refused(days, standard, spec, real, costs):
    """Its features would be read from behind its end."""
    two = training_days(replace(spec, allocation=FixedWeights((0.6, 0.4))), real.select(real.assets[:2]),
                        Costs.bps(2, commission=5), 5.0, 252)  # fmt: skip
    for make in (RebalancingEnv, partial(RebalancingWorlds, worlds=2, seed=1)):
        with pytest.raises(ConfigError, match="features of standard are 15: these days have 9"):
            make(two, standard, 1e3, episode=4)
        said = "standard is None: give the FeatureScaling that `measure_scaling` returns"
        with pytest.raises(ConfigError, match=said):
            make(days, None, 1e3, episode=4)
        with pytest.raises(ConfigError, match="days are 'x': give TrainingDays"):
            make("x", standard, 1e3, episode=4)
        with pytest.raises(ConfigError, match="episode is 100000: give at most 5,040 decisions, a hundred years"):
            make(days, standard, 1e3, episode=100_000)


def test_a_seed_of_stable_baselines_is_that_of_the_worlds(days, standard):
    """Worlds that are seeded are those that were made with this seed, however often; its last stream alone changes."""

    def seen(worlds, seed=None):
        worlds.seed(seed)
        return np.array([worlds.reset(), *(worlds.step(np.zeros((3, 8), np.float32))[0] for _ in range(3))])

    def made(seed):
        return RebalancingWorlds(days, standard, 1e3, worlds=3, episode=8, seed=seed)

    one, other = seen(made([2, 5])), made([2, 1])
    assert not np.array_equal(seen(other), one)
    for _ in range(2):
        np.testing.assert_array_equal(seen(other, 5), one)
    assert not np.array_equal(seen(other), one)  # and on from there
    with pytest.raises(ConfigError, match="seed is -1"):
        other.seed(-1)


@cases(
    "given, said",
    ({"reward": 3}, "reward is 3: give Reward"),
    ({"reward_scale": -1.0}, "reward_scale is -1.0: give a finite number above 0"),
    ({"reward_scale": float("nan")}, "reward_scale is nan"),
    ({"seed": -1}, "seed is -1: give a whole number, 0 or more"),
    ({"seed": "a"}, "seed is 'a'"),
    ({"seed": [1, -2]}, r"seed is \[1, -2\]"),
)
def test_what_is_no_reward_scale_or_seed_is_refused(given, said, days, standard):
    for make in (RebalancingEnv, partial(RebalancingWorlds, worlds=2)):
        with pytest.raises(ConfigError, match=said):
            make(days, standard, **({"reward_scale": 1e3, "episode": 4, "seed": 1} | given))


def test_a_choice_is_to_hold_or_to_trade(spec, real, costs, standard):
    days = training_days(replace(spec, action="hold_or_trade"), real, costs, 5.0, 252)
    env = RebalancingEnv(days, standard, 1e3, episode=2)
    env.reset(seed=0)
    with pytest.raises(PolicyError, match=r"each action must be 0 \(hold\) or 1 \(trade\): found"):
        env.step(2)


def test_a_wrapper_of_gymnasium_fits_round_it(days, standard):
    env = gymnasium.wrappers.RecordEpisodeStatistics(RebalancingEnv(days, standard, 1e3, episode=3))
    env.reset(seed=0)
    for _ in range(3):
        *_, info = env.step(np.zeros(8))
    assert info["episode"]["l"] == 3
