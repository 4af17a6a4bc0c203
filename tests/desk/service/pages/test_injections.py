"""Hostile texts in the fields that people, brokers and programs fill: pages show them as text, and nothing happens."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import Elements
from commanded import FILE
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from injections import INJECTIONS

from desk.service.app import PAGES
from desk.service.caller import Service
from desk.service.store.tables import AccessToken, Passkey, QueuedJob, Share, Tenant, User, new_id, now
from desk.service.users.tokens import SESSION_LIFE, begin_session

TEXTS = {
    name: "".join(each if each >= " " and each != "\x7f" else " " for each in text) for name, text in INJECTIONS.items()
}
ADDRESSES = {"a": "href", "form": "action", "img": "src", "iframe": "src", "link": "href", "script": "src"}
SHOWN_BY = {  # which page shows a text, by the field that it was written into
    "name of a user": "/users",
    "name of a colleague": "/portfolios/{portfolio}/shares",
    "note": "/portfolios/{portfolio}/journal",
    "name of a token": "/account",
    "name of a passkey": "/account",
    "words of a job": "/research/work",
}


class Texts(HTMLParser):
    """The text of a page, with the values of its fields, on one line."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.feed(page)
        self.close()
        self.text = one_line(" ".join(self.parts))

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts += [value or "" for name, value in attrs if name == "value"]


def one_line(text: str) -> str:
    """Text on one line, without the backticks that pages leave out of messages of commands."""
    return " ".join(text.replace("\x00", "").replace("`", "").split())


@pytest.fixture
def filled(app: FastAPI, client: TestClient) -> tuple[TestClient, dict[str, str]]:
    """An admin's client, and the ids of what he has: each text stands in each field that takes it."""
    service: Service = app.state.service
    with service.sessions.begin() as session:
        session.merge(Tenant(name="house"))
        session.flush()
        owner = User(tenant="house", email="a@desk.example", name=TEXTS["script"], role="admin", password="hash")
        others = [User(tenant="house", email=f"{new_id()}@x", name=text, role="viewer") for text in TEXTS.values()]
        session.add_all([owner, *others])
        session.flush()
        life = {"user": owner.id, "expires": now() + SESSION_LIFE}
        session.add_all(AccessToken(name=text, sha256=new_id(), scopes=["users"], **life) for text in TEXTS.values())
        keys = {"user": owner.id, "public_key": b"", "sign_count": 0}
        session.add_all(Passkey(credential=new_id(), name=text, **keys) for text in TEXTS.values())
        client.headers["Authorization"] = f"Bearer {begin_session(session, service.signer, owner).token}"
    text, script = Path(FILE).read_text(), TEXTS["script"]
    made = client.post(
        "/api/portfolios", params={"client": script}, content=text, headers={"Content-Type": "text/yaml"}
    )
    assert made.status_code == 201, made.text
    portfolio = made.json()["id"]
    for each in TEXTS.values():
        said = {"kind": "line", "subject": "SPY", "text": each}
        assert client.post(f"/api/portfolios/{portfolio}/notes", json=said).status_code == 201
    asked = {"orders": {"SPY": -100}, "reason": " ".join(TEXTS.values())[:500], "stale_ok": True}
    issued = client.post(f"/api/portfolios/{portfolio}/tickets", json=asked)
    assert issued.status_code == 201, issued.text
    ticket = issued.json()["id"]
    with service.sessions.begin() as session:
        session.add_all(Share(portfolio=portfolio, user=each.id) for each in others)
        job = {"tenant": "house", "user": owner.id, "portfolio": portfolio, "version": 1, "kind": "report"}
        words = " ".join(TEXTS.values())
        session.add(QueuedJob(state="failed", arguments={}, result={"text": words, "messages": words}, **job))
    order = client.get(f"/api/tickets/{ticket}").json()["orders"][0]["client_order_id"]
    jobs = client.get("/api/jobs").json()["jobs"]
    return client, {"portfolio": portfolio, "ticket": ticket, "order": order, "user": owner.id, "id": jobs[0]["id"]}


def test_hostile_texts_are_text_on_every_page(app: FastAPI, filled: tuple[TestClient, dict[str, str]]) -> None:
    client, ids = filled
    modules = {module.__name__ for module in PAGES}
    paths = sorted({each.path for each in iter_route_contexts(app.routes) if each.endpoint.__module__ in modules})
    seen = dict[str, str]()
    for path in paths:
        asked = path
        for name, value in (ids | {"scenario": "drifted", "run": "none"}).items():
            asked = asked.replace(f"{{{name}}}", value)
        answer = client.get(asked, params={"kind": "report"} if "compare" in path else {})
        assert answer.status_code < 500, path
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        seen[path] = Texts(answer.text).text
        for tag, attributes in Elements(answer.text).found:
            assert not [name for name in attributes if name.startswith("on")], (path, tag, attributes)
            address = urlsplit(attributes.get(ADDRESSES.get(tag, "")) or "")
            assert (address.scheme, address.netloc) in (("", ""), ("data", "")), (path, tag, attributes)
            assert tag != "script" or str(attributes["src"]).startswith("/static/"), (path, attributes)
            assert tag not in ("iframe", "object", "embed", "base", "style", "img"), (path, tag)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'"), path
    for field, path in SHOWN_BY.items():
        for name, text in TEXTS.items():
            assert one_line(text) in seen[path], f"{field} is not on {path}: {name}"
    assert not client.get("/api/watch").json()["paused"]
    state = client.get("/api/tickets").json()["tickets"][0]
    assert (state["is_sent"], state["approved_by"]) == (False, [])
