"""Messages to people: what each event tells whom, as the browser reads it, and faults of push services and mail."""

import logging
import re
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from mail_server import MailServer, serving_mail
from people import SignedIn
from push_service import PushService, Subscriber, settle
from queued_jobs import add_jobs, add_portfolios

from desk.service import web_push
from desk.service.app import create_app
from desk.service.caller import Service
from desk.service.jobs import queue
from desk.service.notify import Message, notify, notify_of_job, notify_of_ticket
from desk.service.settings import ServiceSettings, settings_of_service
from desk.service.store.keys import reseal
from desk.service.store.tables import PushSubscription, Share, StoredPortfolio, Tenant, User
from desk.service.users.tokens import begin_session, end_all_sessions
from desk.service.web_push import Browser, _PublicConnection, post, push_keys
from foundation.errors import ConfigError

HELLO = Message("Hello", "Something waits.", "/tickets/1")


@pytest.fixture(scope="module")
def one_app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """An application of these tests: one that has answered by another name refuses this one."""
    folder = tmp_path_factory.mktemp("app") / "service"
    return create_app(ServiceSettings(folder=folder, public_url="https://desk.example"))


@pytest.fixture
def service(app: FastAPI) -> Service:
    found: Service = app.state.service
    settings = replace(found.settings, pushes_to_loopback=True, public_url="https://desk.example")
    object.__setattr__(found, "settings", settings)
    return found


@pytest.fixture
def person(app: FastAPI, service: Service) -> Callable[..., tuple[str, TestClient]]:
    """The id and a signed-in client of a new user."""

    def made(name: str, role: str = "manager", tenant: str = "house") -> tuple[str, TestClient]:
        with service.sessions.begin() as session:
            session.merge(Tenant(name=tenant))
            session.flush()
            user = User(tenant=tenant, email=f"{name}@desk.example", name=name, role=role)
            session.add(user)
            session.flush()
            token = begin_session(session, service.signer, user).token
        return user.id, TestClient(app, base_url="https://desk.example", headers={"Authorization": f"Bearer {token}"})

    return made


def subscribed(client: TestClient, pushes: PushService, path: str = "/send/1") -> Subscriber:
    """A browser of a client, to which messages are pushed from now on."""
    browser = Subscriber(pushes, client.get("/api/push/key").json()["key"], path)
    answer = client.post("/api/push/subscriptions", json=browser.body)
    assert answer.status_code == 201, answer.text
    return browser


class Reader(NamedTuple):
    """A user, a client of it, and a browser to which its messages are pushed."""

    user: str
    client: TestClient
    browser: Subscriber


@pytest.fixture
def ann(person: Callable[..., tuple[str, TestClient]], pushes: PushService) -> Reader:
    user, client = person("ann")
    return Reader(user, client, subscribed(client, pushes))


def rows(service: Service) -> int:
    with service.sessions() as session:
        return session.query(PushSubscription).count()


