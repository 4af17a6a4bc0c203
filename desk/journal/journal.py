"""The journal: an append-only table of entries in SQLite, and a second file that states its head.

`journal.sqlite` and `journal.head` stand in `home_folder()`. An append is one transaction, on the disk before it
returns; then the head is written, in one write of one sector. A process that is killed between the two leaves a head
that is behind, which the next append brings up to date; a head that is ahead, or states another entry, says that the
journal was cut or changed, and nothing is appended to such a journal. Processes take turns by the lock of the head's
file, so that it never goes back.
"""

import fcntl
import json
import os
import pwd
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self

from desk.journal.chain import ENTRY_FIELDS, START, Entry, Event, Head, entry_of
from foundation.errors import ConfigError, DataError, MachineError
from foundation.files import lock_within
from foundation.home import home_folder
from foundation.paper.wording import counted
from foundation.sqlite_tables import append_only, connected, create, transaction

JOURNAL, HEAD = "journal.sqlite", "journal.head"
COLUMNS = ", ".join(f'"{name}"' for name in ENTRY_FIELDS)
QUEUED_BY = "REBALANCE_QUEUED_BY"  # environment variable: the user of the service who queued the cycle of this process
LONGEST_TURN = 60.0  # seconds that another process may take to read or write; it takes milliseconds
ALTERED = "Run: rebalance desk journal --verify. To begin anew, move journal.sqlite and journal.head elsewhere."
TABLE = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS entries (sequence INTEGER PRIMARY KEY,
    {", ".join(f'"{name}" TEXT NOT NULL' for name in ENTRY_FIELDS[1:])}) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS by_key ON entries (key);
