"""Splits and dividends since a book was opened are proposed from the market's data, and booked by name only."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from booked import later, ledger_of, of_book
from by_hand import Desk
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import DataError
from research.orders.after_fills import match_fills, unsent_rows
from research.orders.booking import events_since, open_book, with_event, with_rows
from research.orders.fills import Fill
from research.portfolio import Portfolio, TaxLot, TaxLots, TaxRules
from research.portfolio.holdings.blotter import BUY_OR_SELL, Blotter, BookSplit, SentOrder, Side
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.book_ledger import book_ledger
from research.portfolio.holdings.household import Account

TAX = TaxLots(TaxRules(rate=0.2, short_rate=0.3), ((TaxLot(pd.Timestamp("2020-01-02"), 600.0, 90.0),), ()))


@pytest.fixture
def book(two: Portfolio) -> Book:
    return open_book(replace(two, tax_lots=TAX), "desk")


def lots_of(portfolio: Portfolio, book: Book) -> list[tuple[float, float]]:
    """Units and prices of the lots of A."""
    return [
        (lot.units, lot.price)
        for lot in ledger_of(replace(portfolio, tax_lots=portfolio.tax_lots or TAX), book).lots["A"]
    ]


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
    assert (split.holders[0].units["A"], lots_of(two, split)) == (1_200, [(1_200.0, 45.0)])
    paid = with_event(split, later(two), "dividend-A-2023-01-03")
    assert paid.holders[0].cash["USD"] == Decimal("5606.00")
    assert events_since(paid, later(two)) == ()


def test_a_fraction_that_a_split_leaves_of_whole_units_is_sold(two: Portfolio, book: Book) -> None:
    """600 at 90 are 85 5/7 at 630, of which 5/7 are paid at 700: 500.00, a gain of 50."""
    split = BookSplit("A", date(2022, 12, 30), Decimal(1) / 7, in_lieu=Decimal(700), currency="USD")
    after = replace(book, splits=(split,))
    (holder,), (before,) = after.holders, book.holders
    assert (holder.units["A"], holder.cash["USD"]) == (85, before.cash["USD"] + 500)
    ledger = ledger_of(replace(two, tax_lots=TAX), after)
    assert ledger.realised == {"2022": pytest.approx(50.0, abs=0.01)}
    assert [(lot.units, lot.price) for lot in ledger.lots["A"]] == [(pytest.approx(85.0), pytest.approx(630.0))]


def test_a_split_moves_the_price_of_an_open_order(two: Portfolio, book: Book) -> None:
    """Two units for one: the order is for 20 at 50."""
    order = SentOrder("one", "", "A", "sell", Decimal(10), price=100.0)
    sent = replace(book, asked=date(2022, 12, 29), sent=(order,))
    (after,) = with_event(sent, later(two), "split-A-2022-12-30").blotter.orders
    assert (after.quantity, after.price) == (20, 50.0)


# -- fills since the day of a split that is booked after them ----------------------------------------------------------

SPLIT = "split-A-2022-12-30"
THURSDAY, FRIDAY = (datetime(2022, 12, day, 20, tzinfo=UTC) for day in (29, 30))
TUESDAY = datetime(2023, 1, 3, 20, tzinfo=UTC)


def fill(side: Side, units: int, *, price: int = 50, moment: datetime = FRIDAY, account: str = "") -> Fill:
    name = f"{side}-{units}-{moment:%d}"
    return Fill("A", side, Decimal(units), Decimal(price), "USD", moment, name, account, order_id=f"{side}{account}")


@pytest.fixture(scope="module")
def taxed(desk: Desk) -> Portfolio:
    """100 of A at 90 and 500 at 95, the first in first out, and orders of the close before the split."""
    of_a = TaxLot(pd.Timestamp("2020-01-02"), 100.0, 90.0), TaxLot(pd.Timestamp("2021-01-04"), 500.0, 95.0)
    tax = TaxLots(TaxRules(rate=0.2, short_rate=0.3, lots="first", wash_sale_days=30), (of_a, ()))
    orders = tuple(SentOrder(side, "", "A", side, Decimal(150), price=100.0) for side in BUY_OR_SELL)
    two = desk([100.0, 50.0], [600, 700], 5_000.0, [0.5, 0.5])
    return replace(two, tax_lots=tax, blotter=Blotter(date(2022, 12, 29), "", orders))


def filled(portfolio: Portfolio, book: Book, *fills: Fill) -> Book:
    _, rows, unmatched = match_fills(of_book(portfolio, book), fills)
    assert not unmatched
    return with_rows(book, rows)


def split_of(portfolio: Portfolio, book: Book) -> Book:
    return with_event(book, later(of_book(portfolio, book)), SPLIT)


def test_units_bought_since_a_split_are_not_multiplied_where_it_is_booked_after_them(taxed: Portfolio) -> None:
    """600 × 2 + 100 are held, as 200 at 45, 1,000 at 47.50 and 100 at 50."""
    book = split_of(taxed, filled(taxed, open_book(taxed, "desk"), fill("buy", 100)))
    assert book.holders[0].units["A"] == 1_300
    assert lots_of(taxed, book) == [(200.0, 45.0), (1_000.0, 47.5), (100.0, 50.0)]


def test_units_sold_since_a_split_are_of_lots_after_it_where_it_is_booked_after_them(taxed: Portfolio) -> None:
    """150 are sold of 200 at 45: 150 × 5 = 750 are realised, and nothing is sold at a loss."""
    sold = filled(taxed, open_book(taxed, "desk"), fill("sell", 150))
    assert list(ledger_of(taxed, sold).sold_at_loss) == ["A"]
    book = split_of(taxed, sold)
    assert book.holders[0].units["A"] == 1_050
    assert lots_of(taxed, book) == [(50.0, 45.0), (1_000.0, 47.5)]
    ledger = ledger_of(taxed, book)
    assert (ledger.realised, ledger.sold_at_loss) == ({"2022": pytest.approx(750.0)}, {})


@given(
    st.lists(
        st.tuples(st.sampled_from(BUY_OR_SELL), st.integers(1, 30), st.sampled_from([THURSDAY, FRIDAY, TUESDAY])),
        max_size=5,
    )
)
def test_a_book_is_the_same_whether_a_split_is_booked_before_fills_since_or_after_them(
    taxed: Portfolio, traded: list[tuple[Side, int, datetime]]
) -> None:
    fills = {f.key: f for f in (fill(side, units, moment=moment) for side, units, moment in traded)}.values()
    since = [f for f in fills if f.moment > THURSDAY]
    book = filled(taxed, open_book(taxed, "desk"), *(f for f in fills if f.moment == THURSDAY))
    first, second = filled(taxed, split_of(taxed, book), *since), split_of(taxed, filled(taxed, book, *since))
    assert (first.holders, first.blotter) == (second.holders, second.blotter)
    assert ledger_of(taxed, first) == ledger_of(taxed, second)


def test_each_account_keeps_the_units_that_it_traded_since_a_split(taxed: Portfolio) -> None:
    """400 × 2 - 100 and 200 × 2 + 10; the lots of the sheltered one are not taxed."""
    none = np.zeros(2, dtype=bool)
    accounts = (
        Account("own", "U1", True, np.array([400.0, 700.0]), 5_000.0, none),
        Account("ira", "U2", False, np.array([200.0, 0.0]), 0.0, none),
    )
    lot = TaxLot(pd.Timestamp("2020-01-02"), 400.0, 90.0, "own")
    tax = TaxLots(taxed.tax_lots.rules, ((lot,), ()), sheltered=((replace(lot, units=200.0, account="ira"),), ()))
    orders = tuple(
        SentOrder(f"{side}{name}", name, "A", side, Decimal(100)) for side, name in (("sell", "own"), ("buy", "ira"))
    )
    house = replace(taxed, accounts=accounts, tax_lots=tax, blotter=Blotter(date(2022, 12, 29), "", orders))
    fills = [fill("sell", 100, account="own"), fill("buy", 10, account="ira")]
    book = with_event(with_rows(open_book(house, "desk"), match_fills(house, fills).rows), later(house), SPLIT)
    assert {holder.account: holder.units["A"] for holder in book.holders} == {"own": 700, "ira": 410}
    ledger = ledger_of(house, book)
    assert [(lot.account, lot.units, lot.price) for lot in ledger.lots["A"]] == [
        ("own", 700.0, 45.0), ("ira", 400.0, 45.0), ("ira", 10.0, 50.0)
    ]  # fmt: skip
    assert ledger.realised["2022"] == pytest.approx(500.0)


def test_what_is_left_of_an_order_moves_with_a_split_and_what_was_filled_since_does_not(taxed: Portfolio) -> None:
    """Of 150, which are 300 now, 4 are filled before and 6 since: 8 and 6 are filled, and 286 are left."""
    early = fill("buy", 4, price=100, moment=THURSDAY)
    book = filled(taxed, open_book(taxed, "desk"), early, fill("buy", 6))
    (order, _) = split_of(taxed, book).blotter.orders
    assert (order.filled, order.left, order.price) == (14, 286, 50.0)
    (order, _) = split_of(taxed, replace(book, asked=date(2022, 12, 30))).blotter.orders
    assert (order.quantity, order.price) == (150, 100.0)


def test_what_a_split_adds_and_a_dividend_pays_counts_fills_since_it_as_they_are(taxed: Portfolio) -> None:
    """100 were bought on the day of the split: it adds 600, and (600 × 2 + 100) × 0.505 = 656.50 are paid then."""
    split, dividend = events_since(filled(taxed, open_book(taxed, "desk"), fill("buy", 100)), later(taxed))
    assert (split.units, dividend.cash) == ({"": 600}, {"": Decimal("656.50")})


# -- dividends ---------------------------------------------------------------------------------------------------------


def test_a_dividend_is_of_the_units_that_were_held_before_its_day(two: Portfolio, book: Book) -> None:
    """100 of the 1,200 are sold on the ex-date, and still earn it."""
    split = with_event(book, later(two), "split-A-2022-12-30")
    after = with_rows(split, unsent_rows(two, fill("sell", 100, moment=TUESDAY)))
    assert (after.last_trade, after.holders[0].units["A"]) == (date(2023, 1, 3), 1_100)
    (event,) = events_since(after, later(two))
    assert event.cash == {"": Decimal("606.00")}


def test_a_dividend_before_a_split_that_is_booked_is_of_the_units_of_its_day(two: Portfolio, book: Book) -> None:
    """600 × 0.505 = 303.00."""
    market = later(two, split=2, paid=1)
    (event,) = events_since(with_event(book, market, "split-A-2023-01-03"), market)
    assert (event.name, event.cash) == ("dividend-A-2022-12-30", {"": Decimal("303.00")})


def test_another_name_is_refused(two: Portfolio, book: Book) -> None:
    with pytest.raises(DataError, match="book desk has no split or dividend 'split-B-2022-12-30'"):
        with_event(book, later(two), "split-B-2022-12-30")


# -- rates of their days -----------------------------------------------------------------------------------------------


def test_a_purchase_in_another_currency_has_the_rate_of_its_day_or_that_of_the_broker(taxed: Portfolio) -> None:
    """100 bought at EUR 50 on a day at 1.0599 cost 52.995 each, whatever the rate was when they were booked."""
    book = open_book(taxed, "desk")
    (row,) = match_fills(of_book(taxed, book), [fill("buy", 100)]).rows
    foreign = replace(row, currency="EUR", amount=Decimal(5_000), worth=Decimal("5437.5"))
    assert taxed.tax_lots is not None
    for stated, price in ((None, 52.995), (Decimal("1.07"), 53.5)):
        bought = with_rows(book, [replace(foreign, rate=stated)])
        ledger = book_ledger(bought, taxed.tax_lots.rules, set(), lambda currency, day: {FRIDAY.date(): 1.0599}[day])
        assert ledger.lots["A"][-1].price == pytest.approx(price, rel=1e-12)
    unknown = book_ledger(with_rows(book, [foreign]), taxed.tax_lots.rules, set(), lambda *_: None)
    assert unknown.lots["A"][-1].price == 54.375
