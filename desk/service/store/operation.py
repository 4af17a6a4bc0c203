"""The operator's work on the store: backup, restore, check, rotation of keys."""

import shutil
from pathlib import Path

from sqlalchemy import Connection, Table, func, select

from desk.service.caller import KEYS
from desk.service.settings import ServiceSettings
from desk.service.store import schema
from desk.service.store.backup import Parts, checked, load_backup, tables_of, write_backup
from desk.service.store.engine import answering, connected
from desk.service.store.keys import Keys, reseal, sealed_fields
from foundation.errors import ConfigError, DataError

LEAST_FREE = 2.0  # GB that a night's reports, backups and journals may take
GB = 1e9


def backup(settings: ServiceSettings, path: Path) -> str:
    """Write a backup of the database, and say what is in it. Raises ConfigError for a database without tables."""
    engine = connected(settings.database_url)
    snapshot = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with answering(engine.execution_options(**snapshot)) as connection, connection.begin():
        revision = schema.revision_of(connection)
        if revision is None:
            raise ConfigError("the database has no tables: there is nothing to back up. Check DATABASE_URL.")
        write_backup(connection, revision, path)
    engine.dispose()
    return _told(path, *checked(path))


def restore(settings: ServiceSettings, path: Path) -> str:
    """Write a backup into a database without rows, whole or not at all, and bring it to the newest schema.

    Raises : ConfigError for a database that has rows, DataError for a file that was changed.
    """
    revision, parts = checked(path)
    with schema.changed_alone(settings.database_url) as connection:
        if schema.revision_of(connection) is None:
            schema.check_empty(connection)
        schema.upgrade(connection, revision)
        for table in tables_of(connection):
            if _rows_of(connection, table):
                raise ConfigError(f"the table {table.name} has rows: restore into an empty database.")
        load_backup(connection, path, parts)
        schema.upgrade(connection, schema.newest_revision())
    return _told(path, revision, parts)


def check(settings: ServiceSettings) -> tuple[str, bool]:
    """Sentences on the store, and true where something would fail, or the disk may be full before the morning.

    Raises : ConfigError for keys that are missing or that others may read, or a database that does not answer.
    """
    keys = Keys(settings.folder / KEYS)
    told, engine = [f"signing keys: {len(keys.signing)}."], connected(settings.database_url)
    wrong = [little_space(settings.folder)]
    with answering(engine) as connection:
        found, newest = schema.revision_of(connection), schema.newest_revision()
        if found == newest:
            rows = sum(_rows_of(connection, table) for table in tables_of(connection))
            told.insert(0, f"{connection.dialect.name}, schema {found}: {rows:,} rows.")
            wrong += [_damage(connection), _shut_fields(connection, keys)]
        else:
            wrong.append(f"The schema is {found}, and this program's is {newest}: run `rebalance store migrate`.")
    engine.dispose()
    wrong = [sentence for sentence in wrong if sentence]
    return "\n".join([*told, *wrong] if wrong else [*told, "All is well."]), bool(wrong)


def little_space(folder: Path) -> str:
    """A sentence where the disk of a folder may be full before the morning, else ""."""
    free = shutil.disk_usage(folder).free / GB
    if free >= LEAST_FREE:
        return ""
    return f"{free:.1f} GB are free in {folder}, less than {LEAST_FREE:g} GB: delete old reports, or enlarge its disk."


def rotate_keys(settings: ServiceSettings, *, drop_old: bool) -> str:
    """Make new keys and seal all fields with them; the old ones are kept, unless they are dropped.

    Raises : DataError, and drops nothing, where a field does not open.
    """
    keys, sessions = Keys(settings.folder / KEYS), schema.opened(settings.database_url)
    keys.rotate()
    number = reseal(sessions, keys)
    if drop_old:
        keys.drop_old()
    rest = "The old keys are deleted: all users sign in again." if drop_old else "The old keys still verify and open."
    return f"New keys sign and seal; {number:,} fields are sealed with them. {rest}"


def _damage(connection: Connection) -> str:
    """The first fault of the pages of an SQLite file, else "". PostgreSQL has its own checks."""
    fault = connection.exec_driver_sql("PRAGMA quick_check").scalar() if connection.dialect.name == "sqlite" else "ok"
    return "" if fault == "ok" else f"The file is damaged: {fault}. Restore a backup into an empty database."


def _shut_fields(connection: Connection, keys: Keys) -> str:
    """A sentence where sealed fields do not open, else ""."""
    number, shut = 0, 0
    for number, (_, _, content) in enumerate(sealed_fields(connection), 1):  # noqa: B007 - also after the loop
        try:
            keys.unseal(content)
        except DataError:
            shut += 1
    return f"{shut} of {number} sealed fields do not open: put the files of {keys.folder} back." if shut else ""


def _rows_of(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _told(path: Path, revision: str, parts: Parts) -> str:
    rows = sum(part["rows"] for part in parts.values())
    return f"{path}: schema {revision}, {len(parts)} tables, {rows:,} rows."
