"""Sign-in by OpenID Connect, against a provider of this machine and its faults."""

from collections.abc import Iterator
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from local_server import serving_locally
from openid_server import CLIENT, SECRET, OpenIdHandler, OpenIdServer
from people import SignedIn, bearer, update_all

from desk.service.app import create_app
from desk.service.caller import Service
from desk.service.settings import OpenIdProvider, ServiceSettings, settings_of_service
from desk.service.store.tables import Identity, OneTimeSecret, User, now
from desk.service.users import openid
from desk.service.users.openid import CALLBACK

URL = "https://desk.example"  # over TLS, so that a client keeps cookies that ask for it
HTTP = httpx.Client()


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdServer]:
    server = OpenIdServer(URL + CALLBACK)
    with serving_locally(server, OpenIdHandler):
        yield server


@pytest.fixture(autouse=True)
def provider(running: OpenIdServer) -> OpenIdServer:
    running.claims, running.fault = {}, ""
    return running


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, running: OpenIdServer) -> FastAPI:
    folder = tmp_path_factory.mktemp("openid") / "service"
    openid = OpenIdProvider(running.address, CLIENT, SECRET)
    return create_app(ServiceSettings(folder=folder, public_url=f"{URL}/", openid=openid, rate=100_000))


@pytest.fixture
def browser(app: FastAPI) -> TestClient:
    """A browser without sign-in here."""
    return TestClient(app, base_url=URL, follow_redirects=False)


def came_back(url: str) -> str:
    """Where the provider sends a browser that was sent to it."""
    return HTTP.get(url).headers["location"]


def sign_in(browser: TestClient) -> httpx.Response:
    """The answer to a browser that signs in at the provider."""
    sent = browser.get("/api/users/login/openid")
    assert sent.status_code == 303, sent.text
    return browser.get(came_back(sent.headers["location"]))


def link(user: TestClient) -> httpx.Response:
    """The answer to a user who links an account of the provider."""
    return user.get(came_back(user.post("/api/users/openid").json()["url"]))


def test_a_user_links_an_account_of_the_provider_and_signs_in_by_it(browser: TestClient, person: SignedIn) -> None:
    ann = person("ann", "manager")
    assert link(ann).status_code == 200
    answer = sign_in(browser)
    assert answer.status_code == 200
    shown = browser.get("/api/users/profile", **bearer(answer.json()["token"])).json()
    assert (shown["email"], len(shown["openid"])) == ("ann@desk.example", 1)
    assert ann.delete("/api/users/openid").status_code == 204
    assert sign_in(browser).status_code == 401


def test_a_browser_gets_a_page_from_which_its_cookie_is_sent(
    browser: TestClient, provider: OpenIdServer, person: SignedIn
) -> None:
    """A browser sends no SameSite=Strict cookie on the way back from another site, only from a page of this one."""
    assert link(person("ann")).status_code == 200
    browser.headers["Accept"] = "text/html,application/xhtml+xml"
    page = browser.get(came_back(browser.get("/api/users/login/openid?cookie=true").headers["location"]))
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<meta http-equiv="refresh" content="0; url=/">' in page.text
    assert "__Host-session=" in page.headers["set-cookie"]
    assert "SameSite=strict" in page.headers["set-cookie"]
    assert browser.get("/api/users/profile").json()["email"] == "ann@desk.example"
    sent = {"headers": {"Origin": URL, "X-Requested-With": "page"}}
    linked = browser.get(came_back(browser.post("/api/users/openid?cookie=true", **sent).json()["url"]))
    assert "url=/account" in linked.text
    provider.fault = "denied"
    failed = browser.get(came_back(browser.get("/api/users/login/openid?cookie=true").headers["location"]))
    assert failed.status_code == 401
    assert "<p>The provider of OpenID Connect refused the sign-in. Start anew.</p>" in failed.text


def test_broken_authentication_an_account_is_never_linked_by_its_e_mail_address(
    browser: TestClient, provider: OpenIdServer, person: SignedIn
) -> None:
    person("ann", "admin")
    provider.claims = {"email": "ann@desk.example", "email_verified": True}
    answer = sign_in(browser)
    assert (answer.status_code, "link" in answer.json()["detail"]) == (401, True)


def test_what_the_browser_is_sent_with_is_random_and_has_a_challenge(browser: TestClient) -> None:
    first, second = (httpx.URL(browser.get("/api/users/login/openid").headers["location"]).params for _ in range(2))
    assert (first["client_id"], first["scope"], first["redirect_uri"]) == (CLIENT, "openid", URL + CALLBACK)
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]


