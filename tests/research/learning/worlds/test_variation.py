"""Worlds around the past: their moments are those that were asked for, and nothing else of them changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import cases
from learned import COSTS, PENALTY, TARGET, YEAR, two_lines
from torch_loss import at_target, days_of

from foundation.errors import ConfigError
from research.accounting import Costs
from research.learning import Learned, Variation
from research.learning.learners.gradient import draw_days
from research.learning.worlds.rollouts import closed_form, evaluate, measure_scaling
from research.learning.worlds.torch_worlds import TorchWorlds, boxes_of
from research.learning.worlds.training_days import TrainingDays, training_days
from research.learning.worlds.variation import VARIANTS, varied
from research.learning.worlds.worlds import Worlds
from research.market import Market
from research.rules.networks.features import LOOKBACK

WIDE = Variation(volatility=2.0, correlation=0.5, cost=3.0)


@pytest.fixture(scope="module")
def market() -> Market:
    return two_lines(252 * 12, seed=4)


@pytest.fixture(scope="module")
def days(market: Market) -> TrainingDays:
    return training_days(Learned(TARGET, variation=WIDE), market, COSTS, PENALTY, YEAR)


@pytest.mark.parametrize(("factor", "share"), [(1.7, 0.4), (0.6, -0.5), (1.0, 0.9), (1.0, -0.9)])
def test_moments_are_those_that_were_asked_for(market: Market, factor: float, share: float) -> None:
    """The sample's own, to rounding: correlation c becomes (1 - |s|) c, and as much as s more where s is above zero."""
    made = varied(market, np.ones(2, dtype=bool), 1, len(market.dates), factor, share)
    was, now = market.returns[1:], made[1:]
    np.testing.assert_allclose(now.mean(axis=0), was.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(now.std(axis=0), factor * was.std(axis=0), rtol=1e-12)
    c = np.corrcoef(was, rowvar=False)[0, 1]
    assert np.corrcoef(now, rowvar=False)[0, 1] == pytest.approx((1 - abs(share)) * c + max(share, 0.0), rel=1e-10)
    np.testing.assert_array_equal(made[0], market.returns[0])  # a day from which no world draws


def test_a_line_that_is_not_held_and_days_outside_stay(market: Market) -> None:
    made = varied(market, np.array([True, False]), 100, 900, 2.0, 0.5)
    np.testing.assert_array_equal(made[:, 1], market.returns[:, 1])
    np.testing.assert_array_equal(made[900:], market.returns[900:])
    assert made[100:900, 0].std() == pytest.approx(2.0 * market.returns[100:900, 0].std())


@pytest.mark.parametrize("share", [0.5, -0.5, -0.9])
def test_two_lines_that_are_one_stay_one(market: Market, share: float) -> None:
    """A correlation of one has no inverse: what does not move apart stays together."""
    twins = replace(market, returns=np.repeat(market.returns[:, :1], 2, axis=1))
    made = varied(twins, np.ones(2, dtype=bool), 1, len(twins.dates), 1.5, share)
    np.testing.assert_allclose(made[1:, 0], made[1:, 1], rtol=1e-9)
    assert made[1:, 0].std() == pytest.approx(1.5 * twins.returns[1:, 0].std())


def test_variants_fill_their_ranges_evenly() -> None:
    volatility, correlation, cost = WIDE.points.T
    assert len(WIDE.points) == VARIANTS
    for logs, most in ((np.log(volatility), np.log(2.0)), (correlation, 0.5), (np.log(cost), np.log(3.0))):
        counts, _ = np.histogram(logs, bins=4, range=(-most, most))
        assert counts.sum() == VARIANTS
        assert counts.min() >= VARIANTS // 4 - 2
    assert abs(np.corrcoef(WIDE.points, rowvar=False) - np.eye(3)).max() < 0.15


def test_a_varied_world_is_a_world_of_that_market_at_those_costs(market: Market, days: TrainingDays) -> None:
    """Each is replayed as the only world of a market and costs that were varied by hand."""
    decisions, actions = 30, np.random.default_rng(5)
    worlds = Worlds(days, days.kinds(40), decisions, 3)
    numbers = actions.uniform(-1.0, 0.3, (decisions, 40, 2)).astype(np.float32)
    terms = np.array([worlds.act(one) for one in numbers])
    variants = days.variant(worlds.state.drawn)
    assert (variants == variants[:, :1]).all()  # a world stays in its own
    assert len(set(variants[:, 0])) > 15
    for w in (0, 7, 21, 39):
        factor, share, cost = WIDE.points[variants[w, 0]]
        other = replace(market, returns=varied(market, np.ones(2, dtype=bool), 1, len(market.dates), factor, share))
        alone = training_days(Learned(TARGET), other, COSTS.scaled(cost), PENALTY, YEAR)
        alone = replace(alone, scales=days.scales)
        drawn = worlds.state.drawn[w : w + 1] % len(market.dates)
        one = Worlds(alone, np.zeros(1, np.int64), decisions, 0, drawn)
        own = np.array([one.act(step[w : w + 1]) for step in numbers])[:, 0]
        np.testing.assert_allclose(own, terms[:, w], rtol=1e-12, atol=1e-18)


def test_torch_has_the_same_varied_worlds(days: TrainingDays) -> None:
    many, decisions = 48, 30
    drawn = draw_days(days, many, decisions, np.random.default_rng(6))
    rows = days.draw(np.random.default_rng(6), drawn.kind, LOOKBACK + decisions * days.sessions)
    compiled = Worlds(days, drawn.kind, decisions, 0, rows)
    target, half = (torch.from_numpy(x[drawn.kind]) for x in (days.scales.target, days.scales.half_width))
    since = days_of(drawn)
    own = days.cost_parameters._replace(
        rates=days.cost_parameters.rates[drawn.variant], total=days.cost_parameters.total[drawn.variant]
    )
    ours = TorchWorlds(at_target(target), target.numpy(), since, own, days.tracking_penalty, days.sessions, days.lag)
    actions = np.random.default_rng(7)
    for _ in range(decisions):
        action = actions.uniform(-1.1, 0.3, (many, 2)).astype(np.float32)
        terms = ours.act(boxes_of(torch.from_numpy(action.astype(float)), target, half)).numpy()
        np.testing.assert_allclose(terms, compiled.act(action), rtol=1e-12, atol=1e-17)


def test_policies_are_judged_in_worlds_as_the_days_were(market: Market, days: TrainingDays) -> None:
    plain = training_days(Learned(TARGET), market, COSTS, PENALTY, YEAR)
    assert evaluate(days, 0, closed_form(days)) == evaluate(plain, 0, closed_form(plain))
    wide, narrow = (measure_scaling(d, Learned(TARGET))[0].deviation for d in (days, plain))
    assert wide[0] > narrow[0]  # but what is seen in training is wider


def test_a_line_cannot_lose_more_than_all(market: Market) -> None:
    returns = market.returns.copy()
    returns[700, 1] = -0.6
    crashed = replace(market, returns=returns)
    day = f"{market.dates[700]:%Y-%m-%d}"
    with pytest.raises(ConfigError, match=rf"B would lose .* on {day}, where it really lost 60 %: lower the "):
        training_days(Learned(TARGET, variation=Variation(volatility=2.5)), crashed, COSTS, PENALTY, YEAR)


@cases(
    "given, said",
    ({"volatility": 0.5}, "volatility of Variation is 0.5: give a number from 1"),
    ({"correlation": 1.0}, "correlation of Variation is 1.0: give a number from 0"),
    ({"cost": float("nan")}, "cost of Variation is nan"),
)
def test_a_range_that_is_none_is_refused(given: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Variation(**given)


def test_tickets_stay_and_only_what_is_proportional_varies(market: Market) -> None:
    costs = replace(Costs.bps(2, commission=5, half_spread=5), ticket=np.full(2, 1e-4))
    made = training_days(Learned(TARGET, variation=WIDE), market, costs, PENALTY, YEAR)
    np.testing.assert_allclose(made.cost_parameters.total, 10e-4 * WIDE.points[:, 2:] * np.ones(2), rtol=1e-14)
    np.testing.assert_array_equal(made.cost_parameters.ticket, costs.ticket)
