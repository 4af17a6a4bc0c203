"""One command on each machine makes a cluster: its results are those of one machine, and nobody else is let in.

A machine is a checkout of its own here: code, data and cache in a folder, and processes that know no other.
"""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import dask
import distributed  # noqa: F401  (its settings, which must be there before some are set for a test)
import psutil
import pytest
import yaml
from commanded import ROOT, rebalance
from needed import missing
from recipes import CODE

from backtests.runs import cluster_access, tasks
from backtests.sweeps import Plan, Setup, Strategic, sweep
from foundation.errors import ConfigError
from research.portfolio import load_portfolio
from research.rules import Threshold

GUIDE = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
SWEEP = """
portfolio: data/portfolios/global_multi_asset.yaml
rules:
  threshold: {band: [0.01, 0.02], to: [target, edge]}
cost_multiples: [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2]
lags: [0, 1, 2, 5]
"""  # 256 configurations, in four parts


def in_guide(pattern: str) -> str:
    """The only line of the guide that matches, without its comment."""
    (line,) = (line for line in GUIDE.splitlines() if line.startswith("    ") and re.search(pattern, line))
    return line.partition("  #")[0].strip()


class Machine(NamedTuple):
    """A checkout, and the environment of its commands."""

    folder: Path
    environment: dict[str, str]

    @property
    def markets(self) -> list[str]:
        """Fingerprints of the markets that it keeps."""
        return [path.name for path in (self.folder / "data" / "cache" / "markets").glob("*")]

    def command(self, line: str, *others: object) -> list[str]:
        """A command of the guide, as it is run here."""
        script, *words = line.split()
        assert script == "rebalance"
        start = "from desk.cli import main; main()"
        return [sys.executable, "-c", start, *words, *map(str, others)]

    @contextmanager
    def running(self, line: str, *others: object) -> Iterator[psutil.Process]:
        """A command while it runs; it ends by Ctrl-C."""
        with open(self.folder / "log", "wb") as log:
            started = subprocess.Popen(
                self.command(line, *others), cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        try:
            yield psutil.Process(started.pid)
        finally:
            started.send_signal(signal.SIGINT)
            started.wait()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with key, certificate and settings, all as the guide says."""
    if shutil.which("openssl") is None:
        missing("openssl")
    folder = tmp_path_factory.mktemp("dask")
    subprocess.run(in_guide("openssl req").split(), cwd=folder, check=True, capture_output=True)
    (text,) = re.findall(r"^    distributed:\n(?:     .*\n)+", GUIDE, re.MULTILINE)
    (folder / "tls.yaml").write_text(text.replace("/home/me/dask", str(folder)))
    return folder


def machine(folder: Path, settings: Path) -> Machine:
    """A checkout with what is compiled already, and nothing else in its cache."""
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name)
    (folder / "data" / "cache").mkdir(parents=True)
    for path in (*(ROOT / "data").iterdir(), *(ROOT / "data" / "cache").glob("[kc]*")):  # kernels and calendars
        if path.name != "cache":
            (folder / path.relative_to(ROOT)).symlink_to(path)
    own = {"PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder / ".cache"), "DASK_CONFIG": str(settings)}
    return Machine(
        folder, {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "REBALANCE_HOME")} | own
    )


def listening(process: psutil.Process) -> set[str]:
    """Addresses on which a process and all that it started listen."""
    family = [process, *process.children(recursive=True)]
    return {c.laddr.ip for one in family for c in one.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN}


def test_two_machines_started_by_the_commands_of_the_guide_give_the_bits_of_one(
    tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 600.0)  # the commands compile first what is not compiled
    one, other = (machine(tmp_path / name, settings) for name in ("one", "other"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tls://127.0.0.1:{port}"
    first = in_guide(r"rebalance research cluster --host").replace("10.0.0.1", "127.0.0.1")
    joined = in_guide(r"rebalance research cluster tls:").replace("tls://10.0.0.1:8786", address)
    swept = in_guide(r"rebalance research sweep .* --workers tls://10").replace("tls://10.0.0.1:8786", address)
    (one.folder / "bands.yaml").write_text(SWEEP)
    swept = swept.replace("data/sweeps/thresholds.yaml", "bands.yaml")
    comm = yaml.safe_load((settings / "tls.yaml").read_text())["distributed"]["comm"]
    own = {"distributed.comm.require-encryption": comm["require-encryption"]}
    own |= {f"distributed.comm.tls.{name}": given for name, given in comm["tls"].items()}
    with (
        one.running(first, "--workers", 1, "--port", port) as scheduler,
        dask.config.set(own),
        other.running(joined, "--workers", 1) as workers,
        tasks.cluster_client(address, workers=2) as client,
    ):
        assert [*client.nthreads().values()] == [1, 1]
        subprocess.run(one.command(swept), cwd=one.folder, env=one.environment, check=True, capture_output=True)
        assert listening(scheduler) == {"127.0.0.1"}
        assert "127.0.0.1" in listening(workers)
        portfolio = load_portfolio(ROOT / "data" / "portfolios" / "global_multi_asset.yaml")
        with pytest.raises(ConfigError, match=r"the worker on .* runs code sources-.*, but the work was started with "):
            sweep(portfolio, Plan([Threshold(Strategic(), 0.01)]), cluster=address, progress=False)  # with other code
    assert one.markets == other.markets == [Setup.of(portfolio).market.fingerprint]
    local = rebalance("research", "sweep", one.folder / "bands.yaml", "--home", tmp_path)
    assert local.status == 0, local.err
    there, here = (
        [*folder.glob("bands-*/results.parquet")] for folder in (one.folder / "reports", tmp_path / "reports")
    )
    assert [path.read_bytes() for path in there] == [path.read_bytes() for path in here] != []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "10.0.0.1"], "a cluster on 10.0.0.1 is to be reached by TLS, and no certificate is given"),
        (["tls://10.0.0.1:8786"], "the cluster at tls://10.0.0.1:8786 is to be reached by TLS, and no certificate"),
        (["tcp://10.0.0.1:8786"], "tcp://10.0.0.1:8786 would be reached over the network without TLS"),
        (
            ["tcp://127.0.0.1:8786"],
            "the address of the scheduler is 'tcp://127.0.0.1:8786': workers listen by TLS only",
        ),
        (["10.0.0.1"], "the address of a cluster is '10.0.0.1': give that of a scheduler, with its port"),
        (["--workers", "-1"], "workers is -1: give a whole number"),
        (["tcp://127.0.0.1:8786", "--workers", "0"], "--workers is 0: with ADDRESS the command is nothing but workers"),
    ],
)
def test_a_cluster_that_would_be_open_to_others_is_refused_before_anything_is_compiled(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.commands.compile_kernels.compile_kernels", lambda: pytest.fail("it compiles"))
    found = rebalance("research", "cluster", *words)
    assert found.status == 2
    assert said in found.err


def test_the_command_listens_on_this_machine_with_its_key_and_shows_no_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it would wait for a signal, another one uses it."""
    monkeypatch.setattr("desk.commands.compile_kernels.compile_kernels", lambda: False)
    monkeypatch.setattr(cluster_access, "PLACES", (tmp_path,))
    held: set[Path] = set()

    def use() -> None:
        held.update(tmp_path.glob("*.pem"))
        (file,) = held
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        ports = {c.laddr for one in family for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
        assert {ip for ip, _ in ports} == {"127.0.0.1"}
        answers = set()
        for port in {port for _, port in ports}:
            for page in ("", "health", "json/counts.json", "info/main/workers.html", "metrics"):
                with suppress(ConnectionError, http.client.HTTPException):
                    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
                    asked.request("GET", f"/{page}")
                    answers.add(asked.getresponse().status)
        assert answers == {404}
        with tasks.cluster_client(f"tls://127.0.0.1:{file.stem}") as client:
            assert client.submit(sum, [1, 2]).result() == 3

    monkeypatch.setattr("desk.commands.cluster._wait", use)
    done = rebalance("research", "cluster", "--workers", 1, "--port", 0)
    assert done.status == 0, done.err
    (file,) = held
    assert f"1 workers. In other commands: --workers tls://127.0.0.1:{file.stem}\n" in done.out
    assert f"Who uses it must hold its key: {file}\n" in done.out
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.commands.compile_kernels.compile_kernels", lambda: False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = rebalance("research", "cluster", "--workers", 0, "--port", port)
    assert found.status == 2
    assert (
        f"no cluster starts on 127.0.0.1, port {port}: [Errno 98] Address already in use. Give another --port."
        in found.err
    )
