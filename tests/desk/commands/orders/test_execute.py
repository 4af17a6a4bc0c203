"""`rebalance desk execute`: shown, asked, sent on paper, journalled and booked once; and what it refuses."""

import io
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from commanded import FILE, TRADES, Done, rebalance

from desk.commands.orders import book as books
from desk.commands.orders.execute import Asked, ready
from desk.exchange.paper import PaperVenue
from desk.journal import Journal, verify
from foundation.canonical import content_hash
from foundation.errors import ConfigError
from foundation.files import locked

PAPER = ("--exchange", "paper")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def ticket(home: Path, tmp_path: Path) -> Path:
    """The list of a portfolio file that reads its book: 133 SPY are sold, 721 AGG bought."""
    made = tmp_path / "desk.yaml"
    made.write_text(FILE.read_text())
    books.open_from(made, "desk")
    made.write_text(re.sub(r", shares: [0-9_]*|(?m:^cash: .*)", "", FILE.read_text()) + "\npositions: {book: desk}\n")
    assert rebalance(*TRADES, made, "--out", tmp_path / "trades.json").status == 0
    return tmp_path / "trades.json"


def hash_of(ticket: Path) -> str:
    return str(json.loads(ticket.read_text())["hash"])


def executed(ticket: Path, *words: object) -> Done:
    """The command, without a question."""
    return rebalance("desk", "execute", ticket, *PAPER, "--confirm", hash_of(ticket)[:8], *words)


def kinds(home: Path) -> list[str]:
    with Journal(home) as journal:
        assert not verify(journal).faults
        return [entry.kind for entry in journal.entries()]


def rewritten(ticket: Path, change: Any) -> None:
    """Write a ticket with a change and the hash that goes with it."""
    document = json.loads(ticket.read_text())
    beside = {key: document.pop(key) for key in ("hash", "path", "journal") if key in document}
    change(document)
    stated = content_hash(document)
    head = {"schema": document.pop("schema"), **beside, "hash": stated}
    ticket.write_text(
        json.dumps({"schema": head.pop("schema"), "hash": head.pop("hash"), **head, **document}, indent=2)
    )


def test_a_list_is_sent_filled_booked_and_then_nothing_is_left_to_trade(ticket: Path, home: Path) -> None:
    done = executed(ticket)
    assert done.status == 0
    assert re.search(r"cash +before +2023-01-03\nUSD +21,350\.40 +2,062\.21\n", done.out)
    assert "Checked: version, not expired, approval not asked for, not stopped, " in " ".join(done.out.split())
    assert "Failed" not in done.out
    assert re.search(r"sell +SPY +133 +383\.44 +50,997\.52 +USD +10\.20\n", done.out)
    assert re.search(r"cash +now\nUSD +2,062\.21\n\nNo order is open\.\n\nBooked in 'desk'", done.out)
    assert kinds(home) == ["list", "order", "order", *["acknowledgement"] * 2, *["fill"] * 2]
    assert re.search(r"^SPY +3,127$", rebalance("desk", "book", "show", "desk").out, re.MULTILINE)
    assert "No trade: " in rebalance(*TRADES, ticket.with_name("desk.yaml")).out


def test_a_list_that_somebody_approved_is_said_to_be_approved(ticket: Path) -> None:
    for said, other in (("approval not asked for", "approved"), ("approved", "approval not asked for")):
        words = executed(ticket, "--dry-run").out
        assert f"Checked: version, not expired, {said}, not stopped, " in " ".join(words.split())
        assert other not in words
        assert rebalance("desk", "approve", ticket).status == 0


def test_a_ticket_that_was_sent_is_not_sent_again(ticket: Path, home: Path) -> None:
    executed(ticket)
    before = kinds(home)
    done = rebalance("desk", "execute", ticket, *PAPER)  # it asks nothing
    assert done.status == 0
    assert re.search(r"Sent by \S+ on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. Nothing is sent again\.", done.out)
    assert kinds(home) == before
    assert "2 fills booked" in rebalance("desk", "book", "show", "desk").out


