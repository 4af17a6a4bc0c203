"""One request over TLS that is verified: a `Reply`, or a `Fault`, since an exception could hold the key of a URL.

Redirections are not followed. SSL_CERT_FILE names the certificates of a proxy that signs anew, HTTPS_PROXY the proxy.
"""

import logging
import os
import ssl
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, cast

from desk.feeds.adapter import FaultKind, Reply
from foundation.arguments import refuse

CONNECT, ANSWER = 10.0, 30.0  # seconds to connect, and from then to the end of an answer
LARGEST_ANSWER = 64 * 2**20  # bytes
TOGETHER = 8  # requests in flight
AGENT = "rebalance-workbench"
LOCAL = ("localhost", "127.0.0.1", "::1")  # hosts that are asked without encryption, too
CERTIFICATES = "SSL_CERT_FILE"  # environment variable
WRITE_ERROR = 0xFFFFFFFF  # with which a callback of libcurl ends a transfer (CURL_WRITEFUNC_ERROR)


class Fault(NamedTuple):
    """A reason for no answer: the end of a sentence that begins with the source, and the kind of a `FeedError`."""

    sentence: str
    kind: FaultKind


class Transport(Protocol):
    """A sender of requests, for several threads."""

    def get(self, url: str, headers: Mapping[str, str]) -> Reply | Fault:
        """The answer, of any status, or why there is none."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


UNTRUSTED = Fault(
    "has a certificate that is not valid: nothing was sent. Behind a proxy that signs anew, name its certificate in "
    "SSL_CERT_FILE; else wait until the source has a valid one.",
    "source",
)
SLOW = Fault("gave no whole answer in time. Try again later.", "later")
BROKEN = Fault("cannot be reached, or broke off before its answer was whole. Try again later.", "later")
LARGE = Fault(f"sends more than {LARGEST_ANSWER / 2**20:g} MiB, which is more than is read of one answer.", "asset")


def named_certificates() -> str:
    """The file that the environment variable SSL_CERT_FILE names, "" for none. Raises ConfigError where it has none."""
    path = os.environ.get(CERTIFICATES, "")
    try:
        ssl.create_default_context(cafile=path or None)
    except OSError as error:
        fix = f"{error.strerror or error}. Name a file of certificates (PEM), or none."
        refuse(f"the environment variable {CERTIFICATES} is", path, fix)
    return path


def _silent(_: logging.LogRecord) -> bool:
    return False


class Plain:
    """A transport of httpx.  answer : seconds from a connection to the end of an answer, 0 for `ANSWER`."""

    def __init__(self, answer: float = 0.0) -> None:
        import httpx

        logging.getLogger("httpx").addFilter(_silent)  # it logs each URL, and some hold a key
        named_certificates()  # which httpx reads, too
        self.answer, self.faults = answer or ANSWER, (httpx.TimeoutException, httpx.HTTPError)
        limits = httpx.Limits(max_connections=TOGETHER, max_keepalive_connections=TOGETHER)
        self.client = httpx.Client(timeout=httpx.Timeout(self.answer, connect=CONNECT, pool=None), limits=limits)

    def get(self, url: str, headers: Mapping[str, str]) -> Reply | Fault:
        """As `Transport.get`."""
        return self.send("GET", url, headers)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply | Fault:
        """The answer to one request of any method, of any status, or why there is none. It is sent once."""
        content, until = bytearray(), time.monotonic() + CONNECT + self.answer
        try:
            with self.client.stream(method, url, headers={"User-Agent": AGENT, **headers}, content=body) as answer:
                for chunk in answer.iter_bytes():
                    content += chunk
                    if len(content) > LARGEST_ANSWER:
                        return LARGE
                    if time.monotonic() > until:  # a byte now and then keeps each read in time
                        return SLOW
                return Reply(answer.status_code, bytes(content), {k.lower(): v for k, v in answer.headers.items()})
        except self.faults[0]:
            return SLOW
        except self.faults[1] as error:
            return UNTRUSTED if "CERTIFICATE_VERIFY_FAILED" in str(error) else BROKEN

    def close(self) -> None:
        """As `Transport.close`."""
        self.client.close()


class Browser:
    """A transport of curl_cffi, whose TLS is that of a browser: some sources answer nobody else."""

    def __init__(self) -> None:
        from curl_cffi import requests

        self.errors = requests.exceptions
        self.session: Any = requests.Session(
            impersonate="chrome",
            timeout=(CONNECT, ANSWER),
            allow_redirects=False,
            verify=cast(bool, named_certificates() or True),  # as httpx; it would read others first
        )

    def get(self, url: str, headers: Mapping[str, str]) -> Reply | Fault:
        """As `Transport.get`."""
        content = bytearray()

        def take(chunk: bytes) -> int:
            content.extend(chunk)
            return len(chunk) if len(content) <= LARGEST_ANSWER else WRITE_ERROR

        try:
            answer = self.session.get(url, headers=dict(headers), content_callback=take)
        except self.errors.SSLError:
            return UNTRUSTED
        except self.errors.Timeout:
            return SLOW
        except self.errors.RequestException:
            return LARGE if len(content) > LARGEST_ANSWER else BROKEN
        return Reply(answer.status_code, bytes(content), {k.lower(): v or "" for k, v in answer.headers.items()})

    def close(self) -> None:
        """As `Transport.close`."""
        self.session.close()
