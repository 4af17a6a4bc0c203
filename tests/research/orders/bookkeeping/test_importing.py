"""Fills, busts, corrections and cash in any order and from overlapping files: the book is their independent sum."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pandas as pd
import pytest
from booked import later, ledger_of, of_book
from cases import cases
from filled import filled
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import DataError
from research.orders import trade_list
from research.orders.booking import open_book, with_event
from research.orders.bookkeeping.activity import Activity
from research.orders.bookkeeping.corrections import Correction
from research.orders.bookkeeping.importing import with_activity, with_doubts, with_item, without_item
from research.orders.fills import Fill
from research.portfolio import Portfolio, TaxLot, TaxLots, TaxRules, load_portfolio
from research.portfolio.holdings.blotter import Blotter, SentOrder
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.cash_entries import CashEntry

FRIDAY = datetime(2022, 12, 30, 15, 0, tzinfo=UTC)
TUESDAY = date(2023, 1, 3)
CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def sent(desk: Any) -> Portfolio:
    """600 of A at 100, 700 of B at 50, and 5,000 of cash; orders to sell 100 of A and to buy 300 of B are open."""
    portfolio = desk([100, 50], [600, 700], 5_000.0, [0.5, 0.5])
    orders = (
        SentOrder("one", "", "A", "sell", Decimal(100), price=100.0),
        SentOrder("two", "", "B", "buy", Decimal(300), price=50.0),
    )
    return replace(portfolio, blotter=Blotter(date(2022, 12, 29), "", orders))


@pytest.fixture
def book(sent: Portfolio) -> Book:
    return open_book(sent, "desk")


def imported(portfolio: Portfolio, book: Book, *activities: Activity, **orders: str) -> Book:
    """The book after some files, one after the other."""
    for activity in activities:
        book = with_activity(book, of_book(portfolio, book), activity, orders).book
    return book


def fill(side: str, quantity: Any, price: Any, name: str, **more: Any) -> Fill:
    asset, order = {"sell": ("A", "one"), "buy": ("B", "two")}[side]
    about = {"venue": "v", "order_id": order} | more
    return Fill(asset, side, quantity, price, "USD", FRIDAY, name, **about)


def cash(name: str, amount: Any, kind: Any = "deposit", **more: Any) -> CashEntry:
    return CashEntry(name, kind, TUESDAY, "", more.pop("currency", "USD"), Decimal(str(amount)), **more)


def held(book: Book) -> tuple[Decimal, Decimal, Decimal]:
    """Units of A and of B, and cash."""
    (holder,) = book.holders
    return holder.units["A"], holder.units["B"], holder.cash["USD"]


# -- an independent sum ------------------------------------------------------------------------------------------------

PRICES = st.decimals("40", "110", places=3)
QUANTITIES = st.integers(1, 30).map(Decimal)
FEES = st.decimals("-1", "5", places=3)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Fill], list[Correction], list[CashEntry]]:
    """Fills of two orders, busts and corrections of some of them, also of corrections, and deposits."""
    fills = [
        fill(draw(st.sampled_from(["buy", "sell"])), draw(QUANTITIES), draw(PRICES), f"f{k}", fees={"fee": draw(FEES)})
        for k in range(draw(st.integers(1, 3)))
    ]
    corrections = []
    for number, wrong in enumerate(fills):
        last = wrong
        for step in range(draw(st.integers(0, 2))):
            name = f"c{number}.{step}"
            if draw(st.booleans()):
                corrections.append(Correction(f"v:{name}", last.key))
                break
            right = replace(last, quantity=draw(QUANTITIES), price=draw(PRICES), fill_id=name)
            corrections.append(Correction(right.key, last.key, right))
            last = right
    entries = [cash(f"d{k}", draw(st.decimals("-500", "500", places=2))) for k in range(draw(st.integers(0, 3)))]
    return fills, corrections, entries


def independent(
    fills: Sequence[Fill], corrections: Sequence[Correction], entries: Sequence[CashEntry]
) -> tuple[Decimal, Decimal, Decimal]:
    """Units of A and of B, and cash, of the fills that stand: per order, the rounded notional and the rounded fees."""
    standing = {one.key: one for one in fills}
    for each in corrections:
        del standing[each.corrects]
        if each.fill is not None:
            standing[each.key] = each.fill
    units, money = {"A": Decimal(600), "B": Decimal(700)}, Decimal(5_000)
    for asset, way in (("A", -1), ("B", 1)):
        own = [one for one in standing.values() if one.asset == asset]
        units[asset] += way * sum(one.quantity for one in own)
        money -= way * sum((f.quantity * f.price for f in own), Decimal()).quantize(CENT, ROUND_HALF_EVEN)
        money -= sum((f.fees["fee"] for f in own), Decimal()).quantize(CENT, ROUND_HALF_EVEN)
    return units["A"], units["B"], money + sum((each.amount for each in entries), Decimal())


@given(histories(), st.data())
@settings(max_examples=60)
def test_any_order_and_any_overlap_of_files_gives_the_independent_sum(sent: Portfolio, history: Any, data: Any) -> None:
    fills, corrections, entries = history
    book = open_book(sent, "desk")
    rows = data.draw(st.permutations([*fills, *corrections, *entries]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    files = [rows[max(0, a - 1) : b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]  # each overlaps
    files += [rows]
    for file in files:
        parts = [tuple(row for row in file if isinstance(row, kind)) for kind in (Fill, Correction, CashEntry)]
        book = imported(sent, book, Activity(*parts))  # type: ignore[arg-type]
    assert held(book) == independent(fills, corrections, entries)
    assert not book.open_items
    filled = {order.order_id: order.filled for order in book.blotter.orders}
    assert (600 - filled["one"], 700 + filled["two"]) == held(book)[:2]


def test_a_fill_too_large_for_its_order_is_booked_once_a_bust_leaves_room(sent: Portfolio, book: Book) -> None:
    wrong, right = fill("sell", 100, 100, "f1"), fill("sell", 100, 101, "f2")
    waits = imported(sent, book, Activity((wrong, right)))
    (item,) = waits.open_items
    assert (item.name, "The order is for 100, and 100 of it were filled before" in item.why) == ("v:f2", True)
    done = imported(sent, waits, Activity((), (Correction("v:b", "v:f1"),)))
    assert held(done) == (500, 700, 15_100)
    assert [item.resolved for item in done.items] == ["booked"]
    assert done == imported(sent, done, Activity((wrong, right), (Correction("v:b", "v:f1"),)))


def test_a_bust_that_names_no_fill_takes_back_one_of_its_content(sent: Portfolio, book: Book) -> None:
    done = imported(sent, book, Activity((fill("sell", 60, 100, "f1"), fill("sell", 40, 100, "f2"))))
    bust = Correction("v:b", "", like=fill("sell", 40, 100, "x", order_id=""))
    assert held(imported(sent, done, Activity((), (bust,)))) == (540, 700, 11_000)
    equal = imported(sent, book, Activity((fill("sell", 40, 100, "f1"), fill("sell", 40, 100, "f2"))))
    assert held(imported(sent, equal, Activity((), (bust,)))) == (560, 700, 9_000)
    unequal = (fill("sell", 40, 100, "f1"), fill("sell", 40, 100, "f2", fees={"fee": 1}))
    (item,) = imported(sent, imported(sent, book, Activity(unequal)), Activity((), (bust,))).open_items
    assert "2 booked fills are like it. Name it by its id" in item.why


def test_a_fill_in_a_book_of_version_1_is_not_taken_back(sent: Portfolio, book: Book) -> None:
    done = imported(sent, book, Activity((fill("sell", 60, 100, "f1"),)))
    old = replace(done, fills=tuple(replace(row, amount=Decimal(), fees={}) for row in done.fills))
    (item,) = imported(sent, old, Activity((), (Correction("v:b", "v:f1"),))).open_items
    assert "a book of version 1 has it, without its amount. Open another" in item.why


def test_what_comes_after_a_split_was_booked_and_was_before_it_counts_in_units_of_its_day(
    sent: Portfolio, book: Book
) -> None:
    """60 of 600 are sold before a split two for one: 1,080 are left, and (600 - 50 - 40) x 2 after what comes late."""
    done = imported(sent, book, Activity((fill("sell", 60, 100, "f1"),)))
    split = with_event(done, later(of_book(sent, done), split=2, paid=-1), "split-A-2023-01-03")
    assert held(split) == (1_080, 700, 11_000)
    right = replace(fill("sell", 50, 100, "f3"), fill_id="f3")
    late = imported(sent, split, Activity((fill("sell", 40, 100, "f2"),), (Correction("v:f3", "v:f1", right),)))
    assert (held(late), late.open_items) == ((1_020, 700, 14_000), ())
    assert late.blotter.orders[0].filled == 180
    assert held(imported(sent, split, Activity((), (Correction("v:b", "v:f1"),)))) == (1_200, 700, 5_000)


# -- tax lots ----------------------------------------------------------------------------------------------------------


def test_tax_lots_and_gains_after_a_bust_are_those_without_the_fill(sent: Portfolio) -> None:
    """A's lots cost 90 and 95; of 150 that are sold at 101, first in first out, 100 × 11 + 50 × 6 are realised."""
    lots = TaxLots(
        TaxRules(rate=0.2, short_rate=0.3, lots="first"),
        (
            (TaxLot(pd.Timestamp("2020-01-02"), 100.0, 90.0), TaxLot(pd.Timestamp("2021-01-04"), 500.0, 95.0)),
            (TaxLot(pd.Timestamp("2021-01-04"), 700.0, 40.0),),
        ),
    )
    orders = (SentOrder("one", "", "A", "sell", Decimal(150), price=100.0), sent.blotter.orders[1])  # type: ignore[union-attr]
    taxed = replace(sent, tax_lots=lots, blotter=Blotter(date(2022, 12, 29), "", orders))
    book = open_book(taxed, "desk")
    first, second, bought = fill("sell", 100, 101, "f1"), fill("sell", 50, 101, "f2"), fill("buy", 10, 50, "f3")
    whole = imported(taxed, book, Activity((first, second, bought)))
    assert ledger_of(taxed, whole).realised == {"2022": pytest.approx(1_400.0)}
    after = imported(taxed, whole, Activity((), (Correction("v:b", "v:f1"),)))
    alone = imported(taxed, book, Activity((second, bought)))
    assert (after.holders, after.last_trade) == (alone.holders, alone.last_trade)
    assert ledger_of(taxed, after) == ledger_of(taxed, alone)
    assert ledger_of(taxed, after).realised == {"2022": pytest.approx(50 * 11.0)}
    nothing = imported(taxed, after, Activity((), (Correction("v:c", "v:f2"), Correction("v:d", "v:f3"))))
    assert (nothing.holders, nothing.last_trade) == (book.holders, book.last_trade)
    assert ledger_of(taxed, nothing) == ledger_of(taxed, book)