def test_paper_plays_sessions_and_names_those_round_another_day(ticket: Path, home: Path) -> None:
    done = rebalance("desk", "execute", ticket, *PAPER, "--as-of", "2022-12-31")
    assert done.status == 2
    assert "no session of XNYS. The last before it is 2022-12-30, the next 2023-01-03." in done.err
    assert kinds(home) == ["list"]


def test_a_list_without_orders_asks_and_sends_nothing(ticket: Path, home: Path) -> None:
    executed(ticket)
    empty = ticket.with_name("empty.json")
    rebalance(*TRADES, ticket.with_name("desk.yaml"), "--out", empty)
    done = rebalance("desk", "execute", empty, *PAPER)
    assert (done.status, "The list has no order: there is nothing to send." in done.out) == (0, True)
    assert kinds(home).count("order") == 2


def test_a_ticket_that_was_sent_before_another_is_still_said_to_be_sent(ticket: Path) -> None:
    executed(ticket)
    later = ticket.with_name("later.json")
    rebalance(*TRADES, ticket.with_name("desk.yaml"), "--withdraw", 5_000, "--out", later)
    assert executed(later).status == 0
    done = executed(ticket)
    assert (done.status, "Nothing is sent again." in done.out) == (0, True)
    assert "3 fills booked" in rebalance("desk", "book", "show", "desk").out


def test_what_another_list_replaced_is_neither_open_nor_sent(ticket: Path, home: Path) -> None:
    """SPY is sold in part, so that AGG waits for its cash; then another list is sent."""
    quotes = ticket.with_name("quotes.csv")
    quotes.write_text("symbol,last,volume\nSPY,383.440002,9\nAGG,97.449997,9999\n")
    done = executed(ticket, "--quotes", quotes)
    assert done.status == 1
    assert re.search(r"\nopen *\n\S+ +sell 133 SPY\n", done.out)
    assert re.search(r"\nnot sent *\n\S+ +buy 721 AGG\n", done.out)
    assert re.search(r"cash +now, less what open orders may take\nUSD +24,80", done.out)
    with PaperVenue.for_ticket(json.loads(ticket.read_text())) as venue:
        venue.cancel(next(iter(venue.open_orders())).client_id)
    assert "2 orders may be open still" in " ".join(rebalance("desk", "tca").out.split())
    later = ticket.with_name("later.json")
    assert (
        rebalance(*TRADES, ticket.with_name("desk.yaml"), "--to-target", "--deposit", 9_000, "--out", later).status == 0
    )
    assert executed(later).status == 0
    count, book = kinds(home).count("order"), rebalance("desk", "book", "show", "desk").out
    done = rebalance("desk", "execute", ticket, *PAPER)  # it asks nothing
    assert done.status == 0
    assert "may be open still" not in " ".join(rebalance("desk", "tca").out.split())
    said = f"was replaced by list {hash_of(later)[:16]}, which was sent since. Nothing is sent again."
    assert said in " ".join(done.out.split())
    assert not re.search("^(open|not sent) ", done.out, re.MULTILINE)
    assert (kinds(home).count("order"), rebalance("desk", "book", "show", "desk").out) == (count, book)


def test_a_list_that_was_stopped_before_its_first_order_is_not_open(ticket: Path, home: Path) -> None:
    with ready(Asked(ticket, ["paper"])) as ((prepared,), *_):
        (home / "STOP").touch()
        assert [each.state for each in prepared.send()] == [None, None]
    assert "No order is open." in rebalance("desk", "book", "show", "desk").out


def test_no_list_is_made_or_sent_on_a_day_before_its_book(ticket: Path, home: Path) -> None:
    file, what = ticket.with_name("desk.yaml"), "it does not say what was held on"
    done = rebalance("trades", file, "--as-of", "2022-12-28")
    assert (done.status, done.out) == (2, "")
    opened = "book 'desk' was opened at the close of 2022-12-29"
    assert f"{opened}: {what} 2022-12-28. Give 2022-12-29 or a later day." in done.err
    assert executed(ticket).status == 0  # on 2022-12-30
    second = ticket.with_name("second.json")
    assert rebalance(*TRADES, file, "--withdraw", 5_000, "--out", second).status == 0  # of the same close
    before = kinds(home)
    done = executed(second, "--as-of", "2022-12-29")
    traded = f"{opened} and last traded on 2022-12-30: {what} 2022-12-29. Give 2022-12-30 or a later day."
    assert (done.status, f"Failed, day of the book: {traded}" in " ".join(done.out.split())) == (1, True)
    assert kinds(home) == before


