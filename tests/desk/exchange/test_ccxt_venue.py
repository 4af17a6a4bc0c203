"""Binance as a venue through ccxt, against a server of this machine that speaks its format, faults included."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from binance_server import KEY, SECRET, Binance
from executed import PLACE, document_of
from provider_server import Time
from venue_conformance import KeyedConformance, market_buy
from venue_server import serving_venue, shared_clock

from desk.exchange.ccxt_venue import TRADES_A_PAGE, CcxtVenue
from desk.exchange.checks import checked
from desk.exchange.execute import Execution
from desk.exchange.moment import moment_of
from desk.exchange.venue import SymbolRules
from desk.journal import Journal
from foundation.errors import DataError
from research.portfolio import TicketTerms
from research.portfolio.keys.sending import SlicingTerms

QUOTES = {"BTCEUR": ("15500.00", "15510.00"), "ETHEUR": ("1100.00", "1101.00"), "XRPEUR": ("0.33", "0.34")}
PAIRS = ("BTC/EUR", "ETH/EUR", "XRP/EUR")
TIME = Time("2022-12-30T15:00:00")
ORDER = market_buy("BTC/EUR", 0.6, 9_300.0, "EUR", client_order_id="a")


def serving(**having: Any) -> AbstractContextManager[Binance]:
    return serving_venue(Binance(QUOTES, free={"EUR": Decimal(50_000)}, **having))


@pytest.fixture
def served() -> Iterator[Binance]:
    with serving() as found:
        yield found


def at(served: Binance, pairs: Sequence[str] = PAIRS) -> CcxtVenue:
    """The venue; its waiting moves the clock of the server, too."""
    return CcxtVenue("binance", pairs, address=served.address, clock=shared_clock(TIME, served))


class TestConformance(KeyedConformance):
    """Binance does what a venue must do, where its fees are in euros."""

    filled = ORDER
    resting = replace(ORDER, order_type="limit", limit_price=14_000.0, client_order_id="b")
    partial = replace(ORDER, symbol="ETH/EUR", client_order_id="c")
    refused = replace(ORDER, symbol="XRP/EUR", client_order_id="d")

    having: ClassVar = {"parts": 3, "thin": ("ETHEUR",), "halted": ("XRPEUR",)}
    faults = "slow drop 429 418 504 -1007 -1006 HTML cut empty list"
    secrets = (KEY, SECRET)
    keys = ("BINANCE_API_KEY", "BINANCE_API_SECRET")
    serving, at = staticmethod(serving), staticmethod(at)


def test_refusals_are_told_in_the_words_of_the_exchange(served: Binance) -> None:
    venue = at(served)
    poor = venue.place(replace(ORDER, quantity=10.0), "id1")
    assert poor.status == "refused"
    assert "Account has insufficient balance" in poor.reason
    step = venue.place(replace(ORDER, quantity=0.123456), "id2")
    assert step.reason == "the amount 0.123456 is no multiple of the step of BTC/EUR; 0.12345 is"
    tick = venue.place(replace(ORDER, order_type="limit", limit_price=15_000.123), "id5")
    assert tick.reason == "the price 15000.123 is no multiple of the step of BTC/EUR; 15000.12 is"
    assert venue.place(replace(ORDER, currency="USD"), "id6").reason == "BTC/EUR trades in EUR, and the order is in USD"
    assert venue.place(replace(ORDER, symbol="SPY"), "id3").reason == "SPY is no pair of binance and the ticket"
    assert venue.place(replace(ORDER, quantity=None), "id4").status == "refused"
    assert served.posts == 1


def test_a_clock_of_this_machine_that_is_off_does_no_harm(served: Binance) -> None:
    """The timestamps of requests are those of the exchange's clock; that of this machine is years ahead of it."""
    assert at(served).place(ORDER, "id1").status == "filled"


