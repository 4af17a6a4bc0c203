"""A list in several currencies: cash of each to the cent, exchanges of what it lacks, and nothing of it in one."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import openpyxl
import pytest
import simplefix
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from desk.tickets.formats import FORMATS, alpaca, fix, ib_basket, oms, order_csv, printed, ticket_json, workbook
from desk.tickets.ticket import make_ticket
from foundation.errors import ConfigError
from research.orders import TradeList, trade_list
from research.orders.cash_by_currency import exchanged
from research.orders.request import Request
from research.portfolio import NO_LIMITS, OrderLimits, Portfolio, load_portfolio
from research.portfolio.holdings.currencies import Currencies
from research.portfolio.holdings.household import Account
from research.portfolio.holdings.rates import Rate, Rates
from research.rules import Calendar, Never

D = Decimal
SCHEMA = Path(__file__).parents[3] / "docs" / "schemas" / "ticket-2.json"
TO_TARGET = Request(to_target=True)
DAY = np.datetime64("2022-12-29")
PAIRS = {"EUR": ("EUR", "USD"), "JPY": ("USD", "JPY")}
CENT = {"USD": D("0.01"), "EUR": D("0.01"), "JPY": D("1"), "AAA": D("0.01"), "BBB": D("0.01")}


def abroad(
    made: Portfolio, lines: Sequence[str], cash: Mapping[str, float], rates: Mapping[str, float], **more: Any
) -> Portfolio:
    """A desk by hand whose prices are those of its assets' currencies; its market is that in dollars."""
    of_lines = np.array([rates.get(currency, 1.0) for currency in lines])
    known = Rates("USD", {c: Rate(f"{c}USD", value, DAY, "rates.csv") for c, value in sorted(rates.items())}, {})
    balances = {c: cash.get(c, 0.0) for c in ("USD", *sorted(rates))}
    quoted = replace(made.market, instruments=made.market.instruments.assign(currency=list(lines)))
    return replace(
        made,
        market=replace(made.market, prices=made.market.prices * of_lines),
        holdings=made.holdings * of_lines,
        cash=known.value(balances),
        currencies=Currencies(known, tuple(lines), made.market.prices[-1], balances, quoted, True),
        **more,
    )


def listed(portfolio: Portfolio, request: Request = TO_TARGET) -> TradeList:
    return trade_list(portfolio, Calendar(portfolio.strategic, "day"), request=request, greedy=True)


def numbers(trades: TradeList) -> Any:
    """The ticket as a system reads it, with exact decimals."""
    return json.loads(ticket_json.write(make_ticket(trades)), parse_float=D, parse_int=D)


@st.composite
def desks_abroad(draw: Any, desk: Any) -> tuple[Portfolio, dict[str, float]]:
    """Any desk with assets and cash in three currencies, one of them without cents."""
    n = draw(st.integers(2, 4))
    each = lambda values: draw(st.lists(values, min_size=n, max_size=n))  # noqa: E731
    rates = {"EUR": draw(st.floats(0.5, 2.0)), "JPY": draw(st.floats(0.004, 0.02))}
    lines = each(st.sampled_from(["USD", "EUR", "JPY"]))
    prices = [round(draw(st.floats(5.0, 500.0)) / rates.get(c, 1.0), 2) for c in lines]
    goal = np.array(each(st.integers(0, 20)), dtype=float) + draw(st.floats(0.0, 1.0))
    assume(goal.sum() > 0)
    limits = draw(st.sampled_from([NO_LIMITS, OrderLimits(reserve=0.0, adverse_move=0.0), OrderLimits(turnover=0.05)]))
    made = desk(
        prices, each(st.integers(0, 5_000)), 0.0, goal / goal.sum(), commission=each(st.sampled_from([0.0, 2.0, 30.0])),
        lots=each(st.sampled_from([1.0, 1.0, 100.0, 0.001])), orders=limits,
    )  # fmt: skip
    money = st.floats(-20_000.0, 60_000.0).map(lambda amount: round(amount, 2))
    cash = {"USD": draw(money), "EUR": draw(money), "JPY": round(100.0 * draw(money))}
    portfolio = abroad(made, lines, cash, rates)
    assume(portfolio.cash >= 5.0 and portfolio.nav > 1_000.0)
    return portfolio, rates


