"""A ladder is the general loop at each of its costs, and refuses what is not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import world

from backtests.batch.batch import Lane, play_lanes
from backtests.batch.ladder import play_ladder
from backtests.batch.ladder_lane import STAGE
from research.accounting import Costs
from research.allocation import EqualWeights, FixedWeights, target_path
from research.errors import ConfigError, PolicyError
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


def test_daily_trades_by_two_workers() -> None:
    market = world(700, 2)
    lanes = lanes_on(market, [Calendar(EqualWeights(), "day")], (0,) * 80)
    strategic, costs = target_path(EqualWeights(), market), Costs.bps(2, commission=20)
    found = play_ladder(market, lanes, [costs], strategic, 5.0, 252.0, workers=2)
    expected = play_lanes(market, [Lane(lanes[0].corridor, lanes[0].targets, costs, 0)], strategic, 5.0, 252.0)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("peak", [STAGE - 1, STAGE, STAGE + 1])
def test_lanes_are_handed_from_stage_to_stage(peak: int) -> None:
    """The highest wealth before costs, at a trade on the first row of a stage, is a wealth that no cost ever had."""
    market, rng = world(2 * STAGE + 60, 2), np.random.default_rng(1)
    returns = rng.normal(
        np.where(np.arange(len(market.dates)) < peak, 5e-4, -5e-4)[:, None], 0.002, (len(market.dates), 2)
    )
    returns[0], returns[peak] = 0.0, [0.3, 0.0]
    market = replace(market, returns=returns)
    rules: list[Rule] = [Threshold(EqualWeights(), 0.02), Threshold(EqualWeights(), 0.02, part=0.5)]
    lanes = lanes_on(market, [*rules, Calendar(EqualWeights(), "month")], (0, 1, 5))
    lanes += lanes_on(market, rules, (0, 1), first=STAGE + 3)
    ladder, strategic = [Costs.bps(2, commission=k) for k in (0.0, 10.0, 50.0)], target_path(EqualWeights(), market)
    found = play_ladder(market, lanes, ladder, strategic, 5.0, 252.0)
    general = [Lane(one.corridor, one.targets, costs, one.lag, one.first) for one in lanes for costs in ladder]
    expected = play_lanes(market, general, strategic, 5.0, 252.0).reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_costs_that_leave_no_root_are_refused() -> None:
    market = world(60, 2)
    targets = target_path(FixedWeights((2.0, -1.0)), market)
    lane = Lane(Calendar(FixedWeights((2.0, -1.0)), "week").corridor(market, targets), targets, Costs.bps(2))
    ladder = [Costs.bps(2), Costs.bps(2, commission=4_000)]
    with pytest.raises(PolicyError, match="cost 1 of the ladder would take 120% of what lane 0 trades"):
        play_ladder(market, [lane], ladder, targets, 5.0, 252.0, leverage_limit=4.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"g": float("nan")}, "g is nan: the price of tracking error"),
        ({"g": -5.0}, "g is -5.0"),
        ({"periods_per_year": 0}, "periods_per_year is 0"),
        ({"workers": 0}, "workers is 0: give a whole number of threads"),
        ({"leverage_limit": float("nan")}, "leverage_limit is nan"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    market = world(60, 2)
    lanes = lanes_on(market, [Threshold(EqualWeights(), 0.01)], (1,))
    given = {"g": 5.0, "periods_per_year": 252.0} | settings
    with pytest.raises(ConfigError, match=message):
        play_ladder(market, lanes, [Costs.bps(2)], lanes[0].targets, **given)
    with pytest.raises(ConfigError, match=message):
        play_lanes(market, lanes, lanes[0].targets, **given)


def test_a_ladder_of_nothing_and_costs_of_another_size_are_refused() -> None:
    market = world(60, 2)
    lanes = lanes_on(market, [Threshold(EqualWeights(), 0.01)], (1,))
    for some, ladder, message in (
        (lanes, [], "a ladder of 1 lanes at 0 costs"),
        ([], [Costs.bps(2)], "a ladder of 0 lanes at 1 costs"),
    ):
        with pytest.raises(ConfigError, match=message):
            play_ladder(market, some, ladder, lanes[0].targets, 5.0, 252.0)
    with pytest.raises(
        PolicyError, match=r"cost 1 of the ladder cannot be played .* its costs have 3 lines and the market 2"
    ):
        play_ladder(market, lanes, [Costs.bps(2), Costs.bps(3)], lanes[0].targets, 5.0, 252.0)


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
