"""What a request leaves behind: a line of the log and metrics, without a secret; an entry of the journal."""

import json
import logging
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from people import SignedIn
from redis import RedisError
from sqlalchemy.exc import OperationalError, TimeoutError

from desk.journal import Journal, verify
from desk.service.app import create_app
from desk.service.guards.observed import LOG, JsonLines
from desk.service.settings import ServiceSettings
from desk.service.store.tables import Tenant, User
from desk.service.users.passwords import hash_of

SECRET = "s3cr3t-value"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, object]]]:
    """The lines that were logged, as a server writes them."""
    caplog.set_level(logging.INFO, LOG.name)
    form = JsonLines()
    return lambda: [json.loads(form.format(record)) for record in caplog.records if record.name == LOG.name]


def test_each_request_is_a_line_that_says_who_asked_what(
    signed_in: SignedIn, ran: Counter[str], lines: Callable[[], list[dict[str, object]]]
) -> None:
    manager = signed_in()
    answer = manager.post("/items", json={"a": 1})
    (line,) = lines()
    assert line["request"] == answer.headers["x-request-id"]
    assert line["method"] == "POST"
    assert line["route"] == "/items"
    assert line["status"] == 201
    assert len(str(line["user"])) == 32
    assert {"moment", "ms", "level"} <= set(line)


def test_no_line_and_no_metric_holds_a_secret(
    client: TestClient, signed_in: SignedIn, ran: Counter[str], lines: Callable[[], list[dict[str, object]]]
) -> None:
    manager = signed_in()
    manager.post("/items", json={SECRET: 1})
    manager.post("/items", json={SECRET: SECRET}, headers={"Idempotency-Key": SECRET})
    client.get(f"/api/{SECRET}", params={SECRET: SECRET}, headers={"Authorization": f"Bearer {SECRET}"})
    client.get("/api/health", headers={"Host": SECRET, "Cookie": SECRET, "User-Agent": SECRET})
    client.request(SECRET, "/api/health")
    failed = client.get("/fails", params={"secret": SECRET})
    said = json.dumps(lines())
    assert (failed.status_code, "RuntimeError" in said, "in fails" in said or " fails" in said) == (500, True, True)
    for text in (said, client.get("/metrics").text, failed.text):
        assert SECRET not in text
        assert manager.headers["Authorization"].split()[1] not in text


def test_an_error_of_the_server_is_a_problem_that_names_its_line_in_the_log(
    client: TestClient, ran: Counter[str], lines: Callable[[], list[dict[str, object]]]
) -> None:
    answer = client.get("/fails?secret=1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert {line["request"] for line in lines()} == {answer.headers["x-request-id"]}
    assert answer.headers["x-request-id"] in answer.json()["detail"]


@pytest.mark.parametrize(
    "error", [RedisError("down"), OperationalError("SELECT 'a secret'", {}, Exception("locked")), TimeoutError("no")]
)
def test_a_database_that_does_not_answer_is_no_fault_of_the_server(
    app: FastAPI, client: TestClient, lines: Callable[[], list[dict[str, object]]], error: Exception
) -> None:
    @app.get("/down")
    def down() -> None:
        raise error

    answer = client.get("/down")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert [line["level"] for line in lines()] == ["error", "info"]
    assert "secret" not in f"{answer.text} {lines()}"


def test_metrics_count_each_route(client: TestClient, ran: Counter[str]) -> None:
    def counted() -> float:
        name = 'rebalance_requests_total{method="GET",route="/api/health",status="200"} '
        (value,) = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
        return float(value.split()[-1])

    client.get("/api/health")
    before = counted()
    client.get("/api/health")
    assert counted() == before + 1


def test_metrics_need_an_admin_where_others_reach_the_server(tmp_path: Path, signed_in: SignedIn) -> None:
    exposed = ServiceSettings(folder=tmp_path / "service", behind_proxy=True)
    there = TestClient(create_app(exposed), base_url="http://127.0.0.1:5000")
    assert there.get("/metrics").status_code == 401
    for role, status in (("approver", 403), ("admin", 200)):
        assert there.get("/metrics", headers=signed_in(role).headers).status_code == status


def test_each_change_is_journalled_once_in_the_name_of_its_user(
    signed_in: SignedIn, ran: Counter[str], tmp_path: Path
) -> None:
    manager, other = signed_in(), signed_in(tenant="other")
    key = {"Idempotency-Key": "2f1c9a34-0001"}
    answers = [manager.post("/items", json={"a": 1}, headers=key) for _ in range(2)]
    manager.post("/items", json={"wrong": 1})
    signed_in("viewer").post("/items", json={})
    other.post("/items", json={})
    with Journal(tmp_path / "service" / "tenants" / "house", read_only=True) as journal:
        (entry,) = journal.entries(kind="access")
        assert not verify(journal).faults
    assert (entry.record.method, entry.record.path, entry.record.status) == ("POST", "/items", 201)
    assert entry.record.request == answers[0].headers["x-request-id"]
    assert re.fullmatch(r"manager-\w+ \(\w{32}\)", entry.user)


def test_a_sign_in_is_journalled(app: FastAPI, client: TestClient, tmp_path: Path) -> None:
    password = "a long enough passphrase"
    with app.state.service.sessions.begin() as session:
        session.add(Tenant(name="house"))
        session.flush()
        session.add(User(tenant="house", email="a@desk.example", name="A", role="manager", password=hash_of(password)))
    assert client.post("/api/users/login", json={"email": "a@desk.example", "password": "wrong"}).status_code == 401
    assert client.post("/api/users/login", json={"email": "a@desk.example", "password": password}).status_code == 200
    with Journal(tmp_path / "service" / "tenants" / "house", read_only=True) as journal:
        (entry,) = journal.entries(kind="access")
    assert (entry.record.path, entry.user[:3], password in entry.content) == ("/api/users/login", "A (", False)
