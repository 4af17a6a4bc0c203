"""Prices without a terminal: real workers that ask a server which speaks the sources' formats, quotas and stores."""

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient
from people import SIXTY_FORTY, SignedIn, caller_of, stored
from provider_server import Server, made_bars, own_certificate, serving

from desk.feeds.adapters import ADAPTERS
from desk.feeds.fetching import MIRROR
from desk.service import prices
from desk.service.folders import PORTFOLIOS
from desk.service.jobs import price_updates, queue, worker
from desk.service.routes import prices as price_routes
from desk.service.store.tables import QueuedJob
from desk.service.stores import own_stores, stores_of
from foundation.home import STORES
from research.market.calendars import sessions
from research.market.rows import price_rows
from research.market.store import PriceStore, stores_among

DAYS = sessions(np.datetime64("2022-06-01"), np.datetime64("2023-01-18"), "XNYS").tolist()
BARS = {
    symbol: made_bars(DAYS, price, seed)
    for seed, (symbol, price) in enumerate({"SPY": 390.0, "AGG": 98.0, "DTB3": 4.0}.items())
}
TABLE = "date,SPY,AGG\n" + "".join(
    f"{day},{spy.close},{agg.close}\n" for day, spy, agg in zip(DAYS, BARS["SPY"], BARS["AGG"], strict=True)
)
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A server that stands in for all sources, a key of Tiingo, and the operator's own stores."""
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate(tmp_path / "own.pem")))
    monkeypatch.setenv("TIINGO_API_KEY", "a-key-of-tiingo")
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", "another-key")
    monkeypatch.setenv(STORES, str(tmp_path / "operator"))
    with serving(BARS) as server:
        monkeypatch.setenv(MIRROR, server.address)
        yield server


