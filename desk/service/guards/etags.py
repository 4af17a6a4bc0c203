"""Strong ETags of JSON, by which a client learns for a few bytes that nothing has changed."""

from hashlib import sha256

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.service.caller import Service


def entity_tags(app: ASGIApp, _: Service) -> ASGIApp:
    """State the ETag of each answer in JSON to a GET, and answer 304 where `If-None-Match` states it.

    A route that states an ETag keeps its own. Source : RFC 9110, sections 8.8.3 and 13.1.2.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_json(message):
                start = message
                return
            if start is not None:
                begun, start = start, None
                if not message.get("more_body", False):
                    message = _tagged(begun, message, Headers(scope=scope).get("if-none-match", ""))
                await send(begun)
            await send(message)

        await app(scope, receive, tagged if scope["type"] == "http" and scope["method"] == "GET" else send)

    return guarded


def _is_json(start: Message) -> bool:
    return start["status"] == 200 and Headers(raw=start["headers"]).get("content-type") == "application/json"


def _tagged(start: Message, body: Message, known: str) -> Message:
    """State the tag in the start of an answer; gives its body, empty where the client knows it."""
    headers = MutableHeaders(scope=start)
    tag = headers.setdefault("ETag", f'"{sha256(body.get("body", b"")).hexdigest()[:32]}"').removeprefix("W/")
    if known.strip() != "*" and tag not in (each.strip().removeprefix("W/") for each in known.split(",")):
        return body
    del headers["Content-Length"], headers["Content-Type"]
    start["status"] = 304
    return {"type": "http.response.body"}
