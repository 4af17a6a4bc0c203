"""Orders over HTTP: lists and tickets are those of the command line, and each word on them names a person."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from authenticator import Authenticator
from fastapi import FastAPI
from fastapi.testclient import TestClient
from people import SIXTY_FORTY, SignedIn, caller_of, share, update_all
from push_service import PushService, subscribed

from desk.commands.orders.trades import save_trades, trades_now
from desk.exchange.stops import PAUSE
from desk.journal import Journal
from desk.journal.why import why_ordered
from desk.service import orders
from desk.service.caller import SESSION_COOKIE
from desk.service.orders import TradesAsked, listed, signature
from desk.service.portfolios.stored import Content, created, written_out
from desk.service.store.tables import OneTimeSecret, QueuedJob, User, now
from desk.service.users.passkeys import registered, registration_options
from desk.service.users.tokens import begin_browser_session, begin_session
from desk.tickets.formats import FORMATS
from desk.tickets.formats.ticket_json import NOT_HASHED, read_ticket_file
from desk.tickets.order_ids import list_id
from desk.tickets.request import request_of
from foundation.errors import ConfigError, DataError
from foundation.files import ROOT
from foundation.home import HOME
from research.portfolio import load_portfolio

URL = "http://127.0.0.1:5000"
NAME, DAY = "Sixty-forty", "2022-12-30"
SHIPPED = ROOT / "data" / "portfolios" / "sixty_forty.yaml"
TEXT = SIXTY_FORTY + "\nticket: {approvals: 1}\n"


def stored(client: TestClient) -> str:
    """The id of a portfolio of a client."""
    return created(client.app.state.service, caller_of(client), "", Content(NAME, TEXT, {}, {}))  # type: ignore[attr-defined]


@pytest.fixture
def root(app: FastAPI) -> Path:
    """The folder of the tenant."""
    return Path(app.state.service.root("house"))


@pytest.fixture
def issued(app: FastAPI, root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Issue the list of a portfolio for a client as the route does, in this process; gives the id of the ticket."""

    def made(client: TestClient, portfolio: str, cash_flow: float = 0.0, user: str = "") -> str:
        caller = caller_of(client)
        file = written_out(app.state.service, caller, portfolio)
        monkeypatch.setenv(HOME, str(root))
        monkeypatch.chdir(root)
        asked = TradesAsked(as_of=DAY, cash_flow=cash_flow)
        ticket = orders.issued(str(file), asked, caller.name, user or signature(caller))
        return list_id(ticket)

    return made


