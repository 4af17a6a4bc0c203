"""`rebalance serve`: what it refuses to start, and a server of its own process against clients that misbehave."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import repeat
from multiprocessing.context import ForkProcess
from pathlib import Path

import httpx
import psutil
import pytest
from commanded import rebalance
from forked import forked
from queued_jobs import add_jobs, add_portfolios, wait_for
from sqlalchemy import select

from desk.service import serving as served
from desk.service.caller import opened_service
from desk.service.guards import bodies
from desk.service.jobs import beside
from desk.service.payload.readiness import READINESS
from desk.service.serving import announcement, check_start, first_page, reasons_against
from desk.service.settings import ServiceSettings, settings_of_service
from desk.service.store.tables import User, Worker
from desk.service.users.accounts import disable, invite
from foundation.errors import ConfigError

ROOT = Path(__file__).parents[3]
WAIT = 30  # seconds after which a test fails
PUBLIC = "https://desk.example"
USER, TLS, NAME, DISK = "no admin can sign in", "without TLS", "its name is not stated", "are plain files"


@pytest.mark.parametrize(
    ("stated", "reasons"),
    [
        ({}, []),
        ({"host": "::1"}, []),
        ({"host": "localhost", "open_only": True}, []),
        ({"host": "192.0.2.1"}, [USER, TLS, DISK]),
        ({"host": "192.0.2.1", "open_only": True}, []),  # nothing is stored, and nobody signs in
        ({"host": "0.0.0.0", "open_only": True}, []),
        ({"host": "0.0.0.0", "open_only": True, "tls": (Path("cert.pem"),)}, ["one is missing"]),
        ({"host": "0.0.0.0"}, [USER, TLS, NAME, DISK]),
        ({"host": "::", "public_url": PUBLIC}, [USER, TLS, DISK]),
        ({"host": "0.0.0.0", "behind_proxy": True}, [USER, NAME, DISK]),
        ({"host": "0.0.0.0", "behind_proxy": True, "public_url": PUBLIC}, [USER, DISK]),
        ({"host": "0.0.0.0", "behind_proxy": True, "public_url": PUBLIC, "open_only": True}, []),
        ({"public_url": "http://localhost:5000"}, []),
        ({"public_url": PUBLIC}, [USER, TLS, DISK]),  # what else would make it known by this name than a proxy?
        ({"behind_proxy": True, "public_url": PUBLIC}, [USER, DISK]),  # on loopback, and reached through the proxy
        ({"behind_proxy": True, "public_url": "http://desk.example", "open_only": True}, []),
        ({"behind_proxy": True, "public_url": PUBLIC, "encrypted_disk": True}, [USER]),
        ({"behind_proxy": True, "public_url": "http://desk.example"}, [USER, "begins with https://", DISK]),
        ({"tls": (Path("cert.pem"),)}, ["one is missing"]),
        ({"tls": (Path("nowhere.pem"), Path("key.pem"))}, ["no certificate"]),
    ],
)
def test_each_reason_not_to_start_is_stated(tmp_path: Path, stated: dict[str, object], reasons: list[str]) -> None:
    found = reasons_against(ServiceSettings(folder=tmp_path, **stated), has_admin=False)  # type: ignore[arg-type]
    assert len(found) == len(reasons)
    for reason, expected in zip(found, reasons, strict=True):
        assert expected in reason
        assert re.search(r"\. (Make|Give|Set) ", reason)


def test_a_server_with_users_starts_where_tls_is_stated(tmp_path: Path) -> None:
    stated = ServiceSettings(
        folder=tmp_path, host="192.0.2.1", behind_proxy=True, public_url=PUBLIC, encrypted_disk=True
    )
    assert reasons_against(stated, has_admin=True) == []


def test_a_server_starts_with_an_admin_who_is_not_disabled(tmp_path: Path) -> None:
    stated = ServiceSettings(folder=tmp_path, behind_proxy=True, public_url=PUBLIC, encrypted_disk=True)
    service = opened_service(stated)
    for role, is_disabled, starts in (("manager", False, False), ("admin", True, False), ("admin", False, True)):
        with service.sessions.begin() as session:
            user, _ = invite(session, "house", f"{role}{is_disabled}@desk.example".lower(), role)
            disable(session, user, is_disabled)
        with nullcontext() if starts else pytest.raises(ConfigError, match=USER):
            check_start(service)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("RATE", "0"),
        ("BEHIND_PROXY", "yes"),
        ("OPEN", "yes"),
        ("ENCRYPTED_DISK", "LUKS"),
        ("PUBLIC_URL", "desk.example"),
        ("PUBLIC_URL", "https://desk.example/base"),
    ],
)
def test_a_variable_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        settings_of_service({name: value})


def test_one_variable_opens_a_server_whose_announcement_says_to_whom() -> None:
    assert [settings_of_service({"OPEN": value}).open_only for value in ("", "0", "1")] == [False, False, True]
    said = announcement(settings_of_service({"OPEN": "1", "HOST": "0.0.0.0"}))
    assert said == (
        "http://0.0.0.0:5000 answers the demo and the payload endpoints, to anyone, under any name and without TLS of "
        "its own: nothing is stored, and nobody signs in."
    )


def test_a_browser_is_led_to_the_demo_where_nobody_signs_in(tmp_path: Path) -> None:
    service = opened_service(ServiceSettings(folder=tmp_path, open_only=True))
    assert first_page(service) == service.settings.address
    with service.sessions() as session:
        assert session.query(User).count() == 0


@pytest.mark.parametrize("url", [PUBLIC, f"{PUBLIC}/", "https://[2001:db8::1]:8443", "http://localhost:5000"])
def test_a_public_url_is_a_scheme_and_a_host(url: str) -> None:
    assert settings_of_service({"PUBLIC_URL": url}).address == url.rstrip("/")


def test_the_command_refuses_a_network_without_users_and_a_port_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path))
    refused = rebalance("serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.status == 2
    assert all(reason in refused.err for reason in (USER, TLS, NAME, DISK, "rebalance serve user add --role admin"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = rebalance("serve", "--port", taken.getsockname()[1])
    assert (refused.status, "another --host or --port" in refused.err) == (2, True)


@dataclass(frozen=True)
class Serving:
    """A server of another process: its port, its process, and the file of its log."""

    port: int
    process: ForkProcess
    log: Path

    def connected(self, sent: bytes = b"") -> socket.socket:
        """A connection on which something was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)
        connection.sendall(sent)
        return connection