# -- the ledger ------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(data=st.data())
def test_cash_of_each_currency_and_wealth_balance_to_the_cent(desk: Any, data: Any) -> None:
    portfolio, rates = data.draw(desks_abroad(desk))
    flow = data.draw(st.sampled_from([0.0, 0.0, 5_000.5]))
    ticket = numbers(listed(portfolio, Request(to_target=True, flow=flow)))
    worth = {"USD": D(1)} | {c: D(repr(rate)) for c, rate in rates.items()}
    cash = {c: D(repr(amount)) for c, amount in portfolio.currencies.cash.items()}  # type: ignore[union-attr]
    cash["USD"] += D(repr(flow))
    before, paid, slack = sum(cash[c] * worth[c] for c in cash), D(0), D("0.02")
    held = {a: D(repr(float(u))) for a, u in zip(portfolio.market.assets, portfolio.shares, strict=True)}
    price = {o["asset"]: o["price"] for o in ticket["orders"]}
    invested = D(0)
    for order in ticket["orders"]:
        way, of = (1 if order["side"] == "buy" else -1), order["currency"]
        assert abs(order["notional"] - order["quantity"] * order["price"]) <= CENT[of] / 2
        assert order["cost"] == sum(order[name] for name in ("commission", "half_spread", "ticket", "impact"))
        assert all(order[name] % CENT[of] == 0 for name in ("notional", "cost"))
        line = portfolio.market.assets.index(order["asset"])
        for name, rate in (("commission", portfolio.costs.commission), ("half_spread", portfolio.costs.half_spread)):
            assert abs(order[name] - D(repr(float(rate[line]))) * order["notional"]) <= CENT[of] / 2 + D("1e-9")
        cash[of] -= way * order["notional"] + order["cost"]
        held[order["asset"]] += way * order["quantity"]
        invested += way * order["quantity"] * order["price"] * worth[of]
        paid += order["cost"] * worth[of]
        slack += CENT[of] * worth[of]
    for each in ticket["fx"]:
        way = 1 if each["side"] == "buy" else -1
        assert abs(each["amount"] * worth[each["currency"]] - each["basis_amount"]) <= D("0.005")
        first, second = PAIRS[each["currency"]]
        assert each["pair"] == first + second
        of = {each["currency"]: each["amount"], "USD": each["basis_amount"]}
        assert abs(of[first] * each["rate"] - of[second]) <= (1 + each["rate"]) * D("0.005") + of[second] * D("1e-9")
        cash[each["currency"]] += way * each["amount"]
        cash["USD"] -= way * each["basis_amount"]
        slack += D("0.01")
    after = {row["currency"]: row["after"] for row in ticket["cash"]}
    assert after == cash
    assert all(amount >= 0 for amount in after.values())
    assert all(amount >= 0 for amount in held.values())
    assert price.keys() == {o["asset"] for o in ticket["orders"]}
    assert abs(before - invested - paid - sum(cash[c] * worth[c] for c in cash)) <= slack
    totals = ticket["totals"]
    assert totals["cash_after"] + totals["rounding"] == sum(row["after_in_basis"] for row in ticket["cash"])
    assert abs(totals["rounding"]) <= D(repr(portfolio.currencies.rounding_bound))  # type: ignore[union-attr]


