"""Registration, sign-in by password, back-off, refresh, sign-out, recovery."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from people import PASSWORD, SignedIn, bearer, posted, update_all
from sqlalchemy import select

from desk.service.app import create_app
from desk.service.caller import Service
from desk.service.settings import ServiceSettings
from desk.service.store.tables import OneTimeSecret, SignInAttempts, Tenant, User, now
from desk.service.users import accounts
from desk.service.users.accounts import check_sign_in, invite
from desk.service.users.passwords import is_outdated

NEW = "granite willow 41 kites"
ANN = "ann@desk.example"
DAY = timedelta(days=1)


@pytest.fixture
def invitation(service: Service) -> str:
    with service.sessions.begin() as session:
        return invite(session, "house", "Ann@Desk.example ", "manager", "Ann")[1]


def test_an_invited_user_registers_once_and_signs_in(client: TestClient, invitation: str) -> None:
    assert posted(client, "login", email=ANN, password="")[0] == 401
    status, made = posted(client, "register", invitation=invitation, password=NEW)
    assert (status, len(set(made["recovery_codes"]))) == (200, 10)
    shown = client.get("/api/users/profile", **bearer(made["token"])).json()
    assert (shown["email"], shown["name"], shown["role"], shown["tenant"]) == (ANN, "Ann", "manager", "house")
    assert shown["recovery_codes_left"] == 10
    assert posted(client, "register", invitation=invitation, password=NEW)[0] == 401
    assert posted(client, "login", email=ANN, password=NEW)[0] == 200


def test_broken_authentication_nobody_registers_without_an_invitation(client: TestClient, service: Service) -> None:
    assert posted(client, "register", invitation="x", password=NEW)[0] == 401
    assert posted(client, "register", password=NEW)[0] == 400
    with service.sessions() as session:
        assert session.scalars(select(User)).all() == []


def test_a_refused_password_leaves_the_invitation_good(client: TestClient, invitation: str) -> None:
    status, problem = posted(client, "register", invitation=invitation, password="password1234")
    assert (status, problem["errors"][0]["field"]) == (400, "/password")
    assert "password1234" not in str(problem)
    assert posted(client, "register", invitation=invitation, password=NEW)[0] == 200


def test_an_invitation_expires_and_a_later_one_voids_it(client: TestClient, service: Service, invitation: str) -> None:
    with service.sessions.begin() as session:
        later = accounts.invitation_of(session, session.scalars(select(User)).one())
    assert posted(client, "register", invitation=invitation, password=NEW)[0] == 401
    update_all(service, OneTimeSecret, expires=now() - DAY)
    assert posted(client, "register", invitation=later, password=NEW)[0] == 401


def test_broken_authentication_a_wrong_password_and_an_unknown_user_get_the_same_answer(
    client: TestClient, person: SignedIn, ann: TestClient
) -> None:
    person("off")
    answers = [
        client.post("/api/users/login", json={"email": email, "password": password})
        for email, password in ((ANN, NEW), ("nobody@desk.example", PASSWORD), ("' OR 1=1 --", PASSWORD))
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


def test_a_disabled_user_gets_the_answer_of_a_wrong_password(
    client: TestClient, service: Service, ann: TestClient
) -> None:
    update_all(service, User, disabled=True)
    status, problem = posted(client, "login", email=ANN, password=PASSWORD)
    assert (status, problem["detail"]) == (401, accounts.REFUSED)


def test_a_hash_of_earlier_parameters_is_made_anew_at_the_next_sign_in(
    client: TestClient, service: Service, ann: TestClient
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    update_all(service, User, password=weak)
    assert posted(client, "login", email=ANN, password=PASSWORD)[0] == 200
    with service.sessions() as session:
        kept = session.scalars(select(User.password)).one()
    assert kept is not None
    assert not is_outdated(kept)
    assert posted(client, "login", email=ANN, password=PASSWORD)[0] == 200


def waited(service: Service, by: timedelta) -> None:
    """Let a time pass, for what is known of sign-ins."""
    with service.sessions.begin() as session:
        for row in session.scalars(select(SignInAttempts)):
            row.last -= by


def outcome(service: Service, password: str, address: str) -> int:
    """The status of a sign-in of Ann from an address."""
    try:
        check_sign_in(service.sessions, ANN, password, address)
    except accounts.Problem as problem:
        return problem.status
    return 200


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare passwords by a hash that costs next to nothing: what is tested is when they are compared."""
    monkeypatch.setattr(accounts, "matches", lambda password, hashed: hashed is not None and password == PASSWORD)
    monkeypatch.setattr(accounts, "is_outdated", lambda hashed: False)


