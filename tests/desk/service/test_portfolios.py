"""Portfolios over HTTP: their versions, who sees them, what is refused, and their figures."""

import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import SHIPPED, SIXTY_FORTY, YAML, SignedIn, caller_of, stored
from sqlalchemy import select

from backtests.sheets.pages.risk_sheet import risk_numbers
from backtests.today.holdings_risk import holdings_risk
from desk.commands.cycle.cycle import make_cycle
from desk.commands.report import make_backtest
from desk.commands.today.risk import ready_policies
from desk.service.portfolios.stored import written_out
from desk.service.routes import portfolios
from desk.service.store.schema import opened
from desk.service.store.tables import Note, PortfolioVersion, StoredPortfolio, User
from foundation.files import ROOT
from foundation.paper.formats import json_text, plain_json
from research.portfolio import load_portfolio
from research.portfolio.file.strict_yaml import read_yaml

TREE = read_yaml(str(SHIPPED / "sixty_forty.yaml"))[0]
AS_YAML = {"Accept": "text/yaml"}


def post(client: TestClient, text: str = SIXTY_FORTY, of: str = "") -> str:
    """The path of a new portfolio."""
    return f"/api/portfolios/{stored(client, text, of)}"


def put(client: TestClient, path: str, text: str, tag: str) -> Any:
    return client.put(path, content=text, headers={**YAML, "If-Match": tag})


def with_cash(cash: int) -> str:
    return SIXTY_FORTY.replace("21_350.40", str(cash))


def name_of(client: TestClient) -> str:
    """The e-mail of the user of a client."""
    (head,) = client.get("/api/portfolios").json()[0]["portfolios"]
    return f"{head['owner']}@desk.example"


@pytest.fixture
def client(signed_in: SignedIn) -> TestClient:
    """A client of a manager."""
    return signed_in()


@pytest.fixture
def path(client: TestClient) -> str:
    """The path of a portfolio of the client."""
    return post(client)


# -- versions ----------------------------------------------------------------------------------------------------------


def test_a_portfolio_is_given_back_as_it_was_written_and_as_its_mapping(client: TestClient, path: str) -> None:
    assert client.get(path, headers=AS_YAML).text == SIXTY_FORTY
    assert client.get(path).json()["portfolio"] == TREE


def test_a_mapping_as_json_is_the_same_portfolio(client: TestClient) -> None:
    made = client.post("/api/portfolios", json=TREE)
    assert (made.status_code, made.json()["portfolio"]) == (201, TREE)
    assert yaml.safe_load(client.get(made.headers["Location"], headers=AS_YAML).text) == TREE  # a peer reads it


@pytest.fixture
def on_both(app: FastAPI, tables_url: str) -> None:
    """The application has either database."""
    object.__setattr__(app.state.service, "sessions", opened(tables_url))


def test_every_version_is_kept_and_of_two_writers_one_is_refused(on_both: None, client: TestClient, path: str) -> None:
    assert put(client, path, with_cash(1), "*").status_code == 200
    tag = client.get(path).headers["ETag"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda cash: put(client, path, with_cash(cash), tag).status_code, (2, 3, 4, 5)))
    assert sorted(answers) == [200, 412, 412, 412]
    cash = [client.get(f"{path}?version={k}").json()["portfolio"]["cash"] for k in (1, 2, 3)]
    assert cash == [21350.4, 1, 2 + answers.index(200)]
    assert client.get(f"{path}?version=4").status_code == 404
    assert [each["number"] for each in client.get(f"{path}/history").json()["versions"]] == [3, 2, 1]


def test_a_writer_states_the_version_that_he_has_read(client: TestClient, path: str) -> None:
    read = client.get(path, headers=AS_YAML).headers["ETag"]
    assert client.put(path, content=SIXTY_FORTY, headers=YAML).status_code == 428
    assert put(client, path, with_cash(1), read).headers["ETag"] == '"2.json"'
    assert put(client, path, with_cash(2), read).status_code == 412
    assert client.delete(path, headers={"If-Match": read}).status_code == 412
    assert client.delete(path).status_code == 428


def test_the_same_text_again_is_no_version(client: TestClient, path: str) -> None:
    assert put(client, path, SIXTY_FORTY, "*").headers["ETag"] == '"1.json"'
    assert [each["number"] for each in client.get(f"{path}/history").json()["versions"]] == [1]


