"""From a decision to its bookings, on paper: at the open, over days, under a cap, no small orders, in whole lots."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from simulated import MakeMarket, world

from backtests.engine import Backtest, backtest
from foundation.errors import ConfigError, DataError, PolicyError
from research.accounting import Costs, Execution, Flows, Impact, Policy, Tax
from research.allocation import FixedWeights
from research.market import Market
from research.rules import Calendar, Never, Threshold

HALVES = FixedWeights((0.5, 0.5))
FREE = Costs.bps(2)


def drifted(make_market: MakeMarket, days: int = 6) -> Market:
    """A portfolio of halves is 60 and 40 on the second session, and stays there; quotes of 10 become 12 and 8."""
    returns = np.zeros((days, 2))
    returns[1] = [0.2, -0.2]
    made = make_market(returns)
    return replace(made, prices=10.0 * made.index, volumes=np.full((days, 2), 1e6), bars={"open": 10.0 * made.index})


def test_a_trade_is_worked_over_three_days_in_equal_parts(make_market: MakeMarket) -> None:
    """A third of 10, half of the rest, the rest; meanwhile the rule is not asked."""
    result = backtest(
        drifted(make_market), Calendar(HALVES, "day"), FREE, nav=100.0, execution=Execution(days=3)
    )  # fmt: skip
    assert result.ledger.asked.tolist() == [1, 1, 1]
    assert result.ledger.booked.tolist() == [2, 3, 4]
    assert result.ledger.part_of.tolist() == [0, 0, 0]
    assert result.ledger.trades[:, 0] == pytest.approx([-10.0 / 3.0] * 3, abs=1e-12)
    assert result.ledger.trades[:, 1] == pytest.approx([10.0 / 3.0] * 3, abs=1e-12)


def test_a_cap_on_participation_leaves_the_rest_for_the_next_sessions(make_market: MakeMarket) -> None:
    """A tenth of a volume of 3 units at 12 is 3.6 a day of A: 3.6, 3.6, 2.8, and of B, which has volume, as much."""
    market = drifted(make_market)
    volumes = np.array(market.volumes)
    volumes[:, 0] = 3.0
    market = replace(market, volumes=volumes)
    result = backtest(market, Calendar(HALVES, "day"), FREE, nav=100.0, execution=Execution(participation=0.1))
    assert result.ledger.booked.tolist() == [2, 3, 4]
    assert result.ledger.trades[:, 0] == pytest.approx([-3.6, -3.6, -2.8], abs=1e-12)
    assert result.ledger.trades[:, 1] == pytest.approx([3.6, 3.6, 2.8], abs=1e-12), "buys wait for what pays for them"
    assert result.ledger.cash == pytest.approx([0.0] * 6, abs=1e-12)


@pytest.mark.parametrize("waiting", [0.0, 30.0, 40.0, 50.0, 5_000.0])
def test_waiting_cash_of_less_than_the_costs_of_a_day_refuses_no_capped_trade(
    make_market: MakeMarket, waiting: float
) -> None:
    """Both orders are cut to 11,800, and cost 23.60: cash pays, as far as it is there, and the buy the rest."""
    wealth, market = 1_180_000.0, drifted(make_market, days=4)
    market, goal = replace(market, volumes=1.18e6 / np.array(market.prices)), FixedWeights((0.4, 0.6))
    result = backtest(
        market, Calendar(goal, "day"), Costs.bps(2, commission=10.0), nav=wealth, start_weights=np.array([0.5, 0.5]),
        flows=Flows({market.dates[2]: waiting}, "cash") if waiting else None, execution=Execution(participation=0.01),
    )  # fmt: skip
    book, cash = result.ledger, waiting
    for t, row in zip([2, 3], np.searchsorted(book.booked, [2, 3]), strict=True):
        bought = 11_800.0 - max(23.60 - cash, 0.0)
        assert book.trades[row] == pytest.approx([-11_800.0, bought], rel=1e-12)
        cash += 11_800.0 - bought - 0.001 * (11_800.0 + bought)
        assert book.cash[t] == pytest.approx(cash, abs=1e-6)
        assert book.cash[t] >= 0.0


@pytest.mark.parametrize("bps", [5.0, 50.0, 100.0, 125.0])
def test_a_small_line_is_not_sold_to_pay_for_orders_that_are_cut(make_market: MakeMarket, bps: float) -> None:
    """A and B go 9 % of NAV at most and cost more than C is worth: C is bought all the same, and less of B."""
    returns = np.zeros((4, 3))
    returns[1] = [0.2, -0.2, 0.0]
    market = make_market(returns)
    market = replace(market, prices=10.0 * market.index, volumes=0.9e6 / (10.0 * market.index))
    opening, goal = np.array([0.5, 0.498, 0.002]), FixedWeights((0.45, 0.5478, 0.0022))
    costs = Costs.bps(3, commission=bps)
    result = backtest(
        market, Calendar(goal, "day"), costs, nav=1e6, start_weights=opening, execution=Execution(participation=0.1)
    )
    book = result.ledger
    row, wealth = int(np.argmax(book.booked == 2)), 1e6 * (1.0 + 0.5 * 0.2 - 0.498 * 0.2)
    assert book.trades[row, 0] == pytest.approx(-0.9e5, rel=1e-12)
    paid = book.charges[row].sum()
    assert book.trades[row, 1] == pytest.approx(0.9e5 - paid, rel=0.003)  # a little is left to C
    assert 0.0 < book.trades[row, 2] <= 0.0022 * wealth - 2_000.0
    assert book.cash[2] == pytest.approx(-paid - book.trades[row].sum(), abs=1e-6)
    assert -1e-9 < book.cash[2] < 0.02 * paid


@pytest.mark.parametrize(("volume", "sold"), [(10.05, 10.0), (10.15, 10.1)])
def test_a_sale_that_costs_would_make_larger_than_its_limit_is_that_of_before_costs(
    make_market: MakeMarket, volume: float, sold: float
) -> None:
    """60 and 40 to halves, 1 %: wealth of 99.8 would sell 10.1 of A. A limit of 10.05 leaves the 10 of before costs."""
    market = drifted(make_market)
    market = replace(market, volumes=np.array([volume, 100.0]) / np.array(market.prices))
    execution, costs = Execution(participation=1.0), Costs.bps(2, commission=100.0)
    result = backtest(market, Calendar(HALVES, "day"), costs, nav=101.0, execution=execution)
    assert result.ledger.trades[0, 0] == pytest.approx(-sold, rel=1e-12)
    assert result.ledger.trades[0, 1] == pytest.approx((0.99 * sold) / 1.01, rel=1e-12), "the buy pays"
    assert result.ledger.cash == pytest.approx([0.0] * len(result.ledger.cash), abs=1e-12)


def test_a_line_that_may_only_be_bought_is_not_sold_to_pay_a_tax(make_market: MakeMarket) -> None:
    """C is 0.08 points under its target and is bought; the tax on A's gain takes more than that, and C stays."""
    returns = np.zeros((4, 3))
    returns[1] = [1.0, 0.0, 0.0]  # 0.20, 0.5514, 0.2486 of 100 become 0.4, 0.5514 and 0.2486 of 120
    market = make_market(returns)
    market = replace(market, instruments=market.instruments.assign(trading=["", "", "buy_only"]))
    goal, opening = FixedWeights((0.25, 0.542, 0.208)), np.array([0.20, 0.5514, 0.2486])

    def trades(tax: Tax | None) -> np.ndarray:
        costs = replace(Costs.bps(3, commission=10.0), tax=tax)
        return backtest(market, Calendar(goal, "day"), costs, nav=1e5, start_weights=opening).ledger.trades[0]

    free, taxed = trades(None), trades(Tax(0.25))
    assert free[0] < -9_000.0
    assert free[2] > 20.0
    assert taxed[0] < -8_000.0
    assert taxed[2] == 0.0


