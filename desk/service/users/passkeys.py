"""Passkeys (W3C Web Authentication, level 2): registered by a user who is signed in, they sign in without a name."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from desk.service.store.tables import OneTimeSecret, Passkey, User
from desk.service.users.one_time import APPROVAL, PASSKEY, issue_secret, redeem

CHALLENGE_LIFE = timedelta(minutes=5)
LONGEST_CREDENTIAL = 1_024  # letters of a credential's id
REFUSED_BY = (WebAuthnException, NoResultFound, ValueError, TypeError, KeyError, AttributeError)
RELYING_PARTY = "Rebalancing workbench"  # of the server, as an authenticator shows it
VERIFIED = UserVerificationRequirement.REQUIRED  # by a finger or a PIN: a passkey stands for a password


def registration_options(session: Session, address: str, user: User, known: Sequence[str]) -> dict[str, Any]:
    """The options for `navigator.credentials.create`. known : credentials of the user, which are not made again."""
    options = generate_registration_options(
        rp_id=_host(address),
        rp_name=RELYING_PARTY,
        user_name=user.email,
        user_id=user.id.encode(),
        user_display_name=user.name,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=VERIFIED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(base64url_to_bytes(each)) for each in known],
    )
    issue_secret(session, PASSKEY, CHALLENGE_LIFE, user.id, secret=bytes_to_base64url(options.challenge))
    return _plain(options)


def sign_in_options(session: Session, address: str) -> dict[str, Any]:
    """The options for `navigator.credentials.get`; the authenticator knows the user."""
    options = generate_authentication_options(rp_id=_host(address), user_verification=VERIFIED)
    issue_secret(session, PASSKEY, CHALLENGE_LIFE, secret=bytes_to_base64url(options.challenge))
    return _plain(options)


def approval_options(session: Session, address: str, user: str, ticket: str) -> dict[str, Any]:
    """The options for `navigator.credentials.get` by which a user confirms that he approves a ticket, by its hash."""
    known = session.scalars(select(Passkey.credential).where(Passkey.user == user)).all()
    allowed = [PublicKeyCredentialDescriptor(base64url_to_bytes(each)) for each in known]
    options = generate_authentication_options(
        rp_id=_host(address), allow_credentials=allowed, user_verification=VERIFIED
    )
    secret = bytes_to_base64url(options.challenge)
    issue_secret(session, APPROVAL, CHALLENGE_LIFE, user, content={"ticket": ticket}, secret=secret)
    return _plain(options)


def confirms(session: Session, address: str, user: str, ticket: str, credential: dict[str, Any]) -> bool:
    """True if a credential is of a passkey of a user, and answers a challenge to approve this ticket, by its hash."""
    try:
        challenge, expected = _expected(session, address, credential, user, APPROVAL)
        _verify(session, credential, user, expected)
    except REFUSED_BY:
        return False
    return challenge.content == {"ticket": ticket}


def registered(session: Session, address: str, user: str, name: str, credential: dict[str, Any]) -> Passkey | None:
    """The passkey that a credential is; None where its challenge or its statement is refused, or it is known."""
    try:
        found = verify_registration_response(**_expected(session, address, credential, user)[1])
        key = bytes_to_base64url(found.credential_id)
        if len(key) > LONGEST_CREDENTIAL or session.get(Passkey, key) is not None:
            return None
    except REFUSED_BY:
        return None
    public, count = found.credential_public_key, found.sign_count
    passkey = Passkey(credential=key, user=user, name=name, public_key=public, sign_count=count)
    session.add(passkey)
    session.flush()
    return passkey


def user_of_passkey(session: Session, address: str, credential: dict[str, Any]) -> User | None:
    """The user who signs in by a credential; None where it is unknown, or its challenge or signature is refused."""
    try:
        _, expected = _expected(session, address, credential, None)
        user = session.get_one(User, base64url_to_bytes(credential["response"]["userHandle"]).decode())
        _verify(session, credential, user.id, expected)
    except REFUSED_BY:
        return None
    return None if user.disabled else user


def _verify(session: Session, credential: dict[str, Any], user: str, expected: dict[str, Any]) -> None:
    """Raise one of `REFUSED_BY` unless a credential is signed by a passkey of a user. expected : as of `_expected`."""
    passkey = session.get_one(Passkey, bytes_to_base64url(base64url_to_bytes(credential["id"])))
    if passkey.user != user:
        raise ValueError("the passkey is of another user")
    known: dict[str, Any] = {
        "credential_public_key": passkey.public_key,
        "credential_current_sign_count": passkey.sign_count,
    }
    passkey.sign_count = verify_authentication_response(**expected, **known).new_sign_count


def _expected(
    session: Session, address: str, credential: dict[str, Any], user: str | None, purpose: str = PASSKEY
) -> tuple[OneTimeSecret, dict[str, Any]]:
    """The challenge that a credential answers, which is used from now on, and with it the names of this server.

    Raises : one of `REFUSED_BY` for a challenge that was not given, or to another user.
    """
    challenge = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))["challenge"]
    found = redeem(session, purpose, challenge, user)
    if found is None or found.user != user:
        raise ValueError("the challenge is not of this server")
    return found, {
        "credential": credential,
        "expected_challenge": base64url_to_bytes(challenge),
        "expected_rp_id": _host(address),
        "expected_origin": address,
        "require_user_verification": True,
    }


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


def _plain(options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(options_to_json(options))
    return found
