"""A POST that comes again with its key: the same answer, and nothing done again."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from people import SignedIn
from sqlalchemy import update

from desk.service.app import create_app
from desk.service.guards import idempotency
from desk.service.guards.idempotency import CUT_OFF, KEPT
from desk.service.settings import ServiceSettings
from desk.service.store.tables import IdempotentAnswer

KEY = {"Idempotency-Key": "2f1c9a34-0001"}


@pytest.fixture
def app(tables_url: str, tmp_path: Path) -> FastAPI:
    return create_app(ServiceSettings(folder=tmp_path / "service", database=tables_url))


@pytest.fixture
def manager(signed_in: SignedIn, ran: Counter[str]) -> TestClient:
    return signed_in()


def age(app: FastAPI, by: timedelta) -> None:
    """Let the kept answers be older."""
    with app.state.service.sessions.begin() as session:
        session.execute(update(IdempotentAnswer).values(created=IdempotentAnswer.created))
        for each in session.query(IdempotentAnswer):
            each.created -= by


def test_the_same_request_has_the_same_answer_for_a_day(app: FastAPI, manager: TestClient, ran: Counter[str]) -> None:
    first = manager.post("/items", json={"a": 1}, headers=KEY)
    age(app, KEPT - timedelta(minutes=1))
    again = manager.post("/items", json={"a": 1}, headers=KEY)
    assert (first.status_code, again.status_code, ran["items"]) == (201, 201, 1)
    assert again.content == first.content == b'{"made":1}'
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == "application/json"
    age(app, timedelta(minutes=2))
    assert manager.post("/items", json={"a": 1}, headers=KEY).json() == {"made": 2}


def test_a_key_serves_one_request(manager: TestClient, ran: Counter[str]) -> None:
    manager.post("/items", json={"a": 1}, headers=KEY)
    for path, body in (("/items", {"a": 2}), ("/items?a=1", {"a": 1}), ("/slow", {"a": 1})):
        answer = manager.post(path, json=body, headers=KEY)
        assert answer.status_code == 409
        assert "another request" in answer.json()["detail"]
    assert ran == {"items": 1}


def test_a_key_is_a_key_of_its_caller(
    manager: TestClient, signed_in: SignedIn, client: TestClient, ran: Counter[str]
) -> None:
    manager.post("/items", json={"a": 1}, headers=KEY)
    assert signed_in().post("/items", json={"a": 1}, headers=KEY).json() == {"made": 2}
    assert client.post("/items", json={"a": 1}, headers=KEY).status_code == 401
    assert signed_in("viewer").post("/items", json={"a": 1}, headers=KEY).status_code == 403


def test_of_two_at_once_one_is_done(manager: TestClient, ran: Counter[str]) -> None:
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(manager.post, "/slow", headers=KEY) for _ in range(4)]
        answers = Counter(each.result().status_code for each in waiting)
    assert ran["slow"] == 1
    assert answers == {200: 1, 409: 3}
    assert manager.post("/slow", headers=KEY).json() == {"made": 1}


def test_what_a_server_was_killed_in_is_not_done_again(app: FastAPI, manager: TestClient, ran: Counter[str]) -> None:
    """The claim of a request that failed half-way stands as that of a killed process does."""
    assert manager.post("/items", json={"fails": 1}, headers=KEY).status_code == 500
    early = manager.post("/items", json={"fails": 1}, headers=KEY)
    assert (early.status_code, early.headers["retry-after"]) == (409, "1")
    age(app, CUT_OFF)
    late = manager.post("/items", json={"fails": 1}, headers=KEY)
    assert late.status_code == 409
    assert "cut off" in late.json()["detail"]
    assert ran["items"] == 1


def test_a_refusal_is_kept_and_a_busy_server_is_not(manager: TestClient, ran: Counter[str]) -> None:
    for body, status, runs in (({"wrong": 1}, 404, 1), ({"busy": 1}, 503, 3)):
        key = {"Idempotency-Key": f"key-of-{status}"}
        assert [manager.post("/items", json=body, headers=key).status_code for _ in range(2)] == [status, status]
        assert ran["items"] == runs


def test_an_answer_is_kept_sealed(app: FastAPI, manager: TestClient) -> None:
    manager.post("/items", json={"a": 1}, headers=KEY)
    with app.state.service.sessions() as session:
        (kept,) = session.query(IdempotentAnswer)
    assert b"made" not in kept.body
    assert app.state.service.keys.unseal(kept.body) == b'{"made":1}'


def test_keys_are_bounded_in_form_number_and_size(
    manager: TestClient, ran: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("short", "with space in it", "x" * 129):
        assert manager.post("/items", json={}, headers={"Idempotency-Key": key}).status_code == 400
    monkeypatch.setattr(idempotency, "MAX_ANSWER", 3)
    assert manager.post("/items", json={}, headers=KEY).status_code == 201
    assert "more than is kept" in manager.post("/items", json={}, headers=KEY).json()["detail"]
    monkeypatch.setattr(idempotency, "MAX_KEYS", 1)
    assert manager.post("/items", json={}, headers={"Idempotency-Key": "another-key"}).status_code == 429
    assert ran["items"] == 1
