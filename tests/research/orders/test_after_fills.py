"""The portfolio after fills: its units, cash, lots and last trade are those of an independent sum of the fills."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filled import FRIDAY, exchanged, filled
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from foundation.errors import DataError, PolicyError
from research.orders import Request, TradeList, trade_list
from research.orders.after_fills import after_fills
from research.orders.fills import Fill
from research.portfolio import Portfolio, TaxLot, TaxLots, TaxRules, load_portfolio
from research.rules import Calendar, Threshold

TUESDAY = datetime(2023, 1, 3, 15, 0, tzinfo=UTC)


@pytest.fixture
def listed(two: Portfolio) -> TradeList:
    """Sells 101 of A at 100 and buys 299 of B at 50, or so; costs are 4 bp of commission and 6 of half-spread."""
    return trade_list(two, Threshold(two.strategic, 0.02))


def drawn(data: Any, desks: Any) -> TradeList:
    """The list of a drawn desk that sends an order."""
    portfolio, policy = data.draw(desks)
    try:
        made = trade_list(portfolio, policy, greedy=True)
    except PolicyError:
        assume(False)
    assume(not made.empty)
    return made


# -- what fills leave --------------------------------------------------------------------------------------------------


def test_money_and_units_by_hand(listed: TradeList) -> None:
    """5,000.00 + 100 × 99.995 − 1.25 − 200 × 50.01 − 0.75 = 4,995.50."""
    sell = Fill("A", "sell", 100, "99.995", "USD", FRIDAY, "1", fees={"commission": "1.25"})
    buy = Fill("B", "buy", 200, "50.01", "USD", FRIDAY, "2", fees={"commission": "0.75"})
    after = listed.after([sell, buy])
    assert after.cash == 4_995.50
    assert after.shares.tolist() == [500.0, 900.0]
    assert after.holdings.tolist() == [50_000.0, 45_000.0]  # at the prices of the list
    assert after.last_trade == pd.Timestamp("2022-12-29")  # of Friday, and never after the last close
    assert [fill.day for fill in after.blotter.fills] == [date(2022, 12, 30)] * 2  # type: ignore[union-attr]


@given(st.data())
@settings(max_examples=15)
def test_a_list_filled_at_its_own_prices_and_costs_is_the_portfolio_after_it(desks: Any, data: Any) -> None:
    made = drawn(data, desks)
    ours, landed = made.after(filled(made)), made.after()
    assert ours.cash == pytest.approx(landed.cash, abs=0.011)  # half cents of floats and of decimals may round apart
    np.testing.assert_allclose(ours.shares, landed.shares, rtol=1e-14)
    np.testing.assert_allclose(ours.holdings, landed.holdings, rtol=1e-12, atol=0.006)


@given(st.data())
@settings(max_examples=15)
def test_any_split_into_fills_over_two_days_ends_as_one_fill_and_as_an_independent_sum(desks: Any, data: Any) -> None:
    made = drawn(data, desks)
    whole, pieces = filled(made), []
    for fill in whole:
        parts = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
        cuts = [fill.quantity * part / sum(parts) for part in parts[:-1]]
        cuts = [cut.quantize(Decimal("1e-8")) for cut in cuts]
        for k, quantity in enumerate([*cuts, fill.quantity - sum(cuts)]):
            fees = {name: fee * quantity / fill.quantity for name, fee in fill.fees.items()}
            moment = data.draw(st.sampled_from([FRIDAY, TUESDAY]))
            if quantity > 0:
                pieces.append(replace(fill, quantity=quantity, fees=fees, moment=moment, fill_id=f"{fill.fill_id}.{k}"))
    half, once = made.after([fill for fill in pieces if fill.moment == FRIDAY]), made.after(whole)
    twice = after_fills(half, [fill for fill in pieces if fill.moment == TUESDAY])
    np.testing.assert_allclose(twice.shares, once.shares, rtol=1e-14, atol=1e-9)
    sums = {fill.asset: Decimal() for fill in whole}
    cash = Decimal(repr(float(made.portfolio.cash)))
    for fill in whole:
        way = 1 if fill.side == "buy" else -1
        sums[fill.asset] += way * fill.quantity
        cash -= way * (fill.quantity * fill.price).quantize(Decimal("0.01"))
        cash -= sum((fee.quantize(Decimal("0.01")) for fee in fill.fees.values()), Decimal())
    assert once.cash == float(cash)
    assert twice.cash == pytest.approx(once.cash, abs=0.0101)  # a fee cut into 28 digits may round the other way
    for asset, moved in sums.items():
        i = made.portfolio.market.assets.index(asset)
        if not np.isnan(once.shares[i]):
            assert once.shares[i] == pytest.approx(made.portfolio.shares[i] + float(moved), rel=1e-14, abs=1e-9)


def test_a_deposit_is_in_the_cash_that_the_fills_leave(two: Portfolio) -> None:
    made = trade_list(two, Threshold(two.strategic, 0.02), request=Request(flow=10_000.0))
    assert made.after([]).cash == 15_000.0
    assert made.after(filled(made)).cash == made.after().cash


# -- tax lots ----------------------------------------------------------------------------------------------------------


def test_lots_are_sold_at_the_prices_of_the_fills_and_bought_on_their_days(two: Portfolio) -> None:
    """A's 600 units cost 90: 60 of them are sold at 101 in 2022, so 660 are realised, and 40 in 2023."""
    lots = TaxLots(
        TaxRules(rate=0.2, short_rate=0.3, lots="first"),
        ((TaxLot(pd.Timestamp("2020-01-02"), 600.0, 90.0),), (TaxLot(pd.Timestamp("2021-01-04"), 700.0, 40.0),)),
    )
    made = trade_list(replace(two, tax_lots=lots), Threshold(two.strategic, 0.02))
    after = made.after([
        Fill("A", "sell", 60, 101, "USD", FRIDAY, "1"), Fill("A", "sell", 40, 101, "USD", TUESDAY, "2"),
        Fill("B", "buy", 50, 49, "USD", FRIDAY, "3"), Fill("B", "buy", 50, 51, "USD", FRIDAY, "4"),
    ]).tax_lots  # fmt: skip
    assert after.rules.realised == pytest.approx(660.0)
    assert [(lot.units, lot.price) for lot in after.lots[0]] == [(500.0, 90.0)]
    bought = after.lots[1][-1]
    assert (bought.date, bought.units, bought.price) == (pd.Timestamp("2022-12-30"), 100.0, 50.0)


