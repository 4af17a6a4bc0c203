"""Book and broker asset by line: the differences, and the causes of just these amounts."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from booked import later, of_book

from research.orders.booking import open_book
from research.orders.bookkeeping.activity import Activity
from research.orders.bookkeeping.importing import with_activity
from research.orders.bookkeeping.reconciliation import ReconciledLine, reconcile_positions
from research.orders.fills import Fill
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.blotter import Blotter, SentOrder
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.held_rows import CashLine, HeldRow, Positions

FRIDAY = datetime(2022, 12, 30, 15, 0, tzinfo=UTC)


@pytest.fixture
def book(two: Portfolio) -> Book:
    """100 of A sold at 100.50, of 101; a trade of B by hand and a deposit are not booked."""
    orders = (SentOrder("one", "", "A", "sell", Decimal(101), price=100.0),)
    portfolio = replace(two, blotter=Blotter(date(2022, 12, 29), "", orders))
    sold = Fill("A", "sell", 100, "100.5", "USD", FRIDAY, "1", "v", "one")  # type: ignore[arg-type]
    stray = Fill("B", "buy", 7, 50, "USD", FRIDAY, "2", "v", fees={"fee": 1})  # type: ignore[arg-type,dict-item]
    paid = CashEntry("v:3", "deposit", date(2023, 1, 3), "", "USD", Decimal(1_000))
    book = open_book(portfolio, "desk")
    return with_activity(book, of_book(portfolio, book), Activity((sold, stray), (), (), (paid,)), {}).book


def compared(book: Book, portfolio: Portfolio, a: float, b: float, cash: float) -> dict[str, ReconciledLine]:
    rows = (HeldRow("A", "", a, None, None, 2), HeldRow("B", "", b, None, None, 3))
    positions = Positions("broker.csv", rows, (CashLine("USD", "", cash, "USD", 4),), ())
    lines = reconcile_positions(book, of_book(portfolio, book), positions, open_book(portfolio, "file"))
    return {line.of: line for line in lines}


def test_equal_amounts_have_no_cause(two: Portfolio, book: Book) -> None:
    lines = compared(book, two, 500, 700, 15_050.0)
    expected = [(500, 0, 600, ()), (700, 0, 700, ()), (15_050, 0, 5_000, ())]
    assert [(line.book, line.difference, line.file, line.causes) for line in lines.values()] == expected


def test_each_difference_has_the_cause_of_its_amount(two: Portfolio, book: Book) -> None:
    lines = compared(book, two, 499, 707, 15_050.0 - 351.0)
    assert lines["A"].causes == ("a fill of one to sell A, of which 1 is open",)
    assert lines["B"].causes == ("v:2, which is not booked",)
    assert lines["USD"].causes == ("v:2, which is not booked",)
    lines = compared(book, two, 600, 700, 5_000.0)
    assert lines["A"].causes == ("booked and perhaps not at the broker: fill v:1 of 2022-12-30",)
    assert lines["USD"].causes == (
        "cash of fills that settle after 2022-12-30",
        "booked and perhaps not at the broker: fill v:1 of 2022-12-30",
    )
    both = compared(book, two, 500, 700, 15_050.0 + 649.0)["USD"]  # 1,000 less 351
    assert both.causes == ("together v:2, which is not booked and v:3, which is not booked",)
    assert compared(book, two, 500, 700.5, 15_050.0)["B"].causes == ("perhaps in part v:2, which is not booked",)


def test_splits_and_dividends_that_are_not_booked_are_causes(two: Portfolio) -> None:
    """600 of A are 1,200 after the split, and pay 606.00."""
    book = open_book(two, "desk")
    rows = (HeldRow("A", "", 1_200, None, None, 2),)
    positions = Positions("broker.csv", rows, (CashLine("USD", "", 5_606.0, "USD", 4),), ())
    lines = {line.of: line for line in reconcile_positions(book, later(two), positions, None)}
    assert lines["A"].causes == ("split-A-2022-12-30, which is not booked",)
    assert lines["USD"].causes == ("dividend-A-2023-01-03, which is not booked",)
    assert lines["B"].causes == ("nothing that the book knows explains it", "the broker's file has no row of it")
    assert lines["B"].file is None


def test_accounts_are_compared_by_their_numbers_and_summed_where_the_file_names_none() -> None:
    portfolio = load_portfolio("data/examples/orders_of_accounts.yaml")
    book, assets = open_book(portfolio, "desk"), portfolio.market.assets
    sold = Fill(assets[0], "sell", 1, 100, "USD", FRIDAY, "1", "v", "", portfolio.accounts[0].number)  # type: ignore[arg-type]
    book = with_activity(book, portfolio, Activity((sold,)), {}).book  # which nobody listed
    of_accounts = [(account.number, account.units, account.cash) for account in portfolio.accounts]
    held = tuple(HeldRow(a, number, x, None, None, 2) for number, units, _ in of_accounts
                 for a, x in zip(assets, units.tolist(), strict=True))  # fmt: skip
    cash = tuple(CashLine("USD", number, amount, "USD", 3) for number, _, amount in of_accounts)
    one_less = (replace(held[0], units=held[0].units - 1), *held[1:])
    (differs,) = (
        line for line in reconcile_positions(book, portfolio, Positions("", one_less, cash, ()), book) if line.causes
    )
    assert (differs.account, differs.of, differs.difference) == (portfolio.accounts[0].name, assets[0], -1)
    assert differs.causes == ("v:1, which is not booked",)
    bare = Positions(
        "", tuple(replace(r, account="") for r in one_less), tuple(replace(r, account="") for r in cash), ()
    )
    (differs,) = (line for line in reconcile_positions(book, portfolio, bare, book) if line.causes)
    assert (differs.account, differs.of, differs.difference) == ("all accounts", assets[0], -1)
