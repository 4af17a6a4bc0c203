"""Settings that gunicorn reads by itself. The application speaks ASGI: without this class every answer is a 500."""

import os
import shutil
from tempfile import mkdtemp
from typing import Any

LOOPBACK = ("127.0.0.1", "::1", "localhost")  # no import of the desk: workers after a restart would have it from before
MANY, OWN = "PROMETHEUS_MULTIPROC_DIR", "rebalance-metrics-"  # where the figures of all workers add up

worker_class = "asgi"
graceful_timeout = 30  # seconds that running requests have to end
keepalive = 75  # seconds between two requests: longer than proxies keep a connection (60), or they see it closed
forwarded_allow_ips = ""  # X-Forwarded-* is read by the application, and only behind a proxy that was stated
accesslog = None  # the application logs each request, without its query
control_socket_disable = True  # it would stand in the home, which several machines may share

if not os.environ.get(MANY):  # a reload keeps it
    os.environ[MANY] = mkdtemp(prefix=OWN)


def on_starting(server: Any) -> None:
    """State as HOST what gunicorn listens on where that is not loopback: the checks before a start rest on it."""
    bound = [address[0] for address in server.cfg.address if isinstance(address, tuple)]  # text is a socket's path
    exposed = [host for host in bound if host not in LOOPBACK]
    if exposed and os.environ.get("HOST", LOOPBACK[0]) in LOOPBACK:
        os.environ["HOST"] = exposed[0]


def child_exit(_: Any, worker: Any) -> None:
    """Forget what a worker that has ended was answering."""
    from prometheus_client.multiprocess import mark_process_dead  # reads the variable as it is imported

    mark_process_dead(worker.pid)


def on_exit(_: Any) -> None:
    """Delete the folder, unless it was given."""
    if os.path.basename(os.environ[MANY]).startswith(OWN):
        shutil.rmtree(os.environ[MANY], ignore_errors=True)
