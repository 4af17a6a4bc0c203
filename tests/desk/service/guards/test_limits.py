"""Rates by address and user, and the number of requests at work; health is answered throughout."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from people import SignedIn

from desk.service.app import create_app
from desk.service.caller import WINDOW
from desk.service.guards import limits
from desk.service.settings import ServiceSettings

RATE = 3


@pytest.fixture
def app(folder: Path) -> FastAPI:
    return create_app(ServiceSettings(folder=folder, rate=RATE))


def many(client: TestClient, path: str = "/api/nothing", asked: int = 2 * RATE * WINDOW + 1) -> Counter[int]:
    """The statuses of more requests than two periods may have."""
    return Counter(client.get(path).status_code for _ in range(asked))


def test_an_address_that_asks_too_often_is_told_when_to_come_again(client: TestClient) -> None:
    assert (set(many(client)), set(many(client, "/api/health"))) == ({404, 429}, {200})
    refused = [each for each in (client.get("/api/nothing") for _ in range(RATE * WINDOW)) if each.status_code == 429]
    assert all(1 <= int(each.headers["retry-after"]) <= WINDOW for each in refused)


def test_processes_that_share_a_redis_count_together(redis_url: str, folder: Path) -> None:
    stated = ServiceSettings(folder=folder, redis=redis_url, rate=RATE)
    client = ("198.51.100.9", 1)  # of this test alone
    servers = [TestClient(create_app(stated), base_url="http://127.0.0.1:5000", client=client) for _ in range(3)]
    asked = 2 * RATE * WINDOW + 1  # more than two periods may have, and of each server fewer than one period
    assert 429 in {servers[k % 3].get("/api/nothing").status_code for k in range(asked)}


def test_the_addresses_of_one_network_of_ipv6_are_one_client(app: FastAPI) -> None:
    clients = [TestClient(app, base_url="http://127.0.0.1:5000", client=(f"2001:db8::{k}", 1)) for k in range(1, 9)]
    assert 429 in {client.get("/api/nothing").status_code for client in clients * (RATE * WINDOW // 4 + 1)}
    other = TestClient(app, base_url="http://127.0.0.1:5000", client=("2001:db8:0:1::1", 1))
    assert other.get("/api/nothing").status_code == 404


def test_a_user_is_counted_whatever_his_address(app: FastAPI, signed_in: SignedIn, ran: Counter[str]) -> None:
    headers = signed_in().headers
    statuses = Counter(
        TestClient(app, base_url="http://127.0.0.1:5000", headers=headers, client=(f"192.0.2.{k}", 1))
        .post("/items", json={})
        .status_code
        for k in range(2 * RATE * WINDOW + 1)
    )
    assert set(statuses) == {201, 429}
    assert signed_in().post("/items", json={}).status_code == 201


def test_a_long_queue_is_refused_and_health_is_answered(
    client: TestClient, signed_in: SignedIn, ran: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_WORKING", 2)
    manager = signed_in()
    with ThreadPoolExecutor(6) as threads:
        waiting = [threads.submit(manager.post, "/slow") for _ in range(6)]
        health = client.get("/api/health").status_code
        answers = [each.result() for each in waiting]
    assert health == 200
    refused = [each for each in answers if each.status_code == 503]
    assert 1 <= len(refused) <= 4
    assert {each.headers["retry-after"] for each in refused} == {"1"}
    assert ran["slow"] == 6 - len(refused)
    assert manager.post("/slow").status_code == 200
