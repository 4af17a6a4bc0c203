"""`rebalance book`: opened once, shown, written after fills, and resolved by name; the user's file stays as it is."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commanded import FILE, TRADES, rebalance

from desk.commands import book as books
from desk.tickets.ticket import Ticket, make_ticket
from foundation.errors import DataError
from research.orders import trade_list
from research.orders.fills import Fill
from research.portfolio import load_portfolio

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


def filled(ticket: Ticket, part: float) -> list[Fill]:
    return [
        Fill(o.asset, o.side, round((o.quantity or 0) * part), o.price, "USD", FRIDAY, f"{o.asset}-{part}", "paper",
             o.client_order_id, fees=o.cost)
        for o in ticket.orders
    ]  # fmt: skip


def test_a_list_from_the_book_is_sent_half_filled_completed_and_then_empty(file: Path, ticket: Ticket) -> None:
    assert [(o.side, o.asset, o.quantity) for o in ticket.orders] == [("sell", "SPY", 133), ("buy", "AGG", 721)]
    before = file.read_text()
    books.send("desk", ticket)
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
    books.send("desk", ticket)
    books.book_fills("desk", filled(ticket, 0.5)[:1])
    shown = rebalance("book", "show", "desk").out
    assert re.search(r"^SPY +3,194$", shown, re.MULTILINE)
    assert re.search(r"^USD +21,350.40 +46,647.24$", shown, re.MULTILINE)  # 66 × 383.44, less 10.20 of costs
    assert re.search(r"sell +SPY +133 +67$", shown, re.MULTILINE)
    assert f"Ticket: {ticket.hash}" in shown


def test_an_open_order_is_dropped_by_its_id(file: Path, ticket: Ticket) -> None:
    books.send("desk", ticket)
    ids = [order.client_order_id for order in ticket.orders]
    assert "No order is open." in rebalance("book", "resolve", "desk", *ids).out


def test_a_ticket_that_was_sent_is_not_sent_again(file: Path, ticket: Ticket) -> None:
    books.send("desk", ticket)
    booked = books.book_fills("desk", filled(ticket, 0.5))
    assert books.send("desk", ticket) == booked


def test_fills_of_another_order_are_refused_and_the_book_stays(file: Path, ticket: Ticket) -> None:
    before = books.send("desk", ticket)
    wrong = Fill("SPY", "sell", 10, 383.44, "USD", FRIDAY, "1", order_id="20221229-00000000000000000000")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="Nobody sent the order to sell SPY"):
        books.book_fills("desk", [wrong])
    assert books.read_book("desk") == before


def test_a_book_is_opened_once(file: Path) -> None:
    done = rebalance("book", "open", FILE, "--as", "desk")
    assert done.status == 2
    assert "book 'desk' is open already" in done.said