def test_a_ticket_is_byte_for_byte_that_of_the_command_line(
    app: FastAPI, root: Path, signed_in: SignedIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pushes: PushService
) -> None:
    """And an approver is told that it waits."""
    client, approver = signed_in(), signed_in("admin")
    portfolio, asked = stored(client), {"as_of": DAY, "cash_flow": 50_000, "buys_only": True}
    phone = subscribed(app.state.service, caller_of(approver).user, pushes)
    predicted = client.post("/api/rebalance/predict", json={"portfolio": portfolio, **asked})
    copytree(root, tmp_path / "home")
    ticket = client.post(f"/api/portfolios/{portfolio}/tickets", json=asked).json()
    assert phone.read()[0]["path"] == f"/tickets/{ticket['id']}"
    monkeypatch.setenv(HOME, str(tmp_path / "home"))
    monkeypatch.chdir(root / "portfolios" / portfolio / "1")
    request = request_of(deposit=50_000, side="buy")
    trades = trades_now(load_portfolio(f"{NAME}.yaml", as_of=DAY), request=request, as_of=DAY)
    outs = {form: tmp_path / f"list.{form}" for form in ticket["formats"]}
    save_trades(trades, map(str, outs.values()))
    assert {f".{form}" for form in outs} == set(FORMATS) - {".oms.csv"}  # which needs an account
    for form, out in outs.items():
        answer = client.get(f"/api/tickets/{ticket['id']}", params={"format": form})
        told = out.read_bytes().replace(f'"path": "{root}/'.encode(), b'"path": "')
        assert (answer.content, str(root) in answer.text) == (told, False), form
    (downloaded := tmp_path / "downloaded.json").write_bytes(client.get(f"/api/tickets/{ticket['id']}").content)
    made = read_ticket_file(downloaded)
    assert made["path"] == f"portfolios/{portfolio}/1/{NAME}.yaml"
    assert predicted.json() == {
        key: value for key, value in made.items() if key not in NOT_HASHED
    }  # it is no ticket yet
    sentences = client.get(f"/api/orders/{made['orders'][0]['client_order_id']}/why").json()["sentences"]
    assert [each for each in sentences if "ticket" in each] == [f"Its ticket is tickets/{ticket['id']}.json."]
    for form in ("oms.csv", "../journal.sqlite", "exe"):
        answer = client.get(f"/api/tickets/{ticket['id']}", params={"format": form})
        assert (answer.status_code, "use one of alpaca.json, csv" in answer.json()["detail"]) == (404, True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME, str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("home")
def test_only_eligible_assets_trade() -> None:
    traded = [
        set(listed(str(SHIPPED), TradesAsked(as_of=DAY, cash_flow=-300_000, **asked)).orders.asset)
        for asked in ({}, {"eligible": ["SPY"]}, {"locked": ["AGG"]}, {"eligible": ["SPY", "AGG"], "locked": ["AGG"]})
    ]
    assert traded == [{"SPY", "AGG"}, {"SPY"}, {"SPY"}, {"SPY"}]


@pytest.mark.usefixtures("home")
def test_money_that_goes_out_is_raised_by_sells_alone() -> None:
    orders = listed(str(SHIPPED), TradesAsked(as_of=DAY, cash_flow=-300_000, sells_only=True)).orders
    assert set(orders.side) == {"sell"}


def test_own_orders_are_issued_in_the_name_of_who_gives_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = TradesAsked(as_of=DAY, orders={"SPY": -100, "AGG": 500}, reason=" less\u00a0risk ")
    monkeypatch.chdir(home)
    ticket = orders.issued(str(SHIPPED), asked, "Ann", "Ann (1)")
    with Journal(home, read_only=True) as journal:
        (made,) = journal.entries(ticket=ticket, kind="list")
        assert (made.user, made.record.reason) == ("Ann (1)", "ordered by Ann: less risk")
        assert [(row.side, row.symbol, row.quantity) for row in made.record.orders] == [
            ("sell", "SPY", 100.0),
            ("buy", "AGG", 500.0),
        ]
        sentences = why_ordered(journal, made.record.orders[0].order)
    assert any(each.endswith("points over target: ordered by Ann: less risk.") for each in sentences)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"eligible": ["SPZ"]}, "eligible has 'SPZ': Did you mean 'SPY'? Use SPY, AGG."),
        ({"locked": ["SPZ"]}, "locked has 'SPZ': Did you mean 'SPY'? Use SPY, AGG."),
        ({"buys_only": True, "sells_only": True}, "buys_only and sells_only are both true"),
        ({"policy": "thresold"}, "policy 'thresold' is not in"),
        ({"cash_flow": -5_000, "buys_only": True}, "a withdrawal may need sales, and only buys are asked for"),
        ({"as_of": "2023-06-30"}, "prices are too old for orders on 2023-06-30"),
        ({"orders": {"SPY": -10}}, "orders and reason go together"),
        ({"orders": {"SPY": -10}, "reason": "to \u202elles"}, "the reason is 'to \\u202elles': it has characters"),
        ({"orders": {"SPZ": -10}, "reason": "cash"}, "orders has 'SPZ': Did you mean 'SPY'? Use SPY, AGG."),
        ({"orders": {"SPY": -10}, "reason": "cash", "locked": ["SPY"]}, "SPY may not be sold. Order less of it"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_list_that_cannot_be_made_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises((ConfigError, DataError)) as error:
        listed(str(SHIPPED), TradesAsked.model_validate({"as_of": DAY} | asked))
    assert told in str(error.value)


def test_a_mend_names_keys_of_the_request(signed_in: SignedIn) -> None:
    client = signed_in()
    answer = client.post("/api/rebalance/predict", json={"portfolio": stored(client), "as_of": "2023-06-30"})
    assert answer.status_code == 400
    assert answer.json()["detail"].endswith(
        "Bring the data up to date, give newer prices (`prices`, an option or a key of the portfolio file), say of "
        "which day the list is (`as_of`), or make it all the same with `stale_ok`, which marks it."
    )


def test_whoever_made_a_list_does_not_approve_it(root: Path, signed_in: SignedIn, issued: Callable[..., str]) -> None:
    maker, other, fourth, manager = (signed_in(each) for each in ("approver", "approver", "approver", "manager"))
    portfolio = stored(maker)
    for client in (other, fourth, manager):
        share(portfolio, client)
    at = f"/api/tickets/{issued(maker, portfolio)}"
    (head,) = other.get("/api/tickets").json()["tickets"]
    assert (head["wanted"], head["is_approved"], head["approved_by"]) == (1, False, [])
    history = maker.get(f"/api/portfolios/{portfolio}/history").json()["journal"]
    assert history[0]["content"] == maker.get("/api/journal").json()["entries"][0]["content"]
    assert str(root) not in str(history)
    assert [client.post(f"{at}/approve").status_code for client in (maker, manager)] == [403, 403]
    by = signature(caller_of(other))
    approved = other.post(f"{at}/approve").json()
    assert (approved["is_approved"], approved["approved_by"]) == (True, [by])
    refused = other.post(f"{at}/refuse", json={"reason": "the price of SPY is old"}).json()
    assert (refused["is_approved"], refused["approved_by"], refused["refused_by"]) == (False, [], [by])
    assert fourth.post(f"{at}/approve").status_code == 409
    with Journal(root, read_only=True) as journal:
        made_by = signature(caller_of(maker))
        said = [(entry.kind, entry.user) for entry in journal.entries() if entry.ticket]
        assert said == [("list", made_by), ("approval", by), ("refusal", by)]


def test_a_passkey_confirms_one_ticket_once_and_its_person_must_use_it(
    app: FastAPI, signed_in: SignedIn, issued: Callable[..., str]
) -> None:
    maker, other = signed_in(), signed_in("approver")
    portfolio = stored(maker)
    share(portfolio, other)
    user, device = caller_of(other).user, Authenticator(URL)
    first, second = (f"/api/tickets/{issued(maker, portfolio, flow)}" for flow in (0.0, 10_000.0))
    with app.state.service.sessions.begin() as session:
        secret = begin_browser_session(session, session.get_one(User, user))
        token = begin_session(session, app.state.service.signer, session.get_one(User, user)).token
        made = device.create(registration_options(session, URL, session.get_one(User, user), []))
        assert registered(session, URL, user, "phone", made)
    headers = {"Cookie": f"{SESSION_COOKIE}={secret}", "Origin": URL, "X-Requested-With": "test"}
    browser = TestClient(app, base_url=URL, headers=headers)
    answers = [device.get(browser.post(f"{at}/approve/options").json()["options"]) for at in (first, first, second)]
    late = device.get(browser.post(f"{first}/approve/options").json()["options"])
    for more in ({}, {"Authorization": ""}, {"Authorization": f"Bearer {token}"}):  # by password, without the cookie
        without = browser.post(f"{first}/approve", headers=more)
        assert (without.status_code, without.json()["detail"][:27]) == (403, "You have a passkey: confirm")
    stranger = other.post(f"{first}/approve", json={"credential": Authenticator(URL, user=device.user).get(
        other.post(f"{first}/approve/options").json()["options"])})  # fmt: skip
    assert stranger.status_code == 403
    sign_in = device.get(browser.post("/api/users/login/passkey/options").json()["options"])
    tried = [
        browser.post(f"{at}/approve", json={"credential": answer}).status_code
        for at, answer in (
            (second, answers[0]),
            (second, answers[0]),
            (first, sign_in),
            (first, answers[1]),
            (first, answers[1]),
            (first, {}),
        )
    ]
    assert tried == [403, 403, 403, 200, 403, 403]
    update_all(app.state.service, OneTimeSecret, expires=now())
    expired = [browser.post(f"{at}/approve", json={"credential": given}) for at, given in
               ((first, late), (second, answers[2]))]  # fmt: skip
    assert [each.status_code for each in expired] == [403, 403]
    heads = browser.get("/api/tickets").json()["tickets"]
    assert [each["is_approved"] for each in heads] == [False, True]


def test_a_list_of_a_token_without_the_last_word_waits_for_a_person(app: FastAPI, signed_in: SignedIn) -> None:
    """Where an assistant calls the API by itself, past its tools, it orders as an assistant."""
    program = signed_in(scopes=("portfolios", "orders"))
    user = caller_of(program)
    portfolio = created(app.state.service, user, "", Content(NAME, SIXTY_FORTY, {}, {}))
    made = program.post(f"/api/portfolios/{portfolio}/tickets", json={"as_of": DAY, "stale_ok": True}).json()
    assert (made["wanted"], made["is_approved"]) == (1, False)
    assert made["made_by"] == [f"{user.name} through an assistant ({user.user})"]


def test_four_eyes_are_given_up_by_an_approver_alone(app: FastAPI, signed_in: SignedIn) -> None:
    """Neither in a new version nor by a list of an older one does a manager do without those who approve."""
    maker, other = signed_in(), signed_in("approver")
    portfolio = created(app.state.service, caller_of(maker), "", Content(NAME, SIXTY_FORTY, {}, {}))
    share(portfolio, other, writes=True)

    def changed(client: TestClient, persons: int) -> int:
        text, more = (
            f"{SIXTY_FORTY}\nticket: {{approvals: {persons}}}\n",
            {"If-Match": "*", "Content-Type": "text/yaml"},
        )
        return client.put(f"/api/portfolios/{portfolio}", content=text, headers=more).status_code

    assert [changed(maker, persons) for persons in (2, 1, 0)] == [200, 403, 403]
    older = maker.post(f"/api/portfolios/{portfolio}/tickets?version=1", json={"stale_ok": True})
    assert (older.status_code, older.json()["detail"][:17]) == (403, "It asks 0 persons")
    assert maker.post("/api/cycle", json={"portfolio": portfolio, "version": 1}).status_code == 403
    assert [changed(each, 1) for each in (signed_in("approver", scopes=("portfolios",)), other)] == [404, 200]


def test_an_approved_ticket_is_sent_to_paper_once(root: Path, signed_in: SignedIn, issued: Callable[..., str]) -> None:
    maker, other = signed_in(), signed_in("approver")
    portfolio = stored(maker)
    share(portfolio, other)
    at = f"/api/tickets/{issued(maker, portfolio)}"
    early = maker.post(f"{at}/send", json={})
    assert (early.status_code, early.json()["detail"][:32]) == (409, "Only an approved ticket is sent.")
    reader = signed_in()
    share(portfolio, reader)
    assert reader.post(f"{at}/send", json={}).status_code == 403  # its fills would change what he may only read
    assert other.post(f"{at}/approve").status_code == 200
    maker.post("/api/watch/pause")
    paused = maker.post(f"{at}/send", json={})
    assert (paused.status_code, paused.json()["detail"][:17]) == (409, "Sending is paused")
    other.post("/api/watch/resume")
    assert maker.post(f"{at}/send", json={"venue": "alpaca_live"}).status_code == 400
    sent = maker.post(f"{at}/send", json={"venue": "paper"}).json()
    assert [(each["status"], each["filled"]) for each in sent["orders"]] == [("filled", 133.0), ("filled", 721.0)]
    assert sent["ticket"]["is_sent"]
    kinds = ["order", "order", "acknowledgement", "acknowledgement", "fill", "fill"]
    assert sent_entries(root) == [(kind, signature(caller_of(maker))) for kind in kinds]
    again = other.post(f"{at}/send", json={}).json()
    assert [each["status"] for each in again["orders"]] == ["filled", "filled"]
    assert len(sent_entries(root)) == len(kinds)


def sent_entries(root: Path) -> list[tuple[str, str]]:
    """Kind and user of each entry after those on the list itself."""
    with Journal(root, read_only=True) as journal:
        return [(each.kind, each.user) for each in journal.entries() if each.order]


def test_whoever_queued_the_cycle_that_made_a_list_does_not_approve_it(
    app: FastAPI, signed_in: SignedIn, issued: Callable[..., str]
) -> None:
    """A cycle journals its list in the name of the worker's user."""
    asker, other = signed_in("approver"), signed_in("approver")
    portfolio = stored(asker)
    share(portfolio, other)
    who, earlier, later = caller_of(asker).user, now() - timedelta(hours=1), now() + timedelta(hours=1)
    job = {"tenant": "house", "portfolio": portfolio, "version": 1, "kind": "cycle", "arguments": {}}
    with app.state.service.sessions.begin() as session:
        session.add(QueuedJob(user=who, created=earlier, ended=later, **job))
        session.add(QueuedJob(user=caller_of(other).user, created=earlier, ended=earlier, **job))
    at = f"/api/tickets/{issued(asker, portfolio, user='rebalance')}/approve"
    assert [client.post(at).status_code for client in (asker, other)] == [403, 200]


def test_nobody_sees_the_orders_of_another(signed_in: SignedIn, issued: Callable[..., str]) -> None:
    owner, admin = signed_in("approver"), signed_in("admin")
    portfolio = stored(owner)
    at = f"/api/tickets/{issued(owner, portfolio)}"
    why = f"/api/orders/{owner.get(at).json()['orders'][0]['client_order_id']}/why"
    assert "The policy is 'threshold' of Sixty-forty.yaml." in owner.get(why).json()["sentences"]
    for stranger in (signed_in("approver"), signed_in("admin", "another")):
        answers = [
            stranger.get(at),
            stranger.get(why),
            stranger.post(f"{at}/approve"),
            stranger.post(f"{at}/refuse", json={"reason": "no"}),
            stranger.post("/api/rebalance/predict", json={"portfolio": portfolio}),
            stranger.post(f"/api/portfolios/{portfolio}/tickets", json={}),
        ]
        assert [answer.status_code for answer in answers] == [404] * len(answers)
        assert all(NAME not in answer.text for answer in answers)
        assert stranger.get("/api/tickets").json() == {"tickets": [], "next": None}
        assert stranger.get("/api/journal").json() == {"entries": [], "next": None}
        assert stranger.get("/api/watch").json()["portfolios"] == {}
    assert [entry["kind"] for entry in admin.get("/api/journal").json()["entries"]] == ["list"]


def test_the_journal_is_paged_and_verified(root: Path, signed_in: SignedIn, issued: Callable[..., str]) -> None:
    client = signed_in()
    assert client.get("/api/journal/verify").json()["count"] == 0
    portfolio = stored(client)
    made = [issued(client, portfolio, flow) for flow in (0.0, 10_000.0, 20_000.0)]
    first = client.get("/api/journal", params={"limit": 2}).json()
    rest = client.get("/api/journal", params={"limit": 2, "before": first["next"]}).json()
    assert [entry["sequence"] for entry in first["entries"] + rest["entries"]] == [3, 2, 1]
    assert rest["next"] is None
    assert str(root) not in str(first)
    assert str(root) not in client.get(f"/api/portfolios/{portfolio}/history").text
    newest = client.get("/api/tickets", params={"limit": 2}).json()["tickets"]
    assert [ticket["id"] for ticket in newest] == [made[2], made[1]]
    of_one = client.get("/api/journal", params={"ticket": made[1], "kind": "list"}).json()["entries"]
    assert [entry["sequence"] for entry in of_one] == [2]
    found = client.get("/api/journal/verify").json()
    assert (found["count"], found["faults"]) == (3, [])
    (root / "journal.head").write_bytes(b"%020d %s\n" % (9, b"0" * 64))
    assert client.get("/api/journal/verify").json()["faults"] == [
        "Entries 4 to 9 are missing: journal.head states 9 entries."
    ]


def test_a_pause_names_who_asked_for_it(root: Path, signed_in: SignedIn) -> None:
    viewer, manager, approver = signed_in("viewer"), signed_in("manager"), signed_in("approver")
    assert viewer.post("/api/watch/pause").status_code == 403
    paused = manager.post("/api/watch/pause").json()
    assert paused["paused"]
    assert paused["text"] == "Cycles run, and nothing is sent: PAUSE. To go on: POST /api/watch/resume"
    assert (root / PAUSE).read_text().startswith(signature(caller_of(manager)))
    assert manager.post("/api/watch/resume").status_code == 403
    assert approver.post("/api/watch/resume").json()["paused"] is False
    assert viewer.get("/api/watch").json()["text"] == "Cycles run, and send what their files allow."