def test_a_half_sent_ticket_is_gone_on_with(ticket: Path, home: Path) -> None:
    with ready(Asked(ticket, ["paper"])) as ((prepared,), *_):
        assert next(iter(prepared.send())).order.symbol == "SPY"
    assert kinds(home) == ["list", "order", "order", "acknowledgement"]
    done = executed(ticket)
    assert done.status == 0
    assert "Orders without an answer, which are sent now: 1." in done.out
    assert re.search(r"cash +before +2023-01-03\nUSD +72,337\.72 +2,062\.21\n", done.out)
    assert kinds(home)[4:] == ["acknowledgement", "fill", "fill"]
    assert "2 fills booked" in rebalance("desk", "book", "show", "desk").out


@pytest.mark.parametrize("words", [(), ("--as-of", "2023-01-03")])
def test_what_a_half_sent_ticket_filled_is_booked_where_a_check_fails_and_nothing_more_is_sent(
    ticket: Path, home: Path, words: tuple[str, ...]
) -> None:
    with ready(Asked(ticket, ["paper"])) as ((prepared,), *_):
        next(iter(prepared.send()))
    if not words:
        (home / "STOP").touch()
    done = rebalance("desk", "execute", ticket, *PAPER, *words)  # it asks nothing
    assert (done.status, "asked for and not sent, as a check failed: 1." in " ".join(done.out.split())) == (1, True)
    assert "not sent   order 20221229-6ba76b83979b00c6bb40 to buy 721 AGG: a check failed." in done.out
    assert kinds(home)[4:] == ["fill"]
    assert re.search(r"^SPY +3,127\nAGG +7,460$", rebalance("desk", "book", "show", "desk").out, re.MULTILINE)


def test_a_ticket_of_which_a_check_failed_cannot_be_sent_by_another_way(ticket: Path, home: Path) -> None:
    (home / "STOP").touch()
    with ready(Asked(ticket, ["paper"])) as ((prepared,), *_), pytest.raises(ConfigError, match="stops all sending"):
        next(iter(prepared.send()))
    assert kinds(home) == ["list"]


def test_orders_that_were_sent_with_another_list_are_refused_though_they_are_filled(ticket: Path, home: Path) -> None:
    assert executed(ticket).status == 0
    before, first = kinds(home), hash_of(ticket)[:16]
    rewritten(ticket, lambda document: document.update(headline="the same orders again"))
    done = executed(ticket)
    assert done.status == 1
    assert f"133 SPY: it was sent with list {first}. Execute that ticket again: it" in " ".join(done.out.split())
    assert kinds(home) == before


