"""`rebalance desk book fill` with a broker's file, and `book show --positions`: booked once, journalled, compared."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from commanded import FILE, TRADES, rebalance

from desk.commands.orders import book as books
from desk.commands.orders.fills import fill_from
from desk.journal import Event, Journal
from desk.journal.journal import utc_now
from desk.journal.records import Acknowledged, OrderSent
from desk.tickets.formats.ticket_json import read_ticket_file
from foundation.errors import DataError
from research.orders.booking import portfolio_of
from research.orders.bookkeeping.activity import read_activity
from research.orders.bookkeeping.importing import with_activity
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.book_file import read_book, write_book

HEADER = "id,moment,kind,asset,side,quantity,price,currency,fee,order_id,corrects,amount\n"
SOLD = "1,2022-12-30T15:00:00Z,,SPY,sell,133,383.50,USD,5.10,abc,,\n"
BOUGHT = "2,2022-12-30T15:01:00Z,,AGG,buy,400,97.40,USD,,,,\n"
RIGHT = "3,2022-12-30T15:02:00Z,,SPY,sell,133,383.40,USD,5.10,,1,\n"
BUST = "4,2022-12-30T15:03:00Z,,AGG,buy,0,,USD,,,2,\n"
PAID = "5,2023-01-03,deposit,,,,,USD,,,,1000\n"
STRAY = "6,2022-12-30T15:00:00Z,,GLD,buy,10,170,USD,,,,\n"


@pytest.fixture
def ticket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The ticket of a list to sell 133 of SPY and to buy 721 of AGG, from a portfolio file that reads its open book."""
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    file, made = tmp_path / "desk.yaml", tmp_path / "tonight.json"
    file.write_text(FILE.read_text())
    books.open_from(file, "desk")
    file.write_text(re.sub(r", shares: [0-9_]*|(?m:^cash: .*)", "", FILE.read_text()) + "\npositions: {book: desk}\n")
    assert rebalance(*TRADES, file, "--out", made).status == 0
    return made


def broker_file(ticket: Path, *rows: str, name: str = "broker.csv") -> Path:
    path = ticket.with_name(name)
    path.write_text(HEADER + "".join(rows))
    return path


def held(book: Book) -> dict[str, float]:
    (holder,) = book.holders
    return {of: float(amount) for of, amount in (*holder.units.items(), *holder.cash.items())}


def kinds() -> list[tuple[str, str]]:
    """Kind and order of each entry of the journal after the list."""
    with Journal(read_only=True) as journal:
        return [(entry.kind, entry.order) for entry in journal.entries()][1:]


def test_a_file_is_booked_and_journalled_once_with_its_corrections(ticket: Path) -> None:
    """21,350.40 + 133 × 383.40 − 5.10 + 1,000.00 = 73,337.50."""
    orders = {row["asset"]: row["client_order_id"] for row in json.loads(ticket.read_text())["orders"]}
    first = fill_from("desk", broker_file(ticket, SOLD, BOUGHT), ticket).book
    assert held(first) == {"SPY": 3_127, "AGG": 7_860, "USD": 33_390.80}
    again = fill_from("desk", broker_file(ticket, SOLD, BOUGHT, RIGHT, BUST, PAID)).book
    assert held(again) == {"SPY": 3_127, "AGG": 7_460, "USD": 73_337.50}
    entries = kinds()
    assert entries == [("fill", orders["SPY"]), ("fill", orders["AGG"]), ("correction", orders["SPY"]),
                       ("correction", orders["AGG"])]  # fmt: skip
    with Journal(read_only=True) as journal:
        values = [(entry.record.corrects, dict(entry.record.values)) for entry in journal.entries(kind="correction")]
    assert values == [(2, {"quantity": 133.0, "price": 383.4, "fee": 5.1}), (3, {"quantity": 0.0})]
    assert fill_from("desk", broker_file(ticket, BUST, SOLD, PAID, RIGHT, BOUGHT)).book == again
    assert kinds() == entries


def test_a_file_that_was_booked_and_not_journalled_is_journalled_by_the_same_call(ticket: Path) -> None:
    """As where a process is killed between the two."""
    path = broker_file(ticket, SOLD, RIGHT)
    books.book_sent("desk", read_ticket_file(ticket))
    portfolio, book = portfolio_of(read_book("desk")), read_book("desk")
    write_book(with_activity(book, portfolio, read_activity(path, portfolio), {}).book, utc_now())
    assert (len(read_book("desk").blotter.fills), kinds()) == (3, [])
    fill_from("desk", path)
    assert [kind for kind, _ in kinds()] == ["fill", "correction"]


