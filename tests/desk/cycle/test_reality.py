"""Book and venue beside each other: splits by name, orders that are open, several accounts, what nobody knows."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from watched import steady

from desk.cycle.reality import AtVenue, differences, reality_of, stray_cash
from research.orders.booking import open_book
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.blotter import SentOrder
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.positions import CashLine, HeldRow, Positions

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
    return AtVenue(Positions("alpaca", rows, (CashLine("USD", "", cash, "USD", 1),), ()), (), has_open)


def test_equal_amounts_agree(held: tuple[Book, Portfolio]) -> None:
    assert differences(*held, there(A=60, B=80)) == ()
    assert reality_of((), "steady", "alpaca").agrees


def test_a_split_by_the_market_is_offered_by_name(held: tuple[Book, Portfolio]) -> None:
    (split,) = found = differences(*held, there(A=120, B=80))
    assert (split.names, split.rest) == ((f"split-A-{SPLIT}",), 0)
    assert reality_of(found, "steady", "alpaca").bookings == (f"rebalance book resolve steady split-A-{SPLIT}",)


def test_an_asset_that_the_portfolio_does_not_name_is_a_difference(held: tuple[Book, Portfolio]) -> None:
    (other,) = differences(*held, there(A=60, B=80, TSLA=5))
    assert (other.of, other.book, other.venue, other.names) == ("TSLA", 0, 5, ())


def test_cash_is_a_deposit_unless_units_differ_that_nothing_explains(held: tuple[Book, Portfolio]) -> None:
    day = date(2022, 8, 4)
    (deposit,) = stray_cash(differences(*held, there(100.0, A=60, B=80)), "alpaca", day).proposals
    assert (deposit.kind, deposit.amount, deposit.entry_id) == ("deposit", 100, "alpaca-deposit-2022-08-04-100.0-USD")
    assert not stray_cash(differences(*held, there(100.0, A=59, B=80)), "alpaca", day).proposals


@pytest.mark.parametrize(("units", "differs"), [(60, False), (55, False), (50, False), (49, True), (61, True)])
def test_what_is_open_there_may_be_filled_or_put_aside(
    held: tuple[Book, Portfolio], units: float, differs: bool
) -> None:
    book, portfolio = held
    sold = SentOrder("o1", "", "A", "sell", Decimal(10))
    book = replace(book, blotter=replace(book.blotter, orders=(sold,)))
    assert bool(differences(book, portfolio, there(1_000.0, has_open=True, A=units, B=80))) == differs
    assert {each.of for each in differences(book, portfolio, there(1_000.0, A=units, B=80))} >= {"USD"}
