"""What no broker's format carries is refused, with every order that is wrong, why, and what to do."""

from dataclasses import replace
from typing import Any

import pytest

from desk.tickets.formats import alpaca, fix, ib_basket, oms
from desk.tickets.ticket import Ticket, make_ticket
from foundation.errors import ConfigError
from research.orders import trade_list
from research.rules import Threshold

BROKERS = [alpaca, fix, ib_basket, oms]


@pytest.mark.parametrize("broker", BROKERS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_an_order_of_a_line_without_a_quote_is_refused(desk: Any, broker: Any) -> None:
    mixed = desk([float("nan"), 50.0], [60_000.0, 700], 5_000.0, [0.5, 0.5])
    ticket = make_ticket(trade_list(mixed, Threshold(mixed.strategic, 0.02)))
    said = r"to sell A: it has no quote on 2022-12-29, .* an amount of 10,0\d\d\.\d\d USD .* Give the market `quotes`"
    with pytest.raises(ConfigError, match=said):
        broker.write(ticket)


@pytest.mark.parametrize("broker", BROKERS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_short_sales_are_refused_each_by_its_line(limited: Ticket, broker: Any) -> None:
    first, second, *_ = limited.orders
    short = tuple(replace(order, shares_after=-3.0) for order in (first, second))
    with pytest.raises(ConfigError, match="it would leave -3 units, a short sale") as refused:
        broker.write(replace(limited, orders=short))
    assert len(str(refused.value).splitlines()) == 2
    assert first.asset in str(refused.value)
    assert second.asset in str(refused.value)