@pytest.mark.parametrize(("at", "trades"), [
    # 20 come to 60 and 40: 12 of B are bought for them, and the decision finds no volume left of B.
    ("close", [[0.0, 12.0], [0.0, 0.0], [0.0, 8.0]]),
    # The decision comes first and goes to 50 and 50; of 20 that come, B gets the 2 that are left, and A its 10.
    ("open", [[-10.0, 10.0], [10.0, 2.0], [0.0, 8.0]]),
])  # fmt: skip
def test_a_flow_and_a_decision_share_what_a_session_allows_of_a_line(
    make_market: MakeMarket, by_day: Callable[[Policy], Policy], at: Literal["close", "open"], trades: list[list[float]]
) -> None:
    """A tenth of a volume of 15 units at 8 is 12 a day of B."""
    market, rule = drifted(make_market), Calendar(HALVES, "day")
    volumes = np.array(market.volumes)
    volumes[:, 1] = 15.0
    market = replace(market, volumes=volumes)
    execution, flows = Execution(at, participation=0.1), Flows({market.dates[2]: 20.0})
    for policy in (rule, by_day(rule)):
        result = backtest(market, policy, FREE, nav=100.0, execution=execution, flows=flows)
        assert result.ledger.booked.tolist() == [2, 2, 3]
        np.testing.assert_allclose(result.ledger.trades, trades, atol=1e-12)
        assert result.ledger.cash[2:] == pytest.approx([8.0, 0.0, 0.0, 0.0], abs=1e-12)


