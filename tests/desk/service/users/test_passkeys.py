"""Passkeys: registered, signed in by, listed and removed; by the library and a software authenticator."""

from dataclasses import replace
from typing import Any

import pytest
from authenticator import PRESENT, Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from people import SignedIn, bearer, posted, update_all

from desk.service.caller import Service
from desk.service.routes.users import RECENT_SIGN_IN
from desk.service.store.tables import OneTimeSecret, Passkey, RefreshToken, User, now
from desk.service.users.tokens import SESSION_LIFE

URL = "http://127.0.0.1:5000"


def register(user: TestClient, device: Authenticator, name: str = "phone") -> tuple[int, Any]:
    options = user.post("/api/users/passkeys/options").json()["options"]
    return posted(user, "passkeys", name=name, credential=device.create(options))


def answer(client: TestClient, device: Authenticator) -> dict[str, Any]:
    return device.get(posted(client, "login/passkey/options")[1]["options"])


def sign_in(client: TestClient, device: Authenticator) -> tuple[int, Any]:
    return posted(client, "login/passkey", credential=answer(client, device))


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(URL)


def test_a_user_registers_a_passkey_and_signs_in_by_it_without_a_name(
    client: TestClient, person: SignedIn, device: Authenticator
) -> None:
    ann = person("ann", "manager")
    status, made = register(ann, device)
    assert status == 201
    assert ann.get("/api/users/passkeys").json() == [made]
    for _ in range(2):
        status, tokens = sign_in(client, device)
        assert status == 200
    shown = client.get("/api/users/profile", **bearer(tokens["token"])).json()
    assert (shown["email"], shown["role"]) == ("ann@desk.example", "manager")
    assert ann.delete(f"/api/users/passkeys/{made['id']}").status_code == 204
    assert sign_in(client, device)[0] == 401


def test_what_a_browser_is_given_asks_for_a_resident_key_and_a_verified_user(
    client: TestClient, ann: TestClient, device: Authenticator
) -> None:
    register(ann, device)
    made = ann.post("/api/users/passkeys/options").json()["options"]
    asked = posted(client, "login/passkey/options")[1]["options"]
    assert (made["rp"]["id"], asked["rpId"]) == ("127.0.0.1", "127.0.0.1")
    assert made["authenticatorSelection"] | {"requireResidentKey": True} == {
        **{"residentKey": "required", "requireResidentKey": True, "userVerification": "required"}
    }
    assert (made["attestation"], asked["userVerification"], asked["allowCredentials"]) == ("none", "required", [])
    assert len(made["excludeCredentials"]) == 1


def test_broken_authentication_a_passkey_answers_a_challenge_once(
    client: TestClient, service: Service, ann: TestClient, device: Authenticator
) -> None:
    options = ann.post("/api/users/passkeys/options").json()["options"]
    assert posted(ann, "passkeys", name="phone", credential=device.create(options))[0] == 201
    other = Authenticator(URL)
    assert posted(ann, "passkeys", name="phone", credential=other.create(options))[0] == 400
    replayed = answer(client, device)
    assert [posted(client, "login/passkey", credential=replayed)[0] for _ in range(2)] == [200, 401]
    late = answer(client, device)
    update_all(service, OneTimeSecret, expires=now())
    assert posted(client, "login/passkey", credential=late)[0] == 401


def test_broken_authentication_a_passkey_of_another_origin_key_or_count_is_refused(
    client: TestClient, person: SignedIn, device: Authenticator
) -> None:
    register(person("ann"), device)
    bob = person("bob")
    theirs = Authenticator(URL)
    register(bob, theirs)
    refused = {
        "phished at another origin": replace(device, origin="https://127.0.0.1.evil.example"),
        "another key": replace(device, key=ec.generate_private_key(ec.SECP256R1())),
        "an unknown credential": replace(device, identity=b"unknown"),
        "the credential of one for another": replace(device, user=theirs.user),
        "nobody touched it": replace(device, flags=PRESENT),
    }
    assert {name: sign_in(client, each)[0] for name, each in refused.items()} == dict.fromkeys(refused, 401)
    for _ in range(2):
        assert sign_in(client, device)[0] == 200
    assert sign_in(client, replace(device, count=0))[0] == 401  # a copy, which counts from where it was made
    options = posted(client, "login/passkey/options")[1]["options"]
    elsewhere = device.get(options | {"rpId": "evil.example"})
    assert posted(client, "login/passkey", credential=elsewhere)[0] == 401


