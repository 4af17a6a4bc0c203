"""Codes of an authenticator app beside a password: by RFC 6238, once each, and no faster than passwords."""

import base64
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from people import PASSWORD, SignedIn, posted, update_all

from desk.service.caller import Service
from desk.service.store.tables import RefreshToken, SecondFactor, SignInAttempts, now
from desk.service.users import second_factor
from desk.service.users.second_factor import code_at, step_now

ANN = "ann@desk.example"
APP = "/api/users/second-factor"
RFC_6238 = {  # appendix B: seconds, and the code of 8 digits by SHA-1
    59: "94287082", 1_111_111_109: "07081804", 1_111_111_111: "14050471", 1_234_567_890: "89005924",
    2_000_000_000: "69279037", 20_000_000_000: "65353130",
}  # fmt: skip


@pytest.mark.parametrize("seconds", RFC_6238)
def test_codes_are_those_of_the_standard(seconds: int) -> None:
    assert code_at(b"12345678901234567890", seconds // 30, 8) == RFC_6238[seconds]


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The step of time, which stands still."""
    step = [step_now()]
    monkeypatch.setattr(second_factor, "step_now", lambda: step[0])
    return step


@pytest.fixture
def key(ann: TestClient, step: list[int]) -> bytes:
    """The key of Ann's app, which she has confirmed by the code of the step before."""
    key = base64.b32decode(ann.post(f"{APP}/key").json()["key"])
    confirmed = ann.post(APP, json={"code": code_at(key, step[0] - 1)})
    assert (confirmed.status_code, len(confirmed.json()["recovery_codes"])) == (200, 10)
    return key


def login(client: TestClient, code: str = "", password: str = PASSWORD) -> int:
    """The status of a sign-in of Ann."""
    return posted(client, "login", email=ANN, password=password, code=code)[0]


def test_the_link_of_an_app_has_its_key_which_is_kept_sealed_and_asks_nothing_before_it_is_confirmed(
    client: TestClient, service: Service, ann: TestClient, step: list[int]
) -> None:
    made = ann.post(f"{APP}/key").json()
    link = urlsplit(made["link"])
    assert (link.scheme, link.netloc, link.path) == ("otpauth", "totp", "/rebalance:ann%40desk.example")
    assert parse_qs(link.query) == {"secret": [made["key"]], "issuer": ["rebalance"]}
    kept = b"".join(path.read_bytes() for path in service.settings.folder.glob("service.sqlite*"))
    key = base64.b32decode(made["key"])
    assert (len(key), key in kept, made["key"].encode() in kept) == (20, False, False)
    assert ann.post(APP, json={"code": code_at(key, step[0] - 9)}).json()["errors"][0]["field"] == "/code"
    assert login(client) == 200
    assert ann.get("/api/users/profile").json()["has_second_factor"] is False


def test_broken_authentication_a_password_alone_signs_nobody_in_and_a_code_serves_once(
    client: TestClient, key: bytes, step: list[int]
) -> None:
    status, problem = posted(client, "login", email=ANN, password=PASSWORD)
    assert (status, problem["errors"][0]["field"]) == (401, "/code")
    now_code, next_code = (code_at(key, step[0] + ahead) for ahead in (0, 1))
    assert login(client, code_at(key, step[0] - 1)) == 401  # that which confirmed it
    assert login(client, now_code, "umbrella vines 8 glass") == 401
    assert [login(client, f"{now_code[:3]} {now_code[3:]}"), login(client, now_code)] == [200, 401]
    assert [login(client, next_code), login(client, next_code)] == [200, 401]
    step[0] += 9
    assert [login(client, next_code), login(client, code_at(key, step[0]))] == [401, 200]


@pytest.mark.parametrize("code", ["000000000", "abc", "٣٣٣٣٣٣", ""])
def test_what_is_no_code_is_refused(client: TestClient, key: bytes, code: str) -> None:
    assert login(client, code) == 401


def test_wrong_codes_wait_as_wrong_passwords_do(client: TestClient, service: Service, key: bytes) -> None:
    assert [login(client, "abc") for _ in range(6)] == [401] * 5 + [429]
    update_all(service, SignInAttempts, failures=5, last=now() - timedelta(seconds=2))
    assert login(client, "abc") == 401


def test_a_recovery_code_stands_in_for_a_lost_app_which_its_user_removes(
    client: TestClient, ann: TestClient, key: bytes, step: list[int]
) -> None:
    codes = ann.post("/api/users/recovery-codes", json={"current": PASSWORD}).json()["recovery_codes"]
    status, again = posted(client, "recover", email=ANN, code=codes[0], password="granite willow 41 kites")
    assert status == 200
    assert login(client, "", "granite willow 41 kites") == 401
    removed = client.delete(APP, headers={"Authorization": f"Bearer {again['token']}"})
    assert removed.status_code == 204
    assert login(client, "", "granite willow 41 kites") == 200


def test_a_session_that_is_old_changes_no_app_and_a_confirmed_one_is_not_replaced(
    service: Service, ann: TestClient, key: bytes
) -> None:
    assert ann.post(f"{APP}/key").status_code == 409
    update_all(service, RefreshToken, expires=now() + timedelta(days=13))
    asked = (ann.post(f"{APP}/key"), ann.post(APP, json={"code": "1"}), ann.delete(APP))
    assert [each.status_code for each in asked] == [403] * 3
    present = {"current": PASSWORD}  # nor does it with the password make codes that stand in for the app
    assert ann.post("/api/users/recovery-codes", json=present).status_code == 403
    assert ann.put("/api/users/password", json=present | {"password": "granite willow 41 kites"}).status_code == 403


def test_a_user_has_his_own_app(client: TestClient, service: Service, person: SignedIn, key: bytes) -> None:
    bob = person("bob")
    assert bob.delete(APP).status_code == 204
    with service.sessions() as session:
        assert session.query(SecondFactor).count() == 1
    assert (login(client), posted(client, "login", email="bob@desk.example", password=PASSWORD)[0]) == (401, 200)
