"""Limits of how often a client asks and of how much is done at a time. Health is answered throughout."""

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from desk.service.caller import Service
from desk.service.guards.bodies import CLOSE
from desk.service.guards.hosts import SAFE
from desk.service.problems import Problem
from desk.service.store.redis import InProcess
from desk.service.users.accounts import network_of_address

HEALTH = "/api/health"
MAX_WORKING = 16  # requests that compute or change something at a time: fewer than threads, so that reads go on
CROWDED = "crowded"  # in the state of a connection beyond the limit of connections


def limited_rate(app: ASGIApp, service: Service) -> ASGIApp:
    """Refuse an address that asks too often. Raises Problem 429; `needs` does the same by user."""
    is_local = isinstance(service.shared, InProcess)

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != HEALTH:
            key = f"address:{network_of_address(scope['client'][0] if scope['client'] else '')}"
            service.check_rate(key) if is_local else await run_in_threadpool(service.check_rate, key)
        await app(scope, receive, send)

    return guarded


def limited_work(app: ASGIApp, _: Service) -> ASGIApp:
    """Refuse what would wait long: more than `MAX_WORKING` changes, or too many connections. Raises Problem 503."""
    working = 0

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal working
        if scope["type"] != "http" or scope["path"] == HEALTH:
            return await app(scope, receive, send)
        if CROWDED in scope.get("state", ()):
            raise Problem(503, "The server has too many connections.", headers=CLOSE, retry_after=5)
        if scope["method"] in SAFE:
            return await app(scope, receive, send)
        if working >= MAX_WORKING:
            raise Problem(503, f"The server works on {working} requests: send it again.", retry_after=1)
        working += 1
        try:
            return await app(scope, receive, send)
        finally:
            working -= 1

    return guarded
