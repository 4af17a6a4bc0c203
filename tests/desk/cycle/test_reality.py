"""Book and venue beside each other: splits by name, orders that are open, several accounts, what nobody knows."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from watched import steady

from desk.cycle.reality import AtVenue, book_differences, reality_of, stray_cash, without_choices
from research.orders.booking import open_book
from research.orders.bookkeeping.importing import with_activity
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.blotter import SentOrder
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.held_rows import CashLine, HeldRow, Positions

OPENED, SPLIT = "2022-07-28", "2022-08-02"


@pytest.fixture
def held(tmp_path: Path) -> tuple[Book, Portfolio]:
    """A book of 60 A, 80 B and no cash, and its portfolio, in whose market A was split two for one since."""
    file = steady(tmp_path)
    book, portfolio = open_book(load_portfolio(file, as_of=OPENED), "steady"), load_portfolio(file)
    splits = np.ones(portfolio.market.shape)
    splits[portfolio.market.row(SPLIT), 0] = 2.0
    return book, replace(portfolio, market=replace(portfolio.market, splits=splits))


def there(cash: float = 0.0, has_open: bool = False, **units: float) -> AtVenue:
    """A venue that has these units."""
    rows = tuple(HeldRow(name, "", count, 0.0, None, 1) for name, count in units.items())
    return AtVenue(
        Positions("alpaca", rows, (CashLine("USD", "", cash, "USD", 1),), ()), (), frozenset({"o1"} if has_open else ())
    )


def test_equal_amounts_agree(held: tuple[Book, Portfolio]) -> None:
    assert book_differences(*held, there(A=60, B=80)) == ()
    assert reality_of((), "steady", "alpaca").agrees


def test_a_split_by_the_market_is_offered_by_name(held: tuple[Book, Portfolio]) -> None:
    (split,) = found = book_differences(*held, there(A=120, B=80))
    assert (split.names, split.rest) == ((f"split-A-{SPLIT}",), 0)
    assert reality_of(found, "steady", "alpaca").bookings == (f"rebalance desk book settle steady split-A-{SPLIT}",)


def test_an_asset_that_the_portfolio_does_not_name_is_a_difference(held: tuple[Book, Portfolio]) -> None:
    (other,) = book_differences(*held, there(A=60, B=80, TSLA=5))
    assert (other.of, other.book, other.venue, other.names) == ("TSLA", 0, 5, ())


def with_choices(held: tuple[Book, Portfolio], cash: float, day: date) -> Book:
    """The book with the kinds that the cash of a venue beyond its own may be of."""
    book, portfolio = without_choices(held[0], "alpaca"), held[1]
    listed = stray_cash(book_differences(book, portfolio, there(cash, A=60, B=80)), "alpaca", day)
    return with_activity(book, portfolio, listed, {}).book


@pytest.mark.parametrize(("cash", "kinds"), [(100.0, ("deposit", "interest")), (-100.0, ("fee", "withdrawal"))])
def test_a_person_says_of_which_kind_cash_is(held: tuple[Book, Portfolio], cash: float, kinds: tuple[str, ...]) -> None:
    book, portfolio = with_choices(held, cash, date(2022, 8, 4)), held[1]
    (line,) = found = book_differences(book, portfolio, there(cash, A=60, B=80))
    assert (line.names, line.rest) == ((), Decimal(cash))
    assert f"of 100.00 the kind is not known: {' or '.join(kinds)}" in line.sentence
    call = "rebalance desk book settle steady alpaca-{0}-2022-08-04-100.0-USD  # if it is of the kind {0}"
    assert reality_of(found, "steady", "alpaca").bookings == tuple(map(call.format, kinds))
    assert not stray_cash(
        book_differences(book, portfolio, there(7.0, A=59, B=80)), "alpaca", date(2022, 8, 4)
    ).proposals


def test_more_cash_replaces_what_was_proposed_for_less(held: tuple[Book, Portfolio]) -> None:
    book = with_choices(held, 100.0, date(2022, 8, 1))
    book = with_choices((book, held[1]), 150.0, date(2022, 8, 2))
    assert [item.name for item in book.open_items] == [
        "alpaca-deposit-2022-08-02-150.0-USD", "alpaca-interest-2022-08-02-150.0-USD"
    ]  # fmt: skip


def test_a_dividend_that_the_market_knows_later_comes_before_what_was_proposed(held: tuple[Book, Portfolio]) -> None:
    book = with_choices(held, 30.0, date(2022, 8, 1))
    dividends = np.zeros(held[1].market.shape)
    dividends[held[1].market.row(SPLIT), 0] = 0.5
    paid = replace(held[1], market=replace(held[1].market, splits=None, dividends=dividends))
    (line,) = book_differences(book, paid, there(30.0, A=60, B=80))
    assert (line.names, line.rest, line.choices) == ((f"dividend-A-{SPLIT}",), 0, ())


@pytest.mark.parametrize(("units", "differs"), [(60, False), (55, False), (50, False), (49, True), (61, True)])
def test_what_is_open_there_may_be_filled_or_put_aside(
    held: tuple[Book, Portfolio], units: float, differs: bool
) -> None:
    book, portfolio = held
    sold = SentOrder("o1", "", "A", "sell", Decimal(10))
    book = replace(book, sent=(sold,))
    assert bool(book_differences(book, portfolio, there(1_000.0, has_open=True, A=units, B=80))) == differs
    assert {each.of for each in book_differences(book, portfolio, there(1_000.0, A=units, B=80))} >= {"USD"}
