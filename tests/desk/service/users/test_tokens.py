"""Tokens of a session: signed by this server alone, short, refreshed once each, and void when the session ends."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from people import update_all
from sqlalchemy import update

from desk.service.caller import Caller, Service, needs
from desk.service.store.keys import opened_keys
from desk.service.store.tables import RefreshToken, Tenant, User, new_id, now
from desk.service.users.tokens import SessionTokens, Signer, begin_session, end_all_sessions, refresh_session

URL = "http://127.0.0.1:5000"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def service(app: FastAPI) -> Service:
    @app.get("/api/who")
    def who(caller: Caller = Depends(needs("viewer", "users"))) -> dict[str, str]:  # noqa: B008
        return {"user": caller.user}

    return app.state.service


@pytest.fixture
def user(service: Service) -> User:
    with service.sessions.begin() as session:
        session.add(Tenant(name="house"))
        user = User(id=new_id(), tenant="house", email="ann@desk.example", name="Ann", role="manager", epoch=0)
        session.flush()
        session.add(user)
    return user


@pytest.fixture
def begun(service: Service, user: User) -> SessionTokens:
    with service.sessions.begin() as session:
        return begin_session(session, service.signer, user)


def status(client: TestClient, token: str) -> int:
    return client.get("/api/who", headers={"Authorization": f"Bearer {token}"}).status_code


def parts(token: str) -> list[dict[str, Any]]:
    """Header and claims, read without a library."""
    return [json.loads(base64.urlsafe_b64decode(f"{part}==")) for part in token.split(".")[:2]]


def signed(claims: dict[str, Any], key: bytes, header: dict[str, Any]) -> str:
    """A JWT by RFC 7515, made without a library."""
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.digest(key, b".".join(coded), hashlib.sha256)
    return b".".join([*coded, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def test_a_token_lasts_ten_minutes_and_names_issuer_audience_user_session_and_epoch(
    client: TestClient, begun: SessionTokens, user: User
) -> None:
    header, claims = parts(begun.token)
    assert (header["alg"], claims["exp"] - claims["iat"]) == ("HS256", 600)
    assert (claims["iss"], claims["aud"], claims["sub"], claims["epoch"]) == (URL, "rebalance", user.id, 0)
    assert client.get("/api/who", headers={"Authorization": f"Bearer {begun.token}"}).json() == {"user": user.id}


def test_broken_authentication_a_token_that_another_signed_or_changed_is_refused(
    client: TestClient, service: Service, begun: SessionTokens, user: User
) -> None:
    header, claims = parts(begun.token)
    key = base64.urlsafe_b64decode(service.keys.signing[0])
    assert status(client, signed(claims, key, header)) == 200  # the forger below differs in one thing each time
    head, body, signature = begun.token.split(".")
    none = signed(claims, key, {**header, "alg": "none"})
    forged = {
        "another key": signed(claims, b"k" * 32, header),
        "alg none": none,
        "alg none, no signature": none.rpartition(".")[0] + ".",
        "alg None": signed(claims, key, {**header, "alg": "None"}),
        "another algorithm": jwt.encode({**header, "alg": "HS512"}, claims, OctKey.import_key(key), ["HS512"]),
        "a public key": jwt.encode({"alg": "RS256"}, claims, RSAKey.generate_key(2048)),
        "another key id": signed(claims, key, {**header, "kid": "../../etc/passwd"}),
        "its own key": signed(claims, b"k" * 32, {**header, "jwk": {"kty": "oct", "k": "a2tr"}}),
        "an unknown critical header": signed(claims, key, {**header, "crit": ["b64"], "b64": False}),
        "another user": f"{head}.{signed(claims | {'sub': 'x'}, key, header).split('.')[1]}.{signature}",
        "no signature": f"{head}.{body}.",
        "signature of another": f"{head}.{body}.{'A' * len(signature)}",
    }
    assert {name: status(client, token) for name, token in forged.items()} == dict.fromkeys(forged, 401)


@pytest.mark.parametrize(
    "changed",
    [
        *({"exp": 1}, {"exp": None}, {"exp": "tomorrow"}, {"iss": "https://other.example"}, {"aud": "other"}),
        *({"sub": "nobody"}, {"sub": None}, {"epoch": 1}, {"sid": "0" * 32}, {"iat": 9_999_999_999}),
    ],
)
def test_broken_authentication_a_signed_token_with_a_wrong_claim_is_refused(
    client: TestClient, service: Service, begun: SessionTokens, changed: dict[str, Any]
) -> None:
    header, claims = parts(begun.token)
    key = base64.urlsafe_b64decode(service.keys.signing[0])
    assert status(client, signed(claims | changed, key, header)) == 401


@given(token=st.one_of(st.text(), st.tuples(st.binary(), st.binary(), st.binary())))
def test_what_is_no_token_has_no_claims(tmp_path_factory: pytest.TempPathFactory, token: Any) -> None:
    keys = opened_keys(tmp_path_factory.getbasetemp() / "keys")
    if isinstance(token, tuple):
        token = ".".join(base64.urlsafe_b64encode(part).decode() for part in token)
    assert Signer(keys, URL).claims_of(token) is None


def test_a_token_stays_good_when_keys_are_rotated_and_not_when_old_ones_are_dropped(
    client: TestClient, service: Service, begun: SessionTokens
) -> None:
    service.keys.rotate()
    assert status(client, begun.token) == 200
    service.keys.drop_old()
    assert status(client, begun.token) == 401


def test_a_refresh_token_is_exchanged_once_and_its_second_use_ends_the_session(
    client: TestClient, service: Service, begun: SessionTokens
) -> None:
    with service.sessions.begin() as session:
        later = refresh_session(session, service.signer, begun.refresh)
    assert later is not None
    assert status(client, later.token) == 200
    with service.sessions.begin() as session:
        assert refresh_session(session, service.signer, begun.refresh) is None
    assert status(client, later.token) == status(client, begun.token) == 401  # the thief's and the user's
    with service.sessions.begin() as session:
        assert refresh_session(session, service.signer, later.refresh) is None


def test_refreshing_does_not_lengthen_a_session(service: Service, begun: SessionTokens) -> None:
    with service.sessions.begin() as session:
        session.execute(update(RefreshToken).values(expires=(later_end := now() + DAY)))
        later = refresh_session(session, service.signer, begun.refresh)
        assert later is not None
        ends = set(session.execute(RefreshToken.__table__.select()).scalars(RefreshToken.expires.key))
    assert ends == {later_end}
    with service.sessions.begin() as session:
        session.execute(update(RefreshToken).values(expires=now() - DAY))
        assert refresh_session(session, service.signer, later.refresh) is None


def test_a_log_out_everywhere_ends_every_session_at_once(client: TestClient, service: Service, user: User) -> None:
    with service.sessions.begin() as session:
        all_tokens = [begin_session(session, service.signer, user) for _ in range(3)]
    assert {status(client, each.token) for each in all_tokens} == {200}
    with service.sessions.begin() as session:
        end_all_sessions(session, session.get_one(User, user.id))
    assert {status(client, each.token) for each in all_tokens} == {401}
    with service.sessions.begin() as session:
        assert [refresh_session(session, service.signer, each.refresh) for each in all_tokens] == [None] * 3


def test_a_disabled_user_is_nobody_at_once(client: TestClient, service: Service, begun: SessionTokens) -> None:
    update_all(service, User, disabled=True)
    assert status(client, begun.token) == 401
    with service.sessions.begin() as session:
        assert refresh_session(session, service.signer, begun.refresh) is None


def test_only_the_hash_of_a_refresh_token_is_kept(service: Service, begun: SessionTokens) -> None:
    with service.sessions.begin() as session:
        [row] = session.query(RefreshToken)
    assert row.sha256 == hashlib.sha256(begun.refresh.encode()).hexdigest()
