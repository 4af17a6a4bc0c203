"""Two processes at once, kills, and files that are gone."""

import sqlite3
from pathlib import Path

import pytest
from journals import check_nothing_lost_or_doubled, killed, order
from order_events import executed, listed, made

from desk.journal.chain import START, Event
from desk.journal.journal import HEAD, JOURNAL, Journal, journal_head, system_user
from desk.journal.records import Corrected
from desk.journal.tickets import execution_status, filled_units
from foundation.errors import ConfigError, DataError
from foundation.home import HOME, home_folder
from foundation.sqlite_tables import SHARED_VARIABLE


def test_kills_of_two_appending_processes_lose_nothing_that_was_kept_and_double_nothing(tmp_path: Path) -> None:
    assert check_nothing_lost_or_doubled(tmp_path, killed(tmp_path, kills=6)) >= 4


def test_two_open_journals_see_what_the_other_appends(tmp_path: Path) -> None:
    with Journal(tmp_path) as one, Journal(tmp_path) as other:
        one.append([order(1)])
        assert [kept.is_new for kept in other.append([order(1), order(2)])] == [False, True]
        assert one.head == other.head == journal_head(tmp_path)
        assert [entry.user for entry in one.entries()] == [system_user()] * 2


def test_an_append_is_synced_to_the_disk(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        found = [journal.rows.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]  # FULL


def test_machines_that_share_a_journal_share_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is written ahead is of one machine: SQLite maps its index, the file -shm, into memory."""
    with Journal(tmp_path) as journal:
        journal.append([order(1)])
    monkeypatch.setenv(SHARED_VARIABLE, "1")
    with Journal(tmp_path) as one, Journal(tmp_path) as other, one.snapshot():
        assert {path.name for path in tmp_path.iterdir()} <= {JOURNAL, f"{JOURNAL}-journal", HEAD}
        assert len(list(other.entries())) == 1
    with Journal(tmp_path) as one, Journal(tmp_path) as other:
        one.append([order(2)])
        assert [kept.is_new for kept in other.append([order(2), order(3)])] == [False, True]
        assert one.head == other.head == journal_head(tmp_path)


def test_the_folder_is_that_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(tmp_path / "desk"))
    assert home_folder() == tmp_path / "desk"
    assert journal_head() is None
    Journal().close()
    assert journal_head() == START
    monkeypatch.delenv(HOME)
    assert home_folder().name == "rebalance"


def test_a_list_is_not_executed_when_its_fill_was_corrected_or_busted(tmp_path: Path) -> None:
    of = listed("o1", "buy", "SPY", 12.0, 380.0)
    with Journal(tmp_path) as journal:
        fill = journal.append([made("t1", of), *executed(of, "t1", None, [(12.0, 381.0, None)])])[-1].entry
        assert (execution_status(journal, "t1"), filled_units(journal, "t1")) == ("executed", {"o1": 12})
        for units, left in ((5.0, {"o1": 5}), (0.0, {})):
            journal.append([Event(Corrected(fill.sequence, {"quantity": units}, f"{units}"), ticket="t2", order="o1")])
            assert (execution_status(journal, "t1"), filled_units(journal, "t1")) == ("partly executed", left)


def test_reading_makes_no_journal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no journal in"):
        Journal(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_without_the_second_file_nothing_is_appended(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append([order(1)])
    (tmp_path / HEAD).unlink()
    with pytest.raises(DataError, match=r"journal.head states no head: journal.sqlite has 1 entry. Run:"):
        Journal(tmp_path)


def test_a_file_that_is_no_database_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("a note to myself, longer than the first page of nothing" * 99)
    with pytest.raises(DataError, match=r"journal.sqlite cannot be read or written \(file is not a database\)"):
        Journal(tmp_path)


def test_a_journal_that_another_program_holds_is_waited_for_and_then_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foundation.sqlite_tables.WAIT", 10)
    with Journal(tmp_path) as journal:
        other = sqlite3.connect(tmp_path / JOURNAL, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataError, match=r"\(database is locked\)"):
            journal.append([order(1)])
        other.execute("ROLLBACK")
        other.close()
        assert journal.append([order(1)])[0].is_new
