"""Whole lots, cash that stays above zero, amounts to the cent: by hand, then on any desk."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.tickets.ticket import make_ticket
from foundation.arrays import Array, frozen
from research.accounting.cost_parameters import Lots, Scratch
from research.accounting.kernel import BOOKED, NOTHING_MOVED, Box, Pace, Quotes, Record, book
from research.allocation import FixedWeights
from research.orders import Request, TradeList, trade_list
from research.orders.lots.position import Position
from research.portfolio import OrderLimits, Portfolio, TicketTerms, load_portfolio
from research.rules import Calendar, Never, Threshold, Within

# -- by hand: A is 60 % and B 35 % of 100,000; both should be 50 % ---------------------------------------------------


def test_to_target_takes_the_lots_nearest_to_the_step_that_cash_can_pay(two: Portfolio) -> None:
    # Exactly: V + 0.001 x (60,000 - V/2 + V/2 - 35,000) = 100,000, so V = 99,975 and each asset ends at 49,987.50:
    # sell 100.125 of A, buy 299.75 of B. The lots nearest to it, 100 and 300, would leave cash at -25.
    got = trade_list(two, Threshold(two.strategic, 0.02))
    assert got.orders["units"].tolist() == [100.0, 299.0]
    assert got.orders["notional"].tolist() == [10_000.0, 14_950.0]
    assert got.orders["commission"].tolist() == [4.0, 5.98]
    assert got.orders["half_spread"].tolist() == [6.0, 8.97]
    assert got.orders["cost"].tolist() == [10.0, 14.95]
    assert got.sized.cash == 5_000.0 + 10_000.0 - 14_950.0 - 24.95
    assert got.sized.after.nav == pytest.approx(100_000.0 - 24.95, abs=1e-9)
    assert got.sized.turnover == 0.1495


def test_to_the_edge_goes_one_unit_into_the_box(two: Portfolio) -> None:
    # Exactly: A at 0.55 V and B at 0.45 V with V = 99,984.9985: sell 50.08 of A, buy 199.86 of B.
    got = trade_list(two, Threshold(two.strategic, 0.05, to="edge"))
    assert got.orders["units"].tolist() == [51.0, 200.0]
    assert got.sized.cash == pytest.approx(5_000.0 + 5_100.0 - 10_000.0 - 15.10, abs=1e-9)
    assert 0.45 <= got.sized.after.weights[1] <= got.sized.after.weights[0] <= 0.55


def test_within_a_narrower_band_goes_into_the_narrower_box(two: Portfolio) -> None:
    got = trade_list(two, Threshold(two.strategic, 0.05, to=Within(0.01)))
    assert got.orders["asset"].tolist() == ["A", "B"]
    after = got.sized.after.weights
    assert 0.49 <= after[1] <= after[0] <= 0.51
    assert after[0] > 0.5 > after[1]


FIVE = {"commission": [3.0, 10.0, 3.0, 10.0, 3.0], "half_spread": 0.0}
CLOSES = [96.99, 169.64, 382.43, 82.48, 38.98]


def asked_again(portfolio: Portfolio, rule: Any, first: TradeList) -> TradeList:
    """The list on the day of `first`, after its orders."""
    after = first.sized.after
    held = replace(portfolio, holdings=after.units * after.prices, shares=after.units, cash=after.cash)
    return trade_list(held, rule)


def test_payers_sell_no_more_than_the_line_that_left_its_band_takes(desk: Any) -> None:
    """C is bought into its box by a lot that cash helps to pay; no turn asks the payers for more."""
    five = desk(CLOSES, [1463, 1214, 490, 1615, 8446], 500.0, [0.13, 0.19, 0.21, 0.13, 0.34], **FIVE)
    rule = Threshold(five.strategic, 0.02, to="edge", lines="breaching")
    got = trade_list(five, rule)
    assert got.orders.loc[got.orders["side"] == "buy", "asset"].tolist() == ["C"]
    assert got.sized.buys == 6 * 382.43
    assert np.abs(got.sized.units - got.sized.wished).max() < 1.0
    assert asked_again(five, rule, got).orders.empty


def test_no_line_under_its_target_is_sold_for_cash_that_is_there(desk: Any) -> None:
    """Exactly, E is sold for 0.06 units, a lot of 400 rounded up, while 15,000 of cash are left over."""
    five = desk(
        CLOSES, [1546, 952, 687, 3553, 3397], 30_000.0, [0.16, 0.19, 0.25, 0.27, 0.13],
        lots=[1.0, 1.0, 1.0, 1.0, 400.0], commission=[10.0, 30.0, 0.0, 3.0, 3.0], half_spread=0.0,
    )  # fmt: skip
    got = trade_list(five, Threshold(five.strategic, 0.15, to="edge", kind="relative"))
    assert "E" not in got.orders["asset"].tolist()
    assert 0.0 <= got.sized.cash < 382.43


def test_cash_that_is_short_is_not_taken_from_the_line_that_left_its_band(desk: Any) -> None:
    """D's sale is too small to be sent, so cash is short: B, in its band, gives way to E, the dearest, outside."""
    weights = np.array([0.345, 0.282, 0.1225, 0.126, 0.1245])
    prices = np.array([382.43, 96.99, 169.64, 82.48, 38.98])
    five = desk(
        prices, weights * 1e6 / prices, 0.0, [0.3, 0.3, 0.1, 0.15, 0.15], minimum=5_000.0,
        commission=[2.0, 3.0, 5.0, 3.0, 20.0], half_spread=0.0,
    )  # fmt: skip
    got = trade_list(five, Threshold(five.strategic, 0.02, to="edge"))
    assert set(got.orders["asset"]) == set("ABCDE")
    assert got.sized.after.weights[4] == pytest.approx(0.13, abs=1e-4)
    # C's sale is the least that is sent, 30 lots: 29 would be 4,919.56.
    assert got.orders.set_index("asset").loc["C", "notional"] == 30 * 169.64


