"""A software authenticator of passkeys (W3C Web Authentication, level 2): ES256 keys, attestation "none"."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40  # section 6.1, flags


def coded(content: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class Authenticator:
    """One credential of one user, in a browser that is at an origin.

    flags : of its statements; without VERIFIED it asked for no finger.
    count : of its signatures.
    """

    origin: str
    flags: int = PRESENT | VERIFIED
    count: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    identity: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    user: str = ""

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer of `navigator.credentials.create`."""
        self.user = options["user"]["id"]
        point = self.key.public_key().public_numbers()
        coordinates = (point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big"))
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: coordinates[0], -3: coordinates[1]})  # RFC 8152, table 21
        attested = bytes(16) + len(self.identity).to_bytes(2, "big") + self.identity + public
        data = self._data(options["rp"]["id"], self.flags | ATTESTED) + attested
        return self._credential(
            clientDataJSON=self._client("webauthn.create", options["challenge"]),
            attestationObject=cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}),
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer of `navigator.credentials.get`."""
        self.count += 1
        data, client = self._data(options["rpId"], self.flags), self._client("webauthn.get", options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        user = urlsafe_b64decode(f"{self.user}==")
        return self._credential(clientDataJSON=client, authenticatorData=data, signature=signature, userHandle=user)

    def _data(self, host: str, flags: int) -> bytes:
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _credential(self, **response: bytes) -> dict[str, Any]:
        identity = coded(self.identity)
        answers = {name: coded(content) for name, content in response.items()}
        return {"id": identity, "rawId": identity, "type": "public-key", "response": answers}