@pytest.mark.usefixtures("fast")
def test_after_five_failures_an_address_waits_twice_as_long_each_time(service: Service, ann: TestClient) -> None:
    assert [outcome(service, NEW, "192.0.2.1") for _ in range(7)] == [401] * 5 + [429] * 2
    assert outcome(service, PASSWORD, "192.0.2.1") == 429  # nor does the right one pass
    waited(service, timedelta(seconds=1))
    assert [outcome(service, NEW, "192.0.2.1") for _ in range(2)] == [401, 429]
    waited(service, timedelta(seconds=1))
    assert outcome(service, PASSWORD, "192.0.2.1") == 429
    waited(service, timedelta(seconds=1))  # refused tries did not lengthen it
    assert outcome(service, PASSWORD, "192.0.2.1") == 200
    assert [outcome(service, NEW, "192.0.2.1") for _ in range(6)] == [401] * 5 + [429]  # counted from none again


@pytest.mark.usefixtures("fast")
def test_failures_of_one_client_lock_no_other_out(service: Service, ann: TestClient) -> None:
    for number in range(20):
        outcome(service, NEW, f"2001:db8:0:1::{number:x}")  # one network: one client
    assert outcome(service, PASSWORD, "2001:db8:0:1::ffff") == 429
    assert outcome(service, PASSWORD, "2001:db8:0:2::1") == 200


@pytest.mark.usefixtures("fast")
def test_after_a_hundred_failures_an_account_takes_passwords_from_known_addresses_alone_for_a_day(
    service: Service, ann: TestClient
) -> None:
    assert outcome(service, PASSWORD, "192.0.2.1") == 200
    earlier = {"account": accounts.sha256_of(ANN), "failures": 95, "last": now()}
    with service.sessions.begin() as session:
        session.add(SignInAttempts(address="198.51.100.0", **earlier))
    tried = [outcome(service, NEW, f"198.51.100.{number}") for number in range(1, 10)]
    assert tried == [401] * 5 + [429] * 4
    assert outcome(service, PASSWORD, "203.0.113.1") == 429
    assert outcome(service, PASSWORD, "192.0.2.1") == 200  # the victim's own
    waited(service, DAY + timedelta(seconds=1))
    assert outcome(service, PASSWORD, "203.0.113.1") == 200


@pytest.mark.usefixtures("fast")
def test_who_shares_the_address_of_a_user_keeps_him_out_for_a_minute_at_most(service: Service, ann: TestClient) -> None:
    outcomes = list[int]()
    for address, first in (("192.0.2.1", PASSWORD), ("192.0.2.2", NEW)):  # known, and new
        outcome(service, first, address)
        update_all(service, SignInAttempts, failures=1_000, last=now())
        outcomes.append(outcome(service, PASSWORD, address))
        waited(service, timedelta(minutes=1))
        outcomes.append(outcome(service, PASSWORD, address))
    assert outcomes == [429, 200, 429, 429]


@pytest.mark.usefixtures("fast")
def test_what_is_kept_of_sign_ins_goes_and_names_nobody(service: Service, ann: TestClient) -> None:
    outcome(service, NEW, "192.0.2.1")
    with service.sessions() as session:
        [row] = session.scalars(select(SignInAttempts))
    assert "ann" not in row.account
    waited(service, DAY + timedelta(seconds=1))
    outcome(service, PASSWORD, "192.0.2.2")
    with service.sessions() as session:
        assert [row.address for row in session.scalars(select(SignInAttempts))] == ["192.0.2.2"]