@pytest.mark.parametrize("objective", ["gap", "tracking_error"])
def test_little_money_is_invested_in_whole_lots_and_not_left_idle(objective: str) -> None:
    """3,000 in 60/40 at 383.44 and 97.45: with 4 and 12 each asset would be nearest, and 9.9 % in cash."""
    beside = {"cash": 3_000, "lines.SPY.shares": 0, "lines.AGG.shares": 0, "orders.objective": objective}
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml", beside)
    got = trade_list(portfolio, portfolio.policies["threshold"])
    assert got.sized.units.tolist() == [5.0, 10.0]
    assert got.sized.cash / 3_000.0 == pytest.approx(0.0359, abs=1e-4)


def test_sale_goes_a_lot_further_where_this_lets_two_buys_reach_their_targets(desk: Any) -> None:
    # A is 450 over target, not half a lot of 1,000, and B and C are 2,725 under theirs. Without its sale 5,000 of cash
    # buy 24 and 25: 450 + 325 + 225 + 0.9 · 100 are off, cash counted. With it, they buy 28 each, and it is less:
    # 550 + 75 + 75 + 0.9 · 400.
    three = desk([1_000.0, 100.0, 100.0], [60, 175, 175], 5_000.0, [0.5955, 0.20225, 0.20225],
                 commission=[0, 5, 10], half_spread=[0, 5, 10])  # fmt: skip
    got = trade_list(three, Threshold(three.strategic, 0.01))
    assert got.orders[["asset", "units"]].to_numpy().tolist() == [["A", 1.0], ["B", 28.0], ["C", 28.0]]
    assert got.sized.cash == pytest.approx(5_000.0 + 1_000.0 - 5_600.0 - 2.80 - 5.60, abs=1e-9)


def test_buy_that_cash_cannot_pay_at_all_is_held(desk: Any) -> None:
    tight = desk([1_000.0, 100.0], [63, 370], 0.0, [0.628, 0.372], commission=0.0, half_spread=0.0)
    got = trade_list(tight, Threshold(tight.strategic, 0.001))
    assert got.empty
    assert got.held["reason"].tolist() == [
        "0.20 points over target: an order of 0.20 lots rounds to zero lots",
        "0.20 points under target: a buy of 200.00 USD was left out (cash limit)",
    ]
    assert got.headline == ("No trade: A is 0.20 points over target, past the 0.10 allowed; no order can be sent.")


