"""Orders that two venues may take go where they cost least, and a sending that was killed goes on with what is left."""

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pytest
from binance_server import Binance
from executed import PLACE, document_of
from provider_server import Time
from venue_server import serving_venue

from desk.exchange.ccxt_venue import CcxtVenue
from desk.exchange.checks import checked
from desk.exchange.execute import Execution
from desk.exchange.moment import moment_of
from desk.exchange.routing import Routing, routing
from desk.exchange.venue import Depth, depth_of
from desk.journal import Journal
from desk.journal.chain import Event
from desk.journal.records import Cancelled, Filled, OrderSent, Refused
from foundation.dataclasses import replace
from foundation.errors import ConfigError
from research.portfolio import TicketTerms

QUOTES = {"BTCUSDT": ("16500.00", "16510.00")}
NEAR = ([["9000.00", "5"], ["16500.00", "0.3"], ["16490.00", "5"]], [["16510.00", "1"]])
FAR = ([["16499.00", "0.5"], ["16400.00", "5"]], [["16520.00", "1"], ["100000.00", "1"]])


@pytest.fixture
def servers() -> Iterator[list[Binance]]:
    """Two exchanges, which have 1.2 and 0.8 of a coin."""
    made = [Binance(QUOTES, {"BTCUSDT": book}, {"BTC": Decimal(units)}, fee_in="")
            for book, units in ((NEAR, "1.2"), (FAR, "0.8"))]  # fmt: skip
    with ExitStack() as stack:
        yield [stack.enter_context(serving_venue(each)) for each in made]


def venues_of(servers: list[Binance]) -> list[CcxtVenue]:
    return [CcxtVenue(name, ["BTC/USDT"], address=of.address, clock=Time("2022-12-30T15:00:00").clock)
            for name, of in zip(("near", "far"), servers, strict=True)]  # fmt: skip


@pytest.fixture
def document(desk: Any) -> dict[str, Any]:
    """Of two coins at 16,500 one is sold."""
    terms = TicketTerms(symbols={"A": "BTC/USDT"})
    return document_of(desk((16_500.0,), (2.0,), 0.0, (0.5,), lots=0.001), terms)


def parts(found: Routing) -> dict[str, list[float | None]]:
    return {name: [order.quantity for order in orders] for name, orders in found.orders.items()}


def send(document: dict[str, Any], journal: Journal, venue: CcxtVenue, found: Routing) -> None:
    moment = moment_of(document, journal, venue, PLACE, found.orders[venue.name])
    assert [fault for check in checked(moment) for fault in check.faults] == []
    sent = list(Execution(journal, venue, document, moment.slices, moment.quotes).run())
    assert {each.state.status for each in sent if each.state} <= {"filled"}


def test_an_order_is_split_where_that_is_cheaper_and_goes_on_after_a_kill(
    servers: list[Binance], document: dict[str, Any], journal: Journal
) -> None:
    """The best level of each, 0.3 and 0.5, and the next one of the first, 16,490, which is above that of the other."""
    near, far = venues_of(servers)
    found = routing(document, journal, [near, far])
    assert parts(found) == {"near": [0.5], "far": [0.5]}
    [choice] = found.choices
    cost = sum(route.cost for route in choice.routes)
    fees = Decimal("0.001") * (Decimal(16_500) - Decimal("2.5"))
    assert cost == pytest.approx(Decimal("0.2") * 10 + Decimal("0.5") * 1 + fees)
    assert set(choice.alone) == {"near"}  # the other has 0.8 coins, and the order is of one
    assert cost < choice.alone["near"]
    ids = [order.venue_id for orders in found.orders.values() for order in orders]
    assert len(set(ids)) == 2

    send(document, journal, near, found)  # and here the command is killed
    servers[0].books = {"BTCUSDT": ([["16490.00", "4.8"]], NEAR[1])}
    again = routing(document, journal, venues_of(servers))
    assert parts(again) == {"near": [0.5], "far": [0.5]}
    assert [order.venue_id for orders in again.orders.values() for order in orders] == ids
    for venue in venues_of(servers):
        send(document, journal, venue, again)
    assert [[order["origQty"] for order in server.orders] for server in servers] == [["0.5"], ["0.5"]]
    whole = routing(document, journal, venues_of(servers))
    assert whole.choices == ()
    assert sum(entry.record.quantity for entry in journal.entries(kind="fill")) == 1.0


