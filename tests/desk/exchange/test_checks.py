"""The checks before a ticket is sent: each finds its fault, and says order, field, value and fix."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from executed import PLACE, BadLine, Case, Cases, document_of, paper_for

from desk.exchange.checks import checked
from desk.exchange.moment import Day, Moment, moment_of
from desk.exchange.venue import SymbolRules
from desk.journal import Journal, list_event
from desk.journal.records import Quote
from desk.journal.tickets import judge
from research.portfolio import TicketTerms
from research.portfolio.keys.sending import SendingLimits

LIMITS = SendingLimits(
    collar=100.0, order_notional=50_000.0, ticket_notional=80_000.0, day_notional=100_000.0, day_loss=500.0,
    do_not_trade=("TSLA",), venues={"U1": "paper"},
)  # fmt: skip
ANEW = "Make the list anew: rebalance trades desk.yaml --out trades.json"
OWN = PLACE._replace(sha256={"by_hand.yaml": "a" * 64})  # the place of the portfolio file as it was


@pytest.fixture(scope="module")
def document(desk: Any) -> dict[str, Any]:
    """A sell of 400 A at 100, and a buy of 798 B at 50, made with the hash "aa…" of the portfolio file."""
    made = desk((100.0, 50.0), (900, 200), 0.0, (0.5, 0.5))
    return document_of(made, TicketTerms(account="U1", sending=LIMITS), file_sha256="a" * 64)


@pytest.fixture(scope="module")
def moment(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Moment:
    folder = tmp_path_factory.mktemp("home")
    with paper_for(document, folder) as venue, Journal(folder, user="anna") as journal:
        return moment_of(document, journal, venue, OWN)


def faults(moment: Moment) -> dict[str, list[str]]:
    return {check.name: list(check.faults) for check in checked(moment) if check.faults}


def test_a_right_ticket_passes_all_checks(moment: Moment) -> None:
    assert (len(checked(moment)), faults(moment)) == (16, {})


def limited(**limits: Any) -> Callable[[Moment], Moment]:
    """The ticket with these limits."""

    def change(moment: Moment) -> Moment:
        sending = {**moment.sending, "limits": {**moment.limits, **limits}}
        return replace(moment, document={**moment.document, "sending": sending})

    return change


def quoted(**quote: Any) -> Callable[[Moment], Moment]:
    return lambda moment: replace(moment, quotes={**moment.quotes, "A": Quote(**quote)})


def ruled(**rules: Any) -> Callable[[Moment], Moment]:
    return lambda moment: replace(moment, rules={**moment.rules, "A": SymbolRules(**rules)})


def of_version_1(moment: Moment) -> Moment:
    document = {key: part for key, part in moment.document.items() if key != "sending"}
    return replace(moment, document=document, venue="alpaca")


def of_one_issuer(name: str) -> Callable[[Moment], Moment]:
    """A is a class of shares of Alphabet, another class of which is on the list."""

    def change(moment: Moment) -> Moment:
        sending = {**moment.sending, "isins": {"A": "US02079K3059"}}
        return limited(do_not_trade=[name])(replace(moment, document={**moment.document, "sending": sending}))

    return change


def with_collar(unit: str, **quote: Any) -> Callable[[Moment], Moment]:
    return lambda moment: limited(collar=2.0, collar_unit=unit)(quoted(**quote)(moment))


def volatile(moment: Moment) -> Moment:
    sending = {**moment.sending, "volatilities": {"A": 0.01, "B": 0.01}}
    return with_collar("volatilities", last=97.0)(replace(moment, document={**moment.document, "sending": sending}))


A, B = "Order 20221229-[0-9a-f]{20} to sell 400 A: ", "Order 20221229-[0-9a-f]{20} to buy 798 B: "
CASES: dict[str, tuple[str, Callable[[Moment], Moment], str]] = {
    "version 1": ("version", of_version_1, rf"The ticket is of version 1, .*: found alpaca\. {ANEW}"),
    "file": (
        "portfolio file",
        lambda m: replace(m, place=PLACE._replace(sha256={"by_hand.yaml": "b" * 64})),
        rf"The file by_hand.yaml has another hash, b{{16}}: the list was made from a{{16}}\. {ANEW}",
    ),
    "no file": ("portfolio file", lambda m: replace(m, place=PLACE), ".* is not there: the list was made from .*"),
    "expired": (
        "not expired",
        lambda m: replace(m, now=datetime(2023, 1, 3, 15, 0, tzinfo=UTC)),
        rf"The ticket expired: its orders are good on 2022-12-30, and it is 2023-01-03\. {ANEW}",
    ),
    "too early": (
        "not expired",
        lambda m: replace(m, now=datetime(2022, 12, 28, 15, 0, tzinfo=UTC)),
        r"The list is of the closes of 2022-12-29, and it is 2022-12-28: send it on a later session\.",
    ),
    "approvals": (
        "approved",
        lambda m: replace(m, document={**m.document, "approvals": 2}),
        r"It has 0 of 2 approvals\. Let others call: rebalance desk approve TICKET\.json",
    ),
    "twice": (
        "no duplicates",
        lambda m: replace(m, orders=(*m.orders, m.orders[0])),
        rf"The ticket has order 20221229-[0-9a-f]{{20}} 2 times\. {ANEW}",
    ),
    "sent with another": (
        "no duplicates",
        lambda m: replace(m, sent_before={m.orders[0].id: "c" * 64}),
        f"{A}it was sent with list c{{16}}\\. Execute that ticket again: it takes .*",
    ),
    "open": (
        "no duplicates",
        lambda m: replace(m, unfinished="c" * 64),
        "List c{16} has open orders at paper, or fills that are not journalled\\. Cancel what is open, or wait .*",
    ),
    "stop": (
        "not stopped",
        lambda m: replace(m, place=m.place._replace(stop="/home/STOP")),
        r"/home/STOP stops all sending\. Remove this file to send again\.",
    ),
    "order": (
        "size of orders",
        lambda m: limited(order_notional=39_960.0)(replace(m, orders=())),  # those of one of several venues
        f"{A}value is 40,000\\.00\\. At most 39,960\\.00 are allowed \\(order_notional\\)\\.",
    ),
    "ticket": (
        "size of orders",
        lambda m: limited(ticket_notional=79_000.0)(replace(m, orders=m.orders[:1])),
        r"The orders are worth 79,900\.00: at most 79,000\.00 are allowed \(ticket_notional\)\. Send less\.",
    ),
    "day": (
        "limits of the day",
        lambda m: replace(m, orders=m.orders[:1], day=Day(30_000.0, 0.0)),
        r"With 30,000\.00 sent today, the orders would bring the day to 109,900\.00: at most 100,000\.00 .*",
    ),
    "loss": (
        "limits of the day",
        lambda m: replace(m, day=Day(0.0, 501.0)),
        r"The fills of today lost 501\.00 against the prices of their lists: at most 500\.00 are allowed .*",
    ),
    "asset": ("issuers", limited(do_not_trade=["A"]), f"{A}issuer is A\\. It is on the list `do_not_trade`: .*"),
    "issuer": ("issuers", of_one_issuer("GOOG"), f"{A}issuer is GOOG\\. It is on the list `do_not_trade`: .*"),
    "issuer of an ISIN": ("issuers", of_one_issuer("US02079K1079"), f"{A}issuer is US02079K1079\\. .*"),
    "unknown issuer": (
        "issuers",
        limited(do_not_trade=["TSLAA"]),
        r"`do_not_trade` has TSLAA, which is no known instrument\. Did you mean TSLA \(Tesla, Inc\.\).* Write its .*",
    ),
    "collar": (
        "quotes in the collar",
        quoted(bid=98.9, ask=101.0, last=100.0),
        f"{A}quote is 98\\.9, 110 bp from the 100 of the list\\. The collar is 100 bps, 100 bp\\. {ANEW}",
    ),
    "spreads": (
        "quotes in the collar",
        with_collar("spreads", bid=99.5, ask=99.6),
        f"{A}quote is 99\\.5, 50 bp from the 100 of the list\\. The collar is 2 spreads, 20 bp\\. .*",
    ),
    "no spread": (
        "quotes in the collar",
        with_collar("spreads", last=100.0),
        f"{A}quote is without bid and ask\\. The collar cannot be checked: .*",
    ),
    "volatility": (
        "quotes in the collar",
        volatile,
        f"{A}quote is 97, 300 bp from the 100 of the list\\. The collar is 2 volatilities, 200 bp\\. .*",
    ),
    "no number": ("quotes in the collar", quoted(last=float("nan")), f"{A}quote is nan, .*"),
    "no quote": ("quotes in the collar", quoted(), f"{A}quote is without price\\. The collar cannot be checked: .*"),
    "age": (
        "age of prices",
        lambda m: replace(m, now=datetime(2023, 1, 4, 15, 0, tzinfo=UTC)),
        f"{A}price is of 2022-12-29, 3 sessions old\\. At most 2 are allowed\\. {ANEW}",
    ),
    "holdings": (
        "holdings",
        lambda m: replace(m, units={"U1": {"A": Decimal(900), "B": Decimal(150)}}),
        f"{B}units held is 150 at paper, and the list was made with 200\\. Correct the holdings of .*",
    ),
    "cash": (
        "cash on settlement",
        lambda m: replace(m, cash={"U1": {"USD": Decimal(-100)}}),
        r"Cash of account U1 would be -\d+\.\d\d USD on 2023-01-03: its orders cost more than is there\. .*",
    ),
    "venue": (
        "known to the venue",
        lambda m: replace(limited(venues={"U1": "kraken"})(m), venue="alpaca"),
        f"{A}venue is alpaca\\. Account U1 trades on kraken \\(venues\\)\\.",
    ),
    "no venue": (
        "known to the venue",
        lambda m: replace(limited(venues={"U2": "alpaca"})(m), venue="alpaca"),
        f"{A}venue is alpaca\\. Account U1 trades on none of them \\(venues\\)\\.",
    ),
    "type": (
        "known to the venue",
        lambda m: replace(m, capabilities=replace(m.capabilities, order_types=frozenset({"limit"}))),
        f"{A}order type is market\\. paper takes limit: change `ticket: order_type`\\.",
    ),
    "symbol": (
        "known to the venue",
        lambda m: replace(m, rules={"B": SymbolRules()}),
        f"{A}symbol is A\\. paper does not know it: state the right one under `ticket: symbols`\\. "
        "Paper knows those of its quotes or bars\\.",
    ),
    "lot": ("known to the venue", ruled(lot=Decimal(7)), f"{A}quantity is 400\\. paper takes multiples of 7: .*"),
    "too small": (
        "known to the venue",
        ruled(minimum_notional=Decimal(40_001)),
        f"{A}value is 40,000\\.00\\. paper takes no order below 40001: raise `limits: minimum_trade`\\.",
    ),
    "holiday": (
        "market open",
        lambda m: replace(m, now=datetime(2023, 1, 2, 15, 0, tzinfo=UTC)),  # a holiday
        r"paper is closed: 2023-01-02 is no session of XNYS\. Send the list on one: the next is 2023-01-03\.",
    ),
    "closed": (
        "market open",
        lambda m: replace(m, now=datetime(2022, 12, 30, 21, 0, tzinfo=UTC)),
        rf"paper is closed: the session of 2022-12-30 is over at 21:00 UTC\. {ANEW}",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_fault_is_found_and_said(moment: Moment, case: str) -> None:
    name, change, said = CASES[case]
    found = faults(change(moment))[name]
    assert re.fullmatch(said, found[0]), found


class NotANumber(BadLine):
    """A venue whose quotes have no price."""

    def quotes(self, symbols: Any) -> dict[str, Quote]:
        return {symbol: Quote(float("nan"), 0.0, float("inf"), "paper") for symbol in symbols}


def test_a_price_that_is_no_number_is_no_quote(document: dict[str, Any], case_of: Cases) -> None:
    moment = moment_of(*case_of(document, NotANumber), OWN)
    assert set(moment.quotes.values()) == {Quote(source="paper")}
    assert [fault.partition(": ")[2] for fault in faults(moment)["quotes in the collar"]] == [
        "quote is without price. The collar cannot be checked: ask again when there is one."
    ] * 2


def test_approvals_and_refusals_of_the_journal_count(case: Case) -> None:
    document, journal, _ = case
    journal.append([list_event(document | {"approvals": 1})])
    look = lambda: faults(moment_of(*case, OWN))  # noqa: E731
    assert "approved" in look()
    judge(journal, document, "")
    assert look() == {}
    judge(journal, document, "", "prices moved")
    assert look()["approved"][0].startswith("The ticket was refused. Approved by nobody. It asks for 1: 1 more")
    judge(journal, document, "")
    assert look() == {}


def test_holdings_are_compared_to_the_digits_of_a_ticket(moment: Moment) -> None:
    fewer = replace(moment, units={"U1": {"A": Decimal(700), "B": Decimal(200)}}, unfinished="cd" * 32)
    (said,) = faults(fewer)["holdings"]
    assert said.endswith("Orders of list cdcdcdcdcdcdcdcd are open there, or their fills not journalled yet.")
    nearly = Decimal("900.000000000000000001")  # as a token of 18 decimals
    assert faults(replace(moment, units={"U1": {"A": nearly, "B": Decimal(200)}})) == {}


def test_a_resumed_ticket_is_not_checked_against_what_it_changed_itself(case: Case) -> None:
    case.sent()
    moment = case.moment()
    assert moment.state.sent
    assert [check.name for check in checked(moment)] == [
        "version", "not expired", "approved", "not stopped", "limits of the day", "market open", "quotes in the collar",
        "cash on settlement",
    ]  # fmt: skip
    assert (faults(moment), moment.due) == ({}, ())


@pytest.mark.parametrize(("way", "names"), [("sell", set()), ("buy", {"cash on settlement"})])
def test_an_account_that_lacks_cash_may_sell_and_may_not_buy(moment: Moment, way: str, names: set[str]) -> None:
    own = tuple(each for each in moment.orders if each.order.side == way)
    lacking = replace(moment, orders=own, due=own, cash={"U1": {"USD": Decimal(-90_000)}})
    assert faults(lacking).keys() == names


def test_of_a_resumed_ticket_cash_is_that_of_what_is_left(document: dict[str, Any], case_of: Cases) -> None:
    """100 of 400 A are sold, and B waits for the cash of the rest, which counts while it is open."""
    case = case_of(document, quotes="symbol,last,volume\nA,100,100\nB,50,9999\n")
    case.sent()
    moment = case.moment()
    assert [(each.item, each.quantity) for each in moment.due] == [("A", 300.0), ("B", 798.0)]
    assert faults(moment) == {}
    case.venue.cancel(moment.orders[0].venue_id)
    moment = case.moment()
    (said,) = faults(moment)["cash on settlement"]
    assert [(each.item, each.quantity) for each in moment.due] == [("B", 798.0)]
    assert re.match(r"Cash of account U1 would be -29,9\d\d\.\d\d USD on 2023-01-03: ", said)


def test_an_order_that_the_venue_took_before_a_kill_takes_no_cash_again(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The buy of 39,900 is filled, and 10,061 are left: nothing stands against the list, and its answer is taken."""
    _, sending = case.execution()
    running = sending.run()
    next(running)

    def is_killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sending, "_journal_answer", is_killed)
    with pytest.raises(KeyboardInterrupt):
        list(running)
    moment, again = case.execution()
    assert [(each.item, each.quantity) for each in moment.left] == [("B", 798.0)]
    assert moment.cash["U1"]["USD"] < 39_900
    assert (moment.due, faults(moment)) == ((), {})
    assert {each.state.status for each in again.run() if each.state} == {"filled"}
    assert len(list(case.journal.entries(kind="fill"))) == 2