def test_a_line_without_volume_could_not_trade_where_orders_are_capped(make_market: MakeMarket) -> None:
    market = drifted(make_market)
    volumes = np.array(market.volumes)
    volumes[2, 0] = 0.0
    market, rule = replace(market, volumes=volumes), Calendar(HALVES, "day")
    capped = backtest(market, rule, FREE, nav=100.0, execution=Execution(participation=0.1)).could_not_trade()
    assert capped[["booked", "asset"]].to_numpy().tolist() == [[market.dates[2], "A00"]]
    assert capped["weight"].tolist() == pytest.approx([0.6])
    assert backtest(market, rule, FREE, nav=100.0).could_not_trade().empty, "without a cap it trades"


def test_a_missing_volume_is_no_cap(make_market: MakeMarket) -> None:
    market = drifted(make_market)
    volumes = np.array(market.volumes)
    volumes[3, 1] = np.nan
    market = replace(market, volumes=volumes)
    with pytest.raises(DataError, match="limit of participation, of A01 on 2018-01-05: found nan"):
        backtest(market, Calendar(HALVES, "day"), FREE, execution=Execution(participation=0.1))


def test_a_trade_at_the_open_earns_the_session_with_its_new_weights(make_market: MakeMarket) -> None:
    """60 and 40; at the next open A is 20 % up: 72 and 40 become 56 and 56. By the close A is back, 56 x 60/72."""
    market = drifted(make_market, 4)
    opens = np.array(market.prices)
    opens[2, 0] = 1.2 * 12.0
    market = replace(market, bars={"open": opens})
    result = backtest(market, Calendar(HALVES, "day"), FREE, nav=100.0, execution=Execution(at="open"))
    assert result.ledger.booked[0] == 2
    assert result.ledger.nav_before[0] == pytest.approx(112.0, abs=1e-12)
    assert result.ledger.trades[0] == pytest.approx([-16.0, 16.0], abs=1e-12)
    assert result.ledger.nav[2] == pytest.approx(56.0 / 1.2 + 56.0, abs=1e-12)
    assert result.reconcile().holds


def test_a_commission_per_unit_counts_the_units_that_the_open_buys(make_market: MakeMarket) -> None:
    """At an open of 14.4 for A, 16 sold are 1.11 units; the close of 12 would make 1.33 of them."""
    market = drifted(make_market, 4)
    opens = np.array(market.prices)
    opens[2, 0] = 14.4
    market = replace(market, bars={"open": opens})
    costs = Costs(np.zeros(2), np.zeros(2), per_unit=np.array([0.36, 0.0]))
    result = backtest(market, Calendar(HALVES, "day"), costs, nav=100.0, execution=Execution(at="open"))
    assert result.ledger.charges[0, 0, 0] == pytest.approx(0.36 * (-result.ledger.trades[0, 0]) / 14.4, rel=1e-13)
    bought = result.ledger.opening_trades[0]
    assert result.ledger.opening_charges[0, 0] == pytest.approx(0.36 * bought / 10.0, rel=1e-13), "at the close"


