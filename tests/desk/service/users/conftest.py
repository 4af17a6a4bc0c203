"""People: users with a password who are signed in, and what an app of each test knows of them."""

from collections.abc import Callable
from functools import cache

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from people import PASSWORD

from desk.service.caller import Service
from desk.service.store.tables import Tenant, User
from desk.service.users.passwords import hash_of
from desk.service.users.tokens import begin_session

password_hash = cache(hash_of)


@pytest.fixture
def service(app: FastAPI) -> Service:
    return app.state.service


@pytest.fixture
def person(app: FastAPI, service: Service) -> Callable[..., TestClient]:
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
