"""HTTP servers of this machine that stand in for others: each request is answered by a handler."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers of one served object, of which `over` is set when the server ends."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    served: Any

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that went away is a client's matter."""


@contextmanager
def serving_locally(served: Any, handler: type[Handler], certificate: Path | None = None) -> Iterator[None]:
    """A server while the block lasts, over TLS where it is given a certificate; `served.address` is where it is."""
    listener = _Listener(("127.0.0.1", 0), type("Handler", (handler,), {"served": served}))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    served.address = f"http{'s' if certificate else ''}://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        served.over.set()
        listener.shutdown()
        listener.server_close()
        thread.join()
