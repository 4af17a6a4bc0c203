"""Web push: a message is encrypted for one browser, signed, and posted to the push service that the browser named.

The address of the push service comes from a browser: only public hosts are called, by HTTPS, and no redirection is
followed. Sources : RFC 8030 (the request), RFC 8291 (the encryption), RFC 8292 (VAPID, the signature).
"""

import socket
import ssl
from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPException, HTTPSConnection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Timer
from typing import Annotated
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import Field

from desk.feeds.transport import named_certificates
from desk.service.bodies import Body
from desk.service.store.keys import Keys

HTTPS = 443
PUSH_SECONDS = 10.0  # to connect, and for the whole answer
MESSAGE_LIFE = 86_400  # seconds for which the push service keeps a message for a browser that is not reached
SIGNED = 43_200  # seconds for which a signature holds; RFC 8292 allows at most 24 hours
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (FIPS 186-5)
NAT64, UNICAST = IPv6Network("64:ff9b::/96"), IPv6Network("2000::/3")  # RFC 6052; public addresses (RFC 3587)
UNREACHED = (OSError, HTTPException)  # why there is no answer


class BrowserKeys(Body):
    """The keys of a browser, in base64url.  p256dh : its public key, a point of P-256.  auth : a secret of 16 bytes."""

    p256dh: Annotated[str, Field(pattern=r"^B[A-Za-z0-9_-]{86}=?$")]
    auth: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}(==)?$")]


class Browser(Body):
    """A browser that takes messages.

    endpoint, keys : of its `PushSubscription.toJSON()`; the address is that of its push service.
    key            : the key of this server that it was given.
    """

    endpoint: Annotated[str, Field(max_length=1_000, pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-~]*$")]
    keys: BrowserKeys
    key: Annotated[str, Field(max_length=120)]

    @property
    def host(self) -> str:
        """The host of its push service, which logs may name."""
        return urlsplit(self.endpoint).hostname or ""


def push_keys(keys: Keys) -> dict[str, ec.EllipticCurvePrivateKey]:
    """The private keys of VAPID by their public ones in base64url, the newest first, each made from a signing key."""
    found = {}
    for signing in keys.signing:
        drawn = int.from_bytes(HKDF(SHA256(), 48, None, b"rebalance web push").derive(signing))
        private = ec.derive_private_key(drawn % (ORDER - 1) + 1, ec.SECP256R1())
        point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        found[urlsafe_b64encode(point).rstrip(b"=").decode()] = private
    return found


class _PublicConnection(HTTPSConnection):
    """A connection to a public address of its host: the one that was checked, so that no second look-up differs."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, to_loopback: bool) -> None:
        super().__init__(host, port, timeout=PUSH_SECONDS, context=context)
        self.checked, self.to_loopback = context, to_loopback

    def connect(self) -> None:
        """Connect. Raises OSError where no address of the host is public."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        public = [host for host in (str(address[0]) for *_, address in found) if self._is_public(host)]
        if not public:
            raise OSError("its host has no public address")
        plain = socket.create_connection((public[0], self.port), self.timeout)
        self.sock = self.checked.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock.do_handshake()

    def end(self) -> None:
        """End it, whatever another thread waits for."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    def _is_public(self, address: str) -> bool:
        parsed = ip_address(address)
        if isinstance(parsed, IPv6Address):  # a gateway calls the address of IPv4 that it holds
            parsed = IPv4Address(int(parsed) % 2**32) if parsed in NAT64 else parsed.sixtofour or parsed
        is_public = parsed.is_global and not parsed.is_multicast and (parsed.version == 4 or parsed in UNICAST)
        return is_public or (self.to_loopback and parsed.is_loopback)


def post(browser: Browser, content: bytes, keys: Keys, contact: str, *, to_loopback: bool = False) -> int:
    """The status by which the push service of a browser answers a message.

    contact : https: or mailto: address of whoever runs this server.
    to_loopback : true to call this machine, too, at any port.
    Raises  : KeyError for a browser that was given a key which is no longer kept, ValueError for one whose own key is
              no point of P-256; OSError or HTTPException where the push service is not public, or gives no answer in
              `PUSH_SECONDS`.
    """
    from pywebpush import Vapid, WebPusher

    parts = urlsplit(browser.endpoint)
    port = parts.port or HTTPS
    if parts.scheme != "https" or not (port == HTTPS or to_loopback):
        raise OSError("its address is not one of HTTPS at its own port")
    expires = int(datetime.now(UTC).timestamp()) + SIGNED
    claims = {"aud": f"https://{parts.netloc}", "sub": contact, "exp": expires}
    signed: dict[str, str] = Vapid(push_keys(keys)[browser.key]).sign(claims)
    headers = {**signed, "Content-Encoding": "aes128gcm", "TTL": str(MESSAGE_LIFE), "Urgency": "high"}
    context = ssl.create_default_context(cafile=named_certificates() or None)
    connection = _PublicConnection(browser.host, port, context, to_loopback)
    late = Timer(PUSH_SECONDS, connection.end)  # a byte now and then keeps each read in time
    late.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, WebPusher(browser.model_dump()).encode(content)["body"], headers)
        return connection.getresponse().status
    finally:
        late.cancel()
        connection.close()
