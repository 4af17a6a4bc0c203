"""A list that is filled in part is completed by the next one, which sends no other order; one that is filled is not."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from cases import cases
from filled import exchanged, filled
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from foundation.errors import PolicyError
from research.orders import Request, TradeList, trade_list
from research.orders.unfinished import Unfinished
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.cash_entries import CashEntry
from research.rules import Calendar, NoTradeRegion, Threshold, Within

HALF = Decimal("0.5")
RULES: dict[str, Any] = {
    "calendar": lambda target: Calendar(target, "day"),
    "to target": lambda target: Threshold(target, 0.02),
    "to the edge": lambda target: Threshold(target, 0.02, "edge"),
    "within": lambda target: Threshold(target, 0.02, Within(0.01)),
    "half of the way": lambda target: Threshold(target, 0.02, fraction=0.5),
    "no-trade region": NoTradeRegion,
}


@pytest.fixture(scope="module")
def desk_of_two() -> Portfolio:
    lines = {f"lines.{asset}.shares": units for asset, units in {"SPY": 3_400, "AGG": 6_800}.items()}
    return load_portfolio("data/portfolios/sixty_forty.yaml", {"limits.minimum_trade": 0, **lines})


@pytest.mark.parametrize("greedy", [True, False])
@pytest.mark.parametrize("name", RULES)
def test_half_a_list_is_completed_to_the_same_units_with_the_same_destinations(
    desk_of_two: Portfolio, name: str, greedy: bool
) -> None:
    rule = RULES[name](desk_of_two.strategic)
    first = trade_list(desk_of_two, rule, greedy=greedy)
    half = first.after(filled(first, HALF))
    second = trade_list(half, rule, greedy=greedy)
    whole = first.after()
    assert not first.empty
    assert second.why.trigger == "unfinished"
    assert (half.shares + second.sized.units).tolist() == whole.shares.tolist()
    np.testing.assert_allclose(second.sized.point, first.sized.goal, atol=1e-9)
    assert trade_list(first.after(filled(first)), rule, greedy=greedy).empty


@given(st.data())
@settings(max_examples=15)
def test_the_next_list_is_what_is_left_of_this_one_and_then_nothing(desks: Any, data: Any) -> None:
    """Where what is left of an order is not below the minimum trade."""
    portfolio, policy = data.draw(desks)
    portfolio = replace(portfolio, limits=replace(portfolio.limits, minimum_trade=0.0))
    try:
        first = trade_list(portfolio, policy, greedy=True)
    except PolicyError:
        assume(False)
    assume(not first.empty)
    half = first.after(filled(first, data.draw(st.sampled_from([Decimal("0.2"), HALF, Decimal("0.9")]))))
    second = trade_list(half, policy, greedy=True)
    left = {order.asset: float(order.left) for order in half.blotter.open}  # type: ignore[union-attr]
    sent = dict(zip(portfolio.market.assets, np.abs(second.sized.units).tolist(), strict=True))
    assert {asset: units for asset, units in sent.items() if units} == pytest.approx(left)
    done = second.after(filled(second, name="g"))
    np.testing.assert_allclose(done.shares, first.after().shares, rtol=1e-12, atol=1e-9)
    assert trade_list(done, policy, greedy=True).empty


def test_after_all_fills_the_list_is_empty_and_says_why(two: Portfolio) -> None:
    first = trade_list(two, Threshold(two.strategic, 0.0, "edge"))
    again = trade_list(first.after(filled(first)), Threshold(two.strategic, 0.0, "edge"))
    assert again.headline == "No trade: it traded at this close already, and is asked again at the next."


def test_the_list_that_completes_says_so(two: Portfolio) -> None:
    first = trade_list(two, Threshold(two.strategic, 0.02))
    second = trade_list(first.after(filled(first, of=lambda asset: asset == "A")), Threshold(two.strategic, 0.02))
    assert second.reason == "orders of the last list are not filled: this one completes them"
    assert second.orders["asset"].tolist() == ["B"]
    assert second.held["reason"].str.endswith(": no order of it is open").all()


def at_other_prices(portfolio: Portfolio, by: float) -> Portfolio:
    """The portfolio where its first asset closes higher by a fraction."""
    prices = portfolio.market.prices.copy()
    prices[-1, 0] *= 1.0 + by
    market = replace(portfolio.market, prices=prices)
    return replace(portfolio, market=market, holdings=portfolio.shares * prices[-1])


@pytest.mark.parametrize("by", [-0.05, 0.05])
def test_at_other_prices_the_step_is_sized_anew_and_no_order_is_larger_than_what_is_left(
    two: Portfolio, by: float
) -> None:
    first = trade_list(two, Threshold(two.strategic, 0.02))
    half = at_other_prices(first.after(filled(first, HALF)), by)
    second = trade_list(half, Threshold(two.strategic, 0.02))
    left = {order.asset: float(order.left) for order in half.blotter.open}  # type: ignore[union-attr]
    assert set(second.orders["asset"]) <= set(left)
    assert all(
        units <= left[asset] for asset, units in zip(second.orders["asset"], second.orders["units"], strict=True)
    )
    assert second.why.trigger == "unfinished"


@given(by=st.floats(-0.4, 0.4), part=st.floats(0.05, 0.95))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_side_of_a_completion_never_turns_around(two: Portfolio, by: float, part: float) -> None:
    first = trade_list(two, Threshold(two.strategic, 0.02))
    half = at_other_prices(first.after(filled(first, Decimal(part))), by)
    second, left = trade_list(half, Threshold(two.strategic, 0.02)), Unfinished.of(half)
    if second.why.trigger == "unfinished" and left is not None:
        share = second.sized.units / np.where(left.units == 0.0, np.inf, left.units)
        assert ((share >= 0.0) & (share <= 1.0 + 1e-12)).all()


# -- a withdrawal whose cash is not there yet --------------------------------------------------------------------------


PAID_OUT = 120_000.0


@pytest.fixture(scope="module")
def desk_that_pays() -> Portfolio:
    """The desk on a day on which its policy holds, and only the withdrawal asks for sales."""
    return load_portfolio("data/portfolios/sixty_forty.yaml", {"limits.minimum_trade": 0}, as_of="2022-12-21")


def owing(portfolio: Portfolio, account: str = "") -> Portfolio:
    """The portfolio, from whose cash an earlier list is still to pay a withdrawal."""
    day, amount = portfolio.date.date(), -Decimal(str(PAID_OUT))
    entry = CashEntry("list-1", "withdrawal", day, account, portfolio.basis, amount, event="list-1")
    return replace(portfolio, pending=(entry,))


@pytest.mark.parametrize("part", ["0.2", "0.9"])
def test_a_list_that_raises_a_withdrawal_is_completed_by_the_rest_of_it(desk_that_pays: Portfolio, part: str) -> None:
    """The book's cash has the withdrawal in it, which is neither NAV nor bought with."""
    rule = Threshold(desk_that_pays.strategic, 0.03)
    first = trade_list(desk_that_pays, rule, request=Request(-PAID_OUT))
    half = first.after(filled(first, Decimal(part)))
    second = trade_list(owing(replace(half, cash=half.cash + PAID_OUT)), rule)
    assert second.headline.startswith("Withdrawal of 120,000.00 USD pending. Sell SPY: ")
    assert "Withdrawal of 120,000.00 USD pending. Cash and NAV here are after it." in second.notes
    assert (half.shares + second.sized.units).tolist() == first.after().shares.tolist()
    assert second.facts["nav_before"] == pytest.approx(half.holdings.sum() + half.cash, abs=0.01)


