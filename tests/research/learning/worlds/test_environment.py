"""The worlds as stable-baselines3 takes them: its conventions, and rewards that are the terms of J."""

import numpy as np
import pytest

from foundation.errors import PolicyError
from research.learning import Reward
from research.learning.worlds.environment import RebalancingEnv, RebalancingWorlds
from research.learning.worlds.worlds import Worlds

WORLDS, EPISODE, SCALE = 12, 6, 2_000.0


@pytest.fixture
def env(days, standard):
    return RebalancingWorlds(days, standard, SCALE, worlds=WORLDS, episode=EPISODE, seed=1)


def actions(seed):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (WORLDS, 8)).astype(np.float32)


def test_the_shapes_and_types_are_those_of_its_spaces(env):
    seen = env.reset()
    assert seen.shape == (WORLDS, *env.observation_space.shape)
    assert all(env.observation_space.contains(row) for row in seen)
    seen, rewards, done, infos = env.step(actions(0))
    assert all(env.observation_space.contains(row) for row in seen)
    assert rewards.shape == done.shape == (WORLDS,)
    assert rewards.dtype == np.float32
    assert done.dtype == bool
    assert len(infos) == WORLDS


def test_the_reward_is_minus_the_terms_of_j(env, days):
    """The same days, drawn by the same generator, played without the environment."""
    env.reset()
    worlds = Worlds(days, days.kinds(WORLDS), EPISODE, seed=1)
    worlds.reopen(worlds.everyone)
    _, rewards, _, _ = env.step(actions(1))
    np.testing.assert_array_equal(rewards, (-SCALE * worlds.act(actions(1))).astype(np.float32))


def test_an_episode_ends_by_truncation_and_the_first_ones_are_staggered(env):
    env.reset()
    lengths = [[] for _ in range(WORLDS)]
    left = np.zeros(WORLDS, dtype=int)
    for step in range(3 * EPISODE):
        _, _, done, infos = env.step(actions(step))
        left += 1
        for w in range(WORLDS):
            assert done[w] == infos[w].get("TimeLimit.truncated", False)
            if done[w]:
                lengths[w].append(int(left[w]))
                left[w] = 0
    assert sorted({first for first, *_ in lengths}) == list(range(1, EPISODE + 1))
    assert {length for _, *later in lengths for length in later} == {EPISODE}


def test_the_last_observation_of_an_episode_is_kept_and_the_next_world_begins_at_target(env):
    env.reset()
    _, _, done, _ = env.step(actions(0))
    assert len(np.flatnonzero(done)) == WORLDS // EPISODE
    seen, _, done, infos = env.step(actions(1))
    for w in np.flatnonzero(done):
        last = infos[w]["terminal_observation"]
        assert env.observation_space.contains(last)
        assert (last != seen[w]).any()
        fresh = env.reset()[w]
        np.testing.assert_array_equal(seen[w][:5], fresh[:5])  # no tracking error, no drift, no turnover, no age


def test_there_is_nothing_to_render_to_set_or_to_call(env):
    assert env.render_mode is None
    assert env.get_attr("render_mode") == [None] * WORLDS
    assert env.get_attr("num_envs", indices=[0, 1]) == [WORLDS] * 2
    assert env.env_is_wrapped(object) == [False] * WORLDS
    with pytest.raises(PolicyError, match="create other RebalancingWorlds"):
        env.set_attr("episode", 3)
    with pytest.raises(PolicyError, match="not a method"):
        env.env_method("rescue")
    env.close()


def test_a_reward_that_is_not_a_number_stops_the_training(days, standard):
    env = RebalancingWorlds(days, standard, 1e300, worlds=3, episode=4, seed=0, reward=Reward(objective=1e300))
    env.reset()
    said = "the reward of world 0 is -inf at step 1, after the action"
    with pytest.raises(PolicyError, match=said), np.errstate(over="ignore"):
        env.step(np.zeros((3, 8), np.float32))


def test_actions_that_are_no_numbers_or_too_few_are_refused(env, days, standard):
    """Without it a box of no number holds in silence, and a missing number is read from behind the row."""
    env.reset()
    lost = actions(0)
    lost[7, 2] = np.nan
    with pytest.raises(PolicyError, match=r"the action of world 7 at step 1 is \[.*nan"):
        env.step(lost)
    with pytest.raises(PolicyError, match=r"actions have the shape \(12, 7\): give \(12, 8\)"):
        env.step(actions(0)[:, :7])
    one = RebalancingEnv(days, standard, SCALE, episode=3)
    one.reset(seed=0)
    with pytest.raises(PolicyError, match=r"actions have the shape \(1, 1\)"):
        one.step(np.array([0.3]))


def test_stable_baselines_takes_it(env):
    from stable_baselines3.common.vec_env import VecEnv, VecMonitor

    assert isinstance(env, VecEnv)
    monitored = VecMonitor(env)
    monitored.reset()
    for step in range(EPISODE):
        _, _, _, infos = monitored.step(actions(step))
    assert infos[-1]["episode"]["l"] == EPISODE
