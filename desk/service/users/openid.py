"""Sign-in by OpenID Connect (Core 1.0, section 3.1): an authorisation code with PKCE, and an ID token that is checked.

An identity of the provider signs in the user who linked it while signed in. It is never linked by an e-mail address:
whoever can set the address of an account at the provider would sign in as the user with that address here.
"""

import secrets
from datetime import timedelta
from functools import cache
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.orm import Session

from desk.service.problems import Problem, place_among
from desk.service.settings import OpenIdProvider, is_safe
from desk.service.store.tables import Identity, User
from desk.service.users.one_time import OPENID, issue_secret
from foundation.dataclasses import dataclass

STATE_LIFE = timedelta(minutes=10)
CALLBACK = "/api/users/login/openid/callback"
SIGNATURES = ("RS256", "PS256", "ES256")  # by a key that the provider alone has
PATIENCE, LEEWAY = 10.0, 60  # seconds for an answer of the provider, and between the clocks
SIGN_IN_SLOTS = BoundedSemaphore(8)  # anyone may begin a sign-in: a provider that is slow must not hold all threads
LONGEST_SUBJECT = 255  # characters: the standard's limit


@dataclass(frozen=True)
class OpenId:
    """A provider as this server reaches it.

    address  : of this server.
    metadata : of the provider: its endpoints.
    """

    provider: OpenIdProvider
    address: str
    metadata: dict[str, Any]

    def begin(self, session: Session, content: dict[str, Any], user: str | None = None) -> tuple[str, str]:
        """The page of the provider that a browser goes to, and the state that it brings back, with which it is kept.

        content : kept for the way back.
        user    : whose identity is to be linked, None for a sign-in.
        """
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        state = issue_secret(session, OPENID, STATE_LIFE, user, {**content, "nonce": nonce, "verifier": verifier})
        asked = {
            "response_type": "code",
            "client_id": self.provider.client,
            "redirect_uri": self.address + CALLBACK,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        page = self.metadata["authorization_endpoint"]
        return f"{page}{'&' if '?' in page else '?'}{urlencode(asked)}", state

    def subject(self, code: str, content: dict[str, Any]) -> str:
        """The subject whom the provider signed in. content : as `begin` kept it.

        Raises : Problem 401 for a code or an ID token that is refused, 502 where the provider does not answer.
        """
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.address + CALLBACK,
            "code_verifier": content["verifier"],
        }
        client = (quote_plus(self.provider.client), quote_plus(self.provider.secret))  # RFC 6749, section 2.3.1
        answer = _asked("POST", self.metadata["token_endpoint"], data=body, auth=client)
        keys: Any = _asked("GET", self.metadata["jwks_uri"])
        try:
            claims = jwt.decode(answer["id_token"], KeySet.import_key_set(keys), algorithms=[*SIGNATURES]).claims
            self._check(claims, content["nonce"])
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Problem(401, f"The provider's sign-in is refused ({type(error).__name__}). Start anew.") from error
        return str(claims["sub"])

    def _check(self, claims: dict[str, Any], nonce: str) -> None:
        """Check the claims of an ID token. Raises JoseError, ValueError. Source : OpenID Connect Core, 3.1.3.7."""
        wanted = {"iss": self.provider.issuer, "aud": self.provider.client, "nonce": nonce}
        checks: Any = {name: {"essential": True} for name in ("exp", "iat", "sub")}
        checks |= {name: {"essential": True, "value": value} for name, value in wanted.items()}
        jwt.JWTClaimsRegistry(leeway=LEEWAY, **checks).validate(claims)
        is_for_others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if is_for_others or claims.get("azp", self.provider.client) != self.provider.client:
            raise ValueError("the ID token is for another client as well")
        if len(claims["sub"]) > LONGEST_SUBJECT or not claims["sub"].isprintable():
            raise ValueError("the subject is none")


def reached(provider: OpenIdProvider, address: str) -> OpenId:
    """A provider, by what it publishes of itself. Raises Problem 502 where it does not answer as it should."""
    metadata = _asked("GET", f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    endpoints = [metadata.get(f"{name}") for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    if metadata.get("issuer") != provider.issuer or not all(isinstance(url, str) and is_safe(url) for url in endpoints):
        raise Problem(502, "The provider of OpenID Connect states another issuer, or endpoints without TLS.")
    return OpenId(provider, address, metadata)


def linked_user(session: Session, issuer: str, subject: str) -> User | None:
    """The user who linked an identity; None for none, and for one who is disabled."""
    identity = session.get(Identity, (issuer, subject))
    user = session.get(User, identity.user) if identity is not None else None
    return None if user is None or user.disabled else user


def link(session: Session, issuer: str, subject: str, user: str, epoch: int) -> None:
    """Link an identity to a user, whose sessions were not ended since he began. Raises Problem 401, 409."""
    if session.get_one(User, user).epoch != epoch:
        raise Problem(401, "Your sessions were ended since: sign in, and link the account anew.")
    known = session.get(Identity, (issuer, subject))
    if known is not None and known.user != user:
        raise Problem(409, "This account of the provider is linked to another user.")
    session.merge(Identity(issuer=issuer, subject=subject, user=user))
    session.flush()


@cache
def _client() -> httpx.Client:
    return httpx.Client(timeout=PATIENCE)  # which follows no redirect


def _asked(method: str, url: str, **options: Any) -> dict[str, Any]:
    """The JSON object that the provider answers.

    Raises : Problem 401 where it refuses, 502 where it does not answer, 503 where too many wait for it.
    """
    try:
        with place_among(SIGN_IN_SLOTS, "The provider of OpenID Connect is slow: try again."):
            answer = _client().request(method, url, **options)
        if method == "POST" and answer.is_client_error:
            raise Problem(401, "The provider of OpenID Connect refused the sign-in. Start anew.")
        found = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise Problem(502, f"The provider of OpenID Connect did not answer ({type(error).__name__}).") from error
    if not isinstance(found, dict):
        raise Problem(502, "The provider of OpenID Connect answered no JSON object.")
    return found