@settings(max_examples=40)
@given(data=st.data())
def test_no_more_is_exchanged_than_is_needed_and_then_nothing(desk: Any, data: Any) -> None:
    portfolio, _ = data.draw(desks_abroad(desk))
    trades = listed(portfolio)
    ticket = numbers(trades)
    after = {row["currency"]: row["after"] for row in ticket["cash"]}
    sold = [each for each in ticket["fx"] if each["side"] == "sell"]
    assert all(after[each["currency"]] == 0 for each in ticket["fx"] if each["side"] == "buy")
    assert all(after[each["currency"]] == 0 for each in sold[:-1])  # each surplus is sold before the next
    assert not sold or after["USD"] <= D("0.02")
    held = trades.after()
    assert held.cash == pytest.approx(sum(float(row["after_in_basis"]) for row in ticket["cash"]), abs=1e-9)
    again = trade_list(held, Never(held.strategic))
    assert again.empty
    assert again.money.exchanges == ()


def test_what_lacks_is_bought_and_the_largest_surplus_is_sold_first() -> None:
    rates = {"USD": D(1), "EUR": D("1.065"), "GBP": D("1.2"), "CHF": D("1.1"), "JPY": D("0.0075")}
    left = {"USD": D("-50.00"), "EUR": D("-350.00"), "GBP": D("100.00"), "CHF": D("300.00"), "JPY": D("40000")}
    got = exchanged(left, rates, "USD")
    assert got == {
        "EUR": (D("350.00"), D("372.75")),  # 422.75 dollars are lacking with the 50 that were owed
        "CHF": (D("-300.00"), D("-330.00")),  # 330 dollars, the largest; yen are worth 300, pounds 120
        "JPY": (D("-12367"), D("-92.75")),  # 92.75 / 0.0075 = 12366.67, in whole yen
    }
    assert exchanged({"USD": D("10.00"), "EUR": D("5.00")}, rates, "USD") == {}


def test_a_desk_by_hand(desk: Any) -> None:
    """380 of cash buys 3 units of B at 100 euros, of which 100 are there; both trade at 1.20 dollars, without costs."""
    made = desk([100.0, 100.0], [5, 0], 0.0, [0.5, 0.5], commission=0.0, half_spread=0.0,
                orders=OrderLimits(reserve=0.0, adverse_move=0.0))  # fmt: skip
    trades = listed(abroad(made, ["USD", "EUR"], {"USD": 380.0, "EUR": 100.0}, {"EUR": 1.2}))
    assert trades.orders[["side", "asset", "units", "price", "currency", "rate", "amount", "notional"]].to_numpy(
    ).tolist() == [["buy", "B", 4.0, 100.0, "EUR", 1.2, 400.0, 480.0]]  # fmt: skip
    assert trades.fx.to_dict("records") == [
        {"pair": "EURUSD", "side": "buy", "currency": "EUR", "amount": 300.0, "rate": 1.2, "basis_amount": 360.0,
         "reason": "EUR cash would be -300.00 without it"}
    ]  # fmt: skip
    assert trades.cash[["currency", "before", "buys", "fx", "after"]].to_numpy().tolist() == [
        ["USD", 380.0, 0.0, -360.0, 20.0], ["EUR", 100.0, 400.0, 300.0, 0.0]
    ]  # fmt: skip
    assert trades.headline.endswith(" FX: buy 300.00 EUR.")
    assert "Exchange rates: 1 EUR = 1.2 USD (EURUSD, rates.csv, 2022-12-29)." in trades.notes


def test_a_debt_is_covered_where_the_policy_holds(desk: Any) -> None:
    made = desk([100.0, 100.0], [5, 5], 0.0, [0.5, 0.5])
    portfolio = abroad(made, ["USD", "EUR"], {"USD": 500.0, "EUR": -350.0}, {"EUR": 1.1})
    trades = trade_list(portfolio, Never(portfolio.strategic))
    assert trades.holds
    assert not trades.empty
    assert trades.headline.endswith(". FX: buy 350.00 EUR.")
    assert "Nothing is to be sent" not in printed.write(make_ticket(trades)).decode()
    after = trades.after()
    assert after.last_trade == portfolio.last_trade
    assert after.cash == 115.0
    assert after.currencies.cash == {"USD": 115.0, "EUR": 0.0}


