"""Worlds: which days they repeat, and that money moves in them as in a backtest of the same days."""

from dataclasses import replace

import numpy as np
import pytest
from learned import replayed, untrained

from backtests.engine import backtest
from backtests.evaluation.benchmark import Benchmark, losses
from foundation.arrays import frozen
from research.accounting import View
from research.accounting.kernel import weigh
from research.allocation import target_path
from research.learning.worlds.rollouts import action_function
from research.learning.worlds.training_days import scales, training_days
from research.learning.worlds.worlds import Worlds
from research.rules.networks.features import LOOKBACK

WEEKS = 60


# -- which days ------------------------------------------------------------------------------------------------------


def test_a_world_repeats_only_days_on_which_its_lines_were_listed(days, real):
    worlds = Worlds(days, days.kinds(200), 50, seed=1)
    for kind, drawn in zip(worlds.state.kind, worlds.state.drawn, strict=True):
        assert real.listed[drawn - 1][:, days.scales.target[kind] != 0.0].all()
    assert (worlds.state.drawn[worlds.state.kind == 0] < days.first_row[1]).any()


def test_the_same_seed_draws_the_same_days(days):
    first, again, other = (Worlds(days, days.kinds(8), 10, seed).state.drawn for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


# -- money -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[0, 1], ids=["seven assets", "eight assets"])
def kind(request):
    return np.array([request.param])


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_a_world_is_a_backtest_of_its_days(spec, real, costs, standard, kind, lag):
    """The twin: the same boxes on the same days give the same terms of J, week by week, and the same wealth."""
    days = training_days(spec, real, costs, 5.0, 252, lag)
    world = Worlds(days, kind, WEEKS, seed=7)
    market = replayed(days, world)
    policy = replace(untrained(spec.allocation, days, standard), seen=market.dates[0])
    answer, terms, nav = action_function(policy.net, standard), [], []
    for _ in range(WEEKS):
        terms.append(world.act(answer(world.features(world.everyone)))[0])
        nav.append(world.nav[0])

    played = backtest(market, policy, costs, start=market.dates[LOOKBACK], lag=lag)
    strategic = Benchmark(
        target_path(spec.allocation, market), np.zeros(8), np.ones(8), tracking_penalty=5.0, periods_per_year=252
    )
    daily = losses(played, strategic) / 252e4
    assert len(played.booked) > 10
    assert len(played.booked) < WEEKS
    weekly, paid = daily.reshape(WEEKS, 5).sum(axis=1), np.zeros(WEEKS)
    if lag == 0:  # a world pays for what it decides at a week's end in the week after
        paid = played.cost_rate[4::5]
        weekly += np.append(0.0, paid[:-1]) - paid
    np.testing.assert_allclose(played.ledger.nav[5::5] / played.ledger.nav[0] / (1.0 - paid), nav, rtol=1e-12)
    np.testing.assert_allclose(weekly, terms, rtol=1e-8, atol=1e-16)
    assert weekly.sum() == pytest.approx(sum(terms), rel=1e-12)


def test_a_policy_sees_in_a_view_what_a_world_showed_it(days, spec, standard, kind):
    """To the bit: both call the same function."""
    world = Worlds(days, kind, WEEKS, seed=8)
    market = replayed(days, world)
    policy = replace(untrained(spec.allocation, days, standard), seen=market.dates[0])
    target = days.scales.target[kind[0]]
    answer, state, weights = action_function(policy.net, standard), world.state, np.empty(8)
    for week in range(WEEKS):
        cash = weigh(state.units[0], state.prices, 0, state.nav[0], weights)
        past = market.past(LOOKBACK - 1 + 5 * week)
        view = View(past, target, weights.copy(), cash, 1.0, np.ones(1), int(state.age[0]), days.costs)
        seen = world.features(world.everyone)
        np.testing.assert_array_equal(policy.features(view), seen[0])
        action = answer(seen)
        np.testing.assert_array_equal(policy.answer(view), action[0])
        world.act(action)


def test_what_is_not_traded_costs_nothing_and_drifts(days):
    worlds = Worlds(days, days.kinds(16), 10, seed=2)
    units = worlds.state.units.copy()
    for _ in range(10):
        assert (worlds.hold() > 0.0).all()  # it tracks worse and worse
    np.testing.assert_array_equal(worlds.state.units, units)
    np.testing.assert_array_equal(worlds.state.age, 50)


def test_a_box_of_no_width_is_the_weekly_calendar(days):
    """It trades every week, on the day after its decision."""
    measured = days.scales
    narrow = scales(measured.target, np.zeros((2, 8)), measured.covariance, measured.volatility)
    worlds = Worlds(replace(days, scales=narrow), days.kinds(16), 10, seed=2)
    for week in range(10):
        worlds.act(np.zeros((16, 8), np.float32))
        assert (worlds.state.age == (4 if week else 5)).all()  # it was opened in its target


def test_nothing_happens_in_a_market_that_stands_still(days):
    history = days.history._replace(returns=frozen(np.zeros_like(days.history.returns)))
    cash = frozen(np.zeros(len(history.cash)))
    worlds = Worlds(replace(days, history=history._replace(cash=cash)), days.kinds(8), 5, seed=0)
    for _ in range(5):
        np.testing.assert_allclose(worlds.act(np.zeros((8, 8), np.float32)), 0.0, atol=1e-30)
        np.testing.assert_allclose(worlds.nav, 1.0, rtol=1e-15)


def test_worlds_are_reopened_alone(days):
    worlds = Worlds(days, days.kinds(4), 10, seed=5)
    worlds.hold()
    before = worlds.state.drawn.copy(), worlds.nav
    worlds.reopen(np.array([1, 3]))
    np.testing.assert_array_equal(worlds.state.drawn[[0, 2]], before[0][[0, 2]])
    np.testing.assert_array_equal(worlds.nav[[0, 2]], before[1][[0, 2]])
    assert (worlds.state.drawn[[1, 3]] != before[0][[1, 3]]).any()
    np.testing.assert_allclose(worlds.nav[[1, 3]], 1.0, rtol=1e-15)
    np.testing.assert_array_equal(worlds.state.age, [5, 0, 5, 0])
