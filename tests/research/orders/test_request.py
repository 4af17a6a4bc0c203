"""Money in or out, one side only, all to target: by hand, then on any desk."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError
from research.orders import Request, TradeList, trade_list
from research.portfolio import OrderLimits, Portfolio
from research.rules import Calendar, Never, Threshold

# -- by hand: A is 60 % and B 35 % of 100,000; both should be 50 % ---------------------------------------------------

FREE = {"commission": 0.0, "half_spread": 0.0}


@pytest.fixture
def free(desk: Any) -> Portfolio:
    return desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], **FREE)


def test_deposit_buys_what_is_under_target_and_no_more_than_the_deposit(free: Portfolio) -> None:
    # 120,000 with the deposit: B goes from 35,000 to 55,000 (45.8 %), A is at its target. Five points are allowed.
    got = trade_list(free, Threshold(free.strategic, 0.05), request=Request(flow=20_000.0))
    assert got.orders[["side", "asset", "units"]].to_numpy().tolist() == [["buy", "B", 400.0]]
    assert got.headline.startswith("Deposit of 20,000.00 USD. Buy B: 20,000.00 USD in 1 order")
    assert (got.facts["cash_before"], got.facts["flow"], got.facts["cash_after"]) == (5_000.0, 20_000.0, 5_000.0)
    assert (got.facts["nav_before"], got.facts["nav_after"]) == (100_000.0, 120_000.0)
    assert "Cash 5,000.00 + deposit 20,000.00 + sells 0.00" in repr(got)
    assert got.held["reason"].tolist() == ["at target: the money that comes or goes needs no trade of it"]


@pytest.mark.parametrize(("flow", "left"), [(20_000.0, [40, 25, 30, 25]), (-20_000.0, [25, 20, 25, 10])])
def test_flow_goes_to_the_largest_gap_until_it_is_as_large_as_the_next(desk: Any, flow: float, left: list[int]) -> None:
    # Targets are 30,000 after the deposit, of which D gets 10,000 and then B and D 5,000 each; 20,000 after the
    # withdrawal, to which A gives 10,000 before A and C give 5,000 each.
    made = desk([1.0] * 4, [40_000, 20_000, 30_000, 10_000], 0.0, [0.25] * 4, **FREE)
    got = trade_list(made, Threshold(made.strategic, 0.3), request=Request(flow=flow))
    assert got.after().holdings.tolist() == [1_000.0 * each for each in left]


def test_withdrawal_beside_a_halted_asset_is_paid_where_the_assets_that_trade_suffice(desk: Any) -> None:
    """The rule sells down to targets, of a NAV that is nearly all halted: its box leaves cash below zero."""
    halted, spread = [True, True, True, True, False], [0.0, 20.0, 0.0, 0.0, 0.0]
    held, targets = [0, 15_302, 6_406, 35_587, 35_587], [0.0, 1 / 3, 1 / 3, 0.0, 1 / 3]
    made = desk([1.0] * 5, held, 7_117.44, targets, commission=0.0, half_spread=spread, tradable=halted)
    got = trade_list(made, Never(made.strategic), request=Request(flow=-57_999.68))
    assert not got.sized.buys
    assert 0.0 <= got.sized.cash < 1.0
    assert got.after().holdings[3] == 0.0
    assert got.after().holdings[4] == 35_587.0
    sold = got.orders.set_index("asset")["reason"]["C"]
    assert sold.startswith("18.08 points under target: to ")
    assert sold.endswith(" %, so that cash pays the withdrawal")


def test_deposit_that_does_not_suffice_is_part_of_the_policys_trade(free: Portfolio) -> None:
    # After the deposit B would be 4.2 points under target; two are allowed. To target each asset goes to 60,000.
    got = trade_list(free, Threshold(free.strategic, 0.02), request=Request(flow=20_000.0))
    assert got.after().holdings.tolist() == [60_000.0, 60_000.0]
    assert got.after().cash == 0.0


def test_withdrawal_sells_what_is_over_target_and_cash_pays_first(free: Portfolio) -> None:
    # 90,000 are left: 5,000 from cash, 5,000 from A, which ends at 55,000 (61 %); 15 points are allowed.
    got = trade_list(free, Threshold(free.strategic, 0.15), request=Request(flow=-10_000.0))
    assert got.orders[["side", "asset", "units"]].to_numpy().tolist() == [["sell", "A", 50.0]]
    assert (got.facts["cash_after"], got.facts["nav_after"]) == (0.0, 90_000.0)
    assert "Cash 5,000.00 − withdrawal 10,000.00 + sells 5,000.00" in repr(got)


def test_withdrawal_that_cash_pays_trades_nothing(free: Portfolio) -> None:
    got = trade_list(free, Threshold(free.strategic, 0.15), request=Request(flow=-5_000.0))
    assert got.empty
    assert got.headline == "Withdrawal of 5,000.00 USD. No trade: cash pays the withdrawal, and the policy holds."
    assert got.after().cash == 0.0


def test_money_at_a_close_that_was_traded_is_invested_and_raised_all_the_same(free: Portfolio) -> None:
    """Earlier orders may need two per cent of NAV where all fill worse by one: so much of the cash of before stays."""
    traded = replace(free, last_trade=free.date, orders=OrderLimits(reserve=0.0, adverse_move=0.01))
    rule = Threshold(free.strategic, 0.15)
    deposit = trade_list(traded, rule, request=Request(flow=20_000.0))
    assert deposit.orders[["side", "asset", "units"]].to_numpy().tolist() == [["buy", "B", 400.0]]
    withdrawal = trade_list(traded, rule, request=Request(flow=-10_000.0))  # 2 % of the 90,000 that are left
    assert withdrawal.orders[["side", "asset", "units"]].to_numpy().tolist() == [["sell", "A", 68.0]]
    little = replace(traded, cash=500.0)
    assert trade_list(little, rule, request=Request(flow=20_000.0)).sized.buys == 20_000.0
    assert trade_list(little, rule, request=Request(flow=-10_000.0)).sized.sells == 10_000.0


def test_withdrawal_leaves_the_reserve(desk: Any) -> None:
    """Sells of whole lots raise it to the last lot."""
    made = desk([383.0, 97.0], [3_127, 8_181], 2_062.23, [0.6, 0.4], orders=OrderLimits(0.001, 0.01))
    for flow in (-1_000.0, -2_000.0, -2_500.0, -30_000.0):
        got = trade_list(made, Threshold(made.strategic, 0.15), request=Request(flow=flow))
        assert got.sized.cash >= 0.001 * got.sized.position.nav
        assert got.sized.sells <= -flow + 383.0
        assert not any("below the reserve" in note for note in got.notes)


def test_withdrawal_is_paid_when_sells_fill_one_per_cent_lower(free: Portfolio) -> None:
    limited = replace(free, orders=OrderLimits(reserve=0.0, adverse_move=0.01))
    got = trade_list(limited, Threshold(free.strategic, 0.15), request=Request(flow=-10_000.0))
    # x from A: 0.99 x - 5,000 >= 0, so x >= 5,050.51: 51 units.
    assert got.orders["units"].tolist() == [51.0]
    assert got.sized.cash - 0.01 * got.sized.sells >= 0.0


def test_a_withdrawal_is_raised_past_the_targets_in_their_proportions_and_says_why(desk: Any) -> None:
    """Of the 60,000 that are left A should have 36,000, B 18,000 and C 6,000: sells to there raise 40,100.

    0.99 x = 40,000 asks x = 40,404.04 from A and B: both keep 1 - 304.04 / 54,000 = 99.44 % of their targets.
    """
    lines = {"A": (60_000, 0.6), "B": (34_100, 0.3), "C": (5_900, 0.1)}
    for names in permutations("ABC"):
        units, goal = zip(*(lines[name] for name in names), strict=True)
        made = desk([1.0] * 3, list(units), 0.0, list(goal), assets=list(names), orders=OrderLimits(0.0, 0.01), **FREE)
        got = trade_list(made, Threshold(made.strategic, 0.15), request=Request(flow=-40_000.0))
        assert got.orders.set_index("asset")["units"].to_dict() == {"A": 24_203.0, "B": 16_202.0}
    assert got.orders["reason"].iloc[0] == (
        "40.00 points over target: to its target, and on to 59.66 %, so that cash pays the withdrawal even if sells "
        "fill 1.00 % lower"
    )
    assert got.sized.cash - 0.01 * got.sized.sells >= 0.0


def test_withdrawal_that_sells_cannot_pay_is_refused(free: Portfolio, desk: Any) -> None:
    with pytest.raises(ConfigError, match=r"withdrawal is 100,000\.00: holdings and cash are worth 100,000\.00"):
        trade_list(free, Threshold(free.strategic, 0.05), request=Request(flow=-100_000.0))
    halted = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5], tradable=False, **FREE)
    with pytest.raises(ConfigError, match=r"the withdrawal of 10,000\.00 USD cannot be paid: cash and the sells"):
        trade_list(halted, Threshold(free.strategic, 0.05), request=Request(flow=-10_000.0))


def test_a_deposit_that_is_surely_a_slip_is_refused(free: Portfolio, desk: Any) -> None:
    """At most a thousand times the 100,000 that are there; an account that is nearly empty may be filled."""
    said = (
        r"deposit is 100,000,000\.01, more than 1,000 times the holdings and cash, 100,000\.00: deposit less, or write"
    )
    with pytest.raises(ConfigError, match=said):
        trade_list(free, Threshold(free.strategic, 0.05), request=Request(flow=100_000_000.01))
    assert len(trade_list(free, Threshold(free.strategic, 0.05), request=Request(flow=1e8)).orders) == 2
    small = desk([1.0, 1.0], [1, 1], 0.0, [0.5, 0.5], **FREE)
    assert len(trade_list(small, Threshold(small.strategic, 0.05), request=Request(flow=50_000.0)).orders) == 2


def test_withdrawal_does_not_pay_an_earlier_debt(desk: Any) -> None:
    # 100,000 with a debt of 10,000; 1,000 goes out. A is at 61.6 % and over its target, B is not.
    margin = desk([100.0, 50.0], [610, 980], -10_000.0, [0.6, 0.4], **FREE)
    got = trade_list(margin, Threshold(margin.strategic, 0.3), request=Request(flow=-1_000.0))
    assert got.sized.sells == pytest.approx(1_000.0, abs=100.0)
    assert got.sized.cash >= -10_000.0


def test_one_side_sends_the_buys_of_the_policy_or_its_sells(free: Portfolio) -> None:
    rule = Threshold(free.strategic, 0.02)
    buys = trade_list(free, rule, request=Request(side="buy"))
    assert buys.orders[["side", "asset", "units"]].to_numpy().tolist() == [["buy", "B", 100.0]]  # all the cash
    assert buys.held["reason"].tolist() == ["10.00 points over target: only buys were asked for"]
    sells = trade_list(free, rule, request=Request(side="sell"))
    assert sells.orders[["side", "asset", "units"]].to_numpy().tolist() == [["sell", "A", 100.0]]
    assert sells.held["reason"].tolist() == ["15.00 points under target: only sells were asked for"]


@cases("flow, side, order", (-8_000.0, "sell", ["sell", "A", 30.0]), (2_000.0, "buy", ["buy", "B", 40.0]))
def test_a_flow_with_the_side_that_it_needs_trades_no_more_than_it_whatever_the_policy_would_do(
    free: Portfolio, flow: float, side: str, order: list[object]
) -> None:
    # The policy would sell A by 10 points, and buy B by 15; of the withdrawal cash pays 5,000.
    got = trade_list(free, Threshold(free.strategic, 0.02), request=Request(flow=flow, side=side))
    assert got.orders[["side", "asset", "units"]].to_numpy().tolist() == [order]


def test_to_target_trades_where_the_policy_holds(free: Portfolio) -> None:
    rule = Threshold(free.strategic, 0.2)
    assert trade_list(free, rule).holds
    got = trade_list(free, rule, request=Request(to_target=True))
    assert got.after().holdings.tolist() == [50_000.0, 50_000.0]
    assert got.reason == "a trade to target is asked for; B is 15.00 points under target"
    again = trade_list(got.after(), rule, request=Request(to_target=True))
    assert again.empty
    assert again.reason == "it traded at this close already, and is asked again at the next"


def test_request_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="side of a trade list is 'both'"):
        Request(side="both")
    with pytest.raises(ConfigError, match="flow of a trade list is nan"):
        Request(flow=float("nan"))


# -- on any desk -----------------------------------------------------------------------------------------------------


class TestAnyDesk:
    @pytest.fixture(autouse=True, scope="class")
    def _share_desks(self, request: pytest.FixtureRequest, desks: Any) -> None:
        request.cls.desks = desks

    def listed(self, data: st.DataObject, part: float, **asked: Any) -> TradeList | None:
        portfolio, policy = data.draw(self.desks)  # type: ignore[attr-defined]
        self.policy = policy
        try:
            return trade_list(portfolio, policy, request=Request(flow=round(part * portfolio.nav, 2), **asked))
        except ConfigError:
            assert part < 0.0  # a withdrawal that a halted asset or a limit keeps from being paid
            return None

    @given(st.data(), st.floats(0.001, 2.0))
    @settings(max_examples=30)
    def test_deposit_is_invested_once_and_trades_only_what_the_policy_asks(self, data: Any, part: float) -> None:
        got = self.listed(data, part)
        assert got.sized.cash >= 0.0
        if got.why.trigger == "flow":
            assert not got.sized.sells
            assert got.sized.buys <= got.request.flow + 0.01 * len(got.target)
        assert trade_list(got.after(), self.policy).empty

    @given(st.data(), st.floats(0.001, 0.9))
    @settings(max_examples=30)
    def test_withdrawal_is_paid_also_after_the_adverse_move(self, data: Any, part: float) -> None:
        got = self.listed(data, -part)
        if got is None:
            return
        moved = got.portfolio.orders.adverse_move * (got.sized.buys + got.sized.sells + got.sized.charges.sum())
        assert got.sized.cash >= moved - 1e-9
        if got.why.trigger == "flow":
            assert not got.sized.buys

    @given(st.data(), st.sampled_from(["buy", "sell"]), st.sampled_from([0.0, 0.1]))
    @settings(max_examples=30)
    def test_one_side_only_is_that_side_only(self, data: Any, side: str, part: float) -> None:
        assert set(self.listed(data, part, side=side).orders["side"]) <= {side}


def test_a_calendar_that_is_due_takes_the_deposit_to_target(free: Portfolio) -> None:
    got = trade_list(free, Calendar(free.strategic, "day"), request=Request(flow=10_000.0))
    assert np.allclose(got.after().weights, 0.5, atol=1e-3)


def test_money_of_an_account_needs_accounts(two: Portfolio) -> None:
    with pytest.raises(ConfigError, match=r"account of the money is 'X', and folder/by_hand.yaml states no `accounts`"):
        trade_list(two, Never(two.strategic), request=Request(flow=50.0, account="X"))
