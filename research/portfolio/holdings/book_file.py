"""The file of a book: rows that are appended and never changed, each with the moment at which it came to be known.

`books/NAME.sqlite` in the folder of `REBALANCE_HOME`. A row states a part of a `Book` (a field), or a member of one: a
fill, a split, an amount of cash. A later row of the same name stands in place of the earlier one, and one without
content takes it out. Each holds the hash of the one before it, and its own, so that a change by another hand is seen.
All rows of a change are written together or not at all. The user's own file is never written.

Beside the rows stand states: what the fold of the rows up to a day gives, so that a book with many of them is read from
there on. A state counts while no later row is of its day or before.
"""

import json
import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from foundation.arguments import first_fault
from foundation.errors import DataError
from foundation.files import write_whole
from foundation.home import home_folder
from foundation.names import check_name
from foundation.sqlite_tables import append_only, connected, digest, transaction
from research.market import Market
from research.portfolio.holdings.book import BOOK_SCHEMA, Book, Opening, book_adapter
from research.portfolio.holdings.earlier_books import RESTORE_BOOK, earlier_book

NO_DAY = "9"  # after each day
CHAIN_START = "0" * 64  # in place of the hash before the first row
FILL_ROWS = "fills"
MEMBERS: Mapping[str, Callable[[Any], tuple[str, str]]] = {
    FILL_ROWS: lambda fill: (f"{fill.day}", fill.fill_id),
    "splits": lambda split: (f"{split.day}", split.name),
    "exchanges": lambda exchange: (f"{exchange.day}", exchange.name),
    "transfers": lambda transfer: (f"{transfer.day}", transfer.transfer_id),
    "entries": lambda entry: (f"{entry.day}", entry.entry_id),
    "items": lambda item: ("", item.name),
}  # the parts that have members, and the day and the name of one
PARTS_BUT_FILLS = tuple(part.name for part in fields(Book) if part.name != FILL_ROWS)
ROWS = f"""
CREATE TABLE IF NOT EXISTS rows (sequence INTEGER PRIMARY KEY, known TEXT NOT NULL, day TEXT NOT NULL,
    part TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, previous TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS by_day ON rows (day);
CREATE INDEX IF NOT EXISTS by_part ON rows (part, day);
CREATE INDEX IF NOT EXISTS by_name ON rows (name);
CREATE TABLE IF NOT EXISTS states (kind TEXT NOT NULL, day TEXT NOT NULL, rows INTEGER NOT NULL, content TEXT NOT NULL,
    sha256 TEXT NOT NULL, PRIMARY KEY (kind, day)) STRICT;
{append_only("rows")}
"""
HEAD_KIND = ".head"  # of the file that states the number of rows and the hash of the last, as that of the journal does
HOLDERS = "holders, 2"  # kind of the states of what is held
RECENT_FILLS = timedelta(days=10)  # before its last event, of which a book has each fill
KNOWN_BEFORE = timedelta(
    days=130
)  # before a state, of which it says what was held: dividends of these days may be owed
MONTHS_KEPT = 13  # whose ends have states of what was held, for events that come late
A_DAY = timedelta(days=1)
STEP = 200  # fills between two states of what is held
UNFOLDED = ("asked", "ticket", "sent", "items", "file", "reading", "reconciled")  # parts on which no state depends


class Stated(NamedTuple):
    """A part of a book, or a member of one; day and name as in `BookRow`."""

    day: str
    name: str
    content: str


Contents = dict[str, dict[str, Stated]]  # by part and name; fills, whose rows may share a name, by their places


class BookRow(NamedTuple):
    """A row of the file.

    sequence : place from 1.
    known    : moment at which it was written, in UTC.
    day      : of a member, the day on which it happened, or "".
    part     : field of the book.
    name     : of a member, its name, which a fill of several rows shares; else "".
    content  : JSON, or "" where the member is taken out.
    previous : hash of the row before it.
    sha256   : of all of the above, hex.
    """

    sequence: int
    known: str
    day: str
    part: str
    name: str
    content: str
    previous: str
    sha256: str


BEFORE_ROWS = BookRow(0, "", "", "", "", "", "", CHAIN_START)


def book_path(name: str) -> Path:
    """The path of a book. Raises ConfigError for what is no name."""
    check_name("name of a book is", name)
    return home_folder() / "books" / f"{name}.sqlite"


def has_book(name: str) -> bool:
    """True if there is a book of this name, also as a file of an earlier version. Raises ConfigError for no name."""
    return bool(_rows_in(path := book_path(name))) or path.with_suffix(".json").is_file()


