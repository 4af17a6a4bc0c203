"""The journal on a ticket that is to be sent: what is left of it, what came before and after it, and today."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from executed import PLACE, document_of, paper_for

from desk.exchange.moment import Day, Moment, moment_of
from desk.journal.chain import Event
from desk.journal.journal import Journal
from desk.journal.records import Acknowledged, Filled, ListedOrder, ListMade, OrderSent, Refused
from desk.journal.tickets import list_event
from foundation.dataclasses import replace
from research.portfolio import TicketTerms
from research.portfolio.keys.sending import SendingLimits

TODAY, BEFORE, OTHER = "2022-12-30", "2022-12-29", "cd" * 32
PLAIN = TicketTerms(account="U1", sending=SendingLimits(day_notional=100_000.0))
SELL, BUY = 40_000.0, 39_900.0


@pytest.fixture
def document(desk: Any) -> dict[str, Any]:
    """A sell of 400 A at 100, and a buy of 798 B at 50."""
    return document_of(desk((100.0, 50.0), (900, 200), 0.0, (0.5, 0.5)), PLAIN)


def moment(document: dict[str, Any], folder: Path, events: Sequence[Event] = ()) -> Moment:
    with Journal(folder, user="anna") as journal, paper_for(document, folder) as venue:
        journal.append(list(events))
        return moment_of(document, journal, venue, PLACE)


def event(record: Any, document: dict[str, Any], ticket: str = "", order: str = "") -> Event:
    return Event(record, document["portfolio"], ticket or document["hash"], order=order)


def sale(day: str = TODAY, notional: float = SELL, venue_id: str = "v") -> OrderSent:
    at = f"{day}T15:00:00Z" if day else ""
    return OrderSent("paper", venue_id, "sell", "A", 400.0, "USD", "market", notional, sent_at=at)


@pytest.mark.parametrize(
    ("answers", "new", "left", "unsent"),
    [
        pytest.param(None, "AB", "AB", SELL + BUY, id="nothing was sent"),
        pytest.param([], "B", "AB", BUY, id="sent, and no answer is known"),
        pytest.param([Acknowledged("paper", "")], "B", "B", BUY, id="taken"),
        pytest.param([Refused("no", "paper", "")], "B", "B", BUY, id="refused"),
    ],
)
def test_what_is_left_of_a_ticket(
    document: dict[str, Any], tmp_path: Path, answers: list[Any] | None, new: str, left: str, unsent: float
) -> None:
    first = moment(document, tmp_path).orders[0]
    about = {"venue_id": first.venue_id}
    records = [] if answers is None else [sale(**about), *(type(one)(**vars(one) | about) for one in answers)]
    found = moment(document, tmp_path, [event(record, document, order=first.id) for record in records])
    assert ["".join(each.item for each in some) for some in (found.new, found.left)] == [new, left]
    assert found.unsent == unsent
    assert found.replaced == ""
    assert found.since == ""
    assert found.sent_before == {}


def test_a_list_that_another_one_replaced_has_nothing_left(document: dict[str, Any], tmp_path: Path) -> None:
    events = [event(sale(), document, order="own"), event(sale(), document, OTHER, "other")]
    assert moment(document, tmp_path / "after", events).replaced == OTHER
    assert moment(document, tmp_path / "after").left == ()
    found = moment(document, tmp_path / "before", events[::-1])
    assert (found.replaced, len(found.left)) == ("", 2)


def test_a_list_that_was_sent_since_this_one_was_made_and_one_with_its_orders(
    document: dict[str, Any], tmp_path: Path
) -> None:
    own, other = list_event(document), event(sale(), document, OTHER, document["orders"][0]["client_order_id"])
    since, before = (
        moment(document, tmp_path / "since", [own, other]),
        moment(document, tmp_path / "before", [other, own]),
    )
    assert (since.since, before.since) == (OTHER, "")
    assert since.sent_before == {document["orders"][0]["client_order_id"]: OTHER}
    assert moment(document, tmp_path / "none", [other]).since == ""  # the journal has no list of this one


@pytest.mark.parametrize(
    ("records", "day"),
    [
        pytest.param([sale()], Day(SELL, 0.0), id="what was sent today"),
        pytest.param([sale(BEFORE), sale("")], Day(0.0, 0.0), id="not before, and not at no moment"),
        pytest.param(
            [("buy", 101.0, TODAY, "listed")], Day(0.0, 11.0), id="bought at more than the list says, and a fee"
        ),
        pytest.param([("sell", 101.0, TODAY, "listed")], Day(0.0, -9.0), id="sold at more"),
        pytest.param([("buy", 101.0, TODAY, "unknown")], Day(0.0, 1.0), id="of an order without a price, the fee"),
        pytest.param([("buy", 101.0, BEFORE, "listed")], Day(0.0, 0.0), id="of another day"),
    ],
)
def test_orders_and_losses_of_a_day_count_where_the_file_limits_them(
    document: dict[str, Any], tmp_path: Path, records: list[Any], day: Day
) -> None:
    row = ListedOrder("listed", "buy", "A", 10.0, 1_000.0, "USD", "", 100.0, BEFORE, "to target")
    made = ListMade("f.yaml", "band", BEFORE, BEFORE, "ab12", "headline", "reason", 0, orders=(row,))
    events = [event(made, document, OTHER)]
    for one in records:
        if isinstance(one, OrderSent):
            events.append(event(one, document, OTHER, f"sent {one.sent_at}"))
        else:
            side, price, on, order = one
            fill = Filled("paper", "one", side, "A", 10.0, price, "USD", 1.0, "USD", f"{on}T15:00:00Z")
            events.append(event(fill, document, OTHER, order))
    assert moment(document, tmp_path, events).day == day
    del document["sending"]["limits"]["day_notional"]
    assert moment(document, tmp_path).day == Day(0.0, 0.0)


def test_amounts_in_another_currency_count_at_the_rate_of_the_ticket(document: dict[str, Any], tmp_path: Path) -> None:
    """One euro is 1.25 dollars."""
    rows = [
        row | {"currency": "EUR", "rate": 1.25, "notional_basis": 1.25 * row["notional"]} for row in document["orders"]
    ]
    euros = document | {"orders": rows, "cash": [{"currency": "EUR", "rate": 1.25, "before": 0.0}]}
    sold = replace(sale(), currency="EUR")
    fill = Filled("paper", "one", "sell", "A", 400.0, 100.0, "EUR", 8.0, "EUR", f"{TODAY}T15:00:00Z")
    found = moment(euros, tmp_path, [event(record, euros, order=rows[0]["client_order_id"]) for record in (sold, fill)])
    assert (found.unsent, found.day) == (1.25 * BUY, Day(1.25 * SELL, 10.0))
