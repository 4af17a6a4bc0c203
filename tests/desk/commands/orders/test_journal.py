"""The journal from the shell: lists, approvals, the entries of an order, and the answers to damage."""

import csv
import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from commanded import FILE, TRADES, rebalance
from journals import fill, order

from backtests.runs.folder import MANIFEST
from desk.commands.made import run_for, write_summary
from desk.commands.orders.journal import judge_ticket
from desk.journal.chain import Event, digest
from desk.journal.journal import JOURNAL, Journal, system_user
from desk.journal.records import OrderSent
from desk.journal.tickets import list_event, ticket_event, ticket_state
from foundation.errors import ConfigError, DataError
from foundation.home import HOME
from research.portfolio import load_portfolio


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A ticket that asks for two approvals, and the home with its list."""
    folder = tmp_path_factory.mktemp("desk")
    content = yaml.safe_load(FILE.read_text())
    content["ticket"] = {"approvals": 2}
    (folder / "desk.yaml").write_text(yaml.safe_dump(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME, str(folder / "home"))
        words = (*TRADES, folder / "desk.yaml", "--deposit", 5000, "--to-target", "--out", folder / "trades.json")
        assert rebalance(*words).status == 0
        assert rebalance(*words).status == 0  # again
    return folder / "trades.json", folder / "home"


@pytest.fixture
def ticket(written: tuple[Path, Path], tmp_path: Path, home: Path) -> Path:
    """The ticket, with a journal that has its list."""
    for name in ("journal.sqlite", "journal.head"):
        home.mkdir(exist_ok=True)
        (home / name).write_bytes((written[1] / name).read_bytes())
    return written[0]


def test_tickets_and_manifests_state_the_head_that_the_journal_had(ticket: Path, tmp_path: Path) -> None:
    portfolio = load_portfolio(FILE)
    write_summary(tmp_path, run_for("backtest", portfolio, {}), "text", {})
    with Journal(read_only=True) as journal:
        heads = [asdict(head) for head in (journal.head_at(1), journal.head) if head is not None]
    stated = [json.loads(path.read_text())["journal"] for path in (ticket, tmp_path / MANIFEST)]
    assert stated == heads == heads[:1] * 2  # the list was journalled once, and then made again
    assert rebalance("desk", "journal", ticket, tmp_path / MANIFEST).status == 0


def test_a_list_that_is_written_is_journalled_once_with_its_orders(ticket: Path) -> None:
    document = json.loads(ticket.read_text())
    with Journal(read_only=True) as journal:
        (entry,) = journal.entries()
    assert (entry.kind, entry.ticket, entry.user) == ("list", document["hash"], system_user())
    assert [each.order for each in entry.record.orders] == [each["client_order_id"] for each in document["orders"]]
    assert (entry.record.files, entry.record.approvals) == ((str(ticket),), 2)


def test_a_list_that_is_only_printed_is_not_journalled(home: Path) -> None:
    assert rebalance(*TRADES, FILE).status == 0
    assert not home.exists()


def test_no_file_is_written_where_the_journal_cannot_be(tmp_path: Path, home: Path) -> None:
    home.write_text("a file in the place of the folder")
    done = rebalance(*TRADES, FILE, "--out", tmp_path / "trades.json")
    assert done.status == 2
    assert str(home) in done.said
    assert not (tmp_path / "trades.json").exists()


def test_a_ticket_is_approved_by_as_many_users_as_its_file_asks_for_each_once(ticket: Path) -> None:
    assert "Approved by anna on" in (first := judge_ticket(ticket, user="anna"))
    assert "It asks for 2: 1 more must approve it." in first
    assert "Nothing was written: entry 2 says so." in judge_ticket(ticket, user="anna")
    assert "more must approve" not in judge_ticket(ticket, user="bob")
    with Journal() as journal:
        state = ticket_state(journal, json.loads(ticket.read_text())["hash"])
        assert state.is_approved
        assert [entry.user for entry in state.approvals] == ["anna", "bob"]


def test_a_refused_ticket_is_approved_once_those_who_refused_it_approve_it(ticket: Path) -> None:
    done = rebalance("desk", "approve", ticket, "--refuse", "prices moved")
    assert (done.status, f"{ticket} is list " in done.out) == (0, True)
    with pytest.raises(ConfigError, match=r"cannot be approved: .* prices moved\. Only who refused it can"):
        judge_ticket(ticket, user="bob")
    assert "Nothing was written" in judge_ticket(ticket, "prices moved")
    assert f"Approved by {system_user()} on" in judge_ticket(ticket)
    assert "Nothing was written" in judge_ticket(ticket)
    assert "after a refusal and bob on" in judge_ticket(ticket, user="bob")
    with Journal() as journal:
        ticket_hash = json.loads(ticket.read_text())["hash"]
        assert ticket_state(journal, ticket_hash).is_approved
        assert [entry.kind for entry in journal.entries()] == ["list", "refusal", "approval", "approval"]


def test_each_of_two_who_refused_a_ticket_can_approve_it_and_nobody_else_meanwhile(ticket: Path) -> None:
    for user in ("anna", "bob"):
        judge_ticket(ticket, "prices moved", user=user)
    assert "Approved by anna on" in judge_ticket(ticket, user="anna")
    with pytest.raises(ConfigError, match=r"cannot be approved: .*Refused by bob"):
        judge_ticket(ticket, user="carl")
    assert "Refused by" not in judge_ticket(ticket, user="bob")
    with Journal() as journal:
        assert ticket_state(journal, json.loads(ticket.read_text())["hash"]).is_approved


def test_each_persons_last_word_counts(ticket: Path) -> None:
    for refusal in ("", "too large", "", "too large", ""):
        judge_ticket(ticket, refusal, user="anna")
    judge_ticket(ticket, user="bob")
    with Journal() as journal:
        state = ticket_state(journal, json.loads(ticket.read_text())["hash"])
        assert state.is_approved
        assert [entry.record.after for entry in state.approvals] == [5, 0]


def test_a_sent_ticket_is_not_refused_later(ticket: Path) -> None:
    document = json.loads(ticket.read_text())
    record = OrderSent("paper", "p1", "buy", "SPY", 3.0, "USD", "market")
    with Journal() as journal:
        journal.append([ticket_event(document, record, document["orders"][0]["client_order_id"])])
    done = rebalance("desk", "approve", ticket, "--refuse", "too late")
    assert done.status == 2
    assert "can no longer be refused" in done.said
    assert "Sent by" in done.said


def test_a_ticket_that_was_edited_is_refused_with_both_hashes(ticket: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited.json"
    edited.write_text(ticket.read_text().replace('"approvals": 2', '"approvals": 1'))
    with pytest.raises(
        DataError, match=r"edited.json was changed: it states the hash '[0-9a-f]{64}', and has [0-9a-f]{64}"
    ):
        judge_ticket(edited)


def test_a_list_that_the_journal_lacks_is_journalled_with_its_approval(written: tuple[Path, Path], home: Path) -> None:
    judge_ticket(written[0], user="anna")
    with Journal() as journal:
        assert [entry.kind for entry in journal.entries()] == ["list", "approval"]


def test_why_goes_from_the_fill_back_to_the_data(ticket: Path) -> None:
    document = json.loads(ticket.read_text())
    first = document["orders"][0]
    events = [Event(each.record, document["portfolio"], document["hash"], "", first["client_order_id"])
              for each in (order(1), fill(1, 2.0))]  # fmt: skip
    with Journal(user="anna") as journal:
        journal.append(events)
    done = rebalance("desk", "history", first["client_order_id"], "--view", "why")
    lines = " ".join(done.out.split())
    wanted = [
        "Buy 2 SPY at 381.5 USD on paper, fee 0.05 USD (entry 3,",
        "Buy 2 SPY, market, to paper as p1 (entry 2,",
        f"It is order 1 of {len(document['orders'])} of list {document['hash'][:16]} of {document['portfolio']}",
        "made the list on",
        "Approved by nobody. It asks for 2: 2 more must approve it.",
        f"Its ticket is {ticket}.",
        f"The policy decided at the close of {document['last_close']}: {document['reason']}.",
        f"The policy is '{document['policy']}' of",
        "No run is behind it",
        f"The data had the fingerprint {document['data']}",
    ]
    places = [lines.find(" ".join(part.split())) for part in wanted]
    assert done.status == 0
    assert min(places) >= 0, [part for part, place in zip(wanted, places, strict=True) if place < 0]
    assert places == sorted(places)


def test_why_names_the_list_that_was_sent_and_not_one_made_after(ticket: Path) -> None:
    document = json.loads(ticket.read_text())
    name = document["orders"][0]["client_order_id"]
    with Journal(user="anna") as journal:
        journal.append([Event(order(1).record, document["portfolio"], document["hash"], "", name)])
        journal.append([list_event(document, [str(ticket.with_name("again.json"))])])
        assert journal.head.count == 3
    said = " ".join(rebalance("desk", "history", name, "--view", "why").out.split())
    assert "(entry 1), as of" in said
    assert "again.json" not in said


def test_why_says_what_is_not_known(ticket: Path, tmp_path: Path) -> None:
    document = json.loads(ticket.read_text())
    ran = json.loads(ticket.read_text()) | {"run": "gone", "hash": "ab" * 32}
    with Journal() as journal:
        journal.append([list_event(ran, [str(tmp_path / "gone.json")]), order(7)])
    said = " ".join(rebalance("desk", "history", document["orders"][0]["client_order_id"], "--view", "why").out.split())
    assert "It was not sent: the journal has no order, fill or refusal of it." in said
    assert "This is not known: what its ticket says besides." in said
    assert "This is not known: what run gone says." in said
    assert "This is not known: which list it comes from." in rebalance("desk", "history", "o7", "--view", "why").out
    assert "names an order 'o8'" in rebalance("desk", "history", "o8", "--view", "why").said


def test_show_verify_and_export_agree(ticket: Path, tmp_path: Path) -> None:
    with Journal(user="anna") as journal:
        journal.append([order(k) for k in range(30)])
    assert len(rebalance("desk", "journal").out.splitlines()) == 20
    assert len(rebalance("desk", "journal", "--last", 3).out.splitlines()) == 3
    assert "buy 5 SPY, market, to paper as p4" in rebalance("desk", "journal", "--order", "o4").out
    assert (
        len(rebalance("desk", "journal", "--ticket", json.loads(ticket.read_text())["hash"][:8]).out.splitlines()) == 1
    )
    checked = rebalance("desk", "journal", "--verify")
    assert (checked.status, checked.out.split(".")[0]) == (0, "31 entries, none changed, removed or added")
    for name in ("all.jsonl", "all.csv"):
        assert rebalance("desk", "journal", "--out", tmp_path / name).status == 0
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    rows = list(csv.DictReader((tmp_path / "all.csv").open()))
    assert [row["sha256"] for row in rows] == [line["sha256"] for line in lines]
    sequence, *others = list(lines[-1].values())[:-1]
    assert digest(sequence, [other.encode() for other in others]) == lines[-1]["sha256"] == checked.out.split()[-1][:-1]
    assert "end it with .jsonl or .csv" in rebalance("desk", "journal", "--out", tmp_path / "all.txt").said


def test_verify_ends_with_status_1_and_names_the_entry(ticket: Path, home: Path, tmp_path: Path) -> None:
    with Journal() as journal:
        journal.append([order(k) for k in range(5)])
        head = journal.head
    stated = tmp_path / "manifest.json"
    stated.write_text(json.dumps({"journal": asdict(head)}))
    assert rebalance("desk", "journal", stated).status == 0
    with sqlite3.connect(home / JOURNAL) as rows:
        rows.execute("DROP TRIGGER never_changed")
        rows.execute("UPDATE entries SET user = 'bob' WHERE sequence = 3")
    done = rebalance("desk", "journal", stated)
    assert (done.status, done.out) == (1, "Entry 3: it was changed: its hash is not that of its fields.\n")
    for content in ("{", "[]", '"text"', '{"journal": 3}', '{"journal": {"count": 2}}'):
        stated.write_text(content)
        done = rebalance("desk", "journal", stated)
        assert (done.status, f"{stated} has no `journal` with count and sha256." in done.said) == (2, True)


def test_a_ticket_that_was_made_before_the_first_entry_states_no_head(tmp_path: Path, home: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for path in (first, second):
        assert rebalance(*TRADES, FILE, "--out", path).status == 0
    done = rebalance("desk", "journal", second, first)
    entry, said = done.out.rstrip("\n").split("\n")
    assert (done.status, entry.split(".")[0]) == (0, "2 entries, none changed, removed or added")
    assert said.startswith(f"{first} states no head of a journal, as one that was made before the first entry:")
    with sqlite3.connect(home / JOURNAL) as rows:
        rows.execute("DROP TRIGGER never_removed")
        rows.execute("DELETE FROM entries WHERE sequence = 2")
    done = rebalance("desk", "journal", first)
    assert (done.status, said in done.out, "missing" in done.out) == (1, True, True)


def test_without_a_journal_each_command_says_so() -> None:
    for words in (("desk", "journal"), ("desk", "journal", "--verify"), ("desk", "history", "o1", "--view", "why")):
        done = rebalance(*words)
        assert (done.status, "there is no journal in" in done.said) == (2, True)
