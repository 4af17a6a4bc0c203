"""Backups of the database: one file, which SQLite and PostgreSQL both write and read.

Its lines are JSON: the manifest; of each table its name with its columns, then its rows by primary key; the number of
rows and the sha256 of each table; and the sha256 of all lines before.
"""

import hashlib
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, MetaData, String, Table, select

from foundation.errors import DataError
from foundation.files import replacing

FORMAT = "rebalance store 1"
ROWS = 500  # that are read or written at once
Parts = dict[str, dict[str, Any]]  # rows and sha256 by table


def write_backup(connection: Connection, revision: str, path: Path) -> None:
    """Write a file that its user alone may read. connection : its transaction should see one moment of the database."""
    parts, whole = {}, hashlib.sha256()
    with replacing(path) as file:
        os.fchmod(file.fileno(), 0o600)

        def write(line: bytes) -> None:
            file.write(line)
            whole.update(line)

        write(_line({"format": FORMAT, "revision": revision}))
        for table in tables_of(connection):
            write(_line({"table": table.name, "columns": table.c.keys()}))
            part, rows = hashlib.sha256(), 0
            for row in _rows(connection, table):
                write(row)
                part.update(row)
                rows += 1
            parts[table.name] = {"rows": rows, "sha256": part.hexdigest()}
        write(_line(parts))
        file.write(_line(whole.hexdigest()))


def checked(path: Path) -> tuple[str, Parts]:
    """The revision of a backup, and what it states of each table. Raises DataError where the file was changed."""
    whole, lines = hashlib.sha256(), [b"", b"", b""]  # the first one, and the last two
    with path.open("rb") as file:
        for number, line in enumerate(file):
            whole.update(lines[2])
            lines = [line if number == 0 else lines[0], lines[2], line]
    if lines[2] != _line(whole.hexdigest()):
        raise DataError(f"{path} is no backup, or was changed or cut since it was written: take another one.")
    manifest = json.loads(lines[0])
    if manifest.get("format") != FORMAT:
        raise DataError(f"{path} has the format {manifest.get('format')!r}, and this program reads {FORMAT!r}.")
    return manifest["revision"], json.loads(lines[1])


def load_backup(connection: Connection, path: Path, stated: Parts) -> None:
    """Write the rows of a checked backup into tables that have none, and hold what then stands there against it.

    Raises : DataError where the database gives other rows than it was given.
    """
    tables = {table.name: table for table in tables_of(connection)}
    for name, rows in _batches(path):
        connection.execute(tables[name].insert(), [_values(tables[name], row) for row in rows])
    for name, part in stated.items():
        kept = hashlib.sha256()
        for line in _rows(connection, tables[name]):
            kept.update(line)
        if kept.hexdigest() != part["sha256"]:
            raise DataError(f"the database gives other rows of the table {name} than those of {path}: nothing is kept.")


def tables_of(connection: Connection) -> list[Table]:
    """The tables as they stand in a database, those that others refer to first, but that of the revision."""
    found = MetaData()
    found.reflect(connection)
    for column in (column for table in found.tables.values() for column in table.c):
        if isinstance(column.type, JSON):
            column.type = JSON(none_as_null=True)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _rows(connection: Connection, table: Table) -> Iterator[bytes]:
    is_postgresql = connection.dialect.name == "postgresql"
    keys = [c.collate("C") if is_postgresql and isinstance(c.type, String) else c for c in table.primary_key]
    for row in connection.execute(select(table).order_by(*keys), execution_options={"yield_per": ROWS}):
        yield _line(list(row))


def _batches(path: Path) -> Iterator[tuple[str, list[list[Any]]]]:
    """Rows of a backup, some at a time, with the name of their table."""
    name, rows = "", list[Any]()
    with path.open("rb") as file:
        for line in file:
            content = json.loads(line)
            if rows and (len(rows) == ROWS or isinstance(content, dict)):
                yield name, rows
                rows = []
            if isinstance(content, list):
                rows.append(content)
            elif isinstance(content, dict) and "table" in content:
                name = content["table"]


def _values(table: Table, row: list[Any]) -> dict[str, Any]:
    return {column.name: _value(column.type.python_type, value) for column, value in zip(table.c, row, strict=True)}


def _value(kind: type, value: Any) -> Any:
    if value is None:
        return None
    if kind is datetime:
        return datetime.fromisoformat(value)
    return b64decode(value) if kind is bytes else value


def _line(content: Any) -> bytes:
    return json.dumps(content, default=_plain, separators=(",", ":")).encode() + b"\n"


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return b64encode(value).decode()