def asked(client: TestClient, **body: object) -> str:
    answer = client.post("/api/prices", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def worked(app: FastAPI) -> None:
    worker.work(app.state.service, Event(), once=True)


def in_store(folder: Path) -> list[str]:
    return [name for name, store in stores_among(folder).items() if store.parts]


def test_symbols_come_by_a_worker_into_the_tenants_own_store(
    app: FastAPI, source: Server, signed_in: SignedIn, tmp_path: Path
) -> None:
    client, colleague, stranger = signed_in(tenant="other"), signed_in(tenant="other"), signed_in(tenant="third")
    job = asked(client, source="tiingo", symbols=["SPY", "AGG"])
    worked(app)
    record = client.get(f"/api/jobs/{job}").json()
    assert (record["state"], record["portfolio"], record["version"]) == ("done", None, None), record
    assert {
        next((value for name, value in each.headers.items() if name.lower() == "authorization"), "none")
        for each in source.asked
        if each.provider == "tiingo"
    } == {"Token a-key-of-tiingo"}
    store = stores_of(app.state.service.root("other"))["tiingo"]
    closes = store.read(["SPY"]).numbers["close"].tolist()
    assert closes == [bar.close for bar in BARS["SPY"]]
    assert in_store(tmp_path / "operator") == []
    assert client.get("/api/prices").json()["stores"] == [
        {"name": name, "symbols": count, "first": f"{DAYS[0]}", "last": f"{DAYS[-1]}", "is_shared": False}
        for name, count in (("fred", 1), ("tiingo", 2))
    ]
    assert [each["id"] for each in client.get("/api/jobs").json()["jobs"]] == [job]
    for other in (colleague, stranger):
        assert other.get(f"/api/jobs/{job}").status_code == 404
        assert other.get("/api/jobs").json()["total"] == 0
    assert stranger.get("/api/prices").json()["stores"] == []


def test_a_portfolio_gets_what_its_file_needs_into_the_stores_of_the_operators_own_house(
    app: FastAPI, source: Server, signed_in: SignedIn, tmp_path: Path
) -> None:
    client = signed_in()
    source.bars = {symbol: bars[:-1] for symbol, bars in BARS.items()}
    asked(client, source="tiingo", symbols=["SPY", "AGG"])
    worked(app)
    assert in_store(tmp_path / "operator") == ["fred", "tiingo"]  # and the rate of cash
    tree = yaml.safe_load(SIXTY_FORTY) | {"market": {"source": "tiingo", "cash": 0.02}, "test_start": date(2022, 12, 1)}
    portfolio = stored(client, yaml.safe_dump(tree))
    source.bars = BARS
    job = asked(client, portfolio=portfolio)
    worked(app)
    record = client.get(f"/api/jobs/{job}").json()
    assert (record["state"], record["portfolio"], record["version"]) == ("done", portfolio, 1), record
    assert "2 new rows of 2 symbols" in record["result"]["text"]
    store = stores_of(app.state.service.root("house"))["tiingo"]
    assert store.read(["AGG"]).numbers["close"].tolist() == [bar.close for bar in BARS["AGG"]]


def test_prices_of_portfolios_are_updated_by_themselves_one_job_of_a_tenant_at_a_time(
    app: FastAPI, source: Server, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service, client, stranger = app.state.service, signed_in(), signed_in(tenant="other")
    for each in (client, stranger):
        asked(each, source="tiingo", symbols=["SPY", "AGG"])
        worked(app)
    tree = yaml.safe_load(SIXTY_FORTY) | {"market": {"source": "tiingo", "cash": 0.02}, "test_start": date(2022, 12, 1)}
    first, second = (stored(client, yaml.safe_dump(tree | {"name": name})) for name in ("first", "second"))
    third = stored(stranger, yaml.safe_dump(tree | {"name": "third"}))
    stored(client)  # of a table, which no source has
    assert price_updates.update_prices(service) == [first, third]
    assert price_updates.update_prices(service) == []  # both tenants have a job that is open
    worked(app)
    records = client.get("/api/jobs", params={"portfolio": first}).json()["jobs"]
    assert [(each["kind"], each["state"]) for each in records] == [("prices", "done")]
    assert price_updates.update_prices(service) == [second]  # the others were tried
    worked(app)
    monkeypatch.setattr(price_updates, "AGAIN", timedelta(0))
    monkeypatch.delenv("TIINGO_API_KEY")
    assert price_updates.update_prices(service) == []
    assert "This server has no key of Tiingo" in str([each.__dict__.get("fields") for each in caplog.records])


def test_a_folder_that_cannot_be_written_ends_no_look_at_prices(
    app: FastAPI, source: Server, signed_in: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    service, client, stranger = app.state.service, signed_in(tenant="other"), signed_in(tenant="third")
    for each in (client, stranger):
        asked(each, source="tiingo", symbols=["SPY", "AGG"])
        worked(app)
    tree = yaml.safe_load(SIXTY_FORTY) | {"market": {"source": "tiingo", "cash": 0.02}, "test_start": date(2022, 12, 1)}
    first, second = (stored(each, yaml.safe_dump(tree)) for each in (client, stranger))
    folder = service.root("other") / PORTFOLIOS
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("no folder")
    assert price_updates.update_prices(service) == [second]
    assert f"prices of {first} were not asked for" in str([each.__dict__.get("fields") for each in caplog.records])


def test_keys_reach_a_job_of_prices_alone_and_only_those_of_its_sources(
    app: FastAPI, source: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = QueuedJob(kind="prices", arguments={"requests": {"tiingo": 2}})
    assert worker._to_fetch(job) == {MIRROR: source.address, "TIINGO_API_KEY": "a-key-of-tiingo"}
    assert worker._to_fetch(QueuedJob(kind="report", arguments={})) == {}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"source": "tiingo", "symbols": ["SPY", "../users"]}, "/symbols/1"),
        ({"source": "fred", "symbols": ["DTB3&x=1"]}, "/symbols/0"),
        ({"source": "kraken", "symbols": ["BTC"]}, "/symbols/0"),
        ({"source": "yaho", "symbols": ["SPY"]}, "/source"),
        ({"source": "yahoo"}, "/symbols"),
        ({}, "/source"),
    ],
)
def test_a_wrong_symbol_or_source_is_a_400_with_its_field(
    source: Server, signed_in: SignedIn, body: dict[str, object], field: str
) -> None:
    answer = signed_in().post("/api/prices", json=body)
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert not source.asked