def _rows_in(path: Path) -> int:
    """The number of rows of a file; the writer of one without any was killed, and what was before it counts."""
    if not path.is_file():
        return 0
    with _opened(path) as rows:
        return _count(rows, path)


def read_book(name: str, file: str = "FILE", known_on: np.datetime64 | None = None, since: date | None = None) -> Book:
    """The book of this name. Raises DataError for one that is not there, is damaged, or was changed by another hand.

    file     : portfolio file that names it, for the advice.
    known_on : a moment in UTC: what came to be known later is left out; None takes all.
    since    : a day: fills before it may be left out, where they are in the opening that the book then has; those of
               the last days, and since the orders that were sent last, are there in any case. None takes all.
    """
    path = book_path(name)
    if not (count := _rows_in(path)):
        if not (earlier := path.with_suffix(".json")).is_file():
            fix = f"Open it from what is held now: rebalance desk book open {file} --as {name}"
            raise DataError(f"there is no book {name!r} ({path}). {fix}")
        path = earlier
        if known_on is not None:
            raise DataError(f"what book {name!r} knew on {known_on} is not kept: {path} does not state it.")
        return _parsed(earlier_book(path), path)
    with _opened(path) as rows:
        if known_on is not None:
            moment = [count, f"{known_on.astype('datetime64[us]')}Z"]
            (count,) = rows.execute("SELECT COUNT(*) FROM rows WHERE sequence <= ? AND known <= ?", moment).fetchone()
        if not count:
            (first,) = rows.execute("SELECT MIN(known) FROM rows").fetchone()
            raise DataError(f"nothing of book {name!r} was known on {known_on}. Choose a later moment than {first}.")
        recent = None if since is None else _recent(rows, count)
        state = None if since is None or recent is None else _state_before(rows, HOLDERS, min(since, recent), count)
    book = _read(path, _stamp(path), count, state)
    if recent is not None:
        _keep_held(book, recent)
    return book


@lru_cache(maxsize=2)
def _read(path: Path, stamp: tuple[int, ...], count: int, state: tuple[date, str] | None) -> Book:
    """The book of the first rows of a file, from a state on. stamp : as `_stamp` gives it."""
    with _opened(path) as rows:
        _check_gaps(rows, path)
        return _begun_at(_book(_contents(_checked(rows, path, count, state and state[0])), path, count), state)


def _stamp(path: Path) -> tuple[int, ...]:
    """Facts on a file that are others after each change of it."""
    of = path.stat()
    return of.st_ino, of.st_size, of.st_mtime_ns


def whole_book(book: Book) -> Book:
    """A book that begins at a state, with all its events since it was opened. Raises DataError as `read_book` does."""
    if book.opening.day is None:
        return book
    path = book_path(book.name)
    found = _read(path, _stamp(path), book.rows, None)
    splits = (*found.splits, *(each for each in book.splits if each.assumed))
    return replace(found, splits=splits, entries=(*found.entries, *book.owed))


def with_splits_of(book: Book, market: Market) -> Book:
    """The book as `Book.with_splits_of` gives it, with all its events where one of the splits is of a day before it."""
    made = book.with_splits_of(market)
    begun = book.opening.day or date.min
    return whole_book(made) if any(split.assumed and split.day <= begun for split in made.splits) else made


def write_book(book: Book, known: datetime) -> Path:
    """Append to the file of a book what changed of it, and give the path.

    known  : the moment, in UTC.
    Raises : DataError for a file that is damaged, was changed by another hand, or cannot be written, and for a fill
             that the file has of a day to which the book does not go back.
    """
    path = book_path(book.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():  # that of a book that was deleted
        path.with_suffix(HEAD_KIND).unlink(missing_ok=True)
    with _opened(path) as rows:
        rows.executescript(ROWS)
        with transaction(rows):
            _check_gaps(rows, path)
            before = _contents(_checked(rows, path, _count(rows, path), book.opening.day, with_fills=False))
            booked = _booked(rows, book)
            head = rows.execute("SELECT * FROM rows ORDER BY sequence DESC LIMIT 1").fetchone()
            last = BookRow._make(head) if head else BEFORE_ROWS
            moment = max(f"{known.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", last.known)
            sequence, previous = last.sequence, last.sha256
            for part, stated in _changes(before, _parts(replace(book, fills=book.fills[booked:]), before)):
                if book.opening.day and stated.day:
                    _check_new(rows, book, part, stated)
                sequence, fields = sequence + 1, (moment, stated.day, part, stated.name, stated.content, previous)
                previous = digest(sequence, [field.encode() for field in fields])
                rows.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (sequence, *fields, previous))
                if stated.day or part not in UNFOLDED:
                    rows.execute("DELETE FROM states WHERE day >= ?", [stated.day])
    write_whole(path.with_suffix(HEAD_KIND), f"{sequence} {previous}\n")
    if (earlier := path.with_suffix(".json")).is_file():
        earlier.replace(path.with_suffix(".converted.json"))
    return path


