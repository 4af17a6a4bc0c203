"""A cluster is reached on this machine, or by TLS with a certificate of dask's settings; nobody else is let in."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import LocalCluster, Security

from backtests.runs import tasks
from research.errors import ConfigError

DOC = Path(__file__).parents[3] / "docs" / "sweeps.md"


def made_at(folder: Path) -> dict[str, Any]:
    """A key and a certificate as the guide says to make them, and dask's settings with their paths."""
    if shutil.which("openssl") is None:
        pytest.fail("no openssl on PATH, which makes the test's certificate. Debian: apt-get install openssl")
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
    with dask.config.set(ours), tasks.cluster(address) as client:
        assert client.submit(sum, [1, 2]).result() == 3


def test_without_a_certificate_the_fix_is_named(address: str) -> None:
    with (
        pytest.raises(ConfigError, match=r"is to be reached by TLS, and no certificate is given: name `ca-file`"),
        tasks.cluster(address),
    ):
        pass


def test_who_holds_another_key_or_none_is_not_let_in(address: str, tmp_path: Path) -> None:
    plain = address.replace("tls:", "tcp:")
    for given, settings in ((address, made_at(tmp_path / "theirs")), (plain, {})):
        refused = pytest.raises(ConfigError, match=r"there is no cluster at .*SSH tunnel or TLS")
        with dask.config.set(settings), refused, tasks.cluster(given):
            pass


def test_how_to_start_a_cluster_names_this_machine_alone() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigError) as refused, tasks.connected(f"tcp://127.0.0.1:{port}"):
        pass
    assert "rebalance cluster" in str(refused.value)
    assert "run code here: without options it is open to this machine only" in str(refused.value)


def test_a_cluster_without_workers_is_said() -> None:
    with (
        LocalCluster(n_workers=0, protocol="tcp", host="127.0.0.1", dashboard_address=None) as empty,
        pytest.raises(ConfigError, match=r"has no workers. Start some: rebalance cluster tcp://127.0.0.1"),
        tasks.connected(empty.scheduler_address),
    ):
        pass
