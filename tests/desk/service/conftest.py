"""A service of its own for each test, and clients of it by role."""

import hashlib
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anyio.from_thread import start_blocking_portal
from database_servers import PostgreSQL, postgresql, redis_server
from fastapi import FastAPI
from fastapi.testclient import TestClient
from people import SignedIn
from provider_server import own_certificate
from push_service import PushService, push_service

from desk.service.app import create_app
from desk.service.caller import SCOPES, Service, opened_service
from desk.service.settings import ServiceSettings
from desk.service.store.schema import opened
from desk.service.store.tables import AccessToken, Tenant, User, now
from foundation.home import STORES
from research.market.calendars import sessions
from research.market.rows import price_rows
from research.market.store import PriceStore

URL = "http://127.0.0.1:5000"


@pytest.fixture(scope="session", autouse=True)
def _one_loop() -> Iterator[None]:
    """Let all clients share a thread and its event loop, which each request would otherwise start for itself."""
    with start_blocking_portal() as portal, pytest.MonkeyPatch.context() as patch:
        patch.setattr(TestClient, "portal", portal)
        yield


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
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the service's tables. Its copy takes a tenth of the time that the migrations do."""
    file = tmp_path_factory.mktemp("migrated") / "service.sqlite"
    opened(f"sqlite:///{file}").engine.dispose()
    return file


@pytest.fixture(scope="session")
def migrated_there(postgres: PostgreSQL) -> str:
    """The name of a PostgreSQL database with the service's tables, a template of others."""
    url = postgres.empty()
    opened(url).engine.dispose()
    return url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def folder(migrated: Path, tmp_path: Path) -> Path:
    """The folder of a service with a database that has tables and no rows."""
    found = tmp_path / "service"
    found.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(migrated, found / migrated.name)
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def tables_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with tables and no rows, in SQLite (that of `folder`) and in PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('folder') / 'service.sqlite'}"
    server: PostgreSQL = request.getfixturevalue("postgres")
    return server.empty(f"TEMPLATE {request.getfixturevalue('migrated_there')}")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a Redis. Tests share it: each takes keys of its own."""
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def _stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, draws = tmp_path_factory.mktemp("stores"), np.random.default_rng(1)
    days = sessions(np.datetime64("2021-01-04"), np.datetime64("2022-12-29"), "XNYS")
    facts = {"currency": "USD", "source": "yahoo", "fetched_at": np.datetime64("2022-12-30T12:00", "us")}
    rows = list[pd.DataFrame]()
    for asset, close in (("SPY", 383.44), ("AGG", 97.45)):
        walk = np.cumsum(draws.normal(0.0, 0.01, len(days)))
        rows.append(price_rows(asset, days, close * np.exp(walk - walk[-1]), **facts))
    PriceStore(folder / "yahoo", "yahoo").add(pd.concat(rows))
    return folder


@pytest.fixture
def stores(_stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stores: `yahoo`, with two years of made-up prices that end at those of positions.csv."""
    monkeypatch.setenv(STORES, str(_stores))
    return _stores


@pytest.fixture(scope="session")
def one_app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return create_app(ServiceSettings(folder=tmp_path_factory.mktemp("app") / "service"))


@pytest.fixture
def app(one_app: FastAPI, folder: Path) -> FastAPI:
    """The application of all tests, on a database of each: the first request to a new one takes 50 ms.

    A test that adds routes makes an application of its own.
    """
    service, own = one_app.state.service, opened_service(ServiceSettings(folder=folder))
    for each in fields(Service):
        object.__setattr__(service, each.name, getattr(own, each.name))
    return one_app


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """A client without sign-in."""
    return TestClient(app, base_url=URL)


@pytest.fixture
def signed_in(client_of: SignedIn) -> SignedIn:
    """`client_of`; below `pages` a page of a browser has this name."""
    return client_of


@pytest.fixture
def client_of(app: FastAPI) -> SignedIn:
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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine."""
    return own_certificate(tmp_path_factory.mktemp("tls") / "own.pem")


@pytest.fixture
def pushes(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    """A push service, whose certificate the service trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with push_service(certificate) as served:
        yield served
