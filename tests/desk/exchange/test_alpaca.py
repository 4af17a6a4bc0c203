"""Alpaca as a venue, against a server of this machine that speaks its format, faults included."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from alpaca_server import ACCOUNT, KEYS, Alpaca, alpaca_server
from provider_server import Time
from venue_conformance import KeyedConformance, market_buy
from venue_server import shared_clock

from desk.exchange import alpaca
from desk.exchange.alpaca import AlpacaVenue, check_coins
from desk.exchange.venue import NotKnown, OrderState, SymbolRules
from desk.journal.records import Quote
from desk.tickets.exchange_orders import ExchangeOrder
from foundation.errors import ConfigError, DataError

QUOTES = {"SPY": ("383.40", "383.50"), "AGG": ("97.40", "97.44"), "WHOLE": ("10", "11"), "BTC/USD": ("16500", "16510")}
TIME = Time("2022-12-30T15:00:00")
ORDER = market_buy("SPY", 12.0, 4_596.0, "USD", account=ACCOUNT)


def serving(**having: Any) -> AbstractContextManager[Alpaca]:
    return alpaca_server(QUOTES, **having)


@pytest.fixture
def served() -> Iterator[Alpaca]:
    with serving() as found:
        yield found


@pytest.fixture
def venue(served: Alpaca) -> Iterator[AlpacaVenue]:
    found = at(served)
    yield found
    found.close()


def at(served: Alpaca) -> AlpacaVenue:
    return AlpacaVenue("alpaca", served.address, served.address, shared_clock(TIME, served))


class TestConformance(KeyedConformance):
    """Alpaca does what a venue must do."""

    filled = ORDER
    resting = replace(ORDER, order_type="limit", limit_price=300.0, client_order_id="b")
    partial = replace(ORDER, symbol="AGG", client_order_id="c")
    refused = replace(ORDER, symbol="WHOLE", client_order_id="d")

    having: ClassVar = {"parts": 3, "thin": ("AGG",), "halted": ("WHOLE",)}
    refuses_ids = True
    faults = "slow drop 429 503 504 HTML cut list other"
    secrets = (*KEYS.values(),)
    keys = ("APCA_API_SECRET_KEY", "APCA_API_SECRET_KEY")
    refusal = r"alpaca \(GET /v2/account\) answers 401, .*unauthorized.*refuses the keys"
    serving, at = staticmethod(serving), staticmethod(at)


def test_an_order_is_placed_filled_and_found_by_its_client_id(venue: AlpacaVenue, served: Alpaca) -> None:
    placed = venue.place(ORDER, "id1")
    assert (placed.client_id, placed.status, placed.filled) == ("id1", "filled", 12)
    assert venue.state("id1") == placed
    [fill] = venue.fills()
    assert (fill.asset, fill.side, fill.quantity, fill.price) == ("SPY", "buy", 12, Decimal("383.50"))
    assert fill.order_id == "id1"
    assert fill.venue == "alpaca"
    assert fill.currency == "USD"
    assert fill.moment == served.moment
    assert venue.cash(ACCOUNT) == {"USD": 100_000 - 12 * Decimal("383.50")}
    assert venue.units("") == {"SPY": 12}


def test_a_redirection_is_not_followed(served: Alpaca) -> None:
    served.faults = {0: "redirect"}
    with pytest.raises(DataError, match="redirects, and nothing is sent elsewhere") as told:
        at(served).place(ORDER, "id1")
    assert not isinstance(told.value, NotKnown)


def test_what_the_account_cannot_pay_or_deliver_is_refused_in_alpacas_words(venue: AlpacaVenue) -> None:
    many = venue.place(replace(ORDER, quantity=1_000.0), "id1")
    assert (many.status, many.reason) == ("refused", "'insufficient buying power' (status 403)")
    short = venue.place(replace(ORDER, side="sell"), "id2")
    assert short.status == "refused"
    assert "requested: 12, available: 0" in short.reason
    assert venue.state("id1") is None


def test_orders_of_another_account_are_not_sent(venue: AlpacaVenue, served: Alpaca) -> None:
    for ask in (lambda: venue.place(replace(ORDER, account="U7"), "id1"), lambda: venue.cash("U7")):
        with pytest.raises(DataError, match=f"are those of account {ACCOUNT}, and not of 'U7': nothing is sent"):
            ask()
    assert served.posts == 0


EXCHANGE = ExchangeOrder(1, "buy", "EURUSD", "EUR", 100.0, 1.1, 110.0, "", "2023-01-03", "", "20221229-b")


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (replace(ORDER, quantity=1.5, order_type="market_on_close"), "fractions trade during the day"),
        (replace(ORDER, currency="EUR"), "it is in EUR, and Alpaca trades in USD"),
        (replace(ORDER, symbol="BRK B"), "its symbol is 'BRK B'"),
        (EXCHANGE, "exchanges no currencies"),
    ],
)
def test_orders_that_alpaca_does_not_take_are_refused_unsent(
    order: Any, words: str, venue: AlpacaVenue, served: Alpaca
) -> None:
    state = venue.place(order, "id1")
    assert state.status == "refused"
    assert words in state.reason
    assert served.posts == 0


def test_orders_for_the_close_are_taken_until_ten_minutes_before_it(venue: AlpacaVenue, served: Alpaca) -> None:
    """15:50 in New York is 20:50 UTC in winter; on the day of an early close it is 12:50."""
    close = replace(ORDER, order_type="market_on_close")
    served.moment = served.closes - timedelta(minutes=10, seconds=1)
    assert venue.place(close, "id1").status == "open"
    assert served.orders[0]["time_in_force"] == "cls"
    served.moment = served.closes - timedelta(minutes=10)
    late = venue.place(close, "id2")
    assert (late.status, served.posts) == ("refused", 1)
    assert late.reason.startswith("orders for this close were taken until 20:50 UTC.")


def test_an_order_is_cancelled_with_what_was_filled_and_a_second_time_changes_nothing(served: Alpaca) -> None:
    served.parts, served.thin = 3, ("SPY",)
    venue = at(served)
    placed = venue.place(ORDER, "id1")
    assert (placed.status, placed.filled) == ("open", 4)
    assert venue.open_orders() == [placed]
    cancelled = venue.cancel("id1")
    assert cancelled == OrderState("id1", "cancelled", Decimal(4), placed.reference, "it is canceled at Alpaca")
    assert (venue.cancel("id1"), venue.open_orders()) == (cancelled, [])
    with pytest.raises(DataError, match="alpaca has no order 'id9' to cancel"):
        venue.cancel("id9")


def test_fills_come_page_by_page_from_a_moment_on_with_the_client_ids_of_orders(served: Alpaca) -> None:
    served.parts = 60
    venue = at(served)
    for k in range(4):
        venue.place(replace(ORDER, quantity=6.0), f"id{k}")
    fresh = at(served)  # a process that placed none of them
    fills = fresh.fills()
    assert len(fills) == len({fill.fill_id for fill in fills}) == 240
    assert sum(fill.quantity for fill in fills) == 24
    assert served.asked.count("GET /v2/account/activities") == 3
    assert [fill.order_id for fill in fills[::60]] == ["id0", "id1", "id2", "id3"]
    assert fresh.fills(fills[120].moment) == fills[120:]


def amount(k: int, kind: str, net: str, **about: str) -> dict[str, str]:
    """An activity of 30 December that is no trade, as Alpaca's reference has it."""
    return {"activity_type": kind, "id": f"20221230000000000::{k}", "date": "2022-12-30", "net_amount": net, **about}


