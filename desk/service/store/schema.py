"""The schema of the database: made at the first start, migrated after a backup, and refused where it is newer."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, inspect, select

from desk.service.store.backup import write_backup
from desk.service.store.engine import BEGIN_OPTION, Sessions, answering, connected_engine
from desk.service.store.tables import now
from foundation.errors import ConfigError, DataError

MIGRATIONS = Path(__file__).with_name("migrations")
SCHEMA_LOCK = 0x7265_6261_6C61_6E63  # the number of PostgreSQL's lock while a schema is changed: "rebalanc"


def opened(url: str, backups: Path | None = None) -> Sessions:
    """Sessions of a database, whose tables are made, or migrated after a backup.

    backups : folder of backups before a migration; None refuses an older schema.
    Raises  : ConfigError where the schema is newer than this program, or is not the service's.
    """
    with changed_alone(url) as connection:
        found, newest = revision_of(connection), newest_revision()
        if found is None:
            check_empty(connection)
        elif found != newest:
            _check_known(found)
            if backups is None:
                raise ConfigError(f"the database has the older schema {found}: run `rebalance serve store migrate`.")
            backups.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_backup(connection, found, backups / f"{now():%Y%m%dT%H%M%SZ}-{found}.backup")
        if found != newest:
            upgrade(connection, newest)
    return Sessions(connected_engine(url))


@contextmanager
def changed_alone(url: str) -> Iterator[Connection]:
    """A transaction in which no other process makes or changes the schema: it is kept whole, or not at all.

    Raises : ConfigError for a database that does not answer, DataError where a row refers to one that is missing.
    """
    with ExitStack() as held:
        engine = connected_engine(url, are_keys_checked=False)
        held.callback(engine.dispose)
        is_file = engine.dialect.name == "sqlite"  # whose transactions that write lock the whole file
        connection = held.enter_context(answering(engine.execution_options(**{BEGIN_OPTION: "IMMEDIATE"})))
        held.enter_context(connection.begin())
        if not is_file:
            connection.execute(select(func.pg_advisory_xact_lock(SCHEMA_LOCK)))
        yield connection
        if is_file and (lost := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
            raise DataError(f"row {lost[1]} of the table {lost[0]} refers to a row of {lost[2]} that is missing.")


def upgrade(connection: Connection, revision: str) -> None:
    """Migrate a database up to a revision. Raises ConfigError for one that is not known."""
    _check_known(revision)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revision_of(connection: Connection) -> str | None:
    """The revision of a database, None for one without."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The revision of this program."""
    return str(_scripts().get_current_head())


def check_empty(connection: Connection) -> None:
    """Refuse a database that has tables. Raises ConfigError."""
    if tables := inspect(connection).get_table_names():
        raise ConfigError(f"the database has tables of others, such as {tables[0]}: give an empty one.")


def _check_known(revision: str) -> None:
    known = [each.revision for each in _scripts().walk_revisions()]
    if revision not in known:
        raise ConfigError(
            f"the database has the schema {revision}, and this program knows those up to {known[0]}. Start the program "
            "that made it, or a later one; or restore a backup of this one into an empty database."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
