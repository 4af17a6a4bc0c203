"""The file of a book: rows that are appended and never changed, each with the moment at which it came to be known.

`books/NAME.sqlite` in the folder of `REBALANCE_HOME`. A row states a part of a `Book` (a field), or a member of one: a
fill, a split, an amount of cash. A later row of the same name stands in place of the earlier one, and one without
content takes it out. Each holds the hash of the one before it, and its own, so that a change by another hand is seen.
All rows of a change are written together or not at all. The user's own file is never written.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from foundation.arguments import first_fault
from foundation.errors import DataError
from foundation.home import home_folder
from foundation.names import check_name
from foundation.sqlite_tables import append_only, connected, digest, transaction
from research.portfolio.holdings.book import BOOK_SCHEMA, Book, book_adapter
from research.portfolio.holdings.earlier_books import earlier_book

START = "0" * 64  # in place of the hash before the first row
FILLS = "fills"
MEMBERS: Mapping[str, Callable[[Any], tuple[str, str]]] = {
    FILLS: lambda fill: (f"{fill.day}", fill.fill_id),
    "splits": lambda split: (f"{split.day}", split.name),
    "exchanges": lambda exchange: (f"{exchange.day}", exchange.name),
    "transfers": lambda transfer: (f"{transfer.day}", transfer.transfer_id),
    "entries": lambda entry: (f"{entry.day}", entry.entry_id),
    "items": lambda item: ("", item.name),
}  # the parts that have members, and the day and the name of one
RESTORE = "Restore the file as it was. To delete it and open the book again loses its fills and cash entries."
ROWS = f"""
CREATE TABLE IF NOT EXISTS rows (sequence INTEGER PRIMARY KEY, known TEXT NOT NULL, day TEXT NOT NULL,
    part TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, previous TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS by_day ON rows (day);
{append_only("rows")}
"""


class Stated(NamedTuple):
    """A part of a book, or a member of one; day and name as in `Row`."""

    day: str
    name: str
    content: str


Contents = dict[str, dict[str, Stated]]  # by part and name; fills, whose rows may share a name, by their places


class Row(NamedTuple):
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


def book_path(name: str) -> Path:
    """The path of a book. Raises ConfigError for what is no name."""
    check_name("name of a book is", name)
    return home_folder() / "books" / f"{name}.sqlite"


def read_book(name: str, file: str = "FILE", known_on: np.datetime64 | None = None) -> Book:
    """The book of this name. Raises DataError for one that is not there, is damaged, or was changed by another hand.

    file     : portfolio file that names it, for the advice.
    known_on : a moment in UTC: what came to be known later is left out; None takes all.
    """
    path = book_path(name)
    if not path.is_file():
        if (earlier := earlier_book(path := path.with_suffix(".json"))) is None:
            fix = f"Open it from what is held now: rebalance desk book open {file} --as {name}"
            raise DataError(f"there is no book {name!r} ({book_path(name)}). {fix}")
        return _parsed(earlier, path)
    with _opened(path) as rows:
        found = list(_checked(rows, path))
    last = "9" if known_on is None else f"{known_on.astype('datetime64[us]')}Z"
    known = list(takewhile(lambda row: row.known <= last, found))
    if not known:
        fix = f"Choose a later moment than {found[0].known}." if found else "Restore the file."
        raise DataError(f"nothing of book {name!r} was known on {known_on}. {fix}")
    return _book(_contents(known), path)


def write_book(book: Book, known: datetime) -> Path:
    """Append to the file of a book what changed of it, and give the path.

    known  : the moment, in UTC.
    Raises : DataError for a file that is damaged, was changed by another hand, or cannot be written.
    """
    path = book_path(book.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path) as rows:
        rows.executescript(ROWS)
        with transaction(rows):
            before = list(_checked(rows, path))
            last = before[-1] if before else None
            moment = max(f"{known.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", last.known if last else "")
            sequence, previous = (last.sequence, last.sha256) if last else (0, START)
            for part, stated in _changes(_contents(before), _parts(book)):
                sequence, fields = sequence + 1, (moment, stated.day, part, stated.name, stated.content, previous)
                previous = digest(sequence, [field.encode() for field in fields])
                rows.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (sequence, *fields, previous))
    if (earlier := path.with_suffix(".json")).is_file():
        earlier.replace(path.with_suffix(".converted.json"))
    return path


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The rows of a file, whose errors are sentences. Each write is on the disk when its transaction ends."""
    try:
        with closing(connected(path)) as rows:
            rows.execute("PRAGMA synchronous = EXTRA")
            yield rows
    except sqlite3.Error as error:
        raise DataError(f"{path} cannot be read or written as a book ({error}). {RESTORE}") from error


def _checked(rows: sqlite3.Connection, path: Path) -> Iterator[Row]:
    """The rows in their order. Raises DataError for one that another hand changed."""
    previous = START
    for count, values in enumerate(rows.execute("SELECT * FROM rows ORDER BY sequence"), 1):
        row = Row(*values)
        stated = digest(count, [field.encode() for field in row[1:-1]])
        if (row.sequence, row.previous, row.sha256) != (count, previous, stated):
            raise DataError(f"{path} was changed by another hand: row {count} is not what its hash says. {RESTORE}")
        previous = row.sha256
        yield row


def _contents(rows: list[Row]) -> Contents:
    """What rows state."""
    found: Contents = {}
    for row in rows:
        stated = found.setdefault(row.part, {})
        key = f"{len(stated)}" if row.part == FILLS else row.name
        if row.content:
            stated[key] = Stated(row.day, row.name, row.content)
        else:
            del stated[key]
    return found


def _book(contents: Contents, path: Path) -> Book:
    """The book that rows state."""
    texts = {part: [each.content for each in stated.values()] for part, stated in contents.items()}
    if texts.get("schema") != [f"{BOOK_SCHEMA}"]:
        version = " ".join(texts.get("schema", ["none"]))
        fix = "Read it with the code that wrote it."
        raise DataError(f"{path} has version {version} of a book, and this code reads {BOOK_SCHEMA}. {fix}")
    parts = (f'"{part}": ' + (f"[{', '.join(of)}]" if part in MEMBERS else of[0]) for part, of in texts.items() if of)
    return _parsed(f"{{{', '.join(parts)}}}", path)


def _parsed(content: str, path: Path) -> Book:
    """The book of its JSON."""
    try:
        return book_adapter().validate_json(content, strict=True)
    except ValidationError as error:
        raise DataError(f"{path} is no book of version {BOOK_SCHEMA}: {first_fault(error)}.") from error


def _parts(book: Book) -> Contents:
    """What a book states, without values that are those by default."""
    book = book.booked
    values = book_adapter().dump_python(book, mode="json", exclude_defaults=True) | {"schema": book.schema}
    found: Contents = {}
    for part, value in values.items():
        if part not in MEMBERS:
            found[part] = {"": Stated("", "", json.dumps(value, ensure_ascii=False))}
            continue
        members = [MEMBERS[part](member) for member in getattr(book, part)]
        stated = [
            Stated(*about, json.dumps(each, ensure_ascii=False)) for about, each in zip(members, value, strict=True)
        ]
        keys = map(str, range(len(stated))) if part == FILLS else (each.name for each in stated)
        found[part] = dict(zip(keys, stated, strict=True))
    return found


def _changes(before: Contents, after: Contents) -> Iterator[tuple[str, Stated]]:
    """Parts and what is to be stated of them, to bring a file from one content to another.

    Members that stand in another order are taken out and stated again. Raises ValueError for a fill that was changed.
    """
    for part in dict.fromkeys((*before, *after)):
        old, new = before.get(part, {}), after.get(part, {})
        pairs = zip((key for key in old if key in new), new, strict=False)
        stays = {key for key, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)}
        if part == FILLS and any(new.get(key) != each for key, each in old.items()):
            raise ValueError("a fill of a book was changed or taken out: they are only appended")
        yield from ((part, each._replace(content="")) for key, each in old.items() if key not in stays)
        yield from ((part, each) for key, each in new.items() if key not in stays or old[key] != each)