def test_names_and_order_of_lines_and_currencies_change_nothing(desk: Any) -> None:
    prices, units, goal = [100.0, 37.5, 250.0, 12.25], [500, 900, 10, 3_000], [0.3, 0.3, 0.3, 0.1]
    lines, cash = ["USD", "EUR", "JPY", "EUR"], {"USD": 1_000.0, "EUR": -2_000.0, "JPY": 9_000.0}
    found = set()
    for order in permutations(range(4)):
        for names in ({"EUR": "AAA", "JPY": "BBB"}, {"EUR": "BBB", "JPY": "AAA"}):
            known = {"USD": "USD"} | names
            at = lambda values, order=order: [values[i] for i in order]  # noqa: E731
            made = desk(at(prices), at(units), 0.0, at(goal), assets=at("ABCD"))
            rates = {names["EUR"]: 1.07, names["JPY"]: 0.9}
            portfolio = abroad(made, [known[c] for c in at(lines)], {known[c]: m for c, m in cash.items()}, rates)
            trades, back = listed(portfolio), {new: old for old, new in known.items()}
            orders = trades.orders[["asset", "side", "units", "amount", "cost"]].to_numpy().tolist()
            fx = [(back[e.currency], e.side, e.amount, e.basis_amount) for e in trades.money.exchanges]  # type: ignore[union-attr]
            found.add((repr(sorted(orders)), repr(sorted(fx))))
    assert len(found) == 1


def test_each_account_exchanges_what_it_lacks(desk: Any) -> None:
    made = desk([100.0, 100.0], [90, 10], 0.0, [0.5, 0.5])
    none = np.zeros(2, dtype=bool)
    accounts = (
        Account("tax", "U1", True, np.array([80.0, 0.0]), 1_000.0, none, {"USD": 1_000.0}),
        Account("ira", "U2", False, np.array([10.0, 10.0]), 590.0, none, {"USD": 1_100.0, "EUR": -425.0}),
    )
    portfolio = abroad(made, ["USD", "EUR"], {"USD": 2_100.0, "EUR": -425.0}, {"EUR": 1.2}, accounts=accounts)
    trades = listed(portfolio)
    assert set(trades.fx["account"]) == {"tax", "ira"}
    assert [each.account for each in make_ticket(trades).fx] == ["U1", "U2"]
    assert (trades.cash["after"] >= 0.0).all()
    by_account = trades.cash.groupby("account")["after_in_basis"].sum()
    assert by_account.to_dict() == pytest.approx(trades.accounts.set_index("account")["cash_after"].to_dict(), abs=0.05)
    after = trades.after()
    assert [a.cash for a in after.accounts] == pytest.approx([by_account["tax"], by_account["ira"]], abs=1e-9)
    assert after.cash == pytest.approx(sum(a.cash for a in after.accounts), abs=1e-9)


def test_a_line_without_a_quote_trades_in_an_amount_of_its_own_currency(desk: Any) -> None:
    made = desk([100.0, np.nan], [30, 1_000], 0.0, [0.5, 0.5], commission=0.0, half_spread=10.0)
    trades = listed(abroad(made, ["USD", "EUR"], {"USD": 500.0}, {"EUR": 1.25}))
    order = next(order for order in make_ticket(trades).orders if order.asset == "B")
    assert (order.quantity, order.price, order.currency) == (None, None, "EUR")
    assert order.notional == pytest.approx(order.notional_basis / 1.25, abs=0.005)  # type: ignore[attr-defined]
    assert make_ticket(trades).fx[0].amount == pytest.approx(order.notional + order.cost, abs=1e-9)


