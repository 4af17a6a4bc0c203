"""Connections to the database."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session, sessionmaker

from desk.service.settings import LOOPBACK
from desk.service.store.tables import Table
from foundation.arguments import refuse

Sessions = sessionmaker[Session]
WAIT = 60.0  # seconds for another process's transaction


def check_password(variable: str, host: str, password: str | None) -> None:
    """Refuse a server on a network without a password. Raises ConfigError.

    host : its address; "" or a folder for a socket of this machine.
    """
    if host and not host.startswith("/") and host not in LOOPBACK and not password:
        refuse(f"{variable} has no password for the host", host, "give it one, which the server asks for.")


def connected(url: str) -> Engine:
    """The engine of a database, whose folder is made where it is a file that is missing.

    Raises : ConfigError for a URL that is none, or a server on a network without a password.
    """
    where = _parsed(url)
    if where.get_backend_name() != "sqlite":
        return create_engine(where, pool_pre_ping=True)
    Path(str(where.database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(where, connect_args={"timeout": WAIT})

    @event.listens_for(engine, "connect")
    def _ready(connection: Any, _: object) -> None:
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}")

    return engine


def opened(url: str) -> Sessions:
    """Sessions of a database, its tables made where they are missing."""
    engine = connected(url)
    Table.metadata.create_all(engine)
    return sessionmaker(engine, expire_on_commit=False)


def _parsed(url: str) -> URL:
    try:
        found = make_url(url)
    except ArgumentError:
        refuse("DATABASE_URL is no URL:", "", "write postgresql://user:password@host/name, or sqlite:////folder/file.")
    if found.drivername == "sqlite":
        return found
    if found.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        refuse("the scheme of DATABASE_URL is", found.drivername, "use postgresql:// or sqlite:///.")
    hosts = found.query.get("host", ())
    for host in (found.host or "", *([hosts] if isinstance(hosts, str) else hosts)):
        check_password("DATABASE_URL", host.partition(":")[0], str(found.password or ""))
    return found.set(drivername="postgresql+psycopg")