class At(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "At":
        return cls(2022, 12, 30, 9, 30, tzinfo=tz)


def test_a_message_is_read_by_its_browser_alone_and_signed_for_its_push_service(
    service: Service, ann: Reader, pushes: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_push, "datetime", At)
    notify(service, User.id == ann.user, HELLO)
    message, claims, headers = ann.browser.read()
    assert message == {"title": "Hello", "text": "Something waits.", "path": "/tickets/1"}
    assert (claims["aud"], claims["sub"]) == (pushes.address, "https://desk.example")
    assert 0 < claims["exp"] - At.now(UTC).timestamp() <= 86_400  # RFC 8292, section 2
    assert (headers["ttl"], headers["content-encoding"]) == ("86400", "aes128gcm")
    with service.sessions() as session:
        row = session.query(PushSubscription).one()
    assert pushes.address.encode() not in row.sealed


def test_what_a_push_service_refuses_is_logged_and_a_subscription_that_has_ended_forgotten(
    service: Service, ann: Reader, pushes: PushService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "rebalance.service")
    pushes.answers = [(429, {"Retry-After": "600"}), (302, {"Location": f"{pushes.address}/other"}), (410, {})]
    for _ in range(3):
        assert rows(service) == 1
        notify(service, User.id == ann.user, HELLO)
        ann.browser.read()
        settle()
    assert [record.fields["why"] for record in caplog.records] == ["127.0.0.1 answers 429", "127.0.0.1 answers 302"]
    assert pushes.posted.empty()  # no redirection is followed
    assert rows(service) == 0
    assert ann.browser.path not in caplog.text  # who has the address of a browser may push to it


def test_a_silent_push_service_holds_up_nobody_else(
    service: Service,
    ann: Reader,
    pushes: PushService,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(web_push, "PUSH_SECONDS", 0.3)
    pushes.answers = [None]
    for _ in range(2):
        notify(service, User.id == ann.user, HELLO)
        ann.browser.read()
    settle()
    (record,) = [one for one in caplog.records if one.levelno > logging.INFO]
    assert "127.0.0.1 gives no answer" in record.fields["why"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://127.0.0.1:1/a",
        "https://localhost/a",
        "https://169.254.169.254/latest/meta-data",  # of machines in clouds
        "https://10.0.0.1/a",
        "https://2130706433/a",  # 127.0.0.1 as a number
        "https://push.example:8443/a",
    ],
)
def test_only_public_hosts_are_called_by_https_at_its_own_port(service: Service, endpoint: str) -> None:
    key = next(iter(push_keys(service.keys)))
    browser = Browser.model_validate({**Subscriber(PushService(), key).body, "endpoint": endpoint})
    with pytest.raises(OSError, match=r"no public address|not one of HTTPS"):
        post(browser, b"{}", service.keys, "https://desk.example")


@pytest.mark.parametrize(
    "inner",
    [
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",  # 10.0.0.1 behind a gateway of RFC 6052
        "2002:a00:1::1",  # and of RFC 3056
        "64:ff9b:1::a00:1",
        "fec0::1",
        "::a00:1",
        "fd00::1",
        "fe80::1",
        "ff02::1",
    ],
)
def test_no_address_of_a_private_network_is_public_in_the_words_of_ipv6(inner: str) -> None:
    connection = _PublicConnection("push.example", 443, ssl.create_default_context(), False)
    assert not connection._is_public(inner)
    assert connection._is_public("2606:4700::1111")
    assert connection._is_public("64:ff9b::101:101")  # 1.1.1.1, where a network has IPv6 alone


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoint": "http://push.example/a"}, "/endpoint"),
        ({"endpoint": "https://user@push.example/a"}, "/endpoint"),
        ({"endpoint": "https://[::1]/a"}, "/endpoint"),
        ({"keys": {"p256dh": "AAAA", "auth": "c2l4dGVlbiBsZXR0ZXJzLg"}}, "/keys/p256dh"),
        ({"key": "AAAA"}, "/key"),
    ],
)
def test_a_subscription_that_could_not_be_used_is_refused(
    person: Callable[..., Any], service: Service, change: dict[str, Any], field: str
) -> None:
    _, client = person("ann")
    body = Subscriber(PushService(address="https://push.example"), client.get("/api/push/key").json()["key"]).body
    answer = client.post("/api/push/subscriptions", json={**body, **change})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text
    assert rows(service) == 0


def test_a_subscription_is_its_persons_alone_and_ends_with_all_sessions(
    service: Service, person: Callable[..., Any], pushes: PushService, signed_in: SignedIn
) -> None:
    user, ann = person("ann")
    _, bob = person("bob")
    browser = subscribed(ann, pushes)
    id = ann.post("/api/push/subscriptions", json=browser.body).json()["id"]
    assert bob.delete(f"/api/push/subscriptions/{id}").status_code == 404
    assert signed_in("admin").get("/api/push/key").status_code == 403  # a program has no screen
    for number in range(12):
        subscribed(ann, pushes, f"/send/{number}")
    assert rows(service) == 10
    taken = bob.post("/api/push/subscriptions", json=browser.body).json()["id"]  # the browser has another user now
    assert ann.delete(f"/api/push/subscriptions/{taken}").status_code == 404
    with service.sessions.begin() as session:
        end_all_sessions(session, session.get_one(User, user))
    assert rows(service) == 1
    assert bob.delete(f"/api/push/subscriptions/{taken}").status_code == 204
    assert rows(service) == 0


def test_a_rotation_of_keys_leaves_browsers_their_key_until_old_ones_are_dropped(service: Service, ann: Reader) -> None:
    service.keys.rotate()
    assert next(iter(push_keys(service.keys))) != ann.browser.key
    notify(service, User.id == ann.user, HELLO)
    assert ann.browser.read()[0]["title"] == "Hello"
    reseal(service.sessions, service.keys)
    service.keys.drop_old()
    notify(service, User.id == ann.user, HELLO)
    settle()
    assert rows(service) == 0