def test_an_order_that_is_too_small_is_not_sent_either_way(make_market: MakeMarket) -> None:
    """Three assets of 0.4, 0.4, 0.2 drift to 44, 36, 20.5: B buys 4.2, A sells 3.8; C should sell 0.4, and is left."""
    returns = np.zeros((4, 3))
    returns[1] = [0.1, -0.1, 0.025]
    market, rule = make_market(returns), Calendar(FixedWeights((0.4, 0.4, 0.2)), "day")
    result = backtest(market, rule, Costs.bps(3), nav=100.0, execution=Execution(minimum_trade=1.0))
    assert result.ledger.trades[0, 2] == 0.0
    # 100.5 - 20.5 in halves: 40 each, as what C leaves unsold is not spent.
    assert result.ledger.trades[0] == pytest.approx([-4.0, 4.0, 0.0], abs=1e-12)
    returns[1, 2] = -0.025
    result = backtest(make_market(returns), rule, Costs.bps(3), nav=100.0, execution=Execution(minimum_trade=1.0))
    # 99.5: A and B to 39.8 each; C should buy 0.4, which stays in cash.
    assert result.ledger.trades[0] == pytest.approx([-4.2, 3.8, 0.0], abs=1e-12)
    assert result.ledger.cash[2] == pytest.approx(0.4, abs=1e-12)


def test_a_smallest_order_keeps_a_rule_that_goes_to_the_edge_from_paying_tickets_for_dust() -> None:
    """A ticket of 5 is more than 1 % of an order below 500; of two assets one pays for the other, so both are sent."""
    rule, costs = Threshold(HALVES, 0.01, "edge"), Costs(np.zeros(2), np.zeros(2), ticket=np.full(2, 5.0))
    anything, none_small = (
        backtest(world(500, 2, seed=3), rule, costs, nav=1e6, execution=Execution(minimum_trade=smallest))
        for smallest in (0.0, 500.0)
    )
    sent, kept = (np.abs(played.ledger.trades[played.booked]) for played in (anything, none_small))
    assert (sent < 500.0).any()
    assert (kept > 500.0 - 2 * 5.0).all(), "measured before the tickets of the two orders"
    assert len(kept) < len(sent)


# -- whole lots ------------------------------------------------------------------------------------------------------


def test_whole_lots_leave_in_cash_what_buys_no_more(make_market: MakeMarket) -> None:
    """1,000 in halves at quotes of 30 and 60: 17 units for 510 are as near as 16, and 8 for 480; 10 stays in cash.

    At quotes of 30 and 70 no cash is left: 17 units for 510 and 7 for 490 are nearest.
    """
    made = make_market(np.zeros((3, 2)))
    for quotes, bought in (([30.0, 60.0], [510.0, 480.0]), ([30.0, 70.0], [510.0, 490.0])):
        market = replace(made, prices=np.tile(quotes, (3, 1)))
        result = backtest(market, Never(HALVES), FREE, nav=1000.0, execution=Execution(sizing="units"))
        assert result.ledger.opening_trades.tolist() == bought
        assert result.ledger.cash.tolist() == [1000.0 - sum(bought)] * 3


def test_whole_lots_need_quotes(make_market: MakeMarket) -> None:
    market = replace(make_market(np.zeros((3, 2))), prices=np.full((3, 2), np.nan))
    with pytest.raises(ConfigError, match="has returns and no quoted prices, so nothing is bought in whole lots"):
        backtest(market, Never(HALVES), FREE, nav=1000.0, execution=Execution(sizing="units"))


