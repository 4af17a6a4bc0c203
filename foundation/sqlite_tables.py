"""Tables in SQLite: what is written is on the disk when a transaction ends, and processes take turns.

Rows of a chained table are never changed, and each has the hash of the one before it and its own.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED_VARIABLE = "REBALANCE_SHARED"  # environment variable: 1 where several machines share the files
WAIT = 60_000  # milliseconds for another process's transaction


def connected(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to a file, which is made where it is missing, unless it is only read. Raises sqlite3.Error."""
    place = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    return sqlite3.connect(place, timeout=WAIT / 1000, isolation_level=None, uri=True)


def create(rows: sqlite3.Connection, tables: str) -> None:
    """Create the tables of a script, which are synced in full, and written ahead on one machine.

    Readers and writers of a log that is written ahead share memory, which machines do not. Raises sqlite3.Error.
    """
    rows.execute(f"PRAGMA journal_mode = {'TRUNCATE' if os.environ.get(SHARED_VARIABLE) == '1' else 'WAL'}")
    rows.execute("PRAGMA synchronous = FULL")
    rows.executescript(tables)


@contextmanager
def transaction(rows: sqlite3.Connection) -> Iterator[None]:
    """A block whose writes are all on the disk after it, or none of them. Raises sqlite3.Error."""
    rows.execute("BEGIN IMMEDIATE")
    try:
        yield
        rows.execute("COMMIT")
    finally:
        if rows.in_transaction:
            rows.execute("ROLLBACK")


def append_only(table: str) -> str:
    """The statements by which a table refuses that rows are changed or removed."""
    return f"""
CREATE TRIGGER IF NOT EXISTS never_changed BEFORE UPDATE ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} are never changed'); END;
CREATE TRIGGER IF NOT EXISTS never_removed BEFORE DELETE ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} are never removed'); END;
"""


def digest(sequence: int, others: Iterable[bytes]) -> str:
    """The sha256 of a row of a chained table, hex.

    others : its fields from the second to the last but the hash, UTF-8 without line breaks, that of the row before it
             among them.
    """
    return hashlib.sha256(b"\n".join((b"%d" % sequence, *others))).hexdigest()
