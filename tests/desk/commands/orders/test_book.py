"""`rebalance desk book`: opened once, shown, written after fills, and resolved by name; the user's file stays."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from commanded import FILE, TRADES, rebalance

from desk.commands.orders import book as books
from desk.commands.orders import fills as of_fills
from desk.commands.orders.book_text import book_text
from desk.journal import Journal
from desk.journal.journal import utc_now
from desk.tickets.formats import ticket_json
from desk.tickets.ticket import Ticket, make_ticket
from foundation.canonical import content_hash
from foundation.errors import DataError
from research.orders import trade_list
from research.orders.bookkeeping.activity import Activity
from research.orders.bookkeeping.corrections import Correction
from research.orders.bookkeeping.importing import with_activity
from research.orders.fills import Fill
from research.portfolio import load_portfolio
from research.portfolio.file.known_on import BOOKS_KNOWN_ON, KNOWN_ON
from research.portfolio.holdings import book_file
from research.portfolio.holdings.blotter import BookedFill, SentOrder, SoldLot
from research.portfolio.holdings.book import BookItem
from research.portfolio.holdings.book_file import read_book, write_book
from research.portfolio.holdings.cash_entries import CashEntry

LOTS = FILE.parents[2] / "data/examples/orders_with_tax_lots.yaml"
FRIDAY = datetime(2022, 12, 30, 15, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A portfolio file whose book is open, and that reads it."""
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    made = tmp_path / "desk.yaml"
    made.write_text(FILE.read_text())
    books.open_from(made, "desk")
    made.write_text(re.sub(r", shares: [0-9_]*|(?m:^cash: .*)", "", FILE.read_text()) + "\npositions: {book: desk}\n")
    return made


@pytest.fixture
def ticket(file: Path) -> Ticket:
    portfolio = load_portfolio(file)
    return make_ticket(trade_list(portfolio, portfolio.policies["threshold"]))


def document(ticket: Ticket) -> dict[str, Any]:
    return {"hash": ticket.hash, **ticket.document}


def filled(ticket: Ticket, part: float) -> list[Fill]:
    return [
        Fill(o.asset, o.side, round((o.quantity or 0) * part), o.price, "USD", FRIDAY, f"{o.asset}-{part}", "paper",
             o.client_order_id, fees=o.cost)
        for o in ticket.orders
    ]  # fmt: skip


def test_a_book_without_fills_has_settled_at_its_opening(file: Path) -> None:
    assert "settled on 2022-12-29 " in book_text("desk")


def test_a_list_from_the_book_is_sent_half_filled_completed_and_then_empty(file: Path, ticket: Ticket) -> None:
    assert [(o.side, o.asset, o.quantity) for o in ticket.orders] == [("sell", "SPY", 133), ("buy", "AGG", 721)]
    before = file.read_text()
    books.book_sent("desk", document(ticket))
    half = filled(ticket, 0.5)
    books.book_fills("desk", half)
    again = rebalance(*TRADES, file)
    assert "Reason: orders of the last list are not filled: this one completes them." in again.out
    assert re.search(r"SPY +sell +67 ", again.out)  # of 133, 66 are filled
    assert re.search(r"AGG +buy +361 ", again.out)
    rest = [Fill(f.asset, f.side, {"SPY": 67, "AGG": 361}[f.asset], f.price, "USD", FRIDAY, f"{f.asset}-2", "paper",
                 f.order_id) for f in half]  # fmt: skip
    made = books.book_fills("desk", [*half, *rest])  # those that are booked already are left out
    assert {asset: float(units) for asset, units in made.holders[0].units.items()} == {"SPY": 3_127.0, "AGG": 8_181.0}
    assert "No trade: AGG is 0.10 points under target, within the 3.00 allowed." in rebalance(*TRADES, file).out
    assert file.read_text() == before


def test_the_book_shows_holdings_cash_on_settlement_and_what_is_open(file: Path, ticket: Ticket) -> None:
    books.book_sent("desk", document(ticket))
    books.book_fills("desk", filled(ticket, 0.5)[:1])
    shown = rebalance("desk", "book", "show", "desk").out
    assert re.search(r"^SPY +3,194$", shown, re.MULTILINE)
    assert re.search(r"^USD +21,350.40 +46,647.24$", shown, re.MULTILINE)  # 66 × 383.44, less 10.20 of costs
    assert re.search(r"sell +SPY +133 +67$", shown, re.MULTILINE)
    assert f"Ticket: {ticket.hash}" in shown


