"""A book that is read from a state has what the whole of it has: holdings, orders, lots and gains, to the bit."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest

from foundation.errors import DataError
from research.accounting.lots.ledger import LotLedger
from research.accounting.lots.lot import TaxRules
from research.market import Market, instruments_table
from research.portfolio.holdings import book_file, book_ledger
from research.portfolio.holdings.blotter import BookedFill, BookExchange, BookSplit, SentOrder
from research.portfolio.holdings.book import Book, BookLots, HeldLot, Holder, Opening
from research.portfolio.holdings.book_file import book_path, read_book, whole_book, with_splits_of, write_book
from research.portfolio.holdings.book_ledger import kept_ledger
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.rates import Rates
from research.portfolio.holdings.tax_file import rates_until

FIRST = date(2020, 1, 2)
RULES = TaxRules(0.2, 0.37, lots="tax_minimal", wash_sale_days=30)
RATES = {"then": 1.05}  # of the euro on each day


@pytest.fixture(autouse=True)
def _small_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path))
    monkeypatch.setattr(book_file, "STEP", 20)
    monkeypatch.setattr(book_ledger, "EVENTS_A_STATE", 10)


def opened() -> Book:
    """A book of two accounts, one of them sheltered, in two currencies."""
    cash = {"USD": Decimal(1_000_000), "EUR": Decimal(500_000)}
    holders = tuple(
        Holder(name, {"A": Decimal(100), "B": Decimal(50), "C": Decimal(0)}, cash) for name in ("own", "ira")
    )
    lots = tuple(HeldLot(a, name, date(2019, 5, k + 1), n, 90.0 + k)
                 for name in ("own", "ira") for k, (a, n) in enumerate((("A", 100.0), ("B", 50.0))))  # fmt: skip
    return Book("desk", "desk.yaml", "USD", FIRST, Opening(FIRST, holders, BookLots(lots, {}, {"2019": 12.5})))


def drawn_fill(chance: Random, name: str, day: date, held: Book) -> BookedFill:
    """A purchase, or a sale of what the account holds."""
    of = chance.choice(held.holders)
    asset = chance.choice("AB")
    units = Decimal(chance.randint(1, 9))
    if chance.random() < 0.5 and of.units[asset] > 0:
        units = -min(units, of.units[asset])
    price, currency = Decimal(chance.randint(8_000, 12_000)) / 100, "EUR" if asset == "B" else "USD"
    worth, moment = units * price, f"{day}T{chance.randint(10, 20)}:00:00.000000Z"
    return BookedFill(name, "", day, day, of.account, asset, units, worth, currency, -worth, worth, moment=moment)


def grown(chance: Random, book: Book, number: int, newest: date) -> tuple[Book, date]:
    """The book after what came to be known next: mostly of the next days, sometimes of long ago."""
    newest += timedelta(days=chance.randint(0, 6))
    day = newest if chance.random() < 0.9 else FIRST + timedelta(days=chance.randint(1, (newest - FIRST).days or 1))
    kind = chance.choices(["fill", "split", "entry", "undone", "list"], [20, 1, 2, 1, 1])[0]
    if kind == "split":
        split = BookSplit(chance.choice("AB"), day, Decimal(2) if chance.random() < 0.5 else Decimal("0.5"))
        splits = (*book.splits, split)
        return replace(book, splits=splits) if split.name not in {s.name for s in book.splits} else book, newest
    if kind == "entry":
        entry = CashEntry(f"e{number}", "fee", day, "own", "USD", Decimal("-1.25"))
        return replace(book, entries=(*book.entries, entry)), newest
    if kind == "undone" and book.blotter.standing:
        row = chance.choice(book.blotter.standing)
        back = replace(row, units=-row.units, cash=-row.cash, amount=-row.amount, worth=-row.worth, undone=f"u{number}")
        return replace(book, fills=(*book.fills, back)), newest
    if kind == "list":
        order = SentOrder(f"o{number}", "own", "A", "buy", Decimal(5))
        return replace(book, asked=day, ticket=f"{number}", sent=(order,)), newest
    return replace(book, fills=(*book.fills, drawn_fill(chance, f"v:{number}", day, book))), newest


def ledger_of(book: Book) -> LotLedger:
    """Its lots, by a rate of the euro that the history states."""
    return kept_ledger(book, RULES, {"ira"}, lambda *_: RATES["then"], lambda _: f"{RATES['then']}")


def history(seed: int, steps: int = 160) -> Iterator[Book]:
    """Books that are written one after the other, one moment each."""
    chance, book, newest = Random(seed), opened(), FIRST
    for number in range(steps):
        write_book(book, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number))
        yield book
        book, newest = grown(chance, book, number, newest)


def market(chance: Random, last: date) -> Market:
    """Closes of 100 up to a day, with drawn dividends."""
    dates = pd.bdate_range(FIRST, last)
    shape = len(dates), 3
    dividends = np.array([[chance.choice([0.0] * 9 + [0.51]) for _ in range(3)] for _ in dates])
    return Market(
        dates=dates, assets=("A", "B", "C"), returns=np.zeros(shape), tradable=np.ones(shape, bool),
        cash=np.zeros(len(dates)), instruments=instruments_table(["A", "B", "C"]), prices=np.full(shape, 100.0),
        dividends=dividends, splits=np.ones(shape), calendar="24/5", name="drawn",
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_dividends_are_those_of_the_whole_book_after_states_of_states(seed: int) -> None:
    """Each read may keep a state of what the one before gave."""
    quoted = market(Random(seed), FIRST + timedelta(days=700))
    for number, book in enumerate(history(seed)):
        recent = read_book("desk", since=date.max)
        if number % 4 == 0 and recent.opening.day:
            known = recent.opening.earlier[0][0]
            some = [each for each in book.dividends_of(quoted) if each.day > known]
            assert list(recent.dividends_of(quoted)) == some


def test_an_event_of_a_day_before_the_state_is_not_written_into_a_book_that_does_not_count_it() -> None:
    _, recent = with_states(2)
    assert recent.opening.day
    late = CashEntry("late", "deposit", recent.opening.day - timedelta(days=2), "own", "USD", Decimal(5))
    with pytest.raises(ValueError, match="entries late is of"):
        write_book(replace(recent, entries=(*recent.entries, late)), datetime(2027, 1, 2, tzinfo=UTC))
    with pytest.raises(ValueError, match="does not say what was held before"):
        list(recent.holders_before([FIRST]))


@pytest.mark.parametrize("seed", range(4))
def test_dividends_that_are_owed_are_those_of_the_whole_book(seed: int) -> None:
    """Units that were held before an ex-date of up to ninety days ago are in the state."""
    book, recent = with_states(seed)
    assert recent.opening.day
    quoted = market(Random(seed), max(row.day for row in book.fills) + timedelta(days=5))
    owed = recent.with_dividends_of(quoted).owed
    assert owed == book.with_dividends_of(quoted).owed
    assert any(each.day <= recent.opening.day for each in owed)
    assert recent.with_dividends_of(quoted).holders == book.with_dividends_of(quoted).holders


def test_a_split_of_the_market_of_a_day_before_the_state_brings_back_the_whole_book() -> None:
    book, recent = with_states(0)
    assert recent.opening.day
    quoted = market(Random(0), max(row.day for row in book.fills))
    splits = np.ones(quoted.shape)
    splits[20, 0] = 3.0
    quoted = replace(quoted, splits=splits)
    with pytest.raises(ValueError, match="after a split that is not booked"):
        _ = recent.with_splits_of(quoted).holders
    assert with_splits_of(recent, quoted).holders == book.with_splits_of(quoted).holders


def with_states(seed: int) -> tuple[Book, Book]:
    """A book without open orders, whole and from a state."""
    *_, book = history(seed)
    book = replace(book, asked=None, ticket="", sent=())
    write_book(book, datetime(2027, 1, 1, tzinfo=UTC))
    ledger_of(read_book("desk", since=date.max))
    recent = read_book("desk", since=date.max)
    assert recent.opening.day
    return book, recent


@pytest.mark.parametrize("seed", range(6))
def test_a_book_from_a_state_is_the_whole_book(seed: int) -> None:
    begun = 0
    for number, book in enumerate(history(seed)):
        recent = read_book("desk", since=date.max)
        begun += recent.opening.day is not None
        assert recent.holders == book.holders
        assert (recent.last_trade, recent.blotter.orders) == (book.last_trade, book.blotter.orders)
        assert whole_book(recent) == book
        assert recent.fills_until(date.max) == book.fills_until(date.max)
        if number % 3 == 0:
            bare = book_ledger.book_ledger(book, RULES, {"ira"}, lambda *_: RATES["then"])
            kept = ledger_of(recent)
            assert (kept.lots, kept.sold_at_loss) == (bare.lots, bare.sold_at_loss)
            assert {y: g for y, g in kept.realised.items() if g} == {y: g for y, g in bare.realised.items() if g}
    assert begun > 20


def test_a_book_as_it_was_known_comes_from_states_that_were_kept_since() -> None:
    books = list(history(7))
    read_book("desk", since=date.max)
    ledger_of(read_book("desk", since=date.max))
    for number in (5, 60, 110, 150):
        moment = np.datetime64("2026-01-01") + np.timedelta64(number, "D")
        assert read_book("desk", known_on=moment.astype("datetime64[us]")) == books[number]
        recent = read_book("desk", known_on=moment.astype("datetime64[us]"), since=date.max)
        assert recent.holders == books[number].holders
        assert ledger_of(recent).lots == ledger_of(books[number]).lots


def test_lots_follow_other_rules_and_other_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    *_, book = history(3)
    before = ledger_of(read_book("desk", since=date.max))
    first = kept_ledger(book, replace(RULES, lots="first"), {"ira"}, lambda *_: 1.05, lambda _: "1.05")
    kept = kept_ledger(
        read_book("desk", since=date.max), replace(RULES, lots="first"), {"ira"}, lambda *_: 1.05, lambda _: "1.05"
    )
    assert kept.lots == first.lots != before.lots
    monkeypatch.setitem(RATES, "then", 1.25)
    assert ledger_of(read_book("desk", since=date.max)).lots == ledger_of(book).lots != before.lots


def test_rates_up_to_a_day_are_told_apart_also_where_one_lacks() -> None:
    quoted = market(Random(0), FIRST + timedelta(days=30))
    history = np.full(len(quoted.dates), 1.1)
    history[3] = np.nan
    later, other = history.copy(), history.copy()
    later[-1], other[2] = 1.2, 1.2
    day = quoted.dates[-2].date()
    one, two, three = (rates_until(Rates("USD", {}, {("EUR", "USD"): ("EURUSD", of)}), quoted, day)
                       for of in (history, later, other))  # fmt: skip
    assert one == two != three


def test_a_split_that_the_market_knows_of_a_day_before_a_state_is_counted() -> None:
    book, recent = with_states(4)
    assert recent.opening.day
    split = BookSplit("A", recent.opening.day + timedelta(days=3), Decimal(3), assumed=True)
    kept, bare = (ledger_of(replace(each, splits=(*each.splits, split))) for each in (recent, book))
    assert kept.lots == bare.lots


def test_an_exchange_after_a_state_is_counted() -> None:
    book, _ = with_states(5)
    day = max(row.day for row in book.fills) + timedelta(days=1)
    exchange = BookExchange("A", day, "C", Decimal(2), Decimal(1), "USD", Decimal(40), Decimal(1))
    write_book(replace(book, exchanges=(exchange,)), datetime(2027, 1, 1, tzinfo=UTC))
    recent = read_book("desk", since=date.max)
    assert recent.opening.day
    assert (recent.holders, ledger_of(recent).lots) == (read_book("desk").holders, ledger_of(read_book("desk")).lots)


def test_a_changed_state_is_not_used() -> None:
    book, _ = with_states(2)
    with book_file._opened(book_path("desk")) as rows:
        rows.execute("UPDATE states SET content = replace(content, '1000000', '2000000')")
    assert read_book("desk", since=date.max).holders == book.holders


def test_a_fill_that_was_booked_before_the_state_is_not_booked_again() -> None:
    book, recent = with_states(1)
    assert recent.opening.day
    old = next(row for row in book.fills if row.day <= recent.opening.day)
    again = replace(recent.fills[-1], fill_id=old.fill_id)
    with pytest.raises(DataError, match=rf"fill {old.fill_id} of .* is booked already in book desk, on {old.day}"):
        write_book(replace(recent, fills=(*recent.fills, again)), datetime(2027, 1, 1, tzinfo=UTC))
    assert read_book("desk") == book
