"""Backups of the database: one file, which SQLite and PostgreSQL both write and read.

Its lines are JSON: the manifest; of each table its name, then its rows by primary key; and the sha256 of all of them.
"""

import hashlib
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, MetaData, String, Table, select

from foundation.errors import DataError
from foundation.files import replacing

FORMAT = "rebalance store 1"
ROWS_AT_ONCE = 500  # that are read or written at once
READERS: dict[type, Callable[[str], Any]] = {datetime: datetime.fromisoformat, bytes: b64decode}  # the rest is plain


def write_backup(connection: Connection, revision: str, path: Path) -> None:
    """Write a file that its user alone may read. connection : its transaction should see one moment of the database."""
    whole = hashlib.sha256()
    with replacing(path) as file:
        os.fchmod(file.fileno(), 0o600)
        for line in backup_lines(connection, revision):
            file.write(line)
            whole.update(line)
        file.write(_end(whole.hexdigest()))


def checked_backup(path: Path) -> tuple[str, int]:
    """The revision of a backup, and its rows. Raises DataError where the file was changed."""
    whole, rows = hashlib.sha256(), 0
    with path.open("rb") as file:
        first = last = file.readline()
        for line in file:
            whole.update(last)
            last, rows = line, rows + is_row(line)
    if last != _end(whole.hexdigest()) or FORMAT.encode() not in first:
        raise DataError(
            f"{path} is no backup ({FORMAT}), or was changed or cut since it was written: take another one."
        )
    return json.loads(first)["revision"], rows


def load_backup(connection: Connection, revision: str, path: Path) -> None:
    """Write the rows of a checked backup into tables that have none, read them back and compare.

    Raises : DataError where the database gives other rows than it was given.
    """
    tables, table = {table.name: table for table in tables_of(connection)}, None
    last, whole = b"", hashlib.sha256()
    with path.open("rb") as file:
        for are_rows, lines in groupby(file, is_row):
            if are_rows:
                assert table is not None
                while batch := [_values(table, json.loads(line)) for line in islice(lines, ROWS_AT_ONCE)]:
                    connection.execute(table.insert(), batch)
            else:  # tables without rows, and last the one with the rows that follow
                *_, last = lines
                table = tables.get(json.loads(last).get("table"))
    for line in backup_lines(connection, revision):
        whole.update(line)
    if last != _end(whole.hexdigest()):
        raise DataError(f"the database gives other rows than those of {path}: nothing is kept.")


def backup_lines(connection: Connection, revision: str) -> Iterator[bytes]:
    """All lines of a backup but the last."""
    is_postgresql = connection.dialect.name == "postgresql"
    yield _line({"format": FORMAT, "revision": revision})
    for table in tables_of(connection):
        yield _line({"table": table.name})
        keys = [c.collate("C") if is_postgresql and isinstance(c.type, String) else c for c in table.primary_key]
        for row in connection.execute(select(table).order_by(*keys), execution_options={"yield_per": ROWS_AT_ONCE}):
            yield _line(list(row))


def is_row(line: bytes) -> bool:
    """True for a line that is a row."""
    return line.startswith(b"[")


def tables_of(connection: Connection) -> list[Table]:
    """The tables as they stand in a database, those that others refer to first, but that of the revision."""
    found = MetaData()
    found.reflect(connection)
    for column in (column for table in found.tables.values() for column in table.c):
        if isinstance(column.type, JSON):
            column.type = JSON(none_as_null=True)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _values(table: Table, row: list[Any]) -> dict[str, Any]:
    return {column.name: _value(column.type.python_type, value) for column, value in zip(table.c, row, strict=True)}


def _value(kind: type, value: Any) -> Any:
    return READERS[kind](value) if value is not None and kind in READERS else value


def _line(content: Any) -> bytes:
    return json.dumps(content, default=_plain, separators=(",", ":")).encode() + b"\n"


def _end(sha256: str) -> bytes:
    return _line({"sha256": sha256})


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else b64encode(value).decode()
