"""The two ways to the tools: POST /mcp of the service, and stdin and stdout of `rebalance serve mcp`.

Over HTTP each request stands alone: there is no session that could be taken over, and each states its token.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from sqlalchemy import select
from starlette.types import Receive, Scope, Send

from desk.service.caller import APPROVALS, SCOPES, Caller, Service, caller_of, needs, program_of
from desk.service.client import TOKEN
from desk.service.guards.bodies import MAX_BODY
from desk.service.problems import Problem
from desk.service.store.tables import User
from desk.service.tools.server import tool_server
from desk.service.tools.tool import Desk, assistant_of
from foundation.errors import ConfigError
from foundation.paper.wording import listed

router = APIRouter(include_in_schema=False)  # MCP describes itself
LOCAL_SCOPES = frozenset(SCOPES) - {APPROVALS, "users"}  # of the only user, without a token


class _Handed(Response):
    """The answer of the tools to a request."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        super().__init__()
        self.manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.manager.handle_request(scope, receive, send)


@router.post("/mcp")
async def mcp(request: Request, _: Annotated[Caller, Depends(needs("viewer", "portfolios"))]) -> Response:
    """Answer an assistant by the Model Context Protocol."""
    request.state.caller = None  # a tool that changes something states it
    return _Handed(request.app.state.tools)


@asynccontextmanager
async def tools_of(app: FastAPI) -> AsyncIterator[None]:
    """Let an application answer at /mcp while the block runs."""
    service: Service = app.state.service
    server = tool_server(service, lambda request: caller_of(request, service))
    manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True, max_request_body_size=MAX_BODY)
    async with manager.run():
        app.state.tools = manager
        yield


def run_on_stdio(service: Service, token: str, portfolio: str, *, elicits: bool) -> None:
    """Answer one client on stdin and stdout, until it closes them.

    token     : access token; "" for the only user of the service.
    portfolio : id or name of the portfolio of calls that name none; "" for the only one.
    elicits   : as of `tool_server`.
    Raises    : ConfigError for a token or a portfolio that is none, and without a token where there are several users.
    """

    def caller(_: Any = None) -> Caller:
        """The caller, of each call anew: a token may be revoked meanwhile."""
        found = program_of(service, token) if token else _only_user(service)
        if found is None:
            raise Problem(401, f"The access token in {TOKEN} is unknown, expired or revoked.")
        return found

    try:
        desk = Desk(service, assistant_of(caller()), portfolio)
        if portfolio:
            desk.portfolio("")
    except Problem as problem:
        raise ConfigError("\n".join([problem.detail, *(each.mend for each in problem.mistakes)])) from None
    server = tool_server(service, caller, portfolio, elicits=elicits)

    async def run() -> None:
        async with stdio_server() as (reading, writing):  # what anything else prints goes to stderr
            await server.run(reading, writing, server.create_initialization_options())

    anyio.run(run)


def _only_user(service: Service) -> Caller:
    """The only user of the service, whose database this machine can read. Raises ConfigError where there are others."""
    with service.sessions() as session:
        users = session.scalars(select(User).where(~User.disabled).order_by(User.email)).all()
    if len(users) != 1:
        them = listed([user.email for user in users]) if users else "none"
        raise ConfigError(
            f"the service has {len(users)} users ({them}), and {TOKEN} is not set: set it to an access token of "
            "whoever the assistant acts for; `rebalance serve user add` makes a user."
        )
    (user,) = users
    return Caller(user.id, user.name, user.tenant, user.role, LOCAL_SCOPES)
