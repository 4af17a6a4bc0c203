"""The two ways to the tools, by the SDK's client: POST /mcp behind the service's guards, and `rebalance serve mcp`."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from assistants import NAME, ORDER, Bench
from commanded import rebalance
from fastapi import FastAPI
from fastapi.testclient import TestClient
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult

from desk.journal import Journal
from desk.service.caller import APPROVALS, SCOPES
from desk.service.guards.bodies import MAX_BODY
from desk.service.tools.tool import NO_TOKEN_OF_PERSONS
from desk.service.tools.transports import tools_of
from foundation.files import ROOT

URL = "http://127.0.0.1:5000"
WITHOUT_APPROVALS = tuple(scope for scope in SCOPES if scope != APPROVALS)
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPT = {"Accept": "application/json, text/event-stream"}
SignedIn = Callable[..., TestClient]


def over_http(app: FastAPI, headers: dict[str, str], work: Callable[[httpx2.AsyncClient], Awaitable[Any]]) -> Any:
    """The result of a function of a client of the application, without a socket."""

    async def done() -> Any:
        transport = httpx2.ASGITransport(app)
        async with tools_of(app), httpx2.AsyncClient(transport=transport, base_url=URL, headers=headers) as http:
            return await work(http)

    return asyncio.run(done())


def token_of(client: TestClient) -> dict[str, str]:
    return {"Authorization": client.headers["authorization"]}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_assistant_works_over_http_for_the_user_of_its_token(app: FastAPI, signed_in: SignedIn, mode: str) -> None:
    client = signed_in("approver", scopes=WITHOUT_APPROVALS)
    text = (ROOT / "data" / "portfolios" / "sixty_forty.yaml").read_bytes()
    made = client.post("/api/portfolios", content=text, headers={"Content-Type": "text/yaml"}).json()
    shown = list[str]()

    async def asked(context: Any, params: Any) -> ElicitResult:
        shown.append(params.message)
        return ElicitResult(action="accept", content={"approve": True})

    async def work(http: httpx2.AsyncClient) -> Any:
        way = streamable_http_client(f"{URL}/mcp", http_client=http)
        async with Client(way, mode=mode, elicitation_callback=asked) as opened:
            rows = (await opened.call_tool("list_portfolios", {})).structured_content
            job = (await opened.call_tool("run_backtest", {"policy": "threshold"})).structured_content
            ticket = (await opened.call_tool("place_buy_order", ORDER)).structured_content
            return rows, job, ticket

    rows, job, ticket = over_http(app, token_of(client), work)
    assert [row["id"] for row in rows["rows"]] == [made["id"]]
    assert client.get(f"/api/jobs/{job['id']}").json()["state"] == "queued"
    assert (ticket["wanted"], ticket["is_approved"], shown) == (1, False, [])  # it never elicits over HTTP
    refused = client.post(f"/api/tickets/{ticket['id']}/approve")
    assert (refused.status_code, APPROVALS in refused.json()["detail"]) == (403, True)
    with Journal(app.state.service.root("house"), read_only=True) as journal:
        kinds = [(entry.kind, "through an assistant" in entry.user) for entry in journal.entries()]
    changes = [("access", True), ("list", True), ("access", True)]  # of the job; the ticket; and its call
    assert kinds == [("access", False), *changes]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer nobody"}, 401),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Content-Length": f"{MAX_BODY + 1}"}, 413),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Accept": "text/html"}, 406),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_guards_of_the_service_stand_before_the_tools(
    app: FastAPI, signed_in: SignedIn, headers: dict[str, str], status: int
) -> None:
    own = token_of(signed_in("viewer", scopes=WITHOUT_APPROVALS))

    async def work(http: httpx2.AsyncClient) -> int:
        return int((await http.post("/mcp", json=LIST, headers=ACCEPT | headers)).status_code)

    assert over_http(app, own, work) == status


def test_a_request_stands_alone(app: FastAPI, signed_in: SignedIn) -> None:
    """No session is begun, one that a client makes up is nobody's, and no stream is left open."""
    own = token_of(signed_in("viewer", scopes=WITHOUT_APPROVALS))

    async def work(http: httpx2.AsyncClient) -> Any:
        made_up = {**ACCEPT, "Mcp-Session-Id": "of-another-user"}
        answer = await http.post("/mcp", json=LIST, headers=made_up)
        others = [(await http.request(method, "/mcp", headers=made_up)).status_code for method in ("GET", "DELETE")]
        return answer, others

    answer, others = over_http(app, own, work)
    assert (answer.status_code, "mcp-session-id" in answer.headers, others) == (200, False, [405, 405])
    names = {tool["name"] for tool in answer.json()["result"]["tools"]}
    assert "get_ticket" in names
    assert "place_buy_order" not in names


@pytest.mark.parametrize("scopes", [SCOPES, ("jobs",)], ids=["approvals", "no portfolios"])
def test_a_token_that_may_approve_or_sees_no_portfolio_is_refused(
    app: FastAPI, signed_in: SignedIn, scopes: tuple[str, ...]
) -> None:
    own = token_of(signed_in("approver", scopes=scopes))

    async def work(http: httpx2.AsyncClient) -> Any:
        return await http.post("/mcp", json=LIST, headers=ACCEPT)

    answer = over_http(app, own, work)
    assert NO_TOKEN_OF_PERSONS[:40] in answer.text if scopes == SCOPES else answer.status_code == 403


# -- stdio -------------------------------------------------------------------------------------------------------------


@contextmanager
def home_of(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The environment of a command that opens the service of a bench."""
    folder = bench.service.settings.folder
    (folder.parent / "home").mkdir()
    (folder.parent / "home" / "service").symlink_to(folder)
    environment = {"REBALANCE_HOME": str(folder.parent / "home"), "PYTHONPATH": str(ROOT)}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("REBALANCE_TOKEN", raising=False)
    yield environment


def test_the_command_answers_for_the_only_user(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with home_of(bench, monkeypatch) as environment:
        words = ["-m", "desk.cli", "serve", "mcp", "--portfolio", NAME]
        server = StdioServerParameters(command=sys.executable, args=words, env=environment, cwd=str(ROOT))

        async def done() -> Any:
            async with Client(server) as client:
                tools = (await client.list_tools()).tools
                return len(tools), (await client.call_tool("explain_last_decision", {})).structured_content

        count, found = asyncio.run(done())
    assert (count, found["portfolio"]) == (14, bench.portfolio)


def test_the_command_says_why_it_does_not_start(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with home_of(bench, monkeypatch):
        done = rebalance("serve", "mcp", "--portfolio", "Nobody's")
        assert (done.status, done.out) == (2, "")
        assert "Give the id or the name of one: 'Sixty-forty'." in done.said
        monkeypatch.setenv("REBALANCE_TOKEN", "unknown")
        assert "REBALANCE_TOKEN is unknown, expired or revoked" in rebalance("serve", "mcp").said