def test_a_ticket_is_told_to_approvers_who_see_it_and_not_to_its_maker(
    service: Service, person: Callable[..., Any], pushes: PushService
) -> None:
    maker, client = person("maker", "approver")
    subscribed(client, pushes, "/send/maker")
    (id,) = add_portfolios(service.sessions, 1, owner=maker)
    told = set()
    for name, role, tenant, is_shared in (
        ("shared", "approver", "house", True),
        ("admin", "admin", "house", False),  # who sees all tickets of his tenant
        ("manager", "manager", "house", True),
        ("other", "approver", "house", False),
        ("elsewhere", "admin", "elsewhere", False),
        ("disabled", "approver", "house", True),
    ):
        user, client = person(name, role, tenant)
        browser = subscribed(client, pushes, f"/send/{name}")
        told |= {browser.path} if name in ("shared", "admin") else set()
        with service.sessions.begin() as session:
            if is_shared:
                session.add(Share(portfolio=id, user=user))
            session.get_one(User, user).disabled = name == "disabled"
    with service.sessions() as session:
        notify_of_ticket(service, session.get_one(StoredPortfolio, id), "a1b2", maker)
    settle()
    posted = [pushes.posted.get_nowait() for _ in range(pushes.posted.qsize())]
    assert {path for path, _, _ in posted} == told
    assert len(posted) == len(told)
    assert not any(b"desk0" in body for _, _, body in posted)  # the name of the portfolio is encrypted


def test_the_end_of_a_job_is_told_to_its_user_and_a_question_to_approvers_too(
    service: Service, person: Callable[..., Any], pushes: PushService
) -> None:
    user, client = person("ann")
    _, admin = person("boss", "admin")
    mine = subscribed(client, pushes)
    (portfolio,) = add_portfolios(service.sessions, 1, owner=user)

    def end(state: str, *, asks: bool = False) -> None:
        (job,) = add_jobs(service, [portfolio], 1)
        claimed = queue.claim(service.sessions, "worker")
        assert claimed is not None
        notify_of_job(service, job)  # while it runs: of that nobody is told
        settle()
        queue.finish_job(service.sessions, claimed, state, {"asks": asks})
        notify_of_job(service, job)
        settle()

    end("failed")
    assert mine.read()[0]["text"] == "The backtest of desk0 failed: see why, and try again."
    theirs = subscribed(admin, pushes, "/send/2")
    end("done")
    assert mine.read()[0]["text"] == "The backtest of desk0 is done."
    end("done", asks=True)
    paths = {pushes.posted.get(timeout=10.0)[0] for _ in range(2)}
    assert paths == {mine.path, theirs.path}
    assert pushes.posted.empty()


def test_who_wants_e_mail_gets_it_and_who_does_not_any_more_gets_none(
    service: Service, person: Callable[..., Any]
) -> None:
    user, client = person("ann")
    refused = client.put("/api/push/email", json={"wanted": True})
    assert (refused.status_code, "SMTP_HOST" in refused.json()["detail"]) == (409, True)
    with serving_mail(MailServer(faults={"MAIL": ["451 4.3.0 later"]})) as server:
        email = {"host": "127.0.0.1", "port": server.port, "from": "desk@desk.example", "tls": "none"}
        object.__setattr__(service, "settings", replace(service.settings, email=email))
        for _ in range(2):
            assert client.put("/api/push/email", json={"wanted": True}).status_code == 204
        assert rows(service) == 1
        notify(service, User.id == user, HELLO)
        settle()  # it was sent at the second try
        (mail,) = server.mails
        assert (mail.sender, mail.recipients) == ("desk@desk.example", ("ann@desk.example",))
        assert mail.parsed["Subject"] == "Hello"
        assert mail.parsed.get_content().splitlines() == [
            "Something waits.", "", "https://desk.example/tickets/1",
        ]  # fmt: skip
    assert client.put("/api/push/email", json={}).status_code == 204
    assert rows(service) == 0


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"SMTP_HOST": "mail.example"}, "SMTP_FROM is ''"),
        ({"SMTP_FROM": "desk@desk.example"}, "SMTP_HOST is ''"),
        ({"SMTP_HOST": "mail.example", "SMTP_FROM": "desk"}, "SMTP_FROM is 'desk'"),
        ({"SMTP_HOST": "mail.example", "SMTP_FROM": "a@b.example", "SMTP_PORT": "mail"}, "SMTP_PORT is 'mail'"),
        ({"SMTP_HOST": "m", "SMTP_FROM": "a@b.example", "SMTP_USER": "u", "SMTP_TLS": "none"}, "SMTP_USER is 'u'"),
    ],
)
def test_a_mail_server_that_is_stated_wrongly_is_refused_at_the_start(stated: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        settings_of_service(stated)
    assert settings_of_service({}).email is None