def test_a_short_is_sold_once_in_whole_lots(make_market: MakeMarket) -> None:
    """1,000: half of it short in A and all of it in B, at quotes of 30 and 70: -16 units and 14; 1,000 + 480 - 980.

    A is nearer to 500 with 17 units, and then 30 lack in cash, which is to be 500.
    """
    market = replace(make_market(np.zeros((3, 2))), prices=np.tile([30.0, 70.0], (3, 1)))
    rule, execution = Never(FixedWeights((-0.5, 1.0))), Execution(sizing="units")
    result = backtest(market, rule, FREE, nav=1000.0, execution=execution, leverage_limit=1.5)
    assert result.ledger.opening_trades.tolist() == [-480.0, 980.0]
    assert result.ledger.cash.tolist() == [500.0] * 3


def test_a_split_between_decision_and_booking_doubles_the_units_and_not_the_money(make_market: MakeMarket) -> None:
    """50 and 50 units of 10; A at 12, B at 8. Sold: 8 of A for 96 (100 is meant); bought: 12 of B for 96.

    A splits two for one before the booking: 16 units at 6 are sold, for the same 96.
    """
    market = drifted(make_market, 5)
    prices, splits = np.array(market.prices), np.ones((5, 2))
    prices[2:, 0], splits[2, 0] = 6.0, 2.0
    market = replace(market, prices=prices, splits=splits, bars=None)
    result = backtest(market, Calendar(HALVES, "day"), FREE, nav=1000.0, execution=Execution(sizing="units"))
    assert result.ledger.booked[0] == 2
    assert result.ledger.trades[0] == pytest.approx([-96.0, 96.0], abs=1e-12)
    assert result.ledger.units[1, 0] * result.index[2, 0] == pytest.approx(600.0 - 96.0, abs=1e-10)
    assert result.reconcile().holds


def test_orders_in_whole_lots_that_open_the_portfolio_are_one_purchase_to_the_tax(make_market: MakeMarket) -> None:
    """50 units of A at 10; 8 are sold at 12, and 16 is gained: 20 % of it is 3.2, whichever units go first.

    One more is sold next day for the cash that this tax took, for a tax of 0.4, and one of B is bought with the rest. A
    is then bought at 6 and sold at 12, and what B lost is set against that gain.
    """
    for method in ("average", "first", "highest"):
        costs, market = Costs(np.zeros(2), np.zeros(2), tax=Tax(0.2, method)), drifted(make_market, 6)
        returns, prices = np.array(market.returns), np.array(market.prices)
        returns[3], prices[3:] = [-0.5, 0.0], [6.0, 8.0]
        returns[4], prices[4:] = [1.0, 0.0], [12.0, 8.0]
        market = replace(market, returns=returns, prices=prices)
        result = backtest(
            market, Calendar(HALVES, "day"), costs, nav=1000.0, execution=Execution(sizing="units"), lag=0
        )
        assert result.ledger.charges[0, 4, 0] == pytest.approx(3.2, rel=1e-12)
        assert result.ledger.charges[1, 4, 0] == pytest.approx(0.4, rel=1e-12)
        bought, sold = result.ledger.trades[2, 0], -result.ledger.trades[3, 0]
        assert bought > 0.0 < sold
        if method == "average":
            units = bought / 6.0
            average = (41.0 * 10.0 + units * 6.0) / (41.0 + units)
            lost = -result.ledger.trades[2, 1] * (
                (500.0 + 104.0) / 63.0 / 8.0 - 1.0
            )  # B: 50 at 10 and 13 at 8, sold at 8
            expected = 0.2 * (sold * (1.0 - average / 12.0) - lost)
            assert result.ledger.charges[3, 4, 0] == pytest.approx(expected, rel=1e-12)
        assert result.reconcile().holds


