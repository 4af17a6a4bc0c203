"""A Dask cluster for sweeps and studies: one command on each machine, open to nobody but who may use it.

Workers are processes of one thread each, as many as the machine has cores. Without a certificate of Dask's settings all
listen on this machine only, by TLS with a key that is made at the start; with one, machines reach each other.
"""

import os
import signal
import socket
import sys
import threading
from contextlib import ExitStack
from typing import Any, NoReturn
from urllib.parse import urlsplit

from backtests.runs.cluster_access import access, check_certificate, has_certificate, is_here, own_certificate
from backtests.runs.tasks import DEATHS, PATIENCE, check_workers, cluster_client
from foundation.arguments import refuse
from foundation.errors import ConfigError
from foundation.files import work_folder
from foundation.machine import processors

LOCAL_HOST = "127.0.0.1"
PAGES_SETTING = "distributed.{}.http.routes"  # setting: what Dask shows to whoever asks
TLS = {"ca_file": "--tls-ca-file", "cert": "--tls-cert", "key": "--tls-key"}
NO_DASHBOARD = f"{LOCAL_HOST}:0"  # where Dask listens for who asks for a page


def serve_cluster(host: str, port: int, workers: int | None) -> None:
    """Compile, start a scheduler and workers on this machine, say how to use them, and stay until a signal.

    host    : address on which they listen; any but 127.0.0.1 needs certificates of Dask's settings.
    port    : port of the scheduler; 0 takes a free one.
    workers : number of processes of one thread, or None for one a core; 0 starts the scheduler alone.
    Raises  : ConfigError for an address without a certificate, and where the port is taken.
    """
    import dask
    from distributed import LocalCluster, Security

    from desk.commands.compile_kernels import compile_kernels

    count, here = _count(workers), is_here(host)
    own = here and not has_certificate("scheduler")
    for role in () if own else ("scheduler", "worker"):
        check_certificate(f"a cluster on {host}", role)
    compile_kernels()
    with ExitStack() as held:
        port = port or (_free_port(host) if own else 0)
        security = held.enter_context(own_certificate(port)) if own else Security()
        settings: dict[str, Any] = {PAGES_SETTING.format(role): [] for role in ("scheduler", "worker")}
        held.enter_context(dask.config.set(settings | {"temporary-directory": str(held.enter_context(work_folder()))}))
        try:
            cluster = LocalCluster(
                n_workers=count, threads_per_worker=1, host=host, scheduler_port=port, protocol="tls",
                security=security, scheduler_kwargs={"dashboard": False}, dashboard_address=NO_DASHBOARD,
            )  # fmt: skip
        except (OSError, RuntimeError) as failed:
            error: BaseException = failed
            while error.__cause__ is not None:
                error = error.__cause__
            raise ConfigError(f"no cluster starts on {host}, port {port}: {error}. Give another --port.") from error
        held.enter_context(cluster)
        assert cluster.scheduler is not None
        cluster.scheduler.allowed_failures = DEATHS
        address = cluster.scheduler_address
        print(f"{count} workers. In other commands: --workers {address}", flush=True)
        print(
            f"More workers, on {'this machine' if here else 'any machine'}: rebalance research cluster {address}",
            flush=True,
        )
        if own:
            print(f"Who uses it must hold its key: {security.get_tls_config_for_role('client')['key']}", flush=True)
        _wait()


def join_cluster(address: str, host: str, workers: int | None) -> NoReturn:
    """Compile, and become the workers of this machine for the scheduler at an address, until it or a signal ends that.

    address : such as tls://10.0.0.1:8786.
    host    : address on which they listen.
    workers : processes of one thread, or None for one a core.
    Raises  : ConfigError for no workers, an address that is none, or not safe, and where no scheduler answers.
    """
    from desk.commands.compile_kernels import compile_kernels

    count = _count(workers)
    if not count:
        refuse("--workers is", workers, "with ADDRESS the command is nothing but workers: give at least 1.")
    tls = access(address, "worker").get_tls_config_for_role("worker")
    if urlsplit(address).scheme != "tls":
        refuse("the address of the scheduler is", address, "workers listen by TLS only: give a tls:// address.")
    compile_kernels()
    with cluster_client(address, workers=0):
        pass
    listen = host or (LOCAL_HOST if is_here(str(urlsplit(address).hostname)) else "")
    words = [address, "--nworkers", count, "--nthreads", 1, "--no-dashboard", "--death-timeout", PATIENCE]
    words += [word for name in ("ca_file", "cert", "key") if tls[name] for word in (TLS[name], tls[name])]
    words += ["--host", listen] if listen else []
    sys.stdout.flush()
    os.environ["DASK_DISTRIBUTED__WORKER__HTTP__ROUTES"] = "[]"  # as `PAGES_SETTING`
    os.execv(sys.executable, [sys.executable, "-m", "distributed.cli.dask_worker", *map(str, words)])


def _count(workers: int | None) -> int:
    """The number of workers to start."""
    if workers is None:
        return processors()
    if workers:
        check_workers(workers)
    return workers


def _free_port(host: str) -> int:
    """A port that nobody listens on now."""
    with socket.socket() as free:
        free.bind((host, 0))
        port: int = free.getsockname()[1]
        return port


def _wait() -> None:
    """Wait until a signal asks the process to end; more of them do not disturb how it ends."""
    ended = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: ended.set())
    ended.wait()
