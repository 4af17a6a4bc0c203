"""Drift of what a policy sees: the distance itself, and when it is said to be too far."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp

from foundation.arrays import frozen
from research.learning.drift import Observed, _observed, lengths, observation_drift, observed_features
from research.learning.worlds.rollouts import closed_form
from research.learning.worlds.training_days import History
from research.learning.worlds.worlds import Worlds
from research.rules.networks.names import SHARED_FEATURES


def known(values, shares, farthest, lengths):
    feature = {"name": "age", "values": values, "shares": shares, "farthest": farthest}
    return {"features": [feature], "observed": {"lengths": lengths}}


def test_the_distance_is_that_of_kolmogorov_and_smirnov():
    rng = np.random.default_rng(1)
    training = rng.normal(size=20)
    known_all = Observed(np.sort(training), np.arange(1, 21) / 20, ())
    for seen in (rng.choice(training, 33), rng.choice(training[:7], 12)):  # no value between those that are kept
        assert known_all.distance(seen) == pytest.approx(ks_2samp(training, seen).statistic, abs=1e-12)


def test_a_distance_by_hand():
    card = known([1.0, 2.0, 3.0], [1 / 3, 2 / 3, 1.0], [0.3], [10])
    (drift,) = observation_drift(card, np.array([[1.0], [1.0], [3.0]] * 4))
    assert drift.distance == pytest.approx(1 / 3, abs=1e-15)
    assert (drift.feature, drift.limit, drift.drifted) == ("age", 0.3, True)


def test_fewer_decisions_are_held_against_parts_of_training_worlds_of_as_many():
    card, ones = known([1.0, 2.0, 3.0], [1 / 3, 2 / 3, 1.0], [0.3, 0.4, 0.9], [40, 20, 10]), np.ones((60, 1))
    limits = [observation_drift(card, ones[:d])[0].limit for d in (60, 40, 39, 20, 19, 10)]
    assert limits == [0.3, 0.3, 0.4, 0.4, 0.9, 0.9]
    assert observation_drift(card, ones[:9]) == []


def test_what_all_training_worlds_share_may_differ_now_and_then():
    """Every training week has five sessions; one week in fifty has a holiday, and in another market one in ten."""
    card = known([5.0], [1.0], [0.0], [10])
    for short, drifted in ((1, False), (5, True)):
        (drift,) = observation_drift(card, np.array([[6.0]] * short + [[5.0]] * (50 - short)))
        assert (drift.distance, drift.limit) == (pytest.approx(short / 50), 0.05)
        assert drift.drifted is drifted


def test_the_limits_are_the_farthest_ends_of_training_worlds_by_hand():
    """Two worlds of 16 decisions: all zeros, and zeros before eight ones; three quarters of all are zero."""
    found = _observed(np.array([[0.0] * 16, [0.0] * 8 + [1.0] * 8]))
    assert lengths(16) == [16, 8]
    assert found.values.tolist() == [0.0, 1.0]
    assert found.shares.tolist() == [0.75, 1.0]
    assert found.farthest == (0.25, 0.75)  # half of the second world is as far as ones can be from this


def test_a_card_without_distributions_says_nothing():
    assert observation_drift({"seed": 0}, np.zeros((5, 9))) == []


def card_of(days, answer):
    seen, decisions = observed_features(days, answer, worlds=200)
    names = [*SHARED_FEATURES, *days.market.assets]
    features = [
        {"name": name, "values": one.values, "shares": one.shares, "farthest": one.farthest}
        for name, one in zip(names, seen, strict=True)
    ]
    return {"features": features, "observed": {"lengths": lengths(decisions)}}


def met(days, answer, seed, decisions=156):
    """(decisions, k) what an answer sees in a world of its own."""
    worlds, seen = Worlds(days, np.array([len(days.share) - 1]), decisions, seed), []
    for _ in range(decisions):
        seen.append(worlds.features(worlds.everyone))
        worlds.act(answer(seen[-1]))
    return np.concatenate(seen)


def test_another_world_of_the_same_days_has_not_drifted(days):
    """Each distance of a world that is exchangeable with the 200 is past all of theirs once in 201."""
    answer = closed_form(days)
    card = card_of(days, answer)
    past = [drift.drifted for seed in range(80) for drift in observation_drift(card, met(days, answer, [99, seed]))]
    assert np.mean(past) < 0.02


def test_a_market_twice_as_volatile_has_drifted_and_the_regime_says_so(days):
    answer = closed_form(days)
    card = card_of(days, answer)
    history = History(frozen(2.0 * days.history.returns), days.history.cash, days.history.tradable)
    wilder = replace(days, history=history)
    drifted = {drift.feature for drift in observation_drift(card, met(wilder, answer, 1)) if drift.drifted}
    assert "volatility regime" in drifted
