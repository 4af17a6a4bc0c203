"""The allocations for an order management system: read back, and each order is allocated whole."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from drawn_lists import drawn_tickets

from desk.tickets.formats import oms
from desk.tickets.ticket import Ticket
from foundation.errors import ConfigError


def check(ticket: Ticket) -> None:
    rows = list(csv.DictReader(io.StringIO(oms.write(ticket).decode(), newline="")))
    for row, order in zip(rows, ticket.orders, strict=True):
        assert (row["OrderID"], row["ListID"], row["Sequence"]) == (
            order.client_order_id, ticket.list_id, str(order.priority),
        )  # fmt: skip
        assert (row["Side"], row["Symbol"], row["Currency"]) == (order.side.upper(), order.symbol, order.currency)
        assert float(row["OrderQuantity"]) == float(row["AllocationQuantity"]) == order.quantity
        assert (row["OrderType"], row["TimeInForce"]) == (order.order_type.upper(), "DAY")
        assert (float(row["LimitPrice"]) if row["LimitPrice"] else None) == order.limit_price
        assert row["SettlementDate"] == order.settlement_date
        assert (row["AllocationAccount"], row["PriceDate"]) == (order.account, order.price_date)


def test_any_list_of_quoted_lines_is_read_back(desk: Any) -> None:
    for ticket in drawn_tickets(desk, plain=True):
        check(ticket)


def test_a_real_list_is_read_back(limited: Ticket) -> None:
    check(limited)


def test_an_order_without_an_account_or_with_a_symbol_that_a_spreadsheet_runs_is_refused(limited: Ticket) -> None:
    first, *_ = limited.orders
    for order, said in (
        (replace(first, account=""), r"it has no account to be allocated to\. Add `account:` under `ticket`\."),
        (replace(first, symbol="=A"), r"its symbol is '=A', and a symbol has no sign at its beginning"),
    ):
        with pytest.raises(ConfigError, match=f"an OMS allocation cannot carry the order to sell SPY: {said}"):
            oms.write(replace(limited, orders=(order,)))
