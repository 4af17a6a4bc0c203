"""A Dask cluster for sweeps and studies: one command on each machine, open to nobody but who may use it.

Workers are processes of one thread each, as many as the machine has cores. Without a certificate all listen on this
machine only; with one, machines reach each other by TLS.
"""

import os
import signal
import sys
import threading
from contextlib import suppress
from ipaddress import ip_address
from typing import NoReturn
from urllib.parse import urlsplit

from backtests.runs.tasks import DEATHS, PATIENCE, check_certificate, check_workers, connected
from research.arguments import refuse
from research.errors import ConfigError

HERE = "127.0.0.1"
PAGES = f"{HERE}:0"  # what Dask shows of itself, without encryption


def serve(host: str, port: int, workers: int | None) -> None:
    """Compile, start a scheduler and workers on this machine, say how to use them, and stay until a signal.

    host    : address on which they listen; any but 127.0.0.1 takes TLS, which needs certificates.
    port    : of the scheduler.
    workers : processes of one thread, or None for one a core; 0 starts the scheduler alone.
    Raises  : ConfigError for an address without a certificate, and where the port is taken.
    """
    from distributed import LocalCluster, Security

    from backtests.commands.compile_kernels import compile_kernels

    count, here = _count(workers), _is_here(host)
    safe = not here or bool(Security().require_encryption)
    if safe:
        for role in ("scheduler", "worker"):
            check_certificate(f"a cluster on {host}", role)
    compile_kernels()
    try:
        cluster = LocalCluster(
            n_workers=count, threads_per_worker=1, host=host, scheduler_port=port,
            protocol="tls" if safe else "tcp", security=Security() if safe else None,
            dashboard_address=PAGES, worker_dashboard_address=PAGES,
        )  # fmt: skip
    except (OSError, RuntimeError) as failed:
        error: BaseException = failed
        while error.__cause__ is not None:
            error = error.__cause__
        raise ConfigError(f"no cluster starts on {host}, port {port}: {error}. Give another --port.") from error
    with cluster:
        assert cluster.scheduler is not None
        cluster.scheduler.allowed_failures = DEATHS
        address = cluster.scheduler_address
        print(f"{count} workers. In other commands: --cluster {address}", flush=True)
        print(f"More workers, on {'this machine' if here else 'any machine'}: rebalance cluster {address}", flush=True)
        _wait()


def join(address: str, host: str, workers: int | None) -> NoReturn:
    """Compile, and become the workers of this machine for the scheduler at an address, until it or a signal ends that.

    address : such as tls://10.0.0.1:8786.
    host    : address on which they listen.
    workers : processes of one thread, or None for one a core.
    Raises  : ConfigError for no workers, an address that is none, or not safe, and where no scheduler answers.
    """
    from backtests.commands.compile_kernels import compile_kernels

    count, parts = _count(workers), urlsplit(address)
    if not count:
        refuse("--workers is", workers, "with ADDRESS the command is nothing but workers: give at least 1.")
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        refuse("ADDRESS is", address, "give that of a scheduler, such as tls://10.0.0.1:8786.")
    if parts.scheme == "tcp" and not (_is_here(parts.hostname) and _is_here(host or HERE)):
        raise ConfigError(
            f"{address} would be reached over the network without TLS, where anybody could run code on this machine. "
            "Start the scheduler with `rebalance cluster --host ADDRESS`, which takes TLS (docs/sweeps.md)."
        )
    if parts.scheme == "tls":
        check_certificate(f"the cluster at {address}", "worker")
    compile_kernels()
    with connected(address, workers=0):
        pass
    listen = host or (HERE if _is_here(parts.hostname) else "")
    words = [address, "--nworkers", count, "--nthreads", 1, "--dashboard-address", PAGES, "--death-timeout", PATIENCE]
    words += ["--host", listen] if listen else []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "distributed.cli.dask_worker", *map(str, words)])


def _count(workers: int | None) -> int:
    """How many workers to start."""
    if workers is None:
        return len(os.sched_getaffinity(0))
    if workers:
        check_workers(workers)
    return workers


def _is_here(host: str) -> bool:
    """Does an address belong to this machine alone?"""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def _wait() -> None:
    """Wait until a signal asks the process to end; more of them do not disturb how it ends."""
    ended = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: ended.set())
    ended.wait()
