"""Assistants of a user: a service with one portfolio, and clients of the SDK to its tools."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp.types import CallToolResult

from desk.journal import Journal
from desk.service.caller import Caller, Service
from desk.service.portfolios.stored import Content, created
from desk.service.store.tables import Tenant, User
from desk.service.tools.server import tool_server
from foundation.files import ROOT

NAME = "Sixty-forty"
TEXT = (ROOT / "data" / "portfolios" / "sixty_forty.yaml").read_text()
SCOPES = frozenset({"portfolios", "jobs", "orders", "market"})
ORDER = {"symbol": "SPY", "units": 4, "reason": "The user asked for it.", "stale_ok": True}
FIGURES = {"never": {"loss": 6.3, "cost": 0.0}, "threshold": {"loss": 0.8, "cost": 0.4}}


@dataclass(frozen=True)
class Bench:
    """A service, an access token of its user, and the id of his portfolio."""

    service: Service
    caller: Caller
    portfolio: str

    @property
    def root(self) -> Path:
        """The folder of the tenant."""
        return self.service.root(self.caller.tenant)

    def kinds(self) -> list[str]:
        """The kinds of the entries of the journal."""
        if not (self.root / "journal.sqlite").is_file():
            return []
        with Journal(self.root, read_only=True) as journal:
            return [entry.kind for entry in journal.entries()]

    def stored(self, name: str, client: str = "", more: str = "") -> str:
        """The id of a further portfolio."""
        text = TEXT.replace(f"name: {NAME}", f"name: {json.dumps(name)}") + more
        return created(self.service, self.caller, client, Content(name, text, {}, {}))

    def talk(self, work: Callable[[Client], Awaitable[Any]], *, elicits: bool = False, **client: Any) -> Any:
        """The result of a function of a client that is connected to the tools of this user."""
        server = tool_server(self.service, lambda _: self.caller, elicits=elicits)

        async def done() -> Any:
            async with Client(server, **client) as opened:
                return await work(opened)

        return asyncio.run(done())

    def call(self, tool: str, **arguments: Any) -> CallToolResult:
        """The result of one call."""
        found: CallToolResult = self.talk(lambda client: client.call_tool(tool, arguments))
        return found

    def answer(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one call."""
        found = self.call(tool, **arguments)
        assert not found.is_error, found.content
        assert found.structured_content is not None
        return found.structured_content

    def refusal(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The problem of one call."""
        found = self.call(tool, **arguments)
        assert found.is_error
        return json.loads(found.content[0].text)  # type: ignore[union-attr]


def user_of(service: Service, name: str = "Ann", role: str = "approver") -> Caller:
    """An access token of a new user."""
    with service.sessions.begin() as session:
        session.merge(Tenant(name="house"))
        session.flush()
        user = User(tenant="house", email=f"{name}@desk.example", name=name, role=role)
        session.add(user)
        session.flush()
        return Caller(user.id, name, "house", role, SCOPES)


def with_scopes(bench: Bench, role: str, *scopes: str) -> Bench:
    """The same with another token of the user."""
    return replace(bench, caller=replace(bench.caller, role=role, scopes=frozenset(scopes)))
