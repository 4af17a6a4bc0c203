"""Requests to all routes of the service, drawn by schemathesis: each is answered as the OpenAPI document says.

    python -m benchmarks.service_fuzz [REQUESTS]

10,000 by default, half of them as documented and half otherwise, of an admin. A fault of the server, or an answer that
is not documented, ends it with the request.
"""

import hashlib
import secrets
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from benchmarks.timing import show
from desk.service.app import create_app
from desk.service.caller import SCOPES
from desk.service.settings import ServiceSettings
from desk.service.store.tables import AccessToken, Tenant, User, now

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from asked_routes import ask_all

REQUESTS = 10_000
KINDS = 1.9  # of requests of an operation in the mean: those that take nothing have one kind


def admin(folder: Path) -> TestClient:
    """A client of a new service with the access token of an admin, and a rate that it does not reach."""
    app, token = create_app(ServiceSettings(folder=folder, rate=100_000)), secrets.token_urlsafe(32)
    with app.state.service.sessions.begin() as session:
        session.add(Tenant(name="house"))
        session.flush()
        user = User(tenant="house", email="admin@desk.example", name="an admin", role="admin")
        session.add(user)
        session.flush()
        hashed, expires = hashlib.sha256(token.encode()).hexdigest(), now() + timedelta(days=1)
        session.add(AccessToken(user=user.id, name="fuzz", sha256=hashed, scopes=list(SCOPES), expires=expires))
    return TestClient(app, base_url="http://127.0.0.1:5000", headers={"Authorization": f"Bearer {token}"})


def main(requests: int = REQUESTS) -> None:
    """Ask, and print the answers by status."""
    with tempfile.TemporaryDirectory() as folder:
        client = admin(Path(folder))
        with client:
            operations = sum(len(of) for of in client.get("/api/openapi.json").json()["paths"].values())
            began = time.perf_counter()
            answers = ask_all(client, each=max(1, round(requests / KINDS / operations)))
    statuses = sum(answers.values(), Counter[int]())
    note = f"{statuses.total():,} requests to {len(answers)} operations in {time.perf_counter() - began:,.0f} s."
    rows = [[str(status), f"{count:,}"] for status, count in sorted(statuses.items())]
    show("Answers to requests that schemathesis drew", ["status", "answers"], rows, [note])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
