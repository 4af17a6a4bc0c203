"""Heads and bodies of requests: bodies are read whole before a route sees them, within a size and a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.service.caller import Service
from desk.service.guards.hosts import SAFE
from desk.service.problems import Problem
from desk.service.users.accounts import network_of_address

MAX_HEAD = 32_768  # bytes
MAX_BODY = 4_000_000  # bytes: 500 assets with a year of daily returns, each written in full
BODY_SECONDS = 20.0  # for the whole body
MAX_BUFFERED = 100_000_000  # bytes of all bodies that are read or answered at a time
MAX_OF_ADDRESS = 40_000_000  # of them those of one address: nobody shuts the others out alone
CLOSE = {"Connection": "close"}  # the rest of the body is not read


def whole_bodies(app: ASGIApp, _: Service) -> ASGIApp:
    """Read each body before the route is called: none is large, slow or compressed, and none that is slow has a thread.

    Raises : Problem 400 for a body of two lengths, 408, 413, 415, 431, and 503 where all bodies together are too large.
    """
    buffered = Counter[str]()  # bytes by address

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        _check_head(scope)
        if not _has_body(scope):
            return await app(scope, receive, send)
        body, address = bytearray(), network_of_address(scope["client"][0] if scope["client"] else "")
        try:
            async for part in _parts(scope, receive):
                body += part
                buffered[address] += len(part)
                if len(body) > MAX_BODY:
                    raise _too_large()
                if buffered[address] > MAX_OF_ADDRESS or buffered.total() > MAX_BUFFERED:
                    raise Problem(503, "Too many bodies are read now.", headers=CLOSE, retry_after=5)
            return await app(scope, replayed_body(bytes(body), receive), send)
        finally:
            buffered[address] -= len(body)
            if not buffered[address]:
                del buffered[address]

    return guarded


def _check_head(scope: Scope) -> None:
    """Raise Problem 431 for a long head, and 400 for a body of two lengths, after which nothing is read.

    Source : RFC 9112, section 6.1: with both a proxy may see another request in the body, so the connection ends.
    """
    fields = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if fields + len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"]) > MAX_HEAD:
        raise Problem(431, f"The head has more than {MAX_HEAD:,} bytes: shorten its address or fields.", headers=CLOSE)
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
        detail = "The body has a Content-Length and a Transfer-Encoding: send one of the two."
        raise Problem(400, detail, headers=CLOSE)


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return scope["method"] not in SAFE or "content-length" in headers or "transfer-encoding" in headers


async def _parts(scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
    """The parts of a body as they arrive. Raises ClientDisconnect where the client goes away before its end."""
    headers = Headers(scope=scope)
    if headers.get("content-encoding", "identity") != "identity":  # what it holds is not known before it is unpacked
        raise Problem(415, "The body is compressed: send it without Content-Encoding.", headers=CLOSE)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 18 or int(length) > MAX_BODY:
        raise _too_large()
    end = asyncio.get_running_loop().time() + BODY_SECONDS
    is_whole = False
    while not is_whole:
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError:
            raise Problem(408, f"The body did not arrive in {BODY_SECONDS:g} seconds.", headers=CLOSE) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        is_whole = not message.get("more_body", False)
        yield message.get("body", b"")


def _too_large() -> Problem:
    return Problem(413, f"The body is larger than {MAX_BODY:,} bytes: send less.", headers=CLOSE)


def replayed_body(body: bytes, receive: Receive) -> Receive:
    """A receive that gives a body that was read before, and then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
