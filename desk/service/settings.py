"""The settings of a server, from its environment and the options of `rebalance serve`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from foundation.arguments import refuse
from foundation.home import home_folder

HOST, PORT = "127.0.0.1", 5000
LOOPBACK = ("127.0.0.1", "::1", "localhost")
WILDCARDS = ("0.0.0.0", "::")  # every address of the machine
RATE = 100
FOLDER = "service"  # in the home of the desk


@dataclass(frozen=True)
class ServiceSettings:
    """The settings of a server.

    host         : address that it listens on.
    port         : port.
    folder       : folder of its keys, its SQLite file and the folders of its tenants.
    database     : URL of the database as SQLAlchemy has it; "" takes SQLite in `folder`.
    redis        : URL of Redis, "" to count limits in this process alone.
    public_url   : address that users know it by, such as https://desk.example; "" takes http://host:port.
    open_only    : true to answer the payload endpoints alone, to anyone.
    behind_proxy : true where a proxy in front of it speaks TLS.
    tls          : certificate and key, () for none.
    rate         : requests a second that an address, and a user, may send in the mean of some seconds.
    """

    host: str = HOST
    port: int = PORT
    folder: Path = field(default_factory=lambda: home_folder() / FOLDER)
    database: str = ""
    redis: str = ""
    public_url: str = ""
    open_only: bool = False
    behind_proxy: bool = False
    tls: tuple[Path, ...] = ()
    rate: int = RATE

    @property
    def is_loopback(self) -> bool:
        """True where only programs of this machine reach it."""
        return self.host in LOOPBACK

    @property
    def is_exposed(self) -> bool:
        """True where it is reached from other machines."""
        return self.behind_proxy or not self.is_loopback

    @property
    def address(self) -> str:
        """The address that users know it by, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http{'s' if self.tls else ''}://{host}:{self.port}").rstrip("/")

    @property
    def database_url(self) -> str:
        """The URL of its database."""
        return self.database or f"sqlite:///{self.folder / 'service.sqlite'}"


def settings_of(environment: Mapping[str, str] = os.environ) -> ServiceSettings:
    """The settings that an environment states: HOST, PORT, DATABASE_URL, REDIS_URL, PUBLIC_URL, BEHIND_PROXY, RATE.

    Raises : ConfigError for a port, a rate or a BEHIND_PROXY that is none.
    """
    port, rate = environment.get("PORT", str(PORT)), environment.get("RATE", str(RATE))
    proxy = environment.get("BEHIND_PROXY", "")
    if not (port.isdecimal() and 0 <= int(port) < 65536):
        refuse("PORT is", port, "give a port, such as 5000; 0 takes a free one.")
    if not (rate.isdecimal() and 0 < int(rate) < 1_000_000):
        refuse("RATE is", rate, f"give requests a second of an address or a user, such as {RATE}.")
    if proxy not in ("", "0", "1"):
        refuse("BEHIND_PROXY is", proxy, "give 1 where a proxy in front of the service speaks TLS, else 0.")
    return ServiceSettings(
        host=environment.get("HOST", HOST),
        port=int(port),
        database=environment.get("DATABASE_URL", ""),
        redis=environment.get("REDIS_URL", ""),
        public_url=environment.get("PUBLIC_URL", ""),
        behind_proxy=proxy == "1",
        rate=int(rate),
    )