def test_order_under_the_minimum_is_held_with_that_reason(desk: Any) -> None:
    three = desk([10.0, 10.0, 10.0], [5_500, 4_450, 0], 500.0, [0.5, 0.45, 0.05], minimum=600.0)
    got = trade_list(three, Threshold(three.strategic, 0.02))
    assert got.orders["asset"].tolist() == ["A", "C"]
    assert got.held["asset"].tolist() == ["B"]
    below = "0.50 points under target: an order of 500.00 USD is below the minimum trade of 600.00"
    assert got.held["reason"].tolist() == [below]


def test_a_buy_under_the_minimum_purchase_of_its_fund_is_held_with_that_reason_and_a_sale_is_sent(desk: Any) -> None:
    three = desk([10.0, 10.0, 10.0], [5_500, 4_450, 0], 500.0, [0.5, 0.45, 0.05])
    limits = replace(three.limits, minimum_purchase=np.array([9_000.0, 600.0, 600.0]))
    got = trade_list(replace(three, limits=limits), Threshold(three.strategic, 0.02))
    assert got.orders["asset"].tolist() == ["A", "C"]
    below = "0.50 points under target: an order of 500.00 USD is below the minimum purchase of 600.00"
    assert got.held["reason"].tolist() == [below]


def test_the_cut_off_of_a_fund_is_said_on_a_list_that_trades_it(desk: Any) -> None:
    four = desk([10.0] * 4, [5_500, 4_000, 0, 0], 500.0, [0.5, 0.45, 0.05, 0.0])
    cut_offs = ("", "16:00 America/New_York", "16:00 America/New_York", "12:00 Europe/Paris")
    limits = replace(four.limits, cut_offs=cut_offs)
    got = trade_list(replace(four, limits=limits), Threshold(four.strategic, 0.02))
    assert sorted(got.orders["asset"]) == ["A", "B", "C"]
    assert [note for note in got.notes if "NAV" in note] == [
        "B and C: an order until 16:00 America/New_York is dealt at the NAV of its day, which is struck after it. The "
        "price here is an earlier NAV: order the amount; its units are known then."
    ]


def test_fractional_line_is_traded_to_its_last_fraction(desk: Any) -> None:
    fine = desk([100.0, 16_642.343], [600, 2.1], 5_000.0, [0.6, 0.39], lots=[1.0, 1e-8])
    got = trade_list(fine, Threshold(fine.strategic, 0.01))
    bought = float(got.orders.set_index("asset")["units"]["B"])
    assert bought == pytest.approx((0.39 * got.sized.after.nav - 2.1 * 16_642.343) / 16_642.343, abs=2e-6)
    assert bought == round(bought, 8) != round(bought, 6)


def test_lines_trade_in_their_own_lots(desk: Any) -> None:
    lots = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], lots=[10.0, 25.0])
    assert trade_list(lots, Threshold(lots.strategic, 0.02)).orders["units"].tolist() == [110.0, 300.0]


def test_line_without_a_quote_trades_in_cents_and_shows_no_units(desk: Any) -> None:
    mixed = desk([np.nan, 50.0], [60_000.0, 700], 5_000.0, [0.5, 0.5])
    got = trade_list(mixed, Threshold(mixed.strategic, 0.02))
    assert np.isnan(got.orders["units"]).tolist() == [True, False]
    assert np.isnan(got.orders["price"]).tolist() == [True, False]
    # B takes its 300th unit, and A, which trades in cents, pays for it: 35,000 + 15,000 - 15 - 10.03 of cost.
    assert got.orders["notional"].tolist() == [10_025.03, 15_000.0]


def test_whole_position_is_sold_with_its_odd_lot(desk: Any) -> None:
    leaving = desk([100.0, 100.0], [10.5, 489.5], 0.0, [0.0, 1.0], lots=1.0)
    got = trade_list(leaving, Threshold(leaving.strategic, 0.01))
    assert got.orders[["side", "asset", "units"]].to_numpy().tolist() == [["sell", "A", 10.5], ["buy", "B", 10.0]]
    assert got.after().shares.tolist() == [0.0, 499.5]


