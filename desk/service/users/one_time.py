"""Secrets that serve once: invitations, recovery codes, challenges of passkeys, states of OpenID Connect."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, true, update
from sqlalchemy.orm import Session

from desk.service.store.tables import OneTimeSecret, now

INVITATION, RECOVERY, PASSKEY, APPROVAL, OPENID = "invitation", "recovery", "passkey", "approval", "openid"  # purposes
SIGN_UP = "sign-up"  # a purpose, too


def sha256_of(secret: str) -> str:
    """The hash by which a random secret is found; one that a person chose needs `passwords`.

    >>> sha256_of("abc")[:16]  # FIPS 180-2, appendix B.1
    'ba7816bf8f01cfea'
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def issue_secret(
    session: Session,
    purpose: str,
    life: timedelta,
    user: str | None = None,
    content: dict[str, Any] | None = None,
    secret: str = "",
) -> str:
    """Keep a secret for a time, and what it stands for. secret : "" for a new one of 256 bits. Expired ones go."""
    secret = secret or secrets.token_urlsafe(32)
    session.execute(delete(OneTimeSecret).where(OneTimeSecret.expires < now()))
    session.add(
        OneTimeSecret(sha256=sha256_of(secret), purpose=purpose, user=user, content=content or {}, expires=now() + life)
    )
    return secret


def redeem(session: Session, purpose: str, secret: str, user: str | None = None) -> OneTimeSecret | None:
    """The secret, which is used from now on; None for one that is unknown, used, expired or of another purpose.

    user : whose it must be, None for anybody's.
    """
    table = OneTimeSecret
    is_it = (table.sha256 == sha256_of(secret)) & (table.purpose == purpose) & (table.user == user if user else true())
    is_open = table.used.is_(None) & (table.expires > now())
    return session.scalars(update(table).where(is_it, is_open).values(used=now()).returning(table)).one_or_none()