def test_a_list_is_made_again_from_the_book_as_it_was_known_then(
    file: Path, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the list is filled since."""
    for name in (KNOWN_ON, BOOKS_KNOWN_ON):
        monkeypatch.setenv(name, "")
    moment, before = f"{utc_now():%Y-%m-%dT%H:%M:%S.%f}", rebalance(*TRADES, file).out
    books.book_sent("desk", document(ticket))
    books.book_fills("desk", filled(ticket, 0.5))
    assert rebalance(*TRADES, file).out != before
    assert rebalance(*TRADES, file, "--as-known-on", moment).out == before
    early = f"{datetime.fromisoformat(moment) - timedelta(days=1):%Y-%m-%dT%H:%M:%S.%f}"
    unknown = rebalance(*TRADES, file, "--as-known-on", early)
    assert (unknown.status, f"nothing of book 'desk' was known on {early}" in unknown.said) == (2, True)


def test_an_open_order_is_dropped_by_its_id(file: Path, ticket: Ticket) -> None:
    books.book_sent("desk", document(ticket))
    ids = [order.client_order_id for order in ticket.orders]
    assert "No order is open." in rebalance("desk", "book", "settle", "desk", *ids).out


def test_a_ticket_that_was_sent_is_not_sent_again(file: Path, ticket: Ticket) -> None:
    books.book_sent("desk", document(ticket))
    booked = books.book_fills("desk", filled(ticket, 0.5))
    assert books.book_sent("desk", document(ticket)) == booked


def test_a_ticket_of_an_earlier_close_does_not_replace_the_orders_of_a_newer_one(
    file: Path, ticket: Ticket, tmp_path: Path
) -> None:
    earlier = replace(ticket, last_close="2022-12-28")
    books.book_sent("desk", document(earlier))
    newer = books.book_sent("desk", document(ticket))  # as it may: nothing of the first is filled
    assert (newer.blotter.ticket, str(newer.blotter.asked)) == (ticket.hash, "2022-12-29")
    with pytest.raises(DataError, match=r"is of the close of 2022-12-28, and one of 2022-12-29 was sent since"):
        books.book_sent("desk", document(earlier))
    written, fills = tmp_path / "earlier.json", tmp_path / "fills.csv"
    written.write_bytes(ticket_json.write(earlier))
    fills.write_text(FILLS)
    done = rebalance("desk", "book", "fill", "desk", fills, "--ticket", written)
    assert (done.status, "one of 2022-12-29 was sent since. Leave the ticket out" in done.said) == (2, True)
    assert books.read_book("desk") == newer


def test_a_ticket_with_booked_fills_is_not_sent_after_another_one_of_the_same_close(file: Path, ticket: Ticket) -> None:
    books.book_sent("desk", document(ticket))
    books.book_fills("desk", filled(ticket, 0.5))
    portfolio = load_portfolio(file)
    second = make_ticket(trade_list(portfolio, portfolio.policies["threshold"]))
    assert [order.quantity for order in second.orders] == [67, 361]
    newer = books.book_sent("desk", document(second))
    ids = sorted(order.client_order_id for order in ticket.orders)
    with pytest.raises(DataError, match=f"fills of {', '.join(ids)} are booked, and another list was sent since"):
        books.book_sent("desk", document(ticket))
    assert books.read_book("desk") == newer


def test_fills_of_another_order_are_refused_and_the_book_stays(file: Path, ticket: Ticket) -> None:
    before = books.book_sent("desk", document(ticket))
    wrong = Fill("SPY", "sell", 10, 383.44, "USD", FRIDAY, "1", order_id="20221229-00000000000000000000")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="Nobody sent the order to sell SPY"):
        books.book_fills("desk", [wrong])
    assert books.read_book("desk") == before


def test_a_book_is_opened_once(file: Path) -> None:
    done = rebalance("desk", "book", "open", FILE, "--as", "desk")
    assert done.status == 2
    assert "book 'desk' is open already" in done.said


@pytest.mark.parametrize(("name", "told"), [("desk", False), ("other", True)])
def test_the_line_of_a_book_is_asked_for_where_the_file_has_none(file: Path, name: str, told: bool) -> None:
    stated = FILE.read_text() + "\npositions: {book: desk}\n"
    file.write_text(stated)
    books.book_path("desk").unlink()
    done = rebalance("desk", "book", "open", file, "--as", name)
    assert done.out.startswith(f"Book {name} of ")
    assert (f"Write `positions: {{book: {name}}}` into" in done.out) is told


# -- fills from a table ----------------------------------------------------------------------------------------------

HEADER = "fill_id,moment,asset,side,quantity,price,currency,venue,fees\n"
FILLS = (
    f"{HEADER}1,2022-12-30T15:00:00Z,SPY,sell,133,383.50,USD,paper,5.10\n"
    "2,2022-12-30T10:00:00-05:00,AGG,buy,400,97.40,USD,,\n"
)


def test_fills_of_a_written_list_are_booked_from_a_table_once(file: Path, tmp_path: Path) -> None:
    ticket, fills = tmp_path / "tonight.json", tmp_path / "fills.csv"
    assert rebalance(*TRADES, file, "--out", ticket).status == 0
    fills.write_text(FILLS)
    done = rebalance("desk", "book", "fill", "desk", fills, "--ticket", ticket)
    assert done.status == 0, done.said
    cash = "33,390.80"  # 21,350.40 + 133 × 383.50 - 5.10 - 400 × 97.40
    assert re.search(rf"^USD .* {cash}$", done.out, re.MULTILINE)
    assert re.search(r"buy +AGG +721 +321$", done.out, re.MULTILINE)
    shown, booked = done.out.rsplit("\n\n", 1)
    assert booked == "fills.csv: booked 2 fills.\n"
    for more in (("--ticket", ticket), ()):
        again = rebalance("desk", "book", "fill", "desk", fills, *more)
        assert again.out.rsplit("\n\n", 1) == [shown, "fills.csv: nothing new to book.\n"]
    journal = rebalance("desk", "journal").out
    assert journal.count("sell 133 SPY at 383.5 USD on paper, fee 5.1 USD") == 1
    with Journal() as opened:  # limits of the day count those of the portfolio
        assert [entry.portfolio for entry in opened.entries(kind="fill")] == ["Sixty-forty"] * 2


def test_mistakes_of_a_table_of_fills_are_told_with_their_rows_and_nothing_is_booked(
    file: Path, ticket: Ticket, tmp_path: Path
) -> None:
    before, fills = books.book_sent("desk", document(ticket)), tmp_path / "fills.csv"
    rows = [
        "1,2022-12-30 15:00,SPY,sell,1,383.5,USD,,",
        "2,2022-12-30T15:00Z,AGG,buy,-4,97.4,USD,,",
        "3,2022-12-30T15:00Z,AGG,,4,97.4,USD,,",
        "4,5",
    ]
    fills.write_text(HEADER + "\n".join(rows) + "\n")
    with pytest.raises(DataError) as told:
        of_fills.fill_from("desk", fills)
    for said in ("row 2: '2022-12-30 15:00' states no time zone", "row 4: nothing says whether AGG is bought or sold"):
        assert f"fills.csv, {said}" in str(told.value)
    fills.write_text("fill_id,moment,asset\n")
    with pytest.raises(
        DataError, match=r"fills\.csv: no table of transactions, .*: found 'fill_id', 'moment', 'asset'"
    ):
        of_fills.fill_from("desk", fills)
    assert books.read_book("desk") == before


def test_fills_with_the_ticket_of_an_earlier_list_are_refused_and_the_open_orders_stay(
    file: Path, ticket: Ticket, tmp_path: Path
) -> None:
    earlier, later, fills = tmp_path / "earlier.json", tmp_path / "later.json", tmp_path / "fills.csv"
    assert rebalance(*TRADES, file, "--out", earlier).status == 0
    fills.write_text(FILLS)
    assert rebalance("desk", "book", "fill", "desk", fills, "--ticket", earlier).status == 0
    assert rebalance(*TRADES, file, "--out", later).status == 0  # AGG is open
    fills.write_text(f"{HEADER}3,2022-12-30T16:00:00Z,AGG,buy,21,97.40,USD,,\n")
    shown = rebalance("desk", "book", "fill", "desk", fills, "--ticket", later).out
    assert re.search(r"buy +AGG +321 +300$", shown, re.MULTILINE)
    done = rebalance("desk", "book", "fill", "desk", fills, "--ticket", earlier)
    assert (done.status, "are booked, and another list was sent since. Leave the ticket out" in done.said) == (2, True)
    assert f"{rebalance('desk', 'book', 'show', 'desk').out}\nfills.csv: booked 1 fill.\n" == shown


def test_fills_of_a_day_before_their_book_or_their_order_are_not_booked(
    file: Path, ticket: Ticket, tmp_path: Path
) -> None:
    books.book_sent("desk", document(ticket))
    before, order, fills = books.read_book("desk"), ticket.orders[0].client_order_id, tmp_path / "fills.csv"
    fills.write_text(f"{HEADER}1,2022-12-28T16:00:00Z,SPY,sell,21,383.40,USD,{order},\n")
    done = rebalance("desk", "book", "fill", "desk", fills)
    assert "Left aside: 1 fill of 2022-12-29 or before, which the holdings of the book have in them." in done.out
    assert books.read_book("desk") == before
    early = replace(filled(ticket, 0.5)[0], moment=FRIDAY - timedelta(days=2))
    with pytest.raises(
        DataError, match=r"moment is '2022-12-28'\. The order was sized at the close of 2022-12-29: corr"
    ):
        books.book_fills("desk", [early])


def test_a_list_of_another_file_is_not_filled(file: Path, ticket: Ticket, tmp_path: Path) -> None:
    other, fills = tmp_path / "other.json", tmp_path / "fills.csv"
    assert rebalance(*TRADES, FILE, "--out", other).status == 0
    fills.write_text(FILLS)
    done = rebalance("desk", "book", "fill", "desk", fills, "--ticket", other)
    assert (done.status, "and book 'desk' belongs to desk.yaml: give a list of that" in done.said) == (2, True)


# -- books of version 2 ------------------------------------------------------------------------------------------------


def test_gains_that_version_2_kept_in_another_year_are_shown_until_a_person_takes_those_by_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """132 of SPY were sold on 30 December 2022: their gain was kept in 2023, the year of the next list."""
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path))
    parts = json.loads((Path(__file__).parents[3] / "research/portfolio/holdings/book_of_version_2.json").read_text())
    gain = parts["realised"]["2022"]
    parts |= {"realised": {"2022": 0.0, "2023": gain}, "file": str(Path(parts["file"]).absolute())}
    del parts["fingerprint"]
    file = tmp_path / "books" / "desk.json"
    file.parent.mkdir()
    file.write_text(json.dumps(parts | {"fingerprint": content_hash(parts)}))
    by_day, kept = f"2022 {gain:,.2f}", f"2022 0.00, 2023 {gain:,.2f}"
    shown = rebalance("desk", "book", "show", "desk")
    assert (
        f"Net gains by year, by the day of each sale: {by_day} USD\nAs an earlier version kept them: {kept}."
        in shown.out
    )
    assert "to take them for good: rebalance desk book settle desk gains" in shown.out
    taken = rebalance("desk", "book", "settle", "desk", "gains")
    assert f"Net gains by year: {by_day} USD" in taken.out
    again = rebalance("desk", "book", "settle", "desk", "gains")
    assert (again.status, "has no gains to be taken" in again.said) == (2, True)


# -- lots that a list names --------------------------------------------------------------------------------------------


@pytest.fixture
def lots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A portfolio file with tax lots, whose book is open."""
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    file, content = tmp_path / "lots.yaml", LOTS.read_text().replace("3_300", "2_000")
    file.write_text(content)
    books.open_from(file, "lots")
    held = r"(?m)^ +(shares|tax_lots):.*|^      - \{.*|, shares: [0-9_]*|^cash: .*"
    file.write_text(re.sub(held, "", content) + "\npositions: {book: lots}\n")
    return file


def test_the_lots_that_a_sent_list_names_are_sold_at_whatever_price_it_is_filled(lots: Path) -> None:
    """At the close those of June at 379.20 cost the least tax; at 500 it is those of 2019 at 280."""
    portfolio = load_portfolio(lots)
    ticket = make_ticket(trade_list(portfolio, portfolio.policies["quarterly"]))
    named = next(row for row in ticket.tax_lots if row["asset"] == "SPY")
    assert (named["bought"], named["cost_price"]) == ("2022-06-15", 379.2)
    books.book_sent("lots", document(ticket))
    (order,) = [order for order in ticket.orders if order.asset == "SPY"]
    for part, price in enumerate((500.0, 501.0)):
        books.book_fills("lots", [Fill("SPY", "sell", round(order.quantity * 0.4), price, "USD", FRIDAY, f"{part}", "v",
                                       order.client_order_id)])  # fmt: skip
    units = 2 * round(order.quantity * 0.4)
    gains = load_portfolio(lots).tax_lots
    assert gains is not None
    assert gains.gains_since == {"2022": pytest.approx(units * (500.5 - 379.2))}
    rows = books.read_book("lots").fills
    assert [(str(lot.bought), lot.price, lot.units) for row in rows for lot in row.lots] == [
        ("2022-06-15", 379.2, units // 2), ("2022-06-15", 379.2, units // 2)
    ]  # fmt: skip


def test_the_right_fill_in_place_of_a_wrong_one_sells_the_lots_of_that(lots: Path) -> None:
    """The list names 10 of 2019 and 10 of 2022, and fills of 10 each: the price of the first is corrected."""
    named = (SoldLot(date(2019, 3, 1), 280.0, Decimal(10)), SoldLot(date(2022, 6, 15), 379.2, Decimal(10)))
    book = books.read_book("lots")
    order = SentOrder("o1", "", "SPY", "sell", Decimal(20), price=380.0, lots=named)
    write_book(replace(book, asked=book.opened, ticket="f" * 64, sent=(order,)), utc_now())
    one, two, right = (Fill("SPY", "sell", Decimal(10), Decimal(price), "USD", FRIDAY, name, "v", "o1")
                       for name, price in (("1", 380), ("2", 380), ("1c", 381)))  # fmt: skip
    for fill in (one, two):
        books.book_fills("lots", [fill])
    activity = Activity((), corrections=(Correction("v:c1", "v:1", right),))
    write_book(with_activity(books.read_book("lots"), load_portfolio(lots), activity, {}).book, utc_now())
    tax = load_portfolio(lots).tax_lots
    assert tax is not None
    assert [lot.units for lot in tax.lots[0]] == [1_290, 440]
    assert tax.gains_since == {"2022": pytest.approx(10 * (381 - 280) + 10 * (380 - 379.2))}


def test_a_withdrawal_waits_for_its_cash_also_in_a_book_that_begins_at_a_state(
    lots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits since a day before the state; a fill of now leaves too little cash for it."""
    monkeypatch.setattr(book_file, "STEP", 5)
    book = books.read_book("lots")
    early, day = date(2022, 7, 13), date(2022, 12, 29)
    flow = CashEntry("list-x", "withdrawal", early, "", "USD", Decimal(-80_000), event="list-x")
    one, bought = Decimal(1), (early + timedelta(days=k) for k in range(8, 150))
    rows = [BookedFill(f"v:{on}", "", on, day, "", "GLD", one, one, "USD", -one, one) for on in bought]
    order = SentOrder("o1", "", "SPY", "sell", Decimal(20), price=380.0)
    made = replace(book, opened=date(2022, 7, 1), asked=day, ticket="f" * 64, sent=(order,), fills=tuple(rows))
    write_book(replace(made, items=(BookItem("list-x", "pending", {}, flow),)), utc_now())
    assert all(read_book("lots", since=date.max) for _ in range(2))
    assert read_book("lots", since=date.max).opening.day
    fill = Fill("SPY", "sell", Decimal(10), Decimal(380), "USD", FRIDAY, "new", "v", "o1")
    booked = books.book_fills("lots", [fill])
    assert [item.name for item in booked.open_items] == ["list-x"]
    assert books.read_book("lots").holders[0].cash["USD"] > 0


def test_units_without_lots_do_not_become_those_of_an_asset_that_has_some(lots: Path, tmp_path: Path) -> None:
    """The lots of SPY would be unknown from then on, and its gains not counted."""
    table = tmp_path / "merger.csv"
    table.write_text("asset,date,into,units,cash,currency,price\nGLD,2022-12-30,SPY,0.4,5,USD,390\n")
    before = books.read_book("lots")
    done = rebalance("desk", "book", "fill", "lots", table)
    assert (done.status, "GLD has no tax lots, and SPY has" in done.said) == (2, True)
    assert books.read_book("lots") == before