def test_lot_that_is_not_held_is_not_sold_to_reach_an_edge_at_zero(desk: Any) -> None:
    pennies = desk([0.05, 100.0], [100_000.5, 950], 0.0, [0.0, 1.0])
    got = trade_list(pennies, Threshold(pennies.strategic, 0.01, to=Within(1e-9)))
    assert got.after().shares.tolist() == [0.5, 999.0]


def test_line_that_cannot_trade_stays_and_says_so(desk: Any) -> None:
    halted = desk([100.0, 50.0, 20.0], [600, 700, 250], 0.0, [0.4, 0.4, 0.2], tradable=[True, False, True])
    got = trade_list(halted, Threshold(halted.strategic, 0.02))
    expected = [["B", "5.00 points under target: cannot trade on 2022-12-29"]]
    assert got.held[["asset", "reason"]].to_numpy().tolist() == expected
    assert got.orders["asset"].tolist() == ["A", "C"]


# -- limits of the orders ----------------------------------------------------------------------------------------------

FREE = {"commission": 0.0, "half_spread": 0.0}


def test_reserve_reduces_all_buys_in_proportion(desk: Any) -> None:
    orders = OrderLimits(reserve=0.1, adverse_move=0.0)
    cash = desk([100.0] * 3, [0, 0, 0], 100_000.0, [0.5, 0.3, 0.2], orders=orders, **FREE)
    got = trade_list(cash, Threshold(cash.strategic, 0.02))
    assert got.orders["units"].tolist() == [450.0, 270.0, 180.0]
    expected = [f"first purchase: to its target; cut by {cut} units (cash limit)" for cut in (50, 30, 20)]
    assert got.orders["reason"].tolist() == expected
    assert got.sized.cash == 10_000.0


def test_cash_covers_a_move_of_one_per_cent_against_all_orders(desk: Any) -> None:
    # x is bought with 100,000: 0.01 x stays, so x = 100,000 / 1.01 = 99,009.90: 990 units of 100.
    cash = desk([100.0], [0], 100_000.0, [1.0], orders=OrderLimits(reserve=0.0, adverse_move=0.01), **FREE)
    assert trade_list(cash, Threshold(cash.strategic, 0.02)).orders["units"].tolist() == [990.0]


def test_cash_below_the_reserve_pays_for_nothing_and_sales_bring_it_back(two: Portfolio) -> None:
    poor = replace(two, cash=10.0, orders=OrderLimits(reserve=0.01))
    got = trade_list(poor, Threshold(two.strategic, 0.02))
    assert got.sized.cash >= 0.01 * got.sized.position.nav
    buying = replace(poor, strategic=FixedWeights((0.62, 0.38)), last_trade=two.date)
    assert trade_list(buying, Threshold(buying.strategic, 0.0)).sized.cash >= 10.0


@cases(
    "limits, orders, kept",
    (OrderLimits(0.0, 0.0, most=2), 2, "limit of 2 orders"),
    (OrderLimits(0.0, 0.0, turnover=0.1), 4, ""),
)
def test_orders_keep_the_stated_limits(desk: Any, limits: OrderLimits, orders: int, kept: str) -> None:
    """Four assets at 40, 30, 20 and 10 %, each to be 25 %."""
    four = desk([10.0] * 4, [4_000, 3_000, 2_000, 1_000], 0.0, [0.25] * 4, orders=limits, **FREE)
    got = trade_list(four, Threshold(four.strategic, 0.02))
    assert len(got.orders) == orders
    assert got.sized.turnover <= (limits.turnover or 1.0)
    assert got.sized.turnover >= 0.0999
    assert all(kept in reason for reason in got.held["reason"])
    if limits.turnover:
        assert all("turnover limit" in reason for reason in got.orders["reason"][:2])
    assert trade_list(got.after(), Threshold(four.strategic, 0.02)).empty


def test_reserve_that_turnover_keeps_out_of_reach_sends_what_it_allows(desk: Any) -> None:
    """A reserve of ten basis points would need sells of as much; where five may be traded, all they raise stays."""
    full = desk([10.0] * 2, [7_000, 3_000], 0.0, [0.5, 0.5], orders=OrderLimits(0.001, 0.0, turnover=0.0005), **FREE)
    got = trade_list(full, Threshold(full.strategic, 0.02))
    assert got.sized.units.tolist() == [-5.0, 0.0]
    assert "Cash after the orders is 50.00 USD, below the reserve of 100.00 USD (10.00 bp of NAV)." in got.notes