@contextmanager
def serving(home: Path, limits: tuple[float, ...], *options: str) -> Iterator[Serving]:
    """A server with such times for heads, bodies and the drain, in seconds, and so many connections."""

    def start() -> None:
        from desk.cli import main

        READINESS._work = lambda: None  # what it waits for has tests of its own
        beside.PAUSE = 0.1
        served.HEAD_SECONDS, bodies.BODY_SECONDS, served.DRAIN_SECONDS, served.MAX_CONNECTIONS = limits
        main()

    log = home / "log"
    words = ["rebalance", "serve", "--port", "0", *options]
    with forked(
        start, words, {"REBALANCE_HOME": str(home), "PUBLIC_URL": PUBLIC, "ENCRYPTED_DISK": "1"}, log
    ) as process:
        while not (log.exists() and log.read_text().startswith(f"{PUBLIC} answers")):
            assert process.is_alive(), log.read_text()
            time.sleep(0.02)
        yield Serving(listening_port(process.pid), process, log)


def listening_port(pid: int | None) -> int:
    """The port on which a process listens."""
    (found,) = [each for each in psutil.Process(pid).net_connections("tcp") if each.status == "LISTEN"]
    return int(found.laddr.port)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("impatient"), (0.5, 0.5, 0, 1000), "--behind-proxy", "--open") as server:
        yield server


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("patient"), (60, 60, 2, 20), "--behind-proxy", "--open") as server:
        yield server


