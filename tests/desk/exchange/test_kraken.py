"""Kraken as a venue through ccxt, against a server of this machine that speaks its format, faults included."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from kraken_server import KRAKEN_KEY, KRAKEN_SECRET, Kraken
from provider_server import Time
from venue_conformance import KeyedConformance, market_buy
from venue_server import serving_venue, shared_clock

from desk.exchange.kraken import ROWS_A_PAGE, KrakenVenue
from desk.exchange.venue import Depth, NotKnown, SymbolRules

QUOTES = {"XBTEUR": ("15500.00", "15510.00"), "ETHEUR": ("1100.00", "1101.00"), "XRPEUR": ("0.33", "0.34")}
PAIRS = ("BTC/EUR", "ETH/EUR", "XRP/EUR")
TIME = Time("2022-12-30T15:00:00")
ORDER = market_buy("BTC/EUR", 0.6, 9_300.0, "EUR", client_order_id="a")


def serving(**having: Any) -> AbstractContextManager[Kraken]:
    return serving_venue(Kraken(QUOTES, {"ZEUR": Decimal(50_000)}, **having))


@pytest.fixture
def served() -> Iterator[Kraken]:
    with serving() as found:
        yield found


def at(served: Kraken) -> KrakenVenue:
    """The venue; its waiting moves the clock of the server, too."""
    return KrakenVenue("kraken_live", PAIRS, live=True, address=served.address, clock=shared_clock(TIME, served))


class TestConformance(KeyedConformance):
    """Kraken does what a venue must do; it keeps no order that it refused."""

    filled = ORDER
    resting = replace(ORDER, order_type="limit", limit_price=14_000.0, client_order_id="b")
    partial = replace(ORDER, symbol="ETH/EUR", client_order_id="c")
    refused = replace(ORDER, quantity=100.0, client_order_id="d")
    keeps_refused = False

    having: ClassVar = {"parts": 3, "thin": ("ETHEUR",)}
    faults, unread = "slow drop rate busy internal nonce 520 HTML cut empty list", "empty list"
    adds = 2  # after the questions for open and closed orders
    secrets = (KRAKEN_KEY, KRAKEN_SECRET)
    keys = ("KRAKEN_API_KEY", "KRAKEN_API_SECRET")
    serving, at = staticmethod(serving), staticmethod(at)


def test_an_order_that_lists_do_not_show_yet_is_open_by_its_answer_and_not_placed_again(served: Kraken) -> None:
    served.lags, venue = True, at(served)
    placed = [venue.place(replace(ORDER, quantity=0.1), "id1"), venue.place(TestConformance.resting, "id2")]
    assert [(state.status, state.reference) for state in placed] == [("open", name) for name in served.orders]
    with pytest.raises(NotKnown, match="refuses client id id2"):
        at(served).place(TestConformance.resting, "id2")
    served.lags = False
    assert [venue.state(name).status for name in ("id1", "id2")] == ["filled", "open"]  # type: ignore[union-attr]
    assert len(served.orders) == 2
    with serving(faults={3: "busy"}) as busy:  # the first question after the order
        assert at(busy).place(ORDER, "id1").status == "open"


def test_refusals_are_told_in_the_words_of_the_exchange(served: Kraken) -> None:
    venue = at(served)
    poor = venue.place(replace(ORDER, quantity=10.0), "id1")
    assert (poor.status, "EOrder:Insufficient funds" in poor.reason) == ("refused", True)
    small = venue.place(replace(ORDER, quantity=0.00001), "id2")
    assert (small.status, "EOrder:Order minimum not met" in small.reason) == ("refused", True)
    tick = venue.place(replace(ORDER, order_type="limit", limit_price=15_000.123), "id5")
    assert tick.reason == "the price 15000.123 is no multiple of the step of BTC/EUR; 15000.12 is"
    assert served.orders == {}


def test_fees_are_in_the_second_currency_and_cash_and_units_are_those_of_the_account(served: Kraken) -> None:
    venue = at(served)
    venue.place(ORDER, "id1")
    [fill] = venue.fills()
    assert [order["oflags"] for order in served.orders.values()] == ["fciq"]
    assert (fill.quantity, fill.price, fill.fees) == (
        Decimal("0.6"), 15_510, {"commission in EUR": Decimal("0.6") * 15_510 * Decimal("0.004")},
    )  # fmt: skip
    assert venue.units("")["BTC/EUR"] == fill.quantity
    assert 50_000 - venue.cash("")["EUR"] == fill.quantity * fill.price + sum(fill.fees.values())


def test_trades_of_more_than_a_page_come_once_and_those_of_others_not_at_all(served: Kraken) -> None:
    served.parts = 30
    venue = at(served)
    for k in range(4):
        venue.place(replace(ORDER, quantity=0.003), f"id{k}")
    served.orders["O00001-AAAAA-AAAAAA"]["cl_ord_id"] = None  # placed by hand
    fills = at(served).fills()
    assert len(served.trades) == 120 > 2 * ROWS_A_PAGE
    assert [fill.order_id for fill in fills] == [name for name in ("id0", "id2", "id3") for _ in range(30)]
    assert len({fill.fill_id for fill in fills}) == 90
    assert served.asked.count("POST /0/private/QueryOrders") == 4  # one an order, also of those of others


def test_open_orders_that_others_placed_are_left_out(served: Kraken) -> None:
    venue = at(served)
    states = [venue.place(replace(TestConformance.resting, quantity=0.1), name) for name in ("id1", "id2")]
    served.orders[states[0].reference]["cl_ord_id"] = None  # placed by hand
    served.asked.clear()
    assert (venue.open_orders(), venue.state("id2")) == ([states[1]], states[1])
    assert served.asked == ["POST /0/private/OpenOrders"] * 2


def test_rules_and_books_are_those_of_the_exchange(served: Kraken) -> None:
    venue = at(served)
    assert venue.rules(["BTC/EUR", "SPY"]) == {
        "BTC/EUR": SymbolRules(Decimal("0.00000001"), Decimal("0.01"), Decimal("0.5"))
    }
    one = Decimal(1)
    assert venue.depth(["BTC/EUR"]) == {
        "BTC/EUR": Depth(((Decimal(15_500), one),), ((Decimal(15_510), one),), Decimal("0.004"))
    }
