"""The database: the same in SQLite and in PostgreSQL, whoever starts, stops, or is killed."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from database_servers import installed, postgresql
from sqlalchemy import func, select, text

from desk.service.caller import opened_service
from desk.service.settings import ServiceSettings
from desk.service.store.backup import tables_of
from desk.service.store.engine import connected
from desk.service.store.schema import changed_alone, newest_revision, opened, revision_of
from desk.service.store.tables import (
    IdempotentAnswer,
    Note,
    PortfolioVersion,
    QueuedJob,
    StoredPortfolio,
    Table,
    Tenant,
    User,
)
from foundation.errors import ConfigError

SERVERS = installed("postgresql")
DATABASES = ["sqlite", "postgresql"]
PROCESSES, WRITES = 4, 25


def served(url: str, folder: Path) -> ServiceSettings:
    return ServiceSettings(folder=folder, database=url)


def fill(served: ServiceSettings, rows: int = 3) -> None:
    """Rows with every type: text beyond ASCII, moments to the microsecond, bytes, JSON, and what is missing."""
    service = opened_service(served)
    with service.sessions.begin() as session:
        session.add(Tenant(name="house"))
        session.flush()
        user = User(tenant="house", email="é@desk.example", name="Zoë –\n\t\U0001f600", role="manager")
        session.add(user)
        session.flush()
        for number in range(rows):
            portfolio = StoredPortfolio(
                tenant="house", owner=user.id, name=f"portfolio {number}", client="ä B z"[number % 5]
            )
            session.add(portfolio)
            session.flush()
            sealed = service.keys.seal(f"units of {number}".encode())
            session.add(
                PortfolioVersion(portfolio=portfolio.id, number=1, sealed=sealed, sha256="0" * 64, author=user.id)
            )
            session.add(Note(portfolio=portfolio.id, kind="line", subject="SPY", sealed=sealed, author=user.id))
        moment = datetime(2026, 2, 28, 23, 59, 59, 999_999)
        arguments = {"b": [1, 2.5, None, True], "a": {"é": "\U0001f600"}}
        session.add(QueuedJob(tenant="house", user=user.id, kind="report", arguments=arguments, ended=moment))
        session.add(QueuedJob(tenant="house", user=user.id, kind="report", arguments={}, result={"nav": 1e-17}))
        session.add(IdempotentAnswer(caller=user.id, key="k", request="0" * 64, status=200, body=bytes(range(256))))


def contents(url: str) -> dict[str, list[Any]]:
    """All rows as the program reads them, whatever the database."""
    engine = connected(url)
    with engine.begin() as connection:
        found = {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in Table.metadata.sorted_tables
        }
    engine.dispose()
    return found


def count(url: str) -> int:
    with opened(url)() as session:
        return session.scalar(select(func.count()).select_from(Tenant)) or 0


# ---- the schema ----


@pytest.fixture(params=["sqlite", *SERVERS])
def every_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database in each server that this machine has."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.sqlite'}"
        return
    with postgresql(SERVERS[request.param]) as server:
        yield server.empty()


def test_a_first_start_makes_the_tables_that_the_program_states(every_url: str) -> None:
    opened(every_url)
    with changed_alone(every_url) as connection:
        compared = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(compared, Table.metadata) == []
        assert {table.name for table in tables_of(connection)} == Table.metadata.tables.keys()
        assert revision_of(connection) == newest_revision()


def test_a_second_start_changes_nothing(database_url: str) -> None:
    with opened(database_url).begin() as session:
        session.add(Tenant(name="house"))
    assert count(database_url) == 1


def test_a_newer_schema_is_refused_with_both_revisions(database_url: str) -> None:
    opened(database_url)
    with changed_alone(database_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(
        ConfigError, match=f"has the schema 9999, and this program knows those up to {newest_revision()}"
    ):
        opened(database_url)


def test_a_database_of_others_is_refused(database_url: str) -> None:
    with changed_alone(database_url) as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    with pytest.raises(ConfigError, match="tables that are not the service's, such as theirs"):
        opened(database_url)