@pytest.mark.parametrize(
    ("coin", "units", "fee"), [("BTC", "0.5994", "9.306"), ("EUR", "0.6", "9.306"), ("ETH", "0.6", "1.1")]
)
def test_fees_are_booked_so_that_cash_and_units_are_those_of_the_account(
    coin: str, units: str, fee: str, served: Binance
) -> None:
    served.free["ETH"], served.fee_in = Decimal(1), coin
    venue = at(served)
    venue.place(ORDER, "id1")
    [fill] = venue.fills()
    assert (fill.quantity, fill.price, fill.fees) == (Decimal(units), 15_510, {f"commission in {coin}": Decimal(fee)})
    assert venue.units("")["BTC/EUR"] == fill.quantity
    paid = fill.quantity * fill.price + sum(fill.fees.values())
    assert 50_000 - venue.cash("")["EUR"] == paid - (Decimal(fee) if coin == "ETH" else 0)


def test_coins_that_stand_for_a_dollar_are_dollars() -> None:
    with serving_venue(
        Binance({"BTCUSDT": ("16500.00", "16510.00")}, free={"USDT": Decimal(20_000)}, fee_in="")
    ) as served:
        venue = at(served, ["BTC/USDT"])
        assert venue.cash("") == {"USD": 20_000}
        state = venue.place(replace(ORDER, symbol="BTC/USDT", quantity=1.0, currency="USD"), "id1")
        [fill] = venue.fills()
        assert (state.status, fill.currency, fill.quantity) == ("filled", "USD", Decimal("0.999"))
        assert venue.cash("") == {"USD": 20_000 - fill.quantity * fill.price - sum(fill.fees.values())}


def test_a_fee_without_a_price_is_refused_with_a_fix(served: Binance) -> None:
    served.fee_in = "BNB"
    venue = at(served)
    venue.place(ORDER, "id1")
    with pytest.raises(
        DataError, match=r"takes fees in BNB, which has no price in EUR: .* Have its fees taken in EUR\."
    ):
        venue.fills()


def test_trades_of_more_than_a_page_come_once(served: Binance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.exchange.ccxt_venue.TRADES_A_PAGE", 4)
    served.parts = 3
    venue = at(served)
    for k in range(4):
        venue.place(replace(ORDER, quantity=0.003), f"id{k}")
    fills = at(served).fills()
    assert [fill.order_id for fill in fills] == [f"id{k}" for k in range(4) for _ in range(3)]
    assert len({fill.fill_id for fill in fills}) == 12
    assert TRADES_A_PAGE == 1_000


def test_rules_are_the_steps_of_the_exchange(served: Binance) -> None:
    assert at(served).rules(["BTC/EUR", "SPY"]) == {
        "BTC/EUR": SymbolRules(Decimal("0.00001"), Decimal("0.01"), Decimal(5))
    }


def test_a_ticket_in_slices_passes_the_checks_and_is_sent(desk: Any, tmp_path: Path) -> None:
    """Of two coins at 16,500 one half is sold, in two slices."""
    terms = TicketTerms(symbols={"A": "BTC/USDT"}, slicing=SlicingTerms("twap", slices=2))
    document = document_of(desk((16_500.0,), (2.0,), 0.0, (0.5,), lots=0.001), terms)
    quotes, free = {"BTCUSDT": ("16500.00", "16510.00")}, {"BTC": Decimal(2)}
    with serving_venue(Binance(quotes, free=free, fee_in="")) as served, Journal(tmp_path, user="anna") as journal:
        with at(served, ["BTC/USDT"]) as venue:
            moment = moment_of(document, journal, venue, PLACE)
            assert [fault for check in checked(moment) for fault in check.faults] == []
            sent = list(Execution(journal, venue, document, moment.slices, moment.quotes).run())
            assert [each.state.status for each in sent if each.state] == ["filled", "filled"]
            assert [order["origQty"] for order in served.orders] == ["0.5", "0.5"]
            assert venue.cash("") == {"USD": Decimal(16_500) * Decimal("0.999")}
        assert [entry.record.sent_at[11:16] for entry in journal.entries(kind="order")] == ["15:00", "15:30"]
