"""The settings of a server, from its environment and the options of `rebalance serve`."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from foundation.arguments import refuse
from foundation.dataclasses import dataclass, field
from foundation.home import home_folder
from foundation.paper.wording import listed

HOST, PORT = "127.0.0.1", 5000
LOOPBACK = ("127.0.0.1", "::1", "localhost")
WILDCARDS = ("0.0.0.0", "::")  # every address of the machine
RATE = 100
PUBLIC = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?/?")  # scheme and host alone
SERVICE_FOLDER = "service"  # in the home of the desk


@dataclass(frozen=True)
class OpenIdProvider:
    """A provider of OpenID Connect, and what it knows this server by.

    Raises : ConfigError for an issuer without TLS that is not on this machine.
    """

    issuer: str
    client: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        """Check the issuer."""
        if not is_safe(self.issuer):
            refuse("OIDC_ISSUER is", self.issuer, "give a URL that begins with https://.")


def is_safe(url: str) -> bool:
    """True for a URL over TLS, or of this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


@dataclass(frozen=True)
class ServiceSettings:
    """The settings of a server.

    host         : address that it listens on.
    port         : port.
    folder       : folder of its keys, its SQLite file and the folders of its tenants.
    database     : URL of the database as SQLAlchemy has it; "" takes SQLite in `folder`.
    redis        : URL of Redis, "" to count limits in this process alone.
    public_url   : address that users know it by, such as https://desk.example; "" takes http://host:port.
    open_only    : true to show the demo and answer the payload endpoints alone, to anyone and under any name.
    behind_proxy : true where a proxy in front of it speaks TLS.
    tls          : certificate and key, () for none.
    openid       : provider of OpenID Connect, None for no sign-in by one.
    encrypted_disk : true where the operator states that the disk of `folder`, on which tickets, journals, runs and
                   portfolios that were worked on are plain files, is encrypted.
    rate         : requests a second that an address, and a user, may send in the mean of some seconds.
    open_registration : true where anyone registers by a link that is mailed to him, into a tenant of his own.
    email        : mail server of messages to users, as `email:` of alerts.yaml without `to`; None for no e-mail.
    pushes_to_loopback : true in tests alone: the push service of a browser may be on this machine.
    """

    host: str = HOST
    port: int = PORT
    folder: Path = field(default_factory=lambda: home_folder() / SERVICE_FOLDER)
    database: str = ""
    redis: str = ""
    public_url: str = ""
    open_only: bool = False
    behind_proxy: bool = False
    tls: tuple[Path, ...] = ()
    openid: OpenIdProvider | None = None
    encrypted_disk: bool = False
    rate: int = RATE
    open_registration: bool = False
    email: Mapping[str, Any] | None = None
    pushes_to_loopback: bool = False

    @property
    def is_loopback(self) -> bool:
        """True where only programs of this machine reach it."""
        return self.host in LOOPBACK

    @property
    def is_exposed(self) -> bool:
        """True where it is reached from other machines, be it through a proxy that only the public address states."""
        known_as = urlsplit(self.public_url).hostname or HOST
        return self.behind_proxy or not self.is_loopback or known_as not in LOOPBACK

    @property
    def address(self) -> str:
        """The address that users know it by, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http{'s' if self.tls else ''}://{host}:{self.port}").rstrip("/")

    @property
    def database_url(self) -> str:
        """The URL of its database."""
        return self.database or f"sqlite:///{self.folder / 'service.sqlite'}"


def settings_of_service(environment: Mapping[str, str] = os.environ) -> ServiceSettings:
    """The settings that an environment states: HOST, PORT, DATABASE_URL, REDIS_URL, PUBLIC_URL, BEHIND_PROXY, OPEN,
    ENCRYPTED_DISK, RATE, REGISTER, of OpenID Connect OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET, and of a mail
    server SMTP_HOST, SMTP_PORT, SMTP_FROM, SMTP_USER and SMTP_TLS.

    Raises : ConfigError for a port, a rate, a switch or a PUBLIC_URL that is none, for a part of OpenID Connect alone,
    for a mail server that `email:` of alerts.yaml would not take, and for REGISTER=open without one.
    """
    port, rate = environment.get("PORT", str(PORT)), environment.get("RATE", str(RATE))
    public = environment.get("PUBLIC_URL", "")
    if not (port.isdecimal() and 0 <= int(port) < 65536):
        refuse("PORT is", port, "give a port, such as 5000; 0 takes a free one.")
    if not (rate.isdecimal() and 0 < int(rate) < 1_000_000):
        refuse("RATE is", rate, f"give requests a second of an address or a user, such as {RATE}.")
    if public and not PUBLIC.fullmatch(public):
        refuse("PUBLIC_URL is", public, "give https:// and a host, without a path, such as https://desk.example.")
    email, register = _email_of(environment), environment.get("REGISTER", "")
    if register not in ("", "invitation", "open"):
        refuse("REGISTER is", register, "give open to let anyone register by e-mail, else invitation.")
    if register == "open" and email is None:
        refuse("REGISTER is", register, "state the mail server of its links in SMTP_HOST, too.")
    return ServiceSettings(
        host=environment.get("HOST", HOST),
        port=int(port),
        database=environment.get("DATABASE_URL", ""),
        redis=environment.get("REDIS_URL", ""),
        public_url=public,
        openid=_openid_of(environment),
        behind_proxy=_switch(environment, "BEHIND_PROXY", "where a proxy in front of the service speaks TLS"),
        open_only=_switch(environment, "OPEN", "to show the demo alone, to anyone"),
        encrypted_disk=_switch(environment, "ENCRYPTED_DISK", "where the disk of the service is encrypted"),
        rate=int(rate),
        open_registration=register == "open",
        email=email,
    )


def _switch(environment: Mapping[str, str], name: str, when: str) -> bool:
    if (found := environment.get(name, "")) not in ("", "0", "1"):
        refuse(f"{name} is", found, f"give 1 {when}, else 0.")
    return found == "1"


def _openid_of(environment: Mapping[str, str]) -> OpenIdProvider | None:
    named = [f"OIDC_{name}" for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")]
    given = [environment[name] for name in named if environment.get(name)]
    if len(given) not in (0, len(named)):
        refuse("OpenID Connect has", f"{len(given)} settings", f"set all of {listed(named)}, or none.")
    return OpenIdProvider(*given) if given else None


def _email_of(environment: Mapping[str, str]) -> Mapping[str, Any] | None:
    names = ("host", "port", "from", "user", "tls")
    found = {name: value for name in names if (value := environment.get(f"SMTP_{name.upper()}"))}
    if not found:
        return None
    from pydantic import TypeAdapter, ValidationError

    from desk.cycle.alerts import EmailKeys

    try:
        TypeAdapter(EmailKeys).validate_python({**found, "to": [found.get("from")]})
    except ValidationError as error:
        fault = error.errors()[0]
        name = str((*fault["loc"], "user")[0])  # its own rule is on users and tls
        told = fault["msg"].removeprefix("Value error, ").removesuffix(".")
        refuse(f"SMTP_{name.upper()} is", found.get(name, ""), f"{told}. docs/mobile_app.md lists the variables.")
    return found
