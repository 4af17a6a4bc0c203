"""Connections to the database, and transactions: of a session that reads, and of one that writes."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from desk.service.settings import LOOPBACK
from foundation.arguments import first_line, refuse
from foundation.errors import ConfigError

WAIT, PAUSE = 60.0, 0.02  # seconds for another process's transaction, and between two tries
CONNECTIONS = {"pool_size": 5, "max_overflow": 15, "pool_timeout": WAIT}  # of a process; a PostgreSQL has 100 for all
NO_DATABASE = (OperationalError, InterfaceError)  # of one that does not answer
BEGIN_OPTION = "begin"  # execution option: how SQLite begins a transaction


class Sessions(sessionmaker[Session]):
    """Sessions of a database: `sessions()` to read, `sessions.begin()` to write.

    SQLite has one writer at a time. A transaction that reads first and then writes fails where another one wrote
    meanwhile; one that states at its begin that it writes waits. One that does not state it may not write.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, expire_on_commit=False)
        self.engine, self._writes = engine, engine.execution_options(**{BEGIN_OPTION: "IMMEDIATE"})

    @contextmanager
    def begin(self) -> Iterator[Session]:  # type: ignore[override]
        """A session that writes, and whose changes are kept where the block ends without an error."""
        with self(bind=self._writes) as session, session.begin():
            yield session


def check_server_password(variable: str, host: str, password: str | None) -> None:
    """Refuse a server on a network without a password. Raises ConfigError.

    host : its address; "" or a folder for a socket of this machine.
    """
    if host and not host.startswith("/") and host not in LOOPBACK and not password:
        refuse(f"{variable} has no password for the host", host, "give it one, which the server asks for.")


def connected_engine(url: str, *, are_keys_checked: bool = True) -> Engine:
    """The engine of a database. The folder of an SQLite file is made where it is missing.

    are_keys_checked : false where tables are replaced: with foreign keys SQLite would delete what refers to them.
    Raises : ConfigError for a URL that is none, or a server on a network without a password.
    """
    where = _parsed(url)
    if where.get_backend_name() != "sqlite":
        return create_engine(where, pool_pre_ping=True, **CONNECTIONS)
    Path(str(where.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(where, connect_args={"timeout": WAIT, "isolation_level": None}, **CONNECTIONS)

    @event.listens_for(engine, "connect")
    def _ready(connection: sqlite3.Connection, _: object) -> None:
        _write_ahead(connection)
        for setting in ("synchronous = FULL", f"foreign_keys = {are_keys_checked:d}"):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        begin = connection.get_execution_options().get(BEGIN_OPTION, "DEFERRED")
        connection.exec_driver_sql(f"PRAGMA query_only = {begin == 'DEFERRED':d}")
        connection.exec_driver_sql(f"BEGIN {begin}")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers of the file go on while another writes. SQLite itself does not wait where two do this at once."""
    end = time.monotonic() + WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(PAUSE)


def answering(engine: Engine) -> Connection:
    """A connection. Raises ConfigError for a database that does not answer."""
    try:
        return engine.connect()
    except OperationalError as error:
        why = first_line(error.orig or error)
        raise ConfigError(f"the database does not answer: {why}. Start it, or mend DATABASE_URL.") from error


def _parsed(url: str) -> URL:
    try:
        found = make_url(url)
    except ArgumentError:
        refuse("DATABASE_URL is no URL:", "", "write postgresql://user:password@host/name, or sqlite:////folder/file.")
    if found.drivername == "sqlite":
        if found.database in (None, "", ":memory:"):
            refuse("DATABASE_URL states no file:", url, "write sqlite:////folder/file.")
        return found
    if found.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        refuse("the scheme of DATABASE_URL is", found.drivername, "use postgresql:// or sqlite:///.")
    hosts = found.query.get("host", ())
    for host in (found.host or "", *([hosts] if isinstance(hosts, str) else hosts)):
        check_server_password("DATABASE_URL", host.partition(":")[0], str(found.password or ""))
    return found.set(drivername="postgresql+psycopg")
