"""A server that speaks MongoDB's wire protocol, with the documents that a test gives it; no real one is reached."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mockupdb import MockupDB

HELLO = {"ismaster": True, "helloOk": True, "minWireVersion": 0, "maxWireVersion": 21}


class Server:
    """A running server.

    documents : what it has, in the order of their days.
    fault     : error that it answers a query with, or None.
    asked     : commands that it was asked for, but for greetings.
    """

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        self.fault: dict[str, Any] | None = None
        self.asked: list[dict[str, Any]] = []
        self.mockup = MockupDB(auto_ismaster=HELLO)
        self.mockup.autoresponds(self.answer)

    def answer(self, request: Any) -> Any:
        """The answer to a command."""
        if request.command_name != "find":
            return request.ok(HELLO)
        self.asked.append(dict(request.doc))
        if self.fault:
            return request.command_err(**self.fault)
        wanted, ((_, order),) = request.doc.get("filter", {}).items(), request.doc["sort"].items()
        found = [each for each in self.documents if wanted <= each.items()][::order][: request.doc["limit"]]
        return request.ok(cursor={"id": 0, "ns": f"{request.doc['$db']}.{request.doc['find']}", "firstBatch": found})


@contextmanager
def mongodb_server() -> Iterator[tuple[str, Server]]:
    """The address of a server, and the server."""
    server = Server()
    server.mockup.run()
    try:
        yield server.mockup.uri, server
    finally:
        server.mockup.stop()
