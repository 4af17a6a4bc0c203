"""Who may call what: role × route × owner, for every route of the app, by the need that each one declares.

A new route is covered as soon as `app` lists its module. What it takes is filled from its part of the OpenAPI document:
ids by those of another user, everything else by the least that its schema allows.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from commanded import FILE
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from people import bearer

from desk.service.app import ALWAYS, DEMO, OPEN, OPEN_PAGES, SIGN_IN, create_app
from desk.service.caller import PERSON, ROLES, SCOPES, Service, needed_by
from desk.service.settings import ServiceSettings
from desk.service.store.tables import AccessToken, Note, Passkey, QueuedJob, Tenant, User, new_id, now
from desk.service.users.one_time import sha256_of
from desk.service.users.tokens import SESSION_LIFE, begin_session

URL = "http://127.0.0.1:5000"
CANARY, NAME = "canary-7f3a", "quince-19cb"  # stand in whatever the other user has, and in his name
TENANTS = ("/users/{user}", "/tickets/{ticket}", "/orders/{order}")  # and below, and pages: open to the tenant's admin
OTHERS = [*((role, "house") for role in ROLES), ("admin", "elsewhere")]  # users; an admin may call every route
DOCUMENT, TEXT = "/api/openapi.json", {"type": "string"}
SIGNED_OUT = (401, 303)  # a page sends its reader to sign in


@dataclass(frozen=True)
class Operation:
    """A route with one of its methods. needed : role and scope; None for one that answers without sign-in."""

    method: str
    path: str
    module: str
    needed: tuple[str, str] | None
    parameters: list[dict[str, Any]]
    body: dict[str, Any] | None

    @property
    def names(self) -> set[str]:
        """The names of the ids that it takes, in its path or its body."""
        in_body = set(self.body or {}) & {"portfolio"}
        return {each["name"] for each in self.parameters if each["in"] == "path"} | in_body

    def call(self, client: TestClient, ids: dict[str, str], token: str = "") -> httpx.Response:
        """The answer where each id is one of `ids`, by its name or any other."""
        given = {each["name"]: least(each["schema"]) for each in self.parameters if each["required"]}
        path = self.path
        for name in given.keys() & self.names:
            path = path.replace(f"{{{name}}}", ids.get(name, ids["id"]))
        query = {name: value for name, value in given.items() if name not in self.names}
        body = None if self.body is None else {**self.body, **{name: ids[name] for name in self.names & set(self.body)}}
        send = bearer(token) if token else {}
        return client.request(self.method, path, params=query, json=body, follow_redirects=False, **send)


def least(schema: dict[str, Any], parts: dict[str, Any] | None = None) -> Any:
    """The least value of a JSON schema; of text with a pattern letters, which may not match. parts : by reference."""
    parts = parts or {}
    if "$ref" in schema:
        return least(parts[schema["$ref"].rpartition("/")[2]], parts)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        return least(choice, parts)
    kind = schema.get("type")
    if kind == "object":
        return {name: least(schema["properties"][name], parts) for name in schema.get("required", ())}
    if kind == "array":
        return [least(schema["items"], parts)] * schema.get("minItems", 0)
    if kind in ("integer", "number"):
        number = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        return int(number) if kind == "integer" else number
    return {"string": "a" * max(1, schema.get("minLength", 0)), "boolean": False}.get(str(kind))


def operations_of(app: FastAPI) -> list[Operation]:
    """Every operation of an app, but its own document."""
    document = app.openapi()
    parts, found = document["components"]["schemas"], []
    for route in iter_route_contexts(app.routes):
        if route.path == DOCUMENT:
            continue
        in_path = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in route.param_convertors]
        page = {"parameters": in_path}  # which the document does not have
        stated = document["paths"].get(route.path_format, dict.fromkeys(("get", "post"), page))
        for method in sorted(route.methods):
            of_method = stated[method.lower()]
            content = of_method.get("requestBody", {}).get("content", {})
            body = least(content["application/json"]["schema"], parts) or {} if "application/json" in content else None
            needed, module = needed_by(route.dependant), route.endpoint.__module__
            parameters = of_method.get("parameters", [])
            found.append(Operation(method, route.path_format, module, needed, parameters, body))
    return found


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    folder = tmp_path_factory.mktemp("matrix")
    return create_app(ServiceSettings(folder=folder / "service", rate=100_000))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=URL) as client:
        yield client


@pytest.fixture(scope="module")
def tokens_of(app: FastAPI) -> Callable[..., list[str]]:
    """The tokens of new users of a role and tenant: of a session, or an access token of some scopes."""
    service: Service = app.state.service

    def made(
        count: int, role: str, tenant: str = "house", scopes: list[str] | None = None, name: str = ""
    ) -> list[str]:
        ids = [new_id() for _ in range(count)]
        users = [User(id=id, tenant=tenant, email=f"{id}@desk.example", name=name or role, role=role) for id in ids]
        with service.sessions.begin() as session:
            session.merge(Tenant(name=tenant))
            session.flush()
            session.add_all(users)
            session.flush()
            if scopes is None:
                return [begin_session(session, service.signer, user).token for user in users]
            values = {"name": "test", "scopes": scopes, "expires": now() + SESSION_LIFE}
            secrets = [new_id() for _ in users]
            session.add_all(
                AccessToken(user=id, sha256=sha256_of(secret), **values)
                for id, secret in zip(ids, secrets, strict=True)
            )
            return secrets

    return made


@pytest.fixture(scope="module")
def theirs(app: FastAPI, client: TestClient, tokens_of: Callable[..., list[str]]) -> dict[str, str]:
    """Ids of what another user has, by the names of parameters; each of his texts holds the canary."""
    (token,) = tokens_of(1, "manager", "house", name=NAME)
    sent = bearer(token)
    text = Path(FILE).read_text().replace("name: ", f"name: {CANARY} ", 1)
    headers = {**sent["headers"], "Content-Type": "text/yaml"}
    made = client.post("/api/portfolios", params={"client": CANARY}, content=text, headers=headers)
    assert made.status_code == 201, made.text
    portfolio, user = made.json()["id"], client.get("/api/users/profile", **sent).json()["id"]
    issued = client.post(f"/api/portfolios/{portfolio}/tickets", json={"stale_ok": True}, **sent)
    assert issued.status_code == 201, issued.text
    ticket = client.get(f"/api/tickets/{issued.json()['id']}", **sent).json()
    service: Service = app.state.service
    ids = {"id": new_id(), "token": new_id(), "passkey": "cGFzc2tleQ", "portfolio": portfolio, "user": user}
    job = {"kind": "report", "arguments": {"words": [CANARY]}, "version": 1, "progress": CANARY, "run": CANARY}
    with service.sessions.begin() as session:
        session.add(QueuedJob(id=ids["id"], tenant="house", user=user, portfolio=portfolio, **job))
        sealed = service.keys.seal(CANARY.encode())
        session.add(Note(portfolio=portfolio, kind="line", subject=CANARY, sealed=sealed, author=user))
        values = {"sha256": sha256_of(CANARY), "scopes": ["users"], "expires": now() + SESSION_LIFE}
        session.add(AccessToken(id=ids["token"], user=user, name=CANARY, **values))
        session.add(Passkey(credential=ids["passkey"], user=user, name=CANARY, public_key=b"", sign_count=0))
    of_ticket = {"ticket": issued.json()["id"], "order": ticket["orders"][0]["client_order_id"]}
    return ids | of_ticket | {"name": CANARY, "run": CANARY}


@dataclass(frozen=True)
class Matrix:
    """Every operation of an app, a client of it, tokens of new users, and ids of what another user has."""

    client: TestClient
    operations: list[Operation]
    tokens_of: Callable[..., list[str]]
    theirs: dict[str, str]

    def call(self, each: Operation, token: str) -> httpx.Response:
        """The answer to what it is asked of the other user."""
        return each.call(self.client, self.theirs, token)

    def statuses(self, operations: Sequence[Operation], tokens: Sequence[str]) -> dict[str, int]:
        """The status of each operation, by its method and path."""
        return {f"{each.method} {each.path}": self.call(each, token).status_code
                for each, token in zip(operations, tokens, strict=True)}  # fmt: skip


@pytest.fixture(scope="module")
def matrix(app: FastAPI, client: TestClient, tokens_of: Callable[..., list[str]], theirs: dict[str, str]) -> Matrix:
    return Matrix(client, operations_of(app), tokens_of, theirs)


def rank(role: str) -> int:
    return ROLES.index(role)


def wrong(cells: dict[str, int], is_right: Callable[[int], bool]) -> dict[str, int]:
    """The cells of the matrix whose status is not right."""
    assert cells
    return {cell: status for cell, status in cells.items() if not is_right(status)}


def test_function_level_authorisation_each_route_declares_what_it_needs(matrix: Matrix) -> None:
    """A module of `ALWAYS` sees itself to who may ask; none of `OPEN`, `DEMO`, `SIGN_IN`, `OPEN_PAGES` has a need."""
    open_modules = {module.__name__ for module in (*ALWAYS, *OPEN, *DEMO, *SIGN_IN, *OPEN_PAGES)}
    undeclared = {each.path for each in matrix.operations if each.needed is None and each.module not in open_modules}
    assert undeclared == set()
    assert {each.needed for each in matrix.operations if each.module in open_modules} == {None}
    needed = [each.needed for each in matrix.operations if each.needed]
    assert {role for role, _ in needed} <= {*ROLES}
    assert {scope for _, scope in needed} <= {*SCOPES, PERSON}


def test_broken_authentication_without_a_good_token_every_route_with_a_need_answers_401(matrix: Matrix) -> None:
    guarded = [each for each in matrix.operations if each.needed]
    for token in ("", "a.b.c"):
        assert wrong(matrix.statuses(guarded, [token] * len(guarded)), lambda status: status in SIGNED_OUT) == {}


def test_broken_authentication_who_may_not_call_learns_nothing_of_his_body(matrix: Matrix) -> None:
    (token,) = matrix.tokens_of(1, "viewer")
    viewer = bearer(token)
    for each in matrix.operations:
        if each.body is None or each.needed is None:
            continue
        path = re.sub(r"\{.*?\}", "a", each.path)
        assert matrix.client.request(each.method, path, json=[]).status_code == 401, path
        if each.needed[0] != "viewer":
            assert matrix.client.request(each.method, path, json=[], **viewer).status_code == 403, path


@pytest.mark.parametrize("role", ROLES)
def test_function_level_authorisation_a_role_calls_what_it_may_and_nothing_else(matrix: Matrix, role: str) -> None:
    """As a person of another tenant than the one whose ids are given."""
    guarded = [each for each in matrix.operations if each.needed]
    found = matrix.statuses(guarded, matrix.tokens_of(len(guarded), role, "elsewhere"))
    may = {f"{each.method} {each.path}": rank(role) >= rank(each.needed[0]) for each in guarded if each.needed}
    allowed, refused = (
        {cell: found[cell] for cell in found if may[cell] is is_allowed} for is_allowed in (True, False)
    )
    assert wrong(allowed, lambda status: status < 500 and status not in (401, 403)) == {}
    if role != ROLES[-1]:
        assert wrong(refused, lambda status: status == 403) == {}


def test_function_level_authorisation_a_token_calls_what_its_scope_and_no_person_needs(matrix: Matrix) -> None:
    within, outside = {}, {}
    for scope in (*SCOPES, PERSON):
        of_scope = [each for each in matrix.operations if each.needed and each.needed[1] == scope]
        (others,) = matrix.tokens_of(1, "admin", "elsewhere", [one for one in SCOPES if one != scope])
        outside |= matrix.statuses(of_scope, [others] * len(of_scope))
        if scope != PERSON:
            within |= matrix.statuses(of_scope, matrix.tokens_of(len(of_scope), "admin", "elsewhere", [scope]))
    assert wrong(outside, lambda status: status == 403) == {}
    assert wrong(within, lambda status: status < 500 and status not in (401, 403)) == {}


@pytest.mark.parametrize(("role", "tenant"), OTHERS)
def test_object_level_authorisation_what_belongs_to_another_is_not_found(
    matrix: Matrix, role: str, tenant: str
) -> None:
    """A body that a rule of its own refuses is 400, before anything is looked for."""
    cells, bodies = {}, {}
    for each, token in zip(matrix.operations, matrix.tokens_of(len(matrix.operations), role, tenant), strict=True):
        is_admins = each.path.removeprefix("/api").startswith(TENANTS) and (role, tenant) == ("admin", "house")
        if each.needed and each.names and rank(role) >= rank(each.needed[0]) and not is_admins:
            answer = matrix.call(each, token)
            assert CANARY not in answer.text.replace(f"'{CANARY}'", ""), each.path  # but as the name that was asked for
            (cells if each.body is None else bodies)[f"{each.method} {each.path}"] = answer.status_code
    assert wrong(cells, lambda status: status == 404) == {}
    if bodies:
        assert wrong(bodies, lambda status: status in (400, 404)) == {}
        assert 404 in bodies.values()


@pytest.mark.parametrize(("role", "tenant"), OTHERS)
def test_object_level_authorisation_nothing_of_another_user_is_in_any_answer(
    matrix: Matrix, role: str, tenant: str
) -> None:
    """But in what the admin of his tenant sees: the list of users, tickets and the audit log."""
    leaks, (token,) = set(), matrix.tokens_of(1, role, tenant)
    for each in (each for each in matrix.operations if each.method == "GET" and not each.names):
        text = matrix.call(each, token).text
        leaks |= {each.path} if CANARY in text or NAME in text else set()
    admins = {"/api/users", "/users", "/api/tickets", "/tickets", "/api/journal"}
    assert leaks <= (admins if (role, tenant) == ("admin", "house") else set())


def test_the_owner_sees_what_the_others_do_not(matrix: Matrix, app: FastAPI) -> None:
    """The ids of these tests are good ones: to their owner they are found."""
    service: Service = app.state.service
    with service.sessions.begin() as session:
        token = begin_session(session, service.signer, session.get_one(User, matrix.theirs["user"])).token
    paths = (
        "/api/portfolios/{portfolio}",
        "/api/portfolios/{portfolio}/notes",
        "/api/jobs/{id}",
        "/api/tickets/{ticket}",
    )
    lists = ("/api/portfolios", "/api/jobs", "/api/tickets", "/api/users/tokens", "/api/users/passkeys")
    for each in matrix.operations:
        if each.method == "GET" and each.path in (*paths, *lists):
            assert CANARY in matrix.call(each, token).text, each.path


def test_open_routes_answer_without_sign_in(matrix: Matrix) -> None:
    """A sign-in without credentials is refused, and what is posted empty; nothing fails."""
    cells = {
        f"{each.method} {each.path}": each.call(matrix.client, {"id": "a"}).status_code
        for each in matrix.operations
        if not each.needed
    }
    assert wrong(cells, lambda status: status < 500) == {}