@contextmanager
def _opened(path: Path, wait: int | None = None) -> Iterator[sqlite3.Connection]:
    """The rows of a file, whose errors are sentences. Each write is on the disk when its transaction ends.

    wait : milliseconds for another process's transaction; None waits as tables do.
    """
    try:
        with closing(connected(path)) as rows:
            rows.execute("PRAGMA synchronous = EXTRA")
            if wait is not None:
                rows.execute(f"PRAGMA busy_timeout = {wait}")
            yield rows
    except (sqlite3.Error, UnicodeError) as error:
        raise DataError(f"{path} cannot be read or written as a book ({error}). {RESTORE_BOOK}") from error


def _count(rows: sqlite3.Connection, path: Path) -> int:
    """The number of rows; 0 where the writer was killed before the first one.

    Raises DataError where the last ones lack.
    """
    head = path.with_suffix(HEAD_KIND)
    stated, _, sha256 = (head.read_text() if head.is_file() else "0 ").strip().partition(" ")
    if not rows.execute("SELECT 1 FROM sqlite_master WHERE name = 'rows'").fetchone():
        if stated == "0":
            return 0
        raise DataError(f"{path} was changed by another hand: it has no rows, and had {stated}. {RESTORE_BOOK}")
    if stated != "0":
        found = rows.execute("SELECT sha256 FROM rows WHERE sequence = ?", [int(stated)]).fetchone()
        if found != (sha256,):
            raise DataError(f"{path} was changed by another hand: it is not the one of {stated} rows. {RESTORE_BOOK}")
    return int(rows.execute("SELECT COALESCE(MAX(sequence), 0) FROM rows").fetchone()[0])


def _check_gaps(rows: sqlite3.Connection, path: Path) -> None:
    """Raise DataError where rows lack before the last one."""
    there, last = rows.execute("SELECT COUNT(*), (SELECT MAX(sequence) FROM rows) FROM rows").fetchone()
    if there and there != last:
        raise DataError(f"{path} was changed by another hand: it lacks rows. {RESTORE_BOOK}")


def _booked(rows: sqlite3.Connection, book: Book) -> int:
    """The number of fills that the file has. Raises ValueError where those of a book do not begin with them."""
    found = "SELECT name FROM rows WHERE part = ? AND day > ? ORDER BY sequence"
    names = [name for (name,) in rows.execute(found, [FILL_ROWS, f"{book.opening.day or ''}"])]
    if names != [fill.fill_id for fill in book.fills[: len(names)]]:
        raise ValueError(f"a fill of book {book.name} was taken out, or another stands before it: they are appended")
    return len(names)


def _checked(
    rows: sqlite3.Connection, path: Path, count: int, after: date | None = None, *, with_fills: bool = True
) -> Iterator[BookRow]:
    """The first rows in their order. Raises DataError for one that another hand changed.

    count      : number of rows.
    after      : leaves out fills of this day and before.
    with_fills : false to leave out all fills.
    """
    last, previous = 0, CHAIN_START
    if with_fills and after is None:
        found = rows.execute("SELECT * FROM rows WHERE sequence <= ? ORDER BY sequence", [count])
    else:
        wanted = f"SELECT * FROM rows WHERE sequence <= ? AND part IN ({', '.join('?' * len(PARTS_BUT_FILLS))}) "
        wanted += "UNION ALL SELECT * FROM rows WHERE sequence <= ? AND part = ? AND day > ? ORDER BY sequence"
        first = f"{after or ''}" if with_fills else NO_DAY
        found = rows.execute(wanted, [count, *PARTS_BUT_FILLS, count, FILL_ROWS, first])
    for row in map(BookRow._make, found):
        is_next = row.previous == previous or ((after or not with_fills) and row.sequence > last + 1)
        if not (is_next and row.sha256 == digest(row.sequence, ["\n".join(row[1:-1]).encode()])):
            what = f"{path} was changed by another hand: row {row.sequence} is not what its hash says"
            raise DataError(f"{what}. {RESTORE_BOOK}")
        last, previous = row.sequence, row.sha256
        yield row