def test_ids_of_the_venue_in_the_journal_name_the_order(ticket: Path) -> None:
    document = json.loads(ticket.read_text())
    order = document["orders"][0]["client_order_id"]
    sent = OrderSent("ib", "short-id", "sell", "SPY", 133.0, "USD", "market")
    taken = Acknowledged("ib", "short-id", "abc")
    with Journal() as journal:
        journal.append([Event(each, ticket=document["hash"], order=order) for each in (sent, taken)])
    (row,) = fill_from("desk", broker_file(ticket, SOLD), ticket).book.blotter.fills
    assert (row.order_id, row.by_rule) == (order, False)
    assert "1 fill booked." in rebalance("desk", "book", "show", "desk").out


def test_what_was_not_booked_is_shown_resolved_and_not_listed_again(ticket: Path) -> None:
    path = broker_file(ticket, SOLD, STRAY.replace("170", "97.40"), PAID)
    done = rebalance("desk", "book", "fill", "desk", path, "--ticket", ticket, "--symbol", "GLD=AGG")
    assert done.status == 0, done.said
    assert "broker.csv: booked 2 fills and 1 amount of cash." in done.out
    assert "2 fills booked (2 by account, asset and side, without the id of an order), 1 amount of cash" in done.out
    stray, again = STRAY.replace("6,", "7,").replace("GLD", "IAU"), SOLD  # which is booked
    other = rebalance("desk", "book", "fill", "desk", broker_file(ticket, stray, again, name="other.csv"))
    assert other.status == 1
    assert other.out.endswith("\n\nother.csv: not booked: 1 row, with the reason above.\n")
    assert re.search(
        r"not booked \(rebalance desk book settle desk NAME.*\n  7: fill '7' of 'IAU': asset is 'IAU'", other.out
    )
    refused = rebalance("desk", "book", "settle", "desk", "7")
    assert (refused.status, "asset is 'IAU'" in refused.said) == (2, True)
    gone = rebalance("desk", "book", "settle", "desk", "7", "--dismiss")
    assert "not booked" not in gone.out
    again = rebalance("desk", "book", "fill", "desk", ticket.with_name("other.csv"))
    assert (again.status, again.out) == (0, f"{gone.out}\nother.csv: nothing new to book.\n")


@pytest.mark.parametrize("own", [True, False], ids=["table", "broker"])
def test_a_price_far_from_that_of_its_order_is_refused_until_the_file_says_that_it_is_right(
    ticket: Path, *, own: bool
) -> None:
    """SPY was listed at 383.44, AGG at 97.38: one is ten times as high, the other 12 % lower."""
    columns = "fill_id,moment,asset,side,quantity,price,currency\n" if own else HEADER
    rest = "" if own else ",,,,"
    rows = [
        f"1,2022-12-30T15:00:00Z,{'' if own else ','}SPY,sell,133,3834.00,USD{rest}\n",
        f"2,2022-12-30T15:01:00Z,{'' if own else ','}AGG,buy,400,85.70,USD{rest}\n",
    ]
    path, before = ticket.with_name("far.csv"), read_book("desk")
    path.write_text(columns + "".join(rows))
    words = ("desk", "book", "fill", "desk", path, "--ticket", ticket)
    refused = rebalance(*words)
    assert (refused.status, read_book("desk"), kinds()) == (2, before, [])
    said = "far.csv, row 2: fill '1' of 'SPY': price is 3,834, +900 % from 383.44, that of its order. Correct it, or,"
    assert f"{said} where it is right, write `prices_ok: [SPY]` into desk.yaml." in refused.said
    file = ticket.with_name("desk.yaml")
    content = file.read_text()
    file.write_text(f"{content}prices_ok: [SPY]\n")
    done = rebalance(*words)
    assert done.status == 0, done.said
    assert "far.csv: booked 2 fills.\n" in done.out
    assert "far.csv: fill '1' of 'SPY': price is 3,834, +900 % from 383.44, that of its order.\n" in done.out
    assert re.search(
        r"far\.csv: fill '2' of 'AGG': price is 85\.7, −1\d % from 9\d\.\d+, that of its order\.\n", done.out
    )
    file.write_text(content)
    again = rebalance(*words)
    assert (again.status, again.out.splitlines()[-1]) == (0, "far.csv: nothing new to book.")


