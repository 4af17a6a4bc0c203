"""The session of a person: a JWT of ten minutes, and refresh tokens, each of which is exchanged once for the next.

A session is a family of refresh tokens. Its JWTs are void once the family has ended, or the user has another epoch. The
session of a browser is one secret in a cookie, which no script reads.
"""

import secrets
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from desk.service.store.keys import Keys
from desk.service.store.tables import PushSubscription, RefreshToken, User, new_id, now
from desk.service.users.one_time import sha256_of
from foundation.dataclasses import dataclass

ALGORITHM, AUDIENCE = "HS256", "rebalance"
TOKEN_LIFE = timedelta(minutes=10)
SESSION_LIFE = timedelta(days=14)  # from the sign-in, however often its tokens are refreshed


@dataclass(frozen=True)
class SessionTokens:
    """The tokens of a session.

    token   : JWT, sent as a bearer.
    expires : its end, UTC.
    refresh : exchanged once for the next ones.
    """

    token: str
    expires: datetime
    refresh: str


@dataclass(frozen=True)
class Signer:
    """The signature of the JWTs of a server. issuer : its address."""

    keys: Keys
    issuer: str

    def sign(self, user: User, family: str) -> tuple[str, datetime]:
        """A JWT of a session of a user, and its end."""
        key = _key_set(self.keys.signing).keys[0]
        issued = datetime.now(UTC)
        names = {"iss": self.issuer, "aud": AUDIENCE, "sub": user.id, "sid": family, "epoch": user.epoch}
        header = {"alg": ALGORITHM, "kid": key.kid}
        token = jwt.encode(header, {**names, "iat": issued, "exp": issued + TOKEN_LIFE}, key, algorithms=[ALGORITHM])
        return token, (issued + TOKEN_LIFE).replace(tzinfo=None)

    def claims_of(self, token: str) -> dict[str, Any] | None:
        """The claims of a JWT that this server signed and that has not expired; None for any other."""
        is_there: Any = {name: {"essential": True} for name in ("exp", "iat", "sub", "sid", "epoch")}
        registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.issuer}, aud={"essential": True, "value": AUDIENCE}, **is_there
        )
        try:
            claims = jwt.decode(token, _key_set(self.keys.signing), algorithms=[ALGORITHM]).claims
            registry.validate(claims)
        except (JoseError, ValueError):
            return None
        return claims


@lru_cache(maxsize=4)
def _key_set(keys: tuple[bytes, ...]) -> KeySet:
    """The keys of signatures; the id of each is its thumbprint (RFC 7638)."""
    found = KeySet([OctKey.import_key({"kty": "oct", "k": key.decode().rstrip("=")}) for key in keys])
    for key in found.keys:
        key.ensure_kid()
    return found


def begin_session(session: Session, signer: Signer, user: User) -> SessionTokens:
    """The first tokens of a new session of a user, whose expired ones go."""
    _end_expired(session, user)
    return _next_tokens(session, signer, user, new_id(), now() + SESSION_LIFE)


def refresh_session(session: Session, signer: Signer, refresh: str) -> SessionTokens | None:
    """The next tokens of a session; None where it has ended. A refresh token that comes twice ends its session."""
    hashed = sha256_of(refresh)
    is_open = RefreshToken.used.is_(None) & (RefreshToken.expires > now())
    taken = session.scalars(
        update(RefreshToken).where(RefreshToken.sha256 == hashed, is_open).values(used=now()).returning(RefreshToken)
    ).one_or_none()
    user = session.get(User, taken.user) if taken is not None else None
    if taken is None or user is None or user.disabled or user.epoch != taken.epoch:
        end_session(session, refresh)
        return None
    return _next_tokens(session, signer, user, taken.family, taken.expires)


def begin_browser_session(session: Session, user: User) -> str:
    """The secret of a new session of a user in a browser."""
    _end_expired(session, user)
    secret = secrets.token_urlsafe(32)
    values = {"family": new_id(), "user": user.id, "epoch": user.epoch, "expires": now() + SESSION_LIFE}
    session.add(RefreshToken(sha256=browser_key(secret), **values))
    return secret


def browser_key(secret: str) -> str:
    """The key of the row of a browser's session: none of a refresh token, which the same secret therefore is not."""
    return sha256_of(f"browser {secret}")


def end_session(session: Session, refresh: str, browser: str = "") -> None:
    """End the session of a refresh token, be it used or not, and that of the secret of a browser."""
    for key in (sha256_of(refresh), browser_key(browser)):
        if (known := session.get(RefreshToken, key)) is not None:
            session.execute(delete(RefreshToken).where(RefreshToken.family == known.family))


def end_all_sessions(session: Session, user: User) -> None:
    """End all sessions of a user, and messages to his browsers; access tokens of programs and e-mail stay."""
    user.epoch += 1
    is_browser = (PushSubscription.user == user.id) & (PushSubscription.sha256 != sha256_of(user.id))
    session.execute(delete(PushSubscription).where(is_browser))
    session.execute(delete(RefreshToken).where(RefreshToken.user == user.id))


def _end_expired(session: Session, user: User) -> None:
    session.execute(delete(RefreshToken).where(RefreshToken.user == user.id, RefreshToken.expires < now()))


def _next_tokens(session: Session, signer: Signer, user: User, family: str, expires: datetime) -> SessionTokens:
    refresh = secrets.token_urlsafe(32)
    hashed = sha256_of(refresh)
    session.add(RefreshToken(sha256=hashed, family=family, user=user.id, epoch=user.epoch, expires=expires))
    return SessionTokens(*signer.sign(user, family), refresh)