def _contents(rows: Iterable[BookRow]) -> Contents:
    """The content that rows state."""
    found: Contents = {}
    for row in rows:
        stated = found.setdefault(row.part, {})
        key = f"{len(stated)}" if row.part == FILL_ROWS else row.name
        if row.content:
            stated[key] = Stated(row.day, row.name, row.content)
        else:
            del stated[key]
    return found


def _book(contents: Contents, path: Path, count: int) -> Book:
    """The book that rows state, `count` of them with those that were left out."""
    texts = {part: [each.content for each in stated.values()] for part, stated in contents.items()}
    if texts.get("schema") != [f"{BOOK_SCHEMA}"]:
        version = " ".join(texts.get("schema", ["none"]))
        fix = "Read it with the code that wrote it."
        raise DataError(f"{path} has version {version} of a book, and this code reads {BOOK_SCHEMA}. {fix}")
    parts = (f'"{part}": ' + (f"[{', '.join(of)}]" if part in MEMBERS else of[0]) for part, of in texts.items() if of)
    return replace(_parsed(f"{{{', '.join(parts)}}}", path), rows=count)


def _parsed(content: str, path: Path) -> Book:
    """The book of its JSON."""
    try:
        return book_adapter().validate_json(content, strict=True)
    except ValidationError as error:
        raise DataError(f"{path} is no book of version {BOOK_SCHEMA}: {first_fault(error)}.") from error


def _parts(book: Book, before: Contents) -> Contents:
    """The content that a book states, without values that are those by default.

    before : content of its file, in which its opening stands. Raises ValueError where one that begins at a state has
             another opening.
    """
    book = book.booked
    values = book_adapter().dump_python(book, mode="json", exclude_defaults=True) | {"schema": book.schema}
    values.pop("rows", None)
    if book.opening.day:
        opening = json.loads(before["opening"][""].content)
        if [opening.get(name) for name in ("lots", "has")] != [values["opening"].get(name) for name in ("lots", "has")]:
            raise ValueError(f"book {book.name} begins on {book.opening.day}, and its opening was changed")
        values["opening"] = opening
    found: Contents = {}
    for part, value in values.items():
        if part not in MEMBERS:
            found[part] = {"": Stated("", "", json.dumps(value, ensure_ascii=False))}
            continue
        members = [MEMBERS[part](member) for member in getattr(book, part)]
        stated = [
            Stated(*about, json.dumps(each, ensure_ascii=False)) for about, each in zip(members, value, strict=True)
        ]
        keys = map(str, range(len(stated))) if part == FILL_ROWS else (each.name for each in stated)
        found[part] = dict(zip(keys, stated, strict=True))
        if len(found[part]) < len(stated):
            twice = Counter(each.name for each in stated).most_common(1)[0][0]
            raise ValueError(f"book {book.name} has two {part} of the name {twice}")
    return found


def _changes(before: Contents, after: Contents) -> Iterator[tuple[str, Stated]]:
    """Parts and what is to be stated of them, to bring a file from one content to another.

    Members that stand in another order are taken out and stated again.
    """
    for part in dict.fromkeys((*before, *after)):
        old, new = before.get(part, {}), after.get(part, {})
        pairs = zip((key for key in old if key in new), new, strict=False)
        same = takewhile(lambda pair: pair[0] == pair[1] and old[pair[0]].day == new[pair[0]].day, pairs)  # noqa: B023
        stays = {key for key, _ in same}
        yield from ((part, each._replace(content="")) for key, each in old.items() if key not in stays)
        yield from ((part, each) for key, each in new.items() if key not in stays or old[key] != each)


def _check_new(rows: sqlite3.Connection, book: Book, part: str, fill: Stated) -> None:
    """Raise DataError for a fill that the file has of a day before those that a book has.

    Raises ValueError for an event of such a day: the book in memory does not count it.
    """
    if fill.day <= f"{book.opening.day}":
        raise ValueError(f"book {book.name} begins on {book.opening.day}, and {part} {fill.name} is of {fill.day}")
    if part != FILL_ROWS:
        return
    found = "SELECT day FROM rows INDEXED BY by_name WHERE name = ? AND part = ? AND day <= ?"
    if before := rows.execute(found, [fill.name, FILL_ROWS, f"{book.opening.day}"]).fetchone():
        raise DataError(
            f"fill {fill.name} of {fill.day} is booked already in book {book.name}, on {before[0]}: leave one out."
        )


# -- states ------------------------------------------------------------------------------------------------------------


def lot_state(book: Book, kind: str, before: date) -> tuple[date, str] | None:
    """The newest state of its kind of a day before another that counts for a book, as it was kept; None without one."""
    if not book.rows:
        return None
    with _opened(book_path(book.name)) as rows:
        found = _state_before(rows, kind, before, book.rows)
    return None if found is None or found[0] < (book.opening.day or date.min) else found