@cases(
    "name, account",
    ("portfolios/sixty_forty", ""), ("examples/orders_in_two_currencies", "berlin"),
    ("examples/orders_of_accounts", "trust"),
)  # fmt: skip
def test_a_full_list_raises_what_is_pending_as_if_it_were_asked_now(name: str, account: str) -> None:
    portfolio = load_portfolio(f"data/{name}.yaml")
    rule = Threshold(portfolio.strategic, 0.1)
    asked = trade_list(portfolio, rule, request=Request(-PAID_OUT, account=account))
    later = trade_list(owing(portfolio, account), rule)
    assert asked.why.trigger == "flow"
    assert (later.sized.parts.tolist(), later.sized.cash) == (asked.sized.parts.tolist(), asked.sized.cash)
    assert later.reason == asked.reason
    assert later.after().cash_by_currency == asked.after().cash_by_currency


@pytest.mark.parametrize("by", [0.0, -0.05, -0.2])
def test_an_account_sells_the_rest_for_its_withdrawal_although_prices_fell(by: float) -> None:
    """Trust has 2,000 in cash, pays out 150,000, and sold two fifths of its 390 SPY when prices fell."""
    household = load_portfolio("data/examples/orders_of_accounts.yaml")
    rule = Threshold(household.strategic, 0.08)
    first = trade_list(household, rule, request=Request(-150_000.0, account="trust"))
    half = first.after(filled(first, Decimal("0.4")))
    second = trade_list(at_other_prices(half, by), rule)
    assert of_accounts(first) == [("trust", "SPY", -390.0)]
    assert second.why.trigger == "unfinished"
    assert -234.0 <= second.sized.units[0] < 0.0
    assert second.after().accounts[1].cash > half.accounts[1].cash