def test_a_sign_in_that_must_wait_says_how_long(client: TestClient, service: Service, ann: TestClient) -> None:
    with service.sessions.begin() as session:
        account = accounts.sha256_of(ANN)
        session.add(SignInAttempts(account=account, address="testclient", failures=12, last=now()))
    answer = client.post("/api/users/login", json={"email": ANN, "password": PASSWORD})
    assert (answer.status_code, 120 <= int(answer.headers["retry-after"]) <= 129) == (429, True)


def test_the_session_of_a_browser_is_a_cookie_of_this_host_alone_and_no_other_token(
    client: TestClient, ann: TestClient
) -> None:
    answer = client.post("/api/users/login", json={"email": ANN, "password": PASSWORD, "cookie": True})
    name, *rest = answer.headers["set-cookie"].split("; ")
    assert name.startswith("__Host-session=")
    assert {each.split("=")[0].lower(): each.partition("=")[2].lower() for each in rest} == {
        **{"httponly": "", "secure": "", "samesite": "strict", "path": "/", "max-age": "1209600"}
    }
    stated = {"token": None, "expires": None, "refresh_token": None, "recovery_codes": []}
    assert (answer.json(), answer.headers["cache-control"]) == (stated, "no-store")
    secret, cookie = name.partition("=")[2], {"cookie": name}
    assert client.get("/api/users/profile", headers=cookie).json()["email"] == ANN
    assert client.get("/api/users/profile", headers={"cookie": "__Host-session=a"}).status_code == 401
    assert posted(client, "refresh", refresh_token=secret)[0] == 401  # which ends nothing either
    assert client.get("/api/users/profile", **bearer(secret)).status_code == 401
    by_page = cookie | {"Origin": "http://127.0.0.1:5000", "X-Requested-With": "page"}
    assert client.post("/api/users/logout", json={}, headers=cookie).status_code == 403  # of another page
    assert client.post("/api/users/logout", json={}, headers=by_page).status_code == 204
    assert client.get("/api/users/profile", headers=cookie).status_code == 401


def test_a_refresh_token_of_the_answer_is_refreshed_and_ended(client: TestClient, ann: TestClient) -> None:
    _, first = posted(client, "login", email=ANN, password=PASSWORD)
    status, second = posted(client, "refresh", refresh_token=first["refresh_token"])
    assert status == 200
    assert client.get("/api/users/profile", **bearer(second["token"])).status_code == 200
    assert posted(client, "logout", refresh_token=second["refresh_token"])[0] == 204
    assert client.get("/api/users/profile", **bearer(second["token"])).status_code == 401
    assert posted(client, "refresh", refresh_token=second["refresh_token"])[0] == 401
    assert posted(client, "logout")[0] == 204  # who has no session is out of it


def test_a_recovery_code_sets_a_new_password_once_and_ends_all_sessions(client: TestClient, invitation: str) -> None:
    _, made = posted(client, "register", invitation=invitation, password=PASSWORD)
    code, other = made["recovery_codes"][:2]
    assert posted(client, "recover", email=ANN, code=code, password="password1234")[0] == 400
    status, again = posted(client, "recover", email=ANN, code=f" {code.upper()} ", password=NEW)
    assert status == 200
    assert client.get("/api/users/profile", **bearer(made["token"])).status_code == 401
    assert client.get("/api/users/profile", **bearer(again["token"])).json()["recovery_codes_left"] == 9
    assert posted(client, "recover", email=ANN, code=code, password=PASSWORD)[0] == 401
    assert posted(client, "login", email=ANN, password=PASSWORD)[0] == 401
    assert posted(client, "login", email=ANN, password=NEW)[0] == 200
    assert posted(client, "recover", email=ANN, code=other, password=PASSWORD)[0] == 200


def test_a_recovery_code_ends_a_wait(client: TestClient, service: Service, invitation: str) -> None:
    _, made = posted(client, "register", invitation=invitation, password=PASSWORD)
    with service.sessions.begin() as session:
        account = accounts.sha256_of(ANN)
        session.merge(SignInAttempts(account=account, address="testclient", failures=1_000, last=now()))
    assert posted(client, "login", email=ANN, password=PASSWORD)[0] == 429
    assert posted(client, "recover", email=ANN, code=made["recovery_codes"][0], password=NEW)[0] == 200
    assert posted(client, "login", email=ANN, password=NEW)[0] == 200


