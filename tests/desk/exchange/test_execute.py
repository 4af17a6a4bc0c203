"""The sending of a ticket on paper: once, in its sequence, whatever answers are lost and wherever it is killed."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from commanded import ROOT
from executed import BadLine, Case, Cases, Killed, counted, document_of, paper_for, replayed

from desk.exchange.moment import unanswered
from desk.exchange.paper import FillModel, PaperVenue
from desk.exchange.ticket_orders import cash_ladder
from desk.exchange.venue import NotKnown
from desk.journal import Journal, verify
from research.portfolio import TicketTerms, load_portfolio

START = {"A": 900, "B": 100, "C": 1_500, "D": 10, "E": 500}
PRICES = (100.0, 50.0, 20.0, 200.0, 10.0)


@pytest.fixture
def document(desk: Any) -> dict[str, Any]:
    """Two sells and three buys of an account."""
    return document_of(desk(PRICES, list(START.values()), 1_000.0, [0.2] * 5), TicketTerms(account="U1"))


def kinds(case: Case) -> list[str]:
    return [entry.kind for entry in case.journal.entries()]


def statuses(done: list[Any]) -> list[str]:
    return [each.state.status for each in done if each.state]


def check_whole(case: Case, folder: Path) -> None:
    """Every order is journalled, taken and filled once, and the account is what the journal's fills make of it."""
    ids = [row["client_order_id"] for row in case.document["orders"]]
    found = Counter((entry.kind, entry.order) for entry in case.journal.entries())
    assert found == Counter({(kind, order): 1 for kind in ("order", "acknowledgement", "fill") for order in ids})
    units, cash = replayed(case.journal)
    with paper_for(case.document, folder) as venue:
        assert venue.cash("U1") == {"USD": Decimal(1_000) + cash}
        assert venue.units("U1") == {name: held + units.get(name, 0) for name, held in START.items()}
    assert not verify(case.journal).faults


def test_all_is_journalled_in_one_commit_before_the_first_is_sent_and_sells_go_first(
    case: Case, tmp_path: Path
) -> None:
    done = case.sent()
    assert [each.order.order.side for each in done] == ["sell", "sell", "buy", "buy", "buy"]
    assert statuses(done) == ["filled"] * 5
    entries = list(case.journal.entries())
    assert kinds(case) == ["order"] * 5 + ["acknowledgement"] * 5 + ["fill"] * 5
    assert len({entry.moment for entry in entries[:5]}) == 1
    first = entries[0].record
    assert (first.quote.last, first.quote.bid, first.sent_at) == (100.0, None, "2022-12-30T14:30:00.000000Z")
    check_whole(case, tmp_path)


LISTS = ("examples/orders_in_two_currencies", "examples/orders_of_accounts", "examples/orders_on_an_exchange",
         "portfolios/stocks_20")  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_cash_after_the_fills_is_that_of_the_ladder(name: str, case_of: Cases) -> None:
    """Several accounts and currencies, an exchange of money, fractions of coins, and orders in amounts."""
    case = case_of(document_of(load_portfolio(ROOT / "data" / f"{name}.yaml")))
    moment, sending = case.execution()
    ladder = list(cash_ladder(moment.orders, moment.cash, case.document["currency"]))
    assert statuses(list(sending.run())) == ["filled"] * len(moment.orders)
    for account, currency, day, balance in ladder:
        if day == ladder[-1].day:
            found = case.venue.cash(account)[currency]
            assert found == pytest.approx(balance, abs=Decimal("0.03")), (account, currency)


def test_what_was_sent_is_not_sent_again(case: Case) -> None:
    case.sent()
    before = case.journal.head
    again = case.sent()
    assert case.venue.placed == 5
    assert statuses(again) == ["filled"] * 5
    assert case.journal.head == before
    assert not list(unanswered(case.journal, [each.order for each in again]))


@pytest.mark.parametrize("status", ["filled", "refused"])
def test_what_was_answered_is_not_sent_again_to_a_venue_that_no_longer_has_it(
    document: dict[str, Any], case_of: Cases, status: str
) -> None:
    """Brokers forget old orders, and what they refused at once."""
    document["orders"][0]["quantity"] *= 1 if status == "filled" else 100
    assert statuses(case_of(document, folder="first").sent())[0] == status
    case = case_of(document, folder="second")
    head, again = case.journal.head, case.sent()
    assert case.venue.placed == 0
    assert [each.state and each.state.status for each in again] == [None if status == "filled" else status, *[None] * 4]
    assert "paper has it: it took the order, and no longer has it" in again[status == "refused"].why
    assert case.journal.head == head