def test_in_accounts_with_tax_lots_and_in_two_currencies_busts_leave_the_fills_that_stand() -> None:
    """Every second fill of a list is busted; the book is that of the others, account by account."""
    for name in ("orders_of_accounts", "orders_in_two_currencies"):
        portfolio = load_portfolio(f"data/examples/{name}.yaml")
        made = trade_list(portfolio, portfolio.policies["quarterly"])
        fills = filled(made, Decimal("0.5"))
        orders = tuple(replace(order, order_id=f"o{k}") for k, order in enumerate(made.sent().blotter.orders))  # type: ignore[union-attr]
        sent = replace(made.sent(), blotter=Blotter(portfolio.date.date(), "", orders))
        book = open_book(sent, "desk")
        busts = tuple(Correction(f":b{k}", each.key) for k, each in enumerate(fills[::2]))
        assert busts
        paid = tuple(
            replace(cash(f"d{each.number}", 10**6, currency=portfolio.basis), account=each.number)
            for each in portfolio.accounts
        )  # of accounts that buy what nothing is sold for
        after = with_activity(book, sent, Activity(tuple(fills), busts, paid), {}).book
        alone = with_activity(book, sent, Activity(tuple(fills[1::2]), (), paid), {}).book
        assert (after.open_items, after.holders) == ((), alone.holders)
        if portfolio.tax_lots is not None:
            assert ledger_of(portfolio, after) == ledger_of(portfolio, alone)
        for mine, other in zip(after.blotter.orders, alone.blotter.orders, strict=True):
            assert (mine.filled, mine.notional, mine.left) == (other.filled, other.notional, other.left)


