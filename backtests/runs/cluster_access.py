"""Access to a Dask cluster, for holders of its key.

Whoever reaches a scheduler or a worker without TLS runs code there. So a cluster on this machine makes a key and a
certificate when it starts, in a file that its user alone may read; other machines take those of Dask's settings.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from foundation.arguments import refuse
from foundation.errors import ConfigError
from foundation.files import CACHE, USER_CACHE, locked, write_private, written_alone

if TYPE_CHECKING:
    from distributed import Security

CLUSTER_ROLES = ("scheduler", "worker", "client")
# Of this checkout, or of this user where it is another one's. A file is called after the port of the scheduler.
PLACES = (CACHE / "clusters", USER_CACHE / "clusters")


def access(address: str, role: str) -> "Security":
    """The security settings of a process at the cluster of an address.

    address : address, such as tls://127.0.0.1:8786.
    role    : role of the process there: "client" or "worker".
    Raises  : ConfigError for an invalid address of a scheduler, one on another machine that is reached without TLS, and
              where there is no certificate.
    """
    from distributed import Security

    fix = "give that of a scheduler, with its port, such as tls://127.0.0.1:8786."
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("tcp", "tls") and bool(parts.hostname) and bool(parts.port)
    except ValueError:  # a port that is none
        known = False
    if not known:
        refuse("the address of a cluster is", address, fix)
    here = is_here(str(parts.hostname))
    if parts.scheme == "tls":
        if here and not has_certificate(role):
            return _access_by(_file_of(int(parts.port or 0), address))
        check_certificate(f"the cluster at {address}", role)
    elif not here:
        raise ConfigError(
            f"{address} would be reached over the network without TLS, where anybody could run code on this machine. "
            "Start the scheduler with `rebalance research cluster --host ADDRESS`, which takes TLS (docs/sweeps.md)."
        )
    return Security()


def is_here(host: str) -> bool:
    """True if an address belongs to this machine alone."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def has_certificate(role: str) -> bool:
    """True if Dask's settings name a certificate for a role: "client", "scheduler" or "worker"."""
    from distributed import Security

    return Security().get_connection_args(role)["ssl_context"] is not None


def check_certificate(what: str, role: str) -> None:
    """Raise ConfigError where Dask's settings name no certificate for a role."""
    if not has_certificate(role):
        raise ConfigError(
            f"{what} is to be reached by TLS, and no certificate is given: name `ca-file`, and `cert` and `key` of the "
            f"{role}, in ~/.config/dask/tls.yaml (docs/sweeps.md)."
        )


@contextmanager
def own_certificate(port: int) -> Iterator["Security"]:
    """The security settings of all members of a cluster on this machine; their file is deleted with the block.

    port   : port of the scheduler.
    Raises : ConfigError where another cluster of this user has the port, and where no file can be kept from others.
    """
    from distributed import Security

    place = _place()
    for left in place.glob("*.pem"):  # of killed clusters
        with suppress(OSError), locked(left.with_suffix(".lock"), wait=False) as free:
            if free:
                left.unlink()
    path = place / f"{port}.pem"
    with locked(path.with_suffix(".lock"), wait=False) as free:
        if not free:
            raise ConfigError(f"no cluster starts at port {port}: another one of yours has it. Give another --port.")
        made = Security.temporary().get_tls_config_for_role("scheduler")
        write_private(path, f"{made['key']}{made['cert']}".encode())
        try:
            yield _access_by(path)
        finally:
            path.unlink(missing_ok=True)


def _place() -> Path:
    """The first folder for certificates in which this user can write, and nobody else."""
    for place in PLACES:
        with suppress(OSError):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if written_alone(place) and os.access(place, os.W_OK):
                return place
    places = " nor ".join(map(str, PLACES))
    raise ConfigError(f"others may write in {places}, or you may not: give one of them to yourself alone (chmod 700).")


def _file_of(port: int, address: str) -> Path:
    """The file of the cluster whose scheduler has a port on this machine, or that is reached by it."""
    for path in (place / f"{port}.pem" for place in PLACES):
        with suppress(FileNotFoundError, PermissionError):
            about = path.stat()
            alone = about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            if not (alone and written_alone(path.parent)):
                raise ConfigError(
                    f"{path} is not yours alone to read and change: who has it runs code as you. Delete it, and "
                    "start the cluster again."
                )
            return path
    raise ConfigError(
        f"there is no certificate for {address}: no cluster of yours started there, or it ended. If it runs elsewhere, "
        f"copy its file to {PLACES[0] / f'{port}.pem'} (docs/sweeps.md)."
    )


def _access_by(path: Path) -> "Security":
    """The key and certificate of a file for every role."""
    from distributed import Security

    each = {f"tls_{role}_{kind}": str(path) for role in CLUSTER_ROLES for kind in ("cert", "key")}
    return Security(require_encryption=True, tls_ca_file=str(path), **each)