def test_an_order_that_was_sent_to_one_venue_is_not_sent_to_another(case: Case, case_of: Cases) -> None:
    case.sent()
    other = case_of(case.document, folder="other")
    other.venue.name = "other"
    done = other.sent()
    assert other.venue.placed == 0
    assert done[0].why == "It is not known whether other has it: it was about to be sent to paper. Look for it there"


@pytest.mark.parametrize(("when", "placed", "asked"), [("after", 5, 1), ("before", 6, 3)])
def test_an_order_without_an_answer_is_asked_for_before_it_is_placed_once_more(
    case: Case, tmp_path: Path, when: str, placed: int, asked: int
) -> None:
    case.venue.lost = {2: when}
    assert statuses(case.sent()) == ["filled"] * 5
    assert case.venue.placed == placed
    assert case.venue.asked == asked
    check_whole(case, tmp_path)


def test_after_two_lost_answers_nothing_more_is_sent_and_the_next_call_goes_on(case: Case, tmp_path: Path) -> None:
    case.venue.lost = {2: "before", 3: "after"}
    done = case.sent()
    assert [each.state is None for each in done] == [False, True, True, True, True]
    assert done[1].why == "It is not known whether paper has it: the asset was cut"
    assert done[2].why == "paper gives no answer (the asset was cut). Run the same command again"
    assert len(list(unanswered(case.journal, [each.order for each in done]))) == 4
    case.sent()
    assert case.venue.placed == 6  # the third call had reached it
    check_whole(case, tmp_path)


class Silent(BadLine):
    """A venue that answers no question."""

    def state(self, client_id: str) -> Any:
        self.asked += 1
        raise NotKnown("no answer in 10 s")


def test_a_venue_that_gives_no_answer_is_not_asked_for_every_order(document: dict[str, Any], case_of: Cases) -> None:
    case, stops = case_of(document, Silent), iter(["", "STOP is there"])
    case.sent(stop=lambda: next(stops))
    done = case.sent()
    assert (case.venue.asked, case.venue.placed) == (1, 0)
    assert [each.state for each in done] == [None] * 5
    assert done[4].why == "paper gives no answer (no answer in 10 s). Run the same command again"


def test_a_sending_that_ends_at_any_call_goes_on_where_it_stood(document: dict[str, Any], tmp_path: Path) -> None:
    """Before and after each call of the journal and the venue that changes them."""
    calls = 0
    for point in range(100):
        folder, left = tmp_path / str(point), [point]
        with Journal(folder, user="anna") as journal, BadLine.for_ticket(document, folder=folder) as venue:
            journal.append, venue.place = counted(journal.append, left), counted(venue.place, left)  # type: ignore[method-assign]
            try:
                Case(document, journal, venue).sent()
            except Killed:
                calls += 1
        with Journal(folder, user="anna") as journal, BadLine.for_ticket(document, folder=folder) as venue:
            case = Case(document, journal, venue)
            case.sent()
            check_whole(case, folder)
        if left[0] > 0:
            break
    assert calls == 2 * (1 + 5 + 5 + 1)  # the orders, each order, each answer, the fills


def test_a_buy_waits_until_its_cash_is_there(desk: Any, case_of: Cases) -> None:
    document = document_of(desk((100.0, 50.0), (900, 0), 0.0, (0.5, 0.5)), TicketTerms("limit", collar_bps=50.0))
    quotes = "symbol,last,volume\nA,100,400\nB,50,100000\n"
    case = case_of(document, quotes=quotes, model=FillModel(participation=0.5))
    sell, buy = case.sent()
    assert sell.state is not None
    assert (sell.state.status, sell.state.filled, buy.state) == ("open", 200, None)
    needed, there = 898 * Decimal("50.25") + Decimal("44.90"), 200 * 100 - Decimal("20.00")
    assert buy.why == f"it needs {needed:,.2f} USD, and {there:,.2f} are there by 2023-01-03"
    assert kinds(case) == ["order", "order", "acknowledgement", "fill"]


def test_proceeds_that_settle_after_a_buy_are_not_its_cash(desk: Any, case_of: Cases) -> None:
    made = desk((100.0, 50.0), (900, 0), 0.0, (0.5, 0.5))
    document = document_of(made, TicketTerms(settlement_days_by_line={"A": 1}))
    for row in document["orders"]:
        row["settlement_date"] = {"sell": "2023-01-04", "buy": "2023-01-03"}[row["side"]]
    _, buy = case_of(document).sent()
    assert buy.state is None
    assert ", and 0.00 are there by 2023-01-03" in buy.why


