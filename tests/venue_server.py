"""A server of this machine in place of a venue, with faults: `serving_venue(server)` serves it.

A fault of `faults`, by number of a POST from 0, answers in place of the usual answer: after the venue did what it was
asked where it begins with "taken:", else before.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar
from urllib.parse import urlsplit

from local_server import Handler, serving_locally
from provider_server import Time

from desk.feeds.pace import Clock

HTML = b"<!DOCTYPE html><html><body>Service Unavailable</body></html>"
SLOW = 5.0  # seconds
Reply = tuple[int, Any]  # status and content: JSON, or bytes as they are


def shared_clock(time: Time, served: Any) -> Clock:
    """The clock of a venue whose waiting moves the moment of its server, too."""

    def sleep(seconds: float) -> None:
        time.move(seconds)
        served.moment += timedelta(seconds=seconds)

    return replace(time.clock, sleep=sleep)


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(kw_only=True)
class VenueServer:
    """What a server is asked, and its faults.

    FAULTS : answers by name of a fault, besides slow, drop (no answer) and cut (half of the usual one).
    silent_from : number of POSTs from which on nothing is answered.
    """

    FAULTS: ClassVar[Mapping[str, Reply]] = {}

    faults: Mapping[int, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    posts: int = 0
    silent_from: float = inf
    address: str = ""
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def is_counted(self, method: str, path: str) -> bool:
        """True for a request that `faults` count."""
        return method == "POST"

    def answer(self, asked: Asked) -> Reply:
        """The usual answer."""
        raise NotImplementedError


class _Handler(Handler):
    served: VenueServer

    def do_GET(self) -> None:
        self._answer("GET")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        served, parts = self.served, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with served.lock:
            served.asked.append(f"{method} {parts.path}")
            is_counted = served.is_counted(method, parts.path)
            fault = served.faults.get(served.posts, "") if is_counted else ""
            fault = "drop" if served.posts >= served.silent_from else fault
            served.posts += is_counted
            taken, _, kind = fault.rpartition(":")
            status, content = 0, b""
            if taken or not fault:
                status, content = served.answer(Asked(method, parts.path, parts.query, dict(self.headers), body))
        status, content = served.FAULTS.get(kind, (status, content))
        self._send(status, content if isinstance(content, bytes) else json.dumps(content).encode(), kind)

    def _send(self, status: int, content: bytes, kind: str) -> None:
        if kind in ("slow", "drop"):
            self.served.over.wait(SLOW * (kind == "slow"))
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if 300 <= status < 400:
            self.send_header("Location", "https://elsewhere.invalid/")
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if kind == "cut" else content)
        self.close_connection = kind == "cut"


Served = TypeVar("Served", bound=VenueServer)


@contextmanager
def serving_venue(served: Served, certificate: Path | None = None) -> Iterator[Served]:
    """A server while the block lasts, over TLS where it is given a certificate."""
    with serving_locally(served, _Handler, certificate):
        yield served