def test_a_deleted_portfolio_can_be_read_and_not_be_changed(client: TestClient, path: str) -> None:
    assert client.delete(path, headers={"If-Match": '"1.json"'}).status_code == 204
    assert client.get("/api/portfolios").json() == []
    assert client.get("/api/portfolios?with_deleted=true").json()[0]["portfolios"][0]["deleted"]
    assert client.get(path, headers=AS_YAML).text == SIXTY_FORTY
    assert put(client, path, SIXTY_FORTY, "*").status_code == 410
    assert client.get(f"{path}/risk").status_code == 410
    assert client.post("/api/portfolios", content=SIXTY_FORTY, headers=YAML).status_code == 409


def test_its_name_stays_since_the_journal_knows_it_so(client: TestClient, path: str) -> None:
    answer = put(client, path, SIXTY_FORTY.replace("Sixty-forty", "Other"), "*")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "/name")


def test_texts_and_notes_are_sealed(app: FastAPI, client: TestClient, path: str) -> None:
    client.post(f"{path}/notes", json={"kind": "line", "subject": "SPY", "text": "a secret word"})
    with app.state.service.sessions() as session:
        sealed = [*session.scalars(select(PortfolioVersion.sealed)), *session.scalars(select(Note.sealed))]
    assert len(sealed) == 2
    assert not any(word in each for word, each in product((b"us_equity", b"secret"), sealed))


def test_portfolios_are_grouped_by_client(client: TestClient) -> None:
    for name, of in (("A", "Smith"), ("B", "Jones"), ("C", "Smith")):
        post(client, SIXTY_FORTY.replace("Sixty-forty", name), of)
    groups = client.get("/api/portfolios").json()
    names = [(group["client"], [each["name"] for each in group["portfolios"]]) for group in groups]
    assert names == [("Jones", ["B"]), ("Smith", ["A", "C"])]
    assert client.get("/api/portfolios?client=Jones").json() == groups[:1]
    assert [g["client"] for g in client.get("/api/portfolios?limit=1&offset=1").json()] == ["Smith"]


# -- who sees what -----------------------------------------------------------------------------------------------------


def calls(path: str) -> list[tuple[str, str, dict[str, Any]]]:
    """A call of each route that names a portfolio."""
    bodies: dict[str, dict[str, Any]] = {
        "PUT": {"content": SIXTY_FORTY, "headers": {**YAML, "If-Match": "*"}},
        "DELETE": {"headers": {"If-Match": "*"}},
        "PUT shares": {"json": {"writes": True}},
        "POST notes": {"json": {"kind": "line", "subject": "SPY", "text": "x"}},
    }
    found = []
    for route in portfolios.router.routes:
        for method in route.methods if "{portfolio}" in route.path else ():
            end = route.path.removeprefix("/api/portfolios/{portfolio}").replace("{user}", "someone")
            part = end.strip("/").partition("/")[0]
            found.append((method, path + end, bodies.get(f"{method} {part}".strip(), {})))
    return found


@pytest.mark.parametrize("tenant", ["house", "another house"])
def test_what_a_user_may_not_see_is_not_there(signed_in: SignedIn, tenant: str) -> None:
    path, other = post(signed_in()), signed_in("admin", tenant)
    mine, nowhere = calls(path), calls("/api/portfolios/" + "0" * 32)
    assert len(mine) == 11
    for (method, url, body), (_, absent, _) in zip(mine, nowhere, strict=True):
        refused, missing = other.request(method, url, **body), other.request(method, absent, **body)
        assert (refused.status_code, refused.content) == (404, missing.content), (method, url)
    assert other.get("/api/portfolios?with_deleted=true").json() == []


def test_who_shares_says_whether_it_may_be_changed(signed_in: SignedIn) -> None:
    owner, colleague = signed_in(), signed_in()
    path = post(owner)
    post(colleague, SIXTY_FORTY.replace("Sixty-forty", "Mine"))
    share = f"{path}/shares/{name_of(colleague)}"
    assert owner.put(share, json={}).status_code == 204
    assert colleague.get(path).json()["shares"] == []
    assert len(owner.get(path).json()["shares"]) == 1
    assert put(colleague, path, with_cash(1), "*").status_code == 403
    assert owner.put(share, json={"writes": True}).status_code == 204
    assert put(colleague, path, with_cash(1), "*").status_code == 200
    assert colleague.put(share, json={}).status_code == 403
    assert colleague.delete(path, headers={"If-Match": "*"}).status_code == 403
    assert owner.delete(share).status_code == 204
    assert colleague.get(path).status_code == owner.delete(share).status_code == 404