def test_cash_without_an_order_has_the_kind_of_its_activity(venue: AlpacaVenue, served: Alpaca) -> None:
    served.amounts = [
        amount(0, "FEE", "-0.05", description="TAF fee"), amount(1, "INT", "1.5"), amount(2, "DIV", "3", symbol="SPY"),
        amount(3, "DIVNRA", "-0.45", symbol="SPY"), amount(4, "CSD", "100"), amount(5, "CSW", "-70"),
        amount(6, "PTC", "-2"), amount(7, "CFEE", "0", qty="-0.01", symbol="BTC/USD"),
        amount(8, "JNLC", "9", status="canceled"), amount(9, "INT", "4") | {"date": "2022-12-28"},
    ]  # fmt: skip
    found = venue.cash_entries(datetime(2022, 12, 30, tzinfo=UTC))
    assert [(each.kind, float(each.amount), each.asset) for each in found] == [
        ("fee", -0.05, ""), ("interest", 1.5, ""), ("dividend", 3.0, "SPY"), ("tax", -0.45, "SPY"),
        ("deposit", 100.0, ""), ("withdrawal", -70.0, ""), ("other", -2.0, ""),
    ]  # fmt: skip
    assert {(each.day, each.account, each.currency) for each in found} == {(date(2022, 12, 30), ACCOUNT, "USD")}
    assert (found[0].entry_id, found[0].words) == ("alpaca:20221230000000000::0", "TAF fee")


