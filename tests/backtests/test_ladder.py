"""A ladder is the general loop at each of its costs, and refuses what is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import world

from backtests.ladder import play_ladder
from backtests.lanes import Lane, play_lanes
from research.accounting import Costs
from research.allocation import EqualWeights, FixedWeights, target_path
from research.errors import ConfigError
from research.market import Market
from research.rules import Calendar, Never, Threshold, Within
from research.rules.rules import Rule


def lanes_on(market: Market, rules: list[Rule], lags: tuple[int, ...], first: int = 0) -> list[Lane]:
    made = []
    for rule in rules:
        targets = target_path(rule.allocation, market)
        corridor = rule.corridor(market, targets)
        made += [Lane(corridor, targets, Costs.bps(len(market.assets)), lag, first) for lag in lags]
    return made


@given(seed=st.integers(0, 2**16), n=st.integers(2, 7), days=st.integers(30, 300))
@settings(max_examples=20)
def test_ladder_is_the_general_loop(seed: int, n: int, days: int) -> None:
    """Also where the costs are no multiples of each other, and in more rungs than are paid together."""
    market, rng = world(days, n, seed), np.random.default_rng(seed)
    fixed = FixedWeights(tuple(rng.dirichlet(np.ones(n) * 3)))
    rules: list[Rule] = [Threshold(EqualWeights(), 0.01), Threshold(fixed, 0.004, part=0.5), Calendar(fixed, "week")]
    lanes = lanes_on(market, rules, (0, 1, 5), first=int(rng.integers(0, days - 5)))
    ladder = [Costs.bps(n, commission=k) for k in (0.0, 1.0, 50.0)]
    ladder += [Costs.bps(n, commission=rng.uniform(0, 50, n), half_spread=2.0) for _ in range(16)]
    strategic = target_path(EqualWeights(), market)
    found = play_ladder(market, lanes, ladder, strategic, 5.0, 252.0)
    general = [Lane(one.corridor, one.targets, costs, one.lag, one.first) for one in lanes for costs in ladder]
    expected = play_lanes(market, general, strategic, 5.0, 252.0).reshape(found.shape)
    assert (np.abs(found[..., -1] / expected[..., -1] - 1.0) < 1e-13).all()
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_many_trades_make_their_own_room() -> None:
    market = world(700, 2)
    lanes = lanes_on(market, [Calendar(EqualWeights(), "day")], (0,) * 40)
    strategic, costs = target_path(EqualWeights(), market), Costs.bps(2, commission=20)
    found = play_ladder(market, lanes, [costs], strategic, 5.0, 252.0, workers=2)
    expected = play_lanes(market, [Lane(lanes[0].corridor, lanes[0].targets, costs, 0)], strategic, 5.0, 252.0)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Never(EqualWeights()), "stops short of it"),
        (Threshold(EqualWeights(), 0.01, "edge"), "stops short of it"),
        (Threshold(EqualWeights(), 0.01, Within(0.002)), "stops short of it"),
        (Threshold(FixedWeights((0.5, 0.3, 0.1)), 0.01), "holds cash"),
    ],
    ids=repr,
)
def test_rule_whose_trades_depend_on_their_costs_is_refused(rule: Rule, words: str) -> None:
    market = world(60, 3)
    lanes = lanes_on(market, [Threshold(EqualWeights(), 0.01), rule], (1,))
    with pytest.raises(ConfigError, match=f"lane 1 .*{words}"):
        play_ladder(market, lanes, [Costs.bps(3)], target_path(EqualWeights(), market), 5.0, 252.0)


def test_halted_line_is_refused(halting: Market) -> None:
    lanes = lanes_on(halting, [Threshold(EqualWeights(), 0.01)], (1,))
    with pytest.raises(ConfigError, match=r"A\d\d is halted on 20\d\d-\d\d-\d\d"):
        play_ladder(halting, lanes, [Costs.bps(3)], lanes[0].targets, 5.0, 252.0)