def test_nothing_is_shared_beyond_the_tenant(signed_in: SignedIn) -> None:
    owner, stranger = signed_in(), signed_in(tenant="another house")
    path = post(owner)
    post(stranger)
    assert owner.put(f"{path}/shares/{name_of(stranger)}", json={}).status_code == 404


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    owners=st.lists(st.integers(0, 3), min_size=1, max_size=5),
    shared=st.sets(st.tuples(st.integers(0, 4), st.integers(0, 1)), max_size=6),
)
def test_a_list_holds_what_is_owned_and_what_is_shared(
    app: FastAPI, signed_in: SignedIn, owners: list[int], shared: set[tuple[int, int]]
) -> None:
    """Users 0 and 1 are of a house, 2 and 3 of another; what is shared is so with users of its house."""
    clients = [signed_in(tenant="house"), signed_in(tenant="house"), signed_in(tenant="b"), signed_in(tenant="b")]
    with app.state.service.sessions() as session:
        users = list(session.scalars(select(User).order_by(User.created.desc()).limit(4)))[::-1]
    sees: list[set[str]] = [set() for _ in clients]
    with app.state.service.sessions.begin() as session:
        for k, owner in enumerate(owners):
            user = users[owner]
            stored = StoredPortfolio(tenant=user.tenant, owner=user.id, name=f"{user.id} {k}", client=str(k % 2))
            session.add(stored)
            session.flush()
            sees[owner].add(stored.id)
            for _, with_whom in (pair for pair in shared if pair[0] == k):
                friend = 2 * (owner // 2) + with_whom
                session.merge(portfolios.Share(portfolio=stored.id, user=users[friend].id, writes=False))
                sees[friend].add(stored.id)
    for client, ids in zip(clients, sees, strict=True):
        groups = client.get("/api/portfolios").json()
        assert sorted(each["id"] for group in groups for each in group["portfolios"]) == sorted(ids)


def test_viewers_change_nothing(signed_in: SignedIn) -> None:
    viewer = signed_in("viewer")
    assert viewer.post("/api/portfolios", content=SIXTY_FORTY, headers=YAML).status_code == 403


# -- what is refused ---------------------------------------------------------------------------------------------------


def mistakes(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.text
    return {each["field"]: each["detail"] for each in answer.json()["errors"]}


def test_all_mistakes_come_at_once_each_with_its_place(signed_in: SignedIn, tmp_path: Path) -> None:
    client, written = signed_in(), tmp_path / "wrong.yaml"
    wrong = SIXTY_FORTY.replace("shares: 3_260", "shares: -5").replace("USD", "''")
    wrong = wrong.replace("rule: never", "rule: my_rules:Own").replace("0.35", "0.9")
    written.write_text(wrong)
    found = client.post("/api/portfolios", content=wrong, headers=YAML)
    lines = {field: text.partition(":")[0] for field, text in mistakes(found).items()}
    assert lines == {
        "/basis": "line 5",
        "/lines/SPY/shares": "line 10",
        "/lines/AGG/range": "line 11",
        "/policies/never/rule": "line 23",
    }
    same = mistakes(client.post("/api/portfolios", json=read_yaml(str(written))[0]))
    assert same.keys() == lines.keys()
    assert not any("line" in text.partition(":")[0] for text in same.values())
    (shares,) = (each for each in found.json()["errors"] if each["field"].endswith("shares"))
    assert shares["value"] == -5
    assert shares["mend"].startswith("Give a number that is at least 0 and at most 1e+15. A portfolio has no short")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"name": "a", "name": "b"}', "twice"),
        ('{"cash": NaN}', "no number of JSON"),
        ("[1]", "not a mapping"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"cash": %s}' % ("1" * 5_000), "no JSON"),
        ('{"name": "\\ud800"}', "no JSON"),
        (json.dumps({"lines": json.loads("[" * 40 + "]" * 40)}), "levels deep"),
    ],
)
def test_json_is_read_strictly(signed_in: SignedIn, text: str, says: str) -> None:
    headers = {"Content-Type": "application/json"}
    (said,) = mistakes(signed_in().post("/api/portfolios", content=text, headers=headers)).values()
    assert says in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "alias"),
        ("a: " + "[" * 5_000, "levels deep"),
        ("a: !!python/object/apply:os.system [ls]", "tag"),
    ],
)
def test_a_yaml_bomb_is_refused(signed_in: SignedIn, text: str, says: str) -> None:
    (said,) = mistakes(signed_in().post("/api/portfolios", content=text, headers=YAML)).values()
    assert says in said


