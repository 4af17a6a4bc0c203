"""A server of the service: the checks before it starts, its limits of connections and time, and its end."""

import resource
import signal
import socket
import ssl
import threading
from asyncio import TimerHandle, Transport
from dataclasses import replace
from getpass import getuser
from types import FrameType

import h11
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select
from uvicorn.protocols.http.h11_impl import H11Protocol

from desk.service.caller import Service
from desk.service.guards.bodies import MAX_HEAD
from desk.service.guards.limits import CROWDED
from desk.service.settings import WILDCARDS, ServiceSettings
from desk.service.store.tables import User
from desk.service.stores import FIRST_TENANT
from desk.service.users.accounts import invitation_of, invite, link_of, user_of
from foundation.errors import ConfigError

MAX_CONNECTIONS = 10_000  # beyond which health alone is answered; beyond twice as many none is taken
HEAD_SECONDS = 10.0  # for the head of a request
IDLE_SECONDS = 75  # of a connection between requests: longer than proxies keep theirs (60), or they see it closed
DRAIN_SECONDS = 5.0  # between SIGTERM and the end of listening: who asks for health stops sending requests
END_SECONDS = 30  # that running requests have to end then
BACKLOG = 2048  # connections that wait to be taken


def check_start(service: Service) -> None:
    """Refuse to start a server that would be reached by others and is not safe. Raises ConfigError with all reasons."""
    is_admin = (User.role == "admin") & ~User.disabled
    with service.sessions() as session:
        has_admin = session.scalar(select(User.id).where(is_admin).limit(1)) is not None
    if reasons := reasons_against(service.settings, has_admin):
        raise ConfigError("the service does not start:\n" + "\n".join(f"- {each}" for each in reasons))


def reasons_against(settings: ServiceSettings, has_admin: bool) -> list[str]:
    """Each reason not to start, with its mend.

    has_admin : true if there is one who is not disabled.
    """
    where, reasons = f"it listens on {settings.host}", list[str]()
    if settings.behind_proxy:
        where = "it is behind a proxy"
    elif settings.is_loopback:
        where = f"PUBLIC_URL is {settings.public_url}"
    if settings.tls and (mistake := _tls_mistake(settings)):
        reasons.append(mistake)
    if not settings.is_exposed or settings.open_only:
        return reasons
    if not has_admin:
        reasons.append(
            f"{where}, and no admin can sign in. Make one with `rebalance serve user add --role admin`, which gives a "
            "one-time link, or state --open to show the demo alone."
        )
    if not settings.tls and not settings.behind_proxy:
        reasons.append(f"{where} without TLS. Give --tls CERT KEY, or state --behind-proxy where a proxy speaks TLS.")
    if not settings.public_url and (settings.behind_proxy or settings.host in WILDCARDS):
        reasons.append(f"{where}, and its name is not stated. Set PUBLIC_URL, such as https://desk.example.")
    if settings.public_url and not settings.public_url.startswith("https://"):
        reasons.append(f"PUBLIC_URL is {settings.public_url}, without TLS. Give an address that begins with https://.")
    if not settings.encrypted_disk:
        reasons.append(
            f"{where}, and tickets, journals, runs and portfolios that were worked on are plain files. Set "
            "ENCRYPTED_DISK=1 once the disk of the service's folder is encrypted."
        )
    return reasons


def _tls_mistake(settings: ServiceSettings) -> str:
    if len(settings.tls) != 2:
        return "of certificate and key one is missing. Give both, as --tls CERT KEY, or none."
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*settings.tls)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        files = " and ".join(map(str, settings.tls))
        return f"{files} are no certificate and its key ({error}). Give both as PEM, the key without password."
    return ""


class TimedProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn has it, with a time for the head of a request and a limit of connections."""

    most_connections = MAX_CONNECTIONS
    head: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > 2 * self.most_connections:
            transport.abort()
        elif len(self.connections) > self.most_connections:
            self.app_state = {**self.app_state, CROWDED: True}
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take bytes; those of a head that is not complete, or of a body after its answer, do not prolong the time."""
        super().data_received(data)
        self._wait_for_head()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or a head that is too long before it is complete; and close."""
        is_long = len(self.conn.trailing_data[0]) > MAX_HEAD
        refused = h11.Response(status_code=431 if is_long else 400, headers=[("Connection", "close")])
        for event in (refused, h11.Data(data=msg.encode()), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._end_wait()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_wait()
        elif self.head is None:
            self.head = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _end_wait(self) -> None:
        if self.head is not None:
            self.head.cancel()
            self.head = None


class DrainingServer(uvicorn.Server):
    """A server that listens for some more seconds after SIGTERM; SIGINT, or a second SIGTERM, ends it at once."""

    is_draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        if sig != signal.SIGTERM or self.is_draining:
            super().handle_exit(sig, frame)
            return
        self.is_draining = True
        timer = threading.Timer(DRAIN_SECONDS, setattr, (self, "should_exit", True))
        timer.daemon = True
        timer.start()


def announcement(settings: ServiceSettings) -> str:
    """The line that says where a server answers, what, and to whom."""
    address = settings.address
    if settings.open_only:
        plain = "" if settings.tls else " and without TLS of its own"
        return (
            f"{address} answers the demo and the payload endpoints, to anyone, under any name{plain}: nothing is "
            "stored, and nobody signs in."
        )
    if settings.is_exposed:
        return f"{address} answers users who sign in, and whether it lives anyone."
    return f"{address} answers the payload endpoints without sign-in, and what is stored to users who sign in."


def as_browsers_call(settings: ServiceSettings) -> ServiceSettings:
    """Settings by which a browser of this machine calls the server: no browser takes passkeys of 127.0.0.1."""
    if settings.is_exposed or settings.public_url or settings.tls:
        return settings
    return replace(settings, public_url=f"http://localhost:{settings.port}")


def first_page(service: Service) -> str:
    """The address to open: of the pages; while nobody has registered, of that on which an admin sets his password."""
    if service.settings.open_only:
        return service.settings.address
    with service.sessions.begin() as session:
        if session.scalar(select(User.id).where(User.password.is_not(None)).limit(1)) is not None:
            return service.settings.address
        email = f"{getuser()}@localhost"
        user = user_of(session, email)
        secret = invitation_of(session, user) if user else invite(session, FIRST_TENANT, email, "admin")[1]
        return link_of(service.settings.address, secret)


def listening(settings: ServiceSettings) -> socket.socket:
    """A socket that listens where the settings say. Raises ConfigError where it cannot."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"the service cannot listen on {settings.host}, port {settings.port} ({error.strerror}). End what listens "
            "there, or give another --host or --port; 0 takes a free port."
        ) from error


def run_server(app: FastAPI, listener: socket.socket, settings: ServiceSettings) -> None:
    """Answer until a signal ends it. The limit of open files is raised as far as connections may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS + 1_000
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    TimedProtocol.most_connections = min(MAX_CONNECTIONS, soft // 3)
    certificate, key = settings.tls or (None, None)
    config = uvicorn.Config(
        app,
        http=TimedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the application reads them, behind a proxy alone
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=END_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    DrainingServer(config).run(sockets=[listener])
