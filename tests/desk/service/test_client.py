"""The client and `rebalance --server`, against a server of their own, with a worker beside it."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uvicorn
from commanded import rebalance
from fastapi import FastAPI
from fastapi.testclient import TestClient
from payloads import payload
from people import SignedIn
from watched import SETTINGS, steady

from desk.commands.cycle import PERSON_ASKED
from desk.journal.journal import Journal
from desk.service.client import TOKEN, Client
from desk.service.jobs import queue, worker
from foundation.errors import ConfigError

LINES = SETTINGS["lines"]
OUTSIDE = LINES | {"A": LINES["A"] | {"range": [0.0, 0.5]}}  # A stays outside its range, so that a person is asked


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    """The address of the service, which listens on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def works(app: FastAPI) -> Iterator[None]:
    """A worker beside the server."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.work, args=(app.state.service, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def token(signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> str:
    """The access token of a manager, in the environment too."""
    found = signed_in().headers["Authorization"].removeprefix("Bearer ")
    monkeypatch.setenv(TOKEN, found)
    return str(found)


def test_the_open_endpoints_answer_without_a_token(url: str, client: TestClient) -> None:
    found = Client(url).rebalance(payload())
    told = client.post("/api/rebalance", json=payload()).json()
    assert {**found, "metadata": None} == {**told, "metadata": None}
    assert Client(url).get("/api/multi-agent-blueprint") == client.get("/api/multi-agent-blueprint").json()


def test_a_problem_is_an_error_with_each_mistake(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        Client(url).rebalance(payload() | {"portfolio_value": -1.0, "drift": 0.1})
    first, *mistakes = str(error.value).splitlines()
    assert first == "The request has 2 mistakes."
    assert [each.partition(":")[0] for each in mistakes] == ["/drift", "/portfolio_value"]
    assert "found -1" in mistakes[1]


def test_who_is_not_signed_in_is_told_where_a_token_goes(url: str) -> None:
    with pytest.raises(ConfigError, match=f"Sign in.*\nSet the environment variable {TOKEN}"):
        Client(url).get("/api/portfolios")


@pytest.mark.parametrize("url", ["desk.example", "http://desk.example", "ftp://127.0.0.1", ""])
def test_a_token_goes_to_no_other_machine_in_clear(url: str) -> None:
    with pytest.raises(ConfigError, match=r"https://desk\.example"):
        Client(url, "secret")


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"http://127\.0\.0\.1:1 gives no answer"):
        Client("http://127.0.0.1:1").get("/api/health")


def test_commands_on_a_server_print_what_they_print_here(
    app: FastAPI, url: str, token: str, works: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A portfolio with a table of prices beside it is stored once, however often it is sent unchanged."""
    file = steady(tmp_path, {"cycle": {"worlds": 100}, "lines": OUTSIDE})
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    there = rebalance("--server", url, "research", "backtest", file, "--policy", "never")
    here = rebalance("research", "backtest", file, "--policy", "never", "--home", tmp_path)
    assert (there.status, here.status) == (0, 0), there.err + here.err
    figures, _, files = there.out.strip().rpartition("\n")
    assert figures.split("\n")[:8] == here.out.split("\n")[:8]
    assert files.startswith("Its ")
    cycle = rebalance("--server", url, "desk", "run", file, "--as-of", "2022-08-05")
    assert "\nStatus: awaiting approval\n" in cycle.out, cycle.err
    assert cycle.status == PERSON_ASKED
    (listed,) = (each for each in Client(url, token).get("/api/jobs")["jobs"] if each["kind"] == "cycle")
    job = Client(url, token).get(f"/api/jobs/{listed['id']}")
    assert (job["state"], job["files"]) == ("done", ["cycle.html", "cycle.json"])
    page = Client(url, token).ask("GET", f"/api/jobs/{job['id']}/files/cycle.html")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!doctype html>")
    with Journal(app.state.service.root("house"), read_only=True) as journal:
        (me,) = {entry.user for entry in journal.entries(kind="cycle")}
    assert me.startswith("cycle, queued by ")
    assert me.endswith(f" ({job['user']})")
    listed = rebalance("--server", url, "runs").out.splitlines()
    assert [line.split()[1:3] for line in listed] == [["kind", "portfolio"], ["backtest", "Steady"]]
    (known,) = Client(url, token).get("/api/portfolios")
    assert [(each["name"], each["version"]) for each in known["portfolios"]] == [("Steady", 1)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("trades", "desk.yaml"),
            "trades is done here alone: leave --server out, or take report, research backtest, desk run, runs.",
        ),
        (("runs", "--json"), "--json is for this machine alone: leave it, or --server, out."),
        (("report", "desk.yaml", "--pdf", "page"), "--pdf is for this machine alone"),
    ],
)
def test_what_a_server_does_not_do_is_refused_before_it_is_asked(words: tuple[str, ...], said: str) -> None:
    done = rebalance("--server", "http://127.0.0.1:1", *words)
    assert done.status == 2
    assert said in done.err


def test_a_job_that_fails_says_why(app: FastAPI, url: str, token: str, tmp_path: Path) -> None:
    file = steady(tmp_path)
    client = Client(url, token)
    with pytest.raises(ConfigError, match=r"no policy of it, found 'nevr'. Did you mean 'never'"):
        client.done("backtest", portfolio=client.stored(file), policy="nevr")

    def fail() -> None:
        while (job := queue.claim(sessions, "a worker")) is None:
            time.sleep(0.05)
        queue.finish_job(sessions, job, "failed", {"messages": "No price is of that day."})

    sessions, portfolio = app.state.service.sessions, client.stored(file)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(fail)
        with pytest.raises(ConfigError, match=r"the cycle failed\. No price is of that day"):
            client.done("cycle", portfolio=portfolio, as_of="1990-01-02")


def test_who_interrupts_a_command_cancels_its_job(url: str, token: str, tmp_path: Path) -> None:
    class Interrupted(Client):
        def get(self, path: str, **query: object) -> object:
            if path.startswith("/api/jobs/"):
                raise KeyboardInterrupt
            return super().get(path, **query)

    client = Interrupted(url, token)
    with pytest.raises(KeyboardInterrupt):
        client.done("backtest", portfolio=client.stored(steady(tmp_path)), policy="never")
    (job,) = Client(url, token).get("/api/jobs")["jobs"]
    assert job["state"] == "cancelled"
