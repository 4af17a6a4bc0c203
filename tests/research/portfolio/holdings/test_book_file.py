"""A book is read as it was written, now and as it was known before; what another hand changed is told in a sentence."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from foundation.canonical import content_hash
from foundation.errors import ConfigError, DataError
from research.portfolio.holdings.blotter import BookedFill, BookExchange, BookSplit, BookTransfer, SentOrder
from research.portfolio.holdings.book import (
    Book,
    BookItem,
    BookLots,
    HeldLot,
    Holder,
    Opening,
    book_adapter,
    book_schema,
)
from research.portfolio.holdings.book_file import MEMBERS, ROWS, BookRow, book_path, has_book, read_book, write_book
from research.portfolio.holdings.cash_entries import CashEntry

FIRST, DAY = datetime(2022, 12, 29, 21, tzinfo=UTC), date(2022, 12, 30)
FILL = BookedFill("v:1", "o1", DAY, date(2023, 1, 3), "", "SPY", Decimal(-10), Decimal("-3800.5"), "USD",
                  Decimal("3799.25"), Decimal("-3800.5"), {"commission": Decimal("1.25")},
                  moment="2022-12-30T15:00:00Z")  # fmt: skip
ENTRY = CashEntry("d1", "dividend", DAY, "", "USD", Decimal("12.34"), "SPY", 'paid "late", 5 \u20ac')


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path))


@pytest.fixture
def book() -> Book:
    held = Holder("", {"SPY": Decimal("3260"), "AGG": Decimal("7460")}, {"USD": Decimal("21350.40")})
    lots = BookLots((HeldLot("SPY", "", date(2020, 1, 2), 3260.0, 300.1),), {"AGG": date(2022, 12, 1)}, {"2022": -5.5})
    return Book("desk", "desk.yaml", "USD", date(2022, 12, 29), Opening(date(2022, 9, 30), (held,), lots))


@pytest.fixture
def whole(book: Book) -> Book:
    """A book with something in each of its parts."""
    order = SentOrder("o1", "", "SPY", "sell", Decimal(12), goal=0.6, price=380.05)
    exchange = BookExchange("GLD", DAY, "IAU", Decimal("2.5"), Decimal(1), "USD", Decimal(30), Decimal(1))
    return replace(
        book, asked=date(2022, 12, 29), ticket="a" * 64, sent=(order,), fills=(FILL, replace(FILL, fill_id="v:2")),
        splits=(BookSplit("SPY", DAY, Decimal(2)),), entries=(ENTRY,), items=(BookItem("x", "why", {"a": "b"}, ENTRY),),
        exchanges=(exchange,), unquoted=("FUND",),
        transfers=(BookTransfer("t1", DAY, "", "AGG", Decimal(5), date(2020, 1, 1), Decimal(99), "USD"),),
    )  # fmt: skip


def at(day: int) -> datetime:
    """The moment some days after the first."""
    return FIRST + timedelta(days=day)


def known(day: int) -> np.datetime64:
    """Likewise, as it is asked for."""
    return np.datetime64(at(day).replace(tzinfo=None), "us")


def rows_of(path: Path) -> list[BookRow]:
    """The rows of a file."""
    with sqlite3.connect(path) as rows:
        return [BookRow(*row) for row in rows.execute("SELECT * FROM rows ORDER BY sequence")]


def test_a_book_is_read_as_it_was_written_and_as_it_was_known_before(book: Book, whole: Book) -> None:
    done = replace(whole, sent=(), entries=(), items=(replace(whole.items[0], resolved="booked"),))
    for day, each in enumerate((book, whole, done)):
        write_book(each, at(day))
    assert read_book("desk") == done
    assert [read_book("desk", known_on=known(day)) for day in (0, 1, 2)] == [book, whole, done]
    with pytest.raises(DataError, match=r"nothing of book 'desk' was known on 2022-12-28.* than 2022-12-29T21:00:00"):
        read_book("desk", known_on=known(-1))


def test_what_is_written_again_adds_no_row_and_one_fill_more_adds_one(whole: Book) -> None:
    before = rows_of(write_book(whole, at(0)))
    assert rows_of(write_book(whole, at(1))) == before
    after = rows_of(write_book(replace(whole, fills=(*whole.fills, replace(FILL, fill_id="v:3"))), at(2)))
    expected = [("fills", "v:3", "2022-12-30", "2022-12-31T21:00:00.000000Z")]
    assert [(row.part, row.name, row.day, row.known) for row in after[len(before) :]] == expected


def test_a_clock_that_goes_back_leaves_the_order_of_what_was_known(book: Book, whole: Book) -> None:
    write_book(book, at(1))
    known = [row.known for row in rows_of(write_book(whole, at(0)))]
    assert known == sorted(known)


def test_what_the_market_alone_knows_is_not_written(whole: Book) -> None:
    assumed = BookSplit("AGG", DAY, Decimal(2), assumed=True)
    write_book(replace(whole, splits=(*whole.splits, assumed)), at(0))
    assert read_book("desk") == whole


def test_a_fill_is_never_changed(whole: Book) -> None:
    write_book(whole, at(0))
    with pytest.raises(ValueError, match="they are appended"):
        write_book(replace(whole, fills=whole.fills[1:]), at(1))
    assert read_book("desk") == whole


entries = st.lists(st.sampled_from("abcdef"), unique=True).map(
    lambda names: tuple(replace(ENTRY, entry_id=name) for name in names)
)
items = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["", "booked"])), unique_by=lambda of: of[0]).map(
    lambda of: tuple(BookItem(name, "why", resolved=resolved) for name, resolved in of)  # type: ignore[arg-type]
)


@settings(max_examples=60)
@given(st.lists(st.tuples(entries, items, st.integers(0, 2)), min_size=1, max_size=6))
def test_any_history_of_changes_is_read_back_at_each_of_its_moments(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[tuple[CashEntry, ...], tuple[BookItem, ...], int]]
) -> None:
    """Members come, go, change and stand in another order."""
    with pytest.MonkeyPatch.context() as place:
        place.setenv("REBALANCE_HOME", str(tmp_path_factory.mktemp("home")))
        held = Holder("", {"SPY": Decimal(1)}, {"USD": Decimal(1)})
        made = [Book("desk", "desk.yaml", "USD", DAY, Opening(DAY, (held,)))]
        for some, others, fills in history:
            more = tuple(replace(FILL, fill_id=f"v:{k}") for k in range(fills))
            made.append(replace(made[-1], entries=some, items=others, fills=(*made[-1].fills, *more)))
        for day, book in enumerate(made):
            write_book(book, at(day))
        assert [read_book("desk", known_on=known(day)) for day in range(len(made))] == made


# -- what another hand did ---------------------------------------------------------------------------------------------


def without_triggers(path: Path, change: str) -> None:
    """Change the rows of a file by hand."""
    with sqlite3.connect(path) as rows:
        rows.executescript("DROP TRIGGER never_changed; DROP TRIGGER never_removed;")
        rows.execute(change)


@cases(
    "change",
    "UPDATE rows SET content = replace(content, '3799.25', '3799.26')",
    "UPDATE rows SET day = '2022-12-29' WHERE day = '2022-12-30'",
    "UPDATE rows SET known = '2022-12-28T21:00:00.000000Z'",
    "DELETE FROM rows WHERE sequence = 3",
    "UPDATE rows SET sequence = sequence + 1000",
)
def test_a_book_that_another_hand_changed_is_refused(whole: Book, change: str) -> None:
    without_triggers(write_book(whole, at(0)), change)
    said = r"was changed by another hand: (row|it) .* open the book again loses its fills"
    with pytest.raises(DataError, match=said):
        read_book("desk")


def test_nothing_is_written_after_rows_that_another_hand_took_out_since_they_were_read(whole: Book) -> None:
    path = write_book(whole, at(0))
    book, head = read_book("desk"), path.with_suffix(".head").read_bytes()
    without_triggers(path, "DELETE FROM rows WHERE sequence = 3")
    with pytest.raises(DataError, match="was changed by another hand: it lacks rows"):
        write_book(replace(book, items=(*book.items, BookItem("y", "why"))), at(1))
    assert path.with_suffix(".head").read_bytes() == head


@pytest.mark.parametrize("cut", ["DELETE FROM rows WHERE name = 'y'", "DROP TABLE rows"])
def test_a_book_without_its_last_rows_is_refused(whole: Book, cut: str) -> None:
    """As one is that was put back from yesterday, without the file that states its head."""
    path = write_book(whole, at(0))
    write_book(replace(whole, items=(*whole.items, BookItem("y", "why"))), at(1))
    without_triggers(path, cut)
    for _ in range(2):
        with pytest.raises(DataError, match=r"changed by another hand: it (is not the one of|has no rows)"):
            read_book("desk")
        path.write_bytes(b"")


def test_a_writer_that_is_killed_before_it_states_the_head_leaves_a_whole_book(whole: Book) -> None:
    path = write_book(whole, at(0))
    head = path.with_suffix(".head").read_bytes()
    done = replace(whole, entries=())
    write_book(done, at(1))
    path.with_suffix(".head").write_bytes(head)
    assert read_book("desk") == done
    path.with_suffix(".head").unlink()
    assert read_book("desk") == done


def test_rows_are_not_changed_or_removed(whole: Book) -> None:
    with sqlite3.connect(write_book(whole, at(0))) as rows:
        for change in ("UPDATE rows SET content = ''", "DELETE FROM rows"):
            with pytest.raises(sqlite3.IntegrityError, match="rows are never"):
                rows.execute(change)


def test_a_flipped_bit_is_told_or_changes_nothing(whole: Book) -> None:
    path, random = write_book(whole, at(0)), Random(1)
    stored, told = path.read_bytes(), 0
    for _ in range(300):
        place, bit = random.randrange(len(stored)), random.randrange(8)
        path.write_bytes(stored[:place] + bytes([stored[place] ^ 1 << bit]) + stored[place + 1 :])
        try:
            assert read_book("desk") == whole
        except DataError:
            told += 1
    assert told > 30  # most of the file is empty


def test_a_book_cut_short_and_one_that_is_not_there_are_refused(whole: Book) -> None:
    path = write_book(whole, at(0))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"cannot be read or written as a book \(.*\)\. Restore the file as it was"):
        read_book("desk")
    with pytest.raises(DataError, match=r"there is no book 'other'.* rebalance desk book open FILE --as other"):
        read_book("other")
    with pytest.raises(DataError, match=r"rebalance desk book open desk\.yaml --as other"):
        read_book("other", "desk.yaml")
    with pytest.raises(ConfigError, match="has a slash"):
        book_path("../desk")


def test_a_book_of_another_version_is_refused(book: Book) -> None:
    write_book(replace(book, schema=4), at(0))
    with pytest.raises(DataError, match=r"desk\.sqlite has version 4 of a book, and this code reads 3\. Read it"):
        read_book("desk")


# -- its schema, and the JSON files that were before -------------------------------------------------------------------


def test_the_rows_of_a_file_keep_its_schema(whole: Book) -> None:
    schema = book_schema()
    rows = rows_of(write_book(whole, at(0)))
    assert {row.part for row in rows} >= {*MEMBERS, "opening", "sent", "schema"}
    for row in rows:
        stated = schema["properties"][row.part]
        stated = stated["items"] if row.part in MEMBERS else stated
        Draft202012Validator({"$defs": schema["$defs"], **stated}).validate(json.loads(row.content))


def as_json(book: Book, change: Callable[[str], str] = str) -> Path:
    """The JSON file of a book of version 3, as it was before."""
    path = book_path(book.name).with_suffix(".json")
    path.parent.mkdir(exist_ok=True)
    parts = {"schema": 3} | book_adapter().dump_python(book, mode="json")
    path.write_text(change(json.dumps(parts | {"fingerprint": content_hash(parts)})))
    return path


def test_a_kill_in_the_first_write_leaves_the_json_file_the_book(whole: Book) -> None:
    """Neither an empty file nor one with tables and no row takes its place."""
    as_json(whole)
    path = book_path("desk")
    path.touch()
    assert read_book("desk") == whole
    with sqlite3.connect(path) as rows:
        rows.executescript(ROWS)
    assert (read_book("desk"), has_book("desk"), has_book("other")) == (whole, True, False)
    write_book(whole, at(0))
    assert read_book("desk") == whole


def test_two_members_of_one_name_are_not_written_as_one(whole: Book) -> None:
    write_book(whole, at(0))
    with pytest.raises(ValueError, match="has two entries of the name d1"):
        write_book(replace(whole, entries=(ENTRY, ENTRY)), at(1))
    assert read_book("desk") == whole


def test_a_json_file_is_read_and_put_aside_when_rows_take_its_place(whole: Book) -> None:
    path = as_json(whole)
    assert read_book("desk") == whole
    with pytest.raises(DataError, match=r"what book 'desk' knew on 2022-12-29.* is not kept"):
        read_book("desk", known_on=known(0))
    done = replace(whole, entries=())
    write_book(done, at(0))
    assert (read_book("desk"), path.exists(), path.with_name("desk.converted.json").exists()) == (done, False, True)


@cases(
    "change, told",
    (lambda text: text.replace("2022-12-30", "2022-12-31"), r"its fingerprint is of another content"),
    (lambda text: text[:100], "is no JSON"),
)
def test_a_json_file_that_another_hand_changed_is_refused(whole: Book, change: Callable[[str], str], told: str) -> None:
    as_json(whole, change)
    with pytest.raises(DataError, match=told):
        read_book("desk")
