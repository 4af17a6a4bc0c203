"""Orders of a journal as a table: published orders through the journal, corrections, and what was not there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from by_hand import Desk
from executed import document_of, sent
from order_events import executed, listed, made, quote
from paper_desk import BARS, session

from desk.exchange.paper import FillModel, PaperVenue
from desk.exchange.paper.account import openings_of
from desk.exchange.paper.fill_model import PAPER_MODEL
from desk.journal.chain import Event
from desk.journal.journal import Journal
from desk.journal.records import Corrected, OrderSent, Quote, Refused
from desk.journal.tickets import list_event
from desk.tca.groups import groups
from desk.tca.orders import ORDER_TABLE, mid, quoted_half_spread, read_orders
from foundation.errors import DataError
from research.accounting.impact import Impact
from research.orders.shortfall import SHORTFALL_PARTS
from research.portfolio import TicketTerms

TICKET, OTHER = "ab" * 32, "cd" * 32
KISSELL = listed("kissell", "buy", "SPY", 5_000.0, 10.00)
TRADED = executed(KISSELL, TICKET, quote(10.24, 10.26), [(4_000.0, 10.50, None)], fee=80.0, ended=True)


def row(table: pd.DataFrame, order: str) -> dict[str, object]:
    """The row of an order, without what is not known."""
    (found,) = table[table["order"] == order].to_dict("records")
    return {str(name): value for name, value in found.items() if not pd.isna(value)}


def test_kissells_order_through_the_journal_costs_3080(journal: Journal) -> None:
    journal.append([made(TICKET, KISSELL), *TRADED])
    table, faults = read_orders(journal, end_price=lambda symbol, currency, day: 11.00)
    found = row(table, "kissell")
    assert tuple(table.columns) == ORDER_TABLE
    assert faults == ()
    assert (found["total"], found["delay"], found["trading"], found["fees"]) == (3_080.0, 1_250.0, 1_000.0, 80.0)
    assert (found["opportunity"], found["unknown"]) == (750.0, 1_000.0)  # no quote at the fill: trading is not split
    assert (found["state"], found["day"], found["hour"], found["size"]) == (
        "ended", "2022-12-30", "15", "10k to 100k",
    )  # fmt: skip
    assert not {"spread", "impact", "timing"} & set(found)


@pytest.mark.parametrize("sent", [TICKET, OTHER])
def test_an_order_of_two_lists_is_of_the_one_with_which_it_was_sent(journal: Journal, sent: str) -> None:
    lists = {TICKET: KISSELL, OTHER: replace(KISSELL, price=10.10)}
    journal.append([*(made(ticket, order) for ticket, order in lists.items()), *executed(lists[sent], sent, None, [])])
    found = row(read_orders(journal, ticket=sent).table, "kissell")
    assert (found["ticket"], found["decision"]) == (sent, lists[sent].price)


def test_without_an_end_price_the_total_of_a_rest_is_not_known(journal: Journal) -> None:
    journal.append([made(TICKET, KISSELL), *TRADED])
    found = row(read_orders(journal).table, "kissell")
    assert not {"total", "unknown", "opportunity"} & set(found)
    assert found["delay"] == 1_250.0


IMPACT = Impact(coefficient=1.0, exponent=1.5)


@pytest.mark.parametrize(
    ("model", "order_type", "parts"),
    [
        (FillModel(), "market", {"delay": 20.0, "fees": 2.0}),  # the price of orders at market is the close, 102
        (FillModel("open"), "market_on_close", {"delay": -20.0, "timing": 40.0, "fees": 2.0}),
        (FillModel("open", 50.0, IMPACT), "market", {"delay": -20.0, "spread": 4.9, "impact": 1.96, "fees": 1.0}),
    ],
)
def test_all_parts_of_a_list_on_paper_are_known_and_add_up(
    desk: Desk, journal: Journal, tmp_path: Path, model: FillModel, order_type: Any, parts: dict[str, float]
) -> None:
    """10 of A are bought at a decision of 100, with a commission and a half-spread of 1; A goes from 98 to 102.

    Half of 1 % of 98 is 0.49. The value is a hundredth of a day's, whose root is a tenth: a tenth of 2 % is 0.196.
    """
    made = desk([100.0], [90], 1_102.0, [0.99], commission=10.0, half_spread=10.0)
    document = document_of(made, TicketTerms(account="U1", order_type=order_type))
    played = session(A=replace(BARS["A"], day_value=98_000.0, volatility=0.02))
    openings = openings_of(document, played.bars)
    with PaperVenue(played, openings, model=model, folder=tmp_path) as venue:
        journal.append([list_event(document)])
        sent(document, journal, venue)
    ((_, found),) = read_orders(journal).table.iterrows()
    assert (found["wanted"], found["filled"], found["quotes"]) == (10.0, 10.0, f"{PAPER_MODEL}: bars by hand")
    expected = dict.fromkeys(SHORTFALL_PARTS, 0.0) | parts
    assert [found[part] for part in SHORTFALL_PARTS] == pytest.approx(list(expected.values()), abs=1e-10)
    assert found["total"] == pytest.approx(sum(expected.values()), abs=1e-10)
    assert found["unknown"] == 0.0


def test_a_quote_at_each_fill_splits_what_trading_cost(journal: Journal) -> None:
    order = listed("a", "sell", "AGG", 150.0, 10.00)
    fills = [(100.0, 9.93, quote(9.94, 9.98)), (50.0, 9.86, quote(9.85, 9.91))]
    journal.append([made(TICKET, order), *executed(order, TICKET, quote(9.95, 9.99), fills, fee=0.5)])
    found = row(read_orders(journal).table, "a")
    parts = [found[part] for part in ("delay", "spread", "impact", "timing", "fees", "opportunity", "unknown")]
    assert parts == pytest.approx([4.5, 3.5, 0.5, 5.5, 1.0, 0.0, 0.0], abs=1e-10)
    assert (found["total"], found["state"]) == (pytest.approx(15.0, abs=1e-10), "filled")


@pytest.mark.parametrize(
    ("moment", "is_known"),
    [
        pytest.param("2022-12-30T15:00:59+00:00", True, id="within a minute after"),
        pytest.param("2022-12-30T15:01:01", False, id="later"),
        pytest.param("2022-12-30T14:59:00Z", True, id="a minute before"),
        pytest.param("2022-12-30T14:00:00Z", False, id="an hour before"),
    ],
)
def test_a_quote_of_another_minute_than_the_fill_does_not_count(journal: Journal, moment: str, is_known: bool) -> None:
    order = listed("a", "buy", "SPY", 100.0, 10.00)
    events = executed(order, TICKET, quote(9.99, 10.01), [(100.0, 10.02, quote(10.00, 10.02, moment))])
    journal.append([made(TICKET, order), *events])
    found = row(read_orders(journal).table, "a")
    assert ("spread" in found) is is_known
    assert found["total"] == pytest.approx(2.0)
    assert found["unknown"] == pytest.approx(0.0 if is_known else 2.0)


def test_a_busted_fill_does_not_count_and_a_corrected_price_does(journal: Journal) -> None:
    order = listed("a", "buy", "SPY", 100.0, 10.00)
    fills = [(60.0, 10.10, None), (60.0, 10.20, None), (40.0, 10.10, None)]
    events = [made(TICKET, order), *executed(order, TICKET, None, fills)]
    kept = journal.append(events)
    assert read_orders(journal).faults == (
        "order a: units filled is 160.0. It wanted 100: correct the fill that is of another order, or was counted "
        "twice.",
    )
    busted, changed = kept[3].entry.sequence, kept[4].entry.sequence
    journal.append([Event(Corrected(busted, {"quantity": 0.0}, "busted"), ticket=TICKET, order="a")])
    journal.append([Event(Corrected(changed, {"price": 10.30}, "wrong price"))])
    found = row(read_orders(journal).table, "a")
    assert (found["fills"], found["filled"], found["total"]) == (2, 100.0, pytest.approx(60 * 0.10 + 40 * 0.30))


@pytest.mark.parametrize(
    ("values", "words"), [({"pirce": 10.30}, "by .*: it has no pirce"), ({"price": "high"}, "by .*: price.*number")]
)
def test_a_correction_that_a_fill_cannot_have_is_refused_with_its_entry(
    journal: Journal, values: dict[str, float | str | None], words: str
) -> None:
    kept = journal.append([made(TICKET, KISSELL), *TRADED])
    journal.append([Event(Corrected(kept[2].entry.sequence, values, "typing"))])
    with pytest.raises(DataError, match=f"entry 3 of the journal, a fill, is corrected {words}"):
        read_orders(journal)


@pytest.mark.parametrize(("values", "words"), [({"side": "sell"}, "side"), ({"currency": "EUR"}, "currency")])
def test_a_fill_of_another_side_or_currency_leaves_its_order_out_by_name(
    journal: Journal, values: dict[str, float | str | None], words: str
) -> None:
    kept = journal.append([made(TICKET, KISSELL), *TRADED])
    journal.append([Event(Corrected(kept[2].entry.sequence, values, "typing"))])
    table, faults = read_orders(journal)
    assert table.empty
    assert [fault.split(" of ")[0] for fault in faults] == [f"order kissell: {words}"]


def test_orders_are_chosen_by_ticket_and_by_day(journal: Journal) -> None:
    second = listed("b", "buy", "SPY", 10.0, 10.00)
    journal.append([made(TICKET, KISSELL), *TRADED, made(OTHER, second)])
    journal.append(executed(second, OTHER, None, [(10.0, 10.0, None)], day="2023-01-03"))
    assert list(read_orders(journal).table["order"]) == ["kissell", "b"]
    assert list(read_orders(journal, ticket="cd").table["order"]) == ["b"]
    assert list(read_orders(journal, since="2022-12-31").table["order"]) == ["b"]
    assert read_orders(journal, ticket="ef").table.empty


@pytest.mark.parametrize(("stated", "else_"), [("XASX", "XNYS"), ("", "XASX")])
def test_the_day_of_an_order_is_that_of_its_exchange(journal: Journal, stated: str, else_: str) -> None:
    """A session in Sydney goes from 23:00 to 5:00 UTC: both of its orders are of one day, and of the close of it."""
    moments = {
        "2024-03-05-a": "2024-03-04T23:30:00Z",
        "2024-03-05-b": "2024-03-05T02:00:00Z",
        "2024-03-06-a": "2024-03-05T23:30:00Z",
        "2024-03-06-b": "2024-03-06T02:00:00Z",
    }
    asked = list[tuple[str, str, str]]()
    for name, moment in moments.items():
        order, ticket = listed(name, "buy", "BHP", 10.0, 40.00, currency="AUD"), f"{name:x<64}"
        sending, fill = executed(order, ticket, None, [(10.0, 40.04, None)])
        journal.append([made(ticket, order, calendar=stated), sending])
        journal.append([replace(fill, record=replace(fill.record, traded_at=moment))])  # type: ignore[type-var]
    table = read_orders(journal, calendar=else_, end_price=lambda *of: asked.append((*of[:2], str(of[2])))).table
    assert {row.order: row.day for row in table.itertuples()} == {name: name[:10] for name in moments}
    assert set(table["hour"]) == {"23", "02"}
    assert sorted(asked) == [("BHP", "AUD", name[:10]) for name in sorted(moments)]
    assert [group.days for group in groups(table)] == [2]
    assert list(read_orders(journal, calendar=else_, since="2024-03-06").table["day"]) == ["2024-03-06"] * 2


def test_a_list_has_the_exchange_of_its_ticket_and_is_the_same_as_one_that_did_not_say_it(
    desk: Desk, journal: Journal
) -> None:
    document = document_of(desk([100.0], [90], 1_102.0, [0.99]), TicketTerms(account="U1"))
    event = list_event(document)
    assert event.record.calendar == document["sending"]["calendar"] == "XNYS"  # type: ignore[attr-defined]
    journal.append([replace(event, record=replace(event.record, calendar=""))])  # type: ignore[type-var]
    assert [kept.is_new for kept in journal.append([event])] == [False]


def test_an_order_that_was_listed_and_not_sent_is_none_and_one_that_was_refused_is(journal: Journal) -> None:
    refused = listed("b", "buy", "SPY", 10.0, 10.00)
    journal.append([made(TICKET, KISSELL, refused)])
    assert read_orders(journal).table.empty
    journal.append([Event(Refused("no cash", "paper", "b-0"), ticket=TICKET, order="b")])
    found = row(read_orders(journal, end_price=lambda *_: 11.0).table, "b")
    assert (found["state"], found["filled"], found["total"], found["unknown"]) == ("ended", 0.0, 10.0, 10.0)
    assert found["venue"] == "paper"


def test_an_exchange_of_currencies_is_left_out(journal: Journal) -> None:
    exchange = listed("fx", "buy", "EURUSD", 1_000.0, None, currency="EUR")
    journal.append([made(TICKET, exchange, KISSELL), *TRADED])
    journal.append(executed(exchange, TICKET, None, [(1_000.0, 1.05, None)]))
    assert list(read_orders(journal).table["order"]) == ["kissell"]


def test_fills_without_a_list_have_no_decision_price_and_no_total(journal: Journal) -> None:
    journal.append(executed(listed("x", "buy", "SPY", 10.0, None), "", quote(9.99, 10.01), [(10.0, 10.02, None)]))
    found = row(read_orders(journal).table, "x")
    assert (found["trading"], found["wanted"]) == (pytest.approx(0.2), 10.0)
    assert not {"total", "notional", "delay"} & set(found)


def test_slices_add_up_to_the_order_and_one_that_was_sent_again_counts_once(journal: Journal) -> None:
    for piece, attempt, units in ((0, 0, 60.0), (0, 1, 60.0), (1, 0, 40.0)):
        about = {"slice": piece, "attempt": attempt}
        sent = OrderSent("paper", f"{piece}.{attempt}", "buy", "SPY", units, "USD", "market", **about)  # type: ignore[arg-type]
        journal.append([Event(replace(sent, sent_at=f"2022-12-30T1{4 + piece}:30:00Z"), order="s")])
    found = row(read_orders(journal).table, "s")
    assert (found["wanted"], found["state"]) == (100.0, "open")
    assert (found["day"], found["hour"]) == ("2022-12-30", "14")  # of the first slice: nothing is filled


def test_a_fee_in_a_third_currency_is_not_known(journal: Journal) -> None:
    order = listed("a", "buy", "BTC", 1.0, 100.0)
    events = executed(order, TICKET, None, [(1.0, 101.0, None)], fee=0.01, fee_currency="BNB")
    journal.append([made(TICKET, order), *events])
    assert not {"fees", "total"} & set(row(read_orders(journal).table, "a"))


def test_an_order_in_an_amount_of_which_nothing_was_filled_is_left_out_by_name(journal: Journal) -> None:
    order = listed("a", "buy", "FUND", None, None)
    journal.append([made(TICKET, order), *executed(order, TICKET, None, [])])
    table, faults = read_orders(journal)
    assert table.empty
    assert faults == ("order a: it was in an amount of currency, and nothing of it was filled. It is left out.",)


@pytest.mark.parametrize(
    ("found", "middle", "half"),
    [
        (Quote(9.0, 11.0, 9.5), 10.0, 1.0),
        (Quote(11.0, 9.0, 9.5), 9.5, None),
        (Quote(None, 11.0, 9.5), 9.5, None),
        (Quote(9.0, None, None), None, None),
        (None, None, None),
    ],
)
def test_the_middle_of_a_quote_needs_both_sides_that_do_not_cross(
    found: Quote | None, middle: float | None, half: float | None
) -> None:
    assert (mid(found), quoted_half_spread(found)) == (middle, half)