WRONG_CLAIMS: list[dict[str, Any]] = [
    *({"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"aud": None}, {"aud": [CLIENT, "another"]}),
    *({"azp": "another"}, {"exp": 1}, {"exp": None}, {"iat": 9_999_999_999}, {"iss": "https://other.example"}),
    *({"iss": None}, {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "x" * 256}, {"sub": "a\x00"}),
]


def test_broken_authentication_an_id_token_with_a_wrong_claim_is_refused(
    browser: TestClient, provider: OpenIdServer, ann: TestClient
) -> None:
    provider.claims = {"aud": [CLIENT], "azp": CLIENT}
    assert (link(ann).status_code, sign_in(browser).status_code) == (200, 200)
    found = {}
    for claims in WRONG_CLAIMS:
        provider.claims = claims
        found[str(claims)] = sign_in(browser).status_code
    assert found == dict.fromkeys(found, 401)
    assert link(ann).status_code == 401


def test_broken_authentication_an_id_token_without_the_providers_signature_is_refused(
    browser: TestClient, provider: OpenIdServer, person: SignedIn
) -> None:
    assert link(person("ann")).status_code == 200
    for fault in ("alg none", "signed by the public key", "signed by another key", "denied"):
        provider.fault = fault
        assert sign_in(browser).status_code == 401, fault


def test_a_provider_that_does_not_answer_as_it_should_is_said(
    browser: TestClient, provider: OpenIdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in ("another issuer", "no TLS", "busy", "no JSON"):
        provider.fault = fault
        assert browser.get("/api/users/login/openid").status_code == 502, fault
    monkeypatch.setattr(openid, "SIGN_IN_SLOTS", BoundedSemaphore(1))
    with openid.SIGN_IN_SLOTS:  # as one that waits for the provider holds it
        assert browser.get("/api/users/login/openid").status_code == 503
    assert browser.get("/api/users/login/openid").status_code == 502


def test_broken_authentication_a_state_serves_once_in_the_browser_that_began(
    app: FastAPI, browser: TestClient, service: Service, person: SignedIn
) -> None:
    assert link(person("ann")).status_code == 200
    back = came_back(browser.get("/api/users/login/openid").headers["location"])
    victim = TestClient(app, base_url=URL, follow_redirects=False)
    assert victim.get(back).status_code == 401  # whom an attacker sends his own answer
    assert browser.get(back).status_code == 401  # and it is used now
    assert browser.get(f"{CALLBACK}?state=x&code=y").status_code == 401
    late = came_back(browser.get("/api/users/login/openid").headers["location"])
    update_all(service, OneTimeSecret, expires=now())
    assert browser.get(late).status_code == 401


def test_broken_authentication_a_code_serves_once_and_for_its_own_state(browser: TestClient, person: SignedIn) -> None:
    assert link(person("ann")).status_code == 200
    stolen = httpx.URL(came_back(browser.get("/api/users/login/openid").headers["location"])).params["code"]
    own = httpx.URL(came_back(browser.get("/api/users/login/openid").headers["location"])).params["state"]
    assert browser.get(CALLBACK, params={"code": stolen, "state": own}).status_code == 401  # PKCE: another verifier


def test_an_account_of_the_provider_has_one_user(person: SignedIn, provider: OpenIdServer) -> None:
    ann, bob = person("ann"), person("bob")
    assert [link(ann).status_code, link(ann).status_code, link(bob).status_code] == [200, 200, 409]


def test_what_a_user_began_before_his_sessions_were_ended_links_nothing(service: Service, ann: TestClient) -> None:
    back = came_back(ann.post("/api/users/openid").json()["url"])
    assert ann.post("/api/users/logout-everywhere").status_code == 204
    assert ann.get(back).status_code == 401
    with service.sessions() as session:
        assert session.query(Identity).all() == []


def test_a_disabled_user_does_not_sign_in_by_the_provider(
    browser: TestClient, service: Service, person: SignedIn
) -> None:
    link(person("ann"))
    update_all(service, User, disabled=True)
    assert sign_in(browser).status_code == 401


def test_a_server_without_provider_says_so(tmp_path: Path) -> None:
    app = create_app(ServiceSettings(folder=tmp_path / "plain", public_url=URL))
    plain = TestClient(app, base_url=URL, follow_redirects=False)
    assert plain.get("/api/users/login/openid").status_code == 404
    assert plain.get(f"{CALLBACK}?state=x").status_code == 404


def test_the_settings_of_a_provider_come_whole_from_the_environment_and_its_secret_is_not_printed() -> None:
    whole = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "desk", "OIDC_CLIENT_SECRET": "s3cret"}
    found = settings_of_service(whole)
    assert found.openid == OpenIdProvider("https://id.example", "desk", "s3cret")
    assert "s3cret" not in repr(found)
    assert settings_of_service({}).openid is None
    with pytest.raises(ValueError, match="set all of OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET, or none"):
        settings_of_service({"OIDC_ISSUER": "https://id.example"})
    with pytest.raises(ValueError, match="begins with https"):
        settings_of_service(whole | {"OIDC_ISSUER": "http://id.example"})
