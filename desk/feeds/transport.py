"""One request over TLS that is verified: a `Reply`, or a `Fault`, since an exception could hold the key of a URL.

Redirections are not followed. SSL_CERT_FILE names the certificates of a proxy that signs anew, HTTPS_PROXY the proxy.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

from desk.feeds.adapter import FaultKind, Reply
from foundation.arguments import refuse

CONNECT, ANSWER = 10.0, 30.0  # seconds to connect, and from then to the end of an answer
LARGEST_ANSWER = 64 * 2**20  # bytes
REQUESTS_TOGETHER = 8  # requests in flight
USER_AGENT = "rebalance-workbench"
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
TOO_SLOW = Fault("gave no whole answer in time. Try again later.", "later")
BROKEN = Fault("cannot be reached, or broke off before its answer was whole. Try again later.", "later")
LARGE_ANSWER = Fault(
    f"sends more than {LARGEST_ANSWER / 2**20:g} MiB, which is more than is read of one answer.", "asset"
)


def named_certificates() -> str:
    """The file that the environment variable SSL_CERT_FILE names, "" for none. Raises ConfigError where it has none."""
    path = os.environ.get(CERTIFICATES, "")
    try:
        ssl.create_default_context(cafile=path or None)
    except OSError as error:
        fix = f"{error.strerror or error}. Name a file of certificates (PEM), or none."
        refuse(f"the environment variable {CERTIFICATES} is", path, fix)
    return path


class Http:
    """A transport of libcurl.

    answer   : seconds from a connection to the end of an answer, 0 for `ANSWER`.
    browser  : true to speak TLS as a browser does: some sources answer nobody else.
    verified : false to take any certificate, for a server of this machine that has signed its own.
    """

    def __init__(self, answer: float = 0.0, *, browser: bool = False, verified: bool = True) -> None:
        from curl_cffi import requests

        self._errors = requests.exceptions
        self._new: Callable[[], Any] = partial(
            requests.Session,
            impersonate="chrome" if browser else None,
            headers={} if browser else {"User-Agent": USER_AGENT},
            timeout=(CONNECT, answer or ANSWER),
            allow_redirects=False,
            verify=verified and cast(bool, named_certificates() or True),  # it would read other variables first
        )
        self._kept: Any = self._new()

    def get(self, url: str, headers: Mapping[str, str]) -> Reply | Fault:
        """As `Transport.get`."""
        return self.send("GET", url, headers)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply | Fault:
        """The answer to one request of any method, of any status, or why there is none.

        What is not a GET, such as an order, is sent once, on a connection of its own: on one that has served another
        request and ends without an answer, libcurl sends a request again.
        """
        content = bytearray()

        def take(chunk: bytes) -> int:
            content.extend(chunk)
            return len(chunk) if len(content) <= LARGEST_ANSWER else WRITE_ERROR

        try:
            with nullcontext(self._kept) if method == "GET" else self._new() as session:
                answer = session.request(
                    method, url, headers=dict(headers), data=body, content_callback=take, quote=False
                )
        except self._errors.CertificateVerifyError:
            return UNTRUSTED
        except self._errors.Timeout:
            return TOO_SLOW
        except self._errors.RequestException:
            return LARGE_ANSWER if len(content) > LARGEST_ANSWER else BROKEN
        return Reply(answer.status_code, bytes(content), {k.lower(): v or "" for k, v in answer.headers.items()})

    def close(self) -> None:
        """As `Transport.close`."""
        self._kept.close()