def test_all_to_target_is_asked_before_what_is_open(two: Portfolio) -> None:
    first = trade_list(two, Threshold(two.strategic, 0.02))
    half = first.after(filled(first, HALF))
    listed = trade_list(half, Threshold(two.strategic, 0.02), request=Request(to_target=True))
    assert listed.why.trigger != "unfinished"


def of_accounts(listed: TradeList) -> list[tuple[str, str, float]]:
    names = [account.name for account in listed.portfolio.accounts]
    parts = listed.sized.parts
    return [(names[a], listed.portfolio.market.assets[i], float(parts[a, i])) for a, i in listed.sized.rows()]


def test_each_account_completes_its_own_orders() -> None:
    household = load_portfolio("data/examples/orders_of_accounts.yaml")
    rule = household.policies["quarterly"]
    first = trade_list(household, rule)
    second = trade_list(first.after([fill for fill in filled(first) if fill.account == "U1"]), rule)
    assert of_accounts(second) == [order for order in of_accounts(first) if order[0] != "joint"]


@pytest.mark.parametrize("name", ["orders_of_accounts", "orders_in_two_currencies", "orders_in_whole_lots"])
def test_in_accounts_currencies_and_lots_the_next_list_is_what_is_left(name: str) -> None:
    portfolio = load_portfolio(f"data/examples/{name}.yaml", {"limits.minimum_trade": 0})
    rule = next(iter(portfolio.policies.values()))
    first = trade_list(portfolio, rule)
    assert not first.empty
    half = first.after([*filled(first, HALF), *exchanged(first)])
    second, left = trade_list(half, rule), Unfinished.of(half)
    np.testing.assert_allclose(second.sized.parts, left.left, rtol=1e-12)
    done = second.after(filled(second, name="g"))
    for one, whole in zip(done.accounts, first.after().accounts, strict=True):
        np.testing.assert_allclose(one.units, whole.units, rtol=1e-12)
    np.testing.assert_allclose(done.shares, first.after().shares, rtol=1e-12)
    assert trade_list(done, rule).empty


def test_an_order_in_an_amount_is_completed_by_the_rest_of_it(desk: Any) -> None:
    """40,000 of A and 60,000 of B, which is held in currency and bought by 20,000; 40 % of it is filled."""
    portfolio = desk([100.0, np.nan], [600, 40_000.0], 0.0, [0.4, 0.6], commission=0.0, half_spread=0.0)
    rule = Threshold(portfolio.strategic, 0.02)
    first = trade_list(portfolio, rule)
    second = trade_list(after := first.after(filled(first, Decimal("0.4"))), rule)
    (order,) = (each for each in after.blotter.orders if each.asset == "B")  # type: ignore[union-attr]
    assert (order.in_money, order.left) == (True, Decimal(12_000))
    assert second.sized.units.tolist() == [-120.0, 12_000.0]
    done = second.after(filled(second, name="g"))
    assert (done.holdings.tolist(), done.cash) == ([40_000.0, 60_000.0], 0.0)
    assert trade_list(done, rule).empty