def test_an_order_that_was_never_sent_is_checked_by_itself_when_the_ticket_is_resumed(case: Case) -> None:
    moment, sending = case.execution()
    sending.orders = moment.orders[:1]
    list(sending.run())
    resumed = case.moment()
    assert faults(resumed) == {}
    found = faults(limited(day_notional=79_899.0)(replace(resumed, rules={})))
    assert found.keys() == {"limits of the day", "known to the venue"}
    assert [fault.split(":")[0] for fault in found["known to the venue"]] == ["O" + moment.orders[1].text[1:]]


def test_the_collar_is_checked_again_for_what_is_left(case: Case, case_of: Cases) -> None:
    next(case.execution()[1].run())
    (found,) = faults(case_of(case.document, quotes="symbol,last\nA,102\nB,51\n").moment())["quotes in the collar"]
    assert re.match(f"{B}quote is 51, 200 bp ", found)


def test_a_list_that_is_not_finished_stands_before_the_next(desk: Any, case_of: Cases) -> None:
    """The first was killed once its sell was filled, or its buy is open; the book would forget its orders."""
    terms = TicketTerms("limit", account="U1", collar_bps=50.0)
    first = document_of(desk((100.0, 50.0), (900, 200), 0.0, (0.4, 0.5)), terms)
    second = document_of(desk((100.0, 50.0), (100, 2_000), 0.0, (0.5, 0.5)), terms)
    case = case_of(first, quotes="symbol,last\nA,100\nB,51\n")
    look = lambda: case._replace(document=second).moment().unfinished  # noqa: E731
    assert look() == ""
    moment, sending = case.execution()
    next(iter(sending.run()))
    assert look() == first["hash"]
    assert [each.state and each.state.status for each in case.sent()] == ["filled", "open"]
    assert look() == first["hash"]
    case.venue.cancel(moment.orders[1].venue_id)
    assert look() == ""


def test_the_day_counts_what_was_sent_and_what_fills_lost(document: dict[str, Any], case_of: Cases) -> None:
    """400 A are sold at 101 and 798 B bought at 50.50; they were sized at 100 and 50. Fees are those of the list."""
    case = case_of(document, quotes="symbol,last\nA,101\nB,50.5\n")
    case.journal.append([list_event(document)])
    case.sent()
    day, fees = case.moment().day, sum(row["cost"] for row in document["orders"])
    assert day.notional == 400 * 100 + 798 * 50
    assert day.loss == pytest.approx(-400 * 1.0 + 798 * 0.5 + fees, abs=0.01)


def test_the_day_is_that_of_the_exchange(document: dict[str, Any], case_of: Cases) -> None:
    """Sydney trades from 23:00 UTC of the day before."""
    sydney = case_of(document | {"sending": document["sending"] | {"calendar": "XASX"}})
    assert sydney.venue.now() == datetime(2022, 12, 29, 23, 0, tzinfo=UTC)
    sydney.sent()
    sydney.venue.wait(datetime(2022, 12, 30, 2, 0, tzinfo=UTC))
    assert sydney.moment().day.notional == 400 * 100 + 798 * 50