def test_a_dry_run_and_a_question_without_an_answer_send_nothing(
    ticket: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rebalance("desk", "execute", ticket, *PAPER, "--dry-run").status == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    done = rebalance("desk", "execute", ticket, *PAPER)
    assert (done.status, "Send 2 orders to paper? [y/N]" in done.out) == (1, True)
    assert done.out.endswith("Nothing is sent.\n")
    assert kinds(home) == ["list"]


def test_a_question_that_is_answered_sends(ticket: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert rebalance("desk", "execute", ticket, *PAPER).status == 0
    assert kinds(home).count("fill") == 2


@pytest.mark.parametrize("confirm", ["", "1234567", "0" * 64])
def test_confirm_needs_the_beginning_of_the_hash(ticket: Path, home: Path, confirm: str) -> None:
    done = rebalance("desk", "execute", ticket, *PAPER, "--confirm", confirm)
    assert done.status == 2
    assert "--confirm is" in done.err
    assert kinds(home) == ["list"]


def test_a_ticket_that_was_edited_by_hand_is_refused(ticket: Path, home: Path) -> None:
    ticket.write_text(ticket.read_text().replace('"quantity": 133', '"quantity": 1330'))
    done = executed(ticket)
    assert (done.status, "was changed: it states the hash" in done.err) == (2, True)
    assert kinds(home) == ["list"]


def refused(done: Done, home: Path, said: str) -> None:
    """The check failed, the exit status says so, and nothing is journalled but the list."""
    assert done.status == 1
    assert said in " ".join(done.out.split())
    assert "order" not in kinds(home)


def test_a_ticket_that_expired_is_refused_with_the_command_that_makes_it_anew(ticket: Path, home: Path) -> None:
    said = "Failed, not expired: The ticket expired: its orders are good on 2022-12-30, and it is 2023-01-03. Make the "
    remake = f"list anew: rebalance trades {ticket.with_name('desk.yaml')} --as-of 2022-12-30 --out {ticket}"
    refused(executed(ticket, "--as-of", "2023-01-03"), home, f"{said}{remake}")


def test_the_command_that_makes_a_list_anew_works_as_it_stands(home: Path, tmp_path: Path) -> None:
    """With the past day that the user plays, with the money that he stated, and with a path that has a blank."""
    file, made = tmp_path / "plain.yaml", tmp_path / "to night.json"
    file.write_text(FILE.read_text())
    assert rebalance("trades", "--as-of", "2022-12-28", file, "--deposit", 60_000, "--out", made).status == 0
    done = executed(made, "--as-of", "2022-12-30")
    command = shlex.split(" ".join(done.out.split()).partition("Make the list anew: ")[2])
    words = command[1 : command.index("--out") + 2]
    assert words[2:] == ["--as-of", "2022-12-29", "--deposit", "60000", "--out", str(made)]
    assert rebalance(*words).status == 0
    assert executed(made, "--as-of", "2022-12-30").status == 0


def test_a_ticket_whose_portfolio_file_changed_is_refused(ticket: Path, home: Path) -> None:
    file = ticket.with_name("desk.yaml")
    file.write_text(f"{file.read_text()}\n# changed\n")
    refused(executed(ticket), home, "Failed, portfolio file: The file desk.yaml has another hash")


def test_a_ticket_whose_file_reads_the_book_of_another_portfolio_is_refused(ticket: Path, home: Path) -> None:
    other = ticket.with_name("other.yaml")
    other.write_text(FILE.read_text())
    books.open_from(other, "other")
    file = ticket.with_name("desk.yaml")
    file.write_text(file.read_text().replace("book: desk", "book: other"))
    done = executed(ticket)
    assert (done.status, "book 'other' belongs to other.yaml, and the ticket to desk.yaml" in done.err) == (2, True)
    assert kinds(home) == ["list"]


def test_a_list_is_not_sent_before_the_fills_of_the_last_one_are_booked(ticket: Path, home: Path) -> None:
    """The first was killed after its fills were journalled, and the next made from a book that lacks them."""
    with ready(Asked(ticket, ["paper"])) as ((prepared,), *_):
        books.book_sent("desk", prepared.moment.document)
        list(prepared.execution.run())
    other = ticket.with_name("other.json")
    assert rebalance(*TRADES, ticket.with_name("desk.yaml"), "--to-target", "--out", other).status == 0
    done = executed(other)
    assert (done.status, f"book 'desk' lacks fills of list {hash_of(ticket)[:16]}" in done.err) == (2, True)
    assert executed(ticket).status == 0
    assert "book 'desk' lacks fills" not in executed(other).err


def test_a_file_stops_all_sending(ticket: Path, home: Path) -> None:
    (home / "STOP").touch()
    refused(executed(ticket), home, f"Failed, not stopped: {home / 'STOP'} stops all sending.")


def as_version_1(document: dict[str, Any]) -> None:
    """Without what version 2 added."""
    del document["sending"], document["file_sha256"]
    document["schema"] = 1


def test_a_ticket_of_version_1_is_sent_on_paper(ticket: Path, home: Path) -> None:
    rewritten(ticket, as_version_1)
    ticket.write_text(re.sub(r'\n  "path": "[^"]*",', "", ticket.read_text()))
    done = executed(ticket)
    assert done.status == 0
    assert "desk.yaml is not known here: fills are journalled, and booked in no book." in " ".join(done.out.split())
    assert kinds(home).count("fill") == 2
    assert "no fills booked" in rebalance("desk", "book", "show", "desk").out


def test_a_list_of_a_portfolio_of_which_another_process_sends_one_waits(ticket: Path, home: Path) -> None:
    with locked(home / ".Sixty-forty.execute.lock", wait=True):
        done = executed(ticket)
    assert (done.status, "another process sends a list of Sixty-forty" in done.err) == (2, True)


def test_paper_fills_by_the_bars_of_a_market_and_by_quotes(ticket: Path, home: Path) -> None:
    quotes = ticket.with_name("quotes.csv")
    quotes.write_text("symbol,bid,ask\nSPY,380,380.02\nAGG,97,97.01\n")
    done = executed(ticket, "--quotes", quotes)
    assert re.search(r"sell +SPY +133 +380\.00 +50,540\.00 ", done.out)
    with Journal(home) as journal:
        (first, _) = journal.entries(kind="order")
        (fill, _) = journal.entries(kind="fill")
    assert (first.record.quote.bid, first.record.quote.ask) == (380.0, 380.02)
    assert (fill.record.quote.bid, fill.record.quote.ask) == (380.0, 380.02)


# -- money that a list counts on -------------------------------------------------------------------------------------


def with_money(ticket: Path, *request: object, day: str = "2022-12-30") -> Done:
    """A list of the same file with money that comes or goes, sent on the session after its close."""
    made = ticket.with_name("money.json")
    made.unlink(missing_ok=True)
    assert rebalance("trades", "--as-of", day, ticket.with_name("desk.yaml"), *request, "--out", made).status == 0
    return executed(made)


def cash_of_book() -> str:
    return f"{books.read_book('desk').holders[0].cash['USD']:,.2f}"


@pytest.mark.parametrize("flow", [("--deposit", 60_000), ("--withdraw", 60_000)])
def test_money_of_a_ticket_reaches_a_known_account_and_the_book_once(ticket: Path, flow: tuple[str, int]) -> None:
    """The orders fill at the prices of the list, so that both are left with the cash that it states."""
    assert executed(ticket).status == 0
    done = with_money(ticket, *flow)
    name = "deposit" if flow[0] == "--deposit" else "withdrawal"
    assert f"Account 'Sixty-forty' has the {name} of 60,000 USD of this list with its first order." in done.out
    stated = json.loads(ticket.with_name("money.json").read_text())["totals"]["cash_after"]
    assert re.search(rf"cash +now\nUSD +{stated:,.2f}\n", done.out)
    assert cash_of_book() == f"{stated:,.2f}"
    again = executed(ticket.with_name("money.json"))
    assert "has the" not in again.out
    assert re.search(rf"cash +now\nUSD +{stated:,.2f}\n", again.out)
    assert cash_of_book() == f"{stated:,.2f}"
    assert [(each.kind, abs(each.amount)) for each in books.read_book("desk").entries] == [(name, 60_000)]


def test_a_withdrawal_waits_in_the_book_for_the_cash_of_its_sells(ticket: Path, tmp_path: Path) -> None:
    """The session gives 40 units: the rest stays open, and the withdrawal with it."""
    quotes = tmp_path / "quotes.csv"
    quotes.write_text("symbol,last,volume\nSPY,383.44,40\nAGG,97.45,40\n")
    made = ticket.with_name("money.json")
    file = ticket.with_name("desk.yaml")
    assert rebalance(*TRADES, file, "--withdraw", 60_000, "--out", made).status == 0
    assert executed(made, "--quotes", quotes).status == 0
    (item,) = books.read_book("desk").open_items
    assert item.name == f"list-{hash_of(made)[:16]}"
    assert "withdrawal of -60,000.00 USD on 2022-12-29, pending: " in item.why
    assert float(cash_of_book().replace(",", "")) > 21_350.4


@pytest.fixture
def partly(home: Path, tmp_path: Path) -> Path:
    """The file of a book with a withdrawal of 120,000, for which 100 of 261 SPY were sold on 2022-12-22."""
    file, quotes, made = (tmp_path / name for name in ("desk.yaml", "quotes.csv", "first.json"))
    quotes.write_text("symbol,last,volume\nSPY,383.44,100\n")
    file.write_text(FILE.read_text())
    books.open_from(file, "desk", as_of="2022-12-21")
    file.write_text(f"{FILE.read_text()}\npositions: {{book: desk}}\n")
    assert rebalance("trades", file, "--as-of", "2022-12-21", "--withdraw", 120_000, "--out", made).status == 0
    assert executed(made, "--quotes", quotes).status == 0
    return file


def test_the_next_list_sells_the_rest_for_a_withdrawal_and_its_fills_book_it(partly: Path) -> None:
    """Cash is 59,686.68 with the money that is to leave: none of it buys back what was sold."""
    assert cash_of_book() == "59,686.68"
    second = partly.with_name("second.json")
    done = rebalance("trades", partly, "--as-of", "2022-12-22", "--out", second)
    assert "\nWithdrawal of 120,000.00 USD pending. Sell SPY: " in done.out
    listed = json.loads(second.read_text())
    assert [(row["side"], row["asset"], row["quantity"]) for row in listed["orders"]] == [("sell", "SPY", 161.0)]
    assert (listed["totals"]["cash_before"], listed["totals"]["cash_after"]) == (-60_313.32, 970.34)
    done = executed(second)
    assert (done.status, "has the withdrawal" in done.out) == (0, False)
    book = books.read_book("desk")
    assert [(each.kind, each.amount) for each in book.entries] == [("withdrawal", -120_000)]
    assert (book.open_items, cash_of_book()) == ((), "970.34")


def test_a_withdrawal_that_is_pending_is_ended_by_its_name(partly: Path) -> None:
    name = f"list-{hash_of(partly.with_name('first.json'))[:16]}"
    assert (
        f"{name}: withdrawal of -120,000.00 USD on 2022-12-21, pending: "
        in rebalance("desk", "book", "show", "desk").out
    )
    done = rebalance("desk", "book", "settle", "desk", name)
    assert (done.status, "--dismiss leaves it out" in done.err) == (2, True)
    assert rebalance("desk", "book", "settle", "desk", name, "--dismiss").status == 0
    assert name not in rebalance("desk", "book", "show", "desk").out
    done = rebalance("trades", partly, "--as-of", "2022-12-22")
    assert ("USD pending" in done.out, "Cash 59,686.68 " in done.out) == (False, True)


def test_the_brokers_file_of_what_was_executed_is_not_booked_again(ticket: Path, tmp_path: Path) -> None:
    """The session gives 352 of 721 AGG, so that there is room for as many again."""
    quotes, file = tmp_path / "quotes.csv", tmp_path / "broker.csv"
    quotes.write_text("symbol,last,volume\nSPY,383.44,1000\nAGG,97.45,352\n")
    assert executed(ticket, "--quotes", quotes).status == 0
    file.write_text("fill_id,moment,asset,side,quantity,price,currency,venue,fees\n"
                    "1,2022-12-30T21:00:00Z,AGG,buy,352,97.45,USD,ib,0\n")  # fmt: skip
    done = rebalance("desk", "book", "fill", "desk", file)
    assert (done.status, "broker.csv: not booked: 1 row, with the reason above." in done.out) == (1, True)
    assert re.search(r"ib:1: fill 1 of AGG: paper:\S+ of 2022-12-30 is booked with the same order", done.out)
    assert books.read_book("desk").holders[0].units["AGG"] == 7_460 + 352
    assert "ib:1" not in rebalance("desk", "book", "settle", "desk", "ib:1", "--dismiss").out
