"""The database: the same in SQLite and in PostgreSQL, whoever starts, stops, or is killed."""

import hashlib
import os
import re
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from commanded import rebalance
from database_servers import ENGLISH, PostgreSQL, installed, postgresql
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as drawn
from sqlalchemy import Engine, event, func, inspect, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from desk.service.app import create_app
from desk.service.caller import KEYS, Service, opened_service
from desk.service.settings import ServiceSettings
from desk.service.store import operation, schema
from desk.service.store.backup import checked_backup, tables_of
from desk.service.store.engine import connected_engine
from desk.service.store.keys import opened_keys
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
from desk.service.users.accounts import invite
from desk.service.users.tokens import begin_session
from foundation.errors import ConfigError, DataError, MachineError

SERVERS = installed("PostgreSQL") or {"none": None}  # of which the test says that it is missing
PROCESSES, WRITES = 4, 25


BackedUp = tuple[ServiceSettings, Path]


def served(url: str, folder: Path) -> ServiceSettings:
    return ServiceSettings(folder=folder, database=url)


def fill(served: ServiceSettings, rows: int = 3) -> None:
    """Rows with every type: text beyond ASCII, moments to the microsecond, bytes, JSON, and what is missing."""
    service = opened_service(served)
    with service.sessions.begin() as session:
        session.add_all(Tenant(name=name) for name in ("house", "Zebra", "apple", "éclair"))  # sorted in two ways
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
        job: dict[str, Any] = {"tenant": "house", "user": user.id, "portfolio": portfolio.id, "version": 1}
        session.add(QueuedJob(**job, kind="report", arguments=arguments, ended=moment))
        session.add(QueuedJob(**job, kind="report", arguments={}, result={"nav": 1e-17}))
        session.add(
            IdempotentAnswer(caller=user.id, key="k", request="0" * 64, status=200, body=service.keys.seal(b"{}"))
        )


@pytest.fixture
def filled(tables_url: str, tmp_path: Path) -> ServiceSettings:
    """A server with rows, in SQLite and in PostgreSQL."""
    settings = served(tables_url, tmp_path)
    fill(settings)
    return settings


def contents(url: str) -> dict[str, list[Any]]:
    """All rows as the program reads them, whatever the database."""
    engine = connected_engine(url)
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