# -- accounts and currencies -------------------------------------------------------------------------------------------


def test_each_account_has_its_own_units_cash_and_lots() -> None:
    made = trade_list(
        household := load_portfolio("data/examples/orders_of_accounts.yaml"), household.policies["quarterly"]
    )
    ours, landed = made.after(filled(made)), made.after()
    assert [each.cash for each in ours.accounts] == [each.cash for each in landed.accounts]
    for one, other in zip(ours.accounts, landed.accounts, strict=True):
        assert one.units.tolist() == other.units.tolist()
    assert ours.tax_lots is not None
    assert landed.tax_lots is not None
    expected = [[(x.units, x.account) for x in of] for of in landed.tax_lots.lots]
    assert [[(x.units, x.account) for x in of] for of in ours.tax_lots.lots] == expected


def test_lines_in_another_currency_and_exchanges_move_the_cash_of_each_currency() -> None:
    made = trade_list(two := load_portfolio("data/examples/orders_in_two_currencies.yaml"), two.policies["quarterly"])
    assert made.money is not None
    fx = exchanged(made)
    assert fx
    ours, landed = made.after([*_in_local(made), *fx]), made.after()
    assert [dict(each.balances) for each in ours.accounts] == [dict(each.balances) for each in landed.accounts]
    assert ours.cash == landed.cash


def _in_local(made: TradeList) -> list[Fill]:
    """Fills with the costs of each order in the currency of its asset."""
    assert made.money is not None
    costs = [made.money.local(a, i).charges for a, i in made.sized.rows()]
    return [replace(fill, fees=fees) for fill, fees in zip(filled(made), costs, strict=True)]


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_all_that_cannot_be_booked_is_told_at_once_and_nothing_is_booked(listed: TradeList) -> None:
    good = Fill("A", "sell", 10, 100, "USD", FRIDAY, "1")
    wrong = [
        replace(good, moment=FRIDAY + timedelta(seconds=1)),
        replace(good, fill_id="2", side="buy"),
        replace(good, fill_id="3", quantity=Decimal(10_000)),
        replace(good, fill_id="4", currency="EUR"),
        replace(good, fill_id="5", asset="C"),
        replace(good, fill_id="6", account="IRA"),
    ]
    with pytest.raises(DataError) as error:
        listed.after([good, *wrong])
    told = str(error.value).splitlines()
    assert told[0] == "the list of fills has 6 mistakes:"
    for piece in (
        "It is booked already: leave the second one out.",
        "Nobody sent the order to buy A",
        "quantity is '10000'. The order is for",
        "currency is 'EUR'. A is quoted in USD: a fill is not converted.",
        "asset is 'C'.",
        "account is 'IRA'. The portfolio has no accounts.",
    ):
        assert sum(piece in line for line in told) == 1, piece


def test_a_fill_that_names_a_pair_of_currencies_is_told_how_an_exchange_is_written() -> None:
    made = trade_list(two := load_portfolio("data/examples/orders_in_two_currencies.yaml"), two.policies["quarterly"])
    right = exchanged(made)[0]
    wrong = replace(right, asset=f"{right.asset}/EUR")
    done = {"buy": "bought", "sell": "sold"}[right.side]
    said = f"'USD/EUR'. Give the currency that is {done} as asset, USD, and that of the price as .*, EUR"
    with pytest.raises(DataError, match=said):
        made.after([wrong])
    with pytest.raises(DataError, match=r"asset is 'GBPEUR'\. Use SPY, AGG"):
        made.after([replace(right, asset="GBPEUR")])


def test_a_second_order_id_for_one_order_is_one_that_nobody_sent(listed: TradeList) -> None:
    first = Fill("A", "sell", 10, 100, "USD", FRIDAY, "1", order_id="x")
    with pytest.raises(DataError, match=r"order_id is 'y'\. Nobody sent the order to sell A"):
        listed.after([first, replace(first, fill_id="2", order_id="y")])


def test_fills_without_any_orders_are_refused(two: Portfolio) -> None:
    held = trade_list(two, Calendar(two.strategic, "year"))
    with pytest.raises(DataError, match="Nobody sent the order to sell A"):
        held.after([Fill("A", "sell", 10, 100, "USD", FRIDAY, "1")])


# -- settlement --------------------------------------------------------------------------------------------------------


def test_cash_of_a_sale_comes_a_session_later(listed: TradeList) -> None:
    """Friday's sale settles on Tuesday: Monday is a holiday."""
    blotter = listed.after([Fill("A", "sell", 10, 100, "USD", FRIDAY, "1", fees="0.5")]).blotter
    assert blotter.unsettled(date(2023, 1, 2)) == {("", "USD"): Decimal("999.50")}
    assert blotter.unsettled(date(2023, 1, 3)) == {}