def test_broken_authentication_the_recovery_code_of_another_is_refused_and_stays_his(
    client: TestClient, invitation: str, person: SignedIn
) -> None:
    person("bob")
    _, made = posted(client, "register", invitation=invitation, password=PASSWORD)
    code = made["recovery_codes"][0]
    assert posted(client, "recover", email="bob@desk.example", code=code, password=NEW)[0] == 401
    assert posted(client, "recover", email=ANN, code=code, password=NEW)[0] == 200


def test_secrets_are_kept_as_hashes_alone(client: TestClient, service: Service, invitation: str) -> None:
    _, made = posted(client, "register", invitation=invitation, password=PASSWORD)
    secrets = [*made["recovery_codes"], made["token"], made["refresh_token"], invitation, PASSWORD]
    kept = b"".join(path.read_bytes() for path in service.settings.folder.glob("service.sqlite*"))
    assert kept.count(b"ann@desk.example") > 0
    assert [secret for secret in secrets if secret.encode() in kept] == []


@pytest.mark.parametrize(
    ("tenant", "email", "role"),
    [
        *(("../x", ANN, "viewer"), ("", ANN, "viewer"), ("House", ANN, "viewer"), ("a" * 65, ANN, "viewer")),
        *(("house", "ann", "viewer"), ("house", "a b@c", "viewer"), ("house", "ann@c\x00", "viewer")),
        *(("house", f"{'a' * 250}@c.de", "viewer"), ("house", ANN, "root")),
    ],
)
def test_a_name_that_is_none_is_refused(service: Service, tenant: str, email: str, role: str) -> None:
    with service.sessions.begin() as session, pytest.raises(ValueError, match=r"the (tenant|e-mail address|role) is"):
        invite(session, tenant, email, role)


@pytest.mark.parametrize("name", ["a" * 129, "a\x00", "a\nb"])
def test_a_name_that_cannot_be_shown_is_refused(service: Service, name: str) -> None:
    with service.sessions.begin() as session, pytest.raises(ValueError, match="the name is"):
        invite(session, "house", ANN, "viewer", name)


def test_an_e_mail_address_has_one_user(service: Service, invitation: str) -> None:
    with service.sessions.begin() as session:
        assert session.get(Tenant, "house")
        with pytest.raises(ValueError, match="a user has it already"):
            invite(session, "other", ANN, "viewer")


def test_accounts_sessions_and_waits_are_the_same_in_either_database(tables_url: str, tmp_path: Path) -> None:
    app = create_app(ServiceSettings(folder=tmp_path / "service", database=tables_url))
    service, client = app.state.service, TestClient(app, base_url="http://127.0.0.1:5000")
    with service.sessions.begin() as session:
        _, invitation = invite(session, "house", ANN, "manager")
    statuses = [posted(client, "register", invitation=invitation, password=PASSWORD)[0] for _ in range(2)]
    assert statuses == [200, 401]
    _, tokens = posted(client, "login", email=ANN, password=PASSWORD)
    assert client.get("/api/users/profile", **bearer(tokens["token"])).status_code == 200
    refreshed = [posted(client, "refresh", refresh_token=tokens["refresh_token"])[0] for _ in range(2)]
    assert refreshed == [200, 401]
    assert client.get("/api/users/profile", **bearer(tokens["token"])).status_code == 401
    assert [outcome(service, NEW, "192.0.2.1") for _ in range(6)] == [401] * 5 + [429]
    with ThreadPoolExecutor(8) as pool:  # who tries eight at once has tried eight times
        tried = [*pool.map(lambda _: outcome(service, NEW, "192.0.2.2"), range(8))]
    assert sorted(tried) == [401] * 5 + [429] * 3
    assert outcome(service, PASSWORD, "192.0.2.3") == 200
    assert posted(client, "login", email="nobody\x00@desk.example", password=PASSWORD)[0] == 400
    options = posted(client, "login/passkey/options")[1]["options"]
    assert posted(client, "login/passkey", credential={"id": "\x00", "challenge": options["challenge"]})[0] == 401
