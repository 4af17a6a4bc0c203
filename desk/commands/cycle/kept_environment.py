"""The environment of a watcher that nobody starts by hand: variables that are kept in a file of the home."""

import os
import re

from foundation.errors import ConfigError
from foundation.files import write_private
from foundation.home import HOME, home_folder

KEPT_FILE = "desk.env"  # file of the home: a line NAME=value each
SECOND_KEY = "REBALANCE_ACTS"  # is given by hand: no command lets a venue be traded at
OTHER_VARIABLES = (
    "NUMBA_CACHE_DIR",
    "SSL_CERT_FILE",
    "https_proxy",
    "HTTPS_PROXY",
    "http_proxy",
    "HTTP_PROXY",
    "no_proxy",
)
PREFIXES = ("REBALANCE_", "APCA_API_", "IB_")  # of the workbench; of brokers


def keep_environment(names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Keep the variables of this process that the workbench reads, for this user alone; those kept before stay.

    One with a line break or another sign that is not printed is left out.

    names   : besides, names such as those of keys of data sources, and of the venue.
    Returns : names that are kept now.
    """
    own = {
        name: value
        for name, value in os.environ.items()
        if value
        and (name.startswith(PREFIXES) or name in (*OTHER_VARIABLES, *names))
        and name not in (HOME, SECOND_KEY)
    }
    kept = kept_environment() | {name: value for name, value in own.items() if value.isprintable()}
    if kept:
        write_private(home_folder() / KEPT_FILE, "".join(f"{name}={value}\n" for name, value in kept.items()).encode())
    return tuple(kept)


def kept_environment() -> dict[str, str]:
    """The variables that are kept. Raises ConfigError for a line without a name, and a file that others may read."""
    path = home_folder() / KEPT_FILE
    if not path.is_file():
        return {}
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path} may be read by others, and may hold keys. Run: chmod 600 {path}")
    found = dict[str, str]()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            name, sign, value = line.partition("=")
            if not sign or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ConfigError(f"{path}, line {number}: found {name[:40]!r}, and no NAME=value. Correct that line.")
            found[name] = value
    return found


def load_environment() -> None:
    """Take what is kept into the environment of this process, where that does not have it."""
    for name, value in kept_environment().items():
        os.environ.setdefault(name, value)
