"""Jobs and runs over HTTP: what may be asked for, a real backtest and cycle by a worker, and who sees them."""

import json
import os
from pathlib import Path
from typing import Any

import people
import pytest
import yaml
from commanded import rebalance
from fastapi import FastAPI
from fastapi.testclient import TestClient
from forked import forked
from killed_batch import timeless
from people import SIXTY_FORTY, SignedIn, caller_of, share
from queued_jobs import add_jobs, add_portfolios, job_of, start_worker

from desk.cli import main
from desk.service.jobs import queue, worker
from desk.service.problems import MEDIA_TYPE
from desk.service.routes import jobs


def stored(client: TestClient, name: str = "desk", **more: object) -> str:
    """The id of a portfolio that a client has sent."""
    return people.stored(client, yaml.safe_dump(yaml.safe_load(SIXTY_FORTY) | {"name": name, **more}))


def asked(client: TestClient, kind: str, **body: object) -> str:
    """The id of a job that a client has asked for."""
    answer = client.post(f"/api/{kind}", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/api/jobs/{answer.json()['id']}"
    return str(answer.json()["id"])


def made_in(reports: Path) -> dict[str, bytes | dict[str, object]]:
    """Files of all runs, but for when they were made and for the head of the journal then."""
    found: dict[str, Any] = timeless(reports)
    for name in (name for name in found if name.endswith("manifest.json")):
        found[name] = {key: value for key, value in json.loads(found[name]).items() if key != "journal"}
    return found


def test_a_run_of_a_job_has_the_bytes_of_the_command_lines(
    app: FastAPI, signed_in: SignedIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = signed_in(), signed_in()
    portfolio = stored(client)
    job = asked(client, "backtest", portfolio=portfolio, policy="quarterly")
    home = {"REBALANCE_HOME": str(tmp_path)}  # of the service's folder
    with forked(main, ["rebalance", "serve", "worker", "--once"], home, tmp_path / "log") as work:
        work.join()
    assert work.exitcode == 0, (tmp_path / "log").read_text()
    record = client.get(f"/api/jobs/{job}").json()
    assert record["state"] == "done", record
    assert client.get(f"/api/backtest/{job}/status").json() == record
    root = app.state.service.root("house")
    (file,) = (root / "portfolios").rglob("desk.yaml")
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    done = rebalance("research", "backtest", file, "--policy", "quarterly", "--home", tmp_path)
    assert done.status == 0, done.err
    mine = made_in(tmp_path / "reports")
    assert made_in(root / "reports") == mine
    assert done.out.replace(f"{tmp_path}/", "").strip() == record["result"]["text"]

    assert sorted(f"{record['run']}/{name}" for name in record["files"]) == sorted(mine)
    for name in record["files"]:
        answer = client.get(f"/api/jobs/{job}/files/{name}")
        assert answer.content == (root / "reports" / record["run"] / name).read_bytes()
    assert client.get(f"/api/jobs/{job}/files/summary.txt").headers["content-type"] == "text/plain; charset=utf-8"
    for name in ("../../portfolios", "..%2f..%2fportfolios", "/etc/passwd", "%2fetc%2fpasswd", "none.txt"):
        assert client.get(f"/api/jobs/{job}/files/{name}").status_code == 404

    (listed,) = client.get("/api/runs").json()["runs"]
    shown = client.get(f"/api/runs/{record['run']}").json()
    assert shown | {"text": "", "manifest": {}} == listed
    assert (
        listed["figures"]["volatility"]
        == json.loads((root / "reports" / record["run"] / "summary.json").read_bytes())["volatility"]
    )
    assert shown["text"] == (root / "reports" / record["run"] / "summary.txt").read_text()
    assert client.post(f"/api/runs/{record['run']}/verify").json()["is_unchanged"]
    (root / "reports" / record["run"] / "booked.csv").write_text("changed")
    assert client.post(f"/api/runs/{record['run']}/verify").json()["changed"] == ["booked.csv has another content."]

    manifest = root / "reports" / record["run"] / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"USD"', '"EUR"'))
    (changed,) = client.post(f"/api/runs/{record['run']}/verify").json()["changed"]
    assert changed.startswith(f"reports/{record['run']}/manifest.json was changed")
    assert client.get("/api/runs").json()["runs"][0]["fault"] == changed

    for path in (f"jobs/{job}", f"jobs/{job}/files/summary.txt", f"jobs/{job}/events", f"runs/{record['run']}"):
        assert other.get(f"/api/{path}").status_code == 404
    for path in (f"jobs/{job}/cancel", f"jobs/{job}/retry", f"runs/{record['run']}/verify"):
        assert other.post(f"/api/{path}").status_code == 404
    assert (other.get("/api/jobs").json()["total"], other.get("/api/runs").json()["total"]) == (0, 0)
    assert client.post(f"/api/jobs/{job}/retry").status_code == 409


def test_what_cannot_be_asked_is_refused_before_it_is_queued(
    signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in()
    portfolio = stored(client)
    refused: dict[str, list[tuple[dict[str, object], str]]] = {
        "backtest": [
            ({"policy": "quartely"}, "quarterly"),
            ({"policy": "--home=/tmp"}, "no such policy"),
            ({"policy": "quarterly", "version": 2}, "no version 2"),
            ({"policy": "quarterly", "trust_code": True}, "trust_code"),
            ({}, "policy"),
        ],
        "report": [
            ({"parameters": {"drawz": 5}}, "drawz"),
            ({"parameters": {"draws": "many"}}, "draws"),
            ({"parameters": {"portfolio": "other.yaml"}}, "portfolio"),
            ({"parameters": {"run": "/tmp/x"}}, "run"),
            ({"parameters": {"benchmark": "../../2/desk.csv"}}, "slash"),
        ],
        "sweep": [
            ({"parameters": {"bandz": [0.01]}}, "bands"),
            ({"parameters": {"bands": 0.01}}, "bands"),
            ({"parameters": {"lags": [0.5]}}, "lags"),
            ({"parameters": {"starts": 3}}, "starts"),
            ({"parameters": {"costs": [1.0] * 51}}, "50 values"),
            ({"parameters": {"portfolio": "other.yaml"}}, "portfolio"),
            ({"rules": {"never": None}}, "rules"),
        ],
        "cycle": [({"as_of": "yesterday"}, "as_of"), ({"as_of": "2022-12-29", "out": "/tmp/x"}, "out")],
    }
    for kind, bodies in refused.items():
        for body, word in bodies:
            answer = client.post(f"/api/{kind}", json={"portfolio": portfolio, **body})
            assert answer.status_code in (400, 404), (kind, body, answer.text)
            assert word in answer.text, (kind, body, answer.text)
    hidden = stored(signed_in(), "hidden")
    for batch in ({"portfolios": []}, {"portfolios": [portfolio, hidden]}, {"portfolios": [portfolio] * 21}):
        assert client.post("/api/batch", json=batch).status_code in (400, 404), batch
    assert client.post("/api/batch", json={"portfolios": [portfolio], "parameters": {"draws": "x"}}).status_code == 400
    assert client.get("/api/jobs").json() == {"total": 0, "jobs": []}
    assert signed_in("viewer").post("/api/cycle", json={"portfolio": portfolio}).status_code == 403
    assert signed_in().post("/api/cycle", json={"portfolio": portfolio}).status_code == 404
    assert signed_in(scopes=("market",)).get("/api/jobs").status_code == 403

    monkeypatch.setattr(jobs, "MOST_OPEN", 1)
    asked(client, "report", portfolio=portfolio, parameters={"draws": 500, "reference": "never"})
    answer = client.post("/api/cycle", json={"portfolio": portfolio})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    monkeypatch.setattr(worker, "LEAST_SPACE", 2**62)
    monkeypatch.setattr(jobs, "MOST_OPEN", 2)
    assert client.post("/api/cycle", json={"portfolio": portfolio}).status_code == 503


def queued(app: FastAPI, client: TestClient, *options: str) -> str:
    """The id of a job of a new portfolio of a client's user."""
    service = app.state.service
    (portfolio,) = add_portfolios(service.sessions, 1, caller_of(client).user)
    return add_jobs(service, [portfolio], 1, *options)[0]


def test_a_job_that_waits_is_cancelled_and_queued_again_by_its_user(app: FastAPI, signed_in: SignedIn) -> None:
    client = signed_in()
    job = queued(app, client)
    assert client.post(f"/api/jobs/{job}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/api/jobs/{job}/cancel").status_code == 409
    assert client.post(f"/api/jobs/{job}/retry").json()["state"] == "queued"
    assert client.post(f"/api/jobs/{job}/retry").status_code == 409
    assert client.get("/api/jobs?state=queued").json()["total"] == 1
    assert client.get("/api/jobs?state=done").json()["total"] == 0
    assert client.get("/api/jobs?state=lost").status_code == 400


def test_who_sees_a_portfolio_sees_its_jobs_and_cancels_them_if_he_may_change_it(
    app: FastAPI, signed_in: SignedIn
) -> None:
    owner, colleague, stranger = signed_in(), signed_in(), signed_in(tenant="other")
    job = queued(app, owner)
    assert colleague.get(f"/api/jobs/{job}").status_code == 404
    portfolio = job_of(app.state.service, job).portfolio
    share(portfolio, colleague)
    assert colleague.get(f"/api/jobs/{job}").json()["state"] == "queued"
    assert colleague.get("/api/jobs").json()["total"] == 1
    assert colleague.post(f"/api/jobs/{job}/cancel").status_code == 403
    share(portfolio, colleague, writes=True)
    assert colleague.post(f"/api/jobs/{job}/cancel").status_code == 200
    assert stranger.get(f"/api/jobs/{job}").status_code == 404


def test_events_follow_a_job_until_it_has_ended(
    app: FastAPI, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BEAT", 0.05)
    monkeypatch.setattr(jobs, "LOOK", 0.05)
    client = signed_in()
    job = queued(app, client, "seconds=1")
    process = start_worker(app.state.service.settings, "quick_job", once=True)
    answer = client.get(f"/api/jobs/{job}/events")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = [json.loads(each.removeprefix("data: ")) for each in answer.text.strip().split("\n\n")]
    assert "sleeping (25 %)" in [each["progress"] for each in told]
    assert told[-1] == client.get(f"/api/jobs/{job}").json()
    assert told[-1]["state"] == "done"


def test_events_end_when_the_server_stops(app: FastAPI, signed_in: SignedIn) -> None:
    client = signed_in()
    job = queued(app, client)
    app.state.service.stopping.set()
    assert client.get(f"/api/jobs/{job}/events").text.count("data: ") == 1


def test_a_user_follows_few_jobs_at_a_time(app: FastAPI, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in()
    job = queued(app, client)
    assert queue.cancel_job(app.state.service.sessions, job)
    for _ in range(2 * jobs.MOST_STREAMS):  # one that has ended counts no more
        assert client.get(f"/api/jobs/{job}/events").status_code == 200
    monkeypatch.setattr(jobs, "MOST_STREAMS", 0)
    answer = client.get(f"/api/jobs/{job}/events")
    assert (answer.status_code, answer.headers["content-type"]) == (429, MEDIA_TYPE)


def test_a_token_that_may_not_send_queues_no_cycle_that_may(signed_in: SignedIn) -> None:
    """An assistant with the scopes to write `acts` into a file, and to run its cycle, would send without a person."""
    assistant, person = signed_in(scopes=("portfolios", "jobs", "orders")), signed_in()
    acting = stored(assistant, cycle={"acts": {"venue": "paper", "notional": 1e6}})
    share(acting, person, writes=True)
    refused = assistant.post("/api/cycle", json={"portfolio": acting})
    assert (refused.status_code, refused.json()["detail"][-20:]) == (403, "the scope approvals.")
    job = asked(person, "cycle", portfolio=acting)
    assert person.post(f"/api/jobs/{job}/cancel").status_code == 200
    assert assistant.post(f"/api/jobs/{job}/retry").status_code == 403
    assert person.post(f"/api/jobs/{job}/retry").status_code == 200
    asked(assistant, "cycle", portfolio=stored(assistant, name="other"))
