"""Properties of the journal on drawn events: chain, order, idempotence, on real files."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import astuple
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import IN_MEMORY, approval, fill, order

from desk.journal.chain import START, Event, Head
from desk.journal.journal import Journal
from desk.journal.records import Cancelled, Corrected, Filled
from foundation.errors import ConfigError, DataError

names = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=12)
events = st.lists(
    st.one_of(
        st.builds(order, st.integers(0, 9), symbol=names),
        st.builds(fill, st.integers(0, 9), st.floats(0.5, 1e9), portfolio=names),
        st.builds(
            lambda k, why: Event(Cancelled("paper", f"p{k}", None, why), order=f"o{k}"), st.integers(0, 9), names
        ),
        st.builds(lambda k, why: Event(Corrected(k, {"quantity": 0}, why)), st.integers(1, 9), names),
    ),
    max_size=6,
)


@pytest.fixture
def journal() -> Iterator[Journal]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder, Journal(Path(folder), user="anna") as opened:
        yield opened


@settings(max_examples=25)
@given(st.lists(events, max_size=4))
def test_entries_are_numbered_and_each_holds_the_hash_of_the_one_before_and_its_own(drawn: list[list[Event]]) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder, Journal(Path(folder), user="anna") as journal:
        for together in drawn:
            try:
                journal.append(together)
            except DataError:  # one that the journal has with another content
                continue
        found, previous = list(journal.entries()), START.sha256
        for place, entry in enumerate(found, start=1):
            *fields, sha256 = astuple(entry)
            assert (entry.sequence, entry.previous) == (place, previous)
            assert sha256 == hashlib.sha256("\n".join(map(str, fields)).encode()).hexdigest()
            previous = sha256
        assert journal.head == Head(len(found), previous)


@settings(max_examples=25)
@given(events)
def test_records_come_back_in_their_order_as_they_were_given(drawn: list[Event]) -> None:
    drawn = list({(event.record.kind, event.order, str(event.record)): event for event in drawn}.values())
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder, Journal(Path(folder), user="anna") as journal:
        try:
            kept = journal.append(drawn)
        except DataError:
            assert list(journal.entries()) == []  # all or none
            return
        assert [entry.record for entry in journal.entries()] == [
            each.record for each, new in zip(drawn, kept, strict=True) if new.is_new
        ]
        assert [each.entry.record for each in kept] == [event.record for event in drawn]


@settings(max_examples=25)
@given(events)
def test_what_is_journalled_twice_is_there_once(drawn: list[Event]) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder, Journal(Path(folder), user="anna") as journal:
        try:
            first = journal.append(drawn)
        except DataError:
            return
        before = list(journal.entries())
        again = journal.append(drawn)
        assert [each.entry for each in again] == [each.entry for each in first]
        assert not any(each.is_new for each in again)
        assert list(journal.entries()) == before


def test_one_identity_with_another_content_is_refused_with_both(journal: Journal) -> None:
    journal.append([fill(1, 10.0)])
    with pytest.raises(DataError, match=r"entry 1 .* another quantity: found .*11.*, journalled .*10.*correction"):
        journal.append([order(2), fill(1, 11.0)])
    assert journal.head.count == 1


def test_moments_are_of_the_clock_in_utc_and_one_for_all_of_an_append(tmp_path: Path) -> None:
    seconds = count()
    with Journal(
        tmp_path, user="anna", now=lambda: datetime(2026, 11, 25, 16, 3, next(seconds), tzinfo=UTC)
    ) as journal:
        journal.append([order(1), order(2)])
        journal.append([order(3)])
        assert [entry.moment[-10:] for entry in journal.entries()] == ["00.000000Z"] * 2 + ["01.000000Z"]


@pytest.mark.parametrize("event", [order(1, portfolio="a\nb"), fill(1, float("nan")), order(1, symbol="\ud800")])
def test_what_no_entry_takes_is_refused_and_nothing_is_written(journal: Journal, event: Event) -> None:
    with pytest.raises(ConfigError):
        journal.append([order(2), event])
    assert journal.head == START


def test_entries_are_found_by_ticket_order_kind_and_from_the_end(journal: Journal) -> None:
    journal.append([order(1), approval("a" * 64), fill(1, 2.0), order(2)])
    found = {
        "ticket": journal.entries(ticket="aaa"),
        "order": journal.entries(order="o1"),
        "kind": journal.entries(kind="order"),
        "last": journal.entries(last=2),
    }
    assert {name: [entry.sequence for entry in entries] for name, entries in found.items()} == {
        "ticket": [2],
        "order": [1, 3],
        "kind": [1, 4],
        "last": [3, 4],
    }


def test_the_second_file_states_the_head_after_each_append(journal: Journal) -> None:
    for k in range(3):
        journal.append([order(k)])
        count, sha256 = (journal.folder / "journal.head").read_text().split()
        assert Head(int(count), sha256) == journal.head


def test_entries_can_be_neither_changed_nor_removed_by_accident(journal: Journal) -> None:
    journal.append([order(1)])
    for statement in ("UPDATE entries SET user = 'bob'", "DELETE FROM entries"):
        with pytest.raises(Exception, match="entries are never"):
            journal.rows.execute(statement)


def test_a_record_of_a_fill_keeps_what_was_not_known_as_null(journal: Journal) -> None:
    journal.append([fill(1, 2.0)])
    (entry,) = journal.entries()
    assert isinstance(entry.record, Filled)
    assert entry.record.quote is None
    assert json.loads(entry.content)["quote"] is None
