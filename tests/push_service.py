"""A push service of this machine (RFC 8030), and a browser that subscribed to it, who reads what it was sent."""

import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Queue
from typing import Any

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey
from local_server import Handler, serving_locally

from desk.service.caller import Service
from desk.service.notify import SENDERS
from desk.service.store.tables import PushSubscription
from desk.service.web_push import push_keys


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class PushService:
    """A push service.

    answers : statuses and headers in turn, 201 after them; None for no answer.
    posted  : path, headers and body of each request.
    """

    answers: list[tuple[int, dict[str, str]] | None] = field(default_factory=list)
    posted: "Queue[tuple[str, dict[str, str], bytes]]" = field(default_factory=Queue)
    address: str = ""
    over: threading.Event = field(default_factory=threading.Event)


class _Posted(Handler):
    served: PushService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.served.answers.pop(0) if self.served.answers else (201, {})
        self.served.posted.put((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        if answer is None:
            self.served.over.wait(20.0)
            self.close_connection = True
            return
        self.send_response(answer[0])
        for name, value in {**answer[1], "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def push_service(certificate: Path) -> Iterator[PushService]:
    """The service while the block lasts, over TLS."""
    served = PushService()
    with serving_locally(served, _Posted, certificate):
        yield served


@dataclass
class Subscriber:
    """A browser that subscribed at a push service, for messages of a server with a public key.  path : of its own."""

    service: PushService
    key: str
    path: str = "/send/1"
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = b"sixteen letters."

    @property
    def body(self) -> dict[str, Any]:
        """Its `PushSubscription.toJSON()`, with the key of the server."""
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _text(point), "auth": _text(self.secret)}
        return {"endpoint": self.service.address + self.path, "keys": keys, "key": self.key}

    def read(self, seconds: float = 10.0) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
        """The next message, the claims of whoever signed it, and the headers. Raises an error for a wrong signature."""
        path, headers, body = self.service.posted.get(timeout=seconds)
        assert path == self.path
        scheme, _, stated = headers["authorization"].partition(" ")
        parts = dict(part.strip().split("=", 1) for part in stated.split(","))
        assert (scheme, parts["k"]) == ("vapid", self.key)
        point = _bytes(self.key)
        x, y = _text(point[1:33]), _text(point[33:])
        signer = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})
        claims = jwt.decode(parts["t"], signer, algorithms=["ES256"]).claims
        content = http_ece.decrypt(body, private_key=self.private, auth_secret=self.secret, version="aes128gcm")
        return json.loads(content), claims, headers


def subscribed(service: Service, user: str, pushes: PushService) -> Subscriber:
    """A browser of a user, and a service that pushes his messages to it."""
    object.__setattr__(service, "settings", replace(service.settings, pushes_to_loopback=True))
    browser = Subscriber(pushes, next(iter(push_keys(service.keys))))
    with service.sessions.begin() as session:
        sealed = service.keys.seal(json.dumps(browser.body).encode())
        session.add(PushSubscription(user=user, sha256=browser.path, sealed=sealed))
    return browser


def settle() -> None:
    """Return once all that was to be sent is sent: a message makes its sendings, and each may wait for a thread."""
    for _ in range(2):
        all_free = threading.Barrier(5)
        for _ in range(4):
            SENDERS.submit(all_free.wait)
        all_free.wait()
