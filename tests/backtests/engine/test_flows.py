"""Money that comes and goes: who gets it, and what return was earned on it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from simulated import MakeMarket

from backtests.batch.streaming_metrics import BATCH_METRICS, batch_metrics
from backtests.engine import backtest
from foundation.errors import ConfigError, PolicyError
from research.accounting import Costs, Execution, Flows, Policy, Tax
from research.allocation import FixedWeights
from research.market import Market
from research.rules import Calendar, Never, Threshold

HALVES = FixedWeights((0.5, 0.5))


def drifted(make_market: MakeMarket, days: int = 4) -> Market:
    """A portfolio of halves is 60 and 40 on the second session, and stays there."""
    returns = np.zeros((days, 2))
    returns[1] = [0.2, -0.2]
    return make_market(returns)


@pytest.mark.parametrize(
    ("amount", "left"),
    [(20.0, [60.0, 60.0, 0.0]), (10.0, [60.0, 50.0, 0.0]), (40.0, [70.0, 70.0, 0.0]), (-20.0, [40.0, 40.0, 0.0]),
     (-10.0, [50.0, 40.0, 0.0]), (-60.0, [20.0, 20.0, 0.0])],
)  # fmt: skip
def test_flows_go_to_what_is_under_target_and_come_from_what_is_over(
    make_market: MakeMarket, amount: float, left: list[float]
) -> None:
    market = drifted(make_market)
    result = backtest(market, Never(HALVES), Costs.bps(2), nav=100.0, flows=Flows({market.dates[2]: amount}))
    assert [*result.weights.iloc[2] * result.nav.iloc[2], result.ledger.cash[2]] == pytest.approx(left, abs=1e-12)
    assert result.triggers == ("flow",)
    assert result.turnover.tolist() == [0.0] * 3, "the turnover is of decisions"


@pytest.mark.parametrize("daily", [False, True])
def test_with_a_lag_of_zero_a_flow_and_the_decision_of_its_close_are_one_booking(
    make_market: MakeMarket, by_day: Callable[[Policy], Policy], daily: bool
) -> None:
    """60 and 40 are halves of V after a withdrawal of 10 and a tax of a half on the gain, a sixth of what is sold of A.

    60 - V / 2 is sold: V = 90 - (60 - V / 2) / 12 = 85 / (1 - 1 / 24).
    """
    returns = np.zeros((4, 2))
    returns[2] = [0.2, -0.2]
    market, costs = make_market(returns), Costs(np.zeros(2), np.zeros(2), tax=Tax(0.5, "first"))
    policy = by_day(Calendar(HALVES, "day")) if daily else Calendar(HALVES, "day")
    result = backtest(market, policy, costs, nav=100.0, lag=0, flows=Flows({market.dates[2]: -10.0}))
    after = 85.0 / (1.0 - 1.0 / 24.0)
    assert result.triggers == ("calendar",)
    assert result.ledger.trades[0].tolist() == pytest.approx([after / 2.0 - 60.0, after / 2.0 - 40.0], abs=1e-10)
    assert result.nav.iloc[-1] == pytest.approx(after, abs=1e-10)


def left_by_a_flow(make_market: MakeMarket, seed: int, sign: float, cost: np.ndarray) -> tuple[np.ndarray, ...]:
    """(gaps before a flow, gaps after it) of six assets that drifted, fractions of the NAV with the flow."""
    rng, n = np.random.default_rng(seed), len(cost)
    target, returns = rng.dirichlet(np.full(n, 5.0)), np.zeros((4, n))
    returns[1] = rng.uniform(-0.3, 0.3, n)
    flow = sign * rng.uniform(0.01, 0.3)
    market, costs = make_market(returns), Costs.bps(n, commission=cost)
    flows = Flows({market.dates[2]: flow})
    result = backtest(market, Never(FixedWeights(tuple(target))), costs, nav=1.0, flows=flows)
    held = target * (1.0 + returns[1])
    return held / (held.sum() + flow) - target, result.weights.iloc[2].to_numpy() - target


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["deposit", "withdrawal"])
def test_a_flow_goes_to_the_largest_gap_until_it_is_as_large_as_the_next(
    make_market: MakeMarket, seed: int, sign: float
) -> None:
    """One cost for all, here none: the level to which gaps are filled, from the sorted gaps."""
    gaps, after = left_by_a_flow(make_market, seed, sign, np.zeros(6))
    below, amount = np.sort(-sign * gaps)[::-1], abs(gaps.sum())
    level = max((below[: k + 1].sum() - amount) / (k + 1) for k in range(6))
    assert after == pytest.approx(-sign * np.minimum(-sign * gaps, level), abs=1e-12)
    assert level >= -1e-12, "none goes beyond its target"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["deposit", "withdrawal"])
def test_a_flow_leaves_the_least_sum_of_squared_gaps_over_costs(
    make_market: MakeMarket, seed: int, sign: float
) -> None:
    """The quadratic programme of what a flow may do, by cvxpy. Costs are of ratio 1 to 15, and negligible."""
    cost = np.array([2.0, 2.0, 10.0, 10.0, 30.0, 30.0])
    gaps, after = left_by_a_flow(make_market, seed, sign, 1e-6 * cost)
    free = cp.Variable(6)
    left = cp.sum(cp.multiply(1.0 / cost, cp.square(free)))
    cp.Problem(cp.Minimize(1e3 * left), [cp.sum(free) == 0.0, sign * free >= sign * gaps]).solve(
        solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
    )
    assert after == pytest.approx(free.value, abs=1e-6)
    moved = np.abs(after - gaps) > 1e-6
    assert (after / cost)[moved] == pytest.approx((after / cost)[moved].mean(), abs=1e-6), "K d is one number"


@pytest.mark.parametrize("use", ["rebalance", "cash"])
def test_a_withdrawal_sells_what_a_fee_had_overdrawn_besides(
    make_market: MakeMarket, use: Literal["rebalance", "cash"]
) -> None:
    """A fee of 2 % a year takes money from cash, which holds none, on three days before 10 go."""
    market = drifted(make_market, 6)
    costs, flows = replace(Costs.bps(2), management_fee=0.02), Flows({market.dates[3]: -10.0}, use)
    result = backtest(market, Never(HALVES), costs, nav=100.0, flows=flows)
    fees = result.ledger.holding_costs[1:4].sum()
    assert result.ledger.cash[2] == pytest.approx(-result.ledger.holding_costs[1:3].sum(), abs=1e-12)
    assert result.ledger.trades[0] == pytest.approx([-10.0 - fees, 0.0], abs=1e-12)
    assert result.ledger.cash[3] == pytest.approx(0.0, abs=1e-12)


def test_a_flow_pays_for_its_own_trade(make_market: MakeMarket) -> None:
    """10 come, and 1 % of what is bought of B is to be paid.

    A keeps its 60. B shares with cash, whose goal is nothing: s x 50/110 (1 + 0.01) - 0.01 x 40 = 50, so B ends at
    50.4 / 1.01 = 49.90 and its purchase of 9.90 costs 0.099.
    """
    market = drifted(make_market)
    result = backtest(
        market, Never(HALVES), Costs.bps(2, commission=100), nav=101.0, flows=Flows({market.dates[2]: 10.0})
    )
    assert result.ledger.trades[0] == pytest.approx([0.0, 50.4 / 1.01 - 40.0], abs=1e-12)
    assert result.ledger.charges[0].sum() == pytest.approx(0.01 * (50.4 / 1.01 - 40.0), abs=1e-12)
    assert result.ledger.cash[2] == pytest.approx(0.0, abs=1e-12)


def test_flows_that_wait_in_cash_are_spent_by_the_next_trade(make_market: MakeMarket) -> None:
    """10 wait in cash on the third session; the rule sees them, and a session later there are 55 and 55."""
    market = drifted(make_market)
    never, daily = (
        backtest(market, rule, Costs.bps(2), nav=100.0, flows=Flows({market.dates[2]: 10.0}, use="cash"))
        for rule in (Never(HALVES), Calendar(HALVES, "day"))
    )
    assert never.ledger.cash == pytest.approx([0.0, 0.0, 10.0, 10.0], abs=1e-12)
    assert len(never.ledger.booked) == 0
    # Asked on the second session, booked on the third with the ten that came: 110 in halves.
    assert daily.ledger.booked.tolist() == [2]
    assert daily.ledger.trades[0] == pytest.approx([-5.0, 15.0], abs=1e-12)


def test_a_flow_on_the_day_of_a_booking_is_used_by_it(make_market: MakeMarket) -> None:
    market = drifted(make_market)
    flows = Flows({market.dates[2]: 10.0})
    result = backtest(market, Calendar(HALVES, "day"), Costs.bps(2), nav=100.0, flows=flows)
    assert result.triggers == ("calendar",), "one booking, not two"
    assert result.ledger.trades[0] == pytest.approx([-5.0, 15.0], abs=1e-12)


def test_time_weighted_returns_are_of_the_market_and_money_weighted_ones_of_the_money(make_market: MakeMarket) -> None:
    """+1 %, then 99 more, then -1 %: time-weighted 1.01 x 0.99; in money 100 and 99 have become 198."""
    returns = np.zeros((3, 2))
    returns[1:] = [[0.01, 0.01], [-0.01, -0.01]]
    market = make_market(returns)
    result = backtest(market, Never(HALVES), Costs.bps(2), nav=100.0, flows=Flows({market.dates[1]: 99.0}))
    assert result.nav.tolist() == pytest.approx([100.0, 200.0, 198.0], abs=1e-12)
    assert result.net_returns == pytest.approx([0.01, -0.01], abs=1e-14)
    assert result.growth_path == pytest.approx([100.0, 101.0, 99.99], abs=1e-12)
    rate, years = result.money_weighted, np.array([2.0, 1.0]) / 365.25
    assert 100.0 * (1.0 + rate) ** years[0] + 99.0 * (1.0 + rate) ** years[1] == pytest.approx(198.0, rel=1e-9)
    assert rate < -0.4, "more money was there when it lost than when it gained"


def test_a_levered_portfolio_that_drifted_can_be_drawn_on(make_market: MakeMarket) -> None:
    """150 in assets and -50 in cash; they fall by a fifth to 120, so cash is at -71 % of 70, and pays out one more."""
    market = make_market(np.array([[0.0, 0.0], [-0.2, -0.2], [0.0, 0.0], [0.0, 0.0]]))
    rule, out = Never(FixedWeights((0.75, 0.75))), Flows({market.dates[2]: -1.0})
    result = backtest(market, rule, Costs.bps(2), nav=100.0, flows=out, leverage_limit=2.0)
    assert result.ledger.cash == pytest.approx([-50.0] * 4, abs=1e-12)
    assert result.nav.tolist() == pytest.approx([100.0, 70.0, 69.0, 69.0], abs=1e-12)


@pytest.mark.parametrize("rule", [Never(HALVES), Calendar(HALVES, "day")])
@pytest.mark.parametrize("amount", [-90.0, 900.0])
def test_costs_are_on_the_wealth_that_returns_are_on(
    make_market: MakeMarket, rule: Never | Calendar, amount: float
) -> None:
    """However much goes or comes: else 0.1 % of 90 on the 10 that are left would be 0.9 % of them."""
    market, costs = drifted(make_market, 5), Costs.bps(2, commission=10.0)
    result = backtest(market, rule, costs, nav=100.0, flows=Flows({market.dates[2]: amount}))
    assert result.charges[1] == pytest.approx(0.001 * abs(amount), rel=0.25)
    assert result.gross_returns - result.cost_rate == pytest.approx(result.net_returns, abs=1e-15)
    assert result.cost_rates.sum() == pytest.approx(result.cost_rate.sum(), rel=1e-12)
    none = np.zeros(len(market.dates))
    cost = batch_metrics(result, none, none, 5.0)[BATCH_METRICS.index("cost")]
    assert cost == pytest.approx(result.cost_rate.sum() / 4 * 252 * 1e4, rel=1e-12)


def test_a_flow_on_a_day_without_a_session_counts_at_the_next(make_market: MakeMarket) -> None:
    market = drifted(make_market, 6)  # 6 January 2018 is a Saturday
    result = backtest(market, Never(HALVES), Costs.bps(2), nav=100.0, flows=Flows({pd.Timestamp("2018-01-06"): 7.0}))
    assert result.nav.loc["2018-01-05"] == pytest.approx(100.0)
    assert result.nav.loc["2018-01-08"] == pytest.approx(107.0)


def test_a_flow_before_the_test_is_part_of_its_opening_wealth(make_market: MakeMarket) -> None:
    market = drifted(make_market)
    result = backtest(market, Never(HALVES), Costs.bps(2), nav=100.0, flows=Flows({market.dates[0]: 7.0}))
    assert result.nav.iloc[-1] == pytest.approx(100.0)


def test_a_withdrawal_of_more_than_there_is_is_refused_by_name_and_date(make_market: MakeMarket) -> None:
    market = drifted(make_market)
    for use in ("cash", "rebalance"):
        flows = Flows({market.dates[2]: -100.5}, use=use)
        with pytest.raises(PolicyError, match=r"at 2018-01-04: it cannot pay the withdrawal of 100\.50"):
            backtest(market, Never(HALVES), Costs.bps(2), nav=100.0, flows=flows)


def test_a_withdrawal_that_a_decision_of_the_day_cannot_pay_is_refused(
    make_market: MakeMarket, by_day: Callable[[Policy], Policy]
) -> None:
    """A is 60 and halted, B is 40 and sold. Of 42, cash lacks 2 of 58, which is 3.4 %; of 43, 3 of 57: 5.3 %."""
    returns = np.zeros((4, 2))
    returns[1] = [0.2, -0.2]
    market, rule = make_market(returns, halted=[(2, 0)]), Calendar(HALVES, "day")
    for policy in (rule, by_day(rule)):
        result = backtest(market, policy, Costs.bps(2), nav=100.0, flows=Flows({market.dates[2]: -42.0}))
        assert result.triggers[0] == "calendar", "the decision pays"
        assert result.ledger.trades[0] == pytest.approx([0.0, -40.0], abs=1e-12)
        assert result.ledger.cash[2] == pytest.approx(-2.0, abs=1e-12)
        for use in ("cash", "rebalance"):
            flows = Flows({market.dates[2]: -43.0}, use=use)
            with pytest.raises(PolicyError, match=r"2018-01-04: it cannot pay the withdrawal of 43\.00\. .* is 57\.00"):
                backtest(market, policy, Costs.bps(2), nav=100.0, flows=flows)


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("rule", [Never(HALVES), Calendar(HALVES, "day")], ids=["flow", "decision"])
def test_a_withdrawal_that_only_a_small_order_would_pay_is_refused_whoever_books_it(
    make_market: MakeMarket, by_day: Callable[[Policy], Policy], rule: Policy, lag: int
) -> None:
    """60 and 40, of which 20 go: 20 of A is to be sold, and 25 is the smallest order. 20 of 80 are lacking."""
    market = drifted(make_market)
    for policy in (rule, by_day(rule)):
        played = {"nav": 100.0, "lag": lag, "flows": Flows({market.dates[2]: -20.0})}
        sent = backtest(market, policy, Costs.bps(2), execution=Execution(minimum_trade=15.0), **played)
        assert sent.ledger.cash[2] == pytest.approx(0.0, abs=1e-12)
        with pytest.raises(PolicyError, match=r"2018-01-04: it cannot pay the withdrawal of 20\.00"):
            backtest(market, policy, Costs.bps(2), execution=Execution(minimum_trade=25.0), **played)


def test_a_levered_decision_may_go_as_far_as_its_box_on_the_day_of_a_withdrawal(
    make_market: MakeMarket, by_day: Callable[[Policy], Policy]
) -> None:
    """75 and 75 fall by a tenth: cash is -50 of 85, and past its band. It ends at -58 %, where the band ends."""
    returns = np.zeros((4, 2))
    returns[1] = -0.1
    market, rule = make_market(returns), Threshold(FixedWeights((0.75, 0.75)), 0.08, "edge")
    for policy in (rule, by_day(rule)):
        flows = Flows({market.dates[2]: -1.0})
        result = backtest(market, policy, Costs.bps(2), nav=100.0, flows=flows, leverage_limit=2.0)
        assert result.triggers == ("band",)
        assert result.cash_weight.iloc[2] == pytest.approx(-0.58, abs=1e-12)


def test_flows_after_the_data_and_amounts_that_are_none_are_refused(make_market: MakeMarket) -> None:
    market = drifted(make_market)
    with pytest.raises(ConfigError, match=r"flow of 5\.00 on 2019-01-01 comes after the data"):
        backtest(market, Never(HALVES), Costs.bps(2), flows=Flows({pd.Timestamp("2019-01-01"): 5.0}))
    with pytest.raises(ConfigError, match="flow of 2018-01-03 is nan"):
        Flows({pd.Timestamp("2018-01-03"): np.nan})


@pytest.mark.parametrize(("make", "said"), [
    (lambda: Flows(None), "amounts of flows are None: give currency by date"),
    (lambda: Flows([("2018-01-03", 5.0)]), "amounts of flows are .*: give currency by date"),
    (lambda: Flows({"soon": 5.0}), "a date of flows is 'soon': write a date as YYYY-MM-DD"),
    (lambda: Flows({"2018-02-30": 5.0}), "a date of flows is '2018-02-30': write a date"),
    (lambda: Flows({5: 5.0}), "a date of flows is 5: write a date"),
    (lambda: Flows({pd.NaT: 5.0}), "a date of flows is NaT: write a date"),
    (lambda: Flows({"now": 5.0}), "a date of flows is 'now': write a date"),
    (lambda: Flows({pd.Timestamp("2018-01-03", tz="UTC"): 5.0}), "a date of flows is .*without time or zone"),
    (lambda: Flows({"2018-01-03": "5"}), "flow of 2018-01-03 is '5': give currency"),
    (lambda: Flows({"2018-01-03": None}), "flow of 2018-01-03 is None: give currency"),
    (lambda: Flows({"2018-01-03": True}), "flow of 2018-01-03 is True: give currency"),
    (lambda: Flows(pd.Series([1.0, 2.0], ["2018-01-03"] * 2)), "flow of 2018-01-03 is given twice.* 2.0: give the"),
    (lambda: Flows({}, use=None), "use of flows is None: use one of rebalance, cash"),
    (lambda: Flows.every(["month"], 1.0, None), r"period of flows is \['month'\]: use one of day"),
    (lambda: Flows.every("month", 1.0, "us_etf_ohlcv"), "market of flows is 'us_etf_ohlcv': give a Market"),
])  # fmt: skip
def test_flows_of_another_kind_are_refused_in_a_sentence(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()