def test_share_of_volume_limits_buys_before_cash_does(desk: Any) -> None:
    """B may buy 50 units only, so that cash suffices for all of C."""
    three = desk([10.0] * 3, [5_000, 2_500, 2_500], 0.0, [0.3, 0.35, 0.35], orders=OrderLimits(0.0, 0.01), **FREE)
    position = replace(Position.of(three), most_units=np.array([1e9, 50.0, 1e9]))
    got = trade_list(three, Threshold(three.strategic, 0.02), position=position)
    assert got.sized.units[1:].tolist() == [50.0, 1_000.0]


def test_share_of_volume_limits_each_order(two: Portfolio) -> None:
    """50 of 1,000 units a day on average."""
    volumes = np.full((3, 2), 1_000.0)
    dates = pd.bdate_range("2022-11-01", "2022-12-29")
    rows = len(dates)
    market = replace(
        two.market, dates=dates, returns=np.zeros((rows, 2)), tradable=np.ones((rows, 2), dtype=bool),
        cash=np.zeros(rows), prices=np.tile(two.market.prices[-1], (rows, 1)), volumes=np.tile(volumes[0], (rows, 1)),
    )  # fmt: skip
    limited = replace(two, market=market, orders=OrderLimits(0.0, 0.0, participation=0.05))
    got = trade_list(limited, Threshold(two.strategic, 0.02))
    assert got.orders["units"].tolist() == [50.0, 50.0]
    assert all("volume limit" in reason for reason in got.orders["reason"])


# -- on any desk -----------------------------------------------------------------------------------------------------


def cents(amount: Array | float) -> np.ndarray:
    return np.rint(np.asarray(amount) * 100.0).astype(np.int64)