def test_two_purchases_a_day_of_one_line_find_room_in_its_lots(make_market: MakeMarket) -> None:
    """A falls every day, money comes every day, and a rule that trades over two days does too: A is bought twice a day.

    The tax that is due in the end is that of a list of purchases kept here.
    """
    returns = np.zeros((40, 2))
    returns[1:] = [-0.01, 0.01]
    returns[-1] = [3.0, 0.0]
    market = make_market(returns)
    flows = Flows(dict.fromkeys(market.dates[1:-1], 10.0))
    costs, execution = Costs(np.zeros(2), np.zeros(2), tax=Tax(0.2, "first")), Execution(days=2)
    result = backtest(market, Calendar(HALVES, "day"), costs, nav=1000.0, lag=0, flows=flows, execution=execution)
    book, index = result.ledger, market.index
    assert (book.trades[:-1, 0] > 0.0).sum() > 50  # on 38 days
    lots = [[book.opening_trades[0], 1.0]]
    lots += [[trade / index[t, 0], index[t, 0]] for trade, t in zip(book.trades[:-1, 0], book.booked, strict=False)]
    left, gain, price = -book.trades[-1, 0] / index[-1, 0], 0.0, index[-1, 0]
    for units, paid in lots:
        sold = min(left, units)
        gain, left = gain + sold * (price - paid), left - sold
    lost = sum(book.charges[:-1, 4].ravel())
    assert book.charges[-1, 4, 0] == pytest.approx(0.2 * gain, rel=1e-10)
    assert lost > 0.0, "B was sold at a gain on the way"


def halted(make_market: MakeMarket) -> Market:
    """A is halted on the fifth to seventh of nine sessions; B rises by 20 % in the halt, so that A is bought after it.

    Returns of 10 % and -10 % take turns on A before. A traded 50 units a day, B a million.
    """
    returns = np.zeros((9, 2))
    returns[1:4, 0], returns[5, 1] = [0.1, -0.1, 0.1], 0.2
    market = make_market(returns, halted=[(row, 0) for row in (4, 5, 6)])
    quotes = np.where(market.tradable, 10.0 * market.index, np.nan)
    volumes = np.where(market.tradable, [50.0, 1e6], 0.0)
    return replace(market, prices=quotes, volumes=volumes, bars={"open": quotes})


def first_after(result: Backtest) -> tuple[float, np.ndarray]:
    """Of the first booking after the halt of A: what A traded and what it was charged."""
    j = int(np.flatnonzero(result.ledger.booked == 7)[0])
    return float(result.ledger.trades[j, 0]), result.ledger.charges[j, :, 0]


@pytest.mark.parametrize("in_halt", [np.nan, 0.0, 0.3])
def test_the_first_open_after_a_halt_pays_the_spread_of_the_last_day_that_traded(
    make_market: MakeMarket, in_halt: float
) -> None:
    """1 % up to the halt and 3 % after it: the open that ends it knows the 1 %, whatever is written into the halt."""
    market, spreads = halted(make_market), np.full((9, 2), 0.01)
    spreads[4:7, 0], spreads[7:, 0] = in_halt, 0.03
    costs = Costs(np.zeros(2), spreads)
    for at, rate in (("open", 0.01), ("close", 0.03)):
        result = backtest(market, Calendar(HALVES, "day"), costs, nav=100.0, execution=Execution(at=at))
        traded, charges = first_after(result)
        assert traded > 2.0
        assert charges[1] == pytest.approx(rate * traded, rel=1e-12)


def test_the_first_open_after_a_halt_pays_the_impact_of_the_last_day_that_traded(make_market: MakeMarket) -> None:
    """Before the halt A returned -10 % and 10 %: volatility is 0.1 x sqrt 2, and its volume 50 units at 9.9 and 10.89.

    In the halt its windows of two sessions run dry: no volume, no volatility.
    """
    market = halted(make_market)
    costs = Costs(np.zeros(2), np.zeros(2), impact=Impact((1.0, 0.0), 1.5, 2, 2))
    result = backtest(
        market, Calendar(HALVES, "day"), costs, start=market.dates[4], nav=100.0, execution=Execution(at="open")
    )
    traded, charges = first_after(result)
    expected = 0.1 * np.sqrt(2.0) * traded * np.sqrt(traded / (50.0 * np.array([9.9, 10.89])).mean())
    assert traded > 3.0
    assert charges[3] == pytest.approx(expected, rel=1e-12)