def test_a_trade_that_is_booked_by_name_is_journalled(ticket: Path) -> None:
    path = broker_file(ticket, STRAY.replace("GLD", "AGG"))
    fill_from("desk", path)
    assert kinds() == []
    assert re.search(r"^AGG +7,470$", rebalance("desk", "book", "settle", "desk", "6").out, re.MULTILINE)
    assert kinds() == [("fill", "")]


def test_trades_by_hand_are_booked_by_one_command_and_what_may_be_another_is_left(ticket: Path) -> None:
    """Thirty sales of AGG, which is to be bought; one of SPY is too much for the open order, and may be its."""
    sells = [f"{100 + k},2022-12-30T16:{k:02d}:00Z,,AGG,sell,10,97.4,USD,,,,\n" for k in range(30)]
    path = broker_file(ticket, *sells, "200,2022-12-30T15:00:00Z,,SPY,sell,500,383.5,USD,,,,\n")
    assert rebalance("desk", "book", "fill", "desk", path, "--ticket", ticket).status == 1
    before = read_book("desk")
    said = rebalance("desk", "book", "settle", "desk", "--dry-run")
    assert (said.status, read_book("desk"), said.out.count("of no order")) == (1, before, 30)
    assert "Left:\n  200: it may be of " in said.out
    assert "Would be booked:\n  100: sell 10 AGG at 97.4 USD on 2022-12-30, of no order\n" in said.out
    done = rebalance("desk", "book", "settle", "desk")
    assert (done.status, [each.name for each in read_book("desk").open_items]) == (1, ["200"])
    assert held(read_book("desk"))["AGG"] == held(before)["AGG"] - 300
    assert kinds() == [("fill", "")] * 30
    assert rebalance("desk", "book", "settle", "desk", "200", "--dismiss").status == 0
    again = rebalance("desk", "book", "settle", "desk")
    assert (again.status, again.out.startswith("Nothing is to be settled.")) == (0, True)


def test_reconciling_says_what_differs_and_why_and_ends_with_status_1(ticket: Path) -> None:
    fill_from("desk", broker_file(ticket, SOLD), ticket)
    positions = ticket.with_name("positions.csv")
    positions.write_text("Symbol,Quantity,Market value\nSPY,3127,1199016.88\nAGG,7460,726446.8\nCash,,72350.80\n")
    same = rebalance("desk", "book", "show", "desk", "--positions", positions)
    assert (same.status, "0 of 3 differ between book desk and positions.csv." in same.out) == (0, True)
    positions.write_text("Symbol,Quantity,Market value\nSPY,3260,1250014.4\nAGG,8181,796661.1\nCash,,21350.40\n")
    done = rebalance("desk", "book", "show", "desk", "--positions", positions)
    assert done.status == 1
    assert re.search(r"^SPY +3,127 +3,260 +133$", done.out, re.MULTILINE)
    assert re.search(r"^USD +72,350.80 +21,350.40 +-51,000.40$", done.out, re.MULTILINE)
    assert "  SPY: booked and perhaps not at the broker: fill 1 of 2022-12-30." in done.out
    assert re.search(r"  AGG: a fill of 20221229-[0-9a-f]{20} to buy AGG, of which 721 is open\.", done.out)


def test_a_symbol_without_its_line_is_refused(ticket: Path) -> None:
    done = rebalance("desk", "book", "fill", "desk", broker_file(ticket, SOLD), "--symbol", "GLD")
    assert (done.status, "write SYMBOL=ASSET, such as BRK/B=BRK.B" in done.said) == (2, True)


def test_a_fill_whose_day_is_another_by_now_is_listed_as_restated(ticket: Path) -> None:
    """Its gain is of another year."""
    fill_from("desk", broker_file(ticket, SOLD), ticket)
    other = fill_from("desk", broker_file(ticket, SOLD.replace("2022-12-30", "2022-12-29"))).book
    (item,) = other.open_items
    assert re.search(r"is booked as [\d,.]+ with fees of [\d.]+ on 2022-12-30, .* on 2022-12-29", item.why)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda row: row + row.replace("383.50", "383.60"), "id 1 is that of row 2, with another content"),
        (lambda row: row.replace("2022-12-30", "2099-12-30"), "of 2099-12-30, which is to come"),
    ],
)
def test_a_file_that_contradicts_itself_or_is_of_days_to_come_books_nothing(
    ticket: Path, change: Callable[[str], str], told: str
) -> None:
    before = read_book("desk")
    path = ticket.with_name("own.csv")
    row = "1,2022-12-30T15:00:00Z,SPY,sell,133,383.50,USD,5.10\n"
    path.write_text(f"fill_id,moment,asset,side,quantity,price,currency,fees\n{change(row)}")
    with pytest.raises(DataError, match=told):
        fill_from("desk", path, ticket)
    assert (read_book("desk"), kinds()) == (before, [])