@settings(max_examples=25)
@given(data=st.data())
def test_each_currency_of_each_account_balances_and_stays_above_zero(desk: Any, data: Any) -> None:
    portfolio, _ = data.draw(desks_abroad(desk))
    currencies, lots = portfolio.currencies, portfolio.limits.lots
    assert currencies is not None
    share = np.array(data.draw(st.lists(st.floats(0.0, 1.0), min_size=len(lots), max_size=len(lots))))
    first = np.floor(portfolio.shares * share / lots) * lots
    money = {c: float(round(D(repr(amount)) * D(data.draw(st.integers(0, 4))) / 4, 0 if c == "JPY" else 2))
             for c, amount in currencies.cash.items()}  # fmt: skip
    rest = {c: float(D(repr(amount)) - D(repr(money[c]))) for c, amount in currencies.cash.items()}
    none = np.zeros(len(lots), dtype=bool)
    accounts = tuple(
        Account(name, name, name == "a", units, currencies.rates.value(cash), none, cash)
        for name, units, cash in (("a", first, money), ("b", portfolio.shares - first, rest))
    )
    assume(all(account.cash >= 1.0 for account in accounts))
    trades = listed(replace(portfolio, accounts=accounts))
    for row in trades.money.balances:  # type: ignore[union-attr]
        assert row.before + row.sells - row.buys - row.cost + row.fx == row.after
        assert row.after >= 0
    found = {each.name: each.balances for each in trades.after().accounts}
    stated = {(row["account"], row["currency"]): row["after"] for row in numbers(trades)["cash"]}
    assert all(D(repr(found[a][c])) == amount for (a, c), amount in stated.items())


def test_a_withdrawal_is_raised_from_foreign_cash(desk: Any) -> None:
    made = desk([100.0, 100.0], [50, 50], 0.0, [0.5, 0.5])
    portfolio = abroad(made, ["USD", "EUR"], {"USD": 100.0, "EUR": 5_000.0}, {"EUR": 1.0})
    trades = listed(portfolio, Request(flow=-1_000.0))
    rows = trades.cash.set_index("currency")
    assert rows.loc["USD", "flow"] == -1_000.0
    assert (rows["after"] >= 0.0).all()
    assert trades.fx["side"].tolist() == ["sell"]


def test_a_cost_is_rounded_once_in_the_currency_of_its_line(desk: Any) -> None:
    """4 bp of 100,000 yen are 40 yen; the 0.2664 dollars that these are, rounded to cents first, would be 41 yen."""
    made = desk([1_000.0], [0], 0.0, [1.0], commission=4.0, half_spread=0.0)
    trades = listed(abroad(made, ["JPY"], {"USD": 667.5}, {"JPY": 0.00666}))
    order = make_ticket(trades).orders[0]
    assert (order.quantity, order.notional, order.commission, order.cost) == (100.0, 100_000.0, 40.0, 40.0)
    assert trades.orders["commission"].tolist() == [0.27]
    assert trades.cash.set_index("currency").loc["JPY", ["buys", "cost", "fx", "after"]].tolist() == [
        100_000.0, 40.0, 100_040.0, 0.0
    ]  # fmt: skip


# -- one currency ----------------------------------------------------------------------------------------------------


def test_rates_that_nothing_needs_change_no_byte() -> None:
    file, terms = "data/portfolios/sixty_forty.yaml", {"ticket.account": "U1"}
    plain, named = load_portfolio(file, terms), load_portfolio(file, terms | {"fx.EURUSD": 1.1, "fx.USDJPY": 133})
    assert named.currencies is None
    one, other = (trade_list(p, p.policies["threshold"]) for p in (plain, named))
    assert repr(one) == repr(other)
    for ending, form in FORMATS.items():
        assert form.write(make_ticket(one)) == form.write(make_ticket(other)), ending
    assert not {"fx", "cash"} & set(json.loads(ticket_json.write(make_ticket(one))))