# -- matching ----------------------------------------------------------------------------------------------------------


def test_a_fill_is_matched_by_the_venues_id_else_by_rule_and_marked(sent: Portfolio, book: Book) -> None:
    by_id, by_rule = fill("sell", 60, 100, "f1", order_id="ib-7"), fill("buy", 10, 50, "f2", order_id="ib-8")
    done = imported(sent, book, Activity((by_id, by_rule)), **{"ib-7": "one"})
    expected = [("v:f1", "one", False), ("v:f2", "two", True)]
    assert [(row.fill_id, row.order_id, row.by_rule) for row in done.blotter.fills] == expected


@cases(
    "stray, why",
    (fill("buy", 301, 50, "f", order_id=""), "The order is for 300, and 0 of it were filled before"),
    (fill("buy", 1, 50, "f", order_id="20221130-00000000000000000000"), "Nobody sent the order to buy B"),
    (Fill("A", "buy", 1, 100, "USD", FRIDAY, "f", "v"), "Nobody sent the order to buy A"),  # type: ignore[arg-type]
    (Fill("X", "buy", 1, 100, "USD", FRIDAY, "f", "v"), "asset is 'X'"),  # type: ignore[arg-type]
    (fill("buy", 1, 50, "f", account="U9"), "account is 'U9'. The portfolio has no accounts"),
)
def test_what_fits_no_order_stays_listed_until_it_is_resolved(
    sent: Portfolio, book: Book, stray: Fill, why: str
) -> None:
    waits = imported(sent, book, Activity((stray,)))
    (item,) = waits.open_items
    assert (item.name, why in item.why, waits.holders) == ("v:f", True, book.holders)
    assert imported(sent, waits, Activity((stray,))) == waits
    gone = without_item(waits, "v:f")
    assert (gone.open_items, imported(sent, gone, Activity((stray,)))) == ((), gone)
    with pytest.raises(DataError, match=r"book desk has no open item 'v:f': its open items are none"):
        without_item(gone, "v:f")


