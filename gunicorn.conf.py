"""Settings that gunicorn reads by itself. The application speaks ASGI: without this class every answer is a 500."""

import os
from typing import Any

LOOPBACK = ("127.0.0.1", "::1", "localhost")  # no import of the desk: workers after a restart would have it from before

worker_class = "asgi"
graceful_timeout = 30  # seconds that running requests have to end
forwarded_allow_ips = ""  # X-Forwarded-* is read by the application, and only behind a proxy that was stated
accesslog = None  # the application logs each request, without its query


def on_starting(server: Any) -> None:
    """State as HOST what gunicorn listens on where that is not loopback: the checks before a start rest on it."""
    bound = [address[0] for address in server.cfg.address if isinstance(address, tuple)]  # text is a socket's path
    exposed = [host for host in bound if host not in LOOPBACK]
    if exposed and os.environ.get("HOST", LOOPBACK[0]) in LOOPBACK:
        os.environ["HOST"] = exposed[0]
