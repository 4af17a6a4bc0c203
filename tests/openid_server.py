"""A server of this machine that speaks OpenID Connect as a provider: discovery, authorise, token and JWKS, with faults.

It checks what RFC 6749 and 7636 ask: the client's secret, the redirect URI, a code's one use and its PKCE verifier.
"""

import hashlib
import hmac
import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from local_server import Handler

CLIENT, SECRET = "desk client", "s3cret+/%"  # which must be quoted in a header
SUBJECT = "ann-at-the-provider"


@dataclass
class OpenIdServer:
    """What the provider has.

    redirect : where a browser may be sent back to.
    claims   : of the ID token, in place of its own; None drops one.
    fault    : of the ID token's signature, of discovery or of an answer.
    """

    redirect: str
    subject: str = SUBJECT
    claims: dict[str, Any] = field(default_factory=dict)
    fault: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def discovery(self) -> dict[str, str]:
        paths = {"authorization_endpoint": "/authorise", "token_endpoint": "/token", "jwks_uri": "/keys"}
        issuer = "https://other.example" if self.fault == "another issuer" else self.address
        found = {"issuer": issuer} | {name: self.address + path for name, path in paths.items()}
        return found | ({"token_endpoint": "http://192.0.2.1/token"} if self.fault == "no TLS" else {})

    def authorise(self, asked: dict[str, str]) -> str:
        """Where the browser goes, once the user has signed in here."""
        assert (asked["client_id"], asked["redirect_uri"]) == (CLIENT, self.redirect)
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answered = {"error": "access_denied"} if self.fault == "denied" else {"code": code}
        return f"{self.redirect}?{urlencode({**answered, 'state': asked['state']})}"

    def token(self, authorization: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        client, _, secret = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote_plus(client), unquote_plus(secret)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(body.get("code", ""), None)
        challenge = _coded(hashlib.sha256(body["code_verifier"].encode()).digest())
        is_good = asked and (challenge, body["redirect_uri"]) == (asked["code_challenge"], self.redirect)
        if not (asked and is_good and body["grant_type"] == "authorization_code"):
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "unused", "token_type": "Bearer", "id_token": self._id_token(asked["nonce"])}

    def _id_token(self, nonce: str) -> str:
        moment = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "sub": self.subject, "nonce": nonce, "iat": moment}
        claims = {**claims, "exp": moment + 300, **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.fault == "alg none":
            return f"{_unsigned({'alg': 'none'}, claims)}."
        if self.fault == "signed by the public key":
            text = _unsigned({"alg": "HS256", "kid": "1"}, claims)
            signature = hmac.digest(self.key.as_pem(private=False), text.encode(), hashlib.sha256)
            return f"{text}.{_coded(signature)}"
        if self.fault == "signed by another key":
            return jwt.encode({"alg": "RS256", "kid": "1"}, claims, RSAKey.generate_key(2048))
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)


def _coded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _unsigned(*parts: dict[str, Any]) -> str:
    return ".".join(_coded(json.dumps(part).encode()) for part in parts)


class OpenIdHandler(Handler):
    """Its four addresses."""

    served: OpenIdServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/authorise":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._answer(302, b"", Location=self.served.authorise(asked))
        elif parts.path == "/keys":
            self._json(200, {"keys": [self.served.key.as_dict(private=False)]})
        elif self.served.fault == "busy":
            self._json(503, {})
        elif self.served.fault == "no JSON":
            self._answer(200, b"<html>")
        else:
            self._json(200, self.served.discovery())

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        body = {name: values[0] for name, values in parse_qs(text).items()}
        self._json(*self.served.token(self.headers.get("Authorization", ""), body))

    def _json(self, status: int, document: dict[str, Any]) -> None:
        self._answer(status, json.dumps(document).encode(), **{"Content-Type": "application/json"})

    def _answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
