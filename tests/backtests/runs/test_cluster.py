"""A cluster lets in who can read its file on this machine, or has a certificate of dask's settings, and nobody else."""

import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster, Security
from needed import missing

from backtests.runs import cluster_access, tasks
from backtests.runs.cluster_access import own_certificate
from foundation.errors import ConfigError

DOC = Path(__file__).parents[3] / "docs" / "sweeps.md"


def made_at(folder: Path) -> dict[str, Any]:
    """A key and a certificate as the guide says to make them, and dask's settings with their paths."""
    if shutil.which("openssl") is None:
        missing("openssl")
    (said,) = (line for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("    openssl "))
    folder.mkdir()
    subprocess.run(said.split(), cwd=folder, check=True, capture_output=True)
    both = {"cert": str(folder / "cert.pem"), "key": str(folder / "key.pem")}
    return {
        "distributed.comm.tls.ca-file": both["cert"],
        **{f"distributed.comm.tls.{role}": both for role in ("scheduler", "worker", "client")},
        "distributed.comm.require-encryption": True,
    }


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return made_at(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def address(ours: dict[str, Any]) -> Iterator[str]:
    """Of a scheduler that takes TLS alone, with one worker in this process."""
    with dask.config.set(ours):
        security = Security()
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tls", host="127.0.0.1", dashboard_address=None,
        security=security,
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 2.0)


def test_a_cluster_is_used_by_tls_with_the_certificates_of_dasks_settings(ours: dict[str, Any], address: str) -> None:
    assert address.startswith("tls://127.0.0.1:")
    with dask.config.set(ours), tasks.cluster_at(address) as client:
        assert client.submit(sum, [1, 2]).result() == 3


def test_without_a_certificate_the_fix_is_named(address: str) -> None:
    with (
        pytest.raises(
            ConfigError, match=rf"there is no certificate for {address}: no cluster of yours .* copy its file"
        ),
        tasks.cluster_at(address),
    ):
        pass


def test_who_holds_another_key_or_none_is_not_let_in(address: str, tmp_path: Path) -> None:
    plain = address.replace("tls:", "tcp:")
    for given, settings in ((address, made_at(tmp_path / "theirs")), (plain, {})):
        refused = pytest.raises(ConfigError, match=r"there is no cluster at .*SSH tunnel or TLS")
        with dask.config.set(settings), refused, tasks.cluster_at(given):
            pass


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where clusters of this machine keep their keys."""
    monkeypatch.setattr(cluster_access, "PLACES", (tmp_path / "clusters",))
    return tmp_path / "clusters"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_cluster_on_this_machine_lets_in_who_can_read_its_file_and_nobody_else(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = free_port()
    with (
        own_certificate(port) as security,
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, protocol="tls", host="127.0.0.1", scheduler_port=port,
            dashboard_address=None, security=security,
        ) as cluster,
    ):  # fmt: skip
        address, file = cluster.scheduler_address, place / f"{port}.pem"
        assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(place.stat().st_mode)) == (0o600, 0o700)
        with tasks.cluster_at(address) as client:
            assert client.submit(sum, [1, 2]).result() == 3
        (worker,) = cluster.scheduler.workers
        for there in (address, worker):
            for scheme, other in (("tcp", Security()), ("tls", Security.temporary())):
                with pytest.raises(OSError, match=r"Timed out|reset by peer|certificate"):
                    Client(there.replace("tls", scheme), security=other, timeout=0.5)
            without_key = ssl.create_default_context()
            without_key.check_hostname, without_key.verify_mode = False, ssl.CERT_NONE
            to = ("127.0.0.1", int(there.rpartition(":")[2]))
            refused = pytest.raises(OSError, match=r"certificate required|reset by peer")
            with socket.create_connection(to) as plain, refused:
                without_key.wrap_socket(plain).recv(1)
        file.chmod(0o640)
        with pytest.raises(ConfigError, match=r"is not yours alone to read and change"), tasks.cluster_at(address):
            pass
        monkeypatch.setattr(cluster_access, "PLACES", (tmp_path / "of another user",))
        with pytest.raises(ConfigError, match="there is no certificate for tls://127"), tasks.cluster_at(address):
            pass
    assert list(place.iterdir()) == []


def test_of_two_clusters_at_one_port_the_second_leaves_the_key_of_the_first(place: Path) -> None:
    with own_certificate(8786):
        key = (place / "8786.pem").read_bytes()
        with pytest.raises(ConfigError, match=r"no cluster starts at port 8786: another one of yours has it"):
            own_certificate(8786).__enter__()
        assert (place / "8786.pem").read_bytes() == key
        (place / "8787.pem").touch()  # of a cluster that was killed
        with own_certificate(8788):
            assert sorted(path.name for path in place.glob("*.pem")) == ["8786.pem", "8788.pem"]


def test_a_folder_in_which_others_may_write_holds_no_key(place: Path) -> None:
    place.mkdir()
    place.chmod(0o770)
    with pytest.raises(ConfigError, match=r"others may write in .*clusters.*chmod 700"), own_certificate(8786):
        pass


def test_how_to_start_a_cluster_names_this_machine_alone() -> None:
    with pytest.raises(ConfigError) as refused, tasks.cluster_client(f"tcp://127.0.0.1:{free_port()}"):
        pass
    assert "rebalance research cluster" in str(refused.value)
    assert "Without options it is open to you on this machine only" in str(refused.value)


def test_a_cluster_without_workers_is_said() -> None:
    with (
        LocalCluster(n_workers=0, protocol="tcp", host="127.0.0.1", dashboard_address=None) as empty,
        pytest.raises(ConfigError, match=r"has no workers. Start some: rebalance research cluster tcp://127.0.0.1"),
        tasks.cluster_client(empty.scheduler_address),
    ):
        pass
