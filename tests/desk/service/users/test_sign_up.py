"""Registration by e-mail link into a tenant of one's own, where the operator opened it; it tells nobody who is in."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from mail_server import MailServer, serving_mail
from people import PASSWORD, bearer, posted, update_all
from push_service import settle
from sqlalchemy import select

from desk.service.caller import Service
from desk.service.settings import settings_of_service
from desk.service.store.redis import InProcess
from desk.service.store.tables import OneTimeSecret, User, now
from desk.service.users.accounts import invite
from foundation.errors import ConfigError

EVE, ANN = "eve@else.example", "ann@desk.example"


@pytest.fixture
def mails(service: Service) -> Iterator[MailServer]:
    """The mail server of a service that lets anyone register; nobody has asked it yet."""
    before = service.settings, service.shared
    with serving_mail(MailServer()) as server:
        email = {"host": "127.0.0.1", "port": server.port, "from": "desk@desk.example", "tls": "none"}
        for name, value in (
            ("settings", replace(service.settings, email=email, open_registration=True)), ("shared", InProcess()),
        ):  # fmt: skip
            object.__setattr__(service, name, value)
        yield server
        settle()
    for name, value in zip(("settings", "shared"), before, strict=True):
        object.__setattr__(service, name, value)


def link_in(mails: MailServer) -> str:
    """The secret of the link of the last mail."""
    settle()
    found = re.search(r"http://127\.0\.0\.1:5000/register#(\S+)", mails.mails[-1].parsed.get_content())
    assert found
    return found[1]


def test_who_owns_an_address_registers_into_a_tenant_of_his_own_once(client: TestClient, mails: MailServer) -> None:
    tenants = set()
    for email in (EVE, "mallory@else.example"):
        assert posted(client, "sign-up", email=email.upper()) == (204, None)
        link = link_in(mails)
        assert mails.mails[-1].recipients == (email,)
        assert posted(client, "login", email=email, password=PASSWORD)[0] == 401  # there is no account yet
        assert posted(client, "register", invitation=link, password="password1234")[0] == 400
        status, made = posted(client, "register", invitation=link, password=PASSWORD)
        assert (status, len(made["recovery_codes"])) == (200, 10)
        assert posted(client, "register", invitation=link, password=PASSWORD)[0] == 401
        shown = client.get("/api/users/profile", **bearer(made["token"])).json()
        assert (shown["email"], shown["role"]) == (email, "manager")
        tenants.add(shown["tenant"])
    assert len(tenants) == 2
    assert all(re.fullmatch("own-[0-9a-f]{16}", each) for each in tenants)


def test_a_link_expires_and_an_invitation_of_meanwhile_goes_first(
    client: TestClient, service: Service, mails: MailServer
) -> None:
    posted(client, "sign-up", email=EVE)
    early = link_in(mails)
    with service.sessions.begin() as session:
        user, _ = invite(session, "house", EVE, "viewer")
    assert posted(client, "register", invitation=early, password=PASSWORD)[0] == 401
    posted(client, "sign-up", email="mallory@else.example")
    late = link_in(mails)
    update_all(service, OneTimeSecret, expires=now() - timedelta(seconds=1))
    assert posted(client, "register", invitation=late, password=PASSWORD)[0] == 401
    with service.sessions() as session:
        assert session.scalars(select(User.id)).all() == [user.id]


def test_broken_authentication_only_its_owner_learns_that_an_address_has_an_account(
    client: TestClient, ann: TestClient, mails: MailServer
) -> None:
    assert posted(client, "sign-up", email=ANN) == posted(client, "sign-up", email=EVE)
    settle()
    said = {mail.recipients: mail.parsed.get_content() for mail in mails.mails}
    assert ("You have an account already" in said[ANN,], "register#" in said[ANN,]) == (True, False)
    assert "register#" in said[EVE,]


def test_an_address_of_the_network_an_e_mail_address_and_all_together_ask_for_few_links(
    client: TestClient, service: Service, mails: MailServer
) -> None:
    asked = [posted(client, "sign-up", email=f"{number}@else.example")[0] for number in range(7)]
    assert asked == [204] * 5 + [429] * 2
    object.__setattr__(service, "shared", InProcess())
    assert [posted(client, "sign-up", email=EVE)[0] for _ in range(4)] == [204] * 3 + [429]
    object.__setattr__(service, "shared", InProcess())
    for _ in range(500):
        service.shared.count("sign-up:all", 86_400)
    assert posted(client, "sign-up", email="late@else.example")[0] == 429


@pytest.mark.parametrize("email", ["eve", "eve@else.example\nBcc: x@y.example", "a b@c.example", "a@b@c.example"])
def test_what_is_no_address_gets_no_mail(client: TestClient, mails: MailServer, email: str) -> None:
    assert posted(client, "sign-up", email=email)[0] == 400
    settle()
    assert mails.mails == []


def test_by_default_a_server_is_entered_by_invitation(client: TestClient, service: Service) -> None:
    assert posted(client, "sign-up", email=EVE)[0] == 404
    assert "by invitation" in client.get("/sign-up").text
    assert "New account" not in client.get("/sign-in").text
    with service.sessions() as session:
        assert session.query(OneTimeSecret).count() == 0
    assert not settings_of_service({}).open_registration
    stated = {"REGISTER": "open", "SMTP_HOST": "mail.example", "SMTP_FROM": "desk@desk.example"}
    assert settings_of_service(stated).open_registration
    for wrong in ({"REGISTER": "yes"}, {"REGISTER": "open"}):
        with pytest.raises(ConfigError, match="REGISTER"):
            settings_of_service(wrong)


def test_an_open_server_says_where_to_register(client: TestClient, mails: MailServer) -> None:
    assert 'href="/sign-up"' in client.get("/sign-in").text
    assert 'data-api="POST /api/users/sign-up"' in client.get("/sign-up").text