def test_units_of_a_part_that_is_not_filled_yet_are_not_sold_twice(
    servers: list[Binance], document: dict[str, Any], journal: Journal
) -> None:
    """Half a coin is about to be sold at the first, and the half that is left fits neither."""
    near, far = venues_of(servers)
    found = routing(document, journal, [near, far])
    moment = moment_of(document, journal, near, PLACE, found.orders["near"])
    stop = iter(("", "killed")).__next__
    list(Execution(journal, near, document, moment.slices, moment.quotes, stop).run())
    assert servers[0].orders == []
    for server, units in zip(servers, ("1.0", "0"), strict=True):
        server.free["BTC"] = Decimal(units)
    assert routing(document, journal, [near, far]).faults == ()
    servers[0].free["BTC"] = Decimal("0.9")
    [said] = routing(document, journal, [near, far]).faults
    assert said.startswith(f"No venue takes order {document['orders'][0]['client_order_id']} to sell 0.5 BTC/USDT, ")


def test_a_buy_is_of_the_cash_that_is_there_and_not_of_the_last_price_of_a_book(
    servers: list[Binance], desk: Any, journal: Journal
) -> None:
    """0.99 coins for 20,000 dollars, all of which one of the two has; the other book is cheaper."""
    terms = TicketTerms(symbols={"A": "BTC/USDT"})
    document = document_of(desk((16_500.0,), (1.0,), 20_000.0, (0.9,), lots=0.001), terms)
    for server, coins, money, ask in zip(servers, "10", ("20000", "0"), ("16510.00", "16501.00"), strict=True):
        server.free = {"BTC": Decimal(coins), "USDT": Decimal(money)}
        server.books = {"BTCUSDT": ([["16500.00", "1"]], [[ask, "1"], ["100000.00", "1"]])}
    found = routing(document, journal, venues_of(servers))
    [[bought], []] = parts(found).values()
    assert bought == document["orders"][0]["quantity"] > 0.9
    send(document, journal, venues_of(servers)[0], found)


def test_what_a_venue_does_not_take_goes_to_the_other_and_holdings_are_those_of_both(
    servers: list[Binance], document: dict[str, Any], journal: Journal
) -> None:
    limits = document["sending"]["limits"]
    limits["venues"] = {"": "near"}
    assert parts(routing(document, journal, venues_of(servers))) == {"near": [1.0], "far": []}
    del limits["venues"]
    servers[1].free["BTC"] = Decimal("0.7")
    with pytest.raises(ConfigError, match=r"The venues have 1\.9 BTC/USDT together, and the list was made with 2:"):
        routing(document, journal, venues_of(servers))
    with pytest.raises(ConfigError, match="without slices of orders"):
        routing(document | {"slices": {}}, journal, venues_of(servers))


def test_a_book_is_sorted_by_its_prices_and_quotes_are_books_of_one_level(servers: list[Binance]) -> None:
    near, far = venues_of(servers)
    assert [level[0] for level in near.depth(["BTC/USDT"])["BTC/USDT"].bids] == [16_500, 16_490, 9_000]
    assert [level[0] for level in far.depth(["BTC/USDT"])["BTC/USDT"].asks] == [16_520, 100_000]

    class Quoted:
        quotes = near.quotes

    one = Decimal(1)
    assert depth_of(Quoted(), ["BTC/USDT"]) == {  # type: ignore[arg-type]
        "BTC/USDT": Depth(((Decimal(16_500), one),), ((Decimal(16_510), one),))
    }


@pytest.mark.parametrize(
    ("filled", "ended", "open_units"),
    [
        pytest.param([], None, "0.5", id="nothing is filled"),
        pytest.param([0.2, 0.1], None, "0.2", id="some is filled"),
        pytest.param([0.5], None, "0", id="all is filled"),
        pytest.param([0.2], Cancelled("near", "", 0.3, "end of the day"), "0", id="the rest was cancelled"),
        pytest.param([], Refused("no", "near", ""), "0", id="refused"),
    ],
)
def test_a_part_that_was_sent_keeps_the_units_that_may_still_be_filled_and_no_more(
    servers: list[Binance], document: dict[str, Any], tmp_path: Any,
    filled: list[float], ended: Cancelled | Refused | None, open_units: str,
) -> None:  # fmt: skip
    """Half a coin was sent to the first venue, and the other half fits there alone, or nowhere."""
    with Journal(tmp_path, user="anna") as journal:
        near, far = venues_of(servers)
        (part,) = routing(document, journal, [near, far]).orders["near"]
        sold = "sell", "BTC/USDT"
        records = [
            OrderSent("near", part.venue_id, *sold, 0.5, "USD", "market"),
            *(Filled("near", str(x), *sold, x, 16_500.0, "USD", 0.0, "USD", "", part.venue_id) for x in filled),
            *([replace(ended, venue_id=part.venue_id)] if ended else []),
        ]
        journal.append([Event(each, ticket=document["hash"], order=part.id) for each in records])
        servers[1].free["BTC"] = Decimal()
        for short, faults in ((Decimal(), 0), (Decimal("0.001"), 1)):
            servers[0].free["BTC"] = Decimal(open_units) + Decimal("0.5") - short
            assert len(routing(document, journal, [near, far]).faults) == faults