def test_a_booked_fill_that_a_file_states_otherwise_is_corrected_by_name_alone(sent: Portfolio, book: Book) -> None:
    done = imported(sent, book, Activity((fill("sell", 100, 100, "f", fees={"fee": 1}),)))
    other = Activity((fill("sell", 100, 99, "f", fees={"fee": 1}),))
    waits = imported(sent, imported(sent, done, other), other)
    (item,) = waits.open_items
    assert (item.name, held(waits)) == ("v:f-restated", held(done))
    assert (
        "is booked as 10,000 with fees of 1 on 2022-12-30, and the file states 9,900 USD with fees of 1 on" in item.why
    )
    right = with_item(waits, of_book(sent, waits), "v:f-restated")
    assert held(right) == (500, 700, 14_899)
    assert imported(sent, right, other) == right


def test_of_two_orders_that_a_fill_may_be_of_the_user_says_which(sent: Portfolio, book: Book) -> None:
    orders = (*sent.blotter.orders, SentOrder("three", "", "B", "buy", Decimal(20)))  # type: ignore[union-attr]
    book = replace(book, sent=orders)
    waits = imported(sent, book, Activity((fill("buy", 10, 50, "f", order_id=""),)))
    assert "Several orders may be its own, two, three: say which" in waits.open_items[0].why
    done = with_item(waits, of_book(sent, waits), "v:f", "three")
    assert [(order.order_id, order.filled) for order in done.blotter.orders] == [("one", 0), ("two", 0), ("three", 10)]
    assert (held(done), done.open_items) == ((600, 710, 4_500), ())
    larger = imported(sent, book, Activity((fill("buy", 30, 50, "g", order_id=""),)))  # of which 20 are not open
    assert larger.blotter.fills[0].order_id == "two"


def test_a_trade_that_nobody_listed_is_booked_by_name_and_taken_back(sent: Portfolio, book: Book) -> None:
    stray = Fill("A", "buy", 10, "100.005", "USD", FRIDAY, "f", "v", fees={"fee": "1"})  # type: ignore[arg-type,dict-item]
    waits = imported(sent, book, Activity((stray,)))
    done = with_item(waits, of_book(sent, waits), "v:f")
    assert held(done) == (610, 700, Decimal("3998.95"))
    assert done.blotter.orders == book.blotter.orders
    right = replace(stray, quantity=Decimal(20), price=Decimal(100), fill_id="g")
    assert held(imported(sent, done, Activity((), (Correction("v:g", "v:f", right),)))) == (620, 700, 2_999)
    assert held(imported(sent, done, Activity((), (Correction("v:b", "v:f"),)))) == held(book)


def test_fills_and_cash_up_to_the_opening_are_left_aside(sent: Portfolio, book: Book) -> None:
    early = replace(fill("sell", 10, 100, "f", order_id=""), moment=datetime(2022, 12, 29, 15, tzinfo=UTC))
    paid = replace(cash("d", 10), day=date(2022, 12, 29))
    read = with_activity(book, of_book(sent, book), Activity((early,), (), (paid,)), {})
    assert read.book == book
    assert read.notes == (
        "Left aside: 1 fill of 2022-12-29 or before, which the holdings of the book have in them.",
        "Left aside: 1 amount of cash of 2022-12-29 or before.",
    )


# -- cash --------------------------------------------------------------------------------------------------------------