def test_an_open_before_which_no_spread_is_known_is_refused(make_market: MakeMarket) -> None:
    """A is listed on the third session, with a spread from that close on: its first open cannot be charged."""
    market = make_market(np.zeros((5, 2)), first=[2])
    quotes = np.where(market.tradable, 10.0, np.nan)
    market = replace(market, prices=quotes, bars={"open": quotes})
    spreads = np.where(market.tradable, 0.01, np.nan)
    opened = {"execution": Execution(at="open"), "start_weights": np.array([0.0, 0.5])}
    rule = Calendar(HALVES, "day")
    said = f"half-spread of A00 before the open of {market.days[2]} .*Start on {market.days[3]} or later"
    with pytest.raises(DataError, match=said):
        backtest(market, rule, Costs(np.zeros(2), spreads), start=market.dates[1], **opened)
    backtest(market, rule, Costs(np.zeros(2), spreads), start=market.dates[3], **opened)
    spreads[1, 0] = 0.01  # stated for the day before the listing
    backtest(market, rule, Costs(np.zeros(2), spreads), start=market.dates[1], **opened)


def test_a_cost_that_is_not_known_yet_says_from_which_day_a_test_can_start(make_market: MakeMarket) -> None:
    """A is listed on the third session and its spread is known two closes later, where a test can open."""
    market, spreads = make_market(np.zeros((8, 2)), first=[2]), np.full((8, 2), 0.01)
    spreads[:4, 0] = np.nan
    costs, rule = Costs(np.zeros(2), spreads), Calendar(FixedWeights((0.0, 1.0)), "day")
    said = f"half-spread of A00 on {market.days[2]} .*held or not.*Start on {market.days[5]} or later"
    for day in (1, 4):
        with pytest.raises(DataError, match=said if day == 1 else f"Start on {market.days[5]}"):
            backtest(market, rule, costs, start=market.dates[day])
    assert backtest(market, rule, costs, start=market.dates[5]).first == costs.known_from(market) == 4
    with pytest.raises(DataError, match="No later start helps, estimate it over a shorter window, or leave the asset"):
        backtest(market.until(market.dates[3]), rule, costs.until(4), start=market.dates[1])


# -- bad input -------------------------------------------------------------------------------------------------------


def impact(n: int = 2) -> Costs:
    return Costs(np.zeros(n), np.zeros(n), impact=Impact(1.0, 1.5, 1, 2))


def test_impact_by_hand(make_market: MakeMarket) -> None:
    """Returns of 20 % and 0 deviate by 0.1 x sqrt 2; volume is 2 units x 12 = 24: cost = 0.1414 x q x sqrt(q / 24)."""
    market = drifted(make_market)
    market = replace(market, volumes=np.full((6, 2), 2.0))
    result = backtest(market, Calendar(HALVES, "day"), impact(), nav=100.0, start="2018-01-05")
    size = result.ledger.opening_trades[0]
    # The opening is on the third session, whose last two returns are 0.2 and 0.
    expected = 0.1 * np.sqrt(2.0) * size * np.sqrt(size / 24.0)
    assert result.ledger.opening_charges[3, 0] == pytest.approx(expected, rel=1e-12)


def test_what_impact_needs_is_asked_for_by_asset_date_and_value(make_market: MakeMarket) -> None:
    market = drifted(make_market)
    bare = replace(market, volumes=None)
    with pytest.raises(DataError, match="'made' has no volumes, and impact needs them"):
        backtest(bare, Never(HALVES), impact(), start="2018-01-05")
    volumes = np.array(market.volumes)
    volumes[3, 1] = 0.0
    with pytest.raises(DataError, match=r"volume above zero of A01 on 2018-01-05 .*found 0\.0"):
        backtest(replace(market, volumes=volumes), Never(HALVES), impact(), start="2018-01-05")


