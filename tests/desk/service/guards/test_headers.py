"""Headers of security on every answer, ETags, and the policy of pages."""

from collections import Counter

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from desk.service.guards.headers import HEADERS, page_policy


def test_every_answer_has_the_headers_of_security(client: TestClient, ran: Counter[str]) -> None:
    for path in ("/api/health", "/metrics", "/api/nothing", "/fails?secret=1", "/page"):
        for host in ("127.0.0.1", "evil.example"):
            headers = client.get(path, headers={"Host": host}).headers
            assert {name.lower() for name in HEADERS} <= set(headers)
            assert "default-src 'none'" in headers["content-security-policy"]
            assert not [name for name in headers if name.startswith("access-control")]


def test_a_page_may_run_its_own_scripts_and_styles_and_reach_nothing(client: TestClient, ran: Counter[str]) -> None:
    """The hash of `alert(1)` and of the style are those that `openssl dgst -sha256 -binary | base64` gives."""
    answer = client.get("/page")
    assert "alert(1)" in answer.text
    rules = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    assert rules["script-src"] == "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
    assert rules["style-src-elem"] == "'sha256-p0bF+un5yUb9MBO6xRb8kPHlY2BdpHVtLiFkDrZPF64='"
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["sandbox"] == "allow-scripts allow-downloads"


def test_a_page_without_scripts_may_run_none() -> None:
    assert "script-src 'none'" in page_policy("<p onclick='alert(1)'>text")


def test_a_client_that_knows_an_answer_is_told_so(client: TestClient) -> None:
    first = client.get("/api/openapi.json")
    tag = first.headers["etag"]
    assert tag.startswith('"')
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.get("/api/openapi.json", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get("/api/openapi.json", headers={"If-None-Match": '"other"'}).content == first.content


def test_an_etag_of_a_route_is_its_own(app: FastAPI, client: TestClient) -> None:
    @app.get("/version")
    def versioned() -> JSONResponse:
        return JSONResponse({"a": 1}, headers={"ETag": '"7"'})

    assert client.get("/version").headers["etag"] == '"7"'
    assert client.get("/version", headers={"If-None-Match": '"7"'}).status_code == 304


def test_an_answer_that_is_no_json_has_no_etag(client: TestClient) -> None:
    assert "etag" not in client.get("/metrics").headers
    assert "etag" not in client.get("/api/nothing").headers