def test_broken_authentication_a_passkey_is_registered_by_its_user_alone(
    client: TestClient, person: SignedIn, device: Authenticator
) -> None:
    ann, bob = person("ann"), person("bob")
    for_ann = ann.post("/api/users/passkeys/options").json()["options"]
    assert posted(bob, "passkeys", name="phone", credential=device.create(for_ann))[0] == 400
    to_sign_in = posted(client, "login/passkey/options")[1]["options"]
    mixed = for_ann | {"challenge": to_sign_in["challenge"]}
    assert posted(ann, "passkeys", name="phone", credential=device.create(mixed))[0] == 400
    assert register(ann, replace(device, flags=PRESENT))[0] == 400
    assert register(ann, replace(device, origin="https://evil.example"))[0] == 400
    assert register(ann, device)[0] == 201
    assert register(bob, device)[0] == 400  # it is known


def test_object_level_authorisation_nobody_sees_or_removes_the_passkey_of_another(
    client: TestClient, person: SignedIn, device: Authenticator
) -> None:
    _, made = register(person("ann"), device)
    for other in (person("bob"), person("eve", "admin")):
        assert other.get("/api/users/passkeys").json() == []
        assert other.delete(f"/api/users/passkeys/{made['id']}").status_code == 404
    assert sign_in(client, device)[0] == 200


def test_broken_authentication_an_old_session_makes_no_other_way_in(
    client: TestClient, service: Service, person: SignedIn, device: Authenticator
) -> None:
    """Who took it over neither drops the passkey that confirms approvals nor adds his own, nor makes a token."""
    ann = person("ann", "approver")
    _, made = register(ann, device)
    _, tokens = sign_in(client, device)
    update_all(service, RefreshToken, expires=now() + SESSION_LIFE - RECENT_SIGN_IN)
    token = {"name": "mine", "scopes": ["approvals"], "days": 1}
    changes = (
        ("POST", "passkeys/options", None),
        ("POST", "passkeys", {"name": "mine", "credential": {}}),
        ("DELETE", f"passkeys/{made['id']}", None),
        ("POST", "tokens", token),
        ("POST", "openid", None),
    )
    for method, path, body in changes:
        answer = ann.request(method, f"/api/users/{path}", json=body)
        assert (answer.status_code, answer.json()["detail"][:14]) == (403, "This needs a s")
    assert ann.get("/api/users/passkeys").json() == [made]
    refreshed = posted(client, "refresh", refresh_token=tokens["refresh_token"])[1]["token"]  # which is no sign-in
    assert client.post("/api/users/tokens", json=token, **bearer(refreshed)).status_code == 403
    _, tokens = sign_in(client, device)
    assert client.post("/api/users/tokens", json=token, **bearer(tokens["token"])).status_code == 201


def test_a_disabled_user_does_not_sign_in_by_a_passkey(
    client: TestClient, service: Service, person: SignedIn, device: Authenticator
) -> None:
    register(person("ann"), device)
    update_all(service, User, disabled=True)
    assert sign_in(client, device)[0] == 401


def test_a_credential_that_is_none_is_refused(client: TestClient, person: SignedIn, device: Authenticator) -> None:
    """Each part of a good answer is replaced by anything at all, or dropped."""
    register(person("ann"), device)
    values = st.recursive(st.none() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=2))

    @settings(max_examples=12, deadline=None)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        credential = answer(client, device)
        part = data.draw(st.sampled_from([credential, credential["response"]]))
        name = data.draw(st.sampled_from([*part]))
        del part[name]
        if data.draw(st.booleans()):
            part[name] = data.draw(values)
        assert posted(client, "login/passkey", credential=credential)[0] in (400, 401)

    refused()
    assert sign_in(client, device)[0] == 200


def test_a_public_key_is_all_that_is_kept(person: SignedIn, service: Service, device: Authenticator) -> None:
    register(person("ann"), device)
    with service.sessions() as session:
        [kept] = session.query(Passkey)
    point = device.key.public_key().public_numbers()
    assert point.x.to_bytes(32, "big") in kept.public_key
    assert device.key.private_numbers().private_value.to_bytes(32, "big") not in kept.public_key