def test_a_spread_that_is_not_known_is_asked_for_by_asset_and_date(make_market: MakeMarket) -> None:
    spread = np.full((6, 2), 1e-3)
    spread[2, 1] = np.nan
    with pytest.raises(DataError, match=r"half-spread of A01 on 2018-01-04 .*found nan"):
        backtest(drifted(make_market), Never(HALVES), Costs(np.zeros(2), spread))
    late = backtest(drifted(make_market), Never(HALVES), Costs(np.zeros(2), spread), start="2018-01-08")
    assert late.opening_cost == pytest.approx(1e-3 / 1.001, rel=1e-12)


def test_costs_without_a_root_and_a_wealth_that_is_gone_are_refused_with_their_date(make_market: MakeMarket) -> None:
    market, dear = drifted(make_market), Costs(np.zeros(2), np.zeros(2), ticket=np.array([60.0, 60.0]))
    with pytest.raises(PolicyError, match="cannot go on at 2018-01-02"):
        backtest(market, Never(HALVES), dear, nav=100.0)
    returns = np.zeros((4, 2))
    returns[2] = [-0.6, 0.0]
    with pytest.raises(PolicyError, match=r"2018-01-04: its wealth is -0\.14, no longer positive"):
        backtest(make_market(returns), Never(FixedWeights((1.9, 0.0))), FREE, leverage_limit=2.0)
    with pytest.raises(PolicyError, match=r"gross weights of 1\.9000 on 2018-01-02, past the leverage limit of 1"):
        backtest(make_market(returns), Never(FixedWeights((1.9, 0.0))), FREE)
    said = r"limit of 1: \w+ 1\.3000, \w+ -0\.3000\. .* a short position\. Give weights from 0 that sum to 1 at most"
    with pytest.raises(PolicyError, match=said):
        backtest(make_market(returns), Never(FixedWeights((1.3, -0.3))), FREE)


@pytest.mark.parametrize(("given", "said"), [
    ({"at": None}, "at of execution is None: use one of close, open"),
    ({"at": np.array(["close", "open"])}, "at of execution is array"),
    ({"sizing": ["units"]}, r"sizing of execution is \['units'\]: use one of fractional, units"),
    ({"days": "2"}, "days of execution are '2': give a whole number of sessions"),
    ({"days": True}, "days of execution are True"),
    ({"days": np.inf}, "days of execution are inf"),
    ({"participation": "10%"}, "participation is '10%': it is a fraction of volume"),
    ({"participation": True}, "participation is True"),
    ({"minimum_trade": None}, "minimum_trade is None: give currency"),
    ({"minimum_trade": np.nan}, "minimum_trade is nan"),
])  # fmt: skip
def test_an_execution_of_another_kind_is_refused_in_a_sentence(given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Execution(**given)  # type: ignore[arg-type]


def test_a_tax_on_lines_held_short_is_refused(make_market: MakeMarket) -> None:
    costs = Costs(np.zeros(2), np.zeros(2), tax=Tax(0.2))
    with pytest.raises(ConfigError, match=r"tax needs long holdings: a target of A01 is -0\.2"):
        backtest(drifted(make_market), Never(FixedWeights((1.2, -0.2))), costs, leverage_limit=2.0)


def test_a_split_of_zero_is_refused(make_market: MakeMarket) -> None:
    splits = np.ones((6, 2))
    splits[2, 1] = 0.0
    with pytest.raises(DataError, match=r"impossible split factor for A01 on 2018-01-04 .*found 0\.0"):
        replace(drifted(make_market), splits=splits)


def test_opens_and_dividends_that_a_market_has_not_are_asked_for(make_market: MakeMarket) -> None:
    made = make_market(np.zeros((4, 2)))
    with pytest.raises(DataError, match="no opens, the first is missing for A00 on 2018-01-02"):
        backtest(made, Calendar(HALVES, "day"), FREE, execution=Execution(at="open"))
    with pytest.raises(ConfigError, match="has no dividends"):
        backtest(made, Calendar(HALVES, "day"), FREE, dividends="cash")
    with pytest.raises(ConfigError, match="later open: give a lag of 1 at least"):
        backtest(drifted(make_market), Calendar(HALVES, "day"), FREE, execution=Execution(at="open"), lag=0)
