"""A dividend is booked by the broker or by the market's data, a deposit by the broker or by its list, never by both."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from booked import later
from cases import cases

from foundation.errors import DataError
from research.orders.booking import events_since, open_book, with_event, without_event
from research.orders.bookkeeping.activity import Activity
from research.orders.bookkeeping.cash_booking import book_with_flow, with_entry
from research.orders.bookkeeping.importing import with_activity, with_clear_items, with_waiting_flows
from research.portfolio import Portfolio
from research.portfolio.holdings.book import Book, BookItem, Holder, Opening
from research.portfolio.holdings.cash_entries import CashEntry

EVENT = "dividend-A-2023-01-03"
PAID = CashEntry("ib:1", "dividend", date(2023, 1, 31), "", "USD", Decimal("257.55"), "A")  # 15 % less than 600 × 0.505


@pytest.fixture
def market(two: Portfolio) -> Portfolio:
    """600 of A, which pays 0.505 on 2023-01-03: 303.00."""
    return later(two, split=-1)


@pytest.fixture
def book(two: Portfolio) -> Book:
    return open_book(two, "desk")


def usd(book: Book) -> Decimal:
    return book.holders[0].cash["USD"]


def test_the_brokers_entry_takes_the_place_of_a_dividend_that_is_proposed(market: Portfolio, book: Book) -> None:
    assert [event.name for event in events_since(book, market)] == [EVENT]
    paid = with_entry(book, market, PAID)
    assert (usd(paid), [entry.event for entry in paid.entries]) == (Decimal("5257.55"), [EVENT])
    assert events_since(paid, market) == ()
    with pytest.raises(DataError, match=f"book desk has {EVENT} already"):
        with_event(paid, market, EVENT)


def test_the_brokers_entry_takes_the_place_of_a_dividend_that_is_booked(market: Portfolio, book: Book) -> None:
    proposed = with_event(book, market, EVENT)
    assert usd(proposed) == Decimal("5303.00")
    paid = with_entry(proposed, market, PAID)
    assert (usd(paid), [entry.entry_id for entry in paid.entries]) == (Decimal("5257.55"), ["ib:1"])
    second = replace(PAID, entry_id="ib:2", amount=Decimal("45.45"))  # such as a part of it that is paid apart
    assert usd(with_entry(paid, market, second)) == Decimal("5303.00")
    with pytest.raises(DataError, match=r"257\.55 USD on 2023-01-31: it is booked already"):
        with_entry(paid, market, PAID)


def test_a_dividend_without_an_id_is_settled_where_the_data_know_it_to_the_cent(market: Portfolio, book: Book) -> None:
    exact, taxed = (replace(PAID, entry_id=name, amount=Decimal(of)) for name, of in (("x", "303.00"), ("y", "257.55")))
    for entry, names, cash in ((exact, ["x"], "5303.00"), (taxed, [], "5000.00")):
        listed = replace(book, items=(BookItem(entry.entry_id, "no id", {}, entry),))
        made, booked, left = with_clear_items(listed, market)
        assert ([item.name for item in booked], usd(made)) == (names, Decimal(cash))
        assert list(left) == [entry.entry_id] * (not names)
        assert (events_since(made, market) == ()) == bool(names)


def test_each_payment_is_of_the_dividend_whose_amount_is_nearest(two: Portfolio, book: Book) -> None:
    """600 of A pay 1 on one day and 5 on the next; 15 % less of each comes after both."""
    dividends = np.zeros(two.market.shape)
    dividends[-2:, 0] = 1.0, 5.0
    opened = replace(book, opened=two.market.dates[-3].date())
    market = replace(two, market=replace(two.market, dividends=dividends))
    days = [f"{day:%Y-%m-%d}" for day in two.market.dates[-2:]]
    paid = opened
    for number, amount in enumerate(("510", "2550"), 1):
        day = two.market.dates[-1].date() + timedelta(days=number)
        paid = with_entry(paid, market, replace(PAID, entry_id=f"ib:{number}", day=day, amount=Decimal(amount)))
    assert [entry.event for entry in paid.entries] == [f"dividend-A-{day}" for day in days]
    assert paid.with_dividends_of(market.market) == paid


def test_a_dividend_that_was_booked_before_the_data_knew_of_it_is_not_owed(market: Portfolio, book: Book) -> None:
    early = with_entry(book, replace(market, market=replace(market.market, dividends=None)), PAID)
    assert [entry.event for entry in early.entries] == [""]
    assert early.with_dividends_of(market.market) == early
    assert events_since(early, market) == ()
    assert book.with_dividends_of(market.market).owed


def test_a_dividend_that_never_comes_is_dismissed_and_the_brokers_amount_still_counts(
    market: Portfolio, book: Book
) -> None:
    given_up = without_event(book, market, EVENT) or book
    assert (given_up.with_dividends_of(market.market), events_since(given_up, market)) == (given_up, ())
    assert usd(given_up) == usd(book)
    assert usd(with_entry(given_up, market, PAID)) == Decimal("5257.55")
    assert without_event(book, market, "another") is None


@cases(
    "entry",
    replace(PAID, asset="B"), replace(PAID, asset=""), replace(PAID, kind="tax"), replace(PAID, day=date(2023, 1, 2)),
    replace(PAID, day=date(2023, 4, 4)),
)  # fmt: skip
def test_another_amount_leaves_the_dividend_proposed(market: Portfolio, book: Book, entry: CashEntry) -> None:
    paid = with_entry(book, market, entry)
    assert (usd(paid), [event.name for event in events_since(paid, market)]) == (Decimal("5257.55"), [EVENT])


def test_a_dividend_is_proposed_in_the_accounts_in_which_the_broker_did_not_pay_it(market: Portfolio) -> None:
    """400 and 200 units pay 202.00 and 101.00."""
    holders = tuple(
        Holder(name, {"A": Decimal(units), "B": Decimal()}, {"USD": Decimal(0)})
        for name, units in (("one", 400), ("other", 200))
    )
    book = Book("desk", "", "USD", date(2022, 12, 29), Opening(date(2022, 12, 29), holders))
    paid = with_entry(book, market, replace(PAID, account="one", amount=Decimal(202)))
    (event,) = events_since(paid, market)
    assert event.cash == {"other": Decimal("101.00")}
    both = with_event(paid, market, EVENT)
    assert [holder.cash["USD"] for holder in both.holders] == [202, 101]
    assert events_since(both, market) == ()


def test_an_account_a_currency_and_units_that_are_not_there_are_refused(market: Portfolio, book: Book) -> None:
    for change, said in (
        ({"account": "U9"}, "the book has no accounts, found 'U9'"),
        ({"currency": "EUR"}, "the book has cash in USD. State EUR in the portfolio file"),
        ({"currency": "A", "amount": Decimal(-601)}, "600 units are held"),
    ):
        with pytest.raises(DataError) as told:
            with_entry(book, market, replace(PAID, kind="fee", **change))  # type: ignore[arg-type]
        assert said in str(told.value)


# -- money that a list counts on -------------------------------------------------------------------------------------

LISTED = CashEntry("list-1", "deposit", date(2022, 12, 30), "", "USD", Decimal(700), event="list-1")
STATED = replace(LISTED, entry_id="ib:9", day=date(2023, 1, 4), event="")


def listed(book: Book, of: Portfolio, flow: CashEntry = LISTED) -> Book:
    return with_waiting_flows(book_with_flow(book, flow), of)


def stated(book: Book, of: Portfolio, *entries: CashEntry) -> Book:
    return with_activity(book, replace(of, cash=float(usd(book))), Activity((), entries=entries), {}).book


def test_a_deposit_of_a_list_and_of_the_broker_is_booked_once_in_either_order(two: Portfolio, book: Book) -> None:
    first, second = listed(book, two), stated(book, two, STATED)
    assert usd(first) == usd(second) == Decimal(5_700)
    for both in (stated(first, two, STATED), listed(second, two), listed(listed(first, two), two)):
        assert usd(both) == Decimal(5_700)
    assert [each.entry_id for each in stated(first, two, STATED).entries] == ["ib:9"]


@cases(
    "entry",
    replace(STATED, amount=Decimal(701)),
    replace(STATED, day=date(2023, 1, 10)),  # 11 days after the closes of the list
    replace(STATED, kind="interest"),
)
def test_another_amount_of_the_broker_is_booked_beside_that_of_a_list(
    two: Portfolio, book: Book, entry: CashEntry
) -> None:
    assert usd(stated(listed(book, two), two, entry)) == Decimal(5_700) + entry.amount


def test_two_lists_with_equal_deposits_are_two_deposits(two: Portfolio, book: Book) -> None:
    other = replace(LISTED, entry_id="list-2", event="list-2")
    both = listed(listed(book, two), two, other)
    assert usd(both) == Decimal(6_400)
    paid = stated(both, two, STATED, replace(STATED, entry_id="ib:10"))
    assert (usd(paid), [each.entry_id for each in paid.entries]) == (Decimal(6_400), ["ib:9", "ib:10"])
    assert usd(listed(stated(listed(book, two), two, STATED), two, other)) == Decimal(6_400)


def test_a_withdrawal_waits_for_its_cash_and_the_brokers_own_ends_the_wait(two: Portfolio, book: Book) -> None:
    flow = replace(LISTED, kind="withdrawal", amount=Decimal(-6_000))
    waits = listed(book, two, flow)
    assert (usd(waits), [item.name for item in waits.open_items]) == (Decimal(5_000), ["list-1"])
    deposit = replace(STATED, entry_id="ib:1", amount=Decimal(2_000))
    paid = stated(waits, two, deposit)
    assert (usd(paid), paid.open_items) == (Decimal(1_000), ())
    ended = stated(waits, two, deposit, replace(flow, entry_id="ib:2", event=""))
    assert (usd(ended), ended.open_items) == (Decimal(1_000), ())