@pytest.mark.parametrize(("cash", "is_sent"), [(10_000.0, True), (5_000.0, False)])
def test_a_buy_that_settles_first_is_paid_by_the_cash_that_later_buys_do_not_need(
    desk: Any, case_of: Cases, cash: float, is_sent: bool
) -> None:
    """A and B, each about half of 100,000, settle together; then C, about 6,000 that is due before, is paid by cash."""
    document = document_of(desk((100.0, 50.0, 10.0), (1000, 0, 0), cash, (0.5, 0.44, 0.06)))
    for row in document["orders"]:
        row["settlement_date"] = "2022-12-30" if row["asset"] == "C" else "2023-01-04"
    document["orders"].sort(key=lambda row: row["asset"])  # C is bought last
    *_, last = case_of(document).sent()
    assert (last.order.item, last.state is not None) == ("C", is_sent)


def test_late_proceeds_of_another_account_are_not_taken_from_the_cash_of_a_buy(case_of: Cases) -> None:
    """Those of New York arrive after its buys; Berlin pays its own with what it sells and exchanges."""
    document = document_of(load_portfolio(ROOT / "data" / "examples" / "orders_in_two_currencies.yaml"))
    for row in document["orders"]:
        if (row["account"], row["side"]) == ("new york", "sell"):
            row["settlement_date"] = "2023-01-04"
    orders = [each.order.order for each in case_of(document).sent() if each.state is None]
    assert {(order.account, order.side) for order in orders} == {("new york", "buy")}


def test_a_stop_between_two_orders_leaves_the_rest_for_the_next_call(case: Case, tmp_path: Path) -> None:
    stops = iter(["", "", "", "STOP is there"])
    done = case.sent(stop=lambda: next(stops))
    assert [each.why for each in done] == ["", "", *["STOP is there"] * 3]
    assert len(case.venue.fills()) == 2
    case.sent()
    check_whole(case, tmp_path)


class WithoutIds(BadLine):
    """A venue that takes no client ids: it cannot be asked for an order."""

    capabilities = replace(BadLine.capabilities, id_length=0)

    def place(self, order: Any, client_id: str) -> Any:
        assert client_id == ""
        return super().place(order, f"own-{order.client_order_id}")

    def state(self, client_id: str) -> Any:
        raise AssertionError("it cannot be asked")


def test_at_a_venue_without_ids_an_order_that_got_no_answer_is_never_sent_again(
    document: dict[str, Any], case_of: Cases
) -> None:
    case = case_of(document, WithoutIds)
    case.venue.lost = {2: "after"}
    assert [each.state is None for each in case.sent()] == [False, True, True, True, True]
    assert kinds(case).count("order") == 2  # each right before it is sent
    again = case.sent()
    assert [each.state is None for each in again] == [False, True, True, True, True]
    assert "Look for it there" in again[1].why
    assert case.venue.placed == 2


def test_at_a_venue_without_ids_fills_are_journalled_order_by_order(document: dict[str, Any], case_of: Cases) -> None:
    """Its fills are known only to the process that sent the order."""
    case = case_of(document, WithoutIds)
    case.venue.fills = lambda since=None: [  # type: ignore[method-assign]
        replace(fill, order_id=fill.order_id.removeprefix("own-")) for fill in PaperVenue.fills(case.venue, since)
    ]
    next(case.execution()[1].run())
    assert kinds(case) == ["order", "fill", "acknowledgement"]


def test_an_order_that_the_venue_refuses_is_journalled_with_its_reason(
    document: dict[str, Any], case_of: Cases
) -> None:
    document["orders"][0]["quantity"] = 5_000
    case = case_of(document, model=FillModel())
    state = case.sent()[0].state
    assert state is not None
    (entry,) = case.journal.entries(kind="refusal")
    assert (state.status, state.reason) == ("refused", entry.record.reason)
    assert not list(unanswered(case.journal, case.moment().orders[:1]))


def test_fills_of_a_new_paper_file_do_not_pass_for_those_that_are_booked(desk: Any, case: Case, case_of: Cases) -> None:
    """A book takes a fill once, by venue and id."""
    other = document_of(desk(PRICES, list(START.values()), 2_000.0, [0.2] * 5), TicketTerms(account="U1"))
    keys = list[str]()
    for each in (case, case_of(other, folder="new")):
        each.sent()
        keys += [fill.key for fill in each.venue.fills()]
    assert len(set(keys)) == len(keys) == 10