# -- formats ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(desk: Any) -> TradeList:
    """Sells B for euros, buys A for dollars and C for yen; euros stay, yen are bought."""
    made = desk([100.0, 50.0, 2_000.0], [10, 100, 10], 0.0, [0.2, 0.2, 0.3])
    portfolio = abroad(made, ["USD", "EUR", "JPY"], {"USD": 9_000.0, "EUR": 50.0}, {"EUR": 1.1, "JPY": 0.0125})
    return listed(replace(portfolio, ticket=replace(portfolio.ticket, account="U1")))


def test_the_json_is_as_its_schema_says(sent: TradeList) -> None:
    document = json.loads(ticket_json.write(make_ticket(sent)))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert [(each["currency"], each["pair"], each["rate"]) for each in document["fx"]] == [("JPY", "USDJPY", 80.0)]
    assert all(each["amount"] % 1 == 0 for each in document["fx"])


def test_the_csv_and_the_workbook_list_exchanges_after_the_orders(sent: TradeList) -> None:
    content = order_csv.write(make_ticket(sent))
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert [row["asset"] for row in rows][-1] == "USDJPY"
    assert (rows[-1]["currency"], rows[-1]["rate"]) == ("JPY", "80")
    assert rows[-1]["quantity"] == f"{make_ticket(sent).fx[0].amount:.0f}"
    assert [int(row["priority"]) for row in rows] == list(range(1, len(rows) + 1))
    assert order_csv.is_ours(io.BytesIO(content))
    book = openpyxl.load_workbook(io.BytesIO(workbook.write(make_ticket(sent))))
    assert book.sheetnames[-2:] == ["FX", "Cash"]
    assert book["FX"]["C2"].value == "USDJPY"


def test_the_basket_quotes_a_pair_as_the_market_does(sent: TradeList) -> None:
    content = ib_basket.write(make_ticket(sent))
    row = list(csv.DictReader(io.StringIO(content.decode())))[-1]
    each = make_ticket(sent).fx[0]
    assert each.side == "buy"  # yen: on IdealPro, dollars are sold for yen
    assert [row[name] for name in ("Action", "Quantity", "Symbol", "SecType", "Exchange", "Currency", "OrderType")] == [
        "SELL", f"{each.basis_amount:.2f}".rstrip("0").rstrip("."), "USD", "CASH", "IDEALPRO", "JPY", "MKT"
    ]  # fmt: skip
    assert ib_basket.is_ours(io.BytesIO(content))


def test_fix_carries_exchanges_as_currency_products(sent: TradeList) -> None:
    parser = simplefix.FixParser()
    parser.append_buffer(fix.write(make_ticket(sent)))
    message = parser.get_message()
    count = len(make_ticket(sent).orders) + len(make_ticket(sent).fx)
    assert message.get(73) == str(count).encode()
    assert [message.get(tag, count if tag not in (460, 167) else 1) for tag in (55, 460, 167, 54, 15, 38)] == [
        b"USD/JPY", b"4", b"FOR", b"1", b"JPY", f"{make_ticket(sent).fx[0].amount:.0f}".encode()
    ]  # fmt: skip


def test_an_exchange_settles_with_the_orders_that_it_pays_for(sent: TradeList) -> None:
    """Trades on 30 December settle on 3 January, the next session; those of C two sessions later."""
    assert [each.settlement_date for each in make_ticket(sent).fx] == ["2023-01-03"]
    terms = replace(sent.portfolio.ticket, settlement_days_by_line={"C": 3})
    later = make_ticket(listed(replace(sent.portfolio, ticket=terms)))
    (exchange,) = later.fx
    assert {order.asset: order.settlement_date for order in later.orders}["C"] == "2023-01-05"
    assert exchange.settlement_date == "2023-01-05"
    assert list(csv.DictReader(io.StringIO(order_csv.write(later).decode())))[-1]["settlement_date"] == "2023-01-05"
    assert list(csv.DictReader(io.StringIO(oms.write(later).decode())))[-1]["SettlementDate"] == "2023-01-05"
    assert b"\x0164=20230105\x0155=USD/JPY\x01" in fix.write(later)
    assert " JPY at USDJPY 80 for " in printed.write(later).decode()
    assert "USD, settles 2023-01-05: " in printed.write(later).decode()