def test_an_order_in_an_amount_is_filled_in_that_amount(venue: AlpacaVenue, served: Alpaca) -> None:
    state = venue.place(replace(ORDER, quantity=None, notional=767.0), "id1")
    assert (state.filled, served.orders[0]["notional"]) == (767, "767.00")


def test_coins_are_pairs_in_orders_positions_quotes_and_rules(venue: AlpacaVenue, served: Alpaca) -> None:
    assert venue.place(replace(ORDER, symbol="BTC/USD", quantity=0.5), "id1").status == "filled"
    assert served.orders[0]["time_in_force"] == "gtc"
    assert venue.units(ACCOUNT) == {"BTC/USD": Decimal("0.5")}
    assert venue.fills()[0].asset == "BTC/USD"


def test_units_sold_short_are_below_zero(venue: AlpacaVenue, served: Alpaca) -> None:
    served.units["SPY"] = Decimal(-3)
    assert venue.units("") == {"SPY": -3}


def test_quotes_and_rules_leave_out_what_alpaca_does_not_know(venue: AlpacaVenue, served: Alpaca) -> None:
    asked, at_moment = ["SPY", "NONE", "BTC/USD", "WHOLE"], served.moment.isoformat()
    served.quotes = QUOTES | {"WHOLE": ("0", "11")}
    assert venue.quotes(asked) == {
        "SPY": Quote(383.4, 383.5, 383.4, "alpaca", at_moment),
        "BTC/USD": Quote(16500.0, 16510.0, 16500.0, "alpaca", at_moment),
        "WHOLE": Quote(None, 11.0, None, "alpaca", at_moment),
    }
    nine = Decimal("0.000000001")
    assert venue.rules(asked) == {
        "SPY": SymbolRules(nine),
        "BTC/USD": SymbolRules(nine, Decimal("0.1")),
        "WHOLE": SymbolRules(Decimal(1)),
    }


def test_a_coin_that_is_named_as_a_share_is_refused() -> None:
    order = {"asset": "ETH", "symbol": "ETH", "side": "buy", "client_order_id": "20221229-a"}
    document = {"sec_type": "STK", "sec_types": {"ETH": "CRYPTO"}, "orders": [order]}
    with pytest.raises(ConfigError, match=r"order 20221229-a to buy ETH: it is a coin, and ETH would be the share"):
        check_coins(document)
    check_coins(document | {"orders": [order | {"symbol": "ETH/USD"}]})


def test_its_clock_is_that_of_the_venue(venue: AlpacaVenue, served: Alpaca) -> None:
    assert venue.now() == datetime(2022, 12, 30, 15, 0, tzinfo=UTC)


def test_it_waits_until_the_venues_clock_shows_a_moment(venue: AlpacaVenue, served: Alpaca) -> None:
    def sleep(seconds: float) -> None:
        served.moment += timedelta(seconds=min(seconds, 100.0))  # a sleep may end early

    slow = AlpacaVenue(trading=served.address, clock=replace(TIME.clock, sleep=sleep))
    slow.wait(until := served.moment + timedelta(minutes=5))
    assert served.moment == until
    slow.wait(until - timedelta(hours=1))
    assert served.moment == until


def test_requests_keep_to_the_pace_of_the_venue(venue: AlpacaVenue, served: Alpaca, monkeypatch: Any) -> None:
    before = TIME.seconds
    for _ in range(alpaca.A_MINUTE.requests + 1):
        venue.now()
    assert TIME.seconds - before >= alpaca.A_MINUTE.seconds