class TestAnyDesk:
    """What holds for every trade list. The tables are checked, not the arrays they were made of."""

    @pytest.fixture(autouse=True, scope="class")
    def _share_desks(self, request: pytest.FixtureRequest, desks: Any) -> None:
        request.cls.desks = desks

    @given(st.data())
    @settings(max_examples=50)
    def test_orders_balance_can_be_sent_keep_limits_are_executed_as_listed_and_leave_nothing_to_trade(
        self, data: st.DataObject
    ) -> None:
        """One list for all: to list is dearer than to check."""
        portfolio, policy = data.draw(self.desks)  # type: ignore[attr-defined]
        got = trade_list(portfolio, policy)
        self.cash_notional_and_cost_balance_to_the_cent(got)
        self.orders_can_be_sent(got)
        self.orders_keep_their_limits_and_the_direction_of_the_step(got)
        self.accounting_step_executes_the_orders(got)
        self.hold_sends_nothing_and_shows_what_trading_would_be(got)
        again = trade_list(got.after(), policy)
        assert again.empty, f"{got!r}\n\n{again!r}"

    def cash_notional_and_cost_balance_to_the_cent(self, got: TradeList) -> None:
        orders, portfolio = got.orders, got.portfolio
        sign = np.where(orders["side"] == "buy", 1, -1)
        spent = (cents(orders["notional"]) * sign).sum() + cents(orders["cost"]).sum()
        assert cents(got.facts["cash_after"]) == cents(portfolio.cash) - spent
        assert (cents(orders["commission"]) + cents(orders["half_spread"]) == cents(orders["cost"])).all()
        quoted = orders.dropna(subset="units")
        assert np.abs(quoted["units"] * quoted["price"] - quoted["notional"]).max() <= 0.005001 if len(quoted) else True
        lines = [portfolio.market.assets.index(asset) for asset in orders["asset"]]
        assert np.allclose(orders["commission"], portfolio.costs.commission[lines] * orders["notional"], atol=0.005001)
        assert got.sized.after.nav == pytest.approx(got.sized.position.nav - orders["cost"].sum(), abs=0.01 * 6)

    def orders_can_be_sent(self, got: TradeList) -> None:
        orders, limits = got.orders, got.portfolio.limits
        assert got.sized.cash >= 0.0
        assert (orders["notional"] >= limits.minimum_trade - 0.005).all()
        assert orders["side"].tolist() == sorted(orders["side"], reverse=True), "sells first"
        lines = np.array([got.portfolio.market.assets.index(asset) for asset in orders["asset"]], dtype=int)
        lots = (orders["units"] / limits.lots[lines]).dropna()
        assert np.allclose(lots, np.rint(lots), rtol=1e-12, atol=1e-5)
        held = got.sized.position.units + got.sized.units
        assert (held >= -1e-5 * np.where(got.sized.position.quoted, limits.lots, 0.01)).all(), (
            "no more is sold than held"
        )
        assert (got.after().holdings >= 0.0).all()
        assert got.portfolio.market.tradable[-1][lines].all()
        assert set(orders["asset"]) | set(got.held["asset"]) == set(got.portfolio.market.assets)
        assert len(orders) + len(got.held) == len(got.portfolio.market.assets)

    @given(st.data())
    @settings(max_examples=40)
    def test_cash_stays_on_each_day_on_which_orders_settle(self, data: st.DataObject) -> None:
        """Before the last, it is not below its floor, or what there was; and asked again the list is empty."""
        portfolio, policy = data.draw(self.desks)  # type: ignore[attr-defined]
        assets = portfolio.market.assets
        days = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(assets), max_size=len(assets))))
        terms = replace(portfolio.ticket, settlement_days_by_line=dict(zip(assets, days.tolist(), strict=True)))
        got = trade_list(replace(portfolio, ticket=terms), policy)
        sized, limits = got.sized, portfolio.orders
        for day in np.unique(days):
            settled = days <= day
            left = portfolio.cash - sized.notional[settled].sum() - sized.charges[:, settled].sum()
            worse = limits.adverse_move * (np.abs(sized.notional[settled]).sum() + sized.charges[:, settled].sum())
            assert left >= max(min(limits.reserve * sized.position.nav, portfolio.cash), worse) - 1e-6
        assert trade_list(got.after(), policy).empty

    def orders_keep_their_limits_and_the_direction_of_the_step(self, got: TradeList) -> None:
        sized, limits = got.sized, got.portfolio.orders
        moved = sized.units != 0.0
        assert (sized.units * sized.wished)[moved].min(initial=0.0) >= 0.0
        if moved.any():
            assert sized.cash >= min(limits.reserve * sized.position.nav, sized.position.cash) - 1e-9
        worse = (np.abs(got.orders["notional"]).sum() + sized.charges.sum()) * limits.adverse_move
        assert sized.cash - worse >= -1e-9
        assert limits.most is None or len(got.orders) <= limits.most
        cents = 0.005 * len(got.target) / sized.position.nav  # to which each amount is rounded
        assert limits.turnover is None or sized.turnover <= limits.turnover + cents + 1e-9

    def test_lots_that_a_rule_would_trade_to_and_fro_stay_where_they_are_nearest(self, desk: Any) -> None:
        """Of 2 and 4 lots the rule wants 1 and 5, of which it wants 2 and 4: these are nearer to 719.86 and 479.90."""
        two = desk([383.44, 97.45], [0, 0], 1_200.0, [0.6, 0.4], commission=1.0, half_spread=1.0,
                   orders=OrderLimits(reserve=0.001, adverse_move=0.01))  # fmt: skip
        policy = Threshold(two.strategic, 0.03)
        listed = trade_list(two, policy)
        assert listed.sized.units.tolist() == [2.0, 4.0]
        assert trade_list(listed.after(), policy).empty

    def test_cash_pays_a_deposit_at_the_worst_fills(self, desk: Any) -> None:
        """Bought in full, one per cent above the close, at costs that follow the price."""
        two = desk([383.44, 97.45], [3_260, 7_460], 0.0, [0.6, 0.4], lots=1e-6, commission=40.0, half_spread=10.0)
        portfolio = replace(two, cash=1_000_000.0, orders=OrderLimits(reserve=0.0, adverse_move=0.01))
        sized = trade_list(portfolio, Threshold(portfolio.strategic, 0.001)).sized
        fills = np.array(sized.units) * sized.position.prices * np.where(np.array(sized.units) > 0.0, 1.01, 0.99)
        left = portfolio.cash - fills.sum() - np.abs(fills).sum() * 50e-4 * 1.0
        assert 0.0 <= left < 20.0

    @given(st.data(), st.sampled_from([1.0, 10.0, 100.0]), st.floats(0.0, 0.3))
    @settings(max_examples=40)
    def test_cash_that_is_left_does_not_pay_for_another_lot_of_a_line_that_was_cut_for_cash(
        self, data: st.DataObject, lots: float, deposit: float
    ) -> None:
        """However large the lots are, and however much money came in; or the asset holds its share of the cash."""
        portfolio, policy = data.draw(self.desks)  # type: ignore[attr-defined]
        cash = round(portfolio.cash + deposit * portfolio.holdings.sum(), 2)
        size = np.where(portfolio.limits.fractional, portfolio.limits.lots, lots * portfolio.limits.lots)
        got = trade_list(replace(portfolio, cash=cash, limits=replace(portfolio.limits, lots=size)), policy)
        sized, before, orders = got.sized, got.sized.position, got.portfolio.orders
        listed = [*got.orders[["asset", "reason"]].itertuples(), *got.held[["asset", "reason"]].itertuples()]
        for i in [got.portfolio.market.assets.index(row.asset) for row in listed if "cash limit" in row.reason]:
            lot, price = before.lots[i], before.prices[i]
            more, least = sized.units.copy(), max(before.minimum, 1e-6 * before.nav)
            more[i] = max(more[i] + max(lot, 1e-6 * before.nav / price), np.ceil(least / price / lot - 1e-9) * lot)
            left, sizes = before.cash_after(more), np.abs(before.notional(more)).sum() + before.charges(more).sum()
            short = left < max(orders.reserve * before.nav, orders.adverse_move * sizes)
            assert short or sized.after.units[i] * price >= sized.asked.shared.goal[i] - 1e-6 * before.nav
        costs = 2.0 * sized.slack * before.nav / before.prices  # those of assets that are not traded come back
        cut = sized.rounded - sized.units > np.maximum(1.5 * before.lots, costs)
        cut &= sized.rounded * before.prices >= before.minimum  # what is less has the minimum trade for its reason
        # A turnover reduces buys and sells in proportion, and need not leave room for a lot. Where no order that is due
        # can be sent, none is.
        if orders.turnover is None and sized.units.any():
            assert all(sized.limit(int(i)) for i in np.flatnonzero(cut & (sized.rounded > 0.0))), repr(got)
        assert trade_list(got.after(), policy).empty

    def accounting_step_executes_the_orders(self, got: TradeList) -> None:
        """The kernel is asked for the weights that the list ends at: it comes to its cash, up to rounding to cents."""
        before, after = got.sized.position, got.sized.after
        n = len(before.units)
        units = before.units.copy()
        asked = frozen(after.weights[None])
        kept = np.where(got.sized.units == 0.0, before.weights, after.weights)[None]
        if np.abs(kept.sum() + after.cash / before.nav - 1.0) >= 0.5:
            return
        status, nav, cash, _, _ = book(
            units,
            before.cash,
            before.nav,
            Quotes(frozen(before.prices[None]), 0, 1.0, frozen(np.ones((1, n), dtype=bool))),
            Box(asked, asked, asked, 0, after.cash_weight, after.cash_weight, 1.0),
            Pace(np.empty((0, n)), 0, 1.0),
            before.cost_parameters,
            Lots.empty(n, 0),
            Scratch.of(n),
            Record(np.empty((1, n)), np.empty((1, 5, n)), 0),
        )
        assert status in (BOOKED, NOTHING_MOVED)
        assert nav == pytest.approx(after.nav, abs=0.1)
        assert cash == pytest.approx(after.cash, abs=0.1)
        assert np.allclose(units * before.prices, after.units * before.prices, atol=0.1)

    def hold_sends_nothing_and_shows_what_trading_would_be(self, got: TradeList) -> None:
        assert got.holds == (got.would is not None)
        if got.holds:
            assert got.empty
            assert got.after() is got.portfolio
            due = trade_list(got.portfolio, Calendar(got.portfolio.strategic, "day"))
            numbers = ["side", "asset", "units", "notional", "cost", "weight_after"]
            pd.testing.assert_frame_equal(got.would_trade[numbers], due.orders[numbers])