CREATE INDEX IF NOT EXISTS by_ticket ON entries (ticket);
CREATE INDEX IF NOT EXISTS by_order ON entries ("order");
CREATE INDEX IF NOT EXISTS by_portfolio ON entries (portfolio, kind);
{append_only("entries")}
COMMIT;
"""


class Kept(NamedTuple):
    """An entry as the journal has it. is_new : false where the journal had it before."""

    entry: Entry
    is_new: bool


def system_user() -> str:
    """The user whom the system knows, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def maker() -> str:
    """The maker of entries: who queued this process through the service, else the user of the system."""
    queued_by = os.environ.get(QUEUED_BY)
    return f"cycle, queued by {queued_by}" if queued_by else system_user()


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class Journal:
    """An open journal, to be closed, or used in a `with` block.

    folder    : its folder, made where it is missing; None takes `home_folder()`.
    read_only : true to read a journal that is there.
    user      : maker of the entries; None takes `maker()`.
    now       : clock, in UTC.
    Raises    : ConfigError where there is none to read; DataError where it cannot be read or written, or was altered.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        read_only: bool = False,
        user: str | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.folder, self.user, self._now = folder or home_folder(), user or maker(), now
        if read_only and not (self.folder / JOURNAL).is_file():
            raise ConfigError(f"there is no journal in {self.folder} yet: a list that is written to a file begins it.")
        if not read_only:
            self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._file = os.open(self.folder / HEAD, os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            raise MachineError(
                f"{self.folder / HEAD} is missing: where the journal ends is not stated. {ALTERED}"
            ) from None
        try:
            with self._reported():
                self.rows = connected(self.folder / JOURNAL, read_only=read_only)
                if not read_only:
                    with self._locked():
                        create(self.rows, TABLE)
                        self._checked_head()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close both files."""
        self.rows.close()
        os.close(self._file)

    # -- writing -----------------------------------------------------------------------------------------------------

    def append(self, events: Sequence[Event]) -> list[Kept]:
        """Journal events in one transaction, all or none; they are on the disk when this returns.

        A record whose identity the journal has is not journalled again: its entry of then is given.
        Returns : an entry an event, in their order.
        Raises  : DataError where an entry of that identity says something else, but for quotes; ConfigError for text
                  that no entry takes; DataError where the journal cannot be written or was altered.
        """
        kept = list[Kept]()
        with self._reported(), self._locked():
            with transaction(self.rows):
                head = self._checked_head()
                moment = f"{self._now().astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
                for event in events:
                    kept.append(self._kept(entry_of(event, head, moment, self.user)))
                    head = max(head, Head(kept[-1].entry.sequence, kept[-1].entry.sha256))
            self._write_head(head)
        return kept

    def _kept(self, entry: Entry) -> Kept:
        """The entry of this identity, which is written where there is none."""
        if earlier := list(self.entries(key=entry.key)):
            unlike = {f for f, value in vars(entry.record).items() if value != getattr(earlier[0].record, f)}
            if unlike - {"quote", "quotes", "calendar"}:  # that of a ticket is one, and old entries do not state it
                raise DataError(
                    f"entry {earlier[0].sequence} of the journal has this {entry.kind} with another "
                    f"{', '.join(sorted(unlike))}: found {entry.content}, journalled {earlier[0].content}. Journal a "
                    "correction, or give it an id of its own."
                )
            return Kept(earlier[0], is_new=False)
        places = ", ".join("?" * len(ENTRY_FIELDS))
        self.rows.execute(f"INSERT INTO entries ({COLUMNS}) VALUES ({places})", entry.values)
        return Kept(entry, is_new=True)

    def _checked_head(self) -> Head:
        """The head of the table; the file states it when this returns. Raises DataError where the two contradict."""
        head, stated = self.head, read_head(self._file)
        if stated is None and head == START:
            self._write_head(head)
            os.fsync(self._file)
        elif stated != head:
            found = START if stated == START else stated and self.head_at(stated.count)
            if stated is None or found != stated:
                held, other = (counted(each.count, "entry", "entries") if each else "" for each in (head, stated))
                what = "states no head" if stated is None else f"states {other} that are not these"
                raise MachineError(f"{self.folder / HEAD} {what}: {JOURNAL} has {held}. {ALTERED}")
            self._write_head(head)
        return head

    def _write_head(self, head: Head) -> None:
        os.pwrite(self._file, b"%020d %s\n" % (head.count, head.sha256.encode()), 0)

    # -- reading -----------------------------------------------------------------------------------------------------

    @property
    def head(self) -> Head:
        """The number of entries, and the hash of the last."""
        row = self.rows.execute("SELECT sequence, sha256 FROM entries ORDER BY sequence DESC LIMIT 1").fetchone()
        return Head(*row) if row else START

    def head_at(self, count: int) -> Head | None:
        """The head when there were `count` entries, or None where there were never as many."""
        row = self.rows.execute("SELECT sequence, sha256 FROM entries WHERE sequence = ?", [count]).fetchone()
        return Head(*row) if row else None

    def last_by_portfolio(self) -> dict[str, int]:
        """The number of the last entry of each portfolio, by its name."""
        with self._reported():
            return dict(self.rows.execute("SELECT portfolio, MAX(sequence) FROM entries GROUP BY portfolio").fetchall())

    def entries(
        self,
        *,
        last: int | None = None,
        before: int | None = None,
        portfolios: Collection[str] | None = None,
        **wanted: str,
    ) -> Iterator[Entry]:
        """Entries in their order.

        last       : only so many, the newest; None gives all.
        before     : only those before an entry of this number.
        portfolios : only those of portfolios with these names.
        wanted     : values of fields, such as kind="fill"; of `ticket` the beginning suffices.
        """
        conditions = ["ticket >= ? AND ticket < ?" if name == "ticket" else f'"{name}" = ?' for name in wanted]
        values = list[object]()
        for name, value in wanted.items():
            values += [value, f"{value}g"] if name == "ticket" else [value]
        if before is not None:
            conditions, values = [*conditions, "sequence < ?"], [*values, before]
        if portfolios is not None:
            conditions.append("portfolio IN (SELECT value FROM json_each(?))")
            values.append(json.dumps([*portfolios]))
        newest = "" if last is None else f"DESC LIMIT {last:d}"
        query = f"SELECT {COLUMNS} FROM entries WHERE {' AND '.join(['TRUE', *conditions])} ORDER BY sequence {newest}"
        with self._reported():
            rows = self.rows.execute(query, values)
            yield from (Entry(*row) for row in (rows if last is None else reversed(rows.fetchall())))

    @contextmanager
    def snapshot(self) -> Iterator[Head | None]:
        """A block whose reads see one state of the table, text as bytes: that of a damaged entry may be none.

        Gives the head that the file states in this state.
        """
        with self._reported():
            with self._locked(fcntl.LOCK_SH):
                self.rows.execute("BEGIN")
                self.rows.execute("SELECT 1 FROM entries LIMIT 1").fetchone()
                stated = read_head(self._file)
            self.rows.text_factory = bytes
            try:
                yield stated
            finally:
                self.rows.text_factory = str
                self.rows.execute("COMMIT")

    # -- turns and errors --------------------------------------------------------------------------------------------

    @contextmanager
    def _locked(self, how: int = fcntl.LOCK_EX) -> Iterator[None]:
        if not lock_within(self._file, how, LONGEST_TURN):
            raise MachineError(
                f"another process holds {self.folder / HEAD} for {LONGEST_TURN:g} s: end it where it hangs; try again."
            )
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Errors of SQLite as a sentence."""
        try:
            yield
        except sqlite3.Error as error:
            raise MachineError(
                f"{self.folder / JOURNAL} cannot be read or written ({error}). Free space there, name another in "
                "REBALANCE_HOME, or run: rebalance desk journal --verify",
                "The journal cannot be read or written.",
            ) from error


def read_head(file: int) -> Head | None:
    """The head that an open file states, or None where it states none."""
    count, _, sha256 = os.pread(file, 100, 0).decode("ascii", "replace").rstrip("\n").partition(" ")
    return (
        Head(int(count), sha256) if count.isascii() and count.isdigit() and len(sha256) == len(START.sha256) else None
    )


def journal_head(folder: Path | None = None) -> Head | None:
    """The head of the journal, for tickets, manifests and sheets that are made now; None where there is no journal.

    Whoever keeps it can tell later that the journal was cut or rewritten before (`verify`).
    """
    try:
        file = os.open((folder or home_folder()) / HEAD, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        lock_within(file, fcntl.LOCK_SH, LONGEST_TURN)
        return read_head(file)
    finally:
        os.close(file)
