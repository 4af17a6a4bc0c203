"""The operator's work on the store: backup, restore, check, rotation of keys. Each gives the sentences that tell it."""

import shutil
from pathlib import Path

from desk.service.caller import KEYS, opened_service
from desk.service.settings import ServiceSettings
from desk.service.store import schema
from desk.service.store.backup import backup_lines, checked_backup, is_row, load_backup, write_backup
from desk.service.store.engine import answering, connected_engine
from desk.service.store.keys import Keys, reseal, sealed_fields
from foundation.errors import ConfigError, DataError

LEAST_FREE = 2.0  # GB that a night's reports, backups and journals may take
GB = 1e9


def backup(settings: ServiceSettings, path: Path) -> str:
    """Write a backup of the database. Raises ConfigError for a database without tables."""
    engine = connected_engine(settings.database_url)
    snapshot = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with answering(engine.execution_options(**snapshot)) as connection, connection.begin():
        revision = schema.revision_of(connection)
        if revision is None:
            raise ConfigError("the database has no tables: there is nothing to back up. Check DATABASE_URL.")
        write_backup(connection, revision, path)
    return f"{path}: schema {revision}, {checked_backup(path)[1]:,} rows."


def restore_backup(settings: ServiceSettings, path: Path) -> str:
    """Write a backup into a database without rows, whole or not at all, and bring it to the newest schema.

    Raises : ConfigError for a database that has rows, DataError for a file that was changed.
    """
    revision, rows = checked_backup(path)
    with schema.changed_alone(settings.database_url) as connection:
        if schema.revision_of(connection) is None:
            schema.check_empty(connection)
        elif any(map(is_row, backup_lines(connection, ""))):
            raise ConfigError("the database has rows: restore into an empty one.")
        schema.upgrade(connection, revision)
        load_backup(connection, revision, path)
        schema.upgrade(connection, schema.newest_revision())
    return f"{path}: schema {revision}, {rows:,} rows."


def migrate(settings: ServiceSettings) -> str:
    """Bring the database to the newest schema, after a backup, as a start of the server does."""
    opened_service(settings)
    return f"The schema is {schema.newest_revision()}."


def check_database(settings: ServiceSettings) -> tuple[str, bool]:
    """Sentences, and true where something would fail, or the disk may be full before the morning.

    Raises : ConfigError for keys that are missing or that others may read, or a database that does not answer.
    """
    keys, sealed, shut = Keys(settings.folder / KEYS), 0, 0
    engine, newest = connected_engine(settings.database_url), schema.newest_revision()
    with answering(engine) as connection:
        found = schema.revision_of(connection)
        for _, _, content in sealed_fields(connection) if found == newest else ():
            sealed += 1
            try:
                keys.unseal(content)
            except DataError:
                shut += 1
    told = f"{engine.dialect.name}, schema {found}, {sealed:,} sealed fields, signing keys: {len(keys.signing)}."
    wrong = [little_space(settings.folder)]
    if found != newest:
        wrong.append(
            f"The schema of this program is {newest}: run `rebalance serve store migrate`, which a newer one refuses."
        )
    if shut:
        wrong.append(f"{shut} of {sealed} sealed fields do not open: put the files of {keys.folder} back.")
    return "\n".join([told, *filter(None, wrong)]), any(wrong)


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