def test_amounts_of_one_sheet_name_their_currency_and_have_one_sign_for_minus(desk: Any) -> None:
    made = desk([100.0, 100.0], [5, 0], 0.0, [0.5, 0.5])
    trades = listed(abroad(made, ["USD", "EUR"], {"USD": 380.0, "EUR": -100.0}, {"EUR": 1.2}))
    page = re.sub(r"<td [^>]*>", "<td>", printed.write(make_ticket(trades)).decode())
    order = next(order for order in make_ticket(trades).orders if order.currency == "EUR")
    assert f"<td>{order.notional:,.2f} EUR</td><td>{order.cost:,.2f} EUR</td>" in page
    negative = re.compile(r"(?<![\w.])[-−]\d")
    for text in (page[page.index("<body>") :], repr(trades), trades.html()):
        assert {sign[0] for sign in negative.findall(re.sub("<[^>]*>", " ", text))} == {"−"}
    assert "EUR cash would be -" in make_ticket(trades).fx[0].reason  # files keep the sign that programs read


def test_limit_prices_are_in_the_ticks_of_their_currency_in_every_format(desk: Any) -> None:
    made = desk([0.842, 2_001.0], [0, 0], 0.0, [0.5, 0.5])
    portfolio = abroad(made, ["EUR", "JPY"], {"USD": 9_000.0}, {"EUR": 1.1, "JPY": 0.0125})
    terms = replace(portfolio.ticket, order_type="limit", collar_bps=50.0, account="U1")
    made_list = listed(replace(portfolio, ticket=terms))
    ticket = make_ticket(made_list)
    assert {each.currency: each.limit_price for each in ticket.orders} == {"EUR": 0.8462, "JPY": 2_011.0}
    for form, column in ((ib_basket, "LmtPrice"), (oms, "LimitPrice"), (order_csv, "limit_price")):
        rows = csv.DictReader(io.StringIO(form.write(ticket).decode()))
        assert sorted(row[column] for row in rows if row[column]) == ["0.8462", "2011"], form
    assert b"\x0144=0.8462\x01" in fix.write(ticket)
    assert b"\x0144=2011\x01" in fix.write(ticket)
    page = re.sub(r"<td [^>]*>", "<td>", printed.write(ticket).decode())
    assert "<td>0.8462</td><td>0.842 EUR</td>" in page
    assert "<td>2,011</td><td>2,001.00 JPY</td>" in page
    assert "0.842" in repr(made_list)
    assert "0.84 " not in repr(made_list)


def test_an_allocation_and_the_printed_ticket_name_the_exchange(sent: TradeList) -> None:
    row = list(csv.DictReader(io.StringIO(oms.write(make_ticket(sent)).decode())))[-1]
    assert (row["Symbol"], row["Currency"], row["Side"], row["AllocationAccount"]) == ("USDJPY", "JPY", "BUY", "U1")
    page = printed.write(make_ticket(sent)).decode()
    assert "<dt>Exchange</dt><dd>buy " in page
    assert " JPY at USDJPY 80 for " in page
    assert " EUR</td>" in page


def test_alpaca_refuses_exchanges(sent: TradeList) -> None:
    with pytest.raises(ConfigError, match=r"Alpaca cannot carry exchanges of currencies: buy .* JPY"):
        alpaca.write(make_ticket(sent))


def test_every_number_of_the_content_has_an_id_of_its_own(sent: TradeList) -> None:
    ticket = make_ticket(sent)
    ids = [each.client_order_id for each in (*ticket.orders, *ticket.fx)]
    assert len(set(ids)) == len(ids)
    assert ticket.fx[0].client_order_id == make_ticket(listed(sent.portfolio)).fx[0].client_order_id
