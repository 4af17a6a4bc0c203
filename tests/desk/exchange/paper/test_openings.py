"""Tickets on paper: what they say is held is there, and at their own prices they leave what they say they leave."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from drawn_lists import drawn_list
from hypothesis import given, reject
from hypothesis import strategies as st
from journals import IN_MEMORY

from desk.exchange.paper import PaperVenue
from desk.exchange.paper.account import openings_of
from desk.exchange.paper.fill_model import PAPER_MODEL
from desk.exchange.venue import OrderState
from desk.tickets import make_ticket
from desk.tickets.ticket import Order, Ticket
from foundation.errors import ConfigError
from research.orders import trade_list
from research.orders.request import Request
from research.portfolio import Portfolio, load_portfolio
from research.rules import Threshold

CENT = Decimal("0.01")


def played(ticket: Ticket, folder: Path) -> tuple[PaperVenue, list[OrderState]]:
    """A ticket on paper, sells and exchanges before buys."""
    venue = PaperVenue.for_ticket(ticket.document, folder=folder)
    sells, buys = ([each for each in ticket.orders if each.side == side] for side in ("sell", "buy"))
    return venue, venue.place_all([(each, each.client_order_id) for each in (*sells, *ticket.fx, *buys)])


@pytest.mark.parametrize("name", ["orders_in_two_currencies", "orders_of_accounts"])
def test_at_its_own_prices_a_ticket_leaves_the_cash_and_the_units_that_it_says(name: str, tmp_path: Path) -> None:
    portfolio = load_portfolio(f"data/examples/{name}.yaml")
    ticket = make_ticket(trade_list(portfolio, portfolio.policies["quarterly"]))
    venue, states = played(ticket, tmp_path)
    assert {state.status for state in states} == {"filled"}
    rows = ticket.cash or [
        {"account": row["account"], "currency": "USD", "after": row["cash_after"]} for row in ticket.accounts
    ]
    numbers = {row["account"]: row["number"] for row in ticket.accounts}
    for row in rows:
        cash = venue.cash(numbers[row["account"]])[row["currency"]]
        assert abs(cash - Decimal(repr(row["after"]))) < Decimal("0.005")
    for order in ticket.orders:
        assert venue.units(order.account)[order.symbol] == order.shares_after
    assert "the ticket's own prices, of 2022-12-29" in venue.notes[0]


def test_cash_in_two_currencies_of_one_account_is_there(tmp_path: Path) -> None:
    """The cash rows of such a ticket name no account."""
    whole = Path("data/examples/orders_in_two_currencies.yaml").read_text()
    one, _, _ = whole.replace("market: multi", "cash: {EUR: 8_000, USD: -1_500}\nmarket: multi").partition(
        "\naccounts:"
    )
    for asset, units in {"SPY": 1_000, "AGG": 1_500}.items():
        one = one.replace(f"{asset}: {{", f"{asset}: {{shares: {units}, ")
    path = tmp_path / "one.yaml"
    path.write_text(f"{one}\npolicies:\n  quarterly: {{rule: calendar}}\npolicy: quarterly\n")
    portfolio = load_portfolio(path)
    ticket = make_ticket(trade_list(portfolio, portfolio.policies["quarterly"]))
    openings = {(each.account, each.item): each.amount for each in openings_of(ticket.document, {})}
    assert openings == {("", "EUR"): 8_000, ("", "USD"): -1_500, ("", "SPY"): 1_000, ("", "AGG"): 1_500}
    venue, states = played(ticket, tmp_path)
    assert {state.status for state in states} == {"filled"}
    for row in ticket.cash:
        assert abs(venue.cash("")[row["currency"]] - Decimal(repr(row["after"]))) < Decimal("0.005")


def test_lines_that_no_order_moves_are_held_too(desk: Callable[..., Portfolio], tmp_path: Path) -> None:
    """A is over its target and B under it; C is held as it is, and the fund without a quote in money."""
    made = desk([100.0, 50.0, 20.0, np.nan], [60, 40, 50, 1_000.0], 100.0, [0.4, 0.4, 0.1, 0.1])
    rule = Threshold(made.strategic, 0.05, to="edge")
    venue, states = played(make_ticket(trade_list(made, rule)), tmp_path)
    units = venue.units("")
    assert {state.status for state in states} == {"filled"}
    assert (units["C"], units["D"]) == (50, 1_000)
    assert venue.unnamed == "By hand"


def test_money_that_comes_is_there(desk: Callable[..., Portfolio]) -> None:
    made = desk([100.0, 50.0], [60, 40], 1_000.0, [0.45, 0.45])
    ticket = make_ticket(trade_list(made, Threshold(made.strategic, 0.05), request=Request(flow=500.5)))
    cash = [each for each in openings_of(ticket.document, {}) if each.kind == "cash"]
    assert [(each.item, each.amount, each.ticket) for each in cash] == [
        ("USD", Decimal(1_000), ""),
        ("USD", Decimal("500.5"), ticket.hash),
    ]


@pytest.mark.parametrize("name", ["orders_in_two_currencies", "orders_of_accounts"])
def test_money_comes_to_its_own_account_and_what_was_there_before_is_without_it(name: str) -> None:
    portfolio = load_portfolio(f"data/examples/{name}.yaml")
    paid = portfolio.accounts[1]
    request = Request(flow=-2_000.0, account=paid.name)
    ticket = make_ticket(trade_list(portfolio, portfolio.policies["quarterly"], request=request))
    cash = [each for each in openings_of(ticket.document, {}) if each.kind == "cash"]
    flows = [(each.account, each.item, each.amount) for each in cash if each.ticket]
    assert flows == [(paid.number or paid.name, portfolio.basis, Decimal(-2_000))]
    before = {(each.account, each.item): float(each.amount) for each in cash if not each.ticket}
    assert before == {
        (each.number or each.name, currency): amount
        for each in portfolio.accounts
        for currency, amount in each.cash_by_currency(portfolio.basis).items()
    }


def test_quotes_of_a_file_are_those_at_which_orders_fill(desk: Callable[..., Portfolio], tmp_path: Path) -> None:
    made = desk([100.0, 50.0], [60, 40], 1_000.0, [0.45, 0.45])
    ticket = make_ticket(trade_list(made, Threshold(made.strategic, 0.05)))
    path = tmp_path / "quotes.csv"
    path.write_text("symbol,bid,ask\nA,98,99\nB,50,51\n")
    with PaperVenue.for_ticket(ticket.document, quotes=path, portfolio=made, folder=tmp_path) as venue:
        for order in ticket.orders:
            venue.place(order, order.client_order_id)
        assert {fill.side: fill.price for fill in venue.fills()} == {"sell": 98, "buy": 51}
        assert all(set(fill.fees) == {"commission"} for fill in venue.fills())
        quote = venue.quotes(["A"])["A"]
        assert (quote.bid, quote.ask, quote.last, quote.source) == (
            98.0,
            99.0,
            98.5,
            f"{PAPER_MODEL}: quotes of quotes.csv",
        )


@given(data=st.data())
def test_any_ticket_leaves_at_its_own_prices_what_it_says(desk: Any, data: Any) -> None:
    """Cash to the cent, and units; a limit that a whole tick brings to the other side of the price stays open.

    A ticket that leaves half a cent, 97.91 units at 2.5, states it to one side, and the account to the other.
    """
    try:
        ticket = make_ticket(drawn_list(data, desk))
    except ConfigError:  # a sale whose limit a whole tick brings above the close
        reject()
    with TemporaryDirectory(dir=IN_MEMORY) as folder:
        venue, states = played(ticket, Path(folder))
        found = {state.client_id: state.status for state in states}
        away = {each.client_order_id for each in ticket.orders if is_away(each)}
        assert found == {each: "open" if each in away else "filled" for each in found}
        if states and not away:
            assert abs(venue.cash("DU12")["USD"] - Decimal(repr(ticket.totals["cash_after"]))) <= CENT
            for order in ticket.orders:
                if order.shares_after is not None:
                    assert float(venue.units("DU12")[order.symbol]) == pytest.approx(order.shares_after, rel=1e-12)
        venue.close()


def is_away(order: Order) -> bool:
    """A buy with a limit below the price of the ticket, or a sale with one above it."""
    if order.limit_price is None or order.price is None:
        return False
    return order.limit_price < order.price if order.side == "buy" else order.limit_price > order.price
