"""Host and Origin, on loopback too; X-Forwarded-* behind a proxy alone; changes with a cookie."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from desk.service.app import create_app
from desk.service.settings import ServiceSettings

REBOUND = ("evil.example", "127.0.0.1.nip.io", "localhost.evil.example", "0.0.0.0:5000", "169.254.169.254", "[::]:5000")
MALFORMED = ("", "127.0.0.1:x", "user@127.0.0.1", "127.0.0.1/", "127.0.0.1 evil", "[::1", "localhost.")


def test_a_foreign_host_is_answered_by_no_route(client: TestClient) -> None:
    for host in (*REBOUND, *MALFORMED):
        for path in ("/api/health", "/metrics", "/api/nothing"):
            assert client.get(path, headers={"Host": host}).status_code == 421, host


def test_any_host_is_served_where_nothing_is_stored_and_no_page_of_another_origin(tmp_path: Path) -> None:
    client = TestClient(create_app(ServiceSettings(folder=tmp_path, open_only=True)), base_url="http://a.example")
    for host in REBOUND:
        own = {"Host": host, "Origin": f"http://{host}"}
        assert client.get("/api/health", headers=own).status_code == 200, host
        assert client.get("/metrics", headers=own).status_code == 401, host
        assert client.get("/api/health", headers=own | {"Origin": "http://b.example"}).status_code == 403, host
    for host in MALFORMED[:-1]:
        assert client.get("/api/health", headers={"Host": host}).status_code == 421, host


def test_each_name_of_loopback_is_answered(client: TestClient) -> None:
    for host in ("127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:5000"):
        assert client.get("/api/health", headers={"Host": host}).status_code == 200, host


def test_a_page_of_another_origin_is_refused_whatever_it_asks(client: TestClient) -> None:
    for origin in ("http://evil.example", "http://127.0.0.1:3000", "https://127.0.0.1:5000", "null", ""):
        for method in ("GET", "POST", "OPTIONS"):
            answer = client.request(method, "/api/health", headers={"Origin": origin})
            assert answer.status_code == 403, origin
            assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_own_origin_is_answered(client: TestClient) -> None:
    assert client.get("/api/health", headers={"Origin": "http://127.0.0.1:5000"}).status_code == 200


def test_a_change_with_a_cookie_needs_what_no_other_page_can_send(client: TestClient) -> None:
    own, added = {"Origin": "http://127.0.0.1:5000"}, {"X-Requested-With": "fetch"}
    refused, passed = ({}, own, added, {"Authorization": ""}), (own | added, {"Authorization": "Bearer token"})
    for headers in (*refused, *passed):
        status = client.post("/api/health", headers={"Cookie": "session=1", **headers}).status_code
        assert status == (403 if headers in refused else 405), headers


def test_a_proxy_is_believed_where_it_is_stated(tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1, 192.0.2.7", "Host": "desk.example"}
    stated = ServiceSettings(folder=tmp_path, behind_proxy=True, public_url="https://desk.example")
    behind = TestClient(create_app(stated), base_url="http://desk.example")
    assert "strict-transport-security" in behind.get("/api/health", headers=forwarded).headers
    direct = TestClient(create_app(ServiceSettings(folder=tmp_path)), base_url="http://127.0.0.1:5000")
    unbelieved = direct.get("/api/health", headers=forwarded | {"Host": "127.0.0.1"})
    assert "strict-transport-security" not in unbelieved.headers


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-For", "10.0.0.{k}, 192.0.2.7")],
        [("X-Forwarded-For", "10.0.0.{k}"), ("X-Forwarded-For", "192.0.2.7")],  # HAProxy adds a header of its own
        [("X-Forwarded-For", "192.0.2.7:{k}")],  # Azure's gateway states the port
        [("X-Forwarded-For", "[2001:db8::7]:{k}")],
    ],
)
def test_a_client_behind_a_proxy_cannot_choose_the_address_that_is_counted(
    tmp_path: Path, headers: list[tuple[str, str]]
) -> None:
    """What it sends itself stands before what the proxy adds."""
    stated = ServiceSettings(folder=tmp_path, behind_proxy=True, public_url="https://desk.example", rate=1)
    client = TestClient(create_app(stated), base_url="https://desk.example")
    statuses = [
        client.get("/api/nothing", headers=[(name, value.format(k=k)) for name, value in headers]).status_code
        for k in range(40)
    ]
    assert set(statuses) == {404, 429}
    assert client.get("/api/nothing", headers={"X-Forwarded-For": "192.0.2.8"}).status_code == 404
