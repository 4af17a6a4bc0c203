"""Rules that look at wealth: their floors as laws, by hand, and what money that comes and goes does to them."""

import dataclasses

import new_york
import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.engine import backtest
from foundation.arrays import Array
from foundation.errors import ConfigError, PolicyError
from research.accounting import Costs, Flows, View
from research.allocation import FixedWeights
from research.market import Market, instruments_table
from research.rules import CPPI, DrawdownFloor, StopLoss, Threshold
from research.rules.wealth_rules import WealthRule

TARGET = FixedWeights((0.6, 0.4))
FREE = Costs.bps(2)
SESSIONS = new_york.sessions("2018-01-02", "2019-12-31")


def market_of(returns: Array, cash: float = 0.0) -> Market:
    """Assets A and B, returns (T, 2); the first day, that of the opening trade, has none."""
    days = np.vstack([np.zeros(2), returns])
    known, unknown = np.ones(days.shape, dtype=bool), np.full(days.shape, np.nan)
    table = instruments_table(("A", "B"), asset_class=["stock"] * 2)
    interest = np.append(0.0, np.full(len(returns), cash))
    return Market(SESSIONS[: len(days)], ("A", "B"), days, known, interest, table, unknown, name="made")


def both(moves: list[float]) -> Array:
    return np.column_stack([moves, moves])


def nav_of(rule: WealthRule | Threshold, market: Market, opened: float = 1.0, **more: object) -> pd.Series:
    start = opened * np.array(TARGET.weights)
    return backtest(market, rule, FREE, start=market.dates[1], lag=0, start_weights=start, **more).nav


# -- laws --------------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    moves=st.lists(st.tuples(*[st.floats(-0.99, 3.0)] * 2), min_size=5, max_size=40),
    multiplier=st.sampled_from([1.0, 2.0, 4.0, 10.0]),
    floor=st.sampled_from([0.5, 0.8, 0.95]),
    cash=st.sampled_from([0.0, 1e-3]),
)
def test_cppi_never_breaks_its_floor_by_steps_that_lose_less_than_one_over_its_multiplier(
    moves: list[tuple[float, float]], multiplier: float, floor: float, cash: float
) -> None:
    market = market_of(np.array(moves) / multiplier, cash)
    rule = CPPI(TARGET, band=0.0, floor=floor, multiplier=multiplier)
    nav = nav_of(rule, market, opened=min(1.0, multiplier * (1.0 - floor)))
    assert (nav.to_numpy() >= floor * np.cumprod(1.0 + market.cash) - 1e-12).all()


@settings(max_examples=60)
@given(
    moves=st.lists(st.tuples(*[st.floats(-0.99, 3.0)] * 2), min_size=5, max_size=40),
    multiplier=st.sampled_from([2.0, 5.0, 10.0]),
    limit=st.sampled_from([0.05, 0.2, 0.5]),
)
def test_a_drawdown_never_passes_its_limit_by_such_steps(
    moves: list[tuple[float, float]], multiplier: float, limit: float
) -> None:
    rule = DrawdownFloor(TARGET, band=0.0, limit=limit, multiplier=multiplier)
    nav = nav_of(rule, market_of(np.array(moves) / multiplier), opened=min(1.0, multiplier * limit))
    assert (nav / nav.cummax() - 1.0).min() >= -limit - 1e-12


def test_one_step_as_large_as_one_over_the_multiplier_reaches_the_floor() -> None:
    nav = nav_of(CPPI(TARGET, 0.0, floor=0.8, multiplier=4.0), market_of(both([-0.25, 0.5, 0.5])), opened=0.8)
    assert nav.to_numpy() == pytest.approx([1.0, 0.8, 0.8, 0.8], abs=1e-15)
    broken = nav_of(CPPI(TARGET, 0.0, floor=0.8, multiplier=4.0), market_of(both([-0.30, 0.5])), opened=0.8)
    assert broken.iloc[-1] == pytest.approx(0.76, abs=1e-15)


