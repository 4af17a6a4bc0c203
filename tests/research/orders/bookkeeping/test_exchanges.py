"""Tables of exchanges and transfers: what they bring to a book, by hand, and in any order of arrival."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from booked import ledger_of
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import DataError
from foundation.table_files import header_of
from research.orders.booking import open_book, without_event
from research.orders.bookkeeping.exchanges import is_table_of_exchanges, with_exchanges
from research.portfolio import Portfolio, TaxLot, TaxLots, TaxRules
from research.portfolio.holdings.blotter import BookedFill, BookExchange, BookSplit, BookTransfer, SentOrder
from research.portfolio.holdings.book import Book, Holder, Opening, book_adapter
from research.portfolio.holdings.cash_entries import CashEntry

DAY = "2022-12-30"
INTO = "asset,date,into,units,cash,currency,price,cost_share\n"
CAME = "asset,date,units,acquired,price,account,currency,id\n"


@pytest.fixture
def book(two: Portfolio) -> Book:
    """600 of A, 1,400 of B, and 5,000 in cash."""
    return open_book(two, "desk")


def booked(book: Book, portfolio: Portfolio, folder: Path, table: str) -> Book:
    path = folder / "events.csv"
    path.write_text(table)
    assert is_table_of_exchanges(header_of(path))
    return with_exchanges(book, portfolio, path)[0]


def held(book: Book) -> dict[str, float]:
    (holder,) = book.holders
    return {of: float(amount) for of, amount in (*holder.units.items(), *holder.cash.items())}


@cases(
    "row, units, cash",
    (f"A,{DAY},B,1,,,,", {"A": 0, "B": 600}, 0),  # a renaming
    (f"A,{DAY},B,0.5,2.5,USD,40,", {"A": 0, "B": 300}, 1_500),  # a merger
    (f"A,{DAY},,,0.07,,,", {"A": 0, "B": 0}, 42),  # a delisting
    (f"A,{DAY},B,0.1,,,,0.2", {"A": 600, "B": 60}, 0),  # a spin-off
)
def test_units_become_others_and_cash(
    two: Portfolio, book: Book, tmp_path: Path, row: str, units: dict[str, float], cash: float
) -> None:
    before = held(book)
    after = booked(book, two, tmp_path, INTO + row + "\n")
    assert held(after) == {"A": units["A"], "B": before["B"] + units["B"], "USD": before["USD"] + cash}
    assert booked(after, two, tmp_path, INTO + row + "\n") == after  # once
    assert without_event(after, two, after.exchanges[0].name) == book
    assert book_adapter().validate_json(book_adapter().dump_json(after)) == after


def test_two_spin_offs_of_one_day_and_a_row_that_is_there_twice(two: Portfolio, book: Book, tmp_path: Path) -> None:
    row = f"A,{DAY},B,0.1,,,,0.2\n"
    assert held(booked(book, two, tmp_path, INTO + row + row))["B"] == held(book)["B"] + 60


def test_an_order_for_what_is_gone_is_dropped(two: Portfolio, book: Book, tmp_path: Path) -> None:
    orders = tuple(SentOrder(name, "", name, "sell", Decimal(10), price=100.0) for name in "AB")
    sent = replace(book, asked=date(2022, 12, 29), sent=orders)
    after = booked(sent, two, tmp_path, f"{INTO}A,{DAY},B,1,,,,\n")
    assert [order.asset for order in after.blotter.open] == ["B"]


def test_units_from_elsewhere_come_with_their_cost_and_day(two: Portfolio, book: Book, tmp_path: Path) -> None:
    after = booked(book, two, tmp_path, f"{CAME}A,{DAY},40,2021-03-01,75.5,,,t1\nA,{DAY},-10,{DAY},0,,,t2\n")
    assert held(after)["A"] == held(book)["A"] + 30
    assert held(after)["USD"] == held(book)["USD"]
    assert booked(after, two, tmp_path, f"{CAME}A,{DAY},40,2021-03-01,75.5,,,t1\n") == after


@cases(
    "table, words",
    (f"{INTO}C,{DAY},B,1,,,,\n", "asset is 'C', which book desk does not hold"),
    (f"{INTO}A,{DAY},C,1,,,,\n", "into is 'C', no asset of the portfolio: add it to `lines`"),
    (f"{INTO}A,{DAY},A,2,,,,\n", "a split comes from the market's data"),
    (f"{INTO}A,{DAY},B,,,,,\n", "units are those of `into` for one"),
    (f"{INTO}A,{DAY},,,,,,\n", "neither `into` nor cash"),
    (f"{INTO}A,{DAY},B,1,2,,,\n", "cash beside B, without its price"),
    (f"{INTO}A,{DAY},B,1,,,,1.5\n", "cost_share is above 0, at most 1"),
    (f"{INTO}A,{DAY},B,x,,,,\n", "units is 'x'. Write a plain number"),
    (f"{INTO}A,30.12.2022,B,1,,,,\n", "date is '30.12.2022'. Write it as YYYY-MM-DD"),
    (f"{INTO}A,2020-01-02,B,1,,,,\n", "have it in them"),
    (f"{INTO}A,{DAY},,,1,EUR,,\n", "currency is 'EUR'. The book has cash in USD"),
    (f"{CAME}A,{DAY},5,2021-03-01,,,,\n", "no price: write what a unit that came had cost"),
    (f"{CAME}A,{DAY},5,2021-03-01,75.5,,,t\nA,{DAY},6,2021-03-01,75.5,,,t\n", "id t is there twice"),
    (f"{CAME}A,{DAY},0,2021-03-01,75.5,,,\n", "units that are none"),
    (f"{CAME}A,{DAY},5,2023-03-01,75.5,,,\n", "acquired after they came"),
    (f"{CAME}A,{DAY},5,2021-03-01,75.5,own,,\n", "account is 'own'"),
    (f"{CAME}A,{DAY},-5000,2021-03-01,75.5,,,\n", "fills sell"),
)
def test_a_mistake_is_refused_with_its_row(two: Portfolio, book: Book, tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(DataError, match="(?s)" + words.replace(".", r"\.").replace("'", "['\"]")):
        booked(book, two, tmp_path, table)


# -- an independent fold -----------------------------------------------------------------------------------------------

FIRST = date(2022, 11, 1)
ASSETS = "ABC"
Event = BookSplit | BookExchange | BookTransfer | BookedFill | CashEntry


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events of all kinds in the order of their days, one a day."""
    found: list[Event] = []
    for k, days in enumerate(sorted(draw(st.sets(st.integers(1, 90), max_size=12)))):
        day, asset, units = FIRST + timedelta(days=days), draw(st.sampled_from(ASSETS)), draw(st.integers(-5, 9))
        kind = draw(st.sampled_from(["split", "exchange", "transfer", "fill", "fill", "cash"]))
        price = Decimal(draw(st.integers(100, 9_999))) / 100
        if kind == "split":
            found.append(BookSplit(asset, day, draw(st.sampled_from([Decimal(2), Decimal("0.1"), Decimal("1.5")]))))
        elif kind == "exchange":
            into = draw(st.sampled_from([other for other in ASSETS if other != asset] + [""]))
            share = draw(st.sampled_from([Decimal(1), Decimal("0.3")])) if into else Decimal(1)
            by = Decimal(draw(st.integers(1, 30))) / 10 if into else Decimal()
            cash = price if draw(st.booleans()) else Decimal()
            found.append(BookExchange(asset, day, into, by, cash, "USD", price, share))
        elif kind == "transfer":
            found.append(BookTransfer(f"t{k}", day, "", asset, Decimal(units), FIRST, price, "USD"))
        elif kind == "fill":
            worth = units * price
            found.append(BookedFill(f"f{k}", "", day, day, "", asset, Decimal(units), worth, "USD", -worth, worth))
        else:
            found.append(CashEntry(f"c{k}", "interest", day, "", "USD", price))
    return found


