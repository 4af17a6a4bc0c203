"""Splits and dividends since a book was opened are proposed from the market's data, and booked by name only."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from booked import later

from foundation.errors import DataError
from research.orders import trade_list
from research.orders.booking import book_after, events_since, open_book, with_event
from research.orders.fills import Fill
from research.portfolio import Portfolio, TaxLot, TaxLots, TaxRules
from research.portfolio.holdings.blotter import Blotter, SentOrder
from research.portfolio.holdings.book import Book
from research.rules import Threshold


@pytest.fixture
def book(two: Portfolio) -> Book:
    lots = TaxLots(TaxRules(rate=0.2, short_rate=0.3), ((TaxLot(pd.Timestamp("2020-01-02"), 600.0, 90.0),), ()))
    return open_book(replace(two, tax_lots=lots), "desk")


def test_what_happened_since_is_proposed_in_words_and_nothing_is_booked(two: Portfolio, book: Book) -> None:
    told = [event.words for event in events_since(book, later(two))]
    assert told == [
        "split-A-2022-12-30: 2 units of A for each one held before 2022-12-30",
        "dividend-A-2023-01-03: A paid 606.00 USD (ex 2023-01-03)",
    ]
    assert book.holders[0].units["A"] == 600


def test_a_split_moves_units_and_lots_and_a_dividend_pays_for_the_new_units(two: Portfolio, book: Book) -> None:
    """1,200 × 0.505 = 606.00."""
    split = with_event(book, later(two), "split-A-2022-12-30")
    assert split.lots is not None
    assert (split.holders[0].units["A"], split.lots[0].units, split.lots[0].price) == (1_200, 1_200.0, 45.0)
    paid = with_event(split, later(two), "dividend-A-2023-01-03")
    assert paid.holders[0].cash["USD"] == Decimal("5606.00")
    assert events_since(paid, later(two)) == ()


def test_a_split_moves_the_price_of_an_open_order(two: Portfolio, book: Book) -> None:
    """Two units for one: the order is for 20 at 50."""
    order = SentOrder("one", "", "A", "sell", Decimal(10), price=100.0)
    sent = replace(book, blotter=Blotter(date(2022, 12, 29), "", (order,)))
    (after,) = with_event(sent, later(two), "split-A-2022-12-30").blotter.orders
    assert (after.quantity, after.price) == (20, 50.0)


def test_a_dividend_is_of_the_units_that_were_held_before_its_day(two: Portfolio, book: Book) -> None:
    """100 of the 1,200 are sold on the ex-date, and still earn it."""
    split = with_event(book, later(two), "split-A-2022-12-30")
    listed = trade_list(two, Threshold(two.strategic, 0.02))
    moment = datetime(2023, 1, 3, 20, 0, tzinfo=UTC)
    sold = listed.after([Fill("A", "sell", 100, 50, "USD", moment, "1")])  # type: ignore[arg-type]
    after = book_after(split, replace(sold, shares=np.array([1_100.0, 700.0])))
    assert after.last_trade == date(2023, 1, 3)
    (event,) = events_since(after, later(two))
    assert event.cash == {"": Decimal("606.00")}


def test_a_dividend_before_a_split_that_is_booked_is_of_the_units_of_its_day(two: Portfolio, book: Book) -> None:
    """600 × 0.505 = 303.00."""
    market = later(two, split=2, paid=1)
    split = with_event(book, market, "split-A-2023-01-03")
    (event,) = events_since(split, market)
    assert (event.name, event.cash) == ("dividend-A-2022-12-30", {"": Decimal("303.00")})


def test_another_name_and_a_dividend_before_its_split_are_refused(two: Portfolio, book: Book) -> None:
    with pytest.raises(DataError, match="book desk has no split or dividend 'split-B-2022-12-30'"):
        with_event(book, later(two), "split-B-2022-12-30")
    with pytest.raises(DataError, match="dividend-A-2023-01-03 follows split-A-2022-12-30, which is not booked"):
        with_event(book, later(two), "dividend-A-2023-01-03")