@cases("rule", CPPI(TARGET, floor=0.0), DrawdownFloor(TARGET, limit=1.0, multiplier=1.0), StopLoss(TARGET, limit=1.0))
@pytest.mark.parametrize("lag", [0, 1])
def test_without_a_floor_it_is_the_plain_rule(rule: WealthRule, lag: int) -> None:
    market = market_of(np.random.default_rng(3).normal(0.0, 0.03, (200, 2)), 1e-4)
    costs, flows = Costs.bps(2, commission=5), Flows({market.dates[50]: 0.3, market.dates[90]: -0.2})
    if isinstance(rule, DrawdownFloor):  # its floor is 0, and its share 1
        assert rule.limit * rule.multiplier == 1.0
    one, other = (backtest(market, r, costs, lag=lag, flows=flows) for r in (rule, Threshold(TARGET)))
    np.testing.assert_array_equal(one.ledger.nav, other.ledger.nav)
    np.testing.assert_array_equal(one.ledger.trades, other.ledger.trades)


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_cppi_holds_a_multiple_of_its_cushion() -> None:
    """NAV 1.08, then cushion 0.28: 3 x 0.28 / 1.08 of NAV in the target, split 60 to 40."""
    market = market_of(both([0.1, 0.0]))
    result = backtest(
        market, CPPI(TARGET, 0.0, floor=0.8, multiplier=3.0), FREE, start=market.dates[1], lag=0,
        start_weights=0.8 * np.array(TARGET.weights),
    )  # fmt: skip
    assert result.weights.iloc[1].to_numpy() == pytest.approx(3 * 0.28 / 1.08 * np.array([0.6, 0.4]), abs=1e-14)
    expected = "NAV exceeds the floor by 25.93 % of NAV: the rule holds 77.78 % of the target"
    assert result.decisions()["reason"].iloc[0] == expected


def test_a_stop_goes_to_cash_for_its_sessions_and_starts_anew() -> None:
    moves = [0.1, -0.12, 0.5, 0.5, 0.1, -0.05, -0.06, 0.3, 0.0]
    nav = nav_of(StopLoss(TARGET, 0.0, limit=0.1, wait=2), market_of(both(moves))).to_numpy()
    # 1.1, then 0.968: 12 % under. Cash for two sessions; back in at their end: +10 %, and 10.7 % under it again.
    expected = [1.0, 1.1, 0.968, 0.968, 0.968, 0.968 * 1.1, 0.968 * 1.1 * 0.95, 0.968 * 1.1 * 0.95 * 0.94]
    assert nav == pytest.approx([*expected, expected[-1], expected[-1]], abs=1e-14)


@pytest.mark.parametrize("use", ["cash", "rebalance"])
def test_money_that_goes_is_no_loss_and_money_that_comes_no_gain(use: str) -> None:
    market = market_of(np.random.default_rng(5).normal(0.0, 0.01, (80, 2)))
    flows = Flows({market.dates[20]: -0.3, market.dates[50]: 0.4}, use)
    for rule in (StopLoss(TARGET, limit=0.25), DrawdownFloor(TARGET, limit=0.25), CPPI(TARGET, floor=0.75)):
        result = backtest(market, rule, FREE, flows=flows, lag=0)
        growth = np.cumprod(1.0 + result.net_returns)
        assert _seen(market, rule, flows)[1:] == pytest.approx(growth, abs=1e-12)
        assert growth.min() > 0.85  # it never came near its floor, and what went was more than that
        assert result.weights.sum(axis=1).min() > 0.4


def _seen(market: Market, rule: WealthRule, flows: Flows) -> Array:
    """The growth that the rule saw on the last day."""
    found: list[Array] = []

    @dataclasses.dataclass(frozen=True)
    class Watched(type(rule)):  # type: ignore[misc]
        def share(self, view: View) -> tuple[float, str]:
            found.append(view.growth_history)
            return super().share(view)

    given = {f.name: getattr(rule, f.name) for f in dataclasses.fields(rule)}
    backtest(market, Watched(**given), FREE, flows=flows, lag=0)
    return found[-1]


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_desk_that_knows_no_history_is_refused() -> None:
    market = market_of(both([0.0, 0.0]))
    weights = np.array([0.6, 0.4])
    view = View(market.past(2), weights, weights, 0.0, 1.0, np.array([1.0]), 1, FREE)
    with pytest.raises(PolicyError, match=r"CPPI goes by the NAV since the opening trade, and only that of 2018-01-04"):
        CPPI(TARGET).decide(view)


@cases(
    "kind, given, said",
    (CPPI, {"floor": 1.0}, "floor of CPPI is 1.0"),
    (CPPI, {"multiplier": 0.5}, "multiplier of CPPI is 0.5"),
    (DrawdownFloor, {"limit": 0.0}, "limit of DrawdownFloor is 0.0"),
    (DrawdownFloor, {"multiplier": float("nan")}, "multiplier of DrawdownFloor is nan"),
    (StopLoss, {"limit": 1.5}, "limit of StopLoss is 1.5"),
    (StopLoss, {"wait": 0}, "wait of StopLoss is 0"),
    (StopLoss, {"band": 3.0}, "band of Threshold is 3.0"),
    (CPPI, {"schedule": "monthly"}, "Threshold: schedule is 'monthly'"),
)
def test_settings_with_no_sense_are_refused(kind: type, given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        kind(TARGET, **given)