def test_a_dry_run_shows_each_row_and_the_cash_after_it_and_writes_nothing(ticket: Path) -> None:
    """21,350.40 + 133 × 383.50 − 5.10 − 400 × 97.40 + 1,000.00 = 34,390.80; a fill of nobody's order stays out."""
    before, path = read_book("desk"), broker_file(ticket, SOLD, BOUGHT, PAID, STRAY)
    words = ("desk", "book", "fill", "desk", path, "--ticket", ticket)
    dry = rebalance(*words, "--dry-run")
    assert (dry.status, read_book("desk"), kinds()) == (1, before, [])
    for row in (r"2 +sell 133 SPY at 383\.5 USD, fee.? 5\.1 +51,000\.40 +USD +booked$",
                r"3 +buy 400 AGG at 97\.4 USD +-38,960\.00 +USD +booked$",
                r"4 +deposit of 1,000\.00 USD on 2023-01-03.* +1,000\.00 +USD +booked$",
                r"5 +buy 10 GLD at 170 USD +USD +fill '6' of 'GLD': asset is 'GLD'"):  # fmt: skip
        assert re.search(f"^ *{row}", dry.out, re.MULTILINE), (row, dry.out)
    assert re.search(r"^USD .* 34,390\.80$", dry.out, re.MULTILINE)
    assert dry.out.endswith("Nothing is written.\n")
    assert re.search(r"^USD .* 34,390\.80$", rebalance(*words).out, re.MULTILINE)


def test_columns_and_accounts_that_were_named_once_are_kept_with_the_book(ticket: Path) -> None:
    """A file of two accounts is refused until one is named, and its unknown column until it is declared."""
    header, rows = "When,Account,Way,Item,Number,Price\n", "2022-12-30,{},Buy,AGG,{},97.40\n"
    path, before = ticket.with_name("strange.csv"), read_book("desk")
    path.write_text(header + rows.format("P1", 100) + rows.format("P2", 50))
    words = ("desk", "book", "fill", "desk", path)
    named = ("--form", "moment=When,asset=Item,units=Number", "--form", "action=Way")
    assert "say what its columns are, such as --form moment=NAME" in rebalance(*words, "--ticket", ticket).said
    refused = rebalance(*words, "--ticket", ticket, *named)
    assert "strange.csv is of 2 accounts, P1, P2, and the portfolio names none. Name its own, such as --account P1" in (
        refused.said
    )
    assert read_book("desk") == before
    assert rebalance(*words, "--ticket", ticket, *named, "--account", "P1").status == 0
    path.write_text(header + rows.format("P1", 90) + rows.format("P2", 60))
    assert rebalance(*words).status == 0
    assert held(read_book("desk"))["AGG"] == 7_650
    path.write_text(header + rows.format("P2", 60))
    assert "strange.csv is of P2, and not of P1" in rebalance(*words).said
    assert "--form is 'size=Number': write NAME=VALUE" in rebalance(*words, "--form", "size=Number").said


def test_lists_say_when_their_book_was_last_reconciled(ticket: Path) -> None:
    file, held_now = ticket.with_name("desk.yaml"), ticket.with_name("held.csv")
    assert "reconciled" not in rebalance(*TRADES, file).out
    fill_from("desk", broker_file(ticket, SOLD), ticket)
    days = ("trades", file, "--as-of", "2022-12-30", "--accept", "stale")
    assert "Book desk was never reconciled" in rebalance(*days).out
    held_now.write_text("Symbol,Quantity\nSPY,3127\nAGG,7460\nUSD,72350.80\n")
    assert rebalance("desk", "book", "show", "desk", "--positions", held_now).status == 0
    assert "was last reconciled at the close of 2022-12-29, with held.csv: they agreed." in rebalance(*days).out
    held_now.write_text("Symbol,Quantity\nSPY,3127\nAGG,7461\nUSD,72350.80\n")
    assert rebalance("desk", "book", "show", "desk", "--positions", held_now).status == 1
    assert "with held.csv: 1 amount differed." in rebalance(*days).out