def test_position_weighs_lines_and_cash_to_one(two: Portfolio) -> None:
    position = Position.of(replace(two, cash=5_000.004))
    assert position.cash == 5_000.0
    assert position.weights.sum() + position.cash_weight == 1.0
    assert position.weights.tolist() == pytest.approx([0.6, 0.35])


def test_a_sale_that_settles_later_pays_for_no_purchase(desk: Any) -> None:
    """A goes from 600 to 400 units of 100, 20,000 that B would take; B settles first, and 5,000 of cash are there."""
    held = desk([100.0, 50.0], [600, 700], 5_000.0, [0.4, 0.6], commission=0.0, half_spread=0.0)

    def listed(days: int, of_a: int, as_of: str | None = None) -> TradeList:
        terms = TicketTerms(settlement_days=days, settlement_days_by_line={"A": of_a})
        to_target = Request(to_target=True)
        return trade_list(replace(held, ticket=terms), Never(held.strategic), request=to_target, as_of=as_of)

    def units(days: int, of_a: int) -> list[float]:
        return listed(days, of_a).sized.units.tolist()

    assert units(1, 1) == units(2, 1) == [-200.0, 500.0]
    assert units(1, 2) == [-200.0, 100.0]
    late = listed(1, 2)  # traded on Friday, 2022-12-30; Monday is a holiday
    assert late.binding == ("cash not settled until 2023-01-04 (B)",)
    assert late.orders["reason"].iloc[1].endswith("; cut by 400 units (cash not settled until 2023-01-04)")
    assert make_ticket(late).orders[0].settlement_date == "2023-01-04"
    assert listed(1, 2, "2023-01-03").binding == ("cash not settled until 2023-01-05 (B)",)
    assert listed(1, 5).binding == ("cash not settled until 2023-01-09 (B)",)
    assert listed(1, 1).binding == ()


