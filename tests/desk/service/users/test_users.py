"""What users do with their own account, and admins with those of their tenant."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from people import PASSWORD, SignedIn, bearer, posted, update_all
from sqlalchemy import select

from desk.service.caller import ROLES, Service
from desk.service.store.tables import AccessToken, User, now

NEW = "granite willow 41 kites"


def made_token(client: TestClient, **changed: Any) -> dict[str, Any]:
    answer = client.post("/api/users/tokens", json={"name": "nightly", "scopes": ["users"], "days": 30} | changed)
    assert answer.status_code == 201, answer.text
    return answer.json()


def called_by(client: TestClient, token: str) -> int:
    return client.get("/api/users/profile", **bearer(token)).status_code


def test_an_access_token_is_shown_once_and_good_until_it_is_revoked(client: TestClient, person: SignedIn) -> None:
    ann = person("ann", "manager")
    made = made_token(ann)
    assert called_by(client, made["token"]) == 200
    [listed] = ann.get("/api/users/tokens").json()
    assert "token" not in listed
    assert (listed["role"], listed["scopes"]) == ("manager", ["users"])
    assert listed["used"] is not None
    assert datetime.fromisoformat(listed["expires"]) - datetime.fromisoformat(listed["created"]) == timedelta(days=30)
    assert [ann.delete(f"/api/users/tokens/{made['id']}").status_code for _ in range(2)] == [204, 204]
    assert called_by(client, made["token"]) == 401
    assert ann.get("/api/users/tokens").json()[0]["revoked"] is not None


def test_an_access_token_expires(client: TestClient, service: Service, person: SignedIn) -> None:
    made = made_token(person("ann"))
    update_all(service, AccessToken, expires=now())
    assert called_by(client, made["token"]) == 401


@pytest.mark.parametrize(
    "changed",
    [{"days": 0}, {"days": 366}, {"scopes": []}, {"scopes": ["person"]}, {"scopes": ["all"]}, {"name": ""}, {"x": 1}],
)
def test_an_access_token_without_scope_or_end_is_refused(person: SignedIn, changed: dict[str, Any]) -> None:
    body = {"name": "nightly", "scopes": ["users"], "days": 30} | changed
    assert person("ann").post("/api/users/tokens", json=body).status_code == 400


@pytest.mark.parametrize("role", ROLES)
def test_function_level_authorisation_an_access_token_never_does_more_than_its_user(
    client: TestClient, service: Service, person: SignedIn, role: str
) -> None:
    ann = person("ann", role)
    for wanted in ROLES:
        body = {"name": "n", "scopes": ["users"], "days": 1, "role": wanted}
        is_more = ROLES.index(wanted) > ROLES.index(role)
        assert ann.post("/api/users/tokens", json=body).status_code == (403 if is_more else 201)
    token = made_token(ann)["token"]
    assert client.get("/api/users", **bearer(token)).status_code == (200 if role == "admin" else 403)
    update_all(service, User, role="viewer")
    assert client.get("/api/users", **bearer(token)).status_code == 403  # less from the next call on
    update_all(service, User, role="admin")
    assert client.get("/api/users", **bearer(token)).status_code == (200 if role == "admin" else 403)  # nor more


def test_function_level_authorisation_an_access_token_cannot_do_what_a_person_alone_may(
    client: TestClient, person: SignedIn, admin: TestClient
) -> None:
    every = made_token(admin, scopes=["portfolios", "jobs", "orders", "market", "users"])
    other = {"email": "eve@desk.example", "name": "Eve", "role": "admin"}
    calls = [
        *(("POST", "tokens", {"name": "n", "scopes": ["users"], "days": 1}), ("GET", "tokens", None)),
        *(("PUT", "password", {"current": PASSWORD, "password": NEW}), ("POST", "passkeys/options", None)),
        *(("POST", "", other), ("POST", "logout-everywhere", None)),
    ]
    for method, path, body in calls:
        address = f"/api/users/{path}".rstrip("/")
        answer = client.request(method, address, json=body, **bearer(every["token"]))
        assert (answer.status_code, "a person" in answer.json()["detail"]) == (403, True), path


def test_a_scope_that_a_token_lacks_is_refused(client: TestClient, person: SignedIn) -> None:
    made = made_token(person("ann"), scopes=["market"])
    answer = client.get("/api/users/profile", **bearer(made["token"]))
    assert (answer.status_code, "the scope users" in answer.json()["detail"]) == (403, True)


def test_object_level_authorisation_nobody_sees_or_revokes_the_token_of_another(
    client: TestClient, person: SignedIn
) -> None:
    ann, bob, admin = person("ann"), person("bob"), person("eve", "admin")
    made = made_token(ann)
    for other in (bob, admin):
        assert other.get("/api/users/tokens").json() == []
        assert other.delete(f"/api/users/tokens/{made['id']}").status_code == 404
    assert called_by(client, made["token"]) == 200


def test_a_new_password_needs_the_present_one_and_ends_all_sessions(client: TestClient, ann: TestClient) -> None:
    change = {"current": NEW, "password": NEW}
    assert ann.put("/api/users/password", json=change).json()["errors"][0]["field"] == "/current"
    assert ann.put("/api/users/password", json={"current": PASSWORD, "password": "ann"}).status_code == 400
    assert ann.put("/api/users/password", json=change | {"current": PASSWORD}).status_code == 200
    assert ann.get("/api/users/profile").status_code == 401
    assert posted(client, "login", email="ann@desk.example", password=NEW)[0] == 200


def test_the_present_password_is_guessed_no_faster_by_a_change(ann: TestClient) -> None:
    wrong = {"current": NEW, "password": NEW}
    assert [ann.put("/api/users/password", json=wrong).status_code for _ in range(6)] == [400] * 5 + [429]


def test_a_new_password_comes_with_recovery_codes_that_void_the_earlier_ones(
    client: TestClient, ann: TestClient
) -> None:
    first = ann.put("/api/users/password", json={"current": PASSWORD, "password": NEW}).json()["recovery_codes"]
    _, made = posted(client, "login", email="ann@desk.example", password=NEW)
    change = {"current": NEW, "password": PASSWORD}
    second = client.put("/api/users/password", json=change, **bearer(made["token"])).json()["recovery_codes"]
    assert (len({*first}), {*first} & {*second}) == (10, set())
    assert posted(client, "recover", email="ann@desk.example", code=first[0], password=NEW)[0] == 401
    _, made = posted(client, "login", email="ann@desk.example", password=PASSWORD)
    asked, sent = "/api/users/recovery-codes", bearer(made["token"])
    third = client.post(asked, json={"current": PASSWORD}, **sent).json()["recovery_codes"]
    assert client.post(asked, json={"current": NEW}, **sent).status_code == 400
    assert posted(client, "recover", email="ann@desk.example", code=second[9], password=NEW)[0] == 401
    assert posted(client, "recover", email="ann@desk.example", code=third[9], password=NEW)[0] == 200


def test_a_log_out_everywhere_leaves_access_tokens(client: TestClient, ann: TestClient) -> None:
    made = made_token(ann)
    assert ann.post("/api/users/logout-everywhere").status_code == 204
    assert ann.get("/api/users/profile").status_code == 401
    assert called_by(client, made["token"]) == 200


def test_an_admin_invites_changes_and_disables_users_of_his_tenant(client: TestClient, admin: TestClient) -> None:
    status, invited = posted(admin, "", email="bob@desk.example", name="Bob", role="viewer")
    page, _, invitation = invited["link"].partition("#")
    assert (status, page) == (201, "http://127.0.0.1:5000/register")
    _, bob = posted(client, "register", invitation=invitation, password=NEW)
    token = bearer(bob["token"])
    path = f"/api/users/{invited['user']}"
    assert client.get("/api/users", **token).status_code == 403
    assert admin.patch(path, json={"role": "admin"}).json()["role"] == "admin"
    assert {each["email"] for each in client.get("/api/users", **token).json()} == {
        *("ann@desk.example", "bob@desk.example")
    }
    assert admin.patch(path, json={"disabled": True}).json()["disabled"] is True
    assert client.get("/api/users", **token).status_code == 401
    assert admin.post(f"{path}/invitation").status_code == 400
    assert admin.patch(path, json={"disabled": False}).status_code == 200
    assert client.get("/api/users", **token).status_code == 401  # his session ended for good
    again = admin.post(f"{path}/invitation").json()
    assert posted(client, "register", invitation=again["link"].partition("#")[2], password=PASSWORD)[0] == 200


def test_an_e_mail_address_that_is_taken_is_refused(admin: TestClient) -> None:
    assert posted(admin, "", email="ANN@desk.example", name="Ann")[0] == 400


def test_an_admin_cannot_shut_himself_out(service: Service, admin: TestClient) -> None:
    with service.sessions() as session:
        own = session.scalars(select(User.id)).one()
    assert admin.patch(f"/api/users/{own}", json={"role": "viewer"}).status_code == 409
    assert admin.patch(f"/api/users/{own}", json={"disabled": True}).status_code == 409


def test_object_level_authorisation_an_admin_sees_no_user_of_another_tenant(service: Service, person: SignedIn) -> None:
    person("bob", tenant="other")
    admin = person("ann", "admin")
    with service.sessions() as session:
        bob = session.scalars(select(User.id).where(User.name == "bob")).one()
    assert [each["name"] for each in admin.get("/api/users").json()] == ["ann"]
    assert admin.patch(f"/api/users/{bob}", json={"role": "admin"}).status_code == 404
    assert admin.post(f"/api/users/{bob}/invitation").status_code == 404


def test_property_level_authorisation_a_user_sets_none_of_his_own_rights(client: TestClient, person: SignedIn) -> None:
    ann = person("ann")
    assert ann.patch("/api/users/me", json={"role": "admin"}).status_code == 403
    admin = person("eve", "admin")
    _, invited = posted(admin, "", email="bob@desk.example", name="Bob")
    body = {"invitation": invited["link"].partition("#")[2], "password": NEW}
    assert posted(client, "register", **body, role="admin", tenant="other")[0] == 400
    _, made = posted(client, "register", **body)
    shown = client.get("/api/users/profile", **bearer(made["token"])).json()
    assert (shown["role"], shown["tenant"]) == ("viewer", "house")
    assert "password" not in str(shown)