def test_cash_without_an_id_is_booked_by_name_alone(sent: Portfolio, book: Book) -> None:
    waits = imported(sent, book, Activity((), (), (), (cash("interest-1", "12.34", "interest"),)))
    assert (held(waits)[2], [item.name for item in waits.open_items]) == (5_000, ["interest-1"])
    done = with_item(waits, of_book(sent, waits), "interest-1")
    assert held(done)[2] == Decimal("5012.34")
    assert imported(sent, done, Activity((), (), (), (cash("interest-1", "12.34", "interest"),))) == done


def test_a_fee_in_a_coin_takes_its_units_and_comes_back_with_a_bust(sent: Portfolio, book: Book) -> None:
    fee = cash("v:f fee", "-0.25", "fee", currency="B", fill="v:f")
    other = cash("v:f tax", "-3", "fee", currency="XYZ", fill="v:f")
    done = imported(sent, book, Activity((fill("buy", 100, 50, "f"),), (), (fee, other)))
    assert held(done) == (600, Decimal("799.75"), 0)
    assert "the book has cash in USD. State XYZ" in done.open_items[0].why
    assert held(imported(sent, done, Activity((), (Correction("v:b", "v:f"),)))) == held(book)
    waits = imported(sent, done, Activity((fill("buy", 100, 49, "f"),)))
    right = with_item(waits, of_book(sent, waits), "v:f-restated")
    assert held(right) == (600, 800, 100)  # the right fill has no such fee
    unbooked = imported(sent, book, Activity((fill("buy", 1, 50, "g", order_id="", account="U9"),), (), (fee,)))
    assert held(unbooked) == held(book)
    assert "its fill, v:f, is not booked" in unbooked.open_items[1].why


def test_a_withdrawal_of_more_than_there_is_is_refused_with_all_of_its_file(sent: Portfolio, book: Book) -> None:
    said = r"book desk would be left with -1\.00 USD of cash, and holds no debt: nothing is"
    with pytest.raises(DataError, match=said):
        imported(sent, book, Activity((), (), (cash("w", -5_001, "withdrawal"),)))


# -- one fill under two names ------------------------------------------------------------------------------------------


def half(name: str, units: int = 20, price: str = "50.1", **more: Any) -> Fill:
    return fill("buy", units, price, name, **more)


@cases(
    "stated",
    half("7", venue="ib"),
    half("7", venue="ib", order_id=""),  # of the only open order of its asset and side
    half("7", venue="ib", price="50.10"),
    half("7", venue="ib", price="50"),  # to the digits that the file has
    half("7", venue="ib", units=40, price="50.05"),  # both fills of the day in a row
)
def test_a_fill_that_another_venue_may_have_told_is_kept_for_a_person(
    sent: Portfolio, book: Book, stated: Fill
) -> None:
    """Of 300 that are ordered, 40 are booked: there is room for as many again."""
    before = imported(sent, book, Activity((half("1"), half("2", price="50"))))
    after = imported(sent, before, Activity((stated,)))
    assert (after.holders, after.blotter) == (before.holders, before.blotter)
    (item,) = after.open_items
    assert item.name == "ib:7"
    assert "is booked with the same order, units and price. Dismiss this one if it is the same" in item.why
    assert without_item(after, "ib:7").open_items == ()
    assert imported(sent, without_item(after, "ib:7"), Activity((stated,))).open_items == ()


def test_a_person_books_a_fill_that_was_in_doubt(sent: Portfolio, book: Book) -> None:
    after = imported(sent, book, Activity((half("1"),)), Activity((half("7", venue="ib"),)))
    assert after.holders[0].units["B"] == 720
    assert with_item(after, of_book(sent, after), "ib:7", "two").holders[0].units["B"] == 740


@cases(
    "other",
    half("7"), half("7", venue="ib", units=19), half("7", venue="ib", price="50.2"),
    replace(half("7", venue="ib"), moment=datetime(2023, 1, 3, 15, 0, tzinfo=UTC)),
)  # fmt: skip
def test_another_fill_of_an_order_is_booked(sent: Portfolio, book: Book, other: Fill) -> None:
    after = imported(sent, book, Activity((half("1"),)), Activity((other,)))
    assert (after.open_items, after.holders[0].units["B"]) == ((), 720 + other.quantity)


def test_fills_that_a_venue_tells_after_a_file_are_in_doubt_too(sent: Portfolio, book: Book) -> None:
    before = imported(sent, book, Activity((half("7", venue="ib", order_id=""),)))
    mine, other = half("1"), half("2", units=10)
    after, new = with_doubts(before, of_book(sent, before), [mine, other])
    assert ([item.name for item in after.open_items], new) == (["v:1"], [other])
    assert with_doubts(without_item(after, "v:1"), of_book(sent, before), [mine, other])[1] == [other]