def keep_states(book: Book, kind: str, states: Iterable[tuple[date, str]]) -> None:
    """Keep states of a book, of each month the last, for whoever reads it next, unless its file cannot be written."""
    with suppress(DataError), _opened(book_path(book.name), wait=0) as rows, transaction(rows):
        (sha256,) = rows.execute("SELECT sha256 FROM rows WHERE sequence = ?", [book.rows]).fetchone()
        for day, content in states:
            stated = digest(book.rows, [text.encode() for text in (sha256, kind, f"{day}", content)])
            month = [kind, f"{day:%Y-%m}", f"{day}"]
            rows.execute("DELETE FROM states WHERE kind = ? AND substr(day, 1, 7) = ? AND day < ?", month)
            values = (kind, f"{day}", book.rows, content, stated)
            rows.execute("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?)", values)


def _state_before(rows: sqlite3.Connection, kind: str, before: date, count: int) -> tuple[date, str] | None:
    """The newest state of a kind that counts for the first `count` rows, of a day before another."""
    kept = "SELECT states.*, rows.sha256 FROM states JOIN rows ON sequence = rows WHERE kind = ? AND states.day < ? "
    kept += "AND rows <= ? ORDER BY states.day DESC"
    others = ", ".join("?" * len(UNFOLDED))
    later = "SELECT 1 FROM rows WHERE sequence > ? AND sequence <= ? AND day <= ? "
    later += f"AND (day <> '' OR part NOT IN ({others})) LIMIT 1"
    for _, day, made_of, content, stated, sha256 in rows.execute(kept, [kind, f"{before}", count]):
        is_whole = stated == digest(made_of, [text.encode() for text in (sha256, kind, day, content)])
        if is_whole and not rows.execute(later, [made_of, count, day, *UNFOLDED]).fetchone():
            return date.fromisoformat(day), content
    return None


def _recent(rows: sqlite3.Connection, count: int) -> date:
    """The first day of which a book has each fill, for what comes late and for orders that are open."""
    last = rows.execute("SELECT day FROM rows WHERE sequence <= ? ORDER BY day DESC LIMIT 1", [count]).fetchone()[0]
    newest = date.fromisoformat(last) - RECENT_FILLS if last else date.min
    part = (
        "SELECT content FROM rows WHERE name = '' AND part = 'asked' AND sequence <= ? ORDER BY sequence DESC LIMIT 1"
    )
    asked = rows.execute(part, [count]).fetchone()
    return min(newest, date.fromisoformat(json.loads(asked[0]))) if asked and asked[0] else newest


def _begun_at(book: Book, state: tuple[date, str] | None) -> Book:
    """The book with what it held on the day of a state as its opening."""
    if state is None:
        return book
    opening = _openings().validate_json(state[1], strict=True)
    return replace(book, opening=replace(opening, lots=book.opening.lots, has=book.opening.has))


def _keep_held(book: Book, recent: date) -> None:
    """Keep what a book held before its recent days, and at the ends of months before, where many fills lead there."""
    if sum(row.day < recent for row in book.fills) < STEP:
        return
    known = book.opening.earlier[0][0] if book.opening.day else book.opened
    begun = {book.opening.day} if book.opening.day else set[date]()
    closes = sorted({known, *(close for close, _ in book.opening.earlier), *begun, *book.event_days})
    closes = [close for close in closes if known <= close < recent]
    held = dict(zip(closes, book.holders_before(close + A_DAY for close in closes), strict=True))
    months = {f"{close:%Y-%m}": close for close in closes if close > (book.opening.day or known)}
    trades = sorted(row.day for row in book.blotter.standing)
    states = []
    for last in list(months.values())[-MONTHS_KEPT:]:
        before = [close for close in closes if known <= close < last]
        first = max(bisect_right(before, last - KNOWN_BEFORE) - 1, 0)
        earlier = tuple((close, tuple(replace(of, cash={}) for of in held[close])) for close in before[first:])
        traded = trades[: bisect_right(trades, last)]
        traded_last, fills = max([book.opening.last_trade, *traded[-1:]]), book.fills_until(last)
        opening = Opening(traded_last, held[last], day=last, earlier=earlier, fills=fills)
        states.append((last, _openings().dump_json(opening).decode()))
    keep_states(book, HOLDERS, states)


@cache
def _openings() -> TypeAdapter[Opening]:
    """The reader of states of what is held."""
    return TypeAdapter(Opening)
