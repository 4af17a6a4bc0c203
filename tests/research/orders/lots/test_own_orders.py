"""Orders that a person gives: their figures by hand, as the policy's own, and what refuses them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import cases
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from desk.tickets import make_ticket
from foundation.errors import ConfigError, DataError
from research.orders import Request, TradeList, trade_list
from research.portfolio import OrderLimits, Portfolio
from research.portfolio.holdings.household import Account
from research.rules import Never

WHY = "ordered by Ann: a client sells his flat"


def own(portfolio: Portfolio, **units: float) -> TradeList:
    return trade_list(portfolio, Never(portfolio.strategic), request=Request(orders=units, ordered=WHY))


def test_own_orders_have_the_figures_of_paper(two: Portfolio) -> None:
    """10 bp of 10,000 and of 7,500; A is 60 % of 100,000 and B 35 %, both should be 50 %."""
    got = own(two, A=-100.0, B=150.0)
    expected = [["sell", "A", 100.0, 10_000.0, 10.0], ["buy", "B", 150.0, 7_500.0, 7.5]]
    assert got.orders[["side", "asset", "units", "notional", "cost"]].to_numpy().tolist() == expected
    assert (got.facts["cash_after"], got.facts["nav_after"], got.turnover) == (7_482.5, 99_982.5, 0.1)
    assert got.orders["weight_after"].tolist() == pytest.approx([50_000 / 99_982.5, 42_500 / 99_982.5])
    assert got.orders["reason"].tolist() == [f"10.00 points over target: {WHY}", f"15.00 points under target: {WHY}"]
    assert (got.reason, got.holds, got.binding, got.outside) == (WHY, False, (), [])
    assert got.headline == "Sell A; buy B: 17,500.00 USD in 2 orders, costs 17.50, turnover 10.00 %."
    assert own(two, A=-10.0).held["reason"].tolist() == ["15.00 points under target: not ordered"]
    assert make_ticket(got).document["orders"][0]["reason"] == got.orders["reason"][0]
    assert got.after().shares.tolist() == [500.0, 850.0]


@settings(max_examples=25)
@given(data=st.data())
def test_the_orders_of_a_policy_given_by_a_person_are_the_same(desks: Any, data: Any) -> None:
    portfolio, policy = data.draw(desks)
    asked = trade_list(portfolio, policy)
    position = asked.sized.position
    assume(asked.sized.units.any() and position.quoted[asked.sized.units != 0.0].all())
    units = {asset: float(u) for asset, u in zip(portfolio.market.assets, asked.sized.units, strict=True) if u}
    got = trade_list(portfolio, policy, request=Request(orders=units, ordered=WHY))
    np.testing.assert_array_equal(got.sized.units, asked.sized.units)
    mine, theirs = make_ticket(got).document, make_ticket(asked).document
    assert mine["totals"] == theirs["totals"]
    same = set(theirs["orders"][0]) - {"reason", "client_order_id"}
    expected = [{key: row[key] for key in same} for row in theirs["orders"]]
    assert [{key: row[key] for key in same} for row in mine["orders"]] == expected
    after = [document["before_after"]["after"] for document in (mine, theirs)]
    assert after[0] == after[1]


@cases(
    "units, limits, told",
    ({"Q": 1.0}, {}, "orders has 'Q': Use A, B."),
    ({"A": 0.5}, {}, "the order of A is 0.5: give a multiple of its lot, which is 1 units."),
    ({"A": -601.0}, {}, "the order of A is -601.0: 600 units are held: sell at most these."),
    ({"A": 0.0}, {}, "the orders have no units"),
    ({"B": 100.0}, {}, "cash does not pay the orders to buy B: 5.00 USD are missing"),
    ({"B": 95.0}, {"reserve": 0.01, "adverse_move": 0.0}, "754.75 USD are missing, with their costs, the reserve"),
    ({"A": -10.0, "B": 10.0}, {"most": 1}, "there are 2 orders, and folder/by_hand.yaml allows 1"),
    ({"A": -100.0}, {"turnover": 0.05}, "the turnover of the orders is 10.00 % of NAV, and folder/by_hand.yaml"),
)
def test_what_cannot_be_ordered_says_why_and_what_to_do(
    two: Portfolio, units: dict[str, float], limits: dict[str, float], told: str
) -> None:
    some = replace(two, orders=OrderLimits(**{"reserve": 0.0, "adverse_move": 0.0} | limits))
    with pytest.raises(ConfigError) as error:
        own(some, **units)
    assert told in str(error.value)


def test_limits_of_an_asset_refuse_its_order(desk: Any) -> None:
    made = desk([100.0, 50.0, np.nan], [600.0, 700.0, 5_000.0], 5_000.0, [0.5, 0.4, 0.1], tradable=[True, False, True],
                minimum=500.0)  # fmt: skip
    locked = replace(made.market, instruments=made.market.instruments.assign(trading=["locked", "", ""]))
    for portfolio, order, told in (
        (
            made,
            {"B": 10.0},
            "the order of B, +10 units, cannot be sent: B cannot trade. Order less of it, leave it out",
        ),
        (replace(made, market=locked), {"A": -10.0}, "the order of A, -10 units, cannot be sent: A may not be sold"),
        (made, {"A": 4.0}, "the order of A, 400.00 USD, is below its smallest order of 500.00 USD: order more of it"),
        (made, {"C": 10.0}, "C has no price at the close of 2022-12-29, and is not ordered by units: give one"),
    ):
        with pytest.raises(ConfigError) as error:
            own(portfolio, **order)
        assert told in str(error.value)
    with pytest.raises(DataError, match="prices are too old for orders on 2023-01-30"):
        trade_list(made, Never(made.strategic), request=Request(orders={"A": -10.0}, ordered=WHY), as_of="2023-01-30")


def test_an_odd_lot_is_sold_with_the_rest(desk: Any) -> None:
    made = desk([100.0, 50.0], [600.5, 700.0], 5_000.0, [0.5, 0.5])
    assert own(made, A=-600.5).after().shares.tolist() == [0.0, 700.0]
    with pytest.raises(ConfigError, match="give a multiple of its lot"):
        own(made, A=-0.5)


def test_side_and_money_stand_beside_own_orders(two: Portfolio) -> None:
    never, asked = Never(two.strategic), Request(flow=20_000.0, side="buy", orders={"B": 400.0}, ordered=WHY)
    got = trade_list(two, never, request=asked)
    assert (got.facts["cash_after"], got.turnover) == (4_980.0, 20_000.0 / 120_000.0)
    with pytest.raises(ConfigError, match="A may not be sold, where only buys are sent"):
        trade_list(two, never, request=replace(asked, orders={"A": -1.0}))
    with pytest.raises(ConfigError, match="have no reason: say who orders them and why"):
        Request(orders={"A": 1.0})


def test_accounts_share_own_orders(two: Portfolio) -> None:
    accounts = (
        Account("a", "1", True, np.array([500.0, 300.0]), 5_000.0, np.array([True, True])),
        Account("b", "2", True, np.array([100.0, 400.0]), 0.0, np.array([True, True])),
    )
    got = own(replace(two, accounts=accounts), A=-600.0)
    assert got.sized.parts.sum(axis=0).tolist() == [-600.0, 0.0]
    assert got.orders["account"].tolist() == ["a", "b"]