def test_a_source_without_its_key_is_not_asked(
    source: Server, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIINGO_API_KEY")
    client = signed_in()
    answer = client.post("/api/prices", json={"source": "tiingo", "symbols": ["SPY"]})
    assert (answer.status_code, answer.json()["detail"]) == (
        409, "This server has no key of Tiingo: who runs it sets one."
    )  # fmt: skip
    ready = {each["name"]: each["ready"] for each in client.get("/api/prices").json()["sources"]}
    assert (ready["tiingo"], ready["yahoo"]) == (False, True)


def test_a_tenant_has_a_quota_of_requests_a_day_and_learns_when_it_is_free_again(
    app: FastAPI, source: Server, signed_in: SignedIn
) -> None:
    """Alpha Vantage allows 25 requests a day, of which a tenant has half; a share needs one of bars."""
    quota = prices.quota_of("alpha_vantage")
    assert quota == 12
    client, other = signed_in(tenant="other"), signed_in(tenant="third")
    more = {"source": "alpha_vantage", "symbols": [f"A{k}" for k in range(5)]}  # three requests each
    assert client.post("/api/prices", json=more).status_code == 400
    job = asked(client, **more | {"symbols": ["A0", "A1", "A2"]})
    assert prices.requests_left(app.state.service, "other")["alpha_vantage"] == 3
    answer = client.post("/api/prices", json=more | {"symbols": ["A0", "A1"]})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 86_401
    assert "00:00 UTC" in answer.json()["detail"]
    assert queue.cancel_job(app.state.service.sessions, job)
    assert client.post(f"/api/jobs/{job}/retry").status_code == 429
    asked(client, **more | {"symbols": ["A0"]})
    assert prices.requests_left(app.state.service, "other")["alpha_vantage"] == 0
    asked(other, **more | {"symbols": ["A0"]})


def test_one_job_of_prices_a_tenant_runs_at_a_time_and_hinders_no_other_tenant(
    app: FastAPI, source: Server, signed_in: SignedIn
) -> None:
    one, other = signed_in(tenant="other"), signed_in(tenant="third")
    jobs = [asked(client, source="tiingo", symbols=["SPY"]) for client in (one, one, other)]
    claimed = [queue.claim(app.state.service.sessions, f"worker {k}") for k in range(3)]
    assert [each and each.id for each in claimed] == [jobs[0], jobs[2], None]


def test_a_table_is_taken_into_a_store_of_the_tenant_and_read_by_no_other(
    app: FastAPI, source: Server, signed_in: SignedIn
) -> None:
    client, stranger = signed_in(tenant="other"), signed_in(tenant="third")
    sent = {"name": "mine", "adjustment": "total", "currency": "USD"}
    answer = client.post("/api/prices/table", params=sent, content=TABLE, headers=CSV)
    assert answer.status_code == 201, answer.text
    assert f"{2 * len(DAYS):,} rows were new or changed" in answer.json()["understood"]
    store = stores_of(app.state.service.root("other"))["mine"]
    assert store.about["imported"] is None
    assert store.read(["SPY"]).numbers["close"].tolist() == [bar.close for bar in BARS["SPY"]]
    assert client.get("/api/market/assets", params={"market": "mine"}).json()[0]["symbol"] == "AGG"
    assert stranger.get("/api/market/assets", params={"market": "mine"}).status_code == 404
    again = client.post("/api/prices/table", params=sent, files={"table": ("p.csv", TABLE)})
    assert (again.status_code, "0 rows were new" in again.json()["understood"]) == (201, True), again.text
    for name in ("yahoo", "../mine"):
        refused = client.post("/api/prices/table", params=sent | {"name": name}, content=TABLE, headers=CSV)
        assert [each["field"] for each in refused.json()["errors"]] == ["/query/name"]
    assert client.post("/api/prices/table", params=sent, json={}).status_code == 415


def test_a_tenant_has_no_more_stores_than_are_allowed(
    app: FastAPI, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_routes, "MOST_STORES", 1)
    client, sent = signed_in(tenant="other"), {"adjustment": "total", "currency": "USD"}
    for name, status in (("first", 201), ("second", 400), ("first", 201)):
        answer = client.post("/api/prices/table", params=sent | {"name": name}, content=TABLE, headers=CSV)
        assert answer.status_code == status, answer.text
    assert [store.name for store in own_stores(app.state.service.root("other")).iterdir()] == ["first"]


def test_stores_of_the_operator_are_shared_but_those_of_sources_that_forbid_it(
    app: FastAPI, source: Server, signed_in: SignedIn, tmp_path: Path
) -> None:
    rows = price_rows(
        "SPY", ["2022-12-29"], [100.0], currency="USD", source="a", fetched_at=np.datetime64("2023-01-01", "us")
    )
    for name in ("yahoo", "tiingo", "kraken", "fred", "ours", "of_a_tool"):
        PriceStore(tmp_path / "operator" / name, name).add(rows)
    PriceStore(tmp_path / "operator" / "ours", "ours").describe(
        imported={"path": "ours.csv", "options": {}, "read": {}}
    )
    sent = signed_in().post(
        "/api/prices/table", params={"name": "uploaded", "adjustment": "total"}, content=TABLE, headers=CSV
    )
    assert sent.status_code == 201, sent.text
    names = {
        tenant: [each["name"] for each in signed_in(tenant=tenant).get("/api/prices").json()["stores"]]
        for tenant in ("house", "other")
    }
    assert names == {
        "house": ["fred", "kraken", "of_a_tool", "ours", "tiingo", "uploaded", "yahoo"], "other": ["fred", "ours"]
    }  # fmt: skip
    assert [name for name, each in ADAPTERS.items() if each.may_pass_on] == ["fred"]
    client = signed_in(tenant="other")
    answer = client.post(
        "/api/prices/table", params={"name": "ours", "adjustment": "total"}, content=TABLE, headers=CSV
    )
    assert answer.status_code == 201, answer.text
    operators, own = (
        PriceStore(folder / "ours", "ours")
        for folder in (tmp_path / "operator", app.state.service.root("other") / "prices")
    )
    assert (operators.size, own.size) == (1, 2 * len(DAYS))


def test_a_portfolio_that_no_source_fills_is_refused(source: Server, signed_in: SignedIn) -> None:
    client = signed_in()
    answer = client.post("/api/prices", json={"portfolio": stored(client, SIXTY_FORTY)})
    assert (answer.status_code, "is fetched from no source" in answer.text) == (400, True), answer.text
    assert caller_of(client).tenant == "house"


def test_the_page_says_what_there_is_what_was_asked_for_and_which_source_has_no_key(
    app: FastAPI, source: Server, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALPHAVANTAGE_API_KEY")
    client, viewer = signed_in(), signed_in("viewer")
    assert "There are no prices yet" in client.get("/prices").text
    queued = client.post("/api/prices", json={"source": "tiingo", "symbols": ["SPY"]}).json()
    assert "no worker is running" in queued["waits_for"]
    assert "no worker is running" in client.get("/prices/work").text
    worked(app)
    assert "1 symbol" in client.get("/prices/work").text
    page = client.get("/prices").text
    assert f"{DAYS[-1]}" in page
    assert "No key is set here for Alpha Vantage" in page
    assert "rebalance data" not in page
    assert "Fetch prices" not in viewer.get("/prices").text
    table = stored(client)
    assert "reads a table, not a source" in client.get("/prices", params={"portfolio": table}).text
    today = client.get(f"/portfolios/{table}/today").text
    assert f'href="/prices?portfolio={table}"' in today


def test_who_may_not_retry_a_job_uses_up_no_request_of_the_tenant(
    app: FastAPI, source: Server, signed_in: SignedIn
) -> None:
    client, reader = signed_in(), signed_in()
    tree = yaml.safe_load(SIXTY_FORTY) | {"market": {"source": "tiingo", "cash": 0.02}, "test_start": date(2022, 12, 1)}
    asked(client, source="tiingo", symbols=["SPY", "AGG"])
    worked(app)
    portfolio = stored(client, yaml.safe_dump(tree))
    shared = client.put(
        f"/api/portfolios/{portfolio}/shares/{caller_of(reader).name}@desk.example", json={"writes": False}
    )
    assert shared.is_success, shared.text
    job = asked(client, portfolio=portfolio)
    assert queue.cancel_job(app.state.service.sessions, job)
    left = prices.requests_left(app.state.service, "house")
    assert reader.post(f"/api/jobs/{job}/retry").status_code == 403
    assert prices.requests_left(app.state.service, "house") == left