def answer_of(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:  # it closed before it read what was sent
        pass
    return received


def head(method: str = "POST", *headers: str, host: str = "Host: 127.0.0.1") -> bytes:
    return "\r\n".join((f"{method} /api/health HTTP/1.1", host, *headers, "", "")).encode()


def test_a_request_without_a_host_is_refused(impatient: Serving) -> None:
    for request in (b"GET /api/health HTTP/1.0\r\n\r\n", b"GET /api/health HTTP/1.1\r\n\r\n"):
        with impatient.connected(request) as connection:
            assert b" 400 " in answer_of(connection).splitlines()[0]


def test_a_slow_head_and_a_silent_client_are_closed(impatient: Serving) -> None:
    with impatient.connected() as silent, impatient.connected(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n") as slow:
        assert dripped(slow, b"X-a: b\r\n")
        assert answer_of(silent) == b""


def dripped(connection: socket.socket, part: bytes) -> bool:
    """True if the server closes while a client sends a little again and again, which would take 20 seconds."""
    try:
        for _ in range(400):
            connection.sendall(part)
            time.sleep(0.05)
    except OSError:
        return True
    return False


def test_a_slow_body_is_answered_and_closed(impatient: Serving) -> None:
    with impatient.connected(head("POST", "Content-Length: 1000")) as slow:
        slow.sendall(b"{")
        assert b" 408 " in answer_of(slow).splitlines()[0]
    with impatient.connected(head("POST", "Content-Length: 100000")) as slow:
        assert dripped(slow, b" ")


def test_two_gigabytes_in_chunks_are_refused_early(impatient: Serving) -> None:
    chunk, sent = b"10000\r\n" + bytes(0x10000) + b"\r\n", 0
    with impatient.connected(head("POST", "Transfer-Encoding: chunked")) as connection:
        try:
            for part in repeat(chunk, 2 * 10**9 // len(chunk)):
                connection.sendall(part)
                sent += len(part)
        except OSError:
            pass
        assert answer_of(connection).startswith(b"HTTP/1.1 413 ")
    assert sent < 30_000_000  # what the sockets of both sides may buffer


def test_a_connection_serves_many_requests_and_none_that_follows_a_refused_body(impatient: Serving) -> None:
    with impatient.connected(head("GET") * 2 + head("GET", "Connection: close")) as connection:
        assert answer_of(connection).count(b"HTTP/1.1 200 ") == 3
    smuggled = head("POST", "Content-Length: 3000000") + head("GET")
    with impatient.connected(smuggled) as connection:
        assert answer_of(connection).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(("size", "status"), [(30_000, 200), (40_000, 431), (70_000, 431)])
def test_a_head_has_a_length_however_it_arrives(impatient: Serving, size: int, status: int) -> None:
    long = head("GET", f"X-Long: {'a' * size}", "Connection: close")
    with impatient.connected(long) as whole, impatient.connected(long[:-2]) as parted:
        time.sleep(0.05)
        parted.sendall(long[-2:])
        for connection in (whole, parted):
            assert answer_of(connection).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_body_of_two_lengths_ends_the_connection(impatient: Serving) -> None:
    """RFC 9112, section 6.1."""
    both = head("POST", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n" + head("GET")
    with impatient.connected(both) as connection:
        answer = answer_of(connection)
    assert (answer[:13], answer.count(b"HTTP/1.1 ")) == (b"HTTP/1.1 400 ", 1)


def test_health_is_answered_where_there_are_too_many_connections(patient: Serving) -> None:
    url = f"http://127.0.0.1:{patient.port}/api"
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(patient.connected())
        assert [httpx.get(f"{url}/health", timeout=WAIT).status_code for _ in range(10)] == [200] * 10
        refused = httpx.get(f"{url}/openapi.json", timeout=WAIT)
        assert (refused.status_code, refused.headers["retry-after"], refused.headers["connection"]) == (
            503,
            "5",
            "close",
        )
        silent = [stack.enter_context(patient.connected()) for _ in range(20)]
        assert answer_of(silent[-1]) == b""
    assert httpx.get(f"{url}/openapi.json", timeout=WAIT).status_code == 200


def test_a_server_that_is_terminated_says_so_ends_what_is_running_and_exits(patient: Serving) -> None:
    url = f"http://127.0.0.1:{patient.port}/api/health"
    with httpx.Client(timeout=WAIT) as client, patient.connected(head("POST", "Content-Length: 2")) as running:
        running.sendall(b"{")
        while client.get(url, params={"ready": True}).status_code == 503:
            time.sleep(0.05)
        patient.process.terminate()
        while (ready := client.get(url, params={"ready": True})).status_code == 200:
            time.sleep(0.01)
        assert ready.status_code == 503
        assert client.get(url).json()["ready"] is False
        with suppress(httpx.TransportError):
            while client.get(url):  # until it no longer listens
                time.sleep(0.05)
        assert patient.process.is_alive()
        running.sendall(b"}")
        assert answer_of(running).startswith(b"HTTP/1.1 405 ")
    patient.process.join(WAIT)
    assert patient.process.exitcode == 0
    lines = [json.loads(line) for line in patient.log.read_text().splitlines() if line.startswith("{")]
    assert {200, 405, 503} <= {line["status"] for line in lines}


def test_a_server_does_jobs_by_a_worker_that_starts_again_and_ends_with_it(tmp_path: Path) -> None:
    service = opened_service(ServiceSettings(folder=tmp_path / "service"))
    with service.sessions.begin() as session:
        invite(session, "house", "admin@desk.example", "admin")
    portfolios = add_portfolios(service.sessions, 2)

    def workers() -> list[int]:
        with service.sessions() as session:
            return [int(name.split(":")[1]) for name in session.scalars(select(Worker.name))]

    with serving(tmp_path, (60, 60, 0, 20), "--behind-proxy") as server:
        for portfolio in portfolios:
            (job,) = add_jobs(service, [portfolio], 1, "--policy=never")
            failed = wait_for(service, job, "failed", "done")
            assert failed.result is not None
            assert "portfolio.yaml" in failed.result["messages"]  # which is not there, says the command
            (found,) = [psutil.Process(pid) for pid in workers() if psutil.pid_exists(pid)]
            if portfolio == portfolios[0]:
                found.kill()
        server.process.kill()
        assert psutil.wait_procs([found], timeout=WAIT)[0] == [found]
        assert found.pid not in workers()  # it has signed off