@pytest.fixture(scope="module", params=["sqlite", *SERVERS])
def every_empty(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """Makes an empty database, in each server that this machine has; its own sorts as English does."""
    if request.param == "sqlite":
        yield lambda: f"sqlite:///{tmp_path_factory.mktemp('empty') / 'test.sqlite'}"
        return
    if request.param == next(iter(SERVERS)):  # the server of all other tests
        server: PostgreSQL = request.getfixturevalue("postgres")
        yield lambda: server.empty(ENGLISH if request.param == "machine" else "")
        return
    with postgresql(SERVERS[request.param]) as server:
        yield server.empty


def test_a_first_start_makes_the_tables_that_the_program_states(every_empty: Callable[[], str]) -> None:
    url = every_empty()
    opened(url)
    with changed_alone(url) as connection:
        compared = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(compared, Table.metadata) == []
        assert {table.name for table in tables_of(connection)} == Table.metadata.tables.keys()
        assert revision_of(connection) == newest_revision()


def test_a_second_start_changes_nothing(tables_url: str) -> None:
    with opened(tables_url).begin() as session:
        session.add(Tenant(name="house"))
    assert count(tables_url) == 1


def test_a_newer_schema_is_refused_with_both_revisions(tables_url: str) -> None:
    opened(tables_url)
    with changed_alone(tables_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(
        ConfigError, match=f"has the schema 9999, and this program knows those up to {newest_revision()}"
    ):
        opened(tables_url)


def test_a_database_of_others_is_refused(database_url: str) -> None:
    with changed_alone(database_url) as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    with pytest.raises(ConfigError, match="tables of others, such as theirs"):
        opened(database_url)


def test_starts_at_once_make_one_schema(database_url: str) -> None:
    with ProcessPoolExecutor(PROCESSES, get_context("fork")) as pool:
        assert [*pool.map(count, [database_url] * PROCESSES)] == [0] * PROCESSES


def next_program(folder: Path, step: str) -> Path:
    """The migrations of a program that has one revision more."""
    shutil.copytree(schema.MIGRATIONS, folder)
    (folder / "versions" / "second.py").write_text(
        f"from alembic import op\nimport sqlalchemy as sa\nrevision, down_revision = '0999', '{newest_revision()}'\n"
        f"def upgrade():\n{step}"
    )
    return folder


WIDER = """
    with op.batch_alter_table("users") as users:  # SQLite replaces the table, to which others refer
        users.alter_column("name", type_=sa.String(256))
        users.add_column(sa.Column("language", sa.String(8), server_default="en", nullable=False))
"""


def test_an_older_schema_is_migrated_after_a_backup(
    filled: ServiceSettings, tables_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, older = contents(tables_url), newest_revision()
    monkeypatch.setattr(schema, "MIGRATIONS", next_program(tmp_path / "migrations", WIDER))
    with pytest.raises(ConfigError, match=f"older schema {older}: run `rebalance serve store migrate`"):
        opened(tables_url)
    assert contents(tables_url) == before
    with opened(tables_url, tmp_path / "backups")() as session:
        assert session.scalars(text("SELECT language FROM users")).all() == ["en"]
    assert contents(tables_url) == before  # what refers to users is still there
    [written] = (tmp_path / "backups").iterdir()
    assert checked_backup(written)[0] == older
    opened(tables_url, tmp_path / "backups")
    assert len([*(tmp_path / "backups").iterdir()]) == 1


def test_a_backup_of_an_older_schema_is_restored_into_a_newer_program(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (served(url, tmp_path) for url in (f"sqlite:///{tmp_path / 'old.sqlite'}", database_url))
    fill(old)
    operation.backup(old, tmp_path / "backup")
    monkeypatch.setattr(schema, "MIGRATIONS", next_program(tmp_path / "migrations", WIDER))
    operation.restore_backup(new, tmp_path / "backup")
    assert contents(new.database) == contents(old.database)
    with opened(database_url)() as session:
        assert session.scalars(text("SELECT language FROM users")).all() == ["en"]


def test_a_migration_that_fails_leaves_the_older_schema(
    filled: ServiceSettings, tables_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, older = contents(tables_url), newest_revision()
    monkeypatch.setattr(schema, "MIGRATIONS", next_program(tmp_path / "migrations", f"{WIDER}    1 / 0\n"))
    with pytest.raises(ZeroDivisionError):
        opened(tables_url, tmp_path / "backups")
    with changed_alone(tables_url) as connection:
        assert revision_of(connection) == older
        assert "language" not in [column["name"] for column in inspect(connection).get_columns("users")]
    assert contents(tables_url) == before


# ---- transactions ----


def add(url: str, times: int) -> None:
    sessions = opened(url)
    for _ in range(times):
        with sessions.begin() as session:
            user = session.execute(select(User).with_for_update()).scalar_one()
            user.epoch += 1  # a transaction that reads, then writes


def test_writers_of_several_processes_wait_for_each_other(filled: ServiceSettings, tables_url: str) -> None:
    with ProcessPoolExecutor(PROCESSES, get_context("fork")) as pool:
        assert [*pool.map(add, [tables_url] * PROCESSES, [WRITES] * PROCESSES)] == [None] * PROCESSES
    with opened(tables_url)() as session:
        assert session.execute(select(User.epoch)).scalar_one() == PROCESSES * WRITES


def test_a_reader_does_not_wait_for_a_writer(tables_url: str, tmp_path: Path) -> None:
    sessions = opened(tables_url)
    with sessions.begin() as writer:
        writer.add(Tenant(name="house"))
        writer.flush()
        with sessions() as reader:
            assert reader.get(Tenant, "house") is None
    with sessions() as reader:
        assert reader.get(Tenant, "house")


def test_a_row_refers_to_one_that_is_there(tables_url: str) -> None:
    with pytest.raises(IntegrityError), opened(tables_url).begin() as session:
        session.add(User(tenant="nobody's", email="", name="", role=""))


def test_an_error_keeps_nothing(tables_url: str) -> None:
    writing = opened(tables_url).begin()
    with suppress(KeyError), writing as session:
        session.add(Tenant(name="house"))
        session.flush()
        raise KeyError
    assert count(tables_url) == 0


def test_sqlite_refuses_to_write_in_a_session_that_reads(tmp_path: Path) -> None:
    sessions = opened(f"sqlite:///{tmp_path / 'test.sqlite'}")
    with sessions() as session:
        session.add(Tenant(name="house"))
        with pytest.raises(OperationalError, match="readonly"):
            session.flush()
    with sessions() as session:
        settings = [session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert settings == ["wal", 2, 1]  # 2: FULL


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://desk@db.internal/desk", "DATABASE_URL has no password for the host 'db.internal'"),
        ("postgres://desk@10.0.0.3:5432/desk", "no password for the host '10.0.0.3'"),
        ("postgresql://desk@/desk?host=10.0.0.3", "no password for the host '10.0.0.3'"),
        ("postgresql://desk@/desk?host=/run/postgresql&host=10.0.0.3:5432", "no password for the host '10.0.0.3'"),
        ("mysql://desk:secret@localhost/desk", "the scheme of DATABASE_URL is 'mysql'"),
        ("sqlite://", "no file"),
        ("sqlite:///:memory:", "no file"),
        ("secret", "DATABASE_URL is no URL"),
        ("postgresql://desk:secret@127.0.0.1:1/desk", "the database does not answer"),
        ("postgresql://desk@/desk?host=/nowhere", "the database does not answer"),
    ],
)
def test_a_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        opened(url)
    assert "secret" not in str(refused.value)


# ---- backups ----


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> BackedUp:
    """A server with rows, and its backup."""
    folder = tmp_path_factory.mktemp("backed_up")
    settings = served(f"sqlite:///{folder / 'test.sqlite'}", folder)
    fill(settings, rows=520)  # more than are read at once
    operation.backup(settings, folder / "backup")
    return settings, folder / "backup"


def test_the_drill(tables_url: str, tmp_path: Path) -> None:
    """Fill, back up, destroy, restore: all rows are as they were, and the fields open."""
    settings = served(tables_url, tmp_path / "service")
    fill(settings)
    before, backup = contents(tables_url), tmp_path / "backup"
    assert operation.backup(settings, backup) == f"{backup}: schema 0004, 17 rows."
    destroy(tables_url)
    operation.restore_backup(settings, backup)
    assert contents(tables_url) == before
    assert operation.check_database(settings) == (
        f"{tables_url.partition(':')[0]}, schema 0004, 7 sealed fields, signing keys: 1.",
        False,
    )
    with opened(tables_url)() as session:
        assert session.scalar(text("SELECT count(*) FROM jobs WHERE result IS NULL")) == 1  # not JSON's null
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def destroy(url: str) -> None:
    with changed_alone(url) as connection:
        for table in reversed([*tables_of(connection), sqlalchemy.Table("alembic_version", sqlalchemy.MetaData())]):
            table.drop(connection)


def test_a_backup_is_of_one_moment(filled: ServiceSettings, tables_url: str, tmp_path: Path) -> None:
    sessions, late = opened(tables_url), ["tenant"]
    before = contents(tables_url)

    def write(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("SELECT users.") and late:  # tenants are written already
            with sessions.begin() as session:
                session.add(Tenant(name=late.pop()))
                session.flush()
                session.add(User(tenant="tenant", email="", name="", role="viewer"))

    event.listen(Engine, "before_cursor_execute", write)
    try:
        operation.backup(filled, tmp_path / "backup")
    finally:
        event.remove(Engine, "before_cursor_execute", write)
    assert not late
    restored = f"sqlite:///{tmp_path / 'restored.sqlite'}"
    operation.restore_backup(served(restored, tmp_path), tmp_path / "backup")
    assert contents(restored) == before


def test_rows_move_to_another_database_and_back(
    backed_up: BackedUp, every_empty: Callable[[], str], tmp_path: Path
) -> None:
    sqlite, backup = backed_up
    moved, back = served(every_empty(), tmp_path), served(f"sqlite:///{tmp_path / 'back.sqlite'}", tmp_path)
    operation.restore_backup(moved, backup)
    assert contents(moved.database) == contents(sqlite.database)
    operation.backup(moved, tmp_path / "moved")
    assert (tmp_path / "moved").read_bytes() == backup.read_bytes()  # whichever database wrote it
    operation.restore_backup(back, tmp_path / "moved")
    assert contents(back.database) == contents(sqlite.database)


@given(drawn.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_of_a_backup_is_refused(backed_up: BackedUp, tmp_path: Path, data: drawn.DataObject) -> None:
    content = bytearray(backed_up[1].read_bytes())
    at = data.draw(
        drawn.one_of(drawn.integers(0, len(content) - 1), drawn.integers(len(content) - 400, len(content) - 1))
    )
    content[at] ^= data.draw(drawn.integers(1, 255))
    (tmp_path / "backup").write_bytes(content)
    with pytest.raises(DataError, match="was changed or cut"):
        operation.restore_backup(served(f"sqlite:///{tmp_path / 'test.sqlite'}", tmp_path), tmp_path / "backup")
    assert not (tmp_path / "test.sqlite").exists()


@pytest.mark.parametrize("lines", [0, 1, 2, 5, -1])
def test_a_backup_that_was_cut_is_refused(backed_up: BackedUp, tmp_path: Path, lines: int) -> None:
    (tmp_path / "backup").write_bytes(b"".join(backed_up[1].read_bytes().splitlines(keepends=True)[:lines]))
    with pytest.raises(DataError, match="was changed or cut"):
        checked_backup(tmp_path / "backup")


def test_rows_that_a_database_gives_otherwise_than_it_was_given_are_not_kept(
    backed_up: BackedUp, database_url: str, tmp_path: Path
) -> None:
    *lines, _ = backed_up[1].read_bytes().replace(b"2026-02-28T23", b"2026-02-28 23").splitlines(keepends=True)
    end = f'{{"sha256":"{hashlib.sha256(b"".join(lines)).hexdigest()}"}}\n'
    (tmp_path / "backup").write_bytes(b"".join(lines) + end.encode())
    with pytest.raises(DataError, match="the database gives other rows"):
        operation.restore_backup(served(database_url, tmp_path), tmp_path / "backup")
    with changed_alone(database_url) as connection:
        assert inspect(connection).get_table_names() == []


def test_a_database_with_rows_is_not_restored_into(backed_up: BackedUp, tables_url: str, tmp_path: Path) -> None:
    settings = served(tables_url, tmp_path)
    fill(settings, rows=1)
    before = contents(tables_url)
    with pytest.raises(ConfigError, match="has rows: restore into an empty one"):
        operation.restore_backup(settings, backed_up[1])
    assert contents(tables_url) == before


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Run `work` in a process that is killed before its statement of a number; true if it was."""
    child = os.fork()
    if child == 0:
        left = iter(range(number))

        def before(*_: object) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "before_cursor_execute", before)
        event.listen(Engine, "commit", before)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_restore_that_is_killed_leaves_nothing(backed_up: BackedUp, database_url: str, tmp_path: Path) -> None:
    settings, backup = served(database_url, tmp_path), backed_up[1]
    killed = 0
    while killed_at(60 * killed, lambda: operation.restore_backup(settings, backup)):
        with changed_alone(database_url) as connection:
            assert inspect(connection).get_table_names() == []
        killed += 1
    assert killed > 1
    assert contents(database_url) == contents(backed_up[0].database)


# ---- keys, and what an operator is told ----


def test_a_rotation_seals_all_fields_anew(filled: ServiceSettings, tmp_path: Path) -> None:
    before = texts(filled)
    assert operation.rotate_keys(filled, drop_old=False).startswith("New keys sign and seal; 7 fields")
    assert len(opened_keys(tmp_path / KEYS).signing) == 2
    operation.rotate_keys(filled, drop_old=True)
    assert len(opened_keys(tmp_path / KEYS).signing) == 1
    assert texts(filled) == before


def texts(settings: ServiceSettings) -> list[bytes]:
    service = opened_service(settings)
    with service.sessions() as session:
        sealed = [*session.scalars(select(PortfolioVersion.sealed)), *session.scalars(select(Note.sealed))]
        sealed += [body for body in session.scalars(select(IdempotentAnswer.body)) if body]
    return sorted(service.keys.unseal(each) for each in sealed)


def test_a_field_that_does_not_open_stops_a_rotation_and_is_told(
    filled: ServiceSettings, tables_url: str, tmp_path: Path
) -> None:
    with opened(tables_url).begin() as session:
        session.execute(select(Note).limit(1)).scalar_one().sealed = b"not sealed"
    with pytest.raises(DataError, match="a sealed field was changed"):
        operation.rotate_keys(filled, drop_old=True)
    assert len(opened_keys(tmp_path / KEYS).signing) == 2  # the old ones are kept
    told, is_wrong = operation.check_database(filled)
    assert is_wrong
    assert "1 of 7 sealed fields do not open" in told


def test_keys_that_are_missing_beside_sealed_fields_are_not_made(tmp_path: Path) -> None:
    settings = served(f"sqlite:///{tmp_path / 'test.sqlite'}", tmp_path)
    fill(settings)
    (tmp_path / KEYS / "sealing").unlink()
    with pytest.raises(MachineError, match="sealing is missing: put it back"):
        opened_service(settings)


def test_little_space_is_told_before_the_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = served(f"sqlite:///{tmp_path / 'test.sqlite'}", tmp_path)
    client = TestClient(create_app(settings), base_url="http://127.0.0.1:5000")
    assert client.get("/api/health").json()["disk"] == "ok"
    monkeypatch.setattr(operation, "LEAST_FREE", 1e9)  # more than any disk has
    assert client.get("/api/health").json()["disk"] == "low"
    told, is_wrong = operation.check_database(settings)
    assert is_wrong
    assert f"GB are free in {tmp_path}, less than 1e+09 GB: delete old reports, or enlarge its disk." in told


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert rebalance("serve", "store", "backup", tmp_path / "backup").err.startswith("the database has no tables")
    assert rebalance("serve", "store", "migrate").out == "The schema is 0004.\n"
    assert rebalance("serve", "store", "check").out == "sqlite, schema 0004, 0 sealed fields, signing keys: 1.\n"
    assert rebalance("serve", "store", "backup", tmp_path / "backup").out.endswith("backup: schema 0004, 0 rows.\n")
    assert rebalance("serve", "store", "restore", tmp_path / "backup").status == 0
    assert rebalance("serve", "store", "rotate-keys", "--drop-old").out.startswith("New keys sign and seal; 0 fields")
    (tmp_path / "service" / KEYS / "signing").chmod(0o644)
    for words, said in (
        (("backup",), "backup takes the file of a backup"),
        (("check", tmp_path / "backup"), "check takes no file"),
        (("check", "--drop-old"), "--drop-old is of rotate-keys"),
    ):
        assert rebalance("serve", "store", *words).err.startswith(said)
    done = rebalance("serve", "store", "check")
    assert (done.status, "has the mode 0644" in done.err) == (2, True)


def test_text_that_postgresql_does_not_hold_is_refused(postgres: PostgreSQL, tmp_path: Path) -> None:
    """A NUL in each id of a path, a query and a body is a mistake, or what is not there; never a fault."""
    app = create_app(ServiceSettings(folder=tmp_path, database=postgres.empty(), rate=100_000))
    service: Service = app.state.service
    with service.sessions.begin() as session:
        user, _ = invite(session, "house", "ann@desk.example", "admin")
        token = begin_session(session, service.signer, user).token
    client = TestClient(app, base_url="http://127.0.0.1:5000", headers={"Authorization": f"Bearer {token}"})
    body = {"portfolio": "\0", "policy": "never", "kind": "line", "subject": "\0", "text": "\0"}
    for path, operations in app.openapi()["paths"].items():
        for method, stated in operations.items():
            named = {each["name"]: "\0" for each in stated.get("parameters", ()) if each["in"] == "query"}
            for sent in (body, {name: body[name] for name in ("portfolio", "policy")}, {"portfolio": "\0"}):
                answer = client.request(method, re.sub(r"\{.*?\}", "%00", path), params=named, json=sent)
                assert answer.status_code < 500, (method, path, answer.text)
