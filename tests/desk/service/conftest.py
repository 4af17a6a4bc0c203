"""A service of its own for each test, and clients of it by role."""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from database_servers import PostgreSQL, postgresql, redis_server
from fastapi import FastAPI
from fastapi.testclient import TestClient

from desk.service.app import create_app
from desk.service.caller import SCOPES
from desk.service.settings import ServiceSettings
from desk.service.store.tables import AccessToken, Tenant, User, now

URL = "http://127.0.0.1:5000"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """A PostgreSQL. Its start takes two seconds: keep the tests that use it in few files, since workers take files."""
    with postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, in SQLite and in PostgreSQL: for `ServiceSettings(database=…)`."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite'}"
    server: PostgreSQL = request.getfixturevalue("postgres")
    return server.empty()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis. Tests share it: each takes keys of its own."""
    with redis_server() as url:
        yield url


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return create_app(ServiceSettings(folder=tmp_path / "service"))


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """A client without sign-in."""
    return TestClient(app, base_url=URL)


@pytest.fixture
def signed_in(app: FastAPI) -> Callable[..., TestClient]:
    """A client with the access token of a new user of a role and tenant."""

    def made(role: str = "manager", tenant: str = "house", scopes: tuple[str, ...] = SCOPES) -> TestClient:
        token, name = secrets.token_urlsafe(32), f"{role}-{secrets.token_hex(4)}"
        hashed = hashlib.sha256(token.encode()).hexdigest()
        with app.state.service.sessions.begin() as session:
            session.merge(Tenant(name=tenant))
            session.flush()
            user = User(tenant=tenant, email=f"{name}@desk.example", name=name, role=role)
            session.add(user)
            session.flush()
            expires = now() + timedelta(hours=1)
            session.add(AccessToken(user=user.id, name="test", sha256=hashed, scopes=list(scopes), expires=expires))
        return TestClient(app, base_url=URL, headers={"Authorization": f"Bearer {token}"})

    return made