def folded(events: list[Event]) -> tuple[dict[str, Fraction], Fraction]:
    """Units by asset, and cash, one event after the other."""
    units, cash = dict.fromkeys(ASSETS, Fraction(100)), Fraction(1_000)
    for each in events:
        if isinstance(each, BookSplit):
            units[each.asset] *= Fraction(each.by)
        elif isinstance(each, BookExchange):
            of = units[each.asset]
            if each.into:
                units[each.into] += of * Fraction(each.by)
            units[each.asset] = of if each.share < 1 else Fraction()
            cash += Fraction(round(of * Fraction(each.cash), 2))
        elif isinstance(each, BookTransfer):
            units[each.asset] += Fraction(each.units)
        elif isinstance(each, BookedFill):
            units[each.asset] += Fraction(each.units)
            cash += Fraction(each.cash)
        else:
            cash += Fraction(each.amount)
    return units, cash


@given(histories(), st.randoms())
@settings(max_examples=200)
def test_a_book_is_an_independent_fold_in_any_order_of_arrival(events: list[Event], chance: Any) -> None:
    units, cash = folded(events)
    arrived = list(events)
    chance.shuffle(arrived)

    def of(kind: type) -> tuple[Any, ...]:
        return tuple(each for each in arrived if isinstance(each, kind))

    opening = Opening(FIRST, (Holder("", dict.fromkeys(ASSETS, Decimal(100)), {"USD": Decimal(1_000)}),))
    book = Book("desk", "desk.yaml", "USD", FIRST, opening, splits=of(BookSplit), exchanges=of(BookExchange),
                transfers=of(BookTransfer), fills=of(BookedFill), entries=of(CashEntry))  # fmt: skip
    (holder,) = book.holders
    expected = pytest.approx({asset: float(count) for asset, count in units.items()}, abs=1e-9)
    assert {asset: float(holder.units[asset]) for asset in ASSETS} == expected
    assert holder.cash["USD"] == pytest.approx(Decimal(float(cash)), abs=Decimal("1e-9"))
    days = sorted(event.day for event in events)
    for day, (before,) in zip(days, book.holders_before(days), strict=True):
        then, _ = folded([event for event in events if event.day < day])
        assert {a: float(before.units[a]) for a in ASSETS} == pytest.approx({a: float(n) for a, n in then.items()})


def test_the_lots_of_a_book_go_with_its_units(two: Portfolio, tmp_path: Path) -> None:
    """600 at 90, merged into half as many and 2.5 in cash: a gain of 0.5 x 200 + 2.5 - 90, at most 2.5 a unit."""
    lots = tuple(
        (TaxLot(pd.Timestamp("2020-01-02"), units, price),) for units, price in ((600.0, 90.0), (1_400.0, 80.0))
    )
    taxed = replace(two, tax_lots=TaxLots(TaxRules(rate=0.2, short_rate=0.3), lots))
    merged = booked(open_book(taxed, "desk"), taxed, tmp_path, f"{INTO}A,{DAY},B,0.5,2.5,USD,200,\n")
    ledger = ledger_of(taxed, merged)
    assert ledger.realised == {"2022": pytest.approx(600 * 2.5)}
    assert [(lot.units, lot.price) for lot in ledger.lots["B"]] == [(1_400.0, 80.0), (300.0, pytest.approx(180.0))]
    came = booked(merged, taxed, tmp_path, f"{CAME}A,{DAY},40,2021-03-01,75.5,,,t1\n")
    assert [(lot.units, lot.price) for lot in ledger_of(taxed, came).lots["A"]] == [(40.0, 75.5)]
