"""Connections to the database."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

from desk.service.store.tables import Table

Sessions = sessionmaker[Session]
WAIT = 60.0  # seconds for another process's transaction


def connected(url: str) -> Engine:
    """The engine of a database, whose folder is made where it is a file that is missing."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(make_url(url).set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    Path(str(make_url(url).database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(url, connect_args={"timeout": WAIT})

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