@pytest.mark.parametrize("path", ["../../secret.csv", "/etc/passwd", "x/../../y.csv", f"{ROOT}/pyproject.toml"])
def test_no_path_leads_out_of_the_folder(signed_in: SignedIn, path: str) -> None:
    named = f"positions: {{file: {path}}}\nprices: {path}\nnav_history: {path}\nstress: {{file: {path}}}\n"
    found = mistakes(signed_in().post("/api/portfolios", content=f"{SIXTY_FORTY}\n{named}", headers=YAML))
    assert list(found) == ["/positions/file", "/prices", "/nav_history", "/stress/file"]


def test_no_code_runs_whatever_the_environment_says(signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_TRUST_CODE", "1")
    own = SIXTY_FORTY.replace("rule: never", "rule: os:PathLike")
    found = signed_in().post("/api/portfolios", content=own, headers=YAML).json()["errors"]
    assert [(each["field"], each["mend"].partition(":")[2]) for each in found] == [
        ("/policies/never/rule", " no code of yours runs here.")
    ]


def test_a_book_of_another_portfolio_is_refused_and_not_described(signed_in: SignedIn) -> None:
    text = re.sub(r", shares: [0-9_]+", "", SIXTY_FORTY.replace("cash: 21_350.40", "positions: {book: Theirs}"))
    assert list(mistakes(signed_in().post("/api/portfolios", content=text, headers=YAML))) == ["/positions/book"]


# -- files -------------------------------------------------------------------------------------------------------------


def form(text: str | None, **files: bytes) -> dict[str, Any]:
    parts = [("files", (name.replace("__", "."), content, "text/csv")) for name, content in files.items()]
    return {"files": [*([] if text is None else [("portfolio", ("p.yaml", text.encode(), "text/yaml"))]), *parts]}


DESK, POSITIONS = (SHIPPED / "desk.yaml").read_text(), (SHIPPED / "desk_positions.csv").read_bytes()


def test_a_form_brings_the_files_that_a_portfolio_names(app: FastAPI, client: TestClient) -> None:
    made = client.post("/api/portfolios", **form(DESK, desk_positions__csv=POSITIONS))
    assert (made.status_code, made.json()["files"]) == (201, ["desk_positions.csv"]), made.text
    path = made.headers["Location"]
    later = POSITIONS.replace(b"\n", b"\r\n")
    again = client.put(path, **form(None, desk_positions__csv=later), headers={"If-Match": '"1.json"'})
    assert (again.status_code, again.json()["number"]) == (200, 2), again.text
    file = written_out(app.state.service, caller_of(client), path.rpartition("/")[2], 2)
    assert file.read_text() == DESK
    assert file.with_name("desk_positions.csv").read_bytes() == later


def test_mistakes_in_a_file_name_it_as_the_portfolio_does(app: FastAPI, signed_in: SignedIn) -> None:
    answer = signed_in().post("/api/portfolios", **form(DESK, desk_positions__csv=b"nothing,here\n1,2\n"))
    assert "desk_positions.csv" in str(mistakes(answer))
    assert str(app.state.service.settings.folder) not in answer.text
    (missing,) = signed_in().post("/api/portfolios", **form(DESK)).json()["errors"]
    assert missing["mend"] == "Give the path of a table, and send it with the portfolio, as one of `files`."


def test_a_file_that_unpacks_to_a_gigabyte_is_refused(signed_in: SignedIn) -> None:
    bomb = gzip.compress(b"0" * 13_000_000) * 80
    text = f"{SIXTY_FORTY}\nnav_history: nav.csv.gz\n"
    (field,) = mistakes(signed_in().post("/api/portfolios", **form(text, nav__csv__gz=bomb)))
    assert field == "/nav_history"


@pytest.mark.parametrize("name", ["../x.csv", "own.py", ".x.csv", "x"])
def test_a_file_with_another_name_is_refused(signed_in: SignedIn, name: str) -> None:
    found = signed_in().post("/api/portfolios", files={"portfolio": ("p", DESK), "files": (name, b"1")})
    assert mistakes(found)


def test_other_bodies_and_too_much_are_refused(client: TestClient) -> None:
    assert client.post("/api/portfolios", content="x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert client.post("/api/portfolios", content="#" * 400_001, headers=YAML).status_code == 413
    assert client.post("/api/portfolios", content=b"\xff", headers=YAML).status_code == 400
    assert client.post("/api/portfolios", files={"files": ("x.csv", b"1")}).status_code == 400


def test_a_version_is_written_out_once_under_its_name(app: FastAPI, client: TestClient) -> None:
    portfolio, caller = stored(client), caller_of(client)
    file = written_out(app.state.service, caller, portfolio)
    stamp = file.stat().st_mtime_ns, file.stat().st_ino
    assert file == app.state.service.root("house") / "portfolios" / portfolio / "1" / "Sixty-forty.yaml"
    assert file.read_text() == SIXTY_FORTY
    assert written_out(app.state.service, caller, portfolio, 1) == file
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == stamp
    file.write_text("altered")
    assert written_out(app.state.service, caller, portfolio).read_text() == SIXTY_FORTY


# -- figures -----------------------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_command_line(client: TestClient, path: str, tmp_path: Path) -> None:
    file = SHIPPED / "sixty_forty.yaml"
    run = make_backtest(file, "threshold", tmp_path / "runs").folder
    assert client.get(f"{path}/performance").json()["figures"] == json.loads((run / "summary.json").read_text())
    portfolio = load_portfolio(file)
    policies, notes, _ = ready_policies(portfolio, tmp_path / "runs")
    sheet = risk_numbers(holdings_risk(portfolio, policies, paths=16, notes=notes), {}, ())  # of `rebalance risk`
    assert client.get(f"{path}/risk?paths=16").json() == json.loads(json_text(plain_json(sheet)))


def test_drift_is_what_the_cycle_reads_and_history_is_what_it_journalled(
    app: FastAPI, client: TestClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, caller = app.state.service, caller_of(client)
    monkeypatch.setenv("REBALANCE_HOME", str(service.root("house")))
    file = written_out(service, caller, path.rpartition("/")[2])
    assert client.get(f"{path}/history").json()["cycles"] == []
    ran = make_cycle(file, reports=service.root("house") / "reports")
    drift = client.get(f"{path}/drift").json()
    shown = [each.sentence for each in ran.cycle.monitor.shown]
    assert [each["sentence"] for each in drift["readings"]] == shown
    assert drift["lines"][0]["weight"] == ran.cycle.portfolio.weights[0]
    history = client.get(f"{path}/history").json()
    assert [each["record"]["sha256"] for each in history["cycles"]] == [ran.document["sha256"]]
    assert [each["kind"] for each in history["journal"]][-1] == "cycle"
    other = post(client, SIXTY_FORTY.replace("Sixty-forty", "Other"))
    assert client.get(f"{other}/history").json()["journal"] == []


def test_a_policy_that_must_be_fitted_first_is_a_job(client: TestClient, path: str) -> None:
    answer = client.get(f"{path}/performance?policy=tuned")
    assert answer.status_code == 400
    assert answer.json()["detail"].endswith("POST /api/report for Sixty-forty.yaml")


def test_notes_are_listed_the_newest_first(client: TestClient, path: str) -> None:
    for k in range(3):
        note = {"kind": "line", "subject": "SPY", "text": f"note {k}"}
        assert client.post(f"{path}/notes", json=note).status_code == 201
    texts = [each["text"] for each in client.get(f"{path}/notes?limit=2").json()]
    assert texts == ["note 2", "note 1"]
    assert mistakes(client.post(f"{path}/notes", json={"kind": "x", "subject": "", "text": "y"})).keys() == {
        "/kind",
        "/subject",
    }
