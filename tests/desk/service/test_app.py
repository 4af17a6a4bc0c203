"""The application: who is let in, and the form of its errors."""

from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from desk.service.app import create_app
from desk.service.problems import MEDIA_TYPE
from desk.service.routes import health as health_routes
from desk.service.settings import ServiceSettings


def test_health_answers_without_sign_in(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_routes, "now", lambda: datetime(2026, 1, 2, 3, 4, 5, 678))
    health = client.get("/api/health").json()
    assert (health["status"], health["version"]) == ("ok", version("rebalance-workbench"))
    assert health["time"] == "2026-01-02T03:04:05Z"


def test_an_unknown_path_is_a_problem(client: TestClient) -> None:
    answer = client.get("/api/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE)
    assert answer.json()["title"] == "Not Found"


def test_a_server_that_is_open_has_no_route_to_what_is_stored(app: FastAPI, tmp_path: Path) -> None:
    stated = ServiceSettings(folder=tmp_path, behind_proxy=True, public_url="https://desk.example", open_only=True)
    payload = {"/api/rebalance", "/api/preview-scenarios", "/api/multi-agent-blueprint", "/api/multi-agent/tandem-demo"}
    is_open = {"/api/health", "/metrics", "/api/ai-copilot/insights", *payload}
    opened = create_app(stated)
    assert set(opened.openapi()["paths"]) == is_open
    client = TestClient(opened, base_url="https://desk.example")
    for path in app.openapi()["paths"].keys() - is_open:
        assert client.get(path).status_code == client.post(path, json={}).status_code == 404, path
    assert client.get("/metrics").status_code == 401
    assert client.get("/api/preview-scenarios").status_code == 200
