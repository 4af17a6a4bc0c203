"""Interactive Brokers as a venue, against a server of this machine that speaks its format, faults included."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from interactive_brokers_server import API, PAPER_ACCOUNT, InteractiveBrokers, interactive_brokers_server
from provider_server import Time, own_certificate
from venue_conformance import ServedConformance, market_buy
from venue_server import serving_venue, shared_clock

from desk.exchange.interactive_brokers import InteractiveBrokersVenue
from desk.exchange.venue import NotKnown, SymbolRules
from desk.exchange.venues import venue_of
from desk.journal.records import Quote
from desk.tickets.exchange_orders import ExchangeOrder
from foundation.errors import ConfigError, DataError
from research.orders.fills import Fill

GUIDE = Path(__file__).parents[3] / "docs" / "execution.md"
QUOTES = {"SPY": ("383.40", "383.50"), "AGG": ("97.40", "97.44"), "ODD": ("10", "11"), "SAP": ("96.10", "96.20")}
TIME = Time("2022-12-30T15:00:00")
ORDER = market_buy("SPY", 12.0, 4_596.0, "USD", account=PAPER_ACCOUNT, client_order_id="a")
EXCHANGE = ExchangeOrder(1, "buy", "EURUSD", "EUR", 100.0, 1.1, 110.0, "", "2023-01-03", "", "20221229-b")
Served, Venue = InteractiveBrokers, InteractiveBrokersVenue


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IB_GATEWAY", "IB_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)


def serving(**having: Any) -> AbstractContextManager[InteractiveBrokers]:
    return interactive_brokers_server(QUOTES, moment=TIME.clock.now(), **having)


@pytest.fixture
def served() -> Iterator[InteractiveBrokers]:
    with serving() as found:
        yield found


def at(served: Served, name: str = "interactive_brokers", **exchanges: str) -> InteractiveBrokersVenue:
    """The venue; its waiting moves the clock of the server, too."""
    listed = dict.fromkeys(QUOTES, "SMART") | exchanges
    address, clock = f"{served.address}{API}", shared_clock(TIME, served)
    return InteractiveBrokersVenue(name, "USD", listed, live=name.endswith("_live"), address=address, clock=clock)


@pytest.fixture
def venue(served: Served) -> Iterator[Venue]:
    found = at(served)
    yield found
    found.close()


class TestConformance(ServedConformance):
    """Interactive Brokers does what a venue must do; it keeps no order that it asked about in vain."""

    filled = ORDER
    resting = replace(ORDER, order_type="limit", limit_price=300.0, client_order_id="b")
    partial = replace(ORDER, symbol="AGG", client_order_id="c")
    refused = replace(ORDER, symbol="ODD", client_order_id="d")
    keeps_refused = False

    having: ClassVar = {"parts": 3, "thin": ("AGG",), "questions": {"ODD": ("o2137",)}}
    refuses_ids = True
    faults = "slow drop 429 503 504 HTML cut list other"
    serving, at = staticmethod(serving), staticmethod(at)


# -- orders ------------------------------------------------------------------------------------------------------------


def test_an_order_is_sent_as_the_reference_has_it(venue: Venue, served: Served) -> None:
    venue.place(replace(ORDER, order_type="limit", limit_price=380.25), "id1")
    venue.place(replace(ORDER, order_type="market_on_close"), "id2")
    body = {"acctId": PAPER_ACCOUNT, "conid": 101, "side": "BUY", "quantity": 12, "tif": "DAY",
            "listingExchange": "SMART"}  # fmt: skip
    assert served.bodies == [
        body | {"cOID": "id1", "orderType": "LMT", "price": 380.25}, body | {"cOID": "id2", "orderType": "MOC"},
    ]  # fmt: skip


def test_questions_of_the_list_are_confirmed_one_after_the_other(served: Served) -> None:
    served.questions = {"SPY": ("o354", "o163")}
    assert (at(served).place(ORDER, "id1").status, served.replies) == ("filled", [True, True])


@pytest.mark.parametrize(("question", "words"), [("o2137", "Cross side.*(o2137)"), ("", "sure.*(without an id)")])
def test_another_question_withdraws_the_order_which_is_refused_in_its_words(
    question: str, words: str, served: Served
) -> None:
    served.questions, venue = {"SPY": ("o354", question)}, at(served)
    state = venue.place(ORDER, "id1")
    first, _, second = words.partition(".*")
    assert state.status == "refused"
    assert first in state.reason
    assert second in state.reason
    assert (served.replies, served.orders, venue.state("id1")) == ([True, False], [], None)


def test_an_endless_row_of_questions_is_not_known(served: Served) -> None:
    served.questions = {"SPY": ("o354",) * 11}
    with pytest.raises(NotKnown, match=r"asked back 10 times about order id1. Look for it there"):
        at(served).place(ORDER, "id1")
    assert served.orders == []


def test_the_questions_of_the_guide_are_confirmed_and_their_neighbours_are_not(served: Served) -> None:
    named = {int(number) for number in re.findall(r"`o(\d+)`", GUIDE.read_text())}
    assert len(named) == 7
    venue, asked = at(served), sorted({number + step for number in named for step in (-1, 0, 1)})
    for number in asked:
        served.questions = {"SPY": (f"o{number}",)}
        venue.place(replace(ORDER, quantity=1.0), f"id{number}")
    assert [number for number, confirmed in zip(asked, served.replies, strict=True) if confirmed] == sorted(named)
    assert [row["order_ref"] for row in served.orders] == [f"id{number}" for number in sorted(named)]


@pytest.mark.parametrize("fault", ["taken:503", "503"])
def test_a_lost_answer_to_a_reply_is_not_known_and_the_order_is_there_once(fault: str, served: Served) -> None:
    served.questions, venue = {"SPY": ("o354",)}, at(served)
    served.faults = {1: fault}
    with pytest.raises(NotKnown, match=r"POST /v1/api/iserver/reply/.*answers 503"):
        venue.place(ORDER, "id1")
    assert (venue.state("id1") is not None) == fault.startswith("taken")
    assert venue.place(ORDER, "id1").status == "filled"
    assert len(served.orders) == 1


def test_an_order_that_is_not_found_right_after_it_was_taken_is_not_known(served: Served) -> None:
    """A plain DataError would say that nothing was done."""
    venue, served.missing = at(served), 1
    with pytest.raises(NotKnown, match=r"order 9870.. is not found.*status 404"):
        venue.place(ORDER, "id1")
    assert (venue.place(ORDER, "id1").status, len(served.orders)) == ("filled", 1)


def test_an_id_that_was_taken_and_of_which_no_order_is_listed_is_not_known(served: Served) -> None:
    served.ids.add("id1")
    with pytest.raises(NotKnown, match=r"has had client id id1, and lists no order of it. Look for it there"):
        at(served).place(ORDER, "id1")


def test_what_the_account_cannot_pay_is_refused_in_ibs_words(venue: Venue) -> None:
    state = venue.place(replace(ORDER, quantity=1_000.0), "id1")
    assert state.status == "refused"
    assert "Your Available Funds are insufficient." in state.reason


def test_an_order_that_is_taken_and_not_worked_is_refused(served: Served) -> None:
    served.inactive = ("SPY",)
    venue = at(served)
    state = venue.place(ORDER, "id1")
    assert (state.status, state.reason) == ("refused", "it is Inactive at IB")
    assert at(served).state("id1") == state


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (replace(ORDER, quantity=1.5), "whole units"),
        (replace(ORDER, quantity=None), "whole units"),
        (replace(ORDER, symbol="NONE"), "NONE is no share or fund with one listing at IB"),
        (replace(ORDER, symbol="ODD"), "is priced in pence"),
        (replace(ORDER, symbol="SAP"), "SAP trades in EUR there, and the order is in USD"),
        (EXCHANGE, "currencies are not exchanged"),
    ],
)
def test_orders_that_ib_does_not_take_are_refused_unsent(order: Any, words: str, served: Served) -> None:
    served.magnified, served.currencies = ("ODD",), {"SAP": "EUR"}
    state = at(served).place(order, "id1")
    assert state.status == "refused"
    assert words in state.reason
    assert served.posts == 0


def test_the_listing_is_that_of_the_us_the_only_one_or_that_of_the_named_exchange(served: Served) -> None:
    others = {"SPY": {"conid": 9, "exchange": "MEXI", "isUS": False}, "SAP": {"conid": 8, "exchange": "EBS"}}
    served.listings = {symbol: [row] for symbol, row in others.items()}
    served.currencies = {"SAP": "EUR"}
    assert set(at(served).rules(["SPY", "SAP"])) == {"SPY"}
    assert set(at(served, SAP="IBIS").rules(["SPY", "SAP"])) == {"SPY", "SAP"}


# -- lists -------------------------------------------------------------------------------------------------------------


def test_a_list_that_is_empty_at_first_hides_no_order(served: Served) -> None:
    at(served).place(TestConformance.resting, "id1")
    served.empties = 1
    venue = at(served)
    assert [(state.client_id, state.status) for state in venue.open_orders()] == [("id1", "open")]
    assert venue.state("id1") == venue.open_orders()[0]


def test_lists_that_stay_no_snapshot_are_not_known(venue: Venue, served: Served) -> None:
    served.is_whole = False
    with pytest.raises(NotKnown, match=r"lists no orders yet. Ask again later"):
        venue.open_orders()


def test_orders_placed_by_hand_are_left_out(venue: Venue, served: Served) -> None:
    venue.place(TestConformance.resting, "id1")
    venue.place(ORDER, "id2")
    for row in (*served.orders, *served.trades):
        del row["order_ref"]
    assert (venue.open_orders(), venue.fills()) == ([], [])


def test_an_order_of_an_earlier_session_is_not_listed_and_its_executions_are_though_the_first_list_is_empty(
    served: Served,
) -> None:
    at(served).place(ORDER, "id1")
    served.begin_session()
    served.late = True
    venue = at(served)
    assert venue.state("id1") is None
    assert [(fill.order_id, fill.quantity) for fill in venue.fills()] == [("id1", 12)]


def test_an_order_is_filled_in_several_executions_each_with_its_commission(served: Served) -> None:
    served.parts = 3
    venue = at(served)
    assert venue.place(ORDER, "id1").filled == 12
    fills = venue.fills()
    assert [(fill.quantity, fill.price, fill.fees) for fill in fills] == [
        (4, Decimal("383.50"), {"commission": Decimal("0.35")})
    ] * 3
    assert {(fill.order_id, fill.account, fill.rate) for fill in fills} == {("id1", PAPER_ACCOUNT, None)}
    assert venue.cash("") == {"USD": 100_000 - 12 * Decimal("383.50") - 3 * Decimal("0.35")}
    del served.trades[1]["commission"]  # it is not stated yet
    assert venue.fills() == [fills[0], fills[2]]


def test_an_execution_of_another_currency_has_the_rate_of_the_moment_and_an_old_one_none(served: Served) -> None:
    """EUR.USD was 1.0661."""
    served.currencies, served.cash["EUR"] = {"SAP": "EUR"}, Decimal(5_000)
    venue = at(served)
    order = replace(ORDER, symbol="SAP", currency="EUR", side="sell")
    assert venue.place(order, "id1").status == "filled"
    [fill] = venue.fills()
    about = ("EUR", served.moment.replace(microsecond=served.moment.microsecond // 1000 * 1000))
    named = ("00025b47.00000000.01.01", "interactive_brokers", "id1", PAPER_ACCOUNT)
    fees = {"commission": Decimal("0.35")}
    assert fill == Fill("SAP", "sell", Decimal(12), Decimal("96.10"), *about, *named, fees, Decimal("1.0661"))
    TIME.move(86_401.0)
    assert [each.rate for each in venue.fills()] == [None]
    assert venue.cash("") == {"USD": 100_000, "EUR": 5_000 + 12 * Decimal("96.10") - Decimal("0.35")}


def test_positions_come_page_by_page_with_the_symbols_of_orders(served: Served) -> None:
    served.units, served.page = {"SPY": Decimal(3), "AGG": Decimal(-2), "ODD": Decimal(0)}, 1
    assert at(served).units(PAPER_ACCOUNT) == {"SPY": 3, "AGG": -2}


def test_an_option_and_an_adr_are_not_taken_for_the_share(served: Served) -> None:
    """No order names SPY; those in SAP are at IBIS."""
    served.currencies, served.page = {"SAP": "EUR"}, 3
    served.units = {"SPY": Decimal(300), "SAP": Decimal(5)}
    served.same = {"SPY": Decimal(-3), "SAP": Decimal(2)}
    address, clock = f"{served.address}{API}", shared_clock(TIME, served)
    venue = InteractiveBrokersVenue("interactive_brokers", "USD", {"SAP": "IBIS"}, address=address, clock=clock)
    held = {"SPY": 300, "SAP": 5, "SPY (conid 1101)": -3, "SAP (conid 1104)": 2}
    assert venue.units(PAPER_ACCOUNT) == held


# -- market ------------------------------------------------------------------------------------------------------------


def test_quotes_are_asked_for_until_their_fields_are_there(venue: Venue, served: Served) -> None:
    before = TIME.seconds
    quotes = venue.quotes(["SPY", "NONE"])
    moment = served.moment.replace(microsecond=served.moment.microsecond // 1000 * 1000).isoformat()
    assert quotes == {"SPY": Quote(383.4, 383.5, 383.4, "interactive_brokers, delayed", moment)}
    assert served.asked.count(f"GET {API}/iserver/marketdata/snapshot") == 2
    assert 1.0 <= TIME.seconds - before < 2.0


def test_a_side_that_never_comes_is_none_and_a_symbol_without_any_is_left_out(served: Served) -> None:
    served.silent = ("84",)
    venue = at(served)
    quote = venue.quotes(["SPY"])["SPY"]
    assert (quote.bid, quote.ask, quote.last) == (None, 383.5, 383.4)
    served.silent = ("84", "86", "31")
    assert (venue.quotes(["SPY"]), venue.quotes([])) == ({}, {})


def test_lots_are_whole_units_and_ticks_are_ibs(venue: Venue) -> None:
    assert venue.rules(["SPY"]) == {"SPY": SymbolRules(Decimal(1), Decimal("0.01"))}


# -- the session -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [{"authenticated": False}, {"connected": False}, {"competing": True, "message": "another login"}]
)
def test_a_session_in_which_nobody_may_trade_is_refused(status: dict[str, Any], served: Served) -> None:
    served.status |= status
    words = f"has no session in which to trade: found .*{next(iter(status))} {next(iter(status.values()))}"
    with pytest.raises(DataError, match=rf"{words}.*Log in at {served.address}, and end other sessions"):
        at(served)


@pytest.mark.parametrize(
    ("fault", "words"), [("401", "answers 401, .*: log in there"), ("bridge", "no bridge.*Log in")]
)
def test_a_session_that_ends_is_told_and_refuses_no_order(fault: str, words: str, served: Served) -> None:
    """An order that is refused would not be sent again under its ticket."""
    venue = at(served)
    served.faults = {0: fault}
    with pytest.raises(DataError, match=words) as told:
        venue.place(ORDER, "id1")
    assert not isinstance(told.value, NotKnown)
    assert served.orders == []


def test_a_certificate_that_the_gateway_signed_is_taken_of_this_machine_alone(tmp_path: Path) -> None:
    with serving_venue(InteractiveBrokers(QUOTES), own_certificate(tmp_path / "own.pem")) as served:
        assert set(at(served).rules(["SPY"])) == {"SPY"}
        served.address = served.address.replace("127.0.0.1", "127.1")  # the same, by a name that could be another's
        with pytest.raises(DataError, match="has a certificate that is not valid: nothing was sent"):
            at(served)


def test_a_wait_keeps_the_session_though_a_request_fails(venue: Venue, served: Served) -> None:
    served.faults = {3: "503"}
    venue.wait(venue.now() + timedelta(minutes=10))
    assert served.asked.count(f"POST {API}/tickle") == 9


def test_lists_are_asked_for_once_in_five_seconds(venue: Venue, served: Served) -> None:
    before, asked = TIME.seconds, len(served.asked)
    venue.open_orders()
    assert TIME.seconds - before >= 5.0 * (len(served.asked) - asked - 1)


def test_of_several_accounts_the_environment_names_one(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.accounts = ("DU1", PAPER_ACCOUNT)
    with pytest.raises(
        DataError, match=r"one account of paper trading: the login has DU1, DU1234567, .*IB_ACCOUNT is ''"
    ):
        at(served)
    monkeypatch.setenv("IB_ACCOUNT", "DU1")
    venue = at(served)
    assert served.selected == "DU1"
    assert venue.place(replace(ORDER, account="DU1"), "id1").status == "filled"
    for ask in (lambda: venue.place(ORDER, "id2"), lambda: venue.units(PAPER_ACCOUNT)):
        with pytest.raises(DataError, match=f"are those of account DU1, and not of '{PAPER_ACCOUNT}': nothing is sent"):
            ask()


@pytest.mark.parametrize(
    ("name", "account", "is_taken"),
    [
        ("interactive_brokers", "U1234567", False),
        ("interactive_brokers_live", "U1234567", True),
        ("interactive_brokers_live", PAPER_ACCOUNT, False),
    ],
)
def test_paper_trading_and_live_trading_are_told_apart_by_the_account(
    name: str, account: str, is_taken: bool, served: Served
) -> None:
    served.accounts, served.selected = (account,), account
    if is_taken:
        assert at(served, name).place(replace(ORDER, account=""), "id1").status == "filled"
        return
    with pytest.raises(DataError, match=f"{name} needs one account of (paper|live) trading: the login has {account}"):
        at(served, name)


DOCUMENT = {
    "currency": "USD", "sec_type": "STK", "exchange": "SMART", "exchanges": {"sap": "IBIS"},
    "orders": [{"asset": "sap", "symbol": "SAP", "side": "buy", "client_order_id": "20221229-a"}],
}  # fmt: skip


def test_a_ticket_opens_the_venue_at_the_gateway_of_the_environment(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IB_GATEWAY", f"{served.address}{API}/")
    served.currencies = {"SAP": "EUR"}
    served.listings = {"SAP": [{"conid": 8, "exchange": "EBS", "isUS": False}]}
    with venue_of("interactive_brokers", DOCUMENT) as venue:
        assert set(venue.rules(["SAP"])) == {"SAP"}
    with pytest.raises(ConfigError, match=r"order 20221229-a to buy sap is of kind 'CRYPTO': This venue trades STK"):
        venue_of("interactive_brokers", DOCUMENT | {"sec_types": {"sap": "CRYPTO"}})


def test_the_clock_is_that_of_this_machine_in_utc(venue: Venue) -> None:
    assert venue.now() == datetime.fromtimestamp(TIME.seconds, UTC)
