"""Home: rows that are kept and never called fresh once they are not, what needs a person, import, and money."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from people import SHIPPED, SIXTY_FORTY, YAML, SignedIn, share, stored
from sqlalchemy import event, select

from backtests.runs.folder import code_version
from desk.commands.portfolio_file.new import NewFile, new_text
from desk.journal import Event, Journal
from desk.journal.records import Alert
from desk.service.caller import Service
from desk.service.pages.home import EACH, KINDS, _of_row, drift_marks, told
from desk.service.pages.overviews import OverviewRow
from desk.service.portfolios.figures import Decision, OverviewFigures, Reading
from desk.service.portfolios.validation import POSITIONS
from desk.service.routes.portfolios import PortfolioHead
from desk.service.store.tables import Overview, QueuedJob, StoredPortfolio, now

EXPORT = (SHIPPED / "positions.csv").read_text()
VALUE = {
    "nav": 1e6, "day": "2022-12-29", "moment": "", "past": "By its book.", "periods": [], "classes": [], "drifts": [],
    "more": 0,
}  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)>"


def service_of(app: FastAPI) -> Service:
    return app.state.service


def figures(**changes: Any) -> OverviewFigures:
    """The figures of a row that needs nobody."""
    made = {
        "nav": 1e6, "basis": "USD", "value": VALUE, "priced_on": "2022-12-29", "calendar": "XNYS",
        "today": "2022-12-30", "stale": "",
        "places": [0.5, -0.7, 2.0], "outside": 1, "drift": "AGG is 3.62 points under target", "is_triggered": False,
        "flags": [], "orders": 0, "notional": 0.0, "cost": 0.0, "headline": "No trade.", "decision": None, "alerts": [],
    }  # fmt: skip
    return OverviewFigures.model_validate(made | changes)


def row_of(name: str = "A", **changes: Any) -> OverviewRow:
    head = PortfolioHead(
        id="1" * 32, name=name, client="", owner="ann", version=1, created=now(), deleted=None, writes=True
    )
    return OverviewRow(head, figures(**changes), now(), is_fresh=True)


# -- rows --------------------------------------------------------------------------------------------------------------


def test_a_row_is_made_once_has_the_numbers_of_the_api_and_is_fresh_until_something_changes(
    app: FastAPI, signed_in: SignedIn, stores: Path
) -> None:
    client, service = signed_in(), service_of(app)
    portfolio = stored(client)

    def is_old() -> bool:
        return f'data-row="/overviews/{portfolio}"' in client.get("/").text

    def make() -> str:
        made = client.get(f"/overviews/{portfolio}")
        assert made.status_code == 200, made.text
        assert not is_old()
        return made.text

    assert is_old()
    text = make()
    with service.sessions() as session:
        kept = session.get_one(Overview, portfolio)
    found = OverviewFigures.model_validate_json(service.keys.unseal(kept.sealed))
    drift = client.get(f"/api/portfolios/{portfolio}/drift").json()
    totals = client.post("/api/rebalance/predict", json={"portfolio": portfolio, "stale_ok": True}).json()["totals"]
    assert found.nav == pytest.approx(sum(line["value"] for line in drift["lines"]), abs=0.01)
    assert found.notional == pytest.approx(totals["sells"] + totals["buys"], abs=0.01)
    assert found.cost == pytest.approx(sum(totals[name] for name in ("commission", "half_spread", "ticket", "impact")))
    assert {each.sentence for each in found.flags} < {each["sentence"] for each in drift["readings"]}
    spy, agg = ((line["weight"] - line["target"]) / 0.05 for line in drift["lines"][:2])  # of the file's ranges
    assert found.places == pytest.approx([spy, agg], abs=1e-3)
    assert "2 orders" in text
    assert "1,998,342" in text

    def entry(name: str) -> None:
        with Journal(service.root("house"), user="ann") as journal:
            record = next(journal.entries(last=1)).record
            journal.append([Event(record.__class__(**vars(record) | {"request": name}), portfolio=name)])

    entry("Another")
    assert not is_old()
    assert client.get(f"/overviews/{portfolio}").text == text  # as it is kept
    entry("Sixty-forty")
    assert is_old()
    make()
    with service.sessions() as session:
        kept = session.get_one(Overview, portfolio)
    earlier = found.model_copy(update={"today": "2022-12-30"}).model_dump_json().encode()
    changes: dict[str, dict[str, Any]] = {
        "older code": {"of": kept.of.replace(code_version(), "0" * 12)},
        "another day": {"sealed": service.keys.seal(earlier)},
        "unnoticed changes": {"of": ""},
    }
    for what, values in changes.items():
        with service.sessions.begin() as session:
            session.merge(
                Overview(portfolio=portfolio, **{"of": kept.of, "sealed": kept.sealed, "made": kept.made} | values)
            )
        assert is_old(), what
        assert f"As of {kept.made:%Y-%m-%d %H:%M} UTC" in client.get("/").text
    with service.sessions.begin() as session:
        session.merge(kept)
    assert not is_old()
    (stores / "newer").write_text("")
    assert is_old()
    (stores / "newer").unlink()
    assert not is_old()
    with service.sessions.begin() as session:
        user, ended = session.get_one(StoredPortfolio, portfolio).owner, now() + timedelta(hours=1)
        job = {"kind": "report", "version": 1, "arguments": {}, "state": "done", "ended": ended}
        session.add(QueuedJob(id="1" * 32, tenant="house", user=user, portfolio=portfolio, **job))
    assert is_old()
    with service.sessions.begin() as session:
        session.delete(session.get_one(QueuedJob, "1" * 32))
    assert not is_old()
    text = SIXTY_FORTY.replace("21_350.40", "30_000")
    client.put(f"/api/portfolios/{portfolio}", content=text, headers={**YAML, "If-Match": "*"})
    assert is_old()


def test_home_asks_the_same_queries_of_any_number_of_portfolios_and_starts_no_process(
    app: FastAPI, signed_in: SignedIn, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, service = signed_in(), service_of(app)
    first = stored(client, of=HOSTILE)
    monkeypatch.setattr("desk.service.limited.FORKS", None)
    asked = list[str]()
    event.listen(service.sessions.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    counts = []
    for more in (0, 11):
        with service.sessions.begin() as session:
            owner = session.get_one(StoredPortfolio, first).owner
            session.add_all(StoredPortfolio(tenant="house", owner=owner, name=f"N{k}") for k in range(more))
            session.flush()
            for each in session.scalars(select(StoredPortfolio.id)):
                sealed = service.keys.seal(figures().model_dump_json().encode())
                session.merge(Overview(portfolio=each, of="", sealed=sealed, made=now()))  # as of holdings in MongoDB
        asked.clear()
        page = client.get("/").text
        counts.append(len(asked))
        assert page.count('class="old"') == 1 + more
        assert HOSTILE not in page
        assert "&lt;img src=x" in page
    assert counts[0] == counts[1]
    assert client.get("/", params={"name": "n1"}).text.count('class="old"') == 2  # N1 and N10


def test_a_row_that_cannot_be_made_says_why(signed_in: SignedIn) -> None:
    client = signed_in()
    text = SIXTY_FORTY.replace("policy: threshold\n", "")
    portfolio = stored(client, text)
    answer = client.get(f"/overviews/{portfolio}", headers={"X-Requested-With": "test"})
    assert answer.status_code == 400
    assert "names no policy" in answer.text
    assert "make a report (see Research) of Sixty-forty.yaml" in answer.text


def test_a_picture_shows_an_asset_outside_its_range_by_another_mark() -> None:
    assert drift_marks([0.5, -0.75, 1.0, 2.0]) == ("M16 6v16M-24 6v16M32 6v16", "M64 8l6 6-6 6-6-6z")


# -- what needs a person -----------------------------------------------------------------------------------------------


def test_needs_come_by_kind_and_many_of_one_kind_are_one_sentence() -> None:
    decision = Decision(session="2022-12-29", status="awaiting approval", headline="", asks=True)
    flag = Reading("ranges", 1.0, "critical", triggers=True, sentence="SPY is outside its range")
    alert = Alert("A", "orders", "urgent", "Orders wait.", "")
    rows = [
        row_of("Stale", stale="Prices are old."),
        row_of("Alert", alerts=[alert], is_triggered=True, flags=[flag]),
        row_of("Cycle", decision=decision),
        row_of("Quiet"),
        *(row_of(f"T{k}", is_triggered=True, flags=[flag]) for k in range(EACH + 1)),
    ]
    found = told([need for row in rows for need in _of_row(row)])
    assert [subject for subject, _ in found] == ["Cycle", "Alert", f"{EACH + 1} portfolios", "Stale"]
    assert found[1][1] == [("urgent alert: Orders wait.", f"/portfolios/{'1' * 32}")]
    assert found[2][1] == [(f"T0, T1, T2 and 1 more {KINDS['triggered']}.", "/?only=triggered")]
    halted = _of_row(row_of("Cycle", decision=decision.model_copy(update={"status": "unreconciled"})))
    assert [each.text for each in halted] == ["the cycle of 2022-12-29: book and broker differ."]
    both = told([*_of_row(row_of("Both", decision=decision, stale="Prices are old."))])
    assert [(subject, len(sentences)) for subject, sentences in both] == [("Both", 2)]  # each portfolio once


def test_tickets_that_wait_and_jobs_that_failed_are_told_until_they_are_done(app: FastAPI, signed_in: SignedIn) -> None:
    maker, service = signed_in("manager"), service_of(app)
    portfolio = stored(maker, SIXTY_FORTY + "\nticket: {approvals: 1}\n")
    approver = signed_in("approver")
    ticket = maker.post(f"/api/portfolios/{portfolio}/tickets", json={"stale_ok": True}).json()["id"]
    with service.sessions.begin() as session:
        job = {"user": session.get_one(StoredPortfolio, portfolio).owner, "kind": "report", "version": 1}
        job |= {"tenant": "house", "portfolio": portfolio, "arguments": {}}
        session.add(QueuedJob(**job, state="failed", progress="no memory", created=now() - timedelta(hours=1)))
    waits, failed = f'<a href="/tickets/{ticket}">Sixty-forty</a>: the ticket of', "the last report failed: no memory."
    page = maker.get("/attention").text
    assert "/tickets/" not in page  # others alone may approve it
    assert failed in page
    assert "Sixty-forty" not in approver.get("/attention").text
    share(portfolio, approver)
    page = approver.get("/attention").text
    assert waits in page
    assert failed[4:] in page
    assert page.index(waits) < page.index(failed[4:])
    assert page.count(">Sixty-forty<") == 1
    assert signed_in("admin").post(f"/api/tickets/{ticket}/approve").status_code == 200
    with service.sessions.begin() as session:
        session.add(QueuedJob(**job, state="done"))
    assert "Nothing needs you now." in maker.get("/attention").text


# -- a new portfolio, and money ----------------------------------------------------------------------------------------


def test_positions_become_the_portfolio_that_the_command_line_makes(
    signed_in: SignedIn, stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, asked = signed_in(), {"name": "Mine", "positions": EXPORT, "profile": "conservative", "client": "Smith"}
    made = client.post("/api/portfolios/from-positions", json=asked)
    assert made.status_code == 201, made.text
    monkeypatch.chdir(tmp_path)
    Path(POSITIONS).write_text(EXPORT)
    text, *_ = new_text(NewFile(Path("Mine.yaml"), positions=Path(POSITIONS), profile="conservative"))
    assert client.get(made.headers["Location"], headers={"Accept": "text/yaml"}).text == text
    assert (made.json()["client"], made.json()["files"]) == ("Smith", [POSITIONS])
    assert client.post("/api/portfolios/from-positions", json=asked).status_code == 409


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"positions": EXPORT.replace('"7,460"', '"many"')}, "row 4, column 'Qty (Quantity)'"),
        ({"positions": EXPORT.replace('"AGG"', '"AGGX"')}, "Say what it is in `classes`, `AGGX=us_equity`"),
        ({"classes": ["SPY=shares"]}, "classes, SPY: unknown asset class: found 'shares'"),
        ({"profile": "bold"}, "profile: unknown profile: found 'bold'"),
        ({"weights": ["SPY=60", "AGG=50"]}, "the weights add up to 110, more than 100"),
        ({"name": "a/b"}, "no name"),
    ],
)
def test_positions_that_are_wrong_are_refused_with_their_place(
    signed_in: SignedIn, stores: Path, changes: dict[str, Any], told: str
) -> None:
    asked = {"name": "Mine", "positions": EXPORT} | changes
    answer = signed_in().post("/api/portfolios/from-positions", json=asked)
    assert answer.status_code == 400
    assert told in answer.text.replace('\\"', '"')


def test_each_mistake_of_positions_is_told_in_parts(signed_in: SignedIn, stores: Path) -> None:
    text = EXPORT.replace('"7,460"', '"many"').replace('"3,260"', '"-3,260"')
    errors = signed_in().post("/api/portfolios/from-positions", json={"name": "M", "positions": text}).json()["errors"]
    told = {each["detail"].partition(": ")[0]: (each["field"], each["value"]) for each in errors}
    assert told == {
        "positions.csv, row 4, column 'Qty (Quantity)'": ("/positions", "many"),
        "positions.csv, row 5, column 'Qty (Quantity)'": ("/positions", "-3260.0"),
    }
    assert all(each["mend"] for each in errors)


def test_a_preview_of_positions_says_what_is_odd_and_stores_nothing(signed_in: SignedIn, stores: Path) -> None:
    old = EXPORT.replace("2022/12/29", "2022/09/29").replace('"7,460"', '"4,973"')
    client = signed_in()
    made = client.post("/api/portfolios/from-positions/preview", json={"name": "Mine", "positions": old})
    assert made.status_code == 200, made.text
    found = made.json()
    assert [(row["row"], row["asset"], row["units"]) for row in found["held"]] == [(4, "AGG", 4_973), (5, "SPY", 3_260)]
    assert [row["amount"] for row in found["cash"]] == [21_350.40]
    assert "\nname: Mine\n" in found["text"]
    said = " ".join(found["notes"])
    assert "is of 2022-09-29 by its own words, 91 days before the last close" in said
    assert "AGG is worth 726,977.00 there, and 484,618.85 at the price of this list, 33.3 % less" in said
    assert client.get("/api/portfolios").json() == []


@pytest.mark.parametrize("amount", ["", "0", "-5", "many", "nan", "50,5"])
def test_no_amount_is_told_below_its_field(signed_in: SignedIn, amount: str) -> None:
    client = signed_in()
    page = client.get("/money", params={"portfolio": stored(client), "amount": amount})
    assert page.status_code == 200
    assert "Write an amount of money above zero" in page.text
    assert "data-load" not in page.text