@pytest.mark.parametrize("cash", [2_500.0, 10_000.0])
def test_a_sale_is_sent_although_its_cash_settles_after_the_purchase_that_is_due(cash: float) -> None:
    """Of 2,500 the reserve of 1,970 leaves too little for the least order, 1,000; of 10,000 some is bought at once."""
    changes = {"cash": cash, "lines.SPY.shares": 3_600, "lines.AGG.shares": 6_000}
    changes |= {"ticket.settlement_days_by_line": {"SPY": 2}, "limits.minimum_trade": 1_000}
    portfolio = load_portfolio("data/portfolios/sixty_forty.yaml", changes)
    got = trade_list(portfolio, portfolio.policies["threshold"])
    assert got.why.line == portfolio.market.assets.index("AGG")
    assert got.sized.sells > 190_000.0
    assert (got.sized.buys > 0.0) == (cash > 5_000.0)
    assert got.binding == ("cash not settled until 2023-01-04 (AGG)",)


def test_a_sale_is_not_sent_for_a_purchase_that_cannot_be(desk: Any) -> None:
    """B is due, and its order is not half a lot; A, which would pay for it, says so."""
    held = desk([100.0, 20_000.0], [530, 2], 7_000.0, [0.48, 0.49], commission=0.0, half_spread=0.0)
    got = trade_list(held, Threshold(held.strategic, 0.08))
    assert got.empty
    assert got.held["reason"].tolist() == [
        "5.00 points over target: not sent without the orders that are due, and these cannot be sent",
        "9.00 points under target: an order of 0.45 lots rounds to zero lots",
    ]


def test_cash_that_never_suffices_is_no_matter_of_settlement(desk: Any) -> None:
    """A sells 26,000 of NAV 60,000 a session later than B is bought, all of which has to stay at the end, too."""
    held = desk([100.0, 50.0], [500, 200], 0.0, [0.4, 0.6], commission=0.0, half_spread=0.0)
    terms = TicketTerms(settlement_days=1, settlement_days_by_line={"A": 2})
    poor = replace(held, ticket=terms, orders=replace(held.orders, reserve=26.0 / 60.0))
    expected = ("cash limit, 43.33 % of NAV and prices worse by 0.00 % (B)",)
    assert trade_list(poor, Never(poor.strategic), request=Request(to_target=True)).binding == expected
