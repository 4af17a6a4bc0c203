"""People: users with a password who are signed in, and what an app of each test knows of them."""

from collections.abc import Iterator
from functools import cache

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from people import PASSWORD, SignedIn

from desk.service.app import create_app
from desk.service.caller import Service
from desk.service.settings import ServiceSettings
from desk.service.store.tables import Table, Tenant, User
from desk.service.users import passwords
from desk.service.users.passwords import hash_of
from desk.service.users.tokens import begin_session

password_hash = cache(hash_of)


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """Hash with the least memory: `test_passwords` restores the service's own parameters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return create_app(ServiceSettings(folder=tmp_path_factory.mktemp("users") / "service", rate=100_000))


@pytest.fixture(scope="module")
def service(app: FastAPI) -> Service:
    return app.state.service


@pytest.fixture(autouse=True)
def _empty(request: pytest.FixtureRequest) -> Iterator[None]:
    """Empty the database of the module's app after each test: to make an app takes longer than most of them."""
    yield
    if "app" in request.fixturenames:
        service: Service = request.getfixturevalue("service")
        with service.sessions.begin() as session:
            for table in reversed(Table.metadata.sorted_tables):
                session.execute(table.delete())


@pytest.fixture
def person(app: FastAPI, service: Service) -> SignedIn:
    """A client with the session of a new user, whose password is PASSWORD."""

    def made(name: str = "ann", role: str = "viewer", tenant: str = "house") -> TestClient:
        with service.sessions.begin() as session:
            session.merge(Tenant(name=tenant))
            session.flush()
            email = f"{name}@desk.example"
            user = User(tenant=tenant, email=email, name=name, role=role, password=password_hash(PASSWORD))
            session.add(user)
            session.flush()
            token = begin_session(session, service.signer, user).token
        return TestClient(
            app, base_url=service.settings.address, headers={"Authorization": f"Bearer {token}"}, follow_redirects=False
        )

    return made


@pytest.fixture
def ann(person: SignedIn) -> TestClient:
    """A client with a session of Ann, whose password is PASSWORD."""
    return person("ann")


@pytest.fixture
def admin(person: SignedIn) -> TestClient:
    """A client with a session of Ann, who is an admin."""
    return person("ann", "admin")
